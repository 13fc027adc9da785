"""Start a process tree and make sure that it ends. Knows nothing of Prefect.

Whatever the command started is gone one second after the grace time, at the latest, once `end` is
called, the command has ended, or this process is gone, SIGKILL included: guard.py, a process of its
own, stands between us and the command and sees to it.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

import psutil

from fusion_flows.process.marks import MARK, TREE_MARK, end_marked, marked_processes

_GUARD = Path(__file__).with_name("guard.py")
_GUARD_SECONDS = 0.5  # beyond the grace time, before the guard counts as stuck
_LOOK_SECONDS = 0.05


class ProcessTree:
    """A running command with all that it starts. Use it as a context: leaving it ends the tree."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        grace_seconds: float = 2.0,
        environment: Mapping[str, str] | None = None,
        mark: str | None = None,
    ) -> None:
        """Start the command in a session of its own, its output and errors appended to `log`.

        grace_seconds: from SIGTERM to SIGKILL.  environment: all variables of the command; None:
        those of this process.  mark: what MARK is set to on top; None: something of this tree alone.
        Raises OSError when the log cannot be opened, ValueError when command or mark is empty.
        """
        if not command:
            raise ValueError("command: [] is empty; the first item must name a program")
        if mark == "":
            raise ValueError("mark: '' is empty; leave it out or give some text")
        self._mark = mark or uuid4().hex
        self._tree_mark = uuid4().hex
        self._grace_seconds = grace_seconds
        variables = os.environ if environment is None else environment
        guard = [sys.executable, "-I", "-S", str(_GUARD), str(os.getpid()), str(grace_seconds)]
        with open(log, "ab") as output:
            # A socket and not a pipe: its end can be told while forks of this process hold it open.
            self._lifeline, guards_end = socket.socketpair()
            with guards_end:
                self._process = subprocess.Popen(
                    [*guard, *command],
                    stdin=guards_end.fileno(),
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={**variables, MARK: self._mark, TREE_MARK: self._tree_mark},
                    start_new_session=True,
                )

    @property
    def pid(self) -> int:
        """The guard's process id."""
        return self._process.pid

    @property
    def mark(self) -> str:
        """The value of MARK in the environment of the tree's processes."""
        return self._mark

    def wait(self, seconds: float | None = None) -> int | None:
        """Return the command's exit code (128 + n for signal n), or None after `seconds`."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        return code if code >= 0 else 128 - code

    def suspend(self) -> None:
        """Stop all processes of the tree where they are. What is born at that moment may go on."""
        for process in self.processes():
            with suppress(psutil.Error):
                process.suspend()

    def resume(self) -> None:
        """Let what was stopped go on."""
        for process in self.processes():
            with suppress(psutil.Error):
                process.resume()

    def processes(self) -> list[psutil.Process]:
        """Return the living processes of the command and of what it has started."""
        found = []
        with suppress(psutil.Error):
            for process in psutil.Process(self.pid).children(recursive=True):
                with suppress(psutil.Error):  # it has ended
                    if str(_GUARD) not in process.cmdline():
                        found.append(process)
        return found

    def end(self) -> int:
        """End the tree, if it has not ended, and return the command's exit code.

        SIGTERM, the grace time, then SIGKILL until nothing is left.
        """
        with suppress(OSError):
            self._lifeline.shutdown(socket.SHUT_RDWR)  # all that the guard waits for
        self._lifeline.close()
        deadline = time.monotonic() + self._grace_seconds + _GUARD_SECONDS
        code = self.wait(self._grace_seconds + _GUARD_SECONDS)
        if code is None or self._process.returncode < 0:
            self._end_without_guard(deadline)
        elif sys.platform != "linux":  # where the guard does not see other sessions
            end_marked(self._tree_mark, max(0.0, deadline - time.monotonic()), TREE_MARK)
        code = self.wait(None)
        assert code is not None
        return code

    def _end_without_guard(self, deadline: float) -> None:
        """End what is left when the guard is stuck or was killed.

        Of its two processes one may be left that ends the tree in order: it has until the deadline.
        """
        while marked_processes(TREE_MARK).get(self._tree_mark) and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        with suppress(psutil.Error):
            for process in psutil.Process(self.pid).children(recursive=True):
                with suppress(psutil.Error):
                    process.kill()
        end_marked(self._tree_mark, 0, TREE_MARK)
        self._process.kill()

    def __enter__(self) -> Self:
        """Return the tree."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the tree, whatever happened: also a signal to this process while it is being ended."""
        try:
            self.end()
        except BaseException:
            self.end()
            raise
