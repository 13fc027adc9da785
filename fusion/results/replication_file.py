"""The file of finished replications, from which every table can be made again.

A header names the config; then comes one line per replication, appended as they finish. A kill can tear the
last line, which a reader drops.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np

from fusion.results.file_lock import lock
from fusion.results.files import atomic_file
from fusion.results.line_file import LineFile
from fusion.results.logging_config import get_logger
from fusion.results.measured import Replication
from fusion.scenario.versions import MAY_LACK_IN_REPLICATION

log = get_logger(__name__)


class ForeignResultsError(ValueError):
    """The output directory holds results that do not belong to this config."""


class LackingError(ValueError):
    """A record without what this version measures; the message names the fields."""


def finished(path: Path) -> list[Replication]:
    """Return the replications in a file that another process may be writing; none where there is no file.

    What is damaged or of a version that measured less is left out. Raises OSError.
    """
    lines = LineFile(path).lines()
    next(lines, None)  # the header
    found = []
    for line in lines:
        with suppress(ValueError, TypeError, AttributeError):
            found.append(from_record(json.loads(line.decode())))
    return found


class ReplicationFile:
    """The file of finished replications. One process may write it at a time."""

    def __init__(self, path: Path, content_key: str, fields: Mapping[str, Any]) -> None:
        """Open or create `path` for results of the config with this key.

        fields: what the key was made from, to be able to say what differs. Raises ForeignResultsError if the
        file belongs to another config or another process is writing it.
        """
        self._path = path
        self._header = {"content_key": content_key, "config": dict(fields)}
        self._file = path.open("a+b")
        self._synced = 0.0
        if not lock(self._file):
            self._file.close()
            raise ForeignResultsError(f"{path.parent} is being written by another simulator")
        self.replications = self._read()

    def _read(self) -> dict[tuple[float, int], Replication]:
        file = LineFile(self._path)
        lines = file.lines()
        header = next(lines, None)
        if header is not None:
            self._check_header(header)
        found = {}
        lacking: Counter[str] = Counter()
        for number, line in enumerate(lines, start=2):
            try:
                each = from_record(json.loads(line.decode()))
                found[each.erlang, each.replication] = each
            except LackingError as error:
                lacking[str(error)] += 1
            except (ValueError, TypeError, AttributeError):
                log.warning("%s, line %d is damaged: it is computed again", self._path, number)
        for fields, count in lacking.items():
            told = "%s: %d replications are of a version that did not measure %s: they are computed again"
            log.warning(told, self._path, count, fields)
        self._file.truncate(file.offset)  # without a torn line
        if header is None:
            self._append(self._header)
        return found

    def _check_header(self, line: bytes) -> None:
        try:
            there = json.loads(line.decode())
            key, config = there["content_key"], dict(there["config"])
        except (ValueError, KeyError, TypeError):
            raise ForeignResultsError(f"{self._path} is not a file of replications") from None
        if key == self._header["content_key"]:
            return
        mine = json.loads(json.dumps(self._header["config"]))
        differing = [
            f"{field}: {_shown(config, field)} there, {_shown(mine, field)} here"
            for field in sorted(config.keys() | mine.keys())
            if config.get(field) != mine.get(field)
        ]
        raise ForeignResultsError(
            f"{self._path.parent} holds results of another config ("
            + ("; ".join(differing) or "the content of an input file or the version differs")
            + "): choose another output directory"
        )

    def append(self, replication: Replication) -> None:
        """Add one finished replication. A kill loses nothing of it; a power cut at most the last second."""
        self.replications[replication.erlang, replication.replication] = replication
        self._append(to_record(replication))

    def _append(self, record: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(record, separators=(",", ":")).encode() + b"\n")
        self._file.flush()
        if time.monotonic() - self._synced > 1.0:
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()

    def rewrite(self, replications: Iterable[Replication]) -> None:
        """Replace the content by these replications, in this order."""
        with atomic_file(self._path) as file:
            for record in (self._header, *map(to_record, replications)):
                file.write(json.dumps(record, separators=(",", ":")) + "\n")

    def close(self) -> None:
        """Close the file and let others write it."""
        self._file.close()


def _shown(config: Mapping[str, Any], field: str) -> str:
    return repr(config[field]) if field in config else "the default"


_KINDS: Mapping[str, Any] = {
    name: kind for name, kind in get_type_hints(Replication).items() if hasattr(kind, "_fields")
}
"""Field of `Replication` that is a record of its own -> the kind of record."""

FIELDS = tuple(
    chain.from_iterable(
        _KINDS[name]._fields if name in _KINDS else (name,) for name in Replication._fields
    )
)
"""The fields of a record in the file, in their order: there the records of a replication are one."""


def to_record(replication: Replication) -> dict[str, Any]:
    """Return a replication as plain numbers and lists; `from_record` gives it back bit for bit."""
    fields: dict[str, Any] = {}
    for name, value in replication._asdict().items():
        fields |= value._asdict() if name in _KINDS else {name: value}
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in fields.items()
    }


def from_record(record: Mapping[str, Any]) -> Replication:
    """Return the replication of which `to_record` made the record, in this version or another.

    What a later version has measured beside is left out. Raises LackingError where an earlier one has not
    measured what this one does, and TypeError and others for what is not a record.
    """
    fields: dict[str, Any] = {
        name: np.array(value) if isinstance(value, list) else value
        for name, value in record.items()
        if name in FIELDS
    }
    if lacking := set(FIELDS) - set(fields) - MAY_LACK_IN_REPLICATION:
        raise LackingError(", ".join(sorted(lacking)))
    records = {
        subject: kind(**{name: fields.pop(name) for name in kind._fields if name in fields})
        for subject, kind in _KINDS.items()
    }
    return Replication(**fields, **records)
