"""When the original FUSION ends a load: its normal interval at its fixed confidence of 90 %."""

from __future__ import annotations

import math
from statistics import mean, variance

QUANTILE = 1.645
"""Of the standard normal distribution, at 90 %."""

PERCENT = 5.0
"""The width of the interval in percent of the mean at which FUSION stops."""


def half_width(values: list[float]) -> float:
    """Return half the width of FUSION's interval of the mean of at least two values."""
    return QUANTILE * (math.sqrt(variance(values)) / math.sqrt(len(values)))


def width_percent(values: list[float]) -> float:
    """Return the width of the interval in percent of the mean, inf where FUSION has none."""
    average = mean(values)
    if len(values) < 2 or average == 0:
        return math.inf
    return (2 * half_width(values)) / average * 100


class FusionRule:
    """Stop at the first narrow interval, or after a number of replications."""

    def __init__(self, maximum: int, *, is_training: bool) -> None:
        """maximum: replications. is_training: whether the interval is not looked at."""
        self._maximum = maximum
        self._is_training = is_training
        self._values: list[float] = []

    def add(self, value: float, requests: float) -> str | None:
        """Take one replication in; return "precision" or "max_iters" at the last."""
        self._values.append(value)
        if not self._is_training and width_percent(self._values) <= PERCENT:
            return "precision"
        return "max_iters" if len(self._values) >= self._maximum else None
