"""Mean, deviation and range as the original FUSION writes them."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

NONE = {"mean": None, "std": None, "min": None, "max": None}
"""Of no values."""


def described(values: NDArray[np.float64]) -> dict[str, float | None]:
    """Return mean, sample standard deviation (0 of one value), least and most; rounded once, at the end."""
    if len(values) == 0:
        return dict(NONE)
    found, counts = np.unique(values, return_counts=True)
    # Exact sums, as FUSION's: of integers where the values are, which is much faster than of fractions.
    number: type[int] | type[Fraction] = int if np.array_equal(found, np.rint(found)) else Fraction
    terms = [
        (number(value), count) for value, count in zip(found.tolist(), counts.tolist(), strict=True)
    ]
    total = len(values)
    first = sum(value * count for value, count in terms)
    second = sum(value * value * count for value, count in terms)
    spread = Fraction(second * total - first * first, total * (total - 1)) if total > 1 else 0
    return {
        "mean": float(Fraction(first, total)),
        "std": math.sqrt(spread),
        "min": float(found[0]),
        "max": float(found[-1]),
    }


def in_cents(values: NDArray[np.float64]) -> dict[str, Any]:
    """Return what `described` does, in two decimals."""
    return {
        name: None if value is None else round(value, 2)
        for name, value in described(values).items()
    }


def rounded(name: str, values: NDArray[np.float64]) -> dict[str, float | None]:
    """Return mean, min and max in two decimals, as <name>_mean and so on."""
    found = in_cents(values)
    return {f"{name}_{what}": found[what] for what in ("mean", "min", "max")}
