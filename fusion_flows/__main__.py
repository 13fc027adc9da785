"""Run the flow once and say where the results are: `python -m fusion_flows [--template NAME]`."""

import argparse
import sys
from collections.abc import Mapping
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

    from fusion.config import ConfigError, read_overrides
    from fusion_flows.rundir import RunDirectoryError
    from fusion_flows.sim import SimulationError, fusion

    try:
        overrides = read_overrides(options.overrides) if options.overrides else {}
        result = fusion(template=options.template, overrides=overrides)
    except (ConfigError, RunDirectoryError, SimulationError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    print("\n load (E)   blocking probability   interval             replications")
    for point in result.points:
        print(_line(point))
    print(f"\nResults: {result.output_dir}\nPicture: {result.plot}")
    return 0


def _line(point: Mapping[str, Any]) -> str:
    upper, lower = (point[f"blocking_probability_ci_{end}"] for end in ("upper", "lower"))
    mean, interval = f"{point['blocking_probability']:.3e}", ""
    if not point["blocked"]:
        mean = f"< {upper:.1e}"
    elif upper is not None:
        interval = f"{lower:.3e} {upper:.3e}"
    return f"{point['erlang']:>9g}   {mean:>20}   {interval:<19}  {point['replications']:>12}"


if __name__ == "__main__":
    sys.exit(main())
