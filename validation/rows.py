"""What a comparison comes to: rows that are right or wrong, as CSV and as a picture."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import NamedTuple

from fusion.results.statistics import Estimate, student_t

RIGHT, WITHIN_TIES, WRONG = "right", "right within ties", "wrong"
COLOURS = {RIGHT: "tab:green", WITHIN_TIES: "tab:orange", WRONG: "tab:red"}


class Row(NamedTuple):
    """One comparison: it is right where `simulated` lies in what is allowed, both bounds included.

    ci95: half-width of the 95 % interval of `simulated`. ties_lower, ties_upper: what other rules for ties
    between paths give, where the reference has another or an unknown rule and they were tried; else NaN.
    """

    name: str
    simulated: float
    ci95: float
    reference: float
    allowed_lower: float
    allowed_upper: float
    ties_lower: float = math.nan
    ties_upper: float = math.nan

    @property
    def verdict(self) -> str:
        """Right, wrong, or right within ties: the range over other tie rules meets what is allowed."""
        if self.allowed_lower <= self.simulated <= self.allowed_upper:
            return RIGHT
        # Nothing compares with NaN, so a row for which no other rule was tried is wrong.
        if self.ties_lower <= self.allowed_upper and self.ties_upper >= self.allowed_lower:
            return WITHIN_TIES
        return WRONG

    @property
    def tried_ties(self) -> bool:
        """Whether other tie rules were simulated."""
        return not math.isnan(self.ties_lower)


def joint_confidence(comparisons: int) -> float:
    """Return the confidence of each of many comparisons for 99 % in all of them (Bonferroni)."""
    return 1.0 - 0.01 / comparisons


def half_width(estimate: Estimate, confidence: float) -> float:
    """Return the half-width that a 95 % Student-t interval would have at another confidence."""
    freedom = estimate.replications - 1
    width = 0.5 * (estimate.ci_upper - estimate.ci_lower)
    return width * student_t(confidence, freedom) / student_t(0.95, freedom)


def against_independent(
    name: str, simulated: Estimate, reference: float, reference_ci95: float, confidence: float
) -> Row:
    """Return the comparison of two estimates that both have an error.

    simulated: with its 95 % interval. reference_ci95: half-width, from about 50 batches; 0 where the
    reference is exact. Allowed is the root of the sum of the squared half-widths at `confidence`.
    """
    theirs = reference_ci95 * student_t(confidence, 49) / student_t(0.95, 49)
    allowed = math.hypot(half_width(simulated, confidence), theirs)
    return Row(
        name,
        simulated.mean,
        half_width(simulated, 0.95),
        reference,
        reference - allowed,
        reference + allowed,
    )


def summary(rows: list[Row]) -> str:
    """Return how many rows have each verdict, for people."""
    counts = [(sum(row.verdict == verdict for row in rows), verdict) for verdict in COLOURS]
    return ", ".join(f"{count} {verdict}" for count, verdict in counts if count)


def write_rows(rows: list[Row], path: Path) -> None:
    """Write a CSV with a verdict for every row."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*Row._fields, "verdict"])
        for row in rows:
            cells = ["" if value != value else value for value in row]
            writer.writerow([*cells, row.verdict])


def plot_rows(rows: list[Row], title: str, path: Path) -> None:
    """Draw every row on the scale of what it is allowed, with its verdict; path: without suffix."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 1.3 + 0.24 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    axes.axvspan(-1, 1, color="0.9")
    axes.axvline(0, color="0.6", linewidth=0.8)
    for y, row in enumerate(rows):
        colour = COLOURS[row.verdict]
        scale = 0.5 * (row.allowed_upper - row.allowed_lower)
        if row.tried_ties:
            ends = [_place(row, row.ties_lower), _place(row, row.ties_upper)]
            axes.plot(ends, [y, y], color=colour, alpha=0.3, linewidth=5, solid_capstyle="butt")
        axes.errorbar(
            _place(row, row.simulated),
            y,
            xerr=row.ci95 / scale,
            fmt="o",
            color=colour,
            markersize=4,
            capsize=2,
        )
        axes.annotate(
            row.verdict,
            (1.01, y),
            xycoords=("axes fraction", "data"),
            color=colour,
            verticalalignment="center",
            fontsize=8,
        )
    axes.set_yticks(range(len(rows)), [row.name for row in rows], fontsize=8)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(-3.1, 3.1)
    axes.set_xlabel(
        "simulated, on a scale with -1 and 1 for the least and the most that is allowed\n"
        "thin bars: 95 % interval; broad bars: range over other rules for ties between paths"
    )
    axes.set_title(f"{title}: {summary(rows)}", fontsize=10)
    for suffix in (".png", ".svg"):
        figure.savefig(path.with_suffix(suffix), dpi=120)


def _place(row: Row, value: float) -> float:
    """Return where a value lies on the scale of what is allowed, at most just off the picture."""
    centre = 0.5 * (row.allowed_lower + row.allowed_upper)
    scale = 0.5 * (row.allowed_upper - row.allowed_lower)
    return max(-3.0, min(3.0, (value - centre) / scale))
