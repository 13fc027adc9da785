"""Scales of axes: blocking on a log axis, loads, and differences around zero."""

import math
import re
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import LogFormatterSciNotation

from fusion_flows.pictures.rows import Row, finite, kind_of


class PlainPowers(LogFormatterSciNotation):
    """Powers of ten as plain text, 10⁻³: matplotlib's formulas take a fifth of the time of a picture."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Return the label of a tick."""
        text = re.sub(r"[${}]|\\mathdefault", "", super().__call__(x, pos)).replace(r"\times", "×")
        number, _, power = text.partition("^")
        return number + power.translate(_RAISED)


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def scale_blocking(place: Axes, rows: Sequence[Row]) -> None:
    """Set the limits of a log axis: all points, intervals to a decade down, and room for arrows."""
    ends: list[float] = []
    for row in rows:
        if kind := kind_of(row, log=True):
            ends += [value for n in ("estimate", "ci_upper") if (value := finite(row, n))]
            if kind == "seen" and (lower := finite(row, "ci_lower")) is not None:
                ends.append(max(lower, float(row["estimate"]) / 10))
    place.yaxis.set_major_formatter(PlainPowers())
    place.yaxis.set_minor_formatter(PlainPowers(minor_thresholds=(1.0, 0.4)))
    if not ends:
        place.set_ylim(1e-6, 1)
        return
    low, high = math.log10(min(ends)), math.log10(max(ends))
    kinds = {kind_of(row, log=True) for row in rows}
    if "seen" not in kinds:  # bounds alone are mostly the same, and would fill an axis of two ticks
        place.set_ylim(10.0 ** math.floor(low - 0.16), 10.0 ** (math.floor(high) + 1))
        return
    bounded = "none" in kinds
    room = max(high - low, 0.5)
    place.set_ylim(10 ** (low - (0.16 if bounded else 0.05) * room), 10 ** (high + 0.05 * room))


def scale_loads(place: Axes, rows: Sequence[Row]) -> None:
    """Set the limits of the loads: points that are moved aside do not set them by themselves."""
    loads = [float(row["erlang"]) for row in rows]
    if loads:
        room = 0.07 * (max(loads) - min(loads)) or 0.1 * max(loads)
        place.set_xlim(min(loads) - room, max(loads) + room)


def scale_around_zero(place: Axes, ends: Sequence[float]) -> None:
    """Set scale and limits of differences: linear around zero and logarithmic beyond if they need it."""
    low, high = min(0.0, *ends), max(0.0, *ends)
    sizes = sorted(abs(end) for end in ends if end)
    if sizes and sizes[-1] > 300 * sizes[len(sizes) // 4]:
        place.set_yscale("symlog", linthresh=10 ** math.floor(math.log10(sizes[len(sizes) // 4])))
        place.set_ylim(1.8 * low or -sizes[0], 1.8 * high or sizes[0])
    else:
        room = 0.06 * (high - low) or 1.0
        place.set_ylim(low - room, high + room)
        place.ticklabel_format(axis="y", scilimits=(-2, 3))


def span(values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of a scale of colours."""
    if not values:
        return 1e-6, 1.0
    low, high = min(values), max(values)
    return (low, high) if low < high else (low * 0.5 or -0.5, high * 2 or 0.5)


def grid_of(place: Axes) -> None:
    """Draw the lines behind a picture."""
    place.grid(True, which="major", color="0.87", linewidth=0.5)
