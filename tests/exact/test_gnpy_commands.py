"""GSNR of candidate paths against GNPy's own commands on its own examples, for the same spectrum."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusion.network.propagation.propagator import Walk
from tests.gnpy_scene import Scene, example_network, examples, scene

pytest.importorskip("gnpy", reason="GNPy needs Python 3.12 or older")

SLOTS = {"mode 1": 4, "mode 3": 5, "mode 2": 6}
"""Slots of 12.5 GHz of a channel; mode 1 at the spacing of GNPy's examples, not at its least."""
PRINTED = 0.0051  # GNPy rounds to two decimals


def command(name: str, *arguments: object) -> str:
    program = Path(sys.executable).with_name(name)
    done = subprocess.run(
        [program, *map(str, arguments)], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def library(folder: Path, **spacing: float) -> Path:
    """Return GNPy's library with another spacing of some modes."""
    data = json.loads((examples() / "eqpt_config.json").read_text(encoding="utf-8"))
    for transceiver in data["Transceiver"]:
        for mode in transceiver["mode"]:
            mode["min_spacing"] = spacing.get(mode["format"].replace(" ", ""), mode["min_spacing"])
    file = folder / "library.json"
    file.write_text(json.dumps(data), encoding="utf-8")
    return file


def of_mode(network: Path, equipment: Path, mode: str, slots: int) -> Scene:
    """Return a scene whose channels of one mode are where GNPy puts them: the first at 191.35 THz."""
    return Scene(
        scene(
            network,
            {
                "spectrum_settings": {"c_band": slots},
                "topology_settings": {"link_directions": "separate"},
                "snr_settings": {
                    "gnpy_equipment": str(equipment),
                    "gnpy_band_start": 191.35 - SLOTS[mode] * 0.0125 / 2,
                },
            },
        )
    )


def request(number: int, walk: Walk, roadms: list[str], mode: str, channels: int) -> dict[str, Any]:
    return {
        "request-id": str(number),
        "source": walk[0],
        "destination": walk[-1],
        "src-tp-id": walk[0],
        "dst-tp-id": walk[-1],
        "bidirectional": False,
        "path-constraints": {
            "te-bandwidth": {
                "technology": "flexi-grid",
                "trx_type": "Voyager",
                "trx_mode": mode,
                "spacing": SLOTS[mode] * 12.5e9,
                "max-nb-of-channel": channels,
                "path_bandwidth": 100e9,
            }
        },
        "explicit-route-objects": {
            "route-object-include-exclude": [
                {
                    "explicit-route-usage": "route-include-ero",
                    "index": index,
                    "num-unnum-hop": {
                        "node-id": uid,
                        "link-tp-id": "link-tp-id is not used",
                        "hop-type": "STRICT",
                    },
                }
                for index, uid in enumerate(roadms)
            ]
        },
    }


def check_requests(
    folder: Path, network: Path, equipment: Path, of: dict[str, Scene], chosen: slice
) -> set[bool]:
    """Compare what `gnpy-path-request` gives for some paths, mode by mode; return its verdicts."""
    asked, expected = [], []
    for mode, here in of.items():
        walks = [each[0] for each in here.walks[chosen]]
        for walk, signal in zip(walks, here.signals(walks), strict=True):
            margin, snr = here.of_mode(signal, mode)
            roadms = [uid for uid in walk if uid.startswith("roadm ")]
            asked.append(request(len(asked), walk, roadms, mode, len(snr)))
            (baud_rate,) = [each.baud_rate for each in here.plant.modes if each.name == mode]
            expected.append((walk, margin, snr, baud_rate))
    services, results = folder / "services.json", folder / "results.json"
    services.write_text(json.dumps({"path-request": asked}), encoding="utf-8")
    command("gnpy-path-request", network, services, "-e", equipment, "-o", results)
    answers = json.loads(results.read_text(encoding="utf-8"))
    if "gnpy-api:api" in answers:
        answers = answers["gnpy-api:api"]
    responses = {each["response-id"]: each for each in _responses(answers)}
    verdicts = set()
    for number, (walk, margin, snr, baud_rate) in enumerate(expected):
        answer = responses[str(number)]
        why = answer.get("no-path", {"no-path": ""})["no-path"]
        assert why in ("", "NO_SPECTRUM", "MODE_NOT_FEASIBLE")  # GNPy assigns spectrum afterwards
        works = why != "MODE_NOT_FEASIBLE"
        assert works == (margin.min() >= 0), (walk, margin)
        found = answer.get("no-path", answer)["path-properties"]
        passed = [
            hop["path-route-object"]["num-unnum-hop"]["node-id"]
            for hop in found["path-route-objects"]
            if "num-unnum-hop" in hop["path-route-object"]
        ]
        assert tuple(passed) == walk
        metric = {each["metric-type"]: each["accumulative-value"] for each in found["path-metric"]}
        tenth = snr + 10 * np.log10(baud_rate / 12.5e9)
        assert float(metric["SNR-bandwidth"]) == pytest.approx(float(snr.mean()), abs=PRINTED)
        assert float(metric["SNR-0.1nm"]) == pytest.approx(float(tenth.mean()), abs=PRINTED)
        assert float(metric["lowest_SNR-0.1nm"]) == pytest.approx(float(tenth.min()), abs=PRINTED)
        verdicts.add(works)
    return verdicts


def _responses(answers: Any) -> list[dict[str, Any]]:
    """Return the answers to requests, wherever in the file they are."""
    if isinstance(answers, dict):
        if isinstance(answers.get("response"), list):
            return list(answers["response"])
        return [each for value in answers.values() for each in _responses(value)]
    return []


def test_path_requests_on_the_mesh(tmp_path: Path) -> None:
    network = example_network(tmp_path, "meshTopologyExampleV2.json")
    equipment = library(tmp_path, mode1=50e9)
    scenes = {mode: of_mode(network, equipment, mode, 300) for mode in SLOTS}
    assert check_requests(tmp_path, network, equipment, scenes, slice(None)) == {True, False}


def test_path_requests_on_coronet(tmp_path: Path) -> None:
    network = example_network(tmp_path, "CORONET_CONUS_Topology.json")
    equipment = library(tmp_path, mode1=50e9)
    scenes = {"mode 1": of_mode(network, equipment, "mode 1", 300)}
    few = slice(5, None, 2400)
    assert check_requests(tmp_path, network, equipment, scenes, few) == {True, False}


@pytest.mark.parametrize("name", ["meshTopologyExampleV2.json", "CORONET_CONUS_Topology.json"])
@pytest.mark.parametrize("load", ["full", "file"])
def test_transmission_channel_by_channel(name: str, load: str, tmp_path: Path) -> None:
    network = example_network(tmp_path, name)
    values: dict[str, object] = {
        "gnpy_load": load,
        "gnpy_equipment": str(library(tmp_path, mode1=50e9)),
    }
    more = []
    if load == "file":
        spectrum = {"f_min": 191.4e12, "f_max": 194.9e12, "baud_rate": 32e9, "slot_width": 50e9}
        wider = {"f_min": 194.9625e12, "f_max": 195.1125e12, "baud_rate": 32e9, "slot_width": 75e9}
        parts = [{**spectrum, "roll_off": 0.15}, {**wider, "roll_off": 0.15, "delta_pdb": 1}]
        file = tmp_path / "spectrum.json"
        file.write_text(json.dumps({"spectrum": parts}), encoding="utf-8")
        values |= {"gnpy_spectrum": str(file), "gnpy_band_start": 191.375}
        more = ["--spectrum", file]
    slots = 304 if load == "full" else 300
    sections = {
        "spectrum_settings": {"c_band": slots},
        "topology_settings": {"link_directions": "separate"},
        "snr_settings": values,
    }
    here = Scene(scene(network, sections))
    walk = here.walks[len(here.walks) // 3][0]
    (signal,) = here.signals([walk])
    _, snr = here.of_mode(signal, "mode 1")
    roadms = " | ".join(uid for uid in walk if uid.startswith("roadm "))
    equipment = values["gnpy_equipment"]
    printed = command(
        "gnpy-transmission-example",
        *(network, walk[0], walk[-1], "-e", equipment, "--show-channels", "-p", roadms),
        *more,
    )
    rows = re.findall(r"^ *(\d+) +(19\d\.\d+)((?: +-?[\d.]+){4})$", printed, re.MULTILINE)
    theirs = np.array([float(numbers.split()[-1]) for _, _, numbers in rows])
    centres = np.array([float(thz) for _, thz, _ in rows])
    assert len(theirs) == len(snr)
    np.testing.assert_allclose(centres, np.array(here.plant.centres(0)) / 1e12, atol=1e-5)
    np.testing.assert_allclose(snr, theirs, atol=PRINTED)
