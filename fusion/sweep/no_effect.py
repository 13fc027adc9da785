"""What has no effect in a sweep: a key that is also an axis, and values that occur twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fusion.config.ini import format_value
from fusion.config.problems import show
from fusion.sweep.definition import (
    ERLANG,
    LOAD_KEYS,
    Sweep,
    source_of,
    source_of_axis,
    values_of,
)


def without_effect(sweep: Sweep) -> list[str]:
    """Return a line for each thing that a sweep says to no effect, for the log."""
    return [*_overruled(sweep), *_repeated(sweep)]


def _overruled(sweep: Sweep) -> Iterator[str]:
    """Yield the keys of the overrides that are axes, too."""
    groups: tuple[Mapping[str, Any], ...] = (sweep.grid, *sweep.zip, *sweep.points[:1])
    axes = {axis for group in groups for axis in group}
    for section, keys in sweep.overrides.items():
        for key, value in keys.items():
            name = key.strip().lower()
            axis = ERLANG if name in LOAD_KEYS else name
            if axis in axes:
                given = f"overrides.{section}.{key} = {show(format_value(value))}"
                place = source_of_axis(sweep, axis)
                yield f"{given} has no effect: {axis} is an axis (from {place})"


def _repeated(sweep: Sweep) -> Iterator[str]:
    """Yield the values, and groups of values, that are there more than once."""
    groups: list[tuple[str, Sequence[Mapping[str, Any]]]] = [
        (f"grid.{axis}", [{axis: value} for value in values_of(values)])
        for axis, values in sweep.grid.items()
    ]
    for number, group in enumerate(sweep.zip, start=1):
        columns = [values_of(values) for values in group.values()]
        rows = [dict(zip(group, row, strict=True)) for row in zip(*columns, strict=True)]
        groups.append((f"zip {number}", rows))
    groups.append(("points", sweep.points))
    for place, group_rows in groups:
        counts = Counter(
            ", ".join(f"{axis} = {_text(row[axis])}" for axis in row) for row in group_rows
        )
        more = [text for text, count in counts.items() if count > 1]
        if more:
            others = f", and {len(more) - 1} more," if len(more) > 1 else ""
            yield (
                f"{show(more[0], 200)}{others} is there more than once, and counts once "
                f"(from {source_of(sweep, place)})"
            )


def _text(value: object) -> str:
    return format_value(float(value) if type(value) is int else value)
