"""Which paths of two nodes are candidates, in which order these are tried, and which of equal ones is first.

Published studies differ in this, mostly without a word on it, and it moves the blocking probability: many
paths are equal in hops or km, and the place of the last candidate goes to one of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import cache
from itertools import groupby, islice, pairwise
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from fusion.network.listed_paths import ListedPaths
from fusion.network.paths import (
    BestPaths,
    GivenPaths,
    PathKey,
    PathMeasures,
    PathTable,
    given_between,
    k_shortest_paths,
    path_table,
    short_paths,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fusion.network.topology import Topology

LISTED = {"listed": False, "listed_directed": True}
"""Rules for ties that leave paths as networkx lists them -> whether on a directed graph."""
LINK_DISJOINT = "link_disjoint"

_MOST_EQUAL = 100_000
_LENGTH_BITS = 46
"""Those of the length of a path in 1e-6 km, and hops above them: of 70 million km, and 131,000 hops."""

_Nodes = tuple[int, ...]
_Bits = Callable[[float], float] | None
_Between = Callable[[int, int], Iterator[_Nodes]]


class _Key(Protocol):
    def __call__(self, nodes: _Nodes, length: int | None = None) -> tuple[object, ...]: ...


class PathRule(NamedTuple):
    """Which paths are candidates, and in which order they are tried.

    candidate_order: the first k paths by it are candidates: "km", "hops" or "hops_per_bit", see
    `k_shortest_paths`; "link_disjoint": the first by `path_order`, then the first of those that share no link
    with it, and so on. path_order: they are tried in this order. candidate_ties, path_ties: which of the
    paths that an order makes equal is first:

    "shortest": the one with the least of what the order does not compare (by km the fewest hops, by hops the
    least km, by hops per bit the fewest hops, then the least km), then the smaller list of node indices.
    "longest": the one with the most, then the smaller list. "nodes": the smaller list. "hash": the one with
    the fewest hops, then with the smallest SHA-256 of the salt (nothing for 0) and the names of its nodes,
    written like [1, 2, 3]. "listed", "listed_directed": the one that networkx lists first, see `ListedPaths`;
    for `path_ties` only where the candidates were chosen by the same.
    """

    candidate_order: str
    candidate_ties: str
    path_order: str
    path_ties: str
    salt: int = 0

    @property
    def is_one_search(self) -> bool:
        """Whether `k_shortest_paths` has the candidates in their order."""
        return self == (self.path_order, "shortest", self.path_order, "shortest", self.salt)


class TiesError(ValueError):
    """So many paths of two nodes are equal that they cannot be told apart by a rule that needs them all."""


class TieCount(NamedTuple):
    """Node pairs, and those of them that have a tie.

    pairs: ordered pairs of endpoints, those that have paths. at_last_place: those with equal paths of which
    one is the last candidate and another is none; None: candidates are not the first of an order. in_order:
    those with candidates that are equal in the order in which they are tried.
    """

    pairs: int
    at_last_place: int | None
    in_order: int


def paths_by_rule(
    topology: Topology,
    k: int,
    rule: PathRule,
    separate_directions: bool = False,
    bits_per_symbol: _Bits = None,
    *,
    given: GivenPaths | None = None,
    most_hops_more: int | None = None,
    wanted: NDArray[np.bool_] | None = None,
) -> PathTable:
    """Return at most k candidate paths of every pair of endpoints, in the order in which they are tried.

    The other arguments are those of `k_shortest_paths`; most_hops_more is for the path order "hops". With
    "hops_per_bit" as an order, paths out of reach are left out. Raise TiesError where more than 100,000 paths
    of two nodes are equal and the rule would have to compare them all, and ValueError as `k_shortest_paths`.
    """
    if rule.is_one_search:
        return k_shortest_paths(
            topology,
            k,
            rule.path_order,
            separate_directions,
            bits_per_symbol,
            given=given,
            most_hops_more=most_hops_more,
            wanted=wanted,
        )
    candidates = _candidates(topology, rule, bits_per_symbol)
    in_order = _in_order(topology, rule, bits_per_symbol)
    paths: dict[tuple[int, int], list[_Nodes]] = {}
    for source in topology.endpoints:
        for destination in topology.endpoints:
            if source == destination:
                continue
            paths[source, destination] = []
            if wanted is None or wanted[source, destination]:
                there = given_between(given, source, destination)
                if there is None:
                    there = in_order(list(islice(candidates(source, destination), k)))
                paths[source, destination] = list(islice(short_paths(there, most_hops_more), k))
    if not topology.has_parallel_links:
        return path_table(topology, separate_directions, paths)
    key = _key_of_choices(topology, rule, bits_per_symbol)
    is_given = {pair for pair in paths if given_between(given, *pair) is not None}
    return path_table(topology, separate_directions, paths, key, in_order=is_given)


def count_ties(
    topology: Topology,
    k: int,
    rule: PathRule,
    paths: PathTable,
    bits_per_symbol: _Bits = None,
    *,
    given: GivenPaths | None = None,
    wanted: NDArray[np.bool_] | None = None,
) -> TieCount:
    """Return how many pairs have ties. paths: of `paths_by_rule`, with the same other arguments.

    Paths that are given are not chosen among others, and have no ties.
    """
    pairs = list(map(tuple, paths.pairs.tolist()))
    is_chosen = np.array([given_between(given, *pair) is None for pair in pairs], dtype=np.bool_)
    if wanted is not None:
        is_chosen &= wanted[paths.pairs[:, 0], paths.pairs[:, 1]]
    in_order = int((_tied_in_order(topology, rule, paths, bits_per_symbol) & is_chosen).sum())
    number = len(pairs) if wanted is None else int(wanted.sum())
    if rule.candidate_order == LINK_DISJOINT:
        return TieCount(number, None, in_order)
    if len(paths.tied):
        return TieCount(number, int((paths.tied & is_chosen).sum()), in_order)
    measures = PathMeasures(topology, rule.candidate_order, bits_per_symbol)
    best = BestPaths(topology, rule.candidate_order, bits_per_symbol)

    @cache
    def is_tied(a: int, b: int) -> bool:
        found = [_first(measures.of(nodes)) for nodes in islice(best.between(a, b), k + 1)]
        return len(found) > k and found[k - 1] == found[k]

    at_last_place = sum(
        is_tied(*(pair if topology.has_directions else sorted(pair)))
        for pair, chosen in zip(pairs, is_chosen.tolist(), strict=True)
        if chosen
    )
    return TieCount(number, at_last_place, in_order)


def _tied_in_order(
    topology: Topology, rule: PathRule, paths: PathTable, bits: _Bits
) -> NDArray[np.bool_]:
    """Return bool[pair]: whether two paths of a pair are equal in the order in which they are tried."""
    hops = np.diff(paths.first_hop)
    lengths = np.round(paths.length_km * 1e6).astype(np.int64)
    measures = PathMeasures(topology, rule.path_order, bits)
    sums, which = np.unique((hops.astype(np.int64) << _LENGTH_BITS) + lengths, return_inverse=True)
    measured = [
        _first(measures.of_sums(each >> _LENGTH_BITS, each & ((1 << _LENGTH_BITS) - 1)))
        for each in sums.tolist()
    ]
    place = {value: place for place, value in enumerate(dict.fromkeys(measured))}
    value = np.array([place[each] for each in measured], dtype=np.int64)[which]
    pair = np.repeat(np.arange(len(paths.pairs)), np.diff(paths.first_path))
    order = np.lexsort((value, pair))
    pair, value = pair[order], value[order]
    is_equal = (pair[1:] == pair[:-1]) & (value[1:] == value[:-1])
    tied = np.zeros(len(paths.pairs), dtype=np.bool_)
    tied[pair[1:][is_equal]] = True
    return tied


def _candidates(topology: Topology, rule: PathRule, bits: _Bits) -> _Between:
    """Return the paths of two nodes from which the first k are candidates."""
    if rule.candidate_order == LINK_DISJOINT:
        return lambda a, b: _link_disjoint(topology, rule, bits, a, b)
    if rule.candidate_ties in LISTED:
        directed = LISTED[rule.candidate_ties]
        return ListedPaths(topology, rule.candidate_order, directed=directed).between
    return _best(topology, rule.candidate_order, rule.candidate_ties, rule.salt, bits)


def _best(topology: Topology, order: str, ties: str, salt: int, bits: _Bits) -> _Between:
    """Return the paths of two nodes in an order, with ties by a rule."""
    best = BestPaths(topology, order, bits)
    if ties == "shortest":
        return best.between
    measures = PathMeasures(topology, order, bits)
    key = _key(topology, measures, ties, salt)

    def between(source: int, destination: int) -> Iterator[_Nodes]:
        paths = best.between(source, destination)
        for _, equal in groupby(paths, key=lambda nodes: _first(measures.of(nodes))):
            group = list(islice(equal, _MOST_EQUAL + 1))
            if len(group) > _MOST_EQUAL:
                ends = " and ".join(topology.nodes[node] for node in (source, destination))
                raise TiesError(
                    f"more than {_MOST_EQUAL:,} paths between {ends} are equal, which is too many for "
                    "this rule"
                )
            yield from sorted(group, key=key)

    return between


def _link_disjoint(
    topology: Topology, rule: PathRule, bits: _Bits, source: int, destination: int
) -> Iterator[_Nodes]:
    """Yield the first path of two nodes, the first that shares no link with it, and so on."""
    links = topology.links
    while True:
        left = topology._replace(links=_within_reach(links, destination))
        if not any(source in link[:2] for link in left.links):
            return
        best = _best(left, rule.path_order, rule.candidate_ties, rule.salt, bits)
        nodes = next(best(source, destination), None)
        if nodes is None:
            return
        yield nodes
        taken = {frozenset(hop) for hop in pairwise(nodes)}
        links = tuple(link for link in links if frozenset(link[:2]) not in taken)


def _within_reach(
    links: tuple[tuple[int, int, float], ...], node: int
) -> tuple[tuple[int, int, float], ...]:
    """Return the links that some way leads to from a node."""
    reached, size = {node}, 0
    while len(reached) > size:
        size = len(reached)
        for a, b, _ in links:
            if a in reached or b in reached:
                reached |= {a, b}
    return tuple(link for link in links if link[0] in reached)


def _in_order(
    topology: Topology, rule: PathRule, bits: _Bits
) -> Callable[[list[_Nodes]], Iterator[_Nodes]]:
    """Return what puts candidates in the order in which they are tried."""
    chosen_by = rule.candidate_order, rule.candidate_ties
    if chosen_by in (
        (rule.path_order, rule.path_ties),
        (LINK_DISJOINT, rule.path_ties),
    ):
        return iter
    measures = PathMeasures(topology, rule.path_order, bits)
    key = _key(topology, measures, rule.path_ties, rule.salt)

    def in_order(paths: list[_Nodes]) -> Iterator[_Nodes]:
        return iter(sorted((nodes for nodes in paths if measures.of(nodes) is not None), key=key))

    return in_order


def _key(topology: Topology, measures: PathMeasures, ties: str, salt: int) -> _Key:
    """Return what paths within reach are sorted by, of a length in 1e-6 km or over the shortest links."""

    def key(nodes: _Nodes, length: int | None = None) -> tuple[object, ...]:
        measured = (
            measures.of(nodes) if length is None else measures.of_sums(len(nodes) - 1, length)
        )
        assert measured is not None
        first, *rest = measured
        if ties == "shortest":
            return (first, *rest, nodes)
        if ties == "longest":
            return (first, *(-value for value in rest), nodes)
        if ties == "nodes":
            return (first, nodes)
        if ties == "hash":
            return (first, len(nodes), _digest(topology, salt, nodes))
        if ties in LISTED:
            return (first,)  # sorting leaves what is equal in the order in which it is
        raise ValueError(
            f"rule for ties {ties!r}: must be shortest, longest, nodes, hash or listed"
        )

    return key


def _key_of_choices(topology: Topology, rule: PathRule, bits: _Bits) -> PathKey:
    """Return what paths over parallel links are sorted by."""
    measures = PathMeasures(topology, rule.path_order, bits)
    key = _key(topology, measures, rule.path_ties, rule.salt)

    def of_choice(nodes: _Nodes, length: int) -> tuple[object, ...] | None:
        reached = measures.of_sums(len(nodes) - 1, length) is not None
        return key(nodes, length) if reached else None

    return of_choice


def _digest(topology: Topology, salt: int, nodes: _Nodes) -> bytes:
    names = ", ".join(topology.nodes[node] for node in nodes)
    return hashlib.sha256(f"{salt or ''}[{names}]".encode()).digest()


def _first(measured: tuple[int, ...] | None) -> int | None:
    return None if measured is None else measured[0]
