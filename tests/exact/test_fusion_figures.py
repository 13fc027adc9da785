"""The conventions of the original FUSION give the figures of its own regression tests."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusion.config.config import Config, load_config
from fusion.results.load_file_as_fusion import write_load_file_as_fusion
from fusion.results.measured import Replication
from fusion.scenario.inputs import read_inputs
from fusion.scenario.scenario import make_scenario
from fusion.simulation.replication import replicate

PUBLISHED = json.loads(
    (Path(__file__).parents[1] / "data" / "fusion_regression.json").read_text(encoding="utf-8")
)

# The keys of tests/fixtures/expected_results/{gui_check,baseline_kspf_ff}/*_config.ini that FUSION reads.
FUSION_INI = """
[general_settings]
holding_time = 0.2
mod_assumption = slicing_dissertation
erlang_start = 300
erlang_stop = 400
erlang_step = 50
max_iters = {max_iters}
guard_slots = 1
max_segments = {max_segments}
dynamic_lps = False
fixed_grid = False
pre_calc_mod_selection = False
spectrum_priority = None
num_requests = 500
request_distribution = {distribution}
allocation_method = first_fit
route_method = k_shortest_path
[routing_settings]
k_paths = {k_paths}
[topology_settings]
network = NSFNet
bw_per_slot = 12.5
cores_per_link = {cores}
const_link_weight = False
is_only_core_node = True
[spectrum_settings]
c_band = {slots}
[snr_settings]
snr_type = None
[rl_settings]
is_training = True
[ml_settings]
deploy_model = False
output_train_data = False
[file_settings]
file_type = json
"""
REGRESSION_RUN = {"compatibility_settings": {"conventions": "fusion", "load_per_core": True}}


def regression_config(path: Path, **values: object) -> Config:
    (path / "config.ini").write_text(FUSION_INI.format(**values), encoding="utf-8")
    return load_config(path / "config.ini", REGRESSION_RUN)


def replications_of(config: Config, load: float) -> list[Replication]:
    scenario = make_scenario(config, read_inputs(config))
    count = config.general_settings.max_iters
    return [replicate(scenario, load, number, 0) for number in range(count)]


GSNR = {
    "spain_C_fixed_grooming": (1500.0, "Spainbackbone30", 112.5, True, {"c": 53}),
    "usbackbone_mb_CL_fixed_grooming": (125.0, "USbackbone60", 112.5, True, {"c": 10, "l": 10}),
    "usbackbone_mb_CL_flexi": (125.0, "USbackbone60", 12.5, False, {"c": 50, "l": 50}),
}
"""Load, network, GHz of a slot, fixed grid, slots: what differs between its tests of signal quality."""


@pytest.mark.parametrize("name", GSNR)
def test_figures_with_signal_quality_are_those_of_fusion(tmp_path: Path, name: str) -> None:
    load, network, width, fixed, slots = GSNR[name]
    overrides: dict[str, dict[str, Any]] = {
        "general_settings": {
            **dict.fromkeys(("erlang_start", "erlang_stop"), load),
            "holding_time": 3600,
            "mod_assumption": "Mod_Grooming",
            "max_iters": 2,
            "guard_slots": 0,
            "max_segments": 8,
            "dynamic_lps": True,
            "fixed_grid": fixed,
            "is_grooming_enabled": fixed,
            "can_partially_serve": True,
            "num_requests": 200,
            "request_distribution": {str(rate): 0.125 for rate in range(100, 900, 100)},
        },
        "topology_settings": {
            "network": network,
            "bw_per_slot": width,
            "cores_per_link": 1,
            "is_only_core_node": False,
        },
        "routing_settings": {"k_paths": 3},
        "spectrum_settings": {f"{band}_band": count for band, count in slots.items()},
        "snr_settings": {"snr_type": "gsnr"},
        **REGRESSION_RUN,
    }
    config = load_config("default", overrides)
    write_load_file_as_fusion(
        tmp_path / "load.json", replications_of(config, load), is_training=False
    )
    found = json.loads((tmp_path / "load.json").read_text(encoding="utf-8"))
    wanted = PUBLISHED["gsnr"][name]
    assert {key: found[key] for key in wanted} == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("load", ["300", "350"])
def test_blocking_with_slices_is_that_of_fusion(tmp_path: Path, load: str) -> None:
    config = regression_config(
        tmp_path,
        max_iters=10,
        max_segments=8,
        k_paths=3,
        cores=1,
        slots=128,
        distribution='{"25": 0.0, "50": 0.3, "100": 0.5, "200": 0.0, "400": 0.2}',
    )
    published = PUBLISHED["gui_check"][load]
    done = replications_of(config, float(load))
    assert [each.blocking_probability for each in done] == published["blocking"]
    # In these runs FUSION did not yet add slices that were given up to the blocked bit rate.
    gbps = np.array([50.0, 100.0, 400.0])
    of_requests = [
        each.traffic.blocked_by_bit_rate @ gbps / each.traffic.requested_gbps for each in done
    ]
    assert of_requests == published["bit_rate_blocking"]
    assert all(
        each.bit_rate_blocking_probability > plain
        for each, plain in zip(done, of_requests, strict=True)
    )
    for number, wanted in published["iterations"].items():
        record = done[int(number)].fusion
        assert record is not None
        assert {key: record[key] for key in wanted} == wanted


def test_the_file_of_a_load_is_that_of_fusion(tmp_path: Path) -> None:
    config = regression_config(
        tmp_path,
        max_iters=4,
        max_segments=4,
        k_paths=4,
        cores=3,
        slots=320,
        distribution='{"25": 0.10, "50": 0.10, "100": 0.50, "200": 0.20, "400": 0.10}',
    )
    write_load_file_as_fusion(
        tmp_path / "file.json", replications_of(config, 300.0), is_training=True
    )
    file: dict[str, Any] = json.loads((tmp_path / "file.json").read_text(encoding="utf-8"))
    published = PUBLISHED["baseline"]
    for number in ("0", "3"):
        record = file["iter_stats"][number]
        wanted = dict(published[number])
        weights = wanted.pop("weights_dict", {})
        assert {key: record[key] for key in wanted} == wanted
        for rate, formats in weights.items():
            for name, moments in formats.items():
                found = record["weights_dict"][rate][name]
                if moments["mean"] is not None:
                    moments = pytest.approx(moments, rel=1e-15)
                assert found == moments
    assert {key: file[key] for key in published["top"]} == published["top"]
    for link, (count, throughput) in published["link_usage"].items():
        there, back = link.split("-")
        for name in (link, f"{back}-{there}"):
            assert file["link_usage"][name] == {
                "usage_count": count,
                # The logarithm of another processor may differ in the last bit.
                "throughput": pytest.approx(throughput, rel=1e-12),
            }
    assert set(file["link_usage"]) == set(file["iter_stats"]["3"]["link_usage_dict"])
