"""A fibre, its spans, and the grid of frequency slots that light uses in it. SI units throughout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fusion.network.physics.arguments import finite, not_negative, one_of, positive, whole

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

LIGHT_SPEED = 3e8
"""m/s, rounded as in FUSION, so that the edges of its bands come out the same."""
PLANCK = 6.62607015e-34
"""J s."""
BAND_LOWER_EDGE = {
    "l": LIGHT_SPEED / 1620e-9,
    "c": LIGHT_SPEED / 1565e-9,
    "s": LIGHT_SPEED / 1530e-9,
    "e": LIGHT_SPEED / 1460e-9,
    "o": LIGHT_SPEED / 1360e-9,
}
"""Lower edge in Hz of the bands, lowest first. C and L are FUSION's, the others those of ITU-T G.Sup39."""
_SAME_SPAN = 1e-9
"""Lengths are sums of decimal numbers: a link of three spans must not get a fourth by rounding."""


class Fibre(NamedTuple):
    """A fibre and the amplifiers between its spans. The defaults are FUSION's for one band."""

    attenuation: float = 0.2 / 4.343e3
    """1/m, of the power: 0.2 dB/km."""
    nonlinear_coefficient: float = 1.3e-3
    """1/(W m): gamma."""
    beta2: float = -21.3e-27
    """s²/m: group velocity dispersion at `dispersion_frequency`."""
    beta3: float = 0.0
    """s³/m: its slope. Only the formulas of `raman` read it."""
    dispersion_frequency: float = 193.41e12
    """Hz: where beta2 and beta3 hold."""
    span_length: float = 100e3
    """m: after each span an amplifier makes good its loss."""
    raman_slope: float = 0.028e-3 / 1e12
    """1/(W m Hz): C_r, slope of the Raman gain over the frequency difference."""
    n_sp: tuple[tuple[str, float], ...] = (
        ("l", 1.99),
        ("c", 1.77),
        ("s", 2.0),
        ("e", 2.0),
        ("o", 2.0),
    )
    """(band, spontaneous emission factor of its amplifiers)."""
    bend_radius: float = 0.05
    """m: R of a multi-core fibre."""
    mode_coupling: float = 4e-4
    """1/m: kappa between adjacent cores."""
    propagation_constant: float = 4e6
    """1/m: beta of the cores."""
    core_pitch: float = 4e-5
    """m: Lambda, distance of adjacent cores."""


MULTI_BAND_FIBRE = Fibre(beta2=-22.6e-27, beta3=0.14e-39)
"""FUSION's fibre for C and L band together."""


class Grid(NamedTuple):
    """The slots of each band. Slot s of band b has its lower edge at lower_edge[b] + s * slot_width."""

    slot_width: float
    """Hz."""
    bands: tuple[str, ...]
    """In order of frequency, lowest first."""
    lower_edge: tuple[float, ...]
    """Hz, by band: lower edge of its first slot."""
    slots: tuple[int, ...]
    """By band."""

    def band_index(self, band: str) -> int:
        """Return the place of a band in `bands`; raise ValueError if it is not there."""
        return self.bands.index(one_of("band", band, self.bands))

    @property
    def upper_edge(self) -> tuple[float, ...]:
        """Hz, by band: upper edge of its last slot."""
        return tuple(
            edge + count * self.slot_width
            for edge, count in zip(self.lower_edge, self.slots, strict=True)
        )


def check_fibre(fibre: Fibre) -> Fibre:
    """Return the fibre; raise ValueError for a number that no formula here can be given.

    beta2 may have either sign but not be 0: the closed forms divide by it.
    """
    for name in (
        "attenuation",
        "nonlinear_coefficient",
        "dispersion_frequency",
        "span_length",
        "bend_radius",
        "mode_coupling",
        "propagation_constant",
        "core_pitch",
    ):
        positive(name, getattr(fibre, name))
    if finite("beta2", fibre.beta2) == 0.0:
        raise ValueError("beta2 = 0: must not be 0, the closed forms divide by it")
    finite("beta3", fibre.beta3)
    not_negative("raman_slope", fibre.raman_slope)
    for band, value in fibre.n_sp:
        if not value >= 1.0:
            raise ValueError(f"n_sp of band {band} = {value}: must be 1 or more")
    return fibre


def emission_factor(fibre: Fibre, band: str) -> float:
    """Return n_sp of the amplifiers of a band; raise ValueError for a band the fibre has none for."""
    factors = dict(fibre.n_sp)
    return factors[one_of("band", band, tuple(factors))]


def make_grid(slots: Mapping[str, int], slot_width: float = 12.5e9) -> Grid:
    """Return the grid of some bands at their usual lower edges (`BAND_LOWER_EDGE`).

    slots: band -> number of slots, 0 for a band that is not used, in any order.  slot_width: Hz.
    Raise ValueError for an unknown band, no slots at all, and slots that reach into the next band.
    """
    for band, count in slots.items():
        one_of("band", band, tuple(BAND_LOWER_EDGE))
        whole(f"slots of band {band}", count, 0)
    used = tuple(band for band in BAND_LOWER_EDGE if slots.get(band, 0))
    edges = tuple(BAND_LOWER_EDGE[band] for band in used)
    return check_grid(Grid(slot_width, used, edges, tuple(int(slots[band]) for band in used)))


def check_grid(grid: Grid) -> Grid:
    """Return the grid; raise ValueError if its bands are not in order, overlap or have no slots."""
    positive("slot_width", grid.slot_width)
    if not len(grid.bands) == len(grid.lower_edge) == len(grid.slots) > 0:
        raise ValueError(
            f"bands = {grid.bands}, lower_edge = {grid.lower_edge}, slots = {grid.slots}:"
            " must be as many of each, and at least one"
        )
    positive("lower_edge", grid.lower_edge)
    whole("slots", grid.slots, 1)
    for i in range(len(grid.bands) - 1):
        if grid.upper_edge[i] > grid.lower_edge[i + 1]:
            room = int((grid.lower_edge[i + 1] - grid.lower_edge[i]) / grid.slot_width)
            raise ValueError(
                f"slots of band {grid.bands[i]} = {grid.slots[i]}: must be at most {room}, where"
                f" band {grid.bands[i + 1]} begins"
            )
    return grid


def centre_frequency(
    grid: Grid, band: ArrayLike, start: ArrayLike, width: ArrayLike
) -> NDArray[np.float64]:
    """Return the centre in Hz of runs of `width` slots from slot `start` of a band.

    band: index into grid.bands.  start: first slot, counted from 0 in its band.  width: slots.
    All three are integers or integer[...], broadcast together; returns float64[...].
    Raise ValueError for a run that is not within its band.
    """
    bands = whole("band", band, 0)
    if (bands >= len(grid.bands)).any():
        raise ValueError(f"band = {bands.max()}: must be less than {len(grid.bands)}")
    starts, widths = whole("start", start, 0), whole("width", width, 1)
    last, slots = np.broadcast_arrays(starts + widths, np.asarray(grid.slots)[bands])
    if (last > slots).any():
        worst = np.argmax(last - slots)
        raise ValueError(
            f"start + width = {last.flat[worst]}: must be at most {slots.flat[worst]}, the slots"
            " of the band"
        )
    edges = np.asarray(grid.lower_edge)[bands]
    return np.asarray(edges + grid.slot_width * (starts + widths / 2))


def span_count(fibre: Fibre, length: ArrayLike, *, fractional: bool = False) -> NDArray[np.float64]:
    """Return the spans of links. length: m, float64[...]; returns float64[...].

    The last span counts as a whole one, unless `fractional`. Raise ValueError for a length that is
    not positive.
    """
    spans = positive("length", length) / positive("span_length", fibre.span_length)
    return spans if fractional else np.maximum(np.ceil(spans * (1.0 - _SAME_SPAN)), 1.0)


def span_loss(fibre: Fibre) -> float:
    """Return the loss of a span as the ratio of powers, above 1: the gain that makes it good."""
    return float(np.exp(fibre.attenuation * fibre.span_length))


def effective_length(fibre: Fibre) -> float:
    """Return the length in m over which the launch power would make a span's nonlinear phase."""
    return float(-np.expm1(-fibre.attenuation * fibre.span_length) / fibre.attenuation)
