"""Write the table and the picture of docs/policies.md: `python docs/make_policies.py` (some seconds)."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np

from fusion import make_scenario, replicate
from fusion.sweep.points import Point, sweep_points
from fusion.sweep.sweep_file import read_sweep
from fusion_flows.command import sweeps

HERE = Path(__file__).parent
SWEEP = HERE.parent / "examples" / "policies.toml"
PAGE = HERE / "policies.md"
PICTURE = HERE / "images" / "policies.png"
LOADS = (120.0, 160.0)
HEAD = """| load (E) | policy | all, % | 1 hop, % | 2 hops, % | 3 hops, % |
|---:|---|---:|---:|---:|---:|
"""


def row(point: Point) -> str:
    """Return a row of the table: blocking of all pairs of nodes, and by the hops between them."""
    scenario = make_scenario(point.config, point.inputs)
    hops = scenario.candidates.hops[scenario.network.first_path[:-1]]
    numbers = range(point.config.general_settings.max_iters)
    done = [replicate(scenario, point.erlang, n, point.warmup_requests) for n in numbers]
    blocked = np.sum([each.traffic.blocked for each in done], axis=0)
    requested = np.sum([each.traffic.requested for each in done], axis=0)
    shares = [
        f"{100 * blocked[some].sum() / requested[some].sum():.3g}"
        for some in (hops > 0, hops == 1, hops == 2, hops == 3)
    ]
    return f"| {point.erlang:g} | `{point.axes['policy']}` | {' | '.join(shares)} |\n"


def table() -> str:
    """Return the table."""
    points = sweep_points(read_sweep(SWEEP))
    return HEAD + "".join(row(each) for load in LOADS for each in points if each.erlang == load)


def main() -> None:
    """Write both."""
    result = sweeps.sweep_here(SWEEP, name="policies")
    assert result.plot is not None
    shutil.copyfile(result.plot, PICTURE)
    page = PAGE.read_text(encoding="utf-8")
    page = re.sub(r"^\| load \(E\) .*?\n\n", f"{table()}\n", page, flags=re.MULTILINE | re.DOTALL)
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
