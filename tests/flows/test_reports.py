"""Pictures, tables, texts and places: what a run shows, without Prefect's server."""

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest
from prefect.utilities.callables import parameter_schema

from fusion.config.sections import HOME, SECTIONS
from fusion.results.durations import clock
from fusion.results.progress import ProgressState
from fusion.sweep.definition import Sweep
from fusion_flows import fusion
from fusion_flows.flows.form import sweep_schema, template_schema
from fusion_flows.following.artifacts import live_rows, news, table
from fusion_flows.pictures.files import save
from fusion_flows.pictures.run import blocking_figure
from fusion_flows.report.results import read_rows
from fusion_flows.rundir import directory as rundir
from fusion_flows.rundir.directory import RunDirectoryError
from fusion_flows.runs.lookup import as_ended
from fusion_flows.server.run_labels import given_name


def point(erlang: float, mean: float, lower: float, upper: float) -> dict[str, Any]:
    """Return a row of points.csv with what is shown of it."""
    return {
        "erlang": erlang,
        "offered_erlang": erlang,
        "replications": 10,
        "requests": 100_000,
        "blocked": round(mean * 100_000),
        "blocking_probability": mean,
        "blocking_probability_ci_lower": lower,
        "blocking_probability_ci_upper": upper,
        "bit_rate_blocking_probability": mean * 1.2,
        "confidence": 0.95,
        "stop_reason": "fixed",
    }


ROWS = [point(100, 0.0, 0.0, 3e-5), point(120, 2e-5, -1e-5, 5e-5), point(140, 8e-3, 7e-3, 9e-3)]
ROWS[2]["stop_reason"] = "interrupted"


def test_a_zero_is_drawn_as_a_bound_and_never_as_a_zero(tmp_path: Path) -> None:
    figure = blocking_figure(ROWS, "a network, kspff")
    (axes,) = figure.axes
    assert axes.get_yscale() == "log"
    assert axes.get_ylim()[0] > 1e-7
    heights = [
        float(y) for line in axes.lines if line.get_marker() == "o" for y in line.get_ydata()
    ]
    assert sorted(heights) == [2e-5, 3e-5, 8e-3]
    told = [text.get_text() for text in figure.legends[0].get_texts()]
    assert told == ["95 % interval", "nothing blocked: upper bound", "incomplete"]
    png, svg = save(figure, tmp_path / "plots", "blocking", ("png", "svg"))
    assert png.read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in svg.read_bytes()


def test_a_run_without_points_is_drawn_as_that() -> None:
    figure = blocking_figure([], "nothing yet")
    assert [text.get_text() for text in figure.axes[0].texts] == ["no results"]
    assert not figure.legends


def test_tables_show_bounds(tmp_path: Path) -> None:
    shown = json.loads(table(ROWS))
    assert shown[0]["blocking"] == "< 3e-05"
    assert shown[2]["interval"] == "0.0070 to 0.0090"


def test_news_of_a_run() -> None:
    state = ProgressState()
    state.add({"type": "start", "config": {"total_erlangs": 2, "total_iterations": 4}})
    assert news(state, 0.95) == "0/2 loads, 0/8 replications"
    assert live_rows(state, 0.95) == []
    for iteration, blocked in enumerate((12, 14)):
        metrics = {"blocked": blocked, "requests": 1000}
        state.add(
            {"type": "iteration", "erlang": 140.0, "iteration": iteration, "metrics": metrics}
        )
    assert news(state, 0.95).startswith("0/2 loads, ETA ")
    ended = news(state, 0.95, ended=True)
    assert "ETA" not in ended
    assert as_ended(news(state, 0.95)) == ended
    assert as_ended(f"stalled since 2026-11-23 03:47:21 UTC, {news(state, 0.95)}") == ended
    sweep = "1/6 points, 2 running, 3 waiting, ETA 00:05, 7/30 replications"
    assert as_ended(sweep) == "1/6 points, 2 begun, 3 not begun, 7/30 replications"
    assert as_ended("2 of 5 loads, running") == "2 of 5 loads, interrupted"
    assert re.search(r"140 E: blocking 0\.013 \[0\.00\d+, 0\.0\d+\] so far", news(state, 0.95))
    (row,) = json.loads(table(live_rows(state, 0.95)))
    assert row["blocking"] == "0.013"
    assert row["interval"] != ""
    assert (row["replications"], row["stop"]) == ("2", "running")
    metrics = {
        "mean_blocking": 0.0,
        "ci_lower": 0.0,
        "ci_upper": 3e-5,
        "replications": 4,
        "stop_reason": "fixed",
    }
    state.add({"type": "erlang_complete", "erlang": 140.0, "metrics": metrics})
    assert "140 E: blocking below 3e-05" in news(state, 0.95)
    assert json.loads(table(live_rows(state, 0.95)))[0]["stop"] == "fixed"
    assert clock(3725) == "1:02:05"


def test_points_are_read_as_numbers(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    assert read_rows(path) == []
    path.write_text("erlang,blocked,interval,stop_reason\n140.0,3,,fixed\n")
    assert read_rows(path) == [
        {"erlang": 140.0, "blocked": 3, "interval": None, "stop_reason": "fixed"}
    ]


def test_a_run_directory_keeps_its_configuration(tmp_path: Path) -> None:
    run = rundir.create(tmp_path, "0123456789ab", "[a]\n")
    assert rundir.create(tmp_path, "0123456789ab", "[a]\n") == run
    with pytest.raises(RunDirectoryError, match="another configuration"):
        rundir.create(tmp_path, "0123456789ab", "[b]\n")
    assert rundir.find(tmp_path, "0123456789ab") == run
    assert rundir.find(tmp_path, str(run.path)) == run
    with pytest.raises(RunDirectoryError, match=r"no config\.ini"):
        rundir.find(tmp_path, "ffffffffffff")
    assert [path.name for path in run.path.iterdir() if path.is_file()] == ["config.ini"]


def test_no_place_for_a_run_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunDirectoryError, match="FUSION_RUNS_DIR"):
        rundir.create(tmp_path / "file", "0123456789ab", "")


def test_a_form_offers_the_templates_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.ini").write_text("")
    monkeypatch.setenv("FUSION_TEMPLATES_DIR", str(tmp_path))
    assert {"quick", "mine"} <= set(template_schema()["anyOf"][0]["enum"])


def test_a_form_has_what_the_template_has_and_sends_nothing_of_it() -> None:
    fields = parameter_schema(fusion).properties
    for name in ("num_requests", "max_iters", "k_paths", "c_band", "seed"):
        assert "default" not in fields[name], "an untouched field is not sent"
        assert fields[name]["type"] == "integer"
        assert "minimum" in fields[name]
    assert fields["num_requests"]["title"].endswith("(quick: 50,000)")
    assert "(quick: 140 to 220 step 20)" in fields["loads"]["title"]
    assert fields["choices"]["description"].startswith("In quick: network=nsfnet_deeprmsa, ")
    shown = sorted(fields, key=lambda name: fields[name]["position"])
    assert shown[:3] == ["template", "loads", "num_requests"]
    assert fields.keys() == inspect.signature(fusion.fn).parameters.keys()


def test_each_choice_of_a_form_is_a_value_of_a_key() -> None:
    choices = parameter_schema(fusion).properties["choices"]["items"]["enum"]
    assert choices[0].startswith("network=")
    assert {"path_order=hops", "snr_type=gsnr", "fixed_grid=True"} <= set(choices)
    for choice in choices:
        key, _, value = choice.partition("=")
        config = draft({HOME[key]: {key: value}})
        assert str(getattr(config[HOME[key]], key)) == value


def draft(overrides: dict[str, dict[str, str]]) -> dict[str, Any]:
    """Return the sections that overrides name, by themselves: some keys ask for others."""
    return {section: SECTIONS[section].model_validate(keys) for section, keys in overrides.items()}


def test_a_form_of_a_sweep_takes_all_that_a_sweep_has() -> None:
    schema = sweep_schema()
    fields = schema["properties"]
    assert list(fields) == ["template", "axes", "num_requests", "max_iters", "where", "more"]
    assert [field["position"] for field in fields.values()] == list(range(len(fields)))
    others = {name.strip("^$") for name in schema["patternProperties"]}
    assert Sweep.model_fields.keys() <= others | fields.keys()


def test_help_shows_the_defaults_of_a_flow() -> None:
    shown = str(inspect.signature(fusion))
    assert "= 'quick'" in shown
    assert "] = None, seed" in shown


@pytest.mark.parametrize(
    ("shown", "given"),
    [
        ("kind-otter", ""),
        ("Handmade-Fox", ""),
        ("zeta27-undeeps-h", ""),
        ("alpha862-bilaren", ""),
        ("iota406--g", ""),
        ("before the change", "before the change"),
        ("nsfnet-with-five-paths", "nsfnet-with-five-paths"),
        ("nsfnet_deeprmsa kspff 140-220 E", "nsfnet_deeprmsa kspff 140-220 E"),
    ],
)
def test_a_name_that_prefect_has_made_up_is_no_name(
    shown: str, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT__RUNTIME__FLOW_RUN__NAME", shown)
    assert given_name({}) == given
    assert given_name({"name": "mine"}) == "mine"
