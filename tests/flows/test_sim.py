"""The flow, for real: server, worker, simulator, signals."""

import base64
import configparser
import contextlib
import csv
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import psutil
import pytest

from fusion_flows.following.parts import CHECK, COLLECT, REPORT, SIMULATE, in_brief

from .prefect_server import Prefect, wait_for
from .started import ENDLESS, SMALL, script, simulating, simulators, without_time
from .test_cli import changes, here, no_command_is_left

__all__ = ["no_command_is_left"]  # a fixture that all tests here use, too


def test_a_run_of_the_deployment_completes_and_shows_what_it_found(worker: Prefect) -> None:
    run_id = worker.submit(template="quick", overrides=SMALL)
    run = worker.finished(run_id)
    directory = worker.directory(run_id)
    assert run["state_type"] == "COMPLETED", worker.log(run_id)
    assert run["name"] == "nsfnet_deeprmsa kspff 140-220 E"
    assert set(run["tags"]) == {"fusion", "simulation", "quick", "nsfnet_deeprmsa", "kspff"}

    rows = list(csv.DictReader((directory / "output" / "points.csv").open()))
    assert [float(row["erlang"]) for row in rows] == [140, 160, 180, 200, 220]
    for name in ("blocking", "bit_rates", "topology", "convergence"):
        for form in ("png", "svg"):
            assert (directory / "plots" / f"{name}.{form}").stat().st_size > 5000
    assert "nsfnet_deeprmsa" in (directory / "report.html").read_text()
    assert json.loads((directory / "run.json").read_text())
    frozen = configparser.ConfigParser(interpolation=None)
    frozen.read(directory / "config.ini")
    assert frozen["general_settings"]["num_requests"] == "2000"

    artifacts = worker.artifacts(run_id)
    assert set(artifacts) == {"progress", "points", "report"}
    assert artifacts["progress"]["data"] == 100
    assert re.match(
        r"5/5 loads, 220 E: blocking 0\.\d+ \[0.*\], 15/15 replications$",
        (artifacts["progress"]["description"]),
    )
    table = json.loads(artifacts["points"]["data"])
    assert [row["load (E)"] for row in table] == ["140", "160", "180", "200", "220"]
    said = worker.run(run_id)["state"]["message"]
    found = r"0\.\d+ \[0\.\d+, 0\.\d+\]"
    page = f"{worker.url.removesuffix('/api')}/v2/artifacts/artifact/{artifacts['report']['id']}"
    parts = worker.parts(run_id)
    loads = [
        f"{row['load (E)']} E: {row['blocking']}" for row in table
    ]  # the timeline has the numbers
    assert list(parts) == [CHECK, SIMULATE, *loads, COLLECT, REPORT]
    assert {state for state, _ in parts.values()} == {"Completed"}
    for load in loads:
        assert re.fullmatch(f"blocking {found}", parts[load][1])
    on_one_line = found.replace(", ", ",\u00a0")
    assert re.fullmatch(rf"5 loads, blocking at 140 E: {on_one_line} … 220 E: {on_one_line}", said)
    last = {f"Report: {page}", f"Finished in state Completed: {said}"}
    wait_for(lambda: last <= {line for _, line in worker.log(run_id)}, 20, "the link to the report")
    report = artifacts["report"]["data"]
    pictures = re.findall(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)", report)
    assert len(pictures) == 4
    for picture in pictures:
        assert ElementTree.fromstring(base64.b64decode(picture)).tag.endswith("svg")
    assert "nsfnet_deeprmsa" in report
    assert str(directory) in report
    assert "Partial" not in report

    # Logs reach the API in batches, up to two seconds late.
    wait_for(lambda: any("Finished in" in line for _, line in worker.log(run_id)), 10, "the log")
    lines = [line for _, line in worker.log(run_id)]
    written = (directory / "logs" / "sim.log").read_text().splitlines()
    assert len(written) > 3
    assert {without_time(line) for line in written} <= {without_time(line) for line in lines}
    assert simulators(directory) == []


def test_bad_settings_fail_the_run_with_their_message_before_anything_starts(
    worker: Prefect,
) -> None:
    run_id = worker.submit(overrides={"general_settings": {"erlang_start": 500, "k_path": 3}})
    run = worker.finished(run_id)
    assert run["state_type"] == "FAILED"
    message = run["state"]["message"]
    assert "[general_settings] erlang_start = 500: erlang_stop = 220 (" in message
    assert "must be at least erlang_start = 500 (from overrides)" in message
    assert "k_paths" in run["state"]["message"], "the nearest name"
    assert not worker.directory(run_id).exists()
    assert run["name"] == "quick erlang_start=500, k_path=3", "what was asked for"
    # On the page of a run the timeline is the only place that has the reason without a click.
    ((shown, told_there),) = worker.parts(run_id).items()
    assert shown.startswith(f"{CHECK}: [general_settings] k_path = 3: unknown key; did you mean ")
    assert shown.endswith(" ...")
    assert told_there == ("Failed", message)
    wait_for(lambda: (40, run["state"]["message"]) in told(worker, run_id), 10, "the log")
    assert not any("Traceback" in line for _, line in worker.log(run_id))


def told(worker: Prefect, run_id: str) -> set[tuple[int, str]]:
    """Return the log of a run with messages of several lines as one."""
    records = worker.api("POST", "logs/filter", {"logs": {"flow_run_id": {"any_": [run_id]}}})
    return {(record["level"], record["message"]) for record in records}


def test_a_retry_goes_on_where_a_killed_simulator_was(worker: Prefect) -> None:
    settings = {
        "general_settings": {"num_requests": 100_000, "max_iters": 30, "erlang_stop": 140},
        "simulation_settings": {"workers": 1},
    }
    run_id = worker.submit(overrides=settings)
    directory = worker.directory(run_id)
    finished = directory / "output" / "replications.jsonl"
    wait_for(lambda: finished.exists() and len(finished.read_text().splitlines()) > 3, 40, "lines")
    simulators(directory)[-1].kill()
    run = worker.finished(run_id)
    assert run["state_type"] == "FAILED"
    assert "SIGKILL" in run["state"]["message"]
    wait_for(
        lambda: "report" in worker.artifacts(run_id), 30, "the report, which comes after the state"
    )
    artifacts = worker.artifacts(run_id)
    assert run["state"]["timestamp"] < artifacts["report"]["created"]
    assert "Partial results" in artifacts["report"]["data"]
    assert [row["stop"] for row in json.loads(artifacts["points"]["data"])] == ["interrupted"]
    before = finished.read_text().splitlines()
    parts = worker.parts(run_id)
    failed, complete = ("Failed", run["state"]["message"]), ("Completed", "")
    assert parts == {
        CHECK: complete,
        f"{SIMULATE}: {in_brief(failed[1])}": failed,
        "140 E": failed,
        COLLECT: complete,
        REPORT: complete,
    }

    worker.api("POST", f"flow_runs/{run_id}/set_state", {"state": {"type": "SCHEDULED"}})
    wait_for(lambda: worker.run(run_id)["state_type"] == "COMPLETED", 60, "the second attempt")
    after = finished.read_text().splitlines()
    assert len(after) == 31
    assert after[: len(before) - 1] == before[:-1]
    artifacts = worker.artifacts(run_id)
    assert artifacts["progress"]["data"] == 100
    assert "Partial" not in artifacts["report"]["data"]
    is_complete = lambda: {state for state, _ in worker.parts(run_id).values()} == {"Completed"}  # noqa: E731
    wait_for(is_complete, 20, "the parts of the second attempt")
    names = [name.partition(":")[0] for name in worker.parts(run_id)]
    assert names == [name.partition(":")[0] for name in parts], "they take the place of the first"


def test_called_from_python_with_no_server(no_server: dict[str, str], tmp_path: Path) -> None:
    small = {**SMALL, "general_settings": {**SMALL["general_settings"], "erlang_stop": 160}}
    code = f"""
from fusion_flows import SimResult
from fusion.config.config import ConfigError
result = fusion(template="quick", overrides={small!r}, name="mine")
assert isinstance(result, SimResult)
assert [point["erlang"] for point in result.points] == [140, 160]
assert isinstance(result.points[0]["blocking_probability"], float)
from fusion_flows.runs.listing import runs, show
(listed,) = runs()  # from the server that this process has by now
assert (listed.name, listed.state, show("mine").run.flow_run_id) == ("mine", "Completed", listed.flow_run_id)
assert listed.flow_run_id is not None
again = fusion(resume=result.run_id, overrides={{"snr_settings": {{}}}})  # as from a form
assert [one.name for one in runs()] == ["mine", "mine"]
assert again.run_dir == result.run_dir and again.points == result.points
assert fusion(template=str(result.run_dir / "config.ini")).points == result.points
try:
    fusion(overrides={{"general_settings": {{"erlang_start": -5}}}})
except ConfigError as error:
    print("refused", error)
"""
    done = subprocess.run(
        [sys.executable, script(tmp_path, code)],
        cwd=tmp_path,
        env={**no_server, "FUSION_RUNS_DIR": str(tmp_path / "runs")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "refused [general_settings] erlang_start = -5" in done.stdout
    assert "Traceback" not in done.stderr
    assert len(list((tmp_path / "runs").iterdir())) == 2


@pytest.mark.slow
def test_what_the_embedded_server_prints_is_in_its_file_and_not_in_the_terminal(
    no_server: dict[str, str], tmp_path: Path
) -> None:
    folder = {**no_server, "FUSION_RUNS_DIR": str(tmp_path / "runs")}
    command = here("run", "quick", *changes(SMALL), environment=folder)
    out, error = command.communicate(timeout=120)
    assert command.returncode == 0, error
    assert "Results: " in out
    assert "Finished in state Completed: 5 loads, blocking at 140 E: " in error
    assert "temporary server" not in error
    log = Path(no_server["PREFECT_HOME"]) / "fusion-embedded-server.log"
    assert "Starting temporary server" in log.read_text()


@pytest.mark.slow
def test_ctrl_c_with_no_server_ends_the_run_and_not_its_server_first(
    no_server: dict[str, str], tmp_path: Path
) -> None:
    code = f"fusion(overrides={ENDLESS!r})"
    process = subprocess.Popen(
        [sys.executable, script(tmp_path, code)],
        cwd=tmp_path,
        env={**no_server, "FUSION_RUNS_DIR": str(tmp_path / "runs")},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    runs = tmp_path / "runs"
    wait_for(lambda: any(simulating(path) for path in runs.glob("*")), 60, "the simulator")
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(20) == -signal.SIGINT
    assert simulators(runs) == []
    home = Path(no_server["PREFECT_HOME"])
    query = "SELECT state_type FROM flow_run ORDER BY created DESC LIMIT 1"
    with contextlib.closing(sqlite3.connect(home / "prefect.db")) as database:
        assert database.execute(query).fetchall() == [("CANCELLED",)]


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_the_embedded_server_ends_with_a_process_that_is_killed_before_the_run_begins(
    no_server: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    code = (
        "import time\nfrom fusion_flows.server.address import open_client\n"
        "open_client()\nprint(flush=True)\ntime.sleep(600)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=no_server,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"\n", "the server is up"
    started = psutil.Process(process.pid).children(recursive=True)
    assert any("uvicorn" in " ".join(each.cmdline()) for each in started)
    process.send_signal(number)
    process.wait()
    wait_for(lambda: not any(map(psutil.Process.is_running, started)), 15, "the end of the server")


def test_an_orderly_end_leaves_no_embedded_server_either(
    no_server: dict[str, str], tmp_path: Path
) -> None:
    code = (
        "import psutil\nfrom fusion_flows.server.address import open_client\n"
        "open_client()\nopen_client()\n"
        "print(*(each.pid for each in psutil.Process().children(recursive=True)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=no_server, capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    started = [int(word) for word in done.stdout.split()]
    assert len(started) == 2, "one server, and one who ends it"
    assert not any(map(psutil.pid_exists, started))
