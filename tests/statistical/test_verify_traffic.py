"""Traffic is what it says: laws of the arrivals, holding times, pairs and bit rates, and the streams.

Seeds are fixed, so a test that passes goes on passing; the limits are those of a 99.9 % test.
"""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from fusion.config.config import load_config
from fusion.scenario.inputs import read_inputs
from fusion.scenario.scenario import Scenario, make_scenario
from fusion.scenario.traffic import (
    CHUNK,
    Requests,
    TrafficModel,
    draw_requests,
    mean_of_truncated_exponential,
    offered_load,
)
from tests.twin.cases import first_requests

COUNT = 200_000
LEVEL = 0.001
UNIFORM = TrafficModel(np.full(182, 1 / 182), np.full(76, 1 / 76), 2.0, "exponential")
SKEWED = TrafficModel(
    np.array([0.0, 0.5, 0.2, 0.3, 0.0]), np.array([0.7, 0.0, 0.3]), 1.0, "exponential"
)


def requests_of(
    model: TrafficModel, load: float = 50.0, seed: int = 3, replication: int = 0, count: int = COUNT
) -> Requests:
    return first_requests(model, load, seed, replication, count)


def assert_shares(drawn: NDArray[np.int32], shares: NDArray[np.float64]) -> None:
    """Chi-square test of category numbers; a category of share 0 must not occur."""
    counts = np.bincount(drawn, minlength=len(shares))
    assert len(counts) == len(shares)
    assert not counts[shares == 0.0].any()
    some = shares > 0.0
    expected = shares[some] / shares[some].sum() * len(drawn)
    assert stats.chisquare(counts[some], expected).pvalue > LEVEL


def test_arrivals_are_poisson() -> None:
    """Exponential gaps with mean holding time / load, independent of each other, in order."""
    arrival = requests_of(UNIFORM).arrival
    gaps = np.diff(arrival, prepend=0.0)
    mean = 2.0 / 50.0
    assert gaps.min() >= 0.0
    assert stats.kstest(gaps, "expon", args=(0, mean)).pvalue > LEVEL
    assert gaps.mean() == pytest.approx(mean, rel=3.3 / COUNT**0.5)
    # The variance of a sample variance of exponential gaps is 8 mean^4 / n.
    assert gaps.var() == pytest.approx(mean**2, rel=3.3 * (8 / COUNT) ** 0.5)
    assert abs(np.corrcoef(gaps[:-1], gaps[1:])[0, 1]) < 3.3 / COUNT**0.5


def test_arrivals_per_interval_have_poisson_counts() -> None:
    """Mean and variance of the number of arrivals in an interval are equal, and so is the law."""
    arrival = requests_of(UNIFORM).arrival
    counts = np.bincount(arrival.astype(np.int64))[:-1]  # 25 arrivals per unit of time
    n = len(counts)
    assert counts.mean() == pytest.approx(25.0, abs=3.3 * (25.0 / n) ** 0.5)
    assert counts.var(ddof=1) / counts.mean() == pytest.approx(1.0, abs=3.3 * (2 / n) ** 0.5)
    edges = np.arange(15, 36)
    observed = np.bincount(np.clip(counts, 15, 35))[15:]
    law = stats.poisson(25.0).cdf(edges)
    expected = n * np.diff(np.append(law[:-1], 1.0), prepend=0.0)
    assert stats.chisquare(observed, expected).pvalue > LEVEL


def test_holding_times() -> None:
    exponential = requests_of(UNIFORM).holding
    assert stats.kstest(exponential, "expon", args=(0, 2.0)).pvalue > LEVEL
    deterministic = requests_of(UNIFORM._replace(holding_distribution="deterministic"))
    assert np.all(deterministic.holding == 2.0)

    model = UNIFORM._replace(holding_distribution="truncated_exponential")
    truncated = requests_of(model).holding
    assert truncated.min() >= 0.0
    assert truncated.max() <= 4.0
    assert stats.kstest(truncated, stats.truncexpon(2.0, scale=2.0).cdf).pvalue > LEVEL
    redrawn = np.random.default_rng(1).exponential(2.0, COUNT)
    redrawn = redrawn[redrawn <= 4.0]
    assert stats.ks_2samp(truncated, redrawn).pvalue > LEVEL
    mean = mean_of_truncated_exponential(2.0)
    assert mean == pytest.approx(2.0 * 0.686964714501, rel=1e-11)
    assert truncated.mean() == pytest.approx(mean, abs=3.3 * truncated.std() / COUNT**0.5)
    assert offered_load(model, 50.0) == pytest.approx(50.0 * mean / 2.0)
    assert offered_load(UNIFORM, 50.0) == 50.0


def test_pairs_and_bit_rates_have_their_shares() -> None:
    for model in (UNIFORM, SKEWED):
        drawn = requests_of(model)
        assert_shares(drawn.pair, model.pair_shares)
        assert_shares(drawn.bit_rate, model.bit_rate_shares)
        assert_shares(
            drawn.pair * len(model.bit_rate_shares) + drawn.bit_rate,
            np.outer(model.pair_shares, model.bit_rate_shares).ravel(),
        )


def test_ties_are_uniform() -> None:
    tie = requests_of(UNIFORM).tie
    assert tie.min() >= 0.0
    assert tie.max() < 1.0
    assert stats.kstest(tie, "uniform").pvalue > LEVEL
    assert next(draw_requests(UNIFORM, 50.0, 3, 0, ties=False)).tie.size == 0


def test_columns_are_independent_of_each_other() -> None:
    drawn = requests_of(UNIFORM)
    columns = [np.diff(drawn.arrival, prepend=0.0), *drawn[1:]]
    for one, other in combinations(columns, 2):
        assert abs(stats.spearmanr(one, other).statistic) < 3.9 / COUNT**0.5


def columns_of(one: Requests, other: Requests) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Return the columns of two chunks side by side: arrival, holding, pair, bit rate, tie."""
    return list(zip(one, other, strict=True))


def scenario_of(**sections: dict[str, object]) -> Scenario:
    config = load_config("nsfnet_100_slots", sections)
    return make_scenario(config, read_inputs(config))


def test_a_config_means_this_traffic(tmp_path: Path) -> None:
    """Uniform pairs by default; a traffic matrix gives each ordered pair its share, 0 included."""
    uniform = scenario_of()
    assert np.all(uniform.traffic.pair_shares == 1 / 182)
    assert uniform.lightpaths.bit_rates_gbps.tolist() == list(range(25, 101))
    matrix = np.random.default_rng(1).uniform(0, 1, (14, 14)).round(3)
    matrix[3, :] = 0.0
    np.fill_diagonal(matrix, 0.0)
    file = tmp_path / "matrix.csv"
    file.write_text("\n".join(",".join(map(str, row)) for row in matrix))
    by_matrix = scenario_of(traffic_settings={"traffic_matrix": str(file)})
    wanted = {
        (str(s), str(d)): matrix[s, d] / matrix.sum()
        for s in range(14)
        for d in range(14)
        if s != d
    }
    numbers = {name: str(n) for n, name in enumerate(dict.fromkeys(s for s, _ in uniform.pairs))}
    drawn = requests_of(by_matrix.traffic).pair
    shares = np.array([wanted[numbers[s], numbers[d]] for s, d in by_matrix.pairs])
    assert by_matrix.traffic.pair_shares == pytest.approx(shares)
    assert_shares(drawn, shares)


def test_bit_rate_distribution_of_a_config() -> None:
    scenario = scenario_of(
        general_settings={"request_distribution": {"25": 0.1, "50": 0.6, "100": 0.3}},
        traffic_settings={"bit_rates": "distribution"},
    )
    assert scenario.lightpaths.bit_rates_gbps.tolist() == [25.0, 50.0, 100.0]
    assert_shares(requests_of(scenario.traffic).bit_rate, np.array([0.1, 0.6, 0.3]))


STREAMS = [(3, 50.0, 0), (4, 50.0, 0), (3, 51.0, 0), (3, 50.0, 1), (3, 50.0, 2), (3, 100.0, 0)]
"""(seed, load, replication)"""


def test_streams_are_their_own() -> None:
    """Another seed, load or replication: other numbers, with no correlation in any column."""
    drawn = [requests_of(UNIFORM, load, seed, n, 50_000) for seed, load, n in STREAMS]
    for one, other in combinations(drawn, 2):
        for a, b in columns_of(one, other):
            assert not np.array_equal(a, b)
            if a is not one.arrival:
                assert abs(stats.spearmanr(a, b).statistic) < 4.2 / 50_000**0.5
        gaps = [np.diff(column.arrival) for column in (one, other)]
        assert abs(stats.spearmanr(*gaps).statistic) < 4.2 / 50_000**0.5
        # Nor are the two the same numbers some places apart.
        assert len(np.intersect1d(one.holding, other.holding)) < 3


def test_the_same_stream_is_the_same() -> None:
    for seed, load, n in STREAMS:
        first, again = (requests_of(UNIFORM, load, seed, n, CHUNK + 5) for _ in range(2))
        for a, b in columns_of(first, again):
            assert np.array_equal(a, b)


def test_a_shorter_run_is_the_beginning_of_a_longer_one() -> None:
    short, long = requests_of(UNIFORM, count=1000), requests_of(UNIFORM, count=3 * CHUNK)
    for a, b in columns_of(short, long.part(0, 1000)):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("holding", ["exponential", "deterministic", "truncated_exponential"])
@pytest.mark.parametrize("model", [UNIFORM, SKEWED], ids=["uniform", "skewed"])
def test_the_size_of_a_chunk_changes_nothing(model: TrafficModel, holding: str) -> None:
    model = model._replace(holding_distribution=holding)
    whole = first_requests(model, 50.0, 3, 2, CHUNK + 2000)
    chunks = draw_requests(model, 50.0, 3, 2, ties=True, size=1000)
    drawn = [next(chunks) for _ in range(CHUNK // 1000 + 2)]
    for a, b in zip(zip(*drawn, strict=True), whole, strict=True):
        small = np.concatenate(a)
        assert np.array_equal(small, b[: len(small)])


def test_every_policy_is_offered_the_same() -> None:
    """Only the numbers that random fit reads come on top; other streams stay as they are."""
    scenarios = [
        scenario_of(
            general_settings={"allocation_method": method},
            routing_settings={"path_choice": path_choice, "path_order": order},
        )
        for method, path_choice, order in (
            ("first_fit", "in_order", "hops"),
            ("random_fit", "all", "hops"),
            ("most_used", "in_order", "km"),
        )
    ]
    drawn = [
        next(draw_requests(s.traffic, 170.0, s.seed, 0, ties=s.policy.needs_ties))
        for s in scenarios
    ]
    for other in drawn[1:]:
        for a, b in columns_of(drawn[0], other)[:4]:
            assert np.array_equal(a, b)
    assert [len(one.tie) for one in drawn] == [0, CHUNK, 0]
    assert scenarios[0].pairs == scenarios[1].pairs == scenarios[2].pairs
