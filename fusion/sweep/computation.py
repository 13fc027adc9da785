"""Points to outcomes: the replications that each point still needs, many points in one pool of processes."""

from __future__ import annotations

import hashlib
import pickle
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

from fusion.inputs import Inputs
from fusion.kernel.event_loop import is_compiled
from fusion.outcome import METRICS, Outcome, outcome_of
from fusion.pool import run_tasks, usable_cpus
from fusion.replication import Stopped, Task, replicate
from fusion.scenario import Scenario, make_scenario
from fusion.stopping import LoadState, make_rule
from fusion.sweep.points import Point
from fusion.sweep.store import Outcomes

SMALL_REQUESTS = 5_000_000
"""Below this many requests in all a pool costs more time than it saves."""

_BATCH_REQUESTS = 400_000  # some 50 ms: a batch costs a fraction of a millisecond to hand out


class Failure(NamedTuple):
    """A point whose simulation has raised an error. error: one line. trace: the whole traceback."""

    key: str
    error: str
    trace: str


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
            attrgetter(metric),
        )
        for _, outcome in sorted(outcomes.items()):
            self._load.add(outcome)
        self._in_flight = 0

    def add(self, outcome: Outcome) -> None:
        """Take in what has finished, whoever computed it."""
        if outcome.replication not in self._load.done:
            self._load.add(outcome)

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
        estimate = METRICS[self._metric](have, statistics.confidence)
        if estimate.mean in (0.0, 1.0):
            return self._most
        half = 0.5 * (estimate.ci_upper - estimate.ci_lower)
        wanted = max(statistics.relative_precision * estimate.mean, statistics.absolute_precision)
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


class _Batch(NamedTuple):
    """Replications of one point. scenario: pickled, so that it is pickled once and not for each batch."""

    key: str
    scenario: bytes
    scenario_key: str
    tasks: tuple[Task, ...]


class _Landed(NamedTuple):
    key: str
    outcomes: list[Outcome]
    asked: int
    failure: Failure | None


def compute(
    states: Sequence[PointState],
    inputs: Callable[[Point], Inputs],
    workers: int,
    stopped: Callable[[], bool],
) -> Iterator[list[tuple[str, Outcome]]]:
    """Yield outcomes as they are there, until all points have enough of them; longest points first.

    states: are kept up to date; an error in a point is in its `failure` and ends nothing else. inputs: what
    a point computes with. workers: processes; 0: one per CPU, one for little work. stopped: asked often;
    when it says yes no more is yielded. Raises WorkerDiedError.
    """
    by_key = {state.point.key: state for state in states}
    waiting = deque(sorted(states, key=lambda state: -state.requests_left))
    pickled = _Scenarios(inputs)
    if any(not state.is_done for state in states) and not is_compiled():
        first = next(state.point for state in states if not state.is_done)
        # Here, so that the workers of a pool find it in the cache and do not each compile it.
        replicate(pickled.make(first)._replace(num_requests=1), first.erlang, 0, 0)

    def next_task() -> _Batch | None:
        while waiting and waiting[0].is_done:
            waiting.popleft()
        for early in (False, True):
            for state in waiting:
                try:
                    tasks = state.next_batch(early=early)
                    if tasks:
                        return _Batch(state.point.key, *pickled.get(state.point), tasks)
                except Exception as error:
                    state.failure = _failure(state.point.key, error)
        return None

    if not workers:
        requests = sum(state.requests_left for state in states)
        workers = 1 if requests < SMALL_REQUESTS else usable_cpus()
    for landed in run_tasks(_simulate, next_task, workers, stopped):
        state = by_key[landed.key]
        state.landed(landed.asked)
        for outcome in landed.outcomes:
            state.add(outcome)
        if landed.failure is not None:
            state.failure = landed.failure
        yield [(landed.key, outcome) for outcome in landed.outcomes]


class _Scenarios:
    """Scenarios of points, pickled; points that differ in the load alone share one."""

    def __init__(self, inputs: Callable[[Point], Inputs]) -> None:
        self._inputs = inputs
        self._made: dict[str, tuple[bytes, str]] = {}

    def make(self, point: Point) -> Scenario:
        return make_scenario(point.config, self._inputs(point))

    def get(self, point: Point) -> tuple[bytes, str]:
        name = repr(sorted(_without_loads(point.content).items()))
        if name not in self._made:
            data = pickle.dumps(self.make(point), protocol=pickle.HIGHEST_PROTOCOL)
            self._made[name] = data, hashlib.sha256(data).hexdigest()
        return self._made[name]


def _without_loads(content: Mapping[str, object]) -> dict[str, object]:
    config = content["config"]
    assert isinstance(config, dict)
    return {
        **content,
        "config": {
            name: value
            for name, value in config.items()
            if not name.startswith(("general_settings.erlang_", "simulation_settings.warmup"))
        },
    }


_scenarios: dict[str, Scenario] = {}  # of this process


def _simulate(batch: _Batch, stopped: Callable[[], bool] = lambda: False, /) -> _Landed:
    outcomes: list[Outcome] = []
    try:
        scenario = _scenarios.get(batch.scenario_key)
        if scenario is None:
            if len(_scenarios) > 3:
                _scenarios.clear()
            scenario = _scenarios[batch.scenario_key] = pickle.loads(batch.scenario)
        for task in batch.tasks:
            outcomes.append(outcome_of(replicate(scenario, *task, stopped)))
    except Stopped:
        raise
    except Exception as error:
        return _Landed(batch.key, outcomes, len(batch.tasks), _failure(batch.key, error))
    return _Landed(batch.key, outcomes, len(batch.tasks), None)


def _failure(key: str, error: Exception) -> Failure:
    return Failure(key, f"{type(error).__name__}: {error}", traceback.format_exc())


def point_states(
    points: Iterable[Point], outcomes: Mapping[str, Outcomes], metric: str
) -> list[PointState]:
    """Return the state of each point, with what is there of it."""
    return [PointState(point, outcomes.get(point.key, {}), metric) for point in points]
