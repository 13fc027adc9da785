"""The cores of a multi-core fibre: where they lie, which are neighbours, an order that keeps these apart."""

from __future__ import annotations

import math
from functools import cache

LAYOUTS = (1, 4, 7, 13, 19)
"""Numbers of cores with a layout of their own: a square, or a hexagonal lattice round a centre."""

_HEXAGONAL = (7, 13, 19)
_ROUNDING = 1e-9


@cache
def neighbours(count: int) -> tuple[tuple[int, ...], ...]:
    """Return for each core the cores at the distance of one core pitch.

    4 cores are a square. In a hexagonal lattice cores 0 to 5 are the ring round core 6; of 13 cores, 7 to 12
    lie in the gaps of that ring; of 19, 7 to 18 are the next ring. Any other number of cores is a ring.
    """
    places = _places(count)
    return tuple(
        tuple(
            other
            for other, there in enumerate(places)
            if other != core and math.dist(here, there) < 1.0 + _ROUNDING
        )
        for core, here in enumerate(places)
    )


def apart(count: int) -> list[int]:
    """Return the cores in an order that takes neighbours late: one colour after the other, no two alike
    being neighbours. A hexagonal lattice has three colours.

    For 7 cores 0, 2, 4, 1, 3, 5, 6: every other core of the ring, the rest of it, the centre.
    """
    if count in _HEXAGONAL:
        colours = [_lattice_colour(*place) for place in _places(count)]
    else:
        colours = [2 if count % 2 and core == count - 1 else core % 2 for core in range(count)]
    return sorted(range(count), key=lambda core: (colours.index(colours[core]), core))


def _lattice_colour(x: float, y: float) -> int:
    steps = 2.0 * y / math.sqrt(3.0)
    return (round(x - steps / 2.0) - round(steps)) % 3


def _places(count: int) -> list[tuple[float, float]]:
    """Return where cores lie, in core pitches."""
    if count == 1:
        return [(0.0, 0.0)]
    if count not in _HEXAGONAL:
        return _ring(count, 0.5 / math.sin(math.pi / count))
    places = [*_ring(6, 1.0), (0.0, 0.0)]
    gaps = _ring(6, math.sqrt(3.0), 30.0)
    if count == 13:
        places += gaps
    if count == 19:
        places += [place for pair in zip(_ring(6, 2.0), gaps, strict=True) for place in pair]
    return places


def _ring(count: int, radius: float, first_degrees: float = 0.0) -> list[tuple[float, float]]:
    angles = [math.radians(first_degrees + 360.0 * i / count) for i in range(count)]
    return [(radius * math.cos(angle), radius * math.sin(angle)) for angle in angles]
