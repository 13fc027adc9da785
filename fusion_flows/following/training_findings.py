"""Show what a training has found: the table of evaluations, the picture and the model card."""

import json
from pathlib import Path
from typing import NamedTuple

from fusion.config.config import Config
from fusion.config.training_settings import TrainingSettings
from fusion.scenario.inputs import Inputs
from fusion_flows.following.artifacts import Artifacts
from fusion_flows.following.publish import as_file
from fusion_flows.following.result_lines import unbroken
from fusion_flows.report.html import write_html
from fusion_flows.report.markdown import markdown
from fusion_flows.report.page import Page
from fusion_flows.report.pictures import write_pictures
from fusion_flows.report.results import Row, read_rows
from fusion_flows.report.training_page import evaluation_texts, training_page
from fusion_flows.rundir.directory import RunDirectory


class TrainingFindings(NamedTuple):
    """What there is to show of a training, complete or not."""

    page: Page
    rows: list[Row]
    """Of training.csv."""
    plot: Path | None
    """Picture of blocking over steps; None where nothing could be drawn."""
    report: Path
    """The page as an HTML file."""

    @property
    def headline(self) -> str:
        """What was found, in a line."""
        return unbroken("; ".join(self.page.found[:2]) or "nothing is evaluated yet")

    def publish(self, artifacts: Artifacts) -> None:
        """Send table and report. Raises Unreachable, and what Prefect says against them."""
        if self.rows:
            table = json.dumps(evaluation_texts(self.rows)[::-1])
            artifacts.put("points", "table", table, self.headline)
        self.publish_report(artifacts, self.headline)

    def publish_report(self, artifacts: Artifacts, headline: str) -> None:
        """Send the report alone, as `publish`. headline: the description of the artifact."""
        page = markdown(self.page, as_file(artifacts, self.report))
        artifacts.put("report", "markdown", page, headline)


def find(
    run: RunDirectory,
    config: Config,
    inputs: Inputs,
    settings: TrainingSettings,
    partial: str,
    *,
    suspended: bool = False,
) -> TrainingFindings:
    """Read the tables of a training, draw them, and write picture and model card into its directory.

    partial: why results are missing, or empty. suspended: whether Resume in Prefect goes on with the run.
    Raises OSError when a file cannot be written.
    """
    page = training_page(run, config, inputs, settings, partial, suspended=suspended)
    pictures = write_pictures(page, run.plots)
    report = write_html(page, run.report)
    rows = read_rows(run.output / "training.csv")
    return TrainingFindings(page, rows, pictures.get("training"), report)
