"""Steps per second of MaskablePPO: `python -m benchmarks.training [FOLDER]`, with the extra `train`.

The same algorithm with the same network, rollout and batch on our environments and, where FOLDER is a
checkout of optical-rl-gym (https://github.com/carlosnatalino/optical-rl-gym; it needs `gym` 0.26), on its
DeepRMSA environment: NSFNET, five paths, 100 slots, 250 Erlang. Wall time on one thread, with all that
learning costs. Ours come as one batch, theirs as SB3's DummyVecEnv of eight.
"""

from __future__ import annotations

import pickle
import sys
import time
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from fusion.learning.stable_baselines3 import EonVecEnv

LOAD, MEAN_HOLDING = 250.0, 25.0
ROLLOUT = 8192
"""Steps of all environments between two updates."""
TOPOLOGY = "examples/topologies/nsfnet_chen_5-paths_6-modulations.h5"
THEIR_ROLLOUT = 256


class Theirs(gymnasium.Env[Any, Any]):
    """The DeepRMSA environment of optical-rl-gym behind gymnasium's interface; it has no masks."""

    def __init__(self, folder: Path, seed: int) -> None:
        np.bool8 = np.bool_  # type: ignore[attr-defined]  # gym uses it; numpy 2 has it no more
        sys.path.insert(0, str(folder))
        from optical_rl_gym.envs.deeprmsa_env import DeepRMSAEnv

        with (folder / TOPOLOGY).open("rb") as file:
            topology = pickle.load(file)
        self._env = DeepRMSAEnv(
            topology=topology,
            seed=seed,
            mean_service_holding_time=MEAN_HOLDING,
            mean_service_inter_arrival_time=MEAN_HOLDING / LOAD,
        )
        shape = self._env.observation_space.shape
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, shape, np.float64)
        self.action_space = gymnasium.spaces.Discrete(self._env.action_space.n)

    def reset(self, **_options: Any) -> tuple[Any, dict[str, Any]]:
        return self._env.reset(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        observation, reward, ended, _ = self._env.step(int(action))
        return observation, reward, False, ended, {}

    def action_masks(self) -> Any:
        return np.ones(self.action_space.n, dtype=np.bool_)


def steps_per_second(env: VecEnv, rollout: int, rounds: int) -> float:
    """Return the steps/s of learning, after a first round that is not timed."""
    agent = MaskablePPO(
        "MlpPolicy",
        env,
        n_steps=rollout // env.num_envs,
        batch_size=min(2048, rollout),
        n_epochs=4,
        policy_kwargs={"net_arch": [128, 128]},
        device="cpu",
        seed=0,
    )
    agent.learn(rollout)
    began = time.perf_counter()
    agent.learn(rounds * rollout, reset_num_timesteps=False)
    return rounds * rollout / (time.perf_counter() - began)


def main() -> None:
    torch.set_num_threads(1)
    for count in (8, 64, 128):
        env = EonVecEnv(count, "deeprmsa", load=LOAD, warm_up="policy")
        ours = steps_per_second(env, ROLLOUT, 6)
        print(f"{count:>4} of our environments: {ours:>9,.0f} steps/s", flush=True)
    if sys.argv[1:]:
        folder = Path(sys.argv[1]).absolute()
        them = DummyVecEnv([lambda seed=seed: Theirs(folder, seed) for seed in range(8)])
        theirs = steps_per_second(them, THEIR_ROLLOUT, 2)
        print(
            f"   8 of optical-rl-gym's: {theirs:>9,.0f} steps/s; ours: {ours / theirs:,.0f} times"
        )


if __name__ == "__main__":
    main()
