"""Spectrum assignment by more than the free slots of one path: what `search` has no fit for.

There are three families, each compiled apart: by the capacity that routes lose (`capacity`), by classes of
requests that keep to parts of the spectrum, and by the free blocks that a lightpath splits on each link. A
config without any of them compiles and runs as if this file did not exist.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.kernel import inner
from fusion.kernel.arrays import Floats, Int32s, Int64s, Network, Words
from fusion.kernel.capacity import Capacity, Kept, least_loss, ones_below, ones_from, slots_of_word
from fusion.kernel.routing import ALL_PATHS, IN_ORDER, path_score
from fusion.kernel.search import find_start
from fusion.kernel.spectrum import (
    ONE,
    WORD_BITS,
    count_ones,
    leading_zeros,
    starts_in_word,
    trailing_zeros,
)

NO_FIT = -1
"""Stands for the fit of a policy that has none."""

NEAR = 1 << 24
"""A cut counts as much as this many misaligned slots."""


class Classes(NamedTuple):
    """Classes of requests, by column of `Network.width`."""

    low: Int32s
    """int32[plane, column]: the first slot that lightpaths of the class may take."""
    high: Int32s
    """int32[plane, column]: the slot behind the last."""
    from_top: NDArray[np.bool_]
    """bool[column]: whether the class takes the highest start, and not the lowest."""


class Splits(NamedTuple):
    """What it costs to split free blocks."""

    cost: Int64s
    """int64[plane, slots]: of a free block of so many slots; a lightpath in it replaces its cost by those of
    what remains below and above."""
    counts_near: bool
    """Whether links near the path count, too: free slots there as 1, taken ones as -1."""
    first_near: Int32s
    """int32[path + 1]: links near a path are near[first_near[path]:first_near[path + 1]]."""
    near: Int32s


class Assignment(NamedTuple):
    """What a policy assigns the spectrum by: one of the three. None: not by this."""

    capacity: Capacity | None
    kept: Kept | None
    """Only where `follow` is called for each lightpath: the plain loop."""
    classes: Classes | None
    splits: Splits | None


@inner
def start_in_class(
    network: Network, classes: Classes, free: Words, path: int, plane: int, width: int, column: int
) -> Any:
    """Return the start in the slots of a class, lowest or highest first, or -1."""
    hop, end = network.first_hop[path], network.first_hop[path + 1]
    low, last = np.int64(classes.low[plane, column]), classes.high[plane, column] - width
    if last < low:
        return np.int64(-1)
    best = np.int64(-1)
    for word in range(low >> 6, (last >> 6) + 1):
        starts = starts_in_word(free, plane, network.links, hop, end, word, network.shifts, width)
        starts &= slots_of_word(word, low, np.int64(last + 1))
        if starts:
            if not classes.from_top[column]:
                return np.int64(word * WORD_BITS + trailing_zeros(starts))
            best = np.int64(word * WORD_BITS + 63 - leading_zeros(starts))
    return best


@inner
def cost_of_start(
    network: Network, splits: Splits, free: Words, path: int, plane: int, start: int, width: int
) -> Any:
    """Return what a lightpath costs: the sum over the links of its path, and the links near it."""
    total, end = np.int64(0), np.int64(start + width)
    for h in range(network.first_hop[path], network.first_hop[path + 1]):
        link = np.int64(network.links[h])
        below = np.int64(ones_below(free, plane, link, start))
        above = np.int64(ones_from(free, plane, link, end))
        total += splits.cost[plane, below] + splits.cost[plane, above]
        total -= splits.cost[plane, below + width + above]
    if splits.counts_near:
        for k in range(splits.first_near[path], splits.first_near[path + 1]):
            for word in range(start >> 6, ((end - 1) >> 6) + 1):
                mask = slots_of_word(word, start, end)
                open_ = count_ones(free[plane, splits.near[k], word] & mask)
                total += 2 * open_ - count_ones(mask)
    return total


@inner
def least_split(
    network: Network, splits: Splits, free: Words, path: int, plane: int, width: int
) -> Any:
    """Return (start, cost) of the start that costs least; equal ones: the lowest. Or (-1, 0)."""
    hop, end = network.first_hop[path], network.first_hop[path + 1]
    best, least = np.int64(-1), np.int64(0)
    for word in range(free.shape[2]):
        starts = starts_in_word(free, plane, network.links, hop, end, word, network.shifts, width)
        while starts:
            start = np.int64(word * WORD_BITS + trailing_zeros(starts))
            starts &= starts - ONE
            cost = cost_of_start(network, splits, free, path, plane, start, width)
            if best < 0 or cost < least:
                best, least = start, cost
    return best, least


@inner
def assigned_start(
    network: Network,
    capacity: Capacity | None,
    kept: Kept | None,
    classes: Classes | None,
    splits: Splits | None,
    free: Words,
    path: int,
    plane: int,
    width: int,
    column: int,
) -> Any:
    """Return (start, score) of a lightpath on one path and plane; start -1: it has no room.

    capacity ... splits: of an `Assignment`. column: of `Network.width`. Of several paths the lowest score is
    taken.
    """
    if capacity is not None:
        return least_loss(network, capacity, kept, free, path, plane, width)
    if classes is not None:
        start = start_in_class(network, classes, free, path, plane, width, column)
        return start, -start if classes.from_top[column] else start
    if splits is not None:
        return least_split(network, splits, free, path, plane, width)
    return np.int64(-1), np.int64(0)


@inner
def start_by(
    network: Network,
    assignment: Assignment | None,
    free: Words,
    usage: Int32s,
    first_hop: Int32s,
    fit: int,
    plane: int,
    path: int,
    width: int,
    column: int,
    tie: float,
) -> Any:
    """Return (start, score) of a lightpath on one path and plane by an assignment, or None: by a fit."""
    if assignment is not None:
        start, cost = assigned_start(
            network,
            assignment.capacity,
            assignment.kept,
            assignment.classes,
            assignment.splits,
            free,
            path,
            plane,
            width,
            column,
        )
        return start, float(cost)
    return find_start(
        free, usage, first_hop, network.links, network.shifts, fit, plane, path, width, tie
    )


@inner
def search_assigned(
    network: Network,
    assignment: Assignment,
    free: Words,
    score: Floats,
    slots: int,
    choice: int,
    pair: int,
    column: int,
) -> Any:
    """Return (path, plane, start) of a lightpath; else -1s.

    As the functions of `search` do: the first path in order with room, or the first by its score at this
    moment, and there the first plane; or the lowest score of all paths on the first plane with room, of equal
    ones the earlier path. score, slots: as for `search.search_ranked`.
    """
    first, end = network.first_path[pair], network.first_path[pair + 1]
    if choice == ALL_PATHS:
        for plane in range(free.shape[0]):
            best_path, best_start = np.int64(-1), np.int64(-1)
            least = np.int64(0)
            for path in range(first, end):
                width = np.int64(network.width[network.width_row[path], column])
                if width > 0:
                    start, cost = assigned_start(
                        network,
                        assignment.capacity,
                        assignment.kept,
                        assignment.classes,
                        assignment.splits,
                        free,
                        np.int64(path),
                        np.int64(plane),
                        width,
                        column,
                    )
                    if start >= 0 and (best_path < 0 or cost < least):
                        best_path, best_start, least = np.int64(path), start, cost
            if best_path >= 0:
                return best_path, np.int64(plane), best_start
        return np.int64(-1), np.int64(-1), np.int64(-1)
    for path in range(first, end):
        score[path - first] = path - first
        if choice != IN_ORDER:
            score[path - first] = network.path_cost[path] + path_score(
                free,
                network.links,
                network.first_hop[path],
                network.first_hop[path + 1],
                slots,
                choice,
            )
    for _ in range(first, end):
        best = np.int64(first)
        for other in range(first + 1, end):
            if score[other - first] < score[best - first]:
                best = np.int64(other)
        score[best - first] = np.inf
        width = np.int64(network.width[network.width_row[best], column])
        if width > 0:
            for plane in range(free.shape[0]):
                start, _ = assigned_start(
                    network,
                    assignment.capacity,
                    assignment.kept,
                    assignment.classes,
                    assignment.splits,
                    free,
                    best,
                    np.int64(plane),
                    width,
                    column,
                )
                if start >= 0:
                    return best, np.int64(plane), start
    return np.int64(-1), np.int64(-1), np.int64(-1)
