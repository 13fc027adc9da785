"""Assignment of the spectrum that is not a fit, from the definitions, with sets of slots."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from fusion.kernel.arrays import Network

if TYPE_CHECKING:
    from tests.twin.twin import Choice, Spectrum


class Assignments(NamedTuple):
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

    def best(self, spectrum: Spectrum, choices: list[Choice], bit_rate: int) -> list[Choice]:
        """Return the choice with the lowest score, of equal ones the earlier path and the lower start."""
        free_on: dict[tuple[int, int], int] = {}
        scored = [
            (score, choice.path, choice.start, choice)
            for choice in choices
            if (score := self.score(spectrum, choice, bit_rate, free_on)) is not None
        ]
        return [min(scored)[-1]] if scored else []

    def score(
        self,
        spectrum: Spectrum,
        choice: Choice,
        bit_rate: int,
        free_on: dict[tuple[int, int], int],
    ) -> float | None:
        """Return what is to be little; None: the method does not allow this.

        free_on: (path, plane) -> its free slots, filled as they are needed.
        """
        width = spectrum.width[choice.path][bit_rate]
        end = choice.start + width
        if self.method == "first_last_fit":
            return -choice.start if self.classes[bit_rate] % 2 else choice.start
        if self.method == "dedicated_partition":
            first, behind = self.parts[choice.plane][self.classes[bit_rate]]
            return choice.start if first <= choice.start and end <= behind else None
        taken = range(choice.start, end)
        if self.method == "mscl":
            return self._loss(spectrum, choice, taken, free_on)
        before = [spectrum.free[choice.plane, link] for link in spectrum.route[choice.path]]
        after = [free - set(taken) for free in before]
        if self.method == "min_entropy":
            slots = spectrum.slots_of[choice.plane]
            # Sums in another order differ in the last digits.
            return sum(_entropy(f, slots) for f in after) - sum(_entropy(f, slots) for f in before)
        cuts = sum(map(_blocks, after)) - sum(map(_blocks, before))
        if self.method == "min_cuts":
            return cuts
        near = self._near(spectrum, choice.path)
        free = sum(slot in spectrum.free[choice.plane, link] for link in near for slot in taken)
        return cuts * 10**6 + 2 * free - width * len(near)

    def _near(self, spectrum: Spectrum, path: int) -> set[int]:
        route = spectrum.route[path]
        return {
            other
            for each in spectrum.route
            for one, two in pairwise(each)
            for link, other in ((one, two), (two, one))
            if link in route and other not in route
        }

    def _loss(
        self,
        spectrum: Spectrum,
        choice: Choice,
        taken: range,
        free_on: dict[tuple[int, int], int],
    ) -> int:
        """Return the placements that are lost: on the path, and on routes that share a link with it."""
        links = set(spectrum.route[choice.path])
        counted = {choice.path} | {
            path
            for path in _routes(self.network, self.interfering_routes)
            if links & set(spectrum.route[path])
        }
        lost = 0
        mask = sum(1 << slot for slot in taken)
        for path in counted:
            key = (path, choice.plane)
            if key not in free_on:
                free_on[key] = _free(spectrum, *key)
            free = free_on[key]
            widths = _widths(self.network, path, self.all_widths, self.counted)
            lost += _capacity(free, widths) - _capacity(free & ~mask, widths)
        return lost


def _free(spectrum: Spectrum, path: int, plane: int) -> int:
    free = set.intersection(*(spectrum.free[plane, link] for link in spectrum.route[path]))
    return sum(1 << slot for slot in free)


@lru_cache(maxsize=100_000)
def _capacity(free: int, widths: tuple[int, ...]) -> int:
    """Return at how many starts the widths fit. free: bit s is 1 while slot s is free."""
    blocks = map(len, f"{free:b}".split("0"))
    return sum(size - width + 1 for size in blocks for width in widths if width <= size)


def _routes(network: Network, most: int) -> list[int]:
    firsts = network.first_path.tolist()
    return [
        path
        for first, end in pairwise(firsts)
        for path in range(first, min(end, first + most) if most else end)
    ]


def _widths(network: Network, path: int, all_widths: bool, counted: int | None) -> tuple[int, ...]:
    widths = {abs(width) for width in network.width[network.width_row[path], :counted].tolist()}
    widths.discard(0)
    if all_widths:
        return tuple(range(1, abs(network.width[network.width_row]).max() + 1))
    return tuple(sorted(widths))


def _blocks(free: set[int]) -> int:
    return sum(slot - 1 not in free for slot in free)


def _entropy(free: set[int], slots: int) -> int:
    """Return the entropy of a link, in grains as small as those in which it is compared."""
    total, size = 0, 0
    for slot in range(slots + 1):
        if slot in free:
            size += 1
        elif size:
            total += round(-size / slots * math.log(size / slots) * 2**40)
            size = 0
    return total
