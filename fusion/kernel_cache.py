"""Where compiled kernels are kept; without loading numba, which takes its time."""

from __future__ import annotations

import getpass
import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import llvmlite.binding

_KERNEL = Path(__file__).with_name("kernel")


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
    for part in (metadata.version("numba"), sys.version, llvmlite.binding.get_host_cpu_name()):
        digest.update(part.encode() + b"\0")
    for path in sorted(_KERNEL.glob("*.py")):
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


def is_anything_compiled() -> bool:
    """Return whether there is something of this version in the cache."""
    return CACHE_DIR is not None and any(True for _ in CACHE_DIR.glob("*.nbc"))
