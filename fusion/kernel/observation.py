"""What an agent sees: a request and the network as numbers, and which actions can be done.

`scenario.layout` says what each number is and where it stands.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.kernel import INSIDE, compiled, inner
from fusion.kernel.arrays import Floats, Int32s, Int64s, Network, State, Words
from fusion.kernel.cache_lines import in_lines
from fusion.kernel.lanes import (
    LANES,
    in_each,
    larger_of,
    ones_of,
    put_bits,
    put_words,
    smaller_of,
    some_words_at,
    where_any,
    words_at,
    words_from,
    zeros_above,
    zeros_below,
)
from fusion.kernel.spectrum import (
    ONE,
    ONES,
    TOP,
    TWO,
    WORD_BITS,
    ZERO,
    trailing_zeros,
)

Float32s = NDArray[np.float32]
Int8s = NDArray[np.int8]

PATH_FEATURES = 5
BLOCK_FEATURES = 2


TOTAL, NUMBER, LARGEST, LOWEST, SIZE = range(5)
"""Rows of `Survey.found`."""


class Survey(NamedTuple):
    """What is found out of all paths of a pair at once, of each in its place among them; overwritten.

    The places are a multiple of `lanes.LANES`. What is of hops stays.
    """

    common: Words
    """uint64[word, candidate]: slots that are free on all of a path: those of each plane and a word of zeros;
    then one more."""
    starts: Words
    """uint64[word, candidate]: those at which there is room for the request, if it fits into a word."""
    shift: Words
    """uint64[step, candidate]: see `spectrum.shift_table`."""
    width: Words
    """uint64[candidate]: slots of the request, at most those of a word."""
    is_first: Words
    """uint64[hop]: all bits are 1 where a path begins, else 0."""
    word_of_hop: Int64s
    """int64[hop]: place of the first word of the link, of a plane."""
    by_path: Words
    """uint64[candidate, 8]: words that are free on all of a path."""
    found: Words
    """uint64[5, candidate]: free slots; free blocks; size of the largest; the first slot over all planes at
    which there is room for the request, or the number of slots; how many slots are free from there on, of the
    next 64."""


class View(NamedTuple):
    """How a request and the network are shown. One for each thread, as the survey is overwritten."""

    ends: Int32s
    """int32[pair, 2]: source and destination."""
    bit_rate: Floats
    """float64[bit rate], 1 for the highest."""
    hops: Floats
    """float64[path], 1 for the most."""
    offset: Int64s
    """int64[plane + 1]: slots of a link in the planes before; the last entry: in all."""
    nodes: int
    candidates: int
    """Paths of the pair that has most."""
    blocks: int
    """Free blocks of a path among which an action chooses."""
    largest: int
    """Slots of the largest plane."""
    longest: float
    """Holding time that is shown as 1; 0: holding times are not shown."""
    share: Float32s
    """float32[slots + 1]: slots over those of a link in all planes."""
    part: Float32s
    """float32[largest + 1]: slots over those of the largest plane."""
    survey: Survey


def make_survey(network: Network) -> Survey:
    """Return room for what is found out of the paths of any pair."""
    planes, _, words = network.spectrum.shape
    candidates = int(np.diff(network.first_path).max(initial=1))
    columns = -(-candidates // LANES) * LANES
    rows = planes * (words + 1) + 1
    survey = Survey(
        common=in_lines((rows, columns), np.uint64),
        starts=in_lines((rows, columns), np.uint64),
        shift=in_lines((network.shifts.shape[1], columns), np.uint64),
        width=in_lines((columns,), np.uint64),
        is_first=np.zeros(len(network.links), dtype=np.uint64),
        word_of_hop=network.links.astype(np.int64) * words,
        by_path=in_lines((columns, LANES), np.uint64),
        found=in_lines((5, columns), np.uint64),
    )
    for name in ("common", "starts", "shift", "width", "by_path", "found"):
        getattr(survey, name)[...] = 0
    survey.is_first[network.first_hop[:-1]] = ONES
    return survey


@compiled(**INSIDE)
def find_common(network: Network, survey: Survey, free: Words, pair: int) -> None:
    """Write the slots that are free on all links of each path of a pair.

    The hops of all paths are one loop, as in `search.first_fit_of_all`, and take eight words at a time.
    """
    first, end = network.first_path[pair], network.first_path[pair + 1]
    hop, last_hop = network.first_hop[first], network.first_hop[end]
    words, links = np.int64(free.shape[2]), np.int64(free.shape[1])
    for plane in range(free.shape[0]):
        for word in range(0, words, LANES):
            number: Any = min(words - word, LANES)
            base = plane * links * words + word
            candidate, common = np.int64(-1), in_each(ONES)
            for h in range(np.uint64(hop), np.uint64(last_hop)):
                here = some_words_at(free, base + survey.word_of_hop[h], number)
                # A choice between two vectors would be a branch.
                is_first = survey.is_first[h]
                common = here & (common | in_each(is_first))
                candidate -= np.int64(is_first)  # all bits are 1: -1
                put_words(survey.by_path, candidate * LANES, common)
            row = plane * (words + 1) + word
            for own in range(np.uint64(end - first)):
                for each in range(np.uint64(number)):
                    survey.common[np.uint64(row) + each, own] = survey.by_path[own, each]


@compiled(**INSIDE)
def longest_runs(words: Any) -> Any:
    """Return the length of the longest run of ones in each of `lanes.Lanes`; of 64 ones: 63."""
    of_2 = words & (words >> in_each(ONE))
    of_4 = of_2 & (of_2 >> in_each(TWO))
    of_8 = of_4 & (of_4 >> in_each(np.uint64(4)))
    of_16 = of_8 & (of_8 >> in_each(np.uint64(8)))
    of_32 = of_16 & (of_16 >> in_each(np.uint64(16)))
    # A run as long as what is known so far starts at each 1 of `at`.
    length, at = where_any(of_32, in_each(np.uint64(32)), in_each(ZERO)), of_32
    at = where_any(at, at, in_each(ONES))
    length, at = longer_runs(length, at, of_16, np.uint64(16))
    length, at = longer_runs(length, at, of_8, np.uint64(8))
    length, at = longer_runs(length, at, of_4, np.uint64(4))
    length, at = longer_runs(length, at, of_2, TWO)
    length, at = longer_runs(length, at, words, ONE)
    return length


@compiled(**INSIDE)
def longer_runs(length: Any, at: Any, starts: Any, more: Any) -> Any:
    """Return the lengths and the starts of the longest runs, those with `more` slots where there are any.

    starts: of runs of `more` slots.
    """
    longer = at & (starts >> length)
    return where_any(longer, length + in_each(more), length), where_any(longer, longer, at)


@compiled(**INSIDE)
def look_at_paths(network: Network, view: View, free: Words, pair: int, bit_rate: int) -> None:
    """Write into `View.survey` what `show_path` reads, of all paths of a pair at once."""
    survey, steps = view.survey, network.shifts.shape[1]
    first, end = network.first_path[pair], network.first_path[pair + 1]
    planes, words = free.shape[0], np.int64(free.shape[2])
    for path in range(first, end):
        width = max(network.width[network.width_row[path], bit_rate], 0)
        survey.width[np.uint64(path - first)] = np.uint64(min(width, WORD_BITS))
    find_common(network, survey, free, pair)
    nothing, none = in_each(ZERO), in_each(np.uint64(view.offset[planes]))
    columns = survey.common.shape[1]
    for lane in range(0, columns, LANES):
        widths = words_at(survey.width, lane)
        is_within_reach = where_any(widths, in_each(ONES), nothing)
        widths, length = larger_of(widths, in_each(ONE)), in_each(ONE)
        for step in range(steps):  # as `spectrum.shift_table`
            shift = smaller_of(length, widths - length)
            put_words(survey.shift, step * columns + lane, shift)
            length = length + shift
        total, number, largest = nothing, nothing, nothing
        lowest, size = none, nothing
        for plane in range(planes):
            run, before = nothing, nothing
            row = plane * (words + 1)
            high = words_at(survey.common, row * columns + lane)
            for word in range(words):
                here = high
                high = words_at(
                    survey.common, (row + 1) * columns + lane
                )  # of zeros, behind the last word
                total = total + ones_of(here)
                number = number + ones_of(here & ~((here << in_each(ONE)) | before))
                before = here >> in_each(TOP)
                largest = larger_of(largest, longest_runs(here))
                largest = larger_of(largest, run + zeros_below(~here))
                run = where_any(~here, zeros_above(~here), run + in_each(np.uint64(WORD_BITS)))
                # As `spectrum.run_starts`.
                starts, above = here, high
                for step in range(steps):
                    shift = words_at(survey.shift, step * columns + lane)
                    starts = starts & words_from(starts, above, shift)
                    above = above & (above >> shift)
                starts = starts & is_within_reach
                put_words(survey.starts, row * columns + lane, starts)
                at, bit = (
                    in_each(np.uint64(view.offset[plane] + word * WORD_BITS)),
                    zeros_below(starts),
                )
                length = zeros_below(~words_from(here, high, bit))
                size = where_any(lowest ^ none, size, where_any(starts, length, nothing))
                lowest = smaller_of(lowest, where_any(starts, at + bit, none))
                row += 1
        put_words(survey.found, TOTAL * columns + lane, total)
        put_words(survey.found, NUMBER * columns + lane, number)
        put_words(survey.found, LARGEST * columns + lane, largest)
        put_words(survey.found, LOWEST * columns + lane, lowest)
        put_words(survey.found, SIZE * columns + lane, size)


@compiled(**INSIDE)
def size_of_block(survey: Survey, row: int, candidate: int, bit: int) -> Any:
    """Return how many slots are free on a path from a slot on: a bit of a row of `Survey.common`."""
    size = np.int64(0)
    while True:
        low = survey.common[row, candidate] >> np.uint64(bit)
        high = (survey.common[row + 1, candidate] << np.uint64(63 - bit)) << ONE
        taken = ~(low | high)
        if taken:
            return size + trailing_zeros(taken)
        size += WORD_BITS
        row += 1


@compiled(**INSIDE)
def put_block(
    view: View,
    found: int,
    plane: int,
    start: int,
    size: int,
    features: Float32s,
    at: int,
    mask: Int8s,
    choice: Int32s,
    action: int,
) -> None:
    """Write a block that is wide enough; size 0: there is none."""
    is_there = size > 0
    slot = view.offset[plane] + start if is_there else view.offset[view.offset.shape[0] - 1]
    place = np.uint64(at + PATH_FEATURES + BLOCK_FEATURES * found)
    features[place] = view.share[np.uint64(slot)]
    features[place + ONE] = view.part[np.uint64(size)]
    place = np.uint64(action + found)
    mask[place] = 1 if is_there else 0
    choice[place, 0] = plane if is_there else -1
    choice[place, 1] = start if is_there else -1


@inner
def put_blocks(
    view: View,
    free: Words,
    candidate: int,
    width: int,
    features: Float32s,
    at: int,
    mask: Int8s,
    choice: Int32s,
    action: int,
) -> Any:
    """Write the blocks that are wide enough, the first ones; return how many there are."""
    survey, words = view.survey, free.shape[2]
    is_wide = width > WORD_BITS
    found = np.int64(0)
    for plane in range(free.shape[0]):
        before = ZERO
        for word in range(words):
            row = plane * (words + 1) + word
            # Of requests that are wider than a word, the starts are not known: every block is looked at.
            starts = survey.common[row, candidate] if is_wide else survey.starts[row, candidate]
            rest = starts & ~((starts << ONE) | before)
            before = starts >> TOP
            while rest and found < view.blocks:
                bit = trailing_zeros(rest)
                rest &= rest - ONE
                size = size_of_block(survey, row, candidate, bit)
                if size < width:
                    continue
                start = np.int64(word * WORD_BITS + bit)
                put_block(
                    view, found, np.int64(plane), start, size, features, at, mask, choice, action
                )
                found += 1
    return found


@compiled(**INSIDE)
def put_lowest_block(
    view: View,
    free: Words,
    candidate: int,
    width: int,
    features: Float32s,
    at: int,
    mask: Int8s,
    choice: Int32s,
    action: int,
) -> None:
    """Write the lowest block that is wide enough, or that there is none; without a branch if it is short."""
    planes, words = free.shape[0], free.shape[2]
    lane = np.uint64(candidate)
    slot = np.int64(view.survey.found[LOWEST, lane])
    is_there = width > 0 and slot < view.offset[planes]
    slot = slot if is_there else np.int64(0)
    plane = np.int64(0)
    while slot >= view.offset[plane + 1]:
        plane += 1
    start = slot - view.offset[plane]
    size = np.int64(view.survey.found[SIZE, lane])
    if size == WORD_BITS:
        row = plane * (words + 1) + (start >> 6)
        size = size_of_block(view.survey, row, candidate, start & 63)
    put_block(
        view,
        np.int64(0),
        plane,
        start,
        size if is_there else np.int64(0),
        features,
        at,
        mask,
        choice,
        action,
    )


@compiled(**INSIDE)
def show_path(
    view: View,
    free: Words,
    path: int,
    candidate: int,
    width: int,
    features: Float32s,
    at: int,
    mask: Int8s,
    choice: Int32s,
    action: int,
) -> None:
    """Write the features of one path, and of the blocks on it that are wide enough the first ones.

    `look_at_paths` must have looked at its pair. candidate: its place among the paths of the pair. width: of
    the request there; 0: it is out of reach, or no block is asked for. at: of its first number in `features`.
    mask, choice: as for `show`. action: the first one of the path.
    """
    found_of, lane, place = view.survey.found, np.uint64(candidate), np.uint64(at)
    total = np.int64(found_of[TOTAL, lane])
    number: Any = np.int64(found_of[NUMBER, lane])
    features[place] = view.hops[np.uint64(path)]
    features[place + ONE] = view.part[np.uint64(min(width, view.largest))]
    features[place + TWO] = view.share[np.uint64(total)]
    features[place + np.uint64(3)] = view.part[found_of[LARGEST, lane]]
    features[place + np.uint64(4)] = total / (view.largest * max(number, np.int64(1)))
    if view.blocks == 1 and width <= WORD_BITS:
        put_lowest_block(view, free, candidate, width, features, at, mask, choice, action)
    else:
        found = np.int64(0)
        if width > 0:
            found = put_blocks(view, free, candidate, width, features, at, mask, choice, action)
        for rest in range(found, view.blocks):
            nothing = np.int64(0)
            put_block(view, rest, nothing, nothing, nothing, features, at, mask, choice, action)


@compiled(**INSIDE)
def show_ends(
    view: View,
    pair: int,
    bit_rate: int,
    holding: float,
    features: Float32s,
    mask: Int8s,
    choice: Int32s,
) -> Any:
    """Write what a request asks for, and nothing of its paths; return where these come in `features`."""
    features[:] = 0.0
    mask[:] = 0
    choice[:, :] = -1
    features[view.ends[pair, 0]] = 1.0
    features[view.nodes + view.ends[pair, 1]] = 1.0
    at = 2 * view.nodes
    features[at] = view.bit_rate[bit_rate]
    at += 1
    if view.longest > 0.0:
        features[at] = min(holding / view.longest, 1.0)
        at += 1
    return at


@inner
def show_no_block(view: View, feature: Float32s) -> None:
    """Write of a path that a pair has not that it has no block: each starts at the end."""
    for found in range(view.blocks):
        feature[PATH_FEATURES + BLOCK_FEATURES * found] = 1.0


@compiled(**INSIDE)
def allow_to_block(mask: Int8s, may_block: int) -> None:
    """Write whether the last action, which blocks, can be done."""
    last = mask.shape[0] - 1
    has_room = False
    for action in range(last):
        if mask[action]:
            has_room = True
    mask[last] = 1 if may_block or not has_room else 0


@compiled(**INSIDE)
def show(
    network: Network,
    view: View,
    state: State,
    pair: int,
    bit_rate: int,
    holding: float,
    may_block: int,
    features: Float32s,
    mask: Int8s,
    choice: Int32s,
) -> None:
    """Write what is known of a request, and which actions can be done.

    Whatever serves the request may ask for this: it depends on nothing but `state.free`, uint64[plane, link,
    word], and changes nothing but `view.survey` and what it writes. view: of `scenario.layout.make_view`.
    may_block: whether the mask lets an agent block a request that has room. features: float32[feature]. mask:
    int8[action]. choice: int32[action without the last, 2], the plane and the first slot of each, or -1;
    action a places the lightpath on candidate path a // blocks of the pair.
    """
    at = show_ends(view, pair, bit_rate, holding, features, mask, choice)
    look_at_paths(network, view, state.free, pair, bit_rate)
    first, end = network.first_path[pair], network.first_path[pair + 1]
    size = PATH_FEATURES + BLOCK_FEATURES * view.blocks
    for candidate in range(end - first):
        path = first + candidate
        width = network.width[network.width_row[path], bit_rate]
        show_path(
            view,
            state.free,
            np.int64(path),
            np.int64(candidate),
            np.int64(max(width, 0)),
            features,
            at,
            mask,
            choice,
            np.int64(candidate * view.blocks),
        )
        at += size
    for _ in range(end - first, view.candidates):
        show_no_block(view, features[at : at + size])
        at += size
    allow_to_block(mask, may_block)


@inner
def show_free(view: View, state: State, free: Int8s) -> None:
    """Write int8[link, slot over all planes], 1 where a slot is free."""
    slots_of_link = free.shape[1]
    for link in range(state.free.shape[1]):
        for plane in range(state.free.shape[0]):
            at = link * slots_of_link + view.offset[plane]
            left = view.offset[plane + 1] - view.offset[plane]
            for word in range(state.free.shape[2]):
                if left > 0:
                    bits = state.free[plane, link, word]
                    put_bits(free, at, bits, min(left, np.int64(WORD_BITS)))
                at += WORD_BITS
                left -= WORD_BITS
