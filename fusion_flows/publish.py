"""Show what a run has found: the table, the picture and the report."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from fusion.config import Config
from fusion_flows.artifacts import Artifacts, report, table
from fusion_flows.rundir import RunDirectory

Row = dict[str, Any]


class Findings(NamedTuple):
    """What there is to show of a run, complete or not."""

    run: RunDirectory
    described: str
    """The setting, in two lines of markdown."""
    loads: int
    """How many the run has when it is complete."""
    partial: str
    """Why results are missing; empty when none is."""
    rows: list[Row]
    plot: Path | None
    """Picture of blocking over load; None where nothing could be drawn."""

    def publish(self, artifacts: Artifacts) -> None:
        """Send table and report. Raises Unreachable, and what Prefect says against them."""
        complete = sum(row["stop_reason"] != "interrupted" for row in self.rows)
        headline = f"{complete} of {self.loads} loads" + (", partial" if self.partial else "")
        picture = None if self.plot is None else self.plot.read_bytes()
        if self.rows:
            artifacts.put("points", "table", table(self.rows), headline)
        text = report(self.run, self.described, self.rows, picture, self.partial)
        artifacts.put("report", "markdown", text, headline)


def find(run: RunDirectory, config: Config, described: str, partial: str) -> Findings:
    """Read the points of a run and draw them into its directory.

    Raises OSError when the picture cannot be written.
    """
    rows = read_points(run.points)
    plot = None
    if rows:
        from fusion_flows.pictures.files import save  # here, as matplotlib is slow to load
        from fusion_flows.pictures.run import blocking_figure

        network = Path(config.topology_settings.network).stem
        figure = blocking_figure(rows, f"{network}, {config.policy}")
        plot, _ = save(figure, run.plots, "blocking", ("png", "svg"), dpi=200)
    return Findings(run, described, len(config.loads), partial, rows, plot)


def read_points(path: Path) -> list[Row]:
    """Return the rows of a points table, numbers as numbers, empty cells as None.

    A file that is not there has no rows.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [
                {key: _value(text) for key, text in row.items()} for row in csv.DictReader(file)
            ]
    except FileNotFoundError:
        return []


def _value(text: str) -> int | float | str | None:
    if not text:
        return None
    readers: tuple[Callable[[str], int | float], ...] = (int, float)
    for read in readers:
        try:
            return read(text)
        except ValueError:
            continue
    return text
