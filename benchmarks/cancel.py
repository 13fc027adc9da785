"""From the request to end a run to the end of its last process: `python -m benchmarks.cancel`.

Starts a Prefect server and workers of its own. In each round a run is started for each way to end
one, its simulator is stopped by SIGSTOP until it is its turn, so that it costs the others nothing,
goes on, and is ended at a random moment, as polls make a difference. Its processes are the guard's,
the simulator and its workers; they are looked at every ten milliseconds, and at the end by their
mark, so that none born meanwhile is missed. The process of the flow is not one of them: it still
reports.

`from us` counts from when our side hears of it: the signal to the flow's process or, where there is
none (the flow asks the server), to the simulator. Both are told by a `sitecustomize` of this
benchmark, which also makes the simulators deaf that are to ignore SIGTERM.

Bounds: the grace time and one second from the request; one second from us, unless SIGTERM is ignored.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import psutil

from benchmarks.prefect_server import (
    GOING_ON,
    Prefect,
    flow_of,
    prefect_server,
    simulator_of,
    tree_of,
    wait_for,
)
from fusion_flows.server.settings import Settings

BOUND = Settings().grace_seconds + 1.0
BOUND_FROM_US = 1.0
PATIENCE_SECONDS = 30.0
LOOK_SECONDS = 0.01
OVERRIDES = {**GOING_ON, "simulation_settings": {"workers": 2}}
HEARD, DEAF = "BENCHMARK_HEARD", "BENCHMARK_DEAF"
SERVE = "from fusion_flows import fusion; fusion.serve(name='served', pause_on_shutdown=False)"
# Python writes the number of each signal it handles into the file, at once.
SITECUSTOMIZE = f"""
import os, signal, sys
if "{DEAF}" in os.environ and "fusion.cli.run_sim" in sys.orig_argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _signal = signal.signal
    signal.signal = lambda number, handler: number == signal.SIGTERM or _signal(number, handler)
_file = os.path.join(os.environ["{HEARD}"], str(os.getpid()))
_file = os.open(_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK)
signal.set_wakeup_fd(_file, warn_on_full_buffer=False)
"""


class Run(NamedTuple):
    """A run that goes on. starter: the worker, the serving or the calling process."""

    flow_run_id: UUID
    starter: subprocess.Popen[bytes]
    tree: list[psutil.Process]
    flow: psutil.Process
    simulator: psutil.Process


def cancel(prefect: Prefect, run: Run) -> None:
    prefect.cancel(run.flow_run_id)


def interrupt(_prefect: Prefect, run: Run) -> None:
    os.killpg(run.starter.pid, signal.SIGINT)  # as a terminal does it


def terminate_flow(_prefect: Prefect, run: Run) -> None:
    run.flow.terminate()


def kill_flow(_prefect: Prefect, run: Run) -> None:
    run.flow.kill()


def kill_starter(_prefect: Prefect, run: Run) -> None:
    run.starter.kill()


def kill_parent(_prefect: Prefect, run: Run) -> None:
    parent = run.simulator.parent()
    assert parent is not None
    parent.kill()


class Way(NamedTuple):
    """A way to end a run.

    start: by a worker, served, or called.  told: by Prefect, so that our side hears of it later.
    deaf: the simulator ignores SIGTERM.
    """

    name: str
    start: str
    end: Callable[[Prefect, Run], None]
    told: bool = False
    deaf: bool = False


WAYS = (
    Way("worker: cancelled", "worker", cancel, told=True),
    Way("worker: cancelled, SIGTERM ignored", "worker", cancel, told=True, deaf=True),
    Way("worker: SIGTERM to the flow", "worker", terminate_flow),
    Way("worker: SIGKILL to the flow", "worker", kill_flow),
    Way("worker: SIGKILL to the simulator's parent", "worker", kill_parent),
    Way("worker: SIGKILL to the worker", "worker", kill_starter),  # the last one of a worker
    Way("serve(): cancelled", "served", cancel, told=True),
    Way("Python call: cancelled", "call", cancel, told=True),
    Way("Python call: cancelled, SIGTERM ignored", "call", cancel, told=True, deaf=True),
    Way("Python call: Ctrl-C", "call", interrupt),
    Way("Python call: SIGTERM", "call", terminate_flow),
    Way("Python call: SIGKILL", "call", kill_flow),
)


class Starter:
    """Starts runs, those of one kind at once."""

    def __init__(self, prefect: Prefect) -> None:
        """Write the `sitecustomize` of all that is started."""
        self._prefect = prefect
        self.heard = prefect.folder / "heard"
        self.heard.mkdir()
        (prefect.folder / "site").mkdir()
        (prefect.folder / "site" / "sitecustomize.py").write_text(SITECUSTOMIZE)
        path = [str(prefect.folder / "site"), prefect.environment.get("PYTHONPATH", "")]
        self._environment = {
            HEARD: str(self.heard),
            "PYTHONPATH": os.pathsep.join(filter(None, path)),
            "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        }
        self._served: subprocess.Popen[bytes] | None = None

    def start(self, kind: str, ways: list[Way]) -> Iterator[tuple[Way, Run]]:
        """Start a run for each way, and yield them, stopped, once all of them simulate."""
        if kind == "call":
            calls = [self._prefect.call(OVERRIDES, self._environment | _deaf(way)) for way in ways]
            started = [(call.process, self._prefect.run_of(call)) for call in calls]
        else:
            process = self._serve() if kind == "served" else self._worker()
            deployment = "fusion/served" if kind == "served" else "fusion/sim"
            started = [
                (process, self._prefect.submit(OVERRIDES, deployment, _deaf(way))) for way in ways
            ]
        runs = [self._stopped(*one) for one in started]
        yield from zip(ways, runs, strict=True)

    def _worker(self) -> subprocess.Popen[bytes]:
        return self._prefect.start_worker(self._environment)

    def _serve(self) -> subprocess.Popen[bytes]:
        if self._served is None:
            environment = self._environment
            self._served = self._prefect.start(
                "-c", SERVE, log="serve.log", environment=environment
            )
            client = self._prefect.client

            def there() -> bool:
                return any(one.name == "served" for one in client.read_deployments())

            wait_for(there, 60, "the served deployment")
        return self._served

    def _stopped(self, process: subprocess.Popen[bytes], flow_run_id: UUID) -> Run:
        self._prefect.wait_for_replications(flow_run_id)
        tree = tree_of(flow_run_id)
        run = Run(flow_run_id, process, tree, flow_of(tree), simulator_of(tree))
        run.simulator.suspend()
        return run


def _deaf(way: Way) -> dict[str, str]:
    return {DEAF: "1"} if way.deaf else {}


def time_to_end(prefect: Prefect, way: Way, run: Run, heard: Path) -> tuple[float, float]:
    """End a run and return the seconds to its last process from the request, and from us."""
    done = len(prefect.events(run.flow_run_id, "iteration"))
    run.simulator.resume()
    prefect.wait_for_replications(run.flow_run_id, done + 2)
    time.sleep(random.uniform(0, 1))
    asked = time.monotonic()
    way.end(prefect, run)
    hears = gone = asked
    listening = way.told
    tree = run.tree
    while tree and gone - asked < PATIENCE_SECONDS:
        time.sleep(LOOK_SECONDS)
        now = time.monotonic()
        if listening and any(_hears(heard, process) for process in (run.flow, run.simulator)):
            hears, listening = now, False
        tree = [process for process in tree if _lives(process)]
        gone = now
        if not tree:
            tree = tree_of(run.flow_run_id)
    return gone - asked, gone - hears


def _hears(heard: Path, process: psutil.Process) -> bool:
    numbers = (heard / str(process.pid)).read_bytes()
    return signal.SIGTERM in numbers or signal.SIGINT in numbers


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="of each way (default: %(default)s)")
    parser.add_argument("--only", default="", metavar="TEXT", help="ways with this in their name")
    options = parser.parse_args()
    ways = [way for way in WAYS if options.only in way.name]
    times: dict[Way, list[tuple[float, float]]] = {way: [] for way in ways}
    with suppress(KeyboardInterrupt), prefect_server() as prefect:
        prefect.set_up(max_concurrent_runs=2 * len(WAYS))
        starter = Starter(prefect)
        for _ in range(options.rounds):
            for kind in dict.fromkeys(way.start for way in ways):
                for way, run in starter.start(kind, [way for way in ways if way.start == kind]):
                    times[way].append(time_to_end(prefect, way, run, starter.heard))
        report(times, options.rounds)


def report(times: dict[Way, list[tuple[float, float]]], rounds: int) -> None:
    print(f"{rounds} rounds, seconds to the last process of the tree")
    print(f"{'':<42} {'from the request':^23}   {'from us':^23}")
    print(f"{'':<42}" + f" {'median':>6} {'worst':>6} {'bound':>5}    " * 2)
    for way, measured in times.items():
        from_request, from_us = zip(*measured, strict=True)
        bound_from_us = BOUND if way.deaf else BOUND_FROM_US
        print(f"{way.name:<42}{_cells(from_request, BOUND)}{_cells(from_us, bound_from_us)}")


def _cells(seconds: tuple[float, ...], bound: float) -> str:
    ok = "ok" if max(seconds) <= bound else "NO"
    return f" {statistics.median(seconds):>6.2f} {max(seconds):>6.2f} {bound:>5.1f} {ok} "


if __name__ == "__main__":
    main()
