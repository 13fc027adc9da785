"""The load at a target blocking: found where it is, with intervals that hold it as often as they say."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import brentq

from fusion.results.load_at import load_at
from fusion.results.load_finder import Evaluation, FoundLoad, find_load, fit_line, search_load
from fusion.results.statistics import blocking_estimate, upper_bound_of_zero
from fusion.simulation.replication import replicate
from validation.exact import erlang_b
from validation.link_models import RequestClass, link_model, warmup_requests

Simulate = Callable[[float, int], tuple[int, int]]
FEW = [0, 0, 0, 0, 0]
OFFERED = [10_000] * 5


def exact_load(servers: int, blocking: float) -> float:
    """Return the load at which Erlang B gives this blocking."""
    return float(brentq(lambda load: erlang_b(servers, load) - blocking, 1e-3, 3.0 * servers))


def blocked_counts(
    random: np.random.Generator, servers: int, load: float, requests: int, size: float, count: int
) -> NDArray[np.int64]:
    """Return blocked requests of replications whose mean is that of Erlang B, in geometric clusters."""
    counts = random.poisson(erlang_b(servers, load) * requests / size, count)
    some = counts > 0
    counts[some] += random.negative_binomial(counts[some], 1.0 / size)
    return np.minimum(counts, requests)


def simulation(servers: int, requests: int, size: float, seed: int) -> Simulate:
    """Return replications of such a link, each with random numbers of its own."""

    def simulate(load: float, replication: int) -> tuple[int, int]:
        words = [seed, *np.frombuffer(np.float64(load).tobytes(), np.uint32).tolist(), replication]
        random = np.random.default_rng(words)
        return int(blocked_counts(random, servers, load, requests, size, 1)[0]), requests

    return simulate


GRIDS = [
    (10, 2000, 10, 2, 0.01, 1.2, 0.0),
    (100, 10_000, 10, 3, 0.001, 1.1, 0.2),
    (20, 5000, 5, 2, 0.1, 1.2, 0.5),
    (320, 30_000, 10, 3, 0.01, 1.05, 0.5),
    (50, 5000, 10, 2, 0.2, 1.1, 0.4),
    (100, 100_000, 10, 3, 1e-4, 1.08, 0.4),
]
"""(servers, requests, replications, cluster size, target, ratio of neighbours, place of the target)"""


@pytest.mark.parametrize(("servers", "requests", "n", "size", "target", "ratio", "place"), GRIDS)
def test_interval_between_loads_covers_as_it_says(
    servers: int, requests: int, n: int, size: float, target: float, ratio: float, place: float
) -> None:
    """500 experiments at five loads: 95 % within 2 points, two standard errors."""
    random = np.random.default_rng(1)
    truth = exact_load(servers, target)
    loads = truth * ratio ** (np.arange(-2.0, 3.0) + place)
    held = []
    for _ in range(500):
        blocked = [blocked_counts(random, servers, load, requests, size, n) for load in loads]
        found = load_at(loads.tolist(), blocked, [[requests] * n] * 5, target, 0.95)
        assert found.status in ("inside", "below all loads with blocking")
        held.append(found.ci_lower <= truth <= found.ci_upper)
    assert 0.93 < np.mean(held) < 0.97


SEARCHES = [
    (10, 2000, 2, 0.01, 0.02),
    (100, 10_000, 3, 0.001, 0.01),
    (20, 5000, 2, 0.1, 0.01),
    (320, 10_000, 5, 0.01, 0.02),
    (50, 1000, 2, 0.2, 0.02),
    (100, 30_000, 3, 1e-4, 0.02),
]
"""(servers, requests of a replication, cluster size, target, relative precision)"""


@pytest.mark.parametrize(("servers", "requests", "size", "target", "precision"), SEARCHES)
def test_search_covers_as_it_says(
    servers: int, requests: int, size: float, target: float, precision: float
) -> None:
    """80 searches over a decade: 95 % within three standard errors, all as precise as asked."""
    truth = exact_load(servers, target)
    done = [
        find_load(
            simulation(servers, requests, size, seed),
            target,
            lowest=0.2 * servers,
            highest=2.0 * servers,
            relative_precision=precision,
        )
        for seed in range(80)
    ]
    assert {found.status for found in done} == {"found"}
    assert max(found.relative_precision for found in done) <= precision
    held = [found.ci_lower <= truth <= found.ci_upper for found in done]
    assert np.mean(held) > 0.95 - 3 * math.sqrt(0.95 * 0.05 / 80)


@pytest.mark.parametrize(("servers", "requests", "size", "target", "precision"), SEARCHES[:3])
def test_search_needs_fewer_requests_than_a_grid(
    servers: int, requests: int, size: float, target: float, precision: float
) -> None:
    """Ten loads from half to twice the load, until their interval is as narrow: three times as many."""
    truth = exact_load(servers, target)
    loads = np.linspace(truth / 2.0, truth * 2.0, 10).tolist()
    searched, on_grid = [], []
    for seed in range(3):
        simulate = simulation(servers, requests, size, seed)
        found = find_load(
            simulate, target, lowest=loads[0], highest=loads[-1], relative_precision=precision
        )
        searched.append(found.requests)
        blocked: list[list[int]] = [[] for _ in loads]
        n, half = 0, math.inf
        while half > precision * truth:
            more = max(10, n // 5)
            for load, counts in zip(loads, blocked, strict=True):
                counts.extend(simulate(load, n + number)[0] for number in range(more))
            n += more
            there = load_at(loads, blocked, [[requests] * n] * 10, target, 0.95)
            half = 0.5 * (there.ci_upper - there.ci_lower)
        on_grid.append(10 * n * requests)
    assert sum(on_grid) > 3.0 * sum(searched)


def test_search_finds_the_load_of_a_simulated_link() -> None:
    """The simulator itself, on a link of 20 slots: the load at which Erlang B gives 2 %."""

    def simulate(load: float, replication: int) -> tuple[int, int]:
        scenario, _ = link_model(
            [RequestClass(load, 1, [[0]])], [20], ("first_fit", "in_order"), num_requests=4000
        )
        done = replicate(scenario, load, replication, warmup_requests(load))
        return int(done.traffic.blocked.sum()), done.requests

    found = find_load(
        simulate, 0.02, lowest=1, highest=200, relative_precision=0.01, confidence=0.99
    )
    assert found.status == "found"
    assert found.ci_lower < exact_load(20, 0.02) < found.ci_upper
    assert found.relative_precision <= 0.01
    assert found.requests == sum(each.offered for each in found.trace) < 1_000_000


def test_a_search_is_repeated_exactly_and_asks_for_each_replication_once() -> None:
    simulate = simulation(100, 10_000, 3, 1)
    one, other = (find_load(simulate, 0.01, lowest=20, highest=200) for _ in range(2))
    assert one == other
    asked = [(each.load, each.replication) for each in one.trace]
    assert len(set(asked)) == len(asked)
    for load, count in Counter(load for load, _ in asked).items():
        assert sorted(number for at, number in asked if at == load) == list(range(count))
    assert all(20 <= load <= 200 for load, _ in asked)


def test_rounds_of_a_search_can_be_done_in_parallel() -> None:
    """Lists of tasks grow with the search; driven by hand it gives what find_load gives."""
    simulate = simulation(100, 2000, 3, 1)
    search = search_load(0.01, lowest=20, highest=200, relative_precision=0.005)
    tasks, sizes = next(search), []
    found: FoundLoad | None = None
    while found is None:
        sizes.append(len(tasks))
        backwards = [simulate(*task) for task in reversed(tasks)]
        try:
            tasks = search.send(backwards[::-1])
        except StopIteration as end:
            found = end.value
    assert found == find_load(simulate, 0.01, lowest=20, highest=200, relative_precision=0.005)
    assert sizes[0] == 1
    assert max(sizes) > 10
    assert sum(sizes) == len(found.trace)


@pytest.mark.parametrize(("target", "requests"), [(0.01, 10_000), (1e-3, 50_000)])
def test_a_target_outside_is_told(target: float, requests: int) -> None:
    truth = exact_load(100, target)
    simulate = simulation(100, requests, 3, 1)
    above = find_load(simulate, target, lowest=0.2 * truth, highest=0.9 * truth)
    assert (above.status, above.ci_lower) == ("above highest", pytest.approx(0.9 * truth))
    assert above.ci_upper > truth
    below = find_load(simulate, target, lowest=1.1 * truth, highest=9.0 * truth)
    assert (below.status, below.ci_upper) == ("below lowest", pytest.approx(1.1 * truth))
    assert below.ci_lower < truth
    assert math.isnan(above.load)
    assert math.isnan(below.load)
    far = find_load(simulate, target, lowest=0.01 * truth, highest=0.1 * truth)
    assert (far.status, sum(each.blocked for each in far.trace)) == ("above highest", 0)
    assert far.requests > upper_bound_of_zero(1, 0.95) / target


@pytest.mark.parametrize("place", [0.0, 1.0])
def test_a_target_at_the_end_of_the_range_is_found_or_told(place: float) -> None:
    """Half of the estimates are inside; no load outside is simulated, and the interval holds the truth."""
    truth = exact_load(100, 0.01)
    lowest, highest = (truth, 2.0 * truth) if place == 0.0 else (0.5 * truth, truth)
    done = [
        find_load(simulation(100, 10_000, 3, seed), 0.01, lowest=lowest, highest=highest)
        for seed in range(40)
    ]
    allowed = {"found", "below lowest" if place == 0.0 else "above highest"}
    assert {found.status for found in done} == allowed
    for found in done:
        assert all(lowest <= each.load <= highest for each in found.trace)
    assert np.mean([found.ci_lower <= truth <= found.ci_upper for found in done]) > 0.85


def test_a_search_ends_at_its_requests() -> None:
    """Also where a replication is far too short for its target, and where nothing is ever blocked."""
    found = find_load(
        simulation(100, 1000, 3, 1), 0.01, lowest=20, highest=200, max_requests=30_000
    )
    assert (found.status, found.requests) == ("more requests needed", 30_000)
    assert found.ci_lower < exact_load(100, 0.01) < found.ci_upper
    short = find_load(simulation(100, 50, 3, 1), 1e-5, lowest=20, highest=200, max_requests=20_000)
    assert short.status == "more requests needed"
    assert short.requests < 1.06 * 20_000
    never = find_load(lambda load, number: (0, 100), 1e-4, lowest=1, highest=9, max_requests=9000)
    assert (never.status, never.ci_lower, never.ci_upper) == ("more requests needed", 0.0, math.inf)
    always = find_load(lambda load, number: (100, 100), 0.5, lowest=1, highest=9, max_requests=1e5)
    assert always.status == "below lowest"
    falling = find_load(
        lambda load, number: (int(900 / load) + number % 7, 1000), 0.3, lowest=1, highest=9,
        max_requests=1e5,
    )  # fmt: skip
    assert falling.status != "found"


def test_a_line_through_known_points_is_that_line() -> None:
    """Two loads with blocking 0.01 and 0.03: a line of two parameters meets both."""
    points = [
        Evaluation(load, n, blocked, 1000)
        for load, blocked in ((90.0, 10), (110.0, 30))
        for n in range(4)
    ]
    line = fit_line(points, math.log(100.0))
    assert line is not None
    for load, p in ((90.0, 0.01), (110.0, 0.03)):
        y = line.level + line.slope * math.log(load / 100.0)
        assert 0.5 * math.erfc(-y / math.sqrt(2.0)) == pytest.approx(p, rel=1e-6)
    assert line.degrees == 6
    assert fit_line(points[:4], 0.0) is None
    assert fit_line([each._replace(load=1 / each.load) for each in points], 0.0) is None
    assert fit_line([each._replace(blocked=0) for each in points], 0.0) is None


def test_at_a_load_the_interval_is_about_that_of_its_blocking() -> None:
    """The target is the estimate of one load: blocking there, at the limits, is the limits' estimate."""
    blocked = [[20, 26, 24, 18, 22], [60, 66, 55, 58, 61], [150, 160, 155, 149, 161]]
    found = load_at([100, 110, 120], blocked, [OFFERED] * 3, 0.006, 0.95)
    assert found.load == pytest.approx(110, rel=1e-6)
    estimate = blocking_estimate(blocked[1], OFFERED, 0.95)
    for limit, p in ((found.ci_lower, estimate.ci_upper), (found.ci_upper, estimate.ci_lower)):
        there = load_at([100, 110, 120], blocked, [OFFERED] * 3, 2 * 0.006 - p, 0.95)
        assert limit == pytest.approx(there.load, rel=0.003)


def test_targets_outside_of_the_loads() -> None:
    blocked = [[20, 26, 24, 18, 22], [60, 66, 55, 58, 61]]
    below = load_at([100, 110], blocked, [OFFERED] * 2, 1e-4, 0.95)
    assert (below.status, below.ci_lower, below.ci_upper) == (
        "below all loads",
        0.0,
        pytest.approx(100),
    )
    above = load_at([100, 110], blocked, [OFFERED] * 2, 0.1, 0.95)
    assert (above.status, above.ci_lower, above.ci_upper) == (
        "above all loads",
        pytest.approx(110),
        math.inf,
    )
    near = load_at([100, 110], blocked, [OFFERED] * 2, 0.00605, 0.95)
    assert near.status == "above all loads"
    assert 105 < near.ci_lower < 110
    assert all(math.isnan(each.load) for each in (below, above, near))


def test_nothing_blocked_bounds_the_load_and_is_no_zero() -> None:
    """At 90 Erlang blocking is under 44 / 50,000 (one limit of a 95 % interval), more is not known."""
    loads, blocked = [80, 90, 100, 110], [FEW, FEW, [4, 9, 7, 8, 6], [90, 80, 99, 85, 92]]
    offered = [OFFERED] * 4
    bound = upper_bound_of_zero(50_000, 0.975)
    over = load_at(loads, blocked, offered, bound * 1.0001, 0.95)
    assert over.ci_lower == pytest.approx(90, rel=1e-3)
    under = load_at(loads, blocked, offered, 0.6 * bound, 0.95)
    assert 80 < under.ci_lower < 90
    tiny = load_at(loads, blocked, offered, 2e-5, 0.95)
    assert (tiny.status, tiny.ci_lower) == ("below all loads with blocking", 0.0)
    assert math.isnan(tiny.load), "an upper bound is no value to interpolate from"
    assert tiny.ci_upper == pytest.approx(100)
    hardly = load_at(
        [1, 2, 3], [[0, 0], [0, 0], [5, 9]], [[10**5] * 2, [3] * 2, [1000] * 2], 4e-3, 0.95
    )
    assert 1 < hardly.ci_lower < 2
    nothing = load_at(loads[:2], blocked[:2], offered[:2], 2e-3, 0.95)
    assert (nothing.status, nothing.ci_lower, nothing.ci_upper) == ("above all loads", 90, math.inf)
    unknown = load_at(loads[:2], blocked[:2], offered[:2], 1e-5, 0.95)
    assert (unknown.status, unknown.ci_lower) == ("above all loads", 0.0)
    few = load_at([1, 2], [[0], [0]], [[3], [3]], 0.1, 0.95)
    assert (few.ci_lower, few.ci_upper) == (0.0, math.inf)


def test_blocking_that_falls_by_chance_is_pooled() -> None:
    """Two loads the wrong way round count as one level, by their requests."""
    blocked = [[10, 12, 9, 8, 11], [40, 44, 38, 42, 36], [30, 28, 34, 32, 26], [90, 95, 88, 92, 85]]
    found = load_at([90, 100, 105, 120], blocked, [OFFERED] * 4, 0.0035, 0.95)
    assert found.load == pytest.approx(102.5, abs=0.1)
    assert found.ci_lower < 100
    assert found.ci_upper > 105


def test_too_little_is_told() -> None:
    nothing = load_at([1, 2], [[], []], [[], []], 0.1, 0.95)
    assert (nothing.status, math.isnan(nothing.ci_lower)) == ("no replications", True)
    assert load_at([], [], [], 0.1, 0.95).status == "no replications"
    single = load_at([100, 110], [[10], [60]], [[1000], [1000]], 0.03, 0.95)
    assert (single.status, math.isnan(single.ci_lower)) == ("inside", True)
    assert 100 < single.load < 110
    alike = load_at([100, 110], [[7] * 5, [28] * 5], [[3000] * 5] * 2, 0.005, 0.95)
    assert alike.ci_upper - alike.ci_lower > 1.0
    missing = load_at(
        [100, 105, 110], [[10, 12], [], [60, 66]], [[1000] * 2, [], [1000] * 2], 0.03, 0.95
    )
    assert missing.status == "inside"
    full = load_at([100, 110], [[10, 12], [50, 50]], [[50, 50]] * 2, 0.6, 0.95)
    assert 100 < full.load < 110


def test_arguments_that_make_no_sense_are_refused() -> None:
    simulate = simulation(10, 100, 2, 1)
    with pytest.raises(ValueError, match=r"target is 1\.5"):
        load_at([1.0], [[1]], [[9]], 1.5, 0.95)
    with pytest.raises(ValueError, match="rising"):
        load_at([2.0, 1.0], [[1], [1]], [[9], [9]], 0.5, 0.95)
    with pytest.raises(ValueError, match="2 loads, 1 of blocked"):
        load_at([1.0, 2.0], [[1]], [[9]], 0.5, 0.95)
    with pytest.raises(ValueError, match="target is 0"):
        find_load(simulate, 0.0, lowest=1, highest=2)
    with pytest.raises(ValueError, match="lowest and highest are 3 and 2"):
        find_load(simulate, 0.1, lowest=3, highest=2)
    with pytest.raises(ValueError, match="relative_precision is 0"):
        find_load(simulate, 0.1, lowest=1, highest=2, relative_precision=0)
    with pytest.raises(
        ValueError, match=r"replication 0 at 1\.4142 Erlang has 5 of 0 requests blocked"
    ):
        find_load(lambda load, number: (5, 0), 0.1, lowest=1, highest=2)
