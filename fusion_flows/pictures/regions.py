"""Regions of a picture where no curve can be: below a lower bound."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from fusion_flows.pictures.rows import Row, grouped, values_on
from fusion_flows.pictures.style import GREY

_SHADES = (0.45, 0.2)
_ROOM = 3.0  # of a region that would be below the picture, as a factor on its log axis


class Region(NamedTuple):
    """All below a line.

    name: what cannot be there. points: (load in Erlang, bound), loads ascending. keys: of the points that it
    is for, such as those of one network; none: all.
    """

    name: str
    points: Sequence[tuple[float, float]]
    keys: frozenset[str] = frozenset()


def axes_of_regions(
    rows: Sequence[Row], varying: Sequence[str], regions: Sequence[Region]
) -> list[str]:
    """Return the fewest axes that tell the points of one region from those of another, as `network` does."""

    def bounded(row: Row) -> frozenset[int]:
        return frozenset(n for n, region in enumerate(regions) if row.get("key") in region.keys)

    if len({bounded(row) for row in rows}) < 2:
        return []
    axes = list(varying)
    for axis in reversed(varying):
        fewer = [one for one in axes if one != axis]
        values = {one: values_on(rows, one) for one in fewer}
        groups = grouped(rows, fewer, values).values()
        if all(len({bounded(row) for row in group}) == 1 for group in groups):
            axes = fewer
    return axes


def regions_among(rows: Sequence[Row], regions: Sequence[Region]) -> list[Region]:
    """Return the regions that are for these points."""
    keys = {row.get("key") for row in rows}
    return [region for region in regions if not region.keys or region.keys & keys]


def draw_regions(place: Axes, regions: Sequence[Region]) -> None:
    """Shade regions behind all curves, the first darkest, and keep the limits of the axes.

    Only the lower limit of the blocking falls where the highest point of a region would be below it. A bound
    of 0 has no place on a log axis: the region begins at the first load with more.
    """
    (low, high), loads = place.get_ylim(), place.get_xlim()
    for region, shade in zip(regions, _SHADES, strict=False):
        points = [(load, bound) for load, bound in region.points if bound > 0.0]
        if points:
            x, y = zip(*points, strict=True)
            place.fill_between(
                x, 1e-300, y, color=GREY, alpha=shade, linewidth=0.0, zorder=0.5, label=region.name
            )
            place.plot(x, y, color=GREY, linewidth=0.8, zorder=0.6)
            low = min(low, max(y) / _ROOM)
    place.set_ylim(low, high)
    place.set_xlim(loads)


def region_signs(regions: Sequence[Region]) -> list[tuple[Any, str]]:
    """Return the regions for the legend, each name once."""
    seen = {r.name for r in regions if any(bound > 0.0 for _, bound in r.points)}
    names = dict.fromkeys(region.name for region in regions)
    return [
        (Patch(facecolor=GREY, alpha=shade), name)
        for name, shade in zip(names, _SHADES, strict=False)
        if name in seen
    ]
