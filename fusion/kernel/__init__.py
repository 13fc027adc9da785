"""The compiled part of the simulator.

Everything in this folder is compiled by numba and imports nothing of fusion from outside the folder. That
makes the folder the unit of the kernel cache: numba does not notice that a cached function calls one that
was edited in another file, so the cache lives in a directory named after the content of all files here. What
lies in that directory is the subject of `cache`.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba

from fusion.kernel.cache import kept
from fusion.kernel.parts import PartCompiler, WholeCompiler


def _roots() -> Iterator[Path]:
    """Yield where a cache may be, best first."""
    for variable in ("FUSION_CACHE_DIR", "NUMBA_CACHE_DIR"):
        if given := os.environ.get(variable):
            yield Path(given)
    if sys.platform == "darwin":
        yield Path.home() / "Library" / "Caches" / "fusion"
    else:
        yield Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fusion"
    yield Path(tempfile.gettempdir()) / f"fusion-{getpass.getuser()}"


def _name() -> str:
    """Return a name for what is compiled: from which source, by what, and for which processor."""
    digest = hashlib.sha256()
    for part in (numba.__version__, sys.version, llvmlite.binding.get_host_cpu_name()):
        digest.update(part.encode() + b"\0")
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return f"kernel-{digest.hexdigest()[:16]}"


def _cache_dir() -> Path | None:
    name = _name()
    for root in _roots():
        try:
            (root / name).mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=root / name):
                return root / name
        except OSError:
            continue
    return None


CACHE_DIR = _cache_dir()
"""Where compiled kernels are kept, or None where nothing can be written: then each start compiles."""

if CACHE_DIR is not None:
    # numba's own choice of places would find code of another version of these files.
    numba.config.CACHE_DIR = str(CACHE_DIR)


def keep(dispatcher: Any) -> Any:
    """Have a function that Python calls be kept in the cache; use it as a decorator above numba's."""
    return kept(dispatcher, CACHE_DIR)


def compiled(function: Any = None, *, is_kept: bool = False, **options: Any) -> Any:
    """Compile a function as `numba.njit` does, without reference counts; use it as a decorator.

    is_kept: whether it is kept in the cache: a function that Python calls. It must neither make nor return an
    array, which nobody would ever free: it works on those of its caller. Handing over a tuple of arrays
    otherwise costs two atomic operations for each of them, up to nine tenths of the time of a request.
    """
    decorate = numba.njit(_nrt=False, **options)

    def decorated(function: Any) -> Any:
        if not is_kept:
            return decorate(function)
        return keep(numba.njit(_nrt=False, pipeline_class=WholeCompiler, **options)(function))

    return decorated if function is None else decorated(function)


PART: dict[str, Any] = {
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "pipeline_class": PartCompiler,
}
"""Options of functions that only compiled code calls."""


def inner(function: Any) -> Any:
    """Compile a function, as `compiled` does, that only compiled code calls; use it as a decorator.

    What Python would call it by is left out, and it is optimised only as a part of its callers, see `parts`.
    """
    return compiled(function, **PART)


INSIDE: dict[str, Any] = {
    **PART,
    "forceinline": True,
    "boundscheck": False,  # or it is that of the caller for which numba happens to compile it first
}
"""Options of functions that become a part of their callers, and are never called from Python."""
