"""Which lightpaths a connection with a backup takes, and which carries it, where it can be said by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fusion.config.config import load_config
from fusion.kernel.connections import BLOCKED_BY_QUALITY
from fusion.kernel.failures import able_to_fail
from fusion.network.modulation import ModulationTable
from fusion.network.modulation_tables import Entry, ModulationFormat
from fusion.network.physics.ase import ase_noise
from fusion.network.physics.fibre import Fibre, centre_frequency, make_grid
from fusion.network.physics.gn import cross_channel_noise, self_channel_noise
from fusion.network.quality_file import QualityTable, SlotQuality, Spot
from fusion.network.topology import Topology
from fusion.scenario.failures import Failure
from fusion.scenario.inputs import Inputs
from fusion.scenario.scenario import Scenario, make_scenario
from fusion.scenario.traffic import Requests
from fusion.simulation.protected import ProtectedSimulation

pytestmark = pytest.mark.timeout(900)  # on a busy machine what is compiled takes minutes

GHZ, SLOTS, WIDTH, POWER = 12.5, 10, 2, 1e-3
ONE_FORMAT = ModulationTable(
    "one", (ModulationFormat("QPSK", 2),), (), ((100.0, (Entry(0, 9e9, WIDTH),)),), None
)


def graph(*links: tuple[str, float], ends: str) -> Topology:
    """Return a network of links such as ("AB", 100.0), with traffic between some of its nodes."""
    nodes = sorted({node for link, _ in links for node in link})
    return Topology(
        "by hand",
        tuple(nodes),
        tuple((nodes.index(a), nodes.index(b), km) for (a, b), km in links),
        tuple(nodes.index(node) for node in ends),
        {},
        {},
    )


def scenario_of(
    network: Topology, quality: QualityTable | None = None, **sections: dict[str, Any]
) -> Scenario:
    """Return a scenario in which a lightpath takes two slots without guard band."""
    settings: dict[str, dict[str, Any]] = {
        "general": {"request_distribution": {"100": 1}, "guard_slots": 0, "max_segments": 1},
        "topology": {"cores_per_link": 1, "bw_per_slot": GHZ},
        "spectrum": {"c_band": SLOTS},
        "protection": {"protection_mode": "1plus1"},
    }
    overrides = {
        f"{name}_settings": settings.get(name, {}) | sections.get(name, {})
        for name in {*settings, *sections}
    }
    config = load_config("default", overrides)
    return make_scenario(config, Inputs(network, ONE_FORMAT, None, quality=quality))


def serve(scenario: Scenario, *pairs: str) -> tuple[ProtectedSimulation, list[list[int]]]:
    """Serve requests one after the other, none of which ends; return their two lightpaths."""
    assert scenario.protection is not None
    simulation = ProtectedSimulation(scenario, scenario.protection, 10.0)
    names, count = ["".join(pair) for pair in scenario.pairs], len(pairs)
    requests = Requests(
        np.arange(1.0, count + 1),
        np.full(count, 1e6),
        np.array([names.index(pair) for pair in pairs], dtype=np.int32),
        np.zeros(count, dtype=np.int32),
        np.empty(0),
    )
    decision = np.empty((count, 5), dtype=np.int32)
    simulation.serve(requests, decision)
    return simulation, decision.tolist()


FOUR_WAYS = graph(
    *(("AW", 100.0), ("BW", 100.0), ("AX", 101.0), ("BX", 101.0)),
    *(("AY", 102.0), ("BY", 102.0), ("AZ", 103.0), ("BZ", 103.0)),
    ends="AB",
)
"""The pairs of paths from A to B: over W and X, W and Y, W and Z. Their working paths are 0, 2, 4."""


@pytest.mark.parametrize(
    ("general", "routing", "pairs"),
    [
        ({}, {}, [0, 0, 0, 0]),
        # The two starts add up to least where the backup is first.
        ({}, {"path_choice": "all"}, [0, 2, 4, 0]),
        # And the links are filled least.
        ({"route_method": "cong_aware"}, {"congestion_weight": 1}, [0, 2, 4, 0]),
        # Kilometres count as well: a quarter of (406 - 402) / 406 is more than no slot in use.
        ({"route_method": "cong_aware"}, {"congestion_weight": 1e-3}, [0, 0, 0, 0]),
        # W is the fullest of all, whichever the backup; and nothing is in pieces.
        ({"route_method": "least_congested"}, {"path_order": "hops"}, [0, 0, 0, 0]),
        ({"route_method": "frag_aware"}, {}, [0, 0, 0, 0]),
    ],
)
def test_which_pair(general: dict[str, Any], routing: dict[str, Any], pairs: list[int]) -> None:
    four = {"k_paths": 4}
    scenario = scenario_of(
        FOUR_WAYS,
        general={
            "request_distribution": {"100": 1},
            "guard_slots": 0,
            "max_segments": 1,
            **general,
        },
        routing=four | routing,
    )
    _, found = serve(scenario, "AB", "AB", "AB", "AB")
    assert [path for path, *_ in found] == pairs
    starts = [2 * pairs[:i].count(pair) for i, pair in enumerate(pairs)]
    assert [(start, other) for _, _, start, _, other in found] == list(
        zip([0, 2, 4, 6], starts, strict=True)
    )


@pytest.mark.parametrize(
    ("mode", "pairs"),
    [
        # A backup over X, Y or Z is one without light as long as there is one; then X has least spans.
        ("1plus1", [0, 2, 4, 0]),
        # Shared backups are dark: interference is on W alone, whichever the backup.
        ("shared_backup", [0, 0, 0, 0]),
    ],
)
def test_which_pair_by_interference(mode: str, pairs: list[int]) -> None:
    scenario = scenario_of(
        FOUR_WAYS,
        general={
            "request_distribution": {"100": 1},
            "guard_slots": 0,
            "max_segments": 1,
            "route_method": "nli_aware",
        },
        routing={"k_paths": 4},
        protection={"protection_mode": mode, "revert_to_primary": True},
        snr={"beta": 0},
    )
    _, found = serve(scenario, "AB", "AB", "AB", "AB")
    assert [path for path, *_ in found] == pairs


def test_a_pair_of_more_hops_is_none_of_the_least_congested() -> None:
    """Over X there is a hop more, over Y there are two."""
    topology = graph(
        *(("AW", 1.0), ("BW", 1.0), ("AX", 1.0), ("XU", 1.0), ("BU", 1.0)),
        *(("AV", 1.0), ("BV", 1.0), ("AY", 1.0), ("YT", 1.0), ("TS", 1.0), ("BS", 1.0)),
        ends="AB",
    )
    general = {"route_method": "least_congested"}
    hops = {
        method: scenario_of(
            topology,
            general={"route_method": method, "max_segments": 1, "request_distribution": {"100": 1}},
            routing={"k_paths": 4, "path_order": "hops"},
        ).candidates.hops.tolist()
        for method in ("k_shortest_path", general["route_method"])
    }
    assert hops == {
        "k_shortest_path": [2, 2, 2, 3, 2, 4] * 2,
        "least_congested": [2, 2, 2, 3] * 2,
    }


# --- signal quality

GRID = make_grid({"c": SLOTS, "l": 0}, GHZ * 1e9)
HERTZ = WIDTH * GHZ * 1e9


def own(start: int) -> float:
    """Return the noise to signal of one span without neighbours."""
    centre = centre_frequency(GRID, 0, start, WIDTH)
    noise = ase_noise(Fibre(), "c", centre, HERTZ) + self_channel_noise(Fibre(), POWER, HERTZ)
    return float(noise) / POWER


def neighbour(slots: int) -> float:
    """Return the noise to signal of one span from a lightpath so many slots away."""
    noise = cross_channel_noise(Fibre(), POWER, HERTZ, POWER, HERTZ, slots * GHZ * 1e9, 0.0)
    return float(noise) / POWER


SQUARE = graph(("AB", 100.0), ("BC", 100.0), ("AC", 100.0), ("AD", 90.0), ("CD", 90.0), ends="ABC")
"""From A to B directly and over C; from A to C directly and over D: each link is a span."""


def gsnr(threshold: float, mode: str, **snr: object) -> Scenario:
    return scenario_of(
        SQUARE,
        routing={"k_paths": 1},
        protection={"protection_mode": mode, "revert_to_primary": True},
        snr={
            "snr_type": "gsnr",
            "input_power": POWER,
            "egn_model": False,
            "xt_noise": False,
            "snr_thresholds": {"QPSK": threshold},
            **snr,
        },
    )


def in_db(noise: float) -> float:
    return float(-10 * np.log10(noise))


def test_a_dedicated_backup_is_noise_and_a_shared_one_is_dark() -> None:
    """From A to B the backup has slots 0 and 1 from A to C, where the second connection has 2 and 3."""
    alone = own(0) + 2 * own(0) + own(2) + 2 * own(0)
    for mode, noise in (("1plus1", alone + neighbour(2)), ("shared_backup", alone)):
        simulation, found = serve(gsnr(0.0, mode), "AB", "AC")
        assert [each[2::2] for each in found] == [[0, 0], [2, 0]]
        assert simulation._count.noise[0] == pytest.approx(noise, rel=1e-9)


@pytest.mark.parametrize("recheck", [False, True])
@pytest.mark.parametrize("margin_db", [-0.01, 0.01])
def test_a_dedicated_backup_keeps_a_lightpath_out(margin_db: float, recheck: bool) -> None:
    """What it is noise to needs quality; and, with the look at neighbours, it is to be left its own."""
    mine, backup = own(2) + neighbour(2), 2 * own(0) + neighbour(2)
    limit = in_db(backup if recheck else 2 * own(0))
    assert mine < 2 * own(0) < backup
    simulation, found = serve(gsnr(limit + margin_db, "1plus1", snr_recheck=recheck), "AB", "AC")
    if margin_db < 0:
        assert found[1][0] >= 0
    elif recheck:
        # The first connection is there, and the second would spoil its backup.
        assert found[0][0] >= 0
        assert found[1] == [-1] * 5
    else:
        assert found == [[-1] * 5, [-1] * 5]
    blocked = sum(each[0] < 0 for each in found)
    assert simulation._count.number[BLOCKED_BY_QUALITY] == blocked


@pytest.mark.parametrize("margin_db", [-0.01, 0.01])
def test_a_shared_backup_carries_if_it_is_good_then(margin_db: float) -> None:
    """It was good as it was set up, before its neighbour came."""
    limit = in_db(2 * own(0) + neighbour(2))
    scenario = gsnr(limit + margin_db, "shared_backup")
    failure = Failure("none", (), reverts=True)
    scenario = scenario._replace(network=able_to_fail(scenario.network), failure=failure)
    simulation, found = serve(scenario, "AB", "AC")
    assert [each[2::2] for each in found] == [[0, 0], [2, 0]]
    links = np.array([set(link) == {"A", "B"} for link in scenario.links])
    hit = simulation.links.change(links, fails=True)
    toll = simulation.fail(hit, 3.0, failure, np.random.default_rng(1))
    assert (toll.interrupted, toll.switched) == (1, int(margin_db < 0))


def test_what_a_file_says_of_working_paths_and_backups() -> None:
    """Path 1 works in the cores 1 and 2, path 2 in the cores 0 and 2."""
    works = {(1, 1), (1, 2), (2, 0), (2, 2)}

    def found(slots: str, *, without: int) -> list[int]:
        table: QualityTable = {
            (0, 1, path): {
                Spot(core, "c", slot): SlotQuality(
                    20.0 if (path, core) in works and core != without else 1.0, None
                )
                for core in range(3)
                for slot in range(SLOTS)
            }
            for path in (1, 2)
        }
        scenario = scenario_of(
            graph(("AB", 1.0), ("BC", 1.0), ("AC", 1.0), ends="AB"),
            table,
            topology={"cores_per_link": 3, "bw_per_slot": GHZ},
            routing={"k_paths": 1},
            protection={"protection_mode": "1plus1", "backup_slots": slots},
            snr={
                "snr_type": "snr_e2e_external_resources",
                "quality_file": __file__,  # it is there, and not read
                "snr_thresholds": {"QPSK": 10.0},
            },
        )
        simulation, (decision,) = serve(scenario, "AB")
        assert simulation._count.number[BLOCKED_BY_QUALITY] == (decision[0] < 0)
        return decision

    assert found("own", without=2) == [0, 1, 0, 0, 0]
    assert found("same", without=-1) == [0, 2, 0, 2, 0]
    assert found("same", without=2) == [-1] * 5
