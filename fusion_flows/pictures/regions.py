"""Regions of a picture where no curve can be: below a lower bound."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from fusion_flows.pictures.style import GREY

_SHADES = (0.45, 0.2)
_ROOM = 3.0  # of a region that would be below the picture, as a factor on its log axis


class Region(NamedTuple):
    """All below a line. name: what cannot be there. points: (load in Erlang, bound), loads ascending."""

    name: str
    points: Sequence[tuple[float, float]]


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
    """Return the regions for the legend."""
    return [
        (Patch(facecolor=GREY, alpha=shade), region.name)
        for region, shade in zip(regions, _SHADES, strict=False)
        if any(bound > 0.0 for _, bound in region.points)
    ]
