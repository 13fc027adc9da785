"""The cores of a multi-core fibre: where they lie, which are neighbours, an order that keeps these apart."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

LAYOUTS = (1, 4, 7, 13, 19)
"""Numbers of cores with a layout: a square, or a hexagonal lattice round a centre."""

_DIRECTIONS = np.exp(1j * math.pi / 3 * np.arange(6))


def core_positions(cores: int) -> NDArray[np.float64]:
    """Return the centres of the cores, float64[core, 2], in units of the core pitch.

    4: a square, in order round it.  7: cores 0 to 5 on a hexagon, in order round it, 6 in its middle.
    13: these 7, then 7 to 12 the tips of a six-pointed star, each above the gap between two of the
    hexagon.  19: these 13, then 13 to 18 straight outward of 0 to 5: three rings of a hexagonal grid.
    Raise ValueError for another number of cores.
    """
    if cores not in LAYOUTS:
        raise ValueError(f"cores = {cores}: must be one of {', '.join(map(str, LAYOUTS))}")
    if cores == 1:
        points = np.zeros(1, dtype=np.complex128)
    elif cores == 4:
        points = np.exp(1j * math.pi / 2 * np.arange(4)) / math.sqrt(2)
    else:
        tips = _DIRECTIONS + np.roll(_DIRECTIONS, -1)
        points = np.concatenate([_DIRECTIONS, [0.0], tips, 2 * _DIRECTIONS])[:cores]
    return np.stack([points.real, points.imag], axis=1)


def adjacency(cores: int) -> NDArray[np.bool_]:
    """Return bool[core, core]: whether two cores are neighbours, one core pitch apart.

    Raise ValueError for a number of cores without a layout (`core_positions`).
    """
    positions = core_positions(cores)
    distance = np.linalg.norm(positions[:, None] - positions, axis=2)
    return np.asarray(np.abs(distance - 1.0) < 1e-6)


def apart(cores: int) -> list[int]:
    """Return the cores in an order that takes neighbours late: one colour after the other.

    No two cores of a colour are neighbours; a hexagonal lattice has three colours. For 7 cores 0, 2, 4, 1, 3,
    5, 6: every other core of the ring, the rest of it, the centre. Cores without a layout are a ring.
    """
    colour = colours(cores)
    return sorted(range(cores), key=lambda core: (colour[core], core))


def colours(cores: int) -> list[int]:
    """Return the colour of each core, numbered as they first appear; no two neighbours have the same."""
    if cores in LAYOUTS and cores > 4:
        found = [_lattice_colour(x, y) for x, y in core_positions(cores).tolist()]
    else:
        found = [2 if cores % 2 and core == cores - 1 else core % 2 for core in range(cores)]
    numbers = list(dict.fromkeys(found))
    return [numbers.index(colour) for colour in found]


def _lattice_colour(x: float, y: float) -> int:
    steps = 2.0 * y / math.sqrt(3.0)
    return (round(x - steps / 2.0) - round(steps)) % 3
