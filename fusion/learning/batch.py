"""Replications that are decided request by request, many side by side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.config.problems import show
from fusion.kernel.arrays import Int64s, State, Tally, make_empty, new_state, new_tally
from fusion.kernel.connections import new_count
from fusion.kernel.environment_loop import (
    REST,
    Episodes,
    Rules,
    Shown,
    step,
)
from fusion.learning.layout import make_view
from fusion.learning.picture import spectrum_picture
from fusion.learning.setting import Setting
from fusion.results.measured import Counted, Replication, replication_of
from fusion.scenario.traffic import Requests, draw_requests, split
from fusion.simulation.plain import serve_chunk

_SHOWN = 3  # actions in a message
_DRAWN = 1024
"""Requests of an environment drawn at a time: 24 kB each, so that a thousand environments stay small."""


class Batch:
    """Environments side by side, each in an episode of its own: one replication of the simulator.

    The requests of an episode are those of a run with the seed of the config, this load and this replication.
    """

    def __init__(self, setting: Setting, count: int) -> None:
        """count: number of environments."""
        scenario, network = setting.scenario, setting.scenario.network
        self._setting, self._count = setting, count
        self._view = make_view(scenario, setting.layout)
        warmup = setting.warmup_requests if setting.agent_warms_up else 0
        self._rules = Rules(
            warmup=warmup,
            total=warmup + scenario.num_requests,
            sample_every=scenario.sample_every,
            first_sample=min(scenario.sample_every, scenario.num_requests),
            blocked_reward=setting.blocked_reward,
            may_block=int(setting.may_block),
        )
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
            arrival=np.empty((count, 1 + _DRAWN)),
            holding=np.empty((count, 1 + _DRAWN)),
            pair=np.empty((count, 1 + _DRAWN), dtype=np.int32),
            bit_rate=np.empty((count, 1 + _DRAWN), dtype=np.int32),
            position=np.zeros(count, dtype=np.int64),
            last=np.zeros(count, dtype=np.int64),
            decided=np.zeros(count, dtype=np.int64),
            span=np.zeros((count, 2)),
            choice=np.full((count, actions - 1, 2), -1, dtype=np.int32),
            remaining=np.zeros(len(network.first_hop) - 1),
        )
        self._chunks: list[Iterator[Requests]] = [iter(())] * count
        self._replication = np.full(count, -1, dtype=np.int64)
        self._free_shape = (
            (len(scenario.links), scenario.slots_per_link) if setting.shows_spectrum else (0, 0)
        )

    @property
    def replication_numbers(self) -> Int64s:
        """int64[environment]: the replication of the episode; -1 before the first."""
        return self._replication.copy()

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
            size=_DRAWN,
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

    def step(self, action: NDArray[np.integer], task: NDArray[np.int8]) -> Shown:
        """Do what each environment is told: DECIDE with its action, BEGIN, or REST; return what it shows.

        Raises ValueError for an invalid action.
        """
        layout, action = self._setting.layout, self._actions(action)
        shown = Shown(
            features=np.empty((self._count, layout.size), dtype=np.float32),
            free=np.empty((self._count, *self._free_shape), dtype=np.int8),
            mask=np.empty((self._count, layout.actions), dtype=np.int8),
            reward=np.empty(self._count),
            ended=np.empty(self._count, dtype=np.bool_),
        )
        waiting = step(
            self._setting.scenario.network,
            self._view,
            self._rules,
            self._states,
            self._tallies,
            self._episodes,
            shown,
            action,
            task,
        )
        if waiting < 0:
            self.check(action)
        if waiting > 0:
            at_last = (task != REST) & (self._episodes.position == self._episodes.last)
            for row in np.flatnonzero(
                at_last & (self._episodes.decided < self._rules.total)
            ).tolist():
                self._draw(row)
        return shown

    def check(self, action: NDArray[np.integer]) -> None:
        """Raise ValueError for an invalid action, as `step` does before it does anything."""
        action, actions = self._actions(action), self._setting.layout.actions
        wrong = action[(action < 0) | (action >= actions)]
        if len(wrong):
            raise ValueError(f"action = {wrong[0]}: must be an integer from 0 to {actions - 1}")

    def picture(self, environment: int) -> NDArray[np.uint8]:
        """Return the spectrum of an environment as `picture.spectrum_picture` draws it."""
        scenario, row = self._setting.scenario, environment
        words = self._states.free[row].view(np.uint8)
        bits = np.unpackbits(words, axis=2, bitorder="little").astype(np.int8)
        planes = [bits[number, :, : plane.slots] for number, plane in enumerate(scenario.planes)]
        network, episodes = scenario.network, self._episodes
        pair = int(episodes.pair[row, episodes.position[row]])
        first, last = network.first_path[pair], network.first_path[pair + 1]
        links = network.links[network.first_hop[first] : network.first_hop[last]]
        return spectrum_picture(np.concatenate(planes, axis=1), sorted(set(links.tolist())))

    def blocking_probability(self) -> NDArray[np.float64]:
        """Return float64[environment], blocked over offered requests measured so far; 0 before."""
        offered = self._tallies.offered_by_pair.sum(axis=1)
        blocked = self._tallies.blocked_by_pair.sum(axis=1)
        return np.asarray(blocked / np.maximum(offered, 1), dtype=np.float64)

    def measured(self, environment: int) -> Replication:
        """Return what the episode that has ended measured. Raises RuntimeError where it has not ended."""
        setting, row = self._setting, environment
        if self._replication[row] < 0 or self._episodes.decided[row] < self._rules.total:
            raise RuntimeError(
                f"{self._episodes.decided[row]} of {self._rules.total} requests have been decided: an "
                "episode is measured at its end"
            )
        began, ended = self._episodes.span[row].tolist()
        return replication_of(
            setting.scenario,
            Counted(ended, Tally(*(each[row].copy() for each in self._tallies)), new_count()),
            setting.load,
            int(self._replication[row]),
            setting.warmup_requests,
            seconds=ended - began,
        )

    def _actions(self, action: NDArray[np.integer]) -> Int64s:
        action = np.asarray(action)
        if action.shape != (self._count,):
            raise ValueError(
                f"actions are of shape {action.shape}: must be one for each of {self._count}"
            )
        if not np.issubdtype(action.dtype, np.integer) or action.dtype == np.uint64:
            last = self._setting.layout.actions - 1
            told = ", ".join(show(each) for each in action[:_SHOWN].tolist())
            raise ValueError(
                f"action = {told}: must be an integer from 0 to {last}, not of the type {action.dtype}"
            )
        return action.astype(np.int64, copy=False)

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
