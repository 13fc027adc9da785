"""How an estimate settles: the mean of the first n replications with its interval, over n."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from fusion.results.statistics import blocking_estimate
from fusion_flows.pictures.legend import put_legend, put_title
from fusion_flows.pictures.rows import Row
from fusion_flows.pictures.scales import grid_of
from fusion_flows.pictures.style import COLUMN, GREY, PAGE, STYLE

_MOST_PANELS = 3
_MOST_STEPS = 40  # of a curve
_MOST_NAMED = 5  # of the loads that are left out


def convergence_figure(rows: Sequence[Row], confidence: float, title: str) -> Figure:
    """Draw, for up to three loads, the blocking probability of the first n replications over n.

    rows: of replications.csv, in their order. A panel is a load, its lines end in what points.csv says: loads
    are left out evenly where there are more, and those without two replications or where nothing is
    blocked.
    """
    shown, missing = _chosen(_by_load(rows)), left_out(rows)
    wide = max(1, len(shown))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(PAGE if wide > 1 else COLUMN, 1.95), layout="constrained")
        grid = figure.subplots(1, wide, squeeze=False).ravel()
        for number, (place, (load, counts)) in enumerate(zip(grid, shown.items(), strict=False)):
            _draw_panel(place, *counts, confidence)
            place.set_title(f"{load:g} E", loc="left")
            place.set_xlabel("replications")
            if number == 0:
                place.set_ylabel("blocking\nprobability")
        if not shown:
            grid[0].text(0.5, 0.5, "no results", ha="center", transform=grid[0].transAxes)
            grid[0].set(xticks=[], yticks=[])
        put_title(figure, title)
        if shown:
            handles: list[tuple[Any, str]] = [
                (Line2D([], [], color="black", linewidth=1.1), "mean so far"),
                (Patch(facecolor=GREY, alpha=0.3), f"{100 * confidence:.4g} % interval"),
                (Line2D([], [], color=GREY, linewidth=0.8, linestyle=(0, (4, 2))), "at the end"),
            ]
            if missing:
                handles.append((Line2D([], [], linestyle="none"), missing))
            put_legend(figure, handles)
    return figure


def left_out(rows: Sequence[Row]) -> str:
    """Return which loads the picture leaves out, and why; nothing where it has all of them.

    rows: of replications.csv.
    """
    counts: dict[float, list[int]] = {}
    for row in rows:
        counts.setdefault(float(row["erlang"]), []).append(row["blocked"])
    drawn = _by_load(rows)
    shown = _chosen(drawn)
    reasons: dict[str, list[float]] = {}
    for load, blocked in sorted(counts.items()):
        if load not in drawn:
            why = "nothing is blocked" if sum(blocked) == 0 else "one replication"
            reasons.setdefault(why, []).append(load)
        elif load not in shown:
            reasons.setdefault(f"{_MOST_PANELS} loads at most are drawn", []).append(load)
    told = [f"{_loads(loads)} ({why})" for why, loads in reasons.items()]
    return f"left out: {', '.join(told)}" if told else ""


def _loads(loads: Sequence[float]) -> str:
    if len(loads) > _MOST_NAMED:
        return f"{len(loads)} loads from {loads[0]:g} to {loads[-1]:g} E"
    return f"{', '.join(f'{load:g}' for load in loads)} E"


def _by_load(rows: Sequence[Row]) -> dict[float, tuple[Any, Any]]:
    """Return blocked and all requests of each replication, for loads where there is something to see."""
    found: dict[float, list[tuple[int, int]]] = {}
    for row in rows:
        found.setdefault(float(row["erlang"]), []).append((row["blocked"], row["requests"]))
    return {
        load: (blocked, requests)
        for load, counts in sorted(found.items())
        for blocked, requests in [np.array(counts, dtype=np.float64).T]
        if len(blocked) > 1 and blocked.sum() > 0
    }


def _chosen(loads: Mapping[float, tuple[Any, Any]]) -> dict[float, tuple[Any, Any]]:
    names = list(loads)
    if len(names) > _MOST_PANELS:
        places = np.linspace(0, len(names) - 1, _MOST_PANELS).round().astype(int)
        names = [names[place] for place in places]
    return {name: loads[name] for name in names}


def _draw_panel(place: Axes, blocked: Any, requests: Any, confidence: float) -> None:
    count = len(blocked)
    few = (
        np.geomspace(1, count, _MOST_STEPS).round() if count > _MOST_STEPS else range(1, count + 1)
    )
    steps = sorted({int(n) for n in few})
    estimates = [blocking_estimate(blocked[:n], requests[:n], confidence) for n in steps]
    seen = [(n, one) for n, one in zip(steps, estimates, strict=True) if one.mean > 0]
    place.plot([n for n, _ in seen], [one.mean for _, one in seen], color="black", linewidth=1.1)
    known = [(n, one) for n, one in seen if math.isfinite(one.ci_upper)]
    lowers, uppers = ([one[place] for _, one in known] for place in (1, 2))
    place.fill_between([n for n, _ in known], lowers, uppers, color=GREY, alpha=0.3, linewidth=0)
    last = estimates[-1]
    for end in (last.ci_lower, last.ci_upper):
        place.axhline(end, color=GREY, linewidth=0.8, linestyle=(0, (4, 2)))
    # The first intervals, from two or three replications, would hide all others.
    half = 4.0 * max(last.ci_upper - last.ci_lower, 1e-3 * last.mean)
    means = [one.mean for _, one in seen]
    place.set_ylim(max(0.0, min(*means, last.mean - half)), max(*means, last.mean + half))
    place.set_xlim(min(1, count - 1), count)
    place.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    place.yaxis.set_major_locator(MaxNLocator(4))
    place.ticklabel_format(axis="y", scilimits=(-3, 3))
    grid_of(place)
