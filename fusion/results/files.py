"""Files that are complete or absent, whatever kills the writer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file that appears under its name only when it is complete and on disk."""
    with _replacing(path) as temporary, temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def atomic_file(path: Path) -> Iterator[TextIO]:
    """Open a text file for writing that appears under its name only when it is complete and on disk."""
    with _replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path that takes the place of `path` at the end, unless something is raised.

    One process writes a file at a time, so the temporary name is fixed: what a kill leaves is overwritten.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
