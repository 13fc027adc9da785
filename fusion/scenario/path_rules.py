"""The rule by which a configuration has its candidate paths, and the ties that it decides."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fusion.config.problems import ConfigError
from fusion.config.sections import Config
from fusion.config.sources import problem_of
from fusion.network.modulation import bits_per_symbol_steps
from fusion.network.modulation_tables import ModulationTable
from fusion.network.path_rule import LINK_DISJOINT, PathRule, TiesError, paths_by_rule
from fusion.network.paths import GivenPaths, PathTable
from fusion.network.spectra import is_separate
from fusion.network.topology import Topology
from fusion.scenario.kept_paths import kept_paths


def path_rule(config: Config) -> PathRule:
    """Return the rule of a configuration, in which no key stands for another."""
    routing = config.routing_settings
    candidate_order, candidate_ties = routing.candidate_order, routing.candidate_ties
    return PathRule(
        routing.path_order if candidate_order == "path_order" else candidate_order,
        routing.path_ties if candidate_ties == "path_ties" else candidate_ties,
        routing.path_order,
        routing.path_ties,
        routing.path_ties_salt,
    )


def compares_bits(config: Config) -> bool:
    """Return whether paths are compared by their bits per symbol, which needs those of each format."""
    rule = path_rule(config)
    return "hops_per_bit" in (rule.candidate_order, rule.path_order)


def bits_per_symbol_of(
    config: Config, modulation: ModulationTable
) -> Callable[[float], float] | None:
    """Return km -> mean bits per symbol; None where no order compares it."""
    if not compares_bits(config):
        return None
    shares, width_ghz = config.bit_rate_shares, config.topology_settings.bw_per_slot
    return bits_per_symbol_steps(modulation, tuple(shares), tuple(shares.values()), width_ghz)


def number_of_paths(config: Config) -> int:
    """Return how many candidates a pair has at most."""
    is_one = config.general_settings.route_method == "shortest_path"
    return 1 if is_one else config.routing_settings.k_paths


def paths_by_rule_of(
    config: Config,
    topology: Topology,
    modulation: ModulationTable,
    given: GivenPaths | None,
    matrix: NDArray[np.float64] | None = None,
    k: int | None = None,
) -> PathTable:
    """Return the candidate paths of connections without a backup.

    matrix: traffic, see `Inputs`; pairs without traffic get no paths. None: all have some. k: None: as many
    as the configuration has. Raises ConfigError where too many paths are equal.
    """
    rule, separate = path_rule(config), is_separate(config)
    number = number_of_paths(config) if k is None else k
    bits = bits_per_symbol_of(config, modulation)
    wanted = None if matrix is None else matrix > 0
    more = 1 if config.general_settings.route_method == "least_congested" else None

    def find() -> PathTable:
        return paths_by_rule(
            topology,
            number,
            rule,
            separate,
            bits,
            given=given,
            most_hops_more=more,
            wanted=wanted,
        )

    try:
        if given is not None or bits is not None:
            return find()
        pairs = len(topology.endpoints) * (len(topology.endpoints) - 1)
        directions = [topology.km_back, topology.one_way]
        network = [topology.nodes, topology.links, topology.endpoints, *directions]
        follows_from: list[object] = [network, number, rule, separate, more]
        if wanted is not None:
            pairs = int(wanted.sum())
            follows_from.append(hashlib.sha256(np.packbits(wanted).tobytes()).hexdigest())
        return kept_paths(pairs, follows_from, find)
    except TiesError as error:
        key = "candidate_ties"
        if config.routing_settings.candidate_ties == "path_ties":
            key = "path_ties"
        raise ConfigError([problem_of(config, key, str(error))]) from error


def rule_text(config: Config) -> str:
    """Return the rule in words, such as `km (ties: shortest)`."""
    rule = path_rule(config)
    orders = rule.path_order
    if rule.candidate_order == LINK_DISJOINT:
        orders += ", link-disjoint"
    elif rule.candidate_order != rule.path_order:
        orders += f" of the first by {rule.candidate_order}"
    ties = rule.path_ties
    if rule.candidate_ties != rule.path_ties:
        ties += f", for candidates {rule.candidate_ties}"
    if "hash" in (rule.path_ties, rule.candidate_ties) and rule.salt:
        ties += f", salt {rule.salt}"
    return f"{orders} (ties: {ties})"
