"""Two parallel links are one with twice the planes; one-way and unequal links agree with the exact chain."""

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


RINGS = {
    "one-way": "source,target,length_km,one_way\nA,B,100,\nA,B,120,\nB,C,50,true\nC,A,70,true\n",
    "unequal": "source,target,length_km,c_band\nA,B,100,1\nB,C,50,2\nC,A,70,\n",
    "both": "source,target,length_km,one_way,c_band\nA,B,100,,2\nA,B,120,,1\nB,C,50,true,2\nC,A,70,true,1\n",
}


@pytest.mark.parametrize("links", RINGS.values(), ids=RINGS)
@pytest.mark.parametrize("policy", POLICIES[:2])
def test_a_ring(tmp_path: Path, policy: tuple[str, str], links: str) -> None:
    """Blocking of all six pairs, in one joint 99 % interval (Bonferroni)."""
    fit, choice = policy
    keys = {"allocation_method": fit, "path_choice": choice, "c_band": 2, "k_paths": 2}
    keys |= {"request_distribution": {"50": 1.0}}  # of one slot
    ring = scenario(tmp_path, links, **keys)
    assert len(ring.links) == 6
    load = 8.0
    exact = chain(ring, load, policy)
    done = [replicate(ring, load, number, 200) for number in range(REPLICATIONS)]
    asked = np.array([one.traffic.requested for one in done])
    blocked = np.array([one.traffic.blocked for one in done])
    for pair, wanted in enumerate(exact):
        found = blocking_estimate(blocked[:, pair], asked[:, pair], 1 - 0.01 / 12)
        assert found.ci_lower <= wanted <= found.ci_upper
        assert found.relative_precision < 0.12


def test_a_link_with_fewer_slots_blocks_as_erlang_says(tmp_path: Path) -> None:
    """A request takes one slot, so a link is a group of as many servers: Erlang's formula, by recursion."""
    line = scenario(
        tmp_path,
        "source,target,length_km,c_band\nA,B,100,2\nB,C,100,\n",
        c_band=5,
        request_distribution={"50": 1.0},
    )
    first, last = line.pairs.index(("A", "B")), line.pairs.index(("B", "C"))
    lonely = line._replace(
        traffic=line.traffic._replace(
            pair_shares=np.eye(len(line.pairs))[[first, last]].mean(axis=0)
        )
    )
    exact = chain(lonely, LOAD, POLICIES[0])
    for pair, servers in ((first, 2), (last, 5)):
        blocked = 1.0
        for number in range(1, servers + 1):
            blocked = LOAD / 2 * blocked / (number + LOAD / 2 * blocked)
        assert exact[pair] == pytest.approx(blocked, rel=1e-9)
        done = [replicate(lonely, LOAD, number, 200).traffic for number in range(REPLICATIONS)]
        found = blocking_estimate(
            np.array([one.blocked[pair] for one in done]),
            np.array([one.requested[pair] for one in done]),
            0.999,
        )
        assert found.ci_lower <= blocked <= found.ci_upper
