"""The process that computes bounds, and the verb that draws them with the curves of policies."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from fusion import load_config
from fusion.cli import run_sim
from fusion.cli.bounds import main
from fusion.config.config import to_ini
from fusion.scenario.inputs import read_inputs
from fusion.simulation.bounds.bounds import Bounds
from fusion_flows.command import cli
from fusion_flows.command.bounds import bound
from fusion_flows.flows import bounding

CHANGES = {
    "general_settings": {
        "num_requests": 2000,
        "max_iters": 3,
        "erlang_start": 200,
        "erlang_stop": 300,
        "erlang_step": 50,
    },
    "simulation_settings": {"warmup_requests": 1000, "workers": 1},
}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("PREFECT_API_URL", "FUSION_RUNS_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))


def simulated(folder: Path, **changes: object) -> Path:
    """Return the directory of a run with results."""
    general = {**CHANGES["general_settings"], **changes}
    config = load_config("quick", {**CHANGES, "general_settings": general})
    folder.mkdir()
    (folder / "config.ini").write_text(to_ini(config))
    arguments = ["--config", str(folder / "config.ini"), "--output-dir", str(folder / "output")]
    command = [sys.executable, "-m", run_sim.__name__, *arguments]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def test_the_verb_writes_what_the_bounds_are_and_draws_them(tmp_path: Path) -> None:
    one = simulated(tmp_path / "one")
    other = simulated(tmp_path / "other", route_method="least_congested")
    found = bound(str(one), runs=[str(other)], to="here")
    assert [path.name for path in found.files] == [
        *("bounds.png", "bounds.pdf", "bounds.svg"),
        *("bounds.csv", "bounds_cuts.csv", "bounds_replications.csv"),
    ]
    config = load_config(str(one / "config.ini"))
    bounds = Bounds(config, read_inputs(config, quiet=True))
    expected = [bounds.at(load, 3) for load in (200.0, 250.0, 300.0)]
    assert found.rows == [pytest.approx(each.row, nan_ok=True) for each in expected]
    rows = list(csv.DictReader(Path("here/bounds_replications.csv").read_text().splitlines()))
    assert [row["replication"] for row in rows] == ["0", "1", "2"] * 3
    for folder in (one, other):
        table = (folder / "output" / "replications.csv").read_text().splitlines()
        blocked = {
            (float(row["erlang"]), row["replication"]): float(row["blocking_probability"])
            for row in csv.DictReader(table)
        }
        for row in rows:
            least = int(row["clairvoyant_bound_blocked"]) / int(row["requests"])
            assert least <= blocked[float(row["erlang"]), row["replication"]]
    assert float(rows[-1]["clairvoyant_bound_blocked"]) > 10
    svg = Path("here/bounds.svg").read_text()
    assert "no policy can be here" in svg
    assert "KSP-FF" in svg
    first, *policies = list(found.table[0])[:3]
    assert first == "load (E)"
    for name, folder in zip(policies, (one, other), strict=True):
        points = (folder / "output" / "points.csv").read_text().splitlines()
        for shown, point in zip(found.table, csv.DictReader(points), strict=True):
            blocked = float(point["blocking_probability"])
            assert float(shown[name]) == pytest.approx(blocked, rel=0.1)
    assert list(found.table[0])[3:5] == ["clairvoyant_bound", "long_run_bound"]
    cuts = list(csv.DictReader(Path("here/bounds_cuts.csv").read_text().splitlines()))
    assert {row["slots"] for row in cuts if row["erlang"] == "300.0"} >= {"300"}


def test_the_command_shows_them(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bound", "quick", "--bounds-only", "--replications", "1"]
    changes = [f"{key}={value}" for key, value in CHANGES["general_settings"].items()]
    assert cli.main([*words, *(word for each in changes for word in ("-s", each))]) == 0
    shown = capsys.readouterr()
    assert shown.out.split("\n")[0].split("  ")[0] == "load (E)"
    assert "reduced_load" not in shown.out
    assert "clairvoyant_bound" in shown.out.split("\n")[0]
    assert "no policy blocks less, whatever it knows" in shown.out + shown.err
    assert Path("bounds/bounds.csv").read_text().startswith("erlang,offered_erlang,replications")
    header = Path("bounds/bounds.csv").read_text().splitlines()[0].split(",")
    assert "long_run_bound" in header
    assert "without_both" not in header


def test_a_bound_of_zero_is_no_number_and_the_notation_is_one() -> None:
    small, bit_rate = "clairvoyant_bound", "clairvoyant_bit_rate_bound"
    ends = {f"{small}_ci_lower": 3.9e-4, f"{small}_ci_upper": 4.3e-4}
    nothing = dict.fromkeys((small, *ends), 0.0)
    rows = [
        {"erlang": 200.0, **nothing, "long_run_bound": 0.0, bit_rate: 0.0, "without_both": 0.0},
        {"erlang": 250.0, small: 4.1e-4, **ends, "long_run_bound": 2.82e-4, bit_rate: float("nan")}
        | {"without_both": 0.002},
    ]
    texts = [list(row.values()) for row in bounding.texts(bounding.Found(rows, {}))]
    assert texts == [
        ["200", "-", "-", "-", "0"],
        ["250", "4.10e-04", "2.8e-04", "-", "0.0020"],
    ]
    assert "nothing can be said" in bounding.NOTE


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["quick", "--replications", "0"], "--replications 0: must be at least 1"),
        (["quick", "-s", "max_segments=2"], "must be 1 with a bound on blocking: it takes each"),
        (["quick", "-s", "protection_mode=1plus1"], "with a bound on blocking: it counts one path"),
        (["quick", "--runs", "none"], "none"),
        (["quik"], "did you mean 'quick'?"),
        (["quick", "-s", "k_paths=0"], "k_paths = 0"),
    ],
)
def test_what_has_no_bound_is_refused(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["bound", *words]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert "Traceback" not in said


def test_a_run_with_other_traffic_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    config = load_config("quick", {"spectrum_settings": {"c_band": 80}})
    (other / "config.ini").write_text(to_ini(config))
    assert cli.main(["bound", "quick", "--runs", str(other)]) == 2
    assert (
        "a bound is for one network and one traffic, and here c_band differs; "
        in capsys.readouterr().err
    )


def test_bad_settings_end_the_process_before_it_begins(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", "none", "--output-dir", "x"]) == 2
    assert "template = none" in capsys.readouterr().err
    assert not Path("x").exists()


def test_its_help_comes_at_once() -> None:
    code = (
        "import sys; from fusion.cli.bounds import parser; parser().format_help(); "
        "sys.exit('numba' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
