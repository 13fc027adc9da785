"""Slicing, grooming and service in part, from a config: exact where it can be, and what each must do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fusion.config.config import Config, ConfigError, load_config
from fusion.config.relevant_fields import relevant_fields
from fusion.results.measured import Replication
from fusion.results.statistics import blocking_estimate
from fusion.scenario.inputs import read_inputs
from fusion.scenario.scenario import Scenario, make_scenario
from fusion.simulation.replication import replicate
from fusion.simulation.splitting import estimate_rare_blocking, estimate_scenario
from validation.exact import kaufman_roberts
from validation.link_models import RequestClass


def scenario(config: Config) -> Scenario:
    return make_scenario(config, read_inputs(config))


def nsfnet(load: float = 900.0, **general: Any) -> Replication:
    """Return a replication of FUSION's default setting, past its warm-up."""
    config = load_config("default", {"general_settings": {"num_requests": 8000, **general}})
    return replicate(scenario(config), load, 0, 6000)


def link(folder: Path, slots: int, **general: Any) -> Config:
    """Return the config of one link: half of the requests take one slot, half of them two."""
    (folder / "link.txt").write_text("A\tB\t100\nB\tA\t100\n")
    formats = {str(50 * n): {"QPSK": {"max_length": 1000, "slots_needed": n}} for n in (1, 2)}
    (folder / "table.json").write_text(json.dumps({"mine": formats}))
    settings = {
        "general_settings": {
            "mod_assumption": "mine",
            "mod_assumption_path": str(folder / "table.json"),
            "request_distribution": {50: 0.5, 100: 0.5},
            "guard_slots": 0,
            "num_requests": 40_000,
            **general,
        },
        "topology_settings": {"network": str(folder / "link.txt"), "cores_per_link": 1},
        "routing_settings": {"k_paths": 1},
        "spectrum_settings": {"c_band": slots},
    }
    return load_config("default", settings)


def test_slices_need_no_contiguity(tmp_path: Path) -> None:
    """Two slots anywhere carry what has no run of two: blocking is that of Kaufman and Roberts."""
    made = scenario(link(tmp_path, 10, max_segments=2))
    done = [replicate(made, 6.0, number, 200) for number in range(20)]
    wanted = kaufman_roberts(10, [RequestClass(3.0, width, [[0]]) for width in (1, 2)])
    contiguous = scenario(link(tmp_path, 10, max_segments=1))
    for index, exact in enumerate(wanted):
        estimate = blocking_estimate(
            [each.traffic.blocked_by_bit_rate[index] for each in done],
            [each.traffic.requested_by_bit_rate[index] for each in done],
            0.999,
        )
        assert estimate.ci_lower < exact < estimate.ci_upper
        assert estimate.relative_precision < 0.05
    assert sum(each.connections.sliced for each in done) > 1000
    single = replicate(contiguous, 6.0, 0, 200)
    assert single.connections.sliced == 0
    assert single.traffic.blocked_by_bit_rate[1] > 1.2 * done[0].traffic.blocked_by_bit_rate[1]


def test_slicing_serves_what_no_format_reaches_in_one_piece() -> None:
    whole, sliced = nsfnet(max_segments=1), nsfnet(max_segments=4)
    assert whole.traffic.requested.tolist() == sliced.traffic.requested.tolist()
    assert whole.traffic.blocked_out_of_reach > 0.1 * whole.requests
    assert sliced.traffic.blocked_out_of_reach == 0
    assert sliced.traffic.blocked.sum() < 0.2 * whole.traffic.blocked.sum()
    assert (
        sliced.served.lightpaths
        > sliced.requests - sliced.traffic.blocked.sum() + sliced.connections.sliced
    )
    assert sliced.connections.partly_served == sliced.connections.groomed == 0


def test_more_segments_never_hurt_the_few_that_are_wide() -> None:
    blocked = [
        int(nsfnet(load=500.0, max_segments=most).traffic.blocked.sum()) for most in (1, 2, 4)
    ]
    assert blocked[0] > blocked[1] >= blocked[2]


def test_grooming_uses_what_slices_leave(tmp_path: Path) -> None:
    """Five slices of 25 Gb/s carry 125, three of 50 do too, and leave 25 of the last to others."""
    (tmp_path / "table.json").write_text(
        json.dumps(
            {
                "mine": {
                    "25": {"QPSK": {"max_length": 9000, "slots_needed": 2}},
                    "50": {"QPSK": {"max_length": 9000, "slots_needed": 3}},
                    "125": {"QPSK": {"max_length": 1, "slots_needed": 6}},
                }
            }
        )
    )
    shared = {
        "mod_assumption": "mine",
        "mod_assumption_path": str(tmp_path / "table.json"),
        "request_distribution": {25: 0.5, 125: 0.5},
        "max_segments": 3,
    }
    with_it, without = (nsfnet(is_grooming_enabled=on, **shared) for on in (True, False))
    assert with_it.connections.groomed > 0.05 * with_it.requests
    assert without.connections.groomed == 0
    assert with_it.served.lightpaths < without.served.lightpaths
    use = [each.connections.lightpath_use / each.connections.ended for each in (with_it, without)]
    assert use[0] < 0.9  # a lightpath that has lost one of its users stays up
    assert use[1] == pytest.approx((0.5 * 1 + 0.5 * (1 + 1 + 0.5)) / (0.5 + 0.5 * 3), rel=0.02)


def test_service_in_part_trades_blocked_requests_for_blocked_bit_rate() -> None:
    part = nsfnet(load=1500.0, can_partially_serve=True)
    whole = nsfnet(load=1500.0, can_partially_serve=False)
    assert part.connections.partly_served > 100
    assert part.traffic.blocked.sum() < 0.5 * whole.traffic.blocked.sum()
    assert part.traffic.blocked_gbps > float(
        part.traffic.blocked_by_bit_rate @ [25.0, 50.0, 100.0, 200.0, 400.0]
    )
    assert 0 < part.traffic.blocked_gbps < whole.traffic.blocked_gbps


def test_without_slicing_and_grooming_the_plain_loop_is_used_whatever_the_rest() -> None:
    overrides = {"general_settings": {"max_segments": 1, "can_partially_serve": True}}
    config = load_config("default", overrides)
    assert scenario(config).service is None
    plain = load_config("default", {"general_settings": {"max_segments": 1}})
    assert relevant_fields(config) == relevant_fields(plain)


def test_utilisation_is_what_lightpaths_hold() -> None:
    """Two lightpaths of 2 and 1 slots on each link of a path: by Little's law, over many requests."""
    done = nsfnet(load=300.0, max_segments=4, is_grooming_enabled=True)
    slots_taken = (done.links.utilisation * 3 * 320).sum()
    mean_holding, guard = 0.2, 1
    per_time = 300.0 / mean_holding
    # Hops and width are not independent; their product per lightpath is between these bounds.
    lightpaths = done.served.lightpaths / done.requests * per_time * mean_holding
    mean_hops = done.served.hops / done.served.lightpaths
    mean_width = done.served.slots / done.served.lightpaths + guard
    assert slots_taken == pytest.approx(lightpaths * mean_hops * mean_width, rel=0.2)


def test_a_bit_rate_that_only_slices_can_have_is_no_error(tmp_path: Path) -> None:
    config = link(tmp_path, 10, max_segments=2)
    table = {"mine": {"50": {"QPSK": {"max_length": 1000, "slots_needed": 1}}}}
    table["mine"]["100"] = {"QPSK": {"max_length": 10, "slots_needed": 2}}
    (tmp_path / "table.json").write_text(json.dumps(table))
    made = scenario(config)
    done = replicate(made, 3.0, 0, 100)
    assert done.connections.sliced > 0
    assert done.served.lightpaths_by_format[0].tolist() == [done.served.lightpaths, 0]
    with pytest.raises(ConfigError, match="no two nodes can have 100 Gb/s"):
        scenario(link_without_slicing(config))


def link_without_slicing(config: Config) -> Config:
    general = config.general_settings.model_copy(update={"max_segments": 1})
    return config.model_copy(update={"general_settings": general})


def test_importance_splitting_refuses_what_it_cannot_do(tmp_path: Path) -> None:
    config = link(tmp_path, 10, max_segments=2)
    inputs = read_inputs(config)
    with pytest.raises(ConfigError, match="max_segments = 2: must be 1 with importance splitting"):
        estimate_rare_blocking(config, inputs, 1.0)
    with pytest.raises(ValueError, match="no loop for a scenario with service"):
        estimate_scenario(make_scenario(config, inputs), 1.0, 2, 0, 0.95)


def test_columns_of_lightpaths_go_beyond_those_of_requests(tmp_path: Path) -> None:
    made = scenario(link(tmp_path, 10, max_segments=2, request_distribution={100: 1}))
    assert made.lightpaths.bit_rates_gbps.tolist() == [100.0, 50.0]
    assert len(made.traffic.bit_rate_shares) == 1
    done = replicate(made, 3.0, 0, 100)
    assert len(done.traffic.requested_by_bit_rate) == len(done.traffic.blocked_by_bit_rate) == 1
    assert done.served.lightpaths_by_format.tolist() == [[done.served.lightpaths, 0]]
