"""Pause, Resume and Cancel of a run: what is computed stops and goes on, and nothing ends worse for it."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import psutil
import pytest
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Cancelled, Completed, Failed

from fusion.sweep.store import Store
from fusion_flows.command import cli, pictures
from fusion_flows.following.parts import SIMULATE
from fusion_flows.rundir.directory import RunDirectory
from fusion_flows.rundir.file_state import file_state
from fusion_flows.runs import by_files, pausing
from fusion_flows.runs.lookup import Found, RunError

from .prefect_server import Prefect, wait_for
from .started import SMALL, endless_call, flow_process, replications, script, simulators
from .test_ends import leaves_no_process, start
from .test_maintenance import maintain
from .test_sweep import GRID

SOME = {  # finishes a replication every tenth of a second, on one core, for some seconds
    "general_settings": {"num_requests": 300_000, "max_iters": 60, "erlang_stop": 140},
    "simulation_settings": {"workers": 1},
}


def pause(server: Prefect, run: str, seconds: float = 300) -> None:
    """Pause a flow run as the button of the UI does it."""
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    details = {"pause_timeout": until.isoformat(), "pause_reschedule": True}
    state = {"type": "PAUSED", "name": "Suspended", "state_details": details}
    server.api("POST", f"flow_runs/{run}/set_state", {"state": state, "force": True})


def resume(server: Prefect, run: str) -> Any:
    """Resume a flow run as the button of the UI does it."""
    answer = server.api("POST", f"flow_runs/{run}/resume", {})
    assert answer["status"] == "ACCEPT", answer
    return answer


def has_left(server: Prefect, run: str) -> bool:
    """Return whether a paused run has no process any more, and no time limit."""
    state = server.run(run)["state"]
    return (
        state["name"] == "Suspended"
        and state["state_details"]["pause_timeout"] is None
        and flow_process(run) is None
    )


def last_artifacts(server: Prefect, run: str) -> dict[str, Any]:
    """Return the artifacts of a suspended run once its report is there, else nothing."""
    found = server.artifacts(run)
    return found if "suspended" in found.get("report", {}).get("description", "") else {}


class Said(NamedTuple):
    code: int
    out: str
    err: str


Fusion = Callable[..., Said]


@pytest.fixture
def fusion(
    server: Prefect, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Fusion]:
    """Return the command, run in this process, against the server of the tests."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    monkeypatch.setenv("FUSION_RUNS_DIR", str(server.runs))

    def run(*words: str) -> Said:
        capsys.readouterr()
        code = cli.main(list(words))
        return Said(code, *capsys.readouterr())

    with temporary_settings({PREFECT_API_URL: server.url}):
        yield run


def test_the_verbs_pause_a_run_and_resume_it(fusion: Fusion, worker: Prefect) -> None:
    from prefect.flow_runs import resume_flow_run, suspend_flow_run

    general = {**SOME["general_settings"], "max_iters": 120}
    run_id, directory = start(worker, {**SOME, "general_settings": general})
    waiting = worker.submit(overrides=SMALL)
    refused = fusion("pause", run_id, waiting)
    assert refused.code == 1
    assert "has not started" in refused.err
    assert worker.run(run_id)["state_type"] == "RUNNING", "nothing is done by halves"
    refused = fusion("resume", run_id)
    assert (refused.code, refused.out) == (1, "")
    assert "is not paused, but Running" in refused.err

    paused = fusion("pause", directory.name)
    assert (paused.code, paused.err) == (0, "")
    assert paused.out.startswith(f"{directory.name}  ")
    assert ": Suspended (nothing is being computed. What was finished is kept; Resume" in paused.out
    shown = fusion("show", directory.name).out
    assert "State     Suspended: nothing is being computed. What was finished is kept;" in shown
    assert has_left(worker, run_id)
    assert simulators(directory) == []
    before = replications(directory)
    assert 1 < len(before) < 120
    assert "is already Suspended; `fusion resume`" in fusion("pause", run_id).err
    assert worker.finished(waiting)["state_type"] == "COMPLETED", "its place is free"

    resumed = fusion("resume", run_id)
    assert (resumed.code, resumed.err) == (0, "")
    wait_for(lambda: simulators(directory), 60, "the simulator")
    wait_for(lambda: worker.run(run_id)["state_type"] == "RUNNING", 20, "the state")
    suspend_flow_run(flow_run_id=UUID(run_id))  # as a program of others does it
    wait_for(lambda: has_left(worker, run_id), 30, "the end of the flow's process")
    resume_flow_run(UUID(run_id))
    assert worker.finished(run_id, 90)["state_type"] == "COMPLETED"
    assert replications(directory)[: len(before)] == before
    assert len(replications(directory)) == 120
    for verb, told in (
        ("pause", "has ended (Completed), so it cannot be paused\n"),
        ("resume", "has ended (Completed) and is not paused\n"),
    ):
        refused = fusion(verb, run_id)
        assert refused.code == 1
        assert refused.err.endswith(told)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (Completed(), "has ended (Completed) and is not paused"),
        (
            Cancelled(),
            "has ended (Cancelled) and is not paused; `fusion run --resume 0123456789ab` finishes",
        ),
        (
            Failed(),
            "has ended (Failed) and is not paused; `fusion run --resume 0123456789ab` finishes",
        ),
    ],
    ids=lambda each: getattr(each, "name", ""),
)
def test_only_of_what_ended_early_something_is_left(state: State, told: str) -> None:
    found = Found("0123456789ab", FlowRun(flow_id=uuid4(), name="x", state=state), None)
    with pytest.raises(RunError) as refused:
        pausing._refuse_to_resume(None, found)  # type: ignore[arg-type]
    assert str(refused.value).startswith(f"run 0123456789ab (x) {told}")
    assert str(refused.value).endswith("finishes it" if "finishes" in told else told)


def going_on(worker: Prefect, run_id: str) -> str:
    """Return the report once it is that of a run which was resumed and has not ended."""
    shown = worker.artifacts(run_id)["report"]
    return str(shown["data"]) if shown["description"] == "running again" else ""


def test_a_paused_run_computes_nothing_and_goes_on_when_it_is_resumed(
    worker: Prefect, tmp_path: Path
) -> None:
    run_id, directory = start(worker, SOME)
    pause(worker, run_id)
    wait_for(lambda: not simulators(directory), 20, "the end of the processes")
    wait_for(lambda: has_left(worker, run_id), 30, "the end of the flow's process")
    before = replications(directory)
    assert 1 < len(before) < 60
    assert "Resume" in worker.run(run_id)["state"]["message"]
    own = (directory / "report.html").read_text()
    at_the_command = pictures.report(str(directory), to=tmp_path / "report.html").read_text()
    for report in (own, at_the_command):
        assert "Partial results" in report
        plain = report.replace("strong>", "b>")
        assert "To continue it: <b>Resume</b> on its page in Prefect, or" in plain
        assert f"fusion resume {directory.name}" in report
        assert f"fusion run --resume {directory}" in report
    state = file_state(RunDirectory(directory))
    assert (state.name, state.over) == ("Suspended", False), "as Prefect says"
    assert f"`fusion resume {directory.name}` continues" in state.message
    shown = wait_for(lambda: last_artifacts(worker, run_id), 20, "the report in Prefect")
    assert "**Resume** on its page" in shown["report"]["data"]
    assert {row["stop"] for row in json.loads(shown["points"]["data"])} == {"suspended"}
    for text in (own, at_the_command, json.dumps(shown)):
        assert not any(said in text for said in ("still running", "interrupted"))
    left = worker.parts(run_id)
    assert left[SIMULATE] == left["140 E"] == ("Suspended", worker.run(run_id)["state"]["message"])
    time.sleep(2)
    assert replications(directory) == before

    resume(worker, run_id)
    again = wait_for(lambda: going_on(worker, run_id), 30, "the report of a run that goes on")
    assert "The run goes on" in again
    for said in ("**Resume** on its page", "fusion run --resume", "suspended", "Suspended"):
        assert said not in again
    assert worker.finished(run_id, 60)["state_type"] == "COMPLETED"
    wait_for(lambda: worker.parts(run_id)[SIMULATE][0] == "Completed", 20, "the end of the part")
    parts = {name.partition(": ")[0] for name in worker.parts(run_id)}  # now with their numbers
    assert parts == left.keys()
    after = replications(directory)
    assert len(after) == 60
    assert after[: len(before)] == before
    assert worker.run(run_id)["run_count"] == 1


@pytest.mark.slow
def test_a_run_that_is_resumed_at_once_goes_on_in_one_process(worker: Prefect) -> None:
    run_id, directory = start(worker, SOME)
    pause(worker, run_id)
    resume(worker, run_id)  # the first process has not left yet
    assert worker.finished(run_id, 90)["state_type"] == "COMPLETED"
    assert len(replications(directory)) == 60


@pytest.mark.slow
def test_a_paused_run_is_ended_by_cancel(fusion: Fusion, worker: Prefect) -> None:
    run_id, directory = start(worker, SOME)
    pause(worker, run_id)
    wait_for(lambda: has_left(worker, run_id), 60, "the end of the flow's process")
    in_the_ui, other = start(worker, SOME)
    pause(worker, in_the_ui)
    wait_for(lambda: has_left(worker, in_the_ui), 60, "the end of the flow's process")
    assert fusion("cancel", directory.name).code == 0
    worker.cancel(in_the_ui)
    assert worker.finished(run_id, 10)["state_type"] == "CANCELLED"
    assert worker.finished(in_the_ui, 10)["state_type"] == "CANCELLED"
    assert file_state(RunDirectory(directory)).name == "Cancelled", "no process could write it"
    assert file_state(RunDirectory(other)).name == "Suspended", "nobody could write it"
    maintain(worker)
    assert file_state(RunDirectory(other)).name == "Cancelled"
    assert len(replications(directory)) > 1


@pytest.mark.slow
def test_a_pause_that_prefect_has_called_a_failure_is_a_pause(worker: Prefect) -> None:
    run_id, directory = start(worker, SOME)
    # What Prefect's server does when the time limit of a pause is over.
    state = {
        "type": "FAILED",
        "name": "Failed",
        "message": "The flow was paused and never resumed.",
    }
    worker.api("POST", f"flow_runs/{run_id}/set_state", {"state": state, "force": True})
    wait_for(lambda: has_left(worker, run_id), 60, "the end of the flow's process")
    resume(worker, run_id)
    assert worker.finished(run_id, 60)["state_type"] == "COMPLETED"
    assert len(replications(directory)) == 60


@pytest.mark.slow
def test_a_paused_sweep_goes_on_from_its_store(worker: Prefect, tmp_path: Path) -> None:
    sweep = {
        **GRID,
        "overrides": {
            "general_settings": {"num_requests": 100_000, "max_iters": 30},
            "simulation_settings": {"workers": 1, "seed": 4711},
        },
    }
    run_id = worker.submit("fusion-sweep/sweep", sweep=sweep)
    directory = worker.directory(run_id)
    wait_for(lambda: simulators(directory), 90, "the simulator")
    store = Store(worker.runs / "store")

    def outcomes() -> int:
        return sum(file.read_bytes().count(b"\n") - 1 for file in store.files())

    before = outcomes()
    wait_for(lambda: outcomes() > before + 5, 60, "some outcomes")
    pause(worker, run_id)
    wait_for(lambda: not simulators(directory), 30, "the end of the simulator")
    wait_for(
        lambda: worker.run(run_id)["state"]["state_details"]["pause_timeout"] is None, 90, "the end"
    )
    paused = outcomes()
    assert paused < before + 6 * 30
    time.sleep(2)
    assert outcomes() == paused

    shown = wait_for(lambda: last_artifacts(worker, run_id), 60, "the report in Prefect")
    assert "**Resume** on its page" in shown["report"]["data"]
    assert "suspended" in {row["stop"] for row in json.loads(shown["points"]["data"])}
    report = pictures.report(str(directory), to=tmp_path / "report.html").read_text()
    assert "Resume</strong> on its page" in report
    assert f"fusion resume {directory.name}" in report
    resume(worker, run_id)
    assert worker.finished(run_id, 120)["state_type"] == "COMPLETED"
    assert outcomes() == before + 6 * 30, "nothing is computed twice"


AT_THE_END = """
import time
from prefect import get_client
from prefect.flow_engine import run_flow
from prefect.states import Pending, Suspended
from fusion_flows.flows import sim

overrides = {overrides}
with get_client(sync_client=True) as client:
    deployment = client.read_deployment_by_name("fusion/sim")
    run = client.create_flow_run_from_deployment(
        deployment.id, parameters=dict(overrides=overrides, name={name!r}), state=Pending()
    )
    really = sim.publish.find

    def find(*words, **named):
        state = Suspended(timeout_seconds=300)
        client.set_flow_run_state(run.id, state, force=True)
        time.sleep(3)  # it is heard of
        return really(*words, **named)

    sim.publish.find = find
    run_flow(sim.fusion, flow_run=run, parameters=dict(overrides=overrides, name={name!r}))
"""


def test_a_run_that_is_paused_when_all_is_computed_is_complete(
    worker: Prefect, tmp_path: Path
) -> None:
    path = tmp_path / "at_the_end.py"
    path.write_text(AT_THE_END.format(overrides=SMALL, name=tmp_path.name))
    process = worker.call(str(path))
    run_id = worker.named(tmp_path.name)
    process.wait(60)
    assert worker.run(run_id)["state_type"] == "COMPLETED"
    assert "Partial results" not in (worker.directory(run_id) / "report.html").read_text()


def test_maintenance_gives_a_paused_run_without_a_process_the_state_of_its_files(
    worker: Prefect, tmp_path: Path
) -> None:
    # Paused between the worker and the first step of the flow, so that nothing of ours could say anything.
    deployment = worker.api("GET", "deployments/name/fusion/sim")
    path = f"deployments/{deployment['id']}/create_flow_run"
    never_begun = worker.api("POST", path, {"state": {"type": "PENDING"}})["id"]
    pause(worker, never_begun)
    name = tmp_path.name
    assert (
        worker.call(script(tmp_path, f"fusion(overrides={SMALL!r}, name={name!r})")).wait(90) == 0
    )
    complete = worker.named(name)
    (tmp_path / "dead").mkdir()
    process, dead, directory = endless_call(worker, tmp_path / "dead")
    pause_in_its_process(worker, dead, directory)
    process.kill()
    process.wait()

    failed = {"type": "FAILED", "message": "The flow was paused and never resumed."}
    worker.api("POST", f"flow_runs/{complete}/set_state", {"state": failed, "force": True})
    ours = {run.replace("-", "")[-12:] for run in (never_begun, complete, dead)}
    assert ours <= set(maintain(worker)["paused_runs"])
    assert has_left(worker, never_begun)
    assert worker.run(complete)["state_type"] == "COMPLETED"
    assert worker.run(dead)["state_type"] == "CRASHED"

    pause(worker, complete)
    assert ours & set(maintain(worker)["paused_runs"]) == {complete.replace("-", "")[-12:]}
    assert worker.run(complete)["state_type"] == "COMPLETED"
    worker.cancel(never_begun)
    assert worker.run(never_begun)["state_type"] == "CANCELLED"


STOPPED = {psutil.STATUS_STOPPED}
GOES_ON = {psutil.STATUS_RUNNING, psutil.STATUS_SLEEPING, psutil.STATUS_DISK_SLEEP}


def statuses(directory: Path) -> set[str]:
    """Return what the processes that simulate for a run are doing."""
    found = set()
    for process in simulators(directory):
        try:
            if "guard.py" not in " ".join(process.cmdline()):
                found.add(process.status())
        except psutil.Error:
            continue
    return found


def pause_in_its_process(server: Prefect, run: str, directory: Path) -> None:
    """Pause a run that no deployment could start anew, and check that it waits."""
    pause(server, run)
    wait_for(lambda: statuses(directory) == STOPPED, 20, "all to be stopped")
    wait_for(lambda: server.run(run)["state"]["name"] == "Paused", 20, "the state Paused")
    assert server.run(run)["state"]["state_details"]["pause_timeout"] is None
    news = wait_for(lambda: paused_news(server, run), 20, "the news")
    assert "ETA" not in news


def paused_news(server: Prefect, run: str) -> str:
    """Return what the progress of a run says, once it says that the run is paused."""
    news = str(server.artifacts(run).get("progress", {}).get("description"))
    return news if news.startswith("paused, ") else ""


def test_the_verbs_pause_a_run_in_its_process(
    fusion: Fusion, server: Prefect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, run_id, directory = endless_call(server, tmp_path)
    paused = fusion("pause", run_id)
    assert paused.code == 0, paused.err
    assert ": Paused (nothing is being computed. The processes are stopped" in paused.out
    wait_for(lambda: statuses(directory) == STOPPED, 20, "all to be stopped")
    resumed = fusion("resume", run_id)
    assert resumed.code == 0, resumed.err
    wait_for(lambda: statuses(directory) <= GOES_ON, 20, "all to go on")
    assert server.run(run_id)["state_type"] == "RUNNING"

    assert fusion("pause", run_id).code == 0
    monkeypatch.setattr(by_files, "_STARTING", timedelta(0))
    process.kill()
    process.wait()
    refused = fusion("resume", run_id)
    assert refused.code == 1
    assert "has lost its process; `fusion run --resume" in refused.err
    assert server.run(run_id)["state_type"] == "PAUSED"
    server.cancel(run_id)


def test_a_paused_run_without_a_deployment_waits_in_its_process(
    server: Prefect, tmp_path: Path
) -> None:
    process, run_id, directory = endless_call(server, tmp_path)
    pause_in_its_process(server, run_id, directory)
    resume(server, run_id)
    wait_for(lambda: statuses(directory) <= GOES_ON, 20, "all to go on")
    assert server.run(run_id)["state_type"] == "RUNNING"
    pause_in_its_process(server, run_id, directory)
    server.cancel(run_id)
    assert server.finished(run_id, 30)["state_type"] == "CANCELLED"
    assert process.wait(30) == 1, "CancelledRun"
    assert simulators(directory) == []


@pytest.mark.slow
def test_a_run_that_waits_in_its_process_ends_with_it(server: Prefect, tmp_path: Path) -> None:
    process, run_id, directory = endless_call(server, tmp_path)
    pause_in_its_process(server, run_id, directory)
    with leaves_no_process(directory):
        process.kill()
