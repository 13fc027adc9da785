"""Find the k best simple paths of every pair of endpoints, in exact order, as arrays.

The search is best first over the beginnings of paths. A beginning has a key that no path with that
beginning falls below, a complete path has its own key, and equal keys are told apart by the node
list, which is smaller for a beginning than for what it becomes. So whatever leaves the queue comes
before all that is still to come, the first k complete paths to leave are the k best in their full
order, ties included, and it does not matter how close below the keys are: closer only means sooner.
"""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cache
from itertools import islice, pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fusion.network.least_costs import UNREACHED, least_costs
from fusion.network.many_paths import Arc, cost_bits, many_paths, starts
from fusion.network.parallel_links import choices_of, links_by_hop

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fusion.network.topology import Topology

PATH_ORDERS = ("km", "hops", "hops_per_bit")

_PER_KM = 1_000_000
# A cost is one integer: length above hops, or hops above length, whichever is compared first.
_HOP_BITS = 24
_LENGTH_BITS = 64
_LENGTH_MASK = (1 << _LENGTH_BITS) - 1
_COST_BITS = _HOP_BITS + _LENGTH_BITS

MANY_PATHS = 200_000
"""Candidates of all pairs from which on compiled code finds them: it takes seconds to load or compile."""

GivenPaths = Mapping[tuple[int, int], Sequence[tuple[int, ...]]]
"""(source, destination) -> paths as node indices, best first."""

_Neighbours = list[list[tuple[int, int]]]

PathKey = Callable[[tuple[int, ...], int], tuple[object, ...] | None]
"""(node indices, length in 1e-6 km) -> what a path is sorted by, None where it is out of reach."""


class PathTable(NamedTuple):
    """Candidate paths of all pairs.

    pairs: int32[pair, 2], the ordered pairs of endpoints as node indices, by source, then by
    destination.  first_path: int32[pair + 1], the paths of pair p are first_path[p] to
    first_path[p + 1] - 1, in order of preference.  first_hop: int32[path + 1], the hops of path q
    are links[first_hop[q]:first_hop[q + 1]].  links: int32[hop], spectrum index of the link: its
    index i, or with separate directions the place of its direction in `Topology.ways`, which is i in
    the direction of the topology and, unless some links have one direction only, i + number of links
    against it.  length_km: float64[path].  tied: bool[pair], whether a pair has one path more (by its nodes)
    that is as good as the last by what the order compares first, or of size 0 where that is not known.
    """

    pairs: NDArray[np.int32]
    first_path: NDArray[np.int32]
    first_hop: NDArray[np.int32]
    links: NDArray[np.int32]
    length_km: NDArray[np.float64]
    tied: NDArray[np.bool_] = np.zeros(0, dtype=np.bool_)


class _Bound(NamedTuple):
    """[node] -> (neighbour, cost of the link to it), and (neighbour, cost of the link from it)."""

    ahead: _Neighbours
    behind: _Neighbours


class _Graph(NamedTuple):
    """What the search works on; `order` decides its costs.

    neighbours: [node] -> (neighbour, cost of the link to it).  bounds: the same graph with costs of
    which the least of the way that is left, one from each of these, add up to a bound from below.
    Of parallel links only the one of least cost counts.
    key: cost -> what paths are compared by, or None when there is no such path (never falling).
    """

    neighbours: _Neighbours
    bounds: list[_Bound]
    key: Callable[[int], int | None]


class _Goal(NamedTuple):
    """Least cost from each node to one destination and the next node on the way, for each bound.

    rest: the sum of the least costs, and rests: of each bound.
    """

    destination: int
    rest: list[int]
    rests: list[list[int]]
    next_nodes: list[list[int]]


def k_shortest_paths(
    topology: Topology,
    k: int,
    order: str,
    separate_directions: bool = False,
    bits_per_symbol: Callable[[float], float] | None = None,
    *,
    given: GivenPaths | None = None,
    most_hops_more: int | None = None,
    wanted: NDArray[np.bool_] | None = None,
) -> PathTable:
    """Return the k best simple paths (fewer where there are fewer) of every pair of endpoints.

    These are k different lists of nodes, by their shortest links. Where nodes have parallel links, each
    is there once for each choice of links (up to `MOST_CHOICES`), all of a pair in one order.
    order: "km": by length, then hops; "hops": by hops, then length; "hops_per_bit": by hops /
    bits_per_symbol(km), then hops, then length.  Ties go to the smaller list of node indices, then of
    link indices.
    Lengths are compared as integers of 1e-6 km.
    bits_per_symbol: km -> mean bits per symbol, never rising with the length; a path for which it
    is 0 is out of reach and left out.  Only for "hops_per_bit".
    given: paths that some pairs have instead; a pair that has none has those of the other direction.
    most_hops_more: leave out paths with more than so many hops beyond the first; for "hops".
    wanted: bool[node, node], whether paths from row to column are needed; other pairs get none. None: all
    are. Raise ValueError for another order, k below 1, or bits_per_symbol missing.
    """
    if k < 1:
        raise ValueError(f"k = {k}: at least one path is needed")
    if given is None and _are_many(topology, k, order, wanted):
        return _of_many_pairs(topology, k, order, separate_directions, most_hops_more, wanted)
    graph = _graph(topology, order, bits_per_symbol)
    has_parallel_links = topology.has_parallel_links
    rows = _Rows(topology, separate_directions)
    paths: dict[tuple[int, int], list[tuple[int, ...]]] = {}
    for destination in topology.endpoints:
        goal = None
        for source in topology.endpoints:
            if source == destination:
                continue
            found: list[tuple[int, ...]] = []
            if wanted is None or wanted[source, destination]:
                goal = goal or _goal(graph, destination)
                best = given_between(given, source, destination) or _best_first(
                    graph, source, goal, k
                )
                found = list(islice(short_paths(best, most_hops_more), k))
            if has_parallel_links:
                paths[source, destination] = found
            else:
                rows.add((source, destination), found)
    if not has_parallel_links:
        return rows.table()
    is_given = {pair for pair in paths if given_between(given, *pair) is not None}
    key = _key_of_choices(topology, order, bits_per_symbol)
    return path_table(topology, separate_directions, paths, key, in_order=is_given)


def _key_of_choices(
    topology: Topology, order: str, bits_per_symbol: Callable[[float], float] | None = None
) -> PathKey:
    """Return what paths over parallel links are sorted by."""
    measures = PathMeasures(topology, order, bits_per_symbol)

    def key(nodes: tuple[int, ...], length: int) -> tuple[object, ...] | None:
        measured = measures.of_sums(len(nodes) - 1, length)
        return None if measured is None else (measured, nodes)

    return key


def _least_arcs(topology: Topology) -> list[Arc]:
    """Return the ways from node to node as arcs, of parallel links the shortest; numbers are of ways."""
    least: dict[tuple[int, int], Arc] = {}
    for way, (a, b, km, _) in enumerate(topology.ways):
        length = round(km * _PER_KM)
        if (a, b) not in least or length < least[a, b].length:
            least[a, b] = Arc(a, b, length, way)
    return list(least.values())


def _are_many(topology: Topology, k: int, order: str, wanted: NDArray[np.bool_] | None) -> bool:
    """Return whether compiled code is worth it, and can do it."""
    ends = len(topology.endpoints)
    pairs = ends * (ends - 1) if wanted is None else int(wanted.sum())
    if order not in ("km", "hops") or pairs * k < MANY_PATHS:
        return False
    return cost_bits(len(topology.nodes), [arc.length for arc in _least_arcs(topology)]) is not None


def _of_many_pairs(
    topology: Topology,
    k: int,
    order: str,
    separate_directions: bool,
    most_hops_more: int | None,
    wanted: NDArray[np.bool_] | None,
) -> PathTable:
    """Return what `k_shortest_paths` does, by compiled code."""
    nodes, ends = len(topology.nodes), np.array(topology.endpoints, dtype=np.int32)
    is_wanted = np.zeros((nodes, nodes), dtype=np.bool_)
    is_wanted[np.ix_(ends, ends)] = True if wanted is None else wanted[np.ix_(ends, ends)]
    np.fill_diagonal(is_wanted, False)
    arcs = _least_arcs(topology)
    found = many_paths(nodes, arcs, topology.endpoints, is_wanted, k, order)
    if most_hops_more is not None:
        found = found.without_longer(most_hops_more)
    pairs = np.array([(a, b) for a in ends for b in ends if a != b], dtype=np.int32).reshape(-1, 2)
    if topology.has_parallel_links:
        key = _key_of_choices(topology, order)
        lists = found.node_lists(pairs, arcs)
        table = _table_of_choices(topology, separate_directions, lists, key, ())
        return table._replace(tied=found.tied)
    ways = topology.ways
    links = found.links
    if not separate_directions:
        links = np.array([link for *_, link in ways], dtype=np.int32)[links]
    first_path, first_hop = starts(found.number), starts(found.hops)
    if first_hop[-1] > np.iinfo(np.int32).max:
        raise ValueError(f"the candidate paths have {first_hop[-1]:,} hops, which is too many")
    return PathTable(
        pairs,
        first_path.astype(np.int32),
        first_hop.astype(np.int32),
        links,
        found.length / _PER_KM,
        found.tied,
    )


def link_costs(topology: Topology, order: str) -> list[int]:
    """Return the cost of each link by which paths are ordered; those of a path add up. order: km or hops."""
    return _costs([round(km * _PER_KM) for _, _, km in topology.links], order)


def _costs(lengths: Sequence[int], order: str) -> list[int]:
    if order == "km":
        return [(length << _HOP_BITS) + 1 for length in lengths]
    if order == "hops":
        return [(1 << _LENGTH_BITS) + length for length in lengths]
    raise ValueError(f"path order {order!r}: must be km or hops where costs of links add up")


class BestPaths:
    """The simple paths between two nodes, best first, as `k_shortest_paths` has them."""

    def __init__(
        self,
        topology: Topology,
        order: str,
        bits_per_symbol: Callable[[float], float] | None = None,
    ) -> None:
        """Take the same arguments as `k_shortest_paths`."""
        self._graph = _graph(topology, order, bits_per_symbol)
        self._goals: dict[int, _Goal] = {}

    @classmethod
    def over(cls, nodes: int, arcs: Sequence[tuple[int, int, int]]) -> BestPaths:
        """Return those of the graph that `graph_of` makes."""
        best = cls.__new__(cls)
        best._graph, best._goals = graph_of(nodes, arcs), {}
        return best

    def between(self, source: int, destination: int) -> Iterator[tuple[int, ...]]:
        """Yield node lists."""
        if destination not in self._goals:
            self._goals[destination] = _goal(self._graph, destination)
        return _best_first(self._graph, source, self._goals[destination])


class PathMeasures:
    """What paths are compared by, over the shortest links, as integers that are equal where the paths are."""

    def __init__(
        self,
        topology: Topology,
        order: str,
        bits_per_symbol: Callable[[float], float] | None = None,
    ) -> None:
        """Take the same arguments as `k_shortest_paths`."""
        self._order = order
        self._key = None if bits_per_symbol is None else _hops_per_bit(bits_per_symbol)
        self._lengths = {hop: links[0][0] for hop, links in links_by_hop(topology).items()}

    def of(self, nodes: Sequence[int]) -> tuple[int, ...] | None:
        """Return what the order compares, and what it compares where that is equal; None: out of reach."""
        return self.of_sums(len(nodes) - 1, sum(self._lengths[hop] for hop in pairwise(nodes)))

    def of_sums(self, hops: int, length: int) -> tuple[int, ...] | None:
        """Return the same of a path with so many hops and a length in 1e-6 km."""
        if self._order == "km":
            return length, hops
        if self._order == "hops":
            return hops, length
        assert self._key is not None
        key = self._key((hops << _LENGTH_BITS) + length)
        return None if key is None else (key >> _COST_BITS, hops, length)


def given_between(
    given: GivenPaths | None, source: int, destination: int
) -> Iterator[tuple[int, ...]] | None:
    """Return the paths that a file has of two nodes, or else backwards; None: it has none."""
    if not given:
        return None
    if there := given.get((source, destination)):
        return iter(there)
    back = given.get((destination, source))
    return (nodes[::-1] for nodes in back) if back else None


def short_paths(paths: Iterator[tuple[int, ...]], more: int | None) -> Iterator[tuple[int, ...]]:
    """Yield paths until one has too many hops more than the first. more: None: any number."""
    fewest = None
    for nodes in paths:
        fewest = fewest or len(nodes)
        if more is not None and len(nodes) > fewest + more:
            return
        yield nodes


def _graph(
    topology: Topology, order: str, bits_per_symbol: Callable[[float], float] | None
) -> _Graph:
    ways = [(a, b, round(km * _PER_KM)) for a, b, km, _ in topology.ways]
    lengths = [length for _, _, length in ways]

    def arcs(costs: Sequence[int]) -> list[tuple[int, int, int]]:
        least: dict[tuple[int, int], int] = {}
        for (a, b, _), cost in zip(ways, costs, strict=True):
            least[a, b] = min(cost, least.get((a, b), cost))
        return [(a, b, cost) for (a, b), cost in least.items()]

    count = len(topology.nodes)
    if order in ("km", "hops"):
        return graph_of(count, arcs(_costs(lengths, order)))
    if order != "hops_per_bit":
        raise ValueError(f"path order {order!r}: must be one of {', '.join(PATH_ORDERS)}")
    if bits_per_symbol is None:
        raise ValueError("path order hops_per_bit needs bits_per_symbol")
    graph = graph_of(count, arcs(_costs(lengths, "hops")))
    # Fewest hops and least km may lie on different ways, so each has its own bound.
    bounds = [
        graph_of(count, arcs(costs)).bounds[0]
        for costs in ([1 << _LENGTH_BITS] * len(ways), lengths)
    ]
    return _Graph(graph.neighbours, bounds, _hops_per_bit(bits_per_symbol))


def graph_of(nodes: int, arcs: Sequence[tuple[int, int, int]]) -> _Graph:
    """Return a graph of so many nodes with arcs (from, to, cost); a path is compared by its costs."""
    forward: _Neighbours = [[] for _ in range(nodes)]
    backward: _Neighbours = [[] for _ in range(nodes)]
    for a, b, cost in arcs:
        forward[a].append((b, cost))
        backward[b].append((a, cost))
    return _Graph(forward, [_Bound(forward, backward)], int)


def _hops_per_bit(bits_per_symbol: Callable[[float], float]) -> Callable[[int], int | None]:
    """Return cost -> hops per bit, as an integer above the cost, which breaks the ties.

    The bits become fractions with denominators up to 1e6, so different quotients differ by more
    than 2**-64, equal ones give equal integers, and the comparison is exact.
    """

    @cache
    def bits(length: int) -> tuple[int, int]:
        value = Fraction(bits_per_symbol(length / _PER_KM)).limit_denominator(_PER_KM)
        return value.numerator, value.denominator

    def key(cost: int) -> int | None:
        hops, length = cost >> _LENGTH_BITS, cost & _LENGTH_MASK
        numerator, denominator = bits(length)
        if numerator <= 0:
            return None
        return ((hops * denominator << 64) // numerator << _COST_BITS) + cost

    return key


def _best_first(
    graph: _Graph, source: int, goal: _Goal, most: int | None = None
) -> Iterator[tuple[int, ...]]:
    """Yield the simple paths from `source` to the goal as node lists, best first; at most `most`, or all."""
    start = graph.key(goal.rest[source])
    if start is None:
        return
    queue: list[tuple[int, tuple[int, ...], int, bool]] = [(start, (source,), 0, False)]
    # Of the best paths that are known, their keys times -1: a heap of at most `most`.
    complete: list[int] = []
    while queue:
        key, nodes, cost, proved = heapq.heappop(queue)
        end = nodes[-1]
        if end == goal.destination:
            yield nodes
            continue
        before = set(nodes)
        if not proved:
            ways = [_clear_way(before, end, next_node, goal) for next_node in goal.next_nodes]
            if len(ways) == 1 and (way := ways[0]) is not None:
                # The best way on from here, with all that leaves it, at once.
                worst = -complete[0] if len(complete) == most else None
                _add_along(graph, goal, queue, worst, (key, nodes, cost, before), way)
                if most is not None:
                    heapq.heappush(complete, -key)
                    if len(complete) > most:
                        heapq.heappop(complete)
                continue
            # The bound may lead back through the beginning: without this, dead ends explode.
            if None in ways:
                rest = _rest_without(graph, nodes[:-1], end, goal)
                closer = None if rest is None else graph.key(cost + rest)
                if closer is None:
                    continue
                if closer > key:
                    heapq.heappush(queue, (closer, nodes, cost, True))
                    continue
        worst = -complete[0] if len(complete) == most else None
        for node, link_cost in graph.neighbours[end]:
            if node in before:
                continue
            new_cost = cost + link_cost
            bound = graph.key(new_cost + goal.rest[node])
            if bound is not None and (worst is None or bound <= worst):
                heapq.heappush(queue, (max(bound, key), (*nodes, node), new_cost, False))


def _add_along(
    graph: _Graph,
    goal: _Goal,
    queue: list[tuple[int, tuple[int, ...], int, bool]],
    worst: int | None,
    beginning: tuple[int, tuple[int, ...], int, set[int]],
    way: Sequence[int],
) -> None:
    """Add to the queue the best path with a beginning, which has its key, and all that leaves it on the way.

    worst: key above which nothing is needed. way: the best one from the end of the beginning to the goal.
    """
    key, nodes, cost, before = beginning
    whole = (*nodes, *way[1:])
    for place, (end, following) in enumerate(pairwise(way), len(nodes)):
        step = 0
        for node, link_cost in graph.neighbours[end]:
            if node == following:
                step = link_cost
            elif node not in before:
                bound = graph.key(cost + link_cost + goal.rest[node])
                if bound is not None and (worst is None or bound <= worst):
                    entry = (max(bound, key), (*whole[:place], node), cost + link_cost, False)
                    heapq.heappush(queue, entry)
        cost += step
        before.add(following)
    heapq.heappush(queue, (key, whole, cost, True))


def _clear_way(
    nodes: set[int], node: int, next_node: Sequence[int], goal: _Goal
) -> list[int] | None:
    """Return the best way from `node` to the goal if it keeps off `nodes`."""
    way = [node]
    while node != goal.destination:
        node = next_node[node]
        if node in nodes:
            return None
        way.append(node)
    return way


def _rest_without(graph: _Graph, banned: Sequence[int], node: int, goal: _Goal) -> int | None:
    """Return the least cost from `node` to the destination that keeps off `banned`, or None."""
    total = 0
    for bound, rest in zip(graph.bounds, goal.rests, strict=True):
        least = _least_detour(bound.ahead, rest, set(banned), node, goal.destination)
        if least is None:
            return None
        total += least
    return total


def _least_detour(
    neighbours: _Neighbours, rest: Sequence[int], banned: set[int], node: int, destination: int
) -> int | None:
    """Return the least cost of a way that keeps off `banned`, or None.

    rest: of each node the least cost to the destination, with all nodes. It leads the search (A*: P. E. Hart,
    N. J. Nilsson, B. Raphael, IEEE Trans. Syst. Sci. Cybern. 4 (1968) 100), which so looks only around the
    detour, and not at half of the network.
    """
    costs = {node: 0}
    queue = [(rest[node], rest[node], node)]
    while queue:
        bound, left, settled = heapq.heappop(queue)
        cost = bound - left
        if settled == destination:
            return cost
        if cost > costs[settled]:
            continue
        for other, link_cost in neighbours[settled]:
            new = cost + link_cost
            if other not in banned and new < costs.get(other, UNREACHED):
                costs[other] = new
                heapq.heappush(queue, (new + rest[other], rest[other], other))
    return None


def _goal(graph: _Graph, destination: int) -> _Goal:
    costs, next_nodes = zip(
        *(least_costs(bound.behind, destination) for bound in graph.bounds), strict=True
    )
    rest = [sum(parts) for parts in zip(*costs, strict=True)]
    return _Goal(destination, rest, list(costs), list(next_nodes))


def path_table(
    topology: Topology,
    separate_directions: bool,
    paths: Mapping[tuple[int, int], Sequence[tuple[int, ...]]],
    key: PathKey | None = None,
    *,
    in_order: Collection[tuple[int, int]] = (),
) -> PathTable:
    """Return paths, as lists of node indices for each pair of endpoints, in the form of arrays.

    Over parallel links a list of nodes stands for a path for each choice of links. key: what these are
    sorted by, those of all lists of a pair together; what it leaves equal stays in the order of the lists,
    then of length, then of links. None, and for the pairs `in_order`: by that order alone.
    """
    if topology.has_parallel_links:
        lists = ((pair, paths[pair]) for pair in sorted(paths))
        return _table_of_choices(topology, separate_directions, lists, key, in_order)
    rows = _Rows(topology, separate_directions)
    for pair in sorted(paths):
        rows.add(pair, paths[pair])
    return rows.table()


class _Rows:
    """Paths over simple links as they are found, in arrays: as lists of nodes they take ten times as much."""

    def __init__(self, topology: Topology, separate_directions: bool) -> None:
        self._number: dict[tuple[int, int], int] = {}
        self._lengths: dict[tuple[int, int], int] = {}
        for spectrum, (a, b, km, link) in enumerate(topology.ways):
            self._number[a, b] = spectrum if separate_directions else link
            self._lengths[a, b] = round(km * _PER_KM)
        self._pairs: list[tuple[int, int]] = []
        self._paths = array("i")  # of each pair
        self._hops = array("i")  # of each path
        self._links = array("i")
        self._length_km = array("d")

    def add(self, pair: tuple[int, int], paths: Sequence[tuple[int, ...]]) -> None:
        """Add the paths of a pair."""
        self._pairs.append(pair)
        self._paths.append(len(paths))
        for nodes in paths:
            hops = list(pairwise(nodes))
            self._links.extend([self._number[hop] for hop in hops])
            self._hops.append(len(hops))
            self._length_km.append(sum(self._lengths[hop] for hop in hops) / _PER_KM)

    def table(self) -> PathTable:
        """Return them, by pairs."""
        pairs = np.array(self._pairs, dtype=np.int32).reshape(-1, 2)
        number, hops = (np.array(each, dtype=np.int32) for each in (self._paths, self._hops))
        order = np.lexsort((pairs[:, 1], pairs[:, 0]))
        path = _gathered(number, order)
        hop = _gathered(hops, path)
        return PathTable(
            pairs[order],
            np.append(0, np.cumsum(number[order])).astype(np.int32),
            np.append(0, np.cumsum(hops[path])).astype(np.int32),
            np.array(self._links, dtype=np.int32)[hop],
            np.array(self._length_km, dtype=np.float64)[path],
        )


def _gathered(sizes: NDArray[np.int32], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the places of the members of groups in another order of the groups. sizes: of the groups."""
    first, size = (np.cumsum(sizes, dtype=np.int64) - sizes)[order], sizes[order]
    begin = np.cumsum(size, dtype=np.int64) - size
    return np.asarray(np.arange(size.sum()) + np.repeat(first - begin, size))


def _table_of_choices(
    topology: Topology,
    separate_directions: bool,
    lists: Iterable[tuple[tuple[int, int], Sequence[tuple[int, ...]]]],
    key: PathKey | None,
    in_order: Collection[tuple[int, int]],
) -> PathTable:
    """Return a path for each choice of links of lists of nodes; these are by pair, in the order of pairs."""
    by_hop = links_by_hop(topology)
    rows = _RowsOfLinks(topology, separate_directions)
    for pair, nodes_of in lists:
        choices: list[tuple[tuple[object, ...], int, int, tuple[int, ...]]] = []
        for place, nodes in enumerate(nodes_of):
            for length, links in choices_of([by_hop[hop] for hop in pairwise(nodes)]):
                measured = () if key is None or pair in in_order else key(nodes, length)
                if measured is not None:
                    choices.append((measured, place, length, links))
        rows.add(pair, [links for *_, links in sorted(choices)])
    return rows.table()


def table_of_links(
    topology: Topology,
    separate_directions: bool,
    paths: Mapping[tuple[int, int], Sequence[tuple[int, ...]]],
) -> PathTable:
    """Return paths, as lists of links for each pair of endpoints, in the form of arrays."""
    rows = _RowsOfLinks(topology, separate_directions)
    for pair in sorted(paths):
        rows.add(pair, paths[pair])
    return rows.table()


class _RowsOfLinks:
    """Paths as lists of links, by pairs in their order, in arrays."""

    def __init__(self, topology: Topology, separate_directions: bool) -> None:
        ways = topology.ways
        self._along = {(a, link): (spectrum, b) for spectrum, (a, b, _, link) in enumerate(ways)}
        self._lengths = [round(km * _PER_KM) for _, _, km, _ in ways]
        self._separate = separate_directions
        self._pairs: list[tuple[int, int]] = []
        self._first_path, self._first_hop = array("i", [0]), array("i", [0])
        self._links = array("i")
        self._length_km = array("d")

    def add(self, pair: tuple[int, int], paths: Iterable[tuple[int, ...]]) -> None:
        """Add the paths of a pair."""
        for links in paths:
            node, length = pair[0], 0
            for link in links:
                spectrum, node = self._along[node, link]
                length += self._lengths[spectrum]
                self._links.append(spectrum if self._separate else link)
            self._first_hop.append(len(self._links))
            self._length_km.append(length / _PER_KM)
        self._pairs.append(pair)
        self._first_path.append(len(self._length_km))

    def table(self) -> PathTable:
        """Return them."""
        return PathTable(
            np.array(self._pairs, dtype=np.int32).reshape(-1, 2),
            np.array(self._first_path, dtype=np.int32),
            np.array(self._first_hop, dtype=np.int32),
            np.array(self._links, dtype=np.int32),
            np.array(self._length_km, dtype=np.float64),
        )
