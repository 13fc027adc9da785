"""Progress events: written by the simulator, one JSON object per line, and read by whoever watches."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fusion.results.json_text import to_json
from fusion.results.line_file import LineFile
from fusion.results.statistics import Estimate, blocking_estimate

Event = dict[str, Any]

_LONGEST = 1 << 20  # bytes of a line that is taken for an event


class ProgressWriter:
    """Append events to a progress file. An event is one write, so a reader never sees two mixed up."""

    def __init__(self, path: Path) -> None:
        """Open `path` for appending; a torn last line of an earlier process is closed with a newline."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        size = os.fstat(self._descriptor).st_size
        if size:
            os.lseek(self._descriptor, size - 1, os.SEEK_SET)
            if os.read(self._descriptor, 1) != b"\n":
                os.write(self._descriptor, b"\n")

    def write(self, kind: str, **fields: Any) -> None:
        """Append one event of this type with the time of now."""
        event = {"type": kind, "ts": datetime.now(UTC).isoformat(timespec="milliseconds"), **fields}
        os.write(self._descriptor, to_json(event).encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


class ProgressReader:
    """Read the events that were appended since the last call. A torn last line waits for its rest."""

    def __init__(self, path: Path) -> None:
        """Prepare to read `path`, which need not exist yet."""
        self._file = LineFile(path, longest=_LONGEST)

    def read(self) -> Iterator[Event]:
        """Yield the new complete events; lines that are not events are dropped.

        A file that was replaced or made shorter is read from its start. Memory is bounded whatever the
        file holds.
        """
        for line in self._file.lines():
            if not self._file.cut and (event := _event(line)) is not None:
                yield event


def _event(line: bytes) -> Event | None:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and isinstance(event.get("type"), str) else None


def compiling_text(event: Event) -> str:
    """Return what to say while something is compiled, such as `compiling (about 20 s, once)`."""
    seconds = event.get("seconds")
    if not isinstance(seconds, int | float):  # an older event
        return "compiling"
    return f"compiling (about {seconds:.0f} s, once)"


def propagating_text(event: Event) -> str:
    """Return what to say while GNPy propagates paths, such as `propagating paths (1,200 of 16,650)`."""
    return f"propagating paths ({int(event['done']):,} of {int(event['paths']):,})"


def progress_of(path: Path) -> ProgressState:
    """Return what the events of a file say so far."""
    state = ProgressState()
    for event in ProgressReader(path).read():
        state.add(event)
    return state


@dataclass
class ProgressState:
    """What the events so far say: how far the run is and what came out last."""

    total_erlangs: int = 0
    total_iterations: int = 0
    finished: dict[float, dict[int, tuple[int, int]]] = field(default_factory=dict)
    """Replications that are done, by load: their blocked and offered requests."""
    completed: dict[float, dict[str, Any]] = field(default_factory=dict)
    """Metrics of the loads that are done."""
    latest: dict[str, Any] | None = None
    """The last `iteration` event."""
    error: str | None = None
    exit_code: int | None = None
    compiling: str = ""
    """What to say while nothing is simulated yet, as the event loop is being compiled."""
    started: float | None = None
    fraction_at_start: float = 0.0
    """Of the work, what earlier attempts had done."""
    fresh: int = 0
    """Replications that this attempt has done itself."""

    def add(self, event: Event) -> None:
        """Take one event in. Events of different loads may come in any order, and more than once."""
        kind = event["type"]
        if kind == "start":
            config = event.get("config", {})
            self.total_erlangs = int(config.get("total_erlangs", 0))
            self.total_iterations = int(config.get("total_iterations", 0))
            self.started = time.monotonic()
            self.error = self.exit_code = None
            self.compiling = ""
            self.fraction_at_start, self.fresh = self.fraction, 0
        elif kind == "compiling":
            self.compiling = compiling_text(event)
        elif kind == "propagating":
            self.compiling = propagating_text(event)
        elif kind == "computing":
            self.compiling = ""
            self.started = (
                time.monotonic()
            )  # what came before says nothing of the time that is left
        elif kind == "iteration":
            done = self.finished.setdefault(float(event["erlang"]), {})
            metrics = event.get("metrics", {})
            counts = int(metrics.get("blocked", 0)), int(metrics.get("requests", 0))
            is_new = int(event["iteration"]) not in done
            done[int(event["iteration"])] = counts
            self.latest = event
            if not event.get("resumed"):
                self.fresh += 1
            elif is_new:  # the events of the attempt that had computed it are gone
                self.fraction_at_start = self.fraction
        elif kind == "erlang_complete":
            self.completed[float(event["erlang"])] = event.get("metrics", {})
        elif kind == "complete":
            self.exit_code = int(event.get("exit_code", 0))
        elif kind == "error":
            self.error = str(event.get("message", ""))

    def so_far(self, erlang: float, confidence: float) -> Estimate:
        """Return the blocking probability of a load over its replications so far."""
        counts = self.finished.get(erlang, {}).values()
        return blocking_estimate(
            [blocked for blocked, _ in counts], [offered for _, offered in counts], confidence
        )

    @property
    def fraction(self) -> float:
        """Share of the work that is done, 0 to 1. A load that is complete counts as a whole.

        Under a precision rule the number of replications is not known before, so this is a lower bound.
        """
        if not self.total_erlangs or not self.total_iterations:
            return 0.0
        done = 0.0
        for erlang in self.finished.keys() | self.completed.keys():
            part = len(self.finished.get(erlang, ())) / self.total_iterations
            done += 1.0 if erlang in self.completed else min(part, 1.0)
        return min(done / self.total_erlangs, 1.0)

    @property
    def seconds_left(self) -> float | None:
        """Time until the end at the rate of this attempt, in seconds; None before there is a rate."""
        gained = self.fraction - self.fraction_at_start
        if self.started is None or not self.fresh or gained <= 0.0:
            return None
        return (time.monotonic() - self.started) * (1.0 - self.fraction) / gained
