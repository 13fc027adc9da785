"""What a reader of tables and pictures must know: loads that are nominal, intervals over few replications."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from fusion.sweep.sweep_file import read_sweep
from fusion_flows.command import cli
from fusion_flows.command.sweeps import states_of
from fusion_flows.report.html import html
from fusion_flows.report.sweep_page import sweep_page
from fusion_flows.report.tables import FEW_REPLICATIONS, points_table, sweep_point_texts
from fusion_flows.rundir.directory import RunDirectory

Capture = pytest.CaptureFixture[str]

SWEEP = """
template = "quick"
[grid]
erlang = [180, 340]
k_paths = [1, 3]
[overrides.general_settings]
num_requests = 2000
max_iters = {replications}
[overrides.traffic_settings]
holding_distribution = "{distribution}"
"""
TIMES = "0.687 times"
NOTE = f"Loads are nominal; the offered load is {TIMES} the nominal one."


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FUSION_RUNS_DIR", str(tmp_path / "runs"))
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_sweep_says_what_is_offered_and_that_its_replications_are_few(
    folder: Path, capsys: Capture
) -> None:
    Path("few.toml").write_text(SWEEP.format(replications=2, distribution="truncated_exponential"))
    assert cli.main(["sweep", "few.toml"]) == 0
    capsys.readouterr()
    assert cli.main(["plan", "few.toml"]) == 0
    assert NOTE in capsys.readouterr().err

    assert cli.main(["compare", "few.toml", "k_paths"]) == 0
    notes = capsys.readouterr().err.splitlines()
    assert notes.count(NOTE) == 1
    assert notes.count(FEW_REPLICATIONS) == 1

    assert cli.main(["loads-at", "few.toml", "0.05"]) == 0
    said = capsys.readouterr()
    header, *rows = (re.split(" {2,}", line.strip()) for line in said.out.splitlines())
    assert header[:4] == ["k_paths", "load at 0.05 (E)", "interval", "offered (E)"]
    for row in rows:
        assert float(row[3]) == pytest.approx(0.6869 * float(row[1]), rel=0.02)
    assert "`fusion find-load` simulates at the load itself" in said.err
    assert said.err.count(FEW_REPLICATIONS) == 1

    sweep = read_sweep("few.toml")
    _, states, _store = states_of("few.toml")
    page = html(sweep_page(sweep, states, "", file=Path("few.toml")))
    assert len(re.findall(rf"<caption>[^<]*{re.escape(FEW_REPLICATIONS)}", page)) == 1
    assert "offered (E)" in page
    (run,) = (RunDirectory(each.parent) for each in (folder / "runs").glob("*/sweep.json"))
    with run.points.open() as file:
        offered = {
            float(row["erlang"]): float(row["offered_erlang"]) for row in csv.DictReader(file)
        }
    assert offered == {load: pytest.approx(0.6869 * load, rel=1e-3) for load in (180.0, 340.0)}
    assert cli.main(["show", run.run_id]) == 0
    said = capsys.readouterr()
    assert "offered (E)" in said.out
    assert said.err.count(FEW_REPLICATIONS) == 1

    assert cli.main(["plot", "few.toml"]) == 0
    assert cli.main(["plot", "few.toml", "--against", "k_paths"]) == 0
    assert cli.main(["plot", "few.toml", "--heat-map", "erlang", "k_paths"]) == 0
    pictures = list(Path("plots").glob("*.svg"))
    assert len(pictures) == 3
    label = f"nominal load (Erlang); offered: {TIMES}"
    assert [label in picture.read_text() for picture in pictures] == [True] * 3

    capsys.readouterr()
    assert cli.main(["find-load", "few.toml", "0.05", "--precision", "0.2", "--json"]) == 0
    for row in json.loads(capsys.readouterr().out):
        assert row["offered_per_nominal"] == pytest.approx(0.6869, rel=1e-3)


def test_where_all_is_offered_and_replications_are_enough_nothing_is_said(
    folder: Path, capsys: Capture
) -> None:
    Path("many.toml").write_text(SWEEP.format(replications=5, distribution="exponential"))
    assert cli.main(["sweep", "many.toml"]) == 0
    for words in (
        ["plan", "many.toml"],
        ["compare", "many.toml", "k_paths"],
        ["loads-at", "many.toml", "0.05"],
    ):
        capsys.readouterr()
        assert cli.main(words) == 0
        said = capsys.readouterr()
        assert "ominal" not in said.err + said.out
        assert "offered (" not in said.out
        assert "replications are very wide" not in said.err
    assert cli.main(["plot", "many.toml"]) == 0
    assert "nominal" not in Path("plots/many-blocking_probability.svg").read_text()


def test_points_of_earlier_versions_have_no_offered_load() -> None:
    sweep = read_sweep("quick")
    row = {"path_order": "km", "erlang": 140, "estimate": 0.1, "ci_lower": 0.09, "ci_upper": 0.11}
    row |= {"replications": 4, "requests": 10, "blocked": 1, "stop_reason": "max_iters"}
    (shown,) = sweep_point_texts([row], sweep, "unfinished")
    assert list(shown)[:3] == ["path_order", "load (E)", "blocking"]
    mixed = [row, {**row, "erlang": 180, "offered_erlang": 123.7}]
    assert [each["offered (E)"] for each in sweep_point_texts(mixed, sweep, "")] == ["", "123.7"]


def test_the_table_of_a_run_says_that_its_replications_are_few() -> None:
    row = {
        "erlang": 140,
        "offered_erlang": 140,
        "confidence": 0.95,
        "stop_reason": "max_iters",
        "blocked": 3,
        "requests": 100,
        "replications": 4,
        "blocking_probability": 0.03,
        "blocking_probability_ci_lower": 0.01,
        "blocking_probability_ci_upper": 0.05,
    }
    assert points_table([row]).caption.count(FEW_REPLICATIONS) == 1
    assert FEW_REPLICATIONS not in points_table([{**row, "replications": 5}]).caption
