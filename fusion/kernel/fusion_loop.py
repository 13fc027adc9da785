"""The event loop for requests that are sliced as the original FUSION slices them.

It shares the parts of `connections` and differs from `connection_loop` where FUSION does: a remainder of a
sliced request is dropped, a path is given up at the first bit rate that needs too many lightpaths, service in
part is for the last path alone. And it keeps what FUSION's counters need. Where a request takes one lightpath
of its own, FUSION does the same as `event_loop.serve`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fusion.kernel import compiled, inner
from fusion.kernel.arrays import Floats, Int32s, Int64s, Network, Tally
from fusion.kernel.connection_loop import end_until
from fusion.kernel.connections import (
    CONNECTION,
    COUNTDOWN,
    PARTLY_SERVED,
    SLICED,
    UNSERVED,
    add_part,
    drop_parts,
    give_row,
    set_up,
    take_row,
)
from fusion.kernel.event_loop import sample_links
from fusion.kernel.records import Connections, Count, Service
from fusion.kernel.spectrum import first_fit

LIGHTPATHS, TRANSPONDERS, PATH, PLACE = range(4)
"""Columns of `Ledger.outcome`."""


class Ledger(NamedTuple):
    """What FUSION's counters are made from, beside `Tally`."""

    outcome: Int32s
    """int32[request, 4]: lightpaths that were set up for it and last; transponders; path; place of the path
    among the candidates. Of a blocked request 0, 0, -1, -1."""
    unserved: Int64s
    """int64[request]: what FUSION adds to the blocked bit rate of a request that it serves."""
    lightpath: Int32s
    """int32[record, 5]: request, path, plane, start, column of `Network.width`."""
    setups: Int64s
    """int64[link]: lightpaths set up over it until the last request that was served, those among them that
    were torn down at once because the rest of their request had no room."""
    waiting: Int64s
    """int64[link]: those since then."""
    cursor: Int64s
    """int64[2]: requests so far; records so far."""


def new_ledger(network: Network, requests: int, most_lightpaths: int) -> Ledger:
    """Return an empty ledger for so many requests with at most so many lightpaths each."""
    _, links, _ = network.spectrum.shape
    # The operating system gives memory only to rows that are used.
    return Ledger(
        outcome=np.empty((requests, 4), dtype=np.int32),
        unserved=np.zeros(requests, dtype=np.int64),
        lightpath=np.empty((requests * most_lightpaths, 5), dtype=np.int32),
        setups=np.zeros(links, dtype=np.int64),
        waiting=np.zeros(links, dtype=np.int64),
        cursor=np.zeros(2, dtype=np.int64),
    )


@inner
def place_lightpath(
    network: Network,
    service: Service,
    state: Connections,
    ledger: Ledger,
    connection: int,
    pair: int,
    path: int,
    column: int,
    now: float,
) -> bool:
    """Set up a lightpath for a connection on the first plane with room and enter it, if there is one."""
    width = network.width[network.width_row[path], column]
    hop, end = network.first_hop[path], network.first_hop[path + 1]
    for plane in range(state.free.shape[0] if width > 0 else 0):
        start = first_fit(state.free, plane, network.links, hop, end, network.shifts, width)
        if start >= 0:
            row = set_up(network, service, state, pair, path, plane, start, column, now)
            add_part(state, connection, row, service.rate[column], True)
            for each in range(hop, end):
                ledger.waiting[network.links[each]] += 1
            record = ledger.cursor[1]
            ledger.lightpath[record, 0] = ledger.cursor[0]
            ledger.lightpath[record, 1] = path
            ledger.lightpath[record, 2] = plane
            ledger.lightpath[record, 3] = start
            ledger.lightpath[record, 4] = column
            ledger.cursor[1] += 1
            return True
    return False


@inner
def slice_request(
    network: Network,
    service: Service,
    k_paths: int,
    state: Connections,
    pair_of_path: Int32s,
    ledger: Ledger,
    connection: int,
    pair: int,
    bit_rate: int,
    now: float,
) -> Any:
    """Serve a request by lightpaths of one lower bit rate, and return (path, lightpaths asked for, unserved).

    (-1, 0, 0) where it cannot be. unserved: see `Ledger`; all of it once an earlier try has failed.
    """
    total = np.int64(service.rate[bit_rate])
    unserved = np.int64(0)
    first = network.first_path[pair]
    for path in range(first, network.first_path[pair + 1]):
        for option in range(service.slices.shape[1]):
            column, number = service.slices[bit_rate, option]
            if number == 0:
                break
            if network.width[network.width_row[path], column] == 0:
                continue
            if number > service.max_segments:
                break
            before = ledger.cursor[1]
            placed = np.int64(0)
            while placed < number and place_lightpath(
                network, service, state, ledger, connection, pair, path, column, now
            ):
                placed += 1
            if placed == number:
                return np.int64(path), np.int64(number), unserved
            if service.partial and placed > 0 and path - first >= k_paths - 1:
                return np.int64(path), np.int64(number), total - placed * service.rate[column]
            drop_parts(network, service, state, pair_of_path, connection, None, None)
            ledger.cursor[1] = before
            unserved = total
    return np.int64(-1), np.int64(0), np.int64(0)


@inner
def serve_request(
    network: Network,
    service: Service,
    k_paths: int,
    state: Connections,
    pair_of_path: Int32s,
    ledger: Ledger,
    connection: int,
    pair: int,
    bit_rate: int,
    now: float,
) -> Any:
    """Give a connection its lightpaths, and return as `slice_request` does."""
    for path in range(network.first_path[pair], network.first_path[pair + 1]):
        if place_lightpath(network, service, state, ledger, connection, pair, path, bit_rate, now):
            return np.int64(path), np.int64(1), np.int64(0)
    return slice_request(
        network,
        service,
        k_paths,
        state,
        pair_of_path,
        ledger,
        connection,
        pair,
        bit_rate,
        now,
    )


@inner
def is_reachable(network: Network, service: Service, pair: int, bit_rate: int) -> bool:
    """Say whether an empty network could serve a request."""
    for path in range(network.first_path[pair], network.first_path[pair + 1]):
        row = network.width_row[path]
        if network.width[row, bit_rate] > 0:
            return True
        for option in range(service.slices.shape[1]):
            column, number = service.slices[bit_rate, option]
            if 0 < number <= service.max_segments and network.width[row, column] > 0:
                return True
    return False


@compiled(is_kept=True, nogil=True)
def serve_as_fusion(
    network: Network,
    service: Service,
    k_paths: int,
    state: Connections,
    pair_of_path: Int32s,
    tally: Tally,
    count: Count,
    ledger: Ledger,
    sample_every: int,
    arrival: Floats,
    holding: Floats,
    pair: Int32s,
    bit_rate: Int32s,
) -> None:
    """Serve requests in order by first fit, changing `state` and adding to `tally`, `count` and `ledger`.

    k_paths: candidates that were asked for; there may be fewer. service.slices: the lightpaths that FUSION
    takes. The rest as for `connection_loop.serve_each`; paths are tried as they are listed.
    """
    mask = state.bucket.shape[0] - 1
    for i in range(arrival.shape[0]):
        now = arrival[i]
        end_until(network, service, state, pair_of_path, tally, count, now)
        state.clock[0] = now
        state.cursor[COUNTDOWN] -= 1
        if state.cursor[COUNTDOWN] <= 0:
            sample_links(network, state.free, tally)
            state.cursor[COUNTDOWN] = sample_every
        p, b = np.int64(pair[i]), np.int64(bit_rate[i])
        tally.offered_by_pair[p] += 1
        tally.offered_by_bit_rate[b] += 1
        connection = take_row(state.cursor, CONNECTION, state.next_connection)
        state.first_part[connection] = -1
        number, before = ledger.cursor[0], ledger.cursor[1]
        path, asked, unserved = serve_request(
            network, service, k_paths, state, pair_of_path, ledger, connection, p, b, now
        )
        lightpaths = ledger.cursor[1] - before
        ledger.outcome[number, LIGHTPATHS] = lightpaths
        ledger.outcome[number, TRANSPONDERS] = asked
        ledger.outcome[number, PATH] = path
        ledger.outcome[number, PLACE] = path - network.first_path[p] if path >= 0 else -1
        ledger.unserved[number] = unserved
        ledger.cursor[0] += 1
        if path >= 0:
            departure = now + holding[i]
            state.departure[connection] = departure
            slot = np.int64(departure * state.clock[1]) & mask
            state.next_connection[connection] = state.bucket[slot]
            state.bucket[slot] = connection
            part = state.first_part[connection]
            while part >= 0:
                row = state.part_of[part]
                state.until[row] = departure
                state.carried[row] = state.part_rate[part] * holding[i]
                tally.served_by_path[path] += 1
                tally.served_by_row[network.width_row[path], state.column[row]] += 1
                tally.served_by_plane[state.plane[row]] += 1
                part = state.next_part[part]
            count.number[SLICED] += lightpaths > 1
            count.number[PARTLY_SERVED] += lightpaths < asked
            count.number[UNSERVED] += unserved
            for link in range(ledger.waiting.shape[0]):
                ledger.setups[link] += ledger.waiting[link]
                ledger.waiting[link] = 0
        else:
            give_row(state.cursor, CONNECTION, state.next_connection, connection)
            tally.blocked_by_pair[p] += 1
            tally.blocked_by_bit_rate[b] += 1
            if not is_reachable(network, service, p, b):
                tally.events[0] += 1
