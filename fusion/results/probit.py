"""The scale on which blocking over load is nearly a line: the probit, over the logarithm of the load.

On Erlang links of 20 to 320 servers and on NSFNET, blocking bends less there than on the scale of its
logarithm or its logit; on smaller links it hardly bends on any.
"""

from __future__ import annotations

FARTHEST = 8.0
"""Probit of 1 - 6e-16: a fit that goes so far to either side has no maximum."""


def probit(probability: float) -> float:
    """Return the quantile of the standard normal distribution."""
    from scipy.special import ndtri

    return float(ndtri(probability))


def check_probability(name: str, value: float) -> None:
    """Raise ValueError for what is not a probability between 0 and 1."""
    if not 0.0 < value < 1.0:
        raise ValueError(f"{name} is {value}: it must be between 0 and 1")
