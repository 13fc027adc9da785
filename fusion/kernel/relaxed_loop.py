"""Serve requests in networks in which the slots of a lightpath are less constrained than in an optical one.

The paths are tried in order, and the first with room is taken, in each plane first fit. What is relaxed:

CONTINUITY: a lightpath may have other slots on each link, as with a converter at every node. CONTIGUITY: its
slots need not be adjacent, but are the same on every link. BOTH: slots are only counted, which is also a
network that rearranges its spectrum at any moment.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fusion.kernel import compiled
from fusion.kernel.arrays import Floats, Int32s, Int64s, Network, Words
from fusion.kernel.spectrum import common_word, count_ones, first_fit, toggle

CONTINUITY, CONTIGUITY, BOTH = range(3)


class Relaxed(NamedTuple):
    """The lightpaths that are up, by departure, and what they hold. Changed by `serve_relaxed`."""

    free: Words
    """uint64[plane, link, word]; not used where slots are only counted."""
    room: Int64s
    """int64[plane, link]: free slots where they are only counted."""
    departure: Floats
    """float64[place], ascending from place cursor[0] to cursor[1] - 1."""
    row: Int32s
    """int32[place]: the row of the lightpath in the arrays [row]."""
    path: Int32s
    plane: Int32s
    width: Int32s
    start: Int32s
    """int32[row, hop]: first slot on each link of the path."""
    slots: Words
    """uint64[row, word]: the slots of a lightpath on every link."""
    unused: Int32s
    """int32[place]: rows without a lightpath, from 0 to cursor[2] - 1."""
    cursor: Int64s
    """int64[3]: first place in use, first place that is not, number of unused rows."""


def new_relaxed(network: Network, relaxed: int) -> Relaxed:
    """Return an empty network. relaxed: CONTINUITY, CONTIGUITY or BOTH."""
    words = network.spectrum.shape[2]
    room = np.bitwise_count(network.spectrum).sum(axis=2).astype(np.int64)
    rows = int(room.sum()) + 1
    hops = int(np.diff(network.first_hop).max(initial=1))
    return Relaxed(
        free=network.spectrum.copy(),
        room=room,
        departure=np.empty(2 * rows + 64),
        row=np.empty(2 * rows + 64, dtype=np.int32),
        path=np.empty(rows, dtype=np.int32),
        plane=np.empty(rows, dtype=np.int32),
        width=np.empty(rows, dtype=np.int32),
        start=np.empty((rows, hops if relaxed == CONTINUITY else 0), dtype=np.int32),
        slots=np.empty((rows, words if relaxed == CONTIGUITY else 0), dtype=np.uint64),
        unused=np.arange(rows, dtype=np.int32)[::-1].copy(),
        cursor=np.array([0, 0, rows], dtype=np.int64),
    )


@compiled(is_kept=True, nogil=True)
def serve_relaxed(
    network: Network,
    state: Relaxed,
    relaxed: int,
    arrival: Floats,
    holding: Floats,
    pair: Int32s,
    bit_rate: Int32s,
    offered: Int64s,
    blocked: Int64s,
) -> None:
    """Serve requests in order, changing `state`; count them in int64[bit rate] offered and blocked."""
    first_hop, links = network.first_hop, network.links
    free, room = state.free, state.room
    words = free.shape[2]
    first, end, unused = state.cursor[0], state.cursor[1], state.cursor[2]
    places = state.departure.shape[0]
    for i in range(arrival.shape[0]):
        now = arrival[i]
        while first < end and state.departure[first] <= now:
            row = state.row[first]
            on, held = np.int64(state.plane[row]), state.width[row]
            hop, last = first_hop[state.path[row]], first_hop[state.path[row] + 1]
            for h in range(hop, last):
                if relaxed == BOTH:
                    room[on, links[h]] += held
                elif relaxed == CONTINUITY:
                    start = np.int64(state.start[row, h - hop])
                    toggle(free, on, links, h, h + 1, start, held)
                else:
                    for word in range(words):
                        free[on, links[h], word] ^= state.slots[row, word]
            state.unused[unused] = row
            unused += 1
            first += 1

        p, b = pair[i], bit_rate[i]
        offered[b] += 1
        row = state.unused[unused - 1]
        found = False
        for path in range(network.first_path[p], network.first_path[p + 1]):
            width = np.int64(network.width[network.width_row[path], b])
            if width <= 0:
                continue
            hop, last = first_hop[path], first_hop[path + 1]
            for plane in range(free.shape[0]):
                found = True
                if relaxed == BOTH:
                    for h in range(hop, last):
                        found = found and room[plane, links[h]] >= width
                elif relaxed == CONTINUITY:
                    for h in range(hop, last):
                        start = first_fit(free, plane, links, h, h + 1, network.shifts, width)
                        found = found and start >= 0
                        state.start[row, h - hop] = start
                else:
                    missing = width
                    for word in range(words):
                        common = common_word(free, plane, links, hop, last, word)
                        taken = np.uint64(0)
                        if count_ones(common) <= missing:
                            taken = common
                        else:
                            for _ in range(missing):
                                lowest = common & (~common + np.uint64(1))
                                taken |= lowest
                                common ^= lowest
                        missing -= count_ones(taken)
                        state.slots[row, word] = taken
                    found = missing == 0
                if found:
                    for h in range(hop, last):
                        if relaxed == BOTH:
                            room[plane, links[h]] -= width
                        elif relaxed == CONTINUITY:
                            start = np.int64(state.start[row, h - hop])
                            toggle(free, plane, links, h, h + 1, start, width)
                        else:
                            for word in range(words):
                                free[plane, links[h], word] ^= state.slots[row, word]
                    state.path[row], state.plane[row], state.width[row] = path, plane, width
                    break
            if found:
                break
        if not found:
            blocked[b] += 1
            continue

        unused -= 1
        if first == end:
            first, end = np.int64(0), np.int64(0)
        elif end == places:
            for place in range(end - first):
                state.departure[place] = state.departure[first + place]
                state.row[place] = state.row[first + place]
            end -= first
            first = np.int64(0)
        leaves = now + holding[i]
        low, high = first, end
        while low < high:
            middle = (low + high) >> 1
            if state.departure[middle] <= leaves:
                low = middle + 1
            else:
                high = middle
        for place in range(end, low, -1):
            state.departure[place] = state.departure[place - 1]
            state.row[place] = state.row[place - 1]
        state.departure[low] = leaves
        state.row[low] = row
        end += 1
    state.cursor[0], state.cursor[1], state.cursor[2] = first, end, unused
