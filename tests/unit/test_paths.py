"""Path tables against all simple paths, sorted, and against counts known of FUSION's networks."""

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion.config.shipped import FUSION_NETWORKS
from fusion.network.modulation import bits_per_symbol_steps, load_modulation
from fusion.network.paths import PATH_ORDERS, PathTable, k_shortest_paths
from fusion.network.topology import Topology, load_topology

RULE = bits_per_symbol_steps(load_modulation("deeprmsa_reach"), (100.0,), (1.0,))
LISTED = bits_per_symbol_steps(
    load_modulation("DEFAULT"), (25.0, 100.0, 400.0), (0.3, 0.3, 0.4)
)  # nothing reaches beyond 22,160 km


def short_reach(km: float) -> float:
    return 3.3 if km <= 300 else 2.2 if km <= 700 else 1.1 if km <= 1200 else 0.0


def topology_of(graph: Any, endpoints: tuple[int, ...] | None = None) -> Topology:
    nodes = tuple(str(node) for node in graph)
    links = tuple((a, b, float(km)) for a, b, km in graph.edges(data="km", default=100.0))
    return Topology("test", nodes, links, endpoints or tuple(range(len(nodes))), {}, {})


def node_lists(
    topology: Topology, table: PathTable, separate: bool
) -> dict[tuple[int, int], list[tuple[int, ...]]]:
    """Follow the links of each path from its source, checking index, direction and length."""
    count = len(topology.links)
    result: dict[tuple[int, int], list[tuple[int, ...]]] = {}
    for p, (source, destination) in enumerate(table.pairs.tolist()):
        paths = result[source, destination] = []
        for q in range(table.first_path[p], table.first_path[p + 1]):
            nodes, micro = [source], 0
            for index in table.links[table.first_hop[q] : table.first_hop[q + 1]].tolist():
                a, b, km = topology.links[index % count]
                assert nodes[-1] in (a, b)
                assert index < count or separate
                assert not separate or (index < count) == (nodes[-1] == a)
                nodes.append(b if nodes[-1] == a else a)
                micro += round(km * 1e6)
            assert nodes[-1] == destination
            assert table.length_km[q] == micro / 1e6
            paths.append(tuple(nodes))
    return result


def brute_force(
    topology: Topology, k: int, order: str, bits: Callable[[float], float]
) -> dict[tuple[int, int], list[tuple[int, ...]]]:
    graph: Any = nx.Graph()
    graph.add_nodes_from(range(len(topology.nodes)))
    for a, b, km in topology.links:
        graph.add_edge(a, b, micro=round(km * 1e6))

    def rank(nodes: tuple[int, ...]) -> tuple[Fraction, int, int] | None:
        micro = sum(graph.edges[hop]["micro"] for hop in pairwise(nodes))
        hops = len(nodes) - 1
        if order == "km":
            return Fraction(0), micro, hops
        if order == "hops":
            return Fraction(0), hops, micro
        value = Fraction(bits(micro / 1e6)).limit_denominator(10**6)
        return (hops / value, hops, micro) if value else None

    result = {}
    for source in topology.endpoints:
        for destination in topology.endpoints:
            if source != destination:
                paths = map(tuple, nx.all_simple_paths(graph, source, destination))
                ranks = sorted((r, nodes) for nodes in paths if (r := rank(nodes)) is not None)
                result[source, destination] = [nodes for _, nodes in ranks[:k]]
    return result


@st.composite
def topologies(draw: st.DrawFn) -> Topology:
    """Connected random networks of 2 to 7 nodes with many equal lengths."""
    count = draw(st.integers(2, 7))
    lengths = st.sampled_from([100.0, 100.0, 200.0, 300.0, 0.1, 0.2, 625.0, 99.999999, 2500.0])
    pairs = {(draw(st.integers(0, node - 1)), node) for node in range(1, count)}  # a tree
    node = st.integers(0, count - 1)
    more = draw(st.sets(st.tuples(node, node), max_size=20))
    pairs |= {(a, b) for a, b in more if a < b}
    links = [
        (*(pair if draw(st.booleans()) else pair[::-1]), draw(lengths)) for pair in sorted(pairs)
    ]
    links = draw(st.permutations(links))
    nodes = tuple(map(str, range(count)))
    return Topology("random", nodes, tuple(links), tuple(range(count)), {}, {})


@settings(max_examples=150, deadline=None)
@given(
    topology=topologies(),
    k=st.integers(1, 8),
    order=st.sampled_from(PATH_ORDERS),
    bits=st.sampled_from([RULE, LISTED, short_reach]),
    separate=st.booleans(),
)
def test_equals_all_simple_paths_sorted(
    topology: Topology, k: int, order: str, bits: Callable[[float], float], separate: bool
) -> None:
    table = k_shortest_paths(topology, k, order, separate, bits)
    found = node_lists(topology, table, separate)
    assert found == brute_force(topology, k, order, bits)
    assert list(found) == sorted(found)


@pytest.mark.parametrize("order", PATH_ORDERS)
def test_nsfnet_equals_all_simple_paths_sorted(order: str) -> None:
    nsfnet = load_topology("nsfnet_deeprmsa")._replace(endpoints=(0, 5, 10, 13))
    table = k_shortest_paths(nsfnet, 10, order, True, RULE)
    assert node_lists(nsfnet, table, True) == brute_force(nsfnet, 10, order, RULE)


def test_lengths_equal_those_of_networkx() -> None:
    topology = load_topology("jpn48")._replace(endpoints=(0, 12, 27, 47))
    table = k_shortest_paths(topology, 4, "km", False)
    graph: Any = nx.Graph()
    graph.add_weighted_edges_from(topology.links)
    for p, (source, destination) in enumerate(table.pairs.tolist()):
        paths = nx.shortest_simple_paths(graph, source, destination, weight="weight")
        expected = [nx.path_weight(graph, next(paths), "weight") for _ in range(4)]
        found = table.length_km[table.first_path[p] : table.first_path[p + 1]]
        assert found.tolist() == pytest.approx(expected)


def test_layout() -> None:
    graph: Any = nx.Graph()
    graph.add_nodes_from(range(3))
    graph.add_edge(1, 0, km=100)
    graph.add_edge(1, 2, km=0.25)
    table = k_shortest_paths(topology_of(graph), 5, "hops", True)
    # networkx lists the links as 0-1 and 1-2
    assert table.pairs.tolist() == [[0, 1], [0, 2], [1, 0], [1, 2], [2, 0], [2, 1]]
    assert table.first_path.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert table.first_hop.tolist() == [0, 1, 3, 4, 5, 7, 8]
    assert table.links.tolist() == [0, 0, 1, 2, 1, 3, 2, 3]
    assert table.length_km.tolist() == [100, 100.25, 100, 0.25, 100.25, 0.25]
    arrays = (table.pairs, table.first_path, table.first_hop, table.links)
    assert [array.dtype for array in arrays] == [np.int32] * 4
    assert table.length_km.dtype == np.float64
    shared = k_shortest_paths(topology_of(graph), 5, "hops", False)
    assert shared.links.tolist() == [0, 0, 1, 0, 1, 1, 0, 1]


def test_decimal_lengths_tie_exactly() -> None:
    """As floats 0.1 + 0.2 km would be longer than 0.15 + 0.15 km."""
    links = ((0, 1, 0.1), (1, 3, 0.2), (0, 2, 0.15), (2, 3, 0.15))
    topology = Topology("t", ("a", "b", "c", "d"), links, (0, 3), {}, {})
    table = k_shortest_paths(topology, 2, "km", False)
    assert table.length_km.tolist() == [0.3, 0.3, 0.3, 0.3]
    assert table.links.tolist() == [0, 1, 2, 3, 1, 0, 3, 2]


def test_out_of_reach_is_left_out_only_by_hops_per_bit() -> None:
    line = topology_of(nx.path_graph(4))._replace(
        links=((0, 1, 600.0), (1, 2, 600.0), (2, 3, 600.0))
    )
    km = k_shortest_paths(line, 2, "km", False)
    assert len(km.length_km) == 12
    assert km.length_km.max() == 1800
    table = k_shortest_paths(line, 2, "hops_per_bit", False, short_reach)
    assert len(table.pairs) == 12
    assert table.length_km.max() == 1200
    assert np.diff(table.first_path).tolist() == [1, 1, 0, 1, 1, 1, 1, 1, 1, 0, 1, 1]


def test_hops_per_bit_prefers_a_longer_route_with_more_bits() -> None:
    # one hop of 3,000 km carries 1 bit per symbol, two hops of 300 km carry 4
    links = ((0, 1, 3000.0), (0, 2, 300.0), (2, 1, 300.0))
    topology = Topology("t", ("a", "b", "c"), links, (0, 1), {}, {})
    by_hops = k_shortest_paths(topology, 2, "hops", False)
    by_bits = k_shortest_paths(topology, 2, "hops_per_bit", False, RULE)
    assert by_hops.length_km.tolist() == [3000, 600, 3000, 600]
    assert by_bits.length_km.tolist() == [600, 3000, 600, 3000]


FIRST_THREE_TIED = {
    "NSFNet": (16, 182),
    "USNet": (170, 552),
    "Pan-European": (510, 702),
    "geant": (582, 1482),
    "dt_network": (2, 182),
    "Spainbackbone30": (18, 870),
    "toy_network": (22, 30),
    "USbackbone60": (0, 3540),
    "metro_net": (0, 56),
    "Japan12": (0, 132),
}


@pytest.mark.parametrize("network", FUSION_NETWORKS)
def test_pairs_whose_first_three_paths_hold_or_end_at_a_tie(network: str) -> None:
    """Counted independently in FUSION's own topologies, so lengths and ties are as there."""
    table = k_shortest_paths(load_topology(network), 4, "km", False)
    tied = [
        bool((np.diff(table.length_km[first:last]) == 0).any())
        for first, last in pairwise(table.first_path)
    ]
    assert (sum(tied), len(tied)) == FIRST_THREE_TIED[network]


@pytest.mark.parametrize("order", PATH_ORDERS)
def test_dead_ends_and_many_ties_do_not_explode(order: str) -> None:
    leaf = nx.complete_graph(24)
    leaf.add_edge(0, 24)  # from 0 there is one way to 24 and 10**22 ways into dead ends
    table = k_shortest_paths(topology_of(leaf, (0, 24)), 5, order, False, RULE)
    assert len(table.length_km) == 2
    grid = nx.convert_node_labels_to_integers(nx.grid_2d_graph(11, 11))
    table = k_shortest_paths(topology_of(grid, (0, 120)), 5, order, False, RULE)
    assert table.length_km.tolist() == [2000.0] * 10


def test_refuses() -> None:
    topology = load_topology("toy_network")
    with pytest.raises(ValueError, match="'metres': must be one of km, hops, hops_per_bit"):
        k_shortest_paths(topology, 3, "metres", False)
    with pytest.raises(ValueError, match="k = 0"):
        k_shortest_paths(topology, 0, "km", False)
    with pytest.raises(ValueError, match="bits_per_symbol"):
        k_shortest_paths(topology, 3, "hops_per_bit", False)
