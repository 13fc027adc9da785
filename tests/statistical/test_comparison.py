"""Differences of two policies: their intervals hold the truth as often as they say, and claim no more."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from fusion.config.config import load_config
from fusion.results.comparison import Difference, blocking_difference, variance_ratio, welch_degrees
from fusion.results.statistics import blocking_estimate, upper_bound_of_zero
from fusion.scenario.inputs import read_inputs
from fusion.scenario.scenario import make_scenario
from fusion.simulation.replication import replicate

Counts = NDArray[np.int64]
A = [510, 480, 533, 495, 470, 521]
B = [498, 461, 530, 480, 466, 500]
OFFERED = [100_000] * 6


def clusters(
    random: np.random.Generator, mean: float, size: float, shape: tuple[int, ...]
) -> Counts:
    """Return compound Poisson counts: clusters of a geometric size with this mean."""
    counts = random.poisson(mean / size, shape)
    some = counts > 0
    if size > 1:
        counts[some] += random.negative_binomial(counts[some], 1 / size)
    return counts


def pairs(
    random: np.random.Generator,
    a: float,
    b: float,
    requests: int,
    shared: float,
    shape: tuple[int, int],
) -> tuple[Counts, Counts]:
    """Return blocked requests in clusters of 3. shared: of those of the smaller side, what both have."""
    common = shared * min(a, b) * requests
    both = clusters(random, common, 3, shape)
    one, other = (both + clusters(random, p * requests - common, 3, shape) for p in (a, b))
    return one, other


def coverage(
    a: Counts, b: Counts, requests: int, truth: float, *, paired: bool
) -> tuple[float, float]:
    """Return the share of 95 % intervals that hold the truth, and their median width."""
    found = [
        blocking_difference(
            one,
            np.full(len(one), requests),
            other,
            np.full(len(other), requests),
            0.95,
            paired=paired,
        )
        for one, other in zip(a, b, strict=True)
    ]
    held = [each.ci_lower <= truth <= each.ci_upper for each in found]
    return float(np.mean(held)), float(np.median([each.ci_upper - each.ci_lower for each in found]))


SETTINGS = [
    (1e-4, 2e-4, 100_000),
    (1e-4, 1e-3, 30_000),
    (2e-3, 3e-3, 30_000),
    (0.01, 0.012, 10_000),
    (0.2, 0.19, 10_000),
]
"""(probability of a, of b, requests of a replication)"""


@pytest.mark.parametrize(("a", "b", "requests"), SETTINGS)
@pytest.mark.parametrize("shared", [0.0, 0.8])
def test_paired_interval_covers_as_it_says(
    a: float, b: float, requests: int, shared: float
) -> None:
    """2,000 experiments of 10 replications: 95 % within 2 points, four standard errors."""
    one, other = pairs(np.random.default_rng(1), a, b, requests, shared, (2000, 10))
    found, _ = coverage(one, other, requests, a - b, paired=True)
    assert 0.93 < found < 0.97


@pytest.mark.parametrize(("a", "b", "requests"), SETTINGS)
def test_unpaired_interval_covers_as_it_says(a: float, b: float, requests: int) -> None:
    """Also where one side has twice the replications of the other."""
    random = np.random.default_rng(2)
    one = clusters(random, a * requests, 3, (2000, 10))
    other = clusters(random, b * requests, 3, (2000, 20))
    found, _ = coverage(one, other, requests, a - b, paired=False)
    assert 0.93 < found < 0.97


def test_what_pairing_gains_and_what_it_takes() -> None:
    """Pairs share their clusters: the unpaired interval is too wide, the paired one right and narrow.

    In the wrong order the paired one is as wide as the other. Where nothing is shared it loses only degrees
    of freedom.
    """
    random = np.random.default_rng(3)
    one, other = pairs(random, 0.01, 0.012, 10_000, 0.9, (1500, 10))
    paired, narrow = coverage(one, other, 10_000, -0.002, paired=True)
    unpaired, wide = coverage(one, other, 10_000, -0.002, paired=False)
    assert 0.93 < paired < 0.97
    assert unpaired > 0.99
    assert wide > 1.8 * narrow
    disordered, width = coverage(one, np.roll(other, 1, axis=1), 10_000, -0.002, paired=True)
    assert disordered > 0.99
    assert width > 1.8 * narrow
    strangers, width = coverage(one, np.roll(other, 1, axis=0), 10_000, -0.002, paired=True)
    assert 0.93 < strangers < 0.97
    assert 1.0 < width / wide < 1.15  # t of 9 degrees over that of 18


def test_opposite_pairs_need_the_paired_interval() -> None:
    """Where one side blocks less when the other blocks more, the unpaired interval is too narrow."""
    random = np.random.default_rng(4)
    swing = random.poisson(80, (1000, 10))
    one, other = 400 + swing, 600 - swing
    paired, _ = coverage(one, other, 10_000, -0.004, paired=True)
    unpaired, _ = coverage(one, other, 10_000, -0.004, paired=False)
    assert 0.93 < paired < 0.97
    assert unpaired < 0.9


def test_variance_ratio_is_that_of_the_correlation() -> None:
    """Of two sides with the same variance and a correlation r it is 1 / (1 - r)."""
    one, other = pairs(np.random.default_rng(5), 0.01, 0.01, 10_000, 0.75, (1, 20_000))
    offered = np.full(20_000, 10_000)
    assert variance_ratio(one[0], offered, other[0], offered) == pytest.approx(4.0, rel=0.05)


def test_paired_interval_is_that_of_the_t_test_where_it_is_narrow() -> None:
    found = blocking_difference(A, OFFERED, B, OFFERED, 0.95, paired=True)
    differences = (np.array(A) - B) / 100_000
    expected = stats.ttest_1samp(differences, 0.0).confidence_interval(0.95)
    width = expected.high - expected.low
    assert found.mean == pytest.approx(differences.mean())
    assert found.ci_lower == pytest.approx(expected.low, abs=0.06 * width)
    assert found.ci_upper == pytest.approx(expected.high, abs=0.06 * width)
    assert (found.replications, found.method) == (6, "paired")
    assert found.verdict == "b blocks less"
    unpaired = stats.ttest_ind(A, B, equal_var=False).confidence_interval(0.95)
    welch = blocking_difference(A, OFFERED, B, OFFERED, 0.95, paired=False)
    assert welch.method == "welch"
    assert welch.ci_upper == pytest.approx(unpaired.high / 100_000, rel=0.01)
    assert welch.ci_lower == pytest.approx(unpaired.low / 100_000, rel=0.01)
    assert welch.verdict == "no difference shown"
    expected_ratio = (np.var(A) + np.var(B)) / np.var(np.array(A) - B)
    assert variance_ratio(A, OFFERED, B, OFFERED) == pytest.approx(expected_ratio)


def test_degrees_of_freedom_of_welch() -> None:
    found = stats.ttest_ind(A[:4], B, equal_var=False).df
    variances = [np.var(A[:4], ddof=1) / 4, np.var(B, ddof=1) / 6]
    assert welch_degrees(variances, [3, 5]) == pytest.approx(found)


def test_the_sides_changed_are_the_difference_with_the_other_sign() -> None:
    for paired in (True, False):
        one = blocking_difference(A, OFFERED, B, OFFERED, 0.9, paired=paired)
        other = blocking_difference(B, OFFERED, A, OFFERED, 0.9, paired=paired)
        assert (other.mean, other.ci_lower, other.ci_upper) == pytest.approx(
            (-one.mean, -one.ci_upper, -one.ci_lower)
        )


def test_verdicts() -> None:
    assert Difference(-0.2, -0.3, -0.1, 5, "paired").verdict == "a blocks less"
    assert Difference(0.2, 0.1, 0.3, 5, "paired").verdict == "b blocks less"
    assert Difference(0.2, -0.1, 0.5, 5, "paired").verdict == "no difference shown"
    assert Difference(-0.2, -0.3, -0.1, 5, "paired").verdict_between("ff", "rf") == "ff blocks less"
    assert Difference(0.2, 0.1, 0.3, 5, "paired").verdict_between("ff", "rf") == "rf blocks less"


@pytest.mark.parametrize("paired", [True, False])
def test_nothing_blocked_on_either_side_shows_nothing(paired: bool) -> None:
    found = blocking_difference([0] * 4, [1000] * 4, [0] * 4, [3000] * 4, 0.95, paired=paired)
    bounds = [upper_bound_of_zero(requests, 0.975) for requests in (4000, 12_000)]
    assert (found.mean, found.method, found.verdict) == (0.0, "bound", "no difference shown")
    assert (found.ci_upper, -found.ci_lower) == pytest.approx(tuple(bounds))


@pytest.mark.parametrize("paired", [True, False])
def test_nothing_blocked_on_one_side_is_no_narrower_than_the_bound(paired: bool) -> None:
    """Ten requests more prove nothing while the bound is at 44; 90 do."""
    bound = upper_bound_of_zero(100_000, 0.975)
    for per_replication, verdict in ((1, "no difference shown"), (9, "b blocks less")):
        blocked = np.full(10, per_replication) + [0, 1] * 5
        found = blocking_difference(
            blocked, [10_000] * 10, [0] * 10, [10_000] * 10, 0.95, paired=paired
        )
        alone = blocking_estimate(blocked, [10_000] * 10, 0.95)
        assert found.method == "bound"
        assert found.ci_lower < found.mean - bound
        assert found.ci_lower < alone.ci_lower
        assert found.ci_upper == pytest.approx(alone.ci_upper)
        assert found.verdict == verdict


def test_everything_blocked_is_as_nothing_blocked() -> None:
    full = blocking_difference([50] * 3, [50] * 3, [40, 42, 41], [50] * 3, 0.95, paired=True)
    none = blocking_difference([0] * 3, [50] * 3, [10, 8, 9], [50] * 3, 0.95, paired=True)
    assert full.ci_lower == pytest.approx(-none.ci_upper)
    assert full.ci_upper == pytest.approx(-none.ci_lower)


def test_the_same_in_every_replication_is_bounded_by_what_was_not_seen() -> None:
    """It is no proof that nothing differs, and says much more than two sides that were drawn apart."""
    a, offered = np.array([510, 480, 533, 495]), [100_000] * 4
    found = blocking_difference(a, offered, a, offered, 0.95, paired=True)
    bound = upper_bound_of_zero(400_000, 0.975)
    assert found == (0.0, -bound, pytest.approx(bound), 4, "bound")
    assert found.verdict == "no difference shown"
    apart = blocking_difference(a, offered, a, offered, 0.95, paired=False)
    assert bound < 0.3 * apart.ci_upper
    few = blocking_difference([1, 0, 0], [1000] * 3, [1, 0, 0], [1000] * 3, 0.95, paired=True)
    assert 0.0 < few.ci_upper <= upper_bound_of_zero(3000, 0.975)
    # Of two policies that decide one request in 100,000 otherwise, with other clusters.
    random = np.random.default_rng(7)
    one = random.poisson(500, (2000, 4))
    other = one + random.poisson(1, (2000, 4)) * (random.random((2000, 4)) < 0.3)
    held, _ = coverage(one, other, 100_000, -0.3e-5, paired=True)
    assert held > 0.93


@pytest.mark.parametrize("more", [3, 7])
def test_equal_differences_are_no_proof_of_precision(more: int) -> None:
    """The interval is the unpaired one; where all counts are equal, the binomial one."""
    b = np.array([7, 14, 28, 9])
    offered = [3000] * 4
    found = blocking_difference(b + more, offered, b, offered, 0.95, paired=True)
    assert found.verdict == "no difference shown"
    alone = blocking_estimate(b, offered, 0.95)
    assert found.ci_upper - found.ci_lower > 1.2 * (alone.ci_upper - alone.ci_lower)
    constant = blocking_difference([7 + more] * 4, offered, [7] * 4, offered, 0.95, paired=True)
    p, q = (7 + more) / 3000, 7 / 3000
    error = math.sqrt(p * (1 - p) / 12_000 + q * (1 - q) / 12_000)
    width = constant.ci_upper - constant.ci_lower
    assert width == pytest.approx(2 * stats.t(3).ppf(0.975) * error, rel=0.3)
    assert variance_ratio(b + more, offered, b, offered) == math.inf
    assert math.isnan(variance_ratio([7] * 4, offered, [7 + more] * 4, offered))


def test_too_few_replications_have_no_interval() -> None:
    for one, other in (([5], [9]), ([0], [0]), ([], [])):
        offered = [100] * len(one)
        found = blocking_difference(one, offered, other, offered, 0.95, paired=True)
        assert math.isnan(found.ci_lower)
        assert math.isnan(found.ci_upper)
        assert found.replications == len(one)
        assert found.verdict == "no difference shown"
    assert math.isnan(variance_ratio([5], [100], [9], [100]))
    uneven = blocking_difference([5], [100], [9, 8], [100, 100], 0.95, paired=False)
    assert (uneven.replications, math.isnan(uneven.ci_upper)) == (1, True)


def test_a_family_of_comparisons_widens_each() -> None:
    """Ten comparisons at 95 % in all: each at 99.5 %."""
    ten = blocking_difference(A, OFFERED, B, OFFERED, 0.95, paired=True, family=10)
    one = blocking_difference(A, OFFERED, B, OFFERED, 0.995, paired=True)
    assert (ten.ci_lower, ten.ci_upper) == pytest.approx((one.ci_lower, one.ci_upper))


def test_bit_rates_are_bounded_by_their_requests() -> None:
    found = blocking_difference(
        [0.0] * 3,
        [5e4] * 3,
        [0.0] * 3,
        [5e4] * 3,
        0.95,
        paired=True,
        requests_a=3e3,
        requests_b=3e3,
    )
    assert found.ci_upper == upper_bound_of_zero(3e3, 0.975)


def test_unequal_offered_counts_use_the_linearised_ratio() -> None:
    """Both sides of each pair have the same few or many requests: what they share must go."""
    offered = np.array([500, 1500, 900, 1100])
    a, b = offered // 10 + [1, -1, 0, 1], offered // 20 + [0, 1, -1, 0]
    found = blocking_difference(a, offered, b, offered, 0.95, paired=True)
    p, q = a.sum() / 4000, b.sum() / 4000
    residual = (a - b - (p - q) * offered) / 1000
    error = math.sqrt(residual @ residual / 3 / 4)
    assert found.mean == pytest.approx(p - q)
    expected = 2 * stats.t(3).ppf(0.975) * error
    assert found.ci_upper - found.ci_lower == pytest.approx(expected, rel=0.02)


def test_arguments_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="a has 1 replication and b 2"):
        blocking_difference([1], [9], [1, 2], [9, 9], 0.95, paired=True)
    with pytest.raises(ValueError, match="a has 1 replication and b 2"):
        variance_ratio([1], [9], [1, 2], [9, 9])
    with pytest.raises(ValueError, match="one number per replication"):
        blocking_difference([1, 2], [9], [1, 2], [9, 9], 0.95, paired=True)
    with pytest.raises(ValueError, match="family is 0"):
        blocking_difference(A, OFFERED, B, OFFERED, 0.95, paired=True, family=0)


def test_common_random_numbers_gain_on_nsfnet() -> None:
    """First fit against random fit, and three candidate paths against one, of the same requests."""
    blocked = {}
    for name, fit, paths in (
        ("ff", "first_fit", 3),
        ("rf", "random_fit", 3),
        ("one", "first_fit", 1),
    ):
        config = load_config(
            "nsfnet_100_slots",
            {
                "general_settings": {"allocation_method": fit, "num_requests": 20_000},
                "routing_settings": {"k_paths": paths},
            },
        )
        scenario = make_scenario(config, read_inputs(config))
        done = [replicate(scenario, 170.0, number, 3400) for number in range(30)]
        blocked[name] = [int(each.traffic.blocked.sum()) for each in done]
    offered = [20_000] * 30
    for other in ("rf", "one"):
        assert variance_ratio(blocked["ff"], offered, blocked[other], offered) > 1.5
        found = blocking_difference(
            blocked["ff"], offered, blocked[other], offered, 0.95, paired=True
        )
        assert found.verdict_between("ff", other) == "ff blocks less"
