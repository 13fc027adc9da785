"""The search for a lightpath whose signal quality is good: path, format, plane and start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fusion.kernel import inner
from fusion.kernel.arrays import Int32s, Network, Words
from fusion.kernel.impairments import Impairments, Light, next_apart
from fusion.kernel.quality import is_good
from fusion.kernel.records import Quality
from fusion.kernel.search import APART, find_start

if TYPE_CHECKING:
    from fusion.kernel.records import Connections


@inner
def next_place(
    network: Network,
    usage: Int32s,
    impairments: Impairments | None,
    light: Light | None,
    free: Words,
    first_hop: Int32s,
    fit: int,
    path: int,
    width: int,
    tie: float,
    turn: int,
    overlaps: int,
    plane: int,
) -> Any:
    """Return (plane, start, score, overlaps) of the place on a path that is tried after so many others.

    start is -1 if there is none. That of the fit in the plane number `turn`, or with APART what `next_apart`
    has behind the place before. free: slots to look at. first_hop: as in `Network`, or over other links.
    """
    if impairments is not None and light is not None:
        keeps_apart = fit == APART
        if keeps_apart:
            plane, start, overlaps = next_apart(
                free,
                light.lit,
                light.first,
                network.links,
                network.shifts,
                impairments,
                first_hop[path],
                first_hop[path + 1],
                width,
                overlaps,
                plane,
            )
            return plane, start, 0.0, overlaps
    start, score = find_start(
        free, usage, first_hop, network.links, network.shifts, fit, turn, path, width, tie
    )
    return np.int64(turn), np.int64(start), score, np.int64(-1)


@inner
def place_well(
    quality: Quality,
    impairments: Impairments | None,
    network: Network,
    state: Connections,
    fit: int,
    path: int,
    column: int,
    tie: float,
) -> Any:
    """Return (plane, start, column of the format) of a good lightpath on a path; else -1s.

    The first format in order, and for it the first plane, on which the start that the fit chooses is good;
    with the fit APART planes are in the order of `next_apart`.
    """
    tried = state.noise.tried
    places, of_width = np.int64(0), np.int64(0)
    plane, overlaps = np.int64(-1), np.int64(-1)
    for option in range(quality.options.shape[1]):
        one = np.int64(quality.options[column, option])
        if one < 0:
            break
        width = np.int64(network.width[network.width_row[path], one])
        if width <= 0:
            continue
        if width != of_width:  # formats of equal width have the same places
            places, of_width = np.int64(0), width
            plane, overlaps = np.int64(-1), np.int64(-1)
        for turn in range(state.free.shape[0]):
            if turn >= places:
                plane, start, _, overlaps = next_place(
                    network,
                    state.usage,
                    impairments,
                    state.light,
                    state.free,
                    network.first_hop,
                    fit,
                    path,
                    width,
                    tie,
                    np.int64(turn),
                    overlaps,
                    plane,
                )
                tried[turn, 0], tried[turn, 1] = plane, start
                places += 1
            there, start = np.int64(tried[turn, 0]), np.int64(tried[turn, 1])
            if start >= 0:
                if is_good(quality, network, state, np.int64(path), there, start, one):
                    return there, start, one
                state.noise.refused[0] += 1
    return np.int64(-1), np.int64(-1), np.int64(-1)


@inner
def search_all_well(
    quality: Quality, network: Network, state: Connections, fit: int, pair: int, column: int
) -> Any:
    """Return (path, plane, start, column of the format) on the first plane with a good lightpath; else -1s.

    There each path offers its first format in order that is good, and the lowest (score, start) wins. Equal
    scores and starts: the earlier path. Not for random fit.
    """
    for plane in range(state.free.shape[0]):
        best_path, best_start, best_column = np.int64(-1), np.int64(-1), np.int64(-1)
        best_score = 0.0
        for path in range(network.first_path[pair], network.first_path[pair + 1]):
            for option in range(quality.options.shape[1]):
                one = np.int64(quality.options[column, option])
                if one < 0:
                    break
                width = network.width[network.width_row[path], one]
                if width <= 0:
                    continue
                start, score = find_start(
                    state.free,
                    state.usage,
                    network.first_hop,
                    network.links,
                    network.shifts,
                    fit,
                    plane,
                    np.int64(path),
                    width,
                    0.0,
                )
                if start < 0:
                    continue
                if not is_good(quality, network, state, np.int64(path), plane, start, one):
                    state.noise.refused[0] += 1
                    continue
                if (
                    best_path < 0
                    or score < best_score
                    or (score == best_score and start < best_start)
                ):
                    best_path, best_start = np.int64(path), np.int64(start)
                    best_score, best_column = score, one
                break
        if best_path >= 0:
            return best_path, np.int64(plane), best_start, best_column
    return np.int64(-1), np.int64(-1), np.int64(-1), np.int64(-1)
