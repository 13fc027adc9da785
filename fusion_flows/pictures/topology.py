"""The picture of a network: nodes, links with their lengths, how full they are, and what blocks most."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import matplotlib
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.markers import MarkerStyle
from matplotlib.transforms import Affine2D

from fusion.network.topology import Topology
from fusion.results.link_statistics import LINK_COLUMNS
from fusion_flows.pictures.courses import Course, beside, course, length, segments, spots_along
from fusion_flows.pictures.files import tell
from fusion_flows.pictures.labels import Box, Room
from fusion_flows.pictures.layout import positions
from fusion_flows.pictures.legend import put_legend, put_title, width_of
from fusion_flows.pictures.rows import Row, finite, link_of
from fusion_flows.pictures.style import COLUMN, PAGE, SMALL, STYLE, Look, handle
from fusion_flows.pictures.words import named, plain

_FEW_NODES = 8  # of a picture that fits a column
_HIGHEST = 0.75  # of the width
_MARGIN = 17.0  # points around the outermost nodes
_INK, _HALO = "0.15", "0.75"
_THIN, _THICK, _BAND = (
    1.4,
    4.6,
    17.0,
)  # points: of the emptiest and the fullest link, and behind them
_ID, _KM = 6.5, 6.2  # points: type in nodes and of lengths
_ALONG = (0.5, 0.42, 0.58, 0.34, 0.66, 0.27, 0.73)
_LONG = 3  # letters of ids that have room in their nodes
_MANY = 60  # links; of more they are thinner
_APART, _NARROW = 9.0, 5.0  # points between parallel links, with results and without
_ARROW, _ARROW_AT = 5.0, 0.78  # points, and the place along the link: beside the lengths

_Link = tuple[str, str, str]
"""Its nodes, and its name where there are several between them."""


class Worst(NamedTuple):
    """The pair of nodes that blocks most, and the way between them."""

    source: str
    destination: str
    path: tuple[str, ...]
    """Nodes of its first candidate path, both ends included; may be empty."""
    told: str
    """How much it blocks, in words."""


def topology_figure(
    topology: Topology,
    title: str,
    *,
    links: Sequence[Row] = (),
    metric: str = "utilisation",
    worst: Worst | None = None,
) -> Figure:
    """Draw a network; with results, its links coloured and as wide as they are full.

    links: rows of links.csv at one load; a link with a row for each direction is two lanes, each on the
    right of its way. Parallel links are drawn side by side. metric: the column that is drawn, one of
    LINK_COLUMNS. Links without a row are thin and grey. Lengths are
    in km where there is room for them, both where the directions of a link differ. Links in one direction
    have an arrow.
    """
    values = {link_of(row): value for row in links if (value := finite(row, metric)) is not None}
    width = COLUMN if len(topology.nodes) <= _FEW_NODES else PAGE
    nodes, size = _boxes(topology, 72 * (width - (0.75 if values else 0.0)) - 6)
    ways = _ways(topology, nodes, _APART if values else _NARROW)
    by_ends = {ends[:2]: way for ends, way in reversed(ways.items())}
    thickest = _THICK * min(1.0, math.sqrt(_MANY / len(topology.links)))
    norm, colors = Normalize(0.0, _top(values.values())), _colors()
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, size[1] / 72 + 0.35), layout="constrained")
        place = figure.add_subplot()
        place.set(xlim=(0, size[0]), ylim=(0, size[1]), aspect="equal")
        place.axis("off")
        for hop in pairwise(worst.path if worst else ()):
            if (band := by_ends.get(hop, by_ends.get(hop[::-1]))) is not None:
                _line(place, band, _HALO, _BAND, 1).set_solid_capstyle("round")
        lengths = _lengths(topology)
        for (ends, way), km in zip(ways.items(), lengths, strict=True):
            _draw_link(place, topology, ends, way, km, values, norm, metric, thickest)
        for way, is_one_way in zip(ways.values(), topology.one_way, strict=False):
            if is_one_way:
                _draw_arrow(place, way)
        left_out = _draw_words(place, topology, nodes, ways, size, worst, bool(values))
        for artist in (*place.lines, *place.texts):
            artist.set_in_layout(False)  # their places are known, and asking each takes its time
        if values:
            scale = figure.colorbar(
                matplotlib.cm.ScalarMappable(norm, colors),
                ax=place,
                label=f"{named(metric)} ({LINK_COLUMNS[metric].scale})",
                aspect=30,
                shrink=0.85,
                pad=0.01,
            )
            scale.outline.set_linewidth(0.5)
        put_title(figure, title)
        put_legend(figure, _signs(topology, values, worst, left_out))
    return figure


def has_room(topology: Topology) -> bool:
    """Tell whether ids are so short that they are written into their nodes."""
    return max(map(len, topology.nodes)) <= _LONG


def _ways(topology: Topology, nodes: dict[str, Box], apart: float) -> dict[_Link, Course]:
    """Return the courses of the links; parallel ones are so many points apart."""
    names = topology.link_names if topology.has_parallel_links else ("",) * len(topology.links)
    groups: dict[tuple[str, str], list[int]] = {}
    links: list[_Link] = []
    for place, ((a, b, _), name) in enumerate(zip(topology.links, names, strict=True)):
        links.append((topology.nodes[a], topology.nodes[b], name))
        groups.setdefault((topology.nodes[min(a, b)], topology.nodes[max(a, b)]), []).append(place)
    found: dict[int, Course] = {}
    for ends, group in groups.items():
        if len(group) == 1:
            found[group[0]] = course(links[group[0]][:2], nodes)
            continue
        middle = course(ends, nodes)
        for number, place in enumerate(group):
            way = beside(middle, apart * (number - (len(group) - 1) / 2))
            found[place] = way if links[place][:2] == ends else way[::-1]
    return {link: found[place] for place, link in enumerate(links)}


def _boxes(topology: Topology, wide: float) -> tuple[dict[str, Box], tuple[float, float]]:
    """Return the nodes in a picture that is so many points wide, and its size."""
    places = positions(topology)
    across = max(x for x, _ in places.values()) or 0.3
    up = max(y for _, y in places.values()) or 0.3
    scale = min((wide - 2 * _MARGIN) / across, _HIGHEST * wide / up)
    left = (wide - scale * across) / 2
    inside = has_room(topology)
    boxes = {}
    for node, (x, y) in places.items():
        side = max(width_of(node, _ID) + 6, 12.0) if inside else 6.0
        boxes[node] = Box(left + scale * x, _MARGIN + scale * y, side, side)
    return boxes, (wide, scale * up + 2 * _MARGIN)


def _colors() -> ListedColormap:
    """Return colours from light to dark, without the lightest, which are lost on white."""
    return ListedColormap(matplotlib.colormaps["viridis_r"]([i / 255 for i in range(8, 256)]))


def _top(values: Iterable[float]) -> float:
    """Return the end of the scale: a tenth that none is above."""
    return max(0.1, math.ceil(10 * max(values, default=1.0) - 1e-9) / 10)


def _draw_link(
    place: Axes,
    topology: Topology,
    ends: _Link,
    way: Course,
    lengths: tuple[float, ...],
    values: Mapping[_Link, float],
    norm: Normalize,
    metric: str,
    thickest: float,
) -> None:
    lanes = [
        (one, value, direction)
        for one, direction in ((ends, 1), ((ends[1], ends[0], ends[2]), -1))
        if (value := values.get(one)) is not None
    ]
    called, name = topology.called, f" ({ends[2]})" if ends[2] else ""
    if not lanes:
        line = _line(place, way, "0.45", 1.0, 2)
        to = "to" if len(lengths) == 1 and any(topology.one_way) else "-"
        back = f", {lengths[1]:g} km back" if len(set(lengths)) > 1 else ""
        tell(line, f"{called(ends[0])} {to} {called(ends[1])}{name}: {lengths[0]:g} km{back}")
        return
    for (source, destination, _), value, direction in lanes:
        share = 1.0 if len(lanes) == 1 else 0.7
        thick = share * (_THIN + (thickest - _THIN) * float(norm(value)))
        lane = way if len(lanes) == 1 else beside(way, direction * (thick / 2 + 0.8))
        color = _colors()(norm(value))
        _line(place, lane, _INK, thick + 0.9, 2)
        line = _line(place, lane, color, thick, 2.1)
        to = "-" if len(lanes) == 1 else "to"
        between = f"{called(source)} {to} {called(destination)}{name}"
        km = lengths[0] if direction > 0 else lengths[-1]
        tell(line, f"{between}: {km:g} km, {named(metric)} {value:.3f}")


def _lengths(topology: Topology) -> list[tuple[float, ...]]:
    """Return km of each link, along it and back; of a link in one direction along it alone."""
    ahead = [km for *_, km in topology.links]
    back = topology.km_back or ahead
    one_way = topology.one_way or (False,) * len(ahead)
    return [
        (there,) if is_one_way else (there, here)
        for there, here, is_one_way in zip(ahead, back, one_way, strict=True)
    ]


def _draw_arrow(place: Axes, way: Course) -> None:
    """Draw a head that points along a link."""
    ((x, y), right), *_ = spots_along(way, (_ARROW_AT,))
    turn = Affine2D().rotate(math.atan2(right[0], -right[1]))
    head = Line2D(
        [x],
        [y],
        linestyle="none",
        marker=MarkerStyle(">", transform=turn),
        markersize=_ARROW,
        color=_INK,
        zorder=2.5,
    )
    place.add_line(head)
    tell(head, "in this direction only")


def _line(place: Axes, way: Course, color: Any, width: float, order: float) -> Line2D:
    """Draw a course; `plot` would take three times as long."""
    line = Line2D(*way.T, color=color, linewidth=width, solid_capstyle="butt", zorder=order)
    place.add_line(line)
    return line


def _draw_words(
    place: Axes,
    topology: Topology,
    nodes: Mapping[str, Box],
    ways: Mapping[_Link, Course],
    size: tuple[float, float],
    worst: Worst | None,
    is_coloured: bool,
) -> tuple[int, int]:
    """Draw nodes, their names and the lengths; return how many names and lengths have no room."""
    marked = {worst.source, worst.destination} if worst else set()
    ends = {topology.nodes[i] for i in topology.endpoints}
    frame = Box(size[0] / 2, size[1] / 2, *size)
    thick = _THICK + 2 if is_coloured else 1.0
    inside = has_room(topology)
    room = Room(nodes.values(), segments(list(ways.values())), thick, frame)
    for node, box in nodes.items():
        _draw_node(place, node, box, inside, is_end=node in ends, is_marked=node in marked)
    nameless, left_out = 0, 0
    for node, box in nodes.items():
        words = topology.names.get(node, "") if inside else node
        if words:
            shown = words if len(words) <= 24 else f"{words[:23]}…"
            spot = room.beside(box, width_of(shown, SMALL) + 1, SMALL + 1)
            if spot is None:
                nameless += 1
            else:
                _write(place, spot, shown, SMALL)
    by_length = sorted(
        zip(_lengths(topology), ways.values(), strict=True), key=lambda one: -length(one[1])
    )
    for lengths, way in by_length:
        texts = [f"{km:.0f}" if km >= 10 else f"{km:.3g}" for km in lengths]
        text = " / ".join(dict.fromkeys(texts))
        spots = spots_along(way, _ALONG)
        spot = room.on_line(spots, width_of(text, _KM) + 2.5, _KM + 1.0)
        if spot is None:
            left_out += 1
        else:
            _write(place, spot, text, _KM)
    return nameless, left_out


def _draw_node(
    place: Axes, node: str, box: Box, inside: bool, *, is_end: bool, is_marked: bool
) -> None:
    paper, ink = ("black", "white") if is_end else ("white", "black")
    dot = Line2D(
        [box.x],
        [box.y],
        linestyle="none",
        marker="s" if is_marked else "o",
        markersize=box.wide,
        markerfacecolor=paper,
        markeredgecolor="black",
        markeredgewidth=0.8,
        zorder=4,
    )
    place.add_line(dot)
    tell(dot, f"node {node}")
    if inside:
        place.text(
            box.x,
            box.y,
            plain(node),
            color=ink,
            fontsize=_ID,
            ha="center",
            va="center_baseline",
            zorder=5,
        )


def _write(place: Axes, spot: Box, text: str, size: float) -> None:
    place.text(
        spot.x,
        spot.y,
        plain(text),
        fontsize=size,
        color="0.1",
        ha="center",
        va="center_baseline",
        zorder=3,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5},
    )


def _signs(
    topology: Topology,
    values: Mapping[_Link, float],
    worst: Worst | None,
    left_out: tuple[int, int],
) -> list[tuple[Any, str]]:
    """Return what of the signs in the picture has to be explained."""
    none = handle(Look("none", "none", "none"))
    signs: list[tuple[Any, str]] = []
    if worst:
        square = handle(Look("black", "s", "none"), size=7)
        pair = f"{topology.called(worst.source)} to {topology.called(worst.destination)}"
        signs.append((square, f"highest blocking: {pair}, {worst.told}"))
        if worst.path:
            band = Line2D([], [], color=_HALO, linewidth=8, solid_capstyle="butt")
            signs.append((band, "its first path"))
    if any((b, a, name) in values for a, b, name in values):
        signs.append((none, "two lines: one for each direction, on its right-hand side"))
    if len(topology.endpoints) < len(topology.nodes):
        look = Look("black", "o", "none")
        signs.append((handle(look, hollow=True, size=7), "neither source nor destination"))
    nameless, unmeasured = left_out
    if unmeasured < len(topology.links):
        rest = f" ({unmeasured} of {len(topology.links)} are not shown)" if unmeasured else ""
        both = ", of both directions where these differ" if topology.km_back else ""
        signs.append((none, f"numbers on links: km{both}{rest}"))
    if any(topology.one_way):
        arrow = handle(Look(_INK, ">", "none"), size=_ARROW)
        signs.append((arrow, "in this direction only"))
    if nameless:
        signs.append((none, f"{nameless} names are not shown"))
    return signs
