"""Progress events: written by the simulator, one JSON object per line, and read by whoever watches."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Event = dict[str, Any]


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
        os.write(self._descriptor, json.dumps(_finite(event), allow_nan=False).encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def _finite(value: Any) -> Any:
    """Return the value with NaN and infinities as None: JSON has no word for them."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


class ProgressReader:
    """Read the events that were appended since the last call. A torn last line waits for its rest."""

    def __init__(self, path: Path) -> None:
        """Prepare to read `path`, which need not exist yet."""
        self._path = path
        self._offset = 0
        self._rest = b""

    def read(self) -> list[Event]:
        """Return the new complete events; lines that are no event are dropped."""
        try:
            with self._path.open("rb") as file:
                if os.fstat(file.fileno()).st_size < self._offset:
                    self._offset, self._rest = 0, b""
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        events = []
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict) and isinstance(event.get("type"), str):
                events.append(event)
        return events


@dataclass
class ProgressState:
    """What the events so far say: how far the run is and what came out last."""

    total_erlangs: int = 0
    total_iterations: int = 0
    finished: dict[float, set[int]] = field(default_factory=dict)
    """Replications that are done, by load."""
    completed: dict[float, dict[str, Any]] = field(default_factory=dict)
    """Metrics of the loads that are done."""
    latest: dict[str, Any] | None = None
    """The last `iteration` event."""
    error: str | None = None
    exit_code: int | None = None
    started: float | None = None
    done_at_start: int = 0

    def add(self, event: Event) -> None:
        """Take one event in. Events of different loads may come in any order, and more than once."""
        kind = event["type"]
        if kind == "start":
            config = event.get("config", {})
            self.total_erlangs = int(config.get("total_erlangs", 0))
            self.total_iterations = int(config.get("total_iterations", 0))
            self.started = time.monotonic()
            self.error = self.exit_code = None
            self.done_at_start = 0
        elif kind == "iteration":
            done = self.finished.setdefault(float(event["erlang"]), set())
            done.add(int(event["iteration"]))
            self.latest = event
            if event.get("resumed"):
                self.done_at_start += 1
        elif kind == "erlang_complete":
            self.completed[float(event["erlang"])] = event.get("metrics", {})
        elif kind == "complete":
            self.exit_code = int(event.get("exit_code", 0))
        elif kind == "error":
            self.error = str(event.get("message", ""))

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
        """Time until the end at the rate so far, in seconds; None before there is a rate."""
        total = self.total_erlangs * self.total_iterations
        if self.started is None or not total:
            return None
        fresh = self.fraction - self.done_at_start / total
        if fresh <= 0.0:
            return None
        return (time.monotonic() - self.started) * (1.0 - self.fraction) / fresh
