"""Failures where lightpaths need some signal quality: what is restored must be good, what waits stays lit."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion.config.config import load_config
from fusion.kernel.connections import BLOCKED_BY_QUALITY
from fusion.kernel.failures import able_to_fail
from fusion.network.physics.crosstalk import CROSSTALK_THRESHOLDS_DB
from fusion.scenario.inputs import read_inputs
from fusion.scenario.scenario import make_scenario
from fusion.scenario.traffic import Requests
from fusion.simulation.connections import ConnectionSimulation
from tests.twin.connections import Connection
from tests.twin.quality import QualityTwin
from tests.twin.test_failures import ONCE, events, run_with
from tests.twin.test_quality import Case, cases, twin_of


class BreakableQualityTwin(QualityTwin):
    """A twin whole connections of which may be interrupted."""

    def connections(self) -> list[Connection]:
        return list(self.up)

    def rank(self, connection: Connection) -> tuple[Any, ...]:
        return (-connection.departure,)


@pytest.mark.parametrize("restoration", ["none", "reroute", "wait"])
@given(data=st.data(), case=cases())
@settings(derandomize=True, deadline=None, max_examples=12)
def test_decisions_are_those_of_the_twin(restoration: str, data: st.DataObject, case: Case) -> None:
    scenario = case.scenario
    assert scenario.service is not None
    twin = twin_of(case)
    twin.__class__ = BreakableQualityTwin
    count = len(case.requests.arrival)
    cut = data.draw(st.integers(0, count - 1))
    served: Any = SimpleNamespace(
        network=scenario.network,
        requests=case.requests,
        seed=1,
        cuts=[0, 0, cut, count],
    )
    happening = data.draw(events(served))
    made = scenario._replace(network=able_to_fail(scenario.network), failure=ONCE)
    simulation = ConnectionSimulation(made, scenario.service, case.load)
    ties = made.policy.needs_ties
    run_with(simulation, twin, served, happening, restoration, ties)
    # What was added and taken away comes to what there is.
    state: Any = simulation._state
    up = {}
    for oldest in state.oldest.tolist():
        row = oldest
        while row >= 0:
            place = (int(state.path[row]), int(state.plane[row]), int(state.start[row]))
            up[place] = state.noise.ratio[row]
            row = int(state.following[row])
    assert up.keys() == {tuple(one.choice) for one in twin.live}
    for one in twin.live:
        assert up[tuple(one.choice)] == pytest.approx(twin.noise(one, twin.live), rel=1e-9)


def line(tmp_path: Path, restoration: str) -> ConnectionSimulation:
    """Return A - B - C, 100 km each, of four cores in a square with one slot, next to which is no light."""
    (tmp_path / "line.txt").write_text("A\tB\t100\nB\tC\t100\n")
    overrides: dict[str, dict[str, Any]] = {
        "general_settings": {
            "request_distribution": {25: 1},
            "guard_slots": 0,
            "max_segments": 1,
        },
        "topology_settings": {"network": str(tmp_path / "line.txt"), "cores_per_link": 4},
        "routing_settings": {"k_paths": 1},
        "spectrum_settings": {"c_band": 1},
        "snr_settings": {
            "snr_type": "xt_calculation",
            "requested_xt": dict.fromkeys(CROSSTALK_THRESHOLDS_DB, -60.0),
        },
        "failure_settings": {
            "failure_type": "link",
            "failed_link_src": "B",
            "failed_link_dst": "C",
            "t_repair_after_arrivals": 100,
            "restoration": restoration,
        },
    }
    config = load_config("default", overrides)
    scenario = make_scenario(config, read_inputs(config))
    assert scenario.service is not None
    return ConnectionSimulation(scenario, scenario.service, 1.0)


@pytest.mark.parametrize(
    ("restoration", "cores"), [("wait", [0, 2, -1, 2]), ("none", [0, 0, 2, 0])]
)
def test_the_light_of_a_connection_that_waits_stays_on(
    tmp_path: Path, restoration: str, cores: list[int]
) -> None:
    """One is up from A to C when B - C fails; two from A to B follow, and after the repair one from B to C.

    One neighbour over 100 km is 2 h L = 7.6e-4, or -31 dB: too much. So light is in opposite cores, and two
    lightpaths fill A - B. The connection that waits is one of the two; where it is lost, both are new ones.
    """
    simulation = line(tmp_path, restoration)
    scenario = simulation._scenario
    assert scenario.failure is not None
    pair = [scenario.pairs.index(ends) for ends in (("A", "C"), *[("A", "B")] * 2, ("B", "C"))]
    arrival, holding = np.array([1.0, 3.0, 4.0, 6.0]), np.full(4, 9.0)
    requests = Requests(
        arrival, holding, np.array(pair, dtype=np.int32), np.zeros(4, dtype=np.int32), np.empty(0)
    )
    decision = np.full((4, 3), -1, dtype=np.int32)
    simulation.serve(requests.part(0, 1), decision[:1])
    (once,) = scenario.failure.schedule
    hit = simulation.links.change(once.links, fails=True)
    stream = np.random.default_rng(1)
    assert simulation.fail(hit, 2.0, scenario.failure, stream).interrupted == 1
    simulation.serve(requests.part(1, 3), decision[1:3])
    mended = simulation.links.change(once.links, fails=False)
    back = simulation.repair(mended, 5.0, scenario.failure)
    assert (10.0 in back.tolist()) == (restoration == "wait")
    simulation.serve(requests.part(3, 4), decision[3:])
    planes = decision[:, 1].tolist()
    assert [scenario.planes[plane].core if plane >= 0 else -1 for plane in planes] == cores
    assert simulation._count.number[BLOCKED_BY_QUALITY] == cores.count(-1)
    assert not simulation._state.noise.ratio[:3].any()  # nothing came beside what was up
