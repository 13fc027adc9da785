"""Several failures in one replication: against a slow twin, and where the result is known exactly."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion.config.config import ConfigError, load_config, to_ini
from fusion.config.relevant_fields import relevant_fields
from fusion.results.measured import FailureStatistics
from fusion.scenario.content import content_key
from fusion.scenario.failures import Event, Scheduled, restoration_stream
from fusion.scenario.inputs import read_inputs
from fusion.scenario.policies import built_in_policy
from fusion.scenario.scenario import make_scenario
from fusion.simulation.outages import Run
from fusion.simulation.plain import PlainSimulation
from fusion.simulation.replication import replicate
from tests.twin.cases import Case, cases
from tests.twin.failures import BreakableTwin, FailureRun
from tests.twin.test_failures import ONCE, lonely_link, made_for, scenario

NODE = {"failure_type": "node", "failed_node_id": 1}


@st.composite
def schedules(draw: st.DrawFn, case: Case) -> list[Scheduled]:
    """Failures of any links at a request or a time; some of them overlap, some begin or end together."""
    spectra, count = case.network.spectrum.shape[1], len(case.requests.arrival)
    end = float(case.requests.arrival[-1])
    found = []
    for _ in range(draw(st.integers(1, 4))):
        links = np.zeros(spectra, dtype=np.bool_)
        links[list(draw(st.sets(st.integers(0, spectra - 1), min_size=1, max_size=2)))] = True
        first, last = sorted(draw(st.sets(st.integers(0, 9), min_size=2, max_size=2)))
        is_repaired = draw(st.booleans())
        before = first * count // 10
        until_before = max(before + 1, last * count // 10)
        once = Scheduled(links, before, until_before if is_repaired else None)
        if draw(st.booleans()):
            until = last / 10 * end if is_repaired else None
            once = once._replace(fails_at=first / 10 * end, repaired_at=until)
        found.append(once)
    return found


def spans(case: Case, schedule: list[Scheduled]) -> list[tuple[float, float, np.ndarray[Any, Any]]]:
    """Return for each failure from when to when its links are down; before a request is after the last."""
    after = np.concatenate([[0.0], np.nextafter(case.requests.arrival, np.inf)])
    found = []
    for once in schedule:
        first, last = float(after[once.fails_before]), np.inf
        if once.repaired_before is not None:
            last = float(after[once.repaired_before])
        if once.fails_at is not None:
            first, last = once.fails_at, np.inf if once.repaired_at is None else once.repaired_at
        if first < last:
            found.append((first, last, once.links))
    return found


def transitions(case: Case, schedule: list[Scheduled]) -> list[Event]:
    """Return the events in which links go down and come up, each link once: what is down stays down."""
    found, was_down = [], np.zeros(case.network.spectrum.shape[1], dtype=np.bool_)
    times = {time for first, last, _ in spans(case, schedule) for time in (first, last)}
    for time in sorted(times - {np.inf}):
        down = np.zeros_like(was_down)
        for first, last, links in spans(case, schedule):
            if first <= time < last:
                down |= links
        found.append(Event(time, down & ~was_down, True))
        found.append(Event(time, was_down & ~down, False))
        was_down = down
    return found


@pytest.mark.parametrize("restoration", ["none", "reroute", "wait"])
@settings(derandomize=True, deadline=None, max_examples=60)
@given(data=st.data(), case=cases(), fit=st.sampled_from(["first_fit", "last_fit"]))
def test_a_schedule_does_what_the_twin_does(
    restoration: str, data: st.DataObject, case: Case, fit: str
) -> None:
    schedule, policy = data.draw(schedules(case)), built_in_policy(fit, "in_order")
    simulation = PlainSimulation(made_for(case, policy, None), case.load)
    requests = case.requests._replace(tie=np.empty(0))
    count = len(requests.arrival)
    failure = ONCE._replace(restoration=restoration, schedule=tuple(schedule))
    decisions: list[Any] = []
    serve = simulation.serve

    def remember(chunk: Any, decision: Any) -> None:
        serve(chunk, decision)
        decisions.extend(decision.tolist())

    simulation.serve = remember  # type: ignore[method-assign]
    key = (case.seed, case.load, 0)
    run = Run(simulation, failure, iter([requests]), restoration_stream(*key))
    for stretch in chain(run.warm_up(0, key), run.measure(0, count)):
        simulation.serve(*stretch)
    began, outage = run.began, run.end()
    twin = BreakableTwin(case.network, fit, "in_order")
    slow = FailureRun(twin, restoration)
    slow.serve(requests, transitions(case, schedule), [0.0] * 20_000)
    assert decisions == [list(each) for each in twin.decisions]
    assert (outage.interrupted, outage.restored) == (slow.interrupted, slow.restored)
    asked, down = slow.times(began, simulation.now())
    assert outage.asked_time == pytest.approx(asked, abs=1e-6)
    assert outage.down_time == pytest.approx(down, abs=1e-6)
    # Before the first failure, while something is down, and while nothing is any more.
    phases = np.zeros((3, 2), dtype=np.int64)
    for time, (path, _, _) in zip(requests.arrival.tolist(), decisions, strict=True):
        is_down = any(first <= time < last for first, last, _ in spans(case, schedule))
        has_failed = any(first <= time for first, _, _ in spans(case, schedule))
        phases[1 if is_down else 2 if has_failed else 0] += (1, path == -1)
    assert outage.phase_requests.tolist() == phases[:, 0].tolist()
    assert outage.phase_blocked.tolist() == phases[:, 1].tolist()


def on_a_lonely_link(tmp_path: Path, further: Any) -> FailureStatistics:
    """Return what was measured of a failure from request 2000 to 2500 and further ones."""
    failure = {
        "failure_type": "link",
        "failed_link_src": "B",
        "failed_link_dst": "A",
        "t_fail_arrival_index": 2000,
        "t_repair_after_arrivals": 500,
        "further_failures": further,
    }
    return replicate(lonely_link(tmp_path, failure, 6000), 6.0, 0, 200).failures


@pytest.mark.parametrize(
    ("times", "down", "outages"),
    [
        ([(2300, 600)], 900, 1),  # one goes on where the other ends
        ([(2100, 50)], 500, 1),  # inside
        ([(2500, 100)], 600, 1),  # it is not up between the two
        ([(2000, 500), (2000, 100)], 500, 1),
        ([(2300, 600), (4000, 100)], 1000, 2),
        ([(2300, 0)], 4000, 1),  # never repaired
    ],
)
def test_a_link_is_up_when_its_last_failure_is_repaired(
    tmp_path: Path, times: list[tuple[int, int]], down: int, outages: int
) -> None:
    link = {"failed_link_src": "A", "failed_link_dst": "B"}
    further = [
        {**link, "t_fail_arrival_index": at, "t_repair_after_arrivals": after}
        for at, after in times
    ]
    done = on_a_lonely_link(tmp_path, further)
    assert done.phase_requests.tolist() == [2000, down, 4000 - down]
    assert done.phase_blocked[1] == down
    assert done.link_outages.tolist() == [outages]
    assert done.phase_blocked[0] < 300


def test_kinds_go_together() -> None:
    further = """[
        {'failure_type': 'link', 'failed_link_src': 6, 'failed_link_dst': 10, 't_fail_time': 2.5,
         't_repair_after_time': 0.5},
        {'failure_type': 'srlg', 'srlg_links': '[(1, 2), (2, 3)]', 't_fail_arrival_index': 100}]"""
    made = scenario({**NODE, "further_failures": further})
    assert made.failure is not None
    node, link, group = made.failure.schedule
    assert [int(each.links.sum()) for each in (node, link, group)] == [3, 1, 2]
    assert (link.fails_at, link.repaired_at) == (2.5, 3.0)
    assert (node.fails_before, node.repaired_before) == (3000, 4000)
    assert (group.fails_before, group.repaired_before) == (100, 1100)


def test_a_schedule_is_kept_in_one_form(tmp_path: Path) -> None:
    """However it is written it is the same, and is read again from the frozen file."""
    listed = [{"failed_node_id": 2, "t_fail_time": 1}]
    ways = [
        listed,
        '[{"t_fail_time": 1, "failed_node_id": 2}]',
        "[{'failed_node_id': 2,\n 't_fail_time':1}]",
    ]
    configs = [
        load_config("quick", {"failure_settings": {**NODE, "further_failures": way}})
        for way in ways
    ]
    frozen = tmp_path / "frozen.ini"
    frozen.write_text(to_ini(configs[0]))
    configs.append(load_config(frozen))
    assert len({content_key(config, read_inputs(config)) for config in configs}) == 1
    alone = load_config("quick", {"failure_settings": NODE})
    assert content_key(alone, read_inputs(alone)) != content_key(
        configs[0], read_inputs(configs[0])
    )
    fields = relevant_fields(configs[0])
    assert fields["failure_settings.further_failures"] == (
        '[{"failed_node_id": 2, "t_fail_time": 1}]'
    )
    off = {"failure_type": "none", "further_failures": listed}
    assert relevant_fields(load_config("quick", {"failure_settings": off})) == (
        relevant_fields(load_config("quick"))
    )


@pytest.mark.parametrize(
    ("further", "told"),
    [
        ("failed_node_id = 3", "must be a list of dictionaries such as"),
        ("[" * 20_000, "must be a list of dictionaries such as"),
        ([3], "must be a list of dictionaries such as"),
        (
            "[{'failed_node_id': 3, 'failed_node_id': 4}]",
            "must have every key of a dictionary once",
        ),
        ("[{'failed_node_id': {}}]", "number 1 has {} for failed_node_id"),
        (
            [{"t_fail_tme": 3}],
            "t_fail_tme = 3: is not a key of a further failure; did you mean 't_fail_",
        ),
        ([{"restoration": "wait"}], "restoration = wait: is not a key of a further failure"),
        (
            [{"failure_type": "random"}],
            "failure_type = random: must be one of link, node, srlg, geo",
        ),
        (
            [{}, {"failed_node_id": ""}],
            "number 2: failed_node_id = : must be given with failure_type",
        ),
        (
            [{"failed_node_id": 99}],
            "number 1: failed_node_id: must be a node of the topology: 1, 2",
        ),
        (
            [{"failed_node_id": 2, "t_fail_arrival_index": 6000}],
            "number 1: t_fail_arrival_index = 6000: must be less than num_requests = 6000",
        ),
        (
            [{"failed_node_id": 2, "t_fail_time": "soon"}],
            "number 1: t_fail_time = soon: must be a number from -1",
        ),
        (
            [{"failed_node_id": 2, "t_fail_time": 1e9}],
            "number 1: t_fail_time = 1000000000: must be less than 4.8, when num_requests have come",
        ),
        (
            [{"failure_type": "srlg", "srlg_links": "here"}],
            "number 1: srlg_links = here: must be a list of links such as",
        ),
    ],
)
def test_a_further_failure_that_cannot_be_is_told(further: Any, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        scenario({**NODE, "further_failures": further})
    assert "further_failures" in str(caught.value)
    assert told in str(caught.value)


def test_no_schedule_beside_random_failures() -> None:
    failure = {"failure_type": "random", "mtbf": 1e6, "mttr": 1, "further_failures": [{}]}
    with pytest.raises(ConfigError, match="must be empty with failure_type = random"):
        scenario(failure)


def test_each_group_is_a_risk_of_its_own() -> None:
    """Backups whose working paths are in one group are not shared, also in the second group."""
    group = {"failure_type": "srlg", "srlg_links": "[(1, 2), (4, 5)]"}
    other = {"failure_type": "srlg", "srlg_links": "[(6, 10), (8, 9)]"}
    mode = {"protection_mode": "shared_backup", "revert_to_primary": True}
    made = [
        load_config(
            "quick",
            {
                "failure_settings": {**group, "further_failures": further},
                "protection_settings": mode,
            },
        )
        for further in ([], [other])
    ]
    alone, both = (make_scenario(config, read_inputs(config)).protection for config in made)
    assert alone is not None
    assert both is not None
    assert both.number_of_risks == alone.number_of_risks + 1
    new = both.number_of_risks - 1
    assert new not in alone.risks.tolist()
    assert new in both.risks.tolist()
