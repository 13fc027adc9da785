"""A slow twin of the loop for connections: slicing, grooming and service in part, from their definitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from fusion.kernel.arrays import Network
from fusion.kernel.records import Service
from fusion.scenario.traffic import Requests
from tests.twin.twin import Choice, Spectrum


@dataclass(eq=False)
class Lightpath:
    """A lightpath and who uses it."""

    choice: Choice
    width: int
    column: int
    rate: int
    since: float
    parts: list[tuple[Connection, int]] = field(default_factory=list)
    """Connections and the bit rate that each has of it."""
    carried: float = 0.0

    @property
    def spare(self) -> int:
        return self.rate - sum(rate for _, rate in self.parts)


@dataclass(eq=False)
class Connection:
    """What serves a request."""

    arrival: float
    departure: float
    pair: int
    bit_rate: int


class ConnectionTwin:
    """Serves requests in order, and counts what `kernel.connections.Count` and `Tally` count."""

    def __init__(self, network: Network, service: Service, fit: str, path_choice: str) -> None:
        self.spectrum = Spectrum(network)
        self.service = service
        self.pair_of_path = [
            pair for pair, paths in enumerate(self.spectrum.candidates) for _ in paths
        ]
        self.live: list[Lightpath] = []
        """By age."""
        self.up: list[Connection] = []
        self.decisions: list[tuple[int, int, int]] = []
        self.blocked_by_pair: Counter[int] = Counter()
        self.served_by_path: Counter[int] = Counter()
        self.served_by_column: Counter[int] = Counter()
        self.busy_by_path: Counter[int] = Counter()
        self.groomed = self.sliced = self.partly_served = self.unserved = self.out_of_reach = 0
        self.uses: list[float] = []
        self._fit, self._path_choice = fit, path_choice
        self._tie = self._holding = 0.0

    def serve(self, requests: Requests) -> None:
        ties = requests.tie.tolist() or [0.0] * len(requests.arrival)
        columns = (column.tolist() for column in requests[:4])
        for now, holding, pair, bit_rate, tie in zip(*columns, ties, strict=True):
            self.end_until(now)
            self._tie, self._holding = tie, holding
            connection = Connection(now, now + holding, pair, bit_rate)
            total = int(self.service.rate[bit_rate])
            before = list(self.live)
            self._serve(connection, pair, bit_rate)
            parts = self._parts(connection)
            new = [lightpath for lightpath in self.live if lightpath not in before]
            served = sum(rate for _, rate in parts)
            if not served:
                self.decisions.append((-1, -1, -1))
                self.blocked_by_pair[pair] += 1
                self.out_of_reach += not self._reachable(pair, bit_rate)
                continue
            self.up.append(connection)
            for lightpath, rate in parts:
                lightpath.carried += rate * holding
            for lightpath in new:
                self.served_by_path[lightpath.choice.path] += 1
                self.served_by_column[lightpath.column] += 1
            self.groomed += not new
            self.sliced += len(parts) > 1
            self.partly_served += served < total
            self.unserved += total - served
            self.decisions.append(new[0].choice if new else (-2, -2, -2))

    def end_until(self, now: float) -> None:
        ended = [connection for connection in self.up if connection.departure <= now]
        for connection in sorted(ended, key=lambda each: each.departure):
            for lightpath, _ in self._parts(connection):
                others = [part for part in lightpath.parts if part[0] is not connection]
                if not others:
                    span = connection.departure - lightpath.since
                    self.busy_by_path[lightpath.choice.path] += lightpath.width * span
                    if span > 0:
                        self.uses.append(lightpath.carried / (lightpath.rate * span))
            self._drop(connection)
            self.up.remove(connection)

    def interrupt(self, connection: Connection, now: float) -> None:
        """End a connection before its time."""
        for lightpath, rate in self._parts(connection):
            lightpath.carried -= rate * (connection.departure - now)
            if len(lightpath.parts) == 1:
                span = now - lightpath.since
                self.busy_by_path[lightpath.choice.path] += lightpath.width * span
                if span > 0:
                    self.uses.append(lightpath.carried / (lightpath.rate * span))
        self._drop(connection)
        self.up.remove(connection)

    def restore(self, connection: Connection, now: float, tie: float) -> bool:
        """Serve an interrupted connection anew; return whether that went."""
        self._tie, self._holding = tie, connection.departure - now
        again = Connection(now, connection.departure, connection.pair, connection.bit_rate)
        self._serve(again, again.pair, again.bit_rate)
        parts = self._parts(again)
        for lightpath, rate in parts:
            lightpath.carried += rate * (again.departure - now)
        if parts:
            self.up.append(again)
        return bool(parts)

    def carried(self, connection: Connection) -> int:
        """Return the bit rate that a connection has."""
        return sum(rate for _, rate in self._parts(connection))

    def is_hit(self, connection: Connection) -> bool:
        """Return whether a lightpath of a connection is on a link that is down."""
        paths = [lightpath.choice.path for lightpath, _ in self._parts(connection)]
        return any(map(self.spectrum.fails, paths))

    def _parts(self, connection: Connection) -> list[tuple[Lightpath, int]]:
        return [
            (lightpath, rate)
            for lightpath in self.live
            for user, rate in lightpath.parts
            if user is connection
        ]

    def _drop(self, connection: Connection) -> None:
        for lightpath in list(self.live):
            lightpath.parts = [part for part in lightpath.parts if part[0] is not connection]
            if not lightpath.parts:
                self.spectrum.give_back(lightpath.choice, lightpath.width)
                self.live.remove(lightpath)

    def _place(self, connection: Connection, path: int, column: int, left: int) -> int:
        """Set up a lightpath on a path, if it fits, and return what it carries of a connection."""
        choices = self.spectrum.choices_on([path], column, self._fit, in_order=True)
        return self._set_up(choices, connection, column, left)

    def _place_on_any(
        self, connection: Connection, pair: int, paths: list[int], column: int, left: int
    ) -> int:
        """Set up a lightpath on one of the paths, in their order, for all of a connection."""
        choices = self.spectrum.choices(pair, column, self._fit, self._path_choice)
        return self._set_up(choices, connection, column, left)

    def _set_up(self, choices: list[Choice], connection: Connection, column: int, left: int) -> int:
        if not choices:
            return 0
        choice = choices[int(self._tie * len(choices))]
        width = self.spectrum.width[choice.path][column]
        self.spectrum.take(choice, width)
        lightpath = Lightpath(
            choice, width, column, int(self.service.rate[column]), connection.arrival
        )
        carried = min(left, lightpath.rate)
        lightpath.parts.append((connection, carried))
        self.live.append(lightpath)
        return carried

    def _groom(self, connection: Connection, pair: int, total: int) -> tuple[int, int]:
        """Use what is spare on the route with most of it; return what is left, and a path over it."""
        group = self.service.group
        mine = [
            lightpath
            for lightpath in self.live
            if group[self.pair_of_path[lightpath.choice.path]] == group[pair]
            and not self.spectrum.fails(lightpath.choice.path)
        ]
        spare: Counter[int] = Counter()
        for lightpath in mine:
            spare[int(self.service.route[lightpath.choice.path])] += lightpath.spare
        if not any(spare.values()):
            return total, -1
        best = max(spare, key=lambda route: spare[route])  # of equal ones the first, that is by age
        used = [each for each in mine if self.service.route[each.choice.path] == best]
        left = total
        for lightpath in used:
            if rate := min(left, lightpath.spare):
                lightpath.parts.append((connection, rate))
                left -= rate
        return left, used[0].choice.path

    def _serve(self, connection: Connection, pair: int, bit_rate: int) -> None:
        total = int(self.service.rate[bit_rate])
        groomed = 0
        if self.service.grooms:
            left, path = self._groom(connection, pair, total)
            groomed = total - left
            if left == 0 or (groomed and self._place(connection, path, bit_rate, left)):
                return
            self._drop(connection)
        paths = self._ordered(pair)
        if self._place_on_any(connection, pair, paths, bit_rate, total):
            return
        for slice_it in self._slicings(connection, paths, bit_rate, in_part=False):
            if slice_it() == total:
                return
            self._drop(connection)
        if not self.service.partial:
            return
        slicings = self._slicings(connection, paths, bit_rate, in_part=True)
        served = []
        for slice_it in slicings:
            served.append(slice_it())
            self._drop(connection)
        if groomed > max(served, default=0):
            self._groom(connection, pair, total)
        elif any(served):
            slicings[served.index(max(served))]()

    def _ordered(self, pair: int) -> list[int]:
        """Return the paths in the order in which they are tried."""
        return self.spectrum.ordered(pair, self._path_choice)

    def _slicings(
        self, connection: Connection, paths: list[int], bit_rate: int, *, in_part: bool
    ) -> list[Callable[[], int]]:
        """Return the ways to slice a request, in order; each sets lightpaths up, returns what they carry."""
        most = self.service.max_segments
        if most == 1:
            return []
        total = int(self.service.rate[bit_rate])
        if self.service.tiers.size:
            tiers = [column for column in self.service.tiers[bit_rate].tolist() if column >= 0]
            return [partial(self._fill, connection, path, tiers, total) for path in paths]
        return [
            partial(self._slice, connection, path, column, min(number, most), total)
            for path in paths
            for column, number in self.service.slices[bit_rate].tolist()
            if number and (in_part or number <= most)
        ]

    def _slice(
        self, connection: Connection, path: int, column: int, number: int, total: int
    ) -> int:
        """Set up as many of some lightpaths as fit on a path; return what they carry."""
        left = total
        for _ in range(number):
            carried = self._place(connection, path, column, left) if left else 0
            if not carried:
                break
            left -= carried
        return total - left

    def _fill(self, connection: Connection, path: int, tiers: list[int], total: int) -> int:
        """Set up lightpaths of the tiers in turn, each as often as it fits and is not above what is left.

        Of the last tier one may carry a remainder.
        """
        left, number = total, 0
        for column in tiers:
            while left and number < self.service.max_segments:
                if left < self.service.rate[column] and column != tiers[-1]:
                    break
                carried = self._place(connection, path, column, left)
                if not carried:
                    break
                left -= carried
                number += 1
        return total - left

    def _reachable(self, pair: int, bit_rate: int) -> bool:
        columns, most = [bit_rate], self.service.max_segments
        for column, number in self.service.slices[bit_rate].tolist():
            if number and most > 1 and (number <= most or self.service.partial):
                columns.append(column)
        if self.service.tiers.size and most > 1:
            columns += [column for column in self.service.tiers[bit_rate].tolist() if column >= 0]
        return any(
            self.spectrum.width[path][column]
            for path in self.spectrum.candidates[pair]
            for column in columns
        )
