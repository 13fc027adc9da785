"""Pictures of a sweep: blocking over load, a curve for each combination of the other axes.

Knows nothing of Prefect.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion.files import write_atomic
from fusion_flows.plots import STYLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Row = Mapping[str, Any]

_MOST_CURVES = 6  # in one panel
_PANELS_WIDE = 3
# Okabe and Ito's colours for all kinds of sight, dark and light in turn, so that grey tells them apart.
_LOOKS = (
    ("#000000", "o", "-"),
    ("#D55E00", "s", "--"),
    ("#0072B2", "^", "-."),
    ("#E69F00", "D", ":"),
    ("#009E73", "v", (0, (5, 1, 1, 1, 1, 1))),
    ("#CC79A7", "P", (0, (3, 1))),
    ("#56B4E9", "X", (0, (1, 1))),
    ("#7F7F7F", "*", (0, (7, 2))),
)
_NAMES = {
    "blocking_probability": "blocking probability",
    "bit_rate_blocking_probability": "bit-rate blocking probability",
}


def sweep_figure(rows: Sequence[Row], axes: Sequence[str], metric: str, title: str) -> "Figure":
    """Draw a metric over load on a log axis, with intervals.

    rows: of points.csv, of this metric; axes: of the sweep, `erlang` the last. Axes with one value are not
    in the labels. An estimate of 0 is an arrow down from its bound, and a point that has not all its
    replications is hollow. More curves than are told apart are split into panels.
    """
    import matplotlib
    from matplotlib.figure import Figure

    varying = [axis for axis in axes[:-1] if len({str(row[axis]) for row in rows}) > 1]
    curves = _by(rows, varying)
    split = _panel_axis(curves, varying)
    panels = _by(rows, [split] if split else [])
    labels = [axis for axis in varying if axis != split]
    wide = min(_PANELS_WIDE, max(1, len(panels)))
    high = -(-max(1, len(panels)) // wide)
    with matplotlib.rc_context(STYLE):
        size = (6.4, 4.4) if len(panels) < 2 else (3.6 * wide + 1.6, 3.2 * high + 0.4)
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(high, wide, sharex=True, sharey=True, squeeze=False).ravel()
        looks = _looks(_by(rows, labels))
        for panel, (place, (names, of_panel)) in enumerate(zip(grid, panels.items(), strict=False)):
            _draw_panel(place, _by(of_panel, labels), looks)
            place.set_title(_label([split], names) if split else title, fontsize=10, loc="left")
            if panel % wide == 0:
                place.set_ylabel(_NAMES.get(metric, metric))
            if panel + wide >= len(panels):
                place.set_xlabel("load (Erlang)")
        for place in grid[len(panels) :]:
            place.set_visible(False)
        if split:
            figure.suptitle(title, fontsize=10.5, x=0.01, ha="left")
        handles = {_label(labels, names): _handle(look) for names, look in looks.items() if labels}
        if handles:
            figure.legend(
                handles.values(),
                handles.keys(),
                loc="outside right upper",
                frameon=False,
                fontsize=9,
            )
    return figure


def _by(rows: Iterable[Row], axes: Sequence[str]) -> dict[tuple[Any, ...], list[Row]]:
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[axis] for axis in axes), []).append(row)
    return groups


def _panel_axis(curves: Mapping[tuple[Any, ...], Any], varying: Sequence[str]) -> str | None:
    """Return the axis that gets a panel for each value: the network, else the one with most values."""
    if len(curves) <= _MOST_CURVES or len(varying) < 2:
        return None
    if "network" in varying:
        return "network"
    counts = [len({names[place] for names in curves}) for place in range(len(varying))]
    return varying[counts.index(max(counts))]


def _looks(curves: Mapping[tuple[Any, ...], Any]) -> dict[tuple[Any, ...], Any]:
    return dict(zip(curves, cycle(_LOOKS), strict=False))


def _label(axes: Sequence[str], names: tuple[Any, ...]) -> str:
    texts = [f"{name:g}" if isinstance(name, float) else str(name) for name in names]
    numbers = [text.replace(".", "").isdigit() or text in ("True", "False") for text in texts]
    return ", ".join(
        f"{axis} = {text}" if number else text
        for axis, text, number in zip(axes, texts, numbers, strict=True)
    )


def _handle(look: Any) -> Any:
    from matplotlib.lines import Line2D

    color, marker, line = look
    return Line2D([], [], color=color, marker=marker, linestyle=line, markersize=4.5, linewidth=1.3)


def _draw_panel(
    place: "Axes", curves: Mapping[tuple[Any, ...], Sequence[Row]], looks: Mapping[Any, Any]
) -> None:
    seen_any = False
    for names, unsorted in curves.items():
        color, marker, line = looks[names]
        rows = sorted(unsorted, key=lambda row: row["erlang"])
        seen = [row for row in rows if row["estimate"]]
        none = [row for row in rows if row["estimate"] == 0 and row["ci_upper"]]
        seen_any = seen_any or bool(seen or none)
        loads = [row["erlang"] for row in seen]
        means = [row["estimate"] for row in seen]
        place.plot(loads, means, color=color, linestyle=line, linewidth=1.3)
        place.fill_between(
            loads,
            [_bound(row, "ci_lower") for row in seen],
            [_bound(row, "ci_upper") for row in seen],
            color=color,
            alpha=0.18,
            linewidth=0,
        )
        for row in seen:
            face = color if row["complete"] else "white"
            place.plot(
                row["erlang"],
                row["estimate"],
                marker=marker,
                markersize=4.5,
                color=color,
                markerfacecolor=face,
                linestyle="none",
            )
        for row in none:
            place.errorbar(
                row["erlang"],
                row["ci_upper"],
                yerr=0.45 * row["ci_upper"],
                uplims=True,
                color=color,
                marker="_",
                markersize=8,
                elinewidth=1.1,
                linestyle="none",
            )
    if seen_any:
        place.set_yscale("log")
    place.grid(True, which="major", color="0.85", linewidth=0.8)
    place.grid(True, which="minor", axis="y", color="0.93", linewidth=0.5)


def _bound(row: Row, name: str) -> float:
    """Return an end of an interval as it can be drawn on a log axis."""
    value = row[name]
    estimate = float(row["estimate"])
    return estimate if value is None else max(float(value), estimate / 10)


def save_with_data(
    figure: "Figure", rows: Sequence[Row], folder: Path, name: str, *, dpi: int = 160
) -> None:
    """Write a figure as PNG, PDF and SVG and its numbers as CSV, each completely or not at all."""
    import matplotlib

    folder.mkdir(parents=True, exist_ok=True)
    no_dates: dict[str, dict[str, Any]] = {
        "png": {"Software": None},
        "pdf": {"CreationDate": None, "Producer": None},
        "svg": {"Date": None},
    }
    with matplotlib.rc_context(STYLE):
        for form, metadata in no_dates.items():
            data = io.BytesIO()
            figure.savefig(data, format=form, dpi=dpi, metadata=metadata)
            write_atomic(folder / f"{name}.{form}", data.getvalue())
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    write_atomic(folder / f"{name}.csv", text.getvalue().encode())
