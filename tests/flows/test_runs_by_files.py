"""What is told of runs when nobody else can say it: what their files say."""

import json
from pathlib import Path
from typing import Any

from fusion_flows import run_lock, rundir
from fusion_flows.file_state import file_state, is_complete

from .prefect_server import Prefect, free_port, wait_for
from .started import SMALL, endless_call, script
from .test_cli import here, no_command_is_left

__all__ = ["no_command_is_left"]  # a fixture that all tests here use, too


def listed(environment: dict[str, str], *words: str) -> dict[str, Any]:
    """Return what `fusion runs` lists, by run id."""
    command = here("runs", "--json", "--limit", "200", *words, environment=environment)
    out, error = command.communicate(timeout=120)
    assert command.returncode == 0, error
    return {run["run_id"]: run for run in json.loads(out)}


def shown(environment: dict[str, str], *words: str) -> str:
    command = here("show", *words, environment=environment)
    out, error = command.communicate(timeout=120)
    assert command.returncode == 0, error
    return str(out)


def test_without_a_server_and_without_its_process_a_run_is_what_its_files_say(
    server: Prefect, tmp_path: Path
) -> None:
    call = f"fusion(overrides={SMALL!r}, name={tmp_path.name!r})"
    complete = server.call(script(tmp_path, call))
    (tmp_path / "dead").mkdir()
    killed, _, dead = endless_call(server, tmp_path / "dead")
    killed.kill()
    killed.wait()
    (tmp_path / "alive").mkdir()
    living, _, alive = endless_call(server, tmp_path / "alive")
    assert complete.wait(90) == 0
    done = server.directory(server.named(tmp_path.name))
    try:
        away = {**server.environment, "PREFECT_API_URL": f"http://127.0.0.1:{free_port()}/api"}
        found = listed(away)
        states = {run.name: found[run.name]["state"] for run in (done, dead, alive)}
        assert states == {done.name: "Completed", dead.name: "Interrupted", alive.name: "Running"}
        assert "to go on, resume it" in found[dead.name]["message"]
        assert found[done.name]["percent"] == 100
        assert found[done.name]["news"] == "5/5 loads, 15 replications"
        interrupted = listed(away, "--state", "interrupted")
        assert dead.name in interrupted
        assert not {done.name, alive.name} & interrupted.keys()
        assert "Interrupted: " in shown(away, dead.name)
        assert shown(away, done.name, "output/points.csv").startswith("erlang,")

        # With a server, that has not heard of the end.
        assert server.run(server.named("dead"))["state_type"] == "RUNNING"
        wait_for(
            lambda: listed(server.environment)[dead.name]["state"] == "Interrupted", 30, "the state"
        )
        running = listed(server.environment, "--state", "Running")
        assert alive.name in running
        assert dead.name not in running
        assert dead.name in listed(server.environment, "--state", "Interrupted")
        assert "Interrupted: " in shown(server.environment, dead.name)
    finally:
        living.kill()
        living.wait()


def test_an_end_is_told_from_the_files(tmp_path: Path) -> None:
    run = rundir.create(tmp_path, "0123456789ab", "[general_settings]\n")
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
        assert not is_complete(run)
    run.provenance.write_text('{"exit_co')
    assert not is_complete(run)
