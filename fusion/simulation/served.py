"""What the kinds of simulation share: requests are served and counted, interrupted ones served anew."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np

from fusion.kernel.arrays import Floats, Int32s, State, Tally, new_tally
from fusion.kernel.connections import new_count
from fusion.kernel.event_loop import NO_DECISIONS
from fusion.kernel.failures import Flags, Links
from fusion.kernel.protection import Protected
from fusion.kernel.records import Connections, Count
from fusion.scenario.failures import Failure
from fusion.scenario.recovery import restoration_ms
from fusion.scenario.scenario import Scenario
from fusion.scenario.traffic import Requests
from fusion.simulation.restored import add_restored

_NEVER = 1 << 62  # requests to the next sample


class Interrupted(NamedTuple):
    """Connections that nothing carries any more, in the order in which they are restored.

    path: int32, over the failed link. pair, bit_rate: int32. departure: float64.
    """

    path: Int32s
    pair: Int32s
    bit_rate: Int32s
    departure: Floats


class Placed(NamedTuple):
    """Lightpaths that are up, all arrays [lightpath].

    path, plane, start, width: int32, guard band included. column: int32, of `Network.width`. until: float64,
    when each ends. is_backup: bool, whether it protects another one.
    """

    path: Int32s
    plane: Int32s
    start: Int32s
    width: Int32s
    column: Int32s
    until: Floats
    is_backup: Flags


class Served(ABC):
    """Requests that are served one after the other."""

    links: Links
    """Only with failures."""
    _scenario: Scenario
    _state: State | Connections | Protected
    _tally: Tally
    _count: Count
    _countdown: int
    """Place in the cursor of the state: how many requests there are to the next sample."""

    @abstractmethod
    def _serve(
        self, chunk: Requests, tally: Tally, count: Count, sample_every: int, decision: Int32s
    ) -> None:
        """Serve requests and add to these counters."""

    def serve(self, chunk: Requests, decision: Int32s = NO_DECISIONS) -> None:
        """Serve requests; decision: as for `event_loop.serve`."""
        self._serve(chunk, self._tally, self._count, self._scenario.sample_every, decision)

    def _serve_anew(
        self, chunk: Requests, tally: Tally, count: Count, sample_every: int, decision: Int32s
    ) -> None:
        """Serve connections that are restored, as `_serve` does."""
        self._serve(chunk, tally, count, sample_every, decision)

    @abstractmethod
    def up(self) -> Placed:
        """Return the lightpaths that are up at the last arrival."""

    def now(self) -> float:
        """Return the time of the last arrival."""
        return float(self._state.clock[0])

    def offered_and_blocked(self) -> tuple[int, int]:
        """Return the requests since measuring began, and how many of them were blocked."""
        return int(self._tally.offered_by_pair.sum()), int(self._tally.blocked_by_pair.sum())

    def _restore(
        self, out: Interrupted, now: float, failure: Failure, stream: np.random.Generator
    ) -> tuple[Flags, Floats]:
        """Serve connections anew, if the failure has them rerouted.

        Returns bool[connection], which of them are lost, and the ms that restoring the others took.
        """
        scenario, cursor, count = self._scenario, self._state.cursor, len(out.path)
        decision = np.full((count, 3), -1, dtype=np.int32)
        if failure.restoration == "reroute":
            tie = stream.random(count) if scenario.policy.needs_ties else np.empty(0)
            chunk = Requests(np.full(count, now), out.departure - now, out.pair, out.bit_rate, tie)
            tally, counts = new_tally(scenario.network), new_count()
            countdown, cursor[self._countdown] = int(cursor[self._countdown]), _NEVER
            self._serve_anew(chunk, tally, counts, _NEVER, decision)
            cursor[self._countdown] = countdown
            add_restored(self._tally, tally)
            add_restored(self._count, counts)
        new = decision[:, 0]
        lost = new == -1
        link_km = np.array(scenario.link_km)
        took = restoration_ms(failure.recovery, self.links, link_km, out.path[~lost], new[~lost])
        return lost, took
