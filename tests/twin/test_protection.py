"""Connections with a backup: decided, switched over, restored and lost as a slow twin says."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from fusion.config.config import load_config
from fusion.kernel.arrays import Network, make_network
from fusion.network.disjoint import disjoint_pairs
from fusion.network.paths import PathTable
from fusion.network.slots_of_links import masked
from fusion.network.topology import Topology
from fusion.scenario.failures import Event
from fusion.scenario.policies import FITS, RANKS, built_in_policy
from fusion.scenario.protection import make_protection
from fusion.scenario.traffic import Requests, TrafficModel
from fusion.simulation.protected import ProtectedSimulation
from tests.twin.cases import Case, first_requests
from tests.twin.protection import ProtectedRun, ProtectedTwin
from tests.twin.test_failures import made_for, run_with

pytestmark = pytest.mark.timeout(900)  # on a busy machine what is compiled takes minutes

CASES = 16
FIT = [fit for fit in FITS if not fit.startswith("priority")]
MODES = {
    "own": {"protection_mode": "1plus1"},
    "same": {"protection_mode": "1plus1", "backup_slots": "same"},
    "shared": {"protection_mode": "shared_backup", "revert_to_primary": True},
}


def protected_case(
    seed: int, *, by_nodes: bool, same: bool, unequal: bool = False
) -> tuple[Case, Topology, list[Event]]:
    """Return a ring with chords, narrow lightpaths that mostly fit, and links that fail and are repaired.

    unequal: links have the lowest of the slots of each plane.

    A search for examples by their size would find empty networks, in which nothing ever switches over.
    """
    random = np.random.default_rng(seed)
    nodes = int(random.integers(3, 7))
    links = {(node, (node + 1) % nodes) for node in range(nodes)}
    for _ in range(int(random.integers(0, 4))):
        a, b = random.choice(nodes, 2, replace=False).tolist()
        if not {(a, b), (b, a)} & links:
            links.add((a, b))
    topology = Topology(
        "ring with chords",
        tuple(map(str, range(nodes))),
        tuple((a, b, float(random.integers(1, 4))) for a, b in sorted(links)),
        tuple(range(nodes)),
        {},
        {},
    )
    separate = bool(random.integers(2))
    k = int(random.integers(1, 4))
    paths = disjoint_pairs(topology, k, "km", separate, by_nodes=by_nodes)
    rows = random.integers(0, 3, len(paths.length_km))
    width = random.integers(1, 4, (3, 3)) * (random.random((3, 3)) < 0.9)
    width[:, 2] = 0  # out of reach and never asked for: a test ends with it
    network = make_network(
        paths.first_path,
        paths.first_hop,
        paths.links,
        np.repeat(rows[::2], 2) if same else rows,
        width,
        len(topology.links) * (1 + separate),
        random.integers(6, 70, random.integers(1, 3)).tolist(),
        np.repeat(np.random.default_rng(seed).integers(0, 3, len(paths.length_km) // 2) / 4, 2),
    )
    if unequal:
        planes, spectra, _ = network.spectrum.shape
        own = np.random.default_rng(seed).integers(3, 70, (planes, spectra))
        network = network._replace(spectrum=masked(network.spectrum, own))
    pairs = len(paths.pairs)
    traffic = TrafficModel(
        pair_shares=np.full(pairs, 1 / pairs),
        bit_rate_shares=np.array([0.6, 0.4, 0.0]),
        mean_holding_time=1.0,
        holding_distribution="exponential",
    )
    load, count = float(random.choice([8, 20, 50])), 150
    requests = first_requests(traffic, load, seed, 0, count)
    spectra, end = network.spectrum.shape[1], float(requests.arrival[-1])
    happening = []
    for _ in range(int(random.integers(1, 6))):
        failed = np.zeros(spectra, dtype=np.bool_)
        failed[random.choice(spectra, random.choice([1, 1, 2]), replace=False)] = True
        time = random.uniform(0.1, 0.9) * end
        happening.append(Event(time, failed, True))
        if random.random() < 0.8:
            happening.append(Event(time + random.uniform(0.01, 0.3) * end, failed, False))
    case = Case(
        network=network,
        paths=paths,
        separate=separate,
        load=load,
        traffic=traffic,
        seed=seed,
        requests=requests,
        cuts=[0, *sorted(random.choice([0, *range(count)], 2).tolist()), count],
        wheel_load=load,
        sample_every=20,
    )
    if random.random() < 0.7:
        case.cuts[1] = 0  # no warm-up, so that all sums are compared
    return case, topology, sorted(happening, key=lambda event: event.time)


def risks_of(topology: Topology, paths: PathTable | Network, *, by_nodes: bool) -> Any:
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
def test_decisions_are_those_of_the_twin(mode: str, restoration: str) -> None:
    policies = [(FIT[seed % len(FIT)], "in_order") for seed in range(CASES)]
    assert compare_all(mode, restoration, policies) > CASES


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("choice", [*RANKS, "all"])
def test_pairs_that_are_ranked_or_compared_are_those_of_the_twin(mode: str, choice: str) -> None:
    policies = [(FIT[seed % len(FIT)], choice) for seed in range(CASES)]
    assert compare_all(mode, "reroute", policies) > CASES


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("restoration", ["none", "reroute", "wait"])
def test_decisions_where_links_have_fewer_slots(mode: str, restoration: str) -> None:
    policies = [(FIT[seed % len(FIT)], ("in_order", "all")[seed % 2]) for seed in range(2 * CASES)]
    assert compare_all(mode, restoration, policies, unequal=True) > CASES


def compare_all(
    mode: str, restoration: str, policies: list[tuple[str, str]], *, unequal: bool = False
) -> int:
    switched = 0
    for seed, policy in enumerate(policies):
        random = np.random.default_rng(seed)
        by_nodes, reverts = random.integers(2, size=2).tolist()
        switched += compare(
            mode, restoration, seed, policy, by_nodes=by_nodes, reverts=reverts, unequal=unequal
        )
    return switched


def compare(
    mode: str,
    restoration: str,
    seed: int,
    policy_of: tuple[str, str],
    *,
    by_nodes: bool,
    reverts: bool,
    unequal: bool = False,
) -> int:
    """Run a case on both sides, compare all that is counted, and return how many switched over."""
    case, topology, happening = protected_case(
        seed, by_nodes=by_nodes, same=mode == "same", unequal=unequal
    )
    reverts = reverts or mode == "shared"
    config = load_config(
        "quick",
        {
            "protection_settings": {
                **MODES[mode],
                "disjointness_type": "node" if by_nodes else "link",
                "revert_to_primary": bool(reverts),
            }
        },
    )
    protection = make_protection(config, topology, case.paths, [])
    policy = built_in_policy(*policy_of)
    made = made_for(case, policy, None)._replace(protection=protection)
    simulation = ProtectedSimulation(made, protection, case.load)
    twin = ProtectedTwin(
        case.network,
        *policy_of,
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
        rates = simulation._scenario.lightpaths.bit_rates_gbps
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
    return slow.switched


def assert_shared_once(simulation: ProtectedSimulation) -> None:
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
