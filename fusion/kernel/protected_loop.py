"""The event loop for connections with a backup, and what failures and repairs do to these."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.kernel import compiled
from fusion.kernel.arrays import Floats, Int32s, Network, Tally, Words
from fusion.kernel.event_loop import sample_links
from fusion.kernel.protection import (
    BACKUP,
    COUNTDOWN,
    NEITHER,
    REACHED,
    ROWS,
    UNUSED,
    WORKING,
    Protected,
    Protection,
    go_dark,
    light,
    look_at_backup,
    release,
    take,
)
from fusion.kernel.search import RANDOM_FIT, find_start

Flags = NDArray[np.bool_]

_SECOND_DRAW = float(1 << 20)
"""What is behind so many equal parts of [0, 1) is uniform again: one number gives two."""


@compiled
def find_on(
    network: Network,
    state: Protected,
    free: Words,
    first_hop: Int32s,
    fit: int,
    path: int,
    bit_rate: int,
    tie: float,
) -> Any:
    """Return (plane, start) of a lightpath on a path, on the first plane with room; else -1s."""
    width = network.width[network.width_row[path], bit_rate]
    for plane in range(free.shape[0]):
        start, _ = find_start(
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
            return np.int64(plane), np.int64(start)
    return np.int64(-1), np.int64(-1)


@compiled
def search_pair(
    network: Network,
    protection: Protection,
    state: Protected,
    fit: int,
    pair: int,
    bit_rate: int,
    tie: float,
) -> Any:
    """Return (working path, plane, start, plane of the backup, its start) of the first pair with room.

    -1s: none has. The two lightpaths are looked for one after the other; they have no link in common.
    """
    first_path, width_row = network.first_path, network.width_row
    none = np.int64(-1)
    for path in range(first_path[pair], first_path[pair + 1], 2):
        if network.width[width_row[path], bit_rate] <= 0:
            continue
        if network.width[width_row[path + 1], bit_rate] <= 0:
            continue
        first_hop = protection.joint_hop if protection.same_slots else network.first_hop
        plane, start = find_on(network, state, state.free, first_hop, fit, path, bit_rate, tie)
        if start < 0:
            continue
        if protection.same_slots:
            return np.int64(path), plane, start, plane, start
        free = state.free
        if protection.shared:
            look_at_backup(network, protection, state, path)
            free = state.offer
        other = tie * _SECOND_DRAW % 1.0
        plane1, start1 = find_on(
            network, state, free, network.first_hop, fit, path + 1, bit_rate, other
        )
        if start1 >= 0:
            return np.int64(path), plane, start, plane1, start1
    return none, none, none, none, none


@compiled
def end_until(network: Network, protection: Protection, state: Protected, now: float) -> None:
    """Release all connections whose time has come."""
    mask = state.bucket.shape[0] - 1
    present = np.int64(now * state.clock[1])
    for reached in range(state.cursor[REACHED], present + 1):
        slot = reached & mask
        row = state.bucket[slot]
        kept = np.int32(-1)
        while row >= 0:
            following = state.following[row]
            if state.departure[row] <= now:
                release(network, protection, state, row, state.departure[row])
            else:
                state.following[row] = kept
                kept = row
            row = following
        state.bucket[slot] = kept
    state.cursor[REACHED] = present


@compiled(is_kept=True, nogil=True)
def serve_protected(
    network: Network,
    protection: Protection,
    state: Protected,
    tally: Tally,
    fit: int,
    sample_every: int,
    arrival: Floats,
    holding: Floats,
    pair: Int32s,
    bit_rate: Int32s,
    tie: Floats,
    decision: Int32s,
) -> None:
    """Serve requests in order, each by a working and a backup lightpath; as `event_loop.serve` otherwise.

    decision: int32[request, 3] or [request, 5], receives (path, plane, start) of the working lightpath, and
    (plane, start) of the backup; or empty.
    """
    mask = state.bucket.shape[0] - 1
    for i in range(arrival.shape[0]):
        now = arrival[i]
        end_until(network, protection, state, now)
        state.clock[0] = now
        state.cursor[COUNTDOWN] -= 1
        if state.cursor[COUNTDOWN] <= 0:
            sample_links(state.free, tally)
            state.cursor[COUNTDOWN] = sample_every

        p, b = np.int64(pair[i]), np.int64(bit_rate[i])
        tally.offered_by_pair[p] += 1
        tally.offered_by_bit_rate[b] += 1
        t = tie[i] if fit == RANDOM_FIT else 0.0
        path, plane, start, plane1, start1 = search_pair(network, protection, state, fit, p, b, t)
        if path >= 0:
            row = state.cursor[UNUSED]
            if row >= 0:
                state.cursor[UNUSED] = state.following[row]
            else:
                row = state.cursor[ROWS]
                state.cursor[ROWS] += 1
            state.path[row] = path
            state.plane[row, 0], state.plane[row, 1] = plane, plane1
            state.start[row, 0], state.start[row, 1] = start, start1
            state.bit_rate[row] = b
            state.carries[row] = WORKING
            for leg in range(2):
                width_row = network.width_row[path + leg]
                width = network.width[width_row, b]
                state.width[row, leg] = width
                tally.served_by_path[path + leg] += 1
                tally.served_by_row[width_row, b] += 1
                tally.served_by_plane[state.plane[row, leg]] += 1
                if leg == 0 or not protection.shared:
                    tally.busy_by_path[path + leg] += width * holding[i]
            take(network, protection, state, row, now)
            departure = now + holding[i]
            state.departure[row] = departure
            slot = np.int64(departure * state.clock[1]) & mask
            state.following[row] = state.bucket[slot]
            state.bucket[slot] = row
        else:
            tally.blocked_by_pair[p] += 1
            tally.blocked_by_bit_rate[b] += 1
            reachable = False
            for candidate in range(network.first_path[p], network.first_path[p + 1], 2):
                if (
                    network.width[network.width_row[candidate], b] != 0
                    and network.width[network.width_row[candidate + 1], b] != 0
                ):
                    reachable = True
            if not reachable:
                tally.events[0] += 1
        if decision.shape[0] > 0:
            decision[i, 0], decision[i, 1], decision[i, 2] = path, plane, start
            if decision.shape[1] > 3:
                decision[i, 3], decision[i, 4] = plane1, start1


@compiled(is_kept=True, nogil=True)
def switch_over(
    network: Network,
    protection: Protection,
    state: Protected,
    path_down: Flags,
    row: Int32s,
    switched: Flags,
) -> None:
    """Have connections, in this order, carried by their other lightpath where that is up.

    path_down: bool[path]. row: int32[connection], those whose lightpath that carries them is down. switched:
    bool[connection], receives which are carried on; the others are carried by none.
    """
    for i in range(row.shape[0]):
        each = row[i]
        was = state.carries[each]
        if protection.shared and was == BACKUP:
            go_dark(network, state, each)
        state.carries[each] = NEITHER
        other = BACKUP if was == WORKING else WORKING
        at_once = other == WORKING or not protection.shared
        if not path_down[state.path[each] + other] and (at_once or light(network, state, each)):
            state.carries[each] = other
        switched[i] = state.carries[each] != NEITHER


@compiled(is_kept=True, nogil=True)
def come_back(
    network: Network,
    protection: Protection,
    state: Protected,
    path_down: Flags,
    reverts: bool,
    row: Int32s,
    resumed: Flags,
) -> Any:
    """Have connections, in this order, carried by what is up again; return how many went back.

    reverts: whether those on their backup go back to a working path that is up. row: int32[connection].
    resumed: bool[connection], receives which were carried by none and are now.
    """
    reverted = np.int64(0)
    for i in range(row.shape[0]):
        each = row[i]
        if reverts and state.carries[each] == BACKUP and not path_down[state.path[each]]:
            if protection.shared:
                go_dark(network, state, each)
            state.carries[each] = WORKING
            reverted += 1
    for i in range(row.shape[0]):
        each = row[i]
        if state.carries[each] == NEITHER:
            if not path_down[state.path[each]]:
                state.carries[each] = WORKING
            elif not path_down[state.path[each] + 1] and (
                not protection.shared or light(network, state, each)
            ):
                state.carries[each] = BACKUP
            resumed[i] = state.carries[each] != NEITHER
    return reverted


@compiled(is_kept=True, nogil=True)
def drop(
    network: Network, protection: Protection, state: Protected, gone: Flags, now: float
) -> None:
    """Release connections before their time. gone: bool[connection]. now: not before the last arrival."""
    for slot in range(state.bucket.shape[0]):
        row = state.bucket[slot]
        kept = np.int32(-1)
        while row >= 0:
            following = state.following[row]
            if state.departure[row] <= now:
                release(network, protection, state, row, state.departure[row])
            elif gone[row]:
                release(network, protection, state, row, now)
            else:
                state.following[row] = kept
                kept = row
            row = following
        state.bucket[slot] = kept
