"""A process tree ends as a whole, whatever its processes do and whoever is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from fusion_flows.process import MARK, ProcessTree

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

# A parent, a child, and a grandchild in a session of its own, all of them deaf to SIGTERM.
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
depth = int(sys.argv[1])
if depth:
    subprocess.Popen([sys.executable, "-S", sys.argv[0], str(depth - 1)], start_new_session=True)
print("up", flush=True)
time.sleep(60)
"""


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait until a condition holds; fail when it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def marked(mark: str) -> list[psutil.Process]:
    """Return the living processes that carry the mark of a tree."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.fixture
def stubborn(tmp_path: Path) -> list[str]:
    """Return the command of a tree that does not end when asked to."""
    script = tmp_path / "stubborn.py"
    script.write_text(STUBBORN)
    return [sys.executable, "-S", str(script), "2"]


def test_exit_code_and_output_are_the_commands(tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"
    with ProcessTree([sys.executable, "-c", script], log=log) as tree:
        assert tree.wait(10) == 7
    assert sorted(log.read_text().split()) == ["err", "out"]


def test_death_by_signal_is_128_plus_its_number(tmp_path: Path) -> None:
    script = "import os; os.kill(os.getpid(), 9)"
    with ProcessTree([sys.executable, "-c", script], log=tmp_path / "log") as tree:
        assert tree.wait(10) == 128 + 9


def test_a_command_that_is_not_there_says_so(tmp_path: Path) -> None:
    with ProcessTree(["/no/such/command"], log=tmp_path / "log") as tree:
        assert tree.wait(10) == 127
    assert "cannot start /no/such/command" in (tmp_path / "log").read_text()


def test_environment_is_passed_and_input_is_empty(tmp_path: Path) -> None:
    script = "import os, sys; print(os.environ['EXTRA'], repr(sys.stdin.read()))"
    with ProcessTree(
        [sys.executable, "-c", script], log=tmp_path / "log", environment={"EXTRA": "x"}
    ) as tree:
        assert tree.wait(10) == 0
    assert (tmp_path / "log").read_text().split() == ["x", "''"]


def test_end_lets_the_command_finish_within_the_grace_time(tmp_path: Path) -> None:
    script = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.3), print('saved'), sys.exit(143)))\n"
        "print('up', flush=True); time.sleep(60)"
    )
    log = tmp_path / "log"
    with ProcessTree([sys.executable, "-c", script], log=log, grace_seconds=5) as tree:
        wait_for(lambda: "up" in log.read_text())
        started = time.monotonic()
        assert tree.end() == 143
        assert time.monotonic() - started < 2
    assert "saved" in log.read_text()


def test_end_kills_what_does_not_listen_in_other_sessions_too(
    tmp_path: Path, stubborn: list[str]
) -> None:
    log = tmp_path / "log"
    with ProcessTree(stubborn, log=log, grace_seconds=0.3) as tree:
        wait_for(lambda: log.read_text().count("up") == 3)
        assert len(marked(tree._mark)) == 4  # and the guard
        started = time.monotonic()
        assert tree.end() == 128 + signal.SIGKILL
        assert time.monotonic() - started < 1.3
        assert marked(tree._mark) == []


def test_what_the_command_left_behind_ends_with_it(tmp_path: Path, stubborn: list[str]) -> None:
    script = f"import subprocess; subprocess.Popen({stubborn!r}, start_new_session=True)"
    with ProcessTree(
        [sys.executable, "-c", script], log=tmp_path / "log", grace_seconds=0.2
    ) as tree:
        assert tree.wait(10) == 0
        assert marked(tree._mark) == []


def test_the_tree_ends_when_its_starter_is_killed(tmp_path: Path, stubborn: list[str]) -> None:
    log = tmp_path / "log"
    starter = tmp_path / "starter.py"
    starter.write_text(
        "import pathlib, sys\n"
        "from fusion_flows.process import ProcessTree\n"
        f"tree = ProcessTree({stubborn!r}, log=pathlib.Path({str(log)!r}), grace_seconds=0.3)\n"
        "print(tree._mark, flush=True)\n"
        "tree.wait()\n"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, str(starter)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as process:
        assert process.stdout is not None
        mark = process.stdout.readline().strip()
        wait_for(lambda: log.exists() and log.read_text().count("up") == 3)
        process.kill()
    wait_for(lambda: marked(mark) == [], seconds=1.5)


@pytest.mark.skipif(sys.platform != "linux", reason="parent-death signal")
def test_the_tree_ends_when_its_guard_is_killed(tmp_path: Path, stubborn: list[str]) -> None:
    log = tmp_path / "log"
    with ProcessTree(stubborn, log=log, grace_seconds=0.3) as tree:
        wait_for(lambda: log.read_text().count("up") == 3)
        os.kill(tree.pid, signal.SIGKILL)
        assert tree.wait(5) == 128 + signal.SIGKILL
        tree.end()
        assert marked(tree._mark) == []
