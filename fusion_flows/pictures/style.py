"""The style of all pictures: sizes, and how curves are told apart.

Sizes are those of a page with two columns, so that nothing is scaled and 7 points stay 7 points.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import matplotlib
from matplotlib.lines import Line2D

from fusion_flows.pictures.rows import Names

COLUMN, PAGE = 3.5, 7.16
"""Inches: width of a column and of the text of a page."""

SMALL = 7.0
"""Points: the smallest text."""

MARKER = 4.2
GREY = "0.35"
STYLE: dict[Any, Any] = {
    "font.size": 8.0,
    "axes.titlesize": 8.0,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "hatch.linewidth": 0.5,
    "pdf.fonttype": 42,  # publishers refuse type 3
    "ps.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "fusion",
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
}


class Look(NamedTuple):
    """How a curve is drawn."""

    color: Any
    marker: str
    line: Any


# Told apart by all kinds of sight and in grey: any two are 7 of 100 steps of lightness apart.
LOOKS = (
    Look("#000000", "o", "-"),
    Look("#E69F00", "s", "--"),
    Look("#0072B2", "^", "-."),
    Look("#882255", "D", (0, (1, 1.2))),
    Look("#D55E00", "v", (0, (5, 1.2, 1, 1.2, 1, 1.2))),
    Look("#CC79A7", "P", (0, (3, 1.2))),
    Look("#332288", "X", (0, (7, 1.8))),
    Look("#88CCEE", "p", (0, (2, 1, 4, 1))),
)


def looks_of(curves: Sequence[Names]) -> dict[Names, Look]:
    """Return how each curve is drawn. Too many to tell apart: a colour for each value of the first axis."""
    if len(curves) <= len(LOOKS):
        return dict(zip(curves, LOOKS, strict=False))
    firsts = list(dict.fromkeys(names[0] for names in curves))
    rests = list(dict.fromkeys(names[1:] for names in curves))
    colors = _colors(len(firsts))
    looks = {}
    for names in curves:
        first = firsts.index(names[0])
        rest = rests.index(names[1:]) if len(rests) > 1 else first
        turn = rest // len(LOOKS)
        looks[names] = Look(
            colors[first],
            LOOKS[rest % len(LOOKS)].marker,
            LOOKS[(rest + turn) % len(LOOKS)].line,
        )
    return looks


def _colors(count: int) -> list[Any]:
    if count <= len(LOOKS):
        return [look.color for look in LOOKS[:count]]
    colors = matplotlib.colormaps["viridis"]
    return [colors(0.92 * n / (count - 1)) for n in range(count)]


def handle(look: Look, *, hollow: bool = False, size: float = MARKER, width: float = 1.1) -> Line2D:
    """Return the sign of a curve in a legend."""
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
