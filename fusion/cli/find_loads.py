"""The simulator process that searches for loads: `python -m fusion.cli.find_loads`.

Outcomes are appended to their file as they are there, and each round of a search is an event. Exit codes as
in `fusion.cli.ending`; an error on one curve is in its event and ends no other search.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from fusion.cli import run_points

if TYPE_CHECKING:
    from fusion.cli.ending import Signals
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
    return run_points.run(parser().parse_args(arguments), _search)


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
            searches, Store(options.store), writer, options.workers, signals.heed, progress.write
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
