"""Published values beside simulated ones: what is simulated for a study, and the verdict on each value.

A value is *inside* where it and ours differ by no more than the joint interval of both at `CONFIDENCE`, plus
the rounding of what is printed. One that is not is simulated with the settings of each reason of its study,
and *explained* by the first one whose range, ours included, meets the published interval. A source that says
nothing of its uncertainty gives no interval: its values are shown, and *not judged*.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from fusion.config.config import Config, ConfigError
from fusion.config.variants import Origin, Variants
from fusion.results.outcome import METRICS, Outcome
from fusion.results.statistics import Estimate, student_t
from fusion.scenario.content import Digests
from fusion.scenario.inputs import InputReader
from fusion.scenario.read_keys import Memory
from fusion.sweep.definition import ERLANG, Assignment
from fusion.sweep.point_state import PointState
from fusion.sweep.points import Point, at_load, make_point
from fusion.sweep.relative_paths import absolute_value
from fusion.sweep.study import STUDY, NamedStudy, PublishedPoint, Reason, nested

CONFIDENCE = 0.99
"""Of the joint interval of each value: of those that agree, one in a hundred is outside by chance."""
INSIDE, EXPLAINED, OUTSIDE = "inside", "explained", "outside"
NOT_JUDGED, NOT_COMPUTED = "not judged", "not computed"
VERDICTS = (INSIDE, EXPLAINED, OUTSIDE, NOT_JUDGED, NOT_COMPUTED)
METRIC = "blocking_probability"
"""What the stopping rule of a study looks at, whatever metrics its values have."""


class Value(NamedTuple):
    """A published value and ours, with the interval of each at `CONFIDENCE`; a row of the table.

    Shares. NaN where there is none. lower, upper: bounds of the published value, its rounding included.
    range_lower, range_upper: over the settings of the reason, ours included. ratio: ours over published.
    key: of the point in the store.
    """

    study: str
    source: str
    case: str
    erlang: float
    metric: str
    published: float
    lower: float
    upper: float
    ours: float
    ci_lower: float
    ci_upper: float
    replications: int
    ratio: float
    verdict: str
    reason: str = ""
    range_lower: float = math.nan
    range_upper: float = math.nan
    key: str = ""


class Plan:
    """The points of a study: those of its values, and those of its reasons."""

    def __init__(self, named: NamedStudy, *, quick: bool = False) -> None:
        """Read and check all of it. Raises ConfigError."""
        self.named = named
        study = named.study
        folder = named.folder
        template = folder / study.template if study.template.endswith(".ini") else study.template
        settings = {**study.settings, **(study.quick if quick else {})}
        source = str(folder / STUDY)
        self._variants = Variants(
            template,
            nested({key: absolute_value(key, value, folder) for key, value in settings.items()}),
            origin=Origin(f"settings, {source}", {}, source),
        )
        self._reader = InputReader(memory=Memory(), quiet=True)
        self._digests = Digests()
        self._made: dict[str, Point] = {}
        self.points = [self._point(value, {}) for value in named.points]
        """By the number of the published value; values of one setting share a point."""
        for reason in study.reasons:  # a mistake in them is reported before anything is computed
            for case, changes in product(study.cases, reason.settings):
                if reason.concerns(case):
                    self._config({**study.cases[case], **changes}, case)

    def reason_points(self, number: int, reason: Reason) -> list[Point]:
        """Return the points of a reason for the value with this number."""
        value = self.named.points[number]
        return [self._point(value, settings) for settings in reason.settings]

    def _point(self, value: PublishedPoint, changes: Assignment) -> Point:
        assignment = {**self.named.study.cases[value.case], **changes}
        name = repr((sorted(assignment.items()), value.erlang))
        if name not in self._made:
            first = repr(sorted(assignment.items()))
            if first not in self._made:
                self._made[first] = self._first(assignment, value.case)
            self._made[name] = at_load(self._made[first], value.erlang)
        return self._made[name]

    def _first(self, assignment: Assignment, case: str) -> Point:
        """Return the point of these settings at some load."""
        config = self._config(assignment, case)
        inputs = self._reader.read(config)
        return make_point(config, inputs, {**assignment, ERLANG: config.loads[0]}, self._digests)

    def _config(self, assignment: Assignment, case: str) -> Config:
        folder = self.named.folder
        given = {key: absolute_value(key, value, folder) for key, value in assignment.items()}
        try:
            return self._variants.config(self._variants.draft(given))
        except ConfigError as error:
            where = f"case {case}, {folder / STUDY}"
            raise ConfigError(
                [each._replace(source=each.source or where) for each in error.problems]
            ) from None


def published_interval(value: PublishedPoint) -> tuple[float, float]:
    """Return the bounds of a published value: Student's t at `CONFIDENCE` over its runs, and its rounding."""
    half = _published_half(value) + value.rounding
    return max(0.0, value.published - half), value.published + half


def _published_half(value: PublishedPoint) -> float:
    if not value.is_judged:
        return math.nan
    return student_t(CONFIDENCE, value.runs - 1) * value.std / math.sqrt(value.runs)


def estimate_of(outcomes: Sequence[Outcome], metric: str) -> Estimate:
    """Return our estimate at `CONFIDENCE`."""
    return METRICS[metric].estimate(outcomes, CONFIDENCE)


def value_of(study: str, value: PublishedPoint, state: PointState) -> Value:
    """Return a published value beside ours, not looking at reasons."""
    lower, upper = published_interval(value)
    outcomes = state.outcomes
    row = Value(
        study,
        value.source,
        value.case,
        value.erlang,
        value.metric,
        value.published,
        lower,
        upper,
        *(math.nan, math.nan, math.nan),
        len(outcomes),
        math.nan,
        NOT_COMPUTED,
        key=state.point.key,
    )
    if len(outcomes) < 2:
        return row
    ours = estimate_of(outcomes, value.metric)
    return row._replace(
        ours=ours.mean,
        ci_lower=ours.ci_lower,
        ci_upper=ours.ci_upper,
        ratio=ours.mean / value.published if value.published else math.nan,
        verdict=_verdict(value, ours),
    )


def _verdict(value: PublishedPoint, ours: Estimate) -> str:
    if not value.is_judged:
        return NOT_JUDGED
    toward = ours.mean - ours.ci_lower if value.published < ours.mean else ours.ci_upper - ours.mean
    allowed = math.hypot(toward, _published_half(value)) + value.rounding
    return INSIDE if abs(ours.mean - value.published) <= allowed else OUTSIDE


def with_reason(row: Value, reason: Reason, states: Sequence[PointState]) -> Value:
    """Return a value that is outside after a reason was tried, which explains it or not.

    states: of the points of the reason. Of reasons that do not explain a value the one with the widest range
    is in the row.
    """
    if any(len(state.outcomes) < 2 for state in states):
        return row
    estimates = [estimate_of(state.outcomes, row.metric) for state in states]
    low = min(row.ci_lower, *(each.ci_lower for each in estimates))
    high = max(row.ci_upper, *(each.ci_upper for each in estimates))
    tried = row._replace(reason=reason.name, range_lower=low, range_upper=high)
    if low <= row.upper and high >= row.lower:
        return tried._replace(verdict=EXPLAINED)
    wider = not row.reason or high - low > row.range_upper - row.range_lower
    return tried if wider else row


def counts(rows: Iterable[Value]) -> dict[str, int]:
    """Return how many values have each verdict, without verdicts that none has."""
    found = Counter(row.verdict for row in rows)
    return {verdict: found[verdict] for verdict in VERDICTS if found[verdict]}


def agrees(rows: Iterable[Value]) -> bool:
    """Return whether all values are computed, and none that is judged is outside without a reason."""
    return all(row.verdict in (INSIDE, EXPLAINED, NOT_JUDGED) for row in rows)


def as_record(row: Value) -> dict[str, Any]:
    """Return a row for JSON or CSV: None where there is no number."""
    record: Mapping[str, Any] = row._asdict()
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in record.items()
    }
