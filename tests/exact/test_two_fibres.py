"""Two parallel links are one link with twice the planes, and the simulation agrees with the exact chain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusion.config.config import load_config
from fusion.results.statistics import blocking_estimate
from fusion.scenario.inputs import read_inputs
from fusion.scenario.scenario import Scenario, make_scenario
from fusion.simulation.replication import replicate
from tests.exact.markov import blocking

REPLICATIONS = 20
LOAD = 6.0
POLICIES = [("first_fit", "in_order"), ("first_fit", "all"), ("random_fit", "all")]


def scenario(tmp_path: Path, links: str, **keys: Any) -> Scenario:
    (tmp_path / "net.csv").write_text(links)
    general = {
        "network": str(tmp_path / "net.csv"),
        "link_directions": "separate",
        "bit_rates": "distribution",
        "request_distribution": {"100": 1.0},
        "c_band": 3,
        "num_requests": 40_000,
        "guard_slots": 0,
        "k_paths": 1,
    }
    config = load_config("nsfnet_100_slots", {"general_settings": general | keys})
    return make_scenario(config, read_inputs(config, quiet=True))


def chain(one: Scenario, load: float, policy: tuple[str, str]) -> list[float]:
    shares = one.traffic.pair_shares
    return blocking(one.network, [float(load * share) for share in shares], *policy)


@pytest.mark.parametrize("policy", POLICIES)
def test_two_parallel_links_are_one_with_twice_the_planes(
    tmp_path: Path, policy: tuple[str, str]
) -> None:
    fit, choice = policy
    keys = {"allocation_method": fit, "path_choice": choice}
    parallel = scenario(tmp_path, "A,B,100\nA,B,100\n", **keys)
    cores = scenario(tmp_path, "A,B,100\n", cores_per_link=2, **keys)
    exact = chain(cores, LOAD, policy)
    assert chain(parallel, LOAD, policy) == pytest.approx(exact, rel=0, abs=1e-9)
    assert min(exact) > 0.01
    if policy == ("first_fit", "in_order"):  # others see paths before planes
        for number in range(3):
            one, other = (replicate(each, LOAD, number, 200) for each in (parallel, cores))
            assert one.traffic.blocked.tolist() == other.traffic.blocked.tolist()


@pytest.mark.parametrize("policy", POLICIES[:2])
def test_a_ring_with_parallel_and_one_way_links(tmp_path: Path, policy: tuple[str, str]) -> None:
    """Blocking of all six pairs, in one joint 99 % interval (Bonferroni)."""
    fit, choice = policy
    links = "source,target,length_km,one_way\nA,B,100,\nA,B,120,\nB,C,50,true\nC,A,70,true\n"
    keys = {"allocation_method": fit, "path_choice": choice, "c_band": 2, "k_paths": 2}
    ring = scenario(tmp_path, links, **keys)
    assert len(ring.links) == 6
    load = 4.0
    exact = chain(ring, load, policy)
    done = [replicate(ring, load, number, 200) for number in range(REPLICATIONS)]
    asked = np.array([one.traffic.requested for one in done])
    blocked = np.array([one.traffic.blocked for one in done])
    for pair, wanted in enumerate(exact):
        found = blocking_estimate(blocked[:, pair], asked[:, pair], 1 - 0.01 / 12)
        assert found.ci_lower <= wanted <= found.ci_upper
        assert found.relative_precision < 0.1
