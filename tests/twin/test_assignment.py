"""Assignment of the spectrum that is not a fit: the event loop decides as its slow twin does."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings

from fusion.config.config import load_config
from fusion.kernel.arrays import Network, State, new_state, new_tally
from fusion.kernel.assignment import Assignment, Classes
from fusion.scenario.assignment import ASSIGNMENTS, BY_CLASS, capacity_of, splits_of
from fusion.scenario.inputs import read_inputs
from fusion.scenario.policies import CHOICES, RANKS
from fusion.scenario.scenario import Scenario, make_scenario
from fusion.scenario.traffic import Requests
from fusion.simulation.assignment_loop import AssignmentLoop
from fusion.simulation.connections import ConnectionSimulation
from tests.twin.assignment import Assignments
from tests.twin.cases import Case, Served, cases, first_requests
from tests.twin.connections import ConnectionTwin
from tests.twin.test_twin import assert_same_tally
from tests.twin.twin import Twin

MSCL = [(1, False), (0, False), (2, True)]
METHODS = [(method, 1, False) for method in ASSIGNMENTS if method != "mscl"] + [
    ("mscl", *each) for each in MSCL
]


def both(
    network: Network, method: str, routes: int, all_widths: bool, seed: int
) -> tuple[Assignment, Assignments]:
    """Return the arrays of a method, and the same for the twin."""
    slots = np.bitwise_count(network.spectrum[:, 0]).sum(axis=1).astype(np.int64)
    if method == "mscl":
        counted = network.width[network.width_row]
        capacity = capacity_of(network, counted, routes, all_widths=all_widths)
        return Assignment(capacity, None, None, None), Assignments(
            method, network, routes, all_widths
        )
    if method not in BY_CLASS:
        splits = splits_of(method, network, slots)
        return Assignment(None, None, None, splits), Assignments(method, network)
    random = np.random.default_rng(seed)
    columns = network.width.shape[1]
    classes = tuple(random.integers(0, 2, columns).tolist())
    halves = tuple(((0, size // 2), (size // 2, size)) for size in slots.tolist())
    low, high = (
        np.array([[halves[p][each][end] for each in classes] for p in range(len(slots))], np.int32)
        for end in range(2)
    )
    from_top = np.zeros(columns, dtype=np.bool_)
    if method == "first_last_fit":
        low[:], high[:], from_top = 0, slots[:, np.newaxis], np.array(classes) == 1
    arrays = Classes(low, high, from_top)
    return Assignment(None, None, arrays, None), Assignments(
        method, network, classes=classes, parts=halves
    )


def serve_assigned(
    network: Network,
    assignment: Assignment,
    choice: str,
    requests: Requests,
    load: float,
    mean_holding_time: float,
    sample_every: int,
    cuts: list[int],
) -> Served:
    """Serve requests on an empty network, in a call for each chunk."""
    count = len(requests.arrival)
    state: State = new_state(network, load, mean_holding_time, keep_usage=False)
    served = Served(np.full((count, 3), -9, dtype=np.int32), state, new_tally(network))
    loop = AssignmentLoop(assignment)
    requests = requests._replace(tie=np.empty(0))
    for start, stop in pairwise(cuts):
        loop(
            *(network, state, served.tally, -1, CHOICES[choice], sample_every),
            *requests.part(start, stop),
            served.decision[start:stop],
        )
    return served


RANKED = [(*METHODS[0], rank) for rank in RANKS]


@pytest.mark.parametrize(
    ("method", "routes", "all_widths", "choice"),
    [(*each, choice) for each in METHODS for choice in ("in_order", "all")] + RANKED,
)
@given(case=cases(most_requests=25))
@settings(derandomize=True, deadline=None, max_examples=8)
def test_same_decisions_on_random_networks(
    method: str, routes: int, all_widths: bool, choice: str, case: Case
) -> None:
    assignment, assignments = both(case.network, method, routes, all_widths, case.seed)
    served = serve_assigned(
        case.network,
        assignment,
        choice,
        case.requests,
        case.wheel_load,
        case.traffic.mean_holding_time,
        case.sample_every,
        case.cuts,
    )
    twin = Twin(case.network, method, choice, case.sample_every, assignments)
    twin.serve(case.requests)
    assert served.decision.tolist() == [list(decision) for decision in twin.decisions]
    assert_same_tally(case.network, twin, served.tally)


def test_routes_that_are_looked_up_by_link_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_config("nsfnet_100_slots")
    network = make_scenario(config, read_inputs(config)).network
    counted = network.width[network.width_row]
    traffic = make_scenario(config, read_inputs(config)).traffic
    requests = first_requests(traffic, 900.0, seed=1, replication=0, count=1000)
    decisions = []
    for most in (10**9, 0):
        monkeypatch.setattr("fusion.scenario.assignment._MOST_LISTED", most)
        capacity = capacity_of(network, counted, 2, all_widths=False)
        assert capacity.by_path == (most > 0)
        assignment = Assignment(capacity, None, None, None)
        cuts = [0, 300, 1000]
        served = serve_assigned(network, assignment, "all", requests, 900.0, 1.0, 1000, cuts)
        decisions.append(served.decision)
    assert np.array_equal(*decisions)
    assert (decisions[0][:, 0] < 0).sum() > 10


@pytest.fixture(scope="module")
def nsfnet() -> Scenario:
    config = load_config("nsfnet_100_slots")
    return make_scenario(config, read_inputs(config))


def assert_same_decisions(
    scenario: Scenario,
    method: str,
    routes: int,
    all_widths: bool,
    choice: str,
    load: float,
    count: int,
) -> None:
    network, mean = scenario.network, scenario.traffic.mean_holding_time
    requests = first_requests(scenario.traffic, load, seed=1, replication=0, count=count)
    assignment, assignments = both(network, method, routes, all_widths, 3)
    cuts = [0, count // 3, count]
    served = serve_assigned(network, assignment, choice, requests, load, mean, 1000, cuts)
    twin = Twin(network, method, choice, 1000, assignments)
    twin.serve(requests)
    assert served.decision.tolist() == [list(decision) for decision in twin.decisions]
    assert_same_tally(network, twin, served.tally)
    assert served.tally.blocked_by_pair.sum() > 10


ON_NSFNET = [*METHODS, ("mscl", 1, True)]


@pytest.mark.parametrize("choice", ["in_order", "all"])
@pytest.mark.parametrize(("method", "routes", "all_widths"), ON_NSFNET)
def test_same_decisions_on_nsfnet(
    nsfnet: Scenario, method: str, routes: int, all_widths: bool, choice: str
) -> None:
    """From an empty network to dozens of blocked requests."""
    assert_same_decisions(nsfnet, method, routes, all_widths, choice, 1500.0, 400)


@pytest.mark.parametrize("slots", [64, 128])
def test_the_last_slot_may_be_the_last_bit_of_a_word(slots: int) -> None:
    """As that of 320 slots is. Lightpaths in it had the loop look for free slots behind it for ever."""
    config = load_config("nsfnet_100_slots", {"spectrum_settings": {"c_band": slots}})
    scenario = make_scenario(config, read_inputs(config))
    assert_same_decisions(scenario, "mscl", 1, False, "all", 1500.0, 6 * slots)


@pytest.mark.slow
@pytest.mark.timeout(3600)  # one to two minutes of CPU, of which a busy machine gives little
@pytest.mark.parametrize("choice", ["in_order", "all"])
@pytest.mark.parametrize(("method", "routes", "all_widths"), ON_NSFNET)
def test_same_decisions_for_long(
    nsfnet: Scenario, method: str, routes: int, all_widths: bool, choice: str
) -> None:
    """Most of the time in a steady state in which some per cent are blocked."""
    assert_same_decisions(nsfnet, method, routes, all_widths, choice, 250.0, 20_000)


@pytest.mark.parametrize(
    ("method", "choice"),
    [
        ("mscl", "all"),
        ("mscl", "in_order"),
        ("min_misalignment", "all"),
        ("first_last_fit", "in_order"),
    ],
)
def test_same_decisions_with_slices_and_grooming(method: str, choice: str) -> None:
    """The loop for connections works out the loss anew for each request, and keeps nothing."""
    config = load_config(
        "nsfnet_100_slots",
        {
            "general_settings": {
                "allocation_method": method,
                "max_segments": 3,
                "is_grooming_enabled": True,
                "request_distribution": {"50": 0.5, "100": 0.3, "400": 0.2},
                "mod_assumption": "DEFAULT",
            },
            "traffic_settings": {"bit_rates": "distribution"},
            "routing_settings": {"path_choice": choice, "k_paths": 3},
            "spectrum_settings": {"c_band": 40, "l_band": 20},
        },
    )
    scenario = make_scenario(config, read_inputs(config))
    assert scenario.service is not None
    load, count = 300.0, 300
    requests = first_requests(scenario.traffic, load, seed=1, replication=0, count=count)
    simulation = ConnectionSimulation(scenario, scenario.service, load)
    decision = np.full((count, 3), -9, dtype=np.int32)
    simulation.serve(requests, decision)
    twin = ConnectionTwin(scenario.network, scenario.service, method, choice)
    columns = range(scenario.network.width.shape[1])
    twin.spectrum.assignments = Assignments(
        method,
        scenario.network,
        classes=tuple(int(scenario.lightpaths.bit_rates_gbps[c] > 225.0) for c in columns),
        counted=len(config.bit_rate_shares),
    )
    twin.serve(requests)
    assert decision.tolist() == [list(each) for each in twin.decisions]
    assert (decision[:, 0] == -1).sum() > 10
    assert twin.sliced > 0
