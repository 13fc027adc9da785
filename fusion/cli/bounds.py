"""Compute how little any policy can block: `python -m fusion.cli.bounds --config FILE --output-dir DIR`.

It writes bounds.csv, bounds_replications.csv and bounds_cuts.csv, each complete or absent. Exit codes as in
`fusion.cli.ending`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion.cli.ending import BAD_INPUT, NoRecord, Signals, run_to_end

if TYPE_CHECKING:
    from fusion.config.config import Config
    from fusion.scenario.inputs import Inputs


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="fusion.cli.bounds",
        description="Compute lower bounds on the blocking probability of any policy, over load.",
    )
    parser.add_argument(
        "--config",
        required=True,
        metavar="FILE",
        help="INI file, or the name of a shipped template such as quick",
    )
    parser.add_argument(
        "--output-dir", required=True, type=Path, metavar="DIR", help="where the files go"
    )
    parser.add_argument(
        "--replications",
        type=int,
        help="of each load (default: those of the config; with stopping_rule = precision its least)",
    )
    parser.add_argument(
        "--loads",
        type=_loads,
        metavar="E,E,...",
        help="loads in Erlang, separated by commas (default: those of the config)",
    )
    parser.add_argument(
        "--bounds-only",
        action="store_true",
        help="leave out approximations and reference systems, which are not bounds",
    )
    return parser


def _loads(text: str) -> list[float]:
    loads = [float(part) for part in text.split(",")]
    if not all(1e-6 <= load <= 1e6 for load in loads):
        raise argparse.ArgumentTypeError(f"{text}: a load is a number from 1e-6 to 1,000,000")
    return sorted(set(loads))


def main(arguments: list[str] | None = None) -> int:
    """Compute and write the bounds, and return the exit code."""
    options = parser().parse_args(arguments)
    signals = Signals()
    # The rest is imported here so that --help and a wrong argument are answered at once.
    from fusion.config.config import ConfigError, load_config
    from fusion.config.misfits import misfits
    from fusion.config.sources import problem_of
    from fusion.results.logging_config import configure_logging
    from fusion.scenario.inputs import read_inputs

    configure_logging()
    try:
        config = load_config(options.config)
        if problems := misfits(config, "bounds"):
            raise ConfigError(problems)
        if options.replications is not None and options.replications < 1:
            raise ValueError(f"--replications {options.replications}: must be at least 1")
        inputs = read_inputs(config)
        if inputs.topology.link_limits:
            what = "bounds need links that all have the same slots and cores"
            raise ConfigError([problem_of(config, "network", what)])
    except (ConfigError, ValueError) as error:
        print(f"fusion.cli.bounds: {error}", file=sys.stderr)
        return BAD_INPUT
    return run_to_end(lambda: _write(options, config, inputs, signals), signals, NoRecord())


def _write(options: argparse.Namespace, config: Config, inputs: Inputs, signals: Signals) -> bool:
    from fusion.results.logging_config import get_logger
    from fusion.simulation.bounds.bounds import CLAIRVOYANT, LONG_RUN, Bounds
    from fusion.simulation.compilation import announced
    from fusion.simulation.pool import Stopped

    say = get_logger(__name__).info
    bounds = Bounds(config, inputs, approximations=not options.bounds_only)
    replications = options.replications or bounds.replications
    found = []
    what = "what bounds are computed by, once on this machine: 10 s to half a minute"
    for load in options.loads or config.loads:
        try:
            with announced(say, what, "the bounds go on"):
                found.append(bounds.at(load, replications, signals.heed))
        except Stopped:
            return False
        row = found[-1].row
        say(
            "%g Erlang: no policy blocks less than %.3g; none without knowledge of holding times, in the "
            "long run, less than %.3g",
            *(load, row[CLAIRVOYANT], row[LONG_RUN]),
        )
    options.output_dir.mkdir(parents=True, exist_ok=True)
    for name, rows in (
        ("bounds", [one.row for one in found]),
        ("bounds_replications", [row for one in found for row in one.replications]),
        ("bounds_cuts", [row for one in found for row in one.cuts]),
    ):
        _write_table(options.output_dir / f"{name}.csv", rows)
    return True


def _write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    from fusion.results.files import write_atomic
    from fusion.results.tables import csv_lines

    header = rows[:1] or [{"erlang": ""}]
    write_atomic(path, csv_lines([header[0], *(row.values() for row in rows)]).encode())


if __name__ == "__main__":
    sys.exit(main())
