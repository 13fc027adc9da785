"""How a link is drawn from node to node in a picture: straight, or bent around nodes in between."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fusion_flows.pictures.labels import Box, Spot

Course = NDArray[np.float64]
"""float64[point, 2]: x and y along the link, in points of type."""

_BENDS = (0.0, 16.0, -16.0, 26.0, -26.0, 40.0, -40.0, 60.0, -60.0)
_STEPS = np.linspace(0.0, 1.0, 17)[:, None]
_CLEAR = 3.0  # between a link and the rim of a node


def course(ends: tuple[str, str], nodes: dict[str, Box]) -> Course:
    """Return the straightest course that is clear of all other nodes; the straight one if none is."""
    start, end = (np.array([nodes[node].x, nodes[node].y]) for node in ends)
    others = [box for node, box in nodes.items() if node not in ends]
    middles = np.array([(box.x, box.y) for box in others]).reshape(-1, 2)
    radii = np.array([max(box.wide, box.high) / 2 for box in others])
    for bend in _BENDS:
        found = _bent(start, end, bend)
        apart = np.hypot(*np.moveaxis(found[:, None] - middles[None], 2, 0))
        if not bend:
            apart = _from_line(start, end, middles)[None]
        if not len(others) or (apart.min(axis=0) >= radii + _CLEAR).all():
            return found if bend else np.array([start, end])
    return np.array([start, end])


def _bent(start: Course, end: Course, bend: float) -> Course:
    """Return points of a parabola whose top is `bend` to the left of the straight line."""
    way = end - start
    left = np.array([-way[1], way[0]]) / (np.hypot(*way) or 1.0)
    top = (start + end) / 2 + 2.0 * bend * left
    steps = _STEPS
    found: Course = (1 - steps) ** 2 * start + 2 * steps * (1 - steps) * top + steps**2 * end
    return found


def _from_line(start: Course, end: Course, middles: Course) -> NDArray[np.float64]:
    way = end - start
    along = np.clip((middles - start) @ way / max(float(way @ way), 1e-12), 0.0, 1.0)
    nearest = start + along[:, None] * way
    found: NDArray[np.float64] = np.hypot(*(middles - nearest).T)
    return found


def beside(way: Course, right: float) -> Course:
    """Return the course that is so many points to the right of another."""
    along = np.gradient(way, axis=0)
    along /= np.maximum(np.hypot(*along.T), 1e-9)[:, None]
    return way + right * np.column_stack([along[:, 1], -along[:, 0]])


def length(way: Course) -> float:
    """Return how long a course is, in points."""
    return float(np.hypot(*np.diff(way, axis=0).T).sum())


def spots_along(way: Course, shares: Sequence[float]) -> list[tuple[Spot, Spot]]:
    """Return places on a course at these shares of its length, each with the direction to its right."""
    steps = np.hypot(*np.diff(way, axis=0).T)
    reached = np.concatenate([[0.0], np.cumsum(steps)])
    found = []
    for share in shares:
        at = share * reached[-1]
        number = min(int(np.searchsorted(reached, at, side="right")) - 1, len(steps) - 1)
        part = (at - reached[number]) / max(steps[number], 1e-9)
        along = way[number + 1] - way[number]
        x, y = way[number] + part * along
        right = np.array([along[1], -along[0]]) / max(float(np.hypot(*along)), 1e-9)
        found.append(((float(x), float(y)), (float(right[0]), float(right[1]))))
    return found


def segments(ways: Sequence[Course]) -> NDArray[np.float64]:
    """Return all straight parts of courses: float64[part, 4], x and y of both ends."""
    parts = [np.hstack([way[:-1], way[1:]]) for way in ways]
    return np.vstack(parts) if parts else np.empty((0, 4))
