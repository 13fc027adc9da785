"""Connections with a backup that need some signal quality: decided and carried as a slow twin says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion.kernel.connections import BLOCKED_BY_QUALITY
from fusion.kernel.failures import able_to_fail
from fusion.network.topology import Topology
from fusion.scenario.policies import IMPAIRMENT_RANKS, RANKS
from fusion.simulation.protected import ProtectedSimulation
from tests.twin.impairments import ImpairedSpectrum
from tests.twin.protection import ProtectedQualityTwin, ProtectedRun
from tests.twin.test_failures import ONCE, events, run_with
from tests.twin.test_protection import MODES, assert_shared_once, risks_of
from tests.twin.test_quality import Case, cases, configs, twin_of

pytestmark = pytest.mark.timeout(1800)  # on a busy machine what is compiled takes minutes


@st.composite
def rings(draw: st.DrawFn) -> Topology:
    """A ring with chords: two disjoint paths between any two nodes."""
    nodes = draw(st.integers(3, 6))
    links = {(node, node + 1) for node in range(nodes - 1)} | {(0, nodes - 1)}
    others = [(a, b) for b in range(nodes) for a in range(b) if (a, b) not in links]
    if others:
        links |= draw(st.sets(st.sampled_from(others), max_size=3))
    return Topology(
        "ring with chords",
        tuple(map(str, range(nodes))),
        tuple((a, b, float(draw(st.integers(1, 3)))) for a, b in sorted(links)),
        tuple(range(nodes)),
        {},
        {},
    )


@st.composite
def protected(draw: st.DrawFn, mode: str) -> dict[str, dict[str, Any]]:
    """Overrides for every model, in which connections have a backup."""
    overrides = draw(configs())
    overrides["general_settings"] |= {
        "max_segments": 1,
        "is_grooming_enabled": False,
        "can_partially_serve": False,
    }
    if draw(st.integers(0, 2)) == 0:
        sees = draw(st.sampled_from(["nli_aware", "xt_aware"]))
        overrides["general_settings"]["route_method"] = sees
        overrides["routing_settings"]["path_choice"] = "in_order"
        overrides["topology_settings"]["cores_per_link"] = draw(st.sampled_from([1, 4]))
        if draw(st.booleans()):
            overrides["general_settings"]["allocation_method"] = "xt_aware"
    backup = {"disjointness_type": draw(st.sampled_from(["link", "node"])), **MODES[mode]}
    return {**overrides, "protection_settings": backup}


def twin_for(case: Case, topology: Topology) -> ProtectedQualityTwin:
    general, backup = case.config.general_settings, case.config.protection_settings
    ranks = general.route_method in RANKS | IMPAIRMENT_RANKS
    service = case.scenario.service
    assert service is not None
    spectrum = None
    if service.impairments is not None:
        spectrum = ImpairedSpectrum(case.scenario.network, case.config, case.scenario)
    return ProtectedQualityTwin(
        twin_of(case),
        case.scenario.network,
        general.allocation_method,
        general.route_method if ranks else case.config.routing_settings.path_choice,
        same=backup.backup_slots == "same",
        shared=backup.protection_mode == "shared_backup",
        risks=risks_of(
            topology, case.scenario.network, by_nodes=backup.disjointness_type == "node"
        ),
        spectrum=spectrum,
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("restoration", ["none", "reroute", "wait"])
@given(data=st.data())
@settings(derandomize=True, deadline=None, max_examples=25)
def test_decisions_are_those_of_the_twin(mode: str, restoration: str, data: st.DataObject) -> None:
    topology = data.draw(rings())
    case = data.draw(cases(60, protected(mode), st.just(topology)))
    scenario, count = case.scenario, len(case.requests.arrival)
    twin = twin_for(case, topology)
    served: Any = SimpleNamespace(
        network=scenario.network,
        requests=case.requests,
        seed=1,
        cuts=[0, 0, data.draw(st.integers(0, count - 1)), count],
    )
    happening = data.draw(events(served))
    assert scenario.protection is not None
    made = scenario._replace(network=able_to_fail(scenario.network), failure=ONCE)
    simulation = ProtectedSimulation(made, scenario.protection, case.load)
    reverts = mode == "shared" or data.draw(st.booleans())
    run = ProtectedRun(twin, restoration, reverts=reverts)
    ties = made.policy.needs_ties
    outage, slow = run_with(simulation, twin, served, happening, restoration, ties, run, reverts)
    assert outage.switched == slow.switched
    assert_shared_once(simulation)
    counted = simulation._count
    assert counted.number[BLOCKED_BY_QUALITY] == twin.blocked_by_quality
    assert counted.noise[0] == pytest.approx(twin.noise_at_set_up, rel=1e-9)
    assert_noise_is_of_what_is_lit(simulation, twin)


def assert_noise_is_of_what_is_lit(
    simulation: ProtectedSimulation, twin: ProtectedQualityTwin
) -> None:
    """What was added and taken away comes to what there is."""
    lit = simulation._lit
    assert lit is not None
    rows = {
        int(row)
        for plane, link in np.ndindex(*lit.noise.members.shape)
        for row in lit.noise.member[plane, link, : lit.noise.members[plane, link], 0]
    }
    ratio = {
        (int(lit.path[row]), int(lit.plane[row]), int(lit.start[row])): lit.noise.ratio[row]
        for row in rows
    }
    there = twin.lit()
    assert ratio.keys() == {tuple(one.choice) for one in there}
    for one in there:
        assert ratio[tuple(one.choice)] == pytest.approx(twin.judge.noise(one, there), rel=1e-9)
    assert not lit.noise.added.any()
