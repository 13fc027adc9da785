"""Sweeps at the command, where a worker runs them."""

import json
import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fusion_flows.command import cli
from fusion_flows.command.schedules import make_schedule
from fusion_flows.rundir.directory import RunDirectory
from fusion_flows.runs.by_files import run_by_files
from fusion_flows.runs.time_expressions import ArgumentError

from . import in_process
from .prefect_server import Prefect, wait_for
from .started import simulating
from .test_maintenance import maintain
from .test_sweep import computed

SWEEP = """
template = "mine.ini"
[grid]
k_paths = [1, 3]
erlang = [150, 200]
[overrides.general_settings]
max_iters = 2
"""
MINE = """
[general_settings]
num_requests = 3000
max_iters = 3
[topology_settings]
network = NSFNet
"""


def fusion(server: Prefect, folder: Path, *words: str) -> str:
    done = called(server, folder, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def called(server: Prefect, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    if words[0] != "sweep" or "--detach" in words:
        return in_process.fusion(server.environment, folder, *words)
    return subprocess.run(  # it runs a flow
        [sys.executable, "-m", "fusion_flows.command.cli", *words],
        cwd=folder,
        env=server.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_sweep_is_handed_to_a_worker_and_shown_as_other_runs_are(
    worker: Prefect, tmp_path: Path
) -> None:
    (tmp_path / "sweep.toml").write_text(SWEEP)
    (tmp_path / "mine.ini").write_text(MINE)
    submitted = json.loads(fusion(worker, tmp_path, "sweep", "sweep.toml", "--detach", "--json"))
    (tmp_path / "mine.ini").write_text("what is submitted does not change any more")
    run = worker.finished(submitted["flow_run_id"])
    assert run["state_type"] == "COMPLETED", worker.log(run["id"])
    listed = json.loads(fusion(worker, tmp_path, "runs", "--json"))
    assert submitted["run_id"] in json.dumps(listed)
    shown = fusion(worker, tmp_path, "show", submitted["run_id"])
    assert f"{tmp_path / 'mine.ini'} over k_paths, erlang" in shown
    assert "4/4 points, 8/8 replications" in shown
    assert "output/points.csv" in shown
    assert "150" in shown
    assert computed(worker.runs).total() >= 8

    # It is called and described as where it is computed in this terminal.
    (tmp_path / "mine.ini").write_text(MINE)
    here = json.loads(fusion(worker, tmp_path, "sweep", "sweep.toml", "--json"))
    directories = worker.directory(run["id"]), Path(here["run_dir"])
    reports = [worker.artifacts(run["id"])["report"]["data"]]
    reports.append(worker.artifacts(worker.newest()["id"])["report"]["data"])
    there, in_terminal = (
        report.partition("## ")[0].replace(each.name, "ID")
        for report, each in zip(reports, directories, strict=True)
    )
    assert "for all points: max_iters = 2" in there
    assert there == in_terminal
    assert worker.newest()["name"] == run["name"] == "mine over k_paths x erlang"
    assert {json.loads((each / "run.json").read_text())["sweep"] for each in directories} == {
        str(tmp_path / "mine.ini")
    }
    titles = [(each / "plots" / "sweep.svg").read_text() for each in directories]
    assert all("mine" in each and "default" not in each for each in titles)


@pytest.mark.parametrize("words", [["sweep", "sweep.toml"], ["run", "mine.ini"]])
def test_what_is_handed_to_a_worker_is_shown_by_the_command_that_is_named(
    words: list[str], worker: Prefect, tmp_path: Path
) -> None:
    (tmp_path / "sweep.toml").write_text(SWEEP)
    (tmp_path / "mine.ini").write_text(MINE)
    done = called(worker, tmp_path, *words, "--detach")
    assert done.returncode == 0, done.stderr
    run_id = done.stdout.split()[0]
    assert f"`fusion logs --follow {run_id}` follows it" in done.stderr
    named = re.search(r"`fusion (show [0-9a-f]{12})` shows its results\.\n", done.stderr)
    assert named, done.stderr
    worker.finished(worker.newest()["id"])
    assert "blocking" in fusion(worker, tmp_path, *named[1].split())


def test_a_sweep_that_was_ended_goes_on_by_the_command_that_is_told(
    worker: Prefect, tmp_path: Path
) -> None:
    (tmp_path / "sweep.toml").write_text(SWEEP.replace("= 2", "= 40"))
    (tmp_path / "mine.ini").write_text(MINE.replace("3000", "100000"))
    submitted = json.loads(fusion(worker, tmp_path, "sweep", "sweep.toml", "--detach", "--json"))
    directory = worker.directory(submitted["flow_run_id"])
    wait_for(lambda: simulating(directory), 60, "the simulator")
    worker.cancel(submitted["flow_run_id"])
    assert worker.finished(submitted["flow_run_id"])["state_type"] == "CANCELLED"
    by_files = wait_for(
        lambda: (run := run_by_files(RunDirectory(directory))).over and run, 30, "the end"
    )
    assert by_files.state == "Cancelled"
    assert re.match(r"\d/4 points, .*/160 replications", by_files.news)
    known = worker.api("POST", "flow_runs/count", {})
    told = f"`fusion sweep {directory / 'sweep.json'}`"
    for words in (
        ("resume", directory.name),
        ("run", "--resume", directory.name),
        ("run", "--resume", directory.name, "--detach"),
    ):
        refused = called(worker, tmp_path, *words)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert told in " ".join(refused.stderr.split())
    assert worker.api("POST", "flow_runs/count", {}) == known, "no flow run was made"
    (tmp_path / "mine.ini").unlink()
    done = fusion(worker, tmp_path, *shlex.split(told.strip("`"))[1:], "--json")
    assert json.loads(done)["points"] == 4

    # Who asks for it where nothing can be said before gets the same words, and none of its files.
    wrong = worker.finished(worker.submit(resume=directory.name))
    assert (wrong["state_type"], wrong["name"]) == ("FAILED", f"resume {directory.name}")
    assert told in wrong["state"]["message"]
    shown = json.loads(fusion(worker, tmp_path, "show", wrong["id"], "--json"))
    assert (shown["directory"], shown["files"]) == (None, [])


def test_a_scheduled_sweep_is_started_by_the_server_and_outlives_an_upgrade(
    worker: Prefect, tmp_path: Path
) -> None:
    (tmp_path / "sweep.toml").write_text(SWEEP)
    (tmp_path / "mine.ini").write_text(MINE)

    def schedule(cron: str, *words: str) -> Any:
        told = fusion(worker, tmp_path, "schedule", "sweep.toml", cron, "--json", *words)
        return json.loads(told)

    name = ("--name", "Each Night")
    first = schedule("0 2 * * *", *name, "--timezone", "Europe/Berlin")
    assert (first["name"], first["replaced"]) == ("each-night", False)
    (tmp_path / "mine.ini").write_text(MINE.replace("3000", "2000"))
    assert schedule("30 3 * * *", *name)["replaced"]
    schedule("0 7 * * 1", "--name", "weekly")
    worker.command("--no-prompt", "deploy", "--name", "sweep")
    deployment = worker.api("GET", "deployments/name/fusion-sweep/sweep")
    found = {one["slug"]: one for one in deployment["schedules"]}
    assert set(found) == {"each-night", "weekly"}
    assert found["each-night"]["schedule"]["cron"] == "30 3 * * *"
    assert found["weekly"]["schedule"]["timezone"] == "UTC"
    sent = found["each-night"]["parameters"]["sweep"]
    assert sent["sent_settings"]["general_settings"]["num_requests"] == 2000

    asked = {
        "deployments": {"id": {"any_": [deployment["id"]]}},
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
    }

    def made() -> Any:
        runs = worker.api("POST", "flow_runs/filter", asked)
        return [run for run in runs if run["parameters"]["name"] == "Each Night"]

    run = wait_for(made, 30, "a run of the schedule")[0]
    state = {"type": "SCHEDULED", "state_details": {"scheduled_time": "2026-01-01T00:00:00Z"}}
    worker.api("POST", f"flow_runs/{run['id']}/set_state", {"state": state, "force": True})
    assert worker.finished(run["id"])["state_type"] == "COMPLETED"
    for one in found.values():
        worker.api("DELETE", f"deployments/{deployment['id']}/schedules/{one['id']}")


def test_a_schedule_that_cannot_be_is_refused(worker: Prefect, tmp_path: Path) -> None:
    (tmp_path / "sweep.toml").write_text(SWEEP.replace('"mine.ini"', '"quick"'))
    for words, message in (
        (("0 25 * * *",), "cron 0 25 * * *: 25 is not an hour: that is 0 to 23"),
        (("0 2 30 2 *",), "cron 0 2 30 2 *: Prefect finds no date for it, now or later"),
        (("0 2 * * *", "--timezone", "Berlin"), "timezone Berlin: must be a zone such as UTC"),
    ):
        refused = called(worker, tmp_path, "schedule", "sweep.toml", *words)
        assert refused.returncode == 2
        assert message in refused.stderr
    assert worker.api("GET", "deployments/name/fusion-sweep/sweep")["schedules"] == []


@pytest.mark.parametrize(
    ("cron", "message"),
    [
        ("0 2 30 2 *", "Prefect finds no date for it, now or later"),
        ("0 2 31 4,6,9,11 *", "Prefect finds no date for it, now or later"),
        ("0 2 * * * *", "without the first it is '2 * * * *', without the last '0 2 * * *'"),
        ("0 0 2 * * *", "without the first it is '0 2 * * *', without the last '0 0 2 * *'"),
        ("0 2 * * * 0 2030", "has 7 fields; must be minute, hour, day, month and weekday"),
        ("0", "has 1 field; must be"),
        ("", "has 0 fields; must be"),
        ("0 25 * * *", "25 is not an hour: that is 0 to 23, or several of them"),
        ("1,2,99 2 * * *", "1,2,99 is not a minute: that is 0 to 59"),
        ("0 2 0 * *", "0 is not a day: that is 1 to 31"),
        ("0 2 * 13 *", "13 is not a month: that is 1 to 12 or jan to dec"),
        ("0 2 * * mon-fry", "mon-fry is not a weekday: that is 0 to 7 (0 and 7 are Sunday)"),
        ("@reboot", "must be minute, hour, day, month and weekday"),
    ],
)
def test_times_that_never_come_or_come_each_second_are_refused(cron: str, message: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(f"cron {cron}: ")) as refused:
        make_schedule(cron, "Europe/Berlin")
    assert message in str(refused.value)


@pytest.mark.parametrize("cron", ["0 2 * * *", "* * * * *", "0 2 29 2 *", "@daily", "0 2 * * 1#5"])
def test_times_that_come_are_taken_and_said(cron: str) -> None:
    schedule, first = make_schedule(cron, "Europe/Berlin")
    assert schedule.cron == cron
    assert first > datetime.now(UTC)


def test_a_schedule_that_stops_others_is_found(worker: Prefect, tmp_path: Path) -> None:
    deployment = worker.api("GET", "deployments/name/fusion-sweep/sweep")
    path = f"deployments/{deployment['id']}/schedules"

    def add(slug: str, cron: str) -> str:
        wanted = {"schedule": {"cron": cron, "timezone": "UTC"}, "slug": slug}
        return str(worker.api("POST", path, [wanted])[0]["id"])

    def found() -> dict[str, Any]:
        checks = json.loads(called(worker, tmp_path, "doctor", "--json").stdout)
        return {one["found"].split()[0]: one for one in checks if "schedule" in one["subject"]}

    never = add("never", "0 2 30 2 *")
    made = [never, add("nightly", "0 3 * * *"), add("seconds", "0 2 * * * *")]
    try:
        checks = found()
        assert set(checks) == {"never", "seconds"}
        assert checks["never"]["verdict"] == "problem"
        assert checks["never"]["found"].startswith(
            "never (0 2 30 2 *) of fusion-sweep/sweep has no next date"
        )
        assert checks["seconds"]["verdict"] == "warning"
        assert "starts runs 1 s apart" in checks["seconds"]["found"]
        (stopping,) = maintain(worker)["stopping_schedules"]
        assert "never (0 2 30 2 *) of fusion-sweep/sweep has no next date" in stopping

        mend = checks["never"]["mend"].split("`")[1].split()
        worker.command(*mend[1:])
        assert set(found()) == {"seconds"}
        assert maintain(worker)["stopping_schedules"] == []
    finally:
        for one in made:
            worker.api("DELETE", f"{path}/{one}")
    assert found()["all"]["verdict"] == "ok"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[axes]\nk_paths = [1]", "did you mean 'grid'?"),
        ("[grids]\nk_paths = [1]", "did you mean 'grid'?"),
        ("[grid]\nerlang = []", "must have one value at least"),
        ("grid = [1, 2]", "must be a table of names and values"),
        ('metric = ["a"]', "must be one of blocking_probability"),
        ("[grid]\nerlang = {start = 1, stop = 0, stepp = 1}", "did you mean 'step'?"),
        ('template = ["study.ini"]', "must be text"),
        ("[grid]\nk_paths = [[1], 2]", "must be a number, text, or true or false"),
        (
            "overrides = 3\npoints = {a = 1}\nwhere = [1]\nzip = [{k_paths = [1, 2], seed = [1]}]",
            "its axes must be equally long",
        ),
    ],
)
def test_a_value_of_the_wrong_form_in_a_sweep_is_bad_input(
    text: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sweep.toml").write_text(text)
    assert cli.main(["plan", str(tmp_path / "sweep.toml")]) == 2
    assert told in capsys.readouterr().err
