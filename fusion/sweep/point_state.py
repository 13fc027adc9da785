"""One point of a running sweep: its existing results, and what remains to be computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from fusion.results.outcome import AVAILABILITY, METRICS, Outcome, judged
from fusion.results.stopping import LoadState, Task, make_rule
from fusion.sweep.points import Point
from fusion.sweep.store import Outcomes

_BATCH_REQUESTS = 400_000  # some 50 ms: a batch costs a fraction of a millisecond to hand out


class Failure(NamedTuple):
    """A point whose simulation has raised an error.

    error: one line. trace: the whole traceback. replication: that was to be simulated.
    """

    key: str
    error: str
    trace: str
    replication: int = 0


class PointState:
    """One point while a sweep goes on: its outcomes, and whether they are enough."""

    def __init__(self, point: Point, outcomes: Outcomes, metric: str) -> None:
        """outcomes: what is there already. metric: what the stopping rule looks at."""
        self.point = point
        self.failure: Failure | None = None
        self._metric = metric
        self._most = point.config.general_settings.max_iters
        statistics = point.config.statistics_settings
        self._fixed = statistics.stopping_rule == "fixed"
        self._first = self._most if self._fixed else min(statistics.min_replications, self._most)
        self._load: LoadState[Outcome] = LoadState(
            point.erlang,
            point.warmup_requests,
            self._most,
            make_rule(point.config),
            *judged(metric),
        )
        for _, outcome in sorted(outcomes.items()):
            self._load.add(outcome)
        self._in_flight = 0

    def add(self, outcome: Outcome) -> None:
        """Take in what has finished, whoever computed it."""
        if not self.has(outcome.replication):
            self._load.add(outcome)

    def has(self, replication: int) -> bool:
        """Return whether this replication is there."""
        return replication in self._load.done

    @property
    def stop_reason(self) -> str | None:
        """Why the point has enough replications; None while it has not."""
        return self._load.stop_reason

    @property
    def outcomes(self) -> list[Outcome]:
        """What counts, in the order of the replications."""
        return self._load.replications

    @property
    def is_done(self) -> bool:
        """Whether nothing more is to be computed."""
        return self.stop_reason is not None or self.failure is not None

    @property
    def replications_needed(self) -> int:
        """An estimate of how many replications there will be; exact for a fixed number."""
        have = self.outcomes
        if self.stop_reason is not None:
            return len(have)
        if self._fixed or len(have) < 2:
            return self._first
        return max(self._first, min(self._most, self._extrapolated(have)))

    def _extrapolated(self, have: list[Outcome]) -> int:
        """Return the replications after which the interval will be narrow, as it shrinks with 1/sqrt(n)."""
        statistics = self.point.config.statistics_settings
        estimate = METRICS[self._metric].estimate(have, statistics.confidence)
        mean = 1.0 - estimate.mean if self._metric == AVAILABILITY else estimate.mean
        if not 0.0 < mean < 1.0:
            return self._most
        half = 0.5 * (estimate.ci_upper - estimate.ci_lower)
        wanted = max(statistics.relative_precision * mean, statistics.absolute_precision)
        return min(self._most, int(len(have) * (half / wanted) ** 2) + statistics.look_ahead)

    @property
    def requests_left(self) -> int:
        """An estimate of how many requests are still to be simulated, warm-up included."""
        if self.is_done:
            return 0
        return max(1, self.replications_needed - len(self._load.done)) * self.point.requests

    def next_batch(self, *, early: bool) -> tuple[Task, ...]:
        """Return the next replications to do, or none. early: also those that may prove needless."""
        if self.is_done:
            return ()
        size = max(1, _BATCH_REQUESTS // self.point.requests)
        sure = self._first - len(self._load.done) - self._in_flight
        if sure > 0:
            size = min(size, sure)
        elif self._in_flight and not early:
            return ()
        batch: list[Task] = []
        while len(batch) < size and (task := self._load.next_task()) is not None:
            batch.append(task)
        self._in_flight += len(batch)
        return tuple(batch)

    def landed(self, replications: int) -> None:
        """Say that so many replications of batches are back, or lost."""
        self._in_flight -= replications


def take_in(states: Iterable[PointState], outcomes: Mapping[str, Outcomes]) -> int:
    """Give points what somebody else has computed of them; return how many replications were new."""
    new = 0
    for state in states:
        for number, outcome in outcomes.get(state.point.key, {}).items():
            new += not state.has(number)
            state.add(outcome)
    return new


def how_far(states: Iterable[PointState]) -> list[tuple[bool, int]]:
    """Return what changes whenever something is computed: whether each point is done, and what it has."""
    return [(state.is_done, len(state.outcomes)) for state in states]


def point_states(
    points: Iterable[Point], outcomes: Mapping[str, Outcomes], metric: str
) -> list[PointState]:
    """Return the state of each point, with what is there of it."""
    return [PointState(point, outcomes.get(point.key, {}), metric) for point in points]
