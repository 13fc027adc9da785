"""The loop of importance splitting: trajectories that are copied on their way up and end on their way down.

It drives `event_loop.serve` a few requests at a time, so what a request meets is what it meets in a plain
simulation. Between two portions it looks at the importance of the state: how near the network is to blocking.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from fusion.kernel import keep
from fusion.kernel.arrays import Floats, Int32s, Int64s, Network, State, Tally, Words
from fusion.kernel.assignment import Assignment
from fusion.kernel.event_loop import serve
from fusion.kernel.spectrum import ONE, TOP, ZERO

FIRST_MOST = 8
NEVER = np.int64(1) << 62


class Closeness(NamedTuple):
    """What the importance of a state is made from, see `importance`."""

    widest: Int32s
    """int32[path]: slots of the widest request that the path can carry, guard band included; 0: none."""
    share: Floats
    """float64[pair]: share of the requests; 0 for a pair that has no path, which is no nearer ever."""
    term: Floats
    """float64[room + 1]: what a pair of this room adds per share; the last entry holds for all the larger."""
    widest_of_all: int
    """The largest of `widest`."""
    starts: Words
    """uint64[plane, link, word], overwritten."""
    scratch: Words
    """uint64[2, word], overwritten."""


class Trajectories(NamedTuple):
    """The trajectory that runs and those that wait. Level 0 is below the first threshold."""

    threshold: Floats
    """float64[level]: the importance at which the level begins; -inf for level 0."""
    factor: Int64s
    """int64[level]: trajectories that go on where one came up to the level; 1 for level 0."""
    waiting: Int64s
    """int64[level]: of these, the ones that have not started yet."""
    parent: Int64s
    """int64[level]: the level at whose threshold the last of them ends; 0: it runs to the horizon."""
    served: Int64s
    """int64[level]: requests that the state had served when it was saved."""
    importance: Floats
    """float64[level]: of the state that was saved."""
    now: Int64s
    """int64[7]: level; level at whose threshold this trajectory ends; requests it has served; the horizon;
    whether all is done; records; whether something was blocked since the main trajectory left level 0."""
    shift: Floats
    """float64[1]: time of this trajectory minus the time at which the next request was drawn."""


class Count(NamedTuple):
    """What is counted, by level."""

    requests: Int64s
    """int64[level]: served there."""
    blocked: Int64s
    """int64[level]."""
    excursions: Int64s
    """int64[2]: of the main trajectory from level 0: all of them; those in which something was blocked."""
    record: Floats
    """float64[record, 3]: importance after a portion, weight of the portion, requests blocked in it."""


@njit(inline="always")
def find_runs(scratch: Words, wanted: int) -> Any:
    """Put the starts of runs of `wanted` ones of scratch[0] into scratch[1]; say whether there are any."""
    words = scratch.shape[1]
    for word in range(words):
        scratch[1, word] = scratch[0, word]
    length = np.int64(1)
    found = ZERO
    while length < wanted:
        step = min(length, wanted - length, np.int64(63))
        shift = np.uint64(step)
        found = ZERO
        for word in range(words):
            high = scratch[1, word + 1] if word + 1 < words else ZERO
            low = scratch[1, word]
            low &= (low >> shift) | ((high << (TOP - shift)) << ONE)
            scratch[1, word] = low
            found |= low
        if not found:
            return False
        length += step
    if wanted == 1:
        for word in range(words):
            found |= scratch[0, word]
    return found != ZERO


@njit(inline="always")
def lengthen_runs(scratch: Words) -> Any:
    """Keep in scratch[1], the starts of runs of ones, those of runs longer by one; say if there are any."""
    words = scratch.shape[1]
    found = ZERO
    for word in range(words):
        high = scratch[1, word + 1] if word + 1 < words else ZERO
        low = scratch[1, word]
        low &= (low >> ONE) | (high << TOP)
        scratch[1, word] = low
        found |= low
    return found != ZERO


@njit
def importance(network: Network, free: Words, closeness: Closeness) -> Any:
    """Return how near a state is to blocking: log of the sum over pairs of share * term[room].

    The room of a pair is 0 if the widest request finds no slots on any candidate path, and otherwise 1 more
    than the slots by which it could be wider and still find some. It counts up to the last entry of `term`,
    and up to FIRST_MOST, twice that, ... already where some pair has less: then others hardly matter.
    """
    most = min(np.int64(FIRST_MOST), np.int64(closeness.term.shape[0] - 1))
    while True:
        total, lowest = sum_over_pairs(network, free, closeness, most)
        if lowest < most or most == closeness.term.shape[0] - 1:
            return np.log(total)
        most = min(2 * most, np.int64(closeness.term.shape[0] - 1))


@njit
def sum_over_pairs(network: Network, free: Words, closeness: Closeness, most: int) -> Any:
    """Return the sum of `importance` with rooms up to `most`, and the smallest room."""
    first_path = network.first_path
    first_hop = network.first_hop
    links = network.links
    widest_of = closeness.widest
    share = closeness.share
    term = closeness.term
    starts = closeness.starts
    scratch = closeness.scratch
    planes, n_links, words = free.shape
    longest = closeness.widest_of_all + most - 1
    # A run is free on a path where it is free on all links. So the runs that are long enough for any pair
    # are looked for once per link, and most pairs are done with an AND over the links of their first path.
    for plane in range(planes):
        for link in range(n_links):
            for word in range(words):
                scratch[0, word] = free[plane, link, word]
            find_runs(scratch, longest)
            for word in range(words):
                starts[plane, link, word] = scratch[1, word]
    total = 0.0
    lowest = np.int64(most)
    for pair in range(first_path.shape[0] - 1):
        if share[pair] == 0.0:
            continue
        room: Any = np.int64(0)
        for path in range(first_path[pair], first_path[pair + 1]):
            widest = np.int64(widest_of[path])
            if widest == 0:
                continue
            hop, end = first_hop[path], first_hop[path + 1]
            for plane in range(planes):
                for word in range(words):
                    common = starts[plane, links[hop], word]
                    for h in range(hop + 1, end):
                        common &= starts[plane, links[h], word]
                    if common:
                        room = most
                        break
                if room == most:
                    break
                for word in range(words):
                    common = free[plane, links[hop], word]
                    for h in range(hop + 1, end):
                        common &= free[plane, links[h], word]
                    scratch[0, word] = common
                # What follows is exact, where the pair needs less than the longest run.
                if find_runs(scratch, widest - 1 + most):
                    room = most
                    break
                # Otherwise runs are made longer one by one, from what would be better than so far.
                if find_runs(scratch, widest + room):
                    room += 1
                    while room < most and lengthen_runs(scratch):
                        room += 1
            if room == most:
                break
        total += share[pair] * term[room]
        if room < lowest:
            lowest = room
    return total, lowest


@njit
def save_state(state: State, saved: State, level: int) -> None:
    """Copy a state to row `level` of saved states."""
    rows = state.cursor[1]
    saved.free[level] = state.free
    saved.usage[level] = state.usage
    saved.bucket[level] = state.bucket
    saved.following[level, :rows] = state.following[:rows]
    saved.departure[level, :rows] = state.departure[:rows]
    saved.path[level, :rows] = state.path[:rows]
    saved.plane[level, :rows] = state.plane[:rows]
    saved.start[level, :rows] = state.start[:rows]
    saved.width[level, :rows] = state.width[:rows]
    saved.bit_rate[level, :rows] = state.bit_rate[:rows]
    saved.cursor[level] = state.cursor
    saved.clock[level] = state.clock


@njit
def restore_state(saved: State, level: int, state: State) -> None:
    """Copy row `level` of saved states to a state."""
    rows = saved.cursor[level, 1]
    state.free[:] = saved.free[level]
    state.usage[:] = saved.usage[level]
    state.bucket[:] = saved.bucket[level]
    state.following[:rows] = saved.following[level, :rows]
    state.departure[:rows] = saved.departure[level, :rows]
    state.path[:rows] = saved.path[level, :rows]
    state.plane[:rows] = saved.plane[level, :rows]
    state.start[:rows] = saved.start[level, :rows]
    state.width[:rows] = saved.width[level, :rows]
    state.bit_rate[:rows] = saved.bit_rate[level, :rows]
    state.cursor[:] = saved.cursor[level]
    state.clock[:] = saved.clock[level]


@njit
def redraw_departures(state: State, mean: float, stream: np.random.Generator) -> None:
    """Draw the remaining holding time of all lightpaths that are up anew, exponentially distributed."""
    now = state.clock[0]
    buckets_per_time = state.clock[1]
    mask = state.bucket.shape[0] - 1
    for slot in range(state.bucket.shape[0]):
        state.bucket[slot] = -1
    for row in range(state.cursor[1]):
        if state.departure[row] > now:
            departure = now + mean * stream.standard_exponential()
            state.departure[row] = departure
            slot = np.int64(departure * buckets_per_time) & mask
            state.following[row] = state.bucket[slot]
            state.bucket[slot] = row


@keep
@njit(nogil=True)
def split_and_serve(
    network: Network,
    state: State,
    saved: State,
    tally: Tally,
    trajectories: Trajectories,
    count: Count,
    closeness: Closeness,
    fit: int,
    choice: int,
    stride: int,
    redraw_mean: float,
    stream: np.random.Generator,
    arrival: Floats,
    holding: Floats,
    pair: Int32s,
    bit_rate: Int32s,
    tie: Floats,
    assignment: Assignment | None = None,
) -> int:
    """Serve requests in portions of `stride` until they run out or all is done; return how many were used.

    saved: a state whose arrays have the level as one more dimension in front. redraw_mean: mean of the
    exponential holding times, or 0 where they are of another distribution and copies keep them. arrival ...
    assignment: as for `event_loop.serve`. Whichever trajectory runs takes the next requests, so that no two
    of them share one.
    """
    threshold = trajectories.threshold
    factor = trajectories.factor
    waiting = trajectories.waiting
    parent = trajectories.parent
    level, birth, served, horizon, done, records, hit = trajectories.now
    shift = trajectories.shift[0]
    top = threshold.shape[0] - 1
    weight = np.empty(top + 1)
    weight[0] = 1.0
    for each in range(1, top + 1):
        weight[each] = weight[each - 1] / factor[each]
    times = np.empty(stride)
    decision = np.empty((stride, 3), dtype=np.int32)
    used = np.int64(0)
    while done == 0:
        portion = min(np.int64(stride), horizon - served)
        if used + portion > arrival.shape[0]:
            break
        until = used + portion
        for each in range(portion):
            times[each] = arrival[used + each] + shift
        serve(
            network,
            state,
            tally,
            fit,
            choice,
            NEVER,
            times[:portion],
            holding[used:until],
            pair[used:until],
            bit_rate[used:until],
            tie[used:until],
            decision[:portion],
            None,
            None,
            assignment,
        )
        used = until
        served += portion
        blocked = np.int64(0)
        for each in range(portion):
            if decision[each, 0] < 0:
                blocked += 1
        count.requests[level] += portion
        count.blocked[level] += blocked
        if blocked > 0 and level > 0:
            hit = 1
        value = importance(network, state.free, closeness) if portion == stride else -np.inf
        if records < count.record.shape[0]:
            count.record[records, 0] = value
            count.record[records, 1] = weight[level] * portion
            count.record[records, 2] = blocked
            records += 1

        if birth > 0 and (served >= horizon or value < threshold[birth]):
            # This trajectory ends. The next one starts where it did; the last of them goes on below.
            level = birth
            restore_state(saved, level, state)
            if redraw_mean > 0.0:
                redraw_departures(state, redraw_mean, stream)
            served = trajectories.served[level]
            value = trajectories.importance[level]
            shift = state.clock[0] - arrival[used - 1]
            waiting[level] -= 1
            if waiting[level] == 0:
                birth = parent[level]
        elif served >= horizon:
            done = 1
        else:
            while value < threshold[level]:
                level -= 1
            if level == 0:
                count.excursions[1] += hit  # 0 unless it has just come down
                hit = 0
        while done == 0 and level < top and value >= threshold[level + 1]:
            if level == 0:
                count.excursions[0] += 1
            level += 1
            save_state(state, saved, level)
            waiting[level] = factor[level] - 1
            parent[level] = birth
            trajectories.served[level] = served
            trajectories.importance[level] = value
            birth = level
    if done == 1 and level > 0:
        count.excursions[1] += hit
    trajectories.now[0] = level
    trajectories.now[1] = birth
    trajectories.now[2] = served
    trajectories.now[4] = done
    trajectories.now[5] = records
    trajectories.now[6] = hit
    trajectories.shift[0] = shift
    return int(used)
