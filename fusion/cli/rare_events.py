"""Estimate very low blocking probabilities: `python -m fusion.cli.rare_events --config FILE`.

One line for each load of the config, or one JSON object. Exit codes as in `fusion.cli.ending`.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from fusion.cli.ending import BAD_INPUT, NoRecord, Signals, run_to_end
from fusion.results.interval_text import between, interval_text
from fusion.results.json_text import to_json

if TYPE_CHECKING:
    from fusion.config.config import Config
    from fusion.scenario.inputs import Inputs
    from fusion.simulation.splitting import RareEstimate


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="fusion.cli.rare_events",
        description="Estimate very low blocking probabilities by importance splitting (RESTART).",
        epilog="max_iters of the config is the number of replications; each may spend num_requests.",
    )
    parser.add_argument(
        "--config",
        required=True,
        metavar="FILE",
        help="INI file, or the name of a shipped template such as quick",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object for each load")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Estimate the blocking at all loads of a config and return the exit code."""
    options = parser().parse_args(arguments)
    signals = Signals()
    # The rest is imported here so that --help and a wrong argument are answered at once.
    from fusion.config.config import ConfigError, load_config
    from fusion.scenario.inputs import read_inputs

    try:
        config = load_config(options.config)
        _refuse(config)
        inputs = read_inputs(config)
    except ConfigError as error:
        print(f"fusion.cli.rare_events: {error}", file=sys.stderr)
        return BAD_INPUT
    return run_to_end(
        lambda: _estimate(config, inputs, signals, as_json=options.json), signals, NoRecord()
    )


def _refuse(config: Config) -> None:
    """Raise ConfigError for what importance splitting does not go with."""
    from fusion.config.config import ConfigError, Problem
    from fusion.config.misfits import misfits
    from fusion.config.sources import source_of

    problems = misfits(config, "splitting")
    most = config.general_settings.max_iters
    if most < 2:
        told, source = "must be at least 2, or there is no interval", source_of(config, "max_iters")
        problems.append(Problem("general_settings", "max_iters", most, told, source))
    if problems:
        raise ConfigError(problems)


def _estimate(config: Config, inputs: Inputs, signals: Signals, *, as_json: bool) -> bool:
    from fusion.simulation.compilation import ONCE, announced
    from fusion.simulation.pool import Stopped
    from fusion.simulation.splitting import compile_splitting, estimate_rare_blocking

    with announced(_say, ONCE, "the estimates begin"):
        compile_splitting(config, inputs)
    if not as_json:
        print("load (E)  blocking   interval              excursions that blocked  requests")
    for load in config.loads:
        try:
            estimate = estimate_rare_blocking(config, inputs, load, signals.heed)
        except Stopped:
            return False
        print(_json(estimate) if as_json else _line(estimate), flush=True)
    return True


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _line(estimate: RareEstimate) -> str:
    lower, upper = estimate.ci_lower, estimate.ci_upper
    blocking = interval_text(estimate.blocking_probability, lower, upper).estimate
    excursions = f"{estimate.blocked_excursions:,} of {estimate.excursions:,}"
    return (
        f"{estimate.erlang:<9g} {blocking:<10} {between(lower, upper):<21} "
        f"{excursions:<24} {estimate.requests:,}"
    )


def _json(estimate: RareEstimate) -> str:
    values = estimate._asdict()
    plan = values.pop("plan")
    values |= {"thresholds": plan.thresholds, "factors": plan.factors}
    return to_json(values)


if __name__ == "__main__":
    sys.exit(main())
