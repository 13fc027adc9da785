"""Checkpoints: all that a training goes on from, in one file that is complete or absent.

It is a .npz of numpy without pickled objects, so that reading one runs nothing of it.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.results.files import write_atomic

KEPT = 2
"""The last checkpoints that are kept: if the disk spoils one, there is one before."""

_NAME = re.compile(r"checkpoint-(\d{12})\.npz")
_STATE = "state"

Arrays = dict[str, NDArray[Any]]


class Checkpoint(NamedTuple):
    """Arrays (weights, optimiser) by name, and everything else as JSON."""

    arrays: Arrays
    state: dict[str, Any]


def write_checkpoint(folder: Path, steps: int, checkpoint: Checkpoint) -> Path:
    """Write the checkpoint of a number of steps, and remove those before the last two. Raises OSError.

    The same content gives the same bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"checkpoint-{steps:012d}.npz"
    text = json.dumps(checkpoint.state, sort_keys=True).encode()
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {**checkpoint.arrays, _STATE: np.frombuffer(text, dtype=np.uint8)}
    np.savez(buffer, **arrays)
    write_atomic(path, buffer.getvalue())
    for old in _paths(folder)[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


def last_checkpoint(folder: Path) -> Checkpoint | None:
    """Return the last checkpoint that can be read, or None where there is none."""
    for path in reversed(_paths(folder)):
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            state = json.loads(arrays.pop(_STATE).tobytes())
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            continue
        return Checkpoint(arrays, state)
    return None


def _paths(folder: Path) -> list[Path]:
    """Return the checkpoints, the last one at the end."""
    try:
        return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
    except FileNotFoundError:
        return []
