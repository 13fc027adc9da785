"""Start a process tree and make sure that it ends. Knows nothing of Prefect.

Whatever the command started is gone one second after the grace time, at the latest, once `end` is
called, the command has ended, or this process is gone, SIGKILL included. On POSIX a guard process
sees to it (process_posix.py, guard.py), on Windows a job object (process_windows.py).
"""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

import psutil

from fusion_flows.process.marks import MARK, TREE_MARK, end_marked, marked_processes

if sys.platform == "win32":
    from fusion_flows.process.windows import JobTree as _Tree
else:
    from fusion_flows.process.posix import GuardedTree as _Tree

__all__ = ["MARK", "ProcessTree", "end_marked", "marked_processes"]


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
        variables = os.environ if environment is None else environment
        with open(log, "ab") as output:
            self._tree = _Tree(
                command,
                output=output,
                environment={**variables, MARK: self._mark, TREE_MARK: uuid4().hex},
                grace_seconds=grace_seconds,
            )

    @property
    def pid(self) -> int:
        """The process id at the root of the tree."""
        return self._tree.pid

    @property
    def mark(self) -> str:
        """The value of MARK in the environment of the tree's processes."""
        return self._mark

    def wait(self, seconds: float | None = None) -> int | None:
        """Return the command's exit code (128 + n for signal n), or None after `seconds`."""
        return self._tree.wait(seconds)

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
        return self._tree.processes()

    def end(self) -> int:
        """End the tree, if it has not ended, and return the command's exit code.

        SIGTERM, the grace time, then SIGKILL until nothing is left.
        """
        return self._tree.end()

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
