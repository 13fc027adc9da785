"""Write which lightpath holds which slots: `python -m fusion.cli.spectrum --config FILE --output FILE`.

The replication is simulated anew up to this moment, which gives what it was in the run. Exit codes as in
`fusion.cli.ending`.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fusion.cli.ending import BAD_INPUT, NoRecord, Signals, run_to_end

if TYPE_CHECKING:
    from fusion.config.config import Config
    from fusion.scenario.inputs import Inputs


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="fusion.cli.spectrum",
        description="Write the lightpaths that are up after a request, with their slots on each link.",
    )
    parser.add_argument(
        "--config",
        required=True,
        metavar="FILE",
        help="INI file, or the name of a shipped template such as quick",
    )
    parser.add_argument("--output", required=True, type=Path, metavar="FILE", help="CSV to write")
    parser.add_argument("--load", type=float, help="in Erlang (default: the highest of the config)")
    parser.add_argument("--replication", type=int, default=0, help="number from 0 (default: 0)")
    parser.add_argument(
        "--at",
        type=int,
        help="number of the measured request, from 1, after which to look (default: the last)",
    )
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Write the table and return the exit code."""
    options = parser().parse_args(arguments)
    signals = Signals()
    # The rest is imported here so that --help and a wrong argument are answered at once.
    from fusion.config.config import ConfigError, load_config
    from fusion.results.logging_config import configure_logging
    from fusion.scenario.inputs import read_inputs

    configure_logging()
    try:
        config = load_config(options.config)
        if options.load is None:
            options.load = max(config.loads)
        if options.at is None:
            options.at = config.general_settings.num_requests
        _check(options, config)
        inputs = read_inputs(config)
    except (ConfigError, ValueError) as error:
        print(f"fusion.cli.spectrum: {error}", file=sys.stderr)
        return BAD_INPUT
    return run_to_end(lambda: _write(options, config, inputs, signals), signals, NoRecord())


def _check(options: argparse.Namespace, config: Config) -> None:
    """Raise ValueError for a moment that there is not."""
    requests, most = config.general_settings.num_requests, config.general_settings.max_iters
    if not (math.isfinite(options.load) and options.load > 0):
        raise ValueError(f"--load {options.load:g}: must be above 0")
    if not 1 <= options.at <= requests:
        raise ValueError(
            f"--at {options.at}: must be 1 to {requests}, the measured requests of a replication"
        )
    if not 0 <= options.replication < most:
        raise ValueError(
            f"--replication {options.replication}: must be 0 to {most - 1}, as max_iters = {most}"
        )


def _write(options: argparse.Namespace, config: Config, inputs: Inputs, signals: Signals) -> bool:
    from fusion.results.files import write_atomic
    from fusion.results.logging_config import get_logger
    from fusion.results.spectrum_table import spectrum_table
    from fusion.scenario.loops import loop_of
    from fusion.scenario.scenario import make_scenario
    from fusion.simulation.compilation import compile_for
    from fusion.simulation.moment import moment_after
    from fusion.simulation.pool import Stopped

    scenario = make_scenario(config, inputs)
    loop = loop_of(config, inputs.policy)
    compile_for(scenario, loop, get_logger(__name__).info, "the simulation begins")
    warmup = config.warmup_requests(options.load)
    try:
        moment = moment_after(
            scenario, options.load, options.replication, warmup, options.at, signals.heed
        )
    except Stopped:
        return False
    options.output.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(options.output, spectrum_table(scenario, moment).encode())
    return True


if __name__ == "__main__":
    sys.exit(main())
