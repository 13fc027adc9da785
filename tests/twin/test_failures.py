"""Failures of links: interrupted, restored and lost as a slow twin says, and the spectrum conserved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion.config import ConfigError, load_config, relevant_fields
from fusion.failures import Failure, restoration_stream
from fusion.inputs import read_inputs
from fusion.replication import Replication, _Simulation, replicate
from fusion.scenario import Scenario, make_scenario
from fusion.statistics import blocking_estimate
from fusion.traffic import draw_requests
from tests.twin.cases import first_requests
from tests.twin.twin import Choice, Lightpath, Twin
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


class TwinWithFailure(Twin):
    """A twin whose links fail, from the definitions."""

    def fail(self, failure: Failure, made: Scenario, bit_rates: list[int]) -> tuple[int, int, int]:
        """Return how many lightpaths were interrupted and restored, and the bit rates of the lost."""
        now = bit_rates and self.arrivals[len(self.decisions) - 1]
        self._release(now)
        links = set(np.flatnonzero(failure.links).tolist())
        hit = [one for one in self._live if links & set(self.spectrum.route[one.path])]
        for one in hit:
            self._live.remove(one)
            self.spectrum.give_back(Choice(one.path, one.plane, one.start), one.width)
        for plane in range(self.spectrum.planes):
            for link in links:
                self.spectrum.free[plane, link] = set()
        served = [index for index, decision in enumerate(self.decisions) if decision[0] >= 0]
        rate_of = {id(one): bit_rates[i] for one, i in zip(self.lightpaths, served, strict=True)}
        restored, lost = 0, 0.0
        pair_of = [pair for pair, paths in enumerate(self.spectrum.candidates) for _ in paths]
        for one in sorted(hit, key=lambda each: -each.departure):
            rate = rate_of[id(one)]
            choices = (
                self.spectrum.choices(pair_of[one.path], rate, self._fit, self._path_choice)
                if failure.restores
                else []
            )
            if choices:
                width = self.spectrum.width[choices[0].path][rate]
                self.spectrum.take(choices[0], width)
                self._live.append(Lightpath(one.departure, now, *choices[0], width))
                restored += 1
            else:
                lost += float(made.bit_rates_gbps[rate])
        self._live.sort()
        return len(hit), restored, lost

    arrivals: list[float]


@pytest.mark.parametrize("restoration", ["none", "reroute"])
@pytest.mark.parametrize("fit", ["first_fit", "best_fit", "most_used"])
def test_decisions_are_those_of_the_twin(fit: str, restoration: str) -> None:
    made = scenario({**LINK, "restoration": restoration}, allocation_method=fit)
    assert made.failure is not None
    requests = first_requests(made.traffic, LOAD, made.seed, 0, REQUESTS)
    done = replicate(made, LOAD, 0, 0)
    twin = TwinWithFailure(made.network, fit, "in_order", 10**9)
    twin.arrivals = requests.arrival.tolist()
    blocked = []
    twin.serve(requests.part(0, FAILS))
    rates = requests.bit_rate.tolist()
    interrupted, restored, lost = twin.fail(made.failure, made, rates)
    blocked.append(sum(twin.blocked_by_pair.values()))
    twin.serve(requests.part(FAILS, REPAIRED))
    blocked.append(sum(twin.blocked_by_pair.values()) - sum(blocked))
    for link in np.flatnonzero(made.failure.links).tolist():
        twin.spectrum.free[0, link] = set(range(made.slots_per_link))
    twin.serve(requests.part(REPAIRED, REQUESTS))
    blocked.append(sum(twin.blocked_by_pair.values()) - sum(blocked))
    assert (done.interrupted, done.restored, done.lost_gbps) == (interrupted, restored, lost)
    assert done.phase_blocked.tolist() == blocked
    assert done.phase_requests.tolist() == [FAILS, REPAIRED - FAILS, REQUESTS - REPAIRED]
    assert int(done.blocked.sum()) == sum(blocked)
    assert interrupted > 5
    assert (restored > 0) == (restoration == "reroute")


@given(
    seed=st.integers(0, 1000),
    links=st.sets(st.integers(0, 21), min_size=1, max_size=12),
    fit=st.sampled_from(["first_fit", "random_fit", "most_used", "last_fit"]),
    restores=st.booleans(),
)
@settings(derandomize=True, deadline=None, max_examples=40)
def test_spectrum_is_conserved(seed: int, links: set[int], fit: str, restores: bool) -> None:
    made = scenario({}, allocation_method=fit)
    failed = np.zeros(len(made.links), dtype=np.bool_)
    failed[list(links)] = True
    failure = Failure(failed, 0, None, restores)
    simulation = _Simulation(made, LOAD)
    requests = draw_requests(made.traffic, LOAD, seed, 0, ties=made.policy.needs_ties)
    chunk = next(requests)
    simulation.serve(chunk.part(0, 2000))
    outage = simulation.fail(failure, restoration_stream(seed, LOAD, 0))
    assert outage.restored <= outage.interrupted
    assert_conserved(simulation, made, failed)
    simulation.serve(chunk.part(2000, 3000))
    assert_conserved(simulation, made, failed)
    simulation.repair(failure)
    simulation.serve(chunk.part(3000, 4000))
    assert_conserved(simulation, made, np.zeros_like(failed))


def assert_conserved(simulation: _Simulation, made: Scenario, failed: Any) -> None:
    """What is free and what is held is the spectrum, on links that work; nothing is on the others."""
    network, state = made.network, simulation._state
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
    assert not held[:, failed].any()
    assert not free[:, failed].any()
    assert np.array_equal((free + held)[:, ~failed], spectrum[:, ~failed])
    if state.usage.size:
        assert np.array_equal(state.usage, held.sum(axis=1))


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
    for phase in (0, 2):
        estimate = blocking_estimate(
            [each.phase_blocked[phase] for each in done],
            [each.phase_requests[phase] for each in done],
            0.999,
        )
        assert estimate.ci_lower < erlang_b(10, 6.0) < estimate.ci_upper
    assert all(each.phase_blocked[1] == each.phase_requests[1] == 500 for each in done)
    interrupted = np.mean([each.interrupted for each in done])
    assert interrupted == pytest.approx(6.0 * (1 - erlang_b(10, 6.0)), abs=2.5)
    assert all(each.restored == 0 for each in done)
    assert all(each.lost_gbps == 25.0 * each.interrupted for each in done)
    # What was torn down, and the time without the link, is in the utilisation.
    share = float(np.mean([each.utilisation[0] for each in done]))
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
    ],
)
def test_what_fails(failure: dict[str, Any], links: set[tuple[str, str]]) -> None:
    made = scenario({"t_repair_after_arrivals": 0, **failure})
    assert made.failure is not None
    assert {made.links[i] for i in np.flatnonzero(made.failure.links)} == links
    assert (made.failure.fails_before, made.failure.repaired_before) == (REQUESTS // 2, None)


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        ({"failure_type": "link"}, "failed_link_src = : must be given with failure_type = link"),
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
    ],
)
def test_a_failure_that_cannot_be_is_told(failure: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        scenario(failure)
    assert told in str(caught.value)


def test_a_failure_does_not_go_with_slicing_yet() -> None:
    with pytest.raises(ConfigError, match="not available yet with max_segments above 1"):
        scenario({"failure_type": "node", "failed_node_id": 1}, max_segments=2)


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


def test_restoring_carries_on_most_and_costs_others_some() -> None:
    def total(restoration: str) -> Replication:
        return replicate(scenario({**LINK, "restoration": restoration}), LOAD, 1, 3000)

    lost, restored = total("none"), total("reroute")
    assert lost.interrupted == restored.interrupted
    assert lost.restored == 0 < restored.restored
    assert restored.lost_gbps < lost.lost_gbps
    assert restored.phase_blocked[0] == lost.phase_blocked[0]
    assert restored.phase_blocked[1] >= lost.phase_blocked[1]
    assert lost.phase_blocked[1] > lost.phase_blocked[0] * (REPAIRED - FAILS) / FAILS
