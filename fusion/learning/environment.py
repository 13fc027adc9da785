"""One network for one agent, behind the interface of gymnasium."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn, SupportsIndex, Unpack

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from fusion.kernel.environment_loop import BEGIN
from fusion.learning.adapted_batch import AdaptedBatch, graph_nodes
from fusion.learning.batch import Batch
from fusion.learning.connection_batch import ConnectionBatch
from fusion.learning.episodes import asked_for, checked, first_of
from fusion.learning.plain_batch import PlainBatch
from fusion.learning.setting import (
    ConfigLike,
    Options,
    Setting,
    make_setting,
)
from fusion.results.logging_config import get_logger
from fusion.results.measured import Replication
from fusion.scenario.layout import Layout
from fusion.scenario.scenario import Scenario
from fusion.simulation.compilation import ONCE, announced

log = get_logger(__name__)

RENDER_MODES = ("rgb_array",)


def refuse_to_copy(env: object) -> NoReturn:
    """Raise TypeError, with what to do instead."""
    raise TypeError(
        f"{type(env).__name__} can be neither pickled nor copied: compiled functions and generators of "
        "requests hold its state; make another one of the same config and options"
    )


class EonEnv(gymnasium.Env[Any, np.int64]):
    """An elastic optical network that asks the agent about each request.

    An episode is one replication of the simulator: the same requests for the same seed of the config, load
    and replication, so an agent that takes the first path in order with room blocks what kspff
    blocks. `reset(seed=n)` begins the first replication of a stream of its own, which occurs with no other
    seed and in no run of the simulator; `reset()` begins the next one, or the first of a random stream.
    `reset(options={"replication": n})` begins replication n of a run. An episode is truncated after the
    requests of its warm-up and `num_requests` more; it never terminates, as the network goes on.

    Action: candidate path x blocks + j takes the slots from the start of the j-th free block of that path
    which is wide enough, by plane (core and band) and then from the lowest slot; with one block that is first
    fit. With signal quality the places are those where a lightpath works, and with slicing the first action
    of a path without a place slices the request there. The last action blocks the request, and so does an
    action that is not possible.

    Reward: 1 for a request that is served, `blocked_reward` for a blocked one; in proportion for one
    that is served in part.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - as gymnasium declares it
        "render_modes": list(RENDER_MODES),
        "render_fps": 10,
    }

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

        config, overrides: as for `fusion.load_config`, or a Config. stride: replications from one
        episode to the next. render_mode: None or "rgb_array", see `render`. options: of
        `fusion.learning.setting.Options`, such as load. Raises ConfigError, ValueError, TypeError for an
        unknown option.
        """
        check_render_mode(render_mode)
        self.render_mode = render_mode
        self.setting: Setting = make_setting(config, overrides, **options)
        if stride < 1:
            raise ValueError(f"stride = {stride}: must be at least 1")
        self.observation_space = observation_space(self.setting)
        self.action_space = spaces.Discrete(self.setting.layout.actions)
        self._batch = make_batch(self.setting, 1)
        self._stride = stride
        self._next: int | None = None
        self._shown = self._batch.shown
        self._has_begun = self._is_over = False
        self._action = np.zeros(1, dtype=np.int64)

    def __reduce_ex__(self, protocol: SupportsIndex, /) -> NoReturn:
        """Raise TypeError: an environment can be neither pickled nor copied."""
        refuse_to_copy(self)

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
        """Begin the first episode of a seed, or where there is none the next one.

        options: {"replication": n} begins replication n of a run. The info has the mask of the first request
        and the number of the replication. Raises ValueError for other options, and for a seed that is not an
        integer from 0 to 2**32 - 1.
        """
        asked, first = asked_for(options), first_of(seed)
        if asked is not None:
            replication = checked(asked)
        elif seed is not None or self._next is None:
            replication = first
        else:
            replication = self._next
        super().reset(seed=seed)
        self._next = replication + self._stride
        with announced(log.warning, ONCE, "the episode begins"):
            self._batch.begin(0, replication)
            self._batch.step(np.zeros(1, np.int64), np.full(1, BEGIN, np.int8))
        self._has_begun, self._is_over = True, False
        info = {"action_mask": self._shown.mask[0].copy(), "replication": replication}
        return observations(self._batch.seen, 0), info

    def step(self, action: np.int64 | int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Decide the request that waits, and show the next one.

        The info has the mask, and at the end of the episode the blocking probability that it measured. Raises
        RuntimeError where no episode runs, ValueError for an invalid action.
        """
        if self._is_over or not self._has_begun:
            raise _not_begun()
        batch, shown = self._batch, self._shown
        if isinstance(action, int | np.int64) and 0 <= action < self.setting.layout.actions:
            self._action[0] = action
            ended = batch.step(self._action, batch.deciding) > 0
        else:
            ended = batch.step(np.array([action]), batch.deciding) > 0
        info: dict[str, Any] = {"action_mask": shown.mask[0].copy()}
        if ended:
            self._is_over = True
            info["blocking_probability"] = float(batch.blocking_probability()[0])
        return observations(batch.seen, 0), shown.reward.item(), False, ended, info

    def action_masks(self) -> NDArray[np.bool_]:
        """Return bool[action], which actions can be done now, as MaskablePPO of sb3-contrib asks for it."""
        if not self._has_begun:
            raise _not_begun()
        mask: NDArray[np.bool_] = self._shown.mask[0].astype(np.bool_)
        return mask

    def render(self) -> NDArray[np.uint8] | None:
        """Return the spectrum as uint8[height, width, 3], or None without a render_mode.

        A row for each link, its slots from left to right, taken ones dark; links on candidate paths of the
        request that waits have a mark. Raises RuntimeError before the first reset.
        """
        if not self._has_begun:
            raise _not_begun()
        return None if self.render_mode is None else self._batch.picture(0)

    def measured(self) -> Replication:
        """Return what the episode that has ended measured, as a replication of the simulator.

        Raises RuntimeError where it has not ended.
        """
        return self._batch.measured(0)


def _not_begun() -> RuntimeError:
    return RuntimeError("no episode runs: call reset first")


def make_batch(setting: Setting, count: int) -> Batch:
    """Return so many environments of the kind that a setting needs."""
    if setting.is_adapted:
        of_loop = setting._replace(layout=setting.layout.of_loop, reward="served")
        return AdaptedBatch(setting, count, make_batch(of_loop, count))
    scenario = setting.scenario
    is_plain = scenario.service is None and scenario.failure is None
    return PlainBatch(setting, count) if is_plain else ConnectionBatch(setting, count)


def check_render_mode(render_mode: str | None) -> None:
    """Raise ValueError for a render mode that there is not."""
    if render_mode is not None and render_mode not in RENDER_MODES:
        modes = " or ".join(RENDER_MODES)
        raise ValueError(f"render_mode = {render_mode!r}: must be {modes}, or None")


def observation_space(setting: Setting) -> spaces.Space[Any]:
    """Return the space of the observations of one environment."""
    layout, scenario = setting.layout, setting.scenario
    features = spaces.Box(0.0, 1.0, (layout.size,), np.float32)
    links = len(scenario.links)
    if layout.observation == "own":
        return spaces.Box(-np.inf, np.inf, (layout.size,), np.float32)
    if layout.observation == "graph":
        hops, nodes = int(scenario.candidates.hops.max()), len(graph_nodes(setting))
        return spaces.Dict(
            {
                "nodes": spaces.Box(0.0, 1.0, (nodes, 2), np.float32),
                "links": spaces.Box(0.0, 1.0, (links, layout.link_size), np.float32),
                "ends": spaces.Box(0, nodes - 1, (links, 2), np.int16),
                "request": spaces.Box(0.0, 1.0, (layout.head - 2 * len(layout.nodes),), np.float32),
                "paths": spaces.Box(0.0, 1.0, (layout.candidates, layout.path_size), np.float32),
                "path_links": spaces.Box(-1, links - 1, (layout.candidates, hops), np.int16),
            }
        )
    if not setting.shows_spectrum:
        return features
    shape = (links, scenario.slots_per_link)
    return spaces.Dict({"features": features, "free": spaces.MultiBinary(shape)})


def observations(seen: Any, environment: int | slice, *, copy: bool = True) -> Any:
    """Return what environments show. seen: of a batch. environment: one, or all.

    copy: whether it is a copy, or arrays that the next step overwrites.
    """
    if isinstance(seen, dict):
        return {name: observations(array, environment, copy=copy) for name, array in seen.items()}
    return seen[environment].copy() if copy else seen[environment]
