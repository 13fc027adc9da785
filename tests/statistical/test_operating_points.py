"""A few operating points of NSFNET; all of them are in `make validate`."""

from __future__ import annotations

import math

import pytest

from fusion.config.config import load_config
from fusion.results.statistics import Estimate, mean_estimate
from fusion.scenario.inputs import read_inputs
from fusion.scenario.scenario import Scenario, make_scenario
from fusion.simulation.replication import replicate
from fusion.sweep.study import find_study
from validation.operating_points import scenario_of, steady_points
from validation.rows import RIGHT, against_independent, joint_confidence

STEADY = {point.name: point for point in steady_points()}
SHORT = [
    "100 slots, 170 Erlang, hops, kspff",
    "100 slots, 170 Erlang, km, ffksp",
    "320 slots, 650 Erlang, km, kspff",
]


def estimate_of(scenario: Scenario, load: float) -> Estimate:
    done = [replicate(scenario, load, number, math.ceil(20 * load)) for number in range(10)]
    return mean_estimate([one.blocking_probability for one in done], 0.95)


@pytest.mark.parametrize("name", SHORT)
def test_steady_state_agrees_with_an_independent_simulation(name: str) -> None:
    point = STEADY[name]
    estimate = estimate_of(scenario_of(point, 200_000), point.load)
    row = against_independent(
        name, estimate, point.blocking, point.ci95, joint_confidence(len(SHORT))
    )
    assert row.verdict == RIGHT
    assert row.allowed_upper < 1.1 * row.reference


def test_published_point() -> None:
    """DeepRMSA, with truncated holding times: 3.07 % and a standard deviation of 0.20 %."""
    value = find_study("deeprmsa").points[0]
    config = load_config("deeprmsa", {"general_settings": {"num_requests": 100_000}})
    estimate = estimate_of(make_scenario(config, read_inputs(config)), value.erlang)
    assert abs(estimate.mean - value.published) < 2 * value.std
