"""Pairs of disjoint paths: as good as brute force finds, and there wherever there are any."""

from __future__ import annotations

from itertools import combinations, pairwise

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion.config.shipped import topology_names
from fusion.network.disjoint import disjoint_pairs
from fusion.network.topology import Topology, load_topology
from tests.twin.cases import topologies

Path = tuple[int, ...]


def network(topology: Topology) -> networkx.Graph:
    graph = networkx.Graph()
    graph.add_weighted_edges_from(topology.links, weight="km")
    return graph


def pairs_of(topology: Topology, *args: object, **options: bool) -> dict[Path, list[list[Path]]]:
    """Return for each pair of endpoints its candidates, as lists of links."""
    table = disjoint_pairs(topology, *args, **options)  # type: ignore[arg-type]
    hops = [tuple(table.links[a:b].tolist()) for a, b in pairwise(table.first_hop.tolist())]
    first = table.first_path.tolist()
    return {
        tuple(pair): [hops[path : path + 2] for path in range(first[i], first[i + 1], 2)]
        for i, pair in enumerate(table.pairs.tolist())
    }


def disjoint(one: Path, other: Path, *, by_nodes: bool) -> bool:
    if by_nodes:
        return not set(one[1:-1]) & set(other[1:-1]) and (len(one) > 2 or len(other) > 2)
    links = [{frozenset(link) for link in pairwise(path)} for path in (one, other)]
    return not links[0] & links[1]


@given(topology=topologies(), order=st.sampled_from(["km", "hops"]), by_nodes=st.booleans())
@settings(derandomize=True, deadline=None, max_examples=150)
def test_the_first_pair_is_the_least_of_all(topology: Topology, order: str, by_nodes: bool) -> None:
    graph = network(topology)
    km = [link[2] for link in topology.links]
    number = {frozenset(link[:2]): i for i, link in enumerate(topology.links)}

    def cost(links: Path) -> tuple[float, float]:
        total = sum(km[link] for link in links)
        return (total, len(links)) if order == "km" else (len(links), total)

    found = pairs_of(topology, 3, order, by_nodes=by_nodes)
    for (source, destination), candidates in found.items():
        paths = [tuple(path) for path in networkx.all_simple_paths(graph, source, destination)]
        every = [
            (one, other)
            for one, other in combinations(paths, 2)
            if disjoint(one, other, by_nodes=by_nodes)
        ]
        assert bool(candidates) == bool(every)
        totals = []
        for working, backup in candidates:
            assert not set(working) & set(backup)
            assert cost(working) <= cost(backup)
            totals.append(cost(working + backup))
        assert totals == sorted(totals)
        assert len({frozenset(map(frozenset, pair)) for pair in candidates}) == len(candidates)
        if every:
            as_links = [
                [number[frozenset(link)] for path in pair for link in pairwise(path)]
                for pair in every
            ]
            assert totals[0] == min(map(cost, map(tuple, as_links)))


def test_a_trap_is_no_trap() -> None:
    """The shortest path alone cuts the ends apart: the pair avoids it (the graph of Suurballe's remark)."""
    links = ((0, 1, 1.0), (1, 2, 1.0), (2, 3, 1.0), (0, 2, 3.0), (1, 3, 3.0))
    topology = Topology("trap", ("s", "a", "b", "t"), links, (0, 3), {}, {})
    found = pairs_of(topology, 1, "km", by_nodes=True)
    assert found[0, 3] == [[(0, 4), (3, 2)]]
    assert found[3, 0] == [[(4, 0), (2, 3)]]


def test_directions_have_spectra_of_their_own() -> None:
    links = ((0, 1, 1.0), (1, 2, 1.0), (0, 2, 3.0))
    topology = Topology("ring", ("a", "b", "c"), links, (0, 1, 2), {}, {})
    found = pairs_of(topology, 2, "km", True, by_nodes=False)
    assert found[0, 2] == [[(0, 1), (2,)]]
    assert found[2, 0] == [[(4, 3), (5,)]]
    assert found[0, 1] == [[(0,), (2, 4)]]


@pytest.mark.parametrize("name", topology_names())
def test_every_pair_of_the_shipped_networks(name: str) -> None:
    """As many nodes have a pair as networkx finds joined by two flows."""
    topology = load_topology(name)
    if len(topology.nodes) > 30:
        topology = topology._replace(endpoints=topology.endpoints[:12])
    graph = network(topology)
    blocks = [set(block) for block in networkx.biconnected_components(graph)]
    for (source, destination), candidates in pairs_of(topology, 2, "km", by_nodes=True).items():
        joined = any({source, destination} <= block and len(block) > 2 for block in blocks)
        assert bool(candidates) == joined


def test_paths_of_a_file_are_joined_in_its_order() -> None:
    """Any two that are disjoint are a pair, in which the first works; others have what is searched for."""
    topology = Topology(
        "by hand",
        tuple("ABCDE"),
        tuple((a, b, 1.0) for a, b in ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 4), (1, 4))),
        (0, 1, 2),
        {},
        {},
    )
    over_c, over_d, direct, over_e = (0, 2, 1), (0, 3, 1), (0, 1), (0, 2, 4, 1)
    given = {(1, 0): [path[::-1] for path in (over_c, over_d, direct, over_e)]}

    def found(k: int, *, by_nodes: bool) -> list[list[tuple[int, ...]]]:
        table = disjoint_pairs(topology, k, "km", given=given, by_nodes=by_nodes)
        hops = [table.links[a:b].tolist() for a, b in pairwise(table.first_hop.tolist())]
        of = table.pairs.tolist().index([0, 1])
        paths = range(*table.first_path[of : of + 2].tolist())
        return [[tuple(sorted(hops[path])), tuple(sorted(hops[path + 1]))] for path in paths[::2]]

    number = {frozenset(link[:2]): i for i, link in enumerate(topology.links)}

    def links(*nodes: tuple[int, ...]) -> list[tuple[int, ...]]:
        return [tuple(sorted(number[frozenset(link)] for link in pairwise(path))) for path in nodes]

    expected = [
        links(over_c, over_d),
        links(over_c, direct),
        links(over_d, direct),
        links(over_d, over_e),
        links(direct, over_e),
    ]
    for by_nodes in (False, True):
        assert found(9, by_nodes=by_nodes) == expected
        assert found(2, by_nodes=by_nodes) == expected[:2]
    table = disjoint_pairs(topology, 2, "km", given=given, by_nodes=False)
    searched = disjoint_pairs(topology, 2, "km", by_nodes=False)
    of = table.pairs.tolist().index([0, 2])
    assert np.diff(table.first_path)[of] == np.diff(searched.first_path)[of] > 0
