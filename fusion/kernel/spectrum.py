"""Spectrum as bit masks: search, take and give back runs of contiguous slots.

A *plane* is one core and one band. `free` is uint64[plane, link, word]; bit `s % 64` of word `s // 64` is 1
while slot `s` is free. Bits above a band's last slot are never 1, so no search needs to know the slot count.
A path is given as `links[hop:end]`. Every fit returns the lowest slot of the run that it chose and a score,
or -1 where no run fits; among several paths the lowest (score, start) wins.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from fusion.kernel import INSIDE, compiled, inner

Words = NDArray[np.uint64]
Ints = NDArray[np.int32]

WORD_BITS = 64
ZERO = np.uint64(0)
ONE = np.uint64(1)
TWO = np.uint64(2)
TOP = np.uint64(63)
ONES = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


@intrinsic
def trailing_zeros(_context: Any, word: Any) -> Any:
    """Return the index of the lowest 1 of a non-zero uint64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], context.get_constant(types.boolean, 1))

    return types.int64(types.uint64), generate


@intrinsic
def leading_zeros(_context: Any, word: Any) -> Any:
    """Return the number of 0 above the highest 1 of a non-zero uint64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], context.get_constant(types.boolean, 1))

    return types.int64(types.uint64), generate


@intrinsic
def count_ones(_context: Any, word: Any) -> Any:
    """Return the number of 1 in a uint64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate


def shift_table(widest: int) -> Words:
    """Return the shifts by which `run_starts` finds runs: uint64[width, step], for widths up to `widest`.

    Row w holds shifts that add up to w - 1, none larger than one plus the sum before it. All rows have the
    same number of steps (at most 6), so that the number of steps never depends on the request.
    """
    widest = min(max(widest, 1), WORD_BITS)
    steps = (widest - 1).bit_length()
    shifts = np.zeros((widest + 1, steps), dtype=np.uint64)
    for width in range(1, widest + 1):
        run = 1
        for step in range(steps):
            shift = min(run, width - run)
            shifts[width, step] = shift
            run += shift
    return shifts


@njit(inline="always")
def common_word(free: Words, plane: int, links: Ints, hop: int, end: int, word: int) -> Any:
    """Return the slots of one word that are free on every link of the path."""
    common = free[plane, np.uint64(links[hop]), word]
    for h in range(hop + 1, end):
        common &= free[plane, np.uint64(links[h]), word]
    return common


@njit(inline="always")
def run_starts(low: Any, high: Any, shifts: Words, width: int) -> Any:
    """Return the bits of `low` at which a run of `width` <= 64 ones starts; `high` is the word above.

    Each step turns "a run of n ones starts here" into "a run of n + shift ones starts here". Two shifts
    bring in the bits of `high` because a shift by 64 is undefined.
    """
    for step in range(shifts.shape[1]):
        shift = shifts[width, step]
        low &= (low >> shift) | ((high << (TOP - shift)) << ONE)
        high &= high >> shift
    return low


@intrinsic
def stay_out_of_line(_context: Any) -> Any:
    """Keep the function that calls this from becoming a part of its callers, unless it has to be one."""

    def generate(context: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
        if "alwaysinline" not in builder.function.attributes:
            builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), generate


@inner
def wide_run_starts(
    free: Words, plane: int, links: Ints, hop: int, end: int, word: int, width: int
) -> Any:
    """Return the slots of one word at which a run of `width` > 64 free slots starts, as a bit mask.

    Out of line: few requests are that wide, and inside it makes the plain loop slower for all.
    """
    stay_out_of_line()
    common = common_word(free, plane, links, hop, end, word)
    if not common >> TOP:
        return ZERO
    above: Any = np.int64(0)
    for next_word in range(word + 1, free.shape[2]):
        taken = ~common_word(free, plane, links, hop, end, next_word)
        if taken:
            above += trailing_zeros(taken)
            break
        above += WORD_BITS
    highest = min(np.int64(63), WORD_BITS + above - width)
    lowest = np.int64(0)
    if common != ONES:
        lowest = WORD_BITS - leading_zeros(~common)
    if highest < lowest:
        return ZERO
    return (ONES << np.uint64(lowest)) & (ONES >> np.uint64(63 - highest))


@inner
def starts_in_word(
    free: Words, plane: int, links: Ints, hop: int, end: int, word: int, shifts: Words, width: int
) -> Any:
    """Return the slots of one word at which a run of `width` free slots starts, as a bit mask."""
    if width > WORD_BITS:
        return wide_run_starts(free, plane, links, hop, end, word, width)
    high = ZERO
    if word + 1 < free.shape[2]:
        high = common_word(free, plane, links, hop, end, word + 1)
    return run_starts(common_word(free, plane, links, hop, end, word), high, shifts, width)


@compiled(**INSIDE)
def starts_at(
    free: Words,
    plane: int,
    links: Ints,
    hop: int,
    end: int,
    word: int,
    low: Any,
    high: Any,
    shifts: Words,
    width: int,
) -> Any:
    """Return what `starts_in_word` does. low, high: the common slots of the word and of that above it."""
    if width > WORD_BITS:
        return wide_run_starts(free, plane, links, hop, end, word, width)
    return run_starts(low, high, shifts, width)


@compiled(**INSIDE)
def word_above(free: Words, plane: int, links: Ints, hop: int, end: int, word: int) -> Any:
    """Return `common_word` of the word above, or 0 where there is none."""
    if word + 1 < free.shape[2]:
        return common_word(free, plane, links, hop, end, word + 1)
    return ZERO


@njit(inline="always")
def first_fit(
    free: Words, plane: int, links: Ints, hop: int, end: int, shifts: Words, width: int
) -> Any:
    """Return the lowest start of a run of `width` free slots, or -1."""
    words = free.shape[2]
    if width > WORD_BITS:
        for word in range(words):
            starts = wide_run_starts(free, plane, links, hop, end, word, width)
            if starts:
                return word * WORD_BITS + trailing_zeros(starts)
        return -1
    low = common_word(free, plane, links, hop, end, 0)
    for word in range(words):
        high = ZERO
        if word + 1 < words:
            high = common_word(free, plane, links, hop, end, word + 1)
        starts = run_starts(low, high, shifts, width)
        if starts:
            return word * WORD_BITS + trailing_zeros(starts)
        low = high
    return -1


@compiled(**INSIDE)
def last_fit(
    free: Words, plane: int, links: Ints, hop: int, end: int, shifts: Words, width: int
) -> Any:
    """Return the highest start of a run of `width` free slots, or -1."""
    high = ZERO
    for word in range(free.shape[2] - 1, -1, -1):
        low = common_word(free, plane, links, hop, end, word)
        starts = starts_at(free, plane, links, hop, end, word, low, high, shifts, width)
        if starts:
            return word * WORD_BITS + 63 - leading_zeros(starts)
        high = low
    return -1


@compiled(**INSIDE)
def best_fit(
    free: Words, plane: int, links: Ints, hop: int, end: int, shifts: Words, width: int
) -> Any:
    """Return the start and the size of the smallest free block of at least `width` slots, or (-1, 0).

    A block is a maximal run of slots that are free on every link of the path; its starts are a run, too, and
    `width` - 1 fewer. Equal blocks: the lowest.
    """
    none = np.int64(free.shape[2] * WORD_BITS + 1)
    best_start, best_size = np.int64(-1), none
    begin, is_open, before = np.int64(0), False, ZERO
    low = common_word(free, plane, links, hop, end, 0)
    for word in range(free.shape[2] + 1):
        starts = high = ZERO
        if word < free.shape[2]:
            high = word_above(free, plane, links, hop, end, word)
            starts = starts_at(free, plane, links, hop, end, word, low, high, shifts, width)
        edges = starts ^ ((starts << ONE) | before)
        before = starts >> TOP
        low = high
        while edges:
            edge = word * WORD_BITS + trailing_zeros(edges)
            edges &= edges - ONE
            size = edge - begin if is_open else none
            best_start = begin if size < best_size else best_start
            best_size = min(size, best_size)
            begin, is_open = edge, not is_open
        if best_size == 1:
            break
    return best_start, best_size + width - 1 if best_start >= 0 else np.int64(0)


@inner
def count_starts(
    free: Words, plane: int, links: Ints, hop: int, end: int, shifts: Words, width: int
) -> Any:
    """Return the number of starts at which a run of `width` free slots fits."""
    total = np.int64(0)
    low = common_word(free, plane, links, hop, end, 0)
    for word in range(free.shape[2]):
        high = word_above(free, plane, links, hop, end, word)
        total += count_ones(starts_at(free, plane, links, hop, end, word, low, high, shifts, width))
        low = high
    return total


@inner
def nth_start(
    free: Words, plane: int, links: Ints, hop: int, end: int, shifts: Words, width: int, n: int
) -> Any:
    """Return the start number n (from 0, ascending) among those that `count_starts` counts."""
    low = common_word(free, plane, links, hop, end, 0)
    for word in range(free.shape[2]):
        high = word_above(free, plane, links, hop, end, word)
        starts = starts_at(free, plane, links, hop, end, word, low, high, shifts, width)
        low = high
        here = count_ones(starts)
        if n < here:
            for _ in range(n):
                starts &= starts - ONE
            return word * WORD_BITS + trailing_zeros(starts)
        n -= here
    return -1


@inner
def nth_block(
    free: Words, plane: int, links: Ints, hop: int, end: int, shifts: Words, width: int, n: int
) -> Any:
    """Return the start of free block n (from 0, ascending) of those of at least `width` slots, or -1."""
    before = ZERO
    for word in range(free.shape[2]):
        starts = starts_in_word(free, plane, links, hop, end, word, shifts, width)
        firsts = starts & ~((starts << ONE) | before)
        before = starts >> TOP
        here = count_ones(firsts)
        if n < here:
            for _ in range(n):
                firsts &= firsts - ONE
            return np.int64(word * WORD_BITS + trailing_zeros(firsts))
        n -= here
    return np.int64(-1)


@inner
def free_from(free: Words, plane: int, links: Ints, hop: int, end: int, start: int) -> Any:
    """Return how many slots from a start on are free on every link of the path."""
    size = np.int64(0)
    bit = np.int64(start & 63)
    for word in range(start >> 6, free.shape[2]):
        taken = ~(common_word(free, plane, links, hop, end, word) >> np.uint64(bit))
        more = trailing_zeros(taken) if taken else np.int64(WORD_BITS)
        size += more
        if bit + more < WORD_BITS:
            break
        bit = np.int64(0)
    return size


@compiled(**INSIDE)
def exact_fit(
    free: Words, plane: int, links: Ints, hop: int, end: int, shifts: Words, width: int
) -> Any:
    """Return the start of the lowest free block of just `width` slots and 0, or the lowest start and 1.

    (-1, 1) where no run fits.
    """
    first, before = np.int64(-1), ZERO
    low = common_word(free, plane, links, hop, end, 0)
    for word in range(free.shape[2] + 1):
        starts = high = ZERO
        if word < free.shape[2]:
            high = word_above(free, plane, links, hop, end, word)
            starts = starts_at(free, plane, links, hop, end, word, low, high, shifts, width)
        one_below = (starts << ONE) | (before >> TOP)
        two_below = (starts << TWO) | (before >> (TOP - ONE))
        above_alone = one_below & ~(starts | two_below)
        if above_alone:
            return np.int64(word * WORD_BITS + trailing_zeros(above_alone) - 1), 0.0
        if starts and first < 0:
            first = np.int64(word * WORD_BITS + trailing_zeros(starts))
        before = starts
        low = high
    return first, 1.0


@inner
def change_usage(usage: Ints, plane: int, start: int, width: int, change: int) -> None:
    """Add `change` to the number of links on which each slot of a run is taken. usage: see `arrays.State`."""
    more = np.int32(0)
    for slot in range(np.uint64(start + 1), np.uint64(start + width)):
        more += np.int32(change)
        usage[plane, np.uint64(slot)] += more
    more += np.int32(change)
    # With an index that has no sign this loop becomes one of vector instructions.
    for slot in range(np.uint64(start + width), np.uint64(usage.shape[1])):
        usage[plane, np.uint64(slot)] += more


@compiled(**INSIDE)
def fit_by_usage(
    free: Words,
    usage: Ints,
    plane: int,
    links: Ints,
    hop: int,
    end: int,
    shifts: Words,
    width: int,
    sign: int,
) -> Any:
    """Return the start whose slots are taken on most links of the network and `sign` times that sum.

    usage: see `arrays.State`. sign: 1, or -1 for the fewest links. Equal sums: the lowest start. (-1, 0)
    where no run fits.
    """
    none = np.int64(-1 << 62)
    best_start, best_sum = np.int64(-1), none
    low = common_word(free, plane, links, hop, end, 0)
    for word in range(free.shape[2]):
        high = word_above(free, plane, links, hop, end, word)
        starts = starts_at(free, plane, links, hop, end, word, low, high, shifts, width)
        low = high
        while starts:
            start = np.int64(word * WORD_BITS + trailing_zeros(starts))
            starts &= starts - ONE
            used = usage[plane, np.uint64(start + width)] - usage[plane, np.uint64(start)]
            used *= sign
            best_start = start if used > best_sum else best_start
            best_sum = max(used, best_sum)
    return best_start, best_sum if best_start >= 0 else np.int64(0)


@njit(inline="always")
def toggle(
    free: Words, plane: int, links: Ints, hop: int, end: int, start: int, width: int
) -> None:
    """Take the free slots `start` ... `start + width - 1` on every link of the path, or give them back."""
    last = start + width - 1
    first_word = start >> 6
    last_word = last >> 6
    first_mask = ONES << np.uint64(start & 63)
    last_mask = ONES >> np.uint64(63 - (last & 63))
    if first_word == last_word:
        mask = first_mask & last_mask
        for h in range(hop, end):
            free[plane, links[h], first_word] ^= mask
    else:
        for h in range(hop, end):
            link = links[h]
            free[plane, link, first_word] ^= first_mask
            for word in range(first_word + 1, last_word):
                free[plane, link, word] ^= ONES
            free[plane, link, last_word] ^= last_mask


@inner
def count_free(free: Words, plane: int, link: int) -> Any:
    """Return the number of free slots of a link."""
    total = np.int64(0)
    for word in range(free.shape[2]):
        total += count_ones(free[plane, link, word])
    return total


@inner
def free_and_largest_block(free: Words, plane: int, link: int) -> Any:
    """Return the number of free slots of a link and the size of its largest free block."""
    total, largest, run = np.int64(0), np.int64(0), np.int64(0)
    for word in range(free.shape[2]):
        rest = free[plane, link, word]
        total += count_ones(rest)
        left = WORD_BITS
        while left > 0:
            if rest == ONES:
                run += WORD_BITS
                break
            ones = min(trailing_zeros(~rest), left)
            run += ones
            left -= ones
            if left == 0:
                break
            largest = max(largest, run)
            run = np.int64(0)
            rest = rest >> np.uint64(ones)
            if not rest:
                break
            zeros = trailing_zeros(rest)
            rest = rest >> np.uint64(zeros)
            left -= zeros
    return total, max(largest, run)
