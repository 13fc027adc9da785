"""The capacity of routes, and what of it a lightpath takes away (MSCL).

The capacity of a route for a width is the number of starts at which so many contiguous slots are free on all
its links. In a free run of L slots that is max(0, L - width + 1), and f(L) is the sum over the widths that
count. A lightpath over a part of the run leaves f(slots before) + f(slots behind). So what it takes from a
route depends on the runs that it touches alone, and it is a sum over slots: with g(n) = f(n) - f(n - 1), the
widths up to n, a lightpath from slot s on takes

    T(s) + H(s) + H(s + 1) + ... up to its last slot,

where d slots of the run lie before a slot and n are from it to the end: H = g(n), and
T = f(L) - f(n) - f(d), what the runs that start before s lose. Both are 0 in a slot that is taken. They do
not depend on the lightpath, so they are added up over routes first, both in one integer.

R. C. Almeida Jr., A. F. dos Santos, K. D. R. Assis, H. Waldman, J. F. Martins-Filho, "Slot assignment
strategy to reduce loss of capacity of contiguous-slot path requests in flexible grid optical networks",
Electronics Letters 49(5), 2013, pp. 359-361. Several routes of a pair: M. L. Santos, R. C. Almeida Jr., D. R.
B. Araújo, "Multi-route spectrum assignment by slot-continuity capacity loss in elastic optical networks",
SBrT 2021.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.kernel import inner
from fusion.kernel.arrays import Int32s, Int64s, Network, Words
from fusion.kernel.spectrum import (
    ONE,
    ONES,
    WORD_BITS,
    ZERO,
    common_word,
    leading_zeros,
    starts_in_word,
    trailing_zeros,
)

Ints = NDArray[np.int32] | NDArray[np.int64]
"""int32 where all sums fit in it, which takes half of the time; else int64."""

BLOCK = 32
"""Sums are made of so many slots at once, whether all of them are needed or not: that is faster."""


class Capacity(NamedTuple):
    """The routes whose capacity counts, what that is, and room for sums. Widths include the guard band."""

    route: Int32s
    """int32[route]: the candidate path that it is."""
    own: Int32s
    """int32[path]: the route that a path is, or -1."""
    by_path: bool
    """Whether `first_over` is by path: routes with a link in common; or by link: those over it."""
    first_over: Int32s
    """int32[path + 1] or int32[link + 1]: routes are over[first_over[each]:first_over[each + 1]]."""
    over: Int32s
    kind: Int32s
    """int32[path]: which widths count on it: a row of the tables."""
    half: int
    """Bits of H in a sum; T has those above."""
    whole: Ints
    """int[kind, slots]: f, shifted by `half`."""
    to_end: Ints
    """int[kind, any]: g(n) less f(n) shifted, in column `slots` - n, for n slots to the end of a run."""
    seen: Int64s
    """int64[route + 1]: the last search that met it; behind the last the number of the search at hand."""
    met: Int32s
    """int32[route], overwritten."""
    starts: Words
    """uint64[word], overwritten."""
    common: Words
    """uint64[1, 1, word], overwritten."""
    total: Ints
    """int[slot], overwritten."""


class Kept(NamedTuple):
    """T and H of all routes, kept up to date as lightpaths come and go."""

    free: Words
    """uint64[plane, route, word]: slots that are free on all links."""
    lost: Ints
    """int[plane, route, slot]: T and H."""


@inner
def ones_below(words: Words, plane: int, row: int, slot: int) -> Any:
    """Return how many slots just below one are free."""
    number, word = np.int64(0), (slot - 1) >> 6
    bits = np.int64(((slot - 1) & 63) + 1)
    while slot > 0 and word >= 0:
        taken = ~words[plane, row, word] << np.uint64(WORD_BITS - bits)
        more = leading_zeros(taken) if taken else np.int64(WORD_BITS)
        if more < bits:
            return number + more
        number += bits
        bits = np.int64(WORD_BITS)
        word -= 1
    return number


@inner
def ones_from(words: Words, plane: int, row: int, slot: int) -> Any:
    """Return how many slots from one on are free."""
    number, word, bit = np.int64(0), slot >> 6, np.int64(slot & 63)
    while word < words.shape[2]:
        taken = ~words[plane, row, word] >> np.uint64(bit)
        if taken:
            return number + trailing_zeros(taken)
        number += WORD_BITS - bit
        bit = np.int64(0)
        word += 1
    return number


@inner
def next_free(words: Words, plane: int, row: int, slot: int) -> Any:
    """Return the first free slot from one on; there is none: the number of all bits."""
    word, bit = slot >> 6, np.int64(slot & 63)
    while word < words.shape[2]:
        rest = words[plane, row, word] >> np.uint64(bit)
        if rest:
            return slot + trailing_zeros(rest)
        word += 1
        bit = np.int64(0)
        slot = word << 6
    return np.int64(words.shape[2] << 6)


@inner
def add_runs(
    total: Ints,
    words: Words,
    plane: int,
    row: int,
    whole: Ints,
    to_end: Ints,
    kind: int,
    low: int,
    high: int,
) -> None:
    """Add T and H of a route in the slots low ... high - 1 to total[slot - low]."""
    slots = whole.shape[1] - 1
    slot = np.int64(next_free(words, plane, row, low))
    while slot < high:
        begin = np.int64(slot - ones_below(words, plane, row, slot)) if slot == low else slot
        end = np.int64(slot + ones_from(words, plane, row, slot))
        of_all = whole[kind, end - begin]
        before, behind = np.int64(slot - begin), slots - (end - slot)
        place = np.int64(slot - low)
        for each in range((end if end < high else high) - slot):
            total[place + each] += of_all + to_end[kind, behind + each] - whole[kind, before + each]
        slot = np.int64(next_free(words, plane, row, end))


@inner
def fill_run(
    kept: Kept, plane: int, row: int, whole: Ints, to_end: Ints, kind: int, begin: int, end: int
) -> None:
    """Set T and H of a route in a free run."""
    size = np.int64(end - begin)
    behind = whole.shape[1] - 1 - size
    of_all = whole[kind, size]
    for each in range(size):
        kept.lost[plane, row, begin + each] = (
            of_all + to_end[kind, behind + each] - whole[kind, each]
        )


@inner
def count_assigned(
    network: Network, capacity: Capacity | None, kept: Kept | None, free: Words
) -> None:
    """Work T and H out for the spectrum as it is."""
    if capacity is not None and kept is not None:
        for plane in range(free.shape[0]):
            for row in range(capacity.route.shape[0]):
                path = capacity.route[row]
                hop, end = network.first_hop[path], network.first_hop[path + 1]
                for word in range(free.shape[2]):
                    kept.free[plane, row, word] = common_word(
                        free, plane, network.links, hop, end, word
                    )
                for slot in range(kept.lost.shape[2]):
                    kept.lost[plane, row, slot] = 0
                refill(capacity, kept, plane, row, np.int64(0), free.shape[2] * WORD_BITS)


@inner
def refill(capacity: Capacity, kept: Kept, plane: int, row: int, low: int, high: int) -> None:
    """Set T and H of a route in the free runs that have a slot in low ... high - 1."""
    kind = capacity.kind[capacity.route[row]]
    slot = np.int64(next_free(kept.free, plane, row, low))
    while slot < high:
        begin = slot
        if slot == low:
            begin = np.int64(slot - ones_below(kept.free, plane, row, slot))
        end = np.int64(slot + ones_from(kept.free, plane, row, slot))
        fill_run(kept, plane, row, capacity.whole, capacity.to_end, kind, begin, end)
        slot = np.int64(next_free(kept.free, plane, row, end))


@inner
def slots_of_word(word: int, start: int, end: int) -> Any:
    """Return the slots start ... end - 1 that lie in a word, as a bit mask. Some of them do."""
    mask = ONES
    if start > word << 6:
        mask = ONES << np.uint64(start & 63)
    if end < (word + 1) << 6:
        mask &= ONES >> np.uint64(WORD_BITS - (end & 63))
    return mask


@inner
def routes_with(network: Network, capacity: Capacity, path: int) -> Any:
    """Return (rows, begin, end): rows[begin:end] are the routes that have a link in common with a path."""
    rows, begin, end = capacity.over, np.int64(0), np.int64(0)
    if capacity.by_path:
        begin, end = np.int64(capacity.first_over[path]), np.int64(capacity.first_over[path + 1])
    else:
        rows = capacity.met
        search = capacity.seen[capacity.route.shape[0]] + 1
        capacity.seen[capacity.route.shape[0]] = search
        for h in range(network.first_hop[path], network.first_hop[path + 1]):
            link = network.links[h]
            for k in range(capacity.first_over[link], capacity.first_over[link + 1]):
                row = capacity.over[k]
                if capacity.seen[row] != search:
                    capacity.seen[row] = search
                    rows[end] = row
                    end += 1
    return rows, begin, end


@inner
def follow_assigned(
    network: Network,
    capacity: Capacity | None,
    kept: Kept | None,
    free: Words,
    path: int,
    plane: int,
    start: int,
    width: int,
    takes: bool,
) -> None:
    """Keep T and H up to date: slots of a path have just been taken in `free`, or given back."""
    if capacity is not None and kept is not None:
        end = np.int64(start + width)
        rows, first, last = routes_with(network, capacity, path)
        for k in range(first, last):
            row = np.int64(rows[k])
            changed = ZERO
            for word in range(start >> 6, ((end - 1) >> 6) + 1):
                mask = slots_of_word(word, start, end)
                before = kept.free[plane, row, word]
                now = before & ~mask
                if not takes:
                    on = capacity.route[row]
                    hop, behind = network.first_hop[on], network.first_hop[on + 1]
                    now = common_word(free, plane, network.links, hop, behind, word)
                changed |= before ^ now
                kept.free[plane, row, word] = now
            if changed:
                if takes:
                    for slot in range(start, end):
                        kept.lost[plane, row, slot] = 0
                behind = min(end + 1, np.int64(free.shape[2] * WORD_BITS))
                refill(capacity, kept, plane, row, np.int64(max(start - 1, 0)), behind)


@inner
def least_loss(
    network: Network,
    capacity: Capacity,
    kept: Kept | None,
    free: Words,
    path: int,
    plane: int,
    width: int,
) -> Any:
    """Return (start, loss) where a lightpath takes least capacity away; equal ones: the lowest. Or (-1, 0).

    From the path itself and from all routes that have a link in common with it.
    """
    hop, end = network.first_hop[path], network.first_hop[path + 1]
    low, high = np.int64(-1), np.int64(-1)
    for word in range(free.shape[2]):
        starts = starts_in_word(free, plane, network.links, hop, end, word, network.shifts, width)
        capacity.starts[word] = starts
        if starts:
            if low < 0:
                low = np.int64(word * WORD_BITS + trailing_zeros(starts))
            high = np.int64(word * WORD_BITS + 63 - leading_zeros(starts) + width)
    if low < 0:
        return np.int64(-1), np.int64(0)
    low &= -BLOCK
    high = (high + BLOCK - 1) & -BLOCK
    total = capacity.total
    for slot in range(high - low):
        total[slot] = 0
    if capacity.own[path] < 0:
        add_route(network, capacity, free, path, plane, low, high)
    rows, first, last = routes_with(network, capacity, path)
    for k in range(first, last):
        row = np.int64(rows[k])
        if kept is None:
            on = np.int64(capacity.route[row])
            add_route(network, capacity, free, on, plane, low, high)
        else:
            for slot in range(high - low):
                total[slot] += kept.lost[plane, row, low + slot]
    return least_start(capacity, low, width)


@inner
def loss_of(
    network: Network,
    capacity: Capacity,
    free: Words,
    path: int,
    plane: int,
    start: int,
    width: int,
) -> Any:
    """Return the loss of one lightpath, whose slots are free, as `least_loss` has it of the best one."""
    low, high = np.int64(start), np.int64(start + width)
    total = capacity.total
    for slot in range(width):
        total[slot] = 0
    if capacity.own[path] < 0:
        add_route(network, capacity, free, path, plane, low, high)
    rows, first, last = routes_with(network, capacity, path)
    for k in range(first, last):
        on = np.int64(capacity.route[rows[k]])
        add_route(network, capacity, free, on, plane, low, high)
    half = np.int64(capacity.half)
    lost = total[0] >> half
    for slot in range(width):
        lost += total[slot] & ((np.int64(1) << half) - 1)
    return lost


@inner
def add_route(
    network: Network, capacity: Capacity, free: Words, path: int, plane: int, low: int, high: int
) -> None:
    """Add T and H of a path to the total."""
    hop, end = network.first_hop[path], network.first_hop[path + 1]
    for word in range(free.shape[2]):
        capacity.common[0, 0, word] = common_word(free, plane, network.links, hop, end, word)
    add_runs(
        capacity.total,
        capacity.common,
        0,
        0,
        capacity.whole,
        capacity.to_end,
        capacity.kind[path],
        low,
        high,
    )


@inner
def least_start(capacity: Capacity, low: int, width: int) -> Any:
    """Return (start, loss) of the least loss, of the starts and the total at hand."""
    total = capacity.total
    half = np.int64(capacity.half)
    below = (np.int64(1) << half) - 1
    best, least = np.int64(-1), np.int64(0)
    inside, since = np.int64(0), np.int64(low)  # sum of H over the `width` slots from `since` on
    fresh = True
    for word in range(capacity.starts.shape[0]):
        starts = capacity.starts[word]
        while starts:
            start = np.int64(word * WORD_BITS + trailing_zeros(starts))
            starts &= starts - ONE
            if fresh or start - since >= width:
                inside = np.int64(0)
                for slot in range(start - low, start - low + width):
                    inside += total[slot] & below
                fresh = False
            else:
                for slot in range(since - low, start - low):
                    inside += (total[slot + width] & below) - (total[slot] & below)
            since = start
            loss = (total[start - low] >> half) + inside
            if best < 0 or loss < least:
                best, least = start, loss
    return best, least
