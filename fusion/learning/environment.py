"""One network for one agent, behind the interface of gymnasium."""

from __future__ import annotations

from collections.abc import Mapping
from types import EllipsisType
from typing import Any, Unpack

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from fusion.compilation import ONCE, announced
from fusion.kernel.environment_loop import BEGIN, DECIDE, Shown
from fusion.learning.batch import Batch
from fusion.learning.layout import Layout
from fusion.learning.setting import (
    ConfigLike,
    Options,
    Setting,
    make_setting,
)
from fusion.logging_config import get_logger
from fusion.measured import Replication
from fusion.scenario import Scenario

log = get_logger(__name__)


class EonEnv(gymnasium.Env[Any, np.int64]):
    """An elastic optical network that asks the agent about each request.

    An episode is one replication of the simulator: the same requests for the same seed of the config, load
    and replication, so an agent that takes the first path in order with room blocks what kspff
    blocks. `reset(seed=n)` begins replication n, and `reset()` the next one. An episode is truncated after
    the requests of its warm-up and `num_requests` more; it never terminates, for the network goes on.

    Action: candidate path x blocks + j takes the slots from the start of the j-th free block of that path
    which is wide enough, by plane (core and band) and then from the lowest slot; with one block that is first
    fit. The last action blocks the request. An action that cannot be done blocks it, too.

    Reward: 1 for a request that is served, `blocked_reward` for another.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 - as gymnasium declares it

    def __init__(
        self,
        config: ConfigLike = "nsfnet_100_slots",
        overrides: Mapping[str, object] | None = None,
        *,
        stride: int = 1,
        render_mode: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        """Read a config; an environment takes any that asks for nothing which it does not model.

        config, overrides: as for `fusion.config.load_config`, or a Config. stride: replications from one
        episode to the next. options: of `fusion.learning.setting.Options`, such as load. Raises ConfigError,
        ValueError, TypeError for an option that is none.
        """
        if render_mode is not None:
            raise ValueError(f"render_mode = {render_mode!r}: there is nothing to see")
        self.setting: Setting = make_setting(config, overrides, **options)
        if stride < 1:
            raise ValueError(f"stride = {stride}: must be at least 1")
        self.observation_space = observation_space(self.setting)
        self.action_space = spaces.Discrete(self.setting.layout.actions)
        self._batch = Batch(self.setting, 1)
        self._stride = stride
        self._replication = -stride
        self._shown: Shown | None = None

    @property
    def layout(self) -> Layout:
        """Where things are in an observation and among the actions."""
        return self.setting.layout

    @property
    def scenario(self) -> Scenario:
        """The network, its candidate paths and the traffic as arrays."""
        return self.setting.scenario

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin replication `seed`, or where there is no seed the next one; the first one is 0.

        The info has the mask of the first request and the number of the replication. Raises ValueError for
        options: none are known.
        """
        if options:
            raise ValueError(f"options = {options!r}: none are known")
        super().reset(seed=seed)
        self._replication = self._replication + self._stride if seed is None else int(seed)
        with announced(log.warning, ONCE, "the episode begins"):
            self._batch.begin(0, self._replication)
            self._shown = self._batch.step(np.zeros(1, np.int64), np.full(1, BEGIN, np.int8))
        info = {"action_mask": self._shown.mask[0].copy(), "replication": self._replication}
        return observations(self.setting, self._shown, 0), info

    def step(self, action: np.int64 | int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Decide the request that waits, and show the next one.

        The info has the mask, and at the end of the episode the blocking probability that it measured. Raises
        RuntimeError where no episode runs, ValueError for an action that is none.
        """
        if self._shown is None or self._shown.ended[0]:
            raise RuntimeError("no episode runs: call reset first")
        shown = self._batch.step(np.array([action]), np.full(1, DECIDE, np.int8))
        self._shown = shown
        info: dict[str, Any] = {"action_mask": shown.mask[0].copy()}
        ended = bool(shown.ended[0])
        if ended:
            info["blocking_probability"] = float(self._batch.blocking_probability()[0])
        return observations(self.setting, shown, 0), float(shown.reward[0]), False, ended, info

    def action_masks(self) -> NDArray[np.bool_]:
        """Return bool[action], which actions can be done now, as MaskablePPO of sb3-contrib asks for it."""
        if self._shown is None:
            raise RuntimeError("no episode runs: call reset first")
        mask: NDArray[np.bool_] = self._shown.mask[0].astype(np.bool_)
        return mask

    def measured(self) -> Replication:
        """Return what the episode that has ended measured, as a replication of the simulator.

        Raises RuntimeError where it has not ended.
        """
        return self._batch.measured(0)


def observation_space(setting: Setting) -> spaces.Space[Any]:
    """Return the space of the observations of one environment."""
    features = spaces.Box(0.0, 1.0, (setting.layout.size,), np.float32)
    if not setting.shows_spectrum:
        return features
    shape = (len(setting.scenario.links), setting.scenario.slots_per_link)
    return spaces.Dict({"features": features, "free": spaces.MultiBinary(shape)})


def observations(setting: Setting, shown: Shown, environment: int | slice | EllipsisType) -> Any:
    """Return what environments show, in the form of their space; environment: one, or all of them."""
    features = shown.features[environment]
    return (
        {"features": features, "free": shown.free[environment]}
        if setting.shows_spectrum
        else features
    )
