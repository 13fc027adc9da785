"""Follow a growing log file: whole lines, in batches, up to a limit. Knows nothing of Prefect."""

import logging
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

from fusion.results.line_file import LineFile

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

    Bytes that are not UTF-8 become replacement characters. A last line without its end waits for it.
    Memory is bounded whatever the file holds.
    """

    at_end: bool = False
    """Whether the last call saw the end of the file, as far as it is read at all."""

    def __init__(self, path: Path, max_bytes: int, *, offset: int = 0) -> None:
        """Prepare to read `path` from `offset` on, to the line with which `max_bytes` are full.

        It need not exist yet.
        """
        self._file = LineFile(path, offset=offset, longest=_LINE_BYTES)
        self._left = max_bytes
        self._level = logging.INFO
        self._closed = False

    @classmethod
    def of_what_comes(cls, path: Path, max_bytes: int) -> Self:
        """Prepare to read what is appended to `path` from now on."""
        return cls(path, max_bytes, offset=path.stat().st_size if path.exists() else 0)

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
        with suppress(OSError):
            for line in self._file.lines(_READ_AT_ONCE, last=last):
                if self._left <= 0:
                    yield self._close()
                    return
                yield self._shown(line)
            if self._file.unended > max(
                0, self._left
            ):  # a line of gigabytes, say, whose end may never come
                yield self._shown(self._file.take_unended())
                yield self._close()
                return
            self.at_end = self._file.at_end

    def _shown(self, line: bytes) -> str:
        cut = self._file.cut
        self._left -= len(line) + cut + 1
        more = f" ... ({cut:,} more bytes in this line)" if cut else ""
        return line.decode(errors="replace").rstrip("\r") + more

    def _close(self) -> str:
        self._closed = True
        return f"WARNING The log is longer than shown here; the rest is in {self._file.path}"


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
