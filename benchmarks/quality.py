"""Requests per second of one core with signal quality, traffic included: `python -m benchmarks.quality`.

Settings: NSFNET, k = 3, channels of 50 GHz, 1 mW each, bit rates of 100 to 400 Gb/s, every set-up re-checks
the lightpaths that it disturbs. The first line has no model of signal quality. The settings are run in turn,
round after round, and the fastest round is shown.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from fusion import load_config, make_scenario, read_inputs, replicate
from fusion.scenario.scenario import Scenario

ROUNDS = 5
REQUESTS = 30_000
FORMATS = ("BPSK", "QPSK", "8-QAM", "16-QAM", "32-QAM", "64-QAM")
SHARES = {"100": 0.4, "200": 0.4, "400": 0.2}
SETTINGS: dict[str, tuple[float, dict[str, dict[str, Any]]]] = {
    "reach alone, 80 channels": (1200.0, {}),
    "gsnr, 80 channels": (1200.0, {"snr_settings": {"snr_type": "gsnr"}}),
    "gsnr, 80 channels of 4 slots": (
        1200.0,
        {
            "general_settings": {"fixed_grid": False, "mod_assumption": "four_slots"},
            "spectrum_settings": {"c_band": 320},
            "topology_settings": {"bw_per_slot": 12.5},
            "snr_settings": {"snr_type": "gsnr"},
        },
    ),
    "gsnr, 160 channels in C + L": (
        2400.0,
        {"spectrum_settings": {"l_band": 80}, "snr_settings": {"snr_type": "gsnr"}},
    ),
    "gsnr and crosstalk, 7 cores": (
        8400.0,
        {
            "topology_settings": {"cores_per_link": 7},
            "snr_settings": {"snr_type": "gsnr", "xt_noise": True},
        },
    ),
}


def make(overrides: dict[str, dict[str, Any]], table: Path) -> Scenario:
    """Return the scenario of a setting. table: file with the table of lightpaths of four slots."""
    settings: dict[str, dict[str, Any]] = {
        "general_settings": {
            "num_requests": REQUESTS,
            "request_distribution": SHARES,
            "fixed_grid": True,
            "guard_slots": 0,
            "mod_assumption": "SNR_ASSUMPTIONS",
            "mod_assumption_path": "",
        },
        "traffic_settings": {"bit_rates": "distribution"},
        "topology_settings": {"bw_per_slot": 50.0, "link_directions": "separate"},
        "routing_settings": {"k_paths": 3},
        "spectrum_settings": {"c_band": 80},
        "snr_settings": {"snr_recheck": True},
    }
    for section, values in overrides.items():
        settings[section] = settings[section] | values
    if settings["general_settings"]["mod_assumption"] == "four_slots":
        settings["general_settings"]["mod_assumption_path"] = str(table)
    config = load_config("quick", settings)
    return make_scenario(config, read_inputs(config))


def table_of_four_slots() -> dict[str, Any]:
    """Return a modulation table with the capacities of the fixed grid and four slots for each lightpath."""
    capacity = dict(zip(FORMATS, (200, 400, 500, 600, 700, 800), strict=True))
    return {
        "four_slots": {
            rate: {
                name: {"max_length": 40_000 + place, "slots_needed": 4}
                for place, name in enumerate(FORMATS)
                if capacity[name] >= float(rate)
            }
            for rate in SHARES
        }
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table.json"
        table.write_text(json.dumps(table_of_four_slots()), encoding="utf-8")
        scenarios = {name: make(overrides, table) for name, (_, overrides) in SETTINGS.items()}
    fastest: dict[str, float] = {}
    done = {}
    for scenario in scenarios.values():
        replicate(scenario._replace(num_requests=100), 1.0, 0, 0)  # compiled
    for _ in range(ROUNDS):
        for name, scenario in scenarios.items():
            load = SETTINGS[name][0]
            began = time.perf_counter()
            done[name] = replicate(scenario, load, 0, int(5 * load))
            seconds = (time.perf_counter() - began) / (REQUESTS + int(5 * load))
            fastest[name] = min(seconds, fastest.get(name, seconds))
    print(
        f"{'':30} {'req/s':>10} {'us':>7} {'blocking':>9} {'by quality':>11} {'lightpaths up':>14}"
    )
    for name, seconds in fastest.items():
        one, load = done[name], SETTINGS[name][0]
        up = load * (1.0 - one.blocking_probability)
        print(
            f"{name:30} {1 / seconds:>10,.0f} {1e6 * seconds:>7.2f} {one.blocking_probability:>9.4f} "
            f"{one.quality.blocked_by_quality / one.requests:>11.4f} {up:>14,.0f}"
        )


if __name__ == "__main__":
    main()
