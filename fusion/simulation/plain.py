"""The simulation of requests that each take one lightpath of their own: the plain case."""

from __future__ import annotations

import numpy as np

from fusion.kernel.arrays import (
    Floats,
    Int32s,
    State,
    Tally,
    busy_from_now,
    new_state,
    new_tally,
)
from fusion.kernel.connections import new_count
from fusion.kernel.event_loop import NO_DECISIONS
from fusion.kernel.failures import Flags, Links, interrupt
from fusion.kernel.records import Count
from fusion.results.measured import Counted
from fusion.scenario.failures import Failure
from fusion.scenario.scenario import Scenario
from fusion.scenario.traffic import Requests
from fusion.simulation.outages import Toll
from fusion.simulation.served import Interrupted, Placed, Served
from fusion.simulation.user_policy_loop import event_loop


class PlainSimulation(Served):
    """Requests that each take one lightpath of their own."""

    _state: State
    _countdown = 3

    def __init__(self, scenario: Scenario, load: float) -> None:
        if scenario.failure is not None:
            self.links = Links(scenario.network)
            scenario = scenario._replace(network=self.links.network)
        self._scenario = scenario
        self._loop = event_loop(scenario)
        self._state = new_state(
            scenario.network,
            load,
            scenario.traffic.mean_holding_time,
            keep_usage=scenario.policy.needs_usage,
        )
        self._tally, self._count = new_tally(scenario.network), new_count()

    def _serve(
        self, chunk: Requests, tally: Tally, count: Count, sample_every: int, decision: Int32s
    ) -> None:
        network, policy = self._scenario.network, self._scenario.policy
        fit, choice = policy.fit, policy.choice
        self._loop(network, self._state, tally, fit, choice, sample_every, *chunk, decision)

    def begin_measuring(self) -> float:
        """Count from now on, and return the time."""
        network = self._scenario.network
        self._state.cursor[self._countdown] = min(
            self._scenario.sample_every, self._scenario.num_requests
        )
        self._tally = new_tally(network)
        self._tally.busy_by_path[:] = busy_from_now(network, self._state)
        return self.now()

    def remaining(self, now: float) -> Floats:
        """Return the time that each lightpath that is up will still stay."""
        left = self._state.departure[: int(self._state.cursor[1])] - now
        return left[left > 0.0]

    def up(self) -> Placed:
        """Return the lightpaths that are up at the last arrival."""
        state, rows = self._state, int(self._state.cursor[1])
        row = np.flatnonzero(state.departure[:rows] > self.now())
        return Placed(
            *(state.path[row], state.plane[row], state.start[row], state.width[row]),
            *(state.bit_rate[row], state.departure[row]),
            np.zeros(len(row), dtype=np.bool_),
        )

    def fail(self, hit: Flags, now: float, failure: Failure, stream: np.random.Generator) -> Toll:
        """Interrupt what is up on some paths, and restore what can be."""
        scenario, state, tally = self._scenario, self._state, self._tally
        network = scenario.network
        rows, waits = int(state.cursor[1]), failure.restoration == "wait"
        path, width, bit_rate = (np.empty(rows, dtype=np.int32) for _ in range(3))
        departure = np.empty(rows)
        count = interrupt(network, state, hit, now, waits, path, width, bit_rate, departure)
        # By departure, last first, and then by what they are: not by rows, which mean nothing.
        order = np.lexsort((width[:count], bit_rate[:count], path[:count], -departure[:count]))
        path, width, bit_rate = path[order], width[order], bit_rate[order]
        departure = departure[order]
        if waits:
            return Toll(count, 0, 0, 0.0, departure, gone=False)
        remaining = departure - now
        np.subtract.at(tally.busy_by_path, path, width * remaining)
        pair = np.searchsorted(network.first_path, path, side="right") - 1
        out = Interrupted(path, pair.astype(np.int32), bit_rate, departure)
        gone, took = self._restore(out, now, failure, stream)
        lost_gbps = float(scenario.lightpaths.bit_rates_gbps[bit_rate[gone]].sum())
        return Toll(count, 0, int(count - gone.sum()), lost_gbps, departure[gone], True, took)

    def repair(self, mended: Flags, now: float, failure: Failure) -> Floats:
        """Return the departures of the lightpaths that are carried again."""
        rows = int(self._state.cursor[1])
        departure = self._state.departure[:rows]
        return departure[(departure > now) & mended[self._state.path[:rows]]]

    def end_measuring(self) -> Counted:
        """Return what was counted."""
        self._tally.busy_by_path[:] -= busy_from_now(self._scenario.network, self._state)
        return Counted(self.now(), self._tally, self._count)


def serve_chunk(
    scenario: Scenario,
    state: State,
    tally: Tally,
    chunk: Requests,
    decision: Int32s = NO_DECISIONS,
) -> None:
    """Serve requests with the policy of a scenario, changing `state` and adding to `tally`.

    decision: int32[request, 3], receives what was decided, see `event_loop.serve`; or empty.
    """
    policy = scenario.policy
    event_loop(scenario)(
        scenario.network,
        state,
        tally,
        policy.fit,
        policy.choice,
        scenario.sample_every,
        *chunk,
        decision,
    )
