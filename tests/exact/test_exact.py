"""Simulated blocking against exactly solvable cases, in one joint 99 % interval (Bonferroni)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fusion.config.config import load_config
from fusion.results.measured import Replication
from fusion.results.statistics import blocking_estimate
from fusion.scenario.inputs import read_inputs
from fusion.scenario.scenario import Scenario, make_scenario
from fusion.simulation.replication import replicate
from tests.exact.markov import blocking
from validation.exact import (
    ExactCase,
    erlang_b,
    erlang_cases,
    kaufman_roberts,
    kaufman_roberts_cases,
    markov_cases,
)
from validation.link_models import RequestClass, link_model, warmup_requests

REPLICATIONS = 20
REQUESTS = 150_000
TRIANGLE = [[[0], [2, 1]], [[1], [0, 2]], [[2], [0, 1]]]
TANDEM = [[[0]], [[1]], [[0, 1]]]


def per_path(erlang: float, width: int, routes: list[list[list[int]]]) -> list[RequestClass]:
    return [RequestClass(erlang, width, paths) for paths in routes]


MORE_CASES = [
    ("most used, tandem", per_path(0.8, 1, TANDEM) + per_path(0.4, 2, TANDEM), [4], "most_used"),
    ("most used, all paths", per_path(1.2, 1, TRIANGLE), [3], "most_used all"),
    (
        "best fit, all paths",
        per_path(0.4, 1, TRIANGLE) + per_path(0.4, 2, TRIANGLE),
        [3],
        "best_fit all",
    ),
    ("random fit, all paths", per_path(1.2, 1, TRIANGLE), [3], "random_fit all"),
    (
        "last fit, all paths",
        per_path(0.4, 2, TRIANGLE) + per_path(0.4, 1, TRIANGLE),
        [3],
        "last_fit all",
    ),
    ("2 cores", per_path(1.5, 1, [[[0]]]) + per_path(1.0, 2, [[[0]]]), [4, 3], "first_fit"),
    ("2 cores, all paths", per_path(0.8, 1, TRIANGLE), [1, 2], "first_fit all"),
]
"""Name, classes, slots by plane, policy. The exact figures come from our own chain."""

COMPARISONS = (
    sum(len(case.classes) for case in markov_cases() + erlang_cases() + kaufman_roberts_cases())
    + sum(len(classes) for _, classes, _, _ in MORE_CASES)
    + 4
)
CONFIDENCE = 1.0 - 0.01 / COMPARISONS


def policy(words: str) -> tuple[str, str]:
    fit, _, path_choice = words.partition(" ")
    return fit, path_choice or "in_order"


def simulate(
    classes: list[RequestClass], slots_by_plane: list[int], how: tuple[str, str]
) -> list[Replication]:
    scenario, load = link_model(classes, slots_by_plane, how, num_requests=REQUESTS)
    return replications(scenario, load)


def replications(scenario: Scenario, load: float) -> list[Replication]:
    warmup = warmup_requests(load)
    return [replicate(scenario, load, number, warmup) for number in range(REPLICATIONS)]


def assert_blocks(
    exact: list[float], done: list[Replication], kind: tuple[str, str] = ("requested", "blocked")
) -> None:
    offered, blocked = (np.array([getattr(one.traffic, what) for one in done]) for what in kind)
    for number, wanted in enumerate(exact):
        estimate = blocking_estimate(blocked[:, number], offered[:, number], CONFIDENCE)
        assert estimate.ci_lower <= wanted <= estimate.ci_upper
        assert estimate.relative_precision < 0.25  # or the comparison says little


@pytest.mark.parametrize("case", markov_cases(), ids=lambda case: case.name)
def test_our_chain_finds_the_known_figures(case: ExactCase) -> None:
    scenario, _ = link_model(case.classes, [case.slots], case.policy, num_requests=1)
    erlang = [one.erlang for one in case.classes]
    assert blocking(scenario.network, erlang, *case.policy) == pytest.approx(
        case.blocking, rel=0, abs=1e-9
    )


@pytest.mark.parametrize("case", markov_cases() + erlang_cases(), ids=lambda case: case.name)
def test_simulation_agrees_with_known_figures(case: ExactCase) -> None:
    assert_blocks(case.blocking, simulate(case.classes, [case.slots], case.policy))


@pytest.mark.parametrize(
    ("classes", "slots_by_plane", "words"),
    [pytest.param(*case, id=name) for name, *case in MORE_CASES],
)
def test_simulation_agrees_with_our_chain(
    classes: list[RequestClass], slots_by_plane: list[int], words: str
) -> None:
    """The policies and dimensions for which there are no figures but our own."""
    how = policy(words)
    scenario, _ = link_model(classes, slots_by_plane, how, num_requests=1)
    exact = blocking(scenario.network, [one.erlang for one in classes], *how)
    assert_blocks(exact, simulate(classes, slots_by_plane, how))


def test_chain_knows_what_does_not_depend_on_the_policy() -> None:
    """Lightpaths of one slot on one link: Erlang B under every fit, over planes too."""
    for fit in ("first_fit", "last_fit", "best_fit", "random_fit", "most_used"):
        scenario, _ = link_model(
            [RequestClass(2.0, 1, [[0]])], [3, 2], (fit, "all"), num_requests=1
        )
        assert blocking(scenario.network, [2.0], fit, "all") == pytest.approx([erlang_b(5, 2.0)])


def test_guard_band_and_bit_rates_of_a_config(tmp_path: Path) -> None:
    """1 and 2 slots with a guard band of 1 are 2 and 3 slots: a known figure, from a config file on."""
    case = next(case for case in markov_cases() if case.name == "1link S=10 1.0E x2+1.0E x3 kspff")
    network = tmp_path / "two_nodes.json"
    nodes = [{"id": "a"}, {"id": "b"}]
    links = [{"source": "a", "target": "b", "length_km": 100.0}]
    network.write_text(json.dumps({"nodes": nodes, "links": links}))
    config = load_config(
        "ptrnet_rsa_40",
        {
            "general_settings": {
                "request_distribution": {"12.5": 0.5, "25": 0.5},
                "guard_slots": 1,
                "num_requests": REQUESTS,
            },
            "topology_settings": {"network": str(network)},
            "spectrum_settings": {"c_band": 10},
        },
    )
    done = replications(make_scenario(config, read_inputs(config)), 2.0)
    assert_blocks(case.blocking, done, ("requested_by_bit_rate", "blocked_by_bit_rate"))


@pytest.mark.parametrize("case", kaufman_roberts_cases(), ids=lambda case: case.name)
def test_contiguity_costs_the_widest(case: ExactCase) -> None:
    """Kaufman-Roberts holds without contiguity: with it the widest are blocked more, the narrowest less.

    More of the slots that were asked for are blocked, too.
    """
    assert kaufman_roberts(case.slots, case.classes) == pytest.approx(case.blocking, abs=1e-12)
    done = simulate(case.classes, [case.slots], case.policy)
    offered, blocked = (
        np.array([getattr(r.traffic, w) for r in done]) for w in ("requested", "blocked")
    )
    narrowest, *_, widest = (
        blocking_estimate(blocked[:, n], offered[:, n], CONFIDENCE)
        for n in range(len(case.classes))
    )
    assert narrowest.ci_upper < case.blocking[0]
    assert widest.ci_lower > case.blocking[-1]
    slots = np.array([one.erlang * one.width for one in case.classes])
    simulated = blocked.sum(axis=0) / offered.sum(axis=0)
    assert slots @ simulated > slots @ case.blocking


@pytest.mark.parametrize(("slots", "width"), [(64, 4), (100, 7), (200, 70)])
def test_equal_widths_are_erlang_b(slots: int, width: int) -> None:
    """All lightpaths of one width on one link: as many servers as fit beside each other."""
    servers = slots // width
    classes = [RequestClass(0.8 * servers, width, [[0]])]
    exact = erlang_b(servers, 0.8 * servers)
    assert kaufman_roberts(servers * width, classes) == pytest.approx([exact])
    assert_blocks([exact], simulate(classes, [slots], ("first_fit", "in_order")))
