"""The candidate paths of a configuration: which ones, in which order, and remarks about them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.config.sections import Config
from fusion.network.modulation import bits_per_symbol_steps
from fusion.network.paths import PathTable, k_shortest_paths
from fusion.network.paths_as_fusion import paths_as_listed
from fusion.scenario.full_as_fusion import PATHS_IN_TABLE
from fusion.scenario.full_needs_as_fusion import has_table_of_paths
from fusion.scenario.inputs import Inputs
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
    """Return the candidate paths of all pairs; those of connections with a backup come in pairs."""
    if is_protected(config):
        return inputs.disjoint or protected_paths(config, inputs.topology, inputs.paths)
    routing, general = config.routing_settings, config.general_settings
    k = 1 if general.route_method == "shortest_path" else routing.k_paths
    given = inputs.paths
    if config.compatibility_settings.conventions != "none":
        k = _k_as_fusion(config, k)
        given = paths_as_listed(inputs.topology, k)
    bits = None
    if routing.path_order == "hops_per_bit":
        shares, width_ghz = config.bit_rate_shares, config.topology_settings.bw_per_slot
        bits = bits_per_symbol_steps(
            inputs.modulation, tuple(shares), tuple(shares.values()), width_ghz
        )
    return k_shortest_paths(
        inputs.topology,
        k,
        routing.path_order,
        config.topology_settings.link_directions == "separate",
        bits,
        given=given,
        most_hops_more=1 if general.route_method == "least_congested" else None,
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
