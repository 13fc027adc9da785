"""The same scenario with other rules for ties between paths.

Many paths of NSFNET are alike in hops or km, and which of them are candidates and in what order moves the
blocking: a figure of a program with another rule, or an unknown one, is compared with a range of rules.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from itertools import islice, pairwise
from typing import NamedTuple

import networkx as nx
import numpy as np

from fusion import Config
from fusion.kernel.arrays import make_network
from fusion.network.modulation import lightpath_widths
from fusion.scenario.candidate_paths import Candidates
from fusion.scenario.inputs import Inputs
from fusion.scenario.scenario import Scenario

Key = Callable[[tuple[int, ...], float], tuple[object, ...]]
"""(nodes, km) -> what paths of a pair are sorted by."""


class TieRule(NamedTuple):
    """chosen_by: the k first paths by this key are candidates. sorted_by: the order they are tried in."""

    name: str
    chosen_by: Key
    sorted_by: Key


def documented_key(path_order: str) -> Key:
    """Return the documented rule of the simulator: hops, km, nodes; or km, hops, nodes."""
    if path_order == "hops":
        return lambda nodes, km: (len(nodes), _exact(km), nodes)
    return lambda nodes, km: (_exact(km), len(nodes), nodes)


def networkx_candidates(links: tuple[tuple[int, int, float], ...], k: int) -> TieRule:
    """Return the rule: the k paths by hops that networkx happens to give first, then hops, km, nodes.

    links: (node, node, km). Which of several paths with equally many hops gets the last place is then
    decided by the order of the links in the file, and not by km.
    """
    graph = nx.DiGraph([(a, b) for a, b, _ in links])
    graph.add_edges_from((b, a) for a, b, _ in links)

    @cache
    def given(source: int, destination: int) -> set[tuple[int, ...]]:
        paths = nx.shortest_simple_paths(graph, source, destination)
        return {tuple(path) for path in islice(paths, k)}

    def chosen(nodes: tuple[int, ...], _km: float) -> tuple[object, ...]:
        return (nodes not in given(nodes[0], nodes[-1]),)

    return TieRule("candidates of networkx", chosen, documented_key("hops"))


def hash_rules(path_order: str, count: int) -> list[TieRule]:
    """Return rules that break ties by a hash of the nodes: hops, hash; or km, hops, hash."""
    rules = []
    for salt in range(count):
        key = _hashed(path_order, salt)
        rules.append(TieRule(f"hash {salt}", key, key))
    return rules


def longest_first(path_order: str) -> TieRule:
    """Return the rule that prefers the longest: hops, most km; or km, most hops."""

    def key(nodes: tuple[int, ...], km: float) -> tuple[object, ...]:
        if path_order == "hops":
            return (len(nodes), -_exact(km), nodes)
        return (_exact(km), -len(nodes), nodes)

    return TieRule("longest first", key, key)


def _exact(km: float) -> int:
    return round(km * 1e6)


def _hashed(path_order: str, salt: int) -> Key:
    def key(nodes: tuple[int, ...], km: float) -> tuple[object, ...]:
        digest = hashlib.sha256(f"{salt}{nodes}".encode()).digest()
        if path_order == "hops":
            return (len(nodes), digest)
        return (_exact(km), len(nodes), digest)

    return key


def with_ties_by(scenario: Scenario, config: Config, inputs: Inputs, rule: TieRule) -> Scenario:
    """Return the scenario with the candidate paths of a rule, out of all simple paths."""
    topology = inputs.topology
    separate = config.topology_settings.link_directions == "separate"
    link_of: dict[tuple[int, int], int] = {}
    km_of: dict[tuple[int, int], float] = {}
    for number, (a, b, km) in enumerate(topology.links):
        link_of[a, b], link_of[b, a] = number, number + separate * len(topology.links)
        km_of[a, b] = km_of[b, a] = km
    index = {name: number for number, name in enumerate(topology.nodes)}
    paths: list[tuple[int, ...]] = []
    rank: list[int] = []
    for source, destination in scenario.pairs:
        length = {
            path: sum(km_of[hop] for hop in pairwise(path))
            for path in simple_paths(topology.links, index[source], index[destination])
        }
        chosen = sorted(length, key=lambda path: rule.chosen_by(path, length[path]))
        chosen = chosen[: config.routing_settings.k_paths]
        paths += sorted(chosen, key=lambda path: rule.sorted_by(path, length[path]))
        rank += range(len(chosen))
    hops = [list(pairwise(path)) for path in paths]
    length_km = np.array([sum(km_of[hop] for hop in one) for one in hops])
    slots, formats = lightpath_widths(
        inputs.modulation,
        length_km.tolist(),
        scenario.lightpaths.bit_rates_gbps.tolist(),
        config.topology_settings.bw_per_slot,
    )
    starts = [number for number, place in enumerate(rank) if place == 0]
    network = make_network(
        first_path=np.array([*starts, len(paths)]),
        first_hop=np.concatenate([[0], np.cumsum([len(one) for one in hops])]),
        links=np.array([link_of[hop] for one in hops for hop in one]),
        width_row=np.arange(len(paths)),
        width=np.where(slots > 0, slots + scenario.lightpaths.guard_slots, 0),
        n_links=len(scenario.links),
        slots_by_plane=[plane.slots for plane in scenario.planes],
    )
    return scenario._replace(
        network=network,
        candidates=Candidates(
            hops=np.array([len(one) for one in hops], dtype=np.int32),
            length_km=length_km,
            rank=np.array(rank, dtype=np.int32),
        ),
        lightpaths=scenario.lightpaths._replace(format_by_row=np.asarray(formats, dtype=np.int32)),
    )


@cache
def simple_paths(
    links: tuple[tuple[int, int, float], ...], source: int, destination: int
) -> list[tuple[int, ...]]:
    """Return all simple paths between two nodes: some hundred on NSFNET."""
    graph = nx.Graph([(a, b) for a, b, _ in links])
    return [tuple(path) for path in nx.all_simple_paths(graph, source, destination)]
