"""Follow a simulator: its log and its progress into Prefect until it ends."""

import time
from collections.abc import Callable
from logging import Logger, LoggerAdapter
from typing import Any

from fusion.progress import ProgressReader, ProgressState
from fusion_flows.artifacts import Artifacts, news
from fusion_flows.log_stream import LogStream
from fusion_flows.process import ProcessTree
from fusion_flows.rundir import RunDirectory

_INTERVAL_SECONDS = 1.0  # between two looks; one artifact call and a few log records each at most
_CANCEL_SECONDS = 5.0  # between two questions whether the run was cancelled


class Follower:
    """Carries news of one run into Prefect. `state` is what the events said so far."""

    def __init__(
        self,
        run: RunDirectory,
        artifacts: Artifacts,
        logger: Logger | LoggerAdapter[Any],
        max_log_bytes: int,
    ) -> None:
        """Prepare to follow a run that starts now; what an earlier attempt logged is not repeated."""
        self.state = ProgressState()
        self._events = ProgressReader(run.progress)
        for event in self._events.read():  # of an earlier attempt
            self.state.add(event)
        size = run.log.stat().st_size if run.log.exists() else 0
        self._log = LogStream(run.log, max_log_bytes, offset=size)
        self._logger = logger
        self._artifacts = artifacts
        self._sent: tuple[float, str] | None = None

    def follow(self, tree: ProcessTree, cancelled: Callable[[], bool]) -> int | None:
        """Report until the simulator ends and return its exit code, or None once cancelled() holds.

        A worker ends a cancelled flow by a signal. cancelled() is for those that have no worker.
        """
        self.look()
        next_question = time.monotonic() + _CANCEL_SECONDS
        while (code := tree.wait(_INTERVAL_SECONDS)) is None:
            self.look()
            if time.monotonic() >= next_question:
                next_question = time.monotonic() + _CANCEL_SECONDS
                if cancelled():
                    return None
        return code

    def look(self, *, last: bool = False) -> None:
        """Pass on what is new. `last`: nothing more will come, so nothing is held back."""
        for batch in self._log.read(last=last):
            self._logger.log(batch.level, "%s", batch.text)
        for event in self._events.read():
            self.state.add(event)
        if not self.state.total_erlangs and not last:
            return
        progress = (round(100 * self.state.fraction, 1), news(self.state))
        if progress != self._sent and self._artifacts.put("progress", "progress", *progress):
            self._sent = progress
