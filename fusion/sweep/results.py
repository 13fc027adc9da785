"""The tables of a sweep: a row per point and metric, and a row per replication."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from fusion.results.files import atomic_file
from fusion.results.json_text import finite
from fusion.results.outcome import AVAILABILITY, METRICS, Outcome
from fusion.results.statistics import Estimate
from fusion.scenario.offered_load import offered_per_nominal
from fusion.sweep.point_state import PointState

Row = dict[str, Any]

POINTS = "points.csv"
REPLICATIONS = "replications.csv"


def point_rows(states: Iterable[PointState], metrics: Sequence[str] = tuple(METRICS)) -> list[Row]:
    """Return a row for each point that has a replication, and each metric; availability where links fail.

    Columns: the axes; metric; estimate with ci_lower and ci_upper (None where there is none; an estimate of
    0 means that nothing was blocked, and ci_upper is the bound); replications, requests and blocked that
    count; warmup_requests of each replication; offered_erlang, the offered load; confidence; stop_reason
    (None while it goes on); complete; key of the point.
    """
    rows = []
    for state in states:
        outcomes = state.outcomes
        if not outcomes:
            continue
        config = state.point.config
        confidence = config.statistics_settings.confidence
        share = offered_per_nominal(config)
        links_fail = config.failure_settings.failure_type != "none"
        rows += [
            {
                **state.point.axes,
                "metric": metric,
                **_estimate(METRICS[metric].estimate(outcomes, confidence)),
                "replications": len(outcomes),
                "requests": sum(each.requests for each in outcomes),
                "blocked": sum(each.blocked for each in outcomes),
                "warmup_requests": state.point.warmup_requests,
                "offered_erlang": state.point.erlang * share,
                "confidence": confidence,
                "stop_reason": state.stop_reason,
                "complete": state.stop_reason is not None,
                "key": state.point.key,
            }
            for metric in metrics
            if links_fail or metric != AVAILABILITY
        ]
    return rows


def _estimate(estimate: Estimate) -> Row:
    names = ("estimate", "ci_lower", "ci_upper")
    return dict(zip(names, map(finite, estimate[:3]), strict=True))


def replication_rows(states: Iterable[PointState]) -> list[Row]:
    """Return a row for each replication that counts: the axes, its sums and the key of its point."""
    return [
        {**state.point.axes, **outcome._asdict(), "key": state.point.key}
        for state in states
        for outcome in state.outcomes
    ]


def write_tables(folder: Path, states: Sequence[PointState], axes: Sequence[str]) -> None:
    """Write both tables as CSV, each completely or not at all. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / POINTS, point_rows(states), [*axes, *POINT_COLUMNS])
    _write(folder / REPLICATIONS, replication_rows(states), [*axes, *Outcome._fields, "key"])


POINT_COLUMNS = (
    *("metric", "estimate", "ci_lower", "ci_upper", "replications", "requests", "blocked"),
    *("warmup_requests", "offered_erlang", "confidence", "stop_reason", "complete", "key"),
)


def _write(path: Path, rows: Sequence[Row], columns: Sequence[str]) -> None:
    with atomic_file(path) as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
