"""Candidate paths of large networks, kept by what they follow from: the next start reads them.

Those of 1,000 nodes take several seconds to find and less than one to read. Small tables are found faster
than a file is opened.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from fusion.network.paths import PathTable

MANY_PAIRS = 20_000
"""Pairs of endpoints from which on a table is kept."""
MOST_FILES = 8
"""Tables that are kept; the one that was used least recently goes first."""
_VERSION = 2
"""Raised when other paths are found for the same, or a file has other arrays."""


def kept_paths(pairs: int, follows_from: object, find: Callable[[], PathTable]) -> PathTable:
    """Return a table of paths that is kept, or else find it and keep it.

    pairs: of endpoints, those with traffic. follows_from: all that decides the paths, as JSON data. A file
    that cannot be read is made anew, and one that cannot be written is done without.
    """
    folder = folder_of("paths") if pairs >= MANY_PAIRS else None
    if folder is None:
        return find()
    text = json.dumps([_VERSION, follows_from], sort_keys=True)
    file = folder / f"{hashlib.sha256(text.encode()).hexdigest()}.npz"
    try:
        with np.load(file, allow_pickle=False) as arrays:
            table = PathTable(*(arrays[name] for name in PathTable._fields))
        with suppress(OSError):
            os.utime(file)
        return table
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        table = find()
    _keep(file, table)
    return table


def _keep(file: Path, table: PathTable) -> None:
    temporary = file.with_name(f".{file.stem}.{os.getpid()}.npz")
    try:
        with temporary.open("wb") as opened:
            np.savez(opened, **table._asdict())
        os.replace(temporary, file)
        others = sorted(file.parent.glob("[!.]*.npz"), key=lambda each: -each.stat().st_mtime)
        for old in others[MOST_FILES:]:
            old.unlink(missing_ok=True)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def folder_of(name: str) -> Path | None:
    """Return a folder beside the compiled code; None where nothing can be written."""
    from fusion.kernel_cache import CACHE_DIR  # loads LLVM; checks of small networks need none

    if CACHE_DIR is None:
        return None
    folder = CACHE_DIR.parent / name
    try:
        folder.mkdir(exist_ok=True)
    except OSError:
        return None
    return folder
