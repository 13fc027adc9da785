"""Removal of run directories: on request, or when they are too old or too large."""

import os
import re
import secrets
import shutil
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from fusion_flows.rundir.directory import (
    RunDirectory,
    RunDirectoryError,
    absolute,
    list_runs,
    names_in,
    no_run,
    open_run,
    walk,
)
from fusion_flows.rundir.lock import hold, in_use

_LEFTOVER = re.compile(r"\.deleted-[0-9a-f]{12}-[0-9a-f]{16}")
_REMOVE_SECONDS = 5.0
_RETRY_SECONDS = 0.01


def delete(run: RunDirectory) -> None:
    """Delete a run directory with all that is in it; what its links point to is left alone.

    First it gets, in one step, a name that no run has: at no time is half a run listed, and a kill
    leaves what `remove_leftovers` finds. Raises RunDirectoryError when this is not a run directory,
    when the run is in use, when somebody else has deleted it, or when something cannot be removed.
    """
    runs_dir = run.path.parent
    open_run(runs_dir, run.run_id)
    aside = runs_dir / f".deleted-{run.run_id}-{secrets.token_hex(8)}"
    with hold(run):
        try:
            os.rename(run.path, aside)
        except FileNotFoundError:
            raise no_run(run) from None
        except OSError as error:
            raise RunDirectoryError(
                f"cannot delete {run.path}: {error.strerror or error}"
            ) from error
    _remove(aside)


def remove_leftovers(runs_dir: Path) -> int:
    """Remove what deletions that were killed have left, and return how many those were.

    Raises RunDirectoryError, after the others are removed, when one cannot be.
    """
    found = leftovers(runs_dir)
    problems = []
    for leftover in found:
        try:
            _remove(leftover)
        except RunDirectoryError as problem:
            problems.append(str(problem))
    if problems:
        raise RunDirectoryError("; ".join(problems))
    return len(found)


def leftovers(runs_dir: Path) -> list[Path]:
    """Return what deletions that were killed have left, and what one that goes on is about to remove."""
    runs_dir = absolute(runs_dir)
    return [runs_dir / name for name in names_in(runs_dir) if _LEFTOVER.fullmatch(name)]


def _remove(path: Path) -> None:
    """Remove what was moved aside, while others may still write into it or remove it as well."""
    deadline = time.monotonic() + _REMOVE_SECONDS
    while os.path.lexists(path):
        try:
            if path.is_symlink():
                path.unlink()
            else:
                shutil.rmtree(path)  # follows no link, however fast one is swapped in
        except (OSError, RecursionError) as error:
            if isinstance(error, PermissionError) or time.monotonic() > deadline:
                raise RunDirectoryError(f"cannot remove all of {path}: {error}") from error
            time.sleep(_RETRY_SECONDS)


def expired(
    runs_dir: Path,
    keep_days: float | None,
    keep_bytes: int | None,
    now: datetime,
    last_use: Mapping[str, datetime | None] = MappingProxyType({}),
) -> list[RunDirectory]:
    """Return the runs that are kept no longer, oldest first; None keeps all.

    keep_days: a run goes when none of its files has changed, and it was not in use, for longer than that.
    keep_bytes: the oldest go until the others take no more on disk. A run in use never goes, but its size
    counts. Sizes are allocated ones, as of `du`: it is the disk that must not run full, and they are what a
    deletion gives back.

    last_use: when a run was last in use, by run id, for what no file says; None: it is in use, or it will be,
    as by a run that waits to go on in its directory.
    """
    if keep_days is None and keep_bytes is None:
        return []
    runs = []
    for run in list_runs(runs_dir):
        try:
            files = [status for _, status in walk(run)]
        except RunDirectoryError:  # deleted meanwhile
            continue
        if files:
            changed = max(status.st_mtime for status in files)
            if (used := last_use.get(run.run_id)) is not None:
                changed = max(changed, used.timestamp())
            runs.append((changed, run, sum(map(allocated, files))))
    runs.sort()
    left = sum(size for _, _, size in runs)
    gone = []
    for changed, run, size in runs:
        too_old = keep_days is not None and now.timestamp() - changed > keep_days * 86_400
        too_much = keep_bytes is not None and left > keep_bytes
        is_used = run.run_id in last_use and last_use[run.run_id] is None
        if (too_old or too_much) and not is_used and not in_use(run):
            gone.append(run)
            left -= size
    return gone


def allocated(status: os.stat_result) -> int:
    """Return how many bytes a file takes on disk, as `du` says it."""
    return status.st_blocks * 512
