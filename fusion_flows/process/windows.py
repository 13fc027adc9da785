"""A process tree on Windows: a job object, whose processes the kernel kills when its handle closes.

The only handle is this process's, so the tree ends when this process is gone, however it ends.
"""

import logging
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO

import psutil

from fusion_flows.process.job_object import System, windows
from fusion_flows.process.marks import TREE_MARK, end_marked

_ENDED_BY_BREAK = 0xC000013A  # exit code of what does not handle Ctrl-Break
_ASKED_TO_END, _KILLED = 128 + 15, 128 + 9  # exit codes, as on POSIX
_KILL_SECONDS = 3.0
_LOOK_SECONDS = 0.05

_logger = logging.getLogger(__name__)


class JobTree:
    """A command and all it starts, in a job."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        output: IO[bytes],
        environment: Mapping[str, str],
        grace_seconds: float,
        system: System | None = None,
    ) -> None:
        """Start the command. It runs only once it is in the job, so that nothing escapes."""
        self._system = system or windows()
        self._mark = environment[TREE_MARK]
        self._grace_seconds = grace_seconds
        self._job: int | None = None
        self._over = False
        self._process = self._system.start(command, output, environment)
        try:
            self._enter_job()
            self._system.resume(self._process)
        except BaseException:
            self._process.kill()
            self._close()
            raise

    @property
    def pid(self) -> int:
        """The command's process id."""
        return self._process.pid

    def wait(self, seconds: float | None) -> int | None:
        """Return the exit code, or None after `seconds`. What the command left behind is killed."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self._kill()
        return _ASKED_TO_END if code == _ENDED_BY_BREAK else code

    def end(self) -> int:
        """End the tree and return the exit code: Ctrl-Break, the grace time, then kill."""
        try:
            if self._process.poll() is None and self._send_break():
                deadline = time.monotonic() + self._grace_seconds
                while self._lives() and time.monotonic() < deadline:
                    time.sleep(_LOOK_SECONDS)
        finally:
            self._kill()
        code = self.wait(None)
        assert code is not None
        return code

    def processes(self) -> list[psutil.Process]:
        """Return the living processes of the tree."""
        try:
            root = psutil.Process(self.pid)
            return [root, *root.children(recursive=True)]
        except psutil.Error:
            return []

    def _enter_job(self) -> None:
        try:
            self._job = self._system.create_job()
            self._system.kill_on_close(self._job)
            self._system.assign(self._job, self._process)
        except OSError as error:
            self._close()
            _logger.warning(
                "Windows refuses a job object (%s): should this process be killed, "
                "then process %d goes on with all that it starts",
                error,
                self.pid,
            )

    def _send_break(self) -> bool:
        """Ask the command to end and say whether there was a way to."""
        try:
            self._system.send_break(self.pid)
        except OSError:  # this process has no console
            return False
        return True

    def _lives(self) -> bool:
        if self._job is None:
            return self._process.poll() is None
        return self._system.active(self._job) > 0

    def _kill(self) -> None:
        """Kill what is left and wait until it is gone."""
        if self._over:
            return
        with suppress(OSError, subprocess.TimeoutExpired):
            if self._job is not None:
                self._system.terminate(self._job, _KILLED)
            elif self._process.poll() is None:
                self._system.kill_tree(self.pid)
        if self._job is None:
            end_marked(self._mark, 0, TREE_MARK)  # those, too, whose parents are gone
        self._process.kill()
        deadline = time.monotonic() + _KILL_SECONDS
        while self._lives() and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        self._close()
        self._over = True

    def _close(self) -> None:
        if self._job is not None:
            self._system.close(self._job)
            self._job = None
