"""Read the lines of a file that another process appends to, or whose last line a kill has cut short."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path


class LineFile:
    """Reads whole lines, each once. A last line without its end waits for its rest."""

    cut: int = 0
    """Bytes that the line yielded last lacks, as it is longer than is taken of a line."""
    at_end: bool = True
    """Whether the last call read all that there was."""

    def __init__(self, path: Path, *, offset: int = 0, longest: int = sys.maxsize) -> None:
        """Prepare to read `path` from `offset` on; it need not exist yet.

        longest: bytes that are taken of a line; it bounds memory whatever the file holds.
        """
        self.path = path
        self.offset = offset
        """Bytes that have been read, all of them in whole lines unless one is too long."""
        self._longest = longest
        self._file: tuple[int, int] | None = None  # device and inode: whether it is the same file
        self._line = b""  # the start of a line that is too long, whose end is not there yet

    def lines(self, most: int = sys.maxsize, *, last: bool = False) -> Iterator[bytes]:
        r"""Yield the new lines, without their `\n`; nothing where there is no file.

        A file that was replaced or made shorter is read from its start. What is appended while it is read
        is left for the next call: who writes may be faster than who reads.

        most: bytes to read, at least `longest`. last: nothing more is written, so that at the end of the file
        a line without its end is one too.
        """
        self.at_end = True
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        with file:
            status = os.fstat(file.fileno())
            identity = status.st_dev, status.st_ino
            if self._file not in (None, identity) or status.st_size < self.offset:
                self.offset, self._line = 0, b""
            self._file = identity
            end = min(status.st_size, self.offset + most)
            self.at_end = end == status.st_size
            last = last and self.at_end
            file.seek(self.offset)
            while piece := file.readline(min(self._longest, end - self.offset)):
                is_whole = piece.endswith(b"\n")
                if not (is_whole or last or self._line or len(piece) == self._longest):
                    return
                self.offset += len(piece)
                if self._line:
                    self.cut += len(piece) - is_whole
                else:
                    self._line, self.cut = piece, 0
                if is_whole:
                    yield self._take()
        if last and self._line:
            yield self._take()

    @property
    def unended(self) -> int:
        """Bytes read so far of a line that is longer than is taken of one and has no end yet."""
        return len(self._line) + self.cut if self._line else 0

    def take_unended(self) -> bytes:
        """Return what is taken of that line, without waiting for its end."""
        return self._take()

    def _take(self) -> bytes:
        line, self._line = self._line.removesuffix(b"\n"), b""
        return line
