"""The generalised signal-to-noise ratio (GSNR) of a path, and tables from which an event loop adds it up.

Ratios of noise to signal add over spans, links and neighbours: 1/GSNR = sum of P_noise/P (P. Poggiolini,
J. Lightw. Technol. 32(4), 2014, doi 10.1109/JLT.2013.2295208).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from fusion.network.physics.arguments import finite, not_negative, number, one_of, positive, whole
from fusion.network.physics.ase import ase_noise
from fusion.network.physics.fibre import Fibre, Grid, centre_frequency, check_fibre, check_grid
from fusion.network.physics.gn import check_phi, cross_channel_noise, self_channel_noise

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

PowerPer = Literal["channel", "slot"]

GSNR_THRESHOLDS_DB = {
    "BPSK": 3.71,
    "QPSK": 6.72,
    "8-QAM": 10.84,
    "16-QAM": 13.24,
    "32-QAM": 16.16,
    "64-QAM": 19.01,
}
"""Format -> least GSNR in dB, in the bandwidth of the channel. FUSION's figures."""


class NoiseTables(NamedTuple):
    """Noise-to-signal ratios of one span, by kind of carrier: its width and its format's phi.

    A lightpath of kind i has on a link, in all its spans, spans * (ase[i, band] + sci[i] + sum over the
    neighbours of the same band of xci[i, their kind, distance]).
    """

    widths: NDArray[np.int64]
    """int64[kind]: slots that carry light, no guard band."""
    phi: NDArray[np.float64]
    """float64[kind]: see `gn.PHI`."""
    power: NDArray[np.float64]
    """float64[kind]: launch power in W."""
    ase: NDArray[np.float64]
    """float64[kind, band], at the middle of the band; or float64[kind, band, start], by the first slot,
    NaN where no run of that width starts."""
    sci: NDArray[np.float64]
    """float64[kind]."""
    xci: NDArray[np.float64]
    """float64[kind, other kind, distance]: distance in half slots between the centres, that is
    |2 start + width - 2 other start - other width|. NaN where the two would overlap."""


def to_db(ratio: ArrayLike) -> NDArray[np.float64]:
    """Return 10 log10 of ratios of powers, float64[...]. Raise ValueError for one that is not positive."""
    return np.asarray(10.0 * np.log10(positive("ratio", ratio)))


def from_db(decibels: ArrayLike) -> NDArray[np.float64]:
    """Return 10^(dB/10), float64[...]. Raise ValueError for what is not finite."""
    return np.asarray(10.0 ** (finite("decibels", decibels) / 10.0))


def path_gsnr(noise_to_signal: ArrayLike, spans: ArrayLike = 1.0) -> NDArray[np.float64]:
    """Return the GSNR of paths as a ratio: 1 / sum over hops of spans * noise_to_signal.

    noise_to_signal: of one span of each hop, all kinds of noise together, float64[..., hop].
    spans: float64[..., hop], broadcast; 1 where the ratios are of whole links.  Returns float64[...].
    Raise ValueError for a negative ratio or span count, and for a path without any noise.
    """
    ratios = not_negative("noise_to_signal", noise_to_signal) * not_negative("spans", spans)
    total = positive("sum of noise_to_signal", np.sum(np.atleast_1d(ratios), axis=-1))
    return np.asarray(1.0 / total)


def passing_formats(
    gsnr_db: ArrayLike, thresholds_db: Mapping[str, float] = GSNR_THRESHOLDS_DB
) -> NDArray[np.bool_]:
    """Return bool[..., format]: whether the GSNR reaches the threshold of each format, in their order.

    gsnr_db: float64[...].  Raise ValueError for what is not finite.
    """
    thresholds = finite("thresholds_db", list(thresholds_db.values()))
    return np.asarray(finite("gsnr_db", gsnr_db)[..., None] >= thresholds)


def optimum_power(ase: ArrayLike, nonlinear: ArrayLike, power: ArrayLike) -> NDArray[np.float64]:
    """Return the launch power in W, the same for all channels, that makes the GSNR greatest.

    ase: noise in W.  nonlinear: noise in W at launch power `power`, with whose cube it grows.
    All float64[...], broadcast; returns float64[...]. There the ASE is twice the nonlinear noise.
    Raise ValueError for what is not positive.
    Source: P. Poggiolini, J. Lightw. Technol. 32(4), 2014, doi 10.1109/JLT.2013.2295208.
    """
    launched = positive("power", power)
    return np.asarray(
        launched * np.cbrt(positive("ase", ase) / (2.0 * positive("nonlinear", nonlinear)))
    )


def launch_powers(
    widths: NDArray[np.int64], power: float, power_per: PowerPer = "channel"
) -> NDArray[np.float64]:
    """Return float64[kind]: the launch power in W of carriers of these widths in slots.

    power: W of each carrier (`channel`), or of each of its slots (`slot`: equal power spectral density).
    """
    one_of("power_per", power_per, ("channel", "slot"))
    each = number("power", power)
    return each * (np.ones(len(widths)) if power_per == "channel" else widths.astype(np.float64))


def noise_tables(
    fibre: Fibre,
    grid: Grid,
    widths: ArrayLike,
    power: float = 1e-3,
    *,
    power_per: PowerPer = "channel",
    phi: ArrayLike = 0.0,
    ase_by_start: bool = False,
) -> NoiseTables:
    """Return the noise-to-signal ratios of one span by the GN model, for all kinds of carriers.

    widths: int[kind], slots that carry light.  phi: float64[kind] or a number; a width may be listed
    once for each format.  power: W of each carrier, or of each of its slots: `power_per`. The default
    is per carrier, as in FUSION, whose input_power is that of a lightpath; per slot is the equal power
    spectral density of most flexible-grid studies, where wide carriers get more.
    ase_by_start: the emission at the frequency of the carrier instead of the middle of its band, which
    differs by 1 % (0.05 dB) at the edges of the C band.

    Memory: 8 bytes * kinds² * 2 * slots for xci. Bands do not disturb each other here; for that and
    for Raman scattering see `raman.raman_tables`.
    Raise ValueError as the formulas do, and for a width that no band has room for.
    """
    check_fibre(fibre)
    check_grid(grid)
    kinds, phis = carrier_kinds(grid, widths, phi)
    powers = launch_powers(kinds, power, power_per)
    bandwidths = kinds * grid.slot_width
    ase = _ase(fibre, grid, kinds, ase_by_start)
    return NoiseTables(
        widths=kinds,
        phi=phis,
        power=powers,
        ase=ase / powers.reshape(-1, *[1] * (ase.ndim - 1)),
        sci=self_channel_noise(fibre, powers, bandwidths) / powers,
        xci=_xci(fibre, grid, kinds, phis, powers),
    )


def carrier_kinds(
    grid: Grid, widths: ArrayLike, phi: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return int64[kind] and float64[kind]; raise ValueError for invalid widths and phi."""
    kinds = whole("widths", widths, 1)
    if kinds.ndim != 1 or not len(kinds):
        raise ValueError(f"widths has the shape {kinds.shape}: must be [kind], at least one")
    if kinds.max() > max(grid.slots):
        raise ValueError(f"widths = {kinds.max()}: must be at most {max(grid.slots)}, the slots")
    phis = check_phi(phi)
    if phis.ndim and phis.shape != kinds.shape:
        raise ValueError(f"phi has the shape {phis.shape}: must be {kinds.shape}, as widths")
    return kinds, np.broadcast_to(phis, kinds.shape).copy()


def _ase(
    fibre: Fibre, grid: Grid, widths: NDArray[np.int64], by_start: bool
) -> NDArray[np.float64]:
    """Return the noise in W, float64[kind, band] or float64[kind, band, start]."""
    shape = (len(widths), len(grid.bands))
    noise = np.full((*shape, max(grid.slots)) if by_start else shape, np.nan)
    for b, (band, slots) in enumerate(zip(grid.bands, grid.slots, strict=True)):
        for i, width in enumerate(widths):
            if by_start:
                starts = np.arange(max(slots - width + 1, 0))
                frequency = centre_frequency(grid, b, starts, width)
                noise[i, b, starts] = ase_noise(fibre, band, frequency, width * grid.slot_width)
            else:
                middle = (grid.lower_edge[b] + grid.upper_edge[b]) / 2
                noise[i, b] = ase_noise(fibre, band, middle, width * grid.slot_width)
    return noise


def _xci(
    fibre: Fibre,
    grid: Grid,
    widths: NDArray[np.int64],
    phi: NDArray[np.float64],
    power: NDArray[np.float64],
) -> NDArray[np.float64]:
    half_slots = np.arange(2 * max(grid.slots))
    ratio = np.full((len(widths), len(widths), len(half_slots)), np.nan)
    for i, width in enumerate(widths):
        for j, other in enumerate(widths):
            apart = half_slots[width + other :]
            ratio[i, j, apart] = (
                cross_channel_noise(
                    fibre,
                    power[i],
                    width * grid.slot_width,
                    power[j],
                    other * grid.slot_width,
                    apart * grid.slot_width / 2,
                    phi[j],
                )
                / power[i]
            )
    return ratio
