"""The environments as MaskablePPO learns best from them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.learning.stable_baselines3 import EonVecEnv


class TrainingEnvs(EonVecEnv):
    """`EonVecEnv` whose rewards may be shifted by -1.

    Of requests that are nearly all served, with a reward of 1, the value is then near 0, where the critic
    begins.
    """

    def __init__(self, *arguments: Any, is_shifted: bool, **options: Any) -> None:
        """is_shifted: whether 1 is subtracted from each reward. The rest is as of `EonVecEnv`."""
        self._shift = np.float32(is_shifted)
        super().__init__(*arguments, **options)

    def begin_at(self, seed: int) -> NDArray[np.float32]:
        """Begin the streams of the seeds from this one on; return the observations."""
        self.seed(seed)
        return np.asarray(self.reset())

    def step_wait(self) -> tuple[Any, NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Do as `EonVecEnv.step_wait`."""
        observation, reward, ended, infos = super().step_wait()
        return observation, reward - self._shift, ended, infos
