"""Nonlinear interference by the Gaussian noise (GN) model in closed form, span by span.

Source: P. Poggiolini, "The GN-Model of Fiber Non-Linear Propagation and its Applications", J. Lightw.
Technol. 32(4), 2014, doi 10.1109/JLT.2013.2295208. Equation numbers are those of the full derivation,
P. Poggiolini et al., arXiv 1209.0394: (120) is the sum over channels, (123) the closed form of its terms.

Noise of different spans adds in power (the incoherent GN model), so one span is all that is needed. Spectra
are rectangular; the noise is taken as flat over a channel, with the density at its centre.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fusion.config.problems import show
from fusion.network.physics.arguments import finite, not_negative, one_of, positive
from fusion.network.physics.fibre import Fibre, check_fibre, effective_length

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

PHI = {
    "Gaussian": 0.0,
    "BPSK": 1.0,
    "QPSK": 1.0,
    "8-QAM": 2 / 3,
    "16-QAM": 17 / 25,
    "32-QAM": 69 / 100,
    "64-QAM": 13 / 21,
}
"""Format -> phi = 2 - E|a|⁴ / (E|a|²)² of its constellation; 8-QAM on two circles, 32-QAM as a cross.

Source: P. Poggiolini et al., J. Lightw. Technol. 33(2), 2015, doi 10.1109/JLT.2014.2387891.
"""


def phi_of(modulation: str) -> float:
    """Return phi of a modulation format; raise ValueError for one that is not in `PHI`."""
    return PHI[one_of("modulation", modulation, tuple(PHI))]


def self_channel_noise(fibre: Fibre, power: ArrayLike, bandwidth: ArrayLike) -> NDArray[np.float64]:
    """Return the noise in W that channels make in themselves (SCI) in one span.

    power: W, bandwidth: Hz, float64[...], broadcast together; returns float64[...].
    K (P³/B²) asinh[pi² |beta2| B² / (2 a)] with K = (8/27) gamma² L_eff² a / (pi |beta2|) and a the
    attenuation of power.
    Raise ValueError for a negative power, a bandwidth that is not positive, an invalid fibre.
    Source: eq. (120), (123) with equal indices.
    """
    launched, width = not_negative("power", power), positive("bandwidth", bandwidth)
    argument = _curvature(fibre) * width**2
    return _strength(fibre) * (launched**3 / width**2) * np.arcsinh(argument / 2)


def cross_channel_noise(
    fibre: Fibre,
    power: ArrayLike,
    bandwidth: ArrayLike,
    other_power: ArrayLike,
    other_bandwidth: ArrayLike,
    spacing: ArrayLike,
    phi: ArrayLike = 0.0,
) -> NDArray[np.float64]:
    """Return the noise in W that another channel makes in a channel (XCI) in one span.

    power, bandwidth: of the channel that suffers, W and Hz.  other_power, other_bandwidth: of the one that
    interferes.  spacing: Hz between their centres, of either sign.  phi: of the other's format (`PHI`);
    0 is the GN model, which takes every channel for Gaussian noise.  All float64[...], broadcast
    together; returns float64[...].

    With K as in `self_channel_noise`, D the spacing and k the other channel:
    K P (P_k/B_k)² {asinh[pi² |beta2| B (D + B_k/2) / a] - asinh[pi² |beta2| B (D - B_k/2) / a]
    - phi (5/3) / (a L) B_k/D}. The last term is the part of the correction for the format that every
    span adds; the part that a path has only once is left out, so it never takes off too much.

    Raise ValueError for a negative power, a bandwidth that is not positive, channels that overlap.
    Source: eq. (120), (123) with different indices; correction: P. Poggiolini et al., J. Lightw. Technol.
    33(2), 2015, doi 10.1109/JLT.2014.2387891, the formula with (80/81) phi, taken apart by interferers.
    """
    launched, width = not_negative("power", power), positive("bandwidth", bandwidth)
    other_launched = not_negative("other_power", other_power)
    other_width = positive("other_bandwidth", other_bandwidth)
    distance = np.abs(finite("spacing", spacing))
    check_apart(distance, width, other_width)
    scale = _curvature(fibre) * width
    upper = np.arcsinh(scale * (distance + other_width / 2))
    lower = np.arcsinh(scale * (distance - other_width / 2))
    share = (5 / 3) / (fibre.attenuation * fibre.span_length)
    correction = share * check_phi(phi) * other_width / distance
    strength = _strength(fibre) * launched * (other_launched / other_width) ** 2
    return np.asarray(strength * (upper - lower - correction))


def nonlinear_noise(
    fibre: Fibre,
    power: ArrayLike,
    bandwidth: ArrayLike,
    frequency: ArrayLike,
    phi: ArrayLike = 0.0,
) -> NDArray[np.float64]:
    """Return the noise in W in every channel of a link, SCI and XCI, in one span.

    power: W, bandwidth: Hz, frequency: centre in Hz, phi: see `cross_channel_noise`; float64[channel] or
    numbers. Returns float64[channel]. The work grows with the square of the channels.
    Raise ValueError as the two functions it sums do, and for frequency that is not float64[channel].
    """
    centre = positive("frequency", frequency)
    if centre.ndim != 1:
        raise ValueError(f"frequency has {centre.ndim} dimensions: must have 1, the channels")
    powers, widths, phis = (
        np.broadcast_to(np.asarray(values, dtype=np.float64), centre.shape)
        for values in (power, bandwidth, phi)
    )
    noise = self_channel_noise(fibre, powers, widths)
    for channel in range(len(centre)):
        others = np.arange(len(centre)) != channel
        noise[channel] += cross_channel_noise(
            fibre,
            powers[channel],
            widths[channel],
            powers[others],
            widths[others],
            centre[others] - centre[channel],
            phis[others],
        ).sum()
    return noise


def check_apart(
    distance: NDArray[np.float64], width: NDArray[np.float64], other_width: NDArray[np.float64]
) -> None:
    """Raise ValueError if channels of these widths overlap at these distances; all in Hz."""
    least = (width + other_width) / 2
    if (distance < least * (1.0 - 1e-9)).any():
        distances, leasts = np.broadcast_arrays(distance, least)
        worst = np.argmin(distances - leasts)
        least_told, told = (show(each.flat[worst].item()) for each in (leasts, distances))
        raise ValueError(
            f"spacing = {told}: must be at least {least_told} Hz, half the sum of the bandwidths"
        )


def check_phi(phi: ArrayLike) -> NDArray[np.float64]:
    """Return float64[...] if every phi is from 0 to 1, else raise ValueError."""
    values = not_negative("phi", phi)
    if (values > 1.0).any():
        raise ValueError(
            f"phi = {show(values.max().item())}: must be from 0 (Gaussian) to 1 (QPSK)"
        )
    return values


def _curvature(fibre: Fibre) -> float:
    """Return pi² |beta2| / a in s²: what the bandwidths are measured by."""
    check_fibre(fibre)
    return math.pi**2 * abs(fibre.beta2) / fibre.attenuation


def _strength(fibre: Fibre) -> float:
    """Return (8/27) gamma² L_eff² a / (pi |beta2|), the factor before all terms."""
    length = effective_length(fibre)
    gamma = fibre.nonlinear_coefficient
    return 8 / 27 * gamma**2 * length**2 * fibre.attenuation / (math.pi * abs(fibre.beta2))
