"""A slow twin of a replication with failures, for any twin of what is served between them."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

from fusion.kernel.arrays import Network
from fusion.kernel.records import Service
from fusion.scenario.failures import Event
from fusion.scenario.traffic import Requests
from tests.twin.connections import Connection, ConnectionTwin
from tests.twin.twin import Choice, Lightpath, Twin


class Breakable(Protocol):
    """Something that serves requests, and whose links may fail."""

    spectrum: Any
    decisions: list[Any]

    def serve(self, requests: Requests) -> None: ...
    def end_until(self, now: float) -> None: ...
    def connections(self) -> list[Any]: ...
    def is_hit(self, connection: Any) -> bool: ...
    def interrupt(self, connection: Any, now: float) -> None: ...
    def restore(self, connection: Any, now: float, tie: float) -> bool: ...
    def rank(self, connection: Any) -> tuple[Any, ...]: ...
    def carried(self, connection: Any) -> float: ...


class BreakableTwin(Twin):
    """The twin of the plain loop, which knows what its lightpaths carry."""

    def __init__(self, network: Network, fit: str, path_choice: str) -> None:
        super().__init__(network, fit, path_choice, 10**9)
        self.pair_of = [pair for pair, paths in enumerate(self.spectrum.candidates) for _ in paths]
        self.bit_rate_of: dict[float, int] = {}

    def end_until(self, now: float) -> None:
        self._release(now)

    def connections(self) -> list[Lightpath]:
        return list(self._live)

    def is_hit(self, connection: Lightpath) -> bool:
        return self.spectrum.fails(connection.path)

    def _set_up(self, choice: Choice, now: float, holding: float, bit_rate: int) -> None:
        super()._set_up(choice, now, holding, bit_rate)
        self.bit_rate_of[now + holding] = bit_rate

    def interrupt(self, connection: Lightpath, now: float) -> None:
        self._live.remove(connection)
        heapq.heapify(self._live)
        choice = Choice(connection.path, connection.plane, connection.start)
        self.spectrum.give_back(choice, connection.width)
        self.busy_by_path[connection.path] -= connection.width * (connection.departure - now)

    def restore(self, connection: Lightpath, now: float, tie: float) -> bool:
        rate = self.bit_rate_of[connection.departure]
        pair = self.pair_of[connection.path]
        choices = self.spectrum.choices(pair, rate, self._fit, self._path_choice)
        if choices:
            choice = choices[int(tie * len(choices))]
            width = self.spectrum.width[choice.path][rate]
            self.spectrum.take(choice, width)
            heapq.heappush(self._live, Lightpath(connection.departure, now, *choice, width))
            self.busy_by_path[choice.path] += width * (connection.departure - now)
        return bool(choices)

    def rank(self, connection: Lightpath) -> tuple[Any, ...]:
        return (-connection.departure,)

    def carried(self, connection: Lightpath) -> float:
        return float(self.bit_rate_of[connection.departure])


class BreakableConnectionTwin(ConnectionTwin):
    """The twin of the loop for connections, whole ones of which may be interrupted."""

    def __init__(self, network: Network, service: Service, fit: str, path_choice: str) -> None:
        super().__init__(network, service, fit, path_choice)

    def connections(self) -> list[Connection]:
        return list(self.up)

    def rank(self, connection: Connection) -> tuple[Any, ...]:
        return (-connection.departure,)


class FailureRun:
    """Requests and events in order of time, and what each connection was given of what it asked for."""

    def __init__(self, twin: Breakable, restoration: str) -> None:
        self.twin, self.restoration = twin, restoration
        self.interrupted = self.restored = 0
        self.lost: list[float] = []
        self.asked: dict[float, tuple[float, float]] = {}
        """Departure -> when a connection came and when it was to end."""
        self.out: list[tuple[float, float]] = []
        """When a connection went out, and when it came back or was to end."""
        self._failures: Counter[int] = Counter()
        self._waiting: dict[float, float] = {}

    def serve(self, requests: Requests, events: Sequence[Event], ties: Sequence[float]) -> None:
        """Serve all requests, and let all events happen that come before the last. ties: for restoring."""
        waiting, tie = list(events), iter(ties)
        for i, arrival in enumerate(requests.arrival.tolist()):
            while waiting and waiting[0].time <= arrival:
                self._happen(waiting.pop(0), tie)
            self.twin.serve(requests.part(i, i + 1))
            if self.twin.decisions[-1][0] != -1:
                departure = arrival + float(requests.holding[i])
                self.asked[departure] = (arrival, departure)
        for departure, since in self._waiting.items():
            self.out.append((since, departure))

    def times(self, began: float, ended: float) -> tuple[float, float]:
        """Return the time that was asked for, and that out of it, between two times."""

        def overlap(span: tuple[float, float]) -> float:
            return max(0.0, min(span[1], ended) - max(span[0], began))

        return sum(map(overlap, self.asked.values())), sum(map(overlap, self.out))

    def _down_after(self, event: Event) -> set[int]:
        """Return the links that are down after this: those with a failure that is not repaired."""
        for link, failures in enumerate(event.links.tolist()):
            self._failures[link] += failures if event.fails else -failures
        return {link for link, failures in self._failures.items() if failures > 0}

    def _happen(self, event: Event, ties: Any) -> None:
        twin, now = self.twin, event.time
        twin.end_until(now)
        for departure in [each for each in self._waiting if each <= now]:
            self.out.append((self._waiting.pop(departure), departure))
        before = [each for each in twin.connections() if twin.is_hit(each)]
        twin.spectrum.down = self._down_after(event)
        for each in before:
            if not twin.is_hit(each):
                self.out.append((self._waiting.pop(each.departure), now))
        hit = [each for each in twin.connections() if twin.is_hit(each) and each not in before]
        if not event.fails:
            assert not hit
            return
        self.interrupted += len(hit)
        hit.sort(key=twin.rank)
        if self.restoration == "wait":
            self._waiting |= {each.departure: now for each in hit}
            return
        rates = [twin.carried(each) for each in hit]
        for each in hit:
            twin.interrupt(each, now)
        for each, rate in zip(hit, rates, strict=True):
            if self.restoration == "reroute" and twin.restore(each, now, next(ties)):
                self.restored += 1
            else:
                self.lost.append(rate)
                self.out.append((now, each.departure))
