"""Start a process tree and make sure that it ends. Knows nothing of Prefect.

On POSIX a guard process (guard.py) stands between us and the command: it ends the tree when `end`
is called, and just so when this process is gone, SIGKILL included. On Windows this process ends
the tree itself.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

MARK = "FUSION_PROCESS_TREE"
"""Environment variable that all processes of a tree have, with a value of that tree alone."""

_GUARD = Path(__file__).with_name("guard.py")
_GUARD_SECONDS = 3.0  # beyond the grace time, before the guard itself counts as lost


class ProcessTree:
    """A running command with everything it starts. Use it as a context: leaving it ends the tree."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        grace_seconds: float = 2.0,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start the command in a session of its own, its output and errors appended to `log`.

        grace_seconds: from SIGTERM to SIGKILL.  environment: variables on top of this process's.
        Raises OSError when the log cannot be opened.
        """
        self._mark = uuid4().hex
        self._grace_seconds = grace_seconds
        variables = {**os.environ, **(environment or {}), MARK: self._mark}
        with open(log, "ab") as output:
            if sys.platform == "win32":
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=variables,
                    creationflags=subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW,
                )
            else:
                guarded = [sys.executable, "-I", "-S", str(_GUARD), str(grace_seconds), *command]
                self._process = subprocess.Popen(
                    guarded,
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=variables,
                    start_new_session=True,
                )

    @property
    def pid(self) -> int:
        """The process id at the root of the tree."""
        return self._process.pid

    def wait(self, seconds: float | None = None) -> int | None:
        """Return the command's exit code (128 + n for signal n), or None after `seconds`."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        return code if code >= 0 or sys.platform == "win32" else 128 - code

    def end(self) -> int:
        """End the tree, if it has not ended, and return the command's exit code.

        SIGTERM, the grace time, then SIGKILL until nothing is left.
        """
        if sys.platform == "win32":
            from signal import CTRL_BREAK_EVENT

            if self._process.poll() is None:
                self._process.send_signal(CTRL_BREAK_EVENT)
            self.wait(self._grace_seconds)
            self._kill_marked()
        else:
            if self._process.stdin is not None:
                self._process.stdin.close()  # all that the guard waits for
            self.wait(self._grace_seconds + _GUARD_SECONDS)
            if self._process.poll() is None or self._process.returncode < 0:
                self._kill_marked()  # the guard is stuck, or somebody killed it
        code = self.wait()
        assert code is not None
        return code

    def _kill_marked(self) -> None:
        """Kill every process that carries the mark of this tree.

        psutil compares start times, so a process id that was given to another is never hit.
        """
        import psutil

        deadline = time.monotonic() + _GUARD_SECONDS
        while time.monotonic() < deadline:
            found = False
            for process in psutil.process_iter():
                try:
                    if process.environ().get(MARK) != self._mark:
                        continue
                    if process.status() == psutil.STATUS_ZOMBIE:
                        continue
                    found = True
                    process.kill()
                except (psutil.Error, OSError):
                    continue
            self._process.poll()
            if not found:
                return
            time.sleep(0.02)

    def __enter__(self) -> Self:
        """Return the tree."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the tree, whatever happened."""
        self.end()
