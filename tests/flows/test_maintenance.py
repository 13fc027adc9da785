"""What Prefect says and what is on the machine are made to agree again."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from fusion_flows.rundir.directory import RunDirectory, run_id_of
from fusion_flows.rundir.file_state import file_state

from .prefect_server import Prefect, wait_for
from .started import GOING_ON, SMALL, endless_call, script, simulators
from .test_sweep import ON_ONE_CORE, start


def maintain(server: Prefect, before: str = "", **environment: str) -> dict[str, Any]:
    """Run the flow, after these statements, and return what it found."""
    code = f"""
{before}
import json
from fusion_flows.flows.maintenance import maintenance
print("found", maintenance(settle_seconds=1).model_dump_json())
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**server.environment, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("found ")]

    found: dict[str, Any] = json.loads(line.removeprefix("found "))
    return found


def long_sweep(server: Prefect, folder: Path) -> tuple[Any, str, Path]:
    """Start a sweep; return its process, its flow run and its directory once it computes."""
    process = start(server, folder, ON_ONE_CORE)
    run_id = server.named(str(folder))
    directory = server.directory(run_id)
    wait_for(lambda: simulators(directory), 60, "the simulator")
    return process, run_id, directory


def news(server: Prefect, run: str) -> None:
    """Wait until a run has said when it will be over, and has shown a point and its network."""

    def said() -> bool:
        shown = server.artifacts(run)
        return {"points", "plot"} <= shown.keys() and "ETA" in shown["progress"]["description"]

    wait_for(said, 180, "an ETA")


def ended_parts(server: Prefect, run: str) -> bool:
    """Return whether all parts of a lost run have ended, those that went on as the run has."""
    parts = server.api("POST", "task_runs/filter", {"flow_runs": {"id": {"any_": [run]}}})
    crashed = [part for part in parts if part["state_type"] == "CRASHED"]
    assert all("process is gone" in part["state"]["message"] for part in crashed)
    return bool(crashed) and "RUNNING" not in {part["state_type"] for part in parts}


def test_a_run_whose_process_is_gone_gets_a_final_state_and_a_living_one_none(
    server: Prefect, tmp_path: Path
) -> None:
    (tmp_path / "dead").mkdir()
    dead, dead_id, directory = endless_call(server, tmp_path / "dead", GOING_ON)
    sweep, sweep_id, sweep_directory = long_sweep(server, tmp_path / "sweep")
    (tmp_path / "alive").mkdir()
    alive, alive_id, alive_directory = endless_call(server, tmp_path / "alive")
    news(server, dead_id)
    news(server, sweep_id)
    for process in (
        dead,
        sweep,
    ):  # last, as Prefect calls a run without a heartbeat Crashed after a while
        process.kill()
        process.wait()
    for lost in (dead_id, sweep_id):
        assert server.run(lost)["state_type"] == "RUNNING", "nobody was there to say otherwise"
        assert "ETA" in server.artifacts(lost)["progress"]["description"]
    try:
        found = maintain(server)
        lost_runs = set(found["lost_runs"])  # beside what other tests on this server left
        assert {directory.name, sweep_directory.name} <= lost_runs
        assert alive_directory.name not in lost_runs
        for lost in (dead_id, sweep_id):
            run = server.run(lost)
            assert run["state_type"] == "CRASHED"
            assert "process is gone" in run["state"]["message"]
            shown = server.artifacts(lost)
            assert shown["progress"]["data"] is not None
            for artifact in shown.values():
                assert not re.search("ETA|running|waiting", artifact["description"])
            rows = json.loads(shown["points"]["data"])
            assert "running" not in {row["stop"] for row in rows}
            wait_for(lambda lost=lost: ended_parts(server, lost), 30, "the end of its parts")
        assert server.run(alive_id)["state_type"] == "RUNNING"
        assert simulators(alive_directory)
        assert not simulators(sweep_directory)
        assert directory.name not in maintain(server)["lost_runs"]
    finally:
        alive.send_signal(signal.SIGINT)
        alive.wait(20)
    # A server that was away at that moment has not heard of it.
    running = {"state": {"type": "RUNNING"}, "force": True}
    server.api("POST", f"flow_runs/{alive_id}/set_state", running)
    assert alive_directory.name in maintain(server)["lost_runs"]
    assert server.run(alive_id)["state_type"] == "CANCELLED"
    # Nor have the files of a run that was killed while it was to be cancelled: it has no final state yet, or
    # its worker has killed it.
    for lost, path, kind in (
        (dead_id, directory, "CANCELLING"),
        (sweep_id, sweep_directory, "CANCELLED"),
    ):
        assert file_state(RunDirectory(path)).name == "Interrupted"
        state = {"state": {"type": kind}, "force": True}
        server.api("POST", f"flow_runs/{lost}/set_state", state)
    maintain(server)
    for lost, path in ((dead_id, directory), (sweep_id, sweep_directory)):
        assert server.run(lost)["state_type"] == "CANCELLED"
        assert file_state(RunDirectory(path)).name == "Cancelled"


@pytest.mark.slow
def test_processes_that_outlived_their_run_are_ended(server: Prefect, tmp_path: Path) -> None:
    process, run_id, directory = endless_call(server, tmp_path)
    process.send_signal(signal.SIGINT)
    process.wait(20)
    wait_for(lambda: not simulators(directory), 3, "the end of the processes")
    # Nothing of ours is left, so here is something that carries the mark of the run.
    environment = {**os.environ, "FUSION_PROCESS_TREE": run_id}
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    left = subprocess.Popen([sys.executable, "-c", code], env=environment, start_new_session=True)
    other = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    try:
        assert maintain(server)["left_over_processes"][directory.name] == 1
        assert left.wait(5) == -signal.SIGKILL
        assert other.poll() is None
    finally:
        for each in (left, other):
            each.kill()
            each.wait()


def test_directories_without_a_flow_run_are_reported_and_old_ones_deleted_when_asked(
    server: Prefect, tmp_path: Path
) -> None:
    called = [f"{tmp_path} {number}" for number in range(2)]
    code = "\n".join(f"fusion(overrides={SMALL!r}, name={name!r})" for name in called)
    assert server.call(script(tmp_path, code)).wait(90) == 0
    names = [server.named(name) for name in called]
    old, young = (server.directory(name) for name in names)
    stranger = server.runs / "00000000beef"
    stranger.mkdir()
    (stranger / "config.ini").write_text("[general_settings]\n")

    found = maintain(server)
    assert stranger.name in found["unknown_directories"]
    assert old.name not in found["unknown_directories"]
    assert found["expired_runs"] == []

    past = time.time() - 3 * 86_400
    for path in [old, *old.rglob("*")]:
        os.utime(path, (past, past), follow_symlinks=False)
    found = maintain(server, FUSION_KEEP_DAYS="2")
    assert found["expired_runs"] == [old.name]
    assert not old.exists()
    assert young.exists()
    ids = {"flow_runs": {"id": {"any_": names}}}
    assert [run["id"] for run in server.api("POST", "flow_runs/filter", ids)] == [names[1]]
    assert server.artifacts(names[0]) == {}


def test_a_directory_is_kept_while_a_newer_run_has_it(server: Prefect, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    apart = {**server.environment, "FUSION_RUNS_DIR": str(runs)}
    code = script(tmp_path, f"fusion(overrides={SMALL!r}, name={tmp_path.name!r})")
    subprocess.run([sys.executable, code], env=apart, check=True, capture_output=True, timeout=90)
    first = server.named(tmp_path.name)
    directory = runs / run_id_of(UUID(first))
    flow = server.api("POST", "flows/", {"name": "fusion"})
    later = {
        "flow_id": flow["id"],
        "parameters": {"resume": directory.name},
        "state": {"type": "SCHEDULED", "name": "Scheduled"},
    }
    second = server.api("POST", "flow_runs/", later)["id"]
    past = time.time() - 3 * 86_400
    for path in [directory, *directory.rglob("*")]:
        os.utime(path, (past, past), follow_symlinks=False)

    def expired(days: str) -> list[str]:
        found = maintain(server, FUSION_RUNS_DIR=str(runs), FUSION_KEEP_DAYS=days)
        expired_runs: list[str] = found["expired_runs"]
        return expired_runs

    assert expired("1e-9") == [], "a run waits to go on in it"
    cancelled = {"state": {"type": "CANCELLED", "name": "Cancelled"}}
    server.api("POST", f"flow_runs/{second}/set_state", cancelled)
    assert expired("2") == [], "it was in use until now"
    assert directory.is_dir()
    assert expired("1e-9") == [directory.name]
    assert not directory.exists()
    both = {"flow_runs": {"id": {"any_": [first, second]}}}
    assert server.api("POST", "flow_runs/filter", both) == []


def test_a_run_that_never_started_gets_a_final_state(server: Prefect, tmp_path: Path) -> None:
    # What is left when a worker dies between taking a run and starting it.
    flow = server.api("POST", "flows/", {"name": "fusion"})
    state = {"type": "PENDING", "name": "Pending"}
    run = server.api("POST", "flow_runs/", {"flow_id": flow["id"], "state": state})
    run_id = run_id_of(UUID(run["id"]))
    assert run_id not in maintain(server)["lost_runs"], "it may be starting"
    late = "import fusion_flows.flows.maintenance as it, datetime; it._NEVER_STARTED = datetime.timedelta(0)"
    assert run_id in maintain(server, late)["lost_runs"]
    run = server.run(run["id"])
    assert run["state_type"] == "CRASHED"
    assert "never started" in run["state"]["message"]
