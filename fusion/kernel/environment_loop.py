"""The event loop for learners: it stops at each request, shows the network, and does what it is told.

Many environments go one request further in one call. Each has a row in the arrays, and no two have anything
in common but the network. What a request finds, takes and counts is what it does in `event_loop.serve`; that
loop has all of it in one function for its speed, so the parts are written again here, and the tests compare
the two request by request.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.kernel import compiled, inner
from fusion.kernel.arrays import Floats, Int32s, Int64s, Network, State, Tally
from fusion.kernel.bundle import arguments_of
from fusion.kernel.event_loop import sample_links
from fusion.kernel.observation import Float32s, Int8s, show, show_free
from fusion.kernel.spectrum import change_usage, toggle

Flags = NDArray[np.bool_]

DECIDE, BEGIN, REST = range(3)
"""What an environment does in a call: take an action, show its first request, nothing."""


class Rules(NamedTuple):
    """What is the same for all environments and episodes."""

    warmup: int
    """Requests at the start of an episode that are not measured."""
    total: int
    """Requests of an episode, those of the warm-up included."""
    sample_every: int
    first_sample: int
    """Measured requests until the first sample of the links."""
    blocked_reward: float
    may_block: int
    """Whether the action that blocks is in the mask where there is another."""


class Episodes(NamedTuple):
    """Where each environment is. The requests of a row are those from `position` to `last`."""

    arrival: Floats
    holding: Floats
    pair: Int32s
    bit_rate: Int32s
    """[environment, request], as in `traffic.Requests`."""
    position: Int64s
    """int64[environment]: the request that waits for a decision."""
    last: Int64s
    """int64[environment]: the last request that is drawn."""
    decided: Int64s
    """int64[environment]: requests of the episode that have been decided."""
    span: Floats
    """float64[environment, 2]: time at which measuring began and ended."""
    choice: Int32s
    """int32[environment, action, 2]: plane and first slot of each action that places a lightpath; or -1."""
    remaining: Floats
    """float64[path], overwritten."""


class Shown(NamedTuple):
    """What a call says of each environment."""

    features: Float32s
    """float32[environment, feature]."""
    free: Int8s
    """int8[environment, link, slot over all planes], 1 = free; or of size 0."""
    mask: Int8s
    """int8[environment, action], 1 = can be done; the last action blocks the request."""
    reward: Floats
    """float64[environment]."""
    ended: Flags
    """bool[environment]."""


@inner
def release(network: Network, state: State, now: float) -> None:
    """Release what has ended by `now`, which becomes the time."""
    mask = state.bucket.shape[0] - 1
    present = np.int64(now * state.clock[1])
    reached, unused = state.cursor[2], state.cursor[0]
    while reached <= present:
        slot = reached & mask
        lightpath = state.bucket[slot]
        if lightpath >= 0:
            kept = np.int32(-1)
            while lightpath >= 0:
                following = state.following[lightpath]
                if state.departure[lightpath] <= now:
                    plane, start = (
                        np.int64(state.plane[lightpath]),
                        np.int64(state.start[lightpath]),
                    )
                    width, path = state.width[lightpath], state.path[lightpath]
                    hop, end = network.first_hop[path], network.first_hop[path + 1]
                    toggle(state.free, plane, network.links, hop, end, start, width)
                    if state.usage.shape[1] > 0:
                        change_usage(state.usage, plane, start, width, hop - end)
                    state.following[lightpath] = unused
                    unused = np.int64(lightpath)
                else:
                    state.following[lightpath] = kept
                    kept = lightpath
                lightpath = following
            state.bucket[slot] = kept
        reached += 1
    state.cursor[0] = unused
    state.cursor[2] = present
    state.clock[0] = now


@inner
def set_up(
    network: Network,
    state: State,
    tally: Tally,
    holding: float,
    bit_rate: int,
    path: int,
    plane: int,
    start: int,
) -> None:
    """Set up a lightpath now, on slots that are free, and count it."""
    row = network.width_row[path]
    width = network.width[row, bit_rate]
    hop, end = network.first_hop[path], network.first_hop[path + 1]
    toggle(state.free, plane, network.links, hop, end, start, width)
    if state.usage.shape[1] > 0:
        change_usage(state.usage, plane, start, width, end - hop)
    if state.cursor[0] >= 0:
        lightpath = np.int32(state.cursor[0])
        state.cursor[0] = state.following[lightpath]
    else:
        lightpath = np.int32(state.cursor[1])
        state.cursor[1] += 1
    departure = state.clock[0] + holding
    state.departure[lightpath] = departure
    state.path[lightpath] = path
    state.plane[lightpath] = plane
    state.start[lightpath] = start
    state.width[lightpath] = width
    state.bit_rate[lightpath] = bit_rate
    slot = np.int64(departure * state.clock[1]) & (state.bucket.shape[0] - 1)
    state.following[lightpath] = state.bucket[slot]
    state.bucket[slot] = lightpath
    tally.served_by_path[path] += 1
    tally.served_by_row[row, bit_rate] += 1
    tally.served_by_plane[plane] += 1
    tally.busy_by_path[path] += width * holding


@inner
def block(network: Network, tally: Tally, pair: int, bit_rate: int) -> None:
    """Count a request that is not served."""
    tally.blocked_by_pair[pair] += 1
    tally.blocked_by_bit_rate[bit_rate] += 1
    reachable = False
    for candidate in range(network.first_path[pair], network.first_path[pair + 1]):
        if network.width[network.width_row[candidate], bit_rate] > 0:
            reachable = True
    if not reachable:
        tally.events[0] += 1


@inner
def busy_from_now(state: State, busy: Floats) -> None:
    """Set float64[path] to what `arrays.busy_from_now` returns, added up in the same order."""
    busy[:] = 0.0
    for lightpath in range(state.cursor[1]):
        left = max(state.departure[lightpath] - state.clock[0], 0.0)
        busy[state.path[lightpath]] += state.width[lightpath] * left


@inner
def begin_measuring(state: State, tally: Tally, first_sample: int) -> None:
    """Count from now on, and of the lightpaths that are up what is still to come."""
    tally.offered_by_pair[:] = 0
    tally.offered_by_bit_rate[:] = 0
    tally.blocked_by_pair[:] = 0
    tally.blocked_by_bit_rate[:] = 0
    tally.served_by_path[:] = 0
    tally.served_by_row[:, :] = 0
    tally.served_by_plane[:] = 0
    tally.sampled[:, :] = 0.0
    tally.events[:] = 0
    busy_from_now(state, tally.busy_by_path)
    state.cursor[3] = first_sample


@inner
def state_of(states: State, environment: int) -> Any:
    """Return the row of an environment."""
    return State(
        states.free[environment],
        states.usage[environment],
        states.bucket[environment],
        states.following[environment],
        states.departure[environment],
        states.path[environment],
        states.plane[environment],
        states.start[environment],
        states.width[environment],
        states.cursor[environment],
        states.clock[environment],
        states.bit_rate[environment],
        states.score[environment],
        states.common[environment],
    )


@inner
def tally_of(tallies: Tally, environment: int) -> Any:
    """Return the row of an environment."""
    return Tally(
        tallies.offered_by_pair[environment],
        tallies.offered_by_bit_rate[environment],
        tallies.blocked_by_pair[environment],
        tallies.blocked_by_bit_rate[environment],
        tallies.served_by_path[environment],
        tallies.served_by_row[environment],
        tallies.served_by_plane[environment],
        tallies.busy_by_path[environment],
        tallies.sampled[environment],
        tallies.events[environment],
    )


@compiled(is_kept=True, nogil=True)
def step(bundle: Any, action: Int64s, task: Int8s) -> Any:
    """Decide the request that waits in each environment, and go on to the next one.

    Returns the number of environments for which no request is drawn after the one that waits now, or -1 where
    an action is none and nothing was done; and the number of environments whose episode has ended now.

    bundle: a `bundle.Bundle` of Network, View, Rules, State, Tally, Episodes and Shown; State and Tally have
    the environment before all other axes, and Shown is overwritten. action:
    int64[environment], candidate path x blocks + block, or the last one, which blocks; one that is not in the
    mask blocks, too. task: int8[environment], DECIDE, BEGIN or REST. For an environment that decides, the
    request after the one that waits must be drawn.
    """
    network, view, rules, states, tallies, episodes, shown = arguments_of(bundle)
    blocks = view.blocks
    for environment in range(action.shape[0]):
        if not 0 <= action[environment] < shown.mask.shape[1]:
            return np.int64(-1), np.int64(0)
    waiting, ended = np.int64(0), np.int64(0)
    for environment in range(action.shape[0]):
        if task[environment] == REST:
            continue
        state, tally = state_of(states, environment), tally_of(tallies, environment)
        shown.reward[environment] = 0.0
        shown.ended[environment] = False
        if task[environment] == DECIDE:
            at = episodes.position[environment]
            pair, bit_rate = episodes.pair[environment, at], episodes.bit_rate[environment, at]
            tally.offered_by_pair[pair] += 1
            tally.offered_by_bit_rate[bit_rate] += 1
            chosen = action[environment]
            plane = np.int64(-1)
            if chosen < episodes.choice.shape[1]:
                plane = np.int64(episodes.choice[environment, chosen, 0])
            if plane >= 0:
                start = np.int64(episodes.choice[environment, chosen, 1])
                path = network.first_path[pair] + chosen // blocks
                holding = episodes.holding[environment, at]
                set_up(network, state, tally, holding, bit_rate, path, plane, start)
                shown.reward[environment] = 1.0
            else:
                block(network, tally, pair, bit_rate)
                shown.reward[environment] = rules.blocked_reward
            episodes.position[environment] += 1
            episodes.decided[environment] += 1
        decided = episodes.decided[environment]
        if decided == rules.warmup:
            begin_measuring(state, tally, rules.first_sample)
            episodes.span[environment, 0] = state.clock[0]
        if decided == rules.total:
            busy_from_now(state, episodes.remaining)
            for path in range(episodes.remaining.shape[0]):
                tally.busy_by_path[path] -= episodes.remaining[path]
            episodes.span[environment, 1] = state.clock[0]
            shown.ended[environment] = True
            ended += 1

        at = episodes.position[environment]
        if at == episodes.last[environment]:
            waiting += 1
        release(network, state, episodes.arrival[environment, at])
        if decided < rules.total:
            state.cursor[3] -= 1
            if state.cursor[3] <= 0:
                sample_links(network, state.free, tally)
                state.cursor[3] = rules.sample_every
        show(
            network,
            view,
            state,
            episodes.pair[environment, at],
            episodes.bit_rate[environment, at],
            episodes.holding[environment, at],
            rules.may_block,
            shown.features[environment],
            shown.mask[environment],
            episodes.choice[environment],
        )
        if shown.free.shape[1] > 0:
            show_free(view, state, shown.free[environment])
    return waiting, ended
