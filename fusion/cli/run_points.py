"""The simulator process for points of a sweep: `python -m fusion.cli.run_points`.

Outcomes are appended to their file as they are there; what the store has is not computed again. Exit codes
as of run_sim; an error in one point is an event of its own and ends nothing.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fusion.cli.ending import BAD_INPUT, Signals, run_to_end
from fusion.config.counts import counted

if TYPE_CHECKING:
    from fusion.results.progress import ProgressWriter
    from fusion.sweep.point_state import PointState
    from fusion.sweep.points import Point


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="fusion.cli.run_points",
        description="Simulate what the store does not have yet of the points of a sweep.",
    )
    for name, text in (
        ("--points", "JSON file with the points"),
        ("--store", "folder of the store; what is in it is not computed again"),
        ("--outcomes", "CSV file to write, a line per replication"),
        ("--progress-file", "where events go, one JSON object per line"),
    ):
        parser.add_argument(name, required=True, type=Path, help=text)
    parser.add_argument(
        "--workers", type=int, default=0, help="number of processes; 0 (the default): one per CPU"
    )
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the simulator and return its exit code."""
    return run(parser().parse_args(arguments), _simulate)


def run(
    options: argparse.Namespace,
    compute: Callable[[argparse.Namespace, list[Point], str, ProgressWriter, Signals], bool],
) -> int:
    """Read the points, compute, and return the exit code.

    compute: called with the options, the points, the metric and where events go; returns whether all of it
    is there, or else heeds a signal.
    """
    signals = Signals()
    # The rest is imported here so that --help and a wrong argument are answered at once.
    from fusion.results.logging_config import configure_logging
    from fusion.results.progress import ProgressWriter
    from fusion.sweep.point_file import read_points

    configure_logging()
    try:
        points, metric = read_points(options.points)
    except (OSError, ValueError, TypeError, LookupError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        print(f"--points {options.points} is not a file of points: {reason}", file=sys.stderr)
        return BAD_INPUT
    try:
        progress = ProgressWriter(options.progress_file)
    except OSError as error:
        print(f"--progress-file {options.progress_file}: {error.strerror}", file=sys.stderr)
        return BAD_INPUT
    return run_to_end(
        lambda: compute(options, points, metric, progress, signals), signals, _Record(progress)
    )


class _Record:
    """The last words, as an event."""

    def __init__(self, progress: ProgressWriter) -> None:
        self._progress = progress
        self._began = time.monotonic()

    def end(self, exit_code: int, reason: str) -> None:
        seconds = time.monotonic() - self._began
        self._progress.write("complete", exit_code=exit_code, seconds=seconds)

    def fail(self, message: str, trace: str) -> None:
        self._progress.write("error", message=message, traceback=trace)


def _simulate(
    options: argparse.Namespace,
    points: list[Point],
    metric: str,
    progress: ProgressWriter,
    signals: Signals,
) -> bool:
    """Compute what is missing; return whether all of it is there."""
    from fusion.config.ini import format_value
    from fusion.results.interval_text import probability_with_interval
    from fusion.results.logging_config import get_logger
    from fusion.results.outcome import METRICS
    from fusion.sweep.computation import compute
    from fusion.sweep.failed_points import FailureWriter
    from fusion.sweep.point_state import point_states
    from fusion.sweep.store import OutcomeWriter, Store

    log = get_logger("fusion.sweep")
    store = Store(options.store)
    states = point_states(points, store.read(point.key for point in points), metric)
    failures = FailureWriter(store, points, options.outcomes.stem)

    def tell_failure(state: PointState) -> None:
        failure = state.failure
        assert failure is not None
        failures.append([failure])
        log.error("%s: %s", failure.key[:12], failure.error)
        progress.write(
            "point_failed",
            key=failure.key,
            message=failure.error,
            traceback=failure.trace,
            replication=failure.replication,
        )

    progress.write("start", points=len(points), done=sum(state.is_done for state in states))
    left = {state.point.key: state for state in states if not state.is_done}
    with OutcomeWriter(options.outcomes) as writer:
        for outcomes in compute(
            list(left.values()),
            options.workers,
            signals.heed,
            progress.write,
        ):
            writer.append(outcomes)
            for key in [key for key, state in left.items() if state.is_done]:
                state = left.pop(key)
                if state.failure is None:
                    said = ", ".join(
                        f"{axis} = {format_value(value)}"
                        for axis, value in state.point.axes.items()
                    )
                    confidence = state.point.config.statistics_settings.confidence
                    found = METRICS[metric].estimate(state.outcomes, confidence)
                    log.info(
                        "%s: %s %s; %s, %s",
                        said,
                        METRICS[metric].title,
                        probability_with_interval(*found[:3]),
                        counted(len(state.outcomes), "replication"),
                        state.stop_reason,
                    )
                    progress.write("point", key=key, replications=len(state.outcomes))
                else:
                    tell_failure(state)
    for state in left.values():  # failed before anything was computed
        if state.failure is not None:
            tell_failure(state)
    return all(state.is_done for state in states)


if __name__ == "__main__":
    sys.exit(main())
