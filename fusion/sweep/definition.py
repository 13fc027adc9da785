"""What a sweep is: a template, what is changed in it, and the axes along which points lie."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from itertools import product
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from fusion.config.counts import counted
from fusion.config.ini import format_value
from fusion.config.other_names import LOADS, meant_key
from fusion.config.policy_names import PATH_CHOICES, POLICY_KEYS
from fusion.config.problems import ConfigError, Problem, brief, nearest, show
from fusion.config.sections import FIT_LABELS, HOME, ROUTE_LABELS, SECTIONS, policy_name
from fusion.sweep.condition import faults

MAX_POINTS = 100_000
ERLANG = "erlang"
"""The axis of loads; every other axis is a key of the configuration."""
LOAD_KEYS = ("erlang_start", "erlang_stop", "erlang_step")
"""Keys of the configuration in whose place that axis is."""
_NO_AXES = {*LOAD_KEYS, "workers"}

Value = bool | int | float | str | dict[str, float]
THE_SWEEP = "the sweep"
"""Where a sweep is from that has no file, for messages."""
_SOURCE = "_source"
"""Of a sweep; not a field, as where it is from is not a part of it."""
_LOOKED_AT = 1000  # values of an axis, where something else is wrong already
_MEANT = {
    **dict.fromkeys(("axes", "axis", "parameters", "values"), "grid"),
    **dict.fromkeys(("filter", "condition", "if", "only", "constraint"), "where"),
    **dict.fromkeys(("base", "config", "ini"), "template"),
    **dict.fromkeys(("settings", "set", "fixed"), "overrides"),
}
"""What people call a key of a sweep that is not spelled like it."""
_BOUNDS = {
    "greater_than": "above {:g}",
    "greater_than_equal": "{:g} or more",
    "less_than": "below {:g}",
    "less_than_equal": "{:g} or less",
}
"""Type of an error of pydantic -> what is allowed, as other messages say it."""

_MESSAGES = {
    "too_short": "must have one value at least",
    "missing": "must be given",
    "list_type": "must be a list",
    "dict_type": "must be a table of names and values",
    "model_type": "must be a table of names and values",
    "string_type": "must be text",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "must be a whole number"),
    **dict.fromkeys(("float_type", "float_parsing", "finite_number"), "must be a number"),
}
"""Type of an error of pydantic -> what is said of it, whatever the value."""

_FORMS = {
    "zip": ' of groups of axes, such as zip = [{k_paths = [1, 5], path_choice = ["in_order", "all"]}]',
    "points": " of combinations, such as points = [{seed = 1}, {seed = 2}]",
}
"""Key of a sweep that has a list -> what it looks like."""

_KINDS = ("bool", "int", "float", "str", "dict[str,float]")
Assignment = dict[str, Value]


class Steps(BaseModel):
    """Values from start to stop: `step` apart, or `count` of them evenly or by equal ratios."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: FiniteFloat
    stop: FiniteFloat
    step: Annotated[FiniteFloat, Field(gt=0)] | None = None
    count: Annotated[int, Field(ge=2, le=10_000)] | None = None
    scale: Literal["linear", "log"] = "linear"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.step is None) == (self.count is None):
            raise ValueError("give step or count, and not both")
        if self.stop < self.start:
            raise ValueError(f"stop = {self.stop:g} is below start = {self.start:g}")
        if self.scale == "log" and (self.count is None or self.start <= 0):
            raise ValueError('scale = "log" needs a count and a start above 0')
        if math.isinf(self.stop - self.start) or (
            self.scale == "log" and math.isinf(self.stop / self.start)
        ):
            raise ValueError("start and stop are too far apart")
        if self.step is not None and (self.stop - self.start) / self.step > MAX_POINTS:
            raise ValueError(f"these are more than {MAX_POINTS:,} values")
        return self

    @property
    def values(self) -> list[float]:
        """The values, exact for decimal steps."""
        if self.step is not None:
            start, stop, step = (Decimal(repr(x)) for x in (self.start, self.stop, self.step))
            return [float(start + n * step) for n in range(int((stop - start) / step) + 1)]
        assert self.count is not None
        shares = [n / (self.count - 1) for n in range(self.count)]
        if self.scale == "linear":
            found = [self.start + share * (self.stop - self.start) for share in shares]
        else:
            ratio = math.log(self.stop / self.start)
            found = [self.start * math.exp(share * ratio) for share in shares]
        # Rounding may lead past the end, and there past the largest number.
        return [float(f"{min(value, self.stop):.12g}") for value in found]


Values = Annotated[list[Value], Field(min_length=1)] | Steps


def named(axis: str, value: object) -> tuple[str, str]:
    """Return by what names a value of an axis may be labelled: value, and axis=value."""
    text = format_value(value)
    return text, f"{axis}={text}"


def _policy_names(sweep: Sweep) -> set[str]:
    """Return what policies of a sweep may be called, such as KSP-FF, as far as axes and overrides say.

    What the template says is not known yet: `unknown_labels` looks at the points.
    """
    given: dict[str, set[str]] = {}
    for keys in sweep.overrides.values():
        given |= {key: {str(value)} for key, value in keys.items() if key in POLICY_KEYS}
    for axis in POLICY_KEYS:
        if values := {str(value) for name, value in values_by_axis(sweep) if name == axis}:
            given[axis] = values
    known = dict(zip(POLICY_KEYS, (ROUTE_LABELS, PATH_CHOICES, FIT_LABELS), strict=True))
    routes, choices, fits = (
        given[key] if given.get(key, set()) <= set(names) and key in given else set(names)
        for key, names in known.items()  # a value may have another name in an INI file
    )
    return {
        policy_name(ROUTE_LABELS[route], FIT_LABELS[fit], choice)
        for route, choice, fit in product(routes, choices, fits)
    }


def unknown_labels(sweep: Sweep, policies: Collection[str]) -> list[Problem]:
    """Return a problem for each label of a policy that no point has. policies: those of the points."""
    values = {text for axis, value in values_by_axis(sweep) for text in named(axis, value)}
    return [
        Problem(
            "",
            "",
            None,
            f"labels: {show(name)} is not a policy of the sweep; there are {show(', '.join(policies), 200)}"
            f"{nearest(name, policies)}",
            source_of(sweep),
        )
        for name in sweep.labels
        if name not in values and name not in policies
    ]


class Sweep(BaseModel):
    """A sweep: the product of its grid axes, its zipped axes and its points, where a condition holds.

    Axes have the names of configuration keys, such as k_paths; `erlang` is the load. Without that axis the
    loads are those of the template. The number of replications of a point is set by max_iters and the keys
    of statistics_settings, as for a run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    template: str = Field(
        default="default",
        description="Settings to start from, as in a run; empty: those of the template default.",
    )
    overrides: dict[str, dict[str, Any]] = Field(
        default={}, description="What to change in the template for all points, by section and key."
    )
    sent_settings: dict[str, dict[str, Any]] = Field(
        default={},
        description="The settings of template and overrides together, if these were read on another machine: "
        "they are used in their place, and template and overrides only name the sweep. Written by "
        "`fusion sweep --detach`.",
    )
    grid: dict[str, Values] = Field(
        default={},
        description="Axes whose values are all combined: erlang, the load, and any key of the config. "
        "Each is a list of values, or start, stop and step or count, such as "
        '{"k_paths": [1, 3], "erlang": {"start": 100, "stop": 200, "step": 20}}. Without erlang the loads '
        "are those of the template.",
    )
    zip: list[dict[str, Values]] = Field(
        default=[],
        description="Groups of axes that go together, value by value; all axes of a group have equally "
        'many values, such as [{"k_paths": [1, 5], "path_choice": ["in_order", "all"]}].',
    )
    points: list[Assignment] = Field(
        default=[],
        description='Combinations of values, each written out, such as [{"seed": 1}, {"seed": 2}].',
    )
    where: str = Field(
        default="",
        description="Which combinations are wanted: an expression over the axes, such as "
        "k_paths > 1 or path_order == 'km'.",
    )
    metric: Literal["blocking_probability", "bit_rate_blocking_probability", "availability"] = (
        Field(
            default="blocking_probability",
            description="The quantity to which stopping_rule = precision applies, and which is drawn and "
            "compared. availability needs links that fail; the rule then applies to the unavailability, "
            "and nothing is compared.",
        )
    )

    labels: dict[str, str] = Field(
        default={},
        description="Names for values of axes in pictures and their legends, such as "
        '{"first_fit": "first fit", "k_paths=3": "k = 3"}.',
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if told := list(self._faults()):
            raise ValueError("\n".join(told))
        return self

    def _faults(self) -> Iterator[str]:
        """Yield what is wrong with the parts together."""
        seen: dict[str, str] = {}
        groups = [("grid", dict.fromkeys(self.grid))]
        groups += [(f"zip {n}", dict.fromkeys(group)) for n, group in enumerate(self.zip, start=1)]
        groups.append(("points", dict.fromkeys(key for point in self.points for key in point)))
        for place, axes in groups:
            for axis in axes:
                if axis != ERLANG and (axis not in HOME or axis in _NO_AXES):
                    is_load = axis in LOADS or (axis in _NO_AXES and axis != "workers")
                    hint = "; loads are the axis erlang" if is_load else ""
                    known = [ERLANG, *(key for key in HOME if key not in _NO_AXES)]
                    yield f"{place}: '{show(axis)}' is not an axis{hint or meant_key(axis, known)}"
                if axis in seen:
                    yield f"{place}: '{axis}' is an axis of {seen[axis]}, too"
                seen[axis] = place
        for n, group in enumerate(self.zip, start=1):
            if not group:
                yield f"zip {n}: has no axis"
            lengths = {axis: len(values_of(values)) for axis, values in group.items()}
            if len(set(lengths.values())) > 1:
                told = ", ".join(f"{axis}: {count}" for axis, count in lengths.items())
                yield f"zip {n}: its axes must be equally long, and are {told}"
        for n, point in enumerate(self.points, start=1):
            if point.keys() != self.points[0].keys():
                own, first = (show(", ".join(each) or "none") for each in (point, self.points[0]))
                yield f"points {n}: its axes must be those of points 1, {first}, and are {own}"
        lengths_of_groups = [len(values_of(values)) for values in self.grid.values()]
        lengths_of_groups += [
            len(values_of(next(iter(group.values())))) for group in self.zip if group
        ]
        count = math.prod(lengths_of_groups) * max(1, len(self.points))
        if count > MAX_POINTS:
            yield f"{counted(count, 'combination')}; {MAX_POINTS:,} are allowed"
        if self.where:
            texts = [value for _, value in values_by_axis(self) if isinstance(value, str)]
            for fault in faults(self.where, self.axes, texts):
                given = f" = {show(self.where, 200)}" if self.where.strip() else ""
                yield f"where{given}: {fault}"

        names = {text for axis, value in values_by_axis(self) for text in named(axis, value)}
        possible = dict.fromkeys(
            format_value(value) for axis, value in values_by_axis(self) if axis != ERLANG
        )
        listed = f"; there are {show(', '.join(possible), 200)}" if possible else ""
        if "path_choice" in self.axes or sum(axis in POLICY_KEYS for axis in self.axes) > 1:
            names |= _policy_names(self)
        for name in self.labels:
            if name not in names:
                hint = nearest(name, sorted(names))
                yield f"labels: {show(name)} is not a value of an axis{listed}{hint}"

    @property
    def settings(self) -> tuple[str, dict[str, dict[str, Any]]]:
        """The template and the overrides that count."""
        if self.sent_settings:
            return "default", self.sent_settings
        return self.template, self.overrides

    @property
    def axes(self) -> list[str]:
        """Names of the axes, in the order in which they were given; `erlang` is always the last."""
        names = [*self.grid, *(axis for group in self.zip for axis in group)]
        names += self.points[0] if self.points else []
        return [*(name for name in names if name != ERLANG), ERLANG]

    def combinations(self) -> list[Assignment]:
        """Return all combinations of the values, ignoring `where`."""
        found = []
        for parts in product(*self._choices()):
            together: Assignment = {}
            for part in parts:
                together |= part
            found.append(together)
        return found

    def _choices(self) -> list[list[Assignment]]:
        choices: list[list[Assignment]] = [
            [{axis: value} for value in values_of(values)] for axis, values in self.grid.items()
        ]
        for group in self.zip:
            columns = [values_of(values) for values in group.values()]
            choices.append(
                [dict(zip(group, row, strict=True)) for row in zip(*columns, strict=True)]
            )
        if self.points:
            choices.append(self.points)
        return choices


def values_by_axis(sweep: Sweep) -> Iterator[tuple[str, Any]]:
    """Yield each value of a sweep after the axis that it is on, as given; `where` does not count."""
    for axes in (sweep.grid, *sweep.zip):
        for axis, values in axes.items():
            yield from ((axis, value) for value in values_of(values))
    for point in sweep.points:
        yield from point.items()


def source_of(sweep: Sweep, *place: str) -> str:
    """Return where a sweep is from, for messages, or a place in it, such as the axis k_paths.

    That is its file, where `make_sweep` was told which.
    """
    source: str = vars(sweep).get(_SOURCE, THE_SWEEP)
    return _place_in(source, *place)


def source_of_axis(sweep: Sweep, axis: str) -> str:
    """Return where the values on an axis are from."""
    if axis in sweep.grid:
        return source_of(sweep, f"grid.{axis}")
    for number, group in enumerate(sweep.zip, start=1):
        if axis in group:
            return source_of(sweep, f"zip {number}, {axis}")
    return source_of(sweep, f"points, {axis}")


def _place_in(source: str, *place: str) -> str:
    if not place:
        return source
    return f"{place[0]} of {source}" if source == THE_SWEEP else f"{place[0]}, {source}"


def needs_blocking(sweep: Sweep, what: str) -> None:
    """Raise ConfigError for a sweep whose metric is not a blocking probability. what: looks at it."""
    if not sweep.metric.endswith("blocking_probability"):
        message = f"must be blocking_probability or bit_rate_blocking_probability for {what}"
        raise ConfigError([Problem("", "metric", sweep.metric, message, source_of(sweep))])


def values_of(values: list[Value] | Steps) -> list[Any]:
    """Return the values of an axis."""
    return list(values.values) if isinstance(values, Steps) else list(values)


def make_sweep(data: object, source: str) -> Sweep:
    """Return the sweep that nested data describe. Raises ConfigError; source: named in it."""
    try:
        sweep = Sweep.model_validate(data)
        vars(sweep)[_SOURCE] = source
        return sweep
    except ValidationError as error:
        problems = [*_problems(error, data, source), *_more_problems(error, data, source)]
        raise ConfigError({str(each): each for each in problems}.values()) from None


def _problems(error: ValidationError, data: object, source: str) -> list[Problem]:
    told = [each for each in error.errors() if _is_meant(each["loc"], data)]
    return [problem for each in told or error.errors() for problem in _problem(each, source)]


def _more_problems(error: ValidationError, data: object, source: str) -> list[Problem]:
    """Return what is wrong with the rest of a sweep, without the parts in which something is wrong."""
    if not isinstance(data, Mapping):
        return []
    rest = dict(data)
    for place in (each["loc"] for each in error.errors() if each["loc"]):
        name = place[0]
        if name in ("grid", "overrides") and len(place) > 1 and isinstance(rest.get(name), Mapping):
            rest[name] = {key: value for key, value in rest[name].items() if key != place[1]}
        else:
            rest.pop(name, None)
    found: list[Problem] = []
    if len(rest) < len(data) or rest != data:
        try:
            Sweep.model_validate(rest)
        except ValidationError as more:
            found = _problems(more, rest, source)
    return found + _of_settings(rest, source)


def _of_settings(data: Mapping[Any, Any], source: str) -> list[Problem]:
    """Return what is wrong with the overrides and with each value on an axis, by itself.

    Neither a template nor any other file of the sweep is read: it may be in a place that must not be.
    """
    from fusion.config.variants import (
        Origin,
        Variants,
    )  # here, as a sweep that is right does not need it

    overrides = data.get("overrides", {})
    axes = list(_axes_as_given(data))
    if not isinstance(overrides, Mapping):
        return []
    origin = Origin(
        _place_in(source, "overrides"), {axis: _place_in(source, place) for axis, place, _ in axes}
    )
    variants = Variants("default", overrides, origin=origin)
    of_all = variants.draft().problems
    problems = list(of_all)
    for axis, _, values in axes:
        if axis in HOME and axis not in _NO_AXES:
            for value in values[:_LOOKED_AT]:
                of_one = variants.draft({axis: value}).problems
                problems += [each for each in of_one if each not in of_all]
    return problems


def _axes_as_given(data: Mapping[Any, Any]) -> Iterator[tuple[str, str, list[Any]]]:
    """Yield each axis with its place and its list of values, as far as a sweep has the form of one."""
    groups = [("grid.", group) for group in _tables_in([data.get("grid")])]
    zipped = enumerate(_tables_in(data.get("zip")), start=1)
    groups += [(f"zip {number}, ", group) for number, group in zipped]
    for place, group in groups:
        for axis, values in group.items():
            if isinstance(values, list):
                yield str(axis), f"{place}{axis}", values
    for point in _tables_in(data.get("points")):
        yield from ((str(axis), f"points, {axis}", [value]) for axis, value in point.items())


def _tables_in(given: Any) -> list[Mapping[Any, Any]]:
    found = given[:_LOOKED_AT] if isinstance(given, list) else []
    return [each for each in found if isinstance(each, Mapping)]


def _is_meant(place: tuple[Any, ...], data: Any) -> bool:
    """Say whether an error is of what an axis was meant to be: values in a list, or from start to stop."""
    for part in place:
        steps, values = ("Steps" in str(part)), str(part).startswith("list[")
        if steps or values:
            return steps is isinstance(data, Mapping)
        try:
            data = data[part]
        except (LookupError, TypeError):
            return True
    return True


def _problem(error: Any, source: str) -> list[Problem]:
    place = _place(error["loc"])
    message = error["msg"].removeprefix("Value error, ")
    if not place:
        return [Problem("", "", None, line, source) for line in message.splitlines()]
    if error["type"] in _BOUNDS:
        message = f"must be {_BOUNDS[error['type']].format(*error['ctx'].values())}"
    if error["type"] == "literal_error":
        name, allowed = str(error["loc"][-1]), _choices_of(str(error["loc"][-1]))
        message = f"must be one of {', '.join(allowed)}{nearest(str(error['input']), allowed)}"
        place = name if len(error["loc"]) == 1 else place
    message = _MESSAGES.get(error["type"], message)
    kind = str(error["loc"][-1])
    if kind in _KINDS and len(error["loc"]) > 2:  # pydantic says of each that the value is not one
        place, message = _place(error["loc"][:-1]), "must be a number, text, or true or false"
    if (
        error["type"] == "list_type"
        and error["loc"][0] in ("grid", "zip")
        and len(error["loc"]) > 1
    ):
        message = "must be a list of values, or start, stop and step or count"
    elif error["type"] == "list_type":
        message += _FORMS.get(str(error["loc"][0]), "")
    if error["type"] == "extra_forbidden":
        message = _unknown(error["loc"])
    return [Problem("", place, brief(error["input"]), message, source)]


def _place(parts: tuple[Any, ...]) -> str:
    """Return a place in a sweep as a person counts: `grid.k_paths, value 1`, `zip 2, seed`, `points 1`."""
    text = before = ""
    for part in parts:
        if isinstance(part, int):
            is_group = before in ("zip", "points")
            text += f" {part + 1}" if is_group else f", value {part + 1}"
        elif "list[" in part or "dict[" in part or "Steps" in part:
            continue
        else:
            between = "." if before else ", "
            text += f"{between}{part}" if text else part
        before = "" if isinstance(part, int) else part
    return text


def _choices_of(name: str) -> tuple[str, ...]:
    """Return the values of a key that names one of some."""
    fields = {**Sweep.model_fields, **Steps.model_fields}
    return get_args(fields[name].annotation)


def _unknown(place: tuple[Any, ...]) -> str:
    """Return what to say of a key that a sweep or the steps of an axis do not have."""
    name = str(place[-1])
    if len(place) > 1:
        known = list(Steps.model_fields)
        return f"is not a key of an axis; it has {', '.join(known)}{nearest(name, known)}"
    known = [field for field in Sweep.model_fields if field != "sent_settings"]  # nobody writes it
    if name == ERLANG:
        return "is not a key of a sweep: the loads are an axis, in grid"
    if name in HOME:
        return f"is not a key of a sweep: an axis goes in grid, one value in overrides.{HOME[name]}"
    if name in SECTIONS:
        return f"is not a key of a sweep: a section goes in overrides, as overrides.{name}"
    meant = _MEANT.get(name.lower())
    hint = f"; did you mean '{meant}'?" if meant else nearest(name, known)
    return f"is not a key of a sweep; it has {', '.join(known)}{hint}"
