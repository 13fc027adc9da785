"""Pictures of a sweep, ready for a paper: blocking over load, over two axes, and differences.

Sizes are those of a page with two columns, so that nothing is scaled and 7 points stay 7 points. Knows
nothing of Prefect. matplotlib is imported in functions: it costs half a second of CPU.
"""

import csv
import io
import math
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fusion.files import write_atomic
from fusion_flows.plots import STYLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.text import Text

Row = Mapping[str, Any]
Names = tuple[str, ...]
"""Values on some axes, as text."""


class _Look(NamedTuple):
    """How a curve is drawn."""

    color: Any
    marker: str
    line: Any


_COLUMN, _PAGE = 3.5, 7.16  # inches: width of a column and of the text of a page
_SMALL = 7.0  # points: the smallest text
_MARKER = 4.2
_FEW_CURVES, _MOST_CURVES, _MOST_PANELS = 6, 8, 12
_MOST_BARS = 24  # loads of a curve; intervals of more than that are a band
_STYLE = {
    **STYLE,
    "font.size": 8.0,
    "axes.titlesize": 8.0,
    "axes.linewidth": 0.6,
    "hatch.linewidth": 0.5,
    "pdf.fonttype": 42,  # publishers refuse type 3
    "xtick.labelsize": _SMALL,
    "ytick.labelsize": _SMALL,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
}
# Told apart by all kinds of sight and in grey: any two are 7 of 100 steps of lightness apart.
_LOOKS = (
    _Look("#000000", "o", "-"),
    _Look("#E69F00", "s", "--"),
    _Look("#0072B2", "^", "-."),
    _Look("#882255", "D", (0, (1, 1.2))),
    _Look("#D55E00", "v", (0, (5, 1.2, 1, 1.2, 1, 1.2))),
    _Look("#CC79A7", "P", (0, (3, 1.2))),
    _Look("#332288", "X", (0, (7, 1.8))),
    _Look("#88CCEE", "p", (0, (2, 1, 4, 1))),
)
_GREY = "0.35"
_HATCH = "////"
_NAMES = {
    "erlang": "load (Erlang)",
    "blocking_probability": "blocking probability",
    "bit_rate_blocking_probability": "bit-rate blocking probability",
    "mean_hops": "hops per lightpath",
    "mean_length_km": "length of a lightpath (km)",
    "mean_slots": "slots per lightpath",
}
_POLICY = {
    *("k_paths", "path_order", "path_choice", "route_method"),
    *("allocation_method", "spectrum_priority"),
}
"""Axes that are compared, so that they are curves of one panel rather than panels."""


def sweep_figure(rows: Sequence[Row], axes: Sequence[str], metric: str, title: str) -> "Figure":
    """Draw a metric over load, with intervals: a curve for each combination of the other axes.

    rows: points of this metric, as in points.csv; axes: of the sweep. Axes with one value are not in the
    labels. Blocking is on a log axis, where an estimate of 0 is an arrow down from its bound. A point that
    has not all its replications is hollow. More than 6 curves get panels: by the network, else by what is
    no policy; more than 8 curves in a panel are coloured by the first axis alone. What cannot be drawn is
    counted in the picture. Raises ValueError for rows of several metrics, and for two of one point.
    """
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    others = [axis for axis in axes if axis != "erlang"]
    _check(rows, [*others, "erlang"], metric)
    values = {axis: _values(rows, axis) for axis in others}
    varying = [axis for axis in others if len(values[axis]) > 1]
    split = _panel_axes(rows, varying, values)
    labels = [axis for axis in varying if axis not in split]
    panels = _groups(rows, split, values)
    looks = _looks(list(_groups(rows, labels, values)))
    log = _is_blocking(metric)
    handles = [*_legend_of(looks, labels, values), *_signs(rows, log)]
    wide = _panels_wide(len(panels), [len(values[axis]) for axis in split])
    high = -(-len(panels) // wide)
    width = _PAGE if len(panels) > 1 or len(looks) > _MOST_CURVES else _COLUMN
    height = 0.4 + high * (0.55 if width / wide > 4 else 0.68) * width / wide
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        shared = _share_loads(list(panels.values()))
        grid = figure.subplots(high, wide, sharex=shared, sharey=True, squeeze=False).ravel()
        for panel, (place, (names, of_panel)) in enumerate(zip(grid, panels.items(), strict=False)):
            curves = _groups(of_panel, labels, values)
            _draw_panel(place, curves, looks, log, 72 * 0.8 * width / wide)
            steps = [1, 2, 2.5, 5, 10]
            place.xaxis.set_major_locator(MaxNLocator(5 if wide < 3 else 4, steps=steps))
            if panel % wide == 0:
                place.set_ylabel(textwrap.fill(_named(metric), int(11 * height / high)))
            if split:
                place.set_title(_label(split, names, values), loc="left")
            if panel + wide >= len(panels):
                place.tick_params(labelbottom=True)
                place.set_xlabel(_NAMES["erlang"])
        for place in grid[len(panels) :]:
            place.remove()
        if log:
            _scale(grid[0], rows)
        if shared:
            _scale_loads(grid[0], rows)
        if not rows:
            grid[0].text(0.5, 0.5, "no results", ha="center", transform=grid[0].transAxes)
            grid[0].set(xticks=[], yticks=[])
        _title(figure, title)
        _legend(figure, handles)
    return figure


def heat_map(rows: Sequence[Row], x: str, y: str, metric: str, title: str) -> "Figure":
    """Draw a metric over two axes: a cell for each pair of values, with its number where that fits.

    rows: points of this metric, as in points.csv, one for each cell at most. Blocking has a log scale of
    colours; a cell where nothing was blocked is hatched and has its bound. A cell that has not all its
    replications has a hollow point. Raises ValueError for rows of several metrics, and for two of one cell.
    """
    import matplotlib
    from matplotlib.colors import LogNorm, Normalize
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    _check(rows, [x, y], metric)
    across, up = _values(rows, x), _values(rows, y)
    upward = _is_numeric(up)
    log = _is_blocking(metric)
    width = min(max(_COLUMN, 1.5 + 0.55 * len(across)), _PAGE)
    height = min(max(2.2, 0.8 + 0.36 * len(up)), 8.0)
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        place = figure.add_subplot()
        drawn = [float(row["estimate"]) for row in rows if _kind(row, log) == "seen"]
        norm = (LogNorm if log else Normalize)(*_span(drawn))
        colors = matplotlib.colormaps["viridis_r"]
        numbers = []
        for row in rows:
            if _number(row, "estimate") is not None:
                at = across.index(_text(row[x])), up.index(_text(row[y]))
                color = colors(norm(row["estimate"])) if _kind(row, log) == "seen" else None
                numbers.append(_draw_cell(place, at, row, color, upward=upward))
        place.set_xlim(-0.5, max(len(across), 1) - 0.5)
        place.set_ylim(-0.5, max(len(up), 1) - 0.5)
        if not upward:
            place.invert_yaxis()  # words are read from the top
        place.set_xlabel(_named(x))
        place.set_ylabel(_named(y))
        place.set_xticks(range(len(across)), [_plain(text) for text in across])
        place.set_yticks(range(len(up)), [_plain(text) for text in up])
        place.tick_params(length=0)
        place.spines[:].set_visible(False)
        if drawn:
            scale = figure.colorbar(
                matplotlib.cm.ScalarMappable(norm, colors),
                ax=place,
                label=_named(metric),
                aspect=25,
            )
            scale.outline.set_visible(False)
        _title(figure, title)
        handles: list[tuple[Any, str]] = []
        if len(drawn) < len(numbers):
            hatched = Patch(facecolor="white", edgecolor="0.7", hatch=_HATCH, linewidth=0)
            handles.append((hatched, "nothing blocked: upper bound"))
        if any(not row["complete"] and _number(row, "estimate") is not None for row in rows):
            circle = _handle(_Look(_GREY, "o", "none"), hollow=True, size=2.8)
            handles.append((circle, "still running"))
        if rows and len(numbers) < len(across) * len(up):
            empty = Patch(facecolor="white", edgecolor="0.8", linewidth=0.5)
            handles.append((empty, "no result"))
        _legend(figure, handles)
        _fit(figure, place, numbers)
    return figure


def difference_figure(rows: Sequence[Row], title: str) -> "Figure":
    """Draw differences over load with their intervals: filled where the interval excludes zero.

    rows: `erlang`, `difference`, `ci_lower` and `ci_upper` (None where there is none), `label` of the
    comparison, and `verdict`, which the legend counts. Differences of several sizes get an axis that is
    linear around zero and logarithmic beyond.
    """
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.transforms import ScaledTranslation

    groups = _groups(rows, ["label"], {"label": _values(rows, "label")})
    looks = _looks(list(groups))
    several = len(groups) > 3
    with matplotlib.rc_context(_STYLE):
        figure = Figure(
            figsize=(_PAGE if several else _COLUMN, 3.0 if several else 2.5), layout="constrained"
        )
        place = figure.add_subplot()
        place.axhline(0.0, color="black", linewidth=0.8, zorder=1.5)
        handles: list[tuple[Any, str]] = []
        step = min(4.0, 24.0 / max(1, len(groups)))
        for number, (names, unsorted) in enumerate(groups.items()):
            look = looks[names]
            shift = (number - (len(groups) - 1) / 2) * step / 72
            aside = place.transData + ScaledTranslation(shift, 0, figure.dpi_scale_trans)
            of_label = sorted(unsorted, key=lambda row: float(row["erlang"]))
            for shown in (False, True):
                points = [
                    row
                    for row in of_label
                    if _excludes_zero(row) is shown and _number(row, "difference") is not None
                ]
                means = [float(row["difference"]) for row in points]
                loads = [float(row["erlang"]) for row in points]
                place.vlines(
                    loads,
                    [_or(_number(row, "ci_lower"), row["difference"]) for row in points],
                    [_or(_number(row, "ci_upper"), row["difference"]) for row in points],
                    color=look.color,
                    linewidth=0.9,
                    transform=aside,
                )
                place.plot(
                    loads,
                    means,
                    linestyle="none",
                    marker=look.marker,
                    markersize=_MARKER,
                    color=look.color,
                    markerfacecolor=look.color if shown else "white",
                    transform=aside,
                    label=names[0],
                )
            verdicts = Counter(str(row["verdict"]) for row in of_label)
            told = ", ".join(f"{verdict} {count}×" for verdict, count in verdicts.items())
            handles.append((_handle(look._replace(line="none")), f"{names[0]}: {told}"))
        ends = [
            value
            for row in rows
            for name in ("difference", "ci_lower", "ci_upper")
            if (value := _number(row, name)) is not None
        ]
        if ends:
            _scale_around_zero(place, ends)
            _scale_loads(place, rows)
        dot = _Look(_GREY, "o", "none")
        kinds = {_excludes_zero(row) for row in rows}
        if True in kinds:
            handles.append((_handle(dot), "interval excludes zero"))
        if False in kinds:
            handles.append((_handle(dot, hollow=True), "zero not excluded"))
        place.set_xlabel(_NAMES["erlang"])
        place.set_ylabel("difference of blocking")
        _grid(place)
        _title(figure, title)
        _legend(figure, handles)
    return figure


def save_with_data(
    figure: "Figure", rows: Sequence[Row], folder: Path, name: str, *, dpi: int = 300
) -> None:
    """Write a figure as PNG, PDF and SVG and its numbers as CSV, each completely or not at all.

    rows: those that the figure was made from. The same figure gives the same bytes. Raises OSError.
    """
    import matplotlib

    folder.mkdir(parents=True, exist_ok=True)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO()
    if columns:
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    write_atomic(folder / f"{name}.csv", text.getvalue().encode())
    no_dates: dict[str, dict[str, Any]] = {
        "png": {"Software": None},
        "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
        "svg": {"Date": None, "Creator": None},
    }
    with matplotlib.rc_context(_STYLE):
        for form, metadata in no_dates.items():
            data = io.BytesIO()
            figure.savefig(data, format=form, dpi=dpi, metadata=metadata)
            write_atomic(folder / f"{name}.{form}", data.getvalue())


# Rows, values and words


def _check(rows: Sequence[Row], axes: Sequence[str], metric: str) -> None:
    foreign = sorted({str(row["metric"]) for row in rows if row.get("metric", metric) != metric})
    if foreign:
        raise ValueError(f"rows of {', '.join(foreign)} in a picture of {metric}: leave them out")
    seen = Counter(tuple(_text(row[axis]) for axis in axes) for row in rows)
    for names, count in seen.items():
        if count > 1:
            point = ", ".join(f"{axis} = {name}" for axis, name in zip(axes, names, strict=True))
            raise ValueError(
                f"{count} rows have {point}: name all axes along which they differ, or choose"
            )


def _number(row: Row, name: str) -> float | None:
    """Return a finite number, or None; a data frame has NaN where there is none."""
    value = row.get(name)
    return None if value is None or not math.isfinite(value) else float(value)


def _or(value: float | None, other: float) -> float:
    return other if value is None else value


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return str(value)


def _values(rows: Iterable[Row], axis: str) -> list[str]:
    """Return the values on an axis: numbers by size, words as they come."""
    found = list(dict.fromkeys(_text(row[axis]) for row in rows))
    return sorted(found, key=float) if _is_numeric(found) else found


def _is_numeric(texts: Sequence[str]) -> bool:
    try:
        return all(math.isfinite(float(text)) for text in texts)
    except ValueError:
        return False


def _groups(
    rows: Iterable[Row], axes: Sequence[str], values: Mapping[str, Sequence[str]]
) -> dict[Names, list[Row]]:
    """Return the rows by their values on some axes, in the order of those. No axes: one group."""
    groups: dict[Names, list[Row]] = {} if axes else {(): []}
    for row in rows:
        groups.setdefault(tuple(_text(row[axis]) for axis in axes), []).append(row)
    places = {axis: {text: n for n, text in enumerate(values[axis])} for axis in axes}
    order = sorted(
        groups, key=lambda names: [places[axis][n] for axis, n in zip(axes, names, strict=True)]
    )
    return {names: groups[names] for names in order}


def _label(axes: Sequence[str], names: Names, values: Mapping[str, Sequence[str]]) -> str:
    """Return the values as people say them: numbers with their axis, words alone if they are clear."""
    known = Counter(text for texts in values.values() for text in texts)
    return ", ".join(
        f"{axis} = {text}"
        if _is_numeric([text]) or text in ("True", "False", "None", "") or known[text] > 1
        else text
        for axis, text in zip(axes, names, strict=True)
    )


def _named(metric: str) -> str:
    return _plain(_NAMES.get(metric, metric))


def _plain(text: str) -> str:
    """Return a text in which matplotlib sees no formula."""
    return text.replace("$", r"\$")


def _short(value: float) -> str:
    """Return a number with two digits in few characters: 0.012, 3.4e-5."""
    text = f"{value:#.2g}" if 0.01 <= abs(value) < 1000 or value == 0 else f"{value:.1e}"
    return text.rstrip(".").replace("e-0", "e-").replace("e+0", "e")


def _is_blocking(metric: str) -> bool:
    return metric.endswith("blocking_probability")


# Which panels and curves there are


def _panel_axes(
    rows: Sequence[Row], varying: Sequence[str], values: Mapping[str, Sequence[str]]
) -> list[str]:
    """Return the one or two axes whose values get panels, or none of them."""
    if len(_groups(rows, varying, values)) <= _FEW_CURVES:
        return []
    choices = []
    for split in (*combinations(varying, 1), *combinations(varying, 2)):
        labels = [axis for axis in varying if axis not in split]
        panels = len(_groups(rows, split, values))
        curves = len(_groups(rows, labels, values))
        if labels and panels <= _MOST_PANELS:
            split = tuple(sorted(split, key=lambda axis: axis != "network"))
            policies = sum(axis in _POLICY for axis in split)
            crowded = max(0, curves - _MOST_CURVES)
            without = "network" in varying and "network" not in split
            choices.append((crowded, without, len(split), policies, panels, split))
    return list(min(choices)[-1]) if choices else []


def _panels_wide(panels: int, counts: Sequence[int]) -> int:
    if len(counts) == 2 and math.prod(counts) == panels and counts[1] <= 4:
        return counts[1]  # a line of panels for each value of the first axis
    return next(
        wide for most, wide in ((1, 1), (2, 2), (3, 3), (4, 2), (6, 3), (99, 4)) if panels <= most
    )


def _share_loads(panels: Sequence[Sequence[Row]]) -> bool:
    """Tell whether all panels have about the same loads; those of two networks may be far apart."""
    ends = [
        (min(loads), max(loads))
        for rows in panels
        if (loads := [float(row["erlang"]) for row in rows])
    ]
    if not ends:
        return True
    whole = max(high for _, high in ends) - min(low for low, _ in ends)
    return all(high - low >= 0.6 * whole for low, high in ends)


def _looks(curves: Sequence[Names]) -> dict[Names, _Look]:
    """Return how each curve is drawn. Too many to tell apart: a colour for each value of the first axis."""
    if len(curves) <= len(_LOOKS):
        return dict(zip(curves, _LOOKS, strict=False))
    firsts = list(dict.fromkeys(names[0] for names in curves))
    rests = list(dict.fromkeys(names[1:] for names in curves))
    colors = _colors(len(firsts))
    looks = {}
    for names in curves:
        first = firsts.index(names[0])
        rest = rests.index(names[1:]) if len(rests) > 1 else first
        turn = rest // len(_LOOKS)
        looks[names] = _Look(
            colors[first],
            _LOOKS[rest % len(_LOOKS)].marker,
            _LOOKS[(rest + turn) % len(_LOOKS)].line,
        )
    return looks


def _colors(count: int) -> list[Any]:
    if count <= len(_LOOKS):
        return [look.color for look in _LOOKS[:count]]
    import matplotlib

    colors = matplotlib.colormaps["viridis"]
    return [colors(0.92 * n / (count - 1)) for n in range(count)]


def _legend_of(
    looks: Mapping[Names, _Look], labels: Sequence[str], values: Mapping[str, Sequence[str]]
) -> list[tuple["Line2D", str]]:
    if not labels or len(looks) < 2:
        return []
    if len(looks) <= len(_LOOKS) or len(labels) == 1:
        return [(_handle(look), _label(labels, names, values)) for names, look in looks.items()]
    found: dict[str, Line2D] = {}  # colours, then markers and lines
    for names, look in looks.items():
        patch = look._replace(marker="none", line="-")
        found.setdefault(_label(labels[:1], names[:1], values), _handle(patch, width=3.0))
    for names, look in looks.items():
        found.setdefault(_label(labels[1:], names[1:], values), _handle(look._replace(color=_GREY)))
    return [(handle, text) for text, handle in found.items()]


def _signs(rows: Sequence[Row], log: bool) -> list[tuple[Any, str]]:
    """Return what of the signs in the picture has to be explained."""
    signs: list[tuple[Any, str]] = []
    seen = [row for row in rows if _kind(row, log) == "seen"]
    if any(_number(row, "ci_upper") is not None for row in seen):
        levels = {row.get("confidence") for row in seen}
        level = levels.pop() if len(levels) == 1 else None
        bar = _handle(_Look(_GREY, "|", "none"), size=6.5)
        signs.append((bar, f"{100 * level:.4g} % interval" if level else "interval"))
    if any(_kind(row, log) == "none" for row in rows):
        arrow = _handle(_Look(_GREY, _arrow(0.5), "none"), size=7.0)
        signs.append((arrow, "nothing blocked: upper bound"))
    if any(_kind(row, log) and not row["complete"] for row in rows):
        signs.append((_handle(_Look(_GREY, "o", "none"), hollow=True), "still running"))
    if lost := sum(not _kind(row, log) for row in rows):
        points = f"{lost} {'point' if lost == 1 else 'points'}"
        signs.append((_handle(_Look("none", "none", "none")), f"{points} without a value"))
    return signs


def _kind(row: Row, log: bool) -> str:
    """Return what is drawn of a row: an estimate, a bound because nothing was blocked, or nothing."""
    estimate = _number(row, "estimate")
    if estimate is None:
        return ""
    if estimate > 0 or not log:
        return "seen"
    return "none" if estimate == 0 and _number(row, "ci_upper") else ""


# Drawing


def _draw_panel(
    place: "Axes",
    curves: Mapping[Names, Sequence[Row]],
    looks: Mapping[Names, _Look],
    log: bool,
    width: float,
) -> None:
    """width: of the panel, in points, about."""
    at_load: dict[float, list[Row]] = {}
    whose: dict[int, Names] = {}
    rows = [row for of_curve in curves.values() for row in of_curve if _kind(row, log)]
    loads = {float(row["erlang"]) for row in rows}
    apart = width / max(1, len(loads))
    size = max(1.8, min(_MARKER, 0.5 * apart))
    if log:
        place.set_yscale("log", nonpositive="clip")  # a bar that reaches zero goes on to the edge
    for names, unsorted in curves.items():
        look = looks[names]
        of_curve = sorted(unsorted, key=lambda row: float(row["erlang"]))
        seen = [row for row in of_curve if _kind(row, log) == "seen"]
        for row in of_curve:
            if _kind(row, log):
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
        _draw_intervals(place, seen, look)
        for complete in (True, False):
            points = [row for row in seen if bool(row["complete"]) is complete]
            if points:
                _draw_points(place, points, "estimate", look, size, complete=complete)
    if log:
        for together in at_load.values():
            for row, shift in _side_by_side(together, size, apart):
                _draw_bound(place, row, looks[whose[id(row)]], size, shift)
    _scale_loads(place, rows)
    _grid(place)


def _draw_points(
    place: "Axes",
    rows: Sequence[Row],
    column: str,
    look: _Look,
    size: float,
    *,
    complete: bool,
    **options: Any,
) -> None:
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


def _draw_intervals(place: "Axes", rows: Sequence[Row], look: _Look) -> None:
    ends = [
        (float(row["erlang"]), float(row["estimate"]), lower, upper)
        for row in rows
        if (lower := _number(row, "ci_lower")) is not None
        and (upper := _number(row, "ci_upper")) is not None
    ]
    if not ends:
        return
    loads, means, lowers, uppers = zip(*ends, strict=True)
    if len(loads) > _MOST_BARS:
        place.fill_between(loads, lowers, uppers, color=look.color, alpha=0.2, linewidth=0)
        return
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


def _side_by_side(rows: Sequence[Row], size: float, apart: float) -> list[tuple[Row, float]]:
    """Return the bounds at one load, and how many points each is moved so that none hides another.

    rows: all at the load. size: of a marker. apart: the distance to the next load, in points.
    """
    height = {id(row): float(row["estimate"] or row["ci_upper"]) for row in rows}
    groups: list[list[Row]] = []
    for row in sorted(rows, key=lambda row: height[id(row)]):
        if groups and height[id(row)] <= 1.25 * height[id(groups[-1][-1])]:
            groups[-1].append(row)
        else:
            groups.append([row])
    moved = []
    for group in groups:
        bounds = [row for row in group if row["estimate"] == 0]
        step = min(1.15 * size, 0.6 * apart / len(group))
        # Estimates stay where they are: bounds beside them begin at their right.
        first = -(len(bounds) - 1) / 2 if len(bounds) == len(group) else 1.0
        moved += [(row, (first + number) * step) for number, row in enumerate(bounds)]
    return moved


def _draw_bound(place: "Axes", row: Row, look: _Look, size: float, shift: float) -> None:
    from matplotlib.transforms import ScaledTranslation

    figure = place.get_figure(root=True)
    assert figure is not None
    aside = place.transData + ScaledTranslation(shift / 72, 0, figure.dpi_scale_trans)
    options = {"transform": aside, "clip_on": False}
    arrow = look._replace(marker=_arrow())
    _draw_points(place, [row], "ci_upper", arrow, 4 * size, complete=True, **options)
    complete = bool(row["complete"])
    _draw_points(place, [row], "ci_upper", look, size, complete=complete, **options)


def _draw_cell(place: "Axes", at: tuple[int, int], row: Row, color: Any, *, upward: bool) -> "Text":
    """Draw a cell and return its number. color: None where nothing was blocked; upward: as the axis."""
    from matplotlib.patches import Rectangle

    corner = at[0] - 0.5, at[1] - 0.5
    ink, paper = "black", None
    if color is None:
        bound = _number(row, "ci_upper")
        text = f"<{_short(bound)}" if bound else "0"
        paper = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
        hatched = Rectangle(corner, 1, 1, facecolor="white", edgecolor="0.7", hatch=_HATCH, lw=0)
        place.add_patch(hatched)
        color = "none"
    else:
        text = _short(float(row["estimate"]))
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


def _arrow(start: float = 0.0) -> Any:
    """Return a marker: an arrow down from its point, or from above it."""
    from matplotlib.path import Path as Outline

    end = start - 1
    return Outline(
        [(0, start), (0, end), (-0.22, end + 0.32), (0, end), (0.22, end + 0.32)],
        [Outline.MOVETO, Outline.LINETO, Outline.MOVETO, Outline.LINETO, Outline.LINETO],
    )


def _handle(
    look: _Look, *, hollow: bool = False, size: float = _MARKER, width: float = 1.1
) -> "Line2D":
    from matplotlib.lines import Line2D

    return Line2D(
        [],
        [],
        color=look.color,
        marker=look.marker,
        linestyle=look.line,
        markersize=size,
        markeredgewidth=0.8,
        linewidth=width,
        markerfacecolor="white" if hollow else look.color,
    )


def _scale(place: "Axes", rows: Sequence[Row]) -> None:
    """Set the limits of a log axis: all points, intervals to a decade down, and room for arrows."""
    ends: list[float] = []
    for row in rows:
        if kind := _kind(row, log=True):
            ends += [value for n in ("estimate", "ci_upper") if (value := _number(row, n))]
            if kind == "seen" and (lower := _number(row, "ci_lower")) is not None:
                ends.append(max(lower, float(row["estimate"]) / 10))
    if not ends:
        place.set_ylim(1e-6, 1)
        return
    low, high = math.log10(min(ends)), math.log10(max(ends))
    bounded = any(_kind(row, log=True) == "none" for row in rows)
    room = max(high - low, 0.5)
    place.set_ylim(10 ** (low - (0.16 if bounded else 0.05) * room), 10 ** (high + 0.05 * room))


def _scale_loads(place: "Axes", rows: Sequence[Row]) -> None:
    """Set the limits of the loads: points that are moved aside do not set them by themselves."""
    loads = [float(row["erlang"]) for row in rows]
    if loads:
        room = 0.07 * (max(loads) - min(loads)) or 0.1 * max(loads)
        place.set_xlim(min(loads) - room, max(loads) + room)


def _scale_around_zero(place: "Axes", ends: Sequence[float]) -> None:
    """Set scale and limits of differences: linear around zero and logarithmic beyond if they need it."""
    low, high = min(0.0, *ends), max(0.0, *ends)
    sizes = sorted(abs(end) for end in ends if end)
    if sizes and sizes[-1] > 300 * sizes[len(sizes) // 4]:
        place.set_yscale("symlog", linthresh=10 ** math.floor(math.log10(sizes[len(sizes) // 4])))
        place.set_ylim(1.8 * low or -sizes[0], 1.8 * high or sizes[0])
    else:
        room = 0.06 * (high - low) or 1.0
        place.set_ylim(low - room, high + room)
        place.ticklabel_format(axis="y", scilimits=(-2, 3), useMathText=True)


def _grid(place: "Axes") -> None:
    place.grid(True, which="major", color="0.87", linewidth=0.5)


def _title(figure: "Figure", title: str) -> None:
    if title:
        letters = int(figure.get_figwidth() * 72 / 4.9)
        text = textwrap.fill(title, letters)
        figure.suptitle(_plain(text), fontsize=9, x=0.01, ha="left")


def _legend(figure: "Figure", handles: Sequence[tuple[Any, str]]) -> None:
    """Put the legend below the axes, in as many columns as fit, and make the figure higher by it."""
    if not handles:
        return
    room = figure.get_figwidth() * 72 - 8
    sign = 3.4 * _SMALL
    texts = [_wrapped(text, room - sign) for _, text in handles]
    widths = [_width(text, _SMALL) + sign for text in texts]
    columns = next(
        columns
        for columns in range(min(len(texts), 8), 0, -1)
        if columns == 1
        or sum(map(max, _shared_out(widths, columns))) + 1.4 * _SMALL * (columns - 1) <= room
    )
    heights = [text.count("\n") + 1.4 for text in texts]
    lines = max(map(sum, _shared_out(heights, columns)))
    figure.set_figheight(figure.get_figheight() + (lines * 1.1 * _SMALL + 8) / 72)
    figure.legend(
        [handle for handle, _ in handles],
        [_plain(text) for text in texts],
        loc="outside lower center",
        ncols=columns,
        frameon=False,
        fontsize=_SMALL,
        handlelength=2.7,
        handletextpad=0.6,
        columnspacing=1.4,
        labelspacing=0.35,
        borderaxespad=0.2,
    )


def _shared_out(values: Sequence[float], columns: int) -> list[list[float]]:
    """Return the values of each column of a legend; the first ones have one more."""
    each, more = divmod(len(values), columns)
    starts = [number * each + min(number, more) for number in range(columns + 1)]
    return [list(values[start:end]) for start, end in pairwise(starts)]


def _wrapped(text: str, room: float) -> str:
    """Return a text in lines that are no wider than the room, in points."""
    width = _width(text, _SMALL)
    return (
        text if width <= room else textwrap.fill(text, max(8, int(0.92 * len(text) * room / width)))
    )


def _width(text: str, size: float) -> float:
    """Return the width of a text in points."""
    from matplotlib.textpath import TextPath

    return max(
        float(TextPath((0, 0), line or " ", size=size).get_extents().width)
        for line in _plain(text).split("\n")
    )


def _fit(figure: "Figure", place: "Axes", texts: Sequence[Any]) -> None:
    """Make numbers as small as their cells need, or leave them out; turn words that are too long."""
    figure.draw_without_rendering()
    cell = _cell(figure, place)
    names = [label.get_text() for label in place.get_xticklabels()]
    if names and max(_width(name, _SMALL) for name in names) > 0.95 * cell[0]:
        if _is_numeric(names):
            widest = max(_width(name, _SMALL) for name in names)
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
    widest = max(_width(text.get_text(), 1.0) for text in texts)
    size = min(7.5, 0.9 * cell[0] / widest, 0.6 * cell[1])
    for text in texts:
        text.set_fontsize(size)
        text.set_visible(size >= 5.0)


def _cell(figure: "Figure", place: "Axes") -> tuple[float, float]:
    box = place.get_window_extent()
    across, up = place.get_xlim(), place.get_ylim()
    points = 72 / figure.dpi
    return (
        box.width * points / abs(across[1] - across[0]),
        box.height * points / abs(up[1] - up[0]),
    )


def _span(values: Sequence[float]) -> tuple[float, float]:
    if not values:
        return 1e-6, 1.0
    low, high = min(values), max(values)
    return (low, high) if low < high else (low * 0.5 or -0.5, high * 2 or 0.5)


def _excludes_zero(row: Row) -> bool:
    lower, upper = _number(row, "ci_lower"), _number(row, "ci_upper")
    return lower is not None and upper is not None and (lower > 0 or upper < 0)
