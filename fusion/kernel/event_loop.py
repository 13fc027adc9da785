"""The event loop: serve requests in order of arrival, releasing before each what has ended.

`serve` is one long function because every call and every branch in it is paid once per request. It does no
input or output and draws no random number: a replication is a pure function of the arrays it is given.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fusion.kernel import compiled
from fusion.kernel.arrays import Floats, Int32s, Network, State, Tally, Words
from fusion.kernel.assignment import Assignment, search_assigned
from fusion.kernel.capacity import count_assigned, follow_assigned
from fusion.kernel.link_samples import values_of_plane
from fusion.kernel.routing import ALL_PATHS, IN_ORDER, free_slots
from fusion.kernel.search import (
    FIRST_FIT,
    RANDOM_FIT,
    first_fit_of_all,
    search_all,
    search_in_order,
    search_random,
    search_ranked,
)
from fusion.kernel.spectrum import (
    change_usage,
    count_free,
    first_fit,
    free_and_largest_block,
    toggle,
)
from fusion.kernel.user_policy import WRONG, Chooser, ask, make_request

NO_DECISIONS = np.empty((0, 3), dtype=np.int32)


@compiled
def sample_links(network: Network, free: Words, tally: Tally) -> None:
    """Add a sample of every link to the tally: the mean over planes of each statistic of `link_samples`."""
    planes = free.shape[0]
    for link in range(free.shape[1]):
        for plane in range(planes):
            slots = count_free(network.spectrum, plane, link)
            total, largest = free_and_largest_block(free, plane, link)
            for statistic, value in enumerate(values_of_plane(slots, total, largest)):
                tally.sampled[statistic, link] += value / planes
    tally.events[1] += 1


@compiled(is_kept=True, nogil=True)
def serve(
    network: Network,
    state: State,
    tally: Tally,
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
    assignment: Assignment | None = None,
) -> None:
    """Serve requests in order, changing `state` and adding to `tally`.

    fit, choice: the policy, see `search` and `routing`. sample_every: requests between two samples of
    the links. arrival: float64[request], ascending, not before the last arrival served so far. holding:
    float64[request], same unit of time. pair, bit_rate: int32[request]. tie: float64[request], uniform in
    [0, 1), or empty unless fit is RANDOM_FIT. decision: int32[request, 3], receives (path, plane, start) or
    three times -1; or empty. chooser: a user's policy; then fit and choice are None, asked is what it is
    asked with, and the loop ends at a request for which it chooses what cannot be, see `user_policy.ask`.
    assignment: what the spectrum is assigned by where that is not a fit; then fit is None.
    """
    first_path = network.first_path
    first_hop = network.first_hop
    links = network.links
    width_row = network.width_row
    widths = network.width
    shifts = network.shifts
    free = state.free
    usage = state.usage
    bucket = state.bucket
    following_of = state.following
    departure_of = state.departure
    path_of = state.path
    plane_of = state.plane
    start_of = state.start
    width_of = state.width
    bit_rate_of = state.bit_rate
    offered_by_pair = tally.offered_by_pair
    offered_by_bit_rate = tally.offered_by_bit_rate
    served_by_path = tally.served_by_path
    served_by_row = tally.served_by_row
    served_by_plane = tally.served_by_plane
    busy_by_path = tally.busy_by_path

    one_plane_first_fit = fit == FIRST_FIT and choice == IN_ORDER and free.shape[0] == 1
    keep_usage = usage.shape[1] > 0
    slots = (
        free_slots(network.spectrum, np.int32(0)) if network.spectrum.shape[1] > 0 else np.int64(0)
    )
    mask = bucket.shape[0] - 1
    buckets_per_time = state.clock[1]
    unused, rows, reached, countdown = state.cursor
    now = state.clock[0]
    if assignment is not None:
        count_assigned(network, assignment.capacity, assignment.kept, free)

    for i in range(arrival.shape[0]):
        now = arrival[i]

        # Departures. A bucket holds every lightpath that ends in its interval of this round of the wheel or
        # of a later one. The order of departures does not matter: nothing is decided between them.
        present = np.int64(now * buckets_per_time)
        while reached <= present:
            slot = reached & mask
            lightpath = bucket[slot]
            if lightpath >= 0:
                kept = np.int32(-1)
                while lightpath >= 0:
                    following = following_of[lightpath]
                    if departure_of[lightpath] <= now:
                        plane = np.int64(plane_of[lightpath])
                        start = np.int64(start_of[lightpath])
                        width = width_of[lightpath]
                        hop = first_hop[path_of[lightpath]]
                        end = first_hop[path_of[lightpath] + 1]
                        toggle(free, plane, links, hop, end, start, width)
                        if keep_usage:
                            change_usage(usage, plane, start, width, hop - end)
                        if assignment is not None:
                            path = np.int64(path_of[lightpath])
                            follow_assigned(
                                network,
                                assignment.capacity,
                                assignment.kept,
                                free,
                                path,
                                plane,
                                start,
                                np.int64(width),
                                False,
                            )
                        following_of[lightpath] = unused
                        unused = np.int64(lightpath)
                    else:
                        following_of[lightpath] = kept
                        kept = lightpath
                    lightpath = following
                bucket[slot] = kept
            reached += 1
        reached = present

        # Before the request is served: what an arrival finds is the mean over time (PASTA).
        countdown -= 1
        if countdown <= 0:
            sample_links(network, free, tally)
            countdown = np.int64(sample_every)

        p = pair[i]
        b = bit_rate[i]
        offered_by_pair[p] += 1
        offered_by_bit_rate[b] += 1

        path, plane, start = np.int64(-1), np.int64(-1), np.int64(-1)
        if chooser is not None:
            t = tie[i] if tie.shape[0] > 0 else 0.0
            gbps = asked.facts.bit_rate_gbps[b]
            request = make_request(
                network, asked.facts, free, None, None, None, p, b, gbps, now, holding[i], t
            )
            path, plane, start, _ = ask(chooser, request, asked.at, i)
            if asked.at[WRONG] != 0:
                break
        elif assignment is not None:
            path, plane, start = search_assigned(
                network, assignment, free, state.score, slots, choice, np.int64(p), np.int64(b)
            )
        elif fit is None:
            pass  # known to the compiler, which leaves the searches below out of a user's loop
        elif one_plane_first_fit:
            for candidate in range(first_path[p], first_path[p + 1]):
                width = widths[width_row[candidate], b]
                if width > 0:
                    hop, end = first_hop[candidate], first_hop[candidate + 1]
                    start = first_fit(free, np.int64(0), links, hop, end, shifts, width)
                    if start >= 0:
                        path, plane = np.int64(candidate), np.int64(0)
                        break
        elif fit == FIRST_FIT and choice == ALL_PATHS:
            path, plane, start = first_fit_of_all(
                free,
                state.common,
                first_path,
                first_hop,
                links,
                network.path_of_hop,
                width_row,
                widths,
                shifts,
                p,
                b,
            )
        elif choice == IN_ORDER:
            t = tie[i] if fit == RANDOM_FIT else 0.0
            path, plane, start = search_in_order(
                free, usage, first_path, first_hop, links, width_row, widths, shifts, fit, p, b, t
            )
        elif choice != ALL_PATHS:
            t = tie[i] if fit == RANDOM_FIT else 0.0
            path, plane, start = search_ranked(
                free,
                usage,
                state.score,
                first_path,
                first_hop,
                links,
                width_row,
                widths,
                shifts,
                network.path_cost,
                slots,
                fit,
                choice,
                p,
                b,
                t,
            )
        elif fit == RANDOM_FIT:
            path, plane, start = search_random(
                free, first_path, first_hop, links, width_row, widths, shifts, p, b, tie[i]
            )
        else:
            path, plane, start = search_all(
                free, usage, first_path, first_hop, links, width_row, widths, shifts, fit, p, b
            )

        if path >= 0:
            row = width_row[path]
            width = widths[row, b]
            hop, end = first_hop[path], first_hop[path + 1]
            toggle(free, plane, links, hop, end, start, width)
            if keep_usage:
                change_usage(usage, plane, start, width, end - hop)
            if assignment is not None:
                follow_assigned(
                    network,
                    assignment.capacity,
                    assignment.kept,
                    free,
                    path,
                    plane,
                    start,
                    np.int64(width),
                    True,
                )
            if unused >= 0:
                lightpath = np.int32(unused)
                unused = np.int64(following_of[lightpath])
            else:
                lightpath = np.int32(rows)
                rows += 1
            departure = now + holding[i]
            departure_of[lightpath] = departure
            path_of[lightpath] = path
            plane_of[lightpath] = plane
            start_of[lightpath] = start
            width_of[lightpath] = width
            bit_rate_of[lightpath] = b
            slot = np.int64(departure * buckets_per_time) & mask
            following_of[lightpath] = bucket[slot]
            bucket[slot] = lightpath
            served_by_path[path] += 1
            served_by_row[row, b] += 1
            served_by_plane[plane] += 1
            busy_by_path[path] += width * holding[i]
        else:
            tally.blocked_by_pair[p] += 1
            tally.blocked_by_bit_rate[b] += 1
            reachable = False
            for candidate in range(first_path[p], first_path[p + 1]):
                if widths[width_row[candidate], b] != 0:
                    reachable = True
            if not reachable:
                tally.events[0] += 1

        if decision.shape[0] > 0:
            decision[i, 0] = path
            decision[i, 1] = plane
            decision[i, 2] = start

    state.cursor[0] = unused
    state.cursor[1] = rows
    state.cursor[2] = reached
    state.cursor[3] = countdown
    state.clock[0] = now
