"""The lock of a run directory: whoever holds it works on the run, and nobody deletes the run meanwhile."""

import errno
import os
import stat
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from io import FileIO

from fusion.results import file_lock
from fusion_flows.rundir.directory import RunDirectory, RunDirectoryError, no_run, open_folder

_LOCK = ".lock"
_LOCK_SECONDS = 0.5  # `in_use` and `delete` of others hold the lock for a moment
_ATTEMPT_SECONDS = (
    120.0  # from the end of a simulator to the end of its flow: pictures and a report
)
_RETRY_SECONDS = 0.01


def hold_own(run: RunDirectory, run_id: str) -> AbstractContextManager[None]:
    """As `hold`, for the run with this id: in its own directory wait for the end of an earlier attempt.

    A run that is paused, resumed or tried again at once has a process that is just leaving it.
    """
    return hold(run, _ATTEMPT_SECONDS if run.run_id == run_id else _LOCK_SECONDS)


@contextmanager
def hold(run: RunDirectory, wait_seconds: float = _LOCK_SECONDS) -> Iterator[None]:
    """Keep a run from being deleted or held by anybody else, for as long as the context lasts.

    The lock belongs to this process alone: its children do not have it, and the kernel frees it
    whatever ends the process. wait_seconds: for who holds it now. Raises RunDirectoryError when
    somebody else holds it still.
    """
    lock = _take_lock(run, wait_seconds)
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


os.register_at_fork(after_in_child=_close_held)


def in_use(run: RunDirectory) -> bool:
    """Return whether a living process holds the run. When it cannot be told, it is in use."""
    try:
        with _open_lock(run, os.O_RDONLY) as lock:
            return not file_lock.lock(lock, exclusive=False)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True


def _take_lock(run: RunDirectory, wait_seconds: float) -> FileIO:
    """Return the locked and open lock file of a run."""
    deadline = time.monotonic() + wait_seconds
    try:
        while True:
            with ExitStack() as closing:
                lock = closing.enter_context(_open_lock(run, os.O_RDWR | os.O_CREAT))
                if file_lock.lock(lock) and _is_lock_of(run, lock):
                    closing.pop_all()
                    return lock
            if time.monotonic() > deadline:
                raise RunDirectoryError(f"run {run.run_id} is in use by another process")
            time.sleep(_RETRY_SECONDS)
    except (FileNotFoundError, NotADirectoryError):
        raise no_run(run) from None
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
