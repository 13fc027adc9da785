"""How long it takes to compile an event loop on this machine, and which ones are compiled already."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from fusion.kernel_cache import CACHE_DIR
from fusion.results.files import write_atomic
from fusion.scenario.loops import Loop

_FOLDER = "times"
"""Beside the compiled code, so that both are deleted together."""


def seconds_to_compile(loops: Iterable[Loop]) -> float:
    """Return how long it takes until these event loops are compiled; 0 where they are.

    As measured here, for this version of the simulator or another one; else what it takes on two cores.
    """
    return sum(0.0 if _is_compiled(loop) else expected_seconds(loop) for loop in set(loops))


def expected_seconds(loop: Loop) -> float:
    """Return how long compiling an event loop took here the last time, or takes on two cores."""
    if CACHE_DIR is not None:
        with suppress(OSError):
            files = list(CACHE_DIR.parent.glob(f"kernel-*/{_FOLDER}/{_name(loop)}"))
            for file in sorted(files, key=lambda path: path.stat().st_mtime, reverse=True):
                if (measured := _read(file)) is not None:
                    return measured
    return _typical_seconds(loop)


def keep_time(loop: Loop, seconds: float | None) -> None:
    """Note that an event loop is compiled. seconds: how long it took; None: it was compiled already."""
    if CACHE_DIR is None or (seconds is None and _is_compiled(loop)):
        return
    with suppress(OSError):  # it is only for estimates
        file = CACHE_DIR / _FOLDER / _name(loop)
        file.parent.mkdir(exist_ok=True)
        write_atomic(file, json.dumps({"seconds": seconds}).encode())


def _is_compiled(loop: Loop) -> bool:
    return CACHE_DIR is not None and (CACHE_DIR / _FOLDER / _name(loop)).exists()


def _name(loop: Loop) -> str:
    return f"{hashlib.sha256(repr(loop).encode()).hexdigest()[:32]}.json"


def _read(file: Path) -> float | None:
    with suppress(OSError, ValueError, KeyError, TypeError):
        return float(json.loads(file.read_bytes())["seconds"])
    return None


def _typical_seconds(loop: Loop) -> float:
    """Return what was measured on two cores of a server."""
    if loop.protected:
        return 90.0 if loop.quality else 40.0
    if loop.in_full:
        return 30.0
    if loop.quality or loop.impaired:
        return 25.0
    if loop.connections or loop.agent or loop.policy is not None:
        return 15.0
    return 10.0 if loop.as_fusion else 6.0
