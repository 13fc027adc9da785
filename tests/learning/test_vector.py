"""Many environments in one compiled call do what as many single ones do, step by step."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import vector as wrappers

from fusion.learning import ID, EonEnv, EonVectorEnv
from fusion.learning.episodes import LEARNING, LENGTH
from fusion.simulation.replication import replicate
from tests.learning.scenes import equal

LOAD = 260.0
SHORT = {"general_settings": {"num_requests": 40}, "simulation_settings": {"warmup_requests": 20}}
COUNT = 5

OPTIONS: dict[str, dict[str, Any]] = {
    "features": {},
    "spectrum": {"observation": "spectrum", "blocks": 2, "warm_up": "policy"},
    "blocks seen": {"observation": "blocks", "blocks": 2, "actions": "slots"},
    "graph": {"observation": "graph", "actions": "paths", "reward": "bit_rate"},
    "quality": {
        "overrides": {
            **SHORT,
            "snr_settings": {"snr_type": "gsnr", "input_power": 2e-3, "snr_recheck": True},
        },
        "blocks": 2,
    },
    "slices": {
        "overrides": {
            "general_settings": {
                **SHORT["general_settings"],
                "max_segments": 4,
                "can_partially_serve": True,
            },
            "simulation_settings": SHORT["simulation_settings"],
        },
    },
    "failures": {
        "overrides": {
            **SHORT,
            "failure_settings": {
                "failure_type": "random",
                "mtbf": 0.5,
                "mtbf_of": "link",
                "mttr": 0.05,
                "restoration": "reroute",
            },
        },
        "observation": "spectrum",
    },
}
OPTIONS["failures in a graph"] = {
    **OPTIONS["failures"],
    "observation": "graph",
    "actions": "slots",
    "reward": "capacity_loss",
}


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_it_equals_single_environments_step_by_step(
    options: dict[str, Any], mode: AutoresetMode
) -> None:
    options = {"config": "quick", "overrides": SHORT, "load": LOAD, **options}
    ours = EonVectorEnv(COUNT, **options, autoreset_mode=mode)
    singles = SyncVectorEnv([lambda: EonEnv(**options, stride=COUNT)] * COUNT, autoreset_mode=mode)
    assert ours.observation_space == singles.observation_space
    assert ours.action_space == singles.action_space
    assert ours.metadata["autoreset_mode"] is mode
    one, other = ours.reset(seed=3), singles.reset(seed=3)
    firsts = [LEARNING + LENGTH * (3 + row) for row in range(COUNT)]
    assert one[1]["replication"].tolist() == firsts
    random = np.random.default_rng(0)
    began = set()
    for step in range(3 * 62):
        assert data_equivalence(one, other, exact=True), step
        assert (
            data_equivalence(list(one[-1]), list(other[-1])) or one[-1].keys() == other[-1].keys()
        )
        assert one[0] in ours.observation_space
        masks = one[-1]["action_mask"]
        assert np.array_equal(ours.action_masks(), masks == 1)
        began.update(one[-1].get("replication", np.zeros(0)).tolist())
        allowed = random.random(masks.shape) * masks
        wild = random.integers(ours.layout.actions, size=COUNT)
        actions = np.where(random.random(COUNT) < 0.8, allowed.argmax(axis=1), wild)
        one, other = ours.step(actions), singles.step(actions)
    assert began >= {first + COUNT * episode for first in firsts for episode in range(2)}


@pytest.mark.parametrize("mode", AutoresetMode)
@pytest.mark.parametrize("name", ["features", "graph"])
def test_some_environments_are_reset_while_the_others_go_on(name: str, mode: AutoresetMode) -> None:
    """By `reset_mask`: in mid-episode, and with autoreset_mode Disabled wherever an episode has ended."""
    options = {"config": "quick", "overrides": SHORT, "load": LOAD, **OPTIONS[name]}
    ours = EonVectorEnv(COUNT, **options, autoreset_mode=mode)
    singles = SyncVectorEnv([lambda: EonEnv(**options, stride=COUNT)] * COUNT, autoreset_mode=mode)
    one, other = ours.reset(seed=3), singles.reset(seed=3)
    random = np.random.default_rng(0)
    masks = one[1]["action_mask"].copy()
    ends = 0
    for step in range(150):
        actions = (random.random(masks.shape) * masks).argmax(axis=1)
        one, other = ours.step(actions), singles.step(actions)
        assert data_equivalence(one, other, exact=True), step
        masks = one[-1]["action_mask"].copy()
        over = one[3].copy()
        ends += over.sum()
        new = np.zeros(COUNT, dtype=np.bool_)
        if mode is AutoresetMode.DISABLED:
            new |= over
            if over.any():
                with pytest.raises(RuntimeError, match="have ended: reset them"):
                    ours.step(actions)
        if step % 17 == 3:
            new[step // 17 % COUNT] = True
        if new.any():
            asked: dict[str, Any] = {}
            if step == 37:
                asked = {"seed": [9] * COUNT}
            # SyncVectorEnv hands one replication to all, and takes the mask out of the dict.
            both = [each.reset(options={"reset_mask": new}, **asked) for each in (ours, singles)]
            assert data_equivalence(both[0], both[1], exact=True), step
            masks[new] = both[0][1]["action_mask"][new]
            assert np.array_equal(ours.action_masks(), masks)
    assert ends >= COUNT


def test_a_reset_mask_that_is_none() -> None:
    env = EonVectorEnv(3, "quick", SHORT, load=LOAD)
    ones = np.ones(3, dtype=np.bool_)
    with pytest.raises(RuntimeError, match="call reset first"):
        env.reset(options={"reset_mask": ones})
    env.reset(options={"replication": 0})
    wrong: Any
    for wrong in ([True, False, True], np.ones(3), 1):
        with pytest.raises(TypeError, match=r"reset_mask = .*: must be an array of bool"):
            env.reset(options={"reset_mask": wrong})
    for wrong in (ones[:2], ~ones):
        with pytest.raises(ValueError, match="one entry for each of 3 environments"):
            env.reset(options={"reset_mask": wrong})
    given = {"reset_mask": np.array([False, True, True]), "replication": [8, 9, None]}
    _, infos = env.reset(options=given)
    assert infos["replication"].tolist() == [0, 9, 5]
    assert infos["_replication"].tolist() == [False, True, True]
    assert given.keys() == {"reset_mask", "replication"}


@pytest.mark.parametrize("mode", AutoresetMode)
@pytest.mark.parametrize("name", OPTIONS)
def test_without_copies_the_same_arrays_are_overwritten(name: str, mode: AutoresetMode) -> None:
    options = {"config": "quick", "overrides": SHORT, "load": LOAD, **OPTIONS[name]}
    ours, copying = (
        EonVectorEnv(COUNT, **options, autoreset_mode=mode, copy=copy) for copy in (False, True)
    )
    one, other = ours.reset(seed=3), copying.reset(seed=3)
    arrays = one[0] if isinstance(one[0], dict) else {"": one[0]}
    shared = {at: np.from_dlpack(array) for at, array in arrays.items()}
    mask = one[1]["action_mask"]
    results: list[Any] = []
    for _ in range(70):
        assert data_equivalence(one, other, exact=True)
        for at, array in shared.items():
            assert np.array_equal(array, other[0][at] if at else other[0])
        actions = mask.argmax(axis=1)
        one, other = ours.step(actions), copying.step(actions)
        assert data_equivalence(one, other, exact=True)
        results.append(one[1:4])
        if mode is AutoresetMode.DISABLED and one[3].any():
            one, other = ours.reset(), copying.reset()
    assert all(
        first is again
        for before, after in pairwise(results)
        for first, again in zip(before, after, strict=True)
    )
    assert one[-1]["action_mask"] is mask


WRAPPED = ("RecordEpisodeStatistics", "NormalizeObservation", "NormalizeReward", "DictInfoToList")


@pytest.mark.parametrize("mode", AutoresetMode)
def test_wrappers_of_gymnasium_work(mode: AutoresetMode) -> None:
    """Around these environments they do what they do around single ones side by side."""
    options = {"config": "quick", "overrides": SHORT, "load": LOAD}
    ours: Any = EonVectorEnv(COUNT, **options, autoreset_mode=mode)  # type: ignore[arg-type]
    singles: Any = SyncVectorEnv(
        [lambda: EonEnv(**options, stride=COUNT)] * COUNT, autoreset_mode=mode
    )
    for name in WRAPPED:
        if name == "NormalizeObservation" and mode is not AutoresetMode.NEXT_STEP:
            continue  # it refuses the other modes
        ours, singles = (getattr(wrappers, name)(each) for each in (ours, singles))
    one, other = ours.reset(seed=1), singles.reset(seed=1)
    lengths = []
    for step in range(130):
        assert data_equivalence(list(one[:-1]), list(other[:-1]), exact=True), step
        actions = np.array([info["action_mask"].argmax() for info in one[-1]])
        one, other = ours.step(actions), singles.step(actions)
        for info, wanted in zip(one[-1], other[-1], strict=True):
            assert info.keys() == wanted.keys()
            if "episode" in info:
                lengths.append(int(info["episode"]["l"]))
                assert info["episode"]["r"] == wanted["episode"]["r"]
        if mode is AutoresetMode.DISABLED and one[3].any():
            one, other = ours.reset(), singles.reset()
    assert len(lengths) == 2 * COUNT
    assert set(lengths) == {60}


def test_wrappers_of_gymnasium_for_one_environment_work() -> None:
    env: Any = gymnasium.make(ID, config="quick", overrides=SHORT, load=LOAD, observation="graph")
    for name in ("FlattenObservation", "NormalizeObservation", "RecordEpisodeStatistics"):
        env = getattr(gymnasium.wrappers, name)(env)
    observation, info = env.reset(seed=0)
    assert observation.ndim == 1
    assert env.get_wrapper_attr("action_masks")().shape == info["action_mask"].shape
    ended = False
    while not ended:
        _, _, _, ended, info = env.step(info["action_mask"].argmax())
    assert info["episode"]["l"] == 60


def test_pictures_are_those_of_single_environments() -> None:
    env = EonVectorEnv(2, "quick", SHORT, load=LOAD, render_mode="rgb_array")
    with pytest.raises(RuntimeError, match="call reset first"):
        env.render()
    _, infos = env.reset(seed=5)
    actions = infos["action_mask"].argmax(axis=1)
    env.step(actions)
    pictures = env.render()
    assert pictures is not None
    assert len(pictures) == 2
    for row, picture in enumerate(pictures):
        single = EonEnv("quick", SHORT, load=LOAD, render_mode="rgb_array")
        single.reset(seed=5 + row)
        single.step(int(actions[row]))
        assert np.array_equal(single.render(), picture)


def test_without_seeds_no_two_environments_meet_the_same() -> None:
    met = [
        replication
        for _ in range(2)
        for replication in EonVectorEnv(3, "quick", SHORT, load=LOAD).reset()[1]["replication"]
    ]
    assert len(set(met)) == 6


def test_it_can_be_made_by_name() -> None:
    env = gymnasium.make_vec(ID, num_envs=3, config="quick", overrides=SHORT, load=LOAD)
    assert isinstance(env.unwrapped, EonVectorEnv)
    observations, infos = env.reset(seed=0)
    assert observations in env.observation_space
    masks = tuple(infos["action_mask"])
    assert env.action_space.sample(mask=masks) in env.action_space


def test_each_row_measures_its_replication() -> None:
    env = EonVectorEnv(COUNT, "quick", SHORT, load=LOAD)
    env.reset(options={"replication": 0})
    _, infos = env.reset(options={"replication": [4, 9, None, 1, 1]})
    assert infos["replication"].tolist() == [4, 9, 7, 1, 1]
    with pytest.raises(RuntimeError, match="0 of 60 requests"):
        env.measured(2)
    ended = np.zeros(COUNT, dtype=np.bool_)
    while not ended.any():
        _, rewards, terminated, ended, infos = env.step(infos["action_mask"].argmax(axis=1))
        assert not terminated.any()
        assert rewards[3] == rewards[4]
    for row, replication in enumerate([4, 9, 7, 1, 1]):
        wanted = replicate(env.scenario, LOAD, replication, 20)
        assert equal(env.measured(row), wanted)
        assert infos["blocking_probability"][row] == wanted.blocking_probability


def test_what_is_returned_is_not_used_again() -> None:
    env = EonVectorEnv(2, "quick", SHORT, load=LOAD)
    observation, infos = env.reset(seed=0)
    kept = observation.copy(), infos["action_mask"].copy()
    returned = [env.step(infos["action_mask"].argmax(axis=1)) for _ in range(3)]
    assert np.array_equal(observation, kept[0])
    assert np.array_equal(infos["action_mask"], kept[1])
    for before, after in pairwise(returned):
        for a, b in zip(before[:4], after[:4], strict=True):
            assert not np.shares_memory(a, b)
    ended = returned[-1][3]
    ended[:] = True  # what a caller does with its own arrays changes nothing here
    assert env.step(np.zeros(2, dtype=np.int64))[4].keys() == {"action_mask", "_action_mask"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_envs": 0}, "num_envs = 0: must be an integer from 1 to 1,000,000"),
        ({"num_envs": 1.5}, "num_envs = 1.5: must be an integer from 1 to 1,000,000"),
        ({"autoreset_mode": "Never"}, "'Never' is not a valid AutoresetMode"),
        ({"copy": 3}, "copy = 3: must be True or False"),
        ({"render_mode": "human"}, "render_mode"),
    ],
)
def test_bad_arguments(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EonVectorEnv(**{"config": "quick", **options})


def test_bad_actions_and_seeds() -> None:
    env = EonVectorEnv(3, "quick", SHORT, load=LOAD)
    with pytest.raises(RuntimeError, match="call reset first"):
        env.step(np.zeros(3, dtype=np.int64))
    with pytest.raises(ValueError, match="2 seeds for 3 environments"):
        env.reset(seed=[1, 2])
    _, infos = env.reset(seed=0)
    for actions in ([0, 0, 6], [0, -1, 0], [0, 0]):
        with pytest.raises(ValueError, match="action"):
            env.step(np.array(actions))
    # Nothing was done.
    actions = infos["action_mask"].argmax(axis=1)
    after = env.step(actions)
    again = EonVectorEnv(3, "quick", SHORT, load=LOAD)
    again.reset(seed=0)
    assert np.array_equal(after[0], again.step(actions)[0])
    with pytest.raises(ValueError, match="'mask' is unknown; there is replication"):
        env.reset(options={"mask": np.ones(3, dtype=np.bool_)})


def test_a_seed_or_a_replication_that_is_none_is_refused_before_anything_begins() -> None:
    env = EonVectorEnv(3, "quick", SHORT, load=LOAD)
    env.reset(options={"replication": 5})
    wrong: Any
    for wrong in (2**32, 2**32 - 2, -1, 1.5, True, "3", [7, 8, 2**32 + 3], [7, 8, 1.5]):
        with pytest.raises(ValueError, match=r"seed = .* an integer from 0 to 4294967295"):
            env.reset(seed=wrong)
    for wrong in (2**62 - 2, 2**64, -1, 1.5, True, "3", [1, 2, 2**63], [1, 2, "3"]):
        with pytest.raises(
            ValueError, match=r"replication = .* an integer from 0 to 46116860184273"
        ):
            env.reset(options={"replication": wrong})
    assert env.reset()[1]["replication"].tolist() == [8, 9, 10]
    last = 2**32 - 1
    infos = env.reset(seed=last - 2)[1]
    assert infos["replication"].tolist() == [LEARNING + LENGTH * (last - i) for i in (2, 1, 0)]


def test_a_bad_action_as_the_next_episode_begins_does_nothing() -> None:
    env = EonVectorEnv(2, "quick", SHORT, load=LOAD)
    env.reset(options={"replication": 0})
    ended = np.zeros(2, dtype=np.bool_)
    while not ended.any():
        ended = env.step(np.zeros(2, dtype=np.int64))[3]
    with pytest.raises(ValueError, match="action = 9: must be an integer from 0 to 5"):
        env.step(np.array([0, 9]))
    assert env.step(np.zeros(2, dtype=np.int64))[4]["replication"].tolist() == [2, 3]
