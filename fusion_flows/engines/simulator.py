"""The simulator on this machine, as a process tree that ends with the flow."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from fusion.sweep.points import Point
from fusion.sweep.store import Store
from fusion_flows.process.tree import ProcessTree
from fusion_flows.rundir.redaction import without_secrets


def simulator(
    name: str,
    options: Mapping[str, object],
    *,
    flags: Sequence[str] = (),
    log: Path,
    grace_seconds: float,
    mark: str | None = None,
) -> ProcessTree:
    """Start a command line of `fusion.cli`; the rest as for `ProcessTree`.

    name: run_sim, run_points, find_loads, compile, spectrum or bounds. options: name without dashes -> value.
    flags: names of options without a value.
    """
    command = [sys.executable, "-m", f"fusion.cli.{name}"]
    for option, value in options.items():
        command += (f"--{option}", str(value))
    command += [f"--{flag}" for flag in flags]
    return ProcessTree(
        command,
        log=log,
        grace_seconds=grace_seconds,
        environment=without_secrets(os.environ),
        mark=mark,
    )


def options_of(
    points: Sequence[Point], file: Path, store: Store, outcomes: Path, progress: Path
) -> dict[str, object]:
    """Return the options of run_points and find_loads.

    file: with the points. outcomes, progress: files that the simulator is going to write.
    """
    return {
        "points": file,
        "store": store.folder,
        "outcomes": outcomes,
        "progress-file": progress,
        "workers": workers_of(points),
    }


def workers_of(points: Sequence[Point]) -> int:
    """Return how many processes points want, 0: one per CPU."""
    return max(point.config.simulation_settings.workers for point in points)
