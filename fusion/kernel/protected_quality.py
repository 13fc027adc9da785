"""Where a working path and its backup have room for lightpaths whose signal quality is good."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusion.kernel import inner
from fusion.kernel.arrays import Int32s, Network, Words
from fusion.kernel.impairments import Impairments, Light, next_apart, stay_out_of_line
from fusion.kernel.protection import (
    Lit,
    Protected,
    Protection,
    add_noise_of,
    is_good_now,
    look_at_backup,
    take_noise_of,
)
from fusion.kernel.records import Quality
from fusion.kernel.search import APART, find_start

SECOND_DRAW = float(1 << 20)
"""What is behind so many equal parts of [0, 1) is uniform again: one number gives two."""


@inner
def try_out(
    quality: Quality,
    network: Network,
    lit: Lit,
    lightpath: int,
    path: int,
    plane: int,
    start: int,
    column: int,
) -> None:
    """Have a lightpath be lit that has no slots yet; `take_noise_of` ends it."""
    lit.path[lightpath], lit.plane[lightpath] = path, plane
    lit.start[lightpath], lit.column[lightpath] = start, column
    add_noise_of(quality, network, lit, lightpath)


@inner
def next_place(
    network: Network,
    state: Protected,
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
    """Return (plane, start, score, overlaps) of the place that is tried after so many others.

    start is -1 if there is none. As `quality_search.place_in_turn`, in any free slots and over any links.
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
        free, state.usage, first_hop, network.links, network.shifts, fit, turn, path, width, tie
    )
    return np.int64(turn), np.int64(start), score, np.int64(-1)


@inner
def place_good(
    network: Network,
    state: Protected,
    quality: Quality,
    lit: Lit,
    impairments: Impairments | None,
    light: Light | None,
    free: Words,
    fit: int,
    path: int,
    bit_rate: int,
    tie: float,
    rechecks: bool,
) -> Any:
    """Return (plane, start, column, score) of a good lightpath on a path, as `place_well` finds it; else -1s.

    rechecks: whether it must leave their quality to the others.
    """
    stay_out_of_line()
    for option in range(quality.options.shape[1]):
        one = np.int64(quality.options[bit_rate, option])
        if one < 0:
            break
        width = np.int64(network.width[network.width_row[path], one])
        if width <= 0:
            continue
        plane, overlaps = np.int64(-1), np.int64(-1)
        for turn in range(free.shape[0]):
            plane, start, score, overlaps = next_place(
                network,
                state,
                impairments,
                light,
                free,
                network.first_hop,
                fit,
                path,
                width,
                tie,
                np.int64(turn),
                overlaps,
                plane,
            )
            if start < 0:
                continue
            if is_good_now(
                quality,
                network,
                lit,
                np.int64(path),
                plane,
                start,
                one,
                rechecks,
            ):
                return plane, start, one, score
            lit.noise.refused[0] += 1
    return np.int64(-1), np.int64(-1), np.int64(-1), 0.0


@inner
def place_good_split(
    network: Network,
    protection: Protection,
    state: Protected,
    quality: Quality,
    lit: Lit,
    impairments: Impairments | None,
    light: Light | None,
    fit: int,
    row: int,
    path: int,
    bit_rate: int,
    tie: float,
) -> Any:
    """Return (plane, start, column, score) of one signal that is good on both of its paths; else -1s.

    row: of a connection that is not up.
    """
    stay_out_of_line()
    rechecks = bool(quality.rechecks)
    for option in range(quality.options.shape[1]):
        one = np.int64(quality.options[bit_rate, option])
        if one < 0:
            break
        width = np.int64(network.width[network.width_row[path], one])
        if width <= 0:
            continue
        plane, overlaps = np.int64(-1), np.int64(-1)
        for turn in range(state.free.shape[0]):
            plane, start, score, overlaps = next_place(
                network,
                state,
                impairments,
                light,
                state.free,
                protection.joint_hop,
                fit,
                path,
                width,
                tie,
                np.int64(turn),
                overlaps,
                plane,
            )
            if start < 0:
                continue
            good = is_good_now(quality, network, lit, np.int64(path), plane, start, one, rechecks)
            if good:
                # What both disturb must bear them together.
                if rechecks:
                    try_out(quality, network, lit, np.int64(2 * row), path, plane, start, one)
                good = is_good_now(
                    quality, network, lit, np.int64(path + 1), plane, start, one, rechecks
                )
                if rechecks:
                    take_noise_of(quality, network, lit, np.int64(2 * row))
            if good:
                return plane, start, one, score
            lit.noise.refused[0] += 1
    return np.int64(-1), np.int64(-1), np.int64(-1), 0.0


@inner
def leave_out_lit(network: Network, state: Protected, backup: int) -> None:
    """Take the slots in which a backup is lit out of `offer`: there no signal can be checked."""
    for h in range(network.first_hop[backup], network.first_hop[backup + 1]):
        link = network.links[h]
        for plane in range(state.offer.shape[0]):
            for word in range(state.offer.shape[2]):
                state.offer[plane, link, word] &= ~state.lit[plane, link, word]


@inner
def place_good_pair(
    network: Network,
    protection: Protection,
    state: Protected,
    quality: Quality,
    lit: Lit,
    impairments: Impairments | None,
    light: Light | None,
    fit: int,
    row: int,
    path: int,
    bit_rate: int,
    tie: float,
) -> Any:
    """Return what `protected_search.place_pair` does, of lightpaths that are good.

    A dedicated backup is set up behind its working lightpath and must be good beside it, as a lightpath that
    is lit. A shared one must be good if it were lit now, in slots where no other backup is lit; it stays
    dark, so nobody is disturbed.
    """
    stay_out_of_line()
    none = np.int64(-1)
    if protection.same_slots:
        plane, start, column, score = place_good_split(
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
        return plane, start, column, plane, start, column, score
    plane, start, column, score = place_good(
        network,
        state,
        quality,
        lit,
        impairments,
        light,
        state.free,
        fit,
        path,
        bit_rate,
        tie,
        bool(quality.rechecks),
    )
    if start < 0:
        return none, none, none, none, none, none, 0.0
    free = state.free
    if protection.shared:
        look_at_backup(network, protection, state, path)
        leave_out_lit(network, state, path + 1)
        free = state.offer
    disturbs = bool(quality.rechecks) and not protection.shared
    if disturbs:
        try_out(quality, network, lit, np.int64(2 * row), path, plane, start, column)
    plane1, start1, column1, score1 = place_good(
        network,
        state,
        quality,
        lit,
        impairments,
        light,
        free,
        fit,
        path + 1,
        bit_rate,
        tie * SECOND_DRAW % 1.0,
        disturbs,
    )
    if disturbs:
        take_noise_of(quality, network, lit, np.int64(2 * row))
    if start1 < 0:
        return none, none, none, none, none, none, 0.0
    return plane, start, column, plane1, start1, column1, score + score1
