"""Signal quality in a config: what is refused, what has no effect, and what must come to the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fusion.config.config import Config, ConfigError, load_config
from fusion.config.relevant_fields import relevant_fields
from fusion.config.sections import SnrSettings
from fusion.network.cores import LAYOUTS
from fusion.network.physics.crosstalk import CROSSTALK_THRESHOLDS_DB
from fusion.network.physics.gn import PHI
from fusion.network.physics.gsnr import GSNR_THRESHOLDS_DB
from fusion.results.measured import Replication
from fusion.scenario.content import content_key
from fusion.scenario.inputs import read_inputs
from fusion.scenario.scenario import make_scenario
from fusion.simulation.replication import replicate
from validation.exact import erlang_b

Overrides = dict[str, dict[str, Any]]


def config(overrides: Overrides, template: str = "quick") -> Config:
    made = load_config(template, overrides)
    read_inputs(made)
    return made


def run(overrides: Overrides, load: float = 150.0, template: str = "quick") -> Replication:
    made = load_config(template, overrides)
    return replicate(make_scenario(made, read_inputs(made)), load, 0, 0)


def snr(kind: str, **others: Any) -> Overrides:
    return {"snr_settings": {"snr_type": kind, **others}}


def test_defaults_are_those_of_the_physics() -> None:
    defaults = SnrSettings()
    assert defaults.snr_thresholds == GSNR_THRESHOLDS_DB
    assert defaults.requested_xt == CROSSTALK_THRESHOLDS_DB
    assert defaults.phi == {name: phi for name, phi in PHI.items() if name != "Gaussian"}


@pytest.mark.parametrize(
    ("overrides", "key", "message"),
    [
        (
            snr("gsnr") | {"spectrum_settings": {"s_band": 5}},
            "s_band",
            "supports only the C and L bands",
        ),
        (snr("snr_calc_nli") | {"spectrum_settings": {"l_band": 5}}, "l_band", "supports one band"),
        (snr("gsnr") | {"spectrum_settings": {"l_band": 521}}, "l_band", "at most 520"),
        (
            snr("xt_calculation") | {"topology_settings": {"cores_per_link": 3}},
            "cores_per_link",
            "",
        ),
        (
            snr("gsnr", xt_noise=True) | {"topology_settings": {"cores_per_link": 2}},
            "cores_per_link",
            "1, 4, 7, 13, 19 with xt_noise = True",
        ),
        (snr("gsnr", snr_thresholds={"QPSK": 7}), "snr_thresholds", "BPSK, 8-QAM, 16-QAM"),
        (snr("xt_calculation"), "requested_xt", "not there: BPSK, 8-QAM"),
        (snr("gsnr", egn_model=True, phi={"QPSK": 1}), "phi", "not there: BPSK"),
        (snr("gsnr", snr_thresholds="QPSK = 7"), "snr_thresholds", "a dictionary of modulation"),
        (snr("gsnr", input_power=0), "input_power", "above 0"),
        (snr("snr_e2e_external_resources"), "quality_file", "must name a file"),
        (
            snr("gsnr")
            | {
                "general_settings": {"allocation_method": "random_fit"},
                "routing_settings": {"path_choice": "all"},
            },
            "path_choice",
            "with allocation_method = random_fit and snr_type",
        ),
        ({"general_settings": {"dynamic_lps": True}}, "dynamic_lps", "False with snr_type = None"),
        (
            {"general_settings": {"fixed_grid": True, "channel_capacity": {"QPSK": 100}}},
            "mod_assumption",
            "channel_capacity does not have",
        ),
    ],
)
def test_refused_by_name(overrides: Overrides, key: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config(overrides)
    assert any(f"{key} " in line and message in line for line in str(caught.value).splitlines())


def test_a_table_of_raman_scattering_that_is_too_large() -> None:
    overrides = snr("gsnr") | {"spectrum_settings": {"c_band": 1600, "l_band": 1600}}
    overrides["topology_settings"] = {"bw_per_slot": 3.125}
    overrides["traffic_settings"] = {"bit_rate_max": 400, "bit_rate_step": 5}
    with pytest.raises(ConfigError, match=r"snr_type = gsnr: needs [\d,]+ MiB for C and L band"):
        config(overrides)


@pytest.mark.parametrize("cores", LAYOUTS)
def test_all_layouts_are_there(cores: int) -> None:
    overrides = snr("gsnr", xt_noise=True) | {"topology_settings": {"cores_per_link": cores}}
    overrides["general_settings"] = {"num_requests": 50}
    assert run(overrides).requests == 50


def test_keys_without_effect_are_not_in_the_content() -> None:
    plain = config({})
    other = config(snr("None", input_power=0.1, phi={"QPSK": 0.5}, xt_noise=True))
    assert relevant_fields(other) == relevant_fields(plain) == relevant_fields(load_config("quick"))
    assert content_key(other, read_inputs(other)) == content_key(plain, read_inputs(plain))
    fields = relevant_fields(config(snr("gsnr", phi={"QPSK": 0.5}, recheck_crossband=False)))
    assert {key for key in fields if key.startswith("snr_")} == {"snr_settings.snr_type"}
    assert "snr_settings.input_power" in relevant_fields(config(snr("gsnr", input_power=2e-3)))


@pytest.mark.parametrize("choice", ["in_order", "all"])
def test_thresholds_that_any_lightpath_reaches_change_nothing(choice: str) -> None:
    low = dict.fromkeys(GSNR_THRESHOLDS_DB, -90.0)
    overrides: Overrides = {
        "general_settings": {"num_requests": 3000},
        "routing_settings": {"path_choice": choice},
    }
    plain = run(overrides, 250.0)
    good = run(overrides | snr("gsnr", snr_thresholds=low, snr_recheck=True), 250.0)
    assert good.quality.blocked_by_quality == 0
    assert good.quality.noise_to_signal > 0.0
    assert plain.traffic.blocked.sum() > 0
    assert np.array_equal(good.traffic.blocked, plain.traffic.blocked)
    for name in ("lightpaths_by_format", "lightpaths_by_rank", "lightpaths_by_plane"):
        assert np.array_equal(getattr(good.served, name), getattr(plain.served, name)), name
    assert good.links.utilisation == pytest.approx(plain.links.utilisation)


def test_thresholds_that_none_reaches_block_everything() -> None:
    blocked = run(snr("gsnr", snr_thresholds=dict.fromkeys(GSNR_THRESHOLDS_DB, 60.0)))
    assert blocked.traffic.blocked.sum() == blocked.quality.blocked_by_quality == blocked.requests


def test_a_channel_of_a_fixed_grid_takes_one_slot(tmp_path: Any) -> None:
    """On one link with both directions that is Erlang's formula."""
    network = tmp_path / "two.txt"
    network.write_text("1\t2\t300\n")
    made = run(
        {
            "general_settings": {
                "fixed_grid": True,
                "num_requests": 200_000,
                "mod_assumption": "SNR_ASSUMPTIONS",
                "request_distribution": {"100": 0.5, "600": 0.5},
                "guard_slots": 0,
            },
            "traffic_settings": {"bit_rates": "distribution"},
            "topology_settings": {
                "network": str(network),
                "link_directions": "shared",
                "bw_per_slot": 50,
            },
            "spectrum_settings": {"c_band": 12},
        },
        10.0,
    )
    assert made.blocking_probability == pytest.approx(erlang_b(12, 10.0), rel=0.06)
    # Of 600 Gb/s are 16-QAM, 32-QAM and 64-QAM; the table has the first of them first.
    names = made.served.lightpaths_by_format.sum(axis=1).nonzero()[0].tolist()
    assert names == [0, 3]


def test_a_dynamic_channel_carries_what_its_format_does() -> None:
    overrides: Overrides = {
        "general_settings": {
            "fixed_grid": True,
            "dynamic_lps": True,
            "is_grooming_enabled": True,
            "max_segments": 4,
            "num_requests": 3000,
            "mod_assumption": "SNR_ASSUMPTIONS",
            "request_distribution": {"100": 0.5, "600": 0.5},
            "guard_slots": 0,
        },
        "traffic_settings": {"bit_rates": "distribution"},
        "topology_settings": {"bw_per_slot": 50},
        "spectrum_settings": {"c_band": 40},
    }
    made = run(overrides | snr("gsnr"), 200.0)
    assert made.connections.groomed > 500  # what 100 Gb/s leave of a channel
    assert made.connections.sliced > 50
    # Columns: 100 and 600 Gb/s, the other bit rates of the table, then 700 and 800.
    names = {"BPSK": 200, "QPSK": 400, "8-QAM": 500, "16-QAM": 600, "32-QAM": 700, "64-QAM": 800}
    config_ = load_config("quick", overrides | snr("gsnr"))
    scenario = make_scenario(config_, read_inputs(config_))
    for index, name in enumerate(scenario.lightpaths.formats):
        rates = scenario.lightpaths.bit_rates_gbps[
            made.served.lightpaths_by_format[index] > 0
        ].tolist()
        assert rates in ([], [names[name]])


def test_fusions_own_files_for_c_and_l_band_are_accepted() -> None:
    """21 widths on 960 slots: a table by kinds and slots of both lightpaths would have 3,100 MiB."""
    rates = {str(rate): 0.125 for rate in range(100, 900, 100)}
    overrides = snr("gsnr") | {
        "general_settings": {
            "mod_assumption": "Mod_Grooming",
            "request_distribution": rates,
            "max_segments": 8,
            "dynamic_lps": True,
            "guard_slots": 0,
        },
        "topology_settings": {"network": "Spainbackbone30"},
        "spectrum_settings": {"c_band": 480, "l_band": 480},
    }
    config(overrides, "default")
    overrides["snr_settings"]["egn_model"] = True
    config(overrides, "default")


@pytest.mark.parametrize("cores", [1, 7])
def test_the_files_of_fusions_team_of_2026_are_accepted(cores: int) -> None:
    overrides = snr("gsnr", snr_recheck=False) | {
        "general_settings": {
            "mod_assumption": "BON_FUSION",
            "request_distribution": {"100": 0.5, "200": 0.4, "400": 0.1},
            "max_segments": 8,
            "dynamic_lps": True,
            "guard_slots": 0,
        },
        "topology_settings": {"network": "Japan12", "cores_per_link": cores},
        "spectrum_settings": {"c_band": 480, "l_band": 480},
        "routing_settings": {"k_paths": 5},
    }
    assert config(overrides, "default").topology_settings.network == "Japan12"
