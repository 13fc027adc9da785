"""What is up at a moment: all that the loop has taken and nothing else, after exactly that request."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fusion import load_config, make_scenario
from fusion.results.spectrum_table import BACKUP, Moment, spectrum_rows
from fusion.scenario.inputs import read_inputs
from fusion.scenario.scenario import Scenario
from fusion.scenario.traffic import draw_requests
from fusion.simulation.moment import moment_after
from fusion.simulation.replication import make_simulation
from fusion.simulation.replication_as_fusion import trajectory

LOAD, REQUESTS = 220.0, 400
SMALL = {"num_requests": REQUESTS, "max_iters": 1, "erlang_start": LOAD, "erlang_stop": LOAD}
LINK = {
    "failure_type": "link",
    "failed_link_src": "1",
    "failed_link_dst": "2",
    "t_fail_arrival_index": 50,
    "t_repair_after_arrivals": 200,
}
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "cores, bands, directions": {
        "topology_settings": {"cores_per_link": 2, "link_directions": "separate"},
        "spectrum_settings": {"c_band": 40, "l_band": 30},
    },
    "slices": {"general_settings": {"max_segments": 4}},
    "grooming": {"general_settings": {"is_grooming_enabled": True}},
    "1+1": {"protection_settings": {"protection_mode": "1plus1"}},
    "shared": {
        "protection_settings": {"protection_mode": "shared_backup", "revert_to_primary": True}
    },
    "rerouted": {"failure_settings": {**LINK, "restoration": "reroute"}},
    "waiting": {"failure_settings": {**LINK, "restoration": "wait"}},
}


def scenario_of(kind: str) -> Scenario:
    overrides = {"general_settings": {}, **KINDS[kind]}
    overrides = {**overrides, "general_settings": {**SMALL, **overrides["general_settings"]}}
    config = load_config("quick", overrides)
    return make_scenario(config, read_inputs(config, quiet=True))


def occupied(scenario: Scenario, moment: Moment) -> np.ndarray[Any, Any]:
    """Return int[plane, link, slot]: how many lightpaths hold each slot."""
    slots = max(plane.slots for plane in scenario.planes)
    count = np.zeros((len(scenario.planes), len(scenario.links), slots), dtype=np.int64)
    places = {(plane.core, plane.band): number for number, plane in enumerate(scenario.planes)}
    links = {ends: number for number, ends in enumerate(scenario.links)}
    for row in spectrum_rows(scenario, moment):
        plane = places[row["core"], row["band"]]
        link = links[row["source"], row["destination"]]
        stop = row["first_slot"] + row["slots"] + row["guard_slots"]
        count[plane, link, row["first_slot"] : stop] += 1
    return count


@pytest.mark.parametrize("kind", KINDS)
def test_lightpaths_that_are_up_hold_what_the_loop_has_taken(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario, made = scenario_of(kind), []

    def make(*arguments: Any) -> Any:
        made.append(make_simulation(*arguments))
        return made[-1]

    monkeypatch.setattr("fusion.simulation.moment.make_simulation", make)
    for request in (1, 51, 300, REQUESTS):
        moment = moment_after(scenario, LOAD, 0, 100, request)
        count = occupied(scenario, moment)
        network = scenario.network
        taken = network.spectrum ^ made[-1]._state.free
        bits = np.unpackbits(taken.view(np.uint8), axis=-1, bitorder="little")
        assert np.array_equal(count > 0, bits[..., : count.shape[-1]] > 0)
        if kind != "shared":
            assert count.max() <= 1
        assert all(left > 0 for left in moment.up.until - moment.time)
        backups = [row for row in spectrum_rows(scenario, moment) if row["role"] == BACKUP]
        assert bool(backups) == (kind in ("1+1", "shared"))


def test_a_moment_is_after_exactly_that_request() -> None:
    scenario = scenario_of("plain")
    simulation = make_simulation(scenario, LOAD)
    chunk = next(draw_requests(scenario.traffic, LOAD, scenario.seed, 3, ties=False))
    decision = np.empty((len(chunk.arrival), 3), dtype=np.int32)
    simulation.serve(chunk, decision)
    for request in (1, 2, 99, REQUESTS):
        moment = moment_after(scenario, LOAD, 3, 0, request)
        now = chunk.arrival[request - 1]
        until = chunk.arrival + chunk.holding
        up = (decision[:request, 0] >= 0) & (until[:request] > now)
        assert moment.time == now
        found = zip(moment.up.path, moment.up.plane, moment.up.start, moment.up.until, strict=True)
        assert sorted(found) == sorted(
            (*place, end)
            for place, end in zip(decision[:request][up], until[:request][up], strict=True)
        )


@pytest.mark.parametrize("segments", [1, 4])
def test_conventions_of_fusion(segments: int) -> None:
    overrides = {
        "general_settings": {"num_requests": 300, "max_iters": 1, "max_segments": segments},
        "compatibility_settings": {"conventions": "fusion"},
    }
    config = load_config("minimal", overrides)
    scenario = make_scenario(config, read_inputs(config, quiet=True))
    assert scenario.conventions is not None
    load = max(config.loads)
    found = trajectory(scenario, scenario.conventions, load, 0)
    for request in (1, 150, 300):
        moment = moment_after(scenario, load, 0, 0, request)
        assert moment.time == found.requests.arrival[request - 1]
        count = occupied(scenario, moment)
        assert count.max() == 1
        lightpaths = found.outcome[:request, 0]
        alive = (found.requests.arrival + found.requests.holding)[:request] > moment.time
        assert len(moment.up.path) == lightpaths[alive].sum() > 0
