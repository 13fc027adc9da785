"""Signal quality: the noise of every lightpath, kept up to date as lightpaths come and go.

Noise is a ratio to the signal. It adds over spans, links and neighbours, so a lightpath that comes or goes
changes that of its neighbours alone: those that share a link and a core with it, and, through crosstalk,
those in adjacent cores. Where `Service.quality` is None nothing of this is compiled.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fusion.kernel import compiled, inner
from fusion.kernel.arrays import Int32s, Network
from fusion.kernel.records import Count, Lightpaths, Noise, Quality

ROW, KIND, SLOT, MIDDLE = range(4)
"""Fields of `Noise.member`."""


def new_noise(quality: Quality, network: Network, lightpaths: int) -> Noise:
    """Return the noise of an empty network. lightpaths: rows of `Lightpaths`."""
    planes, links, words = network.spectrum.shape
    slots = 64 * words
    crosstalk = quality.crosstalk.size > 0
    return Noise(
        ratio=np.empty(lightpaths),
        limit=np.empty(lightpaths),
        member=np.empty((planes, links, slots, 4), dtype=np.uint32),
        members=np.zeros((planes, links), dtype=np.int32),
        owner=np.full((planes, links, slots if crosstalk else 0), -1, dtype=np.int32),
        added=np.zeros(lightpaths),
        near=np.empty(lightpaths, dtype=np.int32),
        looked_at=np.full(4, -1, dtype=np.int64),
        found=np.zeros(1),
        tried=np.empty((planes, 2), dtype=np.int32),
        refused=np.zeros(1, dtype=np.int64),
    )


@inner
def one_on_another(
    quality: Quality,
    kind: int,
    slot: int,
    middle: int,
    other_kind: int,
    other_slot: int,
    other_middle: int,
) -> Any:
    """Return the noise that a lightpath has from another one in each span that they share.

    slot: its first one, numbered through all bands; middle: its centre in half slots.
    """
    if quality.cross.shape[0] > 0:
        watts = quality.cross[quality.cross_row[kind], slot, other_middle]
        if quality.correction.shape[0] > 0:
            watts -= quality.correction[other_kind, other_slot, middle]
        return quality.cross_scale[kind, other_kind] * watts / quality.power[kind]
    return quality.xci[kind, other_kind, np.uint32(abs(middle - other_middle))]


@inner
def most_lit(
    quality: Quality,
    owner: Int32s,
    plane: int,
    link: int,
    start: int,
    end: int,
    low: int,
    high: int,
) -> Any:
    """Return the most adjacent cores with light in one slot of start ... end - 1.

    low ... high - 1: slots in which one more has light than `owner` says.
    """
    most = np.int64(0)
    for slot in range(start, end):
        lit = np.int64(1) if low <= slot < high else np.int64(0)
        for k in range(quality.adjacent.shape[1]):
            other = quality.adjacent[plane, k]
            if other < 0:
                break
            if owner[other, link, slot] >= 0:
                lit += 1
        most = max(most, lit)
    return most


@inner
def noise_among(
    quality: Quality,
    network: Network,
    noise: Noise,
    path: int,
    plane: int,
    start: int,
    column: int,
) -> Any:
    """Return the noise of a lightpath that is not up."""
    ratio = 0.0
    hop, end = network.first_hop[path], network.first_hop[path + 1]
    light = np.int64(quality.light[column])
    if quality.file_ratio.shape[0] > 0:
        table, step = quality.file_table[column], quality.file_step[column]
        for slot in range(start, start + light, step):
            ratio = max(ratio, quality.file_ratio[path, table, plane, slot])
    if quality.own.shape[0] > 0:
        kind = np.int64(quality.kind[column])
        first = np.int64(quality.first_slot[plane]) + start
        middle = 2 * first + light
        ratio += spans_of(quality, network, path) * quality.own[kind, quality.band[plane], start]
        for h in range(hop, end):
            link = network.links[h]
            in_span = 0.0
            for k in range(quality.together.shape[1]):
                there = quality.together[plane, k]
                if there < 0:
                    break
                members = noise.member[there, link, : noise.members[there, link]]
                for m in range(members.shape[0]):
                    in_span += one_on_another(
                        quality,
                        np.uint32(kind),
                        first,
                        middle,
                        members[m, KIND],
                        members[m, SLOT],
                        np.int64(members[m, MIDDLE]),
                    )
            ratio += quality.spans[link] * in_span
    if quality.crosstalk.shape[0] > 0:
        nowhere = np.int64(0)
        for h in range(hop, end):
            link = network.links[h]
            lit = most_lit(
                quality, noise.owner, plane, link, start, start + light, nowhere, nowhere
            )
            ratio += quality.crosstalk[link, lit]
    return ratio


@inner
def noise_now(
    quality: Quality,
    network: Network,
    noise: Noise,
    path: int,
    plane: int,
    start: int,
    column: int,
) -> Any:
    """Return what `noise_among` does, which is kept until a lightpath comes or goes.

    Formats of the same width are tried in one place, and the lightpath is set up in the place that was good.
    """
    kind, last = np.int64(quality.kind[column]), noise.looked_at
    if last[0] != path or last[1] != plane or last[2] != start or last[3] != kind:
        noise.found[0] = noise_among(quality, network, noise, path, plane, start, column)
        last[0], last[1], last[2], last[3] = path, plane, start, kind
    return noise.found[0]


@inner
def as_ratio(quality: Quality, noise: float) -> Any:
    """Return noise to signal of what is added up."""
    return math.expm1(noise) if quality.adds_logs else noise


@inner
def limit_of(quality: Quality, path: int, plane: int, start: int, column: int) -> Any:
    """Return the greatest ratio of noise to signal with which a lightpath works."""
    limit = quality.limit[column]
    if quality.file_limit.shape[0] > 0:
        table, step = quality.file_table[column], quality.file_step[column]
        for slot in range(start, start + quality.light[column], step):
            limit = min(limit, quality.file_limit[path, table, plane, slot])
    return limit


@inner
def spans_of(quality: Quality, network: Network, path: int) -> Any:
    """Return the spans of a path."""
    spans = 0.0
    for h in range(network.first_hop[path], network.first_hop[path + 1]):
        spans += quality.spans[network.links[h]]
    return spans


@inner
def shared_spans(quality: Quality, network: Network, path: int, other: int) -> Any:
    """Return the spans that two paths have in common."""
    spans = 0.0
    for h in range(network.first_hop[path], network.first_hop[path + 1]):
        link = network.links[h]
        for g in range(network.first_hop[other], network.first_hop[other + 1]):
            if network.links[g] == link:
                spans += quality.spans[link]
    return spans


@inner
def leak(
    quality: Quality,
    network: Network,
    state: Lightpaths,
    path: int,
    plane: int,
    start: int,
    column: int,
) -> Any:
    """Return how many lightpaths in adjacent cores have more crosstalk beside one that is not up.

    These are in `near`, with their additional crosstalk in `added`, which must be set to 0 again.
    """
    noise = state.noise
    count = np.int64(0)
    if quality.crosstalk.shape[0] > 0:
        owner, nowhere = noise.owner, np.int64(0)
        light = np.int64(quality.light[column])
        for h in range(network.first_hop[path], network.first_hop[path + 1]):
            link = network.links[h]
            for k in range(quality.adjacent.shape[1]):
                there = np.int64(quality.adjacent[plane, k])
                if there < 0:
                    break
                at: Any = np.int64(start)
                while at < start + light:
                    other = owner[there, link, at]
                    at += 1
                    if other < 0:
                        continue
                    first = np.int64(state.start[other])
                    last = first + quality.light[state.column[other]]
                    at = last
                    before = most_lit(quality, owner, there, link, first, last, nowhere, nowhere)
                    after = most_lit(quality, owner, there, link, first, last, start, start + light)
                    more = quality.crosstalk[link, after] - quality.crosstalk[link, before]
                    if more > 0.0:
                        if noise.added[other] == 0.0:
                            noise.near[count] = other
                            count += 1
                        noise.added[other] += more
    return count


@inner
def bear_it(
    quality: Quality,
    network: Network,
    state: Lightpaths,
    path: int,
    plane: int,
    start: int,
    column: int,
) -> Any:
    """Say whether the lightpaths that are up would still be good beside one that is not."""
    noise = state.noise
    if quality.own.shape[0] > 0:
        kind = np.int64(quality.kind[column])
        first = np.int64(quality.first_slot[plane]) + start
        middle = 2 * first + np.int64(quality.light[column])
        most = spans_of(quality, network, path)
        for h in range(network.first_hop[path], network.first_hop[path + 1]):
            link = network.links[h]
            for k in range(quality.together.shape[1]):
                there = quality.together[plane, k]
                if there < 0 or (k > 0 and not quality.rechecks_bands):
                    break
                members = noise.member[there, link, : noise.members[there, link]]
                for m in range(members.shape[0]):
                    other = members[m, ROW]
                    in_span = one_on_another(
                        quality,
                        members[m, KIND],
                        members[m, SLOT],
                        np.int64(members[m, MIDDLE]),
                        np.uint32(kind),
                        first,
                        middle,
                    )
                    # Most bear it on the whole path: those that do not may be on a part of it alone.
                    if noise.ratio[other] + most * in_span > noise.limit[other]:
                        spans = shared_spans(quality, network, path, np.int64(state.path[other]))
                        if noise.ratio[other] + spans * in_span > noise.limit[other]:
                            return False
    good = True
    count = leak(quality, network, state, path, plane, start, column)
    for n in range(count):
        other = noise.near[n]
        if quality.rechecks_cores:
            good = good and noise.ratio[other] + noise.added[other] <= noise.limit[other]
        noise.added[other] = 0.0
    return good


@inner
def disturb(
    quality: Quality,
    network: Network,
    state: Lightpaths,
    path: int,
    plane: int,
    start: int,
    column: int,
    sign: float,
) -> None:
    """Add what a lightpath that is not among the members adds to the noise of others; sign: 1, or -1."""
    noise = state.noise
    if quality.own.shape[0] > 0:
        kind = np.int64(quality.kind[column])
        first = np.int64(quality.first_slot[plane]) + start
        middle = 2 * first + np.int64(quality.light[column])
        for h in range(network.first_hop[path], network.first_hop[path + 1]):
            link = network.links[h]
            spans = sign * quality.spans[link]
            for k in range(quality.together.shape[1]):
                there = quality.together[plane, k]
                if there < 0:
                    break
                members = noise.member[there, link, : noise.members[there, link]]
                for m in range(members.shape[0]):
                    noise.ratio[members[m, ROW]] += spans * one_on_another(
                        quality,
                        members[m, KIND],
                        members[m, SLOT],
                        np.int64(members[m, MIDDLE]),
                        np.uint32(kind),
                        first,
                        middle,
                    )
    count = leak(quality, network, state, path, plane, start, column)
    for n in range(count):
        other = noise.near[n]
        noise.ratio[other] += sign * noise.added[other]
        noise.added[other] = 0.0


@inner
def is_good(
    quality: Quality,
    network: Network,
    state: Lightpaths,
    path: int,
    plane: int,
    start: int,
    column: int,
) -> Any:
    """Say whether a lightpath would have the quality that its format needs, and leave it to the others."""
    return is_good_among(
        quality, network, state, path, plane, start, column, bool(quality.rechecks)
    )


@inner
def is_good_among(
    quality: Quality,
    network: Network,
    state: Lightpaths,
    path: int,
    plane: int,
    start: int,
    column: int,
    rechecks: bool,
) -> Any:
    """Return what `is_good` says; rechecks: whether it must leave their quality to the others."""
    if quality.file_rank.shape[0] > 0:
        table, step = quality.file_table[column], quality.file_step[column]
        for slot in range(start, start + quality.light[column], step):
            if quality.file_rank[path, table, plane, slot] < quality.rank[column]:
                return False
    ratio = noise_now(quality, network, state.noise, path, plane, start, column)
    if ratio > limit_of(quality, path, plane, start, column):
        return False
    return not rechecks or bear_it(quality, network, state, path, plane, start, column)


@inner
def is_refused(
    quality: Quality | None,
    network: Network,
    state: Lightpaths,
    path: int,
    plane: int,
    start: int,
    column: int,
) -> Any:
    """Say whether a lightpath that there is room for is not good, and note it if so."""
    if quality is None:
        return False
    if is_good(quality, network, state, path, plane, start, column):
        return False
    state.noise.refused[0] += 1
    return True


@inner
def decibels_of(
    quality: Quality | None,
    network: Network,
    state: Lightpaths,
    path: int,
    plane: int,
    start: int,
    column: int,
) -> Any:
    """Return the signal to noise of a lightpath that is not up, in dB."""
    if quality is None:
        return math.inf
    noise = noise_now(quality, network, state.noise, path, plane, start, column)
    ratio = as_ratio(quality, noise)
    return -10.0 * math.log10(ratio) if ratio > 0.0 else math.inf


@compiled(is_kept=True)
def lacks_quality(
    quality: Quality,
    network: Network,
    state: Lightpaths,
    path: int,
    plane: int,
    start: int,
    column: int,
) -> Any:
    """Say what `is_refused` says, to Python."""
    return is_refused(quality, network, state, path, plane, start, column)


@compiled(is_kept=True)
def signal_to_noise(
    quality: Quality,
    network: Network,
    state: Lightpaths,
    path: int,
    plane: int,
    start: int,
    column: int,
) -> Any:
    """Return what `decibels_of` returns, to Python."""
    return decibels_of(quality, network, state, path, plane, start, column)


@inner
def add_noise(quality: Quality | None, network: Network, state: Lightpaths, row: int) -> None:
    """Reckon with the noise that a lightpath has and makes, as it is set up."""
    if quality is not None:
        noise = state.noise
        path, plane = np.int64(state.path[row]), np.int64(state.plane[row])
        start, column = np.int64(state.start[row]), np.int64(state.column[row])
        noise.ratio[row] = noise_now(quality, network, noise, path, plane, start, column)
        noise.looked_at[0] = -1
        noise.limit[row] = limit_of(quality, path, plane, start, column)
        disturb(quality, network, state, path, plane, start, column, 1.0)
        slot = np.int64(quality.first_slot[plane]) + start
        for h in range(network.first_hop[path], network.first_hop[path + 1]):
            link = network.links[h]
            member = noise.member[plane, link, noise.members[plane, link]]
            member[ROW], member[KIND] = row, quality.kind[column]
            member[SLOT], member[MIDDLE] = slot, 2 * slot + quality.light[column]
            noise.members[plane, link] += 1
            if quality.crosstalk.shape[0] > 0:
                for slot_of_light in range(start, start + quality.light[column]):
                    noise.owner[plane, link, slot_of_light] = row


@inner
def foresee_noise(quality: Quality, network: Network, state: Lightpaths, row: int) -> None:
    """Note the noise that a lightpath would have if it were set up now, which stays dark."""
    state.noise.ratio[row] = noise_now(
        quality,
        network,
        state.noise,
        np.int64(state.path[row]),
        np.int64(state.plane[row]),
        np.int64(state.start[row]),
        np.int64(state.column[row]),
    )


@inner
def take_noise(quality: Quality | None, network: Network, state: Lightpaths, row: int) -> None:
    """Take away the noise that a lightpath makes, as it is torn down."""
    if quality is not None:
        noise = state.noise
        path, plane = np.int64(state.path[row]), np.int64(state.plane[row])
        start, column = np.int64(state.start[row]), np.int64(state.column[row])
        noise.looked_at[0] = -1
        for h in range(network.first_hop[path], network.first_hop[path + 1]):
            link = network.links[h]
            last = noise.members[plane, link] - 1
            place = np.int64(0)
            while noise.member[plane, link, place, ROW] != row:
                place += 1
            for field in range(noise.member.shape[3]):
                noise.member[plane, link, place, field] = noise.member[plane, link, last, field]
            noise.members[plane, link] = last
            if quality.crosstalk.shape[0] > 0:
                for slot in range(start, start + quality.light[column]):
                    noise.owner[plane, link, slot] = -1
        disturb(quality, network, state, path, plane, start, column, -1.0)


@inner
def count_noise(quality: Quality | None, noise: Noise | None, count: Count, row: int) -> None:
    """Count the noise of a lightpath that was set up for a request."""
    if quality is not None and noise is not None:
        count.noise[0] += as_ratio(quality, noise.ratio[row])


@inner
def forget_refusals(noise: Noise | None) -> None:
    """Begin a request."""
    if noise is not None:
        noise.refused[0] = 0


@inner
def was_refused(noise: Noise | None) -> Any:
    """Say whether a place for the request had room and not the quality."""
    if noise is None:
        return False
    return noise.refused[0] > 0
