"""Connections: what serves a request that may take several lightpaths, or a part of one.

A *connection* has one part for each lightpath that carries some of its bit rate; a lightpath is up as long as
it carries any. Bit rates are integers of 1e-6 Gb/s, so that what is left of a lightpath is exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fusion.kernel import inner
from fusion.kernel.arrays import Int32s, Int64s, Network, Tally
from fusion.kernel.impairments import new_light, switch_light
from fusion.kernel.quality import add_noise, new_noise, take_noise
from fusion.kernel.records import Connections, Count, Service
from fusion.kernel.spectrum import WORD_BITS, change_usage, toggle

CONNECTION, PART, LIGHTPATH = 0, 2, 4
"""Places in `Connections.cursor`: first unused row or -1, and behind it rows ever used."""
REACHED, COUNTDOWN = 6, 7
"""Places in `Connections.cursor`: bucket reached; requests until the next sample of the links."""

GROOMED, SLICED, PARTLY_SERVED, UNSERVED, ENDED, BLOCKED_BY_QUALITY = range(6)
"""Places in `Count.number`."""


def new_connections(
    network: Network,
    service: Service,
    load: float,
    mean_holding_time: float,
    *,
    keep_usage: bool,
) -> Connections:
    """Return the state of an empty network at time 0. load: Erlang."""
    planes, _, words = network.spectrum.shape
    # The operating system gives memory only to rows that are used, and freed rows are used again first.
    lightpaths = max(1, int(np.bitwise_count(network.spectrum).sum()))
    sharing = -(-int(service.rate.max()) // int(service.rate.min())) if service.grooms else 1
    rows = lightpaths * sharing + 1
    parts = rows + lightpaths
    buckets = 1 << max(6, min(20, int(np.ceil(np.log2(8.0 * load + 1.0)))))
    candidates = int(np.diff(network.first_path).max(initial=1))
    groups = int(service.group.max(initial=0)) + 1

    def ints(count: int) -> Int32s:
        return np.empty(count, dtype=np.int32)

    return Connections(
        free=network.spectrum.copy(),
        usage=np.zeros((planes, words * WORD_BITS + 1) if keep_usage else (1, 0), dtype=np.int32),
        score=np.empty(candidates),
        order=ints(candidates),
        common=np.empty((2, candidates), dtype=np.uint64),
        spare_on=np.zeros(int(service.route.max(initial=0)) + 1, dtype=np.int64),
        path=ints(lightpaths),
        plane=ints(lightpaths),
        start=ints(lightpaths),
        width=ints(lightpaths),
        column=ints(lightpaths),
        spare=np.empty(lightpaths, dtype=np.int64),
        users=ints(lightpaths),
        since=np.empty(lightpaths),
        until=np.empty(lightpaths),
        carried=np.empty(lightpaths),
        following=ints(lightpaths),
        preceding=ints(lightpaths),
        oldest=np.full(groups, -1, dtype=np.int32),
        newest=np.full(groups, -1, dtype=np.int32),
        bucket=np.full(buckets, -1, dtype=np.int32),
        departure=np.empty(rows),
        pair=ints(rows),
        bit_rate=ints(rows),
        first_part=ints(rows),
        next_connection=ints(rows),
        part_of=ints(parts),
        part_rate=np.empty(parts, dtype=np.int64),
        part_is_new=np.empty(parts, dtype=np.bool_),
        next_part=ints(parts),
        cursor=np.array([-1, 0, -1, 0, -1, 0, 0, 0], dtype=np.int64),
        clock=np.array([0.0, load / mean_holding_time, 0.0]),
        noise=None if service.quality is None else new_noise(service.quality, network, lightpaths),
        light=None if service.impairments is None else new_light(network),
    )


def make_empty(network: Network, state: Connections) -> None:
    """Make a state again what `new_connections` returned."""
    state.free[:] = network.spectrum
    state.usage[:] = 0
    state.spare_on[:] = 0
    state.oldest[:] = -1
    state.newest[:] = -1
    state.bucket[:] = -1
    state.cursor[:] = (-1, 0, -1, 0, -1, 0, 0, 0)
    state.clock[0] = state.clock[2] = 0.0
    if state.noise is not None:
        state.noise.members[:] = 0
        state.noise.looked_at[:] = -1
        state.noise.owner[:] = -1
    if state.light is not None:
        state.light.lit[:] = 0
        state.light.first[:] = 0


def new_count() -> Count:
    """Return counters that are all zero."""
    return Count(np.zeros(6, dtype=np.int64), np.zeros(1), np.zeros(1))


@inner
def take_row(cursor: Int64s, kind: int, following: Int32s) -> Any:
    """Return a row that is not in use. kind: CONNECTION, PART or LIGHTPATH."""
    row = cursor[kind]
    if row >= 0:
        cursor[kind] = following[row]
    else:
        row = cursor[kind + 1]
        cursor[kind + 1] += 1
    return row


@inner
def give_row(cursor: Int64s, kind: int, following: Int32s, row: int) -> None:
    """Give a row back."""
    following[row] = cursor[kind]
    cursor[kind] = row


@inner
def set_up(
    network: Network,
    service: Service,
    state: Connections,
    pair: int,
    path: int,
    plane: int,
    start: int,
    column: int,
    now: float,
) -> Any:
    """Set up a lightpath without users and return its row; its slots must be free."""
    width = network.width[network.width_row[path], column]
    hop, end = network.first_hop[path], network.first_hop[path + 1]
    toggle(state.free, plane, network.links, hop, end, start, width)
    if state.usage.shape[1] > 0:
        change_usage(state.usage, plane, start, width, end - hop)
    switch_light(service.impairments, state.light, network.links, plane, hop, end, start, width)
    row = take_row(state.cursor, LIGHTPATH, state.following)
    state.path[row] = path
    state.plane[row] = plane
    state.start[row] = start
    state.width[row] = width
    state.column[row] = column
    state.spare[row] = service.rate[column]
    state.users[row] = 0
    state.since[row] = now
    state.until[row] = now
    state.carried[row] = 0.0
    group = service.group[pair]
    last = state.newest[group]
    state.preceding[row] = last
    state.following[row] = -1
    if last >= 0:
        state.following[last] = row
    else:
        state.oldest[group] = row
    state.newest[group] = row
    add_noise(service.quality, network, state, row)
    return row


@inner
def tear_down(
    network: Network, service: Service, state: Connections, pair_of_path: Int32s, row: int
) -> None:
    """Give back the slots and the row of a lightpath."""
    take_noise(service.quality, network, state, row)
    path = state.path[row]
    plane, start, width = np.int64(state.plane[row]), np.int64(state.start[row]), state.width[row]
    hop, end = network.first_hop[path], network.first_hop[path + 1]
    toggle(state.free, plane, network.links, hop, end, start, width)
    if state.usage.shape[1] > 0:
        change_usage(state.usage, plane, start, width, hop - end)
    switch_light(service.impairments, state.light, network.links, plane, hop, end, start, width)
    group = service.group[pair_of_path[path]]
    before, after = state.preceding[row], state.following[row]
    if before >= 0:
        state.following[before] = after
    else:
        state.oldest[group] = after
    if after >= 0:
        state.preceding[after] = before
    else:
        state.newest[group] = before
    give_row(state.cursor, LIGHTPATH, state.following, row)


@inner
def add_part(state: Connections, connection: int, lightpath: int, rate: int, is_new: bool) -> None:
    """Have a lightpath carry some bit rate of a connection."""
    part = take_row(state.cursor, PART, state.next_part)
    state.part_of[part] = lightpath
    state.part_rate[part] = rate
    state.part_is_new[part] = is_new
    state.next_part[part] = state.first_part[connection]
    state.first_part[connection] = part
    state.spare[lightpath] -= rate
    state.users[lightpath] += 1


@inner
def drop_parts(
    network: Network,
    service: Service,
    state: Connections,
    pair_of_path: Int32s,
    connection: int,
    tally: Tally | None,
    count: Count | None,
) -> None:
    """Take the parts of a connection away; a lightpath that carries nothing then goes.

    tally, count: where the end of such a lightpath is counted; None: the parts were only tried.
    """
    part = state.first_part[connection]
    while part >= 0:
        lightpath = state.part_of[part]
        state.spare[lightpath] += state.part_rate[part]
        state.users[lightpath] -= 1
        if state.users[lightpath] == 0:
            if tally is not None and count is not None:
                count_ended(service, state, tally, count, lightpath)
            tear_down(network, service, state, pair_of_path, lightpath)
        following = state.next_part[part]
        give_row(state.cursor, PART, state.next_part, part)
        part = following
    state.first_part[connection] = -1


@inner
def groom(
    network: Network, service: Service, state: Connections, connection: int, pair: int, left: int
) -> Any:
    """Use what lightpaths between the same nodes have left; return what they do not carry, and a path.

    Of the routes between the nodes the one with most to spare is used, its lightpaths by age; of equal ones
    that of the oldest lightpath. The path is one over that route, or -1 if none has anything to spare.
    """
    group = service.group[pair]
    best, most = np.int64(-1), np.int64(0)
    row = state.oldest[group]
    while row >= 0:
        path = state.path[row]
        if network.width[network.width_row[path], state.column[row]] > 0:  # no link of it is down
            state.spare_on[service.route[path]] += state.spare[row]
        row = state.following[row]
    row = state.oldest[group]
    while row >= 0:
        route = service.route[state.path[row]]
        if state.spare_on[route] > most:
            most = state.spare_on[route]
            best = np.int64(state.path[row])
        row = state.following[row]
    row = state.oldest[group]
    while row >= 0:
        route = service.route[state.path[row]]
        state.spare_on[route] = 0
        if best >= 0 and left > 0 and state.spare[row] > 0 and route == service.route[best]:
            rate = min(left, state.spare[row])
            add_part(state, connection, row, rate, False)
            left -= rate
        row = state.following[row]
    return left, best


@inner
def end_connection(
    network: Network,
    service: Service,
    state: Connections,
    pair_of_path: Int32s,
    tally: Tally,
    count: Count,
    connection: int,
) -> None:
    """End a connection, and count the lightpaths that end with it."""
    drop_parts(network, service, state, pair_of_path, connection, tally, count)
    give_row(state.cursor, CONNECTION, state.next_connection, connection)


@inner
def end_early(
    network: Network,
    service: Service,
    state: Connections,
    pair_of_path: Int32s,
    tally: Tally,
    count: Count,
    connection: int,
    now: float,
) -> None:
    """End a connection before its time; of lightpaths that go on, `until` is to be set anew."""
    part = state.first_part[connection]
    while part >= 0:
        lightpath = state.part_of[part]
        state.until[lightpath] = now
        state.carried[lightpath] -= state.part_rate[part] * (state.departure[connection] - now)
        part = state.next_part[part]
    end_connection(network, service, state, pair_of_path, tally, count, connection)


@inner
def count_ended(
    service: Service, state: Connections, tally: Tally, count: Count, lightpath: int
) -> None:
    """Count a lightpath that ends at its `until`."""
    since, until = state.since[lightpath], state.until[lightpath]
    busy = until - max(since, state.clock[2])
    tally.busy_by_path[state.path[lightpath]] += state.width[lightpath] * busy
    count.number[ENDED] += 1
    rate = service.rate[state.column[lightpath]]
    if until > since:
        count.use[0] += state.carried[lightpath] / (rate * (until - since))


def begin_measuring(state: Connections) -> None:
    """Count the slots of the lightpaths that are up from now on."""
    state.clock[2] = state.clock[0]


def add_busy_so_far(state: Connections, tally: Tally) -> None:
    """Count the slots of the lightpaths that are up until now."""
    for first in state.oldest.tolist():
        row = first
        while row >= 0:
            busy = state.clock[0] - max(float(state.since[row]), float(state.clock[2]))
            tally.busy_by_path[state.path[row]] += state.width[row] * busy
            row = int(state.following[row])
