"""Warnings about points that are compared at one nominal load and are offered different loads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fusion.scenario.offered_load import (
    is_other_load,
    keys_of_offered_load,
    offered_per_nominal,
)
from fusion.sweep.definition import ERLANG
from fusion.sweep.point_state import PointState


def unequal_traffic(
    states: Iterable[PointState], rows: Sequence[dict[str, Any]], axis: str
) -> list[str]:
    """Return a warning for each two values on an axis that are compared and are offered different loads.

    rows: as of `fusion.sweep.compare.compare`. Each warning names both loads at the highest nominal one.
    """
    if not rows:
        return []
    others = list(rows[0])[: list(rows[0]).index("a")]
    at = {
        (*(state.point.axes[name] for name in others), state.point.axes[axis]): state.point.config
        for state in states
    }
    found: dict[tuple[Any, ...], str] = {}
    for row in sorted(rows, key=lambda row: -float(row[ERLANG])):
        place, load = tuple(row[name] for name in others), float(row[ERLANG])
        base, other = (at[*place, row[side]] for side in ("b", "a"))
        loads = [load * offered_per_nominal(each) for each in (base, other)]
        if is_other_load(*loads):
            keys = keys_of_offered_load(base, other)
            found.setdefault(
                (row["a"], *keys),
                f"at {load:g} E {_called(row['b'], axis)} is offered {loads[0]:.4g} E and "
                f"{_called(row['a'], axis)} {loads[1]:.4g} E, as {' and '.join(keys)} "
                f"{'differs' if len(keys) == 1 else 'differ'}: the verdicts compare different traffic",
            )
    return list(found.values())


def _called(value: object, axis: str) -> str:
    return value if isinstance(value, str) else f"{axis} = {value}"
