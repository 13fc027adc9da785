"""Assignment of the spectrum that is not a fit, from the definitions.

The free slots of a link are a number with a 1 for each. Nothing is kept from one request to the next but what
never changes: routes, widths, neighbours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fusion.kernel.arrays import Network

if TYPE_CHECKING:
    from tests.twin.twin import Choice, Spectrum


class Moment:
    """The spectrum as a request meets it."""

    def __init__(self, spectrum: Spectrum, network: Network) -> None:
        self.spectrum = spectrum
        self.size = 64 * network.spectrum.shape[2]
        self._masks: dict[tuple[int, int], int] = {}
        self.possible: dict[int, NDArray[np.float32]] = {}
        """[plane]: `placements` of all routes."""
        self.losses: dict[tuple[int, int, int], list[int]] = {}
        """(path, plane, width) -> the loss at each start."""

    def mask(self, plane: int, link: int) -> int:
        """Return the free slots of a link: bit s is 1 while slot s is free."""
        if (plane, link) not in self._masks:
            self._masks[plane, link] = sum(1 << slot for slot in self.spectrum.free[plane, link])
        return self._masks[plane, link]

    def placements(self, plane: int, paths: list[int], widest: int) -> NDArray[np.float32]:
        """Return [width - 1, index of path, slot]: 1 where so many slots from there on are free."""
        taken = np.ones((self.spectrum.links, self.size), dtype=np.float32)
        for link, row in enumerate(taken):
            row[list(self.spectrum.free[plane, link])] = 0.0
        on = np.zeros((len(paths), self.spectrum.links), dtype=np.float32)
        for row, path in zip(on, paths, strict=True):
            row[self.spectrum.route[path]] = 1.0
        found = np.zeros((widest, len(paths), self.size), dtype=np.float32)
        found[0] = free = on @ taken == 0.0
        for more in range(1, widest):
            found[more, :, :-more] = found[more - 1, :, :-more] * free[:, more:]
        return found


@dataclass
class Assignments:
    """A method, and what it needs to know.

    interfering_routes, all_widths: of mscl. classes: of each bit rate the class; parts: of each plane and
    class (first slot, slot behind the last).
    """

    method: str
    network: Network
    interfering_routes: int = 1
    all_widths: bool = False
    classes: tuple[int, ...] = ()
    parts: tuple[tuple[tuple[int, int], ...], ...] = ()
    counted: int | None = None
    """Of mscl: bit rates of requests, the first columns of the widths; None: all columns."""
    _near: dict[int, set[int]] = field(default_factory=dict)
    _interfering: dict[int, NDArray[np.float32]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        widths = abs(self.network.width[self.network.width_row][:, : self.counted])
        self.widest = int(widths.max(initial=1))
        self.widths = [
            set(range(1, self.widest + 1)) if self.all_widths and row.any() else set(row.tolist())
            for row in widths
        ]
        """[path]: the widths that count on it; out of reach of all formats: none but 0."""
        self.routes = _routes(self.network, self.interfering_routes)

    def best(self, spectrum: Spectrum, choices: list[Choice], bit_rate: int) -> list[Choice]:
        """Return the choice with the lowest score, of equal ones the earlier path and the lower start."""
        moment = Moment(spectrum, self.network)
        scored = [
            (score, choice.path, choice.start, choice)
            for choice in choices
            if (score := self.score(moment, choice, bit_rate)) is not None
        ]
        return [min(scored)[-1]] if scored else []

    def score(self, moment: Moment, choice: Choice, bit_rate: int) -> int | None:
        """Return what is to be little; None: the method does not allow this."""
        spectrum = moment.spectrum
        width = spectrum.width[choice.path][bit_rate]
        end = choice.start + width
        if self.method == "first_last_fit":
            return -choice.start if self.classes[bit_rate] % 2 else choice.start
        if self.method == "dedicated_partition":
            first, behind = self.parts[choice.plane][self.classes[bit_rate]]
            return choice.start if first <= choice.start and end <= behind else None
        if self.method == "mscl":
            key = choice.path, choice.plane, width
            if key not in moment.losses:
                moment.losses[key] = self._losses(moment, *key)
            return moment.losses[key][choice.start]
        taken = (1 << end) - (1 << choice.start)
        before = [moment.mask(choice.plane, link) for link in spectrum.route[choice.path]]
        after = [free & ~taken for free in before]
        if self.method == "min_entropy":
            slots = spectrum.slots_of[choice.plane]
            # Sums in another order differ in the last digits.
            return sum(_entropy(f, slots) for f in after) - sum(_entropy(f, slots) for f in before)
        cuts = sum(map(_blocks, after)) - sum(map(_blocks, before))
        if self.method == "min_cuts":
            return cuts
        near = self._neighbours(spectrum, choice.path)
        free = sum((moment.mask(choice.plane, link) & taken).bit_count() for link in near)
        return cuts * 10**6 + 2 * free - width * len(near)

    def _neighbours(self, spectrum: Spectrum, path: int) -> set[int]:
        if path not in self._near:
            route = spectrum.route[path]
            self._near[path] = {
                other
                for each in spectrum.route
                for one, two in pairwise(each)
                for link, other in ((one, two), (two, one))
                if link in route and other not in route
            }
        return self._near[path]

    def _losses(self, moment: Moment, path: int, plane: int, width: int) -> list[int]:
        """Return the placements that are lost by a lightpath at each start.

        A placement of v slots from t on is lost if it was possible, and t + v - 1 is not below the first slot
        of the lightpath, nor t above its last one.
        """
        if plane not in moment.possible:
            moment.possible[plane] = moment.placements(plane, self.routes, self.widest)
        counted = self._counted(moment.spectrum, path)
        possible = (counted[:, np.newaxis] @ moment.possible[plane])[:, 0]
        if path not in self.routes:
            own = moment.placements(plane, [path], self.widest)[:, 0]
            possible += own * self._counts(path)[:, np.newaxis]
        starts = np.arange(moment.size - width + 1)
        lost = np.zeros(len(starts), dtype=np.int64)
        for size in range(1, self.widest + 1):
            up_to = np.concatenate([[0], possible[size - 1].astype(np.int64).cumsum()])
            lost += up_to[starts + width] - up_to[np.maximum(starts - size + 1, 0)]
        found: list[int] = lost.tolist()
        return found

    def _counted(self, spectrum: Spectrum, path: int) -> NDArray[np.float32]:
        """Return [width - 1, index of route]: 1 where it counts, on routes with a link of the path."""
        if path not in self._interfering:
            links = set(spectrum.route[path])
            rows = [
                self._counts(each) * bool(links & set(spectrum.route[each])) for each in self.routes
            ]
            self._interfering[path] = np.array(rows, dtype=np.float32).T
        return self._interfering[path]

    def _counts(self, path: int) -> NDArray[np.float32]:
        """Return [width - 1]: 1 where a width counts on a path."""
        every = range(1, self.widest + 1)
        return np.array([size in self.widths[path] for size in every], dtype=np.float32)


def _routes(network: Network, most: int) -> list[int]:
    firsts = network.first_path.tolist()
    return [
        path
        for first, end in pairwise(firsts)
        for path in range(first, min(end, first + most) if most else end)
    ]


def _blocks(free: int) -> int:
    """Return the number of free blocks: of slots that are free above one that is not."""
    return (free & ~(free << 1)).bit_count()


def _entropy(free: int, slots: int) -> int:
    """Return the entropy of a link, in grains as small as those in which it is compared."""
    return sum(_grains(len(block), slots) for block in f"{free:b}".split("0") if block)


@cache
def _grains(size: int, slots: int) -> int:
    return round(-size / slots * math.log(size / slots) * 2**40)
