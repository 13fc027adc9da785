"""Protection from a config: what is accepted, what is refused, and what it comes to where that is known."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusion.config.config import Config, ConfigError, load_config
from fusion.config.relevant_fields import relevant_fields
from fusion.results.measured import FailureStatistics
from fusion.results.statistics import blocking_estimate
from fusion.scenario.content import content_key
from fusion.scenario.inputs import read_inputs
from fusion.scenario.scenario import Scenario, make_scenario
from fusion.simulation.replication import replicate
from validation.exact import erlang_b

RING = "A\tB\t100\nB\tC\t200\nC\tA\t300\n"


def scenario(config: Config) -> Scenario:
    return make_scenario(config, read_inputs(config))


def network(folder: Path, links: str = RING, **sections: dict[str, Any]) -> Config:
    """Return a config of a small network with 10 slots; a request takes one of them on each path."""
    (folder / "links.txt").write_text(links)
    general = {
        "num_requests": 5000,
        "request_distribution": {25: 1},
        "guard_slots": 0,
        "max_segments": 1,
        "erlang_start": 6,
        "erlang_stop": 6,
    }
    settings: dict[str, dict[str, Any]] = {
        "topology_settings": {"network": str(folder / "links.txt"), "cores_per_link": 1},
        "spectrum_settings": {"c_band": 10},
        "protection_settings": {"protection_mode": "1plus1"},
    }
    settings = {
        key: settings.get(key, {}) | sections.get(key, {}) for key in {*settings, *sections}
    }
    settings["general_settings"] = general | sections.get("general_settings", {})
    return load_config("default", settings)


def protection(**values: Any) -> Config:
    return load_config("quick", {"protection_settings": values})


def test_names_of_fusion() -> None:
    """Two keys switch protection on in its files, and two sections hold its times."""
    config = protection(protection_enabled=True, node_disjoint_protection="yes").protection_settings
    assert (config.protection_mode, config.disjointness_type) == ("1plus1", "node")
    assert protection(protection_enabled=False).protection_settings.protection_mode == "none"
    for section in ("recovery_timing_settings", "recovery_timing", "protection_settings"):
        config = load_config("quick", {section: {"protection_switchover_ms": 20}})
        assert config.protection_settings.protection_switchover_ms == 20
    by_method = load_config("quick", {"general_settings": {"route_method": "1plus1_protection"}})
    assert by_method.protection_settings.protection_mode == "1plus1"
    assert relevant_fields(by_method) == relevant_fields(protection(protection_mode="1plus1"))


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"general_settings": {"max_segments": 2}}, "max_segments = 2: must be 1 with"),
        ({"general_settings": {"is_grooming_enabled": True}}, "must be False with"),
        ({"routing_settings": {"path_order": "hops_per_bit"}}, "must be km or hops with"),
        ({"protection_settings": {"protection_mode": "1:1"}}, "one of none, 1plus1, shared_backup"),
        (
            {"protection_settings": {"protection_mode": "shared_backup"}},
            "revert_to_primary = False (default) must be True with protection_mode = shared_backup",
        ),
        (
            {
                "protection_settings": {
                    "protection_mode": "shared_backup",
                    "revert_to_primary": True,
                    "backup_slots": "same",
                }
            },
            "backup_slots = same: must be own with protection_mode = shared_backup",
        ),
    ],
)
def test_what_does_not_go_together(overrides: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config("quick", {"protection_settings": {"protection_mode": "1plus1"}, **overrides})
    assert told in str(caught.value)


def test_not_with_the_conventions_of_fusion() -> None:
    with pytest.raises(ConfigError, match="must be none with conventions = fusion"):
        load_config(
            "default",
            {
                "protection_settings": {"protection_mode": "1plus1"},
                "compatibility_settings": {"conventions": "fusion"},
                "general_settings": {"max_segments": 1},
            },
        )


def test_a_method_and_a_mode_that_contradict() -> None:
    with pytest.raises(ConfigError, match="must be 1plus1 with route_method = 1plus1_protection"):
        load_config(
            "quick",
            {
                "general_settings": {"route_method": "1plus1_protection"},
                "protection_settings": {"protection_mode": "none"},
            },
        )


def test_other_keys_of_protection_are_no_content_without_it() -> None:
    plain = load_config("quick")
    other = protection(backup_slots="same", protection_switchover_ms=9, revert_to_primary=True)
    inputs = read_inputs(plain)
    assert content_key(plain, inputs) == content_key(other, inputs)
    on = protection(protection_mode="1plus1")
    times = protection(protection_mode="1plus1", protection_switchover_ms=9)
    assert content_key(on, inputs) == content_key(times, inputs) != content_key(plain, inputs)


def test_pairs_of_paths_are_found_once() -> None:
    config = load_config("quick", {"protection_settings": {"protection_mode": "1plus1"}})
    inputs = read_inputs(config)
    assert inputs.disjoint is not None
    # What a scenario is made of is what was found in checking: with fewer paths there are fewer candidates.
    fewer = config.model_copy(
        update={"routing_settings": config.routing_settings.model_copy(update={"k_paths": 1})}
    )
    of_fewer = read_inputs(fewer)
    one, other = (make_scenario(each, of_fewer).candidates for each in (config, fewer))
    assert len(one.hops) == len(other.hops)
    anew = make_scenario(config, of_fewer._replace(disjoint=None))
    assert np.array_equal(anew.network.links, make_scenario(config, inputs).network.links)


def test_pairs_are_made_of_the_paths_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "paths.csv").write_text("A,C,B\nA,B\n")
    config = network(
        tmp_path,
        general_settings={"route_method": "external_ksp"},
        routing_settings={"paths_file": str(tmp_path / "paths.csv")},
    )
    made = scenario(config)
    km = dict(zip(made.pairs, made.candidates.length_km.reshape(-1, 2).tolist(), strict=True))
    # The longer one works where the file says so, in both directions.
    assert km["A", "B"] == km["B", "A"] == [500, 100]
    assert km["B", "C"] == [200, 400]
    assert config.policy == "1p1ekspff"


def test_nodes_that_no_two_paths_join(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ConfigError, match="no two nodes are joined by two paths without a common"):
        read_inputs(network(tmp_path, "A\tB\t100\nB\tC\t200\n"))
    with caplog.at_level(logging.WARNING):
        made = scenario(network(tmp_path, RING + "C\tD\t100\n"))
    assert "always blocked: 6 of 12 pairs of nodes, such as A and D" in caplog.text
    done = replicate(made, 6.0, 0, 0)
    lonely = [index for index, pair in enumerate(made.pairs) if "D" in pair]
    assert (done.traffic.blocked[lonely] == done.traffic.requested[lonely]).all()
    assert done.traffic.blocked_out_of_reach == done.traffic.requested[lonely].sum()


@pytest.mark.parametrize("backup_slots", ["own", "same"])
def test_one_slot_of_each_link_for_all(tmp_path: Path, backup_slots: str) -> None:
    """On a ring a connection takes a slot all around: blocking is Erlang B, and so is the use of slots."""
    config = network(tmp_path, protection_settings={"backup_slots": backup_slots})
    made = scenario(config)
    done = [replicate(made, 6.0, number, 200) for number in range(20)]
    estimate = blocking_estimate(
        [each.traffic.blocked.sum() for each in done], [each.requests for each in done], 0.999
    )
    exact = erlang_b(10, 6.0)
    assert estimate.ci_lower < exact < estimate.ci_upper
    served = sum(each.requests - int(each.traffic.blocked.sum()) for each in done)
    assert sum(each.served.lightpaths for each in done) == 2 * served
    assert sum(each.served.hops for each in done) == 3 * served
    assert np.mean([each.links.utilisation for each in done]) == pytest.approx(
        0.6 * (1 - exact), rel=0.02
    )


def failing(tmp_path: Path, **settings: Any) -> FailureStatistics:
    failure = {
        "failure_type": "link",
        "failed_link_src": "A",
        "failed_link_dst": "B",
        "t_fail_arrival_index": 2000,
        "t_repair_after_arrivals": 500,
        "restoration": settings.pop("restoration", "none"),
    }
    config = network(tmp_path, failure_settings=failure, protection_settings=settings)
    return replicate(scenario(config), 6.0, 0, 200).failures


@pytest.mark.parametrize("backup_slots", ["own", "same"])
@pytest.mark.parametrize("restoration", ["none", "reroute", "wait"])
def test_one_failure_interrupts_nobody_for_long(
    tmp_path: Path, backup_slots: str, restoration: str
) -> None:
    done = failing(tmp_path, backup_slots=backup_slots, restoration=restoration)
    assert done.interrupted == done.switched > 0
    assert done.down_time == done.lost_gbps == done.restored == 0
    assert done.recovery_ms.tolist() == [50, 50, 50]
    assert done.phase_blocked[1] == done.phase_requests[1]  # of two ways one is down


def test_a_shared_backup_is_told_and_set_up(tmp_path: Path) -> None:
    """From A to B over 100 km and back around over 500; the failure is at the source, or 200 km away."""
    mode = {"protection_mode": "shared_backup", "revert_to_primary": True}
    done = failing(tmp_path, **mode, signalling_ms_per_km=0.01)
    assert done.interrupted == done.switched > 0
    # A - B: backup of 500 km. Other working paths are the direct ones and do not fail.
    assert done.recovery_ms.tolist() == [55, 55, 55]
    assert done.down_time == 0


def test_sharing_lets_more_in() -> None:
    def blocked(**settings: Any) -> float:
        config = protection(**settings)
        return replicate(scenario(config), 140.0, 0, 3000).blocking_probability

    dedicated = blocked(protection_mode="1plus1")
    shared = blocked(protection_mode="shared_backup", revert_to_primary=True)
    same = blocked(protection_mode="1plus1", backup_slots="same")
    none = blocked()
    assert none < shared < dedicated <= same


def test_restoration_takes_its_time(tmp_path: Path) -> None:
    """From A to B the failure is at the source, and the way around has 500 km."""
    done = failing(tmp_path, protection_mode="none", restoration="reroute")
    assert done.restored > 0
    assert done.recovery_ms[2] == pytest.approx(100 + 0.005 * 500)
