"""Failures of links: interrupted, restored and lost as a slow twin says, and the spectrum conserved."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion.config.config import ConfigError, load_config
from fusion.config.relevant_fields import relevant_fields
from fusion.kernel.connections import ENDED
from fusion.kernel.failures import able_to_fail
from fusion.kernel.records import Service
from fusion.network.region import links_in_region
from fusion.network.slicing import PER_GBPS
from fusion.results.measured import FailureStatistics
from fusion.results.replication_file import to_record
from fusion.results.statistics import blocking_estimate
from fusion.scenario.failures import Event, Failure, restoration_stream
from fusion.scenario.inputs import read_inputs
from fusion.scenario.network_rows import Lightpaths
from fusion.scenario.policies import Policy, built_in_policy
from fusion.scenario.scenario import Scenario, make_scenario
from fusion.scenario.traffic import Requests, draw_requests
from fusion.simulation.connections import ConnectionSimulation
from fusion.simulation.outages import Run
from fusion.simulation.plain import PlainSimulation
from fusion.simulation.replication import replicate
from tests.twin.cases import POLICIES, Case, cases, first_requests
from tests.twin.failures import BreakableConnectionTwin, BreakableTwin, FailureRun
from tests.twin.test_connections import OPTIONS, service_of, shaped_cases
from tests.twin.twin import as_list
from tests.twin.user_policies import FIRST_FIT
from validation.exact import erlang_b

LOAD = 170.0
FAILS, REPAIRED, REQUESTS = 3000, 4500, 6000


def scenario(failure: dict[str, Any], **general: Any) -> Scenario:
    overrides = {
        "general_settings": {"num_requests": REQUESTS, **general},
        "failure_settings": failure,
        "topology_settings": {"link_directions": "shared"},
    }
    config = load_config("nsfnet_100_slots", overrides)
    return make_scenario(config, read_inputs(config))


LINK = {
    "failure_type": "link",
    "failed_link_src": 6,
    "failed_link_dst": 10,
    "t_fail_arrival_index": FAILS,
    "t_repair_after_arrivals": REPAIRED - FAILS,
}


@st.composite
def events(draw: st.DrawFn, case: Case) -> list[Event]:
    """Failures of any links at any time, some of them repaired, one inside another now and then."""
    spectra, end = case.network.spectrum.shape[1], float(case.requests.arrival[-1])
    found = []
    for _ in range(draw(st.integers(1, 4))):
        links = np.zeros(spectra, dtype=np.bool_)
        most = draw(st.sampled_from([1, 1, 1, 2, spectra]))
        links[list(draw(st.sets(st.integers(0, spectra - 1), min_size=1, max_size=most)))] = True
        first, last = sorted(draw(st.tuples(*[st.floats(0, 1.2)] * 2)))
        found.append(Event(first * end, links, True))
        if draw(st.booleans()):
            found.append(Event(last * end, links, False))
    return sorted(found, key=lambda event: event.time)


def made_for(case: Case, policy: Policy, service: Service | None) -> Scenario:
    """Return as much of a scenario as is read to serve a case."""
    unused = dict.fromkeys(Scenario._fields)
    rates = np.array([*[100.0, 37.5, 12.5][: case.network.width.shape[1] - 1], 25.0])
    return Scenario(**unused)._replace(  # type: ignore[arg-type]
        network=able_to_fail(case.network),
        traffic=case.traffic,
        policy=policy,
        service=service,
        failure=ONCE,
        link_km=(0.0,) * case.network.spectrum.shape[1],
        lightpaths=Lightpaths((), case.network.width, 0, rates, np.arange(len(rates))),
        num_requests=len(case.requests.arrival),
        sample_every=case.sample_every,
    )


ONCE = Failure("none", ())


class Chosen:
    """A stream of random numbers of which the uniform ones are known."""

    def __init__(self, values: list[float]) -> None:
        self._values = iter(values)

    def random(self, count: int) -> Any:
        return np.array([next(self._values) for _ in range(count)])


def run_with(
    simulation: Any,
    twin: Any,
    case: Case,
    happening: list[Event],
    restoration: str,
    ties: bool,
    slow: FailureRun | None = None,
    reverts: bool = False,
) -> tuple[Any, Any]:
    """Serve a case with failures on both sides, compare all that is counted, and return what was."""
    chosen = np.random.default_rng(case.seed).random(20_000).tolist()
    requests = case.requests if ties else case.requests._replace(tie=np.empty(0))
    chunks = (requests.part(a, b) for a, b in pairwise(case.cuts) if a < b)
    failure = ONCE._replace(restoration=restoration, reverts=reverts)
    run = Run(simulation, failure, chunks, Chosen(chosen))  # type: ignore[arg-type]
    decisions: list[list[int]] = []
    serve = simulation.serve

    def remember(chunk: Any, decision: Any) -> None:
        whole = decision if slow is None else np.empty((len(decision), 5), dtype=np.int32)
        serve(chunk, whole)
        decision[:] = whole[:, :3]
        decisions.extend(whole.tolist())

    simulation.serve = remember
    warmup, total = case.cuts[1], len(case.requests.arrival)
    run.events = iter(happening)
    for stretch in run.until(warmup):
        simulation.serve(*stretch)
    began = run.begin_measuring()
    for stretch in run.until(total):
        simulation.serve(*stretch)
    outage, ended = run.end(), simulation.now()
    slow = slow or FailureRun(twin, restoration)
    slow.serve(requests, happening, chosen if ties else [0.0] * len(chosen))
    assert decisions == [list(each) for each in twin.decisions]
    asked, down = slow.times(began, ended)
    # Sums of times up to 1e5 are taken from each other.
    assert outage.asked_time == pytest.approx(asked, abs=1e-6)
    assert outage.down_time == pytest.approx(down, abs=1e-6)
    if warmup == 0:
        assert (outage.interrupted, outage.restored) == (slow.interrupted, slow.restored)
    return outage, slow


@pytest.mark.parametrize("restoration", ["none", "reroute", "wait"])
@given(data=st.data(), case=cases(), policy=st.sampled_from(POLICIES))
@settings(derandomize=True, deadline=None, max_examples=30)
def test_decisions_are_those_of_the_twin(
    restoration: str, data: st.DataObject, case: Case, policy: tuple[str, str]
) -> None:
    chosen, happening = built_in_policy(*policy), data.draw(events(case))
    simulation = PlainSimulation(made_for(case, chosen, None), case.load)
    twin = BreakableTwin(case.network, *policy)
    outage, slow = run_with(simulation, twin, case, happening, restoration, chosen.needs_ties)
    if case.cuts[1] == 0:
        rates = simulation._scenario.lightpaths.bit_rates_gbps
        lost = sum(rates[int(rate)] for rate in slow.lost)
        assert outage.lost_gbps == pytest.approx(lost)
    assert_conserved(simulation, happening)
    if case.cuts[1] == 0:
        paths = range(len(case.network.first_hop) - 1)
        assert simulation._tally.busy_by_path == pytest.approx(as_list(twin.busy_by_path, paths))


@pytest.mark.parametrize("restoration", ["none", "reroute", "wait"])
@given(data=st.data(), case=shaped_cases(), options=OPTIONS, policy=st.sampled_from(POLICIES))
@settings(derandomize=True, deadline=None, max_examples=30)
def test_sliced_and_groomed_connections_are_those_of_the_twin(
    restoration: str,
    data: st.DataObject,
    case: Case,
    options: dict[str, Any],
    policy: tuple[str, str],
) -> None:
    service, chosen = service_of(case, **options), built_in_policy(*policy)
    happening = data.draw(events(case))
    simulation = ConnectionSimulation(made_for(case, chosen, service), service, case.load)
    twin = BreakableConnectionTwin(case.network, service, *policy)
    outage, slow = run_with(simulation, twin, case, happening, restoration, chosen.needs_ties)
    if case.cuts[1] == 0:
        assert outage.lost_gbps == pytest.approx(sum(slow.lost) / PER_GBPS)
    # When all have ended, all is free, and the lightpaths add up.
    last = float((case.requests.arrival + case.requests.holding).max())
    column = np.array([case.network.width.shape[1] - 1], dtype=np.int32)
    no_pair, one = np.zeros(1, dtype=np.int32), np.ones(1)
    simulation._service = service._replace(grooms=False, partial=False, max_segments=1)
    tie = np.zeros(1) if chosen.needs_ties else np.empty(0)
    simulation.serve(Requests(last * one, one, no_pair, column, tie), np.empty((1, 3), np.int32))
    twin.end_until(last)
    assert np.array_equal(simulation._state.free, case.network.spectrum)
    assert not simulation._state.usage.any()
    if case.cuts[1] == 0:
        count, paths = simulation._count, range(len(case.network.first_hop) - 1)
        assert count.number[ENDED] == len(twin.uses)
        assert count.use[0] == pytest.approx(sum(twin.uses))
        assert simulation._tally.busy_by_path == pytest.approx(as_list(twin.busy_by_path, paths))


def assert_conserved(simulation: PlainSimulation, happening: list[Event]) -> None:
    """What is free and what is held is the spectrum; on paths that are down is only what waits."""
    network, state = simulation._scenario.network, simulation._state
    held = np.zeros((*network.spectrum.shape[:2], 64 * network.spectrum.shape[2]), dtype=np.int64)
    for first in state.bucket.tolist():
        row = first
        while row >= 0:
            path, start = state.path[row], state.start[row]
            for link in network.links[network.first_hop[path] : network.first_hop[path + 1]]:
                held[state.plane[row], link, start : start + state.width[row]] += 1
            row = int(state.following[row])
    free, spectrum = (
        np.unpackbits(words.view(np.uint8), axis=-1, bitorder="little").astype(np.int64)
        for words in (state.free, network.spectrum)
    )
    assert np.array_equal(free + held, spectrum)
    if state.usage.size:
        assert np.array_equal(np.diff(state.usage), held.sum(axis=1))


@pytest.mark.parametrize("restoration", ["none", "reroute"])
def test_nothing_is_on_a_failed_link(restoration: str) -> None:
    made = scenario({**LINK, "restoration": restoration})
    assert made.failure is not None
    simulation = PlainSimulation(made, LOAD)
    chunk = next(draw_requests(made.traffic, LOAD, 1, 0, ties=False))
    simulation.serve(chunk.part(0, 2000))
    links = made.failure.schedule[0].links
    hit = simulation.links.change(links, fails=True)
    toll = simulation.fail(hit, simulation.now(), made.failure, restoration_stream(1, LOAD, 0))
    assert toll.interrupted > 5
    assert (toll.restored > 0) == (restoration == "reroute")
    (failed,) = np.flatnonzero(links)
    free, spectrum = simulation._state.free[:, failed], made.network.spectrum[:, failed]
    for end in (2500, 3000):
        simulation.serve(chunk.part(end - 500, end))
        assert np.array_equal(free, spectrum)
    simulation.links.change(links, fails=False)
    simulation.serve(chunk.part(3000, 3500))
    assert not np.array_equal(free, spectrum)


def lonely_link(tmp_path: Path, failure: dict[str, Any], requests: int) -> Scenario:
    (tmp_path / "link.txt").write_text("A\tB\t100\nB\tA\t100\n")
    overrides = {
        "general_settings": {
            "num_requests": requests,
            "request_distribution": {25: 1},
            "guard_slots": 0,
            "max_segments": 1,
        },
        "topology_settings": {"network": str(tmp_path / "link.txt"), "cores_per_link": 1},
        "routing_settings": {"k_paths": 1},
        "spectrum_settings": {"c_band": 10},
        "failure_settings": failure,
    }
    config = load_config("default", overrides)
    return make_scenario(config, read_inputs(config))


def test_a_link_without_a_detour_blocks_all_while_it_is_down(tmp_path: Path) -> None:
    """Before it, and again long after it, blocking is Erlang B; nothing is restored."""
    made = lonely_link(
        tmp_path,
        {
            "failure_type": "link",
            "failed_link_src": "B",
            "failed_link_dst": "A",
            "t_fail_arrival_index": 20_000,
            "t_repair_after_arrivals": 500,
            "restoration": "reroute",
        },
        60_500,
    )
    done = [replicate(made, 6.0, number, 200) for number in range(12)]
    failures = [each.failures for each in done]
    for phase in (0, 2):
        estimate = blocking_estimate(
            [each.phase_blocked[phase] for each in failures],
            [each.phase_requests[phase] for each in failures],
            0.999,
        )
        assert estimate.ci_lower < erlang_b(10, 6.0) < estimate.ci_upper
    assert all(each.phase_blocked[1] == each.phase_requests[1] == 500 for each in failures)
    interrupted = np.mean([each.interrupted for each in failures])
    assert interrupted == pytest.approx(6.0 * (1 - erlang_b(10, 6.0)), abs=2.5)
    assert all(each.restored == 0 for each in failures)
    assert all(each.lost_gbps == 25.0 * each.interrupted for each in failures)
    # What was torn down, and the time without the link, is in the utilisation.
    share = float(np.mean([each.links.utilisation[0] for each in done]))
    up = 6.0 * (1 - erlang_b(10, 6.0)) / 10
    assert share == pytest.approx(up * 60_000 / 60_500, rel=0.02)


@pytest.mark.parametrize(
    ("failure", "links"),
    [
        ({"failure_type": "link", "failed_link_src": 10, "failed_link_dst": "6"}, {("6", "10")}),
        ({"failure_type": "node", "failed_node_id": 1}, {("1", "2"), ("1", "3"), ("1", "8")}),
        (
            {"failure_type": "srlg", "srlg_links": "[(1,2), ('8', 1)]"},
            {("1", "2"), ("1", "8")},
        ),
        ({"failure_type": "srlg", "srlg_links": [[2, 1], [1, 2]]}, {("1", "2")}),
        (
            {"failure_type": "geo", "geo_center_node": "1", "geo_hop_radius": 0},
            {("1", "2"), ("1", "3"), ("1", "8")},
        ),
        (
            {"failure_type": "geo", "geo_center_node": "12", "geo_hop_radius": 1},
            {
                *(("9", "12"), ("11", "12"), ("12", "14"), ("4", "11"), ("11", "13")),
                *(("6", "14"), ("13", "14"), ("8", "9"), ("9", "10"), ("9", "13")),
            },
        ),
        (
            {"failure_type": "geo", "geo_center_node": "1", "geo_radius_km": 100},
            {("1", "2"), ("1", "3"), ("1", "8")},
        ),
        (
            {"failure_type": "geo", "geo_center_point": (-118.4, 33.9), "geo_radius_km": 700},
            {("1", "2"), ("2", "3"), ("2", "4"), ("1", "3"), ("3", "6")},
        ),
    ],
)
def test_what_fails(failure: dict[str, Any], links: set[tuple[str, str]]) -> None:
    made = scenario({"t_repair_after_arrivals": 0, **failure})
    assert made.failure is not None
    (once,) = made.failure.schedule
    assert {made.links[i] for i in np.flatnonzero(once.links)} == links
    assert (once.fails_before, once.repaired_before) == (REQUESTS // 2, None)


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        ({"failure_type": "link"}, "failed_link_src must be given with failure_type = link"),
        (
            {"failure_type": "link", "failed_link_src": 1, "failed_link_dst": 14},
            "there is no link between 1 and 14",
        ),
        ({"failure_type": "node", "failed_node_id": 99}, "must be a node of the topology: 1, 2"),
        ({"failure_type": "srlg", "srlg_links": "(1, 2), x"}, "must be a list of links such as"),
        ({"failure_type": "fire"}, "must be one of none, link, node, srlg, geo"),
        (
            {"failure_type": "node", "failed_node_id": 1, "t_fail_arrival_index": REQUESTS},
            "must be less than num_requests = 6000",
        ),
        (
            {"failure_type": "node", "failed_node_id": 1, "t_repair_after_arrivals": 3001},
            "must be at most 3000",
        ),
        (
            {"failure_type": "node", "failed_node_id": 1, "t_fail_time": -0.5},
            "t_fail_time = -0.5: must be 0 or more, or -1",
        ),
        (
            {"failure_type": "node", "failed_node_id": 1, "t_fail_time": 1e9},
            "must be less than 4.8, when num_requests have come at 250 Erlang",
        ),
        (
            {
                "failure_type": "node",
                "failed_node_id": 1,
                "t_fail_time": 2,
                "t_repair_after_time": 99,
            },
            "t_repair_after_time = 99: and t_fail_time must be less than 4.8",
        ),
        (
            {"failure_type": "geo", "geo_center_point": "1, 2"},
            "needs geo_radius_km above 0; geo_hop_radius counts from a node",
        ),
        (
            {"failure_type": "geo", "geo_center_point": "far", "geo_radius_km": 9},
            "must be longitude, latitude in degrees",
        ),
        (
            {"failure_type": "geo", "geo_center_point": "0, 99", "geo_radius_km": 9},
            "up to 360 and 90",
        ),
        (
            {
                "failure_type": "geo",
                "geo_center_point": "0, 9",
                "geo_center_node": 1,
                "geo_radius_km": 9,
            },
            "must be empty where geo_center_node is given",
        ),
        (
            {"failure_type": "geo", "geo_center_point": "0, 0", "geo_radius_km": 9},
            "is too small: no link comes that near to the centre",
        ),
    ],
)
def test_a_failure_that_cannot_be_is_told(failure: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        scenario(failure)
    assert told in str(caught.value)


def test_a_region_by_km_needs_coordinates() -> None:
    config = load_config(
        "default",
        {
            "topology_settings": {"network": "geant"},
            "failure_settings": {
                "failure_type": "geo",
                "geo_center_node": "1",
                "geo_radius_km": 50,
                "t_repair_after_arrivals": 0,
            },
        },
    )
    with pytest.raises(ConfigError, match="needs the longitude and latitude of every node"):
        read_inputs(config)


def test_a_link_fails_where_it_comes_near() -> None:
    """On the equator and on a meridian a degree is 111.2 km, also over the 180th."""
    places = [(179.0, 0.0), (-179.0, 0.0), (179.5, 3.0), (-179.5, 3.0)]
    links = [(0, 1), (2, 3), (0, 2), (1, 3)]
    for centre in ((180.0, 0.5), (-180.0, 0.5)):
        assert links_in_region(centre, 55.0, places, links) == []
        assert links_in_region(centre, 56.0, places, links) == [0]
        assert links_in_region(centre, 120.0, places, links) == [0, 2, 3]
        assert links_in_region(centre, 280.0, places, links) == [0, 1, 2, 3]


@pytest.mark.parametrize("max_segments", [1, 3])
@pytest.mark.parametrize("restoration", ["none", "reroute", "wait"])
def test_a_failure_may_have_a_time(restoration: str, max_segments: int) -> None:
    """At the time of a request it does what it does before that request."""
    general = {"max_segments": max_segments, "allocation_method": "random_fit"}
    general |= {"erlang_start": LOAD, "erlang_stop": LOAD}
    before = scenario({**LINK, "restoration": restoration}, **general)
    requests = first_requests(before.traffic, LOAD, before.seed, 0, REQUESTS + 500)
    start, fails, ends = requests.arrival[[499, FAILS + 499, REPAIRED + 499]]
    times = {"t_fail_time": fails - start, "t_repair_after_time": ends - fails}
    timed = scenario({**LINK, **times, "restoration": restoration}, **general)
    assert timed.failure is not None
    # The links fail with the arrival before; then those that come at that time are still served.
    at = np.nextafter([fails, ends], np.inf) - start
    once = timed.failure.schedule[0]._replace(fails_at=at[0], repaired_at=at[1])
    timed = timed._replace(failure=timed.failure._replace(schedule=(once,)))
    one, other = (replicate(each, LOAD, 0, 500).failures for each in (before, timed))
    assert one.interrupted > 5
    for name in ("phase_requests", "phase_blocked", "interrupted", "restored", "lost_gbps"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert one.asked_time == pytest.approx(other.asked_time)
    assert one.down_time == pytest.approx(other.down_time)
    assert (one.down_time > 0) == (other.down_time > 0)


def test_who_waits_is_carried_again(tmp_path: Path) -> None:
    """On a link of its own each connection is out for all that it meets of the time of repair."""
    failure = {
        "failure_type": "link",
        "failed_link_src": "B",
        "failed_link_dst": "A",
        "t_fail_arrival_index": 3000,
        "t_repair_after_arrivals": 600,
        "restoration": "wait",
    }
    made = lonely_link(tmp_path, failure, 6000)
    done = [replicate(made, 6.0, number, 200).failures for number in range(30)]
    assert all(each.lost_gbps == each.restored == 0 for each in done)
    # Nobody new comes in: of n that are up n holding times are left, but what sticks out of 100.
    up = sum(each.interrupted for each in done)
    assert sum(each.down_time for each in done) == pytest.approx(
        up * made.traffic.mean_holding_time, rel=0.15
    )
    lost = lonely_link(tmp_path, failure | {"restoration": "none"}, 6000)
    gone = [replicate(lost, 6.0, number, 200).failures for number in range(30)]
    # Who is gone was to stay for as long; then those that come after the repair meet no difference.
    assert [each.down_time for each in gone] == pytest.approx([each.down_time for each in done])
    assert [each.asked_time for each in gone] == pytest.approx([each.asked_time for each in done])


def test_only_what_has_an_effect_is_part_of_the_content() -> None:
    off = {"failure_type": "none", "failed_link_src": 3, "geo_hop_radius": 5, "srlg_links": "[]"}
    on = {"failure_type": "node", "failed_node_id": 1, "geo_hop_radius": 5}
    plain, with_off, with_on = (
        relevant_fields(load_config("quick", {"failure_settings": each})) for each in ({}, off, on)
    )
    assert plain == with_off
    assert with_on == {
        **plain,
        "failure_settings.failure_type": "node",
        "failure_settings.failed_node_id": "1",
    }


COMBINED: dict[str, dict[str, Any]] = {
    "plain": {},
    "sliced": {"max_segments": 3},
    "groomed": {"is_grooming_enabled": True},
    "all of it": {"max_segments": 3, "is_grooming_enabled": True, "can_partially_serve": True},
    "ranked": {"route_method": "cong_aware"},
}


@pytest.mark.parametrize("name", [*COMBINED, "1plus1", "shared_backup"])
def test_random_failures_go_with_all(name: str) -> None:
    """The links fail at the same times whatever is done, and restoring is better than nothing."""
    mode = name if name not in COMBINED else "none"
    failure = {"failure_type": "random", "mtbf": 1500, "mttr": 0.02, "mtbf_of": "km"}
    done = {}
    for restoration in ("none", "reroute", "wait"):
        config = load_config(
            "nsfnet_100_slots",
            {
                "general_settings": {"num_requests": 3000, **COMBINED.get(name, {})},
                "failure_settings": {**failure, "restoration": restoration},
                "protection_settings": {"protection_mode": mode, "revert_to_primary": True},
            },
        )
        one, again = (
            replicate(make_scenario(config, read_inputs(config)), LOAD, 0, 1000) for _ in range(2)
        )
        assert to_record(one) == to_record(again)
        failures = done[restoration] = one.failures
        assert 0 < failures.down_time < failures.asked_time
        assert failures.interrupted > 100
        assert (failures.switched > 0) == (mode != "none")
    down = {restoration: one.down_time / one.asked_time for restoration, one in done.items()}
    if mode == "none":  # where connections need two paths, there are seldom any during a failure
        assert down["reroute"] < down["none"]
    assert len({tuple(one.link_down_time) for one in done.values()}) == 1


@pytest.mark.parametrize("restoration", ["none", "reroute", "wait"])
def test_a_policy_of_the_user_s_meets_no_path_that_is_down(
    tmp_path: Path, restoration: str
) -> None:
    """First fit as a policy in a file does what first fit does, before, during and after."""
    (tmp_path / "mine.py").write_text(FIRST_FIT)
    user_policy = {"routing_settings": {"policy": f"{tmp_path / 'mine.py'}:choose"}}
    done = []
    for routing in ({}, user_policy):
        overrides: dict[str, Any] = {
            "general_settings": {"num_requests": REQUESTS},
            "failure_settings": {**LINK, "restoration": restoration},
            **routing,
        }
        config = load_config("nsfnet_100_slots", overrides)
        done.append(replicate(make_scenario(config, read_inputs(config)), LOAD, 0, 500))
    assert done[0].failures.interrupted > 5
    assert to_record(done[0]) == to_record(done[1])


def test_restoring_carries_on_most_and_costs_others_some() -> None:
    def total(restoration: str) -> FailureStatistics:
        return replicate(scenario({**LINK, "restoration": restoration}), LOAD, 1, 3000).failures

    lost, restored = total("none"), total("reroute")
    assert lost.interrupted == restored.interrupted
    assert lost.restored == 0 < restored.restored
    assert restored.lost_gbps < lost.lost_gbps
    assert restored.phase_blocked[0] == lost.phase_blocked[0]
    assert restored.phase_blocked[1] >= lost.phase_blocked[1]
    assert lost.phase_blocked[1] > lost.phase_blocked[0] * (REPAIRED - FAILS) / FAILS
