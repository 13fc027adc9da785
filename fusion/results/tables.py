"""The result tables (CSV): a row per replication, point, link, node pair and bit rate."""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fusion.results.files import atomic_file
from fusion.results.link_statistics import LINK_COLUMNS
from fusion.results.load_file import load_file_name, write_load_file
from fusion.results.load_file_as_fusion import load_file_name_as_fusion, write_load_file_as_fusion
from fusion.results.measured import FailureStatistics, Replication
from fusion.results.outcome import COLUMNS, METRICS, outcome_of
from fusion.results.statistics import (
    Estimate,
    availability_estimate,
    blocking_estimate,
    mean_estimate,
    ratio_estimate,
)
from fusion.results.stopping import LoadState
from fusion.scenario.scenario import Scenario
from fusion.scenario.traffic import offered_load

Row = dict[str, Any]

_SECONDS_BETWEEN_WRITES = 2.0


def csv_lines(rows: Iterable[Iterable[Any]]) -> str:
    """Return rows as CSV. Floats keep all their digits; NaN becomes an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        # A NaN is the only value that differs from itself.
        writer.writerow(["" if cell != cell else cell for cell in row])
    return text.getvalue()


class Tables:
    """The result tables of a run, in memory and on disk."""

    def __init__(self, directory: Path, scenario: Scenario, confidence: float) -> None:
        """directory: the output directory, which exists."""
        self._directory = directory
        self._scenario = scenario
        self._confidence = confidence
        self._lines: dict[str, dict[float, str]] = {}
        """Table and load to the lines of the load."""
        self._headers: dict[str, str] = {}
        self._next_write = 0.0

    def finish(self, state: LoadState[Replication], stop_reason: str) -> Row:
        """Compute the rows of a load, write its own file, and return its row of points.csv."""
        scenario, confidence = self._scenario, self._confidence
        replications = state.replications
        offered = offered_load(scenario.traffic, state.erlang)
        if scenario.conventions is not None:
            offered *= scenario.conventions.stream.per_load
        point = point_row(replications, offered, confidence, stop_reason)
        for table, rows in (
            ("points", [point]),
            ("links", link_rows(replications, scenario, confidence)),
            ("pairs", pair_rows(replications, scenario, confidence)),
            ("bit_rates", bit_rate_rows(replications, scenario, confidence)),
            *_failure_tables(replications, scenario, confidence),
        ):
            self._headers[table] = csv_lines([rows[0]])
            lines = csv_lines(row.values() for row in rows)
            self._lines.setdefault(table, {})[state.erlang] = lines
        if scenario.conventions is None:
            path = self._directory / load_file_name(state.erlang)
            write_load_file(path, replications, scenario, confidence)
        else:
            path = self._directory / load_file_name_as_fusion(state.erlang)
            training = scenario.conventions.is_training
            write_load_file_as_fusion(path, replications, is_training=training)
        return point

    def write(self, *, now: bool) -> None:
        """Write the tables of all loads so far; unless `now`, only where it takes little of the time."""
        began = time.monotonic()
        if not now and began < self._next_write:
            return
        for table, by_load in self._lines.items():
            with atomic_file(self._directory / f"{table}.csv") as file:
                file.write(self._headers[table])
                file.writelines(by_load[load] for load in sorted(by_load))
        took = time.monotonic() - began
        self._next_write = time.monotonic() + max(_SECONDS_BETWEEN_WRITES, 20.0 * took)


class ReplicationTable:
    """replications.csv: appended while the run goes on, in order when it ends."""

    def __init__(self, path: Path) -> None:
        """path: the file, which `rewrite` creates."""
        self._path = path
        self._has_header = False

    def append(self, replication: Replication) -> None:
        """Add the row of a finished replication."""
        row = replication_row(replication)
        with self._path.open("a", encoding="utf-8", newline="") as file:
            if not self._has_header:
                file.write(csv_lines([row]))
                self._has_header = True
            file.write(csv_lines([row.values()]))

    def rewrite(self, replications: Iterable[Replication]) -> None:
        """Replace the rows by those of these replications, in this order."""
        rows = [replication_row(each) for each in replications]
        with atomic_file(self._path) as file:
            file.write(csv_lines(rows[:1]) + csv_lines(row.values() for row in rows))
        self._has_header = bool(rows)


def replication_row(replication: Replication) -> Row:
    """Return one row of replications.csv."""
    connections, quality = replication.connections, replication.quality
    outcome = outcome_of(replication)
    return {
        "erlang": replication.erlang,
        "replication": replication.replication,
        "requests": replication.requests,
        "warmup_requests": replication.warmup_requests,
        "blocked": outcome.blocked,
        "blocked_out_of_reach": outcome.blocked_out_of_reach,
        **{name: METRICS[name].value(outcome) for name in COLUMNS},
        "groomed": connections.groomed,
        "sliced": connections.sliced,
        "partly_served": connections.partly_served,
        "lightpath_utilisation": connections.lightpath_use / (connections.ended or math.nan),
        "blocked_by_quality": quality.blocked_by_quality,
        "mean_snr_db": -10.0
        * math.log10(quality.noise_to_signal / (outcome.lightpaths or math.nan))
        if quality.noise_to_signal > 0.0
        else math.nan,
    }


def _columns(name: str, estimate: Estimate) -> Row:
    return {
        name: estimate.mean,
        f"{name}_ci_lower": estimate.ci_lower,
        f"{name}_ci_upper": estimate.ci_upper,
    }


def point_row(
    replications: Sequence[Replication],
    offered_erlang: float,
    confidence: float,
    stop_reason: str,
) -> Row:
    """Return one row of points.csv: the replications of one load."""
    outcomes = [outcome_of(each) for each in replications]
    estimates = {name: METRICS[name].estimate(outcomes, confidence) for name in COLUMNS}
    blocking = estimates.pop("blocking_probability")
    row: Row = {
        "erlang": replications[0].erlang,
        "offered_erlang": offered_erlang,
        "replications": len(outcomes),
        "requests": sum(each.requests for each in outcomes),
        "warmup_requests": outcomes[0].warmup_requests,
        "blocked": sum(each.blocked for each in outcomes),
        "blocked_out_of_reach": sum(each.blocked_out_of_reach for each in outcomes),
        "blocked_by_quality": sum(each.quality.blocked_by_quality for each in replications),
        **_columns("blocking_probability", blocking),
        "relative_precision": blocking.relative_precision,
    }
    for name, estimate in estimates.items():
        row |= _columns(name, estimate)
    return {**row, "confidence": confidence, "stop_reason": stop_reason}


def link_rows(
    replications: Sequence[Replication], scenario: Scenario, confidence: float
) -> list[Row]:
    """Return the rows of links.csv for one load: a row per link, or per direction of a link."""
    measured = {
        name: np.array([getattr(each.links, name) for each in replications])
        for name in LINK_COLUMNS
    }
    rows = []
    for link, (source, destination, name) in enumerate(scenario.named_links):
        row: Row = {
            "erlang": replications[0].erlang,
            "source": source,
            "destination": destination,
            **({"link": name} if scenario.link_names else {}),
            "length_km": scenario.link_km[link],
            "replications": len(replications),
        }
        for column, values in measured.items():
            row |= _columns(column, mean_estimate(values[:, link], confidence).within(0.0, 1.0))
        rows.append(row)
    return rows


def pair_rows(
    replications: Sequence[Replication], scenario: Scenario, confidence: float
) -> list[Row]:
    """Return the rows of pairs.csv for one load: blocking by source and destination."""
    requested = np.array([each.traffic.requested for each in replications])
    blocked = np.array([each.traffic.blocked for each in replications])
    return [
        {
            "erlang": replications[0].erlang,
            "source": source,
            "destination": destination,
            **_blocking_columns(blocked[:, pair], requested[:, pair], confidence),
        }
        for pair, (source, destination) in enumerate(scenario.pairs)
    ]


def bit_rate_rows(
    replications: Sequence[Replication], scenario: Scenario, confidence: float
) -> list[Row]:
    """Return the rows of bit_rates.csv for one load: blocking and lightpaths by bit rate."""
    requested = np.array([each.traffic.requested_by_bit_rate for each in replications])
    blocked = np.array([each.traffic.blocked_by_bit_rate for each in replications])
    # Slices may have bit rates that no request has.
    none = np.zeros(
        (len(replications), len(scenario.lightpaths.bit_rates_gbps) - requested.shape[1]), int
    )
    requested, blocked = np.hstack([requested, none]), np.hstack([blocked, none])
    lightpaths = sum(each.served.lightpaths_by_format for each in replications)
    return [
        {
            "erlang": replications[0].erlang,
            "bit_rate_gbps": float(rate),
            **_blocking_columns(blocked[:, index], requested[:, index], confidence),
            **{
                f"lightpaths_{name}": int(lightpaths[number, index])  # type: ignore[index]
                for number, name in enumerate(scenario.lightpaths.formats)
            },
        }
        for index, rate in enumerate(scenario.lightpaths.bit_rates_gbps)
    ]


def _failure_tables(
    replications: Sequence[Replication], scenario: Scenario, confidence: float
) -> list[tuple[str, list[Row]]]:
    """Return the tables of a load in which links fail, with their names; none in others."""
    if scenario.failure is None:
        return []
    available = ("availability", availability_rows(replications, scenario, confidence))
    if scenario.failure.lifetimes is not None:
        return [available]
    return [("failures", failure_rows(replications, confidence)), available]


def availability_rows(
    replications: Sequence[Replication], scenario: Scenario, confidence: float
) -> list[Row]:
    """Return the rows of availability.csv for one load: connections, and each link or direction of a link."""
    failures = [each.failures for each in replications]
    asked = [each.asked_time for each in failures]
    down = [each.down_time for each in failures]
    outages = [each.outages for each in failures]
    common = {"erlang": replications[0].erlang, "replications": len(replications)}
    connections = {
        **common,
        "what": "connections",
        "source": "",
        "destination": "",
        **({"link": ""} if scenario.link_names else {}),
        **_availability(down, asked, confidence),
        "outages": sum(outages),
        **_columns(
            "outage_time",
            ratio_estimate([each.outage_time for each in failures], outages, confidence).within(
                0.0
            ),
        ),
        **_toll_columns(failures, confidence),
    }
    measured = [each.measured_time for each in failures]
    nothing = dict.fromkeys(_toll_columns(failures, confidence), math.nan)
    rows = [connections]
    for link, (source, destination, name) in enumerate(scenario.named_links):
        down = [float(each.link_down_time[link]) for each in failures]
        outages = [int(each.link_outages[link]) for each in failures]
        rows.append(
            {
                **common,
                "what": "link",
                "source": source,
                "destination": destination,
                **({"link": name} if scenario.link_names else {}),
                **_availability(down, measured, confidence),
                "outages": sum(outages),
                **_columns("outage_time", ratio_estimate(down, outages, confidence).within(0.0)),
                **nothing,
            }
        )
    return rows


def _availability(down: Sequence[float], asked: Sequence[float], confidence: float) -> Row:
    return _columns("availability", availability_estimate(down, asked, confidence))


def _toll_columns(failures: Sequence[FailureStatistics], confidence: float) -> Row:
    """Return what became of connections over failed links, and how long recovery took."""
    interrupted = [each.interrupted for each in failures]
    restored = [each.restored for each in failures]
    took = np.array(
        [each.recovery_ms if len(each.recovery_ms) else [math.nan] * 3 for each in failures]
    )
    row = {
        "interrupted": sum(interrupted),
        "switched": sum(each.switched for each in failures),
        "restored": sum(restored),
        "lost_gbps": sum(each.lost_gbps for each in failures),
        **_columns(
            "restored_share", ratio_estimate(restored, interrupted, confidence).within(0.0, 1.0)
        ),
    }
    for index, what in enumerate(("mean", "p95", "max")):
        estimate = mean_estimate(took[:, index], confidence).within(0.0)
        row |= _columns(f"recovery_ms_{what}", estimate)
    return row


def failure_rows(replications: Sequence[Replication], confidence: float) -> list[Row]:
    """Return the rows of failures.csv for one load: before, during and after the failure.

    What became of connections over failed links is counted once for a replication, not by phase. It stands
    in the row of the phase in which it happens, during the failure, so that a sum counts nothing twice.
    """
    failures = [each.failures for each in replications]
    requested = np.array([each.phase_requests for each in failures])
    blocked = np.array([each.phase_blocked for each in failures])
    failure = {
        **_toll_columns(failures, confidence),
        **_availability(
            [each.down_time for each in failures],
            [each.asked_time for each in failures],
            confidence,
        ),
    }
    nothing = dict.fromkeys(failure, math.nan)
    return [
        {
            "erlang": replications[0].erlang,
            "phase": phase,
            **_blocking_columns(blocked[:, index], requested[:, index], confidence),
            **(failure if phase == "during" else nothing),
        }
        for index, phase in enumerate(("before", "during", "after"))
    ]


def _blocking_columns(blocked: Any, requested: Any, confidence: float) -> Row:
    estimate = blocking_estimate(blocked, requested, confidence)
    return {
        "replications": len(blocked),
        "requests": int(requested.sum()),
        "blocked": int(blocked.sum()),
        **_columns("blocking_probability", estimate),
    }
