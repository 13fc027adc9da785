"""A simulator that makes no progress: stopped by a signal, a debugger or a hung disk, or caught in a loop.

Progress is what it writes: an event or an outcome. How long it may take until the next is not known
before the first ones have come, and differs in a sweep; so one that computes is given more time.
"""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from logging import Logger, LoggerAdapter
from pathlib import Path
from typing import Any

import psutil
from prefect.client.schemas.objects import State
from prefect.states import Failed

from fusion_flows.following.flow_ends import SimulationError
from fusion_flows.process.tree import ProcessTree
from fusion_flows.server.settings import Settings

STALLED = "stalled since "
"""Starts what is said of such a run."""

_LEAST_SECONDS = 120.0
_FACTOR = 10.0  # of the longest wait so far; and for one that computes once more
_CPU_SHARE = (
    0.05  # of a core, above which a simulator computes; one that waits looks around now and then
)
_CPU_SECONDS = 5.0  # between two looks at it
_STEP_SECONDS = 5.0  # counted at most between two looks: this process may have been stopped, too
_EXIT_CODE = 128 + 15  # the simulator is ended by SIGTERM
_STOPPED = {
    psutil.STATUS_STOPPED: "stopped processes, which `kill -CONT {pids}` lets go on",
    psutil.STATUS_TRACING_STOP: "processes held by a debugger",
    psutil.STATUS_DISK_SLEEP: "processes that wait for a disk",
}


class Stall:
    """Watches whether a simulator makes progress."""

    def __init__(
        self,
        files: Callable[[], Iterable[Path | None]],
        settings: Settings,
        logger: Logger | LoggerAdapter[Any],
        *,
        alike: bool,
        go_on: str,
    ) -> None:
        """Prepare to watch.

        files: that grow with each replication. alike: whether all replications take about the same time.
        go_on: what a person does to go on with a run that is ended.
        """
        self.text: str
        """For the news of the run: since when it is stalled; empty while it is not."""
        self._files = files
        self._limit_seconds = settings.stall_seconds
        self._end_seconds = settings.end_stalled_seconds
        self._logger = logger
        self._alike = alike
        self._go_on = go_on
        self._longest: float | None = None
        self._changes = 0
        self._sizes: list[int] = []
        self.reset()

    def reset(self) -> None:
        """Begin anew, as after a pause."""
        self.text = ""
        self._looked = time.monotonic()
        self._waited = 0.0  # since the last progress
        self._idle = 0.0  # since it made progress or computed
        self._since = datetime.now(UTC)
        self._cpu: tuple[float, float] | None = None  # when, and CPU seconds by then

    def look(self, tree: ProcessTree | None) -> State | None:
        """Say what has changed, and return the state in which to end, if it is to be ended.

        tree: None where others compute, whose processes cannot be seen: then it is told and never ended.
        """
        now = time.monotonic()
        step = min(now - self._looked, _STEP_SECONDS)
        self._looked = now
        sizes = [_size(path) for path in self._files()]
        if sizes != self._sizes:
            self._progressed(sizes)
            return None
        self._waited += step
        self._idle += step
        limit = self._limit_seconds
        if limit is None:
            limit = max(_LEAST_SECONDS, _FACTOR * (self._longest or 0.0))
        if tree is not None and (
            self._cpu is None or self._idle > limit or now - self._cpu[0] > _CPU_SECONDS
        ):
            self._look_at_cpu(tree, now)
        may_compute = not self._alike or self._longest is None
        stalled = self._idle > limit or (not may_compute and self._waited > _FACTOR * limit)
        if not stalled:
            self._tell_that_it_goes_on()
            return None
        if not self.text:
            self.text = f"{STALLED}{self._since.astimezone():%Y-%m-%d %H:%M:%S %Z}"
            self._logger.warning(
                "%s: nothing was written for %.0f s; %s", self.text, self._waited, _seen(tree)
            )
        if tree is None:
            return None
        beyond = (self._idle if self._idle > limit else self._waited) - limit
        if self._end_seconds is None or beyond < self._end_seconds:
            return None
        message = (
            f"The simulator was {self.text} and is ended, as FUSION_END_STALLED_SECONDS = "
            f"{self._end_seconds:g} says. What it had finished is kept; {self._go_on}."
        )
        return Failed(message=message, data=SimulationError(message, _EXIT_CODE))

    def _progressed(self, sizes: list[int]) -> None:
        self._changes += 1
        self._sizes = sizes
        if self._changes > 2 and not self.text:  # the first is its start, which may compile
            self._longest = max(self._longest or 0.0, self._waited)
        self._tell_that_it_goes_on()
        self.reset()

    def _tell_that_it_goes_on(self) -> None:
        if self.text:
            self._logger.info("The simulator continues; it was %s.", self.text)
            self.text = ""

    def _look_at_cpu(self, tree: ProcessTree, now: float) -> None:
        used = sum(map(_cpu_seconds, tree.processes()))
        if self._cpu is not None and used - self._cpu[1] > _CPU_SHARE * (now - self._cpu[0]):
            self._idle = 0.0
            if not self.text:
                self._since = datetime.now(UTC)
        self._cpu = now, used


def _size(path: Path | None) -> int:
    with suppress(OSError):
        return path.stat().st_size if path is not None else 0
    return 0


def _cpu_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def _seen(tree: ProcessTree | None) -> str:
    """Return what can be seen from outside."""
    if tree is None:
        return "nothing comes back from those who compute"
    seen: dict[str, list[str]] = {}
    for process in tree.processes():
        with suppress(psutil.Error):
            if said := _STOPPED.get(process.status()):
                seen.setdefault(said, []).append(str(process.pid))
    said = "; ".join(
        f"{template.format(pids=' '.join(pids))}: {', '.join(pids)}"
        for template, pids in seen.items()
    )
    return said or "its processes wait, or compute without an end"
