"""Many environments, one compiled call a step, behind Stable-Baselines3's interface of vector environments.

Nothing else of fusion imports Stable-Baselines3, which brings torch.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Unpack

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

try:
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.vec_env import VecEnv
except ImportError as error:  # pragma: no cover - who runs the tests for it has it
    message = "fusion.learning.stable_baselines3 needs Stable-Baselines3: pip install sb3-contrib"
    raise ImportError(message) from error

from fusion.learning.setting import ConfigLike, Options, Setting
from fusion.learning.vector import EonVectorEnv
from fusion.scenario.layout import Layout
from fusion.scenario.scenario import Scenario

Indices = int | Iterable[int] | None
"""Numbers of environments; None: all of them."""


class EonVecEnv(VecEnv):  # type: ignore[misc]
    """As many environments as wanted; `EonVectorEnv` for Stable-Baselines3 and sb3-contrib.

    Environment i has the stream of seed + i, and an episode that ends is followed by the next one in the same
    step. The info of an environment whose episode has ended has what SB3 expects: `terminal_observation`,
    `TimeLimit.truncated`, and `episode` with the return `r`, the length `l` and the seconds `t` since the
    environments were made, as `Monitor` adds it; and `blocking_probability`. All other infos are empty.
    `MaskablePPO` finds the masks.
    """

    def __init__(
        self,
        num_envs: int,
        config: ConfigLike = "nsfnet_100_slots",
        overrides: Mapping[str, object] | None = None,
        *,
        render_mode: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        """Read a config; the arguments are those of `EonEnv`. Raises ConfigError, ValueError."""
        self._envs = EonVectorEnv(
            num_envs,
            config,
            overrides,
            autoreset_mode=AutoresetMode.SAME_STEP,
            render_mode=render_mode,
            **options,
        )
        self._returns = np.zeros(num_envs)
        self._lengths = np.zeros(num_envs, dtype=np.int64)
        self._since = time.perf_counter()
        self._actions: NDArray[np.int64] | None = None
        spaces = self._envs.single_observation_space, self._envs.single_action_space
        super().__init__(num_envs, *spaces)

    @property
    def setting(self) -> Setting:
        """What is the same in all episodes."""
        return self._envs.setting

    @property
    def layout(self) -> Layout:
        """Where things are in an observation and among the actions."""
        return self._envs.layout

    @property
    def scenario(self) -> Scenario:
        """The network, its candidate paths and the traffic as arrays."""
        return self._envs.scenario

    def reset(self) -> Any:
        """Begin an episode in every environment, and return the observations.

        With the seeds of `seed`, or the replications of `set_options({"replication": n})`, which count once;
        otherwise the next ones. Raises ValueError as `EonEnv.reset` does.
        """
        options = None
        if any(self._options):
            unknown = {key for each in self._options for key in each} - {"replication"}
            if unknown:
                raise ValueError(f"options: {unknown.pop()!r} is unknown; there is replication")
            options = {"replication": [each.get("replication") for each in self._options]}
        observations, infos = self._envs.reset(seed=self._seeds, options=options)
        self._reset_seeds()
        self._reset_options()
        self._returns[:], self._lengths[:], self._actions = 0.0, 0, None
        self.reset_infos = [
            {"action_mask": mask, "replication": int(replication)}
            for mask, replication in zip(infos["action_mask"], infos["replication"], strict=True)
        ]
        return observations

    def step_async(self, actions: NDArray[np.int64]) -> None:
        """Take the actions of the next step."""
        self._actions = actions

    def step_wait(self) -> tuple[Any, NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Do the step; return observations, rewards, which episodes ended, and an info for each environment.

        Raises RuntimeError before the first reset and without actions, ValueError for an invalid action.
        """
        if self._actions is None:
            raise RuntimeError("no actions wait: call step_async or step")
        observations, rewards, _, ended, more = self._envs.step(self._actions)
        self._actions = None
        self._returns += rewards
        self._lengths += 1
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if ended.any():
            self._end(np.flatnonzero(ended), more, infos)
        return observations, rewards.astype(np.float32), ended, infos

    def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def get_attr(self, attr_name: str, indices: Indices = None) -> list[Any]:
        """Return an attribute, which is the same for all environments, for each of some.

        `action_masks` is the method of each. Raises AttributeError where there is none of this name.
        """
        rows = self._rows(indices)
        if attr_name in self._methods:
            method = self._methods[attr_name]
            return [lambda row=row: method([row])[0] for row in rows]
        return [getattr(self._envs, attr_name)] * len(rows)

    def set_attr(self, attr_name: str, value: Any, indices: Indices = None) -> None:
        """Refuse: raises AttributeError, as environments in one array have no attributes of their own."""
        raise AttributeError(
            f"{attr_name!r} cannot be set: these environments are rows of one array; give options when they"
            " are made"
        )

    def env_method(
        self, method_name: str, *method_args: Any, indices: Indices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of some environments: `action_masks` or `render`.

        Raises AttributeError for any other.
        """
        if method_name not in self._methods:
            allowed = ", ".join(self._methods)
            raise AttributeError(f"{method_name!r} is no method of an environment: {allowed}")
        rows = self._rows(indices)
        called: list[Any] = self._methods[method_name](rows, *method_args, **method_kwargs)
        return called

    def env_is_wrapped(self, wrapper_class: type, indices: Indices = None) -> list[bool]:
        """Return True for `Monitor`, as infos have what it adds; False for other wrappers."""
        return [issubclass(Monitor, wrapper_class)] * len(self._rows(indices))

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """Return the spectrum of each environment as `EonEnv.render` does; None without a render_mode."""
        return self._envs.render() or [None] * self.num_envs

    def action_masks(self) -> NDArray[np.bool_]:
        """Return bool[environment, action], which actions can be done now."""
        return self._envs.action_masks()

    @property
    def _methods(self) -> dict[str, Any]:
        return {"action_masks": self._masks_of, "render": self._pictures_of}

    def _masks_of(self, rows: list[int]) -> list[NDArray[np.bool_]]:
        masks = self._envs.action_masks()
        return [masks[row] for row in rows]

    def _pictures_of(self, rows: list[int]) -> list[NDArray[np.uint8] | None]:
        pictures = self.get_images()
        return [pictures[row] for row in rows]

    def _rows(self, indices: Indices) -> list[int]:
        return list(self._get_indices(indices))

    def _end(
        self, rows: NDArray[np.int64], more: dict[str, Any], infos: list[dict[str, Any]]
    ) -> None:
        """Write the infos of environments whose episodes have ended, and begin to count the next ones."""
        seconds = time.perf_counter() - self._since
        for row in rows.tolist():
            infos[row] = {
                "terminal_observation": more["final_obs"][row],
                "TimeLimit.truncated": True,
                "episode": {
                    "r": round(float(self._returns[row]), 6),
                    "l": int(self._lengths[row]),
                    "t": round(seconds, 6),
                },
                "blocking_probability": float(more["final_info"]["blocking_probability"][row]),
            }
            self.reset_infos[row] = {
                "action_mask": more["action_mask"][row],
                "replication": int(more["replication"][row]),
            }
        self._returns[rows], self._lengths[rows] = 0.0, 0
