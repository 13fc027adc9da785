"""The search for a lightpath: which path, which plane, which start slot."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusion.kernel import INSIDE, compiled, inner
from fusion.kernel.arrays import Floats, Int32s, Words
from fusion.kernel.routing import path_score
from fusion.kernel.spectrum import (
    ONE,
    ONES,
    WORD_BITS,
    ZERO,
    best_fit,
    count_starts,
    exact_fit,
    first_fit,
    fit_by_usage,
    last_fit,
    nth_start,
    run_starts,
    trailing_zeros,
    wide_run_starts,
)

FIRST_FIT, LAST_FIT, BEST_FIT, RANDOM_FIT, MOST_USED, LEAST_USED, EXACT_FIT = range(7)

APART = 7
"""The fit of `impairments.place_apart`, in the loop for connections."""

NO_PATH = ONES


@inner
def find_start(
    free: Words,
    usage: Int32s,
    first_hop: Int32s,
    links: Int32s,
    shifts: Words,
    fit: int,
    plane: int,
    path: int,
    width: int,
    tie: float,
) -> Any:
    """Return (start, score) of the run that the fit chooses on one path and plane; start -1 = none fits.

    tie: uniform in [0, 1), read by random fit only. Of several paths the lowest score is taken.
    """
    hop, end = first_hop[path], first_hop[path + 1]
    start = np.int64(-1)
    score = 0.0
    if fit == FIRST_FIT:
        start = first_fit(free, plane, links, hop, end, shifts, width)
        score = float(start)
    elif fit == LAST_FIT:
        start = last_fit(free, plane, links, hop, end, shifts, width)
        score = -float(start)
    elif fit == BEST_FIT:
        start, size = best_fit(free, plane, links, hop, end, shifts, width)
        score = float(size)
    elif fit == RANDOM_FIT:
        count = count_starts(free, plane, links, hop, end, shifts, width)
        if count > 0:
            chosen = min(np.int64(tie * count), count - 1)
            start = nth_start(free, plane, links, hop, end, shifts, width, chosen)
    elif fit in (MOST_USED, LEAST_USED):
        sign = 1 if fit == MOST_USED else -1
        start, used = fit_by_usage(free, usage, plane, links, hop, end, shifts, width, sign)
        score = -float(used) / width
    elif fit == EXACT_FIT:
        start, score = exact_fit(free, plane, links, hop, end, shifts, width)
    return start, score


@inner
def search_in_order(
    free: Words,
    usage: Int32s,
    first_path: Int32s,
    first_hop: Int32s,
    links: Int32s,
    width_row: Int32s,
    widths: Int32s,
    shifts: Words,
    fit: int,
    pair: int,
    bit_rate: int,
    tie: float,
) -> Any:
    """Return (path, plane, start) of the first path, and on it the first plane, with room; else -1s."""
    for path in range(first_path[pair], first_path[pair + 1]):
        width = widths[width_row[path], bit_rate]
        if width > 0:
            for plane in range(free.shape[0]):
                start, _ = find_start(
                    free, usage, first_hop, links, shifts, fit, plane, np.int64(path), width, tie
                )
                if start >= 0:
                    return np.int64(path), np.int64(plane), start
    return np.int64(-1), np.int64(-1), np.int64(-1)


@inner
def search_ranked(
    free: Words,
    usage: Int32s,
    score: Floats,
    first_path: Int32s,
    first_hop: Int32s,
    links: Int32s,
    width_row: Int32s,
    widths: Int32s,
    shifts: Words,
    path_cost: Floats,
    slots: int,
    fit: int,
    choice: int,
    pair: int,
    bit_rate: int,
    tie: float,
) -> Any:
    """Return (path, plane, start) as `search_in_order` does, the paths by their score at this moment.

    score: float64[candidate], overwritten. path_cost: see `arrays.Network`. slots: of a link. choice: a rank
    of `routing.path_score`. Equal scores: the earlier path.
    """
    first, end = first_path[pair], first_path[pair + 1]
    for path in range(first, end):
        score[path - first] = np.inf
        if widths[width_row[path], bit_rate] > 0:
            score[path - first] = path_cost[path] + path_score(
                free, links, first_hop[path], first_hop[path + 1], slots, choice
            )
    while True:
        best = first
        for path in range(first + 1, end):
            if score[path - first] < score[best - first]:
                best = path
        if best >= end or score[best - first] == np.inf:
            return np.int64(-1), np.int64(-1), np.int64(-1)
        width = widths[width_row[best], bit_rate]
        for plane in range(free.shape[0]):
            start, _ = find_start(
                free, usage, first_hop, links, shifts, fit, plane, np.int64(best), width, tie
            )
            if start >= 0:
                return np.int64(best), np.int64(plane), start
        score[best - first] = np.inf


@inner
def search_all(
    free: Words,
    usage: Int32s,
    first_path: Int32s,
    first_hop: Int32s,
    links: Int32s,
    width_row: Int32s,
    widths: Int32s,
    shifts: Words,
    fit: int,
    pair: int,
    bit_rate: int,
) -> Any:
    """Return (path, plane, start) with the lowest (score, start) on the first plane with room; else -1s.

    Equal scores and starts: the earlier path. Not for random fit.
    """
    for plane in range(free.shape[0]):
        best_path, best_start, best_score = np.int64(-1), np.int64(-1), 0.0
        for path in range(first_path[pair], first_path[pair + 1]):
            width = widths[width_row[path], bit_rate]
            if width > 0:
                start, score = find_start(
                    free, usage, first_hop, links, shifts, fit, plane, np.int64(path), width, 0.0
                )
                if start >= 0 and (
                    best_path < 0
                    or score < best_score
                    or (score == best_score and start < best_start)
                ):
                    best_path, best_start, best_score = np.int64(path), start, score
        if best_path >= 0:
            return best_path, np.int64(plane), best_start
    return np.int64(-1), np.int64(-1), np.int64(-1)


@compiled(**INSIDE)
def first_fit_of_all(
    free: Words,
    common: Words,
    first_path: Int32s,
    first_hop: Int32s,
    links: Int32s,
    path_of_hop: Int32s,
    width_row: Int32s,
    widths: Int32s,
    shifts: Words,
    pair: int,
    bit_rate: int,
) -> Any:
    """Return what `search_all` returns for first fit: word by word, and in each of them all paths at once.

    common: see `arrays.State`. Once a word has a start, no later word is read of any path. The hops of all
    paths are one loop: with a loop for each path, the processor would often mispredict where it ends.
    """
    first, end = np.uint64(first_path[pair]), np.uint64(first_path[pair + 1])
    hop, last_hop = np.uint64(first_hop[first]), np.uint64(first_hop[end])
    words = free.shape[2]
    for plane in range(free.shape[0]):
        for word in range(words):
            above = min(word + 1, words - 1)
            low, high, before = ZERO, ZERO, NO_PATH
            for h in range(hop, last_hop):
                path = np.uint64(path_of_hop[h])
                link = np.uint64(links[h])
                begins = ONES if path != before else ZERO
                low = free[plane, link, word] & (low | begins)
                high = free[plane, link, above] & (high | begins)
                common[0, path - first] = low
                common[1, path - first] = high
                before = path
            has_above = ONES if above > word else ZERO
            best_bit, best_path = np.int64(WORD_BITS), NO_PATH
            for candidate in range(first, end):
                path = np.uint64(candidate)
                width = np.int64(widths[np.uint64(width_row[path]), bit_rate])
                if width > WORD_BITS:
                    from_hop, to_hop = np.int64(first_hop[path]), np.int64(first_hop[path + ONE])
                    starts = wide_run_starts(free, plane, links, from_hop, to_hop, word, width)
                else:
                    low, high = common[0, path - first], common[1, path - first] & has_above
                    starts = run_starts(low, high, shifts, np.uint64(width if width > 0 else 0))
                bit = trailing_zeros(starts) if starts and width > 0 else np.int64(WORD_BITS)
                if bit < best_bit:
                    best_bit, best_path = bit, path
            if best_path != NO_PATH:
                start = np.int64(word * WORD_BITS + best_bit)
                return np.int64(best_path), np.int64(plane), start
    return np.int64(-1), np.int64(-1), np.int64(-1)


@inner
def search_random(
    free: Words,
    first_path: Int32s,
    first_hop: Int32s,
    links: Int32s,
    width_row: Int32s,
    widths: Int32s,
    shifts: Words,
    pair: int,
    bit_rate: int,
    tie: float,
) -> Any:
    """Return (path, plane, start), uniform over all (path, start) of the first plane with room; else -1s.

    tie: uniform in [0, 1).
    """
    for plane in range(free.shape[0]):
        total = np.int64(0)
        for path in range(first_path[pair], first_path[pair + 1]):
            width = widths[width_row[path], bit_rate]
            if width > 0:
                hop, end = first_hop[path], first_hop[path + 1]
                total += count_starts(free, plane, links, hop, end, shifts, width)
        if total == 0:
            continue
        chosen = min(np.int64(tie * total), total - 1)
        for path in range(first_path[pair], first_path[pair + 1]):
            width = widths[width_row[path], bit_rate]
            if width > 0:
                hop, end = first_hop[path], first_hop[path + 1]
                here = count_starts(free, plane, links, hop, end, shifts, width)
                if chosen < here:
                    start = nth_start(free, plane, links, hop, end, shifts, width, chosen)
                    return np.int64(path), np.int64(plane), np.int64(start)
                chosen -= here
    return np.int64(-1), np.int64(-1), np.int64(-1)
