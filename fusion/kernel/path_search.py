"""The k best simple paths of many pairs of nodes, in exact order, where costs of links add up.

The search is that of `fusion.network.paths`, best first over the beginnings of paths, which says why its
order is exact. Here a beginning is a place on a path that is known and the arc that leaves it there, and
nothing is copied. What is known of a beginning first is that the best way from its end is on the tree of best
ways to the destination; if that way comes back to the beginning, the best one that does not is searched for
(A*: P. E. Hart, N. J. Nilsson, B. Raphael, IEEE Trans. Syst. Sci. Cybern. 4 (1968) 100), led by the costs on
the tree. Either way, the paths with that beginning are one path that is known and what leaves it later (E. L.
Lawler, Management Science 18 (1972) 401).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fusion.kernel import compiled, inner
from fusion.kernel.arrays import Int32s, Int64s

UNREACHED = 1 << 62
"""Cost of a node that no way leads to; costs of paths are below."""

_BEGINNING, _PROVED, _COMPLETE = 0, 1, 2

NO_ROOM = -1


class Arcs(NamedTuple):
    """A graph, at most one arc from a node to another.

    first: int32[node + 1], the arcs from node i are first[i] to first[i + 1] - 1, ascending by head. head,
    tail: int32[arc]. cost: int64[arc], above 0. into_first, into: the same by head, as numbers of arcs. back:
    int32[arc], the arc against it, of the same cost, or of size 0 where some have none.
    """

    first: Int32s
    head: Int32s
    tail: Int32s
    cost: Int64s
    into_first: Int32s
    into: Int32s
    back: Int32s


class Room(NamedTuple):
    """What a search writes on.

    rest: int64[node], least cost to the destination. onward: int32[node], the arc to take there, of equal
    ones that to the smallest node. mark: int32[node], equal to counter[0] on a beginning. reached:
    int64[node], int32[node] seen and via: of A*. queue_key, queue_node: int64[arc + 1], int32[arc + 1], a
    heap of nodes.

    Of entries [entry]: int64 key and cost; int32 base, place, arc; int8 kind. heap: int32[entry]. Of paths
    that are known: int32 begin[path], size[path]; nodes, over: int32[...], nodes and arcs; known: int64[k +
    1], the least of their costs, ascending.
    """

    rest: Int64s
    onward: Int32s
    mark: Int32s
    reached: Int64s
    seen: Int32s
    via: Int32s
    counter: Int32s
    queue_key: Int64s
    queue_node: Int32s
    key: Int64s
    cost: Int64s
    base: Int32s
    place: Int32s
    arc: Int32s
    kind: Any
    heap: Int32s
    begin: Int32s
    size: Int32s
    nodes: Int32s
    over: Int32s
    known: Int64s


class Found(NamedTuple):
    """Where paths are written.

    source, destination: int32[pair]. number: int32[pair], how many there are. tied: bool[pair], whether there
    is one more that is as good as the last by what is compared first. hops: int32[path]. cost: int64[path].
    arcs: int32[hop]. used: int64[3], pairs, paths and hops that are written.
    """

    source: Int32s
    destination: Int32s
    number: Int32s
    tied: Any
    hops: Int32s
    cost: Int64s
    arcs: Int32s
    used: Int64s


def new_room(nodes: int, arcs: int, k: int, entries: int) -> Room:
    """Return room for so many entries."""

    def ints(size: int) -> Any:
        return np.zeros(size, dtype=np.int32)

    def longs(size: int) -> Any:
        return np.zeros(size, dtype=np.int64)

    paths = entries // 4
    return Room(
        longs(nodes),
        ints(nodes),
        ints(nodes),
        longs(nodes),
        ints(nodes),
        ints(nodes),
        ints(1),
        longs(arcs + 2),
        ints(arcs + 2),
        longs(entries),
        longs(entries),
        ints(entries),
        ints(entries),
        ints(entries),
        np.zeros(entries, dtype=np.int8),
        ints(entries),
        ints(paths),
        ints(paths),
        ints(entries * 4 + nodes),
        ints(entries * 4 + nodes),
        longs(k + 1),
    )


def new_found(nodes: int, k: int, hops: int) -> Found:
    """Return room for the paths to one node, both ways, and for so many hops at a time."""
    pairs, paths = 2 * nodes, 2 * k * nodes
    source, destination, number = (np.zeros(pairs, dtype=np.int32) for _ in range(3))
    return Found(
        source,
        destination,
        number,
        np.zeros(pairs, dtype=np.bool_),
        np.zeros(paths, dtype=np.int32),
        np.zeros(paths, dtype=np.int64),
        np.zeros(max(hops, 2 * k * (nodes + 1)), dtype=np.int32),
        np.zeros(3, dtype=np.int64),
    )


@inner
def _push_node(room: Room, size: int, key: int, node: int) -> int:
    keys, nodes = room.queue_key, room.queue_node
    at = size
    while at > 0:
        up = (at - 1) >> 1
        if keys[up] <= key:
            break
        keys[at], nodes[at] = keys[up], nodes[up]
        at = up
    keys[at], nodes[at] = key, node
    return size + 1


@inner
def _pop_node(room: Room, size: int) -> int:
    """Take the first node away; it is read before."""
    keys, nodes = room.queue_key, room.queue_node
    size -= 1
    key, node = keys[size], nodes[size]
    at = 0
    while True:
        down = 2 * at + 1
        if down >= size:
            break
        if down + 1 < size and keys[down + 1] < keys[down]:
            down += 1
        if keys[down] >= key:
            break
        keys[at], nodes[at] = keys[down], nodes[down]
        at = down
    keys[at], nodes[at] = key, node
    return size


@inner
def _tree(arcs: Arcs, room: Room, destination: int) -> None:
    """Find the least cost from each node to the destination (Dijkstra's algorithm), and the way."""
    rest = room.rest
    rest[:] = UNREACHED
    rest[destination] = 0
    size = _push_node(room, 0, 0, destination)
    while size:
        cost, node = room.queue_key[0], room.queue_node[0]
        size = _pop_node(room, size)
        if cost > rest[node]:
            continue
        for place in range(arcs.into_first[node], arcs.into_first[node + 1]):
            arc = arcs.into[place]
            other, new = arcs.tail[arc], cost + arcs.cost[arc]
            if new < rest[other]:
                rest[other] = new
                size = _push_node(room, size, new, other)
    for node in range(rest.shape[0]):
        room.onward[node] = -1
        if node != destination and rest[node] < UNREACHED:
            for arc in range(arcs.first[node], arcs.first[node + 1]):
                if arcs.cost[arc] + rest[arcs.head[arc]] == rest[node]:
                    room.onward[node] = arc
                    break


@inner
def _is_before(room: Room, arcs: Arcs, one: int, other: int) -> bool:
    """Return whether an entry comes before another: by key, then by the list of nodes."""
    if room.key[one] != room.key[other]:
        return room.key[one] < room.key[other]
    a, b = room.begin[room.base[one]], room.begin[room.base[other]]
    i, j = room.place[one], room.place[other]
    last_i = arcs.head[room.arc[one]] if room.arc[one] >= 0 else -1
    last_j = arcs.head[room.arc[other]] if room.arc[other] >= 0 else -1
    size_i = i + (last_i >= 0)
    size_j = j + (last_j >= 0)
    for place in range(min(size_i, size_j)):
        left = room.nodes[a + place] if place < i else last_i
        right = room.nodes[b + place] if place < j else last_j
        if left != right:
            return left < right
    return size_i < size_j


@inner
def _push(room: Room, arcs: Arcs, size: int, entry: int) -> int:
    heap = room.heap
    at = size
    while at > 0:
        up = (at - 1) >> 1
        if not _is_before(room, arcs, entry, heap[up]):
            break
        heap[at] = heap[up]
        at = up
    heap[at] = entry
    return size + 1


@inner
def _pop(room: Room, arcs: Arcs, size: int) -> int:
    heap = room.heap
    size -= 1
    entry = heap[size]
    at = 0
    while True:
        down = 2 * at + 1
        if down >= size:
            break
        if down + 1 < size and _is_before(room, arcs, heap[down + 1], heap[down]):
            down += 1
        if not _is_before(room, arcs, heap[down], entry):
            break
        heap[at] = heap[down]
        at = down
    heap[at] = entry
    return size


@inner
def _detour(arcs: Arcs, room: Room, start: int, destination: int) -> int:
    """Return the least cost of a way that keeps off what is marked; `via` has the arcs of it."""
    counter = room.counter[0]
    rest, reached, seen = room.rest, room.reached, room.seen
    reached[start], seen[start] = 0, counter
    size = _push_node(room, 0, rest[start], start)
    while size:
        bound, node = room.queue_key[0], room.queue_node[0]
        size = _pop_node(room, size)
        cost = reached[node]
        if node == destination:
            return cost
        if bound > cost + rest[node]:
            continue
        for arc in range(arcs.first[node], arcs.first[node + 1]):
            other = arcs.head[arc]
            if room.mark[other] == counter or rest[other] >= UNREACHED:
                continue
            new = cost + arcs.cost[arc]
            if seen[other] != counter or new < reached[other]:
                reached[other], seen[other], room.via[other] = new, counter, arc
                size = _push_node(room, size, new + rest[other], other)
    return -1


@inner
def _know(room: Room, known: int, k: int, key: int) -> int:
    """Take the key of a path that is known into the k + 1 least ones."""
    keys = room.known
    if known == k + 1 and key >= keys[k]:
        return known
    at = min(known, k)
    while at > 0 and keys[at - 1] > key:
        keys[at] = keys[at - 1]
        at -= 1
    keys[at] = key
    return min(known + 1, k + 1)


@inner
def _limit(room: Room, known: int, k: int, later: int) -> int:
    """Return the key above which no path is needed: that of the last, or of what may be tied with it."""
    if known < k:
        return UNREACHED
    last = room.known[k - 1]
    is_tied = known > k and room.known[k] <= last | later
    return last if is_tied else last | later


@inner
def _search(
    arcs: Arcs, room: Room, found: Found, source: int, destination: int, k: int, later: int
) -> int:
    """Write the k best paths of a pair, and return whether the next may cost as much as the last.

    later: the bits of a cost that are compared only where the others are equal. NO_ROOM: entries are used up.
    """
    nodes, over, begin = room.nodes, room.over, room.begin
    entries, paths, places, size, known, written = 0, 0, 0, 0, 0, 0
    path_places = found.used[1]
    hop_places = found.used[2]
    most_nodes = room.rest.shape[0]
    if room.rest[source] >= UNREACHED:
        pair = found.used[0]
        found.source[pair], found.destination[pair], found.number[pair] = source, destination, 0
        found.tied[pair] = False
        found.used[0] = pair + 1
        return 0
    limit, is_tied, may_be_equal = UNREACHED, False, False
    # The first entry: all paths.
    base, place, arc = -1, 0, -1
    key, cost, kind, end = room.rest[source], np.int64(0), _BEGINNING, source
    while True:
        if kind == _COMPLETE and written < k:
            first, length = begin[base], room.size[base]
            for at in range(first, first + length - 1):
                found.arcs[hop_places] = over[at]
                hop_places += 1
            found.hops[path_places] = length - 1
            found.cost[path_places] = key
            path_places += 1
            written += 1
            if written == k:
                may_be_equal = size > 0 and room.key[room.heap[0]] == key
                limit = key | later
        elif kind != _COMPLETE:
            if paths + 1 >= begin.shape[0] or places + 2 * most_nodes >= nodes.shape[0]:
                return NO_ROOM
            room.counter[0] += 1
            counter = room.counter[0]
            is_ready = True
            if kind == _BEGINNING:
                # The best path with this beginning.
                first = places
                for at in range(place):
                    node = nodes[begin[base] + at]
                    nodes[first + at] = node
                    over[first + at] = over[begin[base] + at]
                    room.mark[node] = counter
                if arc >= 0:
                    over[first + place - 1] = arc
                nodes[first + place] = end
                room.mark[end] = counter
                at, node = first + place, end
                while node != destination:
                    step = room.onward[node]
                    node = arcs.head[step]
                    if room.mark[node] == counter:
                        at = -1
                        break
                    over[at] = step
                    at += 1
                    nodes[at] = node
                total = key
                if at < 0:
                    rest = _detour(arcs, room, end, destination)
                    total = cost + rest
                    if rest < 0 or total > limit:
                        is_ready = False
                    else:
                        hops, node = 0, destination
                        while node != end:
                            hops += 1
                            node = arcs.tail[room.via[node]]
                        at, node = first + place + hops, destination
                        while node != end:
                            nodes[at] = node
                            at -= 1
                            over[at] = room.via[node]
                            node = arcs.tail[room.via[node]]
                        at = first + place + hops
                if is_ready:
                    base = paths
                    begin[base], room.size[base] = first, at - first + 1
                    paths += 1
                    places = at + 1
                    known = _know(room, known, k, total)
                    limit = _limit(room, known, k, later)
                    if total > key:
                        # It waits for its turn.
                        is_ready = False
                        if entries >= room.key.shape[0]:
                            return NO_ROOM
                        room.key[entries], room.cost[entries] = total, cost
                        room.base[entries], room.place[entries] = base, place + 1
                        room.arc[entries], room.kind[entries] = -1, _PROVED
                        size = _push(room, arcs, size, entries)
                        entries += 1
            else:
                place -= 1
                for at in range(begin[base], begin[base] + place):
                    room.mark[nodes[at]] = counter
            if is_ready:
                # That path, and all that leaves it from here on.
                first, length = begin[base], room.size[base]
                if entries + 1 >= room.key.shape[0]:
                    return NO_ROOM
                for at in range(place, length - 1):
                    node, following = nodes[first + at], over[first + at]
                    room.mark[node] = counter
                    for other in range(arcs.first[node], arcs.first[node + 1]):
                        to = arcs.head[other]
                        if other == following or room.mark[to] == counter:
                            continue
                        if room.rest[to] >= UNREACHED:
                            continue
                        bound = cost + arcs.cost[other] + room.rest[to]
                        if bound > limit:
                            continue
                        if entries + 1 >= room.key.shape[0]:
                            return NO_ROOM
                        room.key[entries] = max(bound, key)
                        room.cost[entries] = cost + arcs.cost[other]
                        room.base[entries], room.place[entries] = base, at + 1
                        room.arc[entries], room.kind[entries] = other, _BEGINNING
                        size = _push(room, arcs, size, entries)
                        entries += 1
                    cost += arcs.cost[following]
                room.key[entries], room.cost[entries] = key, cost
                room.base[entries], room.place[entries] = base, length
                room.arc[entries], room.kind[entries] = -1, _COMPLETE
                size = _push(room, arcs, size, entries)
                entries += 1
        if written == k and known > k and room.known[k] <= room.known[k - 1] | later:
            is_tied = True
            break
        if size == 0:
            break
        entry = room.heap[0]
        size = _pop(room, arcs, size)
        if room.key[entry] > limit:
            break
        key, cost, kind = room.key[entry], room.cost[entry], room.kind[entry]
        base, place, arc = room.base[entry], room.place[entry], room.arc[entry]
        end = arcs.head[arc] if arc >= 0 else -1
    pair = found.used[0]
    found.source[pair], found.destination[pair] = source, destination
    found.number[pair], found.tied[pair] = written, is_tied
    found.used[0] = pair + 1
    found.used[1], found.used[2] = path_places, hop_places
    return 1 if may_be_equal else 0


@inner
def _is_smaller(arcs: Arcs, found: Found, one: int, other: int, hops: int) -> bool:
    """Return whether the nodes of one path, read from its end, are a smaller list. one, other: first hops."""
    for at in range(hops):
        left = arcs.tail[found.arcs[one + hops - 1 - at]]
        right = arcs.tail[found.arcs[other + hops - 1 - at]]
        if left != right:
            return left < right
    return False


@inner
def _write_reversed(arcs: Arcs, room: Room, found: Found, pair: int) -> None:
    """Write the paths of the pair that was written last, in the other direction, in their order there."""
    number = found.number[pair]
    first_path = found.used[1] - number
    begins, order = room.place, room.heap
    end = found.used[2]
    for at in range(number - 1, -1, -1):
        end -= found.hops[first_path + at]
        begins[at] = end
    for at in range(number):
        path = first_path + at
        to = at
        while (
            to > 0
            and found.cost[first_path + order[to - 1]] == found.cost[path]
            and found.hops[first_path + order[to - 1]] == found.hops[path]
            and _is_smaller(arcs, found, begins[at], begins[order[to - 1]], found.hops[path])
        ):
            order[to] = order[to - 1]
            to -= 1
        order[to] = at
    places = found.used[2]
    for at in range(number):
        path = first_path + order[at]
        hops = found.hops[path]
        for hop in range(hops):
            found.arcs[places] = arcs.back[found.arcs[begins[order[at]] + hops - 1 - hop]]
            places += 1
        found.hops[first_path + number + at] = hops
        found.cost[first_path + number + at] = found.cost[path]
    found.source[pair + 1] = found.destination[pair]
    found.destination[pair + 1] = found.source[pair]
    found.number[pair + 1], found.tied[pair + 1] = number, found.tied[pair]
    found.used[0] += 1
    found.used[1] += number
    found.used[2] = places


@compiled(is_kept=True, nogil=True)
def search_to(
    arcs: Arcs,
    room: Room,
    found: Found,
    wanted: Any,
    first: int,
    destination: int,
    k: int,
    later: int,
    is_both: bool,
) -> int:
    """Write the k best paths to a node from the nodes `first` on; return with which node to go on.

    wanted: bool[source, destination]. later: see `_search`. is_both: the sources are those below the
    destination, of pairs that are wanted in both directions. What is found is taken from `wanted`; the way
    back stays if it has to be searched for, as other paths may be equal to the last. Return the number of
    nodes at the end, and -1 - node if there was too little room for the pair of a node.
    """
    _tree(arcs, room, destination)
    found.used[:] = 0
    nodes = destination if is_both else wanted.shape[0]
    most_hops = 2 * k * (wanted.shape[0] + 1)
    for source in range(first, nodes):
        if source == destination or not wanted[source, destination]:
            continue
        if is_both and not wanted[destination, source]:
            continue
        if (
            found.used[0] + 2 > found.source.shape[0]
            or found.used[1] + 2 * k > found.hops.shape[0]
            or found.used[2] + most_hops > found.arcs.shape[0]
        ):
            return source
        may_be_equal = _search(arcs, room, found, source, destination, k, later)
        if may_be_equal == NO_ROOM:
            return -1 - source
        wanted[source, destination] = False
        if is_both and not may_be_equal:
            _write_reversed(arcs, room, found, found.used[0] - 1)
            wanted[destination, source] = False
    return wanted.shape[0]
