"""The compiled part of the simulator.

Everything in this folder is compiled by numba and imports nothing of fusion from outside the folder. That
makes the folder the unit of the kernel cache: numba does not notice that a cached function calls one that
was edited in another file, so the cache lives in a directory named after the content of all files here.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import numba

from fusion import __version__


def _user_cache_dir() -> Path:
    if root := os.environ.get("FUSION_CACHE_DIR"):
        return Path(root)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "fusion"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "fusion"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fusion"


def _source_digest() -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


CACHE_DIR = _user_cache_dir() / f"kernel-{__version__}-{_source_digest()}"
"""Where compiled kernels are kept; numba adds the processor and the Python version by itself."""

if "NUMBA_CACHE_DIR" not in os.environ:
    numba.config.CACHE_DIR = str(CACHE_DIR)
