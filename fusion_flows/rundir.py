"""The run directory: where each file of a run is, and how it is made, found, held and deleted."""

import errno
import os
import re
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from fusion.files import write_atomic
from fusion.problems import show

MAX_DEPTH = 64
"""Folders within folders that are looked into; a run has one level of them."""

_RUN_ID = re.compile(r"[0-9a-f]{12}")
_LEFTOVER = re.compile(r"\.deleted-[0-9a-f]{12}-[0-9a-f]{16}")
_LOCK = ".lock"
_LOCK_SECONDS = 0.5  # `in_use` and `delete` of others hold the lock for a moment
_REMOVE_SECONDS = 5.0
_RETRY_SECONDS = 0.01


class RunDirectoryError(ValueError):
    """A run directory that cannot be used; the message says which and why."""


class RunDirectory(NamedTuple):
    """One run's files. `path` is absolute; its last part is the run id where a flow made it."""

    path: Path

    @property
    def run_id(self) -> str:
        """What names the run: 12 hex digits where a flow made the directory."""
        return self.path.name

    @property
    def config(self) -> Path:
        """The frozen configuration."""
        return self.path / "config.ini"

    @property
    def provenance(self) -> Path:
        """Versions, code revision, machine and exit reason."""
        return self.path / "run.json"

    @property
    def progress(self) -> Path:
        """Events, one JSON object per line."""
        return self.path / "progress.jsonl"

    @property
    def log(self) -> Path:
        """Standard output and error of the simulator."""
        return self.path / "logs" / "sim.log"

    @property
    def output(self) -> Path:
        """Folder of the result files."""
        return self.path / "output"

    @property
    def points(self) -> Path:
        """One row per load."""
        return self.output / "points.csv"

    @property
    def plots(self) -> Path:
        """Folder of the pictures."""
        return self.path / "plots"


def run_id_of(flow_run_id: UUID) -> str:
    """Return the last group of a flow run's id, which is random in every version of UUID."""
    return flow_run_id.hex[-12:]


def create(runs_dir: Path, run_id: str, config: str) -> RunDirectory:
    """Make the directory of a run and freeze its configuration there, or enter it again.

    A flow run that is tried again finds its directory and goes on in it. Raises RunDirectoryError
    when the directory cannot be made or was made for another configuration.
    """
    run = RunDirectory(_absolute(runs_dir) / run_id)
    _make_folders(run)
    try:
        if not run.config.exists():
            write_atomic(run.config, config.encode())
        elif run.config.read_text(encoding="utf-8") != config:
            raise RunDirectoryError(
                f"{run.path} belongs to a run with another configuration; start a new run"
            )
    except OSError as error:
        raise _cannot_make(run, error) from error
    return run


def _absolute(path: Path | str) -> Path:
    return Path(path).expanduser().absolute()


def _make_folders(run: RunDirectory) -> None:
    try:
        for folder in (run.path, run.log.parent, run.output, run.plots):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_make(run, error) from error


def _cannot_make(run: RunDirectory, error: OSError) -> RunDirectoryError:
    return RunDirectoryError(
        f"cannot make the run directory {run.path}: {error.strerror or error}; "
        "FUSION_RUNS_DIR names another place"
    )


def find(runs_dir: Path, run: str) -> RunDirectory:
    """Return an existing run directory, named by its run id or by its path.

    Raises RunDirectoryError when there is none, or nothing to continue in it.
    """
    path = _absolute(runs_dir) / run if _RUN_ID.fullmatch(run) else _absolute(run)
    if path.is_symlink():  # whoever runs this has named it; `hold` follows none
        path = path.resolve()
    found = RunDirectory(path)
    if not found.config.is_file():
        raise RunDirectoryError(f"no run to continue in {path}: it has no config.ini")
    _make_folders(found)
    return found


def open_run(runs_dir: Path, run_id: str) -> RunDirectory:
    """Return the directory of an existing run, named by its run id and by nothing else.

    The id may come from anywhere. Raises RunDirectoryError for all that is not 12 digits of 0-9
    and a-f, or does not name a folder of `runs_dir` with a config.ini in it; a symbolic link
    is no such folder.
    """
    if not isinstance(run_id, str) or not _RUN_ID.fullmatch(run_id):
        raise RunDirectoryError(f"{shown(run_id)} is no run id: 12 digits of 0-9 and a-f")
    runs_dir = _absolute(runs_dir)
    run = RunDirectory(runs_dir / run_id)
    if run_id not in _names(runs_dir):  # a file system may know the name in upper case, too
        raise _no_run(run)
    if reason := _no_run_because(run):
        raise RunDirectoryError(f"{run.path} is no run directory: {reason}")
    return run


def list_runs(runs_dir: Path) -> list[RunDirectory]:
    """Return the runs in `runs_dir`, in the order of their ids: all that `open_run` accepts.

    A folder that is not there has no runs. Raises RunDirectoryError when it cannot be read.
    """
    runs_dir = _absolute(runs_dir)
    runs = [RunDirectory(runs_dir / name) for name in _names(runs_dir) if _RUN_ID.fullmatch(name)]
    return [run for run in runs if not _no_run_because(run)]


def _names(runs_dir: Path) -> list[str]:
    try:
        return sorted(os.listdir(runs_dir))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunDirectoryError(
            f"cannot read the folder of runs {runs_dir}: {error.strerror or error}"
        ) from error


def _no_run(run: RunDirectory) -> RunDirectoryError:
    return RunDirectoryError(f"there is no run {run.run_id} in {run.path.parent}")


def _no_run_because(run: RunDirectory) -> str:
    """Return why this is no run directory; empty when it is one."""
    try:
        status = os.lstat(run.path)
        if _is_link(status):
            return "it is a symbolic link"
        if not stat.S_ISDIR(status.st_mode):
            return "it is not a folder"
        if not stat.S_ISREG(os.lstat(run.config).st_mode):
            return "its config.ini is not a regular file"
    except FileNotFoundError:
        return "it has no config.ini" if run.path.exists() else "it is gone"
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _is_link(status: os.stat_result) -> bool:
    if sys.platform == "win32" and status.st_reparse_tag == stat.IO_REPARSE_TAG_MOUNT_POINT:
        return True  # a junction
    return stat.S_ISLNK(status.st_mode)


def shown(value: object) -> str:
    """Return a value as a message shows it: in quotes, printable, and not longer than a line."""
    text = repr(value[:101]) if isinstance(value, str) else show(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def walk(run: RunDirectory) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the relative POSIX path and the status of each regular file, in the order of names.

    No symbolic link is followed; what vanishes meanwhile is left out, and so is what lies deeper
    than MAX_DEPTH. Raises RunDirectoryError when the run directory cannot be read.
    """
    try:
        if sys.platform == "win32":
            yield from _walk_by_path(run.path, "")
        else:
            folder = open_folder(run.path)
            try:
                yield from _walk(folder, "")
            finally:
                os.close(folder)
    except FileNotFoundError:
        raise _no_run(run) from None
    except OSError as error:
        raise RunDirectoryError(f"cannot read {run.path}: {error.strerror or error}") from error


def open_folder(name: str | Path, within: int | None = None) -> int:
    """Open a folder, on POSIX, and return its descriptor; raise OSError for a symbolic link.

    The open is the check: no moment lies between them in which a link could be swapped in.
    """
    if sys.platform == "win32":
        raise NotImplementedError("folders have no descriptors on Windows")
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(name, flags, dir_fd=within)


def _walk(folder: int, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
    # os.fwalk opens by name what it took for a folder, and waits for ever if it is a pipe by then.
    try:
        names = sorted(os.listdir(folder))
    except OSError:  # removed since it was opened: some file systems call that an error
        if prefix:
            return
        raise
    for name in names:
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISREG(status.st_mode):
                yield prefix + name, status
            if not stat.S_ISDIR(status.st_mode) or prefix.count("/") == MAX_DEPTH:
                continue
            inner = open_folder(name, folder)
        except OSError:
            continue
        try:
            yield from _walk(inner, f"{prefix}{name}/")
        finally:
            os.close(inner)


def _walk_by_path(folder: Path, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
    # For Windows; weaker: a link that is swapped in between the look and the listing is followed.
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        if prefix:
            return
        raise
    for name in names:
        try:
            status = os.lstat(folder / name)
        except OSError:
            continue
        if _is_link(status):
            continue
        if stat.S_ISREG(status.st_mode):
            yield prefix + name, status
        elif stat.S_ISDIR(status.st_mode) and prefix.count("/") < MAX_DEPTH:
            yield from _walk_by_path(folder / name, f"{prefix}{name}/")


@contextmanager
def hold(run: RunDirectory) -> Iterator[None]:
    """Keep a run from being deleted or held by anybody else, for as long as the context lasts.

    The lock belongs to this process alone: its children do not have it, and the kernel frees it
    whatever ends the process. Raises RunDirectoryError when somebody else holds it.
    """
    lock = _take_lock(run)
    _held.add(lock)
    try:
        yield
    finally:
        _held.discard(lock)
        lock.close()


_held: set[FileIO] = set()  # the locks of this process


def _close_held() -> None:
    """Close the locks in a fork; they would stay taken when this process is gone.

    What a fork executes then has none either way: the files are closed on exec.
    """
    while _held:
        _held.pop().close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_held)


def in_use(run: RunDirectory) -> bool:
    """Return whether a living process holds the run. When it cannot be told, it is in use."""
    try:
        with _open_lock(run, os.O_RDONLY) as lock:
            return not _lock(lock, exclusive=False)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True


def _take_lock(run: RunDirectory) -> FileIO:
    """Return the locked and open lock file of a run."""
    deadline = time.monotonic() + _LOCK_SECONDS
    try:
        while True:
            with ExitStack() as closing:
                lock = closing.enter_context(_open_lock(run, os.O_RDWR | os.O_CREAT))
                if _lock(lock) and _is_lock_of(run, lock):
                    closing.pop_all()
                    return lock
            if time.monotonic() > deadline:
                raise RunDirectoryError(f"run {run.run_id} is in use by another process")
            time.sleep(_RETRY_SECONDS)
    except (FileNotFoundError, NotADirectoryError):
        raise _no_run(run) from None
    except OSError as error:
        raise RunDirectoryError(
            f"cannot lock {run.path / _LOCK}: {error.strerror or error}"
        ) from error


def _is_lock_of(run: RunDirectory, lock: FileIO) -> bool:
    """Return whether the run was not deleted, or made anew, since the lock file was opened."""
    try:
        return os.path.samestat(os.fstat(lock.fileno()), os.lstat(run.path / _LOCK))
    except FileNotFoundError:
        return False


def _open_lock(run: RunDirectory, flags: int) -> FileIO:
    """Open the lock file of a run, and nothing that it may be linked to."""
    if sys.platform == "win32":
        file = os.open(run.path / _LOCK, flags | os.O_BINARY | os.O_NOINHERIT)
    else:
        folder = open_folder(run.path)
        try:
            safely = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            file = os.open(_LOCK, flags | safely, mode=0o666, dir_fd=folder)
        finally:
            os.close(folder)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(errno.EINVAL, "it is not a regular file")
    return FileIO(file, "r+" if flags & os.O_RDWR else "r")


def _lock(file: FileIO, *, exclusive: bool = True) -> bool:
    """Lock a file and return whether that was possible; closing it unlocks it.

    Those that only look share the lock, so that they do not see each other.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # there is no shared one
        else:
            import fcntl

            kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
            fcntl.flock(file.fileno(), kind | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def delete(run: RunDirectory) -> None:
    """Delete a run directory with all that is in it; what its links point to is left alone.

    First it gets, in one step, a name that no run has: at no time is half a run listed, and a kill
    leaves what `remove_leftovers` finds. Raises RunDirectoryError when this is no run directory,
    when the run is in use, when somebody else has deleted it, or when something cannot be removed.
    """
    runs_dir = run.path.parent
    open_run(runs_dir, run.run_id)
    aside = runs_dir / f".deleted-{run.run_id}-{secrets.token_hex(8)}"
    with ExitStack() as held:
        held.enter_context(hold(run))
        if sys.platform == "win32":
            held.close()  # no folder with an open file can be renamed there, by us or by others
        try:
            os.rename(run.path, aside)
        except FileNotFoundError:
            raise _no_run(run) from None
        except OSError as error:
            raise RunDirectoryError(
                f"cannot delete {run.path}: {error.strerror or error}"
            ) from error
    _remove(aside)


def remove_leftovers(runs_dir: Path) -> int:
    """Remove what deletions that were killed have left, and return how many those were.

    Raises RunDirectoryError, after the others are removed, when one cannot be.
    """
    runs_dir = _absolute(runs_dir)
    found = [runs_dir / name for name in _names(runs_dir) if _LEFTOVER.fullmatch(name)]
    problems = []
    for leftover in found:
        try:
            _remove(leftover)
        except RunDirectoryError as problem:
            problems.append(str(problem))
    if problems:
        raise RunDirectoryError("; ".join(problems))
    return len(found)


def _remove(path: Path) -> None:
    """Remove what was moved aside, while others may still write into it or remove it as well."""
    deadline = time.monotonic() + _REMOVE_SECONDS
    while os.path.lexists(path):
        try:
            if path.is_symlink():
                path.unlink()
            else:
                shutil.rmtree(path)  # follows no link, however fast one is swapped in (not Windows)
        except (OSError, RecursionError) as error:
            hopeless = isinstance(error, PermissionError) and sys.platform != "win32"
            if hopeless or time.monotonic() > deadline:
                raise RunDirectoryError(f"cannot remove all of {path}: {error}") from error
            time.sleep(_RETRY_SECONDS)


def expired(
    runs_dir: Path, keep_days: float | None, keep_bytes: int | None, now: datetime
) -> list[RunDirectory]:
    """Return the runs that are kept no longer, oldest first; None keeps all.

    keep_days: a run goes when none of its files has changed for longer than that.  keep_bytes: the
    oldest go until the others take no more on disk. A run in use never goes, but its size counts.
    Sizes are allocated ones, as of `du`: it is the disk that must not run full, and they are what a
    deletion gives back. (Windows does not tell them; there it is the lengths of the files.)
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
            runs.append((changed, run, sum(map(_allocated, files))))
    runs.sort()
    left = sum(size for _, _, size in runs)
    gone = []
    for changed, run, size in runs:
        too_old = keep_days is not None and now.timestamp() - changed > keep_days * 86_400
        too_much = keep_bytes is not None and left > keep_bytes
        if (too_old or too_much) and not in_use(run):
            gone.append(run)
            left -= size
    return gone


def _allocated(status: os.stat_result) -> int:
    if sys.platform == "win32":
        return status.st_size
    return status.st_blocks * 512
