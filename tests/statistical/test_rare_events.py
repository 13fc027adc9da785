"""Importance splitting against blocking probabilities that are known exactly, down to 1e-10."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest

from fusion.config.config import Config, load_config
from fusion.results.statistics import blocking_estimate, upper_bound_of_zero
from fusion.scenario.inputs import read_inputs
from fusion.scenario.scenario import Scenario, make_scenario
from fusion.simulation.pool import Stopped
from fusion.simulation.replication import replicate
from fusion.simulation.splitting import (
    Plan,
    Split,
    estimate_rare_blocking,
    estimate_scenario,
    make_plan,
    replicate_with_splitting,
)
from tests.exact.markov import blocking
from validation.exact import erlang_b
from validation.link_models import RequestClass, link_model

LINK = [[[0]]]
TANDEM = [[[0]], [[1]], [[0, 1]]]
TRIANGLE = [[[0], [2, 1]], [[1], [0, 2]], [[2], [0, 1]]]
WARMUP = 300
NO_SPLITTING = Plan((), (), room=16, softness=2.0, stride=4, trajectories=1.0)


def per_path(erlang: float, width: int, routes: list[list[list[int]]]) -> list[RequestClass]:
    return [RequestClass(erlang, width, paths) for paths in routes]


class Chain(NamedTuple):
    """A network whose Markov chain is small enough to be solved."""

    classes: list[RequestClass]
    slots_by_plane: list[int]
    fit: str
    path_choice: str = "in_order"


CHAINS = {
    "first fit, two widths": Chain(
        per_path(0.2, 2, LINK) + per_path(0.1, 3, LINK), [14], "first_fit"
    ),
    "random fit, two widths": Chain(
        per_path(0.2, 2, LINK) + per_path(0.1, 3, LINK), [14], "random_fit"
    ),
    "tandem": Chain(per_path(0.2, 1, TANDEM), [5], "first_fit"),
    "tandem, most used": Chain(per_path(0.2, 1, TANDEM), [5], "most_used"),
    "triangle, all paths": Chain(per_path(0.15, 1, TRIANGLE), [3], "best_fit", "all"),
    "two cores, two widths": Chain(
        per_path(0.2, 1, LINK) + per_path(0.1, 2, LINK), [5, 4], "first_fit"
    ),
}


def erlang_link(
    erlang: float, servers: int, requests: int = 1, **more: object
) -> tuple[Scenario, float]:
    return link_model(
        [RequestClass(erlang, 1, [[0]])],
        [servers],
        ("first_fit", "in_order"),
        num_requests=requests,
        **more,  # type: ignore[arg-type]
    )


def replications(
    scenario: Scenario, load: float, plan: Plan, count: int, requests: int
) -> list[Split]:
    return [
        replicate_with_splitting(scenario, load, number, WARMUP, requests, plan)
        for number in range(count)
    ]


def assert_unbiased(done: list[Split], exact: float, precision: float) -> None:
    """Within 3.7 standard errors, which a right estimator misses once in 5,000 seeds."""
    found = np.array([each.weighted_blocked / each.requests for each in done])
    error = found.std(ddof=1) / math.sqrt(len(found))
    assert abs(found.mean() - exact) < 3.7 * error
    assert error < precision * exact  # or the comparison says little


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS.keys())
def test_agrees_with_solved_chains(chain: Chain) -> None:
    policy = (chain.fit, chain.path_choice)
    scenario, load = link_model(chain.classes, chain.slots_by_plane, policy, num_requests=1)
    erlang = [one.erlang for one in chain.classes]
    exact = float(scenario.traffic.pair_shares @ blocking(scenario.network, erlang, *policy))
    assert 1e-6 < exact < 1e-3
    plan, _ = make_plan(scenario, load, WARMUP, 1)
    assert len(plan.thresholds) >= 2
    assert_unbiased(replications(scenario, load, plan, 30, 3_000), exact, 0.2)


@pytest.mark.parametrize(
    ("erlang", "servers", "low", "high"), [(10.0, 24, 1e-5, 1e-4), (10.0, 38, 1e-12, 1e-10)]
)
def test_agrees_with_erlang_b(erlang: float, servers: int, low: float, high: float) -> None:
    exact = erlang_b(servers, erlang)
    assert low < exact < high
    scenario, load = erlang_link(erlang, servers)
    plan, _ = make_plan(scenario, load, WARMUP, 1)
    assert_unbiased(replications(scenario, load, plan, 30, 4_000), exact, 0.2)


@pytest.mark.parametrize(
    ("holding", "thresholds", "factors", "stride"),
    [
        ("deterministic", (-12.0, -8.0, -4.0), (4, 5, 6), 1),
        ("exponential", (-9.0,), (20,), 3),
        ("exponential", (-14.0, -13.5, -13.0, -6.0, -5.5, -5.0), (2, 2, 2, 3, 3, 3), 16),
    ],
)
def test_thresholds_do_not_change_the_mean(
    holding: str, thresholds: tuple[float, ...], factors: tuple[int, ...], stride: int
) -> None:
    """Poor ones, too, that are passed several at a time. Blocking does not depend on the holding times."""
    scenario, load = erlang_link(10.0, 20, holding_distribution=holding)
    plan = Plan(thresholds, factors, room=20, softness=1.0, stride=stride, trajectories=1.0)
    assert_unbiased(replications(scenario, load, plan, 30, 3_001), erlang_b(20, 10.0), 0.1)


def test_time_at_each_level_does_not_depend_on_the_factors() -> None:
    scenario, load = erlang_link(5.0, 12)
    shares, errors = [], []
    for factors in ((2, 2, 2), (5, 6, 7)):
        plan = Plan((-7.0, -4.0, -2.0), factors, 12, 1.0, 1, 1.0)
        done = replications(scenario, load, plan, 30, 2_000)
        weights = 1.0 / np.cumprod([1, *factors])
        share = np.array([each.requests_by_level * weights / each.requests for each in done])
        assert share.sum(axis=1).mean() == pytest.approx(1.0, abs=0.05)
        shares.append(share.mean(axis=0))
        errors.append(share.std(axis=0, ddof=1) / math.sqrt(30))
    assert np.all(np.abs(shares[0] - shares[1]) < 3.7 * np.hypot(*errors))
    assert np.all(np.hypot(*errors) < 0.2 * shares[0])


def config(**general: object) -> Config:
    return load_config("nsfnet_100_slots", {"general_settings": general})


@pytest.mark.parametrize("fit", ["first_fit", "random_fit", "most_used"])
def test_without_thresholds_it_is_the_plain_simulation(fit: str) -> None:
    chosen = config(allocation_method=fit, num_requests=40_001)
    scenario = make_scenario(chosen, read_inputs(chosen))
    plain = replicate(scenario, 170.0, 3, 3_400)
    split = replicate_with_splitting(scenario, 170.0, 3, 3_400, 40_001, NO_SPLITTING)
    assert split.weighted_blocked == plain.traffic.blocked.sum() > 500
    assert split.requests_by_level.tolist() == [40_001]


def test_agrees_with_the_plain_simulation_of_a_network() -> None:
    """NSFNET at a blocking of 0.0003, where the plain one is precise enough."""
    chosen = config(num_requests=120_000)
    scenario = make_scenario(chosen, read_inputs(chosen))
    plain = [replicate(scenario, 105.0, number, 2_100) for number in range(20)]
    plan, _ = make_plan(scenario, 105.0, 2_100, 1)
    assert len(plan.thresholds) >= 2
    done = [
        replicate_with_splitting(scenario, 105.0, 100 + number, 2_100, 20_000, plan)
        for number in range(20)
    ]
    ours = np.array([each.weighted_blocked / each.requests for each in done])
    theirs = np.array([each.blocking_probability for each in plain])
    error = math.sqrt((ours.var(ddof=1) + theirs.var(ddof=1)) / 20)
    assert abs(ours.mean() - theirs.mean()) < 3.7 * error
    assert error < 0.1 * theirs.mean()


def test_intervals_cover() -> None:
    """100 intervals of 10 replications that claim 95 %."""
    exact = erlang_b(24, 10.0)
    scenario, load = erlang_link(10.0, 24)
    plan, _ = make_plan(scenario, load, WARMUP, 1)
    done = replications(scenario, load, plan, 1_000, 600)
    blocked = np.array([each.weighted_blocked for each in done]).reshape(100, 10)
    held = [
        estimate.ci_lower <= exact <= estimate.ci_upper
        for estimate in (blocking_estimate(ten, [600] * 10, 0.95) for ten in blocked)
    ]
    assert 0.87 < np.mean(held) < 1.0


def test_estimate_is_the_same_again_and_counts_all_requests() -> None:
    scenario, load = erlang_link(10.0, 30, requests=40_000)
    first, again = (estimate_scenario(scenario, load, 10, WARMUP, 0.95) for _ in range(2))
    other = estimate_scenario(scenario._replace(seed=2), load, 10, WARMUP, 0.95)
    assert first == again
    assert first.blocking_probability != other.blocking_probability
    for estimate in (first, other):
        assert estimate.ci_lower < erlang_b(30, 10.0) < estimate.ci_upper
        assert estimate.relative_precision < 0.5
        assert estimate.excursions > estimate.blocked_excursions > 10
    spent = first.requests - first.pilot_requests - 10 * WARMUP
    assert 200_000 < spent < 800_000  # 400,000 were asked for
    assert first.main_requests < spent / 5


def test_nothing_blocked_is_bounded_by_the_main_trajectories() -> None:
    scenario, load = erlang_link(1.0, 200, requests=3_000)
    estimate = estimate_scenario(scenario, load, 3, WARMUP, 0.95)
    assert (estimate.blocking_probability, estimate.ci_lower, estimate.blocked) == (0.0, 0.0, 0)
    assert estimate.ci_upper == upper_bound_of_zero(estimate.main_requests, 0.95)


def test_what_can_never_be_served_does_not_hide_what_can() -> None:
    """Requests that are wider than the spectrum are always blocked, the others as without them."""
    classes = [RequestClass(8.0, 1, [[0]]), RequestClass(2.0, 25, [[0]])]
    scenario, load = link_model(classes, [24], ("first_fit", "in_order"), num_requests=1)
    plan, _ = make_plan(scenario, load, WARMUP, 1)
    done = replications(scenario, load, plan, 3, 20_000)
    for each in done:
        assert each.weighted_blocked / each.requests == pytest.approx(0.2, abs=0.02)


def test_a_config_gives_an_estimate() -> None:
    chosen = config(num_requests=20_000, max_iters=3)
    estimate = estimate_rare_blocking(chosen, read_inputs(chosen), 90.0)
    assert estimate.ci_lower < 3.2e-5 < estimate.ci_upper
    assert estimate.replications == 3
    assert len(estimate.plan.thresholds) == len(estimate.plan.factors) >= 2


@pytest.mark.parametrize("load", [0.0, -1.0, math.nan, math.inf])
def test_refuses_a_load_that_is_none(load: float) -> None:
    chosen = config()
    with pytest.raises(ValueError, match="must be a number of Erlang above 0"):
        estimate_rare_blocking(chosen, read_inputs(chosen), load)


def test_refuses_a_single_replication() -> None:
    chosen = config(max_iters=1)
    with pytest.raises(ValueError, match="max_iters is 1: must be at least 2"):
        estimate_rare_blocking(chosen, read_inputs(chosen), 80.0)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"thresholds": (-2.0,)}, "1 thresholds and 0 factors"),
        ({"thresholds": (-2.0, -2.0), "factors": (2, 2)}, "must rise"),
        ({"thresholds": (-2.0,), "factors": (1,)}, "at least 2"),
        ({"stride": 0}, "stride is 0"),
    ],
)
def test_refuses_a_plan_that_is_none(changes: dict[str, object], told: str) -> None:
    scenario, load = erlang_link(10.0, 24)
    plan = NO_SPLITTING._replace(**changes)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=told):
        replicate_with_splitting(scenario, load, 0, 0, 100, plan)


def test_stops_when_asked() -> None:
    chosen = config(num_requests=10**9)
    with pytest.raises(Stopped):
        estimate_rare_blocking(chosen, read_inputs(chosen), 80.0, lambda: True)
