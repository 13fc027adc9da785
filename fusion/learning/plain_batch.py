"""Environments whose requests take one lightpath of their own: the plain case."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.kernel.adapted_environment import Waiting
from fusion.kernel.arrays import Int32s, State, Tally, Words, make_empty, new_state, new_tally
from fusion.kernel.bundle import Bundle
from fusion.kernel.connections import new_count
from fusion.kernel.environment_loop import REST, Episodes, step
from fusion.learning.batch import DRAWN, Batch
from fusion.learning.setting import Setting
from fusion.results.measured import Counted, Replication, replication_of
from fusion.scenario.traffic import Requests, draw_requests, split
from fusion.simulation.plain import serve_chunk


class PlainBatch(Batch):
    """Environments in which each request takes one lightpath of its own, of any signal quality."""

    def __init__(self, setting: Setting, count: int) -> None:
        """count: number of environments."""
        super().__init__(setting, count)
        scenario, network = setting.scenario, setting.scenario.network
        empty = new_state(
            network,
            setting.load,
            scenario.traffic.mean_holding_time,
            keep_usage=scenario.policy.needs_usage and not setting.agent_warms_up,
        )
        # The operating system gives memory only to what is used, of the rows of lightpaths the first ones.
        self._states = State(*(np.empty((count, *each.shape), each.dtype) for each in empty))
        self._states.clock[:] = empty.clock
        self._tallies = Tally(
            *(np.zeros((count, *each.shape), each.dtype) for each in new_tally(network))
        )
        actions = setting.layout.actions
        self._episodes = Episodes(
            arrival=np.empty((count, 1 + DRAWN)),
            holding=np.empty((count, 1 + DRAWN)),
            pair=np.empty((count, 1 + DRAWN), dtype=np.int32),
            bit_rate=np.empty((count, 1 + DRAWN), dtype=np.int32),
            position=np.zeros(count, dtype=np.int64),
            last=np.zeros(count, dtype=np.int64),
            decided=np.zeros(count, dtype=np.int64),
            span=np.zeros((count, 2)),
            choice=np.full((count, actions - 1, 2), -1, dtype=np.int32),
            remaining=np.zeros(len(network.first_hop) - 1),
        )
        self._bundle = Bundle(
            network,
            self.view,
            self._rules,
            self._states,
            self._tallies,
            self._episodes,
            self.shown,
        )
        self._chunks: list[Iterator[Requests]] = [iter(())] * count

    def begin(self, environment: int, replication: int) -> None:
        """Put an environment at the start of a replication. The next `step` shows its first request."""
        setting, scenario, row = self._setting, self._setting.scenario, environment
        state = State(*(each[row] for each in self._states))
        make_empty(scenario.network, state)
        by_policy = 0 if setting.agent_warms_up else setting.warmup_requests
        requests = draw_requests(
            scenario.traffic,
            setting.load,
            scenario.seed,
            replication,
            ties=scenario.policy.needs_ties and by_policy > 0,
            size=DRAWN,
        )
        # One more than is decided: what an agent sees when its episode ends.
        warmup, rest = split(requests, by_policy, by_policy + self._rules.total + 1)
        tally = Tally(*(each[row] for each in self._tallies))
        for each in tally:
            each[...] = 0
        for chunk in warmup:
            serve_chunk(scenario, state, tally, chunk)
        self._chunks[row] = rest
        self._replication[row] = replication
        self._episodes.decided[row] = 0
        self._episodes.last[row] = -1
        self._draw(row)

    def step(self, action: NDArray[np.integer], task: NDArray[np.int8]) -> int:
        """Do as `Batch.step` says."""
        if self._call is None:
            self._call = self._bundle.call_of(step, self._no_action, self.deciding)
        waiting, ended = self._call(self._actions(action), task)
        if waiting < 0:
            self.check(action)
        if waiting > 0:
            at_last = (task != REST) & (self._episodes.position == self._episodes.last)
            for row in np.flatnonzero(
                at_last & (self._episodes.decided < self._rules.total)
            ).tolist():
                self._draw(row)
        return int(ended)

    def waiting(self) -> Waiting:
        """Do as `Batch.waiting` says."""
        episodes, shown = self._episodes, self.shown
        return Waiting(
            pair=episodes.pair,
            bit_rate=episodes.bit_rate,
            position=episodes.position,
            choice=episodes.choice,
            width_row=self._setting.scenario.network.width_row[np.newaxis],
            free=self._states.free,
            features=shown.features,
            mask=shown.mask,
            reward=shown.reward,
        )

    def measured(self, environment: int) -> Replication:
        """Return what the episode that has ended measured. Raises RuntimeError where it has not ended."""
        setting, row = self._setting, environment
        if self._replication[row] < 0 or self._episodes.decided[row] < self._rules.total:
            raise self._not_ended(self._episodes.decided[row])
        began, ended = self._episodes.span[row].tolist()
        return replication_of(
            setting.scenario,
            Counted(ended, Tally(*(each[row].copy() for each in self._tallies)), new_count()),
            setting.load,
            int(self._replication[row]),
            setting.warmup_requests,
            seconds=ended - began,
        )

    def _free(self) -> Words:
        return self._states.free

    def _pair(self) -> Int32s:
        return self._episodes.pair[np.arange(self._count), self._episodes.position]

    def _draw(self, environment: int) -> None:
        """Draw more requests for an environment that has decided all but the last one drawn, or none."""
        episodes, row, first = self._episodes, environment, 0
        columns: tuple[NDArray[Any], ...] = (
            episodes.arrival,
            episodes.holding,
            episodes.pair,
            episodes.bit_rate,
        )
        if (last := int(episodes.last[row])) >= 0:
            first = 1
            for column in columns:
                column[row, 0] = column[row, last]
        chunk = next(self._chunks[row])
        end = first + len(chunk.arrival)
        for index, column in enumerate(columns):
            column[row, first:end] = chunk[index]
        episodes.position[row] = 0
        episodes.last[row] = end - 1
