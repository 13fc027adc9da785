"""A command whose processes are as hard to end as they come, and starters that die in many ways."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from fusion_flows.process.marks import TREE_MARK, end_marked

ROOT = Path(__file__).parents[2]
GRACE_SECONDS = 0.3
GONE_SECONDS = GRACE_SECONDS + 1  # what is promised

ANIMALS = ("leader", "child", "session", "daemon", "stopped", "bare", "thread")

# Each is deaf to SIGTERM, writes its kind and process id to the log, and stays a minute.
ZOO = """
import ctypes, os, signal, subprocess, sys, threading, time
kind, *others = sys.argv[1:]
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for other in others:
    subprocess.Popen(
        [sys.executable, "-S", sys.argv[0], other],
        start_new_session=other == "session",
        env={} if other == "bare" else None,
    )
if kind == "daemon":
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
if kind == "thread":
    threading.Thread(target=time.sleep, args=(60,)).start()
os.write(1, f"{kind} {os.getpid()}\\n".encode())
if kind == "stopped":
    os.kill(os.getpid(), signal.SIGSTOP)
if kind == "thread":
    ctypes.CDLL(None).pthread_exit(None)
time.sleep(60)
"""

# Starts a tree, says so on its log, and then goes the way it is told to.
STARTER = """
import ctypes, os, signal, sys, time
from pathlib import Path
from fusion_flows.process import tree as process_tree
from fusion_flows.process.tree import ProcessTree
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # where the tests run under nohup
way, guard, log, grace, *command = sys.argv[1:]
process_tree._GUARD = Path(guard)
tree = ProcessTree(command, log=Path(log), grace_seconds=float(grace), mark=os.environ.get("AS"))
if "fork" in way and os.fork() == 0:
    time.sleep(20)
    os._exit(0)
with open(log + ".starter", "w") as file:
    file.write(f"{tree.pid}\\n")
if "wait" in way:
    time.sleep(60)
while not os.path.exists(log + ".go"):
    time.sleep(0.02)
if way == "exit":
    sys.exit(0)
if way == "_exit":
    os._exit(0)
if way == "exec":
    os.execvp("sleep", ["sleep", "20"])
if way == "exception":
    raise RuntimeError("on purpose")
if way == "segfault":
    ctypes.string_at(0)
"""


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until a condition holds; fail when it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def alive(process: psutil.Process) -> bool:
    """Say whether a process runs. One whose main thread ended and that has more looks like a zombie."""
    try:
        threads = os.listdir(f"/proc/{process.pid}/task") if sys.platform == "linux" else []
        return process.is_running() and (
            process.status() != psutil.STATUS_ZOMBIE or len(threads) > 1
        )
    except (psutil.NoSuchProcess, OSError):
        return False


class Zoo(NamedTuple):
    """The command of a tree and the log where its processes report."""

    command: list[str]
    log: Path
    animals: tuple[str, ...]

    def processes(self) -> dict[str, psutil.Process]:
        """Wait until all processes are there and return them by kind."""
        found: dict[str, psutil.Process] = {}

        def complete() -> bool:
            lines = self.log.read_text().splitlines() if self.log.exists() else []
            for kind, pid in (line.split() for line in lines):
                found[kind] = psutil.Process(int(pid))
            return set(found) == set(self.animals)

        wait_for(complete)
        if "stopped" in found:
            wait_for(lambda: found["stopped"].status() == psutil.STATUS_STOPPED)
        if "thread" in found:
            wait_for(lambda: found["thread"].status() == psutil.STATUS_ZOMBIE)
        return found


def zoo(folder: Path, *animals: str) -> Zoo:
    """Return a command that starts processes of these kinds, itself the first."""
    animals = animals or ANIMALS
    script = folder / "zoo.py"
    script.write_text(ZOO)
    return Zoo([sys.executable, "-S", str(script), *animals], folder / "log", animals)


def assert_gone(processes: dict[str, psutil.Process], seconds: float = GONE_SECONDS) -> None:
    """Check that all of them are gone by then, and end what is not."""
    deadline = time.monotonic() + seconds
    while left := sorted(kind for kind, process in processes.items() if alive(process)):
        if time.monotonic() > deadline:
            for process in processes.values():
                if alive(process):
                    process.kill()
        assert time.monotonic() < deadline, f"still there: {left}"
        time.sleep(0.02)


def halves(pid: int) -> tuple[psutil.Process, psutil.Process]:
    """Return the outer and the inner process of a guard."""
    outer = psutil.Process(pid)
    inner: list[psutil.Process] = []

    def there() -> bool:
        inner[:] = [child for child in outer.children() if alive(child)]
        return bool(inner)

    wait_for(there)
    return outer, inner[0]


class Starter(NamedTuple):
    """A process that has started a tree."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def guard(self) -> int:
        """Process id of the guard."""
        path = Path(f"{self.log}.starter")
        wait_for(lambda: path.exists() and path.read_text().endswith("\n"))
        return int(path.read_text())

    def go(self) -> None:
        """Let it go its way."""
        Path(f"{self.log}.go").touch()


@contextmanager
def starter(
    way: str,
    command: list[str],
    log: Path,
    *,
    guard: Path = ROOT / "fusion_flows" / "process" / "guard.py",
    grace_seconds: float = GRACE_SECONDS,
    terminal: int | None = None,
    mark: str | None = None,
) -> Iterator[Starter]:
    """Start a process that starts the command in a tree; whatever it does, it is gone in the end."""
    path = os.environ.get("PYTHONPATH")
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{path}" if path else str(ROOT)}
    mine = environment[TREE_MARK] = f"of {log}"
    if mark is not None:
        environment["AS"] = mark
    script = log.with_name("starter.py")
    script.write_text(STARTER)
    with log.with_name("starter.log").open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, str(script), way, str(guard), str(log), str(grace_seconds), *command],
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=terminal is None,
            preexec_fn=None if terminal is None else lambda: os.login_tty(terminal),
        )
    try:
        yield Starter(process, log)
    finally:
        process.kill()
        process.wait()
        end_marked(mine, 0, TREE_MARK)  # forks of it
