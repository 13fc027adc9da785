"""The candidate paths of a configuration: which ones, in which order, and remarks about them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.config.sections import Config
from fusion.network.path_rule import TieCount, count_ties
from fusion.network.paths import PathTable
from fusion.network.paths_as_fusion import paths_as_listed
from fusion.scenario.full_needs_as_fusion import PATHS_IN_TABLE, has_table_of_paths
from fusion.scenario.inputs import Inputs
from fusion.scenario.path_rules import (
    bits_per_symbol_of,
    number_of_paths,
    path_rule,
    paths_by_rule_of,
)
from fusion.scenario.protection import is_protected, protected_paths


class Candidates(NamedTuple):
    """What is counted of candidate paths.

    hops: int32[path]. length_km: float64[path]. rank: int32[path], place among the candidates of its pair;
    two paths that are a candidate together have one.
    """

    hops: NDArray[np.int32]
    length_km: NDArray[np.float64]
    rank: NDArray[np.int32]


def candidate_paths(config: Config, inputs: Inputs) -> PathTable:
    """Return the candidate paths of all pairs that have traffic.

    Those of connections with a backup come in pairs, and are of all pairs of nodes.
    """
    if is_protected(config):
        return inputs.disjoint or protected_paths(config, inputs.topology, inputs.paths)
    if config.compatibility_settings.conventions != "none":
        k = _k_as_fusion(config, number_of_paths(config))
        listed = paths_as_listed(inputs.topology, k)
        return paths_by_rule_of(config, inputs.topology, inputs.modulation, listed, k=k)
    return inputs.candidates or paths_by_rule_of(
        config, inputs.topology, inputs.modulation, inputs.paths, inputs.traffic_matrix
    )


def ties_of(config: Config, inputs: Inputs, paths: PathTable) -> TieCount | None:
    """Return how many node pairs have ties that the rule of a configuration decides. paths: the candidates.

    None where another rule decides: for pairs of paths, and by the conventions of FUSION.
    """
    if is_protected(config) or config.compatibility_settings.conventions != "none":
        return None
    return count_ties(
        inputs.topology,
        number_of_paths(config),
        path_rule(config),
        paths,
        bits_per_symbol_of(config, inputs.modulation),
        given=inputs.paths,
        wanted=None if inputs.traffic_matrix is None else inputs.traffic_matrix > 0,
    )


def candidates_of(config: Config, paths: PathTable) -> Candidates:
    """Return what is counted of candidate paths."""
    together = np.int32(2 if is_protected(config) else 1)
    return Candidates(np.diff(paths.first_hop), paths.length_km, ranks_of(paths) // together)


def ranks_of(paths: PathTable) -> NDArray[np.int32]:
    """Return int32[path]: the place of each among the paths of its pair."""
    first = np.repeat(paths.first_path[:-1], np.diff(paths.first_path))
    return (np.arange(len(first)) - first).astype(np.int32)


def path_cost_of(config: Config, paths: PathTable) -> NDArray[np.float64] | None:
    """Return what `search_ranked` adds to the congestion of a path: w c + (1 - w) l is w (c + this).

    A working path and its backup count as one path.
    """
    if config.general_settings.route_method != "cong_aware":
        return None
    weight = config.routing_settings.congestion_weight
    km = paths.length_km
    if is_protected(config):
        km = np.repeat(km.reshape(-1, 2).sum(axis=1), 2)
    candidates = np.diff(paths.first_path)
    longest = np.zeros(len(candidates))
    pair = np.repeat(np.arange(len(candidates)), candidates)
    np.maximum.at(longest, pair, km)
    return np.asarray((1.0 - weight) / weight * (km / longest[pair]))


def _k_as_fusion(config: Config, k: int) -> int:
    """Return how many paths FUSION takes. k: those that a file asks for."""
    tabled = has_table_of_paths(config)
    in_file = config.compatibility_settings.k_paths_in_file
    if in_file and (tabled or config.general_settings.route_method == "cong_aware"):
        k = in_file  # where it is absent FUSION takes one path for these, and three for others
    return min(k, PATHS_IN_TABLE) if tabled else k
