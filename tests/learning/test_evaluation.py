"""An agent is measured as a policy of the simulator is: replications, intervals, pairs."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fusion.learning import evaluate
from fusion.learning.setting import make_setting
from fusion.results.outcome import METRICS, outcome_of
from fusion.simulation.replication import replicate
from tests.learning.scenes import equal

LOAD = 220.0
OVERRIDES = {
    "general_settings": {"num_requests": 400, "max_iters": 4},
    "simulation_settings": {"warmup_requests": 200},
    "statistics_settings": {"confidence": 0.9},
}


def first_path(observations: Any, masks: NDArray[np.int8]) -> NDArray[np.int64]:
    return masks.argmax(axis=1)


@pytest.mark.parametrize(
    ("replications", "numbers"),
    [(None, [0, 1, 2, 3]), (2, [0, 1]), ([7, 3, 70], [7, 3, 70]), (range(70), range(70))],
    ids=["of the config", "a number", "some", "more than fit side by side"],
)
def test_first_fit_gets_the_interval_of_kspff(replications: Any, numbers: list[int]) -> None:
    done = evaluate(first_path, "quick", OVERRIDES, load=LOAD, replications=replications)
    scenario = make_setting("quick", OVERRIDES).scenario
    wanted = [replicate(scenario, LOAD, number, 200) for number in numbers]
    assert len(done.replications) == len(wanted)
    assert all(equal(a, b) for a, b in zip(done.replications, wanted, strict=True))
    outcomes = [outcome_of(each) for each in wanted]
    for name, metric in METRICS.items():
        assert done.metric(name) == metric.estimate(outcomes, 0.9)
    assert done.blocking_probability == done.metric("blocking_probability")
    assert done.blocking_probability.replications == len(wanted)


def test_the_agent_sees_what_the_options_ask_for() -> None:
    seen = []

    def agent(observations: Any, masks: NDArray[np.int8]) -> list[int]:
        seen.append((observations["free"].shape, masks.shape))
        return list(masks.argmax(axis=1))

    done = evaluate(
        agent,  # type: ignore[arg-type] - a list will do
        "quick",
        OVERRIDES,
        load=LOAD,
        replications=3,
        observation="spectrum",
        blocks=2,
        warm_up="policy",
    )
    assert set(seen) == {((3, 44, 100), (3, 11))}
    assert len(seen) == 400  # nothing is asked about the request that is shown at the end
    assert [each.requests for each in done.replications] == [400] * 3


def test_two_agents_are_compared_by_pairs() -> None:
    def last_path(observations: Any, masks: NDArray[np.int8]) -> NDArray[np.int64]:
        path = 4 - masks[:, 4::-1].argmax(axis=1)
        return np.where(masks[:, :5].any(axis=1), path, 5)

    first = evaluate(first_path, "quick", OVERRIDES, load=LOAD, replications=6)
    last = evaluate(last_path, "quick", OVERRIDES, load=LOAD, replications=6)
    difference = first.minus(last)
    assert difference.method == "paired"
    assert difference.mean == pytest.approx(
        first.blocking_probability.mean - last.blocking_probability.mean
    )
    assert difference.verdict_between("first", "last") == "first blocks less"
    others = evaluate(last_path, "quick", OVERRIDES, load=LOAD, replications=range(10, 16))
    assert first.minus(others).method == "welch"


def test_none_is_told() -> None:
    with pytest.raises(ValueError, match="at least one"):
        evaluate(first_path, "quick", OVERRIDES, replications=[])
    with pytest.raises(KeyError):
        evaluate(first_path, "quick", OVERRIDES, replications=1).metric("speed")


@pytest.mark.parametrize(
    ("replications", "told"),
    [
        (1.5, "replications = 1.5: must be an integer from 1 to 1,000,000"),
        ("a", "replications = a: must be an integer from 1 to 1,000,000"),
        (-3, "replications = -3: must be an integer from 1 to 1,000,000"),
        ([], "replications = []: must name at least one"),
        ([0.5], "replication = 0.5: must be an integer from 0"),
    ],
)
def test_replications_that_cannot_be_are_told_by_name(replications: Any, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        evaluate(lambda observation, mask: mask.argmax(axis=1), "quick", replications=replications)
