"""Environments whose requests take one lightpath of their own: the plain case."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fusion.kernel.adapted_environment import Waiting
from fusion.kernel.arrays import Int32s, State, Tally, Words, make_empty, new_state, new_tally
from fusion.kernel.bundle import Bundle
from fusion.kernel.cache_lines import in_lines
from fusion.kernel.connections import new_count
from fusion.kernel.environment_loop import (
    LIGHTPATH,
    PLACE,
    REQUEST,
    REST,
    Environments,
    step,
)
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
        # A state of the simulator, for what the policy of the config does: its warm-up.
        self._state = new_state(
            network,
            setting.load,
            scenario.traffic.mean_holding_time,
            keep_usage=scenario.policy.needs_usage and not setting.agent_warms_up,
        )
        self._tally = new_tally(network)
        self._rules = self._rules._replace(buckets_per_time=float(self._state.clock[1]))
        # The operating system gives memory only to what is used, of the rows of lightpaths the first ones.
        rows = len(self._state.departure)
        self._environments = Environments(
            free=in_lines((count, *self._state.free.shape), np.uint64),
            bucket=in_lines((count, len(self._state.bucket)), np.int32),
            lightpath=in_lines((count, rows), LIGHTPATH),
            request=in_lines((count, DRAWN + 2), REQUEST),
            place=in_lines((count,), PLACE),
            choice=np.full((count, setting.layout.actions - 1, 2), -1, dtype=np.int32),
            remaining=np.zeros(len(network.first_hop) - 1),
        )
        self._tallies = Tally(*(np.zeros((count, *each.shape), each.dtype) for each in self._tally))
        self._bundle = Bundle(
            network, self.view, self._rules, self._environments, self._tallies, self.shown
        )
        self._chunks: list[Iterator[Requests]] = [iter(())] * count

    def begin(self, environment: int, replication: int) -> None:
        """Put an environment at the start of a replication. The next `step` shows its first request."""
        setting, scenario, row = self._setting, self._setting.scenario, environment
        state = self._state
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
        for chunk in warmup:
            serve_chunk(scenario, state, self._tally, chunk)
        for each in self._tallies:
            each[row] = 0
        self._take_over(row, state)
        self._chunks[row] = rest
        self._replication[row] = replication
        self._environments.place["last"][row] = -1
        self._draw(row)

    def _take_over(self, row: int, state: State) -> None:
        """Make the state of an environment that of the simulator."""
        environments = self._environments
        environments.free[row], environments.bucket[row] = state.free, state.bucket
        unused, rows, reached, countdown = state.cursor.tolist()
        for name in LIGHTPATH.names or ():
            environments.lightpath[name][row, :rows] = getattr(state, name)[:rows]
        place = environments.place[row]
        place["unused"], place["rows"] = unused, rows
        place["reached"], place["countdown"] = reached, countdown
        place["now"], place["decided"] = state.clock[0], 0

    def state_of(self, environment: int) -> State:
        """Return the state of an environment as one of the simulator, a copy."""
        environments, row = self._environments, environment
        place = environments.place[row]
        rows = environments.lightpath[row]
        return self._state._replace(
            free=environments.free[row].copy(),
            bucket=environments.bucket[row].copy(),
            cursor=np.array([place[name] for name in ("unused", "rows", "reached", "countdown")]),
            clock=np.array([place["now"], self._rules.buckets_per_time]),
            **{name: rows[name].copy() for name in LIGHTPATH.names or ()},
        )

    def step(self, action: NDArray[np.integer], task: NDArray[np.int8]) -> int:
        """Do as `Batch.step` says."""
        if self._call is None:
            self._call = self._bundle.call_of(step, self._no_action, self.deciding)
        waiting, ended = self._call(self._actions(action), task)
        if waiting < 0:
            self.check(action)
        if waiting > 0:
            place = self._environments.place
            at_last = (task != REST) & (place["position"] == place["last"])
            goes_on = place["decided"] < self._rules.total
            for row in np.flatnonzero(at_last & goes_on).tolist():
                self._draw(row)
        return int(ended)

    def waiting(self) -> Waiting:
        """Do as `Batch.waiting` says."""
        environments, shown = self._environments, self.shown
        return Waiting(
            pair=environments.request["pair"],
            bit_rate=environments.request["bit_rate"],
            arrival=environments.request["arrival"],
            holding=environments.request["holding"],
            position=environments.place["position"],
            choice=environments.choice,
            width_row=self._setting.scenario.network.width_row[np.newaxis],
            free=environments.free,
            features=shown.features,
            mask=shown.mask,
            reward=shown.reward,
        )

    def measured(self, environment: int) -> Replication:
        """Return what the episode that has ended measured. Raises RuntimeError where it has not ended."""
        setting, row = self._setting, environment
        place = self._environments.place[row]
        if self._replication[row] < 0 or place["decided"] < self._rules.total:
            raise self._not_ended(int(place["decided"]))
        began, ended = float(place["began"]), float(place["ended"])
        return replication_of(
            setting.scenario,
            Counted(ended, Tally(*(each[row].copy() for each in self._tallies)), new_count()),
            setting.load,
            int(self._replication[row]),
            setting.warmup_requests,
            seconds=ended - began,
        )

    def _free(self) -> Words:
        return self._environments.free

    def _pair(self) -> Int32s:
        environments = self._environments
        waiting = environments.request[np.arange(self._count), environments.place["position"]]
        return np.asarray(waiting["pair"])

    def _draw(self, environment: int) -> None:
        """Draw more requests for an environment that has decided all but the last one drawn, or none."""
        requests, place = self._environments.request[environment], self._environments.place
        first, last = 0, int(place["last"][environment])
        if last >= 0:
            first = 1
            requests[0] = requests[last]
        chunk = next(self._chunks[environment])
        end = first + len(chunk.arrival)
        for name in ("arrival", "holding", "pair", "bit_rate"):
            requests[name][first:end] = getattr(chunk, name)
        place["position"][environment] = place["counted"][environment] = 0
        place["last"][environment] = end - 1
