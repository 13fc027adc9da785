"""The event loop decides every request as its slow twin does, and counts the same."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray

from fusion.config.config import load_config
from fusion.kernel.arrays import Network, Tally
from fusion.kernel.link_samples import SAMPLED
from fusion.scenario.inputs import read_inputs
from fusion.scenario.policies import built_in_policy
from fusion.scenario.scenario import Scenario, make_scenario
from fusion.simulation.replication import replicate
from tests.twin.cases import (
    POLICIES,
    Case,
    arrays_equal,
    cases,
    first_requests,
    serve_all,
    serve_case,
)
from tests.twin.twin import Twin, as_list


def assert_same_tally(network: Network, twin: Twin, tally: Tally) -> None:
    pairs, paths = len(network.first_path) - 1, len(network.first_hop) - 1
    bit_rates = network.width.shape[1]
    assert tally.blocked_by_pair.tolist() == as_list(twin.blocked_by_pair, range(pairs))
    assert tally.blocked_by_bit_rate.tolist() == as_list(twin.blocked_by_bit_rate, range(bit_rates))
    assert tally.served_by_path.tolist() == as_list(twin.served_by_path, range(paths))
    planes = Counter(lightpath.plane for lightpath in twin.lightpaths)
    assert tally.served_by_plane.tolist() == as_list(planes, range(twin.spectrum.planes))
    assert tally.served_by_row.sum() == len(twin.lightpaths)
    assert tally.events.tolist() == [twin.out_of_reach, len(twin.fragmentation)]
    assert tally.busy_by_path == pytest.approx(as_list(twin.busy_by_path, range(paths)))
    sampled = dict(zip(SAMPLED, tally.sampled, strict=True))
    assert sampled["fragmentation"] == pytest.approx(np.sum(twin.fragmentation, axis=0))


@pytest.mark.parametrize(("fit", "path_choice"), POLICIES)
@given(case=cases())
@settings(derandomize=True, deadline=None, max_examples=25)
def test_same_decisions_on_random_networks(fit: str, path_choice: str, case: Case) -> None:
    served = serve_case(case, fit, path_choice)
    twin = Twin(case.network, fit, path_choice, case.sample_every)
    twin.serve(case.requests)
    assert served.decision.tolist() == [list(decision) for decision in twin.decisions]
    assert_same_tally(case.network, twin, served.tally)
    for column, of in (("offered_by_pair", "pair"), ("offered_by_bit_rate", "bit_rate")):
        offered = getattr(served.tally, column)
        wanted = np.bincount(getattr(case.requests, of), minlength=len(offered))
        assert np.array_equal(offered, wanted)


@pytest.mark.parametrize(("fit", "path_choice"), POLICIES)
@given(case=cases(parallel=True))
@settings(derandomize=True, deadline=None, max_examples=25)
def test_same_decisions_over_parallel_links(fit: str, path_choice: str, case: Case) -> None:
    served = serve_case(case, fit, path_choice)
    twin = Twin(case.network, fit, path_choice, case.sample_every)
    twin.serve(case.requests)
    assert served.decision.tolist() == [list(decision) for decision in twin.decisions]
    assert_same_tally(case.network, twin, served.tally)


@pytest.mark.parametrize(
    ("fit", "path_choice"), [each for each in POLICIES if each[1] in ("in_order", "all")]
)
@given(case=cases(parallel=True, unequal=True))
@settings(derandomize=True, deadline=None, max_examples=25)
def test_same_decisions_where_links_have_fewer_slots(
    fit: str, path_choice: str, case: Case
) -> None:
    served = serve_case(case, fit, path_choice)
    twin = Twin(case.network, fit, path_choice, case.sample_every)
    twin.serve(case.requests)
    assert served.decision.tolist() == [list(decision) for decision in twin.decisions]
    assert_same_tally(case.network, twin, served.tally)


@pytest.mark.parametrize(("fit", "path_choice"), POLICIES)
@given(case=cases(most_requests=1000))
@settings(derandomize=True, deadline=None, max_examples=20)
def test_chunks_do_not_matter(fit: str, path_choice: str, case: Case) -> None:
    at_once = serve_case(case, fit, path_choice, in_chunks=False)
    in_chunks = serve_case(case, fit, path_choice)
    assert np.array_equal(at_once.decision, in_chunks.decision)
    assert arrays_equal(at_once.tally, in_chunks.tally)


@pytest.fixture(scope="module")
def nsfnet() -> Scenario:
    config = load_config("nsfnet_100_slots")
    return make_scenario(config, read_inputs(config))


@pytest.mark.parametrize(("fit", "path_choice"), POLICIES)
def test_same_decisions_on_nsfnet(nsfnet: Scenario, fit: str, path_choice: str) -> None:
    """From an empty network to a thousand blocked requests, at 300 Erlang."""
    network, load, sample_every = nsfnet.network, 300.0, 1000
    requests = first_requests(nsfnet.traffic, load, seed=1, replication=0, count=8_000)
    policy = built_in_policy(fit, path_choice)
    served = serve_all(network, policy, requests, load, nsfnet.traffic.mean_holding_time)
    twin = Twin(network, fit, path_choice, sample_every)
    twin.serve(requests)
    assert served.decision.tolist() == [list(decision) for decision in twin.decisions]
    assert_same_tally(network, twin, served.tally)
    assert served.tally.blocked_by_pair.sum() > 800


def test_replication_measures_what_the_twin_sees_after_the_warm_up() -> None:
    """Two cores, two bands, a guard band: every figure of a replication from the list of lightpaths."""
    config = load_config(
        "nsfnet_100_slots",
        {
            "general_settings": {"num_requests": 3000, "guard_slots": 2, "frag_calc_step": 700},
            "topology_settings": {"cores_per_link": 2},
            "spectrum_settings": {"c_band": 40, "l_band": 70},
        },
    )
    inputs = read_inputs(config)
    scenario = make_scenario(config, inputs)
    load, warmup = 500.0, 2001
    measured = replicate(scenario, load, 3, warmup)
    requests = first_requests(scenario.traffic, load, scenario.seed, 3, warmup + 3000)
    # A sample shows what a request finds. The first one measured is the 700th after the warm-up.
    twin = Twin(scenario.network, "first_fit", "in_order", sample_every=100)
    twin.serve(requests)
    fragmentation = twin.fragmentation[(warmup + 699) // 100 :: 7]

    began, ended = requests.arrival[warmup - 1], requests.arrival[-1]
    after = slice(warmup, None)
    path = np.array([decision[0] for decision in twin.decisions])[after]
    plane = np.array([decision[1] for decision in twin.decisions])[after]
    served = path >= 0
    bit_rate = requests.bit_rate[after]
    gbps = scenario.lightpaths.bit_rates_gbps[bit_rate]
    width = scenario.network.width[scenario.network.width_row[path], bit_rate]
    formats = scenario.lightpaths.format_by_row[scenario.network.width_row[path], bit_rate]
    assert 0 < measured.traffic.blocked.sum() == (~served).sum()
    assert measured.requests == len(path)
    assert (
        count(requests.pair[after], measured.traffic.requested)
        == measured.traffic.requested.tolist()
    )
    assert (
        count(requests.pair[after][~served], measured.traffic.blocked)
        == measured.traffic.blocked.tolist()
    )
    assert measured.traffic.requested_gbps == pytest.approx(gbps.sum())
    assert measured.traffic.blocked_gbps == pytest.approx(gbps[~served].sum())
    assert measured.served.lightpaths == served.sum()
    assert measured.served.hops == sum(len(twin.spectrum.route[p]) for p in path[served])
    assert measured.served.length_km == pytest.approx(
        sum(scenario.link_km[link] for p in path[served] for link in twin.spectrum.route[p])
    )
    assert measured.served.slots == (width[served] - 2).sum()
    for f in range(len(scenario.lightpaths.formats)):
        of_format = bit_rate[served & (formats == f)]
        assert measured.served.lightpaths_by_format[f].tolist() == count(
            of_format, scenario.lightpaths.bit_rates_gbps
        )
    assert count(plane[served], np.zeros(4)) == measured.served.lightpaths_by_plane.tolist()
    rank = path[served] - scenario.network.first_path[requests.pair[after][served]]
    assert count(rank, np.zeros(5)) == measured.served.lightpaths_by_rank.tolist()
    slot_time = np.zeros(len(scenario.links))
    for lightpath in twin.lightpaths:
        inside = min(lightpath.departure, ended) - max(lightpath.arrival, began)
        slot_time[twin.spectrum.route[lightpath.path]] += lightpath.width * max(0.0, inside)
    assert measured.links.utilisation == pytest.approx(slot_time / (220 * (ended - began)))
    assert measured.links.fragmentation == pytest.approx(np.mean(fragmentation, axis=0))


def count(numbers: NDArray[np.integer], like: NDArray[np.generic]) -> list[int]:
    """Return how often each number occurs, for as many numbers as `like` has rows."""
    return [int(n) for n in np.bincount(numbers, minlength=len(like))]
