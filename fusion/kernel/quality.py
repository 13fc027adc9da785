"""Signal quality: the noise of every lightpath, kept up to date as lightpaths come and go.

Noise is a ratio to the signal. It adds over spans, links and neighbours, so a lightpath that comes or goes
changes that of its neighbours alone: those that share a link and a core with it, and, through crosstalk,
those in adjacent cores. Where `Service.quality` is None nothing of this is compiled.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.kernel import compiled, inner
from fusion.kernel.arrays import Floats, Int32s, Int64s, Network

if TYPE_CHECKING:
    from fusion.kernel.connections import Connections, Count


class Quality(NamedTuple):
    """What a lightpath needs, and what disturbs it. Sizes of 0 stand for what a model does not have."""

    options: Int32s
    """int32[column, option]: columns of `Network.width`, one for each format, that are tried for a column, in
    order; -1 behind the last."""
    kind: Int32s
    """int32[column]: the kind of carrier: its width and its format's phi."""
    light: Int32s
    """int32[column]: slots that carry light, without guard band."""
    limit: Floats
    """float64[column]: the greatest ratio of noise to signal with which the format works."""
    band: Int32s
    """int32[plane]: place of its band in `own` and `file_ratio`."""
    first_slot: Int32s
    """int32[plane]: number of the first slot of its band when slots are numbered through all bands."""
    together: Int32s
    """int32[plane, any]: planes whose light is noise here, this one first; -1 behind the last."""
    adjacent: Int32s
    """int32[plane, any]: the same band in adjacent cores; -1 behind the last."""
    spans: Floats
    """float64[link]."""
    own: Floats
    """float64[kind, band, slot]: noise of one span without neighbours, of a lightpath from the slot on."""
    xci: Floats
    """float64[kind, other kind, distance]: what a neighbour adds in one span, by the half slots between the
    centres."""
    cross_row: Int32s
    """int32[kind]: place of its width in `cross`."""
    cross: Floats
    """float64[width, slot, half slot]: the same where it depends on the places, by the first slot and the
    half slot of the neighbour's centre, without its factors; where it is there, xci is not."""
    correction: Floats
    """float64[other kind, other slot, half slot]: what the neighbour's format takes off, by its first slot
    and the half slot of the centre of the lightpath that suffers."""
    cross_scale: Floats
    """float64[kind, other kind]: the factors: noise in W."""
    power: Floats
    """float64[kind]: W."""
    crosstalk: Floats
    """float64[link, cores]: crosstalk where so many adjacent cores carry light in the same slot."""
    file_ratio: Floats
    """float64[path, plane, slot]: noise from a file."""
    file_rank: NDArray[np.int8]
    """int8[path, plane, slot]: the highest rank of a format that works there, from a file."""
    rank: Int32s
    """int32[column]: of its format."""
    rechecks: bool
    """Whether lightpaths that are up must go on to work when another comes: those of the same plane."""
    rechecks_bands: bool
    """And those of other bands."""
    rechecks_cores: bool
    """And those of adjacent cores."""


class Noise(NamedTuple):
    """What changes. Rows of lightpaths are those of `Connections`."""

    ratio: Floats
    """float64[lightpath]: noise to signal, over its whole path."""
    member: Int32s
    """int32[plane, link, any]: the lightpaths on a link, in any order."""
    members: Int32s
    """int32[plane, link]: how many they are."""
    owner: Int32s
    """int32[plane, link, slot]: the lightpath whose light is there, or -1; of size 0 without crosstalk."""
    shared: Floats
    added: Floats
    """float64[lightpath]: spans shared with the lightpath at hand; crosstalk that it adds. 0 between uses."""
    near: Int32s
    """int32[lightpath]: those of which one is not 0."""
    refused: Int64s
    """int64[1]: places for the request at hand that had room and not the quality."""


def new_noise(quality: Quality, network: Network, lightpaths: int) -> Noise:
    """Return the noise of an empty network. lightpaths: rows of `Connections`."""
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
    state: Connections,
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
def change_of(
    quality: Quality, state: Connections, other: int, plane: int, start: int, column: int
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
    state: Connections,
    path: int,
    plane: int,
    start: int,
    column: int,
) -> Any:
    """Say whether a lightpath would have the quality that its format needs, and leave it to the others."""
    if quality.file_rank.shape[0] > 0:
        for slot in range(start, start + quality.light[column]):
            if quality.file_rank[path, plane, slot] < quality.rank[column]:
                return False
    noise = state.noise
    ratio, count = measure(quality, network, state, path, plane, start, column)
    good = ratio <= quality.limit[column]
    for n in range(count):
        other = noise.near[n]
        if good and quality.rechecks:
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
    state: Connections,
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
    state: Connections,
    path: int,
    plane: int,
    start: int,
    column: int,
) -> Any:
    """Return the signal to noise of a lightpath that is not up, in dB."""
    if quality is None:
        return math.inf
    noise = state.noise
    ratio, count = measure(quality, network, state, path, plane, start, column)
    for n in range(count):
        other = noise.near[n]
        noise.shared[other] = 0.0
        noise.added[other] = 0.0
    return -10.0 * math.log10(ratio) if ratio > 0.0 else math.inf


@compiled(is_kept=True)
def lacks_quality(
    quality: Quality,
    network: Network,
    state: Connections,
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
    state: Connections,
    path: int,
    plane: int,
    start: int,
    column: int,
) -> Any:
    """Return what `decibels_of` returns, to Python."""
    return decibels_of(quality, network, state, path, plane, start, column)


@inner
def add_noise(quality: Quality | None, network: Network, state: Connections, row: int) -> None:
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
def take_noise(quality: Quality | None, network: Network, state: Connections, row: int) -> None:
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
