"""Which bit rates are blocked: blocking probability over the bit rate, a curve for each load."""

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from fusion_flows.pictures.legend import put_legend, put_title
from fusion_flows.pictures.marks import draw_bars
from fusion_flows.pictures.rows import Row, finite, has_many_bit_rates
from fusion_flows.pictures.scales import grid_of, scale_blocking, scale_loads
from fusion_flows.pictures.style import COLUMN, GREY, MARKER, STYLE, Look, handle, looks_of
from fusion_flows.pictures.words import BIT_RATE, named

_MOST_LOADS = 5
_METRIC = "blocking_probability"


def bit_rate_figure(rows: Sequence[Row], confidence: float, title: str) -> Figure:
    """Draw blocking over bit rate at up to five loads, with intervals.

    rows: of bit_rates.csv. Bit rates of which nothing is blocked at a load are left out of its curve, as
    their bounds say little; the legend says so. Of many bit rates each has few requests, and curves would
    be noise over noise: then it is the points of the highest load alone, unconnected.
    """
    loads = sorted({float(row["erlang"]) for row in rows})
    is_many = has_many_bit_rates(rows)
    if is_many:
        loads = loads[-1:]
    elif len(loads) > _MOST_LOADS:
        chosen = np.linspace(0, len(loads) - 1, _MOST_LOADS).round().astype(int)
        loads = [loads[place] for place in chosen]
    looks = looks_of([(f"{load:g}",) for load in loads])
    points = [
        {
            "erlang": row["bit_rate_gbps"],
            "estimate": row[_METRIC],
            "ci_lower": row[f"{_METRIC}_ci_lower"],
            "ci_upper": row[f"{_METRIC}_ci_upper"],
            "load": float(row["erlang"]),
        }
        for row in rows
        if float(row["erlang"]) in loads
    ]
    seen = [row for row in points if (finite(row, "estimate") or 0) > 0]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN, 2.5), layout="constrained")
        place = figure.add_subplot()
        place.set_yscale("log", nonpositive="clip")
        handles: list[tuple[Any, str]] = []
        for load, look in zip(loads, looks.values(), strict=True):
            of_load = [row for row in seen if row["load"] == load]
            if not of_load:
                continue
            place.plot(
                [row["erlang"] for row in of_load],
                [row["estimate"] for row in of_load],
                color=look.color,
                linestyle="none" if is_many else look.line,
                linewidth=1.1,
                marker=look.marker,
                markersize=MARKER * (0.6 if is_many else 1.0),
                label=f"{load:g}",
            )
            draw_bars(place, of_load, look)
            shown = look._replace(line="none") if is_many else look
            handles.append((handle(shown), f"{load:g} E"))
        scale_blocking(place, seen)
        scale_loads(place, points)
        place.set_xlabel(BIT_RATE)
        place.set_ylabel(named(_METRIC))
        grid_of(place)
        if seen:
            bar = handle(Look(GREY, "|", "none"), size=6.5)
            handles.append((bar, f"{100 * confidence:.4g} % interval"))
        else:
            place.text(0.5, 0.5, "nothing blocked", ha="center", transform=place.transAxes)
        if 0 < len(seen) < len(points):
            handles.append((handle(Look("none", "none", "none")), "left out: nothing blocked"))
        put_title(figure, title)
        put_legend(figure, handles)
    return figure
