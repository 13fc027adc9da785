"""What a failure of links does to the network, between two requests: the event loops know nothing of it.

A path over a failed link has a row of widths below 0 (see `able_to_fail`), so no search looks at it, and its
slots stay those of the lightpaths that hold them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.kernel import compiled, inner
from fusion.kernel.arrays import Floats, Int32s, Int64s, Network, State, Tally
from fusion.kernel.connections import end_connection, end_early
from fusion.kernel.records import Connections, Count, Service
from fusion.kernel.spectrum import change_usage, toggle

Flags = NDArray[np.bool_]


def able_to_fail(network: Network) -> Network:
    """Return a network with a second row for each row of widths: the same widths, below 0."""
    return network._replace(width=np.concatenate([network.width, -network.width]))


class Links:
    """Which links of a network are down, and which paths with them."""

    def __init__(self, network: Network) -> None:
        """network: of `able_to_fail`; `self.network` is one that changes as its links fail."""
        self.network = network._replace(width_row=network.width_row.copy())
        self.down = np.zeros(network.spectrum.shape[1], dtype=np.int64)
        """int64[link]: failures that it suffers from at the moment."""
        self.path_down = np.zeros(len(network.first_hop) - 1, dtype=np.bool_)
        """bool[path]: whether any of its links is down."""
        self._up_row = network.width_row
        self._rows = network.width.shape[0] // 2

    def change(self, links: Flags | Int64s, *, fails: bool) -> Flags:
        """Have links fail or be repaired; return bool[path], those that go down, or that come up again.

        links: [link], which; or how many of their failures begin or end. A link is up when all have ended.
        """
        change = links.astype(np.int64)
        self.down += change if fails else -change
        network, before = self.network, self.path_down
        over = (self.down > 0)[network.links]
        self.path_down = np.logical_or.reduceat(over, network.first_hop[:-1])
        network.width_row[:] = self._up_row + self._rows * self.path_down
        return self.path_down != before


@compiled(is_kept=True, nogil=True)
def interrupt(
    network: Network,
    state: State,
    hit: Flags,
    now: float,
    keeps: bool,
    path: Int32s,
    width: Int32s,
    bit_rate: Int32s,
    departure: Floats,
) -> Any:
    """Tear down the lightpaths on some paths and return how many they were.

    hit: bool[path]. now: not before the last arrival; what has ended by then is released, too. keeps: only
    look at the others, which stay. path, width, bit_rate, departure: [lightpath], receive what those were.
    """
    count = np.int64(0)
    links = network.links
    for slot in range(state.bucket.shape[0]):
        lightpath = state.bucket[slot]
        kept = np.int32(-1)
        while lightpath >= 0:
            following = state.following[lightpath]
            on = state.path[lightpath]
            has_ended = state.departure[lightpath] <= now
            if hit[on] and not has_ended:
                path[count] = on
                width[count] = state.width[lightpath]
                bit_rate[count] = state.bit_rate[lightpath]
                departure[count] = state.departure[lightpath]
                count += 1
            if has_ended or (hit[on] and not keeps):
                hop, end = network.first_hop[on], network.first_hop[on + 1]
                plane, start = np.int64(state.plane[lightpath]), np.int64(state.start[lightpath])
                slots = state.width[lightpath]
                toggle(state.free, plane, links, hop, end, start, slots)
                if state.usage.shape[1] > 0:
                    change_usage(state.usage, plane, start, slots, hop - end)
                state.following[lightpath] = state.cursor[0]
                state.departure[lightpath] = now  # an unused row holds a time that has passed
                state.cursor[0] = lightpath
            else:
                state.following[lightpath] = kept
                kept = lightpath
            lightpath = following
        state.bucket[slot] = kept
    return count


@compiled(is_kept=True, nogil=True)
def rows_in(bucket: Int32s, following: Int32s, row: Int32s) -> Any:
    """List the rows that wait in a timing wheel, and return how many they are.

    row: int32[place], receives them.
    """
    count = np.int64(0)
    for slot in range(bucket.shape[0]):
        each = bucket[slot]
        while each >= 0:
            row[count] = each
            count += 1
            each = following[each]
    return count


@inner
def interrupt_each(
    network: Network,
    service: Service,
    state: Connections,
    pair_of_path: Int32s,
    tally: Tally,
    count: Count,
    hit: Flags,
    was_down: Flags,
    now: float,
    keeps: bool,
    pair: Int32s,
    bit_rate: Int32s,
    rate: Int64s,
    path: Int32s,
    departure: Floats,
) -> Any:
    """End the connections that have a lightpath on some paths, whole, and return how many they were.

    hit: bool[path], those that have gone down; was_down: those that were before. now: not before the last
    arrival; what has ended by then ends as ever. keeps: only look at the others, which stay; who was out
    already does not count. pair, bit_rate, rate, path, departure: [connection], receive what those were; rate
    is what was carried, path one of their paths that is hit.
    """
    found = np.int64(0)
    for slot in range(state.bucket.shape[0]):
        connection = state.bucket[slot]
        kept = np.int32(-1)
        while connection >= 0:
            following = state.next_connection[connection]
            if state.departure[connection] <= now:
                end_connection(network, service, state, pair_of_path, tally, count, connection)
                connection = following
                continue
            is_hit, was_out, carried = False, False, np.int64(0)
            part = state.first_part[connection]
            while part >= 0:
                if hit[state.path[state.part_of[part]]]:
                    is_hit = True
                    path[found] = state.path[state.part_of[part]]
                if was_down[state.path[state.part_of[part]]]:
                    was_out = True
                carried += state.part_rate[part]
                part = state.next_part[part]
            if is_hit and not was_out:
                pair[found] = state.pair[connection]
                bit_rate[found] = state.bit_rate[connection]
                rate[found] = carried
                departure[found] = state.departure[connection]
                found += 1
            if is_hit and not keeps:
                end_early(network, service, state, pair_of_path, tally, count, connection, now)
            else:
                state.next_connection[connection] = kept
                kept = connection
            connection = following
        state.bucket[slot] = kept
    # A lightpath that goes on may have lost the user that would have been its last.
    for slot in range(state.bucket.shape[0]):
        connection = state.bucket[slot]
        while connection >= 0:
            part = state.first_part[connection]
            while part >= 0:
                lightpath = state.part_of[part]
                until = max(state.until[lightpath], state.departure[connection])
                state.until[lightpath] = until
                part = state.next_part[part]
            connection = state.next_connection[connection]
    return found


@compiled(is_kept=True, nogil=True)
def interrupt_connections(*arguments: Any) -> Any:
    """Interrupt connections as `interrupt_each` does, with a service without quality."""
    return interrupt_each(*arguments)


@compiled(is_kept=True, nogil=True)
def interrupt_with_quality(*arguments: Any) -> Any:
    """Interrupt connections as `interrupt_each` does, with a service that has quality."""
    return interrupt_each(*arguments)


@compiled(is_kept=True, nogil=True)
def all_up(state: Connections, path_down: Flags, row: Int32s, found: Flags) -> None:
    """Find out of which connections all lightpaths are up.

    row: int32[connection]. found: bool[connection], receives it.
    """
    for i in range(row.shape[0]):
        found[i] = True
        part = state.first_part[row[i]]
        while part >= 0:
            if path_down[state.path[state.part_of[part]]]:
                found[i] = False
            part = state.next_part[part]
