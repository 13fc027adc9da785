"""Have a simulator search for the loads at which the curves of a sweep reach a blocking probability."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fusion.config.ini import format_value
from fusion.results.progress import Event, ProgressReader, compiling_text
from fusion.scenario.offered_load import offered_per_nominal
from fusion.sweep.definition import ERLANG, Sweep, needs_blocking
from fusion.sweep.point_file import write_points
from fusion.sweep.points import Point
from fusion.sweep.store import Store
from fusion_flows.engines.simulator import options_of, simulator
from fusion_flows.flows import known_stores
from fusion_flows.rundir.log_stream import tail
from fusion_flows.runs.time_expressions import ArgumentError

Row = dict[str, Any]

_LOOK_SECONDS = 0.25


class SearchFailedError(RuntimeError):
    """A search that has ended without an answer; the message says why, and what is kept."""


def search_loads(
    sweep: Sweep,
    points: Sequence[Point],
    store: Store,
    target: float,
    *,
    precision: float,
    max_requests: float,
    grace_seconds: float,
    say: Callable[[str], None],
) -> list[Row]:
    """Return the load at which blocking reaches a target, for each combination of the axes but erlang.

    points: of the sweep; between the loads at the ends of each curve it is searched. precision: half the
    interval over the load. max_requests: of each search. say: is told each round. Columns: the axes; load
    with ci_lower and ci_upper, status and target as of `load_finder.search_load`; requests that were
    measured; simulated, those that were not in the store; offered_per_nominal. Raises ArgumentError for a
    curve with one load, and SearchFailedError. What was simulated is in the store, however it ends.
    """
    needs_blocking(sweep, "a load")
    known_stores.remember(store)
    others = sweep.axes[:-1]
    told = [axis for axis in others if len({str(point.axes[axis]) for point in points}) > 1]
    _check_ranges(points, told)
    found: list[Row] = []
    failed: list[str] = []
    with TemporaryDirectory(prefix="fusion-find-load-") as name:
        folder = Path(name)
        write_points(folder / "points.json", points, sweep.metric)
        progress, log = folder / "progress.jsonl", folder / "log"
        reader = ProgressReader(progress)

        def look() -> None:
            for event in reader.read():
                if event["type"] == "compiling":
                    say(f"{compiling_text(event)} ...")
                elif event["type"] == "round":
                    say(_round(event, told))
                elif event["type"] == "found":
                    found.append(_row(event, others))
                elif event["type"] == "curve_failed":
                    failed.append(f"{_label(event['axes'], told)}: {event['message']}")

        options = {
            **options_of(points, folder / "points.json", store, store.new_file(), progress),
            "target": target,
            "precision": precision,
            "max-requests": max_requests,
        }
        with simulator("find_loads", options, log=log, grace_seconds=grace_seconds) as tree:
            while (code := tree.wait(_LOOK_SECONDS)) is None:
                look()
        look()
        if code:
            failed.append(
                f"The simulator ended with exit code {code}. Its log ends with\n{tail(log)}"
            )
    if failed:
        raise SearchFailedError("\n".join([*failed, f"What was simulated is in {store.folder}."]))
    order = {_label(point.axes, told): place for place, point in enumerate(points)}
    shares = {_label(each.axes, told): offered_per_nominal(each.config) for each in points}
    return [
        {**row, "offered_per_nominal": shares[_label(row, told)]}
        for row in sorted(found, key=lambda row: order[_label(row, told)])
    ]


def _check_ranges(points: Sequence[Point], axes: Sequence[str]) -> None:
    loads: dict[str, set[float]] = {}
    for point in points:
        loads.setdefault(_label(point.axes, axes), set()).add(point.erlang)
    for curve, there in loads.items():
        if len(there) < 2:
            raise ArgumentError(
                f"{curve or 'the sweep'} has one load, {min(there):g} E: the axis {ERLANG} must have "
                "two at least, between which the load is looked for"
            )


def _row(event: Event, others: Sequence[str]) -> Row:
    """Return what was found; JSON has no word for NaN and infinity."""
    return {
        **{name: event["axes"][name] for name in others},
        "load": math.nan if event["load"] is None else event["load"],
        "ci_lower": event["ci_lower"],
        "ci_upper": math.inf if event["ci_upper"] is None else event["ci_upper"],
        **{name: event[name] for name in ("status", "target", "requests", "simulated")},
    }


def _round(event: Event, axes: Sequence[str]) -> str:
    """Return a round on one line: the blocking at each load."""
    counts: dict[float, list[int]] = {}
    for load, _, blocked, offered in event["done"]:
        sums = counts.setdefault(load, [0, 0])
        sums[0] += blocked
        sums[1] += offered
    told = ", ".join(
        f"{blocked / offered:.3g} at {load:g} E" for load, (blocked, offered) in counts.items()
    )
    curve = _label(event["axes"], axes)
    return f"{curve}{': ' if curve else ''}blocking {told}; {event['requests']:,} requests so far"


def _label(values: Any, axes: Sequence[str]) -> str:
    return ", ".join(f"{axis} = {format_value(values[axis])}" for axis in axes)
