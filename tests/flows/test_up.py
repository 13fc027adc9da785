"""`fusion up`, for real: server, worker, runs, signals, and nothing left behind."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from fusion_flows.command import up
from fusion_flows.command.up import UpError
from fusion_flows.rundir.directory import RunDirectory
from fusion_flows.rundir.file_state import file_state
from fusion_flows.runs.time_expressions import ArgumentError

from .prefect_server import ROOT, Prefect, Worker, free_port, plain_environment, wait_for
from .started import GOING_ON, simulating, simulators
from .test_cli import changes, here, no_command_is_left
from .test_sweep import ON_ONE_CORE

__all__ = ["no_command_is_left"]  # a fixture that all tests here use, too


SWEEP = """
template = "quick"
[grid]
k_paths = [1, 3]
erlang = [150]
[overrides.general_settings]
num_requests = 2000
max_iters = 3
"""


class Up:
    """A `fusion up` with a PREFECT_HOME of its own, in a session of its own as in a terminal."""

    def __init__(self, folder: Path, *words: str, **environment: str) -> None:
        self.folder = folder
        self.log = folder / "up.log"
        self.environment = {**plain_environment(folder), **environment}
        del self.environment["FUSION_RUNS_DIR"]
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "fusion_flows.command.cli", "up", *words],
                cwd=folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def said(self) -> str:
        return self.log.read_text()

    def is_up(self) -> bool:
        assert self.process.poll() is None, self.said()
        return "Ctrl-C stops" in self.said()

    def processes(self) -> list[psutil.Process]:
        """Return all living processes that have our PREFECT_HOME, whoever their parent is."""
        found = []
        home = self.environment["PREFECT_HOME"]
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.status() == psutil.STATUS_ZOMBIE or process.pid == os.getpid():
                    continue
                if process.environ().get("PREFECT_HOME") == home:
                    found.append(process)
        return found

    def server_processes(self) -> list[psutil.Process]:
        return [
            one
            for one in self.processes()
            if {"fusion_flows.server", "start"} <= set(one.cmdline())
        ]

    def worker(self) -> psutil.Process:
        """Return the process of Prefect's worker, below the guards."""
        found = [one for one in self.processes() if {"worker", "start"} <= set(one.cmdline())]
        (worker,) = [one for one in found if not any("guard.py" in word for word in one.cmdline())]
        return worker

    def states(self) -> dict[str, tuple[str, str]]:
        """Return name and message of the states in the database, by name of the flow run."""
        query = (
            "SELECT flow_run.name, state.name, state.message FROM flow_run "
            "JOIN flow_run_state AS state ON flow_run.state_id = state.id"
        )
        path = Path(self.environment["PREFECT_HOME"]) / "prefect.db"
        with contextlib.closing(sqlite3.connect(path)) as database:
            return {
                name: (state, message or "") for name, state, message in database.execute(query)
            }

    def logged(self, name: str) -> list[str]:
        """Return the log of a flow run in the database."""
        query = (
            "SELECT log.message FROM log JOIN flow_run ON log.flow_run_id = flow_run.id "
            "WHERE flow_run.name = ? ORDER BY log.timestamp"
        )
        path = Path(self.environment["PREFECT_HOME"]) / "prefect.db"
        with contextlib.closing(sqlite3.connect(path)) as database:
            return [message for (message,) in database.execute(query, (name,))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder whose PREFECT_HOME all tests here share, one after the other."""
    return tmp_path_factory.mktemp("up")


@pytest.fixture
def ended() -> Iterator[list[Up]]:
    """Return a list: what a failed test leaves of those in it is killed."""
    started: list[Up] = []
    yield started
    for one in started:
        for process in (*one.processes(), *one.processes()):
            with contextlib.suppress(psutil.Error):
                process.kill()
        one.process.wait(10)


def answer(one: Up, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command in another terminal, in another folder, with nothing but PREFECT_HOME."""
    command = here(*words, environment=one.environment, cwd=ROOT / "docs")
    out, error = command.communicate(timeout=60)
    return subprocess.CompletedProcess(words, command.returncode, out, error)


def test_runs_are_simulated_and_ctrl_c_ends_everything_in_order(
    folder: Path, ended: list[Up]
) -> None:
    port = free_port()
    one = Up(folder, "--port", str(port), "--max-concurrent-runs", "2")
    ended.append(one)
    # What is asked meanwhile, elsewhere, waits for it in place of looking for runs there.
    written = Path(one.environment["PREFECT_HOME"]) / "fusion-up" / "server.json"
    wait_for(lambda: written.is_file() and written.read_text(), 60, "its file", every=0.02)
    early = here("runs", environment=one.environment, cwd=ROOT / "docs")
    out, error = early.communicate(timeout=150)
    assert (early.returncode, out.split()[:2]) == (0, ["run", "name"]), error
    assert f"`fusion up` (process {one.process.pid}) is starting; waiting until it is up" in error
    assert "No Prefect server" not in error
    wait_for(one.is_up, 120, "fusion up")
    url = f"http://127.0.0.1:{port}"
    assert url in one.said()
    assert str(folder / "runs") in one.said()
    assert "Warning" not in one.said()

    small = {"general_settings": {"num_requests": 2000, "max_iters": 3}}
    submitted = answer(
        one, "run", "quick", "--detach", "--json", "--name", "small", *changes(small)
    )
    assert submitted.returncode == 0, submitted.stderr
    run = json.loads(submitted.stdout)
    assert run["url"].startswith(url)
    prefect = Prefect(f"{url}/api", folder, one.environment)
    assert prefect.finished(run["flow_run_id"])["state_type"] == "COMPLETED"
    assert (folder / "runs" / run["run_id"] / "output" / "points.csv").exists()

    file = folder / "beside" / "sweep.toml"
    file.parent.mkdir()
    file.write_text(SWEEP)
    swept = answer(one, "sweep", str(file))  # typed elsewhere, and computed where it is typed
    assert swept.returncode == 0, swept.stderr
    store = folder / "runs" / "store"
    assert f"Store:   {store}" in swept.stdout
    compared = answer(one, "compare", str(file), "k_paths")
    assert compared.returncode == 0, compared.stderr
    assert str(store) in compared.stderr

    again = answer(one, "up", "--port", str(free_port()))
    assert again.returncode == 1
    assert f"running already (process {one.process.pid}, {url}/api)" in again.stderr

    sweeping = prefect.submit("fusion-sweep/sweep", sweep=ON_ONE_CORE, name="sweeping")
    going_on = prefect.submit(overrides=GOING_ON, name="going on")
    directory, of_sweep = prefect.directory(going_on), prefect.directory(sweeping)
    wait_for(lambda: simulating(directory) and simulating(of_sweep), 60, "the simulators")
    waits = prefect.submit(overrides=GOING_ON)
    prefect.api("PATCH", f"flow_runs/{waits}", {"name": "waits"})
    # What the worker had taken and not begun: it was killed too early to say so.
    deployment = prefect.run(waits)["deployment_id"]
    prefect.api(
        *("POST", f"deployments/{deployment}/create_flow_run"),
        {"name": "taken", "state": {"type": "PENDING"}, "parameters": {"overrides": GOING_ON}},
    )
    kept = directory / "output" / "replications.jsonl"
    wait_for(lambda: kept.exists() and kept.read_bytes().count(b"\n") > 2, 40, "replications")
    os.killpg(one.process.pid, signal.SIGINT)
    assert one.process.wait(60) == 0, one.said()
    assert one.said().splitlines()[-2:] == ["Ending the server ...", "Ended."]
    assert one.processes() == []
    assert simulators(folder) == []
    states = one.states()
    known = Path(one.environment["PREFECT_HOME"]) / "fusion-up" / "runs.txt"
    assert known.read_text() == f"{directory.parent}\n"
    assert states["small"][0] == "Completed"
    assert states["going on"][0] == "Cancelled"
    assert f"fusion run --resume {directory}" in states["going on"][1]
    goes_on = f"`fusion sweep {of_sweep / 'sweep.json'}`"
    assert states["sweeping"][0] == "Cancelled"
    assert goes_on in states["sweeping"][1]
    assert f"{of_sweep.name} sweeping: ended; {goes_on} goes on" in one.said()
    assert states["waits"][0] in ("Scheduled", "Late")
    assert states["taken"][0] == "Scheduled"
    assert "taken: waits for the next `fusion up`" in one.said()
    assert f"{directory.name} going on: ended" in one.said()
    assert "Traceback" not in one.said()
    assert kept.read_bytes().count(b"\n") > 2
    for name in ("going on", "sweeping"):
        said = one.logged(name)
        assert "Ended by SIGTERM; what was finished is kept." in said
        assert not any("rash" in line for line in said), said
    listing = here("runs", "--json", environment=one.environment, cwd=folder)
    out, error = listing.communicate(timeout=60)
    assert listing.returncode == 0, error
    found = {run["run_id"]: run for run in json.loads(out)}
    for run_id in (directory.name, of_sweep.name):
        assert found[run_id]["state"] == "Cancelled", "as the server says"
        assert found[run_id]["percent"] is not None
    assert goes_on in found[of_sweep.name]["message"]
    assert "6 points" in found[of_sweep.name]["news"]


class InTerminal(Up):
    """A `fusion up` in a terminal of its own, which can be closed; or with a pipe that is read no more."""

    def __init__(self, folder: Path, *words: str, pipe: bool = False) -> None:
        self.folder = folder
        self.environment = plain_environment(folder)
        del self.environment["FUSION_RUNS_DIR"]
        self.ours, theirs = os.pipe() if pipe else pty.openpty()
        os.set_blocking(self.ours, False)
        self.shown = b""
        command = [sys.executable, "-m", "fusion_flows.command.cli", "up", *words]
        if not pipe:  # it has the terminal that a shell would give it
            command = [sys.executable, "-c", _WITH_TERMINAL, *command]
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=self.environment,
            stdin=subprocess.DEVNULL if pipe else theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    def said(self) -> str:
        with contextlib.suppress(BlockingIOError):
            while some := os.read(self.ours, 65536):
                self.shown += some
        return self.shown.decode()

    def close(self) -> None:
        os.close(self.ours)


_WITH_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.parametrize("when", ["is up", "is starting"])
def test_a_terminal_that_is_closed_ends_everything_in_order(
    tmp_path: Path, ended: list[Up], when: str
) -> None:
    """What was printed then raised, so that the rest was killed instead of being ended."""
    one = InTerminal(tmp_path, "--port", str(free_port()))
    ended.append(one)
    if when == "is starting":
        wait_for(lambda: "Starting the Prefect server" in one.said(), 60, "the server to start")
        wait_for(one.server_processes, 30, "its process")
        one.close()
        assert one.process.wait(60) == 0
    else:
        wait_for(one.is_up, 120, "fusion up")
        name = f"closed {free_port()}"
        submitted = answer(one, "run", "quick", "--detach", "--name", name, *changes(GOING_ON))
        assert submitted.returncode == 0, submitted.stderr
        run = RunDirectory(tmp_path / "runs" / submitted.stdout.split()[0])
        wait_for(lambda: simulating(run.path), 180, "the run to go on")
        one.close()
        assert one.process.wait(90) == 0
        assert one.states()[name][0] == "Cancelled"
        assert file_state(run).name == "Cancelled"
    wait_for(lambda: not one.processes(), 10, "the end of all processes")


def test_a_reader_that_is_gone_ends_nothing(folder: Path, ended: list[Up]) -> None:
    """As of `fusion up | head -1`; a signal ends it in order."""
    one = InTerminal(folder, "--port", str(free_port()), pipe=True)
    ended.append(one)
    wait_for(lambda: "Starting the Prefect server" in one.said(), 60, "the server to start")
    one.close()
    wait_for(lambda: any("worker" in p.cmdline() for p in one.processes()), 120, "the worker")
    time.sleep(2)
    assert one.process.poll() is None
    one.process.send_signal(signal.SIGTERM)
    assert one.process.wait(90) == 0
    wait_for(lambda: not one.processes(), 10, "the end of all processes")


@pytest.mark.slow
def test_at_a_server_of_others_only_the_own_worker_ends(
    session_worker: Worker, tmp_path: Path, ended: list[Up]
) -> None:
    theirs, server = session_worker.ensure(), session_worker.prefect
    known = workers(server)
    (tmp_path / "dying").mkdir()
    (tmp_path / "hurried").mkdir()
    dying = Up(tmp_path / "dying", PREFECT_API_URL=server.url)
    hurried = Up(tmp_path / "hurried", PREFECT_API_URL=server.url)
    ended += [dying, hurried]
    for one in (dying, hurried):
        wait_for(one.is_up, 90, "a second worker")
        assert one.server_processes() == []
    dying.worker().kill()
    hurried.process.send_signal(signal.SIGTERM)
    hurried.process.send_signal(signal.SIGINT)  # a second signal
    assert hurried.process.wait(15) == 0
    assert "at once" in hurried.said()
    assert hurried.said().endswith("\nEnded.\n")
    assert dying.process.wait(30) == 1
    assert "the worker has ended by itself with exit code 137" in dying.said()
    assert str(tmp_path / "dying" / "prefect" / "fusion-up" / "worker.log") in dying.said()
    assert [*dying.processes(), *hurried.processes()] == []
    assert theirs.poll() is None
    for name in workers(server) - known:  # what is killed counts as alive for a while
        server.api("DELETE", f"work_pools/fusion/workers/{name}")


def workers(prefect: Prefect) -> set[str]:
    return {one["name"] for one in prefect.api("POST", "work_pools/fusion/workers/filter", {})}


@pytest.mark.slow
def test_what_waited_goes_on_and_a_kill_leaves_nothing(folder: Path, ended: list[Up]) -> None:
    words = ("--runs-dir", str(folder / "elsewhere"), "--max-concurrent-runs", "1")
    one = Up(folder, "--port", str(free_port()), *words)
    ended.append(one)
    runs = folder / "elsewhere"
    wait_for(
        lambda: any(simulating(path) for path in runs.glob("*")) and "Ctrl-C stops" in one.said(),
        120,
        "the run that waited",
    )
    assert [state for state, _ in one.states().values()].count("Running") == 1
    assert simulators(runs)
    one.process.kill()
    one.process.wait()
    wait_for(lambda: not one.processes() and not simulators(runs), 20, "the end of everything")
    # Nobody could say so to Prefect, whose records are read by a server of this command's own.
    time.sleep(10)
    command = here("runs", "--json", environment=one.environment, cwd=folder)
    out, error = command.communicate(timeout=120)
    assert command.returncode == 0, error
    states = [run["state"] for run in json.loads(out)]
    assert "Running" not in states
    assert states.count("Interrupted") == 1


@pytest.mark.slow
def test_runs_that_are_ended_at_once_are_cancelled_for_their_files_and_then_for_prefect(
    tmp_path: Path, ended: list[Up]
) -> None:
    port = free_port()
    one = Up(tmp_path, "--port", str(port))
    ended.append(one)
    wait_for(one.is_up, 120, "fusion up")
    prefect = Prefect(f"http://127.0.0.1:{port}/api", tmp_path, one.environment)
    directory = prefect.directory(prefect.submit(overrides=GOING_ON, name="hurried"))
    wait_for(lambda: simulating(directory), 60, "the simulator")
    flow = one.worker().children()[0]
    flow.suspend()  # it hears no signal, as one that hangs
    os.killpg(one.process.pid, signal.SIGINT)
    wait_for(lambda: "Stopping the running simulations" in one.said(), 20, "the first signal")
    os.killpg(one.process.pid, signal.SIGINT)
    assert one.process.wait(40) == 0, one.said()
    assert one.processes() == []
    assert one.states()["hurried"][0] == "Running", "nobody has told Prefect"
    assert file_state(RunDirectory(directory)).name == "Cancelled"
    again = Up(tmp_path, "--port", str(port))
    ended.append(again)
    wait_for(again.is_up, 120, "fusion up")
    wait_for(lambda: again.states()["hurried"][0] == "Cancelled", 120, "maintenance")


def test_a_taken_port_is_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing_configured(tmp_path, monkeypatch)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UpError) as error:
            up.up(port=port)
    assert f"cannot listen on 127.0.0.1, port {port}" in str(error.value)
    assert "--port" in str(error.value)
    assert not (tmp_path / "fusion-up" / "server.log").exists()


def test_a_prefect_server_of_somebody_else_is_not_taken(
    server: Prefect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing_configured(tmp_path, monkeypatch)
    with pytest.raises(UpError, match=f"To use that one, set PREFECT_API_URL={server.url}"):
        up.up(port=int(server.url.split(":")[2].split("/")[0]))


def nothing_configured(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PREFECT_API_URL", "PREFECT_PROFILE", "FUSION_RUNS_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(home))
    monkeypatch.chdir(home)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--max-concurrent-runs", "0"), "--max-concurrent-runs 0: must be 1 or more"),
        (("--port", "70000"), "--port 70000: must be from 1 to 65535"),
        (("--host", "203.0.113.7"), "cannot listen on 203.0.113.7"),
        (("--host", "no.such.host.invalid"), "is not an address of this machine"),
        (("--runs-dir", "/proc/runs"), "cannot make the folder of runs /proc/runs"),
    ],
)
def test_what_cannot_be_is_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, str], told: str
) -> None:
    nothing_configured(tmp_path, monkeypatch)
    name, value = words
    given = {name[2:].replace("-", "_"): int(value) if value.isdigit() else value}
    if "runs_dir" in given:
        given["runs_dir"] = Path(value)
    with pytest.raises((UpError, ArgumentError)) as error:
        up.up(**given)
    assert told in str(error.value)


def test_a_configured_server_that_is_away_is_not_replaced_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing_configured(tmp_path, monkeypatch)
    monkeypatch.setenv("PREFECT_API_URL", "http://203.0.113.7:4200/api")
    monkeypatch.setattr(up, "_answers", lambda url: False)  # nobody there; it would take seconds
    with pytest.raises(UpError, match="nothing answers at http://203"):
        up.up()
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4999/api")
    with pytest.raises(UpError, match="nothing answers at http://127"):
        up.up(port=4998)
