"""Processes that nothing else knows of any more are found and ended by their mark."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from fusion_flows.process.marks import MARK, end_marked, marked_processes
from fusion_flows.process.tree import ProcessTree

from .zoo import GRACE_SECONDS, ROOT, alive, assert_gone, halves, starter, wait_for, zoo


def test_all_processes_of_a_tree_are_found(tmp_path: Path) -> None:
    animals = zoo(tmp_path, "leader", "child", "session", "daemon", "stopped", "bare")
    mark = uuid4().hex
    with ProcessTree(
        animals.command, log=animals.log, grace_seconds=GRACE_SECONDS, mark=mark
    ) as tree:
        processes = animals.processes()
        bare = processes.pop("bare")
        assert set(marked_processes()[mark]) == {*processes.values(), *halves(tree.pid)}
        assert alive(bare)
    assert mark not in marked_processes()


def test_the_caller_is_not_found_though_it_carries_the_mark() -> None:
    mark = uuid4().hex
    script = f"from fusion_flows.process.marks import *; print(len(marked_processes().get({mark!r}, [])))"
    script += f"; print(end_marked({mark!r}, 0.1))"
    environment = {**os.environ, MARK: mark}
    with subprocess.Popen(["sleep", "60"], env=environment) as other:
        wait_for(lambda: mark in marked_processes())
        result = subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert result.stdout.split() == ["1", "1"], result.stderr
        assert other.wait(10) == -signal.SIGTERM


def test_a_zombie_is_not_found() -> None:
    mark = uuid4().hex
    with subprocess.Popen(["sleep", "60"], env={**os.environ, MARK: mark}) as process:
        wait_for(lambda: mark in marked_processes())
        process.kill()
        wait_for(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE)
        assert mark not in marked_processes()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_processes_of_other_users_are_not_found() -> None:
    mark = uuid4().hex
    with subprocess.Popen(["sleep", "60"], env={**os.environ, MARK: mark}, user=65534) as process:
        wait_for(lambda: psutil.Process(process.pid).name() == "sleep")
        assert psutil.Process(process.pid).environ()[MARK] == mark
        assert mark not in marked_processes()
        assert end_marked(mark, 0) == 0
        assert process.poll() is None
        process.kill()


def test_those_of_one_mark_end_and_others_stay(tmp_path: Path) -> None:
    mark, other_mark = uuid4().hex, uuid4().hex
    script = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); "
    script += "print('up', flush=True); time.sleep(60)"
    deaf = script.replace("lambda *_: sys.exit(7)", "signal.SIG_IGN")
    log = tmp_path / "log"
    processes = []
    try:
        with log.open("wb") as output:
            for text, its_mark in ((script, mark), (deaf, mark), (script, other_mark)):
                processes.append(
                    subprocess.Popen(
                        [sys.executable, "-S", "-c", text],
                        env={**os.environ, MARK: its_mark},
                        stdout=output,
                    )
                )
        wait_for(lambda: log.read_text().count("up") == 3)
        assert end_marked(mark, GRACE_SECONDS) == 2
        assert [process.wait(10) for process in processes[:2]] == [7, -signal.SIGKILL]
        assert processes[2].poll() is None
        assert end_marked(mark, GRACE_SECONDS) == 0
        assert end_marked(other_mark, 0) == 1
        assert processes[2].wait(10) == -signal.SIGKILL  # no grace time, no SIGTERM
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_a_stopped_process_may_finish() -> None:
    mark = uuid4().hex
    with subprocess.Popen(["sleep", "60"], env={**os.environ, MARK: mark}) as process:
        wait_for(lambda: mark in marked_processes())
        process.send_signal(signal.SIGSTOP)
        wait_for(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED)
        assert end_marked(mark, 30) == 1
        assert process.wait(10) == -signal.SIGTERM


@pytest.mark.skipif(sys.platform != "linux", reason="the command dies with the guard on Linux")
def test_a_recovery_ends_what_a_killed_starter_and_its_killed_guard_left(tmp_path: Path) -> None:
    mark = uuid4().hex
    animals = zoo(tmp_path, "leader", "child", "session", "daemon", "stopped")
    with starter("wait", animals.command, animals.log, mark=mark) as start:
        processes = animals.processes()
        doomed = [psutil.Process(start.process.pid), *halves(start.guard)]
        for process in doomed:
            process.suspend()
        for process in doomed:
            process.kill()
        leader = processes.pop("leader")
        wait_for(lambda: not alive(leader))
        wait_for(lambda: set(marked_processes()[mark]) == set(processes.values()))
        assert end_marked(mark, GRACE_SECONDS) == 4
        assert_gone(processes, 0)


def test_a_lost_guard_costs_no_other_tree_of_the_same_mark(tmp_path: Path) -> None:
    mark = uuid4().hex
    command = ["sleep", "60"]
    with (
        ProcessTree(command, log=tmp_path / "log", mark=mark, grace_seconds=0.1) as lost,
        ProcessTree(command, log=tmp_path / "log", mark=mark) as other,
    ):
        for half in halves(lost.pid):
            half.suspend()
        assert lost.end() == 128 + signal.SIGKILL
        assert other.wait(0.2) is None
