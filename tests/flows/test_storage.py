"""The disk is full, read-only, or the run directory is gone: a clear failure and nothing damaged."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .prefect_server import Prefect, wait_for
from .started import GOING_ON, SMALL, replications, script, simulators

SPACE = ["unshare", "--user", "--map-root-user", "--mount"]
"""A name space in which anybody may mount a small disk."""


def can_mount() -> bool:
    """Return whether this machine lets us have one."""
    try:
        mounted = subprocess.run([*SPACE, "mount", "-t", "tmpfs", "none", "/mnt"], check=False)
    except OSError:
        return False
    return mounted.returncode == 0


needs_mount = pytest.mark.skipif(not can_mount(), reason="no mounts without rights here")


def call_on_small_disk(server: Prefect, folder: Path, then: str) -> tuple[str, str]:
    """Call the flow with its runs on a disk of 2 MB; return run id and output of `then`.

    then: shell commands that run beside it, in the same name space, in the folder of the runs.
    """
    disk = folder / "disk"
    disk.mkdir()
    call = script(folder, f"fusion(overrides={GOING_ON!r}, name={str(folder)!r})")
    commands = f"""
set -e
mount -t tmpfs -o size=2m none {disk}
cd {disk}
{sys.executable} {call} > {folder}/call.log 2>&1 &
{then}
wait %1 || true
cp -r {disk} {folder}/kept
"""
    done = subprocess.run(
        [*SPACE, "bash", "-c", commands],
        env={**server.environment, "FUSION_RUNS_DIR": str(disk)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return server.named(str(folder)), done.stdout


WAIT = "until [ $(cat */output/replications.jsonl 2>/dev/null | wc -l) -gt 3 ]; do sleep 0.1; done"


def intact(folder: Path) -> int:
    """Check the files of the one run that is kept here, and return how many replications it has."""
    (run,) = (folder / "kept").iterdir()
    lines = (run / "output" / "replications.jsonl").read_text().split("\n")
    whole = [json.loads(line) for line in lines[:-1]]  # the last one may be torn
    assert json.loads((run / "run.json").read_text())
    assert list(run.rglob("*.tmp*")) == []
    return len(whole) - 1


@needs_mount
def test_a_full_disk(server: Prefect, tmp_path: Path) -> None:
    full = f"{WAIT}; dd if=/dev/zero of=fill bs=64k 2>/dev/null || true"
    run_id, _ = call_on_small_disk(server, tmp_path, full)
    run = server.run(run_id)
    assert run["state_type"] == "FAILED"
    assert "No space left on device" in run["state"]["message"]
    (tmp_path / "kept" / "fill").unlink()
    assert intact(tmp_path) > 2


@pytest.mark.slow
@needs_mount
def test_a_run_directory_made_read_only(server: Prefect, tmp_path: Path) -> None:
    # What is open stays open for writing, or the disk could not become read-only.
    read_only = f"{WAIT}; mount --bind . . ; mount -o remount,ro,bind ."
    run_id, _ = call_on_small_disk(server, tmp_path, read_only)
    run = server.run(run_id)
    assert run["state_type"] == "FAILED"
    assert "Read-only file system" in run["state"]["message"]
    assert intact(tmp_path) > 2


def test_a_deleted_run_directory(server: Prefect, tmp_path: Path) -> None:
    call = script(tmp_path, f"fusion(overrides={GOING_ON!r}, name={tmp_path.name!r})")
    process = server.call(call)
    run_id = server.named(tmp_path.name)
    directory = server.directory(run_id)
    wait_for(lambda: len(replications(directory)) > 2, 60, "a replication")
    shutil.rmtree(directory)
    run = server.finished(run_id, 30)
    assert run["state_type"] == "FAILED"
    assert f"{directory} was removed" in run["state"]["message"]
    assert process.wait(20) == 1
    assert simulators(directory) == []
    assert not directory.exists()


def test_no_place_for_a_run(server: Prefect, tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("this is a file")
    call = script(tmp_path, f"fusion(name={tmp_path.name!r})")
    done = subprocess.run(
        [sys.executable, call],
        env={**server.environment, "FUSION_RUNS_DIR": str(tmp_path / "runs")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    message = server.run(server.named(tmp_path.name))["state"]["message"]
    assert "cannot make the run directory" in message
    assert "FUSION_RUNS_DIR" in message


def test_a_report_that_cannot_be_written_costs_no_result(server: Prefect, tmp_path: Path) -> None:
    code = (
        f"result = fusion(overrides={SMALL!r}, name={str(tmp_path)!r})\n"
        "result.report.unlink()\n"
        "result.report.mkdir()\n"
        f"again = fusion(resume=result.run_id, name={'again ' + str(tmp_path)!r})\n"
        "assert again.report is None and again.points == result.points, again\n"
    )
    assert server.call(script(tmp_path, code)).wait(90) == 0
    run_id = server.named("again " + str(tmp_path))
    assert server.run(run_id)["state_type"] == "COMPLETED"
    assert any("cannot read or draw" in line for _, line in server.log(run_id))
