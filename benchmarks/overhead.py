"""CPU that the flow adds to the bare simulator on a running server: `python -m benchmarks.overhead`.

Starts a Prefect server of its own. First the template `quick` is run bare and as the flow, in turn:
what a whole run costs on top. Then a call of the flow goes on for a minute, its simulator on one
core, with dozens of replications a second: what that minute costs in the process of the flow and in
the guard, which are ours, and in the server, which is Prefect's and is measured before with nothing
to do. Bound: 1 % of the minute for what is ours.
"""

from __future__ import annotations

import argparse
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

FLOW = "from fusion_flows import fusion; fusion(template='quick')"
GOING_ON: dict[str, Any] = {
    "general_settings": {"num_requests": 300_000, "max_iters": 100_000, "erlang_stop": 140},
    "simulation_settings": {"workers": 1},
}
IDLE_SECONDS = 10.0
SETTLE_SECONDS = 3.0
STEADY_SECONDS = 60.0
BOUND = 0.6
"""Seconds of CPU per minute of simulation."""


def cpu_seconds(command: list[str], environment: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@contextmanager
def prefect_server(folder: Path) -> Iterator[dict[str, str]]:
    """Start a server on a free port and give the environment that leads to it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}/api"
    environment = {
        **os.environ,
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": address,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "FUSION_RUNS_DIR": str(folder / "runs"),
    }
    command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)]
    with (folder / "server.log").open("w") as log:
        # In a session of its own, so that Ctrl-C does not end it before its clients.
        server = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.2)
        yield environment
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def compare_whole_runs(folder: Path, environment: dict[str, str], rounds: int) -> None:
    bare, flow = [], []
    simulator = [sys.executable, "-m", "fusion.cli.run_sim", "--config", "quick"]
    for number in range(rounds + 1):
        output = ["--output-dir", str(folder / f"bare-{number}")]
        bare.append(cpu_seconds([*simulator, *output], environment))
        flow.append(cpu_seconds([sys.executable, "-c", FLOW], environment))
    # The first round fills caches.
    simulator_seconds, flow_seconds = statistics.median(bare[1:]), statistics.median(flow[1:])
    print(f"bare simulator: {simulator_seconds:.2f} s of CPU")
    print(
        f"as a flow:      {flow_seconds:.2f} s of CPU, {flow_seconds / simulator_seconds:.2f} times"
    )
    print(f"added:          {flow_seconds - simulator_seconds:.2f} s", flush=True)


Groups = dict[str, list[psutil.Process]]


def cpu_per_minute(groups: Groups, seconds: float) -> dict[str, float]:
    """Wait so long and return the seconds of CPU per minute of each group of processes."""

    def now() -> dict[str, float]:
        return {
            name: sum(sum(process.cpu_times()[:2]) for process in processes)
            for name, processes in groups.items()
        }

    began, before = time.monotonic(), now()
    time.sleep(seconds)
    after, minutes = now(), (time.monotonic() - began) / 60
    return {name: (after[name] - before[name]) / minutes for name in groups}


@contextmanager
def endless_flow(folder: Path, environment: dict[str, str]) -> Iterator[psutil.Process]:
    """Call the flow in a process of its own, and give that once the simulator is at work."""
    code = f"from fusion_flows import fusion; fusion(overrides={GOING_ON!r})"
    variables = {**environment, "FUSION_RUNS_DIR": str(folder / "endless")}
    with (folder / "flow.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            env=variables,
            stdout=log,
            stderr=log,
            start_new_session=True,  # so that Ctrl-C is for us to hear
        )
    try:
        while not replications(folder):
            if process.poll() is not None:
                raise SystemExit((folder / "flow.log").read_text())
            time.sleep(0.1)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def replications(folder: Path) -> int:
    files = (folder / "endless").glob("*/output/replications.csv")
    return sum(max(0, file.read_bytes().count(b"\n") - 1) for file in files)


def measure_a_minute(folder: Path, environment: dict[str, str]) -> None:
    servers = {"server": psutil.Process().children(recursive=True)}
    idle = cpu_per_minute(servers, IDLE_SECONDS)["server"]
    with endless_flow(folder, environment) as flow:
        time.sleep(SETTLE_SECONDS)
        tree = flow.children(recursive=True)
        guard = [process for process in tree if any("guard.py" in w for w in process.cmdline())]
        simulator = [process for process in tree if process not in guard]
        groups: Groups = {"flow": [flow], "guard": guard, "simulator": simulator, **servers}
        before = replications(folder)
        spent = cpu_per_minute(groups, STEADY_SECONDS)
        rate = (replications(folder) - before) / STEADY_SECONDS
    ours = spent["flow"] + spent["guard"]
    print(f"\nseconds of CPU per minute, at {rate:.0f} replications a second:")
    for name, seconds in spent.items():
        print(f"{name:>14}: {seconds:6.2f}")
    print(f"{'idle server':>14}: {idle:6.2f}")
    ok = "ok" if ours <= BOUND else "NO"
    print(
        f"flow and guard: {ours:6.2f}, {100 * ours / 60:.2f} % of the minute; "
        f"bound {100 * BOUND / 60:.0f} % {ok}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=2, help="of whole runs (default: %(default)s)"
    )
    rounds = parser.parse_args().rounds
    with (
        suppress(KeyboardInterrupt),
        tempfile.TemporaryDirectory() as name,
        prefect_server(Path(name)) as environment,
    ):
        compare_whole_runs(Path(name), environment, rounds)
        measure_a_minute(Path(name), environment)


if __name__ == "__main__":
    main()
