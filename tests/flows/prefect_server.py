"""A real Prefect server and worker of our own, on a free port and with a home of their own.

The fixtures are those of all tests: one server for each process of tests.
"""

import atexit
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from fusion_flows.rundir.directory import run_id_of

ROOT = Path(__file__).parents[2]
POOL = "fusion"
USED_HOME = "TESTS_PREFECT_HOME"
"""Environment variable that tells the other processes of tests of `used_home`."""


def wait_for(condition: Callable[[], Any], seconds: float, what: str, every: float = 0.2) -> Any:
    """Wait until a condition is true and return its value; fail when it never is.

    every: seconds between two looks.
    """
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(every)
    return value


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server or worker of ours with what it started."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


calls: list[subprocess.Popen[bytes]] = []
"""Of the test that runs now."""


class Prefect(NamedTuple):
    """A running server with its folder: how tests talk to it."""

    url: str
    folder: Path
    environment: dict[str, str]

    @property
    def runs(self) -> Path:
        """Folder of the run directories."""
        return self.folder / "runs"

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """Call the server's API."""
        request = urllib.request.Request(
            f"{self.url}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        deadline = time.monotonic() + 90
        while True:
            try:
                with urllib.request.urlopen(request, timeout=90) as answer:
                    content = answer.read()
                return json.loads(content) if content else None
            except urllib.error.HTTPError as error:  # SQLite is busy: Prefect's clients wait, too
                if error.code != 503 or time.monotonic() > deadline:
                    raise
            time.sleep(0.2)

    def start(self, *arguments: str, log: str) -> subprocess.Popen[bytes]:
        """Start Python with our package and this server, in a process group of its own."""
        with (self.folder / log).open("ab") as output:
            return subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def call(self, script: str) -> subprocess.Popen[bytes]:
        """Start a script that calls the flow; it is ended with the test."""
        process = self.start(script, log="calls.log")
        calls.append(process)
        return process

    def command(self, *arguments: str) -> str:
        """Run a command of Prefect and return what it says."""
        result = subprocess.run(
            [sys.executable, "-m", "prefect", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def deployments(self) -> list[str]:
        """Return the names of all deployments."""
        return [found["name"] for found in self.api("POST", "deployments/filter", {})]

    def named(self, name: str) -> str:
        """Wait for a flow run of this name and return its id."""
        named = {"flow_runs": {"name": {"any_": [name]}}}
        try:
            found = wait_for(lambda: self.api("POST", "flow_runs/filter", named), 60, "the run")
        except AssertionError as error:
            for log in sorted(self.folder.glob("*.log")):
                error.add_note(f"{log.name} ends with\n{log.read_text(errors='replace')[-2000:]}")
            raise
        return str(found[0]["id"])

    def submit(self, deployment: str = "fusion/sim", **parameters: Any) -> str:
        """Make a run of the deployment and return its id."""
        found = self.api("GET", f"deployments/name/{deployment}")
        run = self.api(
            "POST",
            f"deployments/{found['id']}/create_flow_run",
            {"parameters": parameters, "state": {"type": "SCHEDULED"}},
        )
        return str(run["id"])

    def cancel(self, run: str) -> None:
        """Cancel a flow run as the button of the UI does it."""
        waits = self.run(run)["state_type"] in ("SCHEDULED", "PENDING")
        kind = "CANCELLED" if waits else "CANCELLING"
        state = {"type": kind, "name": kind.capitalize()}
        self.api("POST", f"flow_runs/{run}/set_state", {"state": state})

    def run(self, run: str) -> Any:
        """Return a flow run."""
        return self.api("GET", f"flow_runs/{run}")

    def newest(self) -> Any:
        """Return the flow run that was made last."""
        return self.api("POST", "flow_runs/filter", {"sort": "START_TIME_DESC", "limit": 1})[0]

    def finished(self, run: str, seconds: float = 60) -> Any:
        """Wait for the end of a flow run and return it."""
        final = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
        wait_for(lambda: self.run(run)["state_type"] in final, seconds, "the end of the run")
        return self.run(run)

    def log(self, run: str, newest: int = 0) -> list[tuple[int, str]]:
        """Return the log of a flow run, or its newest records: levels and lines."""
        records: list[Any] = []
        while True:
            page = self.api(
                "POST",
                "logs/filter",
                {
                    "logs": {"flow_run_id": {"any_": [run]}},
                    "sort": "TIMESTAMP_DESC" if newest else "TIMESTAMP_ASC",
                    "limit": newest or 200,
                    "offset": len(records),
                },
            )
            records += page
            if newest or len(page) < 200:
                break
        return [
            (record["level"], line) for record in records for line in record["message"].split("\n")
        ]

    def parts(self, run: str) -> dict[str, tuple[str, str]]:
        """Return the task runs of a flow run, once none goes on: state and message, by name.

        The one that began first is the first.
        """

        def ended() -> list[Any]:
            asked = {"flow_runs": {"id": {"any_": [run]}}, "sort": "EXPECTED_START_TIME_ASC"}
            found: list[Any] = self.api("POST", "task_runs/filter", asked)
            # The report may come after the state, and the server files a task run before its state.
            names = {each["name"] for each in found}
            is_over = "report" in names or (found and found[0]["state_type"] == "FAILED")
            return (
                found
                if is_over and all(each["end_time"] and each["state"] for each in found)
                else []
            )

        found = wait_for(ended, 60, "the end of all parts")
        for each in found:
            assert each["start_time"] < each["end_time"]
        return {
            each["name"]: (each["state_name"], each["state"]["message"] or "") for each in found
        }

    def artifacts(self, run: str) -> dict[str, Any]:
        """Return the artifacts of a flow run by their kinds."""
        found = self.api(
            "POST", "artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run]}}}
        )
        kinds = [artifact["key"].split("-")[1] for artifact in found]
        assert len(set(kinds)) == len(kinds), "one artifact of each kind"
        return dict(zip(kinds, found, strict=True))

    def directory(self, run: str) -> Path:
        """Return the run directory of a flow run."""
        return self.runs / run_id_of(UUID(run))


def plain_environment(folder: Path) -> dict[str, str]:
    """Return an environment with our package, a Prefect home of its own, and no server."""
    if not (folder / "prefect").exists():
        shutil.copytree(used_home(), folder / "prefect")
    return _environment(folder)


@functools.cache
def used_home() -> Path:
    """Return a Prefect home with the database that a server makes when it starts for the first time.

    To make one takes 5 s of CPU; all processes of tests share this one, as a pattern.
    """
    if known := os.environ.get(USED_HOME):
        return Path(known)
    folder = Path(tempfile.mkdtemp(prefix="fusion-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    url = f"http://127.0.0.1:{free_port()}/api"
    prefect = Prefect(url, folder, {**_environment(folder), "PREFECT_API_URL": url})
    stop(start_server(prefect))
    os.environ[USED_HOME] = str(folder / "prefect")
    return folder / "prefect"


def _environment(folder: Path) -> dict[str, str]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PREFECT_", "FUSION_"))
    }
    path = environment.get("PYTHONPATH")
    return {
        **environment,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{path}" if path else str(ROOT),
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "DO_NOT_TRACK": "1",
        "FUSION_RUNS_DIR": str(folder / "runs"),
    }


@pytest.fixture(scope="session")
def no_server(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return an environment where Prefect starts its embedded server; its database is kept."""
    return plain_environment(tmp_path_factory.mktemp("no_server"))


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_server(prefect: Prefect) -> subprocess.Popen[bytes]:
    """Start the server of this URL and wait until it answers."""
    port = prefect.url.split(":")[2].split("/")[0]
    process = prefect.start(
        *("-m", "fusion_flows.server", "start", "--host", "127.0.0.1", "--port", port),
        log="server.log",
    )

    def healthy() -> bool:
        assert process.poll() is None, (prefect.folder / "server.log").read_text()
        try:
            return prefect.api("GET", "health") is True
        except OSError:
            return False

    wait_for(healthy, 90, "the server")
    return process


def prefect_in(folder: Path) -> Prefect:
    """Return a server that is to be started, with its home in this folder."""
    url = f"http://127.0.0.1:{free_port()}/api"
    return Prefect(url, folder, {**plain_environment(folder), "PREFECT_API_URL": url})


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prefect]:
    """Start a server."""
    prefect = prefect_in(tmp_path_factory.mktemp("flows"))
    process = start_server(prefect)
    try:
        yield prefect
    finally:
        stop(process)
        shutil.rmtree(prefect.folder / "prefect", ignore_errors=True)


class Worker:
    """A process worker for our deployments that a test may kill: the next test gets a new one."""

    def __init__(self, prefect: Prefect) -> None:
        self.prefect = prefect
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, name: str = "worker") -> subprocess.Popen[bytes]:
        """Start a worker and wait until the server knows it."""
        process = self.prefect.start(
            *("-m", "prefect", "worker", "start", "--pool", POOL, "--name", name),
            log=f"{name}.log",
        )

        def online() -> bool:
            found = self.prefect.api("POST", f"work_pools/{POOL}/workers/filter", {})
            return any(
                worker["name"] == name and worker["last_heartbeat_time"] > began for worker in found
            )

        began = datetime.now(UTC).isoformat()
        wait_for(online, 60, "the worker")
        return process

    def ensure(self) -> subprocess.Popen[bytes]:
        """Return the worker of the test run, a new one if the last one is gone."""
        if self.process is None or self.process.poll() is not None:
            self.process = self.start()
        return self.process


@pytest.fixture(scope="session")
def session_worker(server: Prefect) -> Iterator[Worker]:
    """Deploy from prefect.yaml, and end the worker at the end."""
    server.api("POST", "work_pools/", {"name": POOL, "type": "process"})
    server.command("--no-prompt", "deploy", "--all")
    server.environment["PREFECT_WORKER_QUERY_SECONDS"] = "0.5"
    worker = Worker(server)
    try:
        yield worker
    finally:
        if worker.process is not None:
            stop(worker.process)


@pytest.fixture
def worker(session_worker: Worker) -> Prefect:
    """Return the server with a living worker for our deployments."""
    session_worker.ensure()
    return session_worker.prefect
