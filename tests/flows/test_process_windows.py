"""The logic of a tree on Windows, and the layout of its structures. Nothing here runs on Windows:
the system is played by one that keeps a list of calls and starts processes of this platform.
"""

import ctypes
import logging
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil
import pytest

from fusion_flows.process import windows as process_windows
from fusion_flows.process.job_object import Accounting, BasicLimits, ExtendedLimits, System, windows
from fusion_flows.process.marks import TREE_MARK
from fusion_flows.process.windows import JobTree

from .zoo import alive, wait_for

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the system is played here")


class Played:
    """A system that remembers what it was asked. Processes listen to SIGTERM as to Ctrl-Break."""

    def __init__(self, *refused: str) -> None:
        self.refused = refused
        self.calls: list[str] = []
        self.process: subprocess.Popen[bytes] | None = None
        self.members: list[psutil.Process] = []

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if name in self.refused:
            raise OSError(5, "Access is denied")

    def start(
        self, command: Sequence[str], output: IO[bytes], environment: Mapping[str, str]
    ) -> "subprocess.Popen[bytes]":
        self._call("start")
        self.process = subprocess.Popen(command, stdout=output, env=environment)
        return self.process

    def create_job(self) -> int:
        self._call("create_job")
        return 44

    def kill_on_close(self, job: int) -> None:
        assert job == 44
        self._call("kill_on_close")

    def assign(self, job: int, process: "subprocess.Popen[bytes]") -> None:
        assert job == 44
        self._call("assign")

    def resume(self, process: "subprocess.Popen[bytes]") -> None:
        self._call("resume")

    def send_break(self, group: int) -> None:
        assert self.process is not None
        assert group == self.process.pid
        self._call("send_break")
        self.process.terminate()

    def active(self, job: int) -> int:
        assert job == 44
        assert self.process is not None
        return (self.process.poll() is None) + sum(map(alive, self.members))

    def terminate(self, job: int, exit_code: int) -> None:
        assert job == 44
        assert exit_code == 137
        self._call("terminate")
        assert self.process is not None
        self.process.kill()
        for member in filter(alive, self.members):
            member.kill()

    def close(self, job: int) -> None:
        assert job == 44
        self._call("close")

    def kill_tree(self, pid: int) -> None:
        self._call("kill_tree")
        assert self.process is not None
        assert pid == self.process.pid
        self.process.kill()


STARTED = ["start", "create_job", "kill_on_close", "assign", "resume"]
LISTENS = ["sleep", "60"]
IS_DEAF = [
    *(sys.executable, "-S", "-c"),
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('deaf', flush=True); time.sleep(60)",
]


@pytest.fixture
def output(tmp_path: Path) -> Iterator[IO[bytes]]:
    with (tmp_path / "log").open("ab") as file:
        yield file


def tree_of(system: System, output: IO[bytes], command: Sequence[str], grace: float) -> JobTree:
    environment = {"PATH": "/usr/bin:/bin", TREE_MARK: output.name}
    return JobTree(
        command, output=output, environment=environment, grace_seconds=grace, system=system
    )


def wait_until_deaf(output: IO[bytes]) -> None:
    wait_for(lambda: "deaf" in Path(output.name).read_text())


def test_layouts_are_those_of_windows() -> None:
    if ctypes.sizeof(ctypes.c_void_p) != 8:
        pytest.skip("the sizes are of 64-bit systems")
    assert ctypes.sizeof(BasicLimits) == 64
    assert BasicLimits.limit_flags.offset == 16
    assert BasicLimits.limit_flags.size == 4
    assert BasicLimits.minimum_working_set_size.offset == 24
    assert BasicLimits.active_process_limit.offset == 40
    assert BasicLimits.affinity.offset == 48
    assert ctypes.sizeof(ExtendedLimits) == 144
    assert ExtendedLimits.io_counters.offset == 64
    assert ExtendedLimits.process_memory_limit.offset == 112
    assert ctypes.sizeof(Accounting) == 48
    assert Accounting.active_processes.offset == 40
    assert Accounting.active_processes.size == 4


def test_another_platform_says_that_it_has_no_jobs() -> None:
    with pytest.raises(NotImplementedError, match="of Windows"):
        windows()


def test_the_command_runs_once_it_is_in_a_job_that_ends_with_us(output: IO[bytes]) -> None:
    system = Played()
    tree = tree_of(system, output, LISTENS, 30)
    assert system.calls == STARTED
    assert tree.wait(0) is None
    assert system.process is not None
    assert tree.pid == system.process.pid
    tree.end()


def test_end_asks_and_gives_the_grace_time(output: IO[bytes]) -> None:
    system = Played()
    tree = tree_of(system, output, LISTENS, 30)
    assert tree.end() == tree.end() == -15  # Popen's way to say SIGTERM, here
    assert system.calls == [*STARTED, "send_break", "terminate", "close"]


def test_end_kills_what_does_not_listen(output: IO[bytes]) -> None:
    system = Played()
    tree = tree_of(system, output, IS_DEAF, 0.2)
    wait_until_deaf(output)
    assert tree.end() == -9
    assert system.calls == [*STARTED, "send_break", "terminate", "close"]


def test_the_grace_time_is_for_all_of_the_job(output: IO[bytes]) -> None:
    with subprocess.Popen(["sh", "-c", "sleep 0.5; exit 7"]) as child:
        system = Played()
        tree = tree_of(system, output, LISTENS, 30)
        system.members.append(psutil.Process(child.pid))
        tree.end()
        assert child.wait(10) == 7


def test_without_a_console_end_kills_at_once(output: IO[bytes]) -> None:
    system = Played("send_break")
    tree = tree_of(system, output, LISTENS, 60)
    assert tree.end() == -9
    assert system.calls == [*STARTED, "send_break", "terminate", "close"]


def test_an_exception_during_the_grace_time_still_kills(
    output: IO[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    system = Played()
    tree = tree_of(system, output, IS_DEAF, 60)
    wait_until_deaf(output)

    def interrupt(_seconds: float) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr("fusion_flows.process.windows.time.sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        tree.end()
    assert system.calls == [*STARTED, "send_break", "terminate", "close"]
    assert tree.wait(0) == -9


def test_what_the_command_left_behind_is_killed_as_its_end_is_seen(output: IO[bytes]) -> None:
    with subprocess.Popen(LISTENS) as child:
        system = Played()
        tree = tree_of(system, output, ["sh", "-c", "exit 7"], 30)
        system.members.append(psutil.Process(child.pid))
        assert tree.wait(20) == 7
        assert child.wait(10) == -9
        assert tree.end() == 7
    assert system.calls == [*STARTED, "terminate", "close"]


def test_death_by_ctrl_break_is_an_end_that_was_asked_for(
    output: IO[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_windows, "_ENDED_BY_BREAK", 58)  # no exit code is larger here
    assert tree_of(Played(), output, ["sh", "-c", "exit 58"], 30).wait(20) == 143


@pytest.mark.parametrize("refused", ["create_job", "kill_on_close", "assign"])
def test_where_jobs_are_refused_the_command_runs_and_taskkill_ends_it(
    refused: str, output: IO[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    system = Played(refused)
    with caplog.at_level(logging.WARNING):
        tree = tree_of(system, output, IS_DEAF, 0.2)
    assert "Windows refuses a job object" in caplog.text
    wait_until_deaf(output)
    assert tree.end() == -9
    started = STARTED[: STARTED.index(refused) + 1]
    closed = [] if refused == "create_job" else ["close"]
    assert system.calls == [*started, *closed, "resume", "send_break", "kill_tree"]


def test_where_jobs_and_taskkill_are_refused_the_mark_tells(output: IO[bytes]) -> None:
    system = Played("create_job", "kill_tree")
    script = f"import subprocess; subprocess.Popen({IS_DEAF!r}); {IS_DEAF[-1]}"
    tree = tree_of(system, output, [sys.executable, "-S", "-c", script], 0.2)
    wait_for(lambda: Path(output.name).read_text().count("deaf") == 2)
    (child,) = psutil.Process(tree.pid).children()
    assert tree.end() == -9
    assert "kill_tree" in system.calls
    wait_for(lambda: not alive(child))


def test_a_command_that_cannot_be_resumed_is_killed(output: IO[bytes]) -> None:
    system = Played("resume")
    with pytest.raises(OSError, match="denied"):
        tree_of(system, output, LISTENS, 30)
    assert system.calls == [*STARTED, "close"]
    assert system.process is not None
    assert system.process.wait(10) == -9
