"""Noise where inter-channel stimulated Raman scattering (ISRS) carries power from high to low frequencies.

Sources: [1] D. Semrau, R. I. Killey, P. Bayvel, "A Closed-Form Approximation of the Gaussian Noise Model in
the Presence of Inter-Channel Stimulated Raman Scattering", J. Lightw. Technol. 37(9), 2019, arXiv 1808.07940.
[2] D. Semrau et al., ECOC 2019, doi 10.1049/cp.2019.0892, eq. (3): the same with a correction for the format.
[3] M. Zirngibl, "Analytical model of Raman gain effects in massive wavelength division multiplexed
transmission systems", Electron. Lett. 34(8), 1998: the power profile.  [4] doi 10.1364/JOCN.515081, eq. (5):
emission of amplifiers that make good the loss with Raman scattering in it.

The attenuation is the same at all frequencies, so the alpha and alpha bar of [1] are one number.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fusion.network.physics.arguments import finite, not_negative, number, positive, whole
from fusion.network.physics.ase import amplifier_noise
from fusion.network.physics.fibre import (
    Fibre,
    Grid,
    centre_frequency,
    check_fibre,
    check_grid,
    effective_length,
    emission_factor,
    span_loss,
)
from fusion.network.physics.gn import check_apart, check_phi
from fusion.network.physics.gsnr import PowerPer, carrier_kinds, launch_powers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class Loading(NamedTuple):
    """The light that tilts the spectrum: a total power, spread evenly over some intervals of frequency."""

    total_power: float
    """W, at the input of a span."""
    lower_edge: tuple[float, ...]
    upper_edge: tuple[float, ...]
    """Hz, by interval."""

    @property
    def width(self) -> float:
        """Hz in all."""
        return math.fsum(self.upper_edge) - math.fsum(self.lower_edge)

    @property
    def centre(self) -> float:
        """Hz: mean frequency of the light, where the tilt changes nothing (to first order)."""
        edges = zip(self.lower_edge, self.upper_edge, strict=True)
        return math.fsum((low + high) / 2 * (high - low) for low, high in edges) / self.width


class RamanTables(NamedTuple):
    """Noise-to-signal ratios of one span, by kind of carrier and by slot.

    Slots are numbered through all bands in order of frequency: slot s of band b is first_slot[b] + s.
    A lightpath of kind i from slot s on has on a link, in all its spans, spans * (ase[i, s] + sci[i, s]
    + sum over its neighbours of xci[i, their kind, s, their slot]).
    """

    widths: NDArray[np.int64]
    """int64[kind]: slots that carry light, no guard band."""
    phi: NDArray[np.float64]
    """float64[kind]: see `gn.PHI`."""
    power: NDArray[np.float64]
    """float64[kind]: launch power in W."""
    loading: Loading
    """The light that the tilt is computed from."""
    first_slot: NDArray[np.int64]
    """int64[band]: number of the first slot of each band of the grid."""
    ase: NDArray[np.float64]
    """float64[kind, slot]. NaN, here and below, where a run from that slot leaves its band."""
    sci: NDArray[np.float64]
    """float64[kind, slot]."""
    xci: NDArray[np.float64]
    """float64[kind, other kind, slot, other slot]. NaN also where the two would overlap."""


class RamanFactors(NamedTuple):
    """The ratios of `RamanTables`, xci in factors. The first seven are as there."""

    widths: NDArray[np.int64]
    phi: NDArray[np.float64]
    power: NDArray[np.float64]
    loading: Loading
    first_slot: NDArray[np.int64]
    ase: NDArray[np.float64]
    sci: NDArray[np.float64]
    row: NDArray[np.int64]
    """int64[kind]: place of its width in `cross`."""
    cross: NDArray[np.float64]
    """float64[width, slot, half slot]: of a channel from the slot on, with another one's centre in the half
    slot, counted from 0 through all bands. NaN, here and below, where neither is."""
    correction: NDArray[np.float64]
    """float64[other kind, other slot, half slot]: what its format takes off that, by its first slot and the
    centre of the channel that suffers; of size 0 where every phi is 0."""
    scale: NDArray[np.float64]
    """float64[kind, other kind]: noise in W is scale * (cross - correction)."""

    def xci(
        self, kind: int, slot: NDArray[np.intp], other: int, other_slot: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Return the ratio of one span, by kinds and first slots; of channels that do not overlap."""
        noise = self.cross[self.row[kind], slot, 2 * other_slot + self.widths[other]]
        if len(self.correction):
            noise = noise - self.correction[other, other_slot, 2 * slot + self.widths[kind]]
        return np.asarray(self.scale[kind, other] * noise / self.power[kind])


def full_load(
    grid: Grid, power: float = 1e-3, *, power_per: PowerPer = "channel", width: float = 4
) -> Loading:
    """Return the loading of a spectrum without a free slot.

    power: W of each carrier, all of `width` slots, or of each slot (`power_per`).
    Raise ValueError for a power or width that is not positive.
    """
    check_grid(grid)
    each = number("power", power)
    slots = sum(grid.slots)
    carriers = slots if power_per == "slot" else slots / number("width", width)
    return Loading(each * carriers, grid.lower_edge, grid.upper_edge)


def check_loading(loading: Loading) -> Loading:
    """Return the loading; raise ValueError for a negative power, and for invalid intervals."""
    not_negative("total_power", loading.total_power)
    lower, upper = (positive(name, getattr(loading, name)) for name in ("lower_edge", "upper_edge"))
    if lower.shape != upper.shape or not lower.size or (upper <= lower).any():
        raise ValueError(
            f"lower_edge = {loading.lower_edge}, upper_edge = {loading.upper_edge}: must be as many,"
            " at least one, and each upper edge above the lower"
        )
    return loading


def power_profile(fibre: Fibre, loading: Loading, frequency: ArrayLike) -> NDArray[np.float64]:
    """Return the power at the end of a span over the power at its beginning.

    frequency: Hz, float64[...]; returns float64[...].
    exp(-a L) exp(-c f) / mean over the light of exp(-c f), c = P_tot C_r L_eff: the mean ratio over the
    light is the plain loss. Gain and frequency difference are proportional (the triangular
    approximation), which holds up to about 15 THz.
    Raise ValueError for an invalid loading. Source: [3], eq. (7).
    """
    check_fibre(fibre)
    check_loading(loading)
    centre = loading.centre
    slope = loading.total_power * fibre.raman_slope * effective_length(fibre)
    offset = positive("frequency", frequency) - centre
    lower, upper = np.array(loading.lower_edge), np.array(loading.upper_edge)
    half, middle = (upper - lower) / 2, (upper + lower) / 2 - centre
    steep = np.maximum(slope * half, 1e-30)  # sinh(x) / x is 1 there
    parts = 2 * half * np.exp(-slope * middle) * np.sinh(steep) / steep
    mean = float(parts.sum()) / loading.width
    return np.asarray(np.exp(-slope * offset) / (mean * span_loss(fibre)))


def raman_ase_noise(
    fibre: Fibre, loading: Loading, band: str, frequency: ArrayLike, bandwidth: ArrayLike
) -> NDArray[np.float64]:
    """Return the noise in W of the amplifier after one span: 2 n_sp h f B (1/profile - 1).

    The amplifier restores the launch power at every frequency.  band: whose n_sp holds.
    frequency, bandwidth: Hz, float64[...], broadcast together; returns float64[...].
    Raise ValueError as `power_profile` and `ase.amplifier_noise` do. Source: [4], eq. (5).
    """
    gain = np.maximum(1.0 / power_profile(fibre, loading, frequency), 1.0)
    return amplifier_noise(emission_factor(fibre, band), gain, frequency, bandwidth)


def raman_self_channel_noise(
    fibre: Fibre,
    loading: Loading,
    power: ArrayLike,
    bandwidth: ArrayLike,
    frequency: ArrayLike,
) -> NDArray[np.float64]:
    """Return the noise in W that channels make in themselves in one span.

    power: W, bandwidth: Hz, frequency: centre in Hz; float64[...], broadcast; returns float64[...].
    P³ (4/9) (gamma²/B²) pi / (3 a² q) [(T - a²)/a asinh(q B² / (pi a)) + (A² - T)/A asinh(q B² / (pi A))],
    q = (3/2) pi² |beta2 + 2 pi beta3 f|, A = 2 a, T = (A - P_tot C_r f)², f from the centre of the light
    in T and from the fibre's dispersion_frequency in q.
    Raise ValueError for bad arguments, and where the dispersion at a frequency has the other sign.
    Source: [1], eqs. (9), (10).
    """
    check_fibre(fibre)
    launched, width = not_negative("power", power), positive("bandwidth", bandwidth)
    centre = positive("frequency", frequency)
    q = 1.5 * math.pi**2 * _dispersion(fibre, centre, centre)
    a = fibre.attenuation
    low, high = _weights(fibre, loading, centre)
    squared = q * width**2 / math.pi
    terms = low * np.arcsinh(squared / a) + high * np.arcsinh(squared / (2 * a))
    factor = 4 / 9 * fibre.nonlinear_coefficient**2 * math.pi
    return np.asarray(launched**3 * factor / (width**2 * q * 3 * a**2) * terms)


def raman_cross_channel_noise(
    fibre: Fibre,
    loading: Loading,
    power: ArrayLike,
    bandwidth: ArrayLike,
    frequency: ArrayLike,
    other_power: ArrayLike,
    other_bandwidth: ArrayLike,
    other_frequency: ArrayLike,
    phi: ArrayLike = 0.0,
) -> NDArray[np.float64]:
    """Return the noise in W that another channel makes in a channel in one span.

    power, bandwidth, frequency: of the channel that suffers, W, Hz and centre in Hz; other_...: of the
    one that interferes; phi: of its format (`gn.PHI`). All float64[...], broadcast; returns float64[...].

    With D the spacing, k the other channel, B2 = |beta2 + pi beta3 (f + f_k)|, q = 2 pi² D B2, and A and
    T_k as in `raman_self_channel_noise`: (32/27) P P_k² (gamma²/B_k) times
    {[(T_k - a²)/a atan(q B / a) + (A² - T_k)/A atan(q B / A)] / (3 a² q)
    - phi (5/3) T_k / (4 pi B2 L B_k² a² A²) [(2 D - B_k) ln((2 D - B_k) / (2 D + B_k)) + 2 B_k]}.
    The last term is the part of the correction for the format that every span adds; what a path has
    only once is left out, so it never takes off too much.

    Raise ValueError for bad arguments, channels that overlap, and where the dispersion at a frequency
    has the other sign. Source: [1], eq. (11); the correction: [2], eq. (3).
    """
    check_fibre(fibre)
    launched, width = not_negative("power", power), positive("bandwidth", bandwidth)
    other_launched = not_negative("other_power", other_power)
    other_width = positive("other_bandwidth", other_bandwidth)
    centre = positive("frequency", frequency)
    other_centre = positive("other_frequency", other_frequency)
    check_apart(np.abs(other_centre - centre), width, other_width)
    noise = _of_spacing(fibre, loading, width, centre, other_centre)
    phis = check_phi(phi)
    if phis.any():
        noise = noise - _of_format(fibre, loading, centre, other_width, other_centre, phis)
    factor = 32 / 27 * fibre.nonlinear_coefficient**2
    return np.asarray(factor * launched * other_launched**2 / other_width * noise)


def _of_spacing(
    fibre: Fibre,
    loading: Loading,
    width: NDArray[np.float64],
    centre: NDArray[np.float64],
    other_centre: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the part of `raman_cross_channel_noise` that the format of the other channel leaves as it is."""
    distance = np.abs(other_centre - centre)
    q = 2 * math.pi**2 * distance * _dispersion(fibre, centre, other_centre)
    a = fibre.attenuation
    low, high = _weights(fibre, loading, other_centre)
    terms = low * np.arctan(q * width / a) + high * np.arctan(q * width / (2 * a))
    return np.asarray(terms / (3 * a**2 * q))


def _of_format(
    fibre: Fibre,
    loading: Loading,
    centre: NDArray[np.float64],
    other_width: NDArray[np.float64],
    other_centre: NDArray[np.float64],
    phis: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return what the format of the other channel takes off; it does not depend on this channel's width."""
    distance = np.abs(other_centre - centre)
    a = fibre.attenuation
    below, above = np.maximum(2 * distance - other_width, 0.0), 2 * distance + other_width
    shape = below * np.log(below / above) + 2 * other_width
    tilt = _tilt(fibre, loading, other_centre) / (a**2 * (2 * a) ** 2)
    dispersion = _dispersion(fibre, centre, other_centre)
    scale = 4 * math.pi * dispersion * fibre.span_length * other_width**2
    return np.asarray(phis * (5 / 3) * tilt / scale * shape)


def raman_tables(
    fibre: Fibre,
    grid: Grid,
    widths: ArrayLike,
    power: float = 1e-3,
    *,
    power_per: PowerPer = "channel",
    phi: ArrayLike = 0.0,
    total_power: float | None = None,
    most_bytes: int = 2**30,
) -> RamanTables:
    """Return the noise-to-signal ratios of one span with Raman scattering, for all kinds of carriers.

    widths, power, power_per, phi: as in `gsnr.noise_tables`.  total_power: W of all light in the fibre,
    spread evenly over the slots of all bands, the same at any load: if it is not given, as much as
    carriers of the mean of the widths launch when no slot is free.  Carriers in different bands disturb
    each other.

    Memory: 8 bytes * kinds² * slots² for xci, at most `most_bytes`; `raman_factors` needs far less.
    Raise ValueError as the formulas do, for widths that no band has room for, and for too large a table.
    """
    slots, count = sum(check_grid(grid).slots), len(carrier_kinds(grid, widths, phi)[0])
    _check_bytes(count**2 * slots**2 * 8, most_bytes, count, slots)
    factors = raman_factors(
        fibre,
        grid,
        widths,
        power,
        power_per=power_per,
        phi=phi,
        total_power=total_power,
        most_bytes=2**62,
    )
    centres = _centres(grid, factors.widths, factors.first_slot)
    xci = np.full((count, count, slots, slots), np.nan)
    for i, width in enumerate(factors.widths * grid.slot_width):
        for j, other in enumerate(factors.widths * grid.slot_width):
            distance = np.abs(centres[i][:, None] - centres[j])
            apart = np.nonzero(distance >= (width + other) / 2 * (1.0 - 1e-9))  # no NaN is
            xci[i, j][apart] = factors.xci(i, apart[0], j, apart[1])
    return RamanTables(*factors[:7], xci)


def raman_factors(
    fibre: Fibre,
    grid: Grid,
    widths: ArrayLike,
    power: float = 1e-3,
    *,
    power_per: PowerPer = "channel",
    phi: ArrayLike = 0.0,
    total_power: float | None = None,
    most_bytes: int = 2**30,
) -> RamanFactors:
    """Return what `raman_tables` does, with the cross-channel noise in factors.

    That noise depends on the width of the channel that suffers and on where both centres are; the width,
    power and format of the other one are factors and a term of their own.  Arguments as of `raman_tables`.

    Memory: 16 bytes * slots² for each width, and for each kind if some phi is not 0; at most `most_bytes`.
    Raise ValueError as `raman_tables` does.
    """
    check_grid(grid)
    kinds, phis = carrier_kinds(grid, widths, phi)
    powers = launch_powers(kinds, power, power_per)
    loading = full_load(grid, power, power_per=power_per, width=float(kinds.mean()))
    if total_power is not None:
        loading = check_loading(loading._replace(total_power=total_power))
    slots, count = sum(grid.slots), len(kinds)
    each, row = np.unique(kinds, return_inverse=True)
    needed = factor_bytes(slots, len(each), count if phis.any() else 0)
    _check_bytes(needed, most_bytes, count, slots)
    first = np.concatenate([[0], np.cumsum(grid.slots)[:-1]])
    centres = _centres(grid, kinds, first)
    ase, sci = np.full((2, count, slots), np.nan)
    for i, width in enumerate(kinds * grid.slot_width):
        fits = np.isfinite(centres[i])
        sci[i, fits] = raman_self_channel_noise(fibre, loading, powers[i], width, centres[i, fits])
        for b, band in enumerate(grid.bands):
            inside = fits & _in_band(grid, first, b)
            ase[i, inside] = raman_ase_noise(fibre, loading, band, centres[i, inside], width)
    ase /= powers[:, None]
    sci /= powers[:, None]
    middles = np.full(2 * slots, np.nan)  # the centres that there are, by half slot
    for i, width in enumerate(kinds):
        fits = np.flatnonzero(np.isfinite(centres[i]))
        middles[2 * fits + width] = centres[i, fits]
    cross = np.full((len(each), slots, 2 * slots), np.nan)
    correction = np.full((count if phis.any() else 0, slots, 2 * slots), np.nan)
    there = np.flatnonzero(np.isfinite(middles))
    with np.errstate(
        divide="ignore", invalid="ignore"
    ):  # where the two overlap, which nobody asks for
        for at, width in enumerate(each * grid.slot_width):
            mine = centres[int(np.argmax(row == at))]
            fits = np.flatnonzero(np.isfinite(mine))
            cross[at][np.ix_(fits, there)] = _of_spacing(
                fibre, loading, width, mine[fits, None], middles[there]
            )
        for j in range(len(correction)):
            fits = np.flatnonzero(np.isfinite(centres[j]))
            width = kinds[j] * grid.slot_width
            correction[j][np.ix_(fits, there)] = _of_format(
                fibre, loading, middles[there], width, centres[j, fits, None], phis[j]
            )
    factor = 32 / 27 * fibre.nonlinear_coefficient**2
    scale = factor * powers[:, None] * powers**2 / (kinds * grid.slot_width)
    return RamanFactors(
        kinds,
        phis,
        powers,
        loading,
        first,
        ase,
        sci,
        row.astype(np.int64),
        cross,
        correction,
        scale,
    )


def factor_bytes(slots: int, widths: int, corrected: int) -> int:
    """Return the bytes of the tables of `raman_factors`. corrected: kinds, or 0 where every phi is 0."""
    return 16 * slots**2 * (widths + corrected)


def _check_bytes(needed: int, most: int, kinds: int, slots: int) -> None:
    if needed > whole("most_bytes", most, 1):
        raise ValueError(
            f"most_bytes = {most}: {kinds} kinds and {slots} slots need"
            f" {needed}; list fewer widths, or raise it"
        )


def _centres(
    grid: Grid, widths: NDArray[np.int64], first: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the centre in Hz, float64[kind, slot]; NaN where a run leaves its band."""
    centres = np.full((len(widths), sum(grid.slots)), np.nan)
    for i, width in enumerate(widths):
        for b, slots in enumerate(grid.slots):
            starts = np.arange(max(slots - width + 1, 0))
            centres[i, first[b] + starts] = centre_frequency(grid, b, starts, width)
    return centres


def _in_band(grid: Grid, first: NDArray[np.int64], band: int) -> NDArray[np.bool_]:
    slots = np.arange(sum(grid.slots))
    return np.asarray((slots >= first[band]) & (slots < first[band] + grid.slots[band]))


def _tilt(fibre: Fibre, loading: Loading, frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return T in 1/m²: (2 a - P_tot C_r f)², f from the centre of the light."""
    check_loading(loading)
    offset = frequency - loading.centre
    transfer = loading.total_power * fibre.raman_slope * offset
    return np.asarray((2 * fibre.attenuation - finite("transfer", transfer)) ** 2)


def _weights(
    fibre: Fibre, loading: Loading, frequency: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (T - a²)/a and (A² - T)/A in 1/m."""
    a, tilt = fibre.attenuation, _tilt(fibre, loading, frequency)
    return (tilt - a**2) / a, ((2 * a) ** 2 - tilt) / (2 * a)


def _dispersion(
    fibre: Fibre, frequency: NDArray[np.float64], other: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return |beta2 + pi beta3 (f + f_k)| in s²/m; raise ValueError where its sign is not beta2's."""
    offset = frequency + other - 2 * fibre.dispersion_frequency
    ratio = 1.0 + math.pi * fibre.beta3 * offset / fibre.beta2
    if (ratio <= 0).any():
        raise ValueError(
            f"beta2 = {fibre.beta2}, beta3 = {fibre.beta3}: must give every frequency dispersion of"
            " the same sign; the zero of the dispersion lies among the channels"
        )
    return np.asarray(abs(fibre.beta2) * ratio)
