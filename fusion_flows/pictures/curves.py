"""A metric over load: a curve for each combination of the other axes."""

import textwrap
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from fusion_flows.pictures.legend import put_legend, put_title
from fusion_flows.pictures.marks import (
    MOST_BARS,
    arrow,
    draw_bound,
    draw_intervals,
    draw_points,
    side_by_side,
)
from fusion_flows.pictures.panels import MOST_CURVES, panel_axes, panels_wide, share_loads
from fusion_flows.pictures.paper import AS_NEEDED, Paper
from fusion_flows.pictures.regions import (
    Region,
    axes_of_regions,
    draw_regions,
    region_signs,
    regions_among,
)
from fusion_flows.pictures.rows import (
    Names,
    Row,
    check,
    finite,
    grouped,
    is_blocking,
    kind_of,
    values_on,
)
from fusion_flows.pictures.scales import grid_of, scale_blocking, scale_loads
from fusion_flows.pictures.style import (
    COLUMN,
    GREY,
    LOOKS,
    MARKER,
    PAGE,
    STYLE,
    Look,
    handle,
    looks_of,
)
from fusion_flows.pictures.words import label, load_label, named


def sweep_figure(
    rows: Sequence[Row],
    axes: Sequence[str],
    metric: str,
    title: str,
    paper: Paper = AS_NEEDED,
    regions: Sequence[Region] = (),
    *,
    name_single_curve: bool = False,
) -> Figure:
    """Draw a metric over load, with intervals: a curve for each combination of the other axes.

    rows: points of this metric, as in points.csv; axes: of the sweep. Axes with one value are not in the
    labels. Blocking is on a log axis, where an estimate of 0 is an arrow down from its bound. A point that
    has not all its replications is hollow. More than 6 curves get panels: by the network, else by what is
    no policy; more than 8 curves in a panel are coloured by the first axis alone. What cannot be drawn is
    counted in the picture. paper: what a paper asks for. regions: where no curve can be; points with regions
    of their own get panels of their own. name_single_curve: whether a curve alone is in the legend, by the
    value of the first axis. Raises ValueError for rows of several metrics, and for two of one point.
    """
    others = [axis for axis in axes if axis != "erlang"]
    check(rows, [*others, "erlang"], metric)
    log = is_blocking(metric)
    rows = paper.within(rows, log)
    values = {axis: values_on(rows, axis) for axis in others}
    varying = [axis for axis in others if len(values[axis]) > 1]
    split = axes_of_regions(rows, varying, regions) or panel_axes(rows, varying, values)
    labels = [axis for axis in varying if axis not in split]
    panels = grouped(rows, split, values)
    if name_single_curve and not varying:
        labels = others[:1]
    curves = grouped(rows, labels, values)
    looks = looks_of(list(curves))
    hollow = {names for names, of in curves.items() if not any(row["complete"] for row in of)}
    handles = [
        *_legend_of(looks, labels, values, hollow, single=name_single_curve),
        *paper.signs(),
        *region_signs(regions),
        *_signs(rows, log, max(map(len, grouped(rows, varying, values).values()))),
    ]
    width = paper.inches(PAGE if len(panels) > 1 or len(looks) > MOST_CURVES else COLUMN)
    wide = panels_wide(len(panels), [len(values[axis]) for axis in split])
    if width == COLUMN:
        wide = min(wide, 2 if len(panels) > 3 and paper.legend != "right" else 1)
    high = -(-len(panels) // wide)
    height = 0.4 + high * (0.55 if width / wide > 4 else 0.68) * width / wide
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        shared = share_loads(list(panels.values()))
        grid = figure.subplots(high, wide, sharex=shared, sharey=True, squeeze=False).ravel()
        for panel, (place, (names, of_panel)) in enumerate(zip(grid, panels.items(), strict=False)):
            curves = grouped(of_panel, labels, values)
            paper.draw_targets(place)
            _draw_panel(place, curves, looks, log, 72 * 0.8 * width / wide)
            most = 7 if width / wide > 3 else 4
            place.xaxis.set_major_locator(MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]))
            if panel % wide == 0:
                place.set_ylabel(textwrap.fill(named(metric), int(11 * height / high)))
            if split:
                place.set_title(label(split, names, values), loc="left")
            if panel + wide >= len(panels):
                place.tick_params(labelbottom=True)
                place.set_xlabel(load_label(rows))
        for place in grid[len(panels) :]:
            place.remove()
        if log:
            scale_blocking(grid[0], rows)
        if shared:
            scale_loads(grid[0], rows)
        for place, of_panel in zip(grid, panels.values(), strict=False):
            draw_regions(place, regions_among(of_panel, regions))
        if not rows:
            grid[0].text(0.5, 0.5, "no results", ha="center", transform=grid[0].transAxes)
            grid[0].set(xticks=[], yticks=[])
        for place in figure.axes:
            paper.set_limits(place)
        put_title(figure, title)
        put_legend(figure, handles, paper.legend)
    return figure


def _draw_panel(
    place: Axes,
    curves: Mapping[Names, Sequence[Row]],
    looks: Mapping[Names, Look],
    log: bool,
    width: float,
) -> None:
    """width: of the panel, in points, about."""
    at_load: dict[float, list[Row]] = {}
    whose: dict[int, Names] = {}
    rows = [row for of_curve in curves.values() for row in of_curve if kind_of(row, log)]
    loads = {float(row["erlang"]) for row in rows}
    apart = width / max(1, len(loads))
    size = max(1.8, min(MARKER, 0.5 * apart))
    if log:
        place.set_yscale("log", nonpositive="clip")  # a bar that reaches zero goes on to the edge
    for names, unsorted in curves.items():
        look = looks[names]
        of_curve = sorted(unsorted, key=lambda row: float(row["erlang"]))
        seen = [row for row in of_curve if kind_of(row, log) == "seen"]
        for row in of_curve:
            if kind_of(row, log):
                at_load.setdefault(float(row["erlang"]), []).append(row)
                whose[id(row)] = names
        place.plot(
            [row["erlang"] for row in seen],
            [row["estimate"] for row in seen],
            color=look.color,
            linestyle=look.line,
            linewidth=1.1,
            label=" ".join(names),
        )
        draw_intervals(place, seen, look)
        for complete in (True, False):
            points = [row for row in seen if bool(row["complete"]) is complete]
            if points:
                draw_points(place, points, "estimate", look, size, complete=complete)
    if log:
        for together in at_load.values():
            for row, shift in side_by_side(together, size, apart):
                draw_bound(place, row, looks[whose[id(row)]], size, shift)
    scale_loads(place, rows)
    grid_of(place)


def _legend_of(
    looks: Mapping[Names, Look],
    labels: Sequence[str],
    values: Mapping[str, Sequence[str]],
    hollow: Collection[Names],
    *,
    single: bool = False,
) -> list[tuple[Line2D, str]]:
    """hollow: curves without a complete point, whose markers are hollow here, too. single: name one alone."""
    if not labels or len(looks) < (1 if single else 2):
        return []
    if len(looks) <= len(LOOKS) or len(labels) == 1:
        return [
            (handle(look, hollow=names in hollow), label(labels, names, values))
            for names, look in looks.items()
        ]
    found: dict[str, Line2D] = {}  # colours, then markers and lines
    for names, look in looks.items():
        patch = look._replace(marker="none", line="-")
        found.setdefault(label(labels[:1], names[:1], values), handle(patch, width=3.0))
    for names, look in looks.items():
        sign = handle(look._replace(color=GREY), hollow=len(hollow) == len(looks))
        found.setdefault(label(labels[1:], names[1:], values), sign)
    return [(handle, text) for text, handle in found.items()]


def _signs(rows: Sequence[Row], log: bool, loads: int) -> list[tuple[Any, str]]:
    """Return what of the signs in the picture has to be explained. loads: of the longest curve."""
    signs: list[tuple[Any, str]] = []
    seen = [row for row in rows if kind_of(row, log) == "seen"]
    if any(finite(row, "ci_upper") is not None for row in seen):
        levels = {row.get("confidence") for row in seen}
        level = levels.pop() if len(levels) == 1 else None
        band = Patch(facecolor=GREY, alpha=0.3)
        bar = band if loads > MOST_BARS else handle(Look(GREY, "|", "none"), size=6.5)
        signs.append((bar, f"{100 * level:.4g} % interval" if level else "interval"))
    if any(kind_of(row, log) == "none" for row in rows):
        down = handle(Look(GREY, arrow(0.5), "none"), size=7.0)
        signs.append((down, "nothing blocked: upper bound"))
    if any(kind_of(row, log) and not row["complete"] for row in rows):
        signs.append((handle(Look(GREY, "o", "none"), hollow=True), "incomplete"))
    if lost := sum(not kind_of(row, log) for row in rows):
        points = f"{lost} {'point' if lost == 1 else 'points'}"
        signs.append((handle(Look("none", "none", "none")), f"{points} without a value"))
    return signs
