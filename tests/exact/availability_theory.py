"""Mean and spread of the availability of connections whose links fail at random, exactly.

The links are a Markov chain of states s. While all are up connections come at a rate; each stays for an
exponential time of mean 1. C of them are carried, or wait for the repair; G are gone, and would still be
there. Times of connections are integrals of f(s, C, G), affine in C and G. The generator L of the chain
(s, C, G) takes polynomials in C and G, one for each s, to polynomials of no higher degree. So stationary
moments e solve e L = 0; and the integral of an f of mean 0 over a long time T has the variance 2 T e(f h),
where L h = -f (S. Asmussen, P. W. Glynn, Stochastic Simulation, 2007, IV.4).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

ONE, C, G, CC, CG, GG = range(6)
"""The monomials 1, C, G, C², CG, G²."""

_COME = {C: {ONE: 1}, CC: {C: 2, ONE: 1}, CG: {G: 1}}
_LEAVE = {C: {C: -1}, CC: {CC: -2, C: 1}, CG: {CG: -2}, G: {G: -1}, GG: {GG: -2, G: 1}}
_LOSE = {ONE: {ONE: 1}, G: {C: 1, G: 1}, GG: {CC: 1, CG: 2, GG: 1}}
_KEEP = {each: {each: 1} for each in range(6)}


class Availability(NamedTuple):
    """variance: of an estimate over one unit of time, for long times."""

    mean: float
    variance: float


def exact_availability(
    rates: NDArray[Any], carried: NDArray[Any], comes: NDArray[Any], *, waits: bool
) -> Availability:
    """Return the availability of connections, and the variance of its estimate.

    rates: float64[s, s], of the links. carried: bool[s], whether connections are carried. comes: float64[s],
    the rate at which they come. waits: who is not carried waits; if not, it is gone.
    """
    states = range(len(rates))
    generator = np.zeros((len(rates), 6, len(rates), 6))
    for s in states:
        _add(generator[s, :, s, :], _COME, comes[s])
        _add(generator[s, :, s, :], _LEAVE, 1.0)
        for t in states:
            loses = not waits and carried[s] and not carried[t]
            _add(generator[s, :, t, :], _LOSE if loses else _KEEP, rates[s, t])
    matrix = generator.reshape(6 * len(rates), -1)
    # One equation more: the chances of the states sum to 1.
    ones = np.tile([1.0, 0, 0, 0, 0, 0], len(rates))
    right = np.append(np.zeros(len(matrix)), 1.0)
    moments = np.linalg.lstsq(np.vstack([matrix.T, ones]), right, rcond=None)[0].reshape(-1, 6)
    up = carried.astype(np.float64)
    asked = moments[:, C].sum() + moments[:, G].sum()
    mean = (up * moments[:, C]).sum() / asked
    f = np.zeros((len(rates), 6))
    f[:, C], f[:, G] = up - mean, -mean
    h = np.linalg.lstsq(matrix, -f.ravel(), rcond=None)[0].reshape(-1, 6)
    assert np.allclose(matrix @ h.ravel(), -f.ravel())
    product = sum(
        f[:, one] * h[:, other] * moments[:, both]
        for one, row in ((C, (C, CC, CG)), (G, (G, CG, GG)))
        for other, both in zip((ONE, C, G), row, strict=True)
    )
    return Availability(float(mean), float(2.0 * product.sum() / asked**2))


def _add(part: NDArray[Any], what: dict[int, dict[int, int]], rate: float) -> None:
    """Add what becomes of each monomial to a part of the generator: [monomial made, monomial]."""
    for monomial, made in what.items():
        for each, factor in made.items():
            part[each, monomial] += rate * factor
