"""How the command lines of the simulator end: signals, exit codes and last words.

Exit codes: 0 complete; 2 bad config or arguments; 130 or 143 ended by SIGINT or SIGTERM with what was done on
disk; 1 anything else. The first signal ends the process in order, the second at once.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from types import FrameType
from typing import NoReturn, Protocol

BAD_INPUT = 2
FAILED = 1
ORDERLY_SECONDS = 1.5
"""From the first signal to the end of a process that cannot end in order: in the middle of compiling, or of
a replication whose requests take very long. Who has heard of the signal may write what there is."""


class Signals:
    """Remember the first SIGINT or SIGTERM; end everything at the second."""

    def __init__(self) -> None:
        """Take over both signals."""
        self.received: int | None = None
        self._received_at = 0.0
        self._is_heeded = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.received is not None:
            end_at_once(128 + number)
        self.received = number
        self._received_at = time.monotonic()

    def stopped(self) -> bool:
        """Return whether a signal has come."""
        return self.received is not None

    def heed(self) -> bool:
        """Return whether a signal has come; who calls this ends in order then, and is waited for."""
        self._is_heeded = self.stopped()
        return self._is_heeded

    def overdue(self) -> bool:
        """Return whether a signal that nobody has heeded came so long ago that nobody is waited for."""
        if self.received is None or self._is_heeded:
            return False
        return time.monotonic() - self._received_at > ORDERLY_SECONDS

    @property
    def exit_code(self) -> int:
        """The exit code of a process that was ended by the signal."""
        return 128 + (self.received or 0)

    @property
    def reason(self) -> str:
        """Why the run ended, in words."""
        return f"interrupted by {signal.Signals(self.received).name}" if self.received else ""


def end_at_once(exit_code: int) -> NoReturn:
    """End this process and its workers, whatever they are doing."""
    if pool := sys.modules.get("fusion.simulation.pool"):
        pool.end_workers()
    os._exit(exit_code)


class Record(Protocol):
    """What a process leaves of its end."""

    def end(self, exit_code: int, reason: str) -> None:
        """Write down how it ended. Raises OSError."""

    def fail(self, message: str, trace: str) -> None:
        """Write down why it failed; the disk may be what failed, so that this may fail too."""


class NoRecord:
    """Leaves nothing."""

    def end(self, exit_code: int, reason: str) -> None:
        """Do nothing."""

    def fail(self, message: str, trace: str) -> None:
        """Do nothing."""


def run_to_end(compute: Callable[[], bool], signals: Signals, record: Record) -> int:
    """Compute, and return the exit code; a traceback of what goes wrong is printed.

    compute: returns whether all is computed, or else heeds a signal.
    """

    def end_late() -> None:
        with suppress(OSError):
            record.end(signals.exit_code, signals.reason)
        end_at_once(signals.exit_code)

    try:
        complete = _wait_for_end(compute, signals, end_late)
        exit_code = 0 if complete else signals.exit_code
        record.end(exit_code, "complete" if complete else signals.reason)
    except Exception as error:
        traceback.print_exc()
        with suppress(OSError):
            record.fail(f"{type(error).__name__}: {error}", traceback.format_exc())
        return FAILED
    return exit_code


def _wait_for_end(
    compute: Callable[[], bool], signals: Signals, end_late: Callable[[], None]
) -> bool:
    """Run in a thread, so that this one hears signals also while compiled code runs for long.

    end_late: called when an orderly end after a signal takes too long.
    """
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(compute)
        while not running.done():
            wait([running], timeout=0.1)
            if signals.overdue():
                end_late()
        return running.result()
