"""gnpy_difference.csv: signal quality among what was up, beside GNPy's own for the same lightpaths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fusion.config.counts import counted

FILE = "gnpy_difference.csv"
COLUMNS = (
    *("erlang", "request", "source", "destination", "path", "core", "first_slot", "slots"),
    *("modulation", "gsnr_db", "gsnr_gnpy_db", "difference_db"),
)


class Difference(NamedTuple):
    """Ours less GNPy's over a sample of lightpaths, in dB. worst: the one farthest from 0."""

    lightpaths: int
    mean: float
    worst: float


def difference_of(decibels: Sequence[float]) -> Difference | None:
    """Return mean and worst of some differences; None of none."""
    if not decibels:
        return None
    each = np.array(decibels)
    return Difference(len(each), float(each.mean()), float(each[np.abs(each).argmax()]))


def difference_told(found: Difference, load: float) -> str:
    """Return a sentence about a difference at a load in Erlang."""
    sample = f"{counted(found.lightpaths, 'lightpath')} at {load:g} Erlang"
    return (
        f"GSNR in the simulation less GSNR by GNPy, {sample}: "
        f"mean {found.mean:+.2f} dB, worst {found.worst:+.2f} dB"
    )
