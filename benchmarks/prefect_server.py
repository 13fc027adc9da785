"""A Prefect server and worker for the benchmarks, with a home of their own and a free port.

All that is started carries a mark in its environment, simulators included, and is ended by it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from uuid import UUID, uuid4

import psutil
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelling

from fusion.results.progress import Event, ProgressReader
from fusion_flows.command.deploy import POOL
from fusion_flows.process.marks import end_marked, marked_processes
from fusion_flows.rundir.directory import RunDirectory, run_id_of

ROOT = Path(__file__).parents[1]
QUERY_SECONDS = 0.5
"""Between two looks of the worker for new runs: what `fusion up` sets."""

MARK = "FUSION_BENCHMARK"
_END_SECONDS = 5.0  # from SIGTERM to SIGKILL for all that was started
_LOOK_SECONDS = 0.2  # a question costs the server some milliseconds, which others need

GOING_ON: dict[str, Any] = {  # finishes a replication every tenth of a second, for hours
    "general_settings": {"num_requests": 300_000, "max_iters": 100_000, "erlang_stop": 140},
    "simulation_settings": {"workers": 1},
}

T = TypeVar("T")


def wait_for(condition: Callable[[], T | None], seconds: float, what: str) -> T:
    """Wait until a condition has a value and return it; raise TimeoutError when it never has."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(_LOOK_SECONDS)
    return value


class Call(NamedTuple):
    """A Python process that calls the flow, and the name of its run."""

    process: subprocess.Popen[bytes]
    name: str


class Prefect:
    """A running server: how benchmarks start runs and look at them."""

    def __init__(self, folder: Path, mark: str) -> None:
        """Start a server with all its files in this folder and wait until it answers."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/api"
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not _is_setting(name)}
        self.environment = {
            **kept,
            MARK: mark,
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_API_URL": self.url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "FUSION_RUNS_DIR": str(folder / "runs"),
        }
        self.server = self.start("-m", "prefect", "server", "start", "--port", str(port))
        wait_for(self._answers, 120, f"the server; its output is in {folder}/server.log")
        self.client = SyncPrefectClient(self.url)

    def _answers(self) -> bool:
        if self.server.poll() is not None:
            raise RuntimeError((self.folder / "server.log").read_text())
        with suppress(OSError):
            urllib.request.urlopen(f"{self.url}/health", timeout=1).close()
            return True
        return False

    def start(
        self, *arguments: str, log: str = "server.log", environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start Python with this server, in a session of its own: Ctrl-C is for us to hear."""
        with (self.folder / log).open("ab") as output:
            return subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env={**self.environment, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def set_up(self, max_concurrent_runs: int = 1) -> None:
        """Make pool and deployments, without the maintenance: it would run in between."""
        limit = ("--max-concurrent-runs", str(max_concurrent_runs))
        done = self.start("-m", "fusion_flows.command.cli", "set-up", *limit, log="set-up.log")
        if done.wait():
            raise RuntimeError((self.folder / "set-up.log").read_text())
        for deployment in self.client.read_deployments():
            if deployment.name == "maintenance":
                self.client.delete_deployment(deployment.id)

    def start_worker(self, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start a worker and wait until it looks for runs."""
        command = ("-m", "prefect", "worker", "start", "--pool", POOL, "--name")
        name = f"worker-{uuid4().hex[:6]}"
        variables = {"PREFECT_WORKER_QUERY_SECONDS": str(QUERY_SECONDS), **(environment or {})}
        worker = self.start(*command, name, log="worker.log", environment=variables)

        def online() -> bool:
            return any(one.name == name for one in self.client.read_workers_for_work_pool(POOL))

        wait_for(online, 60, f"the worker; its output is in {self.folder}/worker.log")
        return worker

    def submit(
        self,
        overrides: Mapping[str, Any],
        deployment: str = "fusion/sim",
        environment: Mapping[str, str] | None = None,
    ) -> UUID:
        """Make a run of a deployment and return its id."""
        found = self.client.read_deployment_by_name(deployment)
        return self.client.create_flow_run_from_deployment(
            found.id,
            parameters={"overrides": dict(overrides)},
            job_variables={"env": dict(environment)} if environment else None,
        ).id

    def call(
        self, overrides: Mapping[str, Any], environment: Mapping[str, str] | None = None
    ) -> Call:
        """Call the flow from a Python process."""
        name = uuid4().hex
        code = (
            f"from fusion_flows import fusion; fusion(overrides={dict(overrides)!r}, name={name!r})"
        )
        return Call(self.start("-c", code, log="calls.log", environment=environment), name)

    def run_of(self, call: Call) -> UUID:
        """Wait until the server knows the run of a call, and return its id."""
        named = FlowRunFilter.model_validate({"name": {"any_": [call.name]}})
        found = wait_for(
            lambda: self.client.read_flow_runs(flow_run_filter=named),
            60,
            f"a call of the flow; its output is in {self.folder}/calls.log",
        )
        return found[0].id

    def cancel(self, flow_run_id: UUID) -> None:
        """Ask for the end of a run as `prefect flow-run cancel` and the button of the UI do it."""
        self.client.set_flow_run_state(flow_run_id, Cancelling())

    def directory(self, flow_run_id: UUID) -> RunDirectory:
        """Return the run directory of a run."""
        return RunDirectory(self.folder / "runs" / run_id_of(flow_run_id))

    def events(self, flow_run_id: UUID, kind: str) -> list[Event]:
        """Return what the simulator has told of this kind, oldest first."""
        events = ProgressReader(self.directory(flow_run_id).progress).read()
        return [event for event in events if event["type"] == kind]

    def wait_for_replications(self, flow_run_id: UUID, count: int = 1) -> None:
        """Wait until the simulator of a run has finished so many."""
        file = self.directory(flow_run_id).output / "replications.jsonl"

        def enough() -> bool:
            if file.exists():  # its first line describes it
                return file.read_bytes().count(b"\n") > count
            state = self.client.read_flow_run(flow_run_id).state
            if state is not None and state.is_final():
                raise RuntimeError(f"a run that should go on is {state.name}: {state.message}")
            return False

        wait_for(enough, 120, f"the simulator of {flow_run_id}")

    def wait_for_end(self, flow_run_id: UUID) -> None:
        """Wait for the final state of a run."""

        def final() -> bool:
            with suppress(ObjectNotFound):
                state = self.client.read_flow_run(flow_run_id).state
                return state is not None and state.is_final()
            return True

        wait_for(final, 120, f"the end of {flow_run_id}")


def tree_of(flow_run_id: UUID) -> list[psutil.Process]:
    """Return the processes between the flow and its simulator, that, and its workers."""
    return marked_processes().get(str(flow_run_id), [])


def flow_of(tree: list[psutil.Process]) -> psutil.Process:
    """Return the process of the flow that has started this tree."""
    (outside,) = {process.ppid() for process in tree} - {process.pid for process in tree}
    return psutil.Process(outside)


def simulator_of(tree: list[psutil.Process]) -> psutil.Process:
    """Return the simulator itself, without its workers."""
    return next(process for process in tree if process.cmdline()[1:3] == _SIMULATOR)


_SIMULATOR = ["-m", "fusion.cli.run_sim"]


@contextmanager
def prefect_server() -> Iterator[Prefect]:
    """Start a server in a temporary folder; at the end, end all that was started."""
    mark = uuid4().hex
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's `&` has it ignored
    with tempfile.TemporaryDirectory(
        prefix="fusion-benchmark-", ignore_cleanup_errors=True
    ) as name:
        try:
            yield Prefect(Path(name), mark)
        finally:
            before = signal.signal(signal.SIGINT, signal.SIG_IGN)
            end_marked(mark, _END_SECONDS, MARK)
            signal.signal(signal.SIGINT, before)


def _is_setting(name: str) -> bool:
    return name.startswith(("PREFECT_", "FUSION_"))
