"""The store: outcomes of replications by the content of their point. Files are the truth.

    STORE/points/<writer>.jsonl      a line per point: its key, and what that was made from
    STORE/outcomes/<writer>.csv      a line per replication, appended by one writer as they finish

`failed_points` keeps beside them what failed.
A replication is a pure function of its point and its number, so outcomes add up: stores are merged by copying
files, what two writers computed twice is equal, and a file that a kill has cut short lacks its last line.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO, get_type_hints
from uuid import uuid4

from fusion.files import write_atomic
from fusion.inputs import key_of
from fusion.outcome import Outcome
from fusion.sweep.points import Point

_KEY = re.compile(r'"key": "([0-9a-f]{64})"')
_HEADER = ("key", *Outcome._fields)
_TYPES = tuple(get_type_hints(Outcome).values())
_FIRST = 14
"""Columns of the first version of these files, which had none of failures."""

Outcomes = dict[int, Outcome]
"""Replication number to outcome."""


class StoreError(ValueError):
    """A store whose files say things that cannot all be true; the message says which."""


class Store:
    """Outcomes in a folder, which several processes may write and read at once."""

    def __init__(self, folder: Path) -> None:
        """folder: made when something is written."""
        self.folder = folder.expanduser().absolute()
        self._points = self.folder / "points"
        self._outcomes = self.folder / "outcomes"

    def describe(self, points: Iterable[Point]) -> None:
        """Write down what these points are, unless it is there."""
        self._describe({point.key: point.content for point in points})

    def _describe(self, contents: Mapping[str, Mapping[str, Any]]) -> None:
        known = {key for key, _ in self._lines()}
        new = [{"key": key, **what} for key, what in contents.items() if key not in known]
        if new:
            self._points.mkdir(parents=True, exist_ok=True)
            lines = "".join(json.dumps(each, sort_keys=True) + "\n" for each in new)
            write_atomic(self._points / f"{uuid4().hex}.jsonl", lines.encode())

    def contents(self, start: str = "") -> dict[str, dict[str, Any]]:
        """Return what the keys that start so were made from. Raises StoreError for a changed file."""
        found: dict[str, dict[str, Any]] = {}
        for key, line in self._lines():
            if key.startswith(start) and key not in found:
                content = json.loads(line)
                del content["key"]
                if key_of(content) != key:
                    raise StoreError(f"{self._points}: point {key} does not hold what its key says")
                found[key] = content
        return found

    def content(self, start: str) -> tuple[str, dict[str, Any]]:
        """Return the key that starts so, and what it was made from. Raises StoreError."""
        found = self.contents(start)
        if len(found) != 1:
            told = f"{len(found)} points" if found else "no point"
            raise StoreError(f"{self.folder}: {told} whose key starts with '{start}'")
        return next(iter(found.items()))

    def _lines(self) -> Iterator[tuple[str, str]]:
        """Yield key and line of each description."""
        for path in sorted(self._points.glob("*.jsonl")):
            for line in path.read_text(encoding="utf-8").splitlines():
                if match := _KEY.search(line):
                    yield match[1], line

    def files(self) -> list[Path]:
        """Return the files of outcomes, in the order of their names."""
        return sorted(self._outcomes.glob("*.csv"))

    def read(self, keys: Iterable[str]) -> dict[str, Outcomes]:
        """Return the outcomes that are there of these points; a point without any has none.

        Raises StoreError when two files disagree about a replication.
        """
        found: dict[str, Outcomes] = {key: {} for key in keys}
        for path in self.files():
            for key, outcome in read_outcomes(path):
                if key in found:
                    add(found[key], outcome, path)
        return found

    def new_file(self) -> Path:
        """Return the path of a file of outcomes that nobody else writes."""
        self._outcomes.mkdir(parents=True, exist_ok=True)
        return self._outcomes / f"{uuid4().hex}.csv"

    def merge(self, other: Store) -> int:
        """Add what another store has, and return how many replications are new.

        Raises StoreError, before anything is written, when the two do not match.
        """
        there = other.contents()
        self.contents()  # what is wrong here is told first
        theirs, ours = other.read(there), self.read(there)
        new: list[tuple[str, Outcome]] = []
        for key, outcomes in theirs.items():
            for number, outcome in sorted(outcomes.items()):
                if number in ours[key]:
                    add(ours[key], outcome, other.folder)
                else:
                    new.append((key, outcome))
        self._describe(there)
        if new:
            with OutcomeWriter(self.new_file()) as writer:
                writer.append(new)
        return len(new)


class OutcomeWriter:
    """Appends outcomes to a file that no one else writes. Use it as a context."""

    def __init__(self, path: Path) -> None:
        """path: a file that is not there; the first outcome makes it."""
        self._path = path
        self._file: TextIO | None = None

    def append(self, outcomes: Iterable[tuple[str, Outcome]]) -> None:
        """Write outcomes, each with the key of its point, to the operating system. Raises OSError."""
        if self._file is None:
            self._file = self._path.open("x", encoding="utf-8", newline="")
            csv.writer(self._file, lineterminator="\n").writerow(_HEADER)
        rows = csv.writer(self._file, lineterminator="\n")
        rows.writerows((key, *outcome) for key, outcome in outcomes)
        self._file.flush()

    def __enter__(self) -> Self:
        """Return the writer."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file with all on disk."""
        if self._file is None:
            return
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        finally:
            self._file.close()


def read_outcomes(path: Path, offset: int = 0) -> Iterator[tuple[str, Outcome]]:
    """Yield key and outcome of each whole line of a file; offset: bytes to leave out.

    What is appended while it is read is left for the next time: who writes may be faster than who reads.
    """
    with path.open("rb") as file:
        file.seek(offset)
        left = os.fstat(file.fileno()).st_size - offset
        for line in file:
            left -= len(line)
            if left < 0:
                return
            if line.endswith(b"\n") and (row := parse_line(line)) is not None:
                yield row


def parse_line(line: bytes) -> tuple[str, Outcome] | None:
    """Return key and outcome, or None for a header and for a line that is damaged."""
    cells = line.decode(errors="replace").rstrip("\n").split(",")
    if len(cells) not in (_FIRST, len(_HEADER)) or len(cells[0]) != 64:
        return None
    try:
        return cells[0], Outcome(
            *(kind(cell) for kind, cell in zip(_TYPES, cells[1:], strict=False))
        )
    except ValueError:
        return None


def add(outcomes: Outcomes, outcome: Outcome, where: Path) -> None:
    """Add an outcome. Raises StoreError when another one is there for the same replication."""
    there = outcomes.setdefault(outcome.replication, outcome)
    if there != outcome:
        _compare(there._asdict(), outcome._asdict(), f"{where}: replication {outcome.replication}")


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Return name and both values of what differs between the contents of two points.

    A field of the configuration that is not there has its default, here None.
    """
    flat = [{**each, **each.get("config", {})} for each in (one, other)]
    names = sorted((flat[0].keys() | flat[1].keys()) - {"config"})
    return [
        (name, flat[0].get(name), flat[1].get(name))
        for name in names
        if flat[0].get(name) != flat[1].get(name)
    ]


def _compare(one: Mapping[str, Any], other: Mapping[str, Any], what: str) -> None:
    if found := differences(one, other):
        told = "; ".join(f"{name}: {a!r} and {b!r}" for name, a, b in found[:5])
        raise StoreError(f"{what} is there with different values: {told}")
