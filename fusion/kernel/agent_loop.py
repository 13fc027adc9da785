"""The event loops in which a trained agent decides: they show it each request and do as it chooses.

What is shown and done are the steps of `environment_loop` and `connection_environment`, so that an agent
decides here as it does in an environment, on the same requests.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fusion.kernel import compiled
from fusion.kernel.arrays import Floats, Int32s, Network, State, Tally
from fusion.kernel.connection_environment import (
    SLICED,
    More,
    show_connection,
    slice_chosen,
)
from fusion.kernel.connection_loop import arrive, begin_connection, settle
from fusion.kernel.connections import add_part
from fusion.kernel.connections import set_up as set_up_lightpath
from fusion.kernel.environment_loop import block, release, set_up
from fusion.kernel.event_loop import sample_links
from fusion.kernel.network_tape import Tape, decide
from fusion.kernel.observation import Int8s, View, show
from fusion.kernel.records import Connections, Count, Service


class Deciding(NamedTuple):
    """An agent that decides, and how it sees a request."""

    sight: View
    tape: Tape
    features: int
    """Numbers of an observation, at the start of the tape's memory."""
    may_block: int
    """Whether the agent may block a request that has room."""
    mask: Int8s
    """int8[action], overwritten."""
    choice: Int32s
    """int32[action that places a lightpath, 2 or 3], overwritten: as in `Episodes` or `Stretches`."""


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
    view, mask, choice = deciding.sight, deciding.mask, deciding.choice
    features = deciding.tape.memory[: deciding.features]
    for i in range(arrival.shape[0]):
        release(network, state, arrival[i])
        state.cursor[3] -= 1
        if state.cursor[3] <= 0:
            sample_links(network, state.free, tally)
            state.cursor[3] = sample_every
        p, b = pair[i], bit_rate[i]
        tally.offered_by_pair[p] += 1
        tally.offered_by_bit_rate[b] += 1
        show(network, view, state, p, b, holding[i], deciding.may_block, features, mask, choice)
        chosen = decide(deciding.tape, mask)
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
    view, mask, choice = deciding.sight, deciding.mask, deciding.choice
    features = deciding.tape.memory[: deciding.features]
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
            deciding.may_block,
            features,
            mask,
            choice,
        )
        chosen = decide(deciding.tape, mask)
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
