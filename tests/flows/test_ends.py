"""Every way a run can end: no process is left, and Prefect's state says what happened."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path

import psutil
import pytest

from fusion_flows.following import parts
from fusion_flows.following.flow_ends import BY_SIGNAL
from fusion_flows.following.parts import CHECK, COLLECT, REPORT, SIMULATE
from fusion_flows.rundir.directory import RunDirectory
from fusion_flows.rundir.file_state import file_state
from fusion_flows.server import watch

from .prefect_server import Prefect, Worker, stop, wait_for
from .started import (
    ENDLESS,
    GOING_ON,
    endless_call,
    flow_process,
    replications,
    script,
    simulating,
    simulators,
)

slow = partial(pytest.param, marks=pytest.mark.slow)
GONE_SECONDS = 3.0  # the grace time of two seconds and one more


def start(server: Prefect, overrides: object = GOING_ON) -> tuple[str, Path]:
    """Submit a run that goes on for long, and wait until it has a finished replication."""
    run_id = server.submit(overrides=overrides)
    directory = server.directory(run_id)
    wait_for(lambda: len(replications(directory)) > 1, 60, "a replication")
    return run_id, directory


@contextmanager
def leaves_no_process(directory: Path) -> Iterator[None]:
    """Check that what is done within ends all processes of a run in time."""
    assert simulators(directory)
    yield
    wait_for(lambda: not simulators(directory), GONE_SECONDS, "the end of the processes")


def keeps_what_was_finished(server: Prefect, run_id: str) -> bool:
    """Return whether files and report of a run hold what it had finished, the report after its state."""
    directory = server.directory(run_id)
    table = (directory / "output" / "points.csv").read_text()
    wait_for(
        lambda: "report" in server.artifacts(run_id), 120, "the report, which comes after the state"
    )
    report = server.artifacts(run_id)["report"]
    assert "Partial results" in (directory / "report.html").read_text()
    states = server.api("GET", f"flow_run_states/?flow_run_id={run_id}")
    ended = [state for state in states if state["type"] in {"CANCELLED", "CRASHED", "FAILED"}]
    assert min(moment(state["timestamp"]) for state in ended) < moment(report["created"])
    return "Partial results" in report["data"] and bool(table)


def parts_of_one_load(server: Prefect, run_id: str) -> tuple[str, str]:
    """Return how the parts that went on when a run was ended have ended; all others are complete."""
    parts = server.parts(run_id)
    (shown,) = (name for name in parts if name.startswith(f"{SIMULATE}: "))  # and why it ended
    ended = parts.pop(shown)
    assert shown.removeprefix(f"{SIMULATE}: ").removesuffix(" ...") in ended[1]
    assert parts.pop("140 E", ended) == ended  # it may not have begun
    assert parts == dict.fromkeys((CHECK, COLLECT, REPORT), ("Completed", ""))
    return ended


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


@pytest.mark.parametrize("way", [slow("cli"), "api"])
def test_cancelled_on_a_worker(worker: Prefect, way: str) -> None:
    run_id, directory = start(worker)
    flow = flow_process(run_id)
    assert flow is not None
    with leaves_no_process(directory):
        if way == "cli":
            worker.command("flow-run", "cancel", run_id)
        else:  # as the button of the UI does it
            worker.cancel(run_id)
    assert worker.finished(run_id, 30)["state_type"] == "CANCELLED"
    assert keeps_what_was_finished(worker, run_id)
    page = f"/v2/artifacts/artifact/{worker.artifacts(run_id)['report']['id']}"
    wait_for(
        lambda: any(
            line.startswith("Report: ") and line.endswith(page) for _, line in worker.log(run_id)
        ),
        20,
        "the link to the report",
    )
    states = worker.api("GET", f"flow_run_states/?flow_run_id={run_id}")
    assert "CRASHED" not in {state["type"] for state in states}
    wait_for(lambda: not flow.is_running(), 10, "the end of the flow's process")
    assert parts_of_one_load(worker, run_id) == (
        "Cancelled",
        "Cancelled; what was finished is kept.",
    )


@pytest.mark.parametrize(
    ("number", "message"),
    [
        slow(signal.SIGTERM, "termination signal"),
        (signal.SIGKILL, "SIGKILL"),
        slow(signal.SIGSEGV, "status code: -11"),
    ],
    ids=["SIGTERM", "SIGKILL", "crash"],
)
def test_the_process_of_the_flow_is_ended(
    worker: Prefect, number: signal.Signals, message: str
) -> None:
    run_id, directory = start(worker)
    process = flow_process(run_id)
    assert process is not None
    with leaves_no_process(directory):
        process.send_signal(number)
    run = worker.finished(run_id, 30)
    assert run["state_type"] == "CRASHED"
    assert message in run["state"]["message"]
    assert len(replications(directory)) > 1


def test_a_killed_worker_takes_its_run_along_and_a_retry_goes_on(session_worker: Worker) -> None:
    process, server = session_worker.ensure(), session_worker.prefect
    settings = {
        "general_settings": {"num_requests": 300_000, "max_iters": 60, "erlang_stop": 140},
        "simulation_settings": {"workers": 1},
    }
    run_id, directory = start(server, settings)
    with leaves_no_process(directory):
        process.kill()
    process.wait()
    run = server.finished(run_id, 10)
    assert run["state_type"] == "CRASHED"
    assert "worker that had started this run is gone" in run["state"]["message"]
    assert keeps_what_was_finished(server, run_id)
    assert parts_of_one_load(server, run_id) == ("Crashed", run["state"]["message"])
    before = replications(directory)

    # What the button Retry does; a new worker takes the run up.
    state = {"type": "SCHEDULED", "name": "AwaitingRetry"}
    server.api("POST", f"flow_runs/{run_id}/set_state", {"state": state})
    session_worker.ensure()
    wait_for(lambda: server.run(run_id)["state_type"] == "COMPLETED", 60, "the second attempt")
    after = replications(directory)
    assert len(after) == 60
    assert after[: len(before)] == before


def test_a_part_that_cannot_write_to_a_worker_that_is_gone_has_crashed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It had failed, with "1" as the reason, if its process wrote before it noticed."""
    monkeypatch.setattr(watch, "_STARTER", -1)
    state = parts.state_by(SystemExit(1))
    assert (state.name, state.message) == ("Crashed", watch.ABANDONED)
    monkeypatch.setattr(watch, "_STARTER", None)
    assert parts.state_by(SystemExit(1)).name == "Failed"


@pytest.mark.slow
def test_a_timeout_ends_the_run(server: Prefect, tmp_path: Path) -> None:
    code = f"fusion.with_options(timeout_seconds=6)(overrides={GOING_ON!r}, name={tmp_path.name!r})"
    process = server.call(script(tmp_path, code))
    run_id = server.named(tmp_path.name)
    directory = server.directory(run_id)
    wait_for(lambda: simulating(directory), 60, "the simulator")
    run = server.finished(run_id, 30)
    assert (run["state_type"], run["state_name"]) == ("FAILED", "TimedOut")
    wait_for(lambda: not simulators(directory), GONE_SECONDS, "the end of the processes")
    assert process.wait(10) == 1


def test_an_error_in_the_flow_ends_the_run(server: Prefect, tmp_path: Path) -> None:
    code = f"""
import threading, time
from fusion_flows.following import reporting
def break_it():
    time.sleep(4)
    reporting.news = None  # the next look at the progress raises
threading.Thread(target=break_it, daemon=True).start()
fusion(overrides={GOING_ON!r}, name={tmp_path.name!r})
"""
    process = server.call(script(tmp_path, code))
    run_id = server.named(tmp_path.name)
    directory = server.directory(run_id)
    wait_for(lambda: simulating(directory), 60, "the simulator")
    run = server.finished(run_id, 30)
    assert run["state_type"] == "FAILED"
    assert "not callable" in run["state"]["message"]
    assert simulators(directory) == []
    assert process.wait(10) == 1


def test_a_deleted_flow_run_ends(server: Prefect, tmp_path: Path) -> None:
    process, run_id, directory = endless_call(server, tmp_path)
    with leaves_no_process(directory):
        server.api("DELETE", f"flow_runs/{run_id}")
    process.wait(30)


@pytest.mark.parametrize("group", [True, slow(False)], ids=["terminal", "process"])
def test_ctrl_c_ends_a_run_called_from_python(
    server: Prefect, tmp_path: Path, *, group: bool
) -> None:
    process, run_id, directory = endless_call(server, tmp_path)
    with leaves_no_process(directory):
        if group:  # as a terminal does it
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(signal.SIGINT)
    assert process.wait(15) == -signal.SIGINT, "the caller is interrupted, too"
    run = server.run(run_id)
    assert run["state_type"] == "CANCELLED"
    assert parts_of_one_load(server, run_id) == ("Cancelled", run["state"]["message"])
    state = file_state(RunDirectory(directory))
    assert (state.name, state.over) == ("Cancelled", True)
    assert f"`fusion run --resume {directory}` continues" in state.message


LOSE_ONE = """
import os, signal
from fusion_flows.following.reporting import Follower

class Interrupted:
    def __del__(self):  # where nobody can catch what is raised, Python prints and ignores it
        os.kill(os.getpid(), signal.SIGINT)

def look(self, **words):
    really(self, **words)
    if self.state.started and not words:
        Interrupted()

really, Follower.look = Follower.look, look
"""


def test_a_ctrl_c_that_python_ignores_ends_a_run(server: Prefect, tmp_path: Path) -> None:
    call = f"{LOSE_ONE}\nfusion(overrides={ENDLESS!r}, name={tmp_path.name!r})"
    process = server.call(script(tmp_path, call))
    run_id = server.named(tmp_path.name)
    assert process.wait(40) == -signal.SIGINT
    assert server.run(run_id)["state_type"] == "CANCELLED"
    assert not simulators(server.directory(run_id))


@pytest.mark.parametrize("pause", [slow(0.0), 0.3, slow(1.0)])
def test_ctrl_c_twice_ends_a_run_called_from_python(
    server: Prefect, tmp_path: Path, pause: float
) -> None:
    process, run_id, directory = endless_call(server, tmp_path)
    with leaves_no_process(directory):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(pause)
        os.killpg(process.pid, signal.SIGINT)
    assert process.wait(15) != 0
    state = server.finished(run_id, 60)["state_type"]
    assert state in ("CANCELLED", "CRASHED")


@pytest.mark.parametrize("number", [signal.SIGKILL, slow(signal.SIGTERM), slow(signal.SIGHUP)])
def test_a_python_process_that_called_the_flow_is_ended(
    server: Prefect, tmp_path: Path, number: signal.Signals
) -> None:
    process, _, directory = endless_call(server, tmp_path)
    with leaves_no_process(directory):
        process.send_signal(number)
    process.wait(30)


def test_the_last_lines_of_the_log_arrive_whatever_prefect_waits_for(
    server: Prefect, tmp_path: Path
) -> None:
    environment = {**server.environment, "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "60"}
    process, run_id, _ = endless_call(server._replace(environment=environment), tmp_path, GOING_ON)
    process.send_signal(signal.SIGTERM)
    process.wait(60)
    assert BY_SIGNAL in [line for _, line in server.log(run_id)]


def test_cancelled_from_the_ui_without_a_worker(server: Prefect, tmp_path: Path) -> None:
    process, run_id, directory = endless_call(server, tmp_path)
    with leaves_no_process(directory):
        server.cancel(run_id)
    assert server.finished(run_id, 15)["state_type"] == "CANCELLED"
    assert process.wait(15) == 1, "CancelledRun"


@pytest.fixture
def served(server: Prefect) -> Iterator[subprocess.Popen[bytes]]:
    """Serve the flow from one process, as fusion_flows/serve.py does, under a name of its own."""
    code = "from fusion_flows import fusion; fusion.serve(name='served', limit=1, pause_on_shutdown=False)"
    process = server.start("-c", code, log="serve.log")
    wait_for(lambda: "served" in str(server.deployments()), 30, "the deployment")
    try:
        yield process
    finally:
        stop(process)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["cancel", "kill"])
def test_served_without_a_worker(
    server: Prefect, served: subprocess.Popen[bytes], how: str
) -> None:
    run_id = server.submit(deployment="fusion/served", overrides=GOING_ON)
    directory = server.directory(run_id)
    wait_for(lambda: len(replications(directory)) > 1, 60, "a replication")
    flow = flow_process(run_id)
    assert flow is not None
    with leaves_no_process(directory):
        if how == "cancel":
            server.cancel(run_id)
        else:
            served.kill()
    expected = "CANCELLED" if how == "cancel" else "CRASHED"
    assert server.finished(run_id, 60)["state_type"] == expected
    wait_for(lambda: not flow.is_running(), 10, "the end of the flow's process")


@pytest.mark.slow
def test_a_run_that_went_with_its_machine_is_crashed_within_a_minute(
    session_worker: Worker,
) -> None:
    process, server = session_worker.ensure(), session_worker.prefect
    run_id, directory = start(server)
    flow = flow_process(run_id)
    assert flow is not None
    with leaves_no_process(directory):
        process.kill()
        flow.kill()
    run = server.finished(run_id, 65)
    assert run["state_type"] == "CRASHED"
    assert "no heartbeat" in run["state"]["message"]
    assert len(replications(directory)) > 1


def test_processes_are_found() -> None:
    """The checks of this file would see a process that was left."""
    name = "a-folder-of-a-run"
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", name])
    try:
        mine = psutil.Process(process.pid)
        wait_for(lambda: simulators(Path(name)) == [mine], 10, "a process that is there")
    finally:
        process.kill()
        process.wait()
    assert simulators(Path(name)) == []
