"""The simulator process that searches for loads: `python -m fusion.cli.find_loads`.

Outcomes are appended to their file as they are there, and each round of a search is an event. Exit codes as
of run_sim; an error on one curve is in its event and ends no other search.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING

from fusion.cli import run_points
from fusion.cli.run_sim import BAD_INPUT, FAILED, Signals, end_at_once, wait_for_end

if TYPE_CHECKING:
    from fusion.results.progress import ProgressWriter
    from fusion.sweep.points import Point


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = run_points.parser()
    parser.prog = "fusion.cli.find_loads"
    parser.description = "Search for the load at which each curve reaches a blocking probability."
    parser.add_argument("--target", required=True, type=float, help="the blocking probability")
    parser.add_argument(
        "--precision",
        required=True,
        type=float,
        help="half-width of the interval, relative to the load, at which a search ends",
    )
    parser.add_argument(
        "--max-requests",
        required=True,
        type=float,
        help="measured requests after which a search ends",
    )
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the searches and return the exit code."""
    options = parser().parse_args(arguments)
    signals = Signals()
    # The rest is imported here so that --help and a wrong argument are answered at once.
    from fusion.results.logging_config import configure_logging
    from fusion.results.progress import ProgressWriter
    from fusion.sweep.point_file import read_points

    configure_logging()
    try:
        points, metric = read_points(options.points)
        progress = ProgressWriter(options.progress_file)
    except (OSError, ValueError, TypeError, LookupError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        print(f"--points {options.points}: {reason}", file=sys.stderr)
        return BAD_INPUT
    began = time.monotonic()

    def end_late() -> None:
        progress.write("complete", exit_code=signals.exit_code, seconds=time.monotonic() - began)
        end_at_once(signals.exit_code)

    try:
        complete = wait_for_end(
            lambda: _search(options, points, metric, progress, signals), signals, end_late
        )
    except Exception as error:
        traceback.print_exc()
        with suppress(OSError):
            message = f"{type(error).__name__}: {error}"
            progress.write("error", message=message, traceback=traceback.format_exc())
        return FAILED
    exit_code = 0 if complete else signals.exit_code
    progress.write("complete", exit_code=exit_code, seconds=time.monotonic() - began)
    return exit_code


def _search(
    options: argparse.Namespace,
    points: list[Point],
    metric: str,
    progress: ProgressWriter,
    signals: Signals,
) -> bool:
    """Search on all curves; return whether all searches are over."""
    from fusion.sweep.load_search import LoadSearch, curves_of, search_all
    from fusion.sweep.store import OutcomeWriter, Store

    searches = [
        LoadSearch(
            curve,
            metric,
            options.target,
            relative_precision=options.precision,
            max_requests=options.max_requests,
        )
        for curve in curves_of(points)
    ]
    with OutcomeWriter(options.outcomes) as writer:
        for number, done in search_all(
            searches, Store(options.store), writer, options.workers, signals.heed
        ):
            search = searches[number]
            axes = dict(search.first.axes)
            if search.failure is not None:
                progress.write("curve_failed", axes=axes, message=search.failure.error)
                continue
            requests = sum(each.offered for each in search.trace)
            progress.write("round", axes=axes, done=done, requests=requests)
            if search.found is not None:
                found = search.found._asdict()
                del found["trace"]
                progress.write("found", axes=axes, simulated=search.simulated, **found)
    return all(search.is_over for search in searches)


if __name__ == "__main__":
    sys.exit(main())
