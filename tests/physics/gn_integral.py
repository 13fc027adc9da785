"""The integral that the closed forms approximate, by the midpoint rule."""

import math

import numpy as np


def gn_integral_at_centre(fibre, power, bandwidth, spacing=None, transfer=0.0):
    """Return W of noise in one span, of a channel with the density at its centre, f = 0.

    (16/27) gamma² times the integral of G(f1) G(f2) G(f1 + f2) |link function|² (the GN model); with a
    spacing, of its two parts with f1 in another channel of that distance and f2 in this one, or the other
    way round.  transfer: x of the power profile exp(-a z) [1 - x (1 - exp(-a z))] of the pumping channel.
    """
    a, length = fibre.attenuation, fibre.span_length
    centre = 0.0 if spacing is None else spacing
    points, narrow = 1500, 1e8 if spacing is None else min(1e8, 1e18 / spacing)
    t = (np.arange(points) + 0.5) / points * 2 - 1
    end = np.arcsinh(bandwidth / 2 / narrow)
    f, step = narrow * np.sinh(end * t), narrow * np.cosh(end * t) * end * 2 / points  # dense at 0
    total = 0.0
    for f1, step1 in zip(f, step, strict=True):
        third = np.abs(f1 + f) <= bandwidth / 2  # f1 + f2 in the channel of f1
        w = 1j * 4 * math.pi**2 * fibre.beta2 * (f1 + centre) * f
        link = (1 - transfer) * (1 - np.exp((w - a) * length)) / (a - w)
        if transfer:
            link = link + transfer * (1 - np.exp((w - 2 * a) * length)) / (2 * a - w)
        total += step1 * (np.abs(link) ** 2 * third * step).sum()
    weight = 1 if spacing is None else 2
    density = power / bandwidth
    return weight * 16 / 27 * fibre.nonlinear_coefficient**2 * density**3 * total * bandwidth
