"""The compiled search finds the paths of the other one, in the same order, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any
from unittest import mock

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion.config.shipped import topology_names
from fusion.network import many_paths, paths
from fusion.network.path_rule import PathRule, count_ties, paths_by_rule
from fusion.network.paths import BestPaths, PathMeasures, PathTable, k_shortest_paths
from fusion.network.topology import Topology, load_topology


@contextmanager
def searched_by(compiled: bool) -> Iterator[list[Any]]:
    """Have all paths be found by compiled code, or none; yield what was found by it."""
    found: list[Any] = []

    def counted(*arguments: Any) -> Any:
        found.append(many(*arguments))
        return found[-1]

    many = many_paths.many_paths
    with (
        mock.patch.object(paths, "MANY_PATHS", 1 if compiled else 1 << 60),
        mock.patch.object(paths, "many_paths", counted),
    ):
        yield found


def both(topology: Topology, k: int, order: str, separate: bool = False, **more: Any) -> PathTable:
    """Return the table of the compiled search, which must be that of the other."""
    with searched_by(False) as none:
        expected = k_shortest_paths(topology, k, order, separate, **more)
    with searched_by(True) as some:
        table = k_shortest_paths(topology, k, order, separate, **more)
    assert (len(none), len(some)) == (0, 1)
    for name, one, other in zip(PathTable._fields, table[:5], expected[:5], strict=False):
        assert one.dtype == other.dtype, name
        assert np.array_equal(one, other), name
    return table


def topology_of(graph: Any, endpoints: tuple[int, ...] | None = None) -> Topology:
    nodes = tuple(str(node) for node in graph)
    links = tuple((a, b, float(km)) for a, b, km in graph.edges(data="km", default=100.0))
    return Topology("test", nodes, links, endpoints or tuple(range(len(nodes))), {}, {})


@st.composite
def topologies(draw: st.DrawFn) -> Topology:
    """Random networks of 2 to 8 nodes with equal lengths, parallel and one-way links, unequal directions."""
    count = draw(st.integers(2, 8))
    lengths = st.sampled_from([100.0, 100.0, 200.0, 300.0, 0.1, 0.2, 625.0, 99.999999, 2500.0])
    node = st.integers(0, count - 1)
    more = draw(st.lists(st.tuples(node, node), max_size=24))
    if not draw(st.booleans()):
        more = sorted({(min(pair), max(pair)) for pair in more})
    ends = [(draw(st.integers(0, a - 1)), a) for a in range(1, count)]
    ends += [(a, b) for a, b in more if a != b and (a, b) not in ends and (b, a) not in ends]
    links = tuple((*pair, draw(lengths)) for pair in ends)
    one_way, km_back = (), ()
    if draw(st.booleans()):
        some = st.sampled_from([False, False, True])
        one_way = tuple(place >= count - 1 and draw(some) for place in range(len(links)))
    if draw(st.booleans()):
        km_back = tuple(draw(lengths) for _ in links)
    endpoints = tuple(sorted(draw(st.sets(node, min_size=2))))
    names = tuple(map(str, range(len(links))))
    return Topology(
        "random",
        tuple(map(str, range(count))),
        links,
        endpoints,
        {},
        {},
        link_names=names,
        one_way=one_way if any(one_way) else (),
        km_back=km_back,
    )


@settings(max_examples=200, deadline=None)
@given(
    topology=topologies(),
    k=st.integers(1, 9),
    order=st.sampled_from(["km", "hops"]),
    separate=st.booleans(),
    data=st.data(),
)
def test_random_networks(
    topology: Topology, k: int, order: str, separate: bool, data: st.DataObject
) -> None:
    more: dict[str, Any] = {}
    if order == "hops" and data.draw(st.booleans()):
        more["most_hops_more"] = 1
    if data.draw(st.booleans()):
        count = len(topology.nodes)
        bits = data.draw(st.lists(st.booleans(), min_size=count**2, max_size=count**2))
        more["wanted"] = np.array(bits).reshape(count, count)
        np.fill_diagonal(more["wanted"], False)
        if not more["wanted"][np.ix_(topology.endpoints, topology.endpoints)].any():
            return
    table = both(topology, k, order, separate or topology.has_directions, **more)
    measures, best = PathMeasures(topology, order), BestPaths(topology, order)
    for (a, b), is_tied in zip(table.pairs.tolist(), table.tied.tolist(), strict=True):
        found = [measures.of(nodes) for nodes in islice(best.between(a, b), k + 1)]
        if "wanted" in more and not more["wanted"][a, b]:
            found = []
        assert is_tied == (len(found) > k and found[k - 1][0] == found[k][0])  # type: ignore[index]


@pytest.mark.parametrize("order", ["km", "hops"])
@pytest.mark.parametrize("network", topology_names())
def test_shipped_networks(network: str, order: str) -> None:
    topology = load_topology(network)
    both(topology, 5, order, True)
    some = topology.endpoints[:: max(1, len(topology.endpoints) // 5)]
    both(topology._replace(endpoints=some), 50, order)


@pytest.mark.parametrize("order", ["km", "hops"])
def test_dead_ends_and_many_ties(order: str) -> None:
    leaf = nx.complete_graph(24)
    leaf.add_edge(0, 24)
    both(topology_of(leaf, (0, 24)), 5, order)
    grid = nx.convert_node_labels_to_integers(nx.grid_2d_graph(11, 11))
    both(topology_of(grid, (0, 5, 120)), 60, order)


@pytest.mark.parametrize("order", ["km", "hops"])
def test_any_number_of_threads_and_little_room(order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for entries grows, and paths are taken out whenever there are too many."""
    topology = load_topology("fusion_usbackbone60")
    expected = both(topology, 20, order, True)
    monkeypatch.setattr(many_paths, "_HOPS_PER_CHUNK", 1)
    for threads in (1, 3):
        monkeypatch.setattr(many_paths, "_cpus", lambda threads=threads: threads)
        monkeypatch.setattr(many_paths, "_ENTRIES", -500 if threads == 3 else 64)
        table = both(topology, 20, order, True)
        assert all(np.array_equal(*each) for each in zip(expected, table, strict=True))


def test_lengths_beyond_one_number_are_left_to_the_other_search() -> None:
    graph = nx.path_graph(4)
    nx.set_edge_attributes(graph, 2e12, "km")
    topology = topology_of(graph)
    with searched_by(True) as some:
        table = k_shortest_paths(topology, 3, "km", False)
    assert not some
    assert table.length_km[2] == 6e12


@pytest.mark.parametrize("order", ["km", "hops", "hops_per_bit"])
@pytest.mark.parametrize("ties", ["shortest", "nodes", "listed"])
def test_pairs_without_traffic_get_no_paths(order: str, ties: str) -> None:
    topology = load_topology("nsfnet_deeprmsa")
    wanted = np.zeros((14, 14), dtype=np.bool_)
    wanted[3, [1, 7, 13]] = wanted[1, 3] = True
    if ties == "listed" and order == "hops_per_bit":
        return
    rule = PathRule(order, ties, order, ties)
    bits = (lambda km: 2.0 if km < 2000 else 1.0) if order == "hops_per_bit" else None
    every = paths_by_rule(topology, 4, rule, True, bits)
    some = paths_by_rule(topology, 4, rule, True, bits, wanted=wanted)
    assert np.array_equal(every.pairs, some.pairs)
    expected = np.where(wanted[tuple(every.pairs.T)], np.diff(every.first_path), 0)
    assert np.diff(some.first_path).tolist() == expected.tolist()
    taken = np.repeat(expected > 0, np.diff(every.first_path))
    assert some.length_km.tolist() == every.length_km[taken].tolist()
    assert some.links.tolist() == every.links[np.repeat(taken, np.diff(every.first_hop))].tolist()
    ties_there = count_ties(topology, 4, rule, some, bits, wanted=wanted)
    assert ties_there.pairs == 4


@pytest.mark.parametrize("order", ["km", "hops"])
def test_ties_are_counted_in_the_one_search(order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    topology = load_topology("fusion_geant")
    rule = PathRule(order, "shortest", order, "shortest")
    with searched_by(False):
        expected = count_ties(topology, 3, rule, paths_by_rule(topology, 3, rule))
    with searched_by(True):
        table = paths_by_rule(topology, 3, rule)
    monkeypatch.setattr("fusion.network.path_rule.BestPaths", None)
    assert count_ties(topology, 3, rule, table) == expected
    assert expected.at_last_place
    assert expected.in_order
