"""The event loop for connections: slicing, grooming, service in part, and signal quality.

Where a request takes one lightpath of its own and any quality is good it does the same as `event_loop.serve`,
which is kept apart because it is several times faster.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any

import numpy as np

from fusion.kernel import compiled, inner
from fusion.kernel.arrays import Floats, Int32s, Network, Tally
from fusion.kernel.assignment import Assignment, search_assigned, start_by
from fusion.kernel.chosen import serve_chosen
from fusion.kernel.connections import (
    BLOCKED_BY_QUALITY,
    CONNECTION,
    COUNTDOWN,
    GROOMED,
    PARTLY_SERVED,
    REACHED,
    SLICED,
    UNSERVED,
    add_part,
    drop_parts,
    end_connection,
    give_row,
    groom,
    set_up,
    take_row,
)
from fusion.kernel.event_loop import sample_links
from fusion.kernel.impairments import Impairments, cost_of_links, next_apart
from fusion.kernel.quality import count_noise, forget_refusals, was_refused
from fusion.kernel.quality_search import place_well, search_all_well
from fusion.kernel.records import Connections, Count, Quality, Service
from fusion.kernel.routing import ALL_PATHS, BY_INTERFERENCE, IN_ORDER, free_slots, path_score
from fusion.kernel.search import (
    APART,
    FIRST_FIT,
    RANDOM_FIT,
    first_fit_of_all,
    search_all,
    search_random,
)
from fusion.kernel.user_policy import WRONG, Chooser


@inner
def end_until(
    network: Network,
    service: Service,
    state: Connections,
    pair_of_path: Int32s,
    tally: Tally,
    count: Count,
    now: float,
) -> None:
    """End all connections whose time has come."""
    mask = state.bucket.shape[0] - 1
    present = np.int64(now * state.clock[1])
    for reached in range(state.cursor[REACHED], present + 1):
        slot = reached & mask
        connection = state.bucket[slot]
        kept = np.int32(-1)
        while connection >= 0:
            following = state.next_connection[connection]
            if state.departure[connection] <= now:
                end_connection(network, service, state, pair_of_path, tally, count, connection)
            else:
                state.next_connection[connection] = kept
                kept = connection
            connection = following
        state.bucket[slot] = kept
    state.cursor[REACHED] = present


@inner
def rank_of(
    network: Network,
    impairments: Impairments | None,
    state: Connections,
    slots: int,
    choice: int,
    path: int,
    bit_rate: int,
) -> Any:
    """Return what a path should have little of at the moment."""
    hop, end = network.first_hop[path], network.first_hop[path + 1]
    if impairments is not None:
        width = np.int64(network.width[network.width_row[path], bit_rate])
        if choice >= BY_INTERFERENCE:
            return cost_of_links(
                state.free,
                state.light.lit,
                state.light.first,
                network.links,
                network.shifts,
                impairments,
                choice,
                hop,
                end,
                width,
            )
    return network.path_cost[path] + path_score(state.free, network.links, hop, end, slots, choice)


@inner
def put_in_order(
    network: Network,
    service: Service,
    state: Connections,
    slots: int,
    choice: int,
    pair: int,
    bit_rate: int,
) -> int:
    """Put the candidates of a pair in the order in which they are tried, and return how many there are."""
    first, end = network.first_path[pair], network.first_path[pair + 1]
    order, score = state.order, state.score
    for path in range(first, end):
        place = np.int64(path - first)
        if choice != IN_ORDER and choice != ALL_PATHS:
            value = rank_of(network, service.impairments, state, slots, choice, path, bit_rate)
            while place > 0 and score[place - 1] > value:
                score[place] = score[place - 1]
                order[place] = order[place - 1]
                place -= 1
            score[place] = value
        order[place] = path
    return int(end - first)


@inner
def place_on(
    network: Network,
    quality: Quality | None,
    impairments: Impairments | None,
    assignment: Assignment | None,
    state: Connections,
    fit: int,
    path: int,
    column: int,
    tie: float,
) -> Any:
    """Return (plane, start, column) of a lightpath on a path, on the first plane with room; else -1s.

    With the fit APART on the first of these by `next_apart`. The column is that of the format where there is
    a choice of formats.
    """
    if quality is not None:
        return place_well(quality, impairments, network, state, fit, path, column, tie)
    width = network.width[network.width_row[path], column]
    if impairments is not None:
        keeps_apart = width > 0 and fit == APART
        if keeps_apart:
            plane, start, _ = next_apart(
                state.free,
                state.light.lit,
                state.light.first,
                network.links,
                network.shifts,
                impairments,
                network.first_hop[path],
                network.first_hop[path + 1],
                np.int64(width),
                np.int64(-1),
                np.int64(-1),
            )
            return plane, start, np.int64(column)
    if width > 0:
        for plane in range(state.free.shape[0]):
            start, _ = start_by(
                network,
                assignment,
                state.free,
                state.usage,
                network.first_hop,
                fit,
                np.int64(plane),
                path,
                np.int64(width),
                column,
                tie,
            )
            if start >= 0:
                return np.int64(plane), np.int64(start), np.int64(column)
    return np.int64(-1), np.int64(-1), np.int64(-1)


@inner
def search_all_paths(
    network: Network,
    quality: Quality | None,
    assignment: Assignment | None,
    state: Connections,
    fit: int,
    pair: int,
    bit_rate: int,
    tie: float,
) -> Any:
    """Return (path, plane, start, column) of the lightpath that the fit likes best of all paths; else -1s."""
    if quality is not None:
        return search_all_well(quality, network, state, fit, pair, bit_rate)
    if assignment is not None:
        path, plane, start = search_assigned(
            network,
            assignment,
            state.free,
            state.score,
            np.int64(0),
            np.int64(ALL_PATHS),
            pair,
            bit_rate,
        )
        return path, plane, start, np.int64(bit_rate)
    if fit == RANDOM_FIT:
        path, plane, start = search_random(
            state.free,
            network.first_path,
            network.first_hop,
            network.links,
            network.width_row,
            network.width,
            network.shifts,
            pair,
            bit_rate,
            tie,
        )
    elif fit == FIRST_FIT:
        path, plane, start = first_fit_of_all(
            state.free,
            state.common,
            network.first_path,
            network.first_hop,
            network.links,
            network.path_of_hop,
            network.width_row,
            network.width,
            network.shifts,
            pair,
            bit_rate,
        )
    else:
        path, plane, start = search_all(
            state.free,
            state.usage,
            network.first_path,
            network.first_hop,
            network.links,
            network.width_row,
            network.width,
            network.shifts,
            fit,
            pair,
            bit_rate,
        )
    return path, plane, start, np.int64(bit_rate)


@inner
def search(
    network: Network,
    service: Service,
    state: Connections,
    fit: int,
    choice: int,
    candidates: int,
    pair: int,
    bit_rate: int,
    tie: float,
) -> Any:
    """Return (path, plane, start, column) of one lightpath for the whole request; else -1s."""
    if choice == ALL_PATHS:
        return search_all_paths(
            network, service.quality, service.assignment, state, fit, pair, bit_rate, tie
        )
    for place in range(candidates):
        path = np.int64(state.order[place])
        plane, start, column = place_on(
            network,
            service.quality,
            service.impairments,
            service.assignment,
            state,
            fit,
            path,
            bit_rate,
            tie,
        )
        if start >= 0:
            return path, plane, start, column
    return np.int64(-1), np.int64(-1), np.int64(-1), np.int64(-1)


@inner
def slice_onto(
    network: Network,
    service: Service,
    state: Connections,
    fit: int,
    connection: int,
    pair: int,
    path: int,
    column: int,
    number: int,
    left: int,
    tie: float,
    now: float,
) -> Any:
    """Set up at most `number` lightpaths of a lower bit rate on a path; return what they do not carry."""
    for _ in range(number):
        if left == 0:
            break
        plane, start, one = place_on(
            network,
            service.quality,
            service.impairments,
            service.assignment,
            state,
            fit,
            path,
            column,
            tie,
        )
        if start < 0:
            break
        row = set_up(network, service, state, pair, path, plane, start, one, now)
        rate = min(left, service.rate[one])
        add_part(state, connection, row, rate, True)
        left -= rate
    return left


@inner
def fill(
    network: Network,
    service: Service,
    state: Connections,
    fit: int,
    connection: int,
    pair: int,
    path: int,
    bit_rate: int,
    tie: float,
    now: float,
) -> Any:
    """Set up lightpaths on a path that need not be alike; return what of a request they do not carry.

    As long as there is room for them those of the highest bit rate that is not above what is left; of the
    last tier also one for a remainder.
    """
    left = np.int64(service.rate[bit_rate])
    tier, number = np.int64(0), np.int64(0)
    while left > 0 and number < service.max_segments and tier < service.tiers.shape[1]:
        column = np.int64(service.tiers[bit_rate, tier])
        if column < 0:
            break
        is_last = tier + 1 == service.tiers.shape[1] or service.tiers[bit_rate, tier + 1] < 0
        start = np.int64(-1)
        if is_last or left >= service.rate[column]:
            plane, start, one = place_on(
                network,
                service.quality,
                service.impairments,
                service.assignment,
                state,
                fit,
                path,
                column,
                tie,
            )
            if start >= 0:
                row = set_up(network, service, state, pair, path, plane, start, one, now)
                rate = min(left, service.rate[one])
                add_part(state, connection, row, rate, True)
                left -= rate
                number += 1
        if start < 0:
            tier += 1
    return left


@inner
def slice_unevenly(
    network: Network,
    service: Service,
    state: Connections,
    pair_of_path: Int32s,
    fit: int,
    candidates: int,
    connection: int,
    pair: int,
    bit_rate: int,
    in_part: bool,
    tie: float,
    now: float,
) -> Any:
    """Serve a request by lightpaths that need not be alike, as `slice_request` does by such that are."""
    total = service.rate[bit_rate]
    best_path, least = np.int64(-1), np.int64(total)
    for place in range(candidates):
        path = np.int64(state.order[place])
        left = fill(network, service, state, fit, connection, pair, path, bit_rate, tie, now)
        if left == 0:
            return left
        if left < least:
            best_path, least = path, np.int64(left)
        drop_parts(network, service, state, pair_of_path, connection, None, None)
    if in_part and best_path >= 0:
        return fill(network, service, state, fit, connection, pair, best_path, bit_rate, tie, now)
    return total


@compiled(inline="always")  # see _as
def slice_request(
    network: Network,
    service: Service,
    state: Connections,
    pair_of_path: Int32s,
    fit: int,
    candidates: int,
    connection: int,
    pair: int,
    bit_rate: int,
    in_part: bool,
    tie: float,
    now: float,
) -> Any:
    """Serve a request by several lightpaths on one path, and return what they do not carry.

    The first path in order on which the whole request fits, and there the highest bit rate. in_part: the one
    on which most of it does.
    """
    if service.tiers.shape[0] > 0:
        return slice_unevenly(
            network,
            service,
            state,
            pair_of_path,
            fit,
            candidates,
            connection,
            pair,
            bit_rate,
            in_part,
            tie,
            now,
        )
    total = service.rate[bit_rate]
    best_path, best_option, least = np.int64(-1), np.int64(-1), np.int64(total)
    for place in range(candidates):
        path = np.int64(state.order[place])
        for option in range(service.slices.shape[1]):
            column = np.int64(service.slices[bit_rate, option, 0])
            number = np.int64(service.slices[bit_rate, option, 1])
            if number == 0 or (number > service.max_segments and not in_part):
                break
            most = min(number, service.max_segments)
            left = slice_onto(
                network, service, state, fit, connection, pair, path, column, most, total, tie, now
            )
            if left == 0:
                return left
            if left < least:
                best_path, best_option, least = path, np.int64(option), np.int64(left)
            drop_parts(network, service, state, pair_of_path, connection, None, None)
    if in_part and best_path >= 0:
        column = np.int64(service.slices[bit_rate, best_option, 0])
        number = np.int64(service.slices[bit_rate, best_option, 1])
        most = min(number, service.max_segments)
        return slice_onto(
            network,
            service,
            state,
            fit,
            connection,
            pair,
            best_path,
            column,
            most,
            total,
            tie,
            now,
        )
    return total


@compiled(inline="always")  # see _as
def serve_request(
    network: Network,
    service: Service,
    state: Connections,
    pair_of_path: Int32s,
    fit: int,
    choice: int,
    slots: int,
    connection: int,
    pair: int,
    bit_rate: int,
    tie: float,
    now: float,
) -> Any:
    """Give a connection its parts, and return what they do not carry; all of it: the request is blocked."""
    total = service.rate[bit_rate]
    groomed = np.int64(total)
    if service.grooms:
        left, path = groom(network, service, state, connection, pair, total)
        if left == 0:
            return left
        groomed = left
        if left < total:
            plane, start, column = place_on(
                network,
                service.quality,
                service.impairments,
                service.assignment,
                state,
                fit,
                path,
                bit_rate,
                tie,
            )
            if start >= 0:
                row = set_up(network, service, state, pair, path, plane, start, column, now)
                add_part(state, connection, row, left, True)
                return np.int64(0)
            drop_parts(network, service, state, pair_of_path, connection, None, None)
    candidates = put_in_order(network, service, state, slots, choice, pair, bit_rate)
    path, plane, start, column = search(
        network, service, state, fit, choice, candidates, pair, bit_rate, tie
    )
    if path >= 0:
        row = set_up(network, service, state, pair, path, plane, start, column, now)
        add_part(state, connection, row, total, True)
        return np.int64(0)
    left = np.int64(total)
    if service.max_segments > 1:
        for attempt in range(2 if service.partial else 1):
            left = slice_request(
                network,
                service,
                state,
                pair_of_path,
                fit,
                candidates,
                connection,
                pair,
                bit_rate,
                attempt == 1,
                tie,
                now,
            )
            if left == 0:
                break
    if service.partial and groomed < left:
        drop_parts(network, service, state, pair_of_path, connection, None, None)
        left, path = groom(network, service, state, connection, pair, total)
    return left


@inner
def count_served(
    network: Network,
    service: Service,
    state: Connections,
    tally: Tally,
    count: Count,
    connection: int,
    left: int,
    holding: float,
) -> None:
    """Count what serves a connection, and keep its lightpaths until it ends."""
    until = state.departure[connection]
    parts, new = 0, 0
    part = state.first_part[connection]
    while part >= 0:
        lightpath = state.part_of[part]
        state.carried[lightpath] += state.part_rate[part] * holding
        state.until[lightpath] = max(state.until[lightpath], until)
        parts += 1
        if state.part_is_new[part]:
            new += 1
            path = state.path[lightpath]
            tally.served_by_path[path] += 1
            tally.served_by_row[network.width_row[path], state.column[lightpath]] += 1
            tally.served_by_plane[state.plane[lightpath]] += 1
            count_noise(service.quality, state.noise, count, lightpath)
        part = state.next_part[part]
    if new == 0:
        count.number[GROOMED] += 1
    if parts > 1:
        count.number[SLICED] += 1
    if left > 0:
        count.number[PARTLY_SERVED] += 1
        count.number[UNSERVED] += left


@compiled(inline="always")  # see _as
def arrive(
    network: Network,
    service: Service,
    state: Connections,
    pair_of_path: Int32s,
    tally: Tally,
    count: Count,
    sample_every: int,
    now: float,
) -> None:
    """Go on to the time of a request, which becomes the one at hand."""
    end_until(network, service, state, pair_of_path, tally, count, now)
    state.clock[0] = now
    state.cursor[COUNTDOWN] -= 1
    if state.cursor[COUNTDOWN] <= 0:
        sample_links(network, state.free, tally)
        state.cursor[COUNTDOWN] = sample_every
    forget_refusals(state.noise)


@inner
def begin_connection(state: Connections) -> Any:
    """Return a connection without parts."""
    connection = take_row(state.cursor, CONNECTION, state.next_connection)
    state.first_part[connection] = -1
    return connection


@compiled(inline="always")  # see _as
def settle(
    network: Network,
    service: Service,
    state: Connections,
    tally: Tally,
    count: Count,
    connection: int,
    pair: int,
    bit_rate: int,
    left: int,
    holding: float,
    decision: Int32s,
    i: int,
) -> None:
    """Count the request at hand, and keep its connection up if it has any part.

    left: what its parts do not carry. decision: int32[request, 3], receives in row i what `serve_each` says;
    or empty.
    """
    tally.offered_by_pair[pair] += 1
    tally.offered_by_bit_rate[bit_rate] += 1
    path, plane, start = np.int64(-1), np.int64(-1), np.int64(-1)
    if left < service.rate[bit_rate]:
        departure = state.clock[0] + holding
        state.departure[connection] = departure
        state.pair[connection] = pair
        state.bit_rate[connection] = bit_rate
        slot = np.int64(departure * state.clock[1]) & (state.bucket.shape[0] - 1)
        state.next_connection[connection] = state.bucket[slot]
        state.bucket[slot] = connection
        count_served(network, service, state, tally, count, connection, left, holding)
        path, plane, start = np.int64(-2), np.int64(-2), np.int64(-2)
        part = state.first_part[connection]
        while part >= 0:
            if state.part_is_new[part]:
                lightpath = state.part_of[part]
                path = np.int64(state.path[lightpath])
                plane = np.int64(state.plane[lightpath])
                start = np.int64(state.start[lightpath])
            part = state.next_part[part]
    else:
        give_row(state.cursor, CONNECTION, state.next_connection, connection)
        tally.blocked_by_pair[pair] += 1
        tally.blocked_by_bit_rate[bit_rate] += 1
        if was_refused(state.noise):
            count.number[BLOCKED_BY_QUALITY] += 1
        reachable = False
        for candidate in range(network.first_path[pair], network.first_path[pair + 1]):
            row = network.width_row[candidate]
            if network.width[row, bit_rate] != 0:
                reachable = True
            if service.max_segments > 1:
                for option in range(service.slices.shape[1]):
                    column, number = service.slices[bit_rate, option]
                    within = number <= service.max_segments or service.partial
                    if number > 0 and within and network.width[row, column] != 0:
                        reachable = True
                if service.tiers.shape[0] > 0:
                    for tier in range(service.tiers.shape[1]):
                        column = service.tiers[bit_rate, tier]
                        if column >= 0 and network.width[row, column] != 0:
                            reachable = True
        if not reachable:
            tally.events[0] += 1
    if decision.shape[0] > 0:
        decision[i, 0] = path
        decision[i, 1] = plane
        decision[i, 2] = start


def serve_each(
    network: Network,
    service: Service,
    state: Connections,
    pair_of_path: Int32s,
    tally: Tally,
    count: Count,
    fit: int | None,
    choice: int | None,
    sample_every: int,
    arrival: Floats,
    holding: Floats,
    pair: Int32s,
    bit_rate: Int32s,
    tie: Floats,
    decision: Int32s,
    chooser: Chooser | None = None,
    asked: Any = None,
) -> None:
    """Serve requests in order, changing `state` and adding to `tally` and `count`.

    pair_of_path: int32[path]. The rest as for `event_loop.serve`; decision receives the first of several
    lightpaths, and (-2, -2, -2) where lightpaths that were there carry the request.
    """
    slots = free_slots(network.spectrum, 0) if network.spectrum.shape[1] > 0 else np.int64(0)
    for i in range(arrival.shape[0]):
        now = arrival[i]
        arrive(network, service, state, pair_of_path, tally, count, sample_every, now)
        p, b = np.int64(pair[i]), np.int64(bit_rate[i])
        connection = begin_connection(state)
        left: Any = service.rate[b]
        if chooser is not None:
            t = tie[i] if tie.shape[0] > 0 else 0.0
            order = None
            if choice is not None:
                put_in_order(network, service, state, slots, choice, p, b)
                order = state.order
            left = serve_chosen(
                network,
                service,
                state,
                pair_of_path,
                chooser,
                asked,
                order,
                i,
                connection,
                p,
                b,
                now,
                holding[i],
                t,
            )
            if asked.at[WRONG] != 0:
                break
        elif fit is None:
            pass  # known to the compiler, which leaves the searches out of a user's loop
        else:
            t = tie[i] if fit == RANDOM_FIT else 0.0
            left = serve_request(
                network, service, state, pair_of_path, fit, choice, slots, connection, p, b, t, now
            )
        settle(
            network, service, state, tally, count, connection, p, b, left, holding[i], decision, i
        )


def _as(name: str, what: str) -> Any:
    """Return `serve_each`, to be compiled for a kind of service under a name of its own.

    So the cache can say for which of them it is compiled. A function that called it would have it compiled
    twice: what is called is optimised on its own, and again as a part of its caller. That is why what has
    one caller and most of the code is inlined before that: a fifth less to wait for, and faster code.
    """
    function = FunctionType(serve_each.__code__, globals(), name, serve_each.__defaults__)
    function.__doc__ = f"Serve requests as `serve_each` does, with a service that has {what}."
    return compiled(function, is_kept=True, nogil=True)


serve_connections = _as("serve_connections", "no quality")
serve_with_quality = _as("serve_with_quality", "quality")
serve_impaired = _as("serve_impaired", "impairments and no quality")
serve_impaired_with_quality = _as("serve_impaired_with_quality", "impairments and quality")
