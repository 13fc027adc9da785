"""What a run was given, in lines: for one that has not begun, or has its files on another machine."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from fusion.config.counts import counted
from fusion.config.ini import format_value
from fusion.config.problems import show
from fusion.sweep.definition import Sweep
from fusion_flows.rundir.sent_files import told

_MOST_LINES = 30
_MOST_CHARACTERS = 100  # of a value
_DEFAULTS = {name: field.default for name, field in Sweep.model_fields.items()}


def given_lines(parameters: Mapping[str, Any]) -> list[str]:
    """Return the parameters of a flow run as `key = value`, a line each, without its name and what is empty.

    Changes are written as `-s` takes them, section.key = value. What is too long ends in dots, and of very
    many lines the last one says how many more there are.
    """
    given = {name: value for name, value in parameters.items() if value and name != "name"}
    sweep = given.pop("sweep", None)
    lines = [*(_sweep_lines(sweep) if sweep else ()), *_lines(given)]
    if len(lines) <= _MOST_LINES:
        return lines
    left = len(lines) - _MOST_LINES + 1
    return [*lines[: _MOST_LINES - 1], f"... and {counted(left, 'more line')}"]


def _lines(given: Mapping[str, Any]) -> Iterator[str]:
    for name, value in given.items():
        if name == "overrides" and isinstance(value, Mapping):
            yield from _changes(value)
        else:
            yield f"{name} = {_text(value)}"


def _changes(overrides: Mapping[str, Any]) -> Iterator[str]:
    for section, keys in overrides.items():
        if isinstance(keys, Mapping):
            yield from (f"{section}.{key} = {_text(value)}" for key, value in keys.items())
        else:
            yield f"{section} = {_text(keys)}"


def _sweep_lines(sweep: Any) -> Iterator[str]:
    if not isinstance(sweep, Mapping) or "packed" in sweep:
        yield "sweep = (too large to be shown here)"
        return
    differs = {name: value for name, value in sweep.items() if value != _DEFAULTS.get(name)}
    differs.pop("labels", None)
    differs.pop("sent_settings", None)  # the template and what is changed in it say it shorter
    grid, groups, points = (differs.pop(name, None) or () for name in ("grid", "zip", "points"))
    yield from _lines(differs)
    for group in (grid, *groups):
        for axis, values in dict(group).items():
            others = ", ".join(name for name in group if name != axis)
            yield f"{axis} = {_values(values)}{f', in step with {others}' if group in groups else ''}"
    if points:
        yield f"points = {len(points)}, written out"


def _values(values: Any) -> str:
    if isinstance(values, Mapping):
        return ", ".join(f"{name} {_text(value)}" for name, value in values.items())
    if isinstance(values, list):
        return show(", ".join(map(_text, values)), _MOST_CHARACTERS)
    return _text(values)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return show(told(value), _MOST_CHARACTERS)
    if isinstance(value, list | Mapping):
        return show(json.dumps(value, default=str), _MOST_CHARACTERS)
    return show(format_value(value), _MOST_CHARACTERS)
