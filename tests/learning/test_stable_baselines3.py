"""Stable-Baselines3's own checks, and its vector environment beside one of single environments."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence

from fusion.learning import EonEnv

pytestmark = pytest.mark.slow  # torch is not installed for the other tests
pytest.importorskip("sb3_contrib", reason="needs sb3-contrib, which brings torch")

LOAD = 260.0
SHORT = {"general_settings": {"num_requests": 40}, "simulation_settings": {"warmup_requests": 20}}
COUNT = 4
OPTIONS: dict[str, dict[str, Any]] = {
    "features": {"blocks": 2},
    "spectrum": {"observation": "spectrum", "warm_up": "policy"},
    "graph": {"observation": "graph", "blocks": 2, "reward": "bit_rate"},
    "slots": {"observation": "blocks", "actions": "slots"},
    "quality": {"overrides": {**SHORT, "snr_settings": {"snr_type": "gsnr"}}},
}


def plain(seen: Any) -> Any:
    """Return observations with a dict of Python's where DummyVecEnv has an OrderedDict."""
    return dict(seen) if isinstance(seen, dict) else seen


def made(**options: Any) -> Any:
    from fusion.learning.stable_baselines3 import EonVecEnv

    return EonVecEnv(COUNT, **{"config": "quick", "overrides": SHORT, "load": LOAD, **options})


@pytest.mark.filterwarnings(
    "ignore:Your observation .* has an unconventional shape"
)  # [row, number]
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_its_checker_finds_nothing_wrong(options: dict[str, Any]) -> None:
    from stable_baselines3.common.env_checker import check_env

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="Your observation .* an unconventional shape")
        check_env(EonEnv(**{"config": "quick", "overrides": SHORT, "load": LOAD, **options}))


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_it_equals_single_environments_step_by_step(options: dict[str, Any]) -> None:
    """Those of DummyVecEnv, each with a Monitor: the common way without this class."""
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.vec_env import DummyVecEnv

    options = {"config": "quick", "overrides": SHORT, "load": LOAD, **options}
    singles = DummyVecEnv([lambda: Monitor(EonEnv(**options, stride=COUNT))] * COUNT)
    ours = made(**options)
    assert ours.observation_space == singles.observation_space
    assert ours.action_space == singles.action_space
    for each in (ours, singles):
        each.seed(5)
    assert data_equivalence(ours.reset(), plain(singles.reset()), exact=True)
    assert data_equivalence(ours.reset_infos, singles.reset_infos)
    random = np.random.default_rng(0)
    ends = 0
    for _ in range(2 * 62):
        masks = np.stack(ours.env_method("action_masks"))
        assert np.array_equal(masks, np.stack(singles.env_method("action_masks")))
        actions = (random.random(masks.shape) * masks).argmax(axis=1)
        one, other = ours.step(actions), singles.step(actions)
        assert data_equivalence((one[0], *one[1:3]), (plain(other[0]), *other[1:3]), exact=True)
        for info, wanted, ended in zip(one[3], other[3], one[2], strict=True):
            if not ended:
                assert info == {}
                continue
            ends += 1
            assert info["episode"].keys() == wanted["episode"].keys()
            assert [info["episode"][key] for key in "rl"] == [
                wanted["episode"][key] for key in "rl"
            ]
            for key in ("terminal_observation", "TimeLimit.truncated", "blocking_probability"):
                assert data_equivalence(info[key], wanted[key], exact=True)
        assert data_equivalence(ours.reset_infos, singles.reset_infos)
    assert ends >= 2 * COUNT
    # Replications count once, and then the next ones come.
    for each in (ours, singles):
        each.set_options([{"replication": 3}, {}, {"replication": 3}, {"replication": 9}])
    for _ in range(2):
        assert data_equivalence(ours.reset(), plain(singles.reset()), exact=True)
        assert data_equivalence(ours.reset_infos, singles.reset_infos)


@pytest.mark.filterwarnings("ignore:The environment is already wrapped with a `Monitor`")
def test_what_libraries_ask_it() -> None:
    from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.vec_env import VecCheckNan, VecMonitor

    env = made(render_mode="rgb_array")
    with pytest.raises(RuntimeError, match="no actions wait"):
        env.step_wait()
    env.seed(0)
    env.reset()
    assert is_masking_supported(env)
    masks = get_action_masks(env)
    assert masks.shape == (COUNT, env.layout.actions)
    assert np.array_equal(env.env_method("action_masks", indices=[2, 0]), masks[[2, 0]])
    assert np.array_equal(env.get_attr("action_masks", 1)[0](), masks[1])
    assert env.get_attr("render_mode") == ["rgb_array"] * COUNT
    assert env.get_attr("layout", indices=3) == [env.layout]
    assert not env.has_attr("speed")
    assert env.env_is_wrapped(Monitor) == [True] * COUNT
    assert env.env_is_wrapped(VecMonitor, indices=0) == [False]
    assert len(env.get_images()) == COUNT
    assert env.render().ndim == 3
    with pytest.raises(AttributeError, match="'load' cannot be set"):
        env.set_attr("load", 3)
    with pytest.raises(AttributeError, match="'speed' is no method"):
        env.env_method("speed")
    env.set_options({"load": 3})
    with pytest.raises(ValueError, match="'load' is unknown; there is replication"):
        env.reset()
    wrapped = VecMonitor(VecCheckNan(made()))
    wrapped.seed(1)
    wrapped.reset()
    for _ in range(60):
        infos = wrapped.step(get_action_masks(wrapped).argmax(axis=1))[3]
    assert [info["episode"]["l"] for info in infos] == [60] * COUNT


def test_maskable_ppo_learns_not_to_block() -> None:
    """From blocking what has room, as `may_block` lets it, to serving nearly all of it."""
    from sb3_contrib import MaskablePPO
    from sb3_contrib.common.maskable.evaluation import evaluate_policy

    options = {"load": 60.0, "may_block": True, "warm_up": "policy"}
    env, other = made(**options), made(**options)
    model = MaskablePPO("MlpPolicy", env, n_steps=64, batch_size=128, seed=0, device="cpu")
    other.seed(1)
    before, _ = evaluate_policy(model, other, n_eval_episodes=20, deterministic=False)
    model.learn(6_000)
    assert len(model.ep_info_buffer) == 100
    after, _ = evaluate_policy(model, other, n_eval_episodes=20, deterministic=False)
    assert after > before + 2


def test_torch_shares_the_memory_of_arrays_that_are_not_copied() -> None:
    import torch

    from fusion.learning import EonVectorEnv

    env = EonVectorEnv(COUNT, "quick", SHORT, load=LOAD, observation="graph", copy=False)
    observation, infos = env.reset(seed=0)
    tensors = {name: torch.from_dlpack(array) for name, array in observation.items()}
    mask = torch.from_dlpack(infos["action_mask"])
    before = tensors["links"].clone()
    env.step(mask.int().argmax(dim=1).numpy())
    assert not torch.equal(before, tensors["links"])
    for name, array in observation.items():
        assert np.array_equal(tensors[name].numpy(), array)
        assert np.shares_memory(tensors[name].numpy(), array)


@pytest.mark.parametrize("name", ["graph", "slots"])
def test_maskable_ppo_takes_other_kinds(name: str) -> None:
    from sb3_contrib import MaskablePPO

    env = made(**OPTIONS[name])
    policy = "MultiInputPolicy" if name == "graph" else "MlpPolicy"
    model = MaskablePPO(policy, env, n_steps=20, batch_size=40, seed=0, device="cpu")
    model.learn(400)
    assert model.num_timesteps == 400
    assert len(model.ep_info_buffer) == COUNT
