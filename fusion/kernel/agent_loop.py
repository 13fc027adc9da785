"""The event loops in which a trained agent decides: they show it each request and do as it chooses.

What is shown and done are the steps of `environment_loop` and `connection_environment`, so that an agent
decides here as it does in an environment, on the same requests.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fusion.kernel import compiled, inner
from fusion.kernel.adapted_environment import (
    BLOCKS,
    FIRST_BLOCKS,
    PATHS,
    SLOTS,
    Adapted,
    offer_paths,
    offer_slots,
    show_capacity,
    show_features,
)
from fusion.kernel.arrays import Floats, Int32s, Network, State, Tally, Words
from fusion.kernel.block_observation import BlockView
from fusion.kernel.capacity import Capacity
from fusion.kernel.connection_environment import (
    SLICED,
    More,
    show_connection,
    slice_chosen,
)
from fusion.kernel.connection_loop import arrive, begin_connection, settle
from fusion.kernel.connections import add_part
from fusion.kernel.connections import set_up as set_up_lightpath
from fusion.kernel.environment_loop import block
from fusion.kernel.event_loop import sample_links
from fusion.kernel.network_tape import Tape, decide
from fusion.kernel.observation import Float32s, Int8s, View, allow_to_block, show
from fusion.kernel.records import Connections, Count, Service
from fusion.kernel.spectrum import toggle


class Deciding(NamedTuple):
    """An agent that decides, and how it sees a request."""

    sight: View
    tape: Tape
    features: int
    """Numbers of an observation, at the start of the tape's memory."""
    adapted: Adapted
    """How its actions are other ones than those of the loop; what is of rewards is not read."""
    capacity: Capacity | None
    """What an observation or a fit needs to know of capacity."""
    more: BlockView | None
    """How more is shown; None: nothing more."""
    mask: Int8s
    """int8[action], overwritten."""
    shown: Float32s
    """float32[number], overwritten: what the loop shows, before more is."""
    own_mask: Int8s
    """int8[path x block + 1], overwritten."""
    choice: Int32s
    """int32[path x block, 2 or 3], overwritten: as in `Environments` or `Stretches`."""
    place: Int32s
    """int32[candidate, 2], overwritten: as in `Adapting`."""


@inner
def choose(network: Network, deciding: Deciding, free: Words, pair: int, bit_rate: int) -> Any:
    """Return the place in `choice` of what the agent chooses, or the number of places where it blocks.

    After the request has been shown into `shown`, `own_mask` and `choice`, which receives a place that is not
    among those of the loop.
    """
    sight, mask, choice = deciding.sight, deciding.mask, deciding.choice
    adapted, place = deciding.adapted, deciding.place
    features = deciding.tape.memory[: deciding.features]
    if adapted.actions == FIRST_BLOCKS:
        for candidate in range(sight.candidates):
            mask[candidate] = deciding.own_mask[candidate * sight.blocks]
    elif adapted.actions == PATHS:
        offer_paths(
            network,
            deciding.capacity,
            network.width_row,
            free,
            adapted.fit,
            pair,
            bit_rate,
            mask,
            place,
        )
    elif adapted.actions == SLOTS:
        offer_slots(network, sight, network.width_row, free, pair, bit_rate, mask)
    else:
        for action in range(mask.shape[0]):
            mask[action] = deciding.own_mask[action]
    allow_to_block(mask, adapted.may_block)
    show_features(
        network,
        network.width_row,
        sight,
        deciding.more,
        free,
        pair,
        bit_rate,
        choice,
        deciding.shown,
        features,
    )
    show_capacity(
        network,
        deciding.capacity,
        network.width_row,
        sight,
        deciding.more,
        adapted,
        free,
        pair,
        bit_rate,
        choice,
        place,
        features,
    )
    chosen = decide(deciding.tape, mask)
    if chosen == mask.shape[0] - 1:
        return np.int64(choice.shape[0])
    if adapted.actions == FIRST_BLOCKS:
        return np.int64(chosen * sight.blocks)
    if adapted.actions == BLOCKS:
        return np.int64(chosen)
    candidate, plane, start = chosen, np.int64(0), np.int64(0)
    if adapted.actions == PATHS:
        plane, start = np.int64(place[chosen, 0]), np.int64(place[chosen, 1])
    else:
        slots = sight.offset[sight.offset.shape[0] - 1]
        candidate, start = chosen // slots, chosen % slots
        while start >= sight.offset[plane + 1]:
            plane += 1
        start -= sight.offset[plane]
    own = candidate * sight.blocks
    choice[own, 0] = plane
    choice[own, 1] = start
    if choice.shape[1] > 2:
        choice[own, 2] = bit_rate
    return np.int64(own)


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


@compiled(is_kept=True, nogil=True)
def serve_by_agent(
    network: Network,
    deciding: Deciding,
    state: State,
    tally: Tally,
    sample_every: int,
    arrival: Floats,
    holding: Floats,
    pair: Int32s,
    bit_rate: Int32s,
    decision: Int32s,
) -> None:
    """Serve requests in order as an agent decides; the other arguments are those of `event_loop.serve`."""
    view, shown = deciding.sight, deciding.shown
    own_mask, choice = deciding.own_mask, deciding.choice
    for i in range(arrival.shape[0]):
        release(network, state, arrival[i])
        state.cursor[3] -= 1
        if state.cursor[3] <= 0:
            sample_links(network, state.free, tally)
            state.cursor[3] = sample_every
        p, b = pair[i], bit_rate[i]
        tally.offered_by_pair[p] += 1
        tally.offered_by_bit_rate[b] += 1
        show(
            network,
            view,
            state,
            p,
            b,
            holding[i],
            deciding.adapted.may_block,
            shown,
            own_mask,
            choice,
        )
        chosen = choose(network, deciding, state.free, p, b)
        path, plane, start = np.int64(-1), np.int64(-1), np.int64(-1)
        if chosen < choice.shape[0]:
            plane, start = np.int64(choice[chosen, 0]), np.int64(choice[chosen, 1])
            path = np.int64(network.first_path[p] + chosen // view.blocks)
            set_up(network, state, tally, holding[i], b, path, plane, start)
        else:
            block(network, tally, p, b)
        if decision.shape[0] > 0:
            decision[i, 0] = path
            decision[i, 1] = plane
            decision[i, 2] = start


@compiled(is_kept=True, nogil=True)
def serve_connections_by_agent(
    network: Network,
    service: Service,
    state: Connections,
    pair_of_path: Int32s,
    tally: Tally,
    count: Count,
    deciding: Deciding,
    more: More,
    kept: Floats | None,
    sample_every: int,
    arrival: Floats,
    holding: Floats,
    pair: Int32s,
    bit_rate: Int32s,
    decision: Int32s,
) -> Any:
    """Serve requests in order as an agent decides, changing `state` and adding to `tally` and `count`.

    kept: float64[lightpath], overwritten, where requests may be sliced; else None. The other arguments are
    those of `connection_loop.serve_each`.
    """
    view, shown = deciding.sight, deciding.shown
    own_mask, choice = deciding.own_mask, deciding.choice
    for i in range(arrival.shape[0]):
        now, p, b = arrival[i], np.int64(pair[i]), np.int64(bit_rate[i])
        arrive(network, service, state, pair_of_path, tally, count, sample_every, now)
        show_connection(
            network,
            service,
            pair_of_path,
            kept,
            view,
            more,
            state,
            p,
            b,
            holding[i],
            deciding.adapted.may_block,
            shown,
            own_mask,
            choice,
        )
        chosen = choose(network, deciding, state.free, p, b)
        connection = begin_connection(state)
        left = service.rate[b]
        if chosen < choice.shape[0]:
            path = np.int64(network.first_path[p] + chosen // view.blocks)
            plane = np.int64(choice[chosen, 0])
            if plane >= 0:
                start, column = np.int64(choice[chosen, 1]), np.int64(choice[chosen, 2])
                row = set_up_lightpath(network, service, state, p, path, plane, start, column, now)
                add_part(state, connection, row, left, True)
                left = np.int64(0)
            elif plane == SLICED:
                left = slice_chosen(
                    network, service, pair_of_path, state, kept, connection, p, b, path
                )
        settle(
            network, service, state, tally, count, connection, p, b, left, holding[i], decision, i
        )
