"""Amplified spontaneous emission (ASE) of the amplifiers between spans.

Source: E. Desurvire, "Erbium-Doped Fiber Amplifiers", Wiley 1994; P. Poggiolini, J. Lightw. Technol.
32(4), 2014, doi 10.1109/JLT.2013.2295208, uses the same form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fusion.config.problems import show
from fusion.network.physics.arguments import positive
from fusion.network.physics.fibre import PLANCK, Fibre, check_fibre, emission_factor, span_loss

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def amplifier_noise(
    n_sp: ArrayLike, gain: ArrayLike, frequency: ArrayLike, bandwidth: ArrayLike
) -> NDArray[np.float64]:
    """Return the noise in W, both polarisations, at the output of an amplifier: 2 n_sp (G - 1) h f B.

    n_sp: spontaneous emission factor.  gain: G, ratio of powers, 1 or more.  frequency, bandwidth: Hz.
    All float64[...], broadcast together; returns float64[...].
    Raise ValueError for n_sp or gain below 1, or frequency or bandwidth that is not positive.
    """
    factor, ratio = positive("n_sp", n_sp), positive("gain", gain)
    for name, values in (("n_sp", factor), ("gain", ratio)):
        if (values < 1.0).any():
            raise ValueError(f"{name} = {show(values.min().item())}: must be 1 or more")
    photon = PLANCK * positive("frequency", frequency)
    return np.asarray(2.0 * factor * (ratio - 1.0) * photon * positive("bandwidth", bandwidth))


def ase_noise(
    fibre: Fibre, band: str, frequency: ArrayLike, bandwidth: ArrayLike
) -> NDArray[np.float64]:
    """Return the noise in W of the amplifier after one span, which makes good the loss of the span.

    band: whose n_sp holds.  frequency, bandwidth: Hz, float64[...], broadcast; returns float64[...].
    Raise ValueError for a band without n_sp and as `amplifier_noise` does.
    """
    n_sp = emission_factor(check_fibre(fibre), band)
    return amplifier_noise(n_sp, span_loss(fibre), frequency, bandwidth)


def noise_figure(n_sp: ArrayLike, gain: ArrayLike) -> NDArray[np.float64]:
    """Return the noise figure, as a ratio, of an amplifier without shot noise: 2 n_sp (G - 1) / G.

    An amplifier whose noise is given as h f B F at its input, as in GNPy, then makes the same noise.
    """
    ratio = positive("gain", gain)
    return np.asarray(2.0 * positive("n_sp", n_sp) * (ratio - 1.0) / ratio)
