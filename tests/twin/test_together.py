"""Features that go together decide together as the slow twins do, whichever of them there are at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fusion import make_scenario
from fusion.config.config import Config
from fusion.config.features import FEATURES, merged
from fusion.config.sections import DEFAULTS
from fusion.scenario.inputs import Inputs
from fusion.scenario.policies import IMPAIRMENT_RANKS, RANKS
from fusion.scenario.scenario import Scenario
from fusion.simulation.connections import ConnectionSimulation
from fusion.simulation.plain import PlainSimulation
from fusion.simulation.protected import ProtectedSimulation
from fusion.simulation.replication import make_simulation
from tests.features import Bench, Example, rows_of
from tests.twin.cases import first_requests
from tests.twin.connections import ConnectionTwin
from tests.twin.impairments import ImpairedQualityTwin, ImpairedSpectrum, ImpairedTwin
from tests.twin.protection import ProtectedQualityTwin, ProtectedTwin
from tests.twin.quality import QualityTwin
from tests.twin.test_protection import risks_of
from tests.twin.twin import Twin

pytestmark = pytest.mark.timeout(1800)  # on a busy machine what is compiled takes minutes

ELSEWHERE = {
    # What has no twin beside the others here, and is held against its own in a file of its own.
    *("policy", "agent", "assigned", "failures", "rerouting", "waiting"),
    *(
        "fusion",
        "orchestrator",
        "FUSION's paths",
        "file of quality",
        "GNPy",
        "learners",
        "splitting",
    ),
}
SLOTS, REQUESTS = 20, 30
NAMES = [name for name in FEATURES if name not in ELSEWHERE]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("features"))


@st.composite
def combinations(draw: st.DrawFn) -> dict[str, object]:
    """As many features as go together, of some in any order."""
    values: dict[str, object] = {}
    for name in draw(st.permutations(NAMES))[: draw(st.integers(2, 20))]:
        examples = [each for each in FEATURES[name].examples if not on_elsewhere(each)]
        more = merged(values, draw(st.sampled_from(examples)))
        if more is not None and not rows_of(more, ()):
            values = more
    bands = {key: SLOTS for key in values if key.endswith("_band")}
    shift = draw(st.sampled_from([0.0, 14.0, 18.0, 22.0]))
    thresholds = {name: at + shift for name, at in DEFAULTS["snr_thresholds"].items()}
    return {**values, "c_band": SLOTS, **bands, "snr_thresholds": thresholds}


def on_elsewhere(example: Example) -> bool:
    return "quality_file" in example or "conventions" in example


def twin_of(
    config: Config, scenario: Scenario, inputs: Inputs
) -> Twin | ConnectionTwin | ProtectedTwin:
    general, service = config.general_settings, scenario.service
    fit = {"priority_last": "last_fit"}.get(general.allocation_method, general.allocation_method)
    ranks = general.route_method in RANKS | IMPAIRMENT_RANKS
    choice = general.route_method if ranks else config.routing_settings.path_choice
    if scenario.protection is not None:
        backup = config.protection_settings
        by_nodes = backup.disjointness_type == "node"
        options: dict[str, Any] = {
            "same": backup.backup_slots == "same",
            "shared": backup.protection_mode == "shared_backup",
            "risks": risks_of(inputs.topology, scenario.network, by_nodes=by_nodes),
        }
        if service is not None and service.impairments is not None:
            options["spectrum"] = ImpairedSpectrum(scenario.network, config, scenario)
        if service is None or service.quality is None:
            return ProtectedTwin(scenario.network, fit, choice, **options)
        judge = QualityTwin(config, scenario, inputs.quality, fit, choice)
        return ProtectedQualityTwin(judge, scenario.network, fit, choice, **options)
    if service is None:
        return Twin(scenario.network, fit, choice, scenario.sample_every)
    if service.impairments is not None:
        impaired = ImpairedTwin if service.quality is None else ImpairedQualityTwin
        return impaired(config, scenario, fit, choice)
    if service.quality is not None:
        return QualityTwin(config, scenario, inputs.quality, fit, choice)
    return ConnectionTwin(scenario.network, service, fit, choice)


@given(values=combinations(), seed=st.integers(0, 2**32), load=st.sampled_from([60.0, 300.0]))
@settings(
    derandomize=True,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
def test_features_together_decide_as_the_twin(
    values: dict[str, object], seed: int, load: float, bench: Bench
) -> None:
    config = bench.config(values)
    inputs = bench.inputs(config)
    scenario = make_scenario(config, inputs)
    requests = first_requests(scenario.traffic, load, seed, 0, REQUESTS)
    simulation = make_simulation(scenario, load)
    assert isinstance(simulation, PlainSimulation | ConnectionSimulation | ProtectedSimulation)
    lightpaths = 2 if isinstance(simulation, ProtectedSimulation) else 1
    decision = np.full((REQUESTS, 2 * lightpaths + 1), -9, dtype=np.int32)
    simulation.serve(requests, decision)
    twin = twin_of(config, scenario, inputs)
    twin.serve(requests)
    assert decision.tolist() == [list(each) for each in twin.decisions]
