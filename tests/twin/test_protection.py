"""Connections with a backup: decided, switched over, restored and lost as a slow twin says."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion.config import load_config
from fusion.disjoint import disjoint_pairs
from fusion.kernel.arrays import make_network
from fusion.paths import PathTable
from fusion.policies import FITS, built_in_policy
from fusion.protected import SimulationOfProtected
from fusion.protection import make_protection
from fusion.topology import Topology
from fusion.traffic import Requests
from tests.twin.cases import Case, cases, first_requests, topologies
from tests.twin.protection import ProtectedRun, ProtectedTwin
from tests.twin.test_failures import events, made_for, run_with

FIT = [fit for fit in FITS if not fit.startswith("priority")]
MODES = {
    "own": {"protection_mode": "1plus1"},
    "same": {"protection_mode": "1plus1", "backup_slots": "same"},
    "shared": {"protection_mode": "shared_backup", "revert_to_primary": True},
}


@st.composite
def protected_cases(draw: st.DrawFn, *, by_nodes: bool, same: bool) -> tuple[Case, Topology]:
    """Cases whose candidates are pairs of disjoint paths, on networks that have some."""
    topology = draw(topologies().filter(lambda each: len(each.links) >= len(each.nodes)))
    case = draw(cases(most_requests=120))
    paths = disjoint_pairs(
        topology, draw(st.integers(1, 3)), "km", case.separate, by_nodes=by_nodes
    )
    random = np.random.default_rng(case.seed)
    rows = random.integers(0, case.network.width.shape[0], len(paths.length_km))
    if same:
        rows = np.repeat(rows[::2], 2)
    planes = case.network.spectrum.shape[0]
    network = make_network(
        paths.first_path,
        paths.first_hop,
        paths.links,
        rows,
        case.network.width,
        len(topology.links) * (1 + case.separate),
        [int(np.bitwise_count(case.network.spectrum[plane, 0]).sum()) for plane in range(planes)],
    )
    pairs = len(paths.pairs)
    traffic = case.traffic._replace(pair_shares=np.full(pairs, 1 / pairs))
    requests = first_requests(traffic, case.load, case.seed, 0, len(case.requests.arrival))
    return case._replace(network=network, paths=paths, traffic=traffic, requests=requests), topology


def risks_of(topology: Topology, paths: PathTable, *, by_nodes: bool) -> Any:
    """Return path -> the links on it, both directions as one, and its inner nodes."""
    ends = [frozenset(link[:2]) for link in topology.links]

    def risks(path: int) -> set[Any]:
        hops = paths.links[paths.first_hop[path] : paths.first_hop[path + 1]]
        links = [ends[link % len(ends)] for link in hops]
        inner = {tuple(one & other) for one, other in pairwise(links)} if by_nodes else set()
        return {*links, *inner}

    return risks


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("restoration", ["none", "reroute", "wait"])
@given(data=st.data(), by_nodes=st.booleans(), fit=st.sampled_from(FIT), reverts=st.booleans())
@settings(derandomize=True, deadline=None, max_examples=25)
def test_decisions_are_those_of_the_twin(
    mode: str, restoration: str, data: st.DataObject, by_nodes: bool, fit: str, reverts: bool
) -> None:
    case, topology = data.draw(protected_cases(by_nodes=by_nodes, same=mode == "same"))
    reverts = reverts or mode == "shared"
    config = load_config(
        "quick",
        {
            "protection_settings": {
                **MODES[mode],
                "disjointness_type": "node" if by_nodes else "link",
                "revert_to_primary": reverts,
            }
        },
    )
    protection = make_protection(config, topology, case.paths, [])
    policy, happening = built_in_policy(fit, "in_order"), data.draw(events(case))
    made = made_for(case, policy, None)._replace(protection=protection)
    simulation = SimulationOfProtected(made, protection, case.load)
    twin = ProtectedTwin(
        case.network,
        fit,
        same=mode == "same",
        shared=mode == "shared",
        risks=risks_of(topology, case.paths, by_nodes=by_nodes),
    )
    run = ProtectedRun(twin, restoration, reverts=reverts)
    outage, slow = run_with(
        simulation, twin, case, happening, restoration, policy.needs_ties, run, reverts
    )
    state, now = simulation._state, simulation.now()
    assert_shared_once(simulation)
    if case.cuts[1] == 0:
        assert outage.switched == slow.switched
        rates = simulation._scenario.bit_rates_gbps
        assert outage.lost_gbps == pytest.approx(sum(rates[int(rate)] for rate in slow.lost))
        paths = range(len(case.network.first_hop) - 1)
        busy = [twin.busy.get(path, 0.0) for path in paths]
        assert simulation._tally.busy_by_path == pytest.approx(busy, abs=1e-6)
        claimed, links = twin.claimed_until(now), range(case.network.spectrum.shape[1])
        assert simulation._claimed_time() == pytest.approx(
            [claimed.get(link, 0.0) for link in links], abs=1e-6
        )
    # When all have ended, all is free.
    last = float((case.requests.arrival + case.requests.holding).max()) + 1.0
    column = np.array([case.network.width.shape[1] - 1], dtype=np.int32)
    tie = np.zeros(1) if policy.needs_ties else np.empty(0)
    one, no_pair = np.ones(1), np.zeros(1, dtype=np.int32)
    simulation.serve(Requests(last * one, one, no_pair, column, tie), np.empty((1, 3), np.int32))
    assert np.array_equal(state.free, case.network.spectrum)
    assert not any(each.any() for each in (state.usage, state.claimed, state.claims, state.lit))
    assert not state.covers.any()


def assert_shared_once(simulation: SimulationOfProtected) -> None:
    """No two connections that one failure hits have a backup slot in common; each slot has one use."""
    network, protection, state = (
        simulation._scenario.network,
        simulation._protection,
        simulation._state,
    )
    working: set[tuple[int, int, int]] = set()
    wanted: set[tuple[int, int, int, int]] = set()
    backups: set[tuple[int, int, int]] = set()
    for row in simulation._up().tolist():
        for leg in (0, 1):
            path = int(state.path[row]) + leg
            hops = network.links[network.first_hop[path] : network.first_hop[path + 1]].tolist()
            start, width = int(state.start[row, leg]), int(state.width[row, leg])
            slots = {
                (int(state.plane[row, leg]), link, slot)
                for link in hops
                for slot in range(start, start + width)
            }
            if leg == 0 or not protection.shared:
                assert not working & slots
                working |= slots
                continue
            backups |= slots
            first, last = protection.first_risk[path - 1], protection.first_risk[path]
            mine = {
                (risk, *slot) for risk in protection.risks[first:last].tolist() for slot in slots
            }
            assert not wanted & mine
            wanted |= mine
    assert not working & backups
    bits = np.unpackbits(state.free.view(np.uint8), axis=-1, bitorder="little")
    spectrum = np.unpackbits(network.spectrum.view(np.uint8), axis=-1, bitorder="little")
    taken = {tuple(place) for place in np.argwhere(bits != spectrum).tolist()}
    assert taken == working | backups
