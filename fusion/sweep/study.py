"""A published study as data: its setting, its published values, and where they were published.

A study is a folder with

    study.toml   title, sources, template, settings, cases, reasons (`Study` has the fields)
    points.csv   a row for each published value (`COLUMNS`)

and whatever files its settings name: a network, a traffic matrix, a policy.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fusion.config.nested_text import parse_nested
from fusion.config.problems import ConfigError, Problem, nearest, show, with_allowed
from fusion.config.sections import HOME
from fusion.config.shipped import STUDIES, study_names
from fusion.config.text_files import read_text
from fusion.sweep.definition import ERLANG, LOAD_KEYS, Assignment, Sweep, Value, make_sweep
from fusion.sweep.relative_paths import with_absolute_paths

STUDY, POINTS = "study.toml", "points.csv"
PREFIX = "reproduce:"
"""Before the name of a study where the file of a sweep is expected."""
COLUMNS = ("source", "case", "erlang", "metric", "published", "std", "runs", "rounding")
"""Of points.csv; the last three may be empty."""
_METRICS = ("blocking_probability", "bit_rate_blocking_probability")
_MAX_BYTES = 1 << 20
_STRICT = ConfigDict(frozen=True, extra="forbid")
Text = Annotated[str, Field(min_length=1)]


class Source(BaseModel):
    """Where values were published. std of points.csv is explained by `uncertainty`."""

    model_config = _STRICT

    authors: Text
    title: Text
    venue: Text
    year: Annotated[int, Field(ge=1900, le=2100)]
    where: Text
    """The table, figure or file that has the values."""
    address: Annotated[str, Field(pattern=r"^(https://|doi:10\.)\S+$")]
    unit: Literal["share", "percent"] = "share"
    """Of published, std and rounding."""
    uncertainty: Text
    """What the source says of its uncertainty, and what std and runs are."""


class Reason(BaseModel):
    """Why a figure may differ, as settings that are simulated: the range over them must contain it."""

    model_config = _STRICT

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9 -]*$")]
    text: Text
    settings: Annotated[list[Assignment], Field(min_length=1)]
    cases: list[Text] = []
    """Where it is tried; empty: in all cases."""

    def concerns(self, case: str) -> bool:
        """Return whether it is tried in a case."""
        return not self.cases or case in self.cases


class PublishedPoint(NamedTuple):
    """A published value: a share, and its uncertainty.

    std: between `runs` runs, NaN where the source has none. rounding: half of the last digit that is printed,
    or what the file gives instead.
    """

    source: str
    case: str
    erlang: float
    metric: str
    published: float
    std: float
    runs: int
    rounding: float

    @property
    def is_judged(self) -> bool:
        """Whether the source says how uncertain its figure is."""
        return self.runs > 1 and not math.isnan(self.std)


class Study(BaseModel):
    """What study.toml says. Settings are keys of the configuration, in whatever section."""

    model_config = _STRICT

    title: Text
    summary: Text
    open: list[Text] = []
    """What the sources leave open, and what was assumed."""
    sources: Annotated[dict[str, Source], Field(min_length=1)]
    template: Text
    settings: Assignment = {}
    """For all points, over the template."""
    quick: Assignment
    """Over the settings for a coarse pass."""
    cases: Annotated[dict[str, Assignment], Field(min_length=1)]
    """By name, with the same keys in each."""
    reasons: list[Reason] = []
    """In the order in which they are tried."""

    def sweep(self, folder: Path, points: list[PublishedPoint], *, quick: bool = False) -> Sweep:
        """Return the points as a sweep. folder: from which relative paths start. Raises ConfigError."""
        pairs = {(point.case, point.erlang): None for point in points}
        data = {
            "template": self.template,
            "overrides": nested({**self.settings, **(self.quick if quick else {})}),
            "points": [{**self.cases[case], ERLANG: erlang} for case, erlang in pairs],
        }
        return with_absolute_paths(make_sweep(data, str(folder / STUDY)), folder)


class NamedStudy(NamedTuple):
    """A study with its name, its folder and its published values."""

    name: str
    folder: Path
    study: Study
    points: list[PublishedPoint]


def nested(settings: Mapping[str, Value]) -> dict[str, dict[str, Any]]:
    """Return settings by section, as overrides are written."""
    found: dict[str, dict[str, Any]] = {}
    for key, value in settings.items():
        found.setdefault(HOME[key], {})[key] = value
    return found


def find_study(name: str) -> NamedStudy:
    """Return a shipped study. Raises ConfigError for an unknown name, with the known ones."""
    names = study_names()
    if name not in names:
        available = f"available: {', '.join(names)}"
        message = with_allowed("unknown study", nearest(name, names), available)
        raise ConfigError([Problem("", "study", name, message, "")])
    return read_study(STUDIES / name)


def study_sweep(name: str) -> Sweep:
    """Return a shipped study as a sweep. Raises ConfigError."""
    found = find_study(name)
    return found.study.sweep(found.folder, found.points)


def read_study(folder: Path) -> NamedStudy:
    """Return the study in a folder. Raises ConfigError with all that is wrong in its two files."""
    path = folder / STUDY
    study = _study(path)
    if problems := list(_faults(study, path)):
        raise ConfigError(problems)
    points, problems = _points(folder / POINTS, study)
    if problems:
        raise ConfigError(problems)
    used = {("cases", point.case) for point in points}
    used |= {("sources", point.source) for point in points}
    named = [("cases", name) for name in study.cases]
    named += [("sources", name) for name in study.sources]
    problems = [
        Problem("", kind, name, f"has no row in {POINTS}", str(path))
        for kind, name in named
        if (kind, name) not in used
    ]
    if problems:
        raise ConfigError(problems)
    return NamedStudy(folder.name, folder, study, points)


def _study(path: Path) -> Study:
    try:
        return Study.model_validate(parse_nested(read_text(path, _MAX_BYTES), "TOML"))
    except ValidationError as error:
        raise ConfigError(
            [
                Problem(
                    "",
                    ".".join(map(str, each["loc"])),
                    "" if each["type"] == "missing" else each["input"],
                    each["msg"][:1].lower() + each["msg"][1:],
                    str(path),
                )
                for each in error.errors()
            ]
        ) from None
    except (ValueError, OSError) as error:
        message = str(getattr(error, "strerror", None) or error)
        raise ConfigError([Problem("", STUDY, str(path), message, "")]) from None


def _faults(study: Study, path: Path) -> Iterator[Problem]:
    """Yield what is wrong with the settings: unknown keys, loads, cases with different keys."""
    first = next(iter(study.cases.values()))
    groups = [("settings", study.settings), ("quick", study.quick)]
    groups += [(f"cases.{name}", case) for name, case in study.cases.items()]
    groups += [
        (f"reasons, {reason.name}", settings)
        for reason in study.reasons
        for settings in reason.settings
    ]
    for place, settings in groups:
        for key in settings:
            if key in LOAD_KEYS:
                yield Problem(
                    "", key, settings[key], f"is set by the loads in {POINTS}", f"{place}, {path}"
                )
            elif key not in HOME:
                message = f"is not a key of the configuration{nearest(key, HOME)}"
                yield Problem("", key, settings[key], message, f"{place}, {path}")
    for name, case in study.cases.items():
        if case.keys() != first.keys():
            message = f"must have the keys of the first case: {', '.join(first) or 'none'}"
            yield Problem("", f"cases.{name}", ", ".join(case), message, str(path))
    for reason in study.reasons:
        yield from (
            Problem(
                "",
                f"reasons, {reason.name}, cases",
                case,
                f"must be one of {', '.join(study.cases)}{nearest(case, study.cases)}",
                str(path),
            )
            for case in reason.cases
            if case not in study.cases
        )
    names = [reason.name for reason in study.reasons]
    yield from (
        Problem("", "reasons", name, "is there twice", str(path))
        for name in set(names)
        if names.count(name) > 1
    )


def _points(path: Path, study: Study) -> tuple[list[PublishedPoint], list[Problem]]:
    try:
        text = read_text(path, _MAX_BYTES)
    except (ValueError, OSError) as error:
        message = str(getattr(error, "strerror", None) or error)
        return [], [Problem("", POINTS, str(path), message, "")]
    reader = csv.DictReader(io.StringIO(text), restkey="more", restval=None)
    if tuple(reader.fieldnames or ()) != COLUMNS:
        given = ",".join(reader.fieldnames or ())
        message = f"its columns must be {','.join(COLUMNS)}"
        return [], [Problem("", POINTS, given, message, str(path))]
    points: list[PublishedPoint] = []
    problems: list[Problem] = []
    seen: set[tuple[object, ...]] = set()
    for row in reader:
        place = f"line {reader.line_num} of {path}"
        if "more" in row or None in row.values():
            message = f"must have {len(COLUMNS)} cells"
            problems.append(Problem("", POINTS, ",".join(map(str, row.values())), message, place))
            continue
        try:
            point = _point(row, study)
        except _CellError as error:
            problems.append(Problem("", error.column, row[error.column], str(error), place))
            continue
        if point[:4] in seen:
            problems.append(
                Problem("", POINTS, ", ".join(map(str, point[:4])), "is there twice", place)
            )
        seen.add(point[:4])
        points.append(point)
    if not points and not problems:
        problems.append(Problem("", POINTS, "", "has no values", str(path)))
    return points, problems


class _CellError(ValueError):
    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column = column


def _point(row: Mapping[str, str], study: Study) -> PublishedPoint:
    """Return a row, checked. Raises _CellError."""
    for column, known in (("source", study.sources), ("case", study.cases), ("metric", _METRICS)):
        if row[column] not in known:
            message = f"must be one of {', '.join(known)}{nearest(row[column], known)}"
            raise _CellError(column, message)
    scale = 100.0 if study.sources[row["source"]].unit == "percent" else 1.0
    erlang = float(_number(row, "erlang"))
    if not erlang > 0.0:
        raise _CellError("erlang", "must be above 0")
    published = _number(row, "published")
    std = _number(row, "std") if row["std"] else Decimal("nan")
    rounding = _number(row, "rounding") if row["rounding"] else _half_digit(published)
    share = float(published) / scale
    if not 0.0 <= share <= 1.0:
        raise _CellError("published", f"must be 0 to {scale:g}")
    if std < 0 if row["std"] else False:
        raise _CellError("std", "must be 0 or more")
    if rounding < 0:
        raise _CellError("rounding", "must be 0 or more")
    runs = row["runs"] or "0"
    if not runs.isdecimal() or (row["runs"] and int(runs) < 1):
        raise _CellError("runs", "must be a whole number of 1 or more")
    if bool(row["std"]) != (int(runs) > 1):
        raise _CellError("runs", "must be 2 or more with a std, and without one 1 or empty")
    return PublishedPoint(
        row["source"],
        row["case"],
        erlang,
        row["metric"],
        share,
        float(std) / scale,
        int(runs),
        float(rounding) / scale,
    )


def _number(row: Mapping[str, str], column: str) -> Decimal:
    try:
        number = Decimal(row[column])
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        raise _CellError(column, f"must be a number, such as 0.62; {show(row[column])} is not one")
    return number


def _half_digit(number: Decimal) -> Decimal:
    """Return half a unit of the last digit that is printed: 0.62 -> 0.005, 2.12e-03 -> 0.000005."""
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    return Decimal(5).scaleb(exponent - 1)
