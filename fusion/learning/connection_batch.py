"""Environments with signal quality, impairments, slicing or failures: those of the loop for connections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.kernel.adapted_environment import Waiting
from fusion.kernel.arrays import Int32s, Words
from fusion.kernel.bundle import Bundle
from fusion.kernel.connection_environment import Stretches, step_connections
from fusion.kernel.connections import make_empty
from fusion.kernel.environment_loop import BEGIN, REST
from fusion.learning.batch import DRAWN, Batch
from fusion.learning.setting import Setting
from fusion.results.measured import ConnectionStatistics, Replication
from fusion.scenario.failures import Failure
from fusion.scenario.service_arrays import plain_service
from fusion.scenario.traffic import draw_requests
from fusion.simulation.connections import (
    Arrays,
    ConnectionSimulation,
    new_arrays,
    pair_of_path,
)
from fusion.simulation.course import Course
from fusion.simulation.outages import Stretch


class ConnectionBatch(Batch):
    """Environments with some signal quality, with slicing, or whose links fail.

    Each is a simulation that serves only what the policy of the config is to serve: the requests of a
    warm-up, and connections that are restored.
    """

    def __init__(self, setting: Setting, count: int) -> None:
        """count: number of environments."""
        super().__init__(setting, count)
        scenario, network = setting.scenario, setting.scenario.network
        self._service = scenario.service or plain_service(
            len(scenario.pairs),
            len(scenario.candidates.hops),
            scenario.lightpaths.bit_rates_gbps.tolist(),
            len(scenario.traffic.bit_rate_shares),
        )
        self._more = setting.layout.more(len(network.width))
        empty = new_arrays(scenario, self._service, setting.load)
        self._states, self._tallies, self._counts = (_rows(each, count) for each in empty)
        self._states.clock[:] = empty.state.clock
        self._pair_of_path = pair_of_path(network)
        fails = scenario.failure is not None
        self._width_row = np.tile(network.width_row, (count if fails else 1, 1))
        self.down = np.zeros((count, len(scenario.links)), dtype=np.bool_) if fails else None
        self._stretches = Stretches(
            arrival=np.empty((count, DRAWN)),
            holding=np.empty((count, DRAWN)),
            pair=np.empty((count, DRAWN), dtype=np.int32),
            bit_rate=np.empty((count, DRAWN), dtype=np.int32),
            position=np.zeros(count, dtype=np.int64),
            last=np.zeros(count, dtype=np.int64),
            decided=np.zeros(count, dtype=np.int64),
            choice=np.full((count, setting.layout.actions - 1, 3), -1, dtype=np.int32),
            decision=np.empty((count, DRAWN, 3), dtype=np.int32),
        )
        # These matter to the policy of the config alone: the loop is the same without.
        seen_service = self._service._replace(impairments=None, assignment=None)
        seen_states = self._states._replace(light=None)
        is_sliced = self._service.max_segments > 1
        self._bundle = Bundle(
            network,
            self._width_row,
            seen_service,
            self._pair_of_path,
            self.view,
            self._more,
            self._rules,
            scenario.sample_every,
            np.empty(len(empty.state.path)) if is_sliced else None,
            seen_states,
            self._tallies,
            self._counts,
            self._stretches,
            self.shown,
        )
        self._simulation: list[ConnectionSimulation | None] = [None] * count
        self._can_fail = False
        self._coming: list[Iterator[Stretch]] = [iter(())] * count
        self._decision: list[Int32s | None] = [None] * count
        self._done: list[Replication | None] = [None] * count

    def begin(self, environment: int, replication: int) -> None:
        """Do as `Batch.begin` says."""
        setting, scenario, row = self._setting, self._setting.scenario, environment
        if scenario.failure is not None and not self._can_fail:
            self._compile_failures(scenario.failure)
        arrays = Arrays(*(_row(each, row) for each in (self._states, self._tallies, self._counts)))
        make_empty(scenario.network, arrays.state)
        for counter in (*arrays.tally, *arrays.counters):
            counter[...] = 0
        simulation = ConnectionSimulation(scenario, self._service, setting.load, arrays)
        requests = draw_requests(
            scenario.traffic,
            setting.load,
            scenario.seed,
            replication,
            ties=scenario.policy.needs_ties and not setting.agent_warms_up,
            size=DRAWN,
        )
        course = Course(
            scenario, simulation, requests, setting.load, replication, setting.warmup_requests
        )
        self._simulation[row], self._done[row] = simulation, None
        self._coming[row], self._decision[row] = self._asked(row, course, simulation), None
        self._replication[row] = replication
        self._stretches.decided[row] = 0
        self._go_on(row)

    def step(self, action: NDArray[np.integer], task: NDArray[np.int8]) -> int:
        """Do as `Batch.step` says."""
        if self._call is None:
            self._call = self._bundle.call_of(step_connections, self._no_action, self.deciding)
        action, shown = self._actions(action), self.shown
        if task is not self.deciding:
            shown.reward[task == BEGIN] = 0.0
        waiting, ended = self._call(action, task)
        if waiting < 0:
            self.check(action)
        if waiting > 0:
            over = (task != REST) & (self._stretches.position > self._stretches.last)
            for row in np.flatnonzero(over).tolist():
                self._go_on(row)
            self._call(action, np.where(over, BEGIN, REST).astype(np.int8))
        if self.down is not None and self._setting.shows_spectrum:
            shown.free[self.down] = 0
        return int(ended)

    def waiting(self) -> Waiting:
        """Do as `Batch.waiting` says."""
        stretches, shown = self._stretches, self.shown
        return Waiting(
            pair=stretches.pair,
            bit_rate=stretches.bit_rate,
            arrival=stretches.arrival,
            holding=stretches.holding,
            position=stretches.position,
            choice=stretches.choice,
            width_row=self._width_row,
            free=self._states.free,
            features=shown.features,
            mask=shown.mask,
            reward=shown.reward,
        )

    def measured(self, environment: int) -> Replication:
        """Do as `Batch.measured` says."""
        done = self._done[environment]
        if done is None:
            raise self._not_ended(self._stretches.decided[environment])
        return done

    def _compile_failures(self, failure: Failure) -> None:
        """Have what failures need compiled, so that no step has to wait for it in mid-episode."""
        setting, nothing = self._setting, np.zeros(len(self._pair_of_path), dtype=np.bool_)
        empty = ConnectionSimulation(setting.scenario, self._service, setting.load)
        empty.fail(nothing, 0.0, failure, np.random.default_rng(0))
        empty.repair(nothing, 0.0, failure)
        self._can_fail = True

    def _asked(
        self, row: int, course: Course, simulation: ConnectionSimulation
    ) -> Iterator[Stretch]:
        """Yield what the agent decides of a course, and then the request that it sees last."""
        if self._setting.agent_warms_up:
            yield from course.warm_up()
        else:
            for chunk, decision in course.warm_up():
                simulation.serve(chunk, decision)
        yield from course.measure()
        done = course.end()
        if self._setting.scenario.service is None:  # no run of it counts what only this loop knows
            done = done._replace(connections=ConnectionStatistics())
        self._done[row] = done
        yield from course.beyond()

    def _go_on(self, row: int) -> None:
        """Go on to the next stretch of an environment; before it links may fail or be repaired."""
        stretches, simulation = self._stretches, self._simulation[row]
        if (decision := self._decision[row]) is not None and simulation is not None:
            decision[:] = stretches.decision[row, : len(decision)]
            simulation.find_light()
        chunk, self._decision[row] = next(self._coming[row])
        count = len(chunk.arrival)
        for name in ("arrival", "holding", "pair", "bit_rate"):
            getattr(stretches, name)[row, :count] = getattr(chunk, name)
        stretches.position[row], stretches.last[row] = 0, count - 1
        if self.down is not None and simulation is not None:
            self._width_row[row] = simulation.links.network.width_row
            self.down[row] = simulation.links.down > 0

    def _free(self) -> Words:
        free: Words = self._states.free
        return free

    def _pair(self) -> Int32s:
        return self._stretches.pair[np.arange(self._count), self._stretches.position]


def _rows(arrays: Any, count: int) -> Any:
    """Return room for `count` of the same arrays, zero: the system gives memory only to what is used."""
    return type(arrays)(
        *(
            None
            if each is None
            else _rows(each, count)
            if isinstance(each, tuple)
            else np.zeros((count, *each.shape), each.dtype)
            for each in arrays
        )
    )


def _row(arrays: Any, row: int) -> Any:
    """Return a row of what `_rows` returns."""
    return type(arrays)(
        *(
            None if each is None else _row(each, row) if isinstance(each, tuple) else each[row]
            for each in arrays
        )
    )
