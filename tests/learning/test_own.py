"""Observations and rewards of the user's: a function that is compiled, and the same one in plain Python."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from fusion.kernel.user_policy import make_request
from fusion.learning import EonEnv, EonVectorEnv, evaluate
from fusion.scenario.policy.build import build
from tests.learning.test_environment import NETWORKS, overrides
from tests.learning.test_kinds import request_of

LOAD = 220.0
OWN = '''"""What an agent sees of three paths, and what it is rewarded with."""

from fusion.request import first_fit, fragmentation, hops, is_free, width

MOST = 10


def observe(request):
    return (request.holding_time,) + of_path(request, 0) + of_path(request, 1) + of_path(request, 2)


def of_path(request, path):
    if path >= request.paths:
        return 0.0, 0.0, 1.0, 0.0, False
    start = first_fit(request, path, request.planes - 1)
    return (
        hops(request, path) / MOST,
        width(request, path),
        start / 100,
        fragmentation(request, path, 0),
        start < 0,
    )


def reward(request, path, plane, start):
    if path < 0:
        return -2.0
    return 1.0 - 0.5 * is_free(request, path, plane, start + width(request, path), 1)


def whole(request):
    return 3


def text(request, path, plane, start):
    return (1, 2)


def few(request):
    return (hops(request, 99),)


def far(request, path, plane, start):
    return width(request, path + 99) if path >= 0 else 0


def wrong(request):
    return (hops,)
'''


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("own") / "my_observation.py"
    path.write_text(OWN)
    path.with_name("chance.py").write_text("def observe(request):\n    return (request.random,)\n")
    return path


def request_at(env: EonEnv) -> Any:
    """Return the request that waits as a function in plain Python sees it."""
    waiting, (pair, rate) = env._batch.waiting(), request_of(env)
    at, facts = waiting.position[0], env.setting.observer.facts  # type: ignore[union-attr]
    network = env.scenario.network._replace(width_row=waiting.width_row[0])
    return make_request(
        network,
        facts,
        waiting.free[0],
        None,
        None,
        None,
        pair,
        rate,
        float(facts.bit_rate_gbps[rate]),
        float(waiting.arrival[0, at]),
        float(waiting.holding[0, at]),
        0.0,
    )


FAILING = {
    "failure": {"failure_type": "random", "mtbf": 0.2, "mtbf_of": "link", "mttr": 0.05},
}
SCENES = {"plain": {}, "planes": NETWORKS["cores and bands"], "failures": FAILING}


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("actions", ["blocks", "slots"])
def test_it_sees_and_rewards_what_the_function_gives(own: Path, name: str, actions: Any) -> None:
    changes = overrides(300, 0, **SCENES[name])  # type: ignore[arg-type]
    options: dict[str, Any] = {"observation": f"{own}:observe", "reward": f"{own}:reward"}
    env = EonEnv("quick", changes, load=LOAD, actions=actions, **options)
    assert env.setting.observer is not None
    assert env.setting.rewarder is not None
    observe, reward = (build(each.source) for each in (env.setting.observer, env.setting.rewarder))
    assert env.observation_space.shape == (16,)
    assert env.layout.names[15] == "number 15"
    random, met = np.random.default_rng(0), set()
    seen, info = env.reset(options={"replication": 4})
    per_path = (env.layout.actions - 1) // env.layout.candidates
    for _ in range(150):
        request = request_at(env)
        wanted = np.array([float(number) for number in observe(request)], dtype=np.float32)
        assert seen.tolist() == wanted.tolist()
        action = int(random.choice(np.flatnonzero(info["action_mask"])))
        expected = reward(request, -1, -1, -1)
        if action < env.layout.actions - 1:
            path = action // per_path
            if actions == "slots":
                slot = action % per_path
                slots = np.cumsum([0, *(plane.slots for plane in env.scenario.planes)])
                plane = int(np.searchsorted(slots, slot, side="right")) - 1
                start = slot - int(slots[plane])
            else:
                plane, start = env._batch.waiting().choice[0, action, :2].tolist()
            expected = reward(request, path, plane, start)
        seen, got, *_, info = env.step(action)
        assert got == expected
        met.add(got)
    assert met >= {1.0, 0.5}


def test_a_function_of_a_module_is_taken_as_it_is(own: Path) -> None:
    spec = importlib.util.spec_from_file_location("my_observation", own)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    changes = overrides(40, 20)
    env = EonEnv("quick", changes, load=LOAD, observation=module.observe)
    by_name = EonEnv("quick", changes, load=LOAD, observation=f"{own}:observe")
    assert np.array_equal(env.reset(seed=1)[0], by_name.reset(seed=1)[0])
    check_env(env)
    many = EonVectorEnv(3, "quick", changes, load=LOAD, observation=module.observe)
    observations, _ = many.reset(seed=1)
    assert np.array_equal(observations[0], env.reset(seed=1)[0])
    assert observations.shape == (3, 16)
    done = evaluate(
        lambda observations, masks: masks.argmax(axis=1),
        "quick",
        changes,
        load=LOAD,
        replications=2,
        observation=module.observe,
    )
    assert len(done.replications) == 2


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"observation": "missing.py:observe"}, "observation = missing.py:observe: missing.py: "),
        ({"observation": "{}:nothing"}, "there is no function 'nothing'"),
        ({"observation": "{}:reward"}, "a policy takes one argument, the request"),
        ({"reward": "{}:observe"}, "it is called with the request, path, plane, start"),
        (
            {"observation": "{}:whole"},
            "my_observation.py:whole returns .*; an observation is a tuple",
        ),
        ({"reward": "{}:text"}, r"my_observation.py:text returns .*; a reward is a number"),
        (
            {"observation": "{0.parent}/chance.py:observe"},
            "it reads request.random, which only a policy has",
        ),
        ({"observation": "{}:wrong"}, "my_observation.py"),
        ({"observation": len}, "must be a function of a file"),
    ],
)
def test_what_is_wrong_is_told_before_anything_starts(
    own: Path, options: dict[str, Any], told: str
) -> None:
    named = {
        name: value.format(own) if isinstance(value, str) else value
        for name, value in options.items()
    }
    with pytest.raises(ValueError, match=told):
        EonEnv("quick", **named)


def test_signal_quality_is_refused(own: Path) -> None:
    with pytest.raises(
        ValueError, match="observation: a function of one's own does not go with snr_type"
    ):
        EonEnv("quick", {"snr_settings": {"snr_type": "gsnr"}}, observation=f"{own}:observe")
    with pytest.raises(ValueError, match="reward = 'own': not with max_segments"):
        EonEnv("quick", {"general_settings": {"max_segments": 2}}, reward=f"{own}:reward")


def test_in_plain_python_it_is_refused(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fusion.learning.own.PLAIN", True)
    with pytest.raises(ValueError, match="observation: FUSION_PLAIN_POLICY is set, but"):
        EonEnv("quick", observation=f"{own}:observe")


def test_a_question_that_has_no_answer_is_told(own: Path) -> None:
    """Before anything starts where it is asked for any request, and by its step otherwise."""
    with pytest.raises(
        ValueError, match=r"few: raises IndexError: there is no path of this number"
    ):
        EonEnv("quick", observation=f"{own}:few")
    env = EonEnv("quick", overrides(40, 20), load=LOAD, reward=f"{own}:far")
    _, info = env.reset(seed=0)
    with pytest.raises(IndexError, match="there is no path of this number"):
        env.step(int(info["action_mask"].argmax()))
