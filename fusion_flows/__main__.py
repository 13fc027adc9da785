"""Run the flow once and say where the results are: `python -m fusion_flows [--template NAME]`."""

import argparse
import sys
from typing import Any


def main() -> int:
    """Run the flow `fusion`, on Prefect's embedded server unless PREFECT_API_URL names another."""
    parser = argparse.ArgumentParser(
        prog="python -m fusion_flows",
        description="Simulate one configuration as a run of the Prefect flow `fusion`.",
    )
    parser.add_argument("--template", default="quick", help="name or path (default: quick)")
    parser.add_argument("--overrides", metavar="FILE", help="JSON or TOML: {section: {key: value}}")
    options = parser.parse_args()

    from fusion.config.config import ConfigError, load_config
    from fusion.config.overrides import read_overrides
    from fusion_flows.engines.compiling import compiled_ahead
    from fusion_flows.server.settings import Settings

    try:
        overrides = read_overrides(options.overrides) if options.overrides else {}
        config = load_config(options.template, overrides, templates_dir=Settings().templates_dir)
    except ConfigError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    with compiled_ahead(config):  # already while Prefect is loaded
        return _run(options.template, overrides)


def _run(template: str, overrides: dict[str, Any]) -> int:
    from fusion.config.config import ConfigError
    from fusion_flows.command.last_words import leave_the_last_word
    from fusion_flows.flows.sim import fusion
    from fusion_flows.following.flow_ends import SimulationError
    from fusion_flows.following.result_lines import places, results
    from fusion_flows.rundir.directory import RunDirectoryError
    from fusion_flows.server.database import NewerDatabaseError

    leave_the_last_word()
    try:
        result = fusion(template=template, overrides=overrides)
    except (ConfigError, NewerDatabaseError, RunDirectoryError, SimulationError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    print(f"\n{results(result.points)}")
    print(f"\n{places(result.output_dir, result.plot, result.report)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
