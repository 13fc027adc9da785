"""Runs side by side: settings that differ, verdicts, one picture."""

from __future__ import annotations

import atexit
import csv
import functools
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from fusion.config.config import load_config, to_ini
from fusion.results.comparison import A_LESS, B_LESS, NOT_SHOWN
from fusion_flows.command import cli
from fusion_flows.report.tables import FEW_REPLICATIONS, METHOD_BOUND
from fusion_flows.rundir import directory as rundir
from fusion_flows.runs.comparison import RunComparison, compare_runs, draw
from fusion_flows.runs.time_expressions import ArgumentError

SMALL = {"num_requests": "2000", "max_iters": "4", "erlang_start": "160", "erlang_stop": "180"}


def simulated(runs: Path, run_id: str, **changes: object) -> None:
    """Make a run directory and simulate in it, as the flow does."""
    overrides = {
        "general_settings": SMALL | {key: value for key, value in changes.items() if key in SMALL},
        "routing_settings": {
            "k_paths": changes.get("k_paths", 5),
            "path_choice": changes.get("path_choice", "in_order"),
        },
        "simulation_settings": {"workers": 1, "seed": changes.get("seed", 0)},
        "traffic_settings": {
            "holding_distribution": changes.get("holding_distribution", "exponential")
        },
    }
    run = rundir.create(runs, run_id, to_ini(load_config("quick", overrides)))
    shutil.copytree(output_of(run.config.read_text()), run.output, dirs_exist_ok=True)


@functools.cache
def output_of(config: str) -> Path:
    """Return a folder with what the simulator writes for a config: many tests look at the same one."""
    folder = Path(tempfile.mkdtemp(prefix="fusion-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "config.ini").write_text(config)
    command = [sys.executable, "-m", "fusion.cli.run_sim", "--config", str(folder / "config.ini")]
    output = folder / "output"
    subprocess.run([*command, "--output-dir", str(output)], check=True, capture_output=True)
    return output


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FUSION_RUNS_DIR", str(tmp_path / "runs"))
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


def test_runs_are_compared_load_by_load(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    simulated(runs, "aaaa00000001", k_paths=5)
    simulated(runs, "bbbb00000002", k_paths=1)
    simulated(runs, "cccc00000003", k_paths=1, seed=7, erlang_stop="160")
    assert cli.main(["compare", "aaaa", "bbbb", "cccc", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["settings"] == {
        "general_settings.erlang_stop": [180, 180, 160],
        "routing_settings.k_paths": [5, 1, 1],
        "simulation_settings.seed": [0, 0, 7],
    }
    at = {(row["erlang"], row["a"]): row for row in found["rows"]}
    assert set(at) == {(160, "bbbb00000002"), (180, "bbbb00000002"), (160, "cccc00000003")}
    assert {row["b"] for row in found["rows"]} == {"aaaa00000001"}
    assert all(row["difference"] > 0 for row in found["rows"]), "one path blocks more than five"
    assert at[160, "bbbb00000002"]["method"] == "paired", "the same requests"
    assert at[160, "cccc00000003"]["method"] == "welch", "others, by their seed"

    with (runs / "aaaa00000001" / "output" / "points.csv").open() as file:
        mean = {
            float(row["erlang"]): float(row["blocking_probability"]) for row in csv.DictReader(file)
        }
    drawn = {(row["erlang"], row["run"]): row for row in found["points"]}
    for load, blocking in mean.items():
        assert drawn[load, "aaaa00000001"]["estimate"] == pytest.approx(blocking, rel=1e-12)
        assert at[load, "bbbb00000002"]["estimate_b"] == pytest.approx(blocking, rel=1e-12)
    assert {Path(path).suffix for path in found["pictures"]} == {".png", ".pdf", ".svg", ".csv"}
    assert "bbbb00000002" in Path("plots/comparison.svg").read_text()

    assert cli.main(["compare", "aaaa", "bbbb", "--base", "bbbb"]) == 0
    shown = capsys.readouterr().out.splitlines()
    verdict = compare_runs("aaaa", "bbbb", base="bbbb").headline
    assert shown[:2] == [verdict, ""]
    names = ("'aaaa00000001'", "'bbbb00000002'")
    assert verdict.startswith((f"{names[0]} blocks ", "No difference shown between "))
    assert all(name in verdict for name in names)
    assert shown[3].split() == ["routing_settings.k_paths", "5", "1"]
    assert cli.main(["diff", "aaaa", "cccc"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["simulation_settings.seed", "0", "7"] in rows


def test_runs_that_are_offered_different_loads_are_warned_of(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same 180 E of the settings were 124 E in truth with truncated holding times."""
    few = {"num_requests": "200", "max_iters": "2"}
    simulated(runs, "aaaa00000001", **few, holding_distribution="truncated_exponential")
    simulated(runs, "bbbb00000002", **few)
    simulated(runs, "cccc00000003", **few, holding_distribution="deterministic")
    warnings = [
        f"at 180 E aaaa00000001 is offered 123.7 E and {name} 180 E, as holding_distribution differs: "
        "the verdicts compare different traffic"
        for name in ("bbbb00000002", "cccc00000003")
    ]
    assert cli.main(["compare", "aaaa", "bbbb", "cccc"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "Warning" in line] == [f"Warning: {w}" for w in warnings]
    assert cli.main(["compare", "aaaa", "bbbb", "cccc", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["warnings"] == warnings
    assert compare_runs("bbbb", "cccc").warnings == [], "one mean, whatever the distribution"


def test_values_of_an_axis_that_are_offered_different_loads_are_warned_of(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("sweep.toml").write_text(
        'template = "quick"\n[overrides.general_settings]\nnum_requests = 200\nmax_iters = 2\n'
        "[grid]\nerlang = [100, 200]\nk_paths = [1, 2]\n"
        'holding_distribution = ["truncated_exponential", "exponential"]\n'
    )
    assert cli.main(["sweep", "sweep.toml"]) == 0
    capsys.readouterr()
    warning = (
        "Warning: at 200 E truncated_exponential is offered 137.4 E and exponential 200 E, as "
        "holding_distribution differs: the verdicts compare different traffic\n"
    )
    assert cli.main(["compare", "sweep.toml", "holding_distribution"]) == 0
    assert capsys.readouterr().out.count(warning) == 1
    assert cli.main(["compare", "sweep.toml", "holding_distribution", "--json"]) == 0
    said = capsys.readouterr()
    assert len(json.loads(said.out)) == 4
    assert said.err.count(warning) == 1
    assert cli.main(["compare", "sweep.toml", "k_paths"]) == 0
    assert "Warning" not in capsys.readouterr().out


def test_the_legend_has_the_policies_where_they_tell_the_runs_apart(runs: Path) -> None:
    few = {"num_requests": "200", "max_iters": "2"}
    simulated(runs, "aaaa00000001", **few)
    simulated(runs, "bbbb00000002", path_choice="all", **few)
    assert compare_runs("aaaa", "bbbb").legend == ["KSP-FF (aaaa00000001)", "FF-KSP (bbbb00000002)"]
    (runs / "aaaa00000001" / "flow_run.json").write_text('{"name": "path by path"}')
    default = "nsfnet_deeprmsa ffksp 160-180 E"
    (runs / "bbbb00000002" / "flow_run.json").write_text(json.dumps({"name": default}))
    found = compare_runs("aaaa", "bbbb")
    assert found.legend == ["path by path", "FF-KSP"]
    svg = next(path for path in draw(found, runs.parent / "plots") if path.suffix == ".svg")
    assert ">FF-KSP<" in svg.read_text()


def test_a_bound_is_in_the_picture_of_runs(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = {"num_requests": "500", "max_iters": "2", "erlang_start": "320", "erlang_stop": "320"}
    simulated(runs, "aaaa00000001", **few)
    simulated(runs, "bbbb00000002", k_paths=1, **few)
    assert cli.main(["compare", "aaaa", "bbbb", "--bound"]) == 0
    assert "no policy can be here" in Path("plots/comparison.svg").read_text()
    simulated(runs, "cccc00000003", holding_distribution="truncated_exponential", **few)
    capsys.readouterr()
    assert cli.main(["compare", "aaaa", "cccc", "--bound"]) == 2
    told = "run cccc00000003: a bound is for one network and one traffic, and here holding_distribution diff"
    assert told in capsys.readouterr().err
    paper = ["--target", "0.4", "--width", "column", "--limits", "0.001", "0.9"]
    assert cli.main(["compare", "aaaa", "cccc", "--to", "plain", *paper]) == 0
    assert 'width="252' in Path("plain/comparison.svg").read_text(), "3.5 inches"
    capsys.readouterr()
    assert cli.main(["compare", "aaaa", "cccc", "--limits", "0.9", "0.001"]) == 2
    assert "--limits 0.9 0.001: the first must be the lower one" in capsys.readouterr().err
    assert "no policy can be here" not in Path("plain/comparison.svg").read_text()


def test_runs_are_called_by_labels(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also where a name has an equals sign, and where a label is the policy of the other run."""
    few = {"num_requests": "200", "max_iters": "2"}
    simulated(runs, "aaaa00000001", **few)
    simulated(runs, "bbbb00000002", path_choice="all", **few)
    (runs / "bbbb00000002" / "flow_run.json").write_text('{"name": "quick, path_choice=all"}')
    words = ["--label", "aaaa=path by path", "--label", "quick, path_choice=all=all paths"]
    title = ["--title", "NSFNET by night"]
    assert cli.main(["compare", "aaaa", "quick, path_choice=all", *words, *title]) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[0].endswith("'all paths' and 'path by path' at 2 loads")
    assert re.search(r"^setting +path by path +all paths$", shown, re.MULTILINE)
    assert "aaaa0000" not in shown
    svg = Path("plots/comparison.svg").read_text()
    assert all(f">{word}<" in svg for word in ("all paths", "path by path", "NSFNET by night"))
    default = "nsfnet_deeprmsa kspff 160-180 E"
    (runs / "aaaa00000001" / "flow_run.json").write_text(json.dumps({"name": default}))
    assert compare_runs("aaaa", "bbbb").legend[0] == "KSP-FF"
    found = compare_runs("aaaa", "bbbb", labels={"bbbb": "KSP-FF"})
    assert found.legend == [default, "KSP-FF"], "no two curves may be one"


def test_values_of_an_axis_are_called_by_labels(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("sweep.toml").write_text(
        'template = "quick"\n[overrides.general_settings]\nnum_requests = 200\nmax_iters = 2\n'
        "[grid]\nerlang = [200]\nk_paths = [1, 2]\n"
    )
    assert cli.main(["sweep", "sweep.toml"]) == 0
    capsys.readouterr()
    words = ["compare", "sweep.toml", "k_paths", "--label", "1=shortest"]
    assert cli.main([*words, "--label", "k_paths=2=two paths", "--base", "2"]) == 0
    header, row = capsys.readouterr().out.splitlines()
    cells = dict(zip(re.split(" {2,}", header), re.split(" {2,}", row), strict=True))
    assert (cells["k_paths (base)"], cells["k_paths"]) == ("two paths", "shortest")
    for more, said in (
        (["--label", "3=three"], "3 is not a value of an axis"),
        (["--title", "NSFNET"], "--title applies to the picture of runs; `fusion plot sweep.toml"),
        (["--to", "figures"], "--to applies to the picture of runs"),
        (["--bound"], "--bound applies to the picture of runs"),
    ):
        assert cli.main(["compare", "sweep.toml", "k_paths", *more]) == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["aaaa", "bbbb", "--label", "bbbb"], 2, "--label bbbb: must be run=label, such as aaaa="),
        (
            ["aaaa", "bbbb", "--label", "bbcb00000002=x"],
            *(
                2,
                "bbcb00000002 is not one of the runs that are compared, aaaa00000001, bbbb00000002;",
            ),
        ),
        (
            ["aaaa", "bbbb", "--label", "aaaa=x", "--label", "aaaa=y"],
            2,
            "aaaa has the label x, too",
        ),
        (
            ["aaaa", "bbbb", "--label", "aaaa=x", "--label", "aaaa00000001=y"],
            *(2, "aaaa00000001 has the label x, too"),
        ),
        (
            ["aaaa", "bbbb", "--label", "aaaa=bbbb00000002"],
            2,
            "2 runs would be called bbbb00000002",
        ),
        (["aaaa"], 2, "name two runs"),
        (["aaaa", "aaaa00000001"], 2, "name two runs"),
        (["aaaa", "dddd"], 2, "there is no run 'dddd'"),
        (["aaaa", "eeee"], 1, "eeee00000005: has no result yet"),
        (["aaaa", "ffff"], 1, "is a sweep"),
        (["none.toml"], 2, "file not found"),
        (["sweep.toml"], 2, "name an axis of the sweep after sweep.toml: there is only k_paths"),
        (
            ["sweep.toml", "k_paths", "seed"],
            2,
            "seed is not an axis of this sweep; there is only k_paths",
        ),
        (["sweep.toml", "path_order"], 2, "is not an axis of this sweep; there is only k_paths"),
    ],
)
def test_what_cannot_be_compared_is_told(
    runs: Path, words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for run_id in ("aaaa00000001", "bbbb00000002"):
        simulated(runs, run_id, num_requests="200", max_iters="2")
    rundir.create(runs, "eeee00000005", to_ini(load_config("quick")))
    Path("sweep.toml").write_text("[grid]\nk_paths = [1, 2]\n")
    rundir.create(runs, "ffff00000006", sweep='{"template": "quick"}')
    assert cli.main(["compare", *words]) == code
    assert said in capsys.readouterr().err


def test_a_base_is_one_of_the_runs(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for run_id in ("aaaa00000001", "bbbb00000002", "cccc00000003"):
        simulated(runs, run_id, num_requests="200", max_iters="2")
    with pytest.raises(ArgumentError, match="--base cccc: is not one of the runs"):
        compare_runs("aaaa", "bbbb", base="cccc")
    found: Any = compare_runs("aaaa", "bbbb", base="bbbb")
    assert found.settings == {}
    assert {(row["a"], row["b"], row["difference"]) for row in found.rows} == {
        ("aaaa00000001", "bbbb00000002", 0.0)
    }
    assert cli.main(["compare", "aaaa", "bbbb"]) == 0
    said = capsys.readouterr()
    assert "2 bound" in said.out
    assert said.err == f"{METHOD_BOUND}\n{FEW_REPLICATIONS}\n"


def test_the_base_comes_first_and_the_difference_is_from_it(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was shown as A - B, with the second run as A."""
    simulated(runs, "aaaa00000001", k_paths=5)
    simulated(runs, "bbbb00000002", k_paths=1)
    assert cli.main(["compare", "aaaa", "bbbb"]) == 0
    said = capsys.readouterr()
    _verdict, _settings, table, *_ = said.out.split("\n\n")
    header, row, *_ = table.splitlines()
    assert re.split(" {2,}", header)[:6] == [
        *("load (E)", "run (base)", "blocking (base)", "run", "blocking", "difference from base")
    ]
    _, base, of_base, other, of_other, difference, *_ = re.split(" {2,}", row)
    assert (base, other) == ("aaaa00000001", "bbbb00000002")
    assert difference.startswith("+"), "one path blocks more than the base of five"
    assert float(difference) == pytest.approx(float(of_other) - float(of_base), abs=2e-3)
    assert said.err == f"{FEW_REPLICATIONS}\n"


def test_files_and_templates_differ_by_their_settings(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("study.ini").write_text("[routing_settings]\nk_paths = 7\n")
    Path("same.ini").write_text("[routing_settings]\nk_paths = 7\n")
    assert cli.main(["diff", "study.ini", "same.ini"]) == 0
    assert capsys.readouterr().out == "Nothing differs.\n"
    assert cli.main(["diff", "study.ini", "quick", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert ["routing_settings.k_paths", 7, 5] in found
    assert cli.main(["diff", "study.ini", "12345678"]) == 2
    assert "there is no run, file or point '12345678'" in capsys.readouterr().err
    assert cli.main(["diff", "nope", "quick"]) == 2
    assert "there is no run, file or point 'nope'" in capsys.readouterr().err


def test_a_run_in_the_folder_of_runs_beside_is_hinted_at(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rundir.create(runs, "aaaa00000001", to_ini(load_config("quick")))
    monkeypatch.setenv("FUSION_RUNS_DIR", str(runs.parent / "up" / "runs"))
    for words in (["diff", "aaaa", "quick"], ["show", "aaaa"]):
        assert cli.main(words) == 2
        assert f"{runs} has aaaa00000001: set FUSION_RUNS_DIR={runs}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("verdicts", "text"),
    [
        (
            [A_LESS, A_LESS, B_LESS, NOT_SHOWN],
            "'B' blocks less than 'A' at 2 of 4 loads and more at 1",
        ),
        ([A_LESS, NOT_SHOWN], "'B' blocks less than 'A' at 1 of 2 loads"),
        ([B_LESS], "'B' blocks more than 'A' at 1 of 1 load"),
        ([NOT_SHOWN] * 3, "No difference shown between 'B' and 'A' at 3 loads"),
    ],
)
def test_the_verdict_is_a_sentence_with_the_names_in_quotes(verdicts: list[str], text: str) -> None:
    rows = [{"a": "B", "b": "A", "verdict": verdict} for verdict in verdicts]
    found = RunComparison(["A", "B"], {}, rows, [], [], [])
    assert found.headline == text
