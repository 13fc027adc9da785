"""Changes of the input after which the result is known: mirrors, other units, other labels."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fusion.config.config import load_config
from fusion.kernel.arrays import Network, make_network
from fusion.network.paths import PathTable, k_shortest_paths
from fusion.network.topology import Topology
from fusion.results.statistics import blocking_estimate, mean_estimate
from fusion.scenario.inputs import read_inputs
from fusion.scenario.policies import built_in_policy
from fusion.scenario.scenario import Scenario, make_scenario
from fusion.scenario.traffic import offered_load
from fusion.simulation.replication import replicate
from tests.twin.cases import POLICIES, Case, cases, first_requests, serve_all
from validation.exact import erlang_b
from validation.link_models import RequestClass, link_model, warmup_requests

KSPFF = ("first_fit", "in_order")


def decisions(case: Case, fit: str, path_choice: str) -> NDArray[np.int32]:
    return serve_all(
        case.network,
        built_in_policy(fit, path_choice),
        case.requests,
        case.load,
        case.traffic.mean_holding_time,
    ).decision


def mirrored(case: Case, decision: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the decisions with every lightpath where a mirror of its plane's slots shows it."""
    path, plane, start = decision.T
    slots = np.bitwise_count(case.network.spectrum[:, 0]).sum(axis=1)
    width = case.network.width[case.network.width_row[path], case.requests.bit_rate]
    mirror = np.where(path >= 0, slots[plane] - start - width, -1)
    return np.column_stack([path, plane, mirror])


@given(case=cases())
@settings(derandomize=True, deadline=None, max_examples=60)
def test_last_fit_is_first_fit_in_a_mirror(case: Case) -> None:
    """With paths in order a mirror changes no decision, so blocking is equal request by request."""
    first = decisions(case, "first_fit", "in_order")
    last = decisions(case, "last_fit", "in_order")
    assert np.array_equal(last, mirrored(case, first))


@given(case=cases(one_width=True))
@settings(derandomize=True, deadline=None, max_examples=60)
def test_last_fit_over_all_paths_is_a_mirror_for_one_width(case: Case) -> None:
    """Over all paths it is one where a request is as wide on all of its paths."""
    first = decisions(case, "first_fit", "all")
    last = decisions(case, "last_fit", "all")
    assert np.array_equal(last, mirrored(case, first))


def test_last_fit_blocks_as_much_as_first_fit_on_nsfnet() -> None:
    """In distribution: other requests, so the two estimates are independent."""
    estimates = []
    for method, seed in (("first_fit", 1), ("last_fit", 2)):
        scenario = nsfnet(method, seed)
        values = [replicate(scenario, 170.0, n, 3400).blocking_probability for n in range(20)]
        estimates.append(mean_estimate(values, 0.99))
    first, last = estimates
    width = np.hypot(first.mean - first.ci_lower, last.mean - last.ci_lower)
    assert abs(first.mean - last.mean) < width < 0.04 * first.mean


def nsfnet(method: str, seed: int) -> Scenario:
    config = load_config(
        "nsfnet_100_slots",
        {
            "general_settings": {"allocation_method": method, "num_requests": 100_000},
            "simulation_settings": {"seed": seed},
        },
    )
    return make_scenario(config, read_inputs(config))


@pytest.mark.parametrize(("fit", "path_choice"), POLICIES)
def test_the_unit_of_time_does_not_matter(fit: str, path_choice: str) -> None:
    """Twice the holding time at half the arrival rate: the same decisions, bit for bit."""
    scenario = nsfnet(fit, 1)
    network, traffic = scenario.network, scenario.traffic
    served = []
    for factor in (1.0, 2.0):
        slower = traffic._replace(mean_holding_time=traffic.mean_holding_time * factor)
        requests = first_requests(slower, 200.0, 1, 0, 20_000)
        policy = built_in_policy(fit, path_choice)
        served.append(serve_all(network, policy, requests, 200.0, slower.mean_holding_time))
    once, twice = served
    assert np.array_equal(once.decision, twice.decision)
    assert once.decision.min() == -1
    assert np.array_equal(2.0 * once.tally.busy_by_path, twice.tally.busy_by_path)


@pytest.mark.parametrize("order", ["km", "hops"])
@pytest.mark.parametrize("separate", [False, True])
@given(random=st.integers(0, 2**32).map(np.random.default_rng))
@settings(derandomize=True, deadline=None, max_examples=10)
def test_labels_of_nodes_and_links_do_not_matter(
    order: str, separate: bool, random: np.random.Generator
) -> None:
    """Without ties between paths, the same requests get the same lightpaths under other labels."""
    topology = random_topology(random, nodes=7, links=11)
    new_node = random.permutation(7)
    relabelled = topology._replace(
        links=tuple(
            (int(new_node[a]), int(new_node[b]), km)
            for a, b, km in (topology.links[i] for i in random.permutation(11))
        )
    )
    before = k_shortest_paths(topology, 3, order, separate)
    after = k_shortest_paths(relabelled, 3, order, separate)
    pair_of = {tuple(pair): number for number, pair in enumerate(after.pairs.tolist())}
    new_pair = np.array([pair_of[new_node[s], new_node[d]] for s, d in before.pairs])

    networks = [network_of(table, separate) for table in (before, after)]
    traffic = nsfnet("first_fit", 1).traffic._replace(
        pair_shares=np.full(len(before.pairs), 1 / len(before.pairs)),
        bit_rate_shares=np.full(3, 1 / 3),
    )
    requests = first_requests(traffic, 25.0, 1, 0, 2000)
    renamed = requests._replace(pair=new_pair[requests.pair].astype(np.int32))
    policy = built_in_policy("first_fit", "in_order")
    one = serve_all(networks[0], policy, requests, 25.0, 1.0).decision
    other = serve_all(networks[1], policy, renamed, 25.0, 1.0).decision
    assert 0 < np.count_nonzero(one[:, 0] < 0) < 1500
    assert np.array_equal(one[:, 2], other[:, 2])
    served = one[:, 0] >= 0
    places = one[served, 0] - before.first_path[requests.pair[served]]
    assert np.array_equal(places, other[served, 0] - after.first_path[renamed.pair[served]])
    assert before.length_km[one[served, 0]] == pytest.approx(after.length_km[other[served, 0]])


def random_topology(random: np.random.Generator, nodes: int, links: int) -> Topology:
    """Return a connected graph whose lengths are so odd that no two paths are equally long."""
    ends = {(int(random.integers(node)), node) for node in range(1, nodes)}
    while len(ends) < links:
        a, b = sorted(random.choice(nodes, 2, replace=False).tolist())
        ends.add((a, b))
    km = np.round(random.uniform(100, 1000, links), 6)
    return Topology(
        name="random",
        nodes=tuple(map(str, range(nodes))),
        links=tuple((a, b, float(length)) for (a, b), length in zip(ends, km, strict=True)),
        endpoints=tuple(range(nodes)),
        coordinates={},
        names={},
    )


def network_of(table: PathTable, separate: bool) -> Network:
    """Return a network of 12 slots with wider lightpaths on longer paths."""
    return make_network(
        table.first_path,
        table.first_hop,
        table.links,
        (table.length_km > 1000).astype(np.int32),
        np.array([[1, 2, 3], [2, 3, 5]]),
        11 * (1 + separate),
        [12],
    )


@pytest.mark.parametrize("holding", ["exponential", "deterministic", "truncated_exponential"])
@pytest.mark.parametrize("width", [1, 3])
def test_one_width_on_one_link_is_erlang_b_for_any_holding_time(holding: str, width: int) -> None:
    """Erlang's formula reads only the mean; a truncated holding time has 0.68696 of the nominal."""
    nominal = 14.0
    scenario, load = link_model(
        [RequestClass(nominal, width, [[0]])],
        [12 * width + width - 1],
        KSPFF,
        num_requests=100_000,
        holding_distribution=holding,
    )
    true_load = offered_load(scenario.traffic, load)
    share = 0.686964714501 if holding == "truncated_exponential" else 1.0
    assert true_load == pytest.approx(nominal * share, rel=1e-11)
    done = [replicate(scenario, load, n, warmup_requests(load)) for n in range(20)]
    estimate = mean_estimate([one.blocking_probability for one in done], 1 - 0.01 / 6)
    assert estimate.ci_lower < erlang_b(12, true_load) < estimate.ci_upper
    assert estimate.relative_precision < 0.05


def test_disjoint_links_are_independent_erlang_links() -> None:
    """One path for each pair and no shared link: Erlang's formula for each."""
    loads = [2.0, 5.0, 9.0]
    classes = [RequestClass(load, 2, [[n]]) for n, load in enumerate(loads)]
    scenario, load = link_model(classes, [16], KSPFF, num_requests=150_000)
    done = [replicate(scenario, load, n, warmup_requests(load)) for n in range(20)]
    for n, erlang in enumerate(loads):
        estimate = blocking_estimate(
            [one.traffic.blocked[n] for one in done],
            [one.traffic.requested[n] for one in done],
            1 - 0.01 / 3,
        )
        assert estimate.ci_lower < erlang_b(8, erlang) < estimate.ci_upper


def test_more_load_or_less_spectrum_blocks_more() -> None:
    """On one link with one width: Erlang's formula rises with the load and falls with the slots."""
    blocked = {}
    for slots, load in product((10, 8), (4.0, 6.0)):
        scenario, _ = link_model(
            [RequestClass(load, 1, [[0]])], [slots], KSPFF, num_requests=50_000
        )
        blocked[slots, load] = int(replicate(scenario, load, 0, 200).traffic.blocked.sum())
    assert blocked[10, 4.0] < blocked[10, 6.0] < blocked[8, 6.0]
    assert blocked[10, 4.0] < blocked[8, 4.0] < blocked[8, 6.0]
