"""How connections are protected, as the arrays that an event loop reads."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fusion.config.sections import Config
from fusion.network.disjoint import disjoint_pairs
from fusion.network.paths import GivenPaths, PathTable
from fusion.network.spectra import is_separate, links_of_spectra
from fusion.network.topology import Topology
from fusion.scenario.failures import failed_links

if TYPE_CHECKING:
    from fusion.kernel.protection import Protection


def is_protected(config: Config) -> bool:
    """Return whether connections have a backup."""
    return config.protection_settings.protection_mode != "none"


def protected_paths(
    config: Config, topology: Topology, given: GivenPaths | None = None
) -> PathTable:
    """Return the candidate pairs of disjoint paths that a config asks for. given: paths of a file."""
    least_congested = config.general_settings.route_method == "least_congested"
    return disjoint_pairs(
        topology,
        config.routing_settings.k_paths,
        config.routing_settings.path_order,
        config.topology_settings.link_directions == "separate",
        by_nodes=config.protection_settings.disjointness_type == "node",
        most_hops_more=1 if least_congested else None,
        given=given,
    )


def protection_of(config: Config, topology: Topology, paths: PathTable) -> Protection | None:
    """Return how connections are protected; None: they are not. paths: of `protected_paths`."""
    if not is_protected(config):
        return None
    groups = [
        failed_links(each, topology)
        for each in config.failure_settings.each
        if each.failure_type == "srlg"
    ]
    return make_protection(config, topology, paths, groups)


def make_protection(
    config: Config, topology: Topology, paths: PathTable, groups: Sequence[Collection[int]]
) -> Protection:
    """Return how connections are protected.

    paths: of `disjoint_pairs`. groups: links, as indices into topology.links, that share a risk of their own.
    """
    from fusion.kernel.protection import Protection  # loads numba; checks need none

    settings = config.protection_settings
    first_risk, risks = [0], list[int]()
    by_nodes = settings.disjointness_type == "node"
    shared = settings.protection_mode == "shared_backup"
    link_of = links_of_spectra(topology, separate=is_separate(config))
    for path in range(len(paths.length_km)) if shared else ():
        risks += _risks(topology, paths, path, groups, link_of, by_nodes=by_nodes)
        first_risk.append(len(risks))
    joint_hop = paths.first_hop.copy()
    joint_hop[1::2] = paths.first_hop[2::2]
    return Protection(
        same_slots=settings.backup_slots == "same",
        shared=shared,
        joint_hop=joint_hop,
        first_risk=np.array(first_risk, dtype=np.int32),
        risks=np.array(risks, dtype=np.int32),
        number_of_risks=len(topology.links) + len(topology.nodes) + len(groups) if shared else 0,
    )


def longest_of_pair(paths: PathTable) -> PathTable:
    """Return the paths with the km of the longer one of each pair for both: where they share a format."""
    km = paths.length_km.reshape(-1, 2)
    return paths._replace(length_km=np.repeat(km.max(axis=1), 2))


def km_of_best_pairs(topology: Topology, paths: PathTable) -> NDArray[np.float64]:
    """Return float64[node, node], the km of the longer path in the candidate where it is shortest.

    NaN where there is no candidate. paths: of `protected_paths`.
    """
    longer = longest_of_pair(paths).length_km
    km = np.full((len(topology.nodes),) * 2, np.nan)
    for (source, destination), (first, end) in zip(
        paths.pairs.tolist(), pairwise(paths.first_path.tolist()), strict=True
    ):
        if end > first:
            km[source, destination] = longer[first:end].min()
    return km


def _risks(
    topology: Topology,
    paths: PathTable,
    path: int,
    groups: Sequence[Collection[int]],
    link_of: Sequence[int],
    *,
    by_nodes: bool,
) -> Iterator[int]:
    """Yield the numbers of the risks of a path: links, inner nodes, and groups. link_of: of spectra."""
    count = len(topology.links)
    spectra = paths.links[paths.first_hop[path] : paths.first_hop[path + 1]].tolist()
    links = [link_of[spectrum] for spectrum in spectra]
    yield from links
    if by_nodes:
        for one, other in pairwise(links):
            (node,) = set(topology.links[one][:2]) & set(topology.links[other][:2])
            yield count + node
    for number, group in enumerate(groups):
        if not set(links).isdisjoint(group):
            yield count + len(topology.nodes) + number
