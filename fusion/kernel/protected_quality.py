"""Where a working path and its backup have room for lightpaths whose signal quality is good."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusion.kernel import inner
from fusion.kernel.arrays import Int32s, Network, Words
from fusion.kernel.impairments import Impairments, Light
from fusion.kernel.protection import (
    Lit,
    Protected,
    Protection,
    add_noise_of,
    is_good_now,
    look_at_backup,
    take_noise_of,
)
from fusion.kernel.quality_search import next_place
from fusion.kernel.records import Quality
from fusion.kernel.spectrum import stay_out_of_line

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
def place_good(
    network: Network,
    state: Protected,
    quality: Quality,
    lit: Lit,
    impairments: Impairments | None,
    light: Light | None,
    free: Words,
    first_hop: Int32s,
    fit: int,
    row: int,
    path: int,
    bit_rate: int,
    tie: float,
    rechecks: bool,
) -> Any:
    """Return (plane, start, column, score) of a good lightpath on a path, as `place_well` finds it; else -1s.

    first_hop: as in `Network`, or the `joint_hop` of one signal on a path and the next, which must be good on
    both. row: of a connection that is not up, for such a signal; else -1. rechecks: whether it must leave
    their quality to the others.
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
                state.usage,
                impairments,
                light,
                free,
                first_hop,
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
            if good and row >= 0:
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
    split = protection.same_slots
    plane, start, column, score = place_good(
        network,
        state,
        quality,
        lit,
        impairments,
        light,
        state.free,
        protection.joint_hop if split else network.first_hop,
        fit,
        np.int64(row) if split else none,
        path,
        bit_rate,
        tie,
        bool(quality.rechecks),
    )
    if split:
        return plane, start, column, plane, start, column, score
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
        network.first_hop,
        fit,
        none,
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
