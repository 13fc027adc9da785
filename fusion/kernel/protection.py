"""Connections with a backup: what they hold, and the sharing of backup slots.

A connection has two lightpaths, one on path w and its backup on path w + 1 (`fusion.network.disjoint`).
A dedicated backup holds its slots as any lightpath does. Shared ones hold theirs together: a slot of a link
may be the backup of several connections as long as no *risk* (a link, or a node) is common to any two of
their working paths, so that one failure never wants it twice.

Where lightpaths need some signal quality, those that hold slots of their own are lit and noise to others as
long as they hold them, also while their path is down: who goes back to it needs no check. A shared backup is
dark until it carries its connection. Where `quality` is None nothing of this is compiled.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fusion.kernel import inner
from fusion.kernel.arrays import Floats, Int32s, Int64s, Network, Words
from fusion.kernel.impairments import Impairments, Light, switch_light
from fusion.kernel.quality import (
    add_noise,
    foresee_noise,
    is_good_among,
    new_noise,
    take_noise,
)
from fusion.kernel.records import Noise, Quality
from fusion.kernel.spectrum import ONE, ONES, WORD_BITS, change_usage, stay_out_of_line, toggle

WORKING, BACKUP, NEITHER = range(3)
"""Values of `Protected.carries`."""
UNUSED, ROWS, REACHED, COUNTDOWN = range(4)
"""Places in `Protected.cursor`."""


class Protection(NamedTuple):
    """How connections are protected."""

    same_slots: bool
    """Whether a backup has the slots of its working lightpath, as one signal on two ways has."""
    shared: bool
    """Whether backups may share slots."""
    joint_hop: Int32s
    """int32[path + 1]: like `Network.first_hop`, but a working path ends where its backup does."""
    first_risk: Int32s
    risks: Int32s
    """int32[path + 1], int32[...]: the risks of path q are risks[first_risk[q]:first_risk[q + 1]]."""
    number_of_risks: int


class Protected(NamedTuple):
    """What changes with every request. A connection is a row number of the arrays [connection]."""

    free: Words
    """uint64[plane, link, word]: slots that no lightpath holds, and no backup either."""
    usage: Int32s
    """int32[plane, slots + 1]: for each slot the number of links on which it is taken, summed over the slots
    below; of size 0 unless the policy needs it."""
    bucket: Int32s
    following: Int32s
    departure: Floats
    """As in `arrays.State`."""
    path: Int32s
    """int32[connection]: the working path."""
    plane: Int32s
    start: Int32s
    """int32[connection, 2]: of the working lightpath and of the backup."""
    width: Int32s
    """int32[connection, 2], guard band included."""
    bit_rate: Int32s
    """int32[connection]."""
    carries: Int32s
    """int32[connection]: WORKING, BACKUP or NEITHER."""
    claimed: Words
    """uint64[plane, link, word]: slots that are a shared backup. This and what follows: size 0 if none is."""
    claims: Int32s
    """int32[plane, link, slot]: how many connections have it for backup."""
    covers: Words
    """uint64[risk, plane, link, word]: slots that are the backup of a connection with this risk."""
    lit: Words
    """uint64[plane, link, word]: slots that carry a connection whose working path has failed."""
    offer: Words
    """uint64[plane, link, word]: overwritten; on a backup path, slots that are free or may be shared."""
    left: Floats
    """float64[plane, link, slot]: when the last of those left that had it for backup and have it no more."""
    claimed_time: Floats
    """float64[link]: sum over slots of the time for which they were a shared backup, see `claim`."""
    cursor: Int64s
    """int64[4]: see UNUSED ... COUNTDOWN; the buckets are numbered from the beginning of time."""
    clock: Floats
    """float64[2]: time of the last arrival; buckets per unit of time."""
    score: Floats
    """float64[candidate]: overwritten where pairs of paths are ranked."""


class Lit(NamedTuple):
    """The lightpaths of connections as `quality` knows them, see `records.Lightpaths`.

    Number 2 c is the working one of connection c, 2 c + 1 its backup. plane and start are the memory of
    `Protected`.
    """

    path: Int32s
    plane: Int32s
    start: Int32s
    column: Int32s
    noise: Noise


def new_lit(quality: Quality | None, network: Network, state: Protected) -> Lit | None:
    """Return the lightpaths of a new state; None where any quality is good."""
    if quality is None:
        return None
    rows = state.plane.size
    return Lit(
        path=np.empty(rows, dtype=np.int32),
        plane=state.plane.reshape(-1),
        start=state.start.reshape(-1),
        column=np.empty(rows, dtype=np.int32),
        noise=new_noise(quality, network, rows),
    )


def new_protected(
    network: Network,
    protection: Protection,
    load: float,
    mean_holding_time: float,
    *,
    keep_usage: bool,
) -> Protected:
    """Return the state of an empty network at time 0. load: Erlang."""
    planes, links, words = network.spectrum.shape
    # A connection holds at least one slot of one link for its working lightpath.
    rows = max(1, int(np.bitwise_count(network.spectrum).sum()))
    buckets = 1 << max(6, min(20, int(np.ceil(np.log2(8.0 * load + 1.0)))))
    shared = (planes, links, words) if protection.shared else (0, 0, 0)
    slots = (planes, links, words * WORD_BITS) if protection.shared else (0, 0, 0)

    def ints(*shape: int) -> Int32s:
        return np.empty(shape, dtype=np.int32)

    return Protected(
        free=network.spectrum.copy(),
        usage=np.zeros((planes, words * WORD_BITS + 1) if keep_usage else (1, 0), dtype=np.int32),
        bucket=np.full(buckets, -1, dtype=np.int32),
        following=ints(rows),
        departure=np.empty(rows),
        path=ints(rows),
        plane=ints(rows, 2),
        start=ints(rows, 2),
        width=ints(rows, 2),
        bit_rate=ints(rows),
        carries=ints(rows),
        claimed=np.zeros(shared, dtype=np.uint64),
        claims=np.zeros(slots, dtype=np.int32),
        covers=np.zeros((protection.number_of_risks, *shared), dtype=np.uint64),
        lit=np.zeros(shared, dtype=np.uint64),
        offer=np.zeros(shared, dtype=np.uint64),
        left=np.zeros(slots),
        claimed_time=np.zeros(links),
        cursor=np.array([-1, 0, 0, 0], dtype=np.int64),
        clock=np.array([0.0, load / mean_holding_time]),
        score=np.empty(int(np.diff(network.first_path).max(initial=1))),
    )


@inner
def look_at_backup(
    network: Network, protection: Protection, state: Protected, working: int
) -> None:
    """Write into `offer`, on the links of the backup, which slots are free or may be shared."""
    first, last = protection.first_risk[working], protection.first_risk[working + 1]
    for h in range(network.first_hop[working + 1], network.first_hop[working + 2]):
        link = network.links[h]
        for plane in range(state.offer.shape[0]):
            for word in range(state.offer.shape[2]):
                taken = np.uint64(0)
                for r in range(first, last):
                    taken |= state.covers[protection.risks[r], plane, link, word]
                shareable = state.claimed[plane, link, word] & ~taken
                state.offer[plane, link, word] = state.free[plane, link, word] | shareable


@inner
def claim(
    network: Network, protection: Protection, state: Protected, row: int, now: float, change: int
) -> None:
    """Make the slots of a connection's backup its own (change = 1), or give them back (-1).

    claimed_time takes each slot off at the time when it becomes a backup and adds it when it is none any
    more, so that with the slots that are one at the end, times the end, it is the sum of times. Connections
    that end between two arrivals do so in any order: the last of them counts.
    """
    working = state.path[row]
    plane, start, width = state.plane[row, 1], state.start[row, 1], state.width[row, 1]
    before = np.int32(0 if change > 0 else 1)
    first, last = protection.first_risk[working], protection.first_risk[working + 1]
    for h in range(network.first_hop[working + 1], network.first_hop[working + 2]):
        link = network.links[h]
        for slot in range(start, start + width):
            word, bit = slot >> 6, ONE << np.uint64(slot & 63)
            for r in range(first, last):
                state.covers[protection.risks[r], plane, link, word] ^= bit
            last_left = max(state.left[plane, link, slot], now)
            state.left[plane, link, slot] = last_left
            if state.claims[plane, link, slot] == before:
                state.claimed[plane, link, word] ^= bit
                state.free[plane, link, word] ^= bit
                state.claimed_time[link] -= change * (now if change > 0 else last_left)
                if state.usage.shape[1] > 0:
                    change_usage(state.usage, plane, slot, 1, change)
            state.claims[plane, link, slot] += change


@inner
def add_noise_of(quality: Quality, network: Network, lit: Lit, lightpath: int) -> None:
    """Do what `add_noise` does; as it is called from many places, it is compiled once."""
    stay_out_of_line()
    add_noise(quality, network, lit, lightpath)


@inner
def take_noise_of(quality: Quality, network: Network, lit: Lit, lightpath: int) -> None:
    """Do what `take_noise` does, in the same way."""
    stay_out_of_line()
    take_noise(quality, network, lit, lightpath)


@inner
def is_good_now(
    quality: Quality,
    network: Network,
    lit: Lit,
    path: int,
    plane: int,
    start: int,
    column: int,
    rechecks: bool,
) -> Any:
    """Return what `is_good_among` does, in the same way."""
    stay_out_of_line()
    return is_good_among(quality, network, lit, path, plane, start, column, rechecks)


@inner
def switch(
    network: Network,
    state: Protected,
    quality: Quality | None,
    lit: Lit | None,
    impairments: Impairments | None,
    light: Light | None,
    row: int,
    leg: int,
    is_on: bool,
) -> None:
    """Note that a lightpath of a connection is lit or dark from now on, for what looks at light."""
    if quality is not None and lit is not None:
        if is_on:
            add_noise_of(quality, network, lit, np.int64(2 * row + leg))
        else:
            take_noise_of(quality, network, lit, np.int64(2 * row + leg))
    if impairments is not None:
        path = state.path[row] + leg
        switch_light(
            impairments,
            light,
            network.links,
            np.int64(state.plane[row, leg]),
            network.first_hop[path],
            network.first_hop[path + 1],
            np.int64(state.start[row, leg]),
            state.width[row, leg],
        )


@inner
def activate(
    network: Network,
    state: Protected,
    quality: Quality | None,
    lit: Lit | None,
    impairments: Impairments | None,
    light: Light | None,
    row: int,
) -> Any:
    """Have a connection use its shared backup, unless another one does; return whether it does now.

    Nor does it if its signal is not good now, or would spoil that of others that must go on to be good.
    """
    backup = state.path[row] + 1
    plane, start, width = state.plane[row, 1], state.start[row, 1], state.width[row, 1]
    hop, end = network.first_hop[backup], network.first_hop[backup + 1]
    for h in range(hop, end):
        for word in range(start >> 6, ((start + width - 1) >> 6) + 1):
            if state.lit[plane, network.links[h], word] & bits_of(start, width, word):
                return False
    if quality is not None and lit is not None:
        column = np.int64(lit.column[2 * row + 1])
        if not is_good_now(
            quality,
            network,
            lit,
            np.int64(backup),
            np.int64(plane),
            np.int64(start),
            column,
            bool(quality.rechecks),
        ):
            return False
    toggle(state.lit, plane, network.links, hop, end, start, width)
    switch(network, state, quality, lit, impairments, light, row, BACKUP, True)
    return True


@inner
def deactivate(
    network: Network,
    state: Protected,
    quality: Quality | None,
    lit: Lit | None,
    impairments: Impairments | None,
    light: Light | None,
    row: int,
) -> None:
    """Have a connection leave its shared backup."""
    backup = state.path[row] + 1
    plane, start, width = state.plane[row, 1], state.start[row, 1], state.width[row, 1]
    hop, end = network.first_hop[backup], network.first_hop[backup + 1]
    toggle(state.lit, plane, network.links, hop, end, start, width)
    switch(network, state, quality, lit, impairments, light, row, BACKUP, False)


@inner
def bits_of(start: int, width: int, word: int) -> Any:
    """Return the bits of a run of slots that are in one word of the spectrum."""
    lowest = max(np.int64(0), np.int64(start) - word * 64)
    highest = min(np.int64(63), np.int64(start) + width - 1 - word * 64)
    return (ONES << np.uint64(lowest)) & (ONES >> np.uint64(63 - highest))


@inner
def release(
    network: Network,
    protection: Protection,
    state: Protected,
    quality: Quality | None,
    lit: Lit | None,
    impairments: Impairments | None,
    light: Light | None,
    row: int,
    now: float,
) -> None:
    """Give back the slots and the row of a connection. now: when it ends."""
    if protection.shared and state.carries[row] == BACKUP:
        deactivate(network, state, quality, lit, impairments, light, row)
    for leg in range(1 if protection.shared else 2):
        path = state.path[row] + leg
        plane, start = np.int64(state.plane[row, leg]), np.int64(state.start[row, leg])
        width = state.width[row, leg]
        hop, end = network.first_hop[path], network.first_hop[path + 1]
        toggle(state.free, plane, network.links, hop, end, start, width)
        if state.usage.shape[1] > 0:
            change_usage(state.usage, plane, start, width, hop - end)
        switch(network, state, quality, lit, impairments, light, row, leg, False)
    if protection.shared:
        claim(network, protection, state, row, now, -1)
    state.following[row] = state.cursor[UNUSED]
    state.cursor[UNUSED] = row


@inner
def take(
    network: Network,
    protection: Protection,
    state: Protected,
    quality: Quality | None,
    lit: Lit | None,
    impairments: Impairments | None,
    light: Light | None,
    row: int,
    now: float,
) -> None:
    """Take the slots of a connection, which its row says, for its two lightpaths."""
    for leg in range(1 if protection.shared else 2):
        path = state.path[row] + leg
        plane, start = np.int64(state.plane[row, leg]), np.int64(state.start[row, leg])
        width = state.width[row, leg]
        hop, end = network.first_hop[path], network.first_hop[path + 1]
        toggle(state.free, plane, network.links, hop, end, start, width)
        if state.usage.shape[1] > 0:
            change_usage(state.usage, plane, start, width, end - hop)
        switch(network, state, quality, lit, impairments, light, row, leg, True)
    if quality is not None and protection.shared:
        foresee_noise(quality, network, lit, np.int64(2 * row + 1))
    if protection.shared:
        claim(network, protection, state, row, now, 1)
