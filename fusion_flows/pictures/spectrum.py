"""The spectrum at one moment: a row for each link, a column for each slot, a colour for each lightpath."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import matplotlib
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from fusion_flows.pictures.legend import put_legend, put_title, width_of
from fusion_flows.pictures.rows import Row, link_of
from fusion_flows.pictures.style import LOOKS, PAGE, SMALL, STYLE
from fusion_flows.pictures.words import BIT_RATE, plain

COLORINGS = {
    "lightpath": "lightpath",
    "modulation": "modulation",
    "bit_rate_gbps": BIT_RATE,
}
"""Column of spectrum.csv that colours it -> what it is called."""

_ROW = 0.155  # inches of a link
_HIGHEST = 8.6  # inches
_HIGH = 0.8  # of a row is filled
_GUARD = 0.35  # opacity
_HATCH = "//////"
_LINE_COLORS = [look.color for look in LOOKS[1:]]  # black is too much of the picture
_MOST_SIGNS = 16


class Band(NamedTuple):
    """A band of all links, in one core."""

    name: str
    slots: int


def spectrum_figure(
    rows: Sequence[Row],
    links: Sequence[tuple[str, str, str]],
    bands: Sequence[Band],
    title: str,
    *,
    color: str = "lightpath",
    arrows: bool = False,
) -> Figure:
    """Draw which slots of which link are taken at one moment, in one core.

    rows: those of spectrum.csv of this core. links: (source, destination, name), the
    first at the top; the name is empty where the nodes name the link. bands: side
    by side, the first on the left. color: the column that colours a lightpath, one of COLORINGS; `lightpath`
    gives two that touch different colours. arrows: whether each direction of a link has a row.
    """
    signs = _signs(rows, color)
    between = " → " if arrows else " – "
    names = [
        plain(f"{source}{between}{destination}{name and f', {name}'}")
        for source, destination, name in links
    ]
    height = min(_ROW * len(links), _HIGHEST)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, height + 0.75), layout="constrained")
        places = figure.subplots(
            1,
            len(bands),
            squeeze=False,
            sharey=True,
            width_ratios=[band.slots for band in bands],
        )[0]
        for place, band in zip(places, bands, strict=True):
            of_band = [row for row in rows if row["band"] == band.name]
            _draw(place, of_band, links, color, signs)
            place.set(xlim=(0, band.slots), ylim=(len(links), 0), xlabel="slot")
            if len(bands) > 1:
                place.set_title(f"{band.name.upper()} band")
            place.spines[:].set_visible(False)
            place.tick_params(axis="y", length=0)
        every = _every(names, 72 * height / len(links))
        places[0].set_yticks([at + 0.5 for at in range(0, len(links), every)], names[::every])
        put_title(figure, title)
        put_legend(figure, _legend(rows, color, signs))
    return figure


def _every(names: Sequence[str], room: float) -> int:
    """Return each how many rows has its name. room: points of a row."""
    high = 1.05 * SMALL
    return max(1, -int(-high // room)) if names and width_of(names[0], SMALL) else 1


def _draw(
    place: Axes,
    rows: Sequence[Row],
    links: Sequence[tuple[str, str, str]],
    color: str,
    signs: Mapping[Any, Any],
) -> None:
    place.axhspan(0, len(links), color="0.955", linewidth=0, zorder=0)
    for at in range(len(links) + 1):
        place.axhline(at, color="white", linewidth=1.2, zorder=1)
    number = {link: at for at, link in enumerate(links)}
    for is_backup in (False, True):
        for guard in (False, True):
            boxes, colors = [], []
            for row in rows:
                if (row["role"] == "backup") == is_backup:
                    start = row["first_slot"] + (row["slots"] if guard else 0)
                    wide = row["guard_slots" if guard else "slots"]
                    top = number[link_of(row)] + (1 - _HIGH) / 2
                    boxes.append(_box(start, wide, top))
                    colors.append(signs[row[color]])
            pieces = PolyCollection(
                boxes,
                facecolors="none" if is_backup else colors,
                edgecolors=colors if is_backup else "white",
                linewidths=0.3,
                hatch=_HATCH if is_backup and not guard else None,
                alpha=_GUARD if guard else 1.0,
                rasterized=len(boxes) > 10_000,
                zorder=2,
            )
            place.add_collection(pieces)


def _box(start: int, wide: int, top: float) -> list[tuple[float, float]]:
    left, right, bottom = start, start + wide, top + _HIGH
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _signs(rows: Sequence[Row], color: str) -> dict[Any, Any]:
    """Return the colour of each value of the column that colours."""
    if color == "lightpath":
        return _apart(rows)
    values = sorted({row[color] for row in rows})
    if len(values) <= len(_LINE_COLORS):
        return dict(zip(values, _LINE_COLORS, strict=False))
    scale = matplotlib.colormaps["viridis"]
    return {value: scale(at / (len(values) - 1)) for at, value in enumerate(values)}


def _apart(rows: Sequence[Row]) -> dict[Any, Any]:
    """Return a colour for each lightpath, another than those of its neighbours where the colours suffice."""
    neighbours = defaultdict(set)
    for one, other in _touching(rows):
        neighbours[one].add(other)
        neighbours[other].add(one)
    place: dict[Any, int] = {}
    for each in sorted({row["lightpath"] for row in rows}):
        taken = [place[other] for other in neighbours[each] if other in place]
        used = {at: taken.count(at) for at in range(len(_LINE_COLORS))}
        # From another colour each time, so that all are seen about as often.
        place[each] = min(used, key=lambda at: (used[at], (at - each) % len(used)))
    return {each: _LINE_COLORS[at] for each, at in place.items()}


def _touching(rows: Sequence[Row]) -> Iterator[tuple[Any, Any]]:
    """Yield pairs of lightpaths with nothing between them on some link."""
    of_link = defaultdict(list)
    for row in rows:
        of_link[*link_of(row), row["band"]].append((row["first_slot"], row["lightpath"]))
    for placed in of_link.values():
        for (_, one), (_, other) in pairwise(sorted(placed)):
            if one != other:
                yield one, other


def _legend(rows: Sequence[Row], color: str, signs: Mapping[Any, Any]) -> list[tuple[Any, str]]:
    handles: list[tuple[Any, str]] = []
    if color != "lightpath" and len(signs) <= _MOST_SIGNS:
        unit = " Gb/s" if color == "bit_rate_gbps" else ""
        for value, sign in signs.items():
            text = f"{value:g}" if isinstance(value, float) else str(value)
            handles.append((Patch(facecolor=sign), f"{text}{unit}"))
    if any(row["guard_slots"] for row in rows):
        handles.append((Patch(facecolor="0.35", alpha=_GUARD), "guard band"))
    if any(row["role"] == "backup" for row in rows):
        sign = Patch(facecolor="white", edgecolor="0.35", hatch=_HATCH, linewidth=0.3)
        handles.append((sign, "backup"))
    return [*handles, (Patch(facecolor="0.93"), "free")]
