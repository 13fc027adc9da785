"""Have a simulator compute what published values are compared with."""

from collections.abc import Callable, Sequence

from fusion.config.counts import counted
from fusion.sweep.point_state import PointState, point_states
from fusion.sweep.points import Point
from fusion.sweep.reproduction import (
    METRIC,
    OUTSIDE,
    Plan,
    Value,
    value_of,
    with_reason,
)
from fusion.sweep.store import Store
from fusion.sweep.study import NamedStudy
from fusion_flows.flows.point_computation import compute_points


def reproduce_studies(
    studies: Sequence[NamedStudy],
    store: Store,
    *,
    quick: bool,
    grace_seconds: float,
    say: Callable[[str], None],
) -> list[Value]:
    """Return the values of studies beside ours; what the store lacks is computed first.

    say: called with each step, in a line. Raises ConfigError before anything is computed, and
    ComputationFailedError.
    """
    plans = [Plan(study, quick=quick) for study in studies]
    points = [point for plan in plans for point in plan.points]
    states = _computed(points, store, grace_seconds, say)
    rows = [
        [
            value_of(plan.named.name, value, states[point.key])
            for value, point in zip(plan.named.points, plan.points, strict=True)
        ]
        for plan in plans
    ]
    for turn in range(max(len(plan.named.study.reasons) for plan in plans)):
        tried = {
            (place, number): reasons[turn]
            for place, plan in enumerate(plans)
            for number, row in enumerate(rows[place])
            if row.verdict == OUTSIDE
            and len(reasons := plan.named.study.reasons) > turn
            and reasons[turn].concerns(row.case)
        }
        if not tried:
            continue
        say(f"{counted(len(tried), 'value')} outside: the settings of a reason follow")
        points_of = {
            (place, number): plans[place].reason_points(number, reason)
            for (place, number), reason in tried.items()
        }
        every = [point for points in points_of.values() for point in points]
        states = _computed(every, store, grace_seconds, say)
        for (place, number), reason in tried.items():
            of_reason = [states[point.key] for point in points_of[place, number]]
            rows[place][number] = with_reason(rows[place][number], reason, of_reason)
    return [row for of_study in rows for row in of_study]


def _computed(
    points: Sequence[Point], store: Store, grace_seconds: float, say: Callable[[str], None]
) -> dict[str, PointState]:
    """Return the state of each point by its key, all of them complete."""
    unique = list({point.key: point for point in points}.values())
    states = _states(unique, store)
    missing = [state for state in states if not state.is_done]
    if missing:
        store.describe(state.point for state in missing)
        say(f"{counted(len(missing), 'point')} of {len(unique)} to compute, into {store.folder}")
        compute_points(missing, METRIC, store, grace_seconds=grace_seconds, say=say)
        states = _states(unique, store)
    return {state.point.key: state for state in states}


def _states(points: Sequence[Point], store: Store) -> list[PointState]:
    return point_states(points, store.read(point.key for point in points), METRIC)
