"""Where curves of a sweep reach a blocking probability: searched for load by load, without a grid.

A search asks for few replications at a time. Those that the store has are taken from there, and those that
are simulated are points like others, so an interrupted search goes on where it was.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from fusion.results.load_finder import Evaluation, FoundLoad, outside_range, search_load
from fusion.results.outcome import Outcome
from fusion.results.stopping import Task
from fusion.scenario.content import key_of
from fusion.simulation.pool import run_tasks, usable_cpus
from fusion.sweep.computation import (
    SMALL_REQUESTS,
    Batch,
    Happens,
    Scenarios,
    simulate,
    without_loads,
)
from fusion.sweep.point_state import Failure
from fusion.sweep.points import Point, at_load
from fusion.sweep.store import OutcomeWriter, Store

_ROUNDS = 30  # of a search, about

Key = tuple[str, int]
"""A point's key and a replication's number."""


def curves_of(points: Sequence[Point]) -> list[list[Point]]:
    """Return the points that differ in the load alone, by load; curves in the order of their first points."""
    curves: dict[str, list[Point]] = {}
    for point in points:
        curves.setdefault(_curve_key(point.content), []).append(point)
    return [sorted(curve, key=lambda point: point.erlang) for curve in curves.values()]


def _curve_key(content: Mapping[str, Any]) -> str:
    return key_of(without_loads(content))


class LoadSearch:
    """The search on one curve: what it asks for, and what it has found."""

    def __init__(
        self,
        curve: Sequence[Point],
        metric: str,
        target: float,
        *,
        relative_precision: float,
        max_requests: float,
    ) -> None:
        """curve: points, by load; the target is looked for between the first and the last.

        metric: what is to reach the target. The rest as in `search_load`. Raises ValueError.
        """
        self.found: FoundLoad | None = None
        self.failure: Failure | None = None
        self.trace: list[Evaluation] = []
        self.simulated = 0
        """Requests that were not there already, warm-up included."""
        self.first = curve[0]
        self._metric, self._target = metric, target
        self._points = {point.erlang: point for point in (curve[0], curve[-1])}
        self._outcomes: dict[Key, Outcome] = {}
        statistics = self.first.config.statistics_settings
        self._search = search_load(
            target,
            lowest=curve[0].erlang,
            highest=curve[-1].erlang,
            relative_precision=relative_precision,
            confidence=statistics.confidence,
            min_replications=statistics.min_replications,
            max_requests=max_requests,
        )
        self._round = next(self._search)

    def look_at_ends(self) -> bool:
        """End the search where what is there says that the target is outside of its range; return whether.

        A point that is complete counts, also one that is to have fewer replications than a search asks for.
        """
        general, statistics = (
            self.first.config.general_settings,
            self.first.config.statistics_settings,
        )
        loads = {point.key: load for load, point in self._points.items()}
        there = [
            Evaluation(loads[key], number, *self._counts(loads[key], number))
            for key, number in sorted(self._outcomes)
            if key in loads
        ]
        self.found = outside_range(
            there,
            self._target,
            lowest=min(self._points),
            highest=max(self._points),
            confidence=statistics.confidence,
            min_replications=min(statistics.min_replications, general.max_iters),
        )
        if self.found is not None:
            self.trace = list(self.found.trace)
        return self.found is not None

    @property
    def is_over(self) -> bool:
        """Whether it asks for nothing more."""
        return self.found is not None or self.failure is not None

    def wants(self) -> dict[Key, Point]:
        """Return the replications of this round that are not there."""
        wanted = {}
        for load, number in self._round:
            point = self._points.get(load)
            if point is None:
                point = self._points[load] = at_load(self.first, load)
            if (point.key, number) not in self._outcomes:
                wanted[point.key, number] = point
        return wanted

    def add(self, key: str, outcome: Outcome) -> None:
        """Take in a replication, whoever has simulated it."""
        self._outcomes[key, outcome.replication] = outcome

    def advance(self) -> list[Evaluation]:
        """End a round of which all is there, and return it: ask for the next, or have found the load."""
        done = [Evaluation(*task, *self._counts(*task)) for task in self._round]
        self.trace += done
        try:
            self._round = self._search.send([(each.blocked, each.offered) for each in done])
        except StopIteration as end:
            self.found = end.value
        return done

    def _counts(self, load: float, number: int) -> tuple[int, int]:
        outcome = self._outcomes[self._points[load].key, number]
        # Blocked bit rate counts as so many requests: they are what varies by chance.
        return round(getattr(outcome, self._metric) * outcome.requests), outcome.requests


def search_all(
    searches: Sequence[LoadSearch],
    store: Store,
    writer: OutcomeWriter,
    workers: int,
    stopped: Callable[[], bool],
    happens: Happens = lambda kind, **details: None,
) -> Iterator[tuple[int, list[Evaluation]]]:
    """Yield the number of a search after each of its rounds, and the round; empty for one that fails.

    All searches go on at once until they are over. Outcomes are written as they are there. workers:
    processes; 0: one per CPU, one for little work. stopped: asked often; when it says yes no more is
    yielded. happens: is told "compiling" where something is compiled first. Raises WorkerDiedError,
    StoreError.
    """
    _take_in(searches, store)
    scenarios = Scenarios()
    waiting: deque[Batch] = deque()
    whose: dict[str, int] = {}

    def go_on(number: int) -> Iterator[tuple[int, list[Evaluation]]]:
        search = searches[number]
        while not search.is_over and not stopped():
            wanted = search.wants()
            if not wanted:
                yield number, search.advance()
                continue
            if new := [point for point in wanted.values() if point.key not in whose]:
                store.describe(new)
            for (key, replication), point in wanted.items():
                whose[key] = number
                task = Task(point.erlang, replication, point.warmup_requests)
                waiting.append(Batch(key, *scenarios.get(point), (task,)))
                search.simulated += point.requests
            return

    for number, search in enumerate(searches):
        if search.look_at_ends():
            yield number, search.trace
        yield from go_on(number)
    if waiting:
        scenarios.compile((search.first for search in searches), happens)
    if not workers:
        requests = 2 * _ROUNDS * sum(search.first.requests for search in searches)
        workers = 1 if requests < SMALL_REQUESTS else usable_cpus()

    def next_batch() -> Batch | None:
        return waiting.popleft() if waiting else None

    for landed in run_tasks(simulate, next_batch, workers, stopped):
        number = whose[landed.key]
        search = searches[number]
        writer.append((landed.key, outcome) for outcome in landed.outcomes)
        for outcome in landed.outcomes:
            search.add(landed.key, outcome)
        if search.is_over:
            continue
        if landed.failure is not None:
            search.failure = landed.failure
            yield number, []
        elif not search.wants():
            yield from go_on(number)


def _take_in(searches: Sequence[LoadSearch], store: Store) -> None:
    """Give the searches what the store has of their curves, at whatever loads. Raises StoreError."""
    curves = {_curve_key(search.first.content): search for search in searches}
    there = {
        key: curves[curve]
        for key, content in store.contents().items()
        if (curve := _curve_key(content)) in curves
    }
    for key, outcomes in store.read(there).items():
        for outcome in outcomes.values():
            there[key].add(key, outcome)
