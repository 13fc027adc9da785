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


def new_noise(quality: Quality, network: Network, lightpaths: int) -> Noise:
    """Return the noise of an empty network. lightpaths: rows of `Lightpaths`."""
    planes, links, words = network.spectrum.shape
    slots = 64 * words
    crosstalk = quality.crosstalk.size > 0
    return Noise(
        ratio=np.empty(lightpaths),
        member=np.empty((planes, links, slots), dtype=np.int32),
        members=np.zeros((planes, links), dtype=np.int32),
        owner=np.full((planes, links, slots if crosstalk else 0), -1, dtype=np.int32),
        shared=np.zeros(lightpaths),
        added=np.zeros(lightpaths),
        near=np.empty(lightpaths, dtype=np.int32),
        refused=np.zeros(1, dtype=np.int64),
    )


@inner
def one_on_another(
    quality: Quality,
    plane: int,
    start: int,
    column: int,
    other_plane: int,
    other_start: int,
    other_column: int,
) -> Any:
    """Return the noise that a lightpath has from another one in each span that they share."""
    kind, other = quality.kind[column], quality.kind[other_column]
    if quality.cross.shape[0] > 0:
        slot = quality.first_slot[plane] + start
        other_slot = quality.first_slot[other_plane] + other_start
        there = 2 * other_slot + quality.light[other_column]
        watts = quality.cross[quality.cross_row[kind], slot, there]
        if quality.correction.shape[0] > 0:
            watts -= quality.correction[other, other_slot, 2 * slot + quality.light[column]]
        return quality.cross_scale[kind, other] * watts / quality.power[kind]
    middle = 2 * start + quality.light[column]
    return quality.xci[kind, other, abs(middle - 2 * other_start - quality.light[other_column])]


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
def measure(
    quality: Quality,
    network: Network,
    state: Lightpaths,
    path: int,
    plane: int,
    start: int,
    column: int,
) -> Any:
    """Return the noise of a lightpath that is not up, and the number of those it would disturb.

    These are in `near`, with the spans that they share with it in `shared` and the crosstalk that it adds in
    `added`; both must be set to 0 again.
    """
    noise = state.noise
    count = np.int64(0)
    ratio = 0.0
    hop, end = network.first_hop[path], network.first_hop[path + 1]
    light = np.int64(quality.light[column])
    if quality.file_ratio.shape[0] > 0:
        for slot in range(start, start + light):
            ratio = max(ratio, quality.file_ratio[path, plane, slot])
    if quality.own.shape[0] > 0:
        spans = 0.0
        for h in range(hop, end):
            link = network.links[h]
            spans += quality.spans[link]
            for k in range(quality.together.shape[1]):
                there = quality.together[plane, k]
                if there < 0:
                    break
                for m in range(noise.members[there, link]):
                    other = noise.member[there, link, m]
                    if noise.shared[other] == 0.0:
                        noise.near[count] = other
                        count += 1
                    noise.shared[other] += quality.spans[link]
        ratio = spans * quality.own[quality.kind[column], quality.band[plane], start]
        for n in range(count):
            other = noise.near[n]
            ratio += noise.shared[other] * one_on_another(
                quality,
                plane,
                start,
                column,
                np.int64(state.plane[other]),
                np.int64(state.start[other]),
                np.int64(state.column[other]),
            )
    if quality.crosstalk.shape[0] > 0:
        owner, nowhere = noise.owner, np.int64(0)
        for h in range(hop, end):
            link = network.links[h]
            lit = most_lit(quality, owner, plane, link, start, start + light, nowhere, nowhere)
            ratio += quality.crosstalk[link, lit]
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
    return ratio, count


@inner
def noise_of(
    quality: Quality,
    network: Network,
    state: Lightpaths,
    path: int,
    plane: int,
    start: int,
    column: int,
) -> Any:
    """Return the noise of a lightpath that is not up, whomever it would disturb."""
    noise = state.noise
    ratio, count = measure(quality, network, state, path, plane, start, column)
    for n in range(count):
        other = noise.near[n]
        noise.shared[other] = 0.0
        noise.added[other] = 0.0
    return ratio


@inner
def change_of(
    quality: Quality, state: Lightpaths, other: int, plane: int, start: int, column: int
) -> Any:
    """Return what the lightpath at hand adds to the noise of another; see `measure`."""
    noise = state.noise
    change = noise.added[other]
    if noise.shared[other] > 0.0:
        change += noise.shared[other] * one_on_another(
            quality,
            np.int64(state.plane[other]),
            np.int64(state.start[other]),
            np.int64(state.column[other]),
            plane,
            start,
            column,
        )
    return change


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
        for slot in range(start, start + quality.light[column]):
            if quality.file_rank[path, plane, slot] < quality.rank[column]:
                return False
    noise = state.noise
    ratio, count = measure(quality, network, state, path, plane, start, column)
    good = ratio <= quality.limit[column]
    for n in range(count):
        other = noise.near[n]
        if good and rechecks:
            if noise.shared[other] == 0.0:
                checked = quality.rechecks_cores
            elif state.plane[other] != plane:
                checked = quality.rechecks_bands
            else:
                checked = True
            if checked:
                change = change_of(quality, state, other, plane, start, column)
                good = noise.ratio[other] + change <= quality.limit[state.column[other]]
        noise.shared[other] = 0.0
        noise.added[other] = 0.0
    return good


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
    ratio = noise_of(quality, network, state, path, plane, start, column)
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
        ratio, count = measure(quality, network, state, path, plane, start, column)
        noise.ratio[row] = ratio
        for n in range(count):
            other = noise.near[n]
            noise.ratio[other] += change_of(quality, state, other, plane, start, column)
            noise.shared[other] = 0.0
            noise.added[other] = 0.0
        for h in range(network.first_hop[path], network.first_hop[path + 1]):
            link = network.links[h]
            noise.member[plane, link, noise.members[plane, link]] = row
            noise.members[plane, link] += 1
            if quality.crosstalk.shape[0] > 0:
                for slot in range(start, start + quality.light[column]):
                    noise.owner[plane, link, slot] = row


@inner
def foresee_noise(quality: Quality, network: Network, state: Lightpaths, row: int) -> None:
    """Note the noise that a lightpath would have if it were set up now, which stays dark."""
    state.noise.ratio[row] = noise_of(
        quality,
        network,
        state,
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
        for h in range(network.first_hop[path], network.first_hop[path + 1]):
            link = network.links[h]
            last = noise.members[plane, link] - 1
            place = np.int64(0)
            while noise.member[plane, link, place] != row:
                place += 1
            noise.member[plane, link, place] = noise.member[plane, link, last]
            noise.members[plane, link] = last
            if quality.crosstalk.shape[0] > 0:
                for slot in range(start, start + quality.light[column]):
                    noise.owner[plane, link, slot] = -1
        _, count = measure(quality, network, state, path, plane, start, column)
        for n in range(count):
            other = noise.near[n]
            noise.ratio[other] -= change_of(quality, state, other, plane, start, column)
            noise.shared[other] = 0.0
            noise.added[other] = 0.0


@inner
def count_noise(noise: Noise | None, count: Count, row: int) -> None:
    """Count the noise of a lightpath that was set up for a request."""
    if noise is not None:
        count.noise[0] += noise.ratio[row]


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
