"""Candidate paths by every rule against all simple paths, put in order by the definition of the rule."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise, product
from typing import Any

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion import make_scenario
from fusion.config.config import ConfigError, load_config
from fusion.network import path_rule as path_rules
from fusion.network.path_rule import (
    LISTED,
    PathRule,
    TieCount,
    TiesError,
    count_ties,
    paths_by_rule,
)
from fusion.network.paths import PATH_ORDERS, k_shortest_paths
from fusion.network.topology import Topology, load_topology
from fusion.scenario.candidate_paths import candidate_paths, ties_of
from fusion.scenario.content import content_key
from fusion.scenario.inputs import read_inputs
from fusion.scenario.path_rules import path_rule
from tests.unit.test_paths import LISTED as LISTED_FORMATS
from tests.unit.test_paths import RULE, node_lists, short_reach, topologies

Nodes = tuple[int, ...]
Bits = Callable[[float], float]
TIES = ("shortest", "longest", "nodes", "hash", *LISTED)


class Slow:
    """All simple paths of a network, and the rules as their description has them."""

    def __init__(self, topology: Topology, bits: Bits) -> None:
        self.topology = topology
        self.micro = {}
        self.graph: Any = nx.Graph()
        self.graph.add_nodes_from(range(len(topology.nodes)))
        for a, b, km in topology.links:
            self.micro[a, b] = self.micro[b, a] = round(km * 1e6)
            self.graph.add_edge(a, b)
        self.bits = bits

    def km(self, nodes: Nodes) -> int:
        return sum(self.micro[hop] for hop in pairwise(nodes))

    def measure(self, nodes: Nodes, order: str) -> Fraction | None:
        hops, km = len(nodes) - 1, self.km(nodes)
        if order == "km":
            return Fraction(km)
        if order == "hops":
            return Fraction(hops)
        bits = Fraction(self.bits(km / 1e6)).limit_denominator(10**6)
        return hops / bits if bits else None

    def sort(self, paths: list[Nodes], order: str, ties: str, salt: int) -> list[Nodes]:
        there = {
            nodes: value for nodes in paths if (value := self.measure(nodes, order)) is not None
        }

        def key(nodes: Nodes) -> tuple[Any, ...]:
            hops, km = len(nodes) - 1, self.km(nodes)
            others = {"km": (hops,), "hops": (km,), "hops_per_bit": (hops, km)}[order]
            if ties == "shortest":
                return (there[nodes], others, nodes)
            if ties == "longest":
                return (there[nodes], tuple(-other for other in others), nodes)
            if ties == "nodes":
                return (there[nodes], nodes)
            if ties == "hash":
                listed = str([int(self.topology.nodes[node]) for node in nodes])
                text = (str(salt) if salt else "") + listed
                return (there[nodes], hops, hashlib.sha256(text.encode()).hexdigest())
            return (there[nodes],)

        return sorted(there, key=key)

    def listed(self, source: int, destination: int, order: str, *, directed: bool) -> list[Nodes]:
        graph: Any = nx.DiGraph() if directed else nx.Graph()
        graph.add_nodes_from(range(len(self.topology.nodes)))
        for a, b, _ in self.topology.links:
            graph.add_edge(a, b, micro=self.micro[a, b])
        if directed:
            for a, b, _ in self.topology.links:
                graph.add_edge(b, a, micro=self.micro[a, b])
        weight = "micro" if order == "km" else None
        return [tuple(one) for one in nx.shortest_simple_paths(graph, source, destination, weight)]

    def candidates(self, source: int, destination: int, k: int, rule: PathRule) -> list[Nodes]:
        paths = [tuple(one) for one in nx.all_simple_paths(self.graph, source, destination)]
        if rule.candidate_order == "link_disjoint":
            chosen: list[Nodes] = []
            for nodes in self.sort(paths, rule.path_order, rule.candidate_ties, rule.salt):
                links = {frozenset(hop) for hop in pairwise(nodes)}
                if all(links.isdisjoint(map(frozenset, pairwise(one))) for one in chosen):
                    chosen.append(nodes)
        elif rule.candidate_ties in LISTED:
            directed = LISTED[rule.candidate_ties]
            chosen = self.listed(source, destination, rule.candidate_order, directed=directed)
        else:
            chosen = self.sort(paths, rule.candidate_order, rule.candidate_ties, rule.salt)
        return self.sort(chosen[:k], rule.path_order, rule.path_ties, rule.salt)


def is_possible(rule: PathRule) -> bool:
    if rule.path_ties in LISTED and rule.candidate_ties != rule.path_ties:
        return False
    sums = rule.candidate_order in ("km", "hops")
    return sums or rule.candidate_ties not in LISTED


RULES = [
    rule
    for salt, *words in product((0, 7), (*PATH_ORDERS, "link_disjoint"), TIES, PATH_ORDERS, TIES)
    if is_possible(rule := PathRule(*words, salt))
]


@settings(max_examples=400, deadline=None)
@given(
    topology=topologies(),
    k=st.integers(1, 8),
    rule=st.sampled_from(RULES),
    bits=st.sampled_from([RULE, LISTED_FORMATS, short_reach]),
    separate=st.booleans(),
)
def test_equals_the_definition_on_random_networks(
    topology: Topology, k: int, rule: PathRule, bits: Bits, separate: bool
) -> None:
    check(topology, k, rule, bits, separate)


@pytest.mark.parametrize("rule", RULES[: len(RULES) // 2], ids=str)
def test_every_rule_on_a_network_full_of_ties(rule: PathRule) -> None:
    """A wheel of seven nodes with two lengths."""
    links = [(0, node, 100.0) for node in range(1, 7)]
    links += [(node, node % 6 + 1, 100.0 + 100 * (node % 2)) for node in range(1, 7)]
    topology = Topology("wheel", tuple("0123456"), tuple(links), (0, 2, 5, 6), {}, {})
    check(topology, 4, rule, short_reach, True)


def check(topology: Topology, k: int, rule: PathRule, bits: Bits, separate: bool) -> None:
    table = paths_by_rule(topology, k, rule, separate, bits)
    found = node_lists(topology, table, separate)
    slow = Slow(topology, bits)
    expected = {
        (a, b): slow.candidates(a, b, k, rule)
        for a in topology.endpoints
        for b in topology.endpoints
        if a != b
    }
    assert found == expected
    ties = count_ties(topology, k, rule, table, bits)
    tried = [[slow.measure(one, rule.path_order) for one in paths] for paths in expected.values()]
    assert ties.in_order == sum(len(set(values)) < len(values) for values in tried)
    assert ties.pairs == len(expected)
    if rule.candidate_order == "link_disjoint":
        assert ties.at_last_place is None
        return
    at_last_place = 0
    for ends in expected:
        paths = [tuple(one) for one in nx.all_simple_paths(slow.graph, *ends)]
        values = [slow.measure(nodes, rule.candidate_order) for nodes in paths]
        ranked = sorted(value for value in values if value is not None)
        at_last_place += len(ranked) > k and ranked[k - 1] == ranked[k]
    assert ties.at_last_place == at_last_place


def yen_by_hops(neighbours: dict[int, list[int]], source: int, target: int) -> list[Nodes]:
    """Return all simple paths as the description of `ListedPaths` has them, by hops on an undirected graph.

    A path that deviates later from an earlier one is found later, and of equal ones the first found is
    first.
    """

    def meet(start: int, banned: set[int], cut: set[tuple[int, int]]) -> Nodes | None:
        def ways(node: int) -> list[int]:
            return [
                other
                for other in neighbours[node]
                if other not in banned and not {(node, other), (other, node)} & cut
            ]

        before, after = {start: -1}, {target: -1}
        fringes = ([start], [target])
        while all(fringes):
            forward = len(fringes[0]) <= len(fringes[1])
            fringe = fringes[not forward]
            reached, others = (before, after) if forward else (after, before)
            grown = list(fringe)
            fringe.clear()
            for node in grown:
                for other in ways(node):
                    if other not in reached:
                        fringe.append(other)
                        reached[other] = node
                    if other in others:
                        nodes = [other]
                        while before[nodes[0]] >= 0:
                            nodes.insert(0, before[nodes[0]])
                        while after[nodes[-1]] >= 0:
                            nodes.append(after[nodes[-1]])
                        return tuple(nodes)
        return None

    first = meet(source, set(), set())
    assert first is not None
    listed, waiting = [], [first]
    while waiting:
        nodes = min(waiting, key=len)  # the first of these
        waiting.remove(nodes)
        listed.append(nodes)
        cut: set[tuple[int, int]] = set()
        for place in range(1, len(nodes)):
            root = nodes[:place]
            cut |= {one[place - 1 : place + 1] for one in listed if one[:place] == root}  # type: ignore[misc]
            rest = meet(root[-1], set(root[:-1]), cut)
            if rest is not None and (*root[:-1], *rest) not in waiting:
                waiting.append((*root[:-1], *rest))
    return listed


@pytest.mark.parametrize("name", ["nsfnet_deeprmsa", "cost239_deeprmsa"])
def test_paths_are_listed_as_the_documentation_says(name: str) -> None:
    """So that another version of networkx with another order does not go unnoticed."""
    topology = load_topology(name)._replace(endpoints=(0, 3, 7, 10))
    neighbours: dict[int, list[int]] = {node: [] for node in range(len(topology.nodes))}
    for a, b, _ in topology.links:
        neighbours[a].append(b)
        neighbours[b].append(a)
    rule = PathRule("hops", "listed", "hops", "listed")
    found = node_lists(topology, paths_by_rule(topology, 30, rule), False)
    for (a, b), paths in found.items():
        assert paths == yen_by_hops(neighbours, a, b)[:30]


def test_the_default_is_the_search_for_the_k_shortest() -> None:
    topology = load_topology("nsfnet_deeprmsa")
    for order in PATH_ORDERS:
        rule = PathRule(order, "shortest", order, "shortest")
        assert rule.is_one_search
        ours, plain = (
            paths_by_rule(topology, 5, rule, True, RULE),
            k_shortest_paths(topology, 5, order, True, RULE),
        )
        assert all(map(lambda a, b: (a == b).all(), ours, plain))


def test_ties_that_are_too_many_to_sort_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(path_rules, "_MOST_EQUAL", 3)
    with pytest.raises(TiesError, match="more than 3 paths between 1 and "):
        paths_by_rule(load_topology("nsfnet_deeprmsa"), 5, PathRule("hops", "hash", "hops", "hash"))
    config = load_config("quick", {"routing_settings": {"path_order": "hops", "path_ties": "hash"}})
    with pytest.raises(ConfigError, match=r"path_ties = hash.*more than 3 paths"):
        read_inputs(config)


def routed(**routing: object) -> dict[str, dict[str, object]]:
    return {"routing_settings": routing}


def key_of(**routing: object) -> str:
    config = load_config("nsfnet_100_slots", routed(**routing))
    return content_key(config, read_inputs(config))


def test_what_comes_to_the_same_has_one_content_key() -> None:
    assert key_of(path_order="km") == key_of(
        candidate_order="km", candidate_ties="shortest", path_ties_salt=3, path_order="km"
    )
    assert key_of(path_ties="hash") == key_of(path_ties="hash", candidate_ties="hash")
    different = [
        key_of(),
        key_of(candidate_order="km"),
        key_of(candidate_order="link_disjoint"),
        key_of(path_ties="hash"),
        key_of(path_ties="hash", path_ties_salt=1),
        key_of(candidate_ties="hash"),
        key_of(candidate_ties="hash", path_ties_salt=1),
        key_of(path_ties="listed"),
    ]
    assert len(set(different)) == len(different)


def test_keys_of_a_config_are_a_rule() -> None:
    config = load_config(
        "quick",
        routed(
            candidate_order="hops",
            candidate_ties="listed_directed",
            path_order="hops_per_bit",
            path_ties="hash",
            path_ties_salt=4,
        ),
    )
    rule = PathRule("hops", "listed_directed", "hops_per_bit", "hash", 4)
    assert path_rule(config) == rule
    inputs = read_inputs(config)
    expected = paths_by_rule(inputs.topology, 5, rule, True, RULE)
    for there in (inputs, inputs._replace(candidates=None)):
        found = candidate_paths(config, there)
        assert all(map(lambda a, b: (a == b).all(), found, expected))
        assert (make_scenario(config, there).network.links == expected.links).all()
    assert ties_of(config, inputs, expected) == TieCount(182, 124, 168)
    assert path_rule(load_config("quick")) == PathRule("hops", "shortest", "hops", "shortest")


@pytest.mark.parametrize(
    ("routing", "told"),
    [
        ({"path_ties": "listed", "candidate_ties": "hash"}, "candidate_ties.*must be path_ties"),
        (
            {"path_ties": "listed", "candidate_order": "link_disjoint"},
            r"path_ties.*must be shortest|path_ties.*must not be listed",
        ),
        ({"candidate_ties": "listed", "path_order": "hops_per_bit"}, "networkx lists paths by km"),
        ({"candidate_order": "disjoint"}, "candidate_order.*link_disjoint"),
        ({"path_ties_salt": -1}, "path_ties_salt"),
    ],
)
def test_what_does_not_go_together_is_refused(routing: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load_config("quick", routed(**routing))


def test_a_pair_with_given_paths_has_these(tmp_path: Any) -> None:
    """Others have those of the rule."""
    (tmp_path / "paths.csv").write_text("1,3,2\n1,2\n")
    config = load_config(
        "quick",
        {
            "general_settings": {"route_method": "external_ksp"},
            **routed(
                paths_file=str(tmp_path / "paths.csv"), path_order="hops", path_ties="longest"
            ),
        },
    )
    inputs = read_inputs(config)
    paths = candidate_paths(config, inputs)
    found = node_lists(inputs.topology, paths, True)
    assert found[0, 1] == [(0, 2, 1), (0, 1)]
    slow = Slow(inputs.topology, RULE)
    rule = PathRule("hops", "longest", "hops", "longest")
    assert found[0, 2] == slow.candidates(0, 2, config.routing_settings.k_paths, rule)
    ties = ties_of(config, inputs, paths)
    everywhere = count_ties(inputs.topology, 5, rule, paths, given=None)
    assert ties is not None
    assert ties.at_last_place is not None
    assert everywhere.at_last_place is not None
    assert ties.at_last_place < everywhere.at_last_place


def test_least_congested_leaves_out_what_is_more_than_a_hop_longer() -> None:
    config = load_config(
        "quick",
        {
            "general_settings": {"route_method": "least_congested"},
            **routed(candidate_order="km", path_ties="longest"),
        },
    )
    inputs = read_inputs(config)
    found = node_lists(inputs.topology, candidate_paths(config, inputs), True)
    slow = Slow(inputs.topology, RULE)
    rule = PathRule("km", "longest", "hops", "longest")
    fewer = 0
    for ends, paths in found.items():
        chosen = slow.candidates(*ends, config.routing_settings.k_paths, rule)
        assert paths == [one for one in chosen if len(one) <= len(chosen[0]) + 1]
        fewer += len(paths) < len(chosen)
    assert fewer
