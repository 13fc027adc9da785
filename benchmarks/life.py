"""How fast a run starts, tells and ends on a warm worker: `python -m benchmarks.life [--rounds 3]`.

Starts a Prefect server and a worker of its own. Times are in seconds, median and worst of the rounds.

- Submission: from the request to the first simulated request; Prefect's part ends where the flow begins.
- Ends: from the act to the last process of the simulator gone, and to the final state in Prefect.
- Lag: of 100 lines per second in the simulator's log until Prefect's API has them.
- CPU: of the flow's process and the guard while the simulator works and says little, per minute.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from benchmarks.overhead import prefect_server
from fusion_flows.deploy import POOL
from fusion_flows.process_marks import marked_processes
from fusion_flows.rundir import RunDirectory

ENDLESS = {
    "general_settings": {"num_requests": 1_000_000, "max_iters": 100_000, "erlang_stop": 140},
    "simulation_settings": {"workers": 1},
}
FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
CANCELLING = {"state": {"type": "CANCELLING", "name": "Cancelling"}}


class Bench:
    """A server with a worker, and runs on it."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment
        self.worker = self.start_worker()

    def start_worker(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL]
        with (self.folder / "worker.log").open("ab") as log:
            return subprocess.Popen(
                command, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def api(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.environment['PREFECT_API_URL']}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def submit(self) -> str:
        deployment = self.api("GET", "deployments/name/fusion/sim")
        parameters = {"parameters": {"overrides": ENDLESS}, "state": {"type": "SCHEDULED"}}
        path = f"deployments/{deployment['id']}/create_flow_run"
        return str(self.api("POST", path, parameters)["id"])

    def call(self) -> tuple[subprocess.Popen[bytes], str]:
        """Call the flow from a process of its own."""
        name = f"call {time.time()}"
        code = f"from fusion_flows import fusion; fusion(overrides={ENDLESS!r}, name={name!r})"
        with (self.folder / "call.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", code],
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        named = {"flow_runs": {"name": {"any_": [name]}}}
        wait_for(lambda: self.api("POST", "flow_runs/filter", named))
        return process, str(self.api("POST", "flow_runs/filter", named)[0]["id"])

    def directory(self, run: str) -> RunDirectory:
        runs = Path(self.environment["FUSION_RUNS_DIR"])
        return RunDirectory(runs / run.replace("-", "")[-12:])

    def state(self, run: str) -> str:
        return str(self.api("GET", f"flow_runs/{run}")["state_type"])

    def simulating(self, run: str) -> bool:
        progress = self.directory(run).progress
        return progress.exists() and '"iteration"' in progress.read_text()


def wait_for(condition: Callable[[], Any], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("waited in vain: see the logs of server and worker")
        time.sleep(0.02)


def simulator(run: str) -> list[psutil.Process]:
    """Return the processes of a run: guard, simulator, its workers."""
    return marked_processes().get(run, [])


def flow_of(run: str) -> psutil.Process:
    """Return the process of the flow: the parent of the guard, which no mark tells."""
    marked = simulator(run)
    (flow,) = {each.ppid() for each in marked} - {each.pid for each in marked}
    return psutil.Process(flow)


def cancel_through_api(bench: Bench, run: str) -> None:
    bench.api("POST", f"flow_runs/{run}/set_state", CANCELLING)


def signal_flow(number: signal.Signals) -> Callable[[Bench, str], None]:
    return lambda bench, run: flow_of(run).send_signal(number)


def kill_worker(bench: Bench, run: str) -> None:
    bench.worker.kill()
    bench.worker.wait()


def kill_parent(bench: Bench, run: str) -> None:
    next(each for each in simulator(run) if "fusion.cli.run_sim" in each.cmdline()[:4]).kill()


def cancel_deaf(bench: Bench, run: str) -> None:
    """Cancel a simulator that hears nothing, so that the grace time passes."""
    for each in simulator(run):
        if "fusion.cli.run_sim" in each.cmdline()[:4]:
            each.suspend()
    cancel_through_api(bench, run)


WAYS: dict[str, tuple[str, Callable[[Bench, str], None]]] = {
    "cancel, on a worker": ("worker", cancel_through_api),
    "cancel, called from Python": ("python", cancel_through_api),
    "Ctrl-C, called from Python": ("python", signal_flow(signal.SIGINT)),
    "SIGTERM of the flow's process": ("worker", signal_flow(signal.SIGTERM)),
    "SIGKILL of the flow's process": ("worker", signal_flow(signal.SIGKILL)),
    "SIGKILL of the worker": ("worker", kill_worker),
    "SIGKILL of the simulator's parent": ("worker", kill_parent),
    "cancel of a stopped simulator": ("worker", cancel_deaf),
}


def end(bench: Bench, where: str, act: Callable[[Bench, str], None]) -> tuple[float, float]:
    """Return the time until the last process is gone, and until the state is final."""
    process = None
    if where == "python":
        process, run = bench.call()
    else:
        run = bench.submit()
    wait_for(lambda: bench.simulating(run))
    began = time.monotonic()
    act(bench, run)
    wait_for(lambda: not simulator(run))
    gone = time.monotonic() - began
    wait_for(lambda: bench.state(run) in FINAL, 90)
    final = time.monotonic() - began
    if process is not None:
        process.wait()
    if bench.worker.poll() is not None:
        bench.worker = bench.start_worker()
        time.sleep(5)
    return gone, final


def submission(bench: Bench) -> tuple[float, float]:
    """Return Prefect's part and ours of the time to the first request."""
    asked = time.time()
    run = bench.submit()
    wait_for(lambda: bench.simulating(run))
    began = datetime.fromisoformat(bench.api("GET", f"flow_runs/{run}")["start_time"])
    lines = bench.directory(run).progress.read_text().splitlines()
    (first,) = [json.loads(line) for line in lines if '"erlang_start"' in line][:1]
    started = datetime.fromisoformat(first["ts"]).timestamp()
    cancel_through_api(bench, run)
    wait_for(lambda: bench.state(run) in FINAL)
    return began.timestamp() - asked, started - began.timestamp()


def cpu_and_lag(bench: Bench, seconds: float) -> tuple[float, list[float]]:
    """Return seconds of CPU per minute, and how late each line of a stream was seen."""
    run = bench.submit()
    wait_for(lambda: bench.simulating(run))
    time.sleep(3)
    ours = [flow_of(run), *(each for each in simulator(run) if "guard.py" in str(each.cmdline()))]
    before = sum(sum(each.cpu_times()[:2]) for each in ours)
    time.sleep(seconds)
    cpu = 60 / seconds * (sum(sum(each.cpu_times()[:2]) for each in ours) - before)
    began = time.monotonic()
    wrote: dict[str, float] = {}
    lags: list[float] = []
    asked = {"logs": {"flow_run_id": {"any_": [run]}}, "sort": "TIMESTAMP_DESC", "limit": 20}
    with bench.directory(run).log.open("a") as log:
        while time.monotonic() - began < seconds:
            for _ in range(10):
                name = f"line-{len(wrote):06}-of-many"
                wrote[name] = time.monotonic()
                log.write(f"INFO {name}\n")
            log.flush()
            time.sleep(0.1)
            now = time.monotonic()
            seen = " ".join(each["message"] for each in bench.api("POST", "logs/filter", asked))
            for name in [name for name in wrote if name in seen and wrote[name] > 0]:
                lags.append(now - wrote[name])
                wrote[name] = -1.0
    cancel_through_api(bench, run)
    wait_for(lambda: bench.state(run) in FINAL)
    return cpu, lags


@contextmanager
def bench_in(folder: Path, environment: dict[str, str]) -> Iterator[Bench]:
    def prefect(*words: str) -> None:
        command = [sys.executable, "-m", "prefect", "--no-prompt", *words]
        subprocess.run(command, env=environment, check=True, capture_output=True)

    prefect("work-pool", "create", POOL, "--type", "process")
    prefect("deploy", "--all")
    bench = Bench(folder, environment)
    try:
        time.sleep(5)
        yield bench
    finally:
        bench.worker.terminate()
        try:
            bench.worker.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(bench.worker.pid, signal.SIGKILL)
            bench.worker.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=30.0, help="of lag and CPU each")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as name,
        prefect_server(Path(name)) as environment,
        bench_in(Path(name), environment) as bench,
    ):
        submission(bench)  # fills caches
        parts = [submission(bench) for _ in range(options.rounds)]
        for title, times in zip(("Prefect's part", "ours"), zip(*parts, strict=True), strict=True):
            print(f"submission, {title:<22} {statistics.median(times):6.2f} {max(times):6.2f}")
        print(f"\n{'from the act to':<34} no process left     final state")
        for way, (where, act) in WAYS.items():
            gone, final = zip(*(end(bench, where, act) for _ in range(options.rounds)), strict=True)
            print(
                f"{way:<34} {statistics.median(gone):6.2f} {max(gone):6.2f}   "
                f"{statistics.median(final):6.2f} {max(final):6.2f}",
                flush=True,
            )
        cpu, lags = cpu_and_lag(bench, options.seconds)
    print(f"\nlag of the log at 100 lines/s: {statistics.median(lags):.2f}, worst {max(lags):.2f}")
    print(f"CPU of flow and guard: {cpu:.2f} s per minute of simulation ({cpu / 60:.1%})")


if __name__ == "__main__":
    main()
