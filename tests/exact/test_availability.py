"""Links that fail at random: their availability, and that of connections, where both are known exactly.

A link is a Markov chain of two states, with rates a to fail and b to be repaired. A connection is admitted
while its paths are up and stays for an exponential time of rate m, so its availability is the integral of
m exp(-m t) P(carried at t), whatever the others do.
"""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusion.config.config import Config, ConfigError, load_config
from fusion.config.relevant_fields import relevant_fields
from fusion.results.measured import Replication
from fusion.results.statistics import ratio_estimate, student_t
from fusion.results.tables import availability_rows
from fusion.scenario.failures import random_events
from fusion.scenario.inputs import read_inputs
from fusion.scenario.lifetimes import Lifetimes
from fusion.scenario.scenario import Scenario, make_scenario
from fusion.simulation.replication import replicate
from tests.exact.availability_theory import Availability, exact_availability

MTBF, MTTR, LOAD = 3.0, 0.5, 8.0
A, B = 1 / MTBF, 1 / MTTR
UP = MTBF / (MTBF + MTTR)
LINK, RING = "A\tB\t100\n", "A\tB\t100\nB\tC\t200\nC\tA\t300\n"


def network(folder: Path, links: str, failure: dict[str, Any], **sections: Any) -> Config:
    (folder / "links.txt").write_text(links)
    settings: dict[str, dict[str, Any]] = {
        "general_settings": {
            "num_requests": 2500,
            "holding_time": 1,
            "request_distribution": {25: 1},
            "max_segments": 1,
            "erlang_start": 8,
            "erlang_stop": 8,
        },
        "topology_settings": {"network": str(folder / "links.txt"), "cores_per_link": 1},
        "spectrum_settings": {"c_band": 40},
        "failure_settings": {
            "failure_type": "random",
            "mtbf": MTBF,
            "mtbf_of": "link",
            "mttr": MTTR,
            **failure,
        },
    }
    return load_config("default", settings | sections)


def done(config: Config, count: int = 20) -> tuple[Scenario, list[Replication]]:
    scenario = make_scenario(config, read_inputs(config))
    return scenario, [replicate(scenario, LOAD, number, 80) for number in range(count)]


def assert_availability(replications: list[Replication], exact: Availability) -> None:
    """The estimate is within 4 standard deviations of it, and its interval as wide as it should be.

    The width of an interval over n replications varies as the root of chi² of n - 1 degrees of freedom, by
    1 / sqrt(2 (n - 1)) of itself.
    """
    failures = [each.failures for each in replications]
    asked = [each.asked_time for each in failures]
    carried = [each.asked_time - each.down_time for each in failures]
    time = sum(each.measured_time for each in failures)
    deviation = math.sqrt(exact.variance / time)
    estimate = ratio_estimate(carried, asked, 0.95)
    assert estimate.mean == pytest.approx(exact.mean, abs=4 * deviation)
    half, count = 0.5 * (estimate.ci_upper - estimate.ci_lower), len(replications)
    wanted = student_t(0.95, count - 1) * deviation
    assert half == pytest.approx(wanted, rel=4 / math.sqrt(2 * (count - 1)))


def chain(links: int) -> tuple[np.ndarray[Any, Any], list[tuple[bool, ...]]]:
    """Return the rates between the states of some links, and the states: which links are up."""
    states = list(itertools.product((True, False), repeat=links))
    rates = np.zeros((len(states),) * 2)
    for i, state in enumerate(states):
        for link, is_up in enumerate(state):
            other = (*state[:link], not is_up, *state[link + 1 :])
            rates[i, states.index(other)] = A if is_up else B
        rates[i, i] = -rates[i].sum()
    return rates, states


def availability(links: int, paths: list[set[int]], *, waits: bool) -> Availability:
    """Return the availability of connections that any path carries, all of whose links are up at first.

    waits: they are carried again after a repair; if not, they are gone as soon as no path is up.
    """
    rates, states = chain(links)
    carried = np.array(
        [any(all(state[link] for link in path) for path in paths) for state in states], dtype=float
    )
    comes = np.array([LOAD if all(state) else 0.0 for state in states])
    exact = exact_availability(rates, carried, comes, waits=waits)
    assert exact.mean == pytest.approx(seen_by_one(rates, carried, waits=waits))
    return exact


def seen_by_one(
    rates: np.ndarray[Any, Any], carried: np.ndarray[Any, Any], *, waits: bool
) -> float:
    """Return the same mean from the life of one connection."""
    left = np.diag(rates)
    if not waits:  # a state in which nothing is carried is left no more, and is not a state
        rates = rates * carried[:, None] * carried[None, :]
        np.fill_diagonal(rates, left)
    # The integral of m exp(-m t) exp(rates t) is m (m - rates)^-1, here with m = 1.
    return float(np.linalg.solve(np.eye(len(rates)) - rates, carried)[0])


def test_links_are_up_as_often_as_they_should(tmp_path: Path) -> None:
    """The streams do not depend on policies, and links not on each other."""
    config = network(tmp_path, RING, {"restoration": "none"})
    scenario, replications = done(config)
    protected = network(tmp_path, RING, {}, protection_settings={"protection_mode": "1plus1"})
    _, others = done(protected)
    failures = [each.failures for each in replications]
    for one, other in zip(failures, others, strict=True):
        assert np.array_equal(one.link_down_time, other.failures.link_down_time)
        assert np.array_equal(one.link_outages, other.failures.link_outages)
    time = [each.measured_time for each in failures]
    for link in range(3):
        down = [each.link_down_time[link] for each in failures]
        estimate = ratio_estimate(down, time, 0.999)
        assert estimate.ci_lower < 1 - UP < estimate.ci_upper
        outages = sum(each.link_outages[link] for each in failures)
        assert outages == pytest.approx(sum(time) / (MTBF + MTTR), rel=0.1)
    rows = availability_rows(replications, scenario, 0.95)
    assert [row["what"] for row in rows] == ["connections", "link", "link", "link"]
    assert rows[1]["availability"] == pytest.approx(UP, abs=0.02)
    assert rows[1]["outage_time"] == pytest.approx(MTTR, rel=0.15)


@pytest.mark.parametrize("restoration", ["none", "wait"])
def test_one_link(tmp_path: Path, restoration: str) -> None:
    """Waiting for the repair: UP + (1 - UP) m / (m + a + b). Gone with the first failure: m / (m + a)."""
    exact = availability(1, [{0}], waits=restoration == "wait")
    known = UP + (1 - UP) / (1 + A + B) if restoration == "wait" else 1 / (1 + A)
    assert exact.mean == pytest.approx(known)
    _, replications = done(network(tmp_path, LINK, {"restoration": restoration}))
    assert_availability(replications, exact)
    blocked = sum(int(each.traffic.blocked.sum()) for each in replications)
    asked = sum(each.requests for each in replications)
    # The share of a time that a chain of two states is down has the variance 2 a b / (a + b)³ over it.
    time = sum(each.failures.measured_time for each in replications)
    variance = 2 * A * B / (A + B) ** 3 / time + UP * (1 - UP) / asked
    assert blocked / asked == pytest.approx(1 - UP, abs=4 * math.sqrt(variance))
    if restoration == "wait":
        # A time out ends with the repair or with the connection.
        outages = sum(each.failures.outages for each in replications)
        mean = sum(each.failures.outage_time for each in replications) / outages
        assert mean == pytest.approx(1 / (1 + B), rel=0.1)


@pytest.mark.parametrize(
    ("restoration", "mode"),
    [("none", "own"), ("wait", "own"), ("wait", "same"), ("none", "shared"), ("wait", "shared")],
)
def test_two_disjoint_paths(tmp_path: Path, restoration: str, mode: str) -> None:
    """One link here and two there: a connection is carried while either path is up.

    All run from A to B, so that no shared backup is wanted twice.
    """
    (tmp_path / "traffic.csv").write_text("0,1,0\n0,0,0\n0,0,0\n")
    protection: dict[str, Any] = {"protection_mode": "1plus1", "backup_slots": mode}
    if mode == "shared":
        protection = {"protection_mode": "shared_backup", "revert_to_primary": True}
    config = network(
        tmp_path,
        RING,
        {"restoration": restoration},
        protection_settings=protection,
        traffic_settings={"traffic_matrix": str(tmp_path / "traffic.csv")},
    )
    _, replications = done(config)
    assert_availability(replications, availability(3, [{0}, {1, 2}], waits=restoration == "wait"))
    assert all(each.failures.switched > 0 for each in replications)


def test_km_have_their_share() -> None:
    """A link of L km fails L times as often as one of a km."""
    config = load_config("quick", {"failure_settings": {**RANDOM, "mtbf": 5000, "mttr": 0.1}})
    scenario = make_scenario(config, read_inputs(config))
    assert scenario.failure is not None
    lifetimes = scenario.failure.lifetimes
    assert lifetimes is not None
    assert lifetimes.mean_up == pytest.approx(5000 / np.array(scenario.link_km[:22]))
    assert lifetimes.mean_down == 0.1
    assert len(scenario.failure.link_of) == 2 * 22
    for event in itertools.islice(random_events(scenario.failure, 0, 100.0, 0), 50):
        assert np.array_equal(*event.links.reshape(2, -1))


RANDOM = {"failure_type": "random"}


def test_events_are_in_order_and_of_two_states() -> None:
    failure = done_failure(Lifetimes(np.array([1.0, 5.0, 0.2]), 0.5))
    is_down = [False] * 3
    last = 0.0
    for event in itertools.islice(random_events(failure, 3, 10.0, 1), 2000):
        (link,) = np.flatnonzero(event.links)
        assert event.time >= last
        assert event.fails != is_down[link]
        is_down[link], last = event.fails, event.time
    again = [event.time for event in itertools.islice(random_events(failure, 3, 10.0, 1), 9)]
    other = [event.time for event in itertools.islice(random_events(failure, 3, 10.0, 2), 9)]
    assert again != other


def done_failure(lifetimes: Lifetimes) -> Any:
    from fusion.scenario.failures import Failure

    return Failure("none", (0, 1, 2), lifetimes=lifetimes)


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        ({}, "mtbf = 0 (default) must be above 0 with failure_type = random"),
        ({"mtbf": 1000}, "mttr = 0 (default) must be above 0 with failure_type = random"),
        ({"mtbf": 1, "mttr": 0.0001}, "links would fail per unit of time, and only"),
    ],
)
def test_lifetimes_that_cannot_be(failure: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_inputs(load_config("quick", {"failure_settings": {**RANDOM, **failure}}))
    assert told in str(caught.value)


def test_content_of_random_failures() -> None:
    settings = {**RANDOM, "mtbf": 10, "mttr": 2, "t_fail_arrival_index": 7, "geo_hop_radius": 9}
    fields = relevant_fields(load_config("quick", {"failure_settings": settings}))
    own = {key for key in fields if key.startswith("failure_settings.")}
    assert own == {f"failure_settings.{key}" for key in ("failure_type", "mtbf", "mttr")}
