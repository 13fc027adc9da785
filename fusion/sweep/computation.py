"""Points to outcomes: the replications that each point still needs, many points in one pool of processes."""

from __future__ import annotations

import hashlib
import pickle
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from fusion.results.logging_config import get_logger
from fusion.results.outcome import Outcome, outcome_of
from fusion.results.stopping import Task
from fusion.scenario.loops import Loop, loop_of
from fusion.scenario.scenario import Scenario, make_scenario
from fusion.simulation.compilation import compile_for
from fusion.simulation.pool import Stopped, run_tasks, usable_cpus
from fusion.simulation.propagate_ahead import propagate_ahead
from fusion.simulation.replication import replicate
from fusion.sweep.point_state import Failure, PointState
from fusion.sweep.points import Point

log = get_logger(__name__)

SMALL_REQUESTS = 5_000_000
"""Below this many requests in all a pool costs more time than it saves."""


Happens = Callable[..., object]
"""Takes the type of an event and its fields."""


class Batch(NamedTuple):
    """Replications of one point. scenario: pickled, so that it is pickled once and not for each batch."""

    key: str
    scenario: bytes
    scenario_key: str
    tasks: tuple[Task, ...]


class Landed(NamedTuple):
    """What came of a batch. asked: how many replications it had."""

    key: str
    outcomes: list[Outcome]
    asked: int
    failure: Failure | None


def compute(
    states: Sequence[PointState],
    workers: int,
    stopped: Callable[[], bool],
    happens: Happens = lambda kind, **details: None,
) -> Iterator[list[tuple[str, Outcome]]]:
    """Yield outcomes as they are there, until all points have enough of them; longest points first.

    states: are kept up to date; an error in a point is in its `failure` and ends nothing else.
    workers: processes; 0: one per CPU, one for little work. stopped: asked often; when it says yes no
    more is yielded. happens: is told "compiling" where something is compiled first, with the `seconds` that
    it takes, and "computing" when the first replication begins. Raises WorkerDiedError.
    """
    by_key = {state.point.key: state for state in states}
    waiting = deque(sorted(states, key=lambda state: -state.requests_left))
    for point in {
        _name(state.point): state.point for state in states if not state.is_done
    }.values():
        if not propagate_ahead(point.config, point.inputs, stopped):
            return
    pickled = Scenarios()
    pickled.compile((state.point for state in states if not state.is_done), happens)
    happens("computing")

    def next_task() -> Batch | None:
        while waiting and waiting[0].is_done:
            waiting.popleft()
        for early in (False, True):
            for state in waiting:
                tasks = state.next_batch(early=early)
                try:
                    if tasks:
                        return Batch(state.point.key, *pickled.get(state.point), tasks)
                except Exception as error:
                    state.failure = _failure(state.point.key, error, tasks[0])
        return None

    if not workers:
        requests = sum(state.requests_left for state in states)
        workers = 1 if requests < SMALL_REQUESTS else usable_cpus()
    for landed in run_tasks(simulate, next_task, workers, stopped):
        state = by_key[landed.key]
        state.landed(landed.asked)
        for outcome in landed.outcomes:
            state.add(outcome)
        if landed.failure is not None:
            state.failure = landed.failure
        yield [(landed.key, outcome) for outcome in landed.outcomes]


class Scenarios:
    """Scenarios of points, pickled; points that differ in the load alone share one."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[bytes, str]] = {}

    def make(self, point: Point) -> Scenario:
        """Return the scenario of a point."""
        return make_scenario(point.config, point.inputs)

    def compile(
        self, points: Iterable[Point], happens: Happens = lambda kind, **details: None
    ) -> None:
        """Have what points need compiled, so that the workers of a pool do not wait for each other.

        happens: is told "compiling" when something is, with the `seconds` that it takes.
        """
        first: dict[Loop, Point] = {}
        for point in points:
            first.setdefault(loop_of(point.config, point.inputs.policy), point)
        for loop, point in first.items():
            with suppress(Exception):  # an error of this point is told when it is its turn
                scenario = self.make(point)
                self._keep(_name(point), scenario)
                compile_for(
                    scenario,
                    loop,
                    log.info,
                    "the points that need it can begin",
                    lambda seconds: happens("compiling", seconds=seconds),
                )

    def get(self, point: Point) -> tuple[bytes, str]:
        """Return the scenario of a point, pickled, and its key."""
        name = _name(point)
        if name not in self._made:
            self._keep(name, self.make(point))
        return self._made[name]

    def _keep(self, name: str, scenario: Scenario) -> None:
        data = pickle.dumps(scenario, protocol=pickle.HIGHEST_PROTOCOL)
        self._made[name] = data, hashlib.sha256(data).hexdigest()


def _name(point: Point) -> str:
    return repr(sorted(without_loads(point.content).items()))


def without_loads(content: Mapping[str, object]) -> dict[str, object]:
    """Return what points have in common that differ in the load alone."""
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


def simulate(batch: Batch, stopped: Callable[[], bool] = lambda: False, /) -> Landed:
    """Return the outcomes of a batch; an error is in its failure. Raises Stopped."""
    outcomes: list[Outcome] = []
    try:
        scenario = _scenarios.get(batch.scenario_key)
        if scenario is None:
            if len(_scenarios) > 3:
                _scenarios.clear()
            scenario = _scenarios[batch.scenario_key] = pickle.loads(batch.scenario)
        outcomes.extend(outcome_of(replicate(scenario, *task, stopped)) for task in batch.tasks)
    except Stopped:
        raise
    except Exception as error:
        failure = _failure(batch.key, error, batch.tasks[len(outcomes)])
        return Landed(batch.key, outcomes, len(batch.tasks), failure)
    return Landed(batch.key, outcomes, len(batch.tasks), None)


def _failure(key: str, error: Exception, task: Task) -> Failure:
    said = f"{type(error).__name__}: {error}"
    return Failure(key, said, traceback.format_exc(), task.replication)
