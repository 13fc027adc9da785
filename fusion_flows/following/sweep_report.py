"""What a sweep writes and shows when it ends: tables, picture and report."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from fusion.config.counts import counted
from fusion.results.interval_text import probability_text
from fusion.sweep.definition import Sweep
from fusion.sweep.point_state import PointState
from fusion.sweep.results import POINTS, REPLICATIONS, Row, point_rows
from fusion_flows.following.artifacts import Artifacts
from fusion_flows.following.publish import as_file
from fusion_flows.following.sweep_follower import table
from fusion_flows.report.html import write_html
from fusion_flows.report.markdown import markdown
from fusion_flows.report.page import Page
from fusion_flows.report.policy_comparisons import verdicts_of
from fusion_flows.report.setting import sweep_subject
from fusion_flows.report.sweep_page import PICTURE, SHOWN_POINTS, UNFINISHED, sweep_page
from fusion_flows.report.tables import SUSPENDED
from fusion_flows.rundir.directory import RunDirectory

_MOST_VERDICTS = 2


class SweepFindings(NamedTuple):
    """What there is to show of a sweep, complete or not."""

    page: Page
    table: str
    """Data of the table artifact; empty where there is no point."""
    headline: str
    plot: Path | None
    """The picture as PNG; None where nothing could be drawn."""
    report: Path
    """The page as an HTML file."""
    found: str
    """The lowest and highest estimate, such as blocking probability 0.0072 to 0.1008, and which policy blocks
    less; empty without an estimate."""

    def publish(self, artifacts: Artifacts) -> None:
        """Send table and report. Raises Unreachable, and what Prefect says against them."""
        if self.table:
            artifacts.put("points", "table", self.table, self.headline)
        self.publish_report(artifacts, self.headline)

    def publish_report(self, artifacts: Artifacts, headline: str) -> None:
        """Send the report alone, as `publish`. headline: the description of the artifact."""
        page = markdown(self.page, as_file(artifacts, self.report))
        artifacts.put("report", "markdown", page, headline)


def find(
    run: RunDirectory,
    sweep: Sweep,
    states: Sequence[PointState],
    partial: str,
    *,
    suspended: bool = False,
) -> SweepFindings:
    """Draw a sweep, and write picture and report into its run directory.

    partial: why results are missing, or empty. suspended: whether Resume in Prefect goes on with the run.
    Raises OSError when a file cannot be written.
    """
    rows = point_rows(states, [sweep.metric])
    plot = _draw(run, sweep, states, rows) if rows else None
    page = sweep_page(sweep, states, partial, run=run, drawing=plot, suspended=suspended)
    done = sum(state.stop_reason is not None for state in states)
    missing = ", suspended" if suspended else ", partial" if partial else ""
    headline = f"{done} of {counted(len(states), 'point')}{missing}, {page.title}"
    shown = (
        table(rows[:SHOWN_POINTS], sweep, SUSPENDED if suspended else UNFINISHED) if rows else ""
    )
    report = write_html(page, run.report)
    found = [_range(rows, sweep.metric), *verdicts_of(sweep, states)[:_MOST_VERDICTS]]
    return SweepFindings(page, shown, headline, plot, report, "; ".join(filter(None, found)))


def _range(rows: Sequence[Row], metric: str) -> str:
    known = [row for row in rows if row["estimate"] is not None]
    if not known:
        return ""
    ends = [pick(known, key=lambda row: float(row["estimate"])) for pick in (min, max)]
    columns = ("estimate", "ci_lower", "ci_upper")
    texts = [probability_text(*(row[column] for column in columns)) for row in ends]
    return f"{metric.replace('_', ' ')} {' to '.join(dict.fromkeys(texts))}"


def write_parquet(folder: Path) -> None:
    """Write the tables beside themselves as Parquet, a tenth of the size. Raises OSError."""
    from pyarrow import csv, parquet  # here, as they are slow to load

    for name in (POINTS, REPLICATIONS):
        table = csv.read_csv(folder / name)
        target = (folder / name).with_suffix(".parquet")
        temporary = target.with_name(f".{target.name}.tmp")
        parquet.write_table(table, temporary)
        temporary.replace(target)


def _draw(
    run: RunDirectory, sweep: Sweep, states: Sequence[PointState], rows: Sequence[Row]
) -> Path | None:
    """Write the picture, and return it as PNG; None where it cannot be drawn. Raises OSError."""
    from fusion_flows.pictures.curves import sweep_figure  # here, as matplotlib is slow to load
    from fusion_flows.pictures.field_names import in_field_names
    from fusion_flows.pictures.files import save_with_data

    try:
        shown, axes = in_field_names(rows, sweep.axes, states, sweep.labels)
        figure = sweep_figure(shown, axes, sweep.metric, sweep_subject(sweep))
        save_with_data(figure, rows, run.plots, PICTURE, dpi=200)  # the paper takes the PDF
    except (ValueError, RuntimeError, MemoryError):  # the page says which
        return None
    return run.plots / f"{PICTURE}.png"
