"""Points computed where there is neither store nor file: what is needed comes and goes as values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from fusion.results.outcome import Outcome
from fusion.sweep.computation import compute
from fusion.sweep.point_state import Failure, point_states
from fusion.sweep.points import Point
from fusion.sweep.store import Outcomes


class Order(NamedTuple):
    """Points to compute. outcomes: what is there of them. metric: what the rule looks at."""

    points: Sequence[Point]
    outcomes: dict[str, Outcomes]
    metric: str


class Delivery(NamedTuple):
    """What came of an order: outcomes with the keys of their points, and the points that failed."""

    outcomes: list[tuple[str, Outcome]]
    failures: list[Failure]


def deliver(order: Order, stopped: Callable[[], bool] = lambda: False) -> Delivery:
    """Compute an order in this process."""
    states = point_states(order.points, order.outcomes, order.metric)
    found = [outcome for outcomes in compute(states, 1, stopped) for outcome in outcomes]
    return Delivery(found, [state.failure for state in states if state.failure is not None])
