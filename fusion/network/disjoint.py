"""Find candidate pairs of disjoint paths, a working and a backup path each, as arrays.

The first candidate of two nodes is the pair of least total cost (J. W. Suurballe, R. E. Tarjan, "A quick
method for finding shortest pairs of disjoint paths", Networks 14 (1984) 325), which is there whenever any
disjoint pair is: where the best path alone cuts the nodes apart, it takes another one. The others are made of
each of the k best paths and the best path disjoint from it, so that a full backup does not end the search.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations, islice, pairwise
from typing import TYPE_CHECKING

from fusion.network.least_costs import UNREACHED, least_costs
from fusion.network.paths import (
    BestPaths,
    GivenPaths,
    PathTable,
    given_between,
    link_costs,
    path_table,
    table_of_links,
)

if TYPE_CHECKING:
    from fusion.network.topology import Topology

Nodes = tuple[int, ...]
Pair = tuple[Nodes, Nodes]
_Arcs = list[dict[int, int]]


def disjoint_pairs(
    topology: Topology,
    k: int,
    order: str,
    separate_directions: bool = False,
    *,
    by_nodes: bool,
    most_hops_more: int | None = None,
    given: GivenPaths | None = None,
) -> PathTable:
    """Return at most k pairs of disjoint paths for every pair of endpoints, by total cost.

    The paths of two nodes are a working path, its backup, the next working path, its backup, and so on; the
    working path is the better one. Equal totals: the better working path, then the smaller lists of node
    indices. order: "km" or "hops", as for `k_shortest_paths`. by_nodes: the paths share no node but their
    ends; if not, no link. most_hops_more: leave out pairs with more than so many hops beyond the first; for
    "hops". given: paths that some nodes have instead, see `k_shortest_paths`; a pair is any two of them that
    are disjoint, of which the first works, in the order of the working paths and, of each, of the backups.
    The pairs from b to a are those from a to b backwards. Nodes that no disjoint pair joins have none.
    Parallel links are links of their own: two paths over different ones share no link, and none of their
    nodes where these are the ends.
    """
    fibres = _Fibres(topology, order)
    arcs = fibres.arcs
    split = _split(arcs) if by_nodes else arcs
    best = fibres.best_paths()
    found: dict[tuple[int, int], list[Nodes]] = {}
    for a in topology.endpoints:
        least = _LeastPairs(split, a, by_nodes=by_nodes)
        for b in topology.endpoints:
            if a < b:
                working = islice(best.between(a, b), k)
                pairs = _candidates(arcs, working, least.to(b), by_nodes=by_nodes)
                if most_hops_more is not None:
                    hops = [sum(map(fibres.hops, pair)) for pair in pairs]
                    pairs = [
                        pair
                        for pair, number in zip(pairs, hops, strict=True)
                        if number <= hops[0] + most_hops_more
                    ]
                found[a, b] = [nodes for pair in pairs[:k] for nodes in pair]
                found[b, a] = [nodes[::-1] for nodes in found[a, b]]
    for ends in found:
        if (there := given_between(given, *ends)) is not None:
            joined = combinations(there, 2)
            pairs = [pair for pair in joined if _are_disjoint(*pair, by_nodes=by_nodes)]
            found[ends] = [nodes for pair in pairs[:k] for nodes in pair]
    if not topology.has_parallel_links:
        return path_table(topology, separate_directions, found)
    links = {ends: [fibres.links(nodes) for nodes in paths] for ends, paths in found.items()}
    return table_of_links(topology, separate_directions, links)


class _Fibres:
    """A graph in which each link between two nodes is a way of its own.

    Of parallel links, each but the first leads over a node that stands for it, with a number above those of
    the topology. So paths are lists of nodes here, too, and what finds disjoint ones of a graph finds them.
    """

    def __init__(self, topology: Topology, order: str) -> None:
        """order: km or hops."""
        self._nodes = len(topology.nodes)
        self._link: dict[tuple[int, int], int] = {}
        self._topology, self._order = topology, order
        self.arcs: _Arcs = [{} for _ in topology.nodes]
        """[node] -> next node -> cost."""
        costs = link_costs(topology, order)
        for link, ((a, b, _), cost) in enumerate(zip(topology.links, costs, strict=True)):
            if b in self.arcs[a]:
                between = len(self.arcs)
                self.arcs.append({a: 0, b: 0})
                self.arcs[a][between] = self.arcs[b][between] = cost
                self._link[a, between] = self._link[b, between] = link
            else:
                self.arcs[a][b] = self.arcs[b][a] = cost
                self._link[a, b] = self._link[b, a] = link

    def best_paths(self) -> BestPaths:
        """Return the best paths of this graph."""
        if len(self.arcs) == self._nodes:
            return BestPaths(self._topology, self._order)
        arcs = [(a, b, cost) for a, ways in enumerate(self.arcs) for b, cost in ways.items()]
        return BestPaths.over(len(self.arcs), arcs)

    def links(self, nodes: Nodes) -> tuple[int, ...]:
        """Return the links of a path."""
        return tuple(self._link[hop] for hop in pairwise(nodes) if hop in self._link)

    def hops(self, nodes: Nodes) -> int:
        """Return how many links a path has."""
        return sum(node < self._nodes for node in nodes) - 1


def _candidates(
    arcs: _Arcs, working: Iterable[Nodes], least: Pair | None, *, by_nodes: bool
) -> list[Pair]:
    """Return the pairs of some working paths and the least one, each once, best first."""
    if least is None:
        return []

    def cost(nodes: Nodes) -> int:
        return sum(arcs[a][b] for a, b in pairwise(nodes))

    def better_first(pair: Pair) -> Pair:
        one, other = sorted(pair, key=lambda nodes: (cost(nodes), nodes))
        return one, other

    pairs = {better_first(least)}
    for nodes in working:
        backup = _shortest_beside(arcs, nodes, by_nodes=by_nodes)
        if backup is not None:
            pairs.add(better_first((nodes, backup)))
    return sorted(pairs, key=lambda pair: (cost(pair[0]) + cost(pair[1]), cost(pair[0]), pair))


def _are_disjoint(one: Nodes, other: Nodes, *, by_nodes: bool) -> bool:
    if by_nodes and not set(one[1:-1]).isdisjoint(other[1:-1]):
        return False
    links = [{frozenset(link) for link in pairwise(nodes)} for nodes in (one, other)]
    return links[0].isdisjoint(links[1])


def _shortest_beside(arcs: _Arcs, nodes: Nodes, *, by_nodes: bool) -> Nodes | None:
    """Return the best path with the same ends and no link, or no inner node either, in common."""
    links = {frozenset(link) for link in pairwise(nodes)}
    inner = set(nodes[1:-1]) if by_nodes else set()
    left = [
        {}
        if a in inner
        else {
            b: cost for b, cost in ways.items() if b not in inner and frozenset((a, b)) not in links
        }
        for a, ways in enumerate(arcs)
    ]
    _, before = _least(left, nodes[0], nodes[-1])
    return _way_back(before, nodes[0], nodes[-1])


def _split(arcs: _Arcs) -> _Arcs:
    """Return a graph in which node v has an entry 2v and an exit 2v + 1, with one arc between them."""
    split: _Arcs = []
    for a, ways in enumerate(arcs):
        split.append({2 * a + 1: 0})
        split.append({2 * b: cost for b, cost in ways.items()})
    return split


class _LeastPairs:
    """Pairs of disjoint paths of least total cost from one node (Suurballe and Tarjan 1984)."""

    def __init__(self, arcs: _Arcs, source: int, *, by_nodes: bool) -> None:
        self._by_nodes = by_nodes
        self._source = 2 * source + 1 if by_nodes else source
        self._arcs = arcs
        self._costs, self._before = _least(arcs, self._source)

    def to(self, node: int) -> Pair | None:
        """Return the pair to a node, or None."""
        source, target = self._source, 2 * node if self._by_nodes else node
        first = _way_back(self._before, source, target)
        assert first is not None  # a topology is connected
        # Costs reduced by the distances are not below 0, and 0 on the first path and backwards on it.
        costs = self._costs
        rest = [
            {
                b: cost + costs[a] - costs[b]
                for b, cost in ways.items()
                if UNREACHED not in (costs[a], costs[b])
            }
            for a, ways in enumerate(self._arcs)
        ]
        for a, b in pairwise(first):
            del rest[a][b]
            rest[b][a] = 0
        _, before = _least(rest, source, target)
        second = _way_back(before, source, target)
        if second is None:
            return None
        taken = set(pairwise(first))
        for a, b in pairwise(second):
            if (b, a) in taken:
                taken.remove((b, a))
            else:
                taken.add((a, b))
        following: dict[int, list[int]] = {}
        for a, b in sorted(taken):
            following.setdefault(a, []).append(b)
        one, other = (tuple(self._follow(following, source, target)) for _ in range(2))
        return one, other

    def _follow(self, following: dict[int, list[int]], node: int, target: int) -> Iterator[int]:
        """Yield the nodes of a way that leads to the target, using its arcs up."""
        halves = 2 if self._by_nodes else 1
        last = -1
        while True:
            if node // halves != last:
                last = node // halves
                yield last
            if node == target:
                return
            node = following[node].pop(0)


def _least(arcs: _Arcs, source: int, until: int = -1) -> tuple[list[int], list[int]]:
    return least_costs([ways.items() for ways in arcs], source, until=until)


def _way_back(before: list[int], source: int, target: int) -> Nodes | None:
    if before[target] < 0:
        return None
    nodes: list[int] = [target]
    while nodes[-1] != source:
        nodes.append(before[nodes[-1]])
    return tuple(nodes[::-1])
