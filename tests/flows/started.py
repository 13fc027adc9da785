"""Runs as tests start them, and the processes they consist of."""

import re
import subprocess
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil

from fusion_flows.rundir.directory import run_id_of

from .prefect_server import Prefect, wait_for

SMALL = {
    "general_settings": {"num_requests": 2000, "max_iters": 3},
    "simulation_settings": {"workers": 1},
}
ENDLESS = {  # in a pool, of which one worker has nothing to do, on one core
    "general_settings": {"num_requests": 10**11, "max_iters": 1, "erlang_stop": 140},
    "simulation_settings": {"workers": 2},
}

GOING_ON = {  # finishes a replication every tenth of a second, on one core, for an hour
    "general_settings": {"num_requests": 300_000, "max_iters": 30_000, "erlang_stop": 140},
    "simulation_settings": {"workers": 1},
}


def simulators(folder: Path) -> list[psutil.Process]:
    """Return the living processes that simulate for a run in this folder, pool workers included."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            if any(str(folder) in word for word in process.cmdline()):
                found += [process, *process.children(recursive=True)]
        except psutil.Error:
            continue
    return found


def simulating(directory: Path) -> bool:
    """Return whether a run has started to compute."""
    progress = directory / "progress.jsonl"
    return progress.exists() and '"start"' in progress.read_text()


def script(tmp_path: Path, code: str) -> str:
    """Write a script that calls the flow, and return its path."""
    path = tmp_path / "call.py"
    path.write_text(f"from fusion_flows import fusion\n{code}\n")
    return str(path)


def endless_call(
    server: Prefect, tmp_path: Path, overrides: dict[str, Any] = ENDLESS
) -> tuple[subprocess.Popen[bytes], str, Path]:
    """Call the flow from a process; return that, the flow run and the directory once it computes."""
    code = f"fusion(overrides={overrides!r}, name={tmp_path.name!r})"
    process = server.call(script(tmp_path, code))
    run_id = server.named(tmp_path.name)
    directory = server.directory(run_id)
    wait_for(lambda: simulating(directory), 60, "the simulator")
    return process, run_id, directory


def flow_process(run_id: str) -> psutil.Process | None:
    """Return the living process of the flow of a run: the parent of the guard of its simulator."""
    directory = run_id_of(UUID(run_id))
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            if any("guard.py" in word for word in words) and any(
                directory in word for word in words
            ):
                parent = process.parent()
                if parent is not None and "guard.py" not in " ".join(parent.cmdline()):
                    return parent
        except psutil.Error:
            continue
    return None


def replications(directory: Path) -> list[str]:
    """Return the finished replications of a run, as lines."""
    file = directory / "output" / "replications.jsonl"
    return file.read_text().splitlines()[1:] if file.exists() else []


def without_time(line: str) -> str:
    """Return a line of sim.log as Prefect shows it, whose record has time and level."""
    return re.sub(r"^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d [A-Z]+ +", "", line)
