"""The picture of a run: blocking probability over load. Knows nothing of Prefect."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion.files import write_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BLUE = "#1f5a96"
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "svg.fonttype": "none",
    "svg.hashsalt": "fusion",
}


def blocking_figure(rows: Sequence[Mapping[str, Any]], title: str) -> "Figure":
    """Draw blocking over load on a log axis, with intervals.

    rows: points with `erlang` and `blocking_probability` with its `_ci_lower` and `_ci_upper`. A
    point with nothing blocked is an arrow down from its upper bound, never a zero. matplotlib is
    imported here, and not as pyplot: it costs half a second of CPU.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.4, 4.2), layout="constrained")
        axes = figure.add_subplot()
        rows = sorted(rows, key=lambda row: row["erlang"])
        seen = [row for row in rows if row["blocking_probability"] > 0]
        none = [row for row in rows if row["blocking_probability"] == 0 and _upper(row)]
        if seen:
            means = [row["blocking_probability"] for row in seen]
            # An interval that reaches zero has no place on a log axis: its bar ends a decade down.
            lowers = [max(_lower(row), row["blocking_probability"] / 10) for row in seen]
            below = [mean - lower for mean, lower in zip(means, lowers, strict=True)]
            above = [max(_upper(row) - row["blocking_probability"], 0.0) for row in seen]
            axes.errorbar(
                [row["erlang"] for row in seen],
                means,
                yerr=(below, above),
                color=_BLUE,
                marker="o",
                markersize=4.5,
                linewidth=1.4,
                elinewidth=1.2,
                capsize=3,
                label=f"mean and {_confidence(rows)}interval",
            )
        if none:
            bounds = [_upper(row) for row in none]
            axes.errorbar(
                [row["erlang"] for row in none],
                bounds,
                yerr=[bound * 0.45 for bound in bounds],
                uplims=True,
                color=_BLUE,
                marker="_",
                markersize=9,
                linestyle="none",
                elinewidth=1.2,
                label="nothing blocked: upper bound",
            )
        if seen or none:
            axes.set_yscale("log")
        if seen and none:
            axes.legend(frameon=False, loc="lower right")
        axes.set_xlabel("load (Erlang)")
        axes.set_ylabel("blocking probability")
        axes.grid(True, which="major", color="0.85", linewidth=0.8)
        axes.grid(True, which="minor", axis="y", color="0.93", linewidth=0.5)
        axes.set_title(title, fontsize=10.5, loc="left")
    return figure


def save(figure: "Figure", folder: Path, name: str) -> bytes:
    """Write a figure as PNG and SVG, each completely or not at all, and return the PNG."""
    import matplotlib

    png, svg = io.BytesIO(), io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(png, format="png", dpi=120, metadata={"Software": None})
        figure.savefig(svg, format="svg", metadata={"Date": None})
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / f"{name}.png", png.getvalue())
    write_atomic(folder / f"{name}.svg", svg.getvalue())
    return png.getvalue()


def _lower(row: Mapping[str, Any]) -> float:
    value = row.get("blocking_probability_ci_lower")
    return row["blocking_probability"] if value is None else float(value)


def _upper(row: Mapping[str, Any]) -> float:
    value = row.get("blocking_probability_ci_upper")
    return row["blocking_probability"] if value is None else float(value)


def _confidence(rows: Sequence[Mapping[str, Any]]) -> str:
    confidence = rows[0].get("confidence") if rows else None
    return f"{confidence:.0%} " if confidence else ""
