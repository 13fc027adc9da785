"""Points that failed, kept in the store, so that they can be tried again once the cause is fixed.

    STORE/failures/<writer>.jsonl    a line per failure, appended by one writer

A failure says what the point was beside its key: an input that is mended gives the point another key.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from fusion.config.named_files import KEYS
from fusion.config.sections import HOME
from fusion.results.line_file import LineFile
from fusion.scenario.content import key_of
from fusion.sweep.point_state import Failure, PointState
from fusion.sweep.points import Point
from fusion.sweep.store import Store


class FailedPoint(NamedTuple):
    """A failure that is on file. settings: see `settings_key`. replication: that was to be simulated."""

    key: str
    settings: str
    replication: int
    error: str


class FailureWriter:
    """Appends failures to a file of its own in a store; the first one makes it."""

    def __init__(self, store: Store, points: Iterable[Point], name: str) -> None:
        """points: those that may fail. name: of the file, which nobody else writes."""
        self._points = {point.key: point for point in points}
        self._path = _folder(store) / f"{name}.jsonl"

    def append(self, failures: Iterable[Failure]) -> None:
        """Write failures to the disk. Raises OSError."""
        lines = [json.dumps(self._record(each)) + "\n" for each in failures]
        if not lines:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())

    def _record(self, failure: Failure) -> dict[str, Any]:
        return {**failure._asdict(), "settings": settings_key(self._points[failure.key])}


def settings_key(point: Point) -> str:
    """Return what names a point by its settings and the names of its files, whatever is in these."""
    config = point.config
    values = {key: str(getattr(getattr(config, HOME[key]), key)) for key in KEYS}
    files = {key: PurePath(value).name for key, value in values.items()}
    table = config.general_settings.mod_assumption
    return key_of({"config": point.content["config"], "files": files, "table": table})


def failed_points(store: Store, states: Sequence[PointState]) -> dict[str, str]:
    """Return the points that failed when they were computed last: their key, and the error.

    A failure is over when its point is complete or has the replication that had failed; or, where an
    input is another one now, when there is anything of the point that it makes.
    """
    on_file: dict[str, list[FailedPoint]] = defaultdict(list)
    for failure in _read(store):
        on_file[failure.settings].append(failure)
    found: dict[str, str] = {}
    for state in states if on_file else ():
        if state.stop_reason is not None:
            continue
        for failure in on_file.get(settings_key(state.point), ()):
            same = failure.key == state.point.key
            if not (state.has(failure.replication) if same else state.outcomes):
                found[state.point.key] = failure.error
    return found


def failure_of_event(event: Mapping[str, Any]) -> Failure:
    """Return what the event `point_failed` of a simulator says."""
    key, error, trace = (str(event.get(name)) for name in ("key", "message", "traceback"))
    return Failure(key, error, trace, int(event.get("replication", 0)))


def _folder(store: Store) -> Path:
    return store.folder / "failures"


def _read(store: Store) -> Iterator[FailedPoint]:
    """Yield the failures on file; a line that a kill has cut short is left out."""
    for path in sorted(_folder(store).glob("*.jsonl")):
        for line in LineFile(path).lines():
            try:
                record = json.loads(line)
                key, settings, error = (str(record[name]) for name in ("key", "settings", "error"))
                yield FailedPoint(key, settings, int(record["replication"]), error)
            except (ValueError, TypeError, LookupError):
                continue
