"""Compile the event loop that a simulation needs: `python -m fusion.cli.compile --config FILE`.

Nothing is simulated. Where the loop is in the cache already, there is nothing to do. Exit codes as in
`fusion.cli.ending`.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from fusion.cli.ending import BAD_INPUT, NoRecord, Signals, run_to_end

if TYPE_CHECKING:
    from fusion.config.config import Config
    from fusion.scenario.inputs import Inputs


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="fusion.cli.compile",
        description="Compile the event loop that a simulation needs, so that it can begin at once.",
    )
    parser.add_argument(
        "--config",
        required=True,
        metavar="FILE",
        help="INI file, or the name of a shipped template such as quick",
    )
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Compile, and return the exit code."""
    options = parser().parse_args(arguments)
    signals = Signals()
    # The rest is imported here so that --help and a wrong argument are answered at once.
    from fusion.config.config import ConfigError, load_config
    from fusion.results.logging_config import configure_logging
    from fusion.scenario.inputs import read_inputs

    configure_logging()
    try:
        config = load_config(options.config)
        inputs = read_inputs(config)
    except ConfigError as error:
        print(f"fusion.cli.compile: {error}", file=sys.stderr)
        return BAD_INPUT
    return run_to_end(lambda: _compile(config, inputs), signals, NoRecord())


def _compile(config: Config, inputs: Inputs) -> bool:
    from fusion.results.logging_config import get_logger
    from fusion.scenario.loops import loop_of
    from fusion.scenario.scenario import make_scenario
    from fusion.simulation.compilation import compile_for

    scenario, loop = make_scenario(config, inputs), loop_of(config, inputs.policy)
    compile_for(scenario, loop, get_logger(__name__).info, "a simulation can begin")
    return True


if __name__ == "__main__":
    sys.exit(main())
