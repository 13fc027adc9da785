"""A file of signal quality: what is read, what is refused with its row, and that it decides."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusion.config.config import ConfigError, load_config
from fusion.network.quality_file import SlotQuality, Spot
from fusion.results.measured import Replication
from fusion.scenario.content import content_key
from fusion.scenario.inputs import read_inputs
from fusion.scenario.scenario import make_scenario
from fusion.simulation.replication import replicate

HEADER = "source,destination,path,band,slot,gsnr_db"


def overrides(tmp_path: Path, text: str) -> dict[str, dict[str, object]]:
    file = tmp_path / "quality.csv"
    file.write_text(text, encoding="utf-8")
    network = tmp_path / "three.txt"
    network.write_text("a\tb\t300\nb\tc\t300\n", encoding="utf-8")
    return {
        "general_settings": {
            "num_requests": 4000,
            "fixed_grid": True,
            "guard_slots": 0,
            "mod_assumption": "SNR_ASSUMPTIONS",
            "request_distribution": {"400": 1.0},
        },
        "topology_settings": {"network": str(network), "cores_per_link": 2},
        "spectrum_settings": {"c_band": 2, "l_band": 0, "s_band": 1},
        "traffic_settings": {"bit_rates": "distribution"},
        "snr_settings": {"snr_type": "snr_e2e_external_resources", "quality_file": str(file)},
    }


def run(tmp_path: Path, text: str) -> Replication:
    config = load_config("quick", overrides(tmp_path, text))
    return replicate(make_scenario(config, read_inputs(config)), 0.01, 0, 0)


def rows(gsnr_db: float, pairs: str = "ab bc ac", more: str = "") -> list[str]:
    places = [("c", 0), ("c", 1), ("S", 0)]
    return [
        f"{a},{b},1,{band},{slot},{gsnr_db}{more}"
        for a, b in pairs.split()
        for band, slot in places
    ]


def test_what_is_read(tmp_path: Path) -> None:
    text = f"# from a program\n{HEADER},format,core\n\na,b,1,c,1,20.5,16-QAM,1\n a, c,2,S,0,-3,,0\n"
    table = read_inputs(load_config("quick", overrides(tmp_path, text))).quality
    assert table == {
        (0, 1, 1): {Spot(1, "c", 1): SlotQuality(20.5, "16-QAM")},
        (0, 2, 2): {Spot(0, "s", 0): SlotQuality(-3.0, "")},
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the first line must name the columns source, destination"),
        ("source,destination,path,band,slot\n", "must name the columns"),
        (f"{HEADER},colour\n", "must name the columns"),
        (f"{HEADER}\n", "has no row"),
        (f"{HEADER}\na,b,1,c,0\n", "row 1: has 5 cells, must have 6"),
        (f"{HEADER}\na,x,1,c,0,20\n", "'x' is not a node"),
        (f"{HEADER}\na,a,1,c,0,20\n", "two ends"),
        (f"{HEADER}\na,b,0,c,0,20\n", "path = '0': must be an integer from 1"),
        (f"{HEADER}\na,b,1,l,0,20\n", "band = 'l': must be one that has slots: c, s"),
        (f"{HEADER}\na,b,1,c,2,20\n", "slot = '2': must be an integer from 0 to 1"),
        (f"{HEADER}\na,b,1,c,0,nan\n", "gsnr_db = 'nan'"),
        (f"{HEADER},format\na,b,1,c,0,20,17-QAM\n", "format = '17-QAM': must be one of"),
        (f"{HEADER}\na,b,1,c,0,20\na,b,1,c,0,21\n", "row 2: duplicate slot for this path"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_inputs(load_config("quick", overrides(tmp_path, text)))
    (found,) = caught.value.problems
    assert found.key == "quality_file"
    assert message in found.message


def test_the_file_is_needed_and_only_with_its_model(tmp_path: Path) -> None:
    values = overrides(tmp_path, "")
    with pytest.raises(ConfigError, match="must name a file"):
        load_config("quick", values | {"snr_settings": {"snr_type": "snr_e2e_external_resources"}})
    values["snr_settings"]["snr_type"] = "gsnr"
    with pytest.raises(ConfigError, match="only read with snr_type = snr_e2e"):
        load_config("quick", values)


def test_thresholds_decide_where_no_format_is_given(tmp_path: Path) -> None:
    # 400 Gb/s take QPSK, 6.72 dB, at least.
    good = run(tmp_path, "\n".join([HEADER, *rows(7.0)]))
    assert good.blocking_probability < 0.01
    assert good.served.lightpaths_by_format.sum(axis=1).tolist() == [
        0,
        good.served.lightpaths,
        0,
        0,
        0,
        0,
    ]
    assert good.quality.noise_to_signal / good.served.lightpaths == pytest.approx(10**-0.7)
    bad = run(tmp_path, "\n".join([HEADER, *rows(6.0)]))
    assert bad.quality.blocked_by_quality == bad.requests


def test_formats_decide_where_they_are_given(tmp_path: Path) -> None:
    lines = [f"{HEADER},format", *rows(30.0, more=",BPSK"), "b,a,1,c,0,30,", "c,b,1,c,0,2,64-QAM"]
    made = run(tmp_path, "\n".join(lines))
    # From c to b alone there is a row of its own, and a format that carries 400 Gb/s.
    served = made.traffic.requested - made.traffic.blocked
    config = load_config("quick", overrides(tmp_path, "\n".join(lines)))
    pairs = make_scenario(config, read_inputs(config)).pairs
    assert {pair for pair, count in zip(pairs, served, strict=True) if count} == {("c", "b")}


def test_the_content_counts_and_not_the_place(tmp_path: Path) -> None:
    keys = []
    for name, text in (("x", rows(7.0)), ("y", rows(7.0)[::-1]), ("z", rows(8.0))):
        folder = tmp_path / name
        folder.mkdir()
        config = load_config("quick", overrides(folder, "\n".join([HEADER, *text])))
        keys.append(content_key(config, read_inputs(config)))
    assert keys[0] == keys[1] != keys[2]
