"""Which bit rates are blocked: blocking probability over the bit rate, a curve for each load."""

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from fusion_flows.pictures.legend import put_legend, put_title
from fusion_flows.pictures.marks import MOST_BARS, draw_intervals
from fusion_flows.pictures.rows import Row, finite
from fusion_flows.pictures.scales import grid_of, scale_blocking, scale_loads
from fusion_flows.pictures.style import COLUMN, GREY, MARKER, STYLE, Look, handle, looks_of
from fusion_flows.pictures.words import BIT_RATE, named

_MOST_LOADS = 5
_METRIC = "blocking_probability"


def bit_rate_figure(rows: Sequence[Row], confidence: float, title: str) -> Figure:
    """Draw blocking over bit rate at up to five loads, with intervals.

    rows: of bit_rates.csv. Bit rates of which nothing is blocked at a load are left out of its curve, as
    their bounds say little; the legend says so.
    """
    loads = sorted({float(row["erlang"]) for row in rows})
    if len(loads) > _MOST_LOADS:
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
        is_band = False
        for load, look in zip(loads, looks.values(), strict=True):
            of_load = [row for row in seen if row["load"] == load]
            if not of_load:
                continue
            place.plot(
                [row["erlang"] for row in of_load],
                [row["estimate"] for row in of_load],
                color=look.color,
                linestyle=look.line,
                linewidth=1.1,
                marker=look.marker,
                markersize=MARKER * (1.0 if len(of_load) < 15 else 0.6),
                label=f"{load:g}",
            )
            draw_intervals(place, of_load, look)
            is_band |= len(of_load) > MOST_BARS
            handles.append((handle(look), f"{load:g} E"))
        scale_blocking(place, seen)
        scale_loads(place, points)
        place.set_xlabel(BIT_RATE)
        place.set_ylabel(named(_METRIC))
        grid_of(place)
        if seen:
            band = Patch(facecolor=GREY, alpha=0.3)
            bar = handle(Look(GREY, "|", "none"), size=6.5)
            handles.append((band if is_band else bar, f"{100 * confidence:.4g} % interval"))
        else:
            place.text(0.5, 0.5, "nothing blocked", ha="center", transform=place.transAxes)
        if 0 < len(seen) < len(points):
            handles.append((handle(Look("none", "none", "none")), "left out: nothing blocked"))
        put_title(figure, title)
        put_legend(figure, handles)
    return figure
