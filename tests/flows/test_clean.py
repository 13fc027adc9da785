"""`fusion clean`: what is left over is shown, and removed when somebody says so; the rest stays."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from fusion.sweep.definition import Sweep
from fusion.sweep.points import sweep_points
from fusion.sweep.store import Store
from fusion_flows.command.leftovers import find_leftovers, remove_leftovers
from fusion_flows.rundir import directory as rundir
from fusion_flows.rundir import lock as run_lock
from fusion_flows.rundir.directory import run_id_of

from .prefect_server import Prefect, wait_for
from .started import ENDLESS, SMALL, script, simulating

PAST = time.time() - 30 * 86_400


def age(path: Path) -> None:
    for each in [*path.rglob("*"), path]:
        os.utime(each, (PAST, PAST), follow_symlinks=False)


class Clean:
    """The command, in an environment with folders of its own."""

    def __init__(self, server: Prefect, folder: Path) -> None:
        self.runs = folder / "runs"
        self.environment = {
            **server.environment,
            "FUSION_RUNS_DIR": str(self.runs),
            "FUSION_CACHE_DIR": str(folder / "cache"),
            "TMPDIR": str(folder / "tmp"),
        }
        (folder / "tmp").mkdir()
        self.words = [sys.executable, "-m", "fusion_flows.command.cli", "clean"]

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.words, *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def found(self) -> tuple[set[tuple[str, str]], list[str]]:
        """Return kind and path of each leftover, and what is kept."""
        done = self("--dry-run", "--json")
        assert done.returncode == 0, done.stderr
        said: dict[str, Any] = json.loads(done.stdout)
        return {(one["kind"], one["path"]) for one in said["leftovers"]}, said["kept"]

    def answered(self, answer: str) -> tuple[int, str]:
        """Return exit code and output of the command in a terminal, in which somebody answers."""
        ours, its = pty.openpty()
        with subprocess.Popen(
            self.words,
            env=self.environment,
            stdin=its,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            os.close(its)
            os.write(ours, f"{answer}\n".encode())
            output, _ = process.communicate(timeout=60)
            os.close(ours)
            return process.returncode, output


def cancelled(clean: Clean, server: Prefect, folder: Path, name: str) -> tuple[str, Path]:
    """Return flow run and directory of a run that somebody has ended with Ctrl-C."""
    code = script(folder, f"fusion(overrides={ENDLESS!r}, name={name!r})")
    environment = {**server.environment, "FUSION_RUNS_DIR": str(clean.runs)}
    process = subprocess.Popen([sys.executable, code], env=environment, start_new_session=True)
    run = server.named(name)
    directory = clean.runs / run_id_of(UUID(run))
    wait_for(lambda: simulating(directory), 60, "the start of the simulator")
    process.send_signal(signal.SIGINT)
    process.wait(30)
    assert server.run(run)["state_type"] == "CANCELLED"
    return run, directory


def test_what_is_left_over_goes_and_what_others_share_stays(
    server: Prefect, tmp_path: Path
) -> None:
    clean = Clean(server, tmp_path)
    assert clean().stdout == "Nothing is left over.\n"
    left, leftover = cancelled(clean, server, tmp_path, f"{tmp_path} left")
    _, waited_for = cancelled(clean, server, tmp_path, f"{tmp_path} resumed")
    flow = server.api("POST", "flows/", {"name": "fusion"})
    resumed = {
        "flow_id": flow["id"],
        "parameters": {"resume": waited_for.name},
        "state": {"type": "SCHEDULED", "name": "Scheduled"},
    }
    server.api("POST", "flow_runs/", resumed)
    _, lender = cancelled(clean, server, tmp_path, f"{tmp_path} lender")
    network = lender / "triangle.csv"
    network.write_text("source,target,length_km\na,b,100\nb,c,100\nc,a,100\n")
    borrowing = {**SMALL, "topology_settings": {"network": str(network)}}
    code = script(tmp_path, f"fusion(overrides={borrowing!r}, name='{tmp_path} borrower')")
    environment = {**server.environment, "FUSION_RUNS_DIR": str(clean.runs)}
    subprocess.run([sys.executable, code], env=environment, check=True, timeout=90)
    borrower = clean.runs / run_id_of(UUID(server.named(f"{tmp_path} borrower")))

    unfinished = borrower / "output" / ".points.csv.tmp"
    unfinished.write_text("erla")
    half_deleted = clean.runs / ".deleted-0123456789ab-0123456789abcdef"
    half_deleted.mkdir()
    old, used = (tmp_path / "cache" / f"kernel-{digit * 16}" for digit in "01")
    for folder in (old, used):
        folder.mkdir(parents=True)
        (folder / "f-1.nbc").write_bytes(b"code" * 1000)
    search = tmp_path / "tmp" / "fusion-find-load-ab_cd"
    search.mkdir()
    sweep = Sweep(template="quick", grid={"k_paths": [1, 2], "erlang": [100]})
    points = sweep_points(sweep)
    store = Store(clean.runs / "store")
    store.describe(points)
    kept_sweep = rundir.create(
        clean.runs,
        "aaaa00000001",
        sweep=Sweep(template="quick", grid={"k_paths": [2], "erlang": [100]}).model_dump_json(),
    )
    age(tmp_path)
    os.utime(used / "f-1.nbc", (time.time(), PAST))  # it is read
    # A process that compiles nothing leaves it so, and one that has just begun may still fill it.
    empty, new = (tmp_path / "cache" / f"kernel-{digit * 16}" for digit in "23")
    for folder in (empty, new):
        folder.mkdir()
    os.utime(empty, (time.time() - 7200,) * 2)

    found, kept = clean.found()
    assert found == {
        ("run", str(leftover)),
        ("deleted run", str(half_deleted)),
        ("compiled code", str(old)),
        ("compiled code", str(empty)),
        ("temporary file", str(unfinished)),
        ("temporary file", str(search)),
        ("points without results", str(store.folder)),
    }
    assert any(f"{lender}: run {borrower.name} names a file in it" in one for one in kept)
    assert any("1 run directory" in one for one in kept), kept_sweep
    refused = clean()
    assert refused.returncode == 1
    assert "there is no terminal to ask in; --yes removes without asking" in refused.stderr
    assert "Cancelled: " in refused.stdout
    code_of_no, said = clean.answered("n")
    assert (code_of_no, "Nothing is removed." in said) == (1, True)
    assert clean.found()[0] == found

    code_of_yes, said = clean.answered("y")
    assert code_of_yes == 0, said
    assert "Removed: 7 things" in said
    for path in (leftover, half_deleted, old, empty, unfinished, search):
        assert not path.exists()
    for path in (waited_for, lender, borrower, used, new, kept_sweep.path):
        assert path.is_dir()
    assert set(store.contents()) == {points[1].key}
    assert server.api("POST", "flow_runs/filter", {"flow_runs": {"id": {"any_": [left]}}}) == []
    assert clean.found()[0] == set()


def test_a_young_run_that_did_not_succeed_is_named_with_the_age_that_keeps_it(
    server: Prefect, tmp_path: Path
) -> None:
    clean = Clean(server, tmp_path)
    _, young = cancelled(clean, server, tmp_path, f"{tmp_path} young")
    code = script(tmp_path, f"fusion(overrides={SMALL!r}, name='{tmp_path} complete')")
    environment = {**server.environment, "FUSION_RUNS_DIR": str(clean.runs)}
    subprocess.run([sys.executable, code], env=environment, check=True, timeout=90)
    complete = run_id_of(UUID(server.named(f"{tmp_path} complete")))

    done = clean("--dry-run")
    assert done.stdout == "Nothing to remove.\n"
    assert done.stderr == (
        "Left alone: 1 unsuccessful run in use less than 1 week ago (--older-than changes that): "
        f"{young.name} Cancelled: {tmp_path} young\n"
    )
    assert "less than 36 hours ago" in clean("--dry-run", "--older-than", "36h").stderr
    assert "in use since 2026-01-01" in clean("--dry-run", "--older-than", "2026-01-01").stderr
    now = clean("--dry-run", "--older-than", "0s")
    assert young.name in now.stdout
    assert now.stderr == ""
    assert complete not in now.stdout

    rundir.create(clean.runs, complete[::-1], "[general_settings]\n").provenance.write_text(
        '{"exit_code": 0}'
    )
    assert "of another server" not in clean("--dry-run").stderr


def test_without_a_server_no_run_is_touched(no_server: dict[str, str], tmp_path: Path) -> None:
    run = rundir.create(tmp_path / "runs", "aaaa00000001", "[general_settings]\n")
    (run.output / ".points.csv.tmp").write_text("erla")
    age(tmp_path)
    environment = {
        **no_server,
        "FUSION_RUNS_DIR": str(tmp_path / "runs"),
        "FUSION_CACHE_DIR": str(tmp_path / "cache"),
        "TMPDIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-m", "fusion_flows.command.cli", "clean", "--yes"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Left alone: 1 run without all results in" in done.stderr
    assert "no Prefect server is running" in done.stderr
    assert "If you work without a server, add --without-server" in done.stderr
    assert run.config.is_file()
    assert not (run.output / ".points.csv.tmp").exists()


def test_by_files_alone_what_has_ended_goes_and_what_is_needed_stays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FUSION_RUNS_DIR", str(tmp_path / "runs"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    def made(digit: str, config: str = "[general_settings]\n", **record: object) -> Any:
        run = rundir.create(tmp_path / "runs", digit * 12, config)
        if record:
            run.provenance.write_text(json.dumps(record))
        age(run.path)
        return run

    killed = made("1")
    failed = made("2", exit_code=1, exit_reason="an error")
    complete = made("3", exit_code=0)
    lender = made("4")
    borrower = made("5", f"network = {lender.path}/ring.csv\n", exit_code=0)
    suspended = made("6")
    suspended.flow_run.write_text(
        json.dumps({"state": "Suspended", "ended": "2026-01-02T00:00:00+00:00"})
    )
    age(suspended.path)
    running = made("7")
    young = made("8")
    os.utime(young.config)
    with run_lock.hold(running):
        found = find_leftovers(without_server=True)
        gone = [one for one in found.leftovers if one.kind == "run"]
        assert {one.path for one in gone} == {killed.path, failed.path}
        assert any(young.run_id in one and "--older-than" in one for one in found.kept)
        assert any(f"{lender.path}: run {borrower.run_id} names" in one for one in found.kept)
        cleaned = remove_leftovers(gone, without_server=True)
    assert (cleaned.problems, len(cleaned.removed)) == ([], 2)
    there = {one.name for one in (tmp_path / "runs").iterdir()}
    kept = (complete, lender, borrower, suspended, running, young)
    assert there == {one.run_id for one in kept}


def test_by_files_alone_is_refused_where_a_server_answers(server: Prefect, tmp_path: Path) -> None:
    refused = Clean(server, tmp_path)("--without-server")
    assert refused.returncode == 2
    assert "--without-server: a Prefect server answers" in refused.stderr


@pytest.mark.parametrize("time_ago", ["soon", "5 parsecs"])
def test_a_time_that_is_none_is_told(
    no_server: dict[str, str], tmp_path: Path, time_ago: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fusion_flows.command.cli", "clean", "--older-than", time_ago],
        env={**no_server, "FUSION_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert f"--older-than {time_ago}: must be a time ago such as 90m" in done.stderr
