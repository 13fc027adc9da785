"""Show what a run has found: the table, the pictures and the report."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fusion.config.config import Config
from fusion.config.counts import counted
from fusion.scenario.inputs import Inputs
from fusion_flows.following.artifacts import Artifacts, table
from fusion_flows.following.result_lines import at_highest_load, unbroken
from fusion_flows.report.html import write_html
from fusion_flows.report.markdown import markdown
from fusion_flows.report.page import Page
from fusion_flows.report.pictures import write_pictures
from fusion_flows.report.results import read_rows
from fusion_flows.report.run_page import run_page
from fusion_flows.report.tables import INTERRUPTED, SUSPENDED
from fusion_flows.rundir.directory import RunDirectory

Row = dict[str, Any]


class Findings(NamedTuple):
    """What there is to show of a run, complete or not."""

    page: Page
    loads: int
    """How many the run has when it is complete."""
    rows: list[Row]
    """Of points.csv."""
    unwritten: Sequence[Row]
    """Of loads that had replications and no row there, as the simulator was killed."""
    plot: Path | None
    """Picture of blocking over load; None where nothing could be drawn."""
    report: Path
    """The page as an HTML file."""
    suspended: bool
    """Whether Resume in Prefect goes on with the run."""

    def publish(self, artifacts: Artifacts) -> None:
        """Send table and report. Raises Unreachable, and what Prefect says against them."""
        complete = sum(row["stop_reason"] != INTERRUPTED for row in self.rows)
        partial = ", suspended" if self.suspended else ", partial" if self.page.partial else ""
        loads = f"{complete} of {counted(self.loads, 'load')}{partial}"
        # The UI shows the first 30 characters or so.
        highest = unbroken(at_highest_load(self.rows))
        headline = ", ".join(filter(None, (highest, loads, self.page.title)))
        if rows := sorted([*self.rows, *self.unwritten], key=lambda row: float(row["erlang"])):
            unfinished = SUSPENDED if self.suspended else INTERRUPTED
            artifacts.put("points", "table", table(rows, unfinished), headline)
        self.publish_report(artifacts, headline)

    def publish_report(self, artifacts: Artifacts, headline: str) -> None:
        """Send the report alone, as `publish`. headline: the description of the artifact."""
        page = markdown(self.page, as_file(artifacts, self.report))
        artifacts.put("report", "markdown", page, headline)


def as_file(artifacts: Artifacts, report: Path) -> str:
    """Return where a report is as one file, in markdown: a link where the server of the UI has it.

    report: the file, in the directory of its run.
    """
    if address := artifacts.download(report.parent.name):
        return f"[Download this report]({address}) as one HTML file, with all rows and columns."
    command = f"fusion open {report.parent.name}"
    return f"As one HTML file, with all rows and columns: `{command}` opens `{report}`."


def find(
    run: RunDirectory,
    config: Config,
    inputs: Inputs,
    partial: str,
    told: Sequence[Row] = (),
    *,
    suspended: bool = False,
) -> Findings:
    """Read the tables of a run, draw them, and write pictures and report into its directory.

    partial: why results are missing, or empty. told: a row per load that the run told of. suspended:
    whether Resume in Prefect goes on with the run. Raises OSError when a file cannot be written.
    """
    page = run_page(run, config, inputs, partial, suspended=suspended)
    pictures = write_pictures(page, run.plots)
    report = write_html(page, run.report)
    rows = read_rows(run.points)
    written = {float(row["erlang"]) for row in rows}
    unwritten = [row for row in told if row["erlang"] not in written]
    plot = pictures.get("blocking")
    return Findings(page, len(config.loads), rows, unwritten, plot, report, suspended)
