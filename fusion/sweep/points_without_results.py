"""Points that a store knows but has no result for: their descriptions, and their failures on file."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path

from fusion.results.files import write_atomic
from fusion.sweep.store import Store, read_outcomes


def points_without_results(store: Store, before: float) -> dict[str, int]:
    """Return the points without any outcome, and the bytes of all lines about each.

    before: a time as of `os.stat`; what a file says that was written since is left out.
    """
    sizes: dict[str, int] = defaultdict(int)
    recent: set[str] = set()
    for path in _files(store):
        lines = _lines(path)
        if path.stat().st_mtime < before:
            for key, line in lines:
                if key:
                    sizes[key] += len(line)
        else:
            recent.update(key for key, _ in lines)
    if not sizes:
        return {}
    found = {key for path in store.files() for key, _ in read_outcomes(path)}
    return {key: size for key, size in sizes.items() if key not in found | recent}


def forget_points(store: Store, keys: Collection[str]) -> None:
    """Remove the descriptions and the failures of these points. Raises OSError.

    No outcome is touched. Nobody may write to the store meanwhile.
    """
    wanted = set(keys)
    for path in _files(store):
        lines = list(_lines(path))
        left = [line for key, line in lines if key not in wanted]
        if not left:
            path.unlink(missing_ok=True)
        elif len(left) < len(lines):
            write_atomic(path, b"".join(left))


def last_written(store: Store) -> float:
    """Return when something was written to a store, as a time of `os.stat`; 0 where there is nothing."""
    times = [path.stat().st_mtime for path in (*_files(store), *store.files())]
    return max(times, default=0.0)


def _files(store: Store) -> list[Path]:
    folders = (store.folder / "points", store.folder / "failures")
    return [path for folder in folders for path in sorted(folder.glob("*.jsonl"))]


def _lines(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the key of the point, empty for a damaged line, and the line of each line."""
    for line in path.read_bytes().splitlines(keepends=True):
        try:
            yield str(json.loads(line)["key"]), line
        except (ValueError, TypeError, LookupError):
            yield "", line
