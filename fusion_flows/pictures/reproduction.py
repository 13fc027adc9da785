"""Published values against ours, with the interval of each: one panel for each study."""

import math
from collections.abc import Mapping, Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from fusion.sweep.reproduction import EXPLAINED, INSIDE, NOT_JUDGED, OUTSIDE, Value
from fusion_flows.pictures.legend import put_legend
from fusion_flows.pictures.scales import grid_of
from fusion_flows.pictures.style import GREY, MARKER, PAGE, STYLE, Look, handle

_LOOKS: Mapping[str, Look] = {
    INSIDE: Look("#0072b2", "o", "none"),
    EXPLAINED: Look("#e69f00", "s", "none"),
    OUTSIDE: Look("#d55e00", "X", "none"),
    NOT_JUDGED: Look(GREY, "o", "none"),
}
_ACROSS = 3
_FLOOR = 1e-5
"""Where a value is drawn that is smaller, such as 0 on a logarithmic axis."""


def reproduction_figure(rows: Sequence[Value], titles: Mapping[str, str]) -> Figure:
    """Draw published values (across) and ours (up), each with its interval; on the line they are equal.

    titles: of the studies, by name; their order is that of the panels.
    """
    with matplotlib.rc_context(STYLE):
        across = min(_ACROSS, len(titles))
        down = math.ceil(len(titles) / across)
        figure = Figure(figsize=(PAGE, 0.5 + 2.3 * down), layout="constrained")
        panels = figure.subplots(down, across, squeeze=False).ravel()
        for panel, (name, title) in zip(panels, titles.items(), strict=False):
            _draw(panel, [row for row in rows if row.study == name], title)
        for panel in panels[len(titles) :]:
            panel.set_axis_off()
        for number, panel in enumerate(panels[: len(titles)]):
            if number + across >= len(titles):  # nothing is below it
                panel.set_xlabel("published blocking")
            if number % across == 0:
                panel.set_ylabel("simulated blocking")
        found = {row.verdict for row in rows}
        signs = [
            (handle(look, hollow=verdict == NOT_JUDGED), verdict)
            for verdict, look in _LOOKS.items()
            if verdict in found
        ]
        put_legend(figure, signs, "below")
    return figure


def _draw(panel: Axes, rows: Sequence[Value], title: str) -> None:
    panel.set_title(title)
    grid_of(panel)
    rows = [row for row in rows if not math.isnan(row.ours)]
    for verdict, look in _LOOKS.items():
        for row in (row for row in rows if row.verdict == verdict):
            x, y = _shown(row.published), _shown(row.ours)
            if not math.isnan(row.lower):
                panel.hlines(
                    y, _shown(row.lower), _shown(row.upper), color=look.color, linewidth=0.7
                )
            panel.vlines(
                x, _shown(row.ci_lower), _shown(row.ci_upper), color=look.color, linewidth=0.7
            )
            if not math.isnan(row.range_lower):
                low, high = _shown(row.range_lower), _shown(row.range_upper)
                panel.vlines(x, low, high, color=look.color, linewidth=3.0, alpha=0.25)
            panel.plot(
                x,
                y,
                linestyle="none",
                marker=look.marker,
                markersize=0.8 * MARKER,
                markeredgewidth=0.6,
                color=look.color,
                markerfacecolor="white" if verdict == NOT_JUDGED else look.color,
            )
    if rows:
        ends = [_shown(each) for row in rows for each in (row.published, row.ours)]
        low = 10.0 ** math.floor(math.log10(min(ends)))
        high = 10.0 ** math.ceil(math.log10(max(ends)))
        panel.plot((low, high), (low, high), color="black", linewidth=0.6, zorder=1.5)
        for set_scale, set_limits in (
            (panel.set_xscale, panel.set_xlim),
            (panel.set_yscale, panel.set_ylim),
        ):
            set_scale("log")
            set_limits(low, high)
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_minor_formatter(NullFormatter())


def _shown(share: float) -> float:
    return max(share, _FLOOR)
