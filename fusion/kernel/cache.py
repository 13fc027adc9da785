"""Where compiled functions are kept: one file for each function and types of its arguments.

numba's own cache has one index for all types of a function, and numbers its files. Two processes that compile
one function for different types at the same time overwrite each other's index and take the same number, so
that one of them may later be given the code of the other. It also names its folders after where the source
lies, so that each installation compiles anew; here a function is known by its name and what is in its folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pickle
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Literal

from numba.core import event
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

Happening = Literal["waiting", "compiling"]
"""A function waits for another process that compiles it; it is compiled here."""

PATIENCE_SECONDS = 300.0
"""How long another process is waited for, which may have been stopped: then both compile."""

_POLL_SECONDS = 0.05
_CHECKSUM_BYTES = hashlib.sha256().digest_size

_observers: list[Callable[[Happening], None]] = []


@contextmanager
def observed(notify: Callable[[Happening], None]) -> Iterator[None]:
    """Have `notify` called for each function that is compiled or waited for in the meantime."""
    _observers.append(notify)
    try:
        yield
    finally:
        _observers.remove(notify)


def _notify(happening: Happening) -> None:
    for notify in tuple(_observers):
        notify(happening)


def kept(dispatcher: Any, folder: Path | None) -> Any:
    """Have a compiled function be kept in a folder, and return it.

    folder: one for this version of its source, and of all that it calls; None: it is kept nowhere, and each
    process compiles it.
    """
    dispatcher._cache = KernelCache(dispatcher.py_func, folder)
    return dispatcher


def is_kept(dispatcher: Any) -> bool:
    """Return whether a function is kept for some types of its arguments."""
    cache: KernelCache = dispatcher._cache
    return cache.has_any()


class KernelCache(_Cache):  # type: ignore[misc]
    """What is kept of one function, as numba asks for it.

    A file is written whole under another name before it gets its own, and read only if its checksum and the
    types in it are right. Whoever does not find one holds a lock while it compiles, so that another process
    that needs the same waits for it and does not compile it, too. No process waits for itself in a circle:
    one that compiles holds locks of the functions that call each other down to the one at hand.
    """

    def __init__(self, function: Any, folder: Path | None) -> None:
        """folder: as for `kept`."""
        self._folder = folder
        self._stem = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
        self._bytecode = hashlib.sha256(function.__code__.co_code).hexdigest()
        self._locks: dict[Path, IO[bytes]] = {}
        self._enabled = True

    @property
    def cache_path(self) -> str | None:
        """The folder."""
        return None if self._folder is None else str(self._folder)

    def enable(self) -> None:
        """Use what is kept."""
        self._enabled = True

    def disable(self) -> None:
        """Compile as if nothing were kept."""
        self._enabled = False

    def flush(self) -> None:
        """Delete what is kept of the function."""
        for path in self._files():
            path.unlink(missing_ok=True)

    def has_any(self) -> bool:
        """Return whether the function is kept for some types of its arguments."""
        return any(True for _ in self._files())

    def _files(self) -> Iterator[Path]:
        return iter(()) if self._folder is None else self._folder.glob(f"{self._stem}-*.nbc")

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return what is kept for types of arguments, or None; then it is for the caller to compile."""
        target_context.refresh()
        if self._folder is not None and self._enabled:
            key = self._key(sig, target_context.codegen())
            path = self._path(key)
            found = _read(path, key)
            if found is None:
                self._lock(path)
                found = _read(path, key)  # what another process has compiled in the meantime
                if found is not None:
                    self._unlock(path)
            if found is not None:
                return CompileResult._rebuild(target_context, *found)
        _notify("compiling")
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled for types of arguments, if it can be written."""
        if self._folder is None or not self._enabled:
            return
        key = self._key(sig, data.codegen)
        path = self._path(key)
        try:
            if not data.library.has_dynamic_globals:
                with suppress(OSError):  # without room for it the next process compiles it again
                    _write(path, key, data._reduce())
        finally:
            self._unlock(path)

    def release(self) -> None:
        """Let others compile the function: here it could not be."""
        for path in tuple(self._locks):
            self._unlock(path)

    def _key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        """Return what tells compiled code apart within the folder: types, processor, code of the function."""
        return (sig, codegen.magic_tuple(), self._bytecode)

    def _path(self, key: tuple[Any, ...]) -> Path:
        assert self._folder is not None
        digest = hashlib.sha256(repr(key).encode()).hexdigest()
        return self._folder / f"{self._stem}-{digest[:32]}.nbc"

    def _lock(self, path: Path) -> None:
        """Wait until no other process compiles this. Without locks on this file system both compile."""
        if path in self._locks:
            return
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.with_suffix(".lock").open("ab")
            self._locks[path] = file
            until = time.monotonic() + PATIENCE_SECONDS
            if _locks(file):
                return
            _notify("waiting")
            while time.monotonic() < until and not _locks(file):
                time.sleep(_POLL_SECONDS)

    def _unlock(self, path: Path) -> None:
        if file := self._locks.pop(path, None):
            file.close()


def _locks(file: IO[bytes]) -> bool:
    """Lock a file and return whether that was possible; closing it, or the process's end, unlocks it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(path: Path, key: tuple[Any, ...]) -> Any:
    """Return what a file keeps for a key; None if there is no such file, or a damaged one."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    checksum, data = content[:_CHECKSUM_BYTES], content[_CHECKSUM_BYTES:]
    if hashlib.sha256(data).digest() != checksum:
        return None
    found, code = pickle.loads(data)
    return code if found == key else None


def _write(path: Path, key: tuple[Any, ...], code: Any) -> None:
    """Put what is kept for a key into a file, whole. Raises OSError."""
    data = dumps((key, code))
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex[:12]}")
    try:
        unfinished.write_bytes(hashlib.sha256(data).digest() + data)
        os.replace(unfinished, path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


class _Failures(event.Listener):  # type: ignore[misc]
    """Frees the locks of functions that could not be compiled, which numba does not tell their cache."""

    def on_start(self, event: Any) -> None:
        """Do nothing."""

    def on_end(self, event: Any) -> None:
        """Free the locks of a function that failed: numba 0.68.1's `is_failed` never says so."""
        dispatcher = event.data["dispatcher"]
        cache = getattr(dispatcher, "_cache", None)
        if isinstance(cache, KernelCache) and event.data["args"] not in dispatcher.overloads:
            cache.release()


event.register("numba:compile", _Failures())
