"""Where the words of a network's picture go: beside nodes and on links, none over another."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Spot = tuple[float, float]


class Box(NamedTuple):
    """A rectangle around a word or a node, in points."""

    x: float
    y: float
    """Of its middle."""
    wide: float
    high: float

    def meets(self, other: "Box") -> bool:
        """Tell whether the two overlap."""
        return (
            abs(self.x - other.x) < (self.wide + other.wide) / 2
            and abs(self.y - other.y) < (self.high + other.high) / 2
        )


class Room:
    """What is taken of the picture by now."""

    def __init__(
        self, boxes: Iterable[Box], lines: NDArray[np.float64], thick: float, frame: Box
    ) -> None:
        """boxes: of the nodes. lines: float64[line, 4], x and y of both ends, and how thick they are.

        frame: what words must not leave.
        """
        self._boxes = list(boxes)
        self._lines = lines
        self._thick = thick
        self._frame = frame

    def beside(self, node: Box, wide: float, high: float) -> Box | None:
        """Return the best place for the name of a node, and take it; None where all cover others."""
        choices = []
        for place, (right, up) in enumerate(_AROUND):
            away = (node.wide + wide) / 2 + 1.0 if right else 0.0
            above = (node.high + high) / 2 + (0.0 if right else 0.5)
            box = Box(
                node.x + right * away * (0.9 if up else 1.0),
                node.y + up * above * (0.8 if right else 1.0),
                wide,
                high,
            )
            choices.append((self._cost(box, node), place, box))
        cost, _, best = min(choices)
        if cost >= _COVERED:
            return None
        self._boxes.append(best)
        return best

    def on_line(self, spots: Sequence[tuple[Spot, Spot]], wide: float, high: float) -> Box | None:
        """Return the first place that is free, and take it; None where there is none.

        spots: on the line, each with the direction to its right: on it is better than beside it.
        """
        for aside in (0, 1, -1):
            for (x, y), (right, up) in spots:
                away = aside * (abs(right) * wide + abs(up) * high + self._thick + 1.0) / 2
                box = Box(x + away * right, y + away * up, wide, high)
                most = 0 if aside else _parts_of(spots)
                if not any(map(box.meets, self._boxes)) and self._crossed(box) <= most:
                    self._boxes.append(box)
                    return box
        return None

    def _cost(self, box: Box, node: Box) -> float:
        covered = sum(box.meets(other) for other in self._boxes if other is not node)
        frame = self._frame
        out = abs(box.x - frame.x) + box.wide / 2 > frame.wide / 2
        out |= abs(box.y - frame.y) + box.high / 2 > frame.high / 2
        return _COVERED * (covered + 5.0 * out) + min(3.0 * self._crossed(box), 0.9 * _COVERED)

    def _crossed(self, box: Box) -> int:
        """Return how many lines cross a box."""
        wider = box._replace(wide=box.wide + self._thick, high=box.high + self._thick)
        return int(crossing(self._lines, wider).sum())


def _parts_of(spots: Sequence[tuple[Spot, Spot]]) -> int:
    """Return how many parts of its own line a word may cover: of a bent one several."""
    return 1 if len({direction for _, direction in spots}) == 1 else 4


_COVERED = 10.0  # cost of a word over another
_AROUND = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))


def crossing(lines: NDArray[np.float64], box: Box) -> NDArray[np.bool_]:
    """Return which of the lines cross a box, by Liang and Barsky's clipping.

    lines: float64[line, 4], x and y of both ends.
    """
    first, last = np.zeros(len(lines)), np.ones(len(lines))
    for start, end, middle, size in (
        (lines[:, 0], lines[:, 2], box.x, box.wide),
        (lines[:, 1], lines[:, 3], box.y, box.high),
    ):
        way = end - start
        still = np.abs(way) < 1e-9
        inverse = 1.0 / np.where(still, 1.0, way)
        one, other = (
            (middle - size / 2 - start) * inverse,
            (middle + size / 2 - start) * inverse,
        )
        enter, leave = np.minimum(one, other), np.maximum(one, other)
        inside = np.abs(start - middle) < size / 2
        enter = np.where(still, np.where(inside, 0.0, math.inf), enter)
        leave = np.where(still, np.where(inside, 1.0, -math.inf), leave)
        first, last = np.maximum(first, enter), np.minimum(last, leave)
    return first < last
