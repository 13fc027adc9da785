"""The compiled part of the simulator.

Everything in this folder is compiled by numba and imports nothing of fusion from outside the folder, but
`kernel_cache`, where the cache is. That makes the folder the unit of the cache: numba does not notice that a
cached function calls one that was edited in another file, so the cache lives in a directory named after the
content of all files here. What lies in that directory is the subject of `cache`.
"""

from __future__ import annotations

from typing import Any

import numba

from fusion.kernel.cache import kept
from fusion.kernel.parts import PartCompiler, WholeCompiler
from fusion.kernel_cache import CACHE_DIR

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
