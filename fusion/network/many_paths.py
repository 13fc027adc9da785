"""Find the candidate paths of many pairs of nodes by compiled code, in threads.

They are the same, in the same order, as those of `paths`; loading compiled code takes longer than the paths
of a small network.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from fusion.kernel.path_search import Arcs, Found, Room

_HOPS_PER_CHUNK = 1 << 19
_ENTRIES = 1 << 12


class Arc(NamedTuple):
    """A way to a neighbour, of least length. number: what a path is a list of."""

    tail: int
    head: int
    length: int
    number: int


class FoundPaths(NamedTuple):
    """Paths of ordered pairs of nodes, by pair, best first.

    number: int32[pair], paths of each. tied: bool[pair], whether a pair has one more that is as good as the
    last by what the order compares first. hops: int32[path]. length: int64[path], in 1e-6 km. links:
    int32[hop].
    """

    number: NDArray[np.int32]
    tied: NDArray[np.bool_]
    hops: NDArray[np.int32]
    length: NDArray[np.int64]
    links: NDArray[np.int32]

    def without_longer(self, more: int) -> FoundPaths:
        """Return those with at most so many hops more than the first of their pair; they are by hops."""
        first = starts(self.number)
        fewest = np.zeros(len(self.number), dtype=np.int32)
        fewest[self.number > 0] = self.hops[first[:-1][self.number > 0]]
        is_short = self.hops <= np.repeat(fewest, self.number) + more
        return self._replace(
            number=np.diff(starts(is_short)[first]).astype(np.int32),
            hops=self.hops[is_short],
            length=self.length[is_short],
            links=self.links[np.repeat(is_short, self.hops)],
        )

    def node_lists(
        self, pairs: NDArray[np.int32], arcs: Sequence[Arc]
    ) -> Iterator[tuple[tuple[int, int], list[tuple[int, ...]]]]:
        """Yield each pair and its paths as lists of nodes."""
        head = {arc.number: arc.head for arc in arcs}
        first_path, first_hop = starts(self.number), starts(self.hops)
        for pair, (source, destination) in enumerate(pairs.tolist()):
            begin = first_hop[first_path[pair] : first_path[pair + 1] + 1].tolist()
            hops = [head[each] for each in self.links[begin[0] : begin[-1]].tolist()]
            lists = [
                (source, *hops[one - begin[0] : end - begin[0]]) for one, end in pairwise(begin)
            ]
            yield (source, destination), lists


class _Chunk(NamedTuple):
    """What a call of `search_to` finds. arcs: as numbers of 16 bits where these are enough."""

    source: NDArray[np.int32]
    destination: NDArray[np.int32]
    number: NDArray[np.int32]
    tied: NDArray[np.bool_]
    hops: NDArray[np.int32]
    cost: NDArray[np.int64]
    arcs: NDArray[Any]


def cost_bits(nodes: int, lengths: Sequence[int]) -> tuple[int, int] | None:
    """Return the bits of hops and of length in the cost of a path; None: they do not fit into one number."""
    bits = nodes.bit_length(), sum(sorted(lengths)[-nodes:]).bit_length()
    return bits if sum(bits) <= 61 else None


def many_paths(
    nodes: int,
    arcs: Sequence[Arc],
    endpoints: Sequence[int],
    wanted: NDArray[np.bool_],
    k: int,
    order: str,
    threads: int | None = None,
) -> FoundPaths:
    """Return the k best paths of all ordered pairs of endpoints that are wanted, none of the others.

    arcs: at most one from a node to another. wanted: bool[node, node]. order: km or hops. threads: None: one
    for each CPU. Costs of paths must fit, see `cost_bits`.
    """
    from fusion.kernel.path_search import Arcs  # loads numba; small networks need none

    arcs = sorted(arcs)
    tail, head, number = (
        np.array([getattr(arc, name) for arc in arcs], dtype=np.int32)
        for name in ("tail", "head", "number")
    )
    bits = cost_bits(nodes, [arc.length for arc in arcs])
    assert bits is not None
    hop_bits, length_bits = bits
    length = np.array([arc.length for arc in arcs], dtype=np.int64)
    by_km = order == "km"
    cost = (length << hop_bits) + 1 if by_km else (np.int64(1) << length_bits) + length
    into = np.argsort(head, kind="stable").astype(np.int32)
    places = np.arange(nodes + 1)
    opposite = {(arc.tail, arc.head): place for place, arc in enumerate(arcs)}
    against = [opposite.get((arc.head, arc.tail), -1) for arc in arcs]
    is_both = all(
        place >= 0 and arcs[place].length == arc.length
        for place, arc in zip(against, arcs, strict=True)
    )
    graph = Arcs(
        np.searchsorted(tail, places).astype(np.int32),
        head,
        tail,
        cost,
        np.searchsorted(head[into], places).astype(np.int32),
        into,
        np.array(against if is_both else [], dtype=np.int32),
    )
    left = np.array(wanted, order="C")
    later = (1 << (hop_bits if by_km else length_bits)) - 1
    finder = _Finder(graph, left, k, later)
    pool = ThreadPoolExecutor(threads or _cpus())
    chunks: list[_Chunk] = []
    try:
        for both in (True, False) if is_both else (False,):
            # The last first: they have most pairs.
            for found in pool.map(
                lambda node, both=both: finder.paths_to(node, both), endpoints[::-1]
            ):
                chunks += found
    finally:
        finder.is_stopped = True
        pool.shutdown(cancel_futures=True)

    joined = _joined(nodes, endpoints, chunks, number)
    lengths = joined.length >> hop_bits if by_km else joined.length & ((1 << length_bits) - 1)
    return joined._replace(length=lengths)


class _Finder:
    """Finds the paths to a node, in as many threads as there are, each with room of its own."""

    def __init__(self, graph: Arcs, wanted: NDArray[np.bool_], k: int, later: int) -> None:
        self.is_stopped = False
        self._graph, self._wanted, self._k, self._later = graph, wanted, k, later
        self._entries = _ENTRIES + 8 * len(wanted) + 8 * k
        self._own = threading.local()
        self._type = np.uint16 if len(graph.head) <= 1 << 16 else np.int32

    def paths_to(self, node: int, is_both: bool) -> list[_Chunk]:
        """Return the paths of the pairs that are wanted, see `search_to`."""
        from fusion.kernel.path_search import search_to

        if not (self._wanted[:node, node] if is_both else self._wanted[:, node]).any():
            return []
        chunks = []
        first = 0
        while first < len(self._wanted) and not self.is_stopped:
            room, found = self._room(), self._found()
            first = search_to(
                self._graph, room, found, self._wanted, first, node, self._k, self._later, is_both
            )
            pairs, paths, hops = found.used.tolist()
            chunks.append(
                _Chunk(
                    found.source[:pairs].copy(),
                    found.destination[:pairs].copy(),
                    found.number[:pairs].copy(),
                    found.tied[:pairs].copy(),
                    found.hops[:paths].copy(),
                    found.cost[:paths].copy(),
                    found.arcs[:hops].astype(self._type),
                )
            )
            if first < 0:
                first = -1 - first
                self._own.entries = 2 * self._own.entries
                self._own.room = None
        return chunks

    def _room(self) -> Room:
        from fusion.kernel.path_search import new_room

        own = self._own
        if getattr(own, "room", None) is None:
            own.entries = getattr(own, "entries", self._entries)
            own.room = new_room(len(self._wanted), len(self._graph.head), self._k, own.entries)
        room: Room = own.room
        return room

    def _found(self) -> Found:
        from fusion.kernel.path_search import new_found

        own = self._own
        if getattr(own, "found", None) is None:
            own.found = new_found(len(self._wanted), self._k, _HOPS_PER_CHUNK)
        found: Found = own.found
        return found


def _joined(
    nodes: int, endpoints: Sequence[int], chunks: list[_Chunk], number_of: NDArray[np.int32]
) -> FoundPaths:
    """Return the paths of all pairs, with costs for lengths, and empty the list of chunks.

    number_of: int32[arc].
    """
    place = np.zeros(nodes, dtype=np.int64)
    place[np.array(endpoints)] = np.arange(len(endpoints))
    number = np.zeros(len(endpoints) * (len(endpoints) - 1), dtype=np.int32)
    tied = np.zeros(len(number), dtype=np.bool_)

    def pairs_of(chunk: _Chunk) -> NDArray[np.int64]:
        source, destination = place[chunk.source], place[chunk.destination]
        pair = source * (len(endpoints) - 1) + destination - (destination > source)
        return np.asarray(pair)

    for chunk in chunks:
        pair = pairs_of(chunk)
        number[pair], tied[pair] = chunk.number, chunk.tied
    first_path = starts(number)
    hops = np.empty(first_path[-1], dtype=np.int32)
    length = np.empty(first_path[-1], dtype=np.int64)
    for chunk in chunks:
        paths = _targets(first_path[pairs_of(chunk)], chunk.number)
        hops[paths], length[paths] = chunk.hops, chunk.cost
    first_hop = starts(hops)
    links = np.empty(first_hop[-1], dtype=np.int32)
    while chunks:
        chunk = chunks.pop()
        paths = _targets(first_path[pairs_of(chunk)], chunk.number)
        links[_targets(first_hop[paths], chunk.hops)] = number_of[chunk.arcs]
    return FoundPaths(number, tied, hops, length, links)


def starts(sizes: NDArray[Any]) -> NDArray[np.int64]:
    """Return where the members of each group begin, and where the last end. sizes: of the groups."""
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])


def _targets(first: NDArray[np.int64], sizes: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the places of the members of groups, each next to the other. first, sizes: of the groups."""
    begin = np.cumsum(sizes, dtype=np.int64) - sizes
    return np.asarray(np.arange(sizes.sum()) + np.repeat(first - begin, sizes))


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
