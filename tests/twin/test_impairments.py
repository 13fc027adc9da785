"""Paths and cores that are ranked by impairments: as the slow twin ranks them, and worked out by hand."""

from __future__ import annotations

import heapq
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion.config.config import load_config
from fusion.kernel.arrays import Int32s, new_tally
from fusion.kernel.connection_loop import serve_impaired, serve_impaired_with_quality
from fusion.kernel.connections import (
    BLOCKED_BY_QUALITY,
    GROOMED,
    PARTLY_SERVED,
    SLICED,
    UNSERVED,
    new_connections,
    new_count,
)
from fusion.kernel.failures import able_to_fail
from fusion.kernel.impairments import GRAINS
from fusion.network.impairments import WORST
from fusion.network.modulation import ModulationTable
from fusion.network.modulation_tables import Entry, ModulationFormat
from fusion.network.topology import Topology
from fusion.scenario.inputs import Inputs
from fusion.scenario.scenario import make_scenario
from fusion.scenario.traffic import Requests
from fusion.simulation.connections import ConnectionSimulation
from tests.twin import impairments as twins
from tests.twin.connections import Connection
from tests.twin.impairments import ImpairedQualityTwin, ImpairedTwin
from tests.twin.test_failures import ONCE, events, run_with
from tests.twin.test_quality import Case, Done, cases, configs

POLICIES = (
    ("nli_aware", "first_fit"),
    ("nli_aware", "random_fit"),
    ("nli_aware", "most_used"),
    ("xt_aware", "first_fit"),
    ("xt_aware", "last_fit"),
    ("k_shortest_path", "xt_aware"),
    ("cong_aware", "xt_aware"),
    ("nli_aware", "xt_aware"),
    ("xt_aware", "xt_aware"),
)


@st.composite
def impaired(draw: st.DrawFn, *, quality: bool) -> dict[str, dict[str, Any]]:
    """Overrides for each of these policies, with and without signal quality."""
    overrides = draw(configs().filter(lambda each: not each["snr_settings"]["quality_file"]))
    route, fit = draw(st.sampled_from(POLICIES))
    if not quality:
        overrides["snr_settings"] = {"snr_type": "None"}
        overrides["general_settings"]["dynamic_lps"] = False
        overrides["spectrum_settings"] = {
            "c_band": draw(st.sampled_from([5, 9, 14, 66])),
            "l_band": draw(st.sampled_from([0, 0, 7])),
        }
    cores = overrides["topology_settings"]["cores_per_link"]
    if "xt_aware" in (route, fit):
        # So little room that light is in all cores.
        cores = draw(st.sampled_from([1, 4, 4, 7])) if cores < 4 or not quality else cores
        overrides["spectrum_settings"]["c_band"] = draw(st.sampled_from([4, 6, 7]))
    overrides["topology_settings"]["cores_per_link"] = cores
    overrides["general_settings"] |= {
        "route_method": route,
        "allocation_method": fit,
        "guard_slots": draw(st.integers(0, 2)),
    }
    overrides["routing_settings"]["path_choice"] = "in_order"
    overrides["snr_settings"] |= {
        "beta": draw(st.sampled_from([0.0, 0.3, 0.5, 1.0])),
        "xt_type": draw(st.sampled_from(["with_length", "without_length"])),
    }
    return overrides


def new_run(case: Case) -> Done:
    scenario = case.scenario
    assert scenario.service is not None
    return Done(
        np.full((len(case.requests.arrival), 3), -9, dtype=np.int32),
        new_connections(
            scenario.network,
            scenario.service,
            case.load,
            scenario.traffic.mean_holding_time,
            keep_usage=scenario.policy.needs_usage,
        ),
        new_tally(scenario.network),
        new_count(),
    )


def serve(case: Case, done: Done, requests: Requests, decision: Int32s) -> None:
    scenario = case.scenario
    assert scenario.service is not None
    candidates = np.diff(scenario.network.first_path)
    (serve_impaired if scenario.service.quality is None else serve_impaired_with_quality)(
        scenario.network,
        scenario.service,
        done.state,
        np.repeat(np.arange(len(candidates), dtype=np.int32), candidates),
        done.tally,
        done.count,
        scenario.policy.fit,
        scenario.policy.choice,
        1000,
        *requests,
        decision,
    )


def twin_of(case: Case) -> ImpairedTwin | ImpairedQualityTwin:
    general, service = case.config.general_settings, case.scenario.service
    assert service is not None
    ranks = general.route_method != "k_shortest_path"
    choice = general.route_method if ranks else "in_order"
    kind = ImpairedTwin if service.quality is None else ImpairedQualityTwin
    return kind(case.config, case.scenario, general.allocation_method, choice)


def light_of(words: Any) -> list[list[set[int]]]:
    bits = np.unpackbits(words.view(np.uint8), axis=-1, bitorder="little")
    return [[set(np.flatnonzero(link).tolist()) for link in plane] for plane in bits]


def assert_same(case: Case) -> None:
    done, twin = new_run(case), twin_of(case)
    serve(case, done, case.requests, done.decision)
    twin.serve(case.requests)
    assert done.decision.tolist() == [list(decision) for decision in twin.decisions]
    number = done.count.number
    assert number[[GROOMED, SLICED, PARTLY_SERVED, UNSERVED]].tolist() == [
        *(twin.groomed, twin.sliced, twin.partly_served, twin.unserved)
    ]
    if isinstance(twin, ImpairedQualityTwin):
        assert number[BLOCKED_BY_QUALITY] == twin.blocked_by_quality
    light, first = light_of(done.state.light.lit), light_of(done.state.light.first)
    for (plane, link), channels in twin.spectrum.light.items():
        assert light[plane][link] == {
            slot for one in channels for slot in range(one.start, one.start + one.slots)
        }
        assert first[plane][link] == {one.start for one in channels}


@given(case=cases(150, impaired(quality=False)))
@settings(derandomize=True, deadline=None, max_examples=150)
def test_same_decisions_as_the_twin(case: Case) -> None:
    assert_same(case)


@pytest.mark.slow  # compiling takes half a minute
@given(case=cases(50, impaired(quality=True)))
@settings(derandomize=True, deadline=None, max_examples=60)
def test_same_decisions_where_lightpaths_must_be_good(case: Case) -> None:
    assert_same(case)


class BreakableTwin(ImpairedTwin):
    """A twin whole connections of which may be interrupted."""

    def connections(self) -> list[Connection]:
        return list(self.up)

    def rank(self, connection: Connection) -> tuple[Any, ...]:
        return (-connection.departure,)


@pytest.mark.slow
@given(data=st.data(), case=cases(50, impaired(quality=False)))
@settings(derandomize=True, deadline=None, max_examples=25)
def test_same_decisions_where_links_fail(data: st.DataObject, case: Case) -> None:
    scenario, count = case.scenario, len(case.requests.arrival)
    assert scenario.service is not None
    twin = twin_of(case)
    twin.__class__ = BreakableTwin
    cut = data.draw(st.integers(0, count - 1))
    served: Any = SimpleNamespace(
        network=scenario.network, requests=case.requests, seed=1, cuts=[0, 0, cut, count]
    )
    happening = data.draw(events(served))
    made = scenario._replace(network=able_to_fail(scenario.network), failure=ONCE)
    simulation = ConnectionSimulation(made, scenario.service, case.load)
    restoration = data.draw(st.sampled_from(["none", "reroute", "wait"]))
    run_with(simulation, twin, served, happening, restoration, made.policy.needs_ties)


# --- by hand


def table(reach_km: float = 9e9) -> ModulationTable:
    """100, 200 and 300 Gb/s take one, two and three slots."""
    rates = tuple((100.0 * n, (Entry(0, reach_km, n),)) for n in (1, 2, 3))
    return ModulationTable("test", (ModulationFormat("QPSK", 2),), (), rates, None)


def network(*links: tuple[int, int, float]) -> Topology:
    nodes = tuple(range(max(max(a, b) for a, b, _ in links) + 1))
    return Topology("hand", tuple(map(str, nodes)), links, nodes, {}, {})


TRIANGLE = network((0, 1, 100.0), (0, 2, 100.0), (1, 2, 100.0))


def by_hand(topology: Topology, slots: int, cores: int, beta: float, **general: object) -> Case:
    xt_type = general.pop("xt_type", "with_length")
    config = load_config(
        "default",
        {
            "general_settings": {
                "guard_slots": 0,
                "request_distribution": {"100": 0.3, "200": 0.4, "300": 0.3},
                **general,
            },
            "topology_settings": {"cores_per_link": cores},
            "routing_settings": {"k_paths": 100},
            "spectrum_settings": {"c_band": slots},
            "snr_settings": {"beta": beta, "xt_type": xt_type},
        },
    )
    scenario = make_scenario(config, Inputs(topology, table(), None))
    return Case(config, scenario, None, requests_of([]), 1.0)


def requests_of(widths: list[int]) -> Requests:
    """Requests from node 0 to node 1 that stay."""
    count = len(widths)
    return Requests(
        np.arange(1.0, count + 1),
        np.full(count, 1e6),
        np.zeros(count, dtype=np.int32),
        np.array(widths, dtype=np.int32) - 1,
        np.zeros(count),
    )


def served(case: Case, widths: list[int]) -> tuple[list[list[int]], list[float]]:
    """Return the decisions, and the costs of the paths before the last one."""
    case = case._replace(requests=requests_of(widths))
    assert case.scenario.pairs[0] == ("0", "1")
    done = new_run(case)
    serve(case, done, case.requests, done.decision)
    paths = int(case.scenario.network.first_path[1])
    return done.decision.tolist(), (done.state.score[:paths] / GRAINS).tolist()


def test_interference_of_one_lightpath() -> None:
    """Of two slots at the bottom of ten, on channels of two slots that may start at 2 ... 8.

    The centres are 2 ... 8 slots apart: ln(3/1) + ln(4/2) + ... + ln(9/7) = ln(8 * 9 / (1 * 2)).
    """
    worst_of_it = (37.5 / 25.0) ** 2 / math.log(85 * 87)  # 25 GHz in place of 37.5
    one_span = worst_of_it * math.log(36) / 7
    decisions, costs = served(by_hand(TRIANGLE, 10, 1, 0.5, route_method="nli_aware"), [2, 2])
    assert decisions == [[0, 0, 0], [0, 0, 2]]
    assert costs == pytest.approx([0.5 + 0.5 * one_span, 1.0], abs=1e-8)
    # Where km do not count the empty way round costs nothing.
    decisions, costs = served(by_hand(TRIANGLE, 10, 1, 0.0, route_method="nli_aware"), [2, 2])
    assert decisions == [[0, 0, 0], [1, 0, 0]]
    assert costs == pytest.approx([0.0, one_span], abs=1e-8)
    # Four spans make four times as much.
    far = network((0, 1, 400.0), (0, 2, 400.0), (1, 2, 400.0))
    _, costs = served(by_hand(far, 10, 1, 0.5, route_method="nli_aware"), [2, 2])
    assert costs == pytest.approx([0.5 + 2.0 * one_span, 1.0], abs=1e-8)


def test_the_worst_interference_is_that_of_fusion() -> None:
    assert pytest.approx(twins.WORST, rel=1e-12) == WORST


@pytest.mark.parametrize(
    ("cores", "share"),
    [
        (1, 0.0),
        # Two slots of core 0 are lit; of a square its two neighbours have two cores each next to them.
        (4, 2 * (2 * 1 / 2) / 38),
        # On a hexagon its two neighbours have three each, the core in the middle has six.
        (7, 2 * (2 * 1 / 3 + 1 / 6) / 68),
    ],
)
def test_crosstalk_of_one_lightpath(cores: int, share: float) -> None:
    method = {"route_method": "xt_aware"}
    _, costs = served(by_hand(TRIANGLE, 10, cores, 0.25, **method), [2, 2])
    assert costs == pytest.approx([0.25 + 0.75 * share, 0.5], abs=1e-8)
    long_way = network((0, 1, 250.0), (0, 2, 100.0), (1, 2, 100.0))
    case = by_hand(long_way, 10, cores, 0.25, xt_type="without_length", **method)
    decisions, costs = served(case, [2, 2])
    # By km the way round is the first path. It has two spans, and light on both of its links.
    assert costs == pytest.approx([0.0, 2 * share], abs=1e-8)
    assert [path for path, _, _ in decisions] == [0, 0 if cores == 1 else 1]


def test_a_link_without_room_comes_last() -> None:
    for method in ("nli_aware", "xt_aware"):
        decisions, costs = served(by_hand(TRIANGLE, 3, 1, 1.0, route_method=method), [3, 1])
        assert decisions == [[0, 0, 0], [1, 0, 0]]
        assert costs == pytest.approx([2.0, 1000.0], abs=1e-8)


def test_the_core_with_fewest_overlaps_is_taken() -> None:
    """Four cores in a square; 0 and 2 fill from the bottom, 1 and 3 from the top."""
    line = network((0, 1, 100.0))
    case = by_hand(line, 4, 4, 0.5, allocation_method="xt_aware")
    assert [plane.core for plane in case.scenario.planes] == [0, 2, 1, 3]
    decisions, _ = served(case, [2, 3, 3, 1, 1])
    core = [case.scenario.planes[plane].core for _, plane, _ in decisions]
    places = list(zip(core, [start for _, _, start in decisions], strict=True))
    # The third overlaps in core 1 as in core 3. The fourth would overlap with that in cores 0, 2 and 1; the
    # last does so with one lightpath in core 0 and in core 2, below the fourth in core 3 with one, too.
    assert places == [(0, 0), (2, 0), (1, 1), (3, 3), (0, 2)]


@pytest.mark.parametrize("cores", [4, 7, 13, 19])
@pytest.mark.parametrize("slots", [9, 70])
def test_cores_that_fill_and_empty(cores: int, slots: int) -> None:
    """So full that most cores are used and places of the same request differ in what they overlap."""
    case = by_hand(TRIANGLE, slots, cores, 0.5, allocation_method="xt_aware")
    random, count = np.random.default_rng(cores), 400
    requests = Requests(
        np.cumsum(random.exponential(1.0, count)),
        random.exponential(0.6 * cores * slots, count),
        random.integers(0, 6, count).astype(np.int32),
        random.integers(0, 3, count).astype(np.int32),
        np.zeros(count),
    )
    done, twin = new_run(case._replace(requests=requests)), twin_of(case)
    serve(case, done, requests, done.decision)
    twin.serve(requests)
    assert done.decision.tolist() == [list(decision) for decision in twin.decisions]
    used = {plane for _, plane, _ in twin.decisions}
    assert slots == 70 or len(used - {-1}) > 2 * cores // 3


def shortest(topology: Topology, cost: list[float], source: int, destination: int) -> float:
    """Return the least cost of a path (Dijkstra's algorithm)."""
    queue, known = [(0.0, source)], set()
    while queue:
        total, node = heapq.heappop(queue)
        if node == destination:
            return total
        if node not in known:
            known.add(node)
            for (a, b, _), of_link in zip(topology.links, cost, strict=True):
                if node in (a, b):
                    heapq.heappush(queue, (total + of_link, b if node == a else a))
    raise AssertionError


@pytest.mark.parametrize("method", ["nli_aware", "xt_aware"])
@pytest.mark.parametrize("seed", range(2))
def test_with_enough_paths_the_first_is_the_shortest_by_present_costs(
    method: str, seed: int
) -> None:
    random = np.random.default_rng(seed)
    pairs = [(a, b) for b in range(6) for a in range(b) if b == a + 1 or random.random() < 0.5]
    topology = network(*((a, b, float(random.integers(50, 400))) for a, b in pairs))
    case = by_hand(topology, 12, 7, 0.2, route_method=method)
    count = 80
    requests = Requests(
        np.arange(1.0, count + 1),
        np.full(count, 1e6),
        random.integers(0, 30, count).astype(np.int32),
        random.integers(0, 3, count).astype(np.int32),
        np.zeros(count),
    )
    done, twin = new_run(case._replace(requests=requests)), twin_of(case)
    for i in range(count):
        one = requests.part(i, i + 1)
        widths = int(one.bit_rate[0]) + 1
        cost = [twin.spectrum.cost(method, link, widths) for link in range(len(pairs))]
        source, destination = map(int, case.scenario.pairs[int(one.pair[0])])
        serve(case, done, one, done.decision[i : i + 1])
        twin.serve(one)
        least = shortest(topology, cost, source, destination)
        assert done.state.score[0] / GRAINS == pytest.approx(least, abs=1e-8)
    assert done.decision.tolist() == [list(decision) for decision in twin.decisions]
