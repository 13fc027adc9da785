"""A slow twin of the loop for connections with a backup, and of failures in it, from their definitions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from fusion.kernel.arrays import Network
from fusion.scenario.failures import Event
from fusion.scenario.policies import IMPAIRMENT_RANKS
from fusion.scenario.traffic import Requests
from tests.twin.connections import Lightpath
from tests.twin.failures import FailureRun
from tests.twin.impairments import Channel, ImpairedSpectrum
from tests.twin.quality import QualityTwin
from tests.twin.twin import Choice, Spectrum

Slots = set[tuple[int, int, int]]
"""(plane, link, slot)."""


@dataclass(eq=False)
class Connection:
    """What serves a request: a working lightpath and its backup."""

    arrival: float
    departure: float
    pair: int
    bit_rate: int
    legs: tuple[Choice, Choice]
    held: tuple[Slots, Slots]
    lightpaths: tuple[Lightpath, Lightpath]
    carries: int | None = 0
    """The leg that carries it, or None."""


class Place(NamedTuple):
    """Where a lightpath may go. column: of `Network.width`."""

    choice: Choice
    column: int
    width: int
    score: float


def made(place: Place) -> Lightpath:
    return Lightpath(place.choice, place.width, place.column, 0, 0.0)


def _in_comparison(found: tuple[Place, Place]) -> tuple[float, ...]:
    """Return what the best of some pairs has least of; of equal ones it is the first."""
    one, other = found
    planes = (one.choice.plane, other.choice.plane)
    return (*planes, one.score + other.score, one.choice.start + other.choice.start)


class ProtectedTwin:
    """Serves requests in order, each by a pair of paths on which both lightpaths have room.

    The first one, in order or by what ranks them; or, of all, the one that the fit likes best.
    """

    def __init__(
        self,
        network: Network,
        fit: str,
        choice: str = "in_order",
        *,
        same: bool,
        shared: bool,
        risks: Callable[[int], set[Any]],
        spectrum: Spectrum | None = None,
    ) -> None:
        """risks: working path -> what may fail on it. spectrum: one that looks at impairments."""
        self.spectrum = spectrum or Spectrum(network)
        self.every = {place: set(slots) for place, slots in self.spectrum.free.items()}
        self.up: list[Connection] = []
        self.decisions: list[tuple[int, ...]] = []
        self.busy: dict[int, float] = {}
        self.claimed_time: dict[int, float] = {}
        self._fit, self._choice = fit, choice
        self._same, self._shared, self._risks = same, shared, risks
        self._since: dict[tuple[int, int, int], float] = {}

    def serve(self, requests: Requests) -> None:
        ties = requests.tie.tolist() or [0.0] * len(requests.arrival)
        columns = (column.tolist() for column in requests[:4])
        for now, holding, pair, bit_rate, tie in zip(*columns, ties, strict=True):
            self.end_until(now)
            found = self.set_up(now, now + holding, pair, bit_rate, tie)
            none = (-1,) * 5
            self.decisions.append((*found.legs[0], *found.legs[1][1:]) if found else none)

    def set_up(
        self, now: float, departure: float, pair: int, bit_rate: int, tie: float
    ) -> Connection | None:
        for found in self._offers(pair, bit_rate, tie):
            legs = found[0].choice, found[1].choice
            widths = [place.width for place in found]
            held = tuple(
                {
                    (leg.plane, link, leg.start + i)
                    for link in self.spectrum.route[leg.path]
                    for i in range(width)
                }
                for leg, width in zip(legs, widths, strict=True)
            )
            connection = Connection(
                now, departure, pair, bit_rate, legs, held, tuple(map(made, found))
            )  # type: ignore[arg-type]
            self._change(now, [*self.up, connection])
            for leg, width in list(zip(legs, widths, strict=True))[: 1 if self._shared else 2]:
                self._add_busy(leg.path, width * (departure - now))
            return connection
        return None

    def _offers(self, pair: int, bit_rate: int, tie: float) -> Iterator[tuple[Place, Place]]:
        """Yield where the two lightpaths of a request may go, best first."""
        self._show_light()
        candidates = list(self.spectrum.candidates[pair])
        pairs = [
            paths
            for paths in zip(candidates[::2], candidates[1::2], strict=True)
            if all(self.spectrum.width[path][bit_rate] > 0 for path in paths)
            and not any(map(self.spectrum.fails, paths))
        ]
        if self._choice not in ("in_order", "all"):
            if isinstance(self.spectrum, ImpairedSpectrum):
                self.spectrum.bit_rate = bit_rate
            pairs.sort(key=self._rank)
        if self._choice != "all":
            for paths in pairs:
                yield from self._places(paths, bit_rate, tie, tie * 2**20 % 1)
            return
        every = None if self._fit == "random_fit" else 0.0
        found = [each for paths in pairs for each in self._places(paths, bit_rate, every, every)]
        if found and self._fit == "random_fit":
            first = min((one.choice.plane, other.choice.plane) for one, other in found)
            equal = [
                (one, other)
                for one, other in found
                if (one.choice.plane, other.choice.plane) == first
            ]
            yield equal[int(tie * len(equal))]
        elif found:
            yield min(found, key=_in_comparison)

    def _places(
        self, paths: tuple[int, int], bit_rate: int, tie: float | None, tie_of_backup: float | None
    ) -> Iterator[tuple[Place, Place]]:
        """Yield where the two lightpaths go on a working path and its backup; all places without a tie."""
        working, backup = paths
        if self._same:
            for one in self._choices(working, working, bit_rate, tie, ()):
                yield one, one._replace(choice=one.choice._replace(path=backup))
            return
        for one in self._choices(working, working, bit_rate, tie, ()):
            for other in self._choices(working, backup, bit_rate, tie_of_backup, (one,)):
                yield one, other

    def _rank(self, pair: tuple[int, int]) -> float:
        """Return what a pair of paths should have little of: as of one path over the links of both."""
        working, backup = pair
        if isinstance(self.spectrum, ImpairedSpectrum) and self._choice in IMPAIRMENT_RANKS:
            return sum(self.spectrum._rank(self._choice, path) for path in pair)
        free, route = self.spectrum.free, self.spectrum.route
        alone = route[working]
        there = self._free_for_backup(working)
        self.spectrum.free = free | {
            (plane, link): slots for (plane, link), slots in there.items() if link in route[backup]
        }
        route[working] = alone + route[backup]
        rank = self.spectrum.path_cost[working] + self.spectrum._rank(self._choice, working)
        self.spectrum.free, route[working] = free, alone
        return float(rank)

    def lit(self) -> list[Lightpath]:
        """Return the lightpaths that are noise: those with slots of their own, and backups in use."""
        return [
            lightpath
            for each in self.up
            for leg, lightpath in enumerate(each.lightpaths)
            if leg == 0 or not self._shared or each.carries == 1
        ]

    def _show_light(self) -> None:
        """Have the spectrum know where light is, if it looks at that."""
        if not isinstance(self.spectrum, ImpairedSpectrum):
            return
        for channels in self.spectrum.light.values():
            channels.clear()
        for one in self.lit():
            for link in self.spectrum.route[one.choice.path]:
                channel = Channel(one.choice.start, one.width - self.spectrum._guard)
                self.spectrum.light[one.choice.plane, link].append(channel)

    def _add_busy(self, path: int, busy: float) -> None:
        self.busy[path] = self.busy.get(path, 0.0) + busy

    def _free_for_backup(self, working: int) -> dict[tuple[int, int], set[int]]:
        """Return what is free on each plane and link for a backup of a working path."""
        if not self._shared:
            return self.spectrum.free
        mine = self._risks(working)
        wanted = {
            slot
            for each in self.up
            if self._risks(each.legs[0].path) & mine
            for slot in each.held[1]
        }
        taken = wanted | {slot for each in self.up for slot in each.held[0]}
        return {
            (plane, link): {slot for slot in slots if (plane, link, slot) not in taken}
            for (plane, link), slots in self.every.items()
        }

    def _choices(
        self,
        working: int,
        path: int,
        bit_rate: int,
        tie: float | None,
        beside: tuple[Place, ...],
    ) -> list[Place]:
        """Return the place on one path that the fit chooses, or none; without a tie all on its first plane.

        path: the working path, or its backup. beside: the working lightpath of a backup.
        """
        spectrum, free = self.spectrum, self.spectrum.free
        alone = spectrum.route[path]
        if self._same:
            spectrum.route[path] = alone + spectrum.route[path + 1]
        if path != working:
            spectrum.free = self._free_to_place(working)
        offers = [
            self._offers_on(path, plane, column, tie)
            for column in self._columns(bit_rate)
            for plane in range(spectrum.planes)
            if self._fit != "xt_aware"
        ]
        if isinstance(spectrum, ImpairedSpectrum) and self._fit == "xt_aware":
            offers = [
                [Place(choice, column, width, 0.0)]
                for column in self._columns(bit_rate)
                for width in [spectrum.width[path][column]]
                if width > 0
                for choice in spectrum.by_overlaps(path, width)
            ]
        spectrum.route[path], spectrum.free = alone, free
        for places in offers:
            if good := [place for place in places if self._is_good(place, beside)]:
                return good
        return []

    def _free_to_place(self, working: int) -> dict[tuple[int, int], set[int]]:
        return self._free_for_backup(working)

    def _offers_on(self, path: int, plane: int, column: int, tie: float | None) -> list[Place]:
        spectrum, width = self.spectrum, self.spectrum.width[path][column]
        choices = spectrum.choices_in([path], plane, column, self._fit)
        if tie is not None:
            choices = choices[int(tie * len(choices)) :][:1]
        blocks = spectrum.blocks(path, plane)
        found = []
        for choice in choices:
            size = next(size for start, size in blocks if start <= choice.start < start + size)
            score = spectrum.score(self._fit, plane, choice.start, size, width)
            found.append(Place(choice, column, width, score))
        return found

    def _columns(self, bit_rate: int) -> list[int]:
        """Return the columns of `Network.width` that are tried for a bit rate."""
        return [bit_rate]

    def _is_good(self, _place: Place, _beside: tuple[Place, ...]) -> bool:
        """Return whether a lightpath would be good. beside: as for `_choices`."""
        return True

    def _change(self, now: float, up: list[Connection]) -> None:
        """Have other connections be up, and find out anew what is free."""
        self.up = up
        working = [slot for each in up for slot in each.held[0]]
        backup = [slot for each in up for slot in each.held[1]]
        if not self._shared:
            working, backup = working + backup, []
        assert len(working) == len(set(working))
        assert not set(working) & set(backup)
        taken = {*working, *backup}
        self.spectrum.usage.clear()
        for plane, _link, slot in taken:
            self.spectrum.usage[plane, slot] += 1
        for (plane, link), slots in self.every.items():
            self.spectrum.free[plane, link] = {
                slot for slot in slots if (plane, link, slot) not in taken
            }
        for slot in set(backup) - self._since.keys():
            self._since[slot] = now
        for slot in self._since.keys() - set(backup):
            link, span = slot[1], now - self._since.pop(slot)
            self.claimed_time[link] = self.claimed_time.get(link, 0.0) + span

    def end_until(self, now: float) -> None:
        ended = [each for each in self.up if each.departure <= now]
        for one in sorted(ended, key=lambda each: each.departure):
            self._change(one.departure, [each for each in self.up if each is not one])

    def connections(self) -> list[Connection]:
        return list(self.up)

    def is_out(self, connection: Connection, leg: int) -> bool:
        return self.spectrum.fails(connection.legs[leg].path)

    def can_carry(self, connection: Connection, leg: int) -> bool:
        """Return whether a leg is up, and its slots are not in use by another backup."""
        if self.is_out(connection, leg):
            return False
        in_use = [each.held[1] for each in self.up if each.carries == 1 and each is not connection]
        return leg == 0 or not self._shared or not any(connection.held[1] & each for each in in_use)

    def interrupt(self, connection: Connection, now: float) -> None:
        self._change(now, [each for each in self.up if each is not connection])
        for leg in range(1 if self._shared else 2):
            path = connection.legs[leg].path
            width = connection.lightpaths[leg].width
            self._add_busy(path, -width * (connection.departure - now))

    def restore(self, connection: Connection, now: float, tie: float) -> bool:
        departure, pair = connection.departure, connection.pair
        return self.set_up(now, departure, pair, connection.bit_rate, tie) is not None

    def claimed_until(self, now: float) -> dict[int, float]:
        """Return for each link the sum over slots of the time for which they were a shared backup."""
        total = dict(self.claimed_time)
        for (_, link, _), since in self._since.items():
            total[link] = total.get(link, 0.0) + now - since
        return total


class ProtectedQualityTwin(ProtectedTwin):
    """Serves requests as `ProtectedTwin` does, by lightpaths that are good as a judge says."""

    def __init__(self, judge: QualityTwin, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.judge = judge
        self.blocked_by_quality = 0
        self.noise_at_set_up = 0.0
        self._refused = 0

    def set_up(self, *arguments: Any) -> Connection | None:
        self._refused = 0
        return super().set_up(*arguments)

    def serve(self, requests: Requests) -> None:
        for i in range(len(requests.arrival)):
            super().serve(requests.part(i, i + 1))
            if self.decisions[-1][0] < 0:
                self.blocked_by_quality += self._refused > 0
                continue
            (new,) = [each for each in self.up if each.arrival == requests.arrival[i]]
            for lightpath in new.lightpaths:
                self.noise_at_set_up += self.judge.noise(lightpath, self.lit())

    def can_carry(self, connection: Connection, leg: int) -> bool:
        if not super().can_carry(connection, leg):
            return False
        is_dark = self._shared and leg == 1
        return not is_dark or self._works(connection.lightpaths[leg], self.lit(), checks=True)

    def _free_to_place(self, working: int) -> dict[tuple[int, int], set[int]]:
        """Return what is free for a backup, without slots in which another one is lit."""
        shared = [each.held[1] for each in self.up if self._shared and each.carries == 1]
        taken = set().union(*shared)
        return {
            (plane, link): {slot for slot in slots if (plane, link, slot) not in taken}
            for (plane, link), slots in self._free_for_backup(working).items()
        }

    def _columns(self, bit_rate: int) -> list[int]:
        return self.judge.options[bit_rate]

    def _is_good(self, place: Place, beside: tuple[Place, ...]) -> bool:
        stays_dark = self._shared and bool(beside)
        works = self._works(made(place), [*self.lit(), *map(made, beside)], checks=not stays_dark)
        if works and self._same:
            other = place._replace(choice=place.choice._replace(path=place.choice.path + 1))
            works = self._works(made(other), [*self.lit(), made(place)], checks=True)
        self._refused += not works
        return works

    def _works(self, new: Lightpath, others: list[Lightpath], *, checks: bool) -> bool:
        """Return whether a lightpath is good among others, and, if that is checked, leaves them good."""
        judge, after = self.judge, [*others, new]
        disturbed = [
            one
            for one in others
            if judge._is_checked(one, new) and judge.noise(one, after) > judge.noise(one, others)
        ]
        return all(judge.works(one, after) for one in [new, *(disturbed if checks else [])])


class ProtectedRun(FailureRun):
    """Failures and repairs where connections switch over and come back."""

    def __init__(self, twin: ProtectedTwin, restoration: str, *, reverts: bool) -> None:
        super().__init__(twin, restoration)  # type: ignore[arg-type]
        self.switched = 0
        self._reverts = reverts

    def _happen(self, event: Event, ties: Any) -> None:
        twin: Any = self.twin
        now = event.time
        twin.end_until(now)
        for departure in [each for each in self._waiting if each <= now]:
            self.out.append((self._waiting.pop(departure), departure))
        twin.spectrum.down = self._down_after(event)
        in_order = sorted(twin.connections(), key=lambda each: -each.departure)
        if not event.fails:
            self._repaired(in_order, now)
            return
        hit = [
            each
            for each in in_order
            if each.carries is not None and twin.is_out(each, each.carries)
        ]
        self.interrupted += len(hit)
        for each in hit:
            other = 1 - each.carries
            each.carries = None
            if twin.can_carry(each, other):
                each.carries = other
                self.switched += 1
        lost = [each for each in hit if each.carries is None]
        if self.restoration == "wait":
            self._waiting |= {each.departure: now for each in lost}
            return
        for each in lost:
            twin.interrupt(each, now)
        for each in lost:
            if self.restoration == "reroute" and twin.restore(each, now, next(ties)):
                self.restored += 1
            else:
                self.lost.append(each.bit_rate)
                self.out.append((now, each.departure))

    def _repaired(self, in_order: list[Connection], now: float) -> None:
        twin: Any = self.twin
        for each in in_order:
            if self._reverts and each.carries == 1 and twin.can_carry(each, 0):
                each.carries = 0
        for each in in_order:
            for leg in (0, 1):
                if each.carries is None and twin.can_carry(each, leg):
                    each.carries = leg
                    self.out.append((self._waiting.pop(each.departure), now))
