"""Differences of blocking over load, with their intervals."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from fusion.config.counts import counted
from fusion_flows.pictures.legend import put_legend, put_title
from fusion_flows.pictures.paper import AS_NEEDED, Paper
from fusion_flows.pictures.rows import Row, finite, grouped, values_on
from fusion_flows.pictures.scales import grid_of, scale_around_zero, scale_loads
from fusion_flows.pictures.style import COLUMN, GREY, MARKER, PAGE, STYLE, Look, handle, looks_of
from fusion_flows.pictures.words import load_label


def difference_figure(
    rows: Sequence[Row],
    title: str,
    name: str = "difference of blocking",
    paper: Paper = AS_NEEDED,
) -> Figure:
    """Draw differences over load with their intervals: filled where the interval excludes zero.

    rows: `erlang`, `difference`, `ci_lower` and `ci_upper` (None where there is none), `label` of the
    comparison, and `verdict`, which the legend counts. name: of the axis. Differences of several sizes get
    an axis that is linear around zero and logarithmic beyond. paper: what a paper asks for, but no target.
    """
    groups = grouped(rows, ["label"], {"label": values_on(rows, "label")})
    looks = looks_of(list(groups))
    several = len(groups) > 3
    with matplotlib.rc_context(STYLE):
        figure = Figure(
            figsize=(paper.inches(PAGE if several else COLUMN), 3.0 if several else 2.5),
            layout="constrained",
        )
        place = figure.add_subplot()
        place.axhline(0.0, color="black", linewidth=0.8, zorder=1.5)
        handles: list[tuple[Any, str]] = []
        step = min(5.5, 24.0 / max(1, len(groups)))
        for number, (names, unsorted) in enumerate(groups.items()):
            look = looks[names]
            shift = (number - (len(groups) - 1) / 2) * step / 72
            aside = place.transData + ScaledTranslation(shift, 0, figure.dpi_scale_trans)
            of_label = sorted(unsorted, key=lambda row: float(row["erlang"]))
            for shown in (False, True):
                points = [
                    row
                    for row in of_label
                    if _excludes_zero(row) is shown and finite(row, "difference") is not None
                ]
                means = [float(row["difference"]) for row in points]
                loads = [float(row["erlang"]) for row in points]
                place.vlines(
                    loads,
                    [_or(finite(row, "ci_lower"), row["difference"]) for row in points],
                    [_or(finite(row, "ci_upper"), row["difference"]) for row in points],
                    color=look.color,
                    linewidth=0.9,
                    transform=aside,
                )
                place.plot(
                    loads,
                    means,
                    linestyle="none",
                    marker=look.marker,
                    markersize=MARKER,
                    markeredgewidth=0.8,
                    color=look.color,
                    markerfacecolor=look.color if shown else "white",
                    transform=aside,
                    label=names[0],
                )
            verdicts = Counter(str(row["verdict"]) for row in of_label)
            told = _at_loads(verdicts)
            hollow = not any(map(_excludes_zero, of_label))  # as all of its points are
            sign = handle(look._replace(line="none"), hollow=hollow)
            handles.append((sign, f"{names[0]}: {told}"))
        ends = [
            value
            for row in rows
            for name in ("difference", "ci_lower", "ci_upper")
            if (value := finite(row, name)) is not None
        ]
        if ends:
            scale_around_zero(place, ends)
            scale_loads(place, rows)
        dot = Look(GREY, "o", "none")
        kinds = {_excludes_zero(row) for row in rows}
        if True in kinds:
            handles.append((handle(dot), "interval excludes zero"))
        if False in kinds:
            handles.append((handle(dot, hollow=True), "zero not excluded"))
        place.set_xlabel(load_label(rows))
        place.set_ylabel(name)
        grid_of(place)
        paper.set_limits(place)
        put_title(figure, title)
        put_legend(figure, handles, paper.legend)
    return figure


def _at_loads(verdicts: Mapping[str, int]) -> str:
    """Return at how many loads there is which verdict: `hops blocks less at 2 of 3 loads, ...`."""
    total = counted(sum(verdicts.values()), "load")
    first, *others = verdicts.items()
    told = [f"{first[0]} at {first[1]} of {total}", *(f"{name} at {n}" for name, n in others)]
    return ", ".join(told)


def _excludes_zero(row: Row) -> bool:
    lower, upper = finite(row, "ci_lower"), finite(row, "ci_upper")
    return lower is not None and upper is not None and (lower > 0 or upper < 0)


def _or(value: float | None, other: float) -> float:
    return other if value is None else value
