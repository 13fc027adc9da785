"""Sweeps at the command, where a worker runs them."""

import json
import subprocess
import sys
from pathlib import Path

from .prefect_server import Prefect
from .test_sweep import computed

SWEEP = """
template = "mine.ini"
[grid]
k_paths = [1, 3]
erlang = [150, 200]
"""
MINE = """
[general_settings]
num_requests = 3000
max_iters = 3
[topology_settings]
network = NSFNet
"""


def fusion(server: Prefect, folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "fusion_flows.command.cli", *words],
        cwd=folder,
        env=server.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_sweep_is_handed_to_a_worker_and_shown_as_other_runs_are(
    worker: Prefect, tmp_path: Path
) -> None:
    (tmp_path / "sweep.toml").write_text(SWEEP)
    (tmp_path / "mine.ini").write_text(MINE)
    submitted = json.loads(fusion(worker, tmp_path, "sweep", "sweep.toml", "--detach", "--json"))
    (tmp_path / "mine.ini").write_text("what is submitted does not change any more")
    run = worker.finished(submitted["flow_run_id"])
    assert run["state_type"] == "COMPLETED", worker.log(run["id"])
    listed = json.loads(fusion(worker, tmp_path, "runs", "--json"))
    assert submitted["run_id"] in json.dumps(listed)
    shown = fusion(worker, tmp_path, "show", submitted["run_id"])
    assert "over k_paths, erlang" in shown
    assert "4/4 points, 12/12 replications" in shown
    assert "output/points.csv" in shown
    assert "150" in shown
    assert computed(worker.runs).total() >= 12
