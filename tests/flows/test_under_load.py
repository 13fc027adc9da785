"""Logs that are too much, secrets that must not be seen, and files that must not be read."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from .prefect_server import Prefect, wait_for
from .started import GOING_ON, SMALL, endless_call, script

SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "s3cret-of-the-cloud",
    "MY_TOKEN": "t0ken-of-mine",
    "DATABASE_URL": "postgresql://fusion:pa55-of-the-database@db/fusion",
    "PREFECT_API_KEY": "pnu_key-of-prefect",
}


def test_a_flood_of_lines_arrives_whole_in_order_and_bounded(
    server: Prefect, tmp_path: Path
) -> None:
    process, run_id, directory = endless_call(server, tmp_path)
    flow = psutil.Process(process.pid)
    before = flow.memory_info().rss
    flood = [
        f"line {number:06} of a flood that somebody has let loose" for number in range(100_000)
    ]
    log = directory / "logs" / "sim.log"
    with log.open("ab") as file:  # as a library of the simulator might
        file.write(("\n".join(flood) + "\n").encode())
        file.write(b"WARNING no \xff\xfe text\n")
        file.write(b"x" * (50 << 20))  # a line that does not end
        file.flush()
    wait_for(lambda: "longer than shown here" in str(server.log(run_id, newest=3)), 60, "the limit")
    assert flow.memory_info().rss - before < 60 << 20
    process.send_signal(signal.SIGINT)
    process.wait(20)

    told = server.log(run_id)
    lines = [line for _, line in told if line.startswith("line ")]
    assert lines == flood
    assert (30, "WARNING no \ufffd\ufffd text") in told
    assert [level for level, line in told if "longer than shown here" in line] == [30]
    assert sum(len(line) for _, line in told) < 11 << 20
    assert log.stat().st_size > 50 << 20, "the file has all"


def test_secrets_of_the_environment_are_nowhere(server: Prefect, tmp_path: Path) -> None:
    code = f"fusion(overrides={GOING_ON!r}, name={tmp_path.name!r})"
    process = subprocess.Popen(
        [sys.executable, script(tmp_path, code)],
        env={**server.environment, **SECRETS},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    run_id = server.named(tmp_path.name)
    directory = server.directory(run_id)
    wait_for(lambda: (directory / "output" / "replications.jsonl").exists(), 30, "the simulator")
    started = psutil.Process(process.pid).children(recursive=True)
    looked_at = 0
    for each in started:
        try:
            variables = each.environ()
        except psutil.NoSuchProcess:  # or a zombie: of those that live for a moment
            continue
        looked_at += 1
        assert not SECRETS.keys() & variables.keys(), each.cmdline()
        assert not any(name.startswith("PREFECT") for name in variables)
    assert looked_at > 1
    with (directory / "logs" / "sim.log").open("a") as log:  # a library prints what it was given
        log.write(f"ERROR cannot log in with {SECRETS['MY_TOKEN']} and pa55-of-the-database\n")
    wait_for(lambda: "cannot log in with [secret]" in str(server.log(run_id)), 20, "the line")
    process.send_signal(signal.SIGINT)
    process.wait(20)

    seen = [str(server.log(run_id)), str(server.artifacts(run_id)), str(server.run(run_id))]
    seen += [
        path.read_text(errors="replace")
        for path in directory.rglob("*")
        if path.is_file() and path.name != "sim.log"
    ]
    for secret in (*SECRETS.values(), "pa55-of-the-database"):
        assert not any(secret in text for text in seen)


@pytest.mark.parametrize("where", ["template", "network"])
def test_a_run_of_a_deployment_reads_no_file_outside(
    worker: Prefect, tmp_path: Path, where: str
) -> None:
    outside = tmp_path / "secret.ini"
    outside.write_text("[general_settings]\npassword = do-not-tell\n")
    parameters = {"template": {"template": os.path.relpath(outside, worker.folder)}} | {
        "network": {"overrides": {"topology_settings": {"network": str(outside)}}}
    }
    run_id = worker.submit(**parameters[where])
    run = worker.finished(run_id)
    assert run["state_type"] == "FAILED"
    assert "outside the folders that may be read" in run["state"]["message"]
    assert "FUSION_INPUT_DIRS" in run["state"]["message"]
    assert "do-not-tell" not in run["state"]["message"] + str(worker.log(run_id))
    assert not worker.directory(run_id).exists()


def test_a_parameter_is_never_a_command(worker: Prefect, tmp_path: Path) -> None:
    made = tmp_path / "made"
    evil = f"$(touch {made}); `touch {made}`; ' \" & touch {made} | x"
    run_id = worker.submit(overrides=SMALL, name=evil)
    assert worker.finished(run_id)["state_type"] == "COMPLETED"
    assert worker.run(run_id)["name"] == evil
    run_id = worker.submit(template=evil)
    assert worker.finished(run_id)["state_type"] == "FAILED"
    assert not made.exists()
