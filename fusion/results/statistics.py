"""Estimates with their confidence intervals.

Blocked requests come in clusters: inside one replication the variance of the blocking ratio is 2 to 12 times
the binomial one. So every interval here comes from the spread between independent replications.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

CLUSTER_SIZE = 12.0
"""Upper bound on the mean number of blocked requests in a cluster, used when none was seen.

For a compound Poisson count the variance over the mean is E[X²]/E[X] >= E[X], X being the size of a cluster;
the largest ratio measured on the shipped settings is 12.
"""

_ROUNDING = 1e-12  # relative size of what rounding may leave of a spread of equal numbers


class Estimate(NamedTuple):
    """A mean with its two-sided confidence interval. The bounds are NaN where there is no interval."""

    mean: float
    ci_lower: float
    ci_upper: float
    replications: int

    @property
    def relative_precision(self) -> float:
        """Half the width of the interval over the mean; NaN where the mean is 0 or there is no interval."""
        if self.mean == 0.0:
            return math.nan
        return 0.5 * (self.ci_upper - self.ci_lower) / abs(self.mean)

    def within(self, lowest: float, highest: float = math.inf) -> Estimate:
        """Return the estimate with its interval cut to the range of values that the quantity can have.

        The true value is in that range, so the shorter interval contains it exactly as often.
        """
        return self._replace(
            ci_lower=max(self.ci_lower, lowest), ci_upper=min(self.ci_upper, highest)
        )


NOTHING = Estimate(math.nan, math.nan, math.nan, 0)


@lru_cache(10_000)
def student_t(confidence: float, degrees_of_freedom: float) -> float:
    """Return the two-sided quantile of Student's t distribution; the degrees need not be a whole number."""
    return float(student_t_of(confidence, degrees_of_freedom))


def student_t_of(confidence: float, degrees_of_freedom: ArrayLike) -> NDArray[np.float64]:
    """Return the quantile of `student_t` for each of these degrees."""
    # scipy takes 0.2 s to import and the first estimate is wanted long after the first request.
    from scipy.special import stdtrit

    return np.asarray(stdtrit(degrees_of_freedom, 0.5 + 0.5 * confidence))


def mean_estimate(values: ArrayLike, confidence: float) -> Estimate:
    """Return the mean over replications and its Student-t interval.

    values: float64[replication], independent; NaN (nothing to average in that replication) is left out.
    """
    finite = np.asarray(values, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    n = len(finite)
    if n == 0:
        return NOTHING
    mean = float(finite.mean())
    if n == 1:
        return Estimate(mean, math.nan, math.nan, 1)
    half = student_t(confidence, n - 1) * float(finite.std(ddof=1)) / math.sqrt(n)
    return Estimate(mean, mean - half, mean + half, n)


def ratio_estimate(sums: ArrayLike, counts: ArrayLike, confidence: float) -> Estimate:
    """Return the ratio sum(sums) / sum(counts) with its interval over replications.

    sums, counts: float64[replication], for one the hops and the number of all lightpaths. The variance is
    that of the linearised ratio, sum((sum - r count)²) / (n - 1) / mean(count)² / n (Cochran, Sampling
    Techniques, 3rd ed., eq. 2.45), with a quantile of Student's t; for equal counts it is the interval of
    the mean.
    """
    ratio, error, n = _ratio(sums, counts)
    if n < 2:
        return Estimate(ratio, math.nan, math.nan, n)
    half = student_t(confidence, n - 1) * error
    return Estimate(ratio, ratio - half, ratio + half, n)


def blocking_estimate(
    blocked: ArrayLike, offered: ArrayLike, confidence: float, requests: float | None = None
) -> Estimate:
    """Return the blocking probability sum(blocked) / sum(offered) with its interval in [0, 1].

    blocked, offered: float64[replication], requests or Gb/s. requests: offered requests of all replications
    where `offered` counts something else. The interval is that of `ratio_estimate` on the logit scale, see
    `probability_interval`. Nothing blocked gives a one-sided upper bound, see `upper_bound_of_zero`, and
    everything blocked a lower bound in the same way.
    """
    p, error, n = _ratio(blocked, offered)
    if n == 0:
        return NOTHING
    if p in (0.0, 1.0):
        looked_at = float(np.sum(offered)) if requests is None else requests
        bound = upper_bound_of_zero(looked_at, confidence)
        return Estimate(p, 0.0, bound, n) if p == 0.0 else Estimate(p, 1.0 - bound, 1.0, n)
    if n == 1:
        return Estimate(p, math.nan, math.nan, 1)
    if error <= _ROUNDING * p:
        # Equal counts by chance, which a few requests give easily: they do not prove precision.
        error = math.sqrt(p * (1.0 - p) / float(np.sum(offered)))
    lower, upper = probability_interval(p, error, student_t(confidence, n - 1))
    return Estimate(p, lower, upper, n)


def availability_estimate(down: ArrayLike, asked: ArrayLike, confidence: float) -> Estimate:
    """Return 1 - sum(down) / sum(asked) with its interval in [0, 1]; it has none where nothing was down.

    down, asked: float64[replication], times.
    """
    out = blocking_estimate(down, asked, confidence)
    if not out.replications:
        return NOTHING
    if out.mean == 0.0:
        out = out._replace(ci_lower=math.nan, ci_upper=math.nan)
    return Estimate(1.0 - out.mean, 1.0 - out.ci_upper, 1.0 - out.ci_lower, out.replications)


def _ratio(sums: ArrayLike, counts: ArrayLike) -> tuple[float, float, int]:
    """Return ratio, standard error (NaN for one replication) and number of replications (0: no ratio)."""
    total = np.asarray(sums, dtype=np.float64)
    count = np.asarray(counts, dtype=np.float64)
    n = len(count)
    if n == 0 or count.sum() == 0.0:
        return math.nan, math.nan, 0
    ratio = float(total.sum() / count.sum())
    if n == 1:
        return ratio, math.nan, 1
    residual = total - ratio * count
    variance = float(np.sum(residual * residual)) / (n - 1) / n / float(count.mean()) ** 2
    return ratio, math.sqrt(variance), n


def probability_interval(p: float, standard_error: float, quantile: float) -> tuple[float, float]:
    """Return the interval of a probability 0 < p < 1 on the logit scale, p ± quantile * standard error there.

    For narrow intervals it is the plain one. Where few requests are blocked the plain one reaches below zero
    and lies too low: of intervals that claim 95 % with 10 blocked requests in 10 replications, it covers 87
    to 94 % and this one 93 to 96 %.
    """
    width = math.exp(min(quantile * standard_error / (p * (1.0 - p)), 600.0))
    odds = p / (1.0 - p)
    lower, upper = odds / width, odds * width
    return lower / (1.0 + lower), upper / (1.0 + upper)


def upper_bound_of_zero(requests: float, confidence: float) -> float:
    """Return the one-sided upper bound on a blocking probability when none of `requests` was blocked.

    -ln(1 - confidence) * CLUSTER_SIZE / requests: the chance to see no cluster is exp(-requests p / size).
    """
    return min(1.0, -math.log1p(-confidence) * CLUSTER_SIZE / requests) if requests else 1.0
