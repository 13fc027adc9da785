"""A replication with failures: served from one failure or repair to the next, and what is counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fusion.kernel.arrays import Floats, Int32s
from fusion.kernel.failures import Flags, Links
from fusion.results.measured import FailureStatistics
from fusion.scenario.failures import (
    Event,
    Failure,
    events_at_requests,
    events_at_times,
    random_events,
)
from fusion.scenario.traffic import Requests

_NOTHING = np.empty(0)

Stretch = tuple[Requests, Int32s]
"""Requests between which nothing but arrivals and departures happens, and where what is decided of them is to
be written before the next is asked for, as by `event_loop.serve`."""


class Toll(NamedTuple):
    """What a failure did to the connections that it met.

    interrupted: connections that were carried over failed links. switched: those of them that their backup
    carries on. restored: those that found another way. lost_gbps: bit rate of those that are gone for good.
    departure: float64, when those that are carried no longer end, or would have ended. gone: whether these
    are gone for good. recovery_ms: float64, how long it took to switch over or restore those that were.
    """

    interrupted: int
    switched: int
    restored: int
    lost_gbps: float
    departure: Floats
    gone: bool
    recovery_ms: Floats = _NOTHING


class Simulation(Protocol):
    """What is served, and may be interrupted."""

    links: Links

    def serve(self, chunk: Requests, decision: Int32s) -> None:
        """Serve requests; decision: as for `event_loop.serve`."""

    def begin_measuring(self) -> float:
        """Count from now on, and return the time."""

    def now(self) -> float:
        """Return the time of the last arrival."""

    def offered_and_blocked(self) -> tuple[int, int]:
        """Return the requests since measuring began, and how many of them were blocked."""

    def remaining(self, now: float) -> Floats:
        """Return the time that each connection that is up will still stay."""

    def fail(self, hit: Flags, now: float, failure: Failure, stream: np.random.Generator) -> Toll:
        """Interrupt what is up on some paths, and restore what can be. hit: bool[path]."""

    def repair(self, mended: Flags, now: float, failure: Failure) -> Floats:
        """Return the departures of the connections that are carried again. mended: bool[path]."""


class Feed:
    """Requests, taken up to a number of them or a time."""

    def __init__(self, chunks: Iterator[Requests]) -> None:
        self.taken = 0
        self._chunks = chunks
        self._rest: Requests | None = None

    def before(self, number: int, time: float) -> Iterator[Requests]:
        """Yield the requests up to a number since the start, those that come before a time."""
        while self.taken < number:
            chunk = self._rest or next(self._chunks)
            size = len(chunk.arrival)
            take = min(number - self.taken, int(np.searchsorted(chunk.arrival, time)))
            self._rest = chunk.part(take, size) if take < size else None
            self.taken += min(take, size)
            if take:
                yield chunk.part(0, min(take, size))
            if take < size:
                return


class Run:
    """A replication, from one event to the next; others serve the requests in between."""

    def __init__(
        self,
        simulation: Simulation,
        failure: Failure,
        requests: Iterator[Requests],
        stream: np.random.Generator,
    ) -> None:
        self.events: Iterator[Event] = iter(())
        self.began = 0.0
        self._next: Event | None = None
        self._simulation, self._failure = simulation, failure
        self._feed, self._stream = Feed(requests), stream
        self._asked, self._link_times = Asked(), LinkTimes(simulation.links)
        self._phase, self._counted = 0, np.zeros(2, dtype=np.int64)
        self._by_phase = np.zeros((3, 2), dtype=np.int64)
        self._tolls: list[Toll] = []

    def warm_up(self, requests: int, key: tuple[int, float, int]) -> Iterator[Stretch]:
        """Yield the first requests. key: seed, load in Erlang, and replication."""
        if self._failure.lifetimes is not None:
            self.events = random_events(self._failure, *key)
        yield from self.until(requests)

    def measure(self, warmup_requests: int, num_requests: int) -> Iterator[Stretch]:
        """Count from now on, and yield the requests that follow the warm-up."""
        self.began = self.begin_measuring()
        failure = self._failure
        if failure.lifetimes is None:
            self.events = events_at_times(failure.schedule, self.began)
            for number, links, fails in events_at_requests(failure.schedule):
                yield from self.until(warmup_requests + int(number))
                self.happen(Event(self._simulation.now(), links, fails))
        yield from self.until(warmup_requests + num_requests)

    def until(self, number: int) -> Iterator[Stretch]:
        """Yield the requests up to a number since the start; what comes before them happens first."""
        while True:
            self._next = self._next or next(self.events, None)
            event = self._next
            for chunk in self._feed.before(number, np.inf if event is None else event.time):
                decision = np.empty((len(chunk.arrival), 3), dtype=np.int32)
                yield chunk, decision
                self._asked.served(chunk, decision)
            if event is None or self._feed.taken == number:
                return
            self._next = None
            self.happen(event)

    def begin_measuring(self) -> float:
        """Count from now on, and return the time."""
        began = self._simulation.begin_measuring()
        self._asked.begin(began, self._simulation.remaining(began))
        self._link_times.begin(began)
        self._tolls = []
        self._counted, self._by_phase = np.zeros(2, dtype=np.int64), self._by_phase * 0
        return began

    def happen(self, event: Event) -> None:
        """Have links fail or be repaired."""
        simulation = self._simulation
        changed = simulation.links.change(event.links, fails=event.fails)
        self._link_times.changed(event.time)
        if event.fails:
            toll = simulation.fail(changed, event.time, self._failure, self._stream)
            self._tolls.append(toll._replace(departure=_NOTHING))
            self._asked.interrupted(event.time, toll.departure, gone=toll.gone)
        else:
            self._asked.resumed(event.time, simulation.repair(changed, event.time, self._failure))
        self._end_phase()
        self._phase = 1 if simulation.links.down.any() else 2

    def _end_phase(self) -> None:
        """Count what was offered and blocked since the last event as that of the phase that it was."""
        counted = np.array(self._simulation.offered_and_blocked())
        self._by_phase[self._phase] += counted - self._counted
        self._counted = counted

    def end(self) -> FailureStatistics:
        """Return what has been counted."""
        now = self._simulation.now()
        asked, down = self._asked.end(now, self._simulation.remaining(now))
        self._link_times.changed(now)
        self._end_phase()
        counts = self._by_phase.copy() if self._failure.lifetimes is None else self._by_phase[:0]
        return FailureStatistics(
            phase_requests=counts[:, 0],
            phase_blocked=counts[:, 1],
            interrupted=sum(toll.interrupted for toll in self._tolls),
            switched=sum(toll.switched for toll in self._tolls),
            restored=sum(toll.restored for toll in self._tolls),
            lost_gbps=sum(toll.lost_gbps for toll in self._tolls),
            recovery_ms=_summary(np.concatenate([_NOTHING, *(t.recovery_ms for t in self._tolls)])),
            asked_time=asked,
            down_time=down,
            outages=self._asked.outages,
            outage_time=self._asked.outage_time,
            link_down_time=self._link_times.down.copy(),
            link_outages=self._link_times.outages.copy(),
            measured_time=now - self._link_times.began,
        )


def _summary(values: Floats) -> Floats:
    """Return mean, 95th percentile and greatest of some values, or nothing where there are none."""
    if not len(values):
        return _NOTHING
    return np.array([values.mean(), np.percentile(values, 95), values.max()])


class LinkTimes:
    """The time for which each link is down, and how often it fails."""

    def __init__(self, links: Links) -> None:
        """links: all up."""
        self._links = links
        self.began = self._last = 0.0
        self.down = np.zeros(len(links.down))
        self.outages = np.zeros(len(links.down), dtype=np.int64)
        self._was_down = links.down > 0

    def begin(self, now: float) -> None:
        """Count from now on."""
        self.began = self._last = now
        self.down[:] = 0.0
        self.outages[:] = 0

    def changed(self, now: float) -> None:
        """Count the time until now; links have just failed or been repaired, or nothing has happened."""
        self.down += self._was_down * (now - self._last)
        is_down = self._links.down > 0
        self.outages += is_down & ~self._was_down
        self._was_down, self._last = is_down, now


class Asked:
    """The time that connections were to be carried, and the part of it in which they were not.

    A connection that is interrupted is out until it is carried again, or until it would have ended.
    """

    def __init__(self) -> None:
        """Begin with no connection."""
        self._began = 0.0
        self._asked = self._down = 0.0
        self.outages, self.outage_time = 0, 0.0
        nothing = np.empty(0)
        self._since, self._departure, self._gone = nothing, nothing, nothing.astype(np.bool_)

    def served(self, chunk: Requests, decision: Int32s) -> None:
        """Count requests that were served, for all of their time."""
        self._asked += float(chunk.holding[decision[:, 0] != -1].sum())

    def interrupted(self, now: float, departure: Floats, *, gone: bool) -> None:
        """Have connections be out from now on."""
        self._close(now)
        self._since = np.append(self._since, np.full(len(departure), now))
        self._departure = np.append(self._departure, departure)
        self._gone = np.append(self._gone, np.full(len(departure), gone))

    def resumed(self, now: float, departure: Floats) -> None:
        """Have connections be carried again, which their departures tell apart."""
        self._close(now)
        again = np.isin(self._departure, departure) & ~self._gone
        self._take(again, now)

    def begin(self, now: float, remaining: Floats) -> None:
        """Count from now on. remaining: the time that each connection that is up will still stay."""
        self._close(now)
        self._began = now
        self._down = 0.0
        self.outages, self.outage_time = 0, 0.0
        self._asked = self._ahead(now, remaining)

    def end(self, now: float, remaining: Floats) -> tuple[float, float]:
        """Return the time asked for and the time out of it, until now."""
        self._close(now)
        asked = self._asked - self._ahead(now, remaining)
        # What goes on counts as time, but not yet among the durations.
        down = self._down + float((now - np.maximum(self._since, self._began)).sum())
        return asked, down

    def _ahead(self, now: float, remaining: Floats) -> float:
        return float(remaining.sum() + (self._departure[self._gone] - now).sum())

    def _close(self, now: float) -> None:
        """Take those that have ended, or would have."""
        ended = self._departure <= now
        if ended.any():
            self._take(ended, self._departure[ended])

    def _take(self, chosen: NDArray[np.bool_], until: float | Floats) -> None:
        """Count what is out until some time, and forget it."""
        since = np.maximum(self._since[chosen], self._began)
        self._down += float(np.maximum(until - since, 0.0).sum())
        self.outages += len(since)
        self.outage_time += float((until - self._since[chosen]).sum())
        left = ~chosen
        self._since, self._departure = self._since[left], self._departure[left]
        self._gone = self._gone[left]
