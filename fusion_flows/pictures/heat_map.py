"""A metric over two axes: a cell for each pair of values."""

import math
from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.text import Text

from fusion_flows.pictures.legend import put_legend, put_title, width_of
from fusion_flows.pictures.paper import Paper, Width
from fusion_flows.pictures.rows import (
    Row,
    check,
    finite,
    is_blocking,
    is_numeric,
    kind_of,
    text_of,
    values_on,
)
from fusion_flows.pictures.scales import span
from fusion_flows.pictures.style import COLUMN, GREY, PAGE, SMALL, STYLE, Look, handle
from fusion_flows.pictures.words import load_label, named, plain, short

_HATCH = "////"


def heat_map(
    rows: Sequence[Row], x: str, y: str, metric: str, title: str, width: Width = "auto"
) -> Figure:
    """Draw a metric over two axes: a cell for each pair of values, with its number where that fits.

    rows: points of this metric, as in points.csv, one for each cell at most. Blocking has a log scale of
    colours; a cell where nothing was blocked is hatched and has its bound. A cell that has not all its
    replications has a hollow point. Raises ValueError for rows of several metrics, and for two of one cell.
    """
    check(rows, [x, y], metric)
    across, up = values_on(rows, x), values_on(rows, y)
    upward = is_numeric(up)
    log = is_blocking(metric)
    inches = Paper(width).inches(min(max(COLUMN, 1.5 + 0.55 * len(across)), PAGE))
    height = min(max(2.2, 0.8 + 0.36 * len(up)), 8.0)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(inches, height), layout="constrained")
        place = figure.add_subplot()
        drawn = [float(row["estimate"]) for row in rows if kind_of(row, log) == "seen"]
        norm = (LogNorm if log else Normalize)(*span(drawn))
        colors = matplotlib.colormaps["viridis_r"]
        numbers = []
        for row in rows:
            if finite(row, "estimate") is not None:
                at = across.index(text_of(row[x])), up.index(text_of(row[y]))
                color = colors(norm(row["estimate"])) if kind_of(row, log) == "seen" else None
                numbers.append(_draw_cell(place, at, row, color, upward=upward))
        place.set_xlim(-0.5, max(len(across), 1) - 0.5)
        place.set_ylim(-0.5, max(len(up), 1) - 0.5)
        if not upward:
            place.invert_yaxis()  # words are read from the top
        place.set_xlabel(load_label(rows) if x == "erlang" else named(x))
        place.set_ylabel(load_label(rows) if y == "erlang" else named(y))
        place.set_xticks(range(len(across)), [plain(text) for text in across])
        place.set_yticks(range(len(up)), [plain(text) for text in up])
        place.tick_params(length=0)
        place.spines[:].set_visible(False)
        if drawn:
            scale = figure.colorbar(
                matplotlib.cm.ScalarMappable(norm, colors),
                ax=place,
                label=named(metric),
                aspect=25,
            )
            scale.outline.set_visible(False)
        put_title(figure, title)
        handles: list[tuple[Any, str]] = []
        if len(drawn) < len(numbers):
            hatched = Patch(facecolor="white", edgecolor="0.7", hatch=_HATCH, linewidth=0)
            handles.append((hatched, "nothing blocked: upper bound"))
        if any(not row["complete"] and finite(row, "estimate") is not None for row in rows):
            circle = handle(Look(GREY, "o", "none"), hollow=True, size=2.8)
            handles.append((circle, "incomplete"))
        if rows and len(numbers) < len(across) * len(up):
            empty = Patch(facecolor="white", edgecolor="0.8", linewidth=0.5)
            handles.append((empty, "no result"))
        put_legend(figure, handles)
        _fit(figure, place, numbers)
    return figure


def _draw_cell(place: Axes, at: tuple[int, int], row: Row, color: Any, *, upward: bool) -> Text:
    """Draw a cell and return its number. color: None where nothing was blocked; upward: as the axis."""
    corner = at[0] - 0.5, at[1] - 0.5
    ink, paper = "black", None
    if color is None:
        bound = finite(row, "ci_upper")
        text = f"<{short(bound)}" if bound else "0"
        paper = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
        hatched = Rectangle(corner, 1, 1, facecolor="white", edgecolor="0.7", hatch=_HATCH, lw=0)
        place.add_patch(hatched)
        color = "none"
    else:
        text = short(float(row["estimate"]))
        ink = "white" if 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2] < 0.5 else "black"
    place.add_patch(Rectangle(corner, 1, 1, facecolor=color, edgecolor="white", linewidth=0.8))
    if not row["complete"]:
        place.plot(
            [at[0] + 0.4],
            [at[1] + (0.34 if upward else -0.34)],
            marker="o",
            markersize=2.8,
            color=ink,
            markeredgewidth=0.7,
            markerfacecolor="none",
        )
    return place.text(*at, text, color=ink, ha="center", va="center", bbox=paper)


def _fit(figure: Figure, place: Axes, texts: Sequence[Any]) -> None:
    """Make numbers as small as their cells need, or leave them out; turn words that are too long."""
    figure.draw_without_rendering()
    cell = _cell(figure, place)
    names = [label.get_text() for label in place.get_xticklabels()]
    if names and max(width_of(name, SMALL) for name in names) > 0.95 * cell[0]:
        if is_numeric(names):
            widest = max(width_of(name, SMALL) for name in names)
            every = math.ceil(1.2 * widest / cell[0])
            place.set_xticks(range(0, len(names), every), names[::every])
        else:
            place.tick_params(axis="x", rotation=30)
            for label in place.get_xticklabels():
                label.set_horizontalalignment("right")
                label.set_rotation_mode("anchor")
        figure.draw_without_rendering()
        cell = _cell(figure, place)
    if not texts:
        return
    widest = max(width_of(text.get_text(), 1.0) for text in texts)
    size = min(7.5, 0.9 * cell[0] / widest, 0.6 * cell[1])
    for text in texts:
        text.set_fontsize(size)
        text.set_visible(size >= 5.0)


def _cell(figure: Figure, place: Axes) -> tuple[float, float]:
    box = place.get_window_extent()
    across, up = place.get_xlim(), place.get_ylim()
    points = 72 / figure.dpi
    return (
        box.width * points / abs(across[1] - across[0]),
        box.height * points / abs(up[1] - up[0]),
    )
