"""Follow a growing log file: whole lines, in batches, up to a limit. Knows nothing of Prefect."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_READ_BYTES = 1 << 18
_READ_AT_ONCE = 1 << 20  # bytes per call of read()
_LINE_BYTES = 1 << 14  # a longer line is cut, and says so
_BATCH_CHARACTERS = 1 << 15
_LEVEL = re.compile(r"\b(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b")
_LEVEL_WITHIN = 60  # characters from the start of a line: later, the word is part of the text


class Batch(NamedTuple):
    """Consecutive lines of one level, joined by newlines."""

    level: int
    text: str


class LogStream:
    """Read what was appended to a log since the last call, 1 MB of it at most.

    Bytes that are not UTF-8 become replacement characters. A line without its end waits for it.
    Memory is bounded whatever the file holds.
    """

    at_end: bool = False
    """Whether the last call saw the end of the file, as far as it is read at all."""

    def __init__(self, path: Path, max_bytes: int, *, offset: int = 0) -> None:
        """Prepare to read `path` from `offset` on, `max_bytes` at most. It need not exist yet."""
        self._path = path
        self._left = max_bytes
        self._offset = offset
        self._line = bytearray()  # the start of a line whose end is not there yet
        self._cut = 0  # bytes of that line that were left out
        self._level = logging.INFO
        self._closed = False

    def read(self, *, last: bool = False) -> Iterator[Batch]:
        """Yield new lines in batches; with `last`, at the end, also a last line that has no end.

        Read all that is yielded: what a call has read is not read again.
        """
        lines: list[str] = []
        characters, level = 0, self._level
        for line in self._lines(last):
            if found := _LEVEL.search(line, 0, _LEVEL_WITHIN):
                self._level = logging.getLevelNamesMapping()[found[1]]
            elif line and not line[0].isspace():
                self._level = logging.INFO if not _in_traceback(line) else logging.ERROR
            if lines and (self._level != level or characters > _BATCH_CHARACTERS):
                yield Batch(level, "\n".join(lines))
                lines, characters = [], 0
            level = self._level
            lines.append(line)
            characters += len(line)
        if lines:
            yield Batch(level, "\n".join(lines))

    def _lines(self, last: bool) -> Iterator[str]:
        self.at_end = True
        if self._closed:
            return
        try:
            file = self._path.open("rb")
        except OSError:
            return
        stop = _READ_AT_ONCE
        with file:
            if file.seek(0, 2) < self._offset:  # rewritten from the start
                self._offset = 0
            file.seek(self._offset)
            while chunk := file.read(min(_READ_BYTES, self._left, stop)):
                self._offset += len(chunk)
                self._left -= len(chunk)
                stop -= len(chunk)
                start = 0
                while (end := chunk.find(b"\n", start)) >= 0:
                    self._add(chunk[start:end])
                    yield self._take()
                    start = end + 1
                self._add(chunk[start:])
            if self._left == 0 and file.read(1):
                self._closed = True
                if self._line:
                    yield self._take()
                yield f"WARNING The log is longer than is shown here; it goes on in {self._path}"
                return
            self.at_end = stop > 0 or not file.read(1)
        if last and self._line and self.at_end:
            yield self._take()

    def _add(self, part: bytes) -> None:
        room = _LINE_BYTES - len(self._line)
        self._line += part[:room]
        self._cut += max(0, len(part) - room)

    def _take(self) -> str:
        text = self._line.decode(errors="replace").rstrip("\r")
        if self._cut:
            text += f" ... ({self._cut:,} more bytes in this line)"
        self._line.clear()
        self._cut = 0
        return text


def _in_traceback(line: str) -> bool:
    """Return whether an unindented line without a level belongs to a traceback."""
    return line.startswith("Traceback (most recent call last)") or bool(
        re.match(r"[\w.]+(Error|Exception|Interrupt|Exit)(:|$)", line)
    )


def tail(path: Path, lines: int = 20, max_bytes: int = 8192) -> str:
    """Return the last lines of a text file, or nothing when it cannot be read."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - max_bytes))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
