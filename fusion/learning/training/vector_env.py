"""The environments as MaskablePPO learns best from them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.learning.stable_baselines3 import EonVecEnv


class TrainingEnvs(EonVecEnv):
    """`EonVecEnv` with the reward 0 for a request that is served and -1 for a blocked one.

    Made with blocked_reward = 0. Of requests that are nearly all served the value is then near 0, where the
    critic begins.
    """

    def begin_at(self, seed: int) -> NDArray[np.float32]:
        """Begin the streams of the seeds from this one on; return the observations."""
        self.seed(seed)
        return np.asarray(self.reset())

    def step_wait(self) -> tuple[Any, NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Do as `EonVecEnv.step_wait`."""
        observation, reward, ended, infos = super().step_wait()
        return observation, reward - np.float32(1.0), ended, infos
