"""The simulation of connections with a backup, in the form that `outages` serves through failures."""

from __future__ import annotations

import numpy as np

from fusion.kernel.arrays import Floats, Int32s, Tally, new_tally
from fusion.kernel.connections import new_count
from fusion.kernel.failures import Flags, Links, rows_in
from fusion.kernel.impairments import new_light
from fusion.kernel.protected_loop import (
    come_back,
    drop,
    serve_protected,
    serve_protected_impaired,
    serve_protected_impaired_with_quality,
    serve_protected_with_quality,
    switch_over,
)
from fusion.kernel.protection import (
    BACKUP,
    COUNTDOWN,
    NEITHER,
    ROWS,
    WORKING,
    Protected,
    Protection,
    new_lit,
    new_protected,
)
from fusion.kernel.records import Count
from fusion.kernel.routing import IN_ORDER
from fusion.results.measured import Counted
from fusion.scenario.failures import Failure
from fusion.scenario.recovery import switchover_ms
from fusion.scenario.scenario import Scenario
from fusion.scenario.traffic import Requests
from fusion.simulation.outages import Toll
from fusion.simulation.served import Interrupted, Placed, Served


class ProtectedSimulation(Served):
    """Requests that each take a working lightpath and a backup."""

    _state: Protected
    _countdown = COUNTDOWN

    def __init__(self, scenario: Scenario, protection: Protection, load: float) -> None:
        if scenario.failure is not None:
            self.links = Links(scenario.network)
            scenario = scenario._replace(network=self.links.network)
        self._scenario, self._protection = scenario, protection
        self._state = new_protected(
            scenario.network,
            protection,
            load,
            scenario.traffic.mean_holding_time,
            keep_usage=scenario.policy.needs_usage,
        )
        self._quality = None if scenario.service is None else scenario.service.quality
        self._lit = new_lit(self._quality, scenario.network, self._state)
        self._impairments = None if scenario.service is None else scenario.service.impairments
        self._light = None if self._impairments is None else new_light(scenario.network)
        self._loop = serve_protected if self._lit is None else serve_protected_with_quality
        if self._impairments is not None:
            self._loop = serve_protected_impaired
            if self._lit is not None:
                self._loop = serve_protected_impaired_with_quality
        self._choice: int | None = scenario.policy.choice
        if self._choice == IN_ORDER and scenario.service is None:
            self._choice = None  # which has a loop of its own, the fastest one
        self._tally, self._count = new_tally(scenario.network), new_count()
        self._claimed_before = np.zeros(scenario.network.spectrum.shape[1])

    def _serve(
        self, chunk: Requests, tally: Tally, count: Count, sample_every: int, decision: Int32s
    ) -> None:
        scenario = self._scenario
        self._loop(
            scenario.network,
            self._protection,
            self._state,
            self._quality,
            self._lit,
            self._impairments,
            self._light,
            tally,
            count,
            scenario.policy.fit,
            self._choice,
            sample_every,
            *chunk,
            decision,
        )

    def begin_measuring(self) -> float:
        """Count from now on, and return the time."""
        scenario = self._scenario
        self._state.cursor[COUNTDOWN] = min(scenario.sample_every, scenario.num_requests)
        self._tally, self._count = new_tally(scenario.network), new_count()
        self._tally.busy_by_path[:] = self._busy_from_now()
        self._claimed_before = self._claimed_time()
        return self.now()

    def end_measuring(self) -> Counted:
        """Return what was counted."""
        self._tally.busy_by_path[:] -= self._busy_from_now()
        shared_time = self._claimed_time() - self._claimed_before
        return Counted(self.now(), self._tally, self._count, shared_time)

    def _up(self) -> Int32s:
        """Return the connections, also those that have ended since the last arrival."""
        row = np.empty(int(self._state.cursor[ROWS]), dtype=np.int32)
        return row[: int(rows_in(self._state.bucket, self._state.following, row))]

    def up(self) -> Placed:
        """Return the lightpaths that are up at the last arrival, both of each connection."""
        state, row = self._state, self._up()
        row = row[state.departure[row] > self.now()]
        legs = (WORKING, BACKUP)
        plane, start, width = (
            np.concatenate([of_leg[row, leg] for leg in legs])
            for of_leg in (state.plane, state.start, state.width)
        )
        return Placed(
            np.concatenate([state.path[row] + leg for leg in legs]),
            *(plane, start, width),
            np.tile(state.bit_rate[row], len(legs)),
            np.tile(state.departure[row], len(legs)),
            np.repeat([leg == BACKUP for leg in legs], len(row)),
        )

    def remaining(self, now: float) -> Floats:
        """Return the time that each connection that is up will still stay."""
        left = self._state.departure[self._up()] - now
        return left[left > 0.0]

    def _longest_first(self, row: Int32s, now: float) -> Int32s:
        """Return those of some connections that have not ended, those that would stay longest first."""
        state = self._state
        row = row[state.departure[row] > now]
        return row[np.lexsort((state.bit_rate[row], state.path[row], -state.departure[row]))]

    def fail(self, hit: Flags, now: float, failure: Failure, stream: np.random.Generator) -> Toll:
        """Switch what is up on some paths over, restore what can be. hit: bool[path]."""
        state, down = self._state, self.links.path_down
        row = self._up()
        carries = state.carries[row]
        row = row[(carries != NEITHER) & hit[state.path[row] + np.minimum(carries, BACKUP)]]
        row = self._longest_first(row, now)
        before = state.carries[row].copy()
        switched = np.zeros(len(row), dtype=np.bool_)
        switch_over(
            self._scenario.network,
            self._protection,
            state,
            self._quality,
            self._lit,
            self._impairments,
            self._light,
            down,
            row,
            switched,
        )
        old, other = state.path[row] + before, state.path[row] + 1 - before
        took = switchover_ms(
            failure.recovery,
            self.links,
            np.array(self._scenario.link_km),
            old[switched],
            other[switched],
            signalled=self._protection.shared,
        )
        out, old = row[~switched], old[~switched]
        toll = Toll(len(row), int(switched.sum()), 0, 0.0, state.departure[out], False, took)
        if failure.restoration == "wait":
            return toll
        return self._give_up(toll, out, old, now, failure, stream)

    def _give_up(
        self,
        toll: Toll,
        out: Int32s,
        old: Int32s,
        now: float,
        failure: Failure,
        stream: np.random.Generator,
    ) -> Toll:
        """Release connections that nothing carries, and with restoration serve them anew."""
        scenario, state = self._scenario, self._state
        pair = np.searchsorted(scenario.network.first_path, state.path[out], side="right") - 1
        bit_rate, departure = state.bit_rate[out].copy(), state.departure[out].copy()
        for leg in range(1 if self._protection.shared else 2):
            busy = state.width[out, leg] * (departure - now)
            np.subtract.at(self._tally.busy_by_path, state.path[out] + leg, busy)
        gone = np.zeros(len(state.departure), dtype=np.bool_)
        gone[out] = True
        drop(
            scenario.network,
            self._protection,
            state,
            self._quality,
            self._lit,
            self._impairments,
            self._light,
            gone,
            now,
        )
        interrupted = Interrupted(old, pair.astype(np.int32), bit_rate, departure)
        lost, took = self._restore(interrupted, now, failure, stream)
        return toll._replace(
            restored=int(len(out) - lost.sum()),
            lost_gbps=float(scenario.lightpaths.bit_rates_gbps[bit_rate[lost]].sum()),
            departure=departure[lost],
            gone=True,
            recovery_ms=np.append(toll.recovery_ms, took),
        )

    def repair(self, mended: Flags, now: float, failure: Failure) -> Floats:
        """Have connections be carried again, and return their departures; others go back to working paths."""
        row = self._up()
        row = self._longest_first(row[self._state.carries[row] != WORKING], now)
        resumed = np.zeros(len(row), dtype=np.bool_)
        come_back(
            self._scenario.network,
            self._protection,
            self._state,
            self._quality,
            self._lit,
            self._impairments,
            self._light,
            self.links.path_down,
            failure.reverts,
            row,
            resumed,
        )
        return self._state.departure[row[resumed]]

    def _busy_from_now(self) -> Floats:
        """Return float64[path]: width times remaining holding time of the lightpaths that are up."""
        state, row = self._state, self._up()
        remaining = np.maximum(state.departure[row] - state.clock[0], 0.0)
        busy = np.zeros(len(self._scenario.network.first_hop) - 1)
        for leg in range(1 if self._protection.shared else 2):
            np.add.at(busy, state.path[row] + leg, state.width[row, leg] * remaining)
        return busy

    def _claimed_time(self) -> Floats:
        """Return float64[link]: time times slots of shared backups, since the beginning."""
        state = self._state
        slots = np.bitwise_count(state.claimed).sum(axis=(0, 2), dtype=np.int64)
        if not self._protection.shared:
            return state.claimed_time.copy()
        return np.asarray(state.claimed_time + slots * self.now())
