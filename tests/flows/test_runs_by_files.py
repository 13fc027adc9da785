"""What is told of runs when nobody else can say it: what their files say."""

import json
import re
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.settings import PREFECT_API_URL, temporary_settings

from fusion.config.config import load_config, to_ini
from fusion_flows.command import cli
from fusion_flows.rundir import directory as rundir
from fusion_flows.rundir import lock as run_lock
from fusion_flows.rundir.directory import run_id_of
from fusion_flows.rundir.file_state import FileState, file_state, is_complete, write_cancelled
from fusion_flows.runs import by_files as runs_by_files
from fusion_flows.runs import listing as runs
from fusion_flows.runs.lookup import Run
from fusion_flows.server import known_folders
from fusion_flows.server.address import ServerAwayError

from .prefect_server import Prefect, free_port, plain_environment, wait_for
from .started import GOING_ON, SMALL, endless_call, replications, script

Capture = pytest.CaptureFixture[str]


def listed(url: str, state: str = "") -> dict[str, Run]:
    """Return the runs that are listed with a server at this address, by run id."""
    with temporary_settings({PREFECT_API_URL: url}):
        return {run.run_id: run for run in runs.runs(limit=200, state=state)}


def test_without_a_server_and_without_its_process_a_run_is_what_its_files_say(
    server: Prefect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("FUSION_RUNS_DIR", str(server.runs))
    call = f"fusion(overrides={SMALL!r}, name={tmp_path.name!r})"
    complete = server.call(script(tmp_path, call))
    (tmp_path / "dead").mkdir()
    killed, dead_id, dead = endless_call(server, tmp_path / "dead")
    killed.kill()
    killed.wait()
    (tmp_path / "alive").mkdir()
    living, _, alive = endless_call(server, tmp_path / "alive")
    assert complete.wait(90) == 0
    done = server.directory(server.named(tmp_path.name))
    try:
        away = f"http://127.0.0.1:{free_port()}/api"
        found = listed(away)
        states = {run.name: found[run.name].state for run in (done, dead, alive)}
        assert states == {done.name: "Completed", dead.name: "Interrupted", alive.name: "Running"}
        assert f"`fusion run --resume {dead}` continues" in found[dead.name].message
        assert (found[done.name].percent, found[done.name].news) == (
            100,
            "5/5 loads, 15 replications",
        )
        names = [tmp_path.name, "dead", "alive"]
        assert [found[run.name].name for run in (done, dead, alive)] == names
        time.sleep(1.5)  # what is over takes no longer
        again = listed(away)
        for run in (done, dead):
            assert again[run.name].duration_seconds == found[run.name].duration_seconds
            assert again[run.name].ended == found[run.name].ended
        assert 0 < (found[dead.name].duration_seconds or 0) < 100
        interrupted = listed(away, "interrupted")
        assert dead.name in interrupted
        assert not {done.name, alive.name} & interrupted.keys()
        with temporary_settings({PREFECT_API_URL: away}):
            assert cli.main(["show", dead.name]) == 0
            assert "Interrupted: " in capsys.readouterr().out
            assert cli.main(["show", done.name, "output/points.csv"]) == 0
            assert capsys.readouterr().out.startswith("erlang,")
            assert cli.main(["show", tmp_path.name]) == 0
            assert f"Run       {done.name}  {tmp_path.name}" in capsys.readouterr().out
            assert cli.main(["logs", tmp_path.name, "-n", "1"]) == 0
            assert "results in" in capsys.readouterr().out
            assert cli.main(["runs"]) == 0
            assert "read from the files of the runs" in capsys.readouterr().err

        # With a server that has not heard of the end.
        monkeypatch.setattr(runs_by_files, "_STARTING", timedelta(0))
        by_files = found[dead.name]
        # After a while without a heartbeat an automation of other tests may have called it Crashed.
        running = {"state": {"type": "RUNNING"}, "force": True}
        server.api("POST", f"flow_runs/{dead_id}/set_state", running)
        once, again = (listed(server.url)[dead.name] for _ in range(2))
        assert (once.state, once.name, once.ended) == ("Interrupted", "dead", by_files.ended)
        assert once.duration_seconds == again.duration_seconds, "what is over takes no longer"
        assert once.duration_seconds == by_files.duration_seconds
        for state in ("", "Running", "Interrupted"):
            server.api("POST", f"flow_runs/{dead_id}/set_state", running)
            found = listed(server.url, state)
            assert (dead.name in found) == (state != "Running")
            assert (alive.name in found) == (state != "Interrupted")
            assert state == "Running" or found[dead.name].state == "Interrupted"
        with temporary_settings({PREFECT_API_URL: server.url}):
            assert cli.main(["show", dead.name]) == 0
            assert "Interrupted: " in capsys.readouterr().out
    finally:
        living.kill()
        living.wait()


def test_start_and_duration_are_the_same_with_and_without_a_server(
    worker: Prefect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUSION_RUNS_DIR", str(worker.runs))
    going_on = worker.submit(overrides=GOING_ON)
    directory = worker.directory(going_on)
    wait_for(lambda: replications(directory), 60, "a replication")
    waits = worker.submit(overrides=SMALL)
    worker.cancel(waits)
    assert worker.run(waits)["start_time"], "for Prefect it has one"
    never = listed(worker.url)[run_id_of(UUID(waits))]
    assert (never.state, never.started, never.duration_seconds) == ("Cancelled", None, None)
    worker.cancel(going_on)
    worker.finished(going_on)
    complete = worker.submit(overrides=SMALL)
    worker.finished(complete, 90)
    found, away = listed(worker.url), listed(f"http://127.0.0.1:{free_port()}/api")
    for run in (going_on, complete):
        here, there = (each[run_id_of(UUID(run))] for each in (found, away))
        assert there.started == here.started
        record = json.loads((worker.directory(run) / "run.json").read_text())
        assert there.ended is not None
        assert here.ended is not None
        assert datetime.fromisoformat(record["started"]) < there.ended <= here.ended
        assert there.duration_seconds is not None
        assert here.duration_seconds is not None
        assert there.duration_seconds <= here.duration_seconds
        assert (there.state, there.over) == (here.state, here.over)
    # Of a run that is cancelled the flow knows the end that Prefect says.
    assert away[run_id_of(UUID(going_on))].duration_seconds == pytest.approx(
        found[run_id_of(UUID(going_on))].duration_seconds, abs=1e-3
    )


def test_of_several_attempts_the_files_say_how_long_they_took_together(tmp_path: Path) -> None:
    run = rundir.create(tmp_path, "0123456789ab", "[general_settings]\n")
    began = datetime(2026, 11, 29, 18, tzinfo=UTC)
    record = {
        "started": began.isoformat(),
        "attempt_started": (began + timedelta(hours=2)).isoformat(),
        "earlier_seconds": 60.0,
    }
    run.flow_run.write_text(json.dumps(record))
    run.provenance.write_text(
        '{"started": "2026-11-29T20:00:03+00:00", "ended": "2026-11-29T20:00:30+00:00", "exit_code": 0}'
    )
    state = file_state(run)
    assert (state.started, state.duration_seconds) == (began, 90.0), "its flow was killed"
    ended = began + timedelta(hours=2, seconds=40)
    run.flow_run.write_text(
        json.dumps({**record, "ended": ended.isoformat(), "duration_seconds": 100.0})
    )
    state = file_state(run)
    assert (state.started, state.ended, state.duration_seconds) == (began, ended, 100.0)
    run.flow_run.write_text('{"flow_run_id": "", "name": "of an earlier version"}')
    state = file_state(run)
    assert state.started == datetime(2026, 11, 29, 20, 0, 3, tzinfo=UTC)
    assert state.duration_seconds == 27


def test_an_end_is_told_from_the_files(tmp_path: Path) -> None:
    run, flow_run_id = rundir.create(tmp_path, "0123456789ab", "[general_settings]\n"), uuid4()
    assert file_state(run).name == "Interrupted", "it was ended before it began"
    for record, name in (
        ({"started": "2026-11-29T18:12:51+00:00"}, "Interrupted"),
        ({"exit_code": 143, "exit_reason": "interrupted by SIGTERM"}, "Interrupted"),
        ({"exit_code": 1, "exit_reason": "No space left on device"}, "Failed"),
        ({"exit_code": 0, "exit_reason": "complete"}, "Completed"),
    ):
        run.provenance.write_text(json.dumps(record))
        assert file_state(run).name == name
        assert is_complete(run) == (name == "Completed")
    with run_lock.hold(run):
        assert file_state(run).name == "Running"
        write_cancelled(run, flow_run_id)
        assert not run.flow_run.exists()
        assert not is_complete(run)
    run.provenance.write_text('{"exit_co')
    assert not is_complete(run)


def test_of_a_cancelled_or_suspended_run_the_files_know_it(tmp_path: Path) -> None:
    run = rundir.create(tmp_path, "0123456789ab", "[general_settings]\n")
    began = datetime(2026, 11, 29, 18, tzinfo=UTC)
    flow_run_id = uuid4()
    flow_run = {
        "flow_run_id": str(flow_run_id),
        "started": began.isoformat(),
        "attempt_started": began.isoformat(),
        "ended": (began + timedelta(seconds=50)).isoformat(),
        "duration_seconds": 50.0,
    }
    run.flow_run.write_text(json.dumps(flow_run))
    simulator = {"started": began.isoformat(), "exit_code": 143}
    for record in ({"exit_code": 130}, {"exit_code": 143}, {"exit_code": 1}, {}, {"exit_code": 0}):
        run.provenance.write_text(json.dumps({**simulator, **record}))
        run.flow_run.write_text(json.dumps(flow_run))
        write_cancelled(run, uuid4())
        assert file_state(run).name != "Cancelled", "it was another flow run"
        write_cancelled(run, flow_run_id)
        state = file_state(run)
        assert (state.name, state.over, state.duration_seconds) == ("Cancelled", True, 50.0)
        assert is_complete(run) == ("all was computed" in state.message)
        assert is_complete(run) == (record == {"exit_code": 0})
    # The simulator alone went on, and came to its end.
    later = {"started": (began + timedelta(hours=1)).isoformat(), "exit_code": 0}
    run.provenance.write_text(json.dumps(later))
    assert file_state(run).name == "Completed"
    run.provenance.write_text(json.dumps(simulator))
    run.flow_run.write_text(json.dumps({**flow_run, "state": "Suspended"}))
    state = file_state(run)
    assert (state.name, state.over, state.ended) == ("Suspended", False, None)
    assert state.duration_seconds == 50, "it no longer counts"
    assert f"`fusion resume {run_id_of(flow_run_id)}`" in state.message


def test_a_run_that_has_lost_its_process_has_no_eta() -> None:
    running = Run(
        run_id="0123456789ab",
        flow_run_id=None,
        name="ring",
        state="Running",
        message="",
        over=False,
        percent=40.0,
        news="2/5 loads, ETA 1:02:07, 6 replications",
        created=None,
        started=None,
        ended=None,
        duration_seconds=None,
    )
    began = datetime.now(UTC) - timedelta(hours=1)
    last = began + timedelta(seconds=20)
    state = FileState("Interrupted", "killed", True, began, last)
    earlier = timedelta(seconds=5)  # an attempt before this one
    flow_run = FlowRun(
        flow_id=uuid4(),
        start_time=began - timedelta(minutes=1),
        total_run_time=earlier,
        state=State(type=StateType.RUNNING, timestamp=began),
    )
    run = runs_by_files.corrected(running, state, flow_run)
    assert (run.state, run.over, run.ended) == ("Interrupted", True, last)
    assert run.duration_seconds == 25
    assert run.news == "2/5 loads, 6 replications"


NO_SERVER = """
import sys
from fusion_flows.command.cli import main
from fusion_flows.command.submission import resumable

for words in (["runs"], ["show", "my ring"], ["show", "my ring", "config.ini"], ["logs", "my ring"],
              ["logs", "my ring", "--follow"], ["runs", "--state", "failed"]):
    assert main(words) == 0, words
for words in (["cancel", "my ring"], ["pause", "my ring"], ["resume", "my ring"],
              ["delete", "my ring", "-y"], ["delete", "my ring"], ["set-up"],
              ["run", "quick", "--detach"], ["delete", "nothing here", "-y"]):
    assert main(words) == 1, words
for words in (["show", "my rink"], ["logs", "my rink"], ["report", "my rink"], ["topology", "my rink"],
              ["run", "--resume", "my rink"], ["show", "my ring", "confg.ini"]):
    assert main(words) == 2, words
assert resumable("my ring") == "0123456789ab"
assert "prefect" not in sys.modules, "nothing of Prefect was started"
"""


def test_what_only_reads_needs_no_server_and_what_needs_one_says_what_to_do(tmp_path: Path) -> None:
    run = rundir.create(tmp_path / "runs", "0123456789ab", to_ini(load_config("quick")))
    run.log.write_text("what the simulator printed\n")
    run.provenance.write_text('{"started": "2026-11-23T03:47:21+00:00", "exit_code": 0}')
    run.flow_run.write_text('{"flow_run_id": "", "name": "my ring"}')
    environment = {**plain_environment(tmp_path), "FUSION_RUNS_DIR": str(tmp_path / "runs")}
    done = subprocess.run(
        [sys.executable, "-c", NO_SERVER],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("my ring") == 2
    assert done.stdout.count("what the simulator printed") == 2
    told = [line for line in done.stderr.splitlines() if line.startswith("fusion: ")]
    assert len(told) == 14
    assert not any("--yes" in line for line in told), "first what is needed, then the question"
    *others, file = told
    running = re.compile(
        r"no Prefect server( with a worker)? is running: start one with `fusion up`"
    )
    assert all(running.search(line) for line in others)
    by_hand = (
        f"The files are in {run.path}: `fusion delete --without-server` deletes them, and a run is then "
        "still in the lists of its server, if it has one"
    )
    assert [line.endswith(by_hand) for line in others] == [False] * 3 + [True] * 2 + [False] * 8
    assert (
        f"There are no files of a run 'nothing here' in {tmp_path / 'runs'} either; " in others[7]
    )
    nearest = "the nearest: 0123456789ab (my ring)"
    unknown = f"there is no run 'my rink' in {tmp_path / 'runs'}; {nearest}; "
    assert [unknown in line for line in others] == [False] * 8 + [True] * 5
    assert "did you mean 'config.ini'?" in file


def test_files_of_runs_are_deleted_without_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    folder = tmp_path / "runs"
    monkeypatch.setenv("FUSION_RUNS_DIR", str(folder))
    gone, running, kept = (
        rundir.create(folder, digit * 12, to_ini(load_config("quick"))) for digit in "123"
    )
    gone.flow_run.write_text('{"flow_run_id": "", "name": "my ring"}')
    with (
        temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{free_port()}/api"}),
        run_lock.hold(running),
    ):
        for words, code, said in (
            (["my ring"], 1, "no Prefect server answers"),
            (["my ring", "2222", "--without-server"], 1, f"{running.run_id} is running"),
            (["my ring", "--cancel", "--without-server"], 2, "--cancel needs a server"),
            (["9999", "--without-server"], 2, "there is no run '9999'"),
        ):
            assert cli.main(["delete", *words, "--yes"]) == code
            assert said in capsys.readouterr().err
            assert gone.path.exists()
        assert cli.main(["delete", "my ring", "--without-server", "--yes"]) == 0
    assert re.fullmatch(
        r"1{12}  my ring: deleted \([\d.]+ kB of files\)\n", capsys.readouterr().out
    )
    assert {one.name for one in folder.iterdir()} >= {running.run_id, kept.run_id}
    assert not gone.path.exists()


def test_files_alone_are_not_deleted_where_a_server_answers(
    server: Prefect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Capture
) -> None:
    monkeypatch.setenv("FUSION_RUNS_DIR", str(tmp_path / "runs"))
    run = rundir.create(tmp_path / "runs", "0123456789ab", to_ini(load_config("quick")))
    with temporary_settings({PREFECT_API_URL: server.environment["PREFECT_API_URL"]}):
        assert cli.main(["delete", "0123", "--without-server", "--yes"]) == 2
    assert "a Prefect server answers; leave this option out" in capsys.readouterr().err
    assert run.path.exists()


def test_a_run_that_went_on_in_the_directory_of_another_is_found_there(tmp_path: Path) -> None:
    run = rundir.create(tmp_path, "0123456789ab", to_ini(load_config("quick")))
    flow_run = uuid4()
    run.flow_run.write_text(json.dumps({"flow_run_id": str(flow_run), "name": "my ring"}))
    for name in ("0123456789ab", run_id_of(flow_run), str(flow_run), "my ring"):
        assert runs_by_files.find_by_files(name, tmp_path, ServerAwayError("")) == run


def test_no_runs_and_no_server_are_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("FUSION_RUNS_DIR", str(tmp_path / "runs"))
    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{free_port()}/api"}):
        assert cli.main(["runs"]) == 1
    folder = tmp_path / "runs"
    start = f"fusion: there are no runs in {folder} (set FUSION_RUNS_DIR to use another folder), and no "
    assert capsys.readouterr().err.startswith(f"{start}Prefect server answers at ")


def test_the_folder_that_has_a_run_is_named_where_it_is_not_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    there = tmp_path / "server" / "runs"
    run = rundir.create(there, "fb13456789ab", to_ini(load_config("quick")))
    run.flow_run.write_text('{"flow_run_id": "", "name": "my ring"}')
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    known_folders.remember(known_folders.RUNS, tmp_path / "gone")
    known_folders.remember(known_folders.RUNS, there)
    known_folders.remember(known_folders.RUNS, tmp_path / "none of them")
    has = f"{there} has fb13456789ab: set FUSION_RUNS_DIR={there} to use it"
    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{free_port()}/api"}):
        for words in (
            *(["show", "fb13"], ["show", "my ring"], ["logs", "fb13"], ["report", "fb13"]),
            *(["open", "fb13"], ["rerun", "fb13"], ["compare", "fb13", "my ring"]),
            ["run", "--resume", "fb13"],
        ):
            assert cli.main(words) == 2, words
            told = capsys.readouterr().err
            assert f"in {tmp_path / 'runs'}; {has}" in told, words
        assert cli.main(["runs"]) == 1
        assert f"{there} has 1 run: set FUSION_RUNS_DIR={there}" in capsys.readouterr().err
        assert cli.main(["show", "fc13"]) == 2
        assert str(there) not in capsys.readouterr().err, "it has none that is called so"
        monkeypatch.setenv("FUSION_RUNS_DIR", str(there))
        assert cli.main(["show", "fb13"]) == 0


def test_lists_with_and_without_a_server_agree_on_what_only_files_know(
    server: Prefect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """A run of another server, or one that was deleted there, was in the list without a server alone."""
    monkeypatch.setenv("FUSION_RUNS_DIR", str(server.runs))
    call = f"fusion(overrides={SMALL!r}, name={tmp_path.name!r})"
    assert server.call(script(tmp_path, call)).wait(90) == 0
    done = server.directory(server.named(tmp_path.name))
    made = []
    for place, state in enumerate(("Cancelled", "Completed", "Interrupted")):
        run = rundir.create(server.runs, f"fab00000000{place}", to_ini(load_config("quick")))
        made.append(run)
        name = f"{tmp_path.name} {state}"
        recorded = {"flow_run_id": str(uuid4()), "name": name}
        run.flow_run.write_text(json.dumps(recorded))
        code = {"Cancelled": 143, "Completed": 0, "Interrupted": 1}[state]
        if state != "Interrupted":
            run.provenance.write_text(json.dumps({"exit_code": code}))
        if state == "Cancelled":
            write_cancelled(run, UUID(str(recorded["flow_run_id"])))
    ids = {run.run_id for run in made}
    away = f"http://127.0.0.1:{free_port()}/api"
    try:
        for state in ("", "cancelled", "Completed", "Interrupted", "Running"):
            with_server, without = (listed(url, state) for url in (server.url, away))
            assert with_server.keys() & ids == without.keys() & ids, state
            for run_id in without.keys() & ids:
                assert with_server[run_id] == without[run_id]
        everything = listed(server.url)
        assert ids < everything.keys()
        assert everything[done.name].flow_run_id is not None
        assert list(everything).count(done.name) == 1
        with temporary_settings({PREFECT_API_URL: server.url}):
            assert cli.main(["runs", "--name", tmp_path.name, "--limit", "2"]) == 0
            shown = capsys.readouterr()
            assert [line[:12] for line in shown.out.splitlines()[1:]] == [
                *("fab000000002", "fab000000001")
            ]
            assert "read from the files of the runs" in shown.err
            assert cli.main(["runs", "--name", tmp_path.name, "--limit", "2", "--page", "2"]) == 0
            shown = capsys.readouterr()
            assert [line[:12] for line in shown.out.splitlines()[1:]] == ["fab000000000", done.name]
            assert "Not in Prefect, and read from their files: fab000000000\n" in shown.err
            assert cli.main(["show", f"{tmp_path.name} Cancelled"]) == 0
            assert "State     Cancelled (not in Prefect): " in capsys.readouterr().out
    finally:
        for run in made:
            shutil.rmtree(run.path)
