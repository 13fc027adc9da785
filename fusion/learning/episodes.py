"""Which replication an episode is: of a stream for learning, unless it is asked for by its number."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping
from typing import Any

import numpy as np

from fusion.config.problems import show

LEARNING = 1 << 52
"""The first replication for learning. Runs and `evaluate` count theirs from 0."""

LENGTH = 1 << 20
"""Replications of a stream: that many episodes are there before those of the next seed."""

_SEEDS = 1 << 32
_LAST = (1 << 62) - 1  # int64 then has room to count on


def first_of(seed: int | None) -> int:
    """Return the first replication of the stream of a seed; None: of one that no seed has, by chance.

    Streams of different seeds have no replication in common, and none that a run has. Raises ValueError
    for a seed that is not an integer from 0 to 2**32 - 1, as there are no more streams.
    """
    if seed is None:
        return LEARNING + LENGTH * (_SEEDS + secrets.randbelow(_SEEDS))
    return LEARNING + LENGTH * _checked("seed", seed, _SEEDS - 1)


def asked_for(options: Mapping[str, Any] | None) -> Any:
    """Return the option `replication` of a reset, or None. Raises ValueError for another option."""
    if not options:
        return None
    if other := set(options) - {"replication"}:
        raise ValueError(
            f"options = {dict(options)!r}: '{other.pop()}' is unknown; there is replication"
        )
    return options["replication"]


def checked(replication: Any) -> int:
    """Return the number of a replication. Raises ValueError for what is not one."""
    return _checked("replication", replication, _LAST)


def counted_of(name: str, value: Any, least: int, most: int) -> int:
    """Return an integer of an argument. Raises ValueError with its name, the value and what is allowed."""
    number = integer_of(value)
    if number is None or not least <= number <= most:
        raise ValueError(f"{name} = {show(value)}: must be an integer from {least:,} to {most:,}")
    return number


def number_of(name: str, value: Any) -> float:
    """Return a number of an argument. Raises ValueError with its name, the value and what is allowed."""
    is_number = isinstance(value, int | float | np.integer | np.floating)
    if isinstance(value, bool) or not is_number or not math.isfinite(value):
        raise ValueError(f"{name} = {show(value)}: must be a finite number")
    return float(value)


def flag_of(name: str, value: Any) -> bool:
    """Return a switch of an argument. Raises ValueError with its name, the value and what is allowed."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} = {show(value)}: must be True or False")
    return bool(value)


def integer_of(value: Any) -> int | None:
    """Return an integer, also one of numpy or one such as 3.0, or None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float | np.floating):
        return int(value) if value.is_integer() else None
    return int(value) if isinstance(value, int | np.integer) else None


def _checked(name: str, value: Any, last: int) -> int:
    number = integer_of(value)
    if number is None or not 0 <= number <= last:
        raise ValueError(f"{name} = {show(value)}: must be an integer from 0 to {last}")
    return number
