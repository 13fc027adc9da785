"""A process tree on POSIX: guard.py stands between us and the command and ends what it started."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil

from fusion_flows.process.marks import TREE_MARK, end_marked, marked_processes

_GUARD = Path(__file__).with_name("guard.py")
_GUARD_SECONDS = 0.5  # beyond the grace time, before the guard counts as stuck
_LOOK_SECONDS = 0.05


class GuardedTree:
    """A command, all it starts, and the guard that ends them when this process asks or is gone."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        output: IO[bytes],
        environment: Mapping[str, str],
        grace_seconds: float,
    ) -> None:
        """Start the guard with the command."""
        self._mark = environment[TREE_MARK]
        self._grace_seconds = grace_seconds
        guard = [sys.executable, "-I", "-S", str(_GUARD), str(os.getpid()), str(grace_seconds)]
        # A socket and not a pipe: its end can be told while forks of this process hold it open.
        self._lifeline, guards_end = socket.socketpair()
        with guards_end:
            self._process = subprocess.Popen(
                [*guard, *command],
                stdin=guards_end.fileno(),
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The guard's process id."""
        return self._process.pid

    def wait(self, seconds: float | None) -> int | None:
        """Return the exit code, or None after `seconds`."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        return code if code >= 0 else 128 - code

    def processes(self) -> list[psutil.Process]:
        """Return the living processes of the tree without the guard's own two."""
        found = []
        with suppress(psutil.Error):
            for process in psutil.Process(self.pid).children(recursive=True):
                with suppress(psutil.Error):  # it has ended
                    if str(_GUARD) not in process.cmdline():
                        found.append(process)
        return found

    def end(self) -> int:
        """End the tree and return the exit code."""
        with suppress(OSError):
            self._lifeline.shutdown(socket.SHUT_RDWR)  # all that the guard waits for
        self._lifeline.close()
        deadline = time.monotonic() + self._grace_seconds + _GUARD_SECONDS
        code = self.wait(self._grace_seconds + _GUARD_SECONDS)
        if code is None or self._process.returncode < 0:
            self._end_without_guard(deadline)
        elif sys.platform != "linux":  # where the guard does not see other sessions
            end_marked(self._mark, max(0.0, deadline - time.monotonic()), TREE_MARK)
        code = self.wait(None)
        assert code is not None
        return code

    def _end_without_guard(self, deadline: float) -> None:
        """End what is left when the guard is stuck or was killed.

        Of its two processes one may be left that ends the tree in order: it has until the deadline.
        """
        while marked_processes(TREE_MARK).get(self._mark) and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        with suppress(psutil.Error):
            for process in psutil.Process(self.pid).children(recursive=True):
                with suppress(psutil.Error):
                    process.kill()
        end_marked(self._mark, 0, TREE_MARK)
        self._process.kill()
