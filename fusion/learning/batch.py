"""Replications that are decided request by request, many side by side."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.config.problems import show
from fusion.kernel.adapted_environment import Waiting
from fusion.kernel.arrays import Int32s, Int64s, Tally, Words
from fusion.kernel.environment_loop import DECIDE, Rules, Shown
from fusion.learning.picture import spectrum_picture
from fusion.learning.setting import Setting
from fusion.results.measured import Replication
from fusion.scenario.layout import make_view

DRAWN = 1024
"""Requests of an environment drawn at a time: 24 kB each, so that a thousand environments stay small."""

_INT64 = np.dtype(np.int64)
_SHOWN = 3  # actions in a message


class Batch(ABC):
    """Environments side by side, each in an episode of its own: one replication of the simulator.

    The requests of an episode are those of a run with the seed of the config, this load and this replication.
    """

    def __init__(self, setting: Setting, count: int) -> None:
        """count: number of environments."""
        scenario = setting.scenario
        self._setting, self._count = setting, count
        self.view = make_view(scenario, setting.layout)
        self.down: NDArray[np.bool_] | None = None
        warmup = setting.warmup_requests if setting.agent_warms_up else 0
        self._rules = Rules(
            warmup=warmup,
            total=warmup + scenario.num_requests,
            sample_every=scenario.sample_every,
            first_sample=min(scenario.sample_every, scenario.num_requests),
            blocked_reward=setting.blocked_reward,
            may_block=int(setting.may_block),
            buckets_per_time=0.0,
        )
        self._tallies: Tally
        self._call: Callable[..., Any] | None = None
        self._no_action = np.zeros(count, dtype=np.int64)
        self.deciding = np.full(count, DECIDE, dtype=np.int8)
        self._replication = np.full(count, -1, dtype=np.int64)
        self._free_shape = (
            (len(scenario.links), scenario.slots_per_link) if setting.shows_spectrum else (0, 0)
        )
        self.shown = self._nothing_shown()

    @property
    def seen(self) -> Any:
        """What the environments show, the environment before all other axes: an array, or a dict of arrays.

        It is overwritten by the next step.
        """
        shown = self.shown
        if self._setting.shows_spectrum:
            return {"features": shown.features, "free": shown.free}
        return shown.features

    @property
    def replication_numbers(self) -> Int64s:
        """int64[environment]: the replication of the episode; -1 before the first."""
        return self._replication.copy()

    @abstractmethod
    def begin(self, environment: int, replication: int) -> None:
        """Put an environment at the start of a replication. The next `step` shows its first request."""

    @abstractmethod
    def step(self, action: NDArray[np.integer], task: NDArray[np.int8]) -> int:
        """Do what each environment has in `task`: DECIDE with its action, BEGIN, or REST.

        `shown` then has what they show; what it shows of an environment that rests stays as it was. Returns
        the number of environments that have decided the last request of their episode. Raises ValueError for
        an invalid action.
        """

    @abstractmethod
    def waiting(self) -> Waiting:
        """Return the requests that wait, as they lie in the arrays of the event loop."""

    @abstractmethod
    def measured(self, environment: int) -> Replication:
        """Return what the episode that has ended measured. Raises RuntimeError where it has not ended."""

    def check(self, action: NDArray[np.integer]) -> None:
        """Raise ValueError for an invalid action, as `step` does before it does anything."""
        action, actions = self._actions(action), self._setting.layout.actions
        wrong = action[(action < 0) | (action >= actions)]
        if len(wrong):
            raise ValueError(f"action = {wrong[0]}: must be an integer from 0 to {actions - 1}")

    def picture(self, environment: int) -> NDArray[np.uint8]:
        """Return the spectrum of an environment as `picture.spectrum_picture` draws it."""
        scenario = self._setting.scenario
        words = self._free()[environment].view(np.uint8)
        bits = np.unpackbits(words, axis=2, bitorder="little").astype(np.int8)
        planes = [bits[number, :, : plane.slots] for number, plane in enumerate(scenario.planes)]
        network, pair = scenario.network, int(self._pair()[environment])
        first, last = network.first_path[pair], network.first_path[pair + 1]
        links = network.links[network.first_hop[first] : network.first_hop[last]]
        return spectrum_picture(np.concatenate(planes, axis=1), sorted(set(links.tolist())))

    def blocking_probability(self) -> NDArray[np.float64]:
        """Return float64[environment], blocked over offered requests measured so far; 0 before."""
        offered = self._tallies.offered_by_pair.sum(axis=1)
        blocked = self._tallies.blocked_by_pair.sum(axis=1)
        return np.asarray(blocked / np.maximum(offered, 1), dtype=np.float64)

    @abstractmethod
    def _free(self) -> Words:
        """Return uint64[environment, plane, link, word], the free slots."""

    @abstractmethod
    def _pair(self) -> Int32s:
        """Return int32[environment], the pair of the request that waits."""

    def _nothing_shown(self) -> Shown:
        layout = self._setting.layout
        return Shown(
            features=np.empty((self._count, layout.size), dtype=np.float32),
            free=np.empty((self._count, *self._free_shape), dtype=np.int8),
            mask=np.empty((self._count, layout.actions), dtype=np.int8),
            reward=np.zeros(self._count),
            ended=np.zeros(self._count, dtype=np.bool_),
        )

    def _not_ended(self, decided: int) -> RuntimeError:
        return RuntimeError(
            f"{decided} of {self._rules.total} requests have been decided: an episode is measured at its end"
        )

    def _actions(self, action: Any) -> Int64s:
        """Return actions as the compiled loop reads them. Raises ValueError for what are none."""
        if (
            type(action) is np.ndarray
            and action.dtype is _INT64
            and action.shape == self._no_action.shape
            and action.flags.c_contiguous
        ):
            return action
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
        return np.ascontiguousarray(action, dtype=np.int64)
