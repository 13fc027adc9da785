"""Points to draw, and what is seen in a figure."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, product
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fusion_flows.pictures.curves import sweep_figure

Row = dict[str, Any]
METRIC = "blocking_probability"
LOADS = (100.0, 200.0, 300.0, 400.0)
BOUND = 3e-6


def point(erlang: float, estimate: float | None, **axes: Any) -> Row:
    seen = bool(estimate)
    return {
        **axes,
        "erlang": erlang,
        "metric": METRIC,
        "estimate": estimate,
        "ci_lower": estimate * 0.8 if seen and estimate else 0.0,
        "ci_upper": estimate * 1.3 if seen and estimate else BOUND,
        "replications": 10,
        "confidence": 0.95,
        "complete": True,
        "key": "",
    }


def sweep(
    axes: Mapping[str, Sequence[Any]], loads: Callable[[Row], Sequence[float]] = lambda _: LOADS
) -> list[Row]:
    """Return points of all combinations; at the lowest load nothing is blocked, the next is running."""
    rows = []
    for number, values in enumerate(product(*axes.values())):
        assignment = dict(zip(axes, values, strict=True))
        for place, load in enumerate(loads(assignment)):
            estimate = 0.0 if place == 0 else 10.0 ** (place - 6) / (1 + 0.3 * number)
            rows.append({**point(load, estimate, **assignment), "complete": place != 1})
    return rows


def draw(rows: Sequence[Row], *axes: str) -> Figure:
    return tidy(sweep_figure(rows, [*axes, "erlang"], METRIC, "a sweep"))


def tidy(figure: Figure) -> Figure:
    """Draw a figure for real: nothing warns, touches, or lies outside; points are within their axes."""
    canvas = FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        canvas.draw()
    renderer = canvas.get_renderer()
    parts: list[Any] = [*figure.axes, *figure.legends, *figure.texts]
    if figure.get_suptitle():
        parts.append(figure._suptitle)
    boxes = [(part, part.get_tightbbox(renderer)) for part in parts]
    for part, box in boxes:
        inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= figure.bbox.x1 + 1
        assert inside, f"{part} sticks out"
        assert box.y1 <= figure.bbox.y1 + 1, f"{part} sticks out at the top"
    for (one, box), (other, its) in combinations(boxes, 2):
        if one is not other:
            apart = min(box.x1, its.x1) <= max(box.x0, its.x0) + 1 or (
                min(box.y1, its.y1) <= max(box.y0, its.y0) + 1
            )
            assert apart, f"{one} covers {other}"
    for place in figure.axes:
        area = place.get_window_extent(renderer).padded(1)
        for line in place.lines:
            if line.get_marker() in ("o", "s", "^", "D", "v", "P", "X", "p"):
                for spot in line.get_transform().transform(line.get_xydata()):
                    assert area.contains(*spot), "a point outside its axes"
    return figure


def said(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def lines(place: Axes) -> list[Line2D]:
    """Return the lines through the estimates."""
    return [
        line for line in place.lines if line.get_linewidth() == 1.1 and line.get_marker() == "None"
    ]


def spots(place: Axes) -> dict[tuple[float, float], str]:
    """Return the colour that fills each marker, by where it is."""
    found = {}
    for line in place.lines:
        if isinstance(line.get_marker(), str) and line.get_marker() not in ("None", "_", "|"):
            for x, y in line.get_xydata():
                found[float(x), float(y)] = to_hex(line.get_markerfacecolor())
    return found


def signs(figure: Figure) -> list[str]:
    """Return the colour that fills each sign of the legend, for those with a marker."""
    handles = [handle for legend in figure.legends for handle in legend.legend_handles]
    return [
        to_hex(handle.get_markerfacecolor())
        for handle in handles
        if isinstance(handle, Line2D) and handle.get_marker() in ("o", "s", "^", "D")
    ]
