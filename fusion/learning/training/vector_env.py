"""The environments as a `VecEnv` of Stable-Baselines3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from fusion.learning.vector import EonVectorEnv


class TrainingEnvs(VecEnv):
    """`EonVectorEnv` as MaskablePPO takes it; at the end of an episode the next one begins.

    The reward is 0 for a request that is served and -1 for a blocked one: of requests that are nearly all
    served the value is then near 0, where the critic begins.
    """

    def __init__(self, envs: EonVectorEnv) -> None:
        """envs: with autoreset_mode SameStep and blocked_reward 0."""
        assert envs.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
        assert envs.setting.blocked_reward == 0.0
        self._envs = envs
        super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)

    def begin_at(self, seed: int) -> NDArray[np.float32]:
        """Begin the streams of the seeds from this one on; return the observations."""
        observation, _ = self._envs.reset(seed=seed)
        return np.asarray(observation)

    def reset(self) -> Any:
        """Begin the next episode in every environment."""
        observation, _ = self._envs.reset()
        return observation

    def step_async(self, actions: NDArray[Any]) -> None:
        """Take the actions of the next step."""
        self._actions = actions

    def step_wait(self) -> tuple[Any, NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Do a step. An episode that ends was cut off, and is told with its last observation."""
        observation, reward, _, ended, told = self._envs.step(self._actions)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for row in np.flatnonzero(ended).tolist():
            infos[row] = {
                "terminal_observation": told["final_obs"][row],
                "TimeLimit.truncated": True,
            }
        return observation, (reward - 1.0).astype(np.float32), ended, infos

    def close(self) -> None:
        """Close the environments."""
        self._envs.close()

    def has_attr(self, attr_name: str) -> bool:
        """Return whether the environments have an attribute."""
        return hasattr(self._envs, attr_name)

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute, which all environments share."""
        return [getattr(self._envs, attr_name)] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Raise NotImplementedError: a training never changes its environments."""
        raise NotImplementedError

    def env_method(
        self, method_name: str, *args: Any, indices: Any = None, **options: Any
    ) -> Sequence[Any]:
        """Return what a method of the vector environment gives for each, such as `action_masks`."""
        return list(getattr(self._envs, method_name)(*args, **options))

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Return that no environment is wrapped."""
        return [False] * self.num_envs
