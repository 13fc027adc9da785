"""Fields of the forms for what most runs change, converted to overrides and to a sweep.

Each stands for keys that `overrides`, or the other keys of a sweep, can give as well. A key that is given
twice, with two values, is refused: nothing else would tell which of them was meant.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from fusion.config.config import ConfigError, Problem
from fusion.config.ini import format_value
from fusion.config.other_names import meant_key
from fusion.config.problems import brief
from fusion.config.sections import HOME
from fusion_flows.flows.written_values import axis_of, loads_of

NUMBERS = ("num_requests", "max_iters", "k_paths", "c_band", "seed")
"""Keys that are parameters of a run themselves."""
_OF_SWEEPS = ("axes", "more", "num_requests", "max_iters")
"""What the form of a sweep has in place of other keys of a sweep."""
_RUN = "the parameters of the run"


def with_fields(
    overrides: Mapping[str, Any],
    numbers: Mapping[str, float | None],
    loads: str = "",
    choices: Iterable[str] = (),
    source: str = _RUN,
) -> dict[str, Any]:
    """Return overrides with what the fields say in addition.

    numbers: by key; None says nothing.  choices: `key=value` each.  source: where the fields are from, for
    messages. Raises ConfigError.
    """
    problems: list[Problem] = []
    given: list[tuple[str, object, str]] = [
        (key, value, key) for key, value in numbers.items() if value is not None
    ]
    if loads.strip():
        try:
            given += [(key, value, "loads") for key, value in loads_of(loads).items()]
        except ValueError as error:
            problems.append(Problem("", "loads", loads, str(error), source))
    for choice in choices:
        key, sign, text = (part.strip() for part in choice.partition("="))
        if sign and key in HOME:
            given.append((key, text, "choices"))
        else:
            message = "must be like path_order=hops"
            if sign:
                message = f"'{key}' is not a key of the configuration{meant_key(key, list(HOME))}"
            problems.append(Problem("", "choices", choice, message, source))
    result = {
        section: dict(keys) if isinstance(keys, Mapping) else keys
        for section, keys in overrides.items()
    }
    there = {
        str(key).strip().lower(): (value, "overrides")
        for keys in result.values()
        if isinstance(keys, Mapping)
        for key, value in keys.items()
    }
    for key, value, field in given:
        if key in there:
            other, where = there[key]
            if format_value(other) != format_value(value):
                message = f"is {format_value(other)} in {where}: leave one of the two out"
                problems.append(Problem("", key, brief(value), message, f"{field} of {source}"))
            continue
        there[key] = value, field
        section = result.setdefault(HOME[key], {})
        if isinstance(section, dict):  # what is wrong with another is told where overrides are read
            section[key] = value
    if problems:
        raise ConfigError(problems)
    return result


def told_of_fields(
    problems: Iterable[Problem],
    overrides: Mapping[str, Any],
    numbers: Mapping[str, float | None],
    loads: str = "",
    choices: Iterable[str] = (),
) -> list[Problem]:
    """Return problems of a configuration, those of what the fields say with the field that says it.

    problems: of what `with_fields` has returned for the other arguments.
    """
    others = {
        str(key).strip().lower()
        for keys in overrides.values()
        if isinstance(keys, Mapping)
        for key in keys
    }
    chosen = {choice.partition("=")[0].strip() for choice in choices}
    of_loads = loads_of(loads) if loads.strip() else {}
    found: list[Problem] = []
    for problem in problems:
        key = problem.key
        if problem.source != "overrides" or key in others:
            found.append(problem)
        elif key in of_loads:
            told = f"{key} = {format_value(problem.value)} {problem.message}"
            if not any(
                one.key == "loads" and one.message.endswith(problem.message) for one in found
            ):
                found.append(Problem("", "loads", loads.strip(), told, _RUN))
        elif numbers.get(key) is not None or key in chosen:
            field = "choices" if key in chosen else key
            found.append(problem._replace(source=f"{field} of {_RUN}"))
        else:
            found.append(problem)
    return found


def sweep_of_fields(data: object) -> object:
    """Return a sweep with what the fields of its form say in the place of these fields.

    Anything that has none of them is returned as it is. Raises ConfigError.
    """
    if not isinstance(data, Mapping) or not any(name in data for name in _OF_SWEEPS):
        return data
    source, problems = "the sweep", []
    sweep = {name: value for name, value in data.items() if name not in _OF_SWEEPS}
    more = data.get("more") or {}
    if not isinstance(more, Mapping):
        raise ConfigError([Problem("", "more", brief(more), _more_message(""), source)])
    for name, value in more.items():
        if name in _OF_SWEEPS:
            problems.append(Problem("", f"more.{name}", brief(value), _more_message(name), source))
        elif name in sweep and sweep[name] not in ("", value) and sweep[name]:
            message = f"is {brief(sweep[name])} in the field {name}: leave one of the two out"
            problems.append(Problem("", f"more.{name}", brief(value), message, source))
        else:
            sweep[name] = value
    grid, rows = sweep.get("grid", {}), data.get("axes") or []
    if not isinstance(rows, list) or not isinstance(grid, Mapping):
        message = "must be a list of rows like k_paths = 1, 3, 5, beside a grid of axes"
        raise ConfigError([*problems, Problem("", "axes", brief(rows), message, source)])
    axes = dict(grid)
    for row in rows:
        if row is None or not str(row).strip():  # a row of the form that was left empty
            continue
        try:
            name, values = axis_of(str(row))
            if name in axes:
                raise ValueError(f"{name} is an axis of the grid or of another row, too")
            axes[name] = values
        except ValueError as error:
            problems.append(Problem("", "axes", brief(row), str(error), source))
    if axes or "grid" in sweep:
        sweep["grid"] = axes
    numbers = {key: data.get(key) for key in ("num_requests", "max_iters")}
    if any(value is not None for value in numbers.values()):
        overrides = sweep.get("overrides", {})
        if isinstance(overrides, Mapping):  # else it is told where sweeps are read
            sweep["overrides"] = with_fields(overrides, numbers, source=source)
    if problems:
        raise ConfigError(problems)
    return sweep


def _more_message(name: str) -> str:
    if name:
        return "has a field of its own in the form: write it there"
    return 'must be an object, such as {"overrides": {"general_settings": {"guard_slots": 0}}}'
