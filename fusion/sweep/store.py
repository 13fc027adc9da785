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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO, get_type_hints
from uuid import uuid4

from fusion.config.counts import counted
from fusion.results.files import write_atomic
from fusion.results.line_file import LineFile
from fusion.results.logging_config import get_logger
from fusion.results.outcome import Outcome
from fusion.scenario.content import key_of
from fusion.scenario.versions import MAY_LACK_IN_OUTCOME
from fusion.sweep.points import Point

_KEY = re.compile(r'"key": "([0-9a-f]{64})"')
COLUMNS = ("key", *Outcome._fields)
"""Of the files that are written."""

_TYPES = get_type_hints(Outcome)

_log = get_logger(__name__)

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
            told = counted(len(found), "point") if found else "no point"
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
            csv.writer(self._file, lineterminator="\n").writerow(COLUMNS)
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


class Columns:
    """Which column of a file of outcomes is what: versions before and after may have others, elsewhere."""

    def __init__(self, names: Sequence[str] = COLUMNS) -> None:
        """names: of the columns, as the header has them; those of this version unless others are given."""
        place = {name: number for number, name in enumerate(names)}
        self._count = len(names)
        self._key = place.get("key", 0)
        self._fields = [(name, place[name], _TYPES[name]) for name in _TYPES if name in place]
        self.missing = tuple(sorted(set(_TYPES) - set(place) - MAY_LACK_IN_OUTCOME))
        """What no line says and this version needs: then all of them are to be computed again."""

    @classmethod
    def of(cls, header: bytes) -> Columns | None:
        """Return the columns that a line names; None for one that is not a header."""
        names = _cells(header)
        return cls(names) if "key" in names and "replication" in names else None

    def parse(self, line: bytes) -> tuple[str, Outcome] | None:
        """Return key and outcome; None for a header, a damaged line, and one that lacks a value."""
        cells = _cells(line)
        if self.missing or len(cells) != self._count or len(cells[self._key]) != 64:
            return None
        try:
            values = {name: kind(cells[place]) for name, place, kind in self._fields}
        except ValueError:
            return None
        return cells[self._key], Outcome(**values)


_OURS = Columns()
_FIRST = Columns(
    (
        *("key", "replication", "requests", "warmup_requests", "blocked", "blocked_out_of_reach"),
        *("requested_gbps", "blocked_gbps", "lightpaths", "hops", "length_km", "slots"),
        *("utilisation", "fragmentation"),
    )
)
"""Of the first version, which had none of failures."""


def _cells(line: bytes) -> list[str]:
    return line.decode(errors="replace").split(",")


class OutcomeReader:
    """Reads whole lines of a file that another process may be writing, each once."""

    def __init__(self, path: Path) -> None:
        """path: of a file that may not be there yet."""
        self.file = LineFile(path)
        self._columns: Columns | None = None

    def lines(self) -> Iterator[tuple[bytes, tuple[str, Outcome]]]:
        """Yield line, and key with outcome, of what is new; nothing where there is no file."""
        for line in self.file.lines():
            if self.file.offset == len(line) + 1:  # the first one
                self._columns = self._columns_of(line)
            columns = self._columns
            if (row := columns.parse(line) if columns else parse_line(line)) is not None:
                yield line, row

    def _columns_of(self, header: bytes) -> Columns | None:
        columns = Columns.of(header)
        if columns is not None and columns.missing:
            lacking = ", ".join(columns.missing)
            told = "%s is of a version that did not measure %s: what it has is computed again"
            _log.warning(told, self.file.path, lacking)
        return columns


def read_outcomes(path: Path) -> Iterator[tuple[str, Outcome]]:
    """Yield key and outcome of each whole line of a file."""
    for _, row in OutcomeReader(path).lines():
        yield row


def parse_lines(lines: Iterable[str], names: Sequence[str] | None) -> list[tuple[str, Outcome]]:
    """Return key and outcome of lines that came without their file.

    names: of their columns; None: of this version or the first one.
    """
    parse = parse_line if names is None else Columns(names).parse
    rows = (parse(line.encode()) for line in lines)
    return [row for row in rows if row is not None]


def parse_line(line: bytes) -> tuple[str, Outcome] | None:
    """Return key and outcome of a line without its header, as this version or the first one has written it.

    None for a header, and for a line that is damaged.
    """
    return _OURS.parse(line) or _FIRST.parse(line)


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
