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
from fusion.results.measured import Counted
from fusion.scenario.failures import Failure
from fusion.scenario.recovery import restoration_ms
from fusion.scenario.scenario import Scenario
from fusion.scenario.traffic import Requests
from fusion.simulation.outages import Toll
from fusion.simulation.restored import add_restored
from fusion.simulation.user_policy_loop import Serve, event_loop


class PlainSimulation:
    """Requests that each take one lightpath of their own."""

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
        self._tally = new_tally(scenario.network)

    def serve(self, chunk: Requests, decision: Int32s = NO_DECISIONS) -> None:
        """Serve requests; decision: as for `event_loop.serve`."""
        serve_chunk(self._scenario, self._state, self._tally, chunk, decision, loop=self._loop)

    def begin_measuring(self) -> float:
        """Count from now on, and return the time."""
        network = self._scenario.network
        self._state.cursor[3] = min(self._scenario.sample_every, self._scenario.num_requests)
        self._tally = new_tally(network)
        self._tally.busy_by_path[:] = busy_from_now(network, self._state)
        return float(self._state.clock[0])

    def now(self) -> float:
        """Return the time of the last arrival."""
        return float(self._state.clock[0])

    def offered_and_blocked(self) -> tuple[int, int]:
        """Return the requests since measuring began, and how many of them were blocked."""
        return int(self._tally.offered_by_pair.sum()), int(self._tally.blocked_by_pair.sum())

    def remaining(self, now: float) -> Floats:
        """Return the time that each lightpath that is up will still stay."""
        left = self._state.departure[: int(self._state.cursor[1])] - now
        return left[left > 0.0]

    def fail(self, hit: Flags, now: float, failure: Failure, stream: np.random.Generator) -> Toll:
        """Interrupt what is up on some paths, and restore what can be."""
        scenario, state, tally = self._scenario, self._state, self._tally
        network, policy = scenario.network, scenario.policy
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
        decision = np.full((count, 3), -1, dtype=np.int32)
        if failure.restoration == "reroute":
            pair = np.searchsorted(network.first_path, path, side="right") - 1
            countdown, again = int(state.cursor[3]), new_tally(network)
            self._loop(
                network,
                state,
                again,
                policy.fit,
                policy.choice,
                1 << 62,
                np.full(count, now),
                remaining,
                pair.astype(np.int32),
                bit_rate,
                stream.random(count) if policy.needs_ties else np.empty(0),
                decision,
            )
            state.cursor[3] = countdown
            add_restored(tally, again)
        gone = decision[:, 0] == -1
        lost_gbps = float(scenario.lightpaths.bit_rates_gbps[bit_rate[gone]].sum())
        took = restoration_ms(
            failure.recovery,
            self.links,
            np.array(scenario.link_km),
            path[~gone],
            decision[~gone, 0],
        )
        return Toll(count, 0, int(count - gone.sum()), lost_gbps, departure[gone], True, took)

    def repair(self, mended: Flags, now: float, failure: Failure) -> Floats:
        """Return the departures of the lightpaths that are carried again."""
        rows = int(self._state.cursor[1])
        departure = self._state.departure[:rows]
        return departure[(departure > now) & mended[self._state.path[:rows]]]

    def end_measuring(self) -> Counted:
        """Return what was counted."""
        self._tally.busy_by_path[:] -= busy_from_now(self._scenario.network, self._state)
        return Counted(self.now(), self._tally, new_count())


def serve_chunk(
    scenario: Scenario,
    state: State,
    tally: Tally,
    chunk: Requests,
    decision: Int32s = NO_DECISIONS,
    *,
    loop: Serve | None = None,
) -> None:
    """Serve requests with the policy of a scenario, changing `state` and adding to `tally`.

    decision: int32[request, 3], receives what was decided, see `event_loop.serve`; or empty. loop: that of
    the scenario; None: it is made for this call.
    """
    policy = scenario.policy
    loop = event_loop(scenario) if loop is None else loop
    loop(
        scenario.network,
        state,
        tally,
        policy.fit,
        policy.choice,
        scenario.sample_every,
        *chunk,
        decision,
    )
