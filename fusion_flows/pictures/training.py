"""How an agent learns: blocking at each evaluation over the steps, with lines for heuristics."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from fusion_flows.pictures.legend import put_legend, put_title
from fusion_flows.pictures.rows import Row
from fusion_flows.pictures.scales import grid_of
from fusion_flows.pictures.style import LOOKS, PAGE, STYLE

_KSP_FF = "KSP-FF"
_THOUSAND, _MILLION = 1e3, 1e6


def training_figure(
    rows: Sequence[Row], heuristics: Mapping[str, Any], confidence: float, title: str
) -> Figure:
    """Draw blocking over steps, with its interval as a band.

    rows: of training.csv, in their order. heuristics: name -> blocking in the same replications; drawn are
    KSP-FF and the one that blocks least.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 2.4), layout="constrained")
        place = figure.subplots()
        steps = [float(row["steps"]) for row in rows]
        means = [float(row["blocking_probability"]) for row in rows]
        handles: list[tuple[Any, str]] = []
        if rows:
            place.plot(steps, means, color=LOOKS[0].color, marker=".", linewidth=1.1)
            known = [row for row in rows if row.get("blocking_probability_ci_upper") is not None]
            place.fill_between(
                [float(row["steps"]) for row in known],
                [float(row["blocking_probability_ci_lower"]) for row in known],
                [float(row["blocking_probability_ci_upper"]) for row in known],
                color=LOOKS[0].color,
                alpha=0.15,
                linewidth=0,
            )
            best = min(range(len(rows)), key=means.__getitem__)
            place.plot([steps[best]], [means[best]], marker="o", color=LOOKS[0].color)
            handles = [
                (Line2D([], [], color=LOOKS[0].color, marker="."), "agent (large dot: the best)"),
                (
                    Patch(facecolor=LOOKS[0].color, alpha=0.15),
                    f"{100 * confidence:.4g} % interval",
                ),
            ]
        else:
            place.text(0.5, 0.5, "no evaluation yet", ha="center", transform=place.transAxes)
        for look, (name, blocking) in zip(LOOKS[1:], _drawn(heuristics), strict=False):
            place.axhline(blocking, color=look.color, linestyle=look.line, linewidth=1.1)
            line = Line2D([], [], color=look.color, linestyle=look.line)
            handles.append((line, f"{name}: {blocking:.3g}"))
        place.set_ylim(*_limits([*means, *(blocking for _, blocking in _drawn(heuristics))]))
        place.set_xlim(left=0.0)
        place.set_xlabel("steps (requests that the agent has decided)")
        place.set_ylabel("blocking probability")
        place.xaxis.set_major_locator(MaxNLocator(6))
        place.xaxis.set_major_formatter(FuncFormatter(_steps_text))
        grid_of(place)
        put_title(figure, title)
        if handles:
            put_legend(figure, handles)
    return figure


def _limits(values: Sequence[float]) -> tuple[float, float]:
    """Return the range of the axis: that of the values, with room for intervals; not below 0."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = 0.15 * (high - low) or 0.1 * high or 1.0
    return max(0.0, low - room), high + room


def _drawn(heuristics: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Return KSP-FF and the best heuristic, which may be the same."""
    if not heuristics:
        return []
    best = min(heuristics, key=lambda name: float(heuristics[name]))
    names = dict.fromkeys(name for name in (_KSP_FF, best) if name in heuristics)
    return [(name, float(heuristics[name])) for name in names]


def _steps_text(value: float, _position: int) -> str:
    if value >= _MILLION:
        return f"{value / _MILLION:g} M"
    return f"{value / _THOUSAND:g} k" if value >= _THOUSAND else f"{value:g}"
