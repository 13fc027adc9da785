"""The points of a sweep: each a checked configuration at one load, named by what can change its result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from fusion.config import Config, ConfigError, Problem, load_config
from fusion.inputs import Inputs, content, key_of, read_inputs
from fusion.outcome import AVAILABILITY
from fusion.problems import show
from fusion.settings.ini import format_value
from fusion.settings.named_files import KEYS
from fusion.settings.sections import HOME, GeneralSettings, SimulationSettings, StatisticsSettings
from fusion.sweep.definition import ERLANG, Assignment, Sweep
from fusion.versions import OUTCOMES_OF_FAILURES_VERSION

_MOST_PROBLEMS = 20


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
) -> list[Point]:
    """Return the points of a sweep in the order of its axes, each once, all checked.

    Raises ConfigError with what is wrong, and at which point; nothing is computed.
    """
    wanted = _filter(sweep)
    places = {"templates_dir": templates_dir, "input_dirs": input_dirs}
    read: dict[str, tuple[Config, Inputs]] = {}
    problems: list[Problem] = []
    found: dict[str, Point] = {}
    for combination in sweep.combinations():
        assignment = dict(combination)
        erlang = assignment.pop(ERLANG, None)
        together = repr(sorted(assignment.items()))
        if together not in read:
            try:
                config = load_config(sweep.template, _overrides(sweep, assignment), **places)  # type: ignore[arg-type]
                read[together] = config, read_inputs(config, **places)  # type: ignore[arg-type]
            except ConfigError as error:
                problems += [_at(problem, assignment) for problem in error.problems]
                if len(problems) > _MOST_PROBLEMS or not assignment:
                    raise ConfigError(problems) from None
                continue
        config, inputs = read[together]
        if sweep.metric == AVAILABILITY and config.failure_settings.failure_type == "none":
            message = "needs links that fail, and failure_type is none"
            problem = Problem("", "metric", sweep.metric, message, "the sweep")
            problems.append(_at(problem, assignment))
            continue
        for load in config.loads if erlang is None else (erlang,):
            try:
                at_load = _at_load(config, load)
            except ValueError:
                problems.append(
                    Problem(
                        "", ERLANG, load, "is no load: a number from 1e-6 to 1,000,000", "the sweep"
                    )
                )
                continue
            axes = {axis: _value(at_load, axis) for axis in sweep.axes}
            if wanted(axes):
                point = make_point(at_load, inputs, axes)
                found.setdefault(point.key, point)
    if problems:
        raise ConfigError(problems)
    if not found:
        message = "leaves no point" if sweep.where else "has no point"
        raise ConfigError([Problem("", "where", sweep.where, message, "the sweep")])
    if namesakes := _namesakes(found.values()):
        raise ConfigError(namesakes)
    return list(found.values())


def _namesakes(points: Iterable[Point]) -> list[Problem]:
    """Return a problem for each pair of files on an axis that tables and pictures would not tell apart."""
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
                pairs[axis, one, two] = Problem("", axis, two, message, "the sweep")
    return list(pairs.values())


def make_point(config: Config, inputs: Inputs, axes: Mapping[str, Any] | None = None) -> Point:
    """Return the point of a configuration with one load."""
    what = content(_one_replication(config), inputs)
    if config.failure_settings.failure_type != "none":
        what["outcomes_version"] = OUTCOMES_OF_FAILURES_VERSION
    given = {ERLANG: config.loads[0]} if axes is None else axes
    return Point(key_of(what), given, config, what, inputs)


def at_load(point: Point, erlang: float) -> Point:
    """Return the point of the same configuration at another load. Raises ValueError for what is no load."""
    config = _at_load(point.config, erlang)
    return make_point(config, point.inputs, {**point.axes, ERLANG: config.loads[0]})


def _overrides(sweep: Sweep, assignment: Assignment) -> dict[str, dict[str, Any]]:
    overrides = {section: dict(keys) for section, keys in sweep.overrides.items()}
    for key, value in assignment.items():
        overrides.setdefault(HOME[key], {})[key] = value
    return overrides


def _at(problem: Problem, assignment: Assignment) -> Problem:
    if not assignment:
        return problem
    where = ", ".join(f"{key} = {show(value)}" for key, value in assignment.items())
    return problem._replace(source=f"{problem.source}, at {where}")


def _at_load(config: Config, erlang: object) -> Config:
    values = config.general_settings.model_dump()
    values |= {"erlang_start": erlang, "erlang_stop": erlang}
    general = GeneralSettings.model_validate({**values, "erlang_step": 1})
    return config.model_copy(update={"general_settings": general})


def _one_replication(config: Config) -> Config:
    """Return the configuration without what says how many replications there are to be."""
    default = GeneralSettings()
    general = config.general_settings.model_copy(
        update={"max_iters": default.max_iters, "erlang_step": default.erlang_step}
    )
    simulation = config.simulation_settings.model_copy(
        update={"workers": SimulationSettings().workers}
    )
    return config.model_copy(
        update={
            "general_settings": general,
            "simulation_settings": simulation,
            "statistics_settings": StatisticsSettings(),
        }
    )


def _value(config: Config, axis: str) -> Any:
    """Return the value on an axis, as the configuration has it: one word for one thing."""
    if axis == ERLANG:
        return config.loads[0]
    if axis == "policy":  # that of the config where there is none of the user's
        return config.policy
    value = getattr(getattr(config, HOME[axis]), axis)
    if axis in KEYS:  # the same file has the same name, wherever it lies
        return PurePath(value).name
    return format_value(value) if isinstance(value, Mapping) else value


def _filter(sweep: Sweep) -> Any:
    """Return the condition `where` as a function of the values on the axes."""
    if not sweep.where:
        return lambda axes: True
    from simpleeval import EvalWithCompoundTypes

    evaluator = EvalWithCompoundTypes(
        functions={"abs": abs, "min": min, "max": max, "round": round}
    )

    def wanted(axes: Mapping[str, Any]) -> bool:
        evaluator.names = dict(axes)
        try:
            return bool(evaluator.eval(sweep.where))
        except Exception as error:  # what people write in an expression may go wrong in any way
            said = error.msg if isinstance(error, SyntaxError) else str(error)
            message = f"{show(said, 200)}; the axes are {', '.join(axes)}"
            raise ConfigError([Problem("", "where", sweep.where, message, "the sweep")]) from None

    return wanted
