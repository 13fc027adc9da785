"""A slow twin of the loop for connections with a backup, and of failures in it, from their definitions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fusion.kernel.arrays import Network
from fusion.scenario.failures import Event
from fusion.scenario.traffic import Requests
from tests.twin.failures import FailureRun
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
    carries: int | None = 0
    """The leg that carries it, or None."""


class ProtectedTwin:
    """Serves requests in order, each by the first pair of paths on which both lightpaths have room."""

    def __init__(
        self,
        network: Network,
        fit: str,
        *,
        same: bool,
        shared: bool,
        risks: Callable[[int], set[Any]],
    ) -> None:
        """risks: working path -> what may fail on it."""
        self.spectrum = Spectrum(network)
        self.every = {place: set(slots) for place, slots in self.spectrum.free.items()}
        self.up: list[Connection] = []
        self.decisions: list[tuple[int, ...]] = []
        self.busy: dict[int, float] = {}
        self.claimed_time: dict[int, float] = {}
        self._fit, self._same, self._shared, self._risks = fit, same, shared, risks
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
        candidates = list(self.spectrum.candidates[pair])
        for working, backup in zip(candidates[::2], candidates[1::2], strict=True):
            widths = [self.spectrum.width[path][bit_rate] for path in (working, backup)]
            if min(widths) <= 0 or any(map(self.spectrum.fails, (working, backup))):
                continue
            legs = self._places(working, backup, bit_rate, tie)
            if legs is None:
                continue
            held = tuple(
                {
                    (leg.plane, link, leg.start + i)
                    for link in self.spectrum.route[leg.path]
                    for i in range(width)
                }
                for leg, width in zip(legs, widths, strict=True)
            )
            connection = Connection(now, departure, pair, bit_rate, legs, held)  # type: ignore[arg-type]
            self._change(now, [*self.up, connection])
            for leg, width in list(zip(legs, widths, strict=True))[: 1 if self._shared else 2]:
                self._add_busy(leg.path, width * (departure - now))
            return connection
        return None

    def _add_busy(self, path: int, busy: float) -> None:
        self.busy[path] = self.busy.get(path, 0.0) + busy

    def _places(
        self, working: int, backup: int, bit_rate: int, tie: float
    ) -> tuple[Choice, Choice] | None:
        if self._same:
            alone = self.spectrum.route[working]
            self.spectrum.route[working] = alone + self.spectrum.route[backup]
            chosen = self._choose(working, bit_rate, tie)
            self.spectrum.route[working] = alone
            return chosen and (chosen, chosen._replace(path=backup))
        one = self._choose(working, bit_rate, tie)
        if one is None:
            return None
        free = dict(self.spectrum.free)
        if self._shared:
            mine = self._risks(working)
            wanted = {
                slot
                for each in self.up
                if self._risks(each.legs[0].path) & mine
                for slot in each.held[1]
            }
            taken = {slot for each in self.up for slot in each.held[0]}
            for (plane, link), slots in self.every.items():
                self.spectrum.free[plane, link] = {
                    slot for slot in slots if (plane, link, slot) not in wanted | taken
                }
        other = self._choose(backup, bit_rate, tie * 2**20 % 1)
        self.spectrum.free = free
        return other and (one, other)

    def _choose(self, path: int, bit_rate: int, tie: float) -> Choice | None:
        choices = self.spectrum.choices_on([path], bit_rate, self._fit, in_order=True)
        return choices[int(tie * len(choices))] if choices else None

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
            width = self.spectrum.width[path][connection.bit_rate]
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
