"""The search for two lightpaths of a connection with a backup: which pair of paths, and where on them."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusion.kernel import INSIDE, compiled, inner
from fusion.kernel.arrays import Int32s, Network, Words
from fusion.kernel.impairments import (
    Impairments,
    Light,
    cost_of_links,
    next_apart,
)
from fusion.kernel.protected_quality import SECOND_DRAW, place_good_pair
from fusion.kernel.protection import Lit, Protected, Protection, look_at_backup
from fusion.kernel.records import Quality
from fusion.kernel.routing import (
    ALL_PATHS,
    BY_BOTTLENECK,
    BY_CONGESTION,
    BY_INTERFERENCE,
    IN_ORDER,
    fragmentation,
    free_slots,
)
from fusion.kernel.search import APART, RANDOM_FIT, find_start
from fusion.kernel.spectrum import count_starts, nth_start, stay_out_of_line


@inner
def find_on(
    network: Network,
    state: Protected,
    impairments: Impairments | None,
    light: Light | None,
    free: Words,
    first_hop: Int32s,
    fit: int,
    path: int,
    bit_rate: int,
    tie: float,
) -> Any:
    """Return (plane, start, score) of a lightpath on a path, on the first plane with room; else -1s.

    With the fit APART on the first of these by `next_apart`.
    """
    width = network.width[network.width_row[path], bit_rate]
    if impairments is not None and light is not None:
        keeps_apart = fit == APART
        if keeps_apart:
            plane, start, _ = next_apart(
                free,
                light.lit,
                light.first,
                network.links,
                network.shifts,
                impairments,
                first_hop[path],
                first_hop[path + 1],
                np.int64(width),
                np.int64(-1),
                np.int64(-1),
            )
            return plane, start, 0.0
    for plane in range(free.shape[0]):
        start, score = find_start(
            free,
            state.usage,
            first_hop,
            network.links,
            network.shifts,
            fit,
            plane,
            path,
            width,
            tie,
        )
        if start >= 0:
            return np.int64(plane), np.int64(start), score
    return np.int64(-1), np.int64(-1), 0.0


@inner
def is_open(network: Network, path: int, bit_rate: int) -> Any:
    """Return whether a working path and its backup are up and within reach."""
    width, width_row = network.width, network.width_row
    return width[width_row[path], bit_rate] > 0 and width[width_row[path + 1], bit_rate] > 0


@inner
def place_pair(
    network: Network,
    protection: Protection,
    state: Protected,
    quality: Quality | None,
    lit: Lit | None,
    impairments: Impairments | None,
    light: Light | None,
    fit: int,
    row: int,
    path: int,
    bit_rate: int,
    tie: float,
) -> Any:
    """Return (plane, start, column, those of the backup, score) on a working path and its backup.

    The starts are -1 where one of the two has no room. They are looked for one after the other; they have no
    link in common. column: of `Network.width`. score: what the fit wants least of, the sum of both. row: of
    a connection that is not up.
    """
    if quality is not None:
        return place_good_pair(
            network,
            protection,
            state,
            quality,
            lit,
            impairments,
            light,
            fit,
            row,
            path,
            bit_rate,
            tie,
        )
    none, column = np.int64(-1), np.int64(bit_rate)
    first_hop = protection.joint_hop if protection.same_slots else network.first_hop
    plane, start, score = find_on(
        network, state, impairments, light, state.free, first_hop, fit, path, bit_rate, tie
    )
    if start < 0 or protection.same_slots:
        return plane, start, column, plane, start, column, score
    free = state.free
    if protection.shared:
        look_at_backup(network, protection, state, path)
        free = state.offer
    other = tie * SECOND_DRAW % 1.0
    plane1, start1, score1 = find_on(
        network,
        state,
        impairments,
        light,
        free,
        network.first_hop,
        fit,
        path + 1,
        bit_rate,
        other,
    )
    if start1 < 0:
        return none, none, none, none, none, none, 0.0
    return plane, start, column, plane1, start1, column, score + score1


@compiled(**INSIDE)
def search_in_order(
    network: Network,
    protection: Protection,
    state: Protected,
    fit: int,
    pair: int,
    bit_rate: int,
    tie: float,
) -> Any:
    """Return what `search_pair` does with IN_ORDER, where any quality is good.

    A part of its caller, with all that it calls: to hand over the arrays would take longer than to search.
    """
    none, column = np.int64(-1), np.int64(bit_rate)
    width, width_row = network.width, network.width_row
    for path in range(network.first_path[pair], network.first_path[pair + 1], 2):
        if width[width_row[path], bit_rate] <= 0 or width[width_row[path + 1], bit_rate] <= 0:
            continue
        first_hop = protection.joint_hop if protection.same_slots else network.first_hop
        plane, start, _ = find_on(
            network, state, None, None, state.free, first_hop, fit, path, bit_rate, tie
        )
        if start < 0:
            continue
        if protection.same_slots:
            return np.int64(path), plane, start, column, plane, start, column
        free = state.free
        if protection.shared:
            look_at_backup(network, protection, state, path)
            free = state.offer
        other = tie * SECOND_DRAW % 1.0
        plane1, start1, _ = find_on(
            network, state, None, None, free, network.first_hop, fit, path + 1, bit_rate, other
        )
        if start1 >= 0:
            return np.int64(path), plane, start, column, plane1, start1, column
    return none, none, none, none, none, none, none


@inner
def search_pair(
    network: Network,
    protection: Protection,
    state: Protected,
    quality: Quality | None,
    lit: Lit | None,
    impairments: Impairments | None,
    light: Light | None,
    fit: int,
    choice: int,
    slots: int,
    row: int,
    pair: int,
    bit_rate: int,
    tie: float,
) -> Any:
    """Return (working path, plane, start, column, those three of the backup) of a pair with room; else -1s.

    choice: as in `routing`. slots: of a link, over all planes. row: see `place_pair`. The other arguments as
    for `search.find_start`.
    """
    if choice != ALL_PATHS:
        return search_ranked_pair(
            network,
            protection,
            state,
            quality,
            lit,
            impairments,
            light,
            fit,
            choice,
            slots,
            row,
            pair,
            bit_rate,
            tie,
        )
    if quality is None and fit == RANDOM_FIT:
        return search_random_pair(network, protection, state, pair, bit_rate, tie)
    return search_best_pair(
        network, protection, state, quality, lit, impairments, light, fit, row, pair, bit_rate
    )


@inner
def pair_score(
    network: Network,
    protection: Protection,
    state: Protected,
    impairments: Impairments | None,
    light: Light | None,
    slots: int,
    choice: int,
    path: int,
    bit_rate: int,
) -> Any:
    """Return what a working path and its backup should have little of: `path_score` of all their links.

    On the links of a shared backup the slots that it may share are free. By impairments: the sum of the costs
    of the two paths, for a lightpath of its own width on each; there slots of shared backups are not free.
    """
    if impairments is not None and light is not None and choice >= BY_INTERFERENCE:
        cost = 0.0
        for one in range(path, path + 2):
            cost += cost_of_links(
                state.free,
                light.lit,
                light.first,
                network.links,
                network.shifts,
                impairments,
                choice,
                network.first_hop[one],
                network.first_hop[one + 1],
                np.int64(network.width[network.width_row[one], bit_rate]),
            )
        return cost
    if protection.shared:
        look_at_backup(network, protection, state, path)
    hop, middle, end = (
        network.first_hop[path],
        network.first_hop[path + 1],
        network.first_hop[path + 2],
    )
    taken, fewest, broken = np.int64(0), np.int64(slots), 0.0
    for h in range(hop, end):
        link = network.links[h]
        free = state.free
        if protection.shared and h >= middle:
            free = state.offer
        number = free_slots(free, link)
        taken += slots - number
        fewest = min(fewest, number)
        if choice != BY_CONGESTION and choice != BY_BOTTLENECK:
            broken += fragmentation(free, link)
    if choice == BY_CONGESTION:
        return taken / ((end - hop) * slots)
    return -float(fewest) if choice == BY_BOTTLENECK else broken


@inner
def search_ranked_pair(
    network: Network,
    protection: Protection,
    state: Protected,
    quality: Quality | None,
    lit: Lit | None,
    impairments: Impairments | None,
    light: Light | None,
    fit: int,
    choice: int,
    slots: int,
    row: int,
    pair: int,
    bit_rate: int,
    tie: float,
) -> Any:
    """Return what `search_pair` does, the pairs by their score at this moment. Equal: the earlier one."""
    stay_out_of_line()
    first, end = network.first_path[pair], network.first_path[pair + 1]
    none, score = np.int64(-1), state.score
    for path in range(first, end, 2):
        score[path - first] = np.inf
        if is_open(network, path, bit_rate):
            score[path - first] = float(path)
            if choice == IN_ORDER:
                continue
            score[path - first] = network.path_cost[path] + pair_score(
                network, protection, state, impairments, light, slots, choice, path, bit_rate
            )
    while True:
        best = first
        for path in range(first + 2, end, 2):
            if score[path - first] < score[best - first]:
                best = path
        if best >= end or score[best - first] == np.inf:
            return none, none, none, none, none, none, none
        plane, start, column, plane1, start1, column1, _ = place_pair(
            network,
            protection,
            state,
            quality,
            lit,
            impairments,
            light,
            fit,
            row,
            best,
            bit_rate,
            tie,
        )
        if start1 >= 0:
            return np.int64(best), plane, start, column, plane1, start1, column1
        score[best - first] = np.inf


@inner
def search_best_pair(
    network: Network,
    protection: Protection,
    state: Protected,
    quality: Quality | None,
    lit: Lit | None,
    impairments: Impairments | None,
    light: Light | None,
    fit: int,
    row: int,
    pair: int,
    bit_rate: int,
) -> Any:
    """Return what `search_pair` does, of the pair whose two lightpaths the fit likes best.

    That is the one with the lowest (plane, plane of the backup, score, sum of the starts), each where the
    pair would have its lightpaths if it were the only one. Equal: the earlier pair. Not for random fit.
    """
    stay_out_of_line()
    best, best_plane, best_start, best_score = np.int64(-1), np.int64(-1), np.int64(-1), 0.0
    best_plane1, best_start1 = np.int64(-1), np.int64(-1)
    best_column, best_column1 = np.int64(-1), np.int64(-1)
    for path in range(network.first_path[pair], network.first_path[pair + 1], 2):
        if not is_open(network, path, bit_rate):
            continue
        plane, start, column, plane1, start1, column1, score = place_pair(
            network,
            protection,
            state,
            quality,
            lit,
            impairments,
            light,
            fit,
            row,
            path,
            bit_rate,
            0.0,
        )
        if start1 < 0:
            continue
        new = (plane, plane1, score, start + start1)
        if best < 0 or new < (best_plane, best_plane1, best_score, best_start + best_start1):
            best, best_plane, best_start, best_column = np.int64(path), plane, start, column
            best_plane1, best_start1, best_column1, best_score = plane1, start1, column1, score
    return best, best_plane, best_start, best_column, best_plane1, best_start1, best_column1


@inner
def count_places(network: Network, free: Words, first_hop: Int32s, path: int, width: int) -> Any:
    """Return (plane, number of starts) of the first plane in which a path has room; else (-1, 0)."""
    hop, end = first_hop[path], first_hop[path + 1]
    for plane in range(free.shape[0]):
        count = count_starts(free, plane, network.links, hop, end, network.shifts, width)
        if count > 0:
            return np.int64(plane), np.int64(count)
    return np.int64(-1), np.int64(0)


@inner
def count_pairs_of_places(
    network: Network, protection: Protection, state: Protected, path: int, bit_rate: int
) -> Any:
    """Return (plane, plane of the backup, starts, starts of the backup) on the first planes where both fit.

    Backups that have the slots of their working lightpath have one start for each of that.
    """
    width = network.width[network.width_row[path], bit_rate]
    first_hop = protection.joint_hop if protection.same_slots else network.first_hop
    plane, count = count_places(network, state.free, first_hop, path, width)
    if count == 0 or protection.same_slots:
        return plane, plane, count, np.int64(1)
    free = state.free
    if protection.shared:
        look_at_backup(network, protection, state, path)
        free = state.offer
    width = network.width[network.width_row[path + 1], bit_rate]
    plane1, count1 = count_places(network, free, network.first_hop, path + 1, width)
    return plane, plane1, count, count1


@inner
def search_random_pair(
    network: Network,
    protection: Protection,
    state: Protected,
    pair: int,
    bit_rate: int,
    tie: float,
) -> Any:
    """Return what `search_pair` does, uniform over all (pair, start, start of the backup), of any quality.

    Of pairs whose first planes with room are first: that of the working lightpath, then of the backup.
    """
    stay_out_of_line()
    first, end = network.first_path[pair], network.first_path[pair + 1]
    none, column, total = np.int64(-1), np.int64(bit_rate), np.int64(0)
    first_plane, first_plane1 = np.int64(-1), np.int64(-1)
    for path in range(first, end, 2):
        if is_open(network, path, bit_rate):
            plane, plane1, count, count1 = count_pairs_of_places(
                network, protection, state, path, bit_rate
            )
            if count * count1 == 0:
                continue
            if total == 0 or (plane, plane1) < (first_plane, first_plane1):
                first_plane, first_plane1, total = plane, plane1, np.int64(0)
            if plane == first_plane and plane1 == first_plane1:
                total += count * count1
    chosen = min(np.int64(tie * total), total - 1)
    for path in range(first, end if total > 0 else first, 2):
        if not is_open(network, path, bit_rate):
            continue
        plane, plane1, count, count1 = count_pairs_of_places(
            network, protection, state, path, bit_rate
        )
        if count * count1 == 0 or plane != first_plane or plane1 != first_plane1:
            continue
        if chosen >= count * count1:
            chosen -= count * count1
            continue
        links, shifts = network.links, network.shifts
        hops = protection.joint_hop if protection.same_slots else network.first_hop
        width = network.width[network.width_row[path], bit_rate]
        start = np.int64(
            nth_start(
                state.free,
                plane,
                links,
                hops[path],
                hops[path + 1],
                shifts,
                width,
                chosen // count1,
            )
        )
        if protection.same_slots:
            return np.int64(path), plane, start, column, plane, start, column
        free = state.offer if protection.shared else state.free
        hop, last = network.first_hop[path + 1], network.first_hop[path + 2]
        width = network.width[network.width_row[path + 1], bit_rate]
        start1 = np.int64(nth_start(free, plane1, links, hop, last, shifts, width, chosen % count1))
        return np.int64(path), plane, start, column, plane1, start1, column
    return none, none, none, none, none, none, none
