"""The event loop for connections with a backup, and what failures and repairs do to these."""

from __future__ import annotations

from types import FunctionType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.kernel import compiled, inner
from fusion.kernel.arrays import Floats, Int32s, Network, Tally
from fusion.kernel.connections import BLOCKED_BY_QUALITY
from fusion.kernel.event_loop import sample_links
from fusion.kernel.impairments import Impairments, Light
from fusion.kernel.protected_search import search_in_order, search_pair
from fusion.kernel.protection import (
    BACKUP,
    COUNTDOWN,
    NEITHER,
    REACHED,
    ROWS,
    UNUSED,
    WORKING,
    Lit,
    Protected,
    Protection,
    activate,
    deactivate,
    release,
    take,
)
from fusion.kernel.quality import count_noise, forget_refusals, was_refused
from fusion.kernel.records import Count, Quality
from fusion.kernel.routing import free_slots
from fusion.kernel.search import RANDOM_FIT

Flags = NDArray[np.bool_]


@inner
def end_in(
    network: Network,
    protection: Protection,
    state: Protected,
    quality: Quality | None,
    lit: Lit | None,
    impairments: Impairments | None,
    light: Light | None,
    slot: int,
    gone: Flags | None,
    now: float,
) -> None:
    """Release the connections in a bucket whose time has come, and now those that are gone.

    gone: bool[connection]; None: none is.
    """
    row = state.bucket[slot]
    kept = np.int32(-1)
    while row >= 0:
        following = state.following[row]
        ended = now
        is_over = state.departure[row] <= now
        if is_over:
            ended = state.departure[row]
        elif gone is not None:
            is_over = gone[row]
        if is_over:
            release(network, protection, state, quality, lit, impairments, light, row, ended)
        else:
            state.following[row] = kept
            kept = row
        row = following
    state.bucket[slot] = kept


@inner
def end_until(
    network: Network,
    protection: Protection,
    state: Protected,
    quality: Quality | None,
    lit: Lit | None,
    impairments: Impairments | None,
    light: Light | None,
    now: float,
) -> None:
    """Release all connections whose time has come."""
    mask = state.bucket.shape[0] - 1
    present = np.int64(now * state.clock[1])
    for reached in range(state.cursor[REACHED], present + 1):
        slot = np.int64(reached & mask)
        end_in(network, protection, state, quality, lit, impairments, light, slot, None, now)
    state.cursor[REACHED] = present


def serve_each(
    network: Network,
    protection: Protection,
    state: Protected,
    quality: Quality | None,
    lit: Lit | None,
    impairments: Impairments | None,
    light: Light | None,
    tally: Tally,
    count: Count,
    fit: int,
    choice: int | None,
    sample_every: int,
    arrival: Floats,
    holding: Floats,
    pair: Int32s,
    bit_rate: Int32s,
    tie: Floats,
    decision: Int32s,
) -> None:
    """Serve requests in order, each by a working and a backup lightpath; as `event_loop.serve` otherwise.

    quality, lit: what lightpaths need, and those that are lit; None where any quality is good. impairments,
    light: None where no policy looks at impairments. choice: as in `routing`; or None, which is IN_ORDER, and
    the compiler leaves out what others need. decision: int32[request, 3] or [request, 5], receives (path,
    plane, start) of the working lightpath, and (plane, start) of the backup; or empty.
    """
    slots = free_slots(network.spectrum, 0) if network.spectrum.shape[1] > 0 else np.int64(0)
    mask = state.bucket.shape[0] - 1
    for i in range(arrival.shape[0]):
        now = arrival[i]
        end_until(network, protection, state, quality, lit, impairments, light, now)
        state.clock[0] = now
        state.cursor[COUNTDOWN] -= 1
        if state.cursor[COUNTDOWN] <= 0:
            sample_links(network, state.free, tally)
            state.cursor[COUNTDOWN] = sample_every

        p, b = np.int64(pair[i]), np.int64(bit_rate[i])
        tally.offered_by_pair[p] += 1
        tally.offered_by_bit_rate[b] += 1
        t = tie[i] if fit == RANDOM_FIT else 0.0
        row = state.cursor[UNUSED] if state.cursor[UNUSED] >= 0 else state.cursor[ROWS]
        if lit is not None:
            forget_refusals(lit.noise)
        if choice is None:
            path, plane, start, column, plane1, start1, column1 = search_in_order(
                network, protection, state, fit, p, b, t
            )
        else:
            path, plane, start, column, plane1, start1, column1 = search_pair(
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
                p,
                b,
                t,
            )
        if path >= 0:
            if row == state.cursor[ROWS]:
                state.cursor[ROWS] += 1
            else:
                state.cursor[UNUSED] = state.following[row]
            state.path[row] = path
            state.plane[row, 0], state.plane[row, 1] = plane, plane1
            state.start[row, 0], state.start[row, 1] = start, start1
            state.bit_rate[row] = b
            state.carries[row] = WORKING
            for leg in range(2):
                width_row = network.width_row[path + leg]
                one = column if leg == 0 else column1
                width = network.width[width_row, one]
                state.width[row, leg] = width
                tally.served_by_path[path + leg] += 1
                tally.served_by_row[width_row, one] += 1
                tally.served_by_plane[state.plane[row, leg]] += 1
                if leg == 0 or not protection.shared:
                    tally.busy_by_path[path + leg] += width * holding[i]
                if lit is not None:
                    lit.path[2 * row + leg], lit.column[2 * row + leg] = path + leg, one
            take(network, protection, state, quality, lit, impairments, light, row, now)
            if lit is not None:
                count_noise(quality, lit.noise, count, np.int64(2 * row))
                count_noise(quality, lit.noise, count, np.int64(2 * row + 1))
            departure = now + holding[i]
            state.departure[row] = departure
            slot = np.int64(departure * state.clock[1]) & mask
            state.following[row] = state.bucket[slot]
            state.bucket[slot] = row
        else:
            tally.blocked_by_pair[p] += 1
            tally.blocked_by_bit_rate[b] += 1
            if lit is not None and was_refused(lit.noise):
                count.number[BLOCKED_BY_QUALITY] += 1
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


def _as(name: str, what: str) -> Any:
    """Return `serve_each`, to be compiled under a name of its own, see `connection_loop`."""
    function = FunctionType(serve_each.__code__, globals(), name, serve_each.__defaults__)
    function.__doc__ = f"Serve requests as `serve_each` does, with lightpaths that {what}."
    return compiled(function, is_kept=True, nogil=True)


serve_protected = _as("serve_protected", "need no quality")
serve_protected_with_quality = _as("serve_protected_with_quality", "need some quality")
serve_protected_impaired = _as("serve_protected_impaired", "are placed by impairments")
serve_protected_impaired_with_quality = _as(
    "serve_protected_impaired_with_quality", "are placed by impairments and need some quality"
)


@compiled(is_kept=True, nogil=True)
def switch_over(
    network: Network,
    protection: Protection,
    state: Protected,
    quality: Quality | None,
    lit: Lit | None,
    impairments: Impairments | None,
    light: Light | None,
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
            deactivate(network, state, quality, lit, impairments, light, each)
        state.carries[each] = NEITHER
        other = BACKUP if was == WORKING else WORKING
        at_once = other == WORKING or not protection.shared
        if not path_down[state.path[each] + other] and (
            at_once or activate(network, state, quality, lit, impairments, light, each)
        ):
            state.carries[each] = other
        switched[i] = state.carries[each] != NEITHER


@compiled(is_kept=True, nogil=True)
def come_back(
    network: Network,
    protection: Protection,
    state: Protected,
    quality: Quality | None,
    lit: Lit | None,
    impairments: Impairments | None,
    light: Light | None,
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
                deactivate(network, state, quality, lit, impairments, light, each)
            state.carries[each] = WORKING
            reverted += 1
    for i in range(row.shape[0]):
        each = row[i]
        if state.carries[each] == NEITHER:
            if not path_down[state.path[each]]:
                state.carries[each] = WORKING
            elif not path_down[state.path[each] + 1] and (
                not protection.shared
                or activate(network, state, quality, lit, impairments, light, each)
            ):
                state.carries[each] = BACKUP
            resumed[i] = state.carries[each] != NEITHER
    return reverted


@compiled(is_kept=True, nogil=True)
def drop(
    network: Network,
    protection: Protection,
    state: Protected,
    quality: Quality | None,
    lit: Lit | None,
    impairments: Impairments | None,
    light: Light | None,
    gone: Flags,
    now: float,
) -> None:
    """Release connections before their time. gone: bool[connection]. now: not before the last arrival."""
    for slot in range(state.bucket.shape[0]):
        end_in(network, protection, state, quality, lit, impairments, light, slot, gone, now)
