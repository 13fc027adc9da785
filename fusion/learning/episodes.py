"""Which replication an episode is: of a stream for learning, unless it is asked for by its number."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

LEARNING = 1 << 52
"""The first replication for learning. Runs and `evaluate` count theirs from 0."""

LENGTH = 1 << 20
"""Replications of a stream: that many episodes are there before those of the next seed."""

_SEEDS = 1 << 32


def first_of(seed: int | None) -> int:
    """Return the first replication of the stream of a seed; None: of one that no seed has, by chance.

    Streams of different seeds have no replication in common, and none that a run has.
    """
    number = _SEEDS + secrets.randbelow(_SEEDS) if seed is None else int(seed) % _SEEDS
    return LEARNING + LENGTH * number


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
    if isinstance(replication, bool) or int(replication) != replication or replication < 0:
        raise ValueError(f"replication = {replication!r}: must be an integer from 0 on")
    return int(replication)
