"""Marks of a point: marker, interval, and the arrow down from a bound."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.path import Path as Outline
from matplotlib.transforms import ScaledTranslation

from fusion_flows.pictures.rows import Row, finite
from fusion_flows.pictures.style import Look

MOST_BARS = 24
"""Loads of a curve; intervals of more than that are a band."""

_APART = 1.6  # what two bounds differ by, at least, not to touch where the axis has six decades


def draw_points(
    place: Axes,
    rows: Sequence[Row],
    column: str,
    look: Look,
    size: float,
    *,
    complete: bool,
    **options: Any,
) -> None:
    """Draw the markers of points; hollow where the point has not all its replications."""
    place.plot(
        [row["erlang"] for row in rows],
        [row[column] for row in rows],
        linestyle="none",
        marker=look.marker,
        markersize=size,
        color=look.color,
        markeredgewidth=0.8,
        markerfacecolor=look.color if complete else "white",
        zorder=3,
        **options,
    )


def draw_intervals(place: Axes, rows: Sequence[Row], look: Look) -> None:
    """Draw the intervals of a curve: bars, or a band where there are many loads."""
    if len(ends := _ends(rows)) <= MOST_BARS:
        draw_bars(place, rows, look)
        return
    loads, _, lowers, uppers = zip(*ends, strict=True)
    place.fill_between(loads, lowers, uppers, color=look.color, alpha=0.2, linewidth=0)


def _ends(rows: Sequence[Row]) -> list[tuple[float, float, float, float]]:
    """Return load, estimate and both ends of the intervals that there are."""
    return [
        (float(row["erlang"]), float(row["estimate"]), lower, upper)
        for row in rows
        if (lower := finite(row, "ci_lower")) is not None
        and (upper := finite(row, "ci_upper")) is not None
    ]


def draw_bars(place: Axes, rows: Sequence[Row], look: Look) -> None:
    """Draw each interval as a bar, however many there are."""
    if not (ends := _ends(rows)):
        return
    loads, means, lowers, uppers = zip(*ends, strict=True)
    place.errorbar(
        loads,
        means,
        yerr=(
            [max(mean - lower, 0.0) for mean, lower in zip(means, lowers, strict=True)],
            [max(upper - mean, 0.0) for mean, upper in zip(means, uppers, strict=True)],
        ),
        fmt="none",
        ecolor=look.color,
        elinewidth=0.8,
        capsize=1.6,
        capthick=0.8,
    )


def side_by_side(rows: Sequence[Row], size: float, apart: float) -> list[tuple[Row, float]]:
    """Return the bounds at one load, and how many points each is moved so that none hides another.

    rows: all at the load. size: of a marker. apart: the distance to the next load, in points.
    """
    height = {id(row): float(row["estimate"] or row["ci_upper"]) for row in rows}
    intervals = [
        (float(row["ci_lower"]), float(row["ci_upper"]))
        for row in rows
        if row["estimate"] and row["ci_lower"] and row["ci_upper"]
    ]
    groups: list[list[Row]] = []
    for row in sorted(rows, key=lambda row: height[id(row)]):
        if groups and height[id(row)] <= _APART * height[id(groups[-1][-1])]:
            groups[-1].append(row)
        else:
            groups.append([row])
    moved = []
    for group in groups:
        bounds = [row for row in group if row["estimate"] == 0]
        step = min(1.15 * size, 0.6 * apart / len(group))
        # Estimates and their intervals stay where they are: bounds that would hide one begin at its right.
        hides = len(bounds) < len(group) or any(
            lower / _APART <= height[id(row)] <= upper * _APART
            for row in bounds
            for lower, upper in intervals
        )
        first = 1.0 if hides else -(len(bounds) - 1) / 2
        moved += [(row, (first + number) * step) for number, row in enumerate(bounds)]
    return moved


def draw_bound(place: Axes, row: Row, look: Look, size: float, shift: float) -> None:
    """Draw a bound as a marker with an arrow down. shift: to the right, in points."""
    figure = place.get_figure(root=True)
    assert figure is not None
    aside = place.transData + ScaledTranslation(shift / 72, 0, figure.dpi_scale_trans)
    options = {"transform": aside, "clip_on": False}
    down = look._replace(marker=arrow())
    draw_points(place, [row], "ci_upper", down, 4 * size, complete=True, **options)
    complete = bool(row["complete"])
    draw_points(place, [row], "ci_upper", look, size, complete=complete, **options)


def arrow(start: float = 0.0) -> Any:
    """Return a marker: an arrow down from its point, or from above it."""
    end = start - 1
    return Outline(
        [(0, start), (0, end), (-0.22, end + 0.32), (0, end), (0.22, end + 0.32)],
        [Outline.MOVETO, Outline.LINETO, Outline.MOVETO, Outline.LINETO, Outline.LINETO],
    )
