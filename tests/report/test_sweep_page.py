"""What the report of a sweep says, and the verbs that write reports and draw networks."""

import json
import shutil
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from fusion.config.config import ConfigError
from fusion.results.interval_text import with_interval
from fusion.results.outcome import Outcome
from fusion.sweep.definition import Sweep
from fusion.sweep.point_state import point_states
from fusion.sweep.points import sweep_points
from fusion_flows.command.cli import main
from fusion_flows.command.pictures import report, topology, why_partial
from fusion_flows.report.html import html
from fusion_flows.report.markdown import markdown
from fusion_flows.report.page import Page, Table
from fusion_flows.report.pictures import pictures_of
from fusion_flows.report.sweep_page import sweep_page
from fusion_flows.report.tables import (
    BOUND,
    METHOD_BOUND,
    brief_comparison_cells,
    comparison_cells,
)
from fusion_flows.rundir import lock as run_lock
from fusion_flows.rundir.directory import RunDirectory
from fusion_flows.runs.time_expressions import ArgumentError

from .conftest import Done

SWEEP = Sweep(
    template="quick",
    grid={"k_paths": [1, 3], "path_order": ["km", "hops"], "erlang": [150, 200]},
    where="k_paths > 1 or path_order == 'km'",
    overrides={"general_settings": {"num_requests": 1000, "max_iters": 3}},
)


def outcome(replication: int, blocked: int) -> Outcome:
    numbers = dict.fromkeys(Outcome._fields, 1)
    return Outcome(**{**numbers, "replication": replication, "requests": 1000, "blocked": blocked})


def page_of(missing: int = 0, partial: str = "") -> Page:
    points = sweep_points(SWEEP)
    outcomes = {
        point.key: {
            n: outcome(n, 100 // point.axes["k_paths"] + n * place % 3)
            for n in range(3 if place >= missing else 0)
        }
        for place, point in enumerate(points)
    }
    return sweep_page(
        SWEEP, point_states(points, outcomes, SWEEP.metric), partial, file=Path("my sweep.toml")
    )


def tables(page: Page) -> list[Table]:
    return [part for section in page.sections for part in section.parts if isinstance(part, Table)]


def test_a_sweep_is_a_page() -> None:
    page = page_of()
    assert page.title == "quick over k_paths x path_order x erlang"
    assert page.setting[0].startswith("**6 points** of `quick`")
    assert page.found
    assert all("blocks" in each or "No difference" in each for each in page.found)
    assert "k_paths: 1, 3" in page.setting
    assert "for all points: num_requests = 1000, max_iters = 3" in page.setting
    lengths = "shortest link 150 km, mean 968.2 km, longest 2,400 km"
    assert f"nsfnet_deeprmsa: {lengths}" in page.setting
    assert [one.name for one in pictures_of(page)] == ["sweep"]
    points, *compared = tables(page)
    assert len(points.rows) == 6
    assert [one.columns[:1] for one in compared] == [("path_order",), ("k_paths",)]
    by_paths = compared[0]
    verdict = by_paths.columns.index("verdict")
    assert {row[verdict].text for row in by_paths.rows} == {"k_paths = 3 blocks less"}
    for text in (markdown(page), html(page)):
        assert (
            "fusion sweep &#39;my sweep.toml&#39;" in text or "fusion sweep 'my sweep.toml'" in text
        )
        assert "Which blocks less" in text
        assert "Common random numbers" in text  # of the caption of the comparison
        assert "Warm-up" not in text


def test_a_sweep_is_called_in_its_report_as_its_run_was_named(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "0123456789ab")
    run.path.mkdir()
    run.flow_run.write_text('{"flow_run_id": "", "name": "nightly"}')
    page = sweep_page(
        SWEEP, point_states(sweep_points(SWEEP), {}, SWEEP.metric), "", run=run, suspended=True
    )
    assert page.title == "nightly (quick over k_paths x path_order x erlang)"
    assert "fusion resume 0123456789ab" in markdown(page)


def test_a_comparison_has_a_name_for_each_of_its_columns() -> None:
    by_paths = tables(page_of())[1]
    assert by_paths.columns == (
        *("path_order", "load (E)", "k_paths (base)", "blocking (base)", "k_paths", "blocking"),
        *("difference from base", "interval", "n", "verdict"),
    )
    first = dict(zip(by_paths.columns, (cell.text for cell in by_paths.rows[0]), strict=True))
    assert first == {
        "path_order": "km",
        "load (E)": "150",
        "k_paths (base)": "1",
        "blocking (base)": "0.100",
        "k_paths": "3",
        "blocking": "0.0340",
        "difference from base": "-0.066",
        "interval": "-0.092 to -0.045",
        "n": "3 paired",
        "verdict": "k_paths = 3 blocks less",
    }


def test_nothing_blocked_is_the_same_bound_in_the_points_and_in_a_comparison() -> None:
    points = sweep_points(SWEEP)
    nothing = {point.key: {n: outcome(n, 0) for n in range(3)} for point in points}
    page = sweep_page(SWEEP, point_states(points, nothing, SWEEP.metric), "")
    assert all(table.file == "" for table in tables(page)), "no run has a file of them"
    of_points, compared = (
        {row[table.columns.index(name)].text for row in table.rows}
        for table, name in zip(tables(page)[:2], ("blocking", "blocking (base)"), strict=True)
    )
    assert of_points == compared == {"< 0.012"}
    assert BOUND in tables(page)[0].caption
    assert METHOD_BOUND in tables(page)[1].caption
    assert not any(BOUND in one.caption or METHOD_BOUND in one.caption for one in tables(page_of()))


def test_a_number_on_an_axis_is_written_as_a_person_writes_it() -> None:
    sweep = Sweep(template="quick", grid={"holding_time": [0.5, 2.0], "erlang": [123456.5]})
    points = sweep_points(sweep)
    outcomes = {point.key: {0: outcome(0, 5)} for point in points}
    found = tables(sweep_page(sweep, point_states(points, outcomes, sweep.metric), ""))[0]
    assert [[cell.text for cell in row[:2]] for row in found.rows] == [
        ["0.5", "123456.5"],
        ["2", "123456.5"],
    ]


def test_a_sweep_that_is_not_complete_says_so() -> None:
    page = page_of(missing=2, partial="Cancelled")
    assert page.partial == "Cancelled (4 of 6 points are complete)"
    assert len(tables(page)[0].rows) == 4
    nothing = page_of(missing=6, partial="Cancelled")
    assert "There are no results yet." in markdown(nothing)
    assert [section.title for section in nothing.sections] == [
        *("Blocking probability over load", "How to reproduce it", "Terms")
    ]


def test_a_report_is_written_at_any_time(
    done: Done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FUSION_RUNS_DIR", str(tmp_path))
    run = RunDirectory(shutil.copytree(done.run.path, tmp_path / "0123456789ab"))
    assert main(["report", "0123"]) == 0
    assert capsys.readouterr().out == f"{run.report}\n"
    whole = run.report.read_text()
    assert "Partial results" not in whole
    elsewhere = report(str(run.path), to=tmp_path / "new" / "mine.html").read_text()
    assert elsewhere.replace('href="../0123456789ab/', 'href="') == whole
    with run_lock.hold(run):
        told = "Partial results:</strong> the run is going on (3 of 3 loads are complete)"
        assert told in report("0123").read_text()
    record = json.loads(run.provenance.read_text())
    run.provenance.write_text(json.dumps({**record, "exit_code": 143, "exit_reason": "SIGTERM"}))
    assert why_partial(run) == "SIGTERM"
    del record["exit_code"], record["exit_reason"]
    run.provenance.write_text(json.dumps(record))
    assert why_partial(run) == "the simulator was killed"
    (tmp_path / "file").write_text("")
    assert main(["report", "0123", "--to", str(tmp_path / "file" / "x.html")]) == 2


def test_a_report_of_a_sweeps_file_is_of_what_the_store_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FUSION_STORE_DIR", str(tmp_path / "store"))
    Path("mine.json").write_text(SWEEP.model_dump_json())
    written = report("mine.json")
    assert written == Path("mine-report.html")
    assert "not all points are computed (0 of 6 points are complete)" in written.read_text()
    with pytest.raises(ConfigError):
        report("gone.toml")


def test_a_network_is_drawn_by_its_name_its_file_or_as_a_run_left_it(
    done: Done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FUSION_RUNS_DIR", str(done.run.path.parent))
    assert topology("NSFNet") == [
        Path(f"plots/fusion_nsfnet.{form}") for form in ("png", "pdf", "svg")
    ]
    assert Path("plots/fusion_nsfnet.pdf").read_bytes().startswith(b"%PDF")
    Path("mine.txt").write_text("A B 10\nB C 20\n")
    for path in topology("mine.txt", to="here"):
        assert path.parent == Path("here")
        assert path.stat().st_size > 1000
    png, _, svg = topology("0123", metric="fragmentation", load=140)
    assert png == done.run.plots / "topology-fragmentation-140.png"
    assert "140 E" in svg.read_text()
    assert "highest blocking: " in svg.read_text()
    *_, titled = topology("0123", load=140, title="", to="untitled")
    assert "140 E" not in titled.read_text()
    assert main(["topology", "0123", "--to", str(tmp_path / "run")]) == 0
    assert f"run/nsfnet_deeprmsa-{done.run.run_id}.png" in capsys.readouterr().out
    for wrong, said in (
        (["nsfnet_deeprmsb"], "did you mean 'nsfnet_deeprmsa'"),
        (["0123", "--load", "999"], "has results at these loads: 140, 160, 180"),
        (["0123", "--metric", "utilization"], "did you mean 'utilisation'"),
        (["jpn48", "--load", "10"], "are of a run"),
        (["mine.txt", "--to", "mine.txt/plots"], "--to mine.txt/plots"),
    ):
        assert main(["topology", *wrong]) == 2
        assert said in capsys.readouterr().err
    Path("hops.txt").write_text("source,target,weight,d\nA,B,1,10\nB,C,1,20\n")
    with pytest.raises(ConfigError, match="length_key = d"):
        topology("hops.txt")
    assert main(["topology", "hops.txt", "--length-key", "d"]) == 0
    Path("bad.txt").write_text("A B ten\n")
    with pytest.raises(ConfigError, match="ten"):
        topology("bad.txt")
    with pytest.raises(ArgumentError):
        topology("0123", metric="nothing")


def test_each_number_of_a_comparison_is_the_rounding_of_its_value() -> None:
    """A side was written a digit off, so that the three numbers added up."""
    random = np.random.default_rng(7)
    for _ in range(2000):
        a, b = random.uniform(0, 1, 2) * 10.0 ** random.integers(-6, 0)
        # The difference is often known better than its sides.
        half_a, half_b, half = random.uniform(0.001, 0.4, 3) * max(a, b)
        sides = {"a": (a, a - half_a, a + half_a), "b": (b, b - half_b, b + half_b)}
        named = {
            f"{name}_{side}": value
            for side, values in sides.items()
            for name, value in zip(("estimate", "ci_lower", "ci_upper"), values, strict=True)
        }
        ends = {"ci_lower": a - b - half, "ci_upper": a - b + half}
        row = {"erlang": 100.0, "a": "hops", "b": "km", **named, "difference": a - b, **ends}
        row |= {"replications": 5, "replications_a": 5, "replications_b": 5, "left_out": 0}
        row |= {"method": "paired", "verdict": "no difference shown"}
        whole, brief = (
            comparison_cells(row, "path_order"),
            brief_comparison_cells(row, "path_order"),
        )
        for side, name, short in (
            ("a", "blocking", "blocking"),
            ("b", "blocking (base)", "of km"),
        ):
            text = whole[name].text
            assert text == brief[short].text == with_interval(*sides[side]).partition(" ")[0]
            assert is_rounded(text, sides[side][0])
        text = whole["difference from base"].text
        assert is_rounded(text, a - b)
        assert text == brief["difference"].text
        assert abs(float(text) - (a - b)) <= 0.1 * half


def is_rounded(text: str, value: float) -> bool:
    """Return whether a text is the rounding of a value to the digits of the text."""
    digits, _, exponent = text.partition("e")
    decimals = len(digits.partition(".")[2])
    unit = Decimal(10) ** (int(exponent or 0) - decimals)
    return abs(Decimal(text) - Decimal(value)) <= unit / 2 * (1 + Decimal("1e-9"))


def test_a_point_is_written_in_a_comparison_as_in_its_own_table() -> None:
    """0.0066 where it was 0.00668, because the difference had been rounded to +0.0482."""
    row = {
        "erlang": 100.0,
        "a": "MSCL",
        "b": "KSP-FF",
        "verdict": "b blocks less",
        "estimate_a": 0.05483,
        "ci_lower_a": 0.0542,
        "ci_upper_a": 0.0555,
        "estimate_b": 0.00668,
        "ci_lower_b": 0.00649,
        "ci_upper_b": 0.00688,
        "difference": 0.04816,
        "ci_lower": 0.0476,
        "ci_upper": 0.0487,
        "replications": 5,
        "replications_a": 5,
        "replications_b": 5,
        "left_out": 0,
        "method": "paired",
    }
    cells = comparison_cells(row, "policy")
    assert cells["blocking (base)"].text == "0.00668"
    assert cells["blocking"].text == "0.0548"
    assert cells["difference from base"].text == "+0.0482"
