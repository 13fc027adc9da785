"""Failures where lightpaths need some signal quality: what is restored must be good, too."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion.config.config import ConfigError, load_config
from fusion.kernel.failures import able_to_fail
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


@pytest.mark.parametrize("restoration", ["none", "reroute"])
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


def test_waiting_does_not_go_with_signal_quality() -> None:
    overrides: dict[str, dict[str, Any]] = {
        "general_settings": {"max_segments": 1, "num_requests": 5000},
        "snr_settings": {"snr_type": "gsnr"},
        "failure_settings": {"failure_type": "node", "failed_node_id": 5},
    }
    load_config("default", overrides)
    overrides["failure_settings"]["restoration"] = "wait"
    with pytest.raises(ConfigError, match="restoration = wait: must be none"):
        load_config("default", overrides)
