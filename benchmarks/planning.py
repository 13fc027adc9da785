"""What a sweep costs before anything is computed: `python -m benchmarks.planning`.

Milliseconds of CPU for each combination of axes other than `erlang`, one load each: until the points are
checked (`points`), and until `fusion plan` has told them (`plan`, with an empty store). `policy` has axes
that only say how requests are served, `setting` has those that networks, tables and reach are checked
against. Bound: 0.5 ms.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from typing import Any

import pytest

from fusion.sweep.definition import Sweep
from fusion.sweep.points import sweep_points
from fusion_flows.command.sweeps import plan

BOUND_MS = 0.5


def of_policies(combinations: int) -> dict[str, Any]:
    """Return a sweep of so many combinations of seeds and policies."""
    return {
        "k_paths": [1, 2, 3, 4, 5],
        "allocation_method": ["first_fit", "last_fit", "best_fit", "random_fit"],
        "seed": {"start": 1, "stop": combinations // 20, "step": 1},
        "erlang": [150],
    }


def of_settings(combinations: int) -> dict[str, Any]:
    """Return a sweep of so many combinations of what is checked together."""
    return {
        "network": ["nsfnet_deeprmsa", "usnet_gcnrnn", "jpn48", "fusion_usbackbone60"],
        "guard_slots": [0, 1, 2, 3],
        "bw_per_slot": [6.25, 12.5],
        "c_band": {"start": 64, "stop": 64 + 2 * (combinations // 32 - 1), "step": 2},
        "erlang": [150],
    }


def cpu_ms(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return 1000 * (time.process_time() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--combinations", type=int, nargs="+", default=[2000, 20_000])
    options = parser.parse_args()
    sweep_points(Sweep(template="quick"))  # imports
    print(f"{'axes':<8} {'combinations':>12} {'points':>8} {'plan':>8}  ms a combination")
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSION_STORE_DIR", folder)
        for name, grid in (("policy", of_policies), ("setting", of_settings)):
            for count in options.combinations:
                sweep = Sweep(template="quick", grid=grid(count))
                made = len(sweep.combinations())
                points = cpu_ms(lambda sweep=sweep: sweep_points(sweep)) / made
                planned = cpu_ms(lambda sweep=sweep: plan(sweep)) / made
                verdict = "ok" if planned <= BOUND_MS else "NO"
                print(
                    f"{name:<8} {made:>12,} {points:8.3f} {planned:8.3f}  bound {BOUND_MS} {verdict}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
