"""The points of a sweep: each a checked configuration at one load, named by what can change its result."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from fusion.config.config import Config, ConfigError, Problem
from fusion.config.ini import format_value
from fusion.config.named_files import KEYS, first_problems
from fusion.config.policy_names import policy_name
from fusion.config.problems import brief, show
from fusion.config.reading import warn_of_reading
from fusion.config.sections import HOME, Load, contradictions
from fusion.config.variants import Draft, Origin, Variants
from fusion.results.outcome import AVAILABILITY
from fusion.scenario.content import Digests, content, key_of_canonical
from fusion.scenario.inputs import InputReader, Inputs
from fusion.scenario.read_keys import Memory
from fusion.scenario.versions import OUTCOMES_OF_FAILURES_VERSION
from fusion.sweep.condition import ConditionError, condition
from fusion.sweep.definition import (
    ERLANG,
    Assignment,
    Sweep,
    source_of,
    source_of_axis,
    unknown_labels,
)
from fusion.sweep.few_warnings import few_warnings
from fusion.sweep.no_effect import without_effect

_log = logging.getLogger("fusion.sweep")

_LOAD: TypeAdapter[float] = TypeAdapter(Load)
_DEFAULT = Config()
_LOOK_EACH = 256  # combinations, between two looks at the clock
_SILENT_SECONDS = 2.0


class Point(NamedTuple):
    """One configuration at one load.

    key: SHA-256 in hex of all that can change a replication's result. axes: the values on the axes of the
    sweep, `erlang` the last. config: its loads are this one; how many replications there are to be is said
    by its stopping rule. inputs: what it computes with, as it was when the key was made.
    """

    key: str
    axes: Mapping[str, Any]
    config: Config
    content: Mapping[str, Any]
    inputs: Inputs

    @property
    def erlang(self) -> float:
        """The load."""
        return self.config.general_settings.erlang_start

    @property
    def warmup_requests(self) -> int:
        """Requests of a replication that are not measured."""
        return self.config.warmup_requests(self.erlang)

    @property
    def requests(self) -> int:
        """All requests of a replication."""
        return self.warmup_requests + self.config.general_settings.num_requests


def sweep_points(
    sweep: Sweep,
    *,
    templates_dir: Path | None = None,
    input_dirs: Sequence[Path] | None = None,
    say: Callable[[str], None] = _log.info,
    quiet: bool = False,
) -> list[Point]:
    """Return the points of a sweep in the order of its axes, each once, all checked.

    Only combinations that `where` wants are checked as a whole. say: is told each two seconds how many
    combinations are checked. quiet: warn of nothing, as where only what was computed is shown.

    Raises ConfigError with what is wrong, and at which points; nothing is computed.
    """
    with few_warnings(logging.getLogger("fusion.inputs")):
        return _points(_Combinations(sweep, templates_dir, input_dirs, quiet), sweep, say)


def _points(checked: _Combinations, sweep: Sweep, say: Callable[[str], None]) -> list[Point]:
    wanted = _filter(sweep)
    combinations = sweep.combinations()
    problems = _Problems(_varying(combinations))
    found: dict[str, Point] = {}
    told = time.monotonic()
    for number, combination in enumerate(combinations):
        if number and number % _LOOK_EACH == 0 and time.monotonic() >= told + _SILENT_SECONDS:
            told = time.monotonic()
            say(f"{number:,} of {len(combinations):,} combinations are checked")
        assignment = dict(combination)
        erlang = [assignment.pop(ERLANG)] if ERLANG in assignment else None
        one = checked.get(assignment)
        loads = one.loads if erlang is None else erlang
        try:
            right = [load for load in loads if wanted(one.names | _named_load(load), one.is_right)]
        except ConfigError as error:
            raise ConfigError([*problems.found(), *error.problems]) from None
        for load in right:
            one.check()
            problems.add(one.problems, assignment)
            if load is not None and not _is_load(load):
                message = "is not a load: that is a number from 1e-6 to 1,000,000"
                where = source_of_axis(sweep, ERLANG)
                problems.add([Problem("", ERLANG, brief(load), message, where)], {})
            elif load is not None and one.parts is not None:
                config, inputs = one.parts
                axes = one.names | _named_load(load)
                point = make_point(_at_load(config, load), inputs, axes, checked.digests)
                found.setdefault(point.key, point)
    if problems:
        raise ConfigError(problems.found())
    if not found:
        message = "leaves no point" if sweep.where else "has no point"
        raise ConfigError([Problem("", "where", sweep.where, message, source_of(sweep))])
    if namesakes := _namesakes(sweep, found.values()):
        raise ConfigError(namesakes)
    if sweep.labels:
        policies = dict.fromkeys(policy_name(point.config) for point in found.values())
        if unknown := unknown_labels(sweep, policies):
            raise ConfigError(unknown)
    checked.warn()
    return list(found.values())


def _varying(combinations: Sequence[Assignment]) -> set[str]:
    """Return the axes that have several values."""
    first = combinations[0]
    return {axis for axis in first if any(each[axis] != first[axis] for each in combinations)}


def _namesakes(sweep: Sweep, points: Iterable[Point]) -> list[Problem]:
    """Return a problem for each pair of files on an axis that tables and pictures would not tell apart."""
    if not any(axis in KEYS for axis in sweep.axes):
        return []
    first: dict[str, Point] = {}
    pairs: dict[tuple[str, str, str], Problem] = {}
    for point in points:
        other = first.setdefault(repr(point.axes), point)
        for axis in point.axes if other is not point else ():
            if axis not in KEYS:
                continue
            one, two = (getattr(getattr(each.config, HOME[axis]), axis) for each in (other, point))
            if one != two:
                message = f"is another file than {one} and would have its name: rename one of them"
                pairs[axis, one, two] = Problem("", axis, two, message, source_of_axis(sweep, axis))
    return list(pairs.values())


class _Combination:
    """One combination of the axes but erlang."""

    def __init__(
        self,
        draft: Draft,
        names: dict[str, Any],
        make: Callable[[Draft], tuple[Config, Inputs]],
    ) -> None:
        self.names = names
        """The values on its axes, as the configuration has them."""
        self.is_right = not draft.problems
        """Whether each of its values is right by itself."""
        self._draft: Draft | None = draft
        self._make = make
        self.problems: list[Problem] = []
        """What is wrong with it, once it is checked."""
        self.parts: tuple[Config, Inputs] | None = None
        """Its configuration and inputs, once it is checked, if nothing is wrong."""

    @cached_property
    def loads(self) -> Sequence[float | None]:
        """The loads of its configuration, or None in place of loads that cannot be told."""
        assert self._draft is not None
        return _loads(self._draft)

    def check(self) -> None:
        """Check it as a whole, the first time."""
        if self._draft is not None:
            draft, self._draft = self._draft, None  # thousands of them are large
            try:
                self.parts = self._make(draft)
            except ConfigError as error:
                self.problems = error.problems


class _Combinations:
    """Combinations of the axes but erlang: what they have in common is read and checked once."""

    def __init__(
        self,
        sweep: Sweep,
        templates_dir: Path | None,
        input_dirs: Sequence[Path] | None,
        quiet: bool,
    ) -> None:
        self._sweep = sweep
        self._quiet = quiet
        axes = {axis: source_of_axis(sweep, axis) for axis in sweep.axes[:-1]}
        self._variants = Variants(
            *sweep.settings,
            templates_dir=templates_dir,
            input_dirs=input_dirs,
            origin=Origin(source_of(sweep, "overrides"), axes, source_of(sweep)),
        )
        self._reader = InputReader(
            templates_dir=templates_dir, input_dirs=input_dirs, memory=Memory(), quiet=quiet
        )
        self.digests = Digests()
        self._known: dict[str, _Combination] = {}
        self._told: tuple[dict[Problem, None], dict[Problem, None], dict[str, None]] = ({}, {}, {})

    def get(self, assignment: Assignment) -> _Combination:
        """Return a combination."""
        name = repr(assignment)
        if name not in self._known:
            draft = self._variants.draft(assignment)
            names = {axis: _value(draft, axis, assignment) for axis in self._sweep.axes[:-1]}
            self._known[name] = _Combination(draft, names, self._make)
        return self._known[name]

    def _make(self, draft: Draft) -> tuple[Config, Inputs]:
        config = self._variants.config(draft)
        reading = self._variants.reading(draft, config)
        ignored, dropped, notes = self._told
        ignored |= dict.fromkeys(reading.ignored)
        dropped |= dict.fromkeys(reading.dropped)
        notes |= dict.fromkeys(reading.notes)
        inputs = self._reader.read(config)
        if self._sweep.metric == AVAILABILITY and config.failure_settings.failure_type == "none":
            message = "needs links that fail, and failure_type is none"
            raise ConfigError(
                [Problem("", "metric", AVAILABILITY, message, source_of(self._sweep))]
            )
        return config, inputs

    def warn(self) -> None:
        """Say in the log what is to be known of how the configurations were read."""
        if self._quiet:
            return
        ignored, dropped, notes = self._told
        warn_of_reading(list(ignored), list(dropped), [*notes, *without_effect(self._sweep)])


class _Problems:
    """What is wrong, each problem once, with what the combinations have in common that have it."""

    def __init__(self, told: Collection[str]) -> None:
        """told: the axes whose values are named; one with a single value says nothing."""
        self._told = told
        self._at: dict[str, tuple[Problem, Assignment]] = {}

    def __bool__(self) -> bool:
        return bool(self._at)

    def add(self, problems: Sequence[Problem], assignment: Assignment) -> None:
        """Take in what is wrong with a combination."""
        for problem in problems:
            named = {axis: assignment[axis] for axis in assignment if axis in self._told}
            _, common = self._at.setdefault(repr(problem), (problem, named))
            for axis in [axis for axis in common if common[axis] != assignment.get(axis)]:
                del common[axis]

    def found(self) -> list[Problem]:
        """Return the problems, of one key the first few."""
        by_key: dict[tuple[str, str], list[Problem]] = {}
        for problem, assignment in self._at.values():
            by_key.setdefault((problem.section, problem.key), []).append(_at(problem, assignment))
        return [each for found in by_key.values() for each in first_problems(found)]


def _loads(draft: Draft) -> Sequence[float | None]:
    """Return the loads of a draft, or None in place of loads that cannot be told."""
    keys = ("erlang_start", "erlang_stop", "erlang_step")
    values = {key: draft.values[key] for key in keys if key in draft.values}
    if len(values) < len(keys) or any(contradictions(values)):
        return [None]
    return Config.model_construct(None, **draft.sections).loads


def _is_load(value: object) -> bool:
    try:
        _LOAD.validate_python(value)
    except ValueError:
        return False
    return True


def _named_load(load: object) -> dict[str, Any]:
    """Return the axis of loads with its value, as the configuration would have it."""
    if load is None:
        return {}
    try:
        return {ERLANG: _LOAD.validate_python(load)}
    except ValueError:
        return {ERLANG: load}


def make_point(
    config: Config,
    inputs: Inputs,
    axes: Mapping[str, Any] | None = None,
    digests: Digests | None = None,
) -> Point:
    """Return the point of a configuration with one load. digests: of inputs, kept for many points."""
    what = content(_one_replication(config), inputs, digests)
    if config.failure_settings.failure_type != "none":
        what["outcomes_version"] = OUTCOMES_OF_FAILURES_VERSION
    given = {ERLANG: config.loads[0]} if axes is None else axes
    return Point(key_of_canonical(what), given, config, what, inputs)


def at_load(point: Point, erlang: float) -> Point:
    """Return the point of the same configuration at another load. Raises ValueError for an invalid load."""
    config = _at_load(point.config, erlang)
    return make_point(config, point.inputs, {**point.axes, ERLANG: config.loads[0]})


def _at(problem: Problem, assignment: Assignment) -> Problem:
    others = {axis: value for axis, value in assignment.items() if axis != problem.key}
    is_template = (problem.section, problem.key) == ("", "template")  # one for all
    if not others or not problem.source or is_template:
        return problem
    where = ", ".join(f"{key} = {show(value)}" for key, value in others.items())
    return problem._replace(source=f"{problem.source}, at {where}")


def _at_load(config: Config, erlang: object) -> Config:
    load = _LOAD.validate_python(erlang)
    update = {"erlang_start": load, "erlang_stop": load, "erlang_step": 1.0}
    general = config.general_settings.model_copy(update=update)
    return config.model_copy(update={"general_settings": general})


def _one_replication(config: Config) -> Config:
    """Return the configuration without what says how many replications there are to be."""
    default = _DEFAULT.general_settings
    general = config.general_settings.model_copy(
        update={"max_iters": default.max_iters, "erlang_step": default.erlang_step}
    )
    simulation = config.simulation_settings.model_copy(
        update={"workers": _DEFAULT.simulation_settings.workers}
    )
    return config.model_copy(
        update={
            "general_settings": general,
            "simulation_settings": simulation,
            "statistics_settings": _DEFAULT.statistics_settings,
        }
    )


def _value(draft: Draft, axis: str, assignment: Assignment) -> Any:
    """Return the value on an axis, as the configuration has it: one word for one thing.

    One that is wrong by itself is as it was given.
    """
    value = draft.values.get(axis, assignment.get(axis))
    if axis == "policy" and not value:  # that of the config where there is none of the user's
        return Config.model_construct(None, **draft.sections).policy
    if axis in KEYS:  # the same file has the same name, wherever it lies
        return PurePath(str(value)).name
    return format_value(value) if isinstance(value, Mapping) else value


def _filter(sweep: Sweep) -> Callable[[Mapping[str, Any], bool], bool]:
    """Return the condition `where` as a function of the values on the axes.

    It also takes whether these are right, each by itself: about others it may be wrong, and then they are
    wanted, so that it is told what is wrong with them. The same where the load is not known.
    """
    if not sweep.where:
        return lambda axes, right: True
    holds = condition(sweep.where)

    def wanted(axes: Mapping[str, Any], right: bool) -> bool:
        try:
            return holds(axes)
        except ConditionError as error:
            if not right or ERLANG not in axes:
                return True
            raise ConfigError(
                [Problem("", "where", sweep.where, str(error), source_of(sweep))]
            ) from None

    return wanted
