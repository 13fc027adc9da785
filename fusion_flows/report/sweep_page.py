"""The report of a sweep: its axes, the picture, which values block less, the points."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fusion.config.counts import agreeing, counted
from fusion.config.ini import format_value
from fusion.network.topology import lengths_text
from fusion.sweep.definition import ERLANG, Sweep
from fusion.sweep.point_state import PointState
from fusion.sweep.results import Row, point_rows
from fusion_flows.pictures.rows import text_of
from fusion_flows.pictures.words import named
from fusion_flows.report import tables
from fusion_flows.report.page import Code, Files, Page, Picture, Section, Text, numbered
from fusion_flows.report.pictures import drawn
from fusion_flows.report.policy_comparisons import policy_comparisons, verdicts_of
from fusion_flows.report.provenance import about
from fusion_flows.report.setting import sweep_name, sweep_subject, titled
from fusion_flows.report.suspended import how_to_resume
from fusion_flows.report.terms import terms_section
from fusion_flows.rundir.directory import RunDirectory
from fusion_flows.rundir.file_state import recorded_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURE = "sweep"
"""What the files of the picture are called."""

SHOWN_POINTS = 200
"""Rows of the points in an artifact: more of them nobody reads."""

UNFINISHED = "incomplete"
"""What the table says of a point that lacks replications."""

_SHOWN_VALUES = 12  # of an axis
_FILES = (
    ("output/points.csv", "a row per point and metric; also as .parquet"),
    ("output/replications.csv", "a row per replication; also as .parquet"),
    ("plots/", "the picture as PNG, PDF and SVG, its numbers as CSV"),
    ("failed/", "points that failed, as INI files"),
    ("sweep.json", "the sweep"),
    ("run.json", "versions, machine, engine"),
    ("logs/sim.log", "what the simulators printed"),
)


def sweep_page(
    sweep: Sweep,
    states: Sequence[PointState],
    partial: str,
    *,
    run: RunDirectory | None = None,
    file: Path | None = None,
    drawing: Path | None = None,
    suspended: bool = False,
) -> Page:
    """Return the report of a sweep, with what there is of it by now.

    states: of all points. partial: why results are missing, or empty. run: whose files are listed, where
    there is one. file: of the sweep, to compute it again. drawing: the picture as PNG, beside it as SVG;
    None: it is drawn here. suspended: whether Resume in Prefect goes on with the run.
    """
    rows = point_rows(states, [sweep.metric])
    again = file or (run.sweep if run else None)
    sections = [
        _results(
            *(sweep, states, rows, drawing),
            unfinished=tables.SUSPENDED if suspended else UNFINISHED,
            file="output/points.csv" if run else "",
        ),
        *([_comparison(sweep, states)] if rows else []),
        *([_files(run)] if run else []),
        *([_again(again, run if suspended else None)] if again else []),
    ]
    missing = ""
    if partial:
        done = sum(state.stop_reason is not None for state in states)
        verb = agreeing(len(states), "is", "are")
        missing = f"{partial.strip()} ({done} of {counted(len(states), 'point')} {verb} complete)"
    setting = _setting(sweep, states)
    sections.append(terms_section(setting, sections))
    return Page(
        titled(recorded_name(run) if run else "", sweep_name(sweep)),
        setting,
        missing,
        numbered([section for section in sections if section.parts]),
        about(run) if run else "",
        tuple(verdicts_of(sweep, states)) if rows else (),
    )


def _setting(sweep: Sweep, states: Sequence[PointState]) -> tuple[str, ...]:
    first = (
        f"**{counted(len(states), 'point')}** of `{sweep.template}` over {', '.join(sweep.axes)}"
    )
    if sweep.where:
        first += f", where `{sweep.where}`"
    lines = [first, *(f"{axis}: {_values(states, axis)}" for axis in sweep.axes)]
    changed = [
        f"{key} = {format_value(value)}"
        for keys in sweep.overrides.values()
        for key, value in keys.items()
    ]
    if changed:
        lines.append(f"for all points: {', '.join(changed)}")
    inputs = {id(state.point.inputs): state.point.inputs for state in states}.values()
    networks = sorted({f"{each.topology.name}: {lengths_text(each.topology)}" for each in inputs})
    if len(networks) <= _SHOWN_VALUES:
        lines += networks
    return tuple(lines)


def _values(states: Sequence[PointState], axis: str) -> str:
    values = list(dict.fromkeys(text_of(state.point.axes[axis]) for state in states))
    if len(values) > _SHOWN_VALUES:
        return f"{len(values)} values, {values[0]} to {values[-1]}"
    return ", ".join(values)


def _results(
    sweep: Sweep,
    states: Sequence[PointState],
    rows: Sequence[Row],
    drawing: Path | None,
    *,
    unfinished: str,
    file: str,
) -> Section:
    title = f"{named(sweep.metric).capitalize()} over load"
    if not rows:
        return Section(title, (Text("There are no results yet."),))

    def draw() -> "Figure":
        from fusion_flows.pictures.curves import sweep_figure
        from fusion_flows.pictures.field_names import in_field_names

        shown, axes = in_field_names(rows, sweep.axes, states, sweep.labels)
        return sweep_figure(shown, axes, sweep.metric, sweep_subject(sweep))

    others = ", ".join(axis for axis in sweep.axes if axis != ERLANG)
    level = f"{100 * rows[0]['confidence']:.4g} % intervals over replications"
    caption = f"{title}, with {level}"
    if others:
        caption += f", a curve for each combination of {others}"
    estimates = [row["estimate"] for row in rows]
    told = f"{caption}. The estimates go from {min(estimates):.3g} to {max(estimates):.3g}."
    picture: Picture | Text
    if drawing is None:
        picture = drawn(PICTURE, f"{caption}.", told, draw)
    else:
        svg = drawing.with_suffix(".svg").read_text(encoding="utf-8")
        picture = Picture(PICTURE, f"{caption}.", told, drawing.read_bytes(), svg)
    return Section(
        title, (picture, tables.sweep_table(rows, sweep, SHOWN_POINTS, unfinished, file))
    )


def _comparison(sweep: Sweep, states: Sequence[PointState]) -> Section:
    found = policy_comparisons(sweep, states)
    return Section(
        "Which blocks less", tuple(tables.comparison_table(rows, axis) for axis, rows in found)
    )


def _files(run: RunDirectory) -> Section:
    there = tuple((name, what) for name, what in _FILES if (run.path / name).exists())
    return Section("Files", (Text(f"In `{run.path}`:"), Files(run.path, there)))


def _again(file: Path, suspended: RunDirectory | None) -> Section:
    """Return how to go on. suspended: the run that can be resumed, where there is one."""
    name = shlex.quote(str(file))
    return Section(
        "How to reproduce it",
        (
            *(how_to_resume(suspended) if suspended else ()),
            Text("To compute the missing points (points in the store are not computed again):"),
            Code(f"fusion sweep {name}"),
            Text("To plot it for a paper:"),
            Code(f"fusion plot {name}"),
        ),
    )
