"""Bounds against optimal policies: of small Markov decision processes, and with all that is to come known."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import LinearConstraint, linprog, milp
from scipy.sparse import lil_array

from fusion import load_config, make_scenario
from fusion.kernel.arrays import Network
from fusion.network.cuts import least_lengths
from fusion.network.topology import Topology
from fusion.results.statistics import blocking_estimate
from fusion.scenario.inputs import read_inputs
from fusion.scenario.traffic import Requests
from fusion.simulation.bounds.bounds import CLAIRVOYANT, LONG_RUN, Bounds, load_at_bound
from fusion.simulation.bounds.clairvoyant import least_blocked, least_cost
from fusion.simulation.bounds.long_run import Flow, least_blocked_erlang, least_long_run
from fusion.simulation.bounds.reduced_load import kaufman_roberts, reduced_load_blocking
from fusion.simulation.bounds.relaxed import SYSTEMS, relaxed_blocking
from fusion.simulation.bounds.resources import (
    Needs,
    Resource,
    cut_resource,
    filled,
    make_needs,
    resources_of,
)
from fusion.simulation.replication import replicate
from tests.exact.optimal_policy import least_blocking
from tests.twin.cases import POLICIES, Case, cases, first_requests, serve_case
from validation.exact import erlang_b
from validation.exact import kaufman_roberts as of_one_link
from validation.link_models import RequestClass, link_model

TRIANGLE = [[[0], [2, 1]], [[1], [0, 2]], [[2], [0, 1]]]
TANDEM = [[[0]], [[1]], [[0, 1]]]
LINKS = {
    "one link": ([(0, 1)], [(0, 1), (0, 1)], [[[0]], [[0]]]),
    "tandem": ([(0, 1), (1, 2)], [(0, 1), (1, 2), (0, 2)], TANDEM),
    "triangle": ([(0, 1), (1, 2), (0, 2)], [(0, 1), (1, 2), (0, 2)], TRIANGLE),
}
"""Name -> links, ends of each pair, paths of each pair."""
SMALL = [
    ("one link", 6, (1, 3)),
    ("one link", 7, (2, 3)),
    ("one link", 6, (2, 2)),
    ("tandem", 3, (1, 1, 1)),
    ("tandem", 4, (1, 2, 2)),
    ("tandem", 4, (2, 1, 1)),
    ("triangle", 2, (1, 1, 1)),
    ("triangle", 3, (1, 2, 1)),
    ("triangle", 3, (2, 2, 1)),
]


def graph(links: list[tuple[int, int]]) -> Topology:
    nodes = tuple(map(str, range(1 + max(map(max, links)))))
    lengths = tuple((a, b, 1.0) for a, b in links)
    return Topology("small", nodes, lengths, tuple(range(len(nodes))), {}, {})


def small(name: str, widths: tuple[int, ...], slots: int, erlang: float) -> tuple[Network, Needs]:
    _, ends, paths = LINKS[name]
    each = erlang / len(widths)
    classes = [RequestClass(each, *one) for one in zip(widths, paths, strict=True)]
    scenario, _ = link_model(classes, [slots], ("first_fit", "in_order"), num_requests=1)
    share = np.full((len(widths), 1), 1.0 / len(widths))
    width = np.array(widths, dtype=np.int32)[:, None]
    return scenario.network, make_needs(width, share, np.ones(1), np.array(ends), [slots])


def all_cuts(topology: Topology, needs: Needs, *, separate: bool = False) -> list[Resource]:
    count = len(topology.nodes)
    sides = np.array(list(product([False, True], repeat=count))[1:-1])
    return [cut_resource(topology, needs, side, separate=separate)[0] for side in sides]


@pytest.mark.parametrize("erlang", [0.3, 1.0, 3.0, 8.0])
@pytest.mark.parametrize(("name", "slots", "widths"), SMALL)
def test_no_policy_is_below_the_long_run_bound(
    name: str, slots: int, widths: tuple[int, ...], erlang: float
) -> None:
    network, needs = small(name, widths, slots, erlang)
    topology = graph(LINKS[name][0])
    lower, upper = least_blocking(network, [erlang / len(widths)] * len(widths))
    summed = resources_of(topology, needs, erlang, separate=False)
    bound = least_long_run(needs, summed, erlang)
    each = [least_long_run(needs, [one], erlang) for one in all_cuts(topology, needs)]
    assert max(bound, *each) <= upper + 1e-9
    assert bound >= max(each) - 1e-9
    if name == "one link":
        assert bound > 0.4 * lower
    if erlang >= 3.0:
        assert bound > 0.0


@pytest.mark.parametrize(("slots", "width", "erlang"), [(5, 1, 2.0), (17, 3, 4.0), (100, 4, 18.0)])
def test_the_long_run_bound_of_one_width_is_erlang_b(slots: int, width: int, erlang: float) -> None:
    capacity = filled(slots, [width])
    found = least_blocked_erlang(capacity, (Flow(width, erlang),)) / erlang
    assert found == pytest.approx(erlang_b(slots // width, erlang), rel=1e-5)


def test_to_refuse_on_purpose_can_block_less_than_to_accept_all() -> None:
    """Why a system that accepts whatever it can is no bound: the best policy blocks less than it."""
    classes = [RequestClass(5.0, 1, [[0]]), RequestClass(1.0, 8, [[0]])]
    greedy = of_one_link(16, classes)
    flows = tuple(Flow(one.width, one.erlang) for one in classes)
    accepting = sum(one.erlang * p for one, p in zip(classes, greedy, strict=True))
    assert least_blocked_erlang(16, flows) < best_on_one_link(16, flows) < 0.99 * accepting


def best_on_one_link(slots: int, flows: tuple[Flow, ...]) -> float:
    """Return the least Erlang that are blocked on one link whose slots need not be adjacent."""
    states = [
        n
        for n in product(*(range(slots // flow.slots + 1) for flow in flows))
        if sum(k * flow.slots for k, flow in zip(n, flows, strict=True)) <= slots
    ]
    number = {state: place for place, state in enumerate(states)}
    value = np.zeros(len(states))
    while True:
        gain = np.zeros(len(states))
        for place, state in enumerate(states):
            for kind, flow in enumerate(flows):
                more = (*state[:kind], state[kind] + 1, *state[kind + 1 :])
                less = (*state[:kind], state[kind] - 1, *state[kind + 1 :])
                up = value[number[more]] - value[place] if more in number else 1.0
                gain[place] += flow.erlang * min(1.0, up)
                if less in number:
                    gain[place] += state[kind] * (value[number[less]] - value[place])
        if gain.max() - gain.min() < 1e-8:
            return float(gain.mean())
        value += gain / 30.0
        value -= value[0]


def fewest_blocked(network: Network, requests: Requests) -> int:
    """Return the fewest blocked requests of all that is possible when slots are only counted: a MILP."""
    slots = np.bitwise_count(network.spectrum).sum(axis=(0, 2))
    count = len(requests.arrival)
    ways = [
        (i, path, int(network.width[network.width_row[path], requests.bit_rate[i]]))
        for i in range(count)
        for path in range(
            network.first_path[requests.pair[i]], network.first_path[requests.pair[i] + 1]
        )
    ]
    most = int(np.bitwise_count(network.spectrum).sum(axis=2).max())
    ways = [way for way in ways if 0 < way[2] <= most]  # a lightpath is in one plane
    if not ways:
        return count
    leaves = requests.arrival + requests.holding
    rows = lil_array((count * (1 + len(slots)), len(ways)))
    limit = np.concatenate([np.ones(count), np.tile(slots, count)])
    for column, (i, path, width) in enumerate(ways):
        rows[i, column] = 1
        links = network.links[network.first_hop[path] : network.first_hop[path + 1]]
        for at in range(i, count):
            if requests.arrival[at] < leaves[i]:
                for link in links.tolist():
                    rows[count + at * len(slots) + link, column] = width
    found = milp(
        -np.ones(len(ways)),
        constraints=LinearConstraint(rows.tocsr(), ub=limit),
        integrality=np.ones(len(ways)),
        bounds=(0, 1),
    )
    assert found.success
    return count - round(-found.fun)


def needs_of_case(case: Case) -> tuple[Topology, Needs]:
    """Return the network of a case, and needs by its candidates: its widths are not those of lengths."""
    network, rates = case.network, len(case.traffic.bit_rate_shares)
    width = np.zeros((len(case.paths.pairs), rates), dtype=np.int32)
    for pair in range(len(width)):
        rows = network.width_row[network.first_path[pair] : network.first_path[pair + 1]]
        on_paths = network.width[rows]
        least = np.where(on_paths > 0, on_paths, 10**6).min(axis=0)
        width[pair] = np.where(least < 10**6, least, 0)
    share = case.traffic.pair_shares[:, None] * case.traffic.bit_rate_shares[None]
    slots = [int(np.bitwise_count(plane[0]).sum()) for plane in network.spectrum]
    gbps = np.arange(1.0, rates + 1.0)
    return topology_of(case), make_needs(width, share, gbps, np.array(case.paths.pairs), slots)


def topology_of(case: Case) -> Topology:
    """Return the network of a case: its links are the paths of one hop."""
    network, ends = case.network, {}
    for pair, (a, b) in enumerate(case.paths.pairs.tolist()):
        for path in range(network.first_path[pair], network.first_path[pair + 1]):
            links = network.links[network.first_hop[path] : network.first_hop[path + 1]]
            if len(links) == 1:
                ends[int(links[0])] = (a, b)
    pairs = {tuple(sorted(each)) for each in ends.values()}
    nodes = 1 + int(case.paths.pairs.max())
    links_ = tuple((a, b, 1.0) for a, b in sorted(pairs))
    return Topology("case", tuple(map(str, range(nodes))), links_, tuple(range(nodes)), {}, {})


@given(case=cases(most_requests=40))
@settings(derandomize=True, deadline=None, max_examples=60)
def test_nobody_is_below_the_clairvoyant_bound(case: Case) -> None:
    """Not even who knows all requests and need not place slots side by side."""
    topology, needs = needs_of_case(case)
    fewest = fewest_blocked(case.network, case.requests)
    for each in [
        *([one] for one in all_cuts(topology, needs, separate=case.separate)),
        resources_of(topology, needs, case.load, separate=case.separate),
    ]:
        offered, blocked, _, _ = least_blocked(needs, each, [case.requests])
        assert offered == len(case.requests.arrival)
        assert blocked <= fewest


@given(case=cases(most_requests=400))
@settings(derandomize=True, deadline=None, max_examples=60)
def test_no_built_in_policy_is_below_the_clairvoyant_bound(case: Case) -> None:
    topology, needs = needs_of_case(case)
    chosen = resources_of(topology, needs, case.load, separate=case.separate)
    cut = [case.requests.part(a, b) for a, b in zip(case.cuts, case.cuts[1:], strict=False)]
    _, blocked, gbps, blocked_gbps = least_blocked(needs, chosen, cut)
    for fit, choice in POLICIES:
        tally = serve_case(case, fit, choice).tally
        assert blocked <= int(tally.blocked_by_pair.sum())
        assert blocked_gbps <= float(tally.blocked_by_bit_rate @ needs.gbps) + 1e-6 * gbps


@given(
    random=st.integers(0, 2**32).map(np.random.default_rng),
    servers=st.integers(1, 5),
    load=st.sampled_from([1.0, 3.0, 8.0]),
)
@settings(derandomize=True, deadline=None, max_examples=60)
def test_of_one_width_it_is_the_optimum(
    random: np.random.Generator, servers: int, load: float
) -> None:
    """Who drops the one that would stay longest drops the fewest."""
    count = 60
    requests = Requests(
        np.cumsum(random.exponential(1.0 / load, count)),
        random.exponential(1.0, count),
        np.zeros(count, dtype=np.int32),
        np.zeros(count, dtype=np.int32),
        np.empty(0),
    )
    scenario, _ = link_model(
        [RequestClass(load, 3, [[0]])], [3 * servers + 2], ("first_fit", "in_order"), num_requests=1
    )
    width = np.full((1, 1), 3, dtype=np.int32)
    needs = make_needs(width, np.ones((1, 1)), np.ones(1), np.array([[0, 1]]), [3 * servers + 2])
    cut = resources_of(graph([(0, 1)]), needs, load, separate=False)
    _, blocked, _, _ = least_blocked(needs, cut, [requests.part(0, 23), requests.part(23, count)])
    assert blocked == fewest_blocked(scenario.network, requests)


def test_the_least_cost_of_some_slots() -> None:
    slots, count = np.array([2, 5]), np.array([10, 1])
    assert least_cost(5, slots, count, np.ones(2)) == 1.0
    assert least_cost(6, slots, count, np.ones(2)) == 1.5
    assert least_cost(6, slots, count, np.array([1.0, 3.0])) == 3.0
    assert least_cost(0, slots, count, np.ones(2)) == 0.0


def test_what_widths_can_fill() -> None:
    assert [filled(10, widths) for widths in ([1], [3], [4, 7], [11], [6, 9])] == [10, 9, 8, 0, 9]
    for widths in ([3, 5], [4, 6, 9], [7], [7, 12, 18]):
        sums = {0}
        for _ in range(40):
            sums |= {a + w for a in sums for w in widths if a + w <= 40}
        assert filled(40, widths) == max(sums)


SETTINGS = {
    "general_settings": {"num_requests": 6000, "max_iters": 2},
    "simulation_settings": {"warmup_requests": 2000},
}


@pytest.mark.parametrize(
    ("network", "load"), [("nsfnet_deeprmsa", 400.0), ("fusion_dt_network", 700.0)]
)
@pytest.mark.parametrize("directions", ["shared", "separate"])
def test_policies_on_their_own_requests(network: str, load: float, directions: str) -> None:
    """The files' requests are those of the simulation: the same replication, after the same warm-up."""
    for changes in (
        {},
        {"path_choice": "all"},
        {"route_method": "least_congested"},
        {"route_method": "cong_aware", "allocation_method": "best_fit"},
        {"allocation_method": "random_fit"},
    ):
        general = {
            key: value for key, value in changes.items() if key not in ("path_choice", "k_paths")
        }
        routing = {key: value for key, value in changes.items() if key == "path_choice"}
        config = load_config(
            "quick",
            {
                **SETTINGS,
                "general_settings": {**SETTINGS["general_settings"], **general},
                "routing_settings": routing,
                "topology_settings": {"network": network, "link_directions": directions},
            },
        )
        inputs = read_inputs(config, quiet=True)
        found = Bounds(config, inputs, approximations=False).at(load, 2)
        assert found.row[CLAIRVOYANT] > 0.001
        scenario = make_scenario(config, inputs)
        for row in found.replications:
            done = replicate(scenario, load, row["replication"], config.warmup_requests(load))
            assert row["requests"] == done.requests
            assert row["requested_gbps"] == pytest.approx(done.traffic.requested_gbps)
            assert row["clairvoyant_bound_blocked"] <= done.traffic.blocked.sum()
            assert row["clairvoyant_bit_rate_bound_blocked"] <= done.traffic.blocked_gbps
        assert found.row[LONG_RUN] < done.blocking_probability


@pytest.mark.parametrize(
    ("section", "changes"),
    [
        ("topology_settings", {"const_link_weight": True}),
        ("topology_settings", {"cores_per_link": 3}),
        ("spectrum_settings", {"l_band": 40}),
        ("general_settings", {"fixed_grid": True}),
        ("snr_settings", {"snr_type": "snr_calc_nli"}),
        ("traffic_settings", {"holding_distribution": "deterministic"}),
        ("traffic_settings", {"holding_distribution": "truncated_exponential"}),
    ],
)
def test_other_settings_have_the_bound_too(section: str, changes: dict[str, object]) -> None:
    sections = {
        "general_settings": {"num_requests": 6000, "max_iters": 1},
        "spectrum_settings": {"c_band": 60},
    }
    config = load_config("quick", {**sections, section: {**sections.get(section, {}), **changes}})
    inputs = read_inputs(config, quiet=True)
    found = Bounds(config, inputs, approximations=False).at(800.0, 1)
    (row,) = found.replications
    done = replicate(make_scenario(config, inputs), 800.0, 0, config.warmup_requests(800.0))
    assert 0.02 * done.requests < row["clairvoyant_bound_blocked"] <= done.traffic.blocked.sum()
    assert row["clairvoyant_bit_rate_bound_blocked"] <= done.traffic.blocked_gbps
    assert row["requested_gbps"] == pytest.approx(done.traffic.requested_gbps)
    is_exponential = config.traffic_settings.holding_distribution == "exponential"
    assert np.isfinite(found.row[LONG_RUN]) == is_exponential


@pytest.mark.parametrize("separate", [False, True])
def test_the_heuristic_finds_the_cut_that_the_search_of_all_finds(
    separate: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for network in ("nsfnet_deeprmsa", "cost239_ptrnet", "fusion_japan12"):
        directions = "separate" if separate else "shared"
        config = load_config(
            "quick", {"topology_settings": {"network": network, "link_directions": directions}}
        )
        bounds = Bounds(config, read_inputs(config, quiet=True))
        exact = bounds.resources(300.0)[0]
        with monkeypatch.context() as patch:
            patch.setattr("fusion.network.cuts.EXHAUSTIVE_NODES", 2)
            found = bounds.resources(300.0)[0]
        assert found.capacity == exact.capacity
        assert found.need.sum() == exact.need.sum()


def test_no_weighted_sum_of_links_is_more_congested_than_the_best_cut() -> None:
    """The dual of the maximum concurrent flow on NSFNET, by linear programming."""
    config = load_config("quick")
    inputs = read_inputs(config, quiet=True)
    scenario, bounds = make_scenario(config, inputs), Bounds(config, inputs)
    topology, needs = inputs.topology, bounds.needs
    n, links = len(topology.nodes), len(topology.links)
    arcs = [(a, b) for a, b, _ in topology.links] + [(b, a) for a, b, _ in topology.links]
    columns = 2 * links + n * n  # the weight of each arc, the distance between each two nodes
    rows = lil_array((n * len(arcs), columns))
    for source in range(n):
        for arc, (a, b) in enumerate(arcs):
            row, between = source * len(arcs) + arc, 2 * links + source * n
            rows[row, between + b] = 1.0
            rows[row, between + a] -= 1.0
            rows[row, arc] -= 1.0
    total = lil_array((1, columns))
    total[0, : 2 * links] = float(scenario.slots_per_link)
    gain = np.zeros(columns)
    slots = 220.0 * (needs.share * needs.width).sum(axis=1)
    np.add.at(gain, 2 * links + needs.ends[:, 0] * n + needs.ends[:, 1], slots)
    upper = np.full(columns, np.inf)
    upper[2 * links + np.arange(n) * (n + 1)] = 0.0
    found = linprog(
        -gain,
        A_ub=rows.tocsr(),
        b_ub=np.zeros(n * len(arcs)),
        A_eq=total.tocsr(),
        b_eq=[1.0],
        bounds=np.column_stack([np.zeros(columns), upper]),
        method="highs",
    )
    best = bounds.resources(220.0)[0]
    assert 220.0 * (needs.share * best.need).sum() / best.capacity == pytest.approx(-found.fun)


def test_least_lengths_are_those_of_paths() -> None:
    import networkx as nx

    config = load_config("quick")
    topology = read_inputs(config, quiet=True).topology
    graph_: nx.Graph[int] = nx.Graph()
    graph_.add_weighted_edges_from(topology.links)
    found = least_lengths(topology, [km for _, _, km, _ in topology.ways])
    for source, lengths in nx.all_pairs_dijkstra_path_length(graph_):
        for node, km in lengths.items():
            assert found[source, node] == pytest.approx(km)


def test_kaufman_roberts_is_that_of_one_link() -> None:
    classes = [
        RequestClass(3.0, 1, [[0]]),
        RequestClass(1.0, 4, [[0]]),
        RequestClass(0.5, 7, [[0]]),
    ]
    widths = np.array([one.width for one in classes])
    erlang = np.array([[one.erlang for one in classes], [0.1, 0.0, 2.0]])
    found = kaufman_roberts(200, widths, 10 * erlang)
    for row, loads in zip(found, 10 * erlang, strict=True):
        alike = [one._replace(erlang=load) for one, load in zip(classes, loads, strict=True)]
        assert row == pytest.approx(of_one_link(200, alike), rel=1e-9, abs=1e-300)


def test_the_reduced_load_of_two_links() -> None:
    """Erlang's fixed point of a tandem, solved by hand, and near to the truth."""
    classes = [
        RequestClass(2.0, 1, [[0]]),
        RequestClass(2.0, 1, [[1]]),
        RequestClass(1.0, 1, [[0, 1]]),
    ]
    scenario, load = link_model(classes, [5], ("first_fit", "in_order"), num_requests=1)
    blocking = 0.0
    for _ in range(200):
        blocking = erlang_b(5, 2.0 + 1.0 * (1.0 - blocking))
    found = reduced_load_blocking(scenario, load)[:, 0]
    assert found == pytest.approx([blocking, blocking, 1.0 - (1.0 - blocking) ** 2], rel=1e-6)


def slow_relaxed(case: Case, system: str) -> NDArray[np.bool_]:
    """Return which requests are blocked, bool[request], written from the definition with sets of slots."""
    network, requests = case.network, case.requests
    planes, links, words = network.spectrum.shape
    free = [
        [
            {s for s in range(64 * words) if int(network.spectrum[p, k, s // 64]) >> (s % 64) & 1}
            for k in range(links)
        ]
        for p in range(planes)
    ]
    up: list[tuple[float, list[tuple[int, int, set[int]]]]] = []

    def adjacent(slots: set[int], width: int) -> set[int]:
        for start in sorted(slots):
            if slots.issuperset(range(start, start + width)):
                return set(range(start, start + width))
        return set()

    def take(route: list[int], plane: int, width: int) -> list[tuple[int, int, set[int]]]:
        if system == "without_contiguity":
            common = sorted(set.intersection(*(free[plane][link] for link in route)))[:width]
            chosen = [set(common)] * len(route)
        elif system == "without_continuity":
            chosen = [adjacent(free[plane][link], width) for link in route]
        else:
            chosen = [set(sorted(free[plane][link])[:width]) for link in route]
        if any(len(each) < width for each in chosen):
            return []
        return [(plane, link, each) for link, each in zip(route, chosen, strict=True)]

    blocked = np.ones(len(requests.arrival), dtype=np.bool_)
    for i, now in enumerate(requests.arrival):
        for _, slots in [one for one in up if one[0] <= now]:
            for plane, link, each in slots:
                free[plane][link] |= each
        up = [one for one in up if one[0] > now]
        pair = requests.pair[i]
        for path in range(network.first_path[pair], network.first_path[pair + 1]):
            width = int(network.width[network.width_row[path], requests.bit_rate[i]])
            route = network.links[network.first_hop[path] : network.first_hop[path + 1]].tolist()
            held = next(
                (h for p in range(planes) if width > 0 and (h := take(route, p, width))), None
            )
            if held:
                blocked[i] = False
                for plane, link, each in held:
                    free[plane][link] -= each
                up.append((now + requests.holding[i], held))
                break
    return blocked


@pytest.mark.parametrize("system", SYSTEMS)
@given(case=cases(most_requests=120))
@settings(derandomize=True, deadline=None, max_examples=40)
def test_reference_systems_are_as_defined(system: str, case: Case) -> None:
    scenario, _ = link_model(
        [RequestClass(1.0, 1, [[0]])], [1], ("first_fit", "all"), num_requests=1
    )
    scenario = scenario._replace(network=case.network, traffic=case.traffic)
    expected = slow_relaxed(case, system)
    middle = len(expected) // 2
    parts = case.requests.part(0, middle), case.requests.part(middle, len(expected))
    offered, blocked = relaxed_blocking(scenario, system, [parts[0]], [parts[1]])
    rates = parts[1].bit_rate
    assert offered.tolist() == np.bincount(rates, minlength=len(offered)).tolist()
    assert (
        blocked.tolist() == np.bincount(rates[expected[middle:]], minlength=len(offered)).tolist()
    )


def test_counted_slots_of_one_link_block_as_kaufman_roberts() -> None:
    classes = [RequestClass(6.0, 1, [[0]]), RequestClass(2.0, 3, [[0]])]
    scenario, load = link_model(classes, [16], ("first_fit", "in_order"), num_requests=1)
    exact = (
        sum(p * one.erlang for p, one in zip(of_one_link(16, classes), classes, strict=True)) / load
    )
    blocked = []
    for replication in range(10):
        requests = first_requests(scenario.traffic, load, 5, replication, 50_000)
        parts = [requests.part(0, 1000)], [requests.part(1000, 50_000)]
        blocked.append(relaxed_blocking(scenario, "without_both", *parts)[1].sum())
    estimate = blocking_estimate(blocked, [49_000] * 10, 0.99)
    assert estimate.ci_lower < exact < estimate.ci_upper
    assert estimate.relative_precision < 0.1


def test_the_load_of_a_bound() -> None:
    found = load_at_bound(lambda load: erlang_b(20, load), 0.01, 1.0, 100.0)
    assert erlang_b(20, found) == pytest.approx(0.01, rel=0.02)
    assert np.isnan(load_at_bound(lambda load: erlang_b(20, load), 1e-9, 10.0, 100.0))
