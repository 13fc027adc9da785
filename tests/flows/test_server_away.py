"""The Prefect server stops in the middle of a run, and comes back."""

import os
import signal
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from fusion.results.progress import ProgressReader
from fusion_flows.following.parts import CHECK, COLLECT, REPORT, SIMULATE

from .prefect_server import Prefect, prefect_in, start_server, stop, wait_for
from .proxy import Proxy
from .started import GOING_ON, SMALL, endless_call, script, simulating, without_time


def settings(seconds: float) -> dict[str, Any]:
    """Return overrides for a run of about as many seconds, on one core."""
    return {
        "general_settings": {
            "num_requests": 100_000,
            "max_iters": round(40 * seconds),
            "erlang_stop": 140,
        },
        "simulation_settings": {"workers": 1},
    }


@pytest.mark.parametrize("seconds", [3, pytest.param(300, marks=pytest.mark.slow)])
@pytest.mark.timeout(900)
def test_a_server_that_is_away_costs_a_run_nothing(tmp_path: Path, seconds: int) -> None:
    own = prefect_in(tmp_path)
    process = start_server(own)
    if seconds > 60:  # with the automation that looks at heartbeats
        own.command("work-pool", "create", "fusion", "--type", "process")
        own.command("--no-prompt", "deploy", "--all")
    calls, ids = {}, {}
    for name, length in (("long", 2 * seconds), ("short", seconds / 2)):
        folder = own.folder / name
        folder.mkdir()
        call = f"fusion(overrides={settings(length)!r}, name={name!r})"
        calls[name] = own.start(script(folder, call), log=f"{name}.log")
        ids[name] = own.named(name)
        run = own.directory(ids[name])
        wait_for(lambda run=run: simulating(run), 60, "the simulator")  # type: ignore[misc]
    time.sleep(1)

    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(seconds)
    process = start_server(own)
    try:
        for name, call in calls.items():
            assert call.wait(3 * seconds + 60) == 0, (own.folder / f"{name}.log").read_text()
            run = own.finished(ids[name])
            assert run["state_type"] == "COMPLETED"
            artifacts = own.artifacts(ids[name])
            assert artifacts["progress"]["data"] == 100
            assert "Partial" not in artifacts["report"]["data"]
            said = (own.folder / f"{name}.log").read_text()
            assert "does not answer" in said
            assert "Traceback" not in said
            told = [without_time(line) for _, line in own.log(ids[name])]
            assert not any("Traceback" in line for line in told)
            directory = own.directory(ids[name])
            log = (directory / "logs" / "sim.log").read_text()
            written = [without_time(line) for line in log.splitlines()]
            assert [line for line in told if line in written] == written, "none lost, none twice"
            parts = own.parts(ids[name])
            names = [part.partition(":")[0] for part in parts]
            assert names == [CHECK, SIMULATE, "140 E", COLLECT, REPORT]
            assert {state for state, _ in parts.values()} == {"Completed"}
            asked = {
                "flow_runs": {"id": {"any_": [ids[name]]}},
                "task_runs": {"name": {"like_": "140 E"}},
            }
            (load,) = own.api("POST", "task_runs/filter", asked)
            times = {
                event["type"]: event["ts"]
                for event in ProgressReader(directory / "progress.jsonl").read()
            }
            shown = [datetime.fromisoformat(load[which]) for which in ("start_time", "end_time")]
            happened = [
                datetime.fromisoformat(times[kind]) for kind in ("erlang_start", "erlang_complete")
            ]
            assert shown == happened, "when it went on, not when it was told"
    finally:
        for call in calls.values():
            call.kill()
            call.wait()
        stop(process)


@pytest.mark.parametrize("kind", ["run", "sweep"])
def test_a_report_that_is_refused_once_is_sent_again(
    server: Prefect, tmp_path: Path, kind: str
) -> None:
    name = f"refused once, {kind}"
    if kind == "run":
        code = f"fusion(overrides={SMALL!r}, name={name!r})"
    else:
        axes = {"k_paths": [1, 2], "erlang": [140]}
        sweep = {"template": "quick", "overrides": SMALL, "grid": axes}
        code = f"from fusion_flows import fusion_sweep\nfusion_sweep({sweep!r}, name={name!r})"
    proxy = Proxy(server.url)
    proxy.refuses = b"-report-"
    through = server._replace(
        environment={**server.environment, "PREFECT_API_URL": f"http://127.0.0.1:{proxy.port}/api"}
    )
    call = through.call(script(tmp_path, code))
    run_id = server.named(name)
    run = server.finished(run_id, 120)
    call.wait(60)
    proxy.close()
    assert run["state_type"] == "COMPLETED", run["state"]["message"]
    assert proxy.refused == 1
    artifacts = server.artifacts(run_id)
    assert artifacts["progress"]["data"] == 100
    assert "Partial" not in artifacts["report"]["data"]


def test_a_report_of_an_ended_run_that_a_busy_server_refuses_is_sent_again(
    server: Prefect, tmp_path: Path
) -> None:
    proxy = Proxy(server.url)
    through = server._replace(
        environment={**server.environment, "PREFECT_API_URL": f"http://127.0.0.1:{proxy.port}/api"}
    )
    call, run_id, _ = endless_call(through, tmp_path, GOING_ON)
    proxy.refuses_after = 5  # a database that is busy says so late
    proxy.refuses = b"-report-"
    call.send_signal(signal.SIGTERM)
    call.wait(60)
    proxy.close()
    assert proxy.refused == 1
    assert "Partial" in server.artifacts(run_id)["report"]["data"]
