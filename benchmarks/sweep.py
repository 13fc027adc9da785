"""What a sweep costs on top of its simulator: `python -m benchmarks.sweep [--points 1000]`.

Starts a Prefect server of its own. The same points, of some 0.1 s of one core each, are computed by one
simulator process alone and by the flow `fusion-sweep`, each with an empty store and all CPUs, in turn;
then the flow runs again, with nothing left to compute. Bound: the flow takes 25 % more wall time at most.
With several numbers of points it shows how the cost of a point grows.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.overhead import prefect_server
from fusion.sweep.definition import Sweep
from fusion.sweep.point_file import write_points
from fusion.sweep.points import sweep_points
from fusion.sweep.store import Store

BOUND = 1.25


def sweep_of(points: int) -> dict[str, Any]:
    """Return a sweep of so many points: 10 replications of some 10 ms each."""
    return {
        "template": "quick",
        "overrides": {"general_settings": {"num_requests": 90_000, "max_iters": 10}},
        "grid": {
            "k_paths": [3, 5],
            "erlang": {"start": 150, "stop": 250, "count": points // 2},
        },
    }


def seconds_of(command: list[str], environment: dict[str, str] | None = None) -> float:
    began = time.monotonic()
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return time.monotonic() - began


def bare(folder: Path, points: int) -> float:
    found = sweep_points(Sweep.model_validate(sweep_of(points)))
    folder.mkdir()
    write_points(folder / "points.json", found, "blocking_probability")
    store = Store(folder / "store")
    return seconds_of(
        [
            sys.executable,
            *("-m", "fusion.cli.run_points"),
            *("--points", str(folder / "points.json")),
            *("--store", str(store.folder)),
            *("--outcomes", str(store.new_file())),
            *("--progress-file", str(folder / "progress.jsonl")),
        ]
    )


def flow(folder: Path, points: int, environment: dict[str, str]) -> float:
    code = f"from fusion_flows import fusion_sweep; fusion_sweep({sweep_of(points)!r})"
    variables = {**environment, "FUSION_STORE_DIR": str(folder / "store")}
    return seconds_of([sys.executable, "-c", code], variables)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, nargs="+", default=[100, 1000, 3000])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fusion-benchmark-") as name:
        folder = Path(name)
        with prefect_server(folder) as environment:
            bare(folder / "warm", 10)
            print(
                f"{'points':>7} {'bare s':>8} {'flow s':>8} {'ratio':>6} {'again s':>8}  ms a point"
            )
            for points in options.points:
                alone = bare(folder / f"bare {points}", points)
                store = folder / f"flow {points}"
                together = flow(store, points, environment)
                again = flow(store, points, environment)
                ratio = together / alone
                verdict = (
                    "" if points < 1000 else f"  bound {BOUND} {'ok' if ratio <= BOUND else 'NO'}"
                )
                print(
                    f"{points:>7} {alone:8.1f} {together:8.1f} {ratio:6.2f} {again:8.1f}"
                    f"  {1000 * together / points:.0f}{verdict}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
