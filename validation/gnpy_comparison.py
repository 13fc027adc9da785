"""Compare the formulas of `fusion.network.physics` with GNPy, an independent program, channel by channel.

GNPy is no dependency: install it into an environment of its own (`pip install gnpy==3.0.1`) and run there,
in the directory of the repository, `python -m validation.gnpy_comparison`. Prints the tables of
docs/physics.md within a minute.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from gnpy.core.elements import Edfa, Fiber  # type: ignore[import-not-found]
from gnpy.core.info import create_arbitrary_spectral_information  # type: ignore[import-not-found]
from gnpy.core.parameters import EdfaParams, SimParams  # type: ignore[import-not-found]
from gnpy.tools.json_io import Model_fg  # type: ignore[import-not-found]
from numpy.typing import ArrayLike, NDArray

from fusion.network.physics.ase import ase_noise, noise_figure
from fusion.network.physics.fibre import MULTI_BAND_FIBRE, Fibre, emission_factor, span_loss
from fusion.network.physics.gn import nonlinear_noise
from fusion.network.physics.raman import (
    Loading,
    power_profile,
    raman_cross_channel_noise,
    raman_self_channel_noise,
)

Floats = NDArray[np.floating[Any]]

LIGHT_SPEED = 299_792_458.0
LOSS_DB_PER_KM = 0.2
POWER = 1e-3
SPACING = 50e9
CHANNELS = 80
FREQUENCY = 191.35e12 + SPACING * np.arange(CHANNELS)
SPANS = (1, 5, 10, 20)
LOADS = {"all 80": slice(None), "every 2nd": slice(1, None, 2), "every 8th": slice(0, None, 8)}
RATES = (50e9, 32e9)


class Noise(NamedTuple):
    """Ratios of noise to signal at the end of a path, float64[channel]."""

    nonlinear: Floats
    emission: Floats


def gnpy_fibre(fibre: Fibre, frequency: float, *, triangular_raman: bool = False) -> Any:
    """Return GNPy's fibre with the same constants at a frequency in Hz."""
    per_wavelength = 2 * math.pi * frequency**2 / LIGHT_SPEED
    params: dict[str, Any] = {
        "length": fibre.span_length / 1e3,
        "length_units": "km",
        "loss_coef": LOSS_DB_PER_KM,
        "con_in": 0.0,
        "con_out": 0.0,
        "att_in": 0.0,
        "pmd_coef": 0.0,
        "ref_frequency": frequency,
        "dispersion": -fibre.beta2 * per_wavelength,
        "gamma": fibre.nonlinear_coefficient,
    }
    if fibre.beta3:
        slope = fibre.beta3 * per_wavelength**2
        slope += fibre.beta2 * 4 * math.pi * frequency**3 / LIGHT_SPEED**2
        params["dispersion_slope"] = slope
    if triangular_raman:
        offset = np.linspace(0.0, 15e12, 31)
        params["raman_coefficient"] = {
            "reference_frequency": frequency,
            "frequency_offset": offset.tolist(),
            "g0": (fibre.raman_slope * offset).tolist(),
        }
    return Fiber(uid="span", type_variety="", params=params)


def gnpy_amplifier(frequency: Floats, noise_figure_db: float, gain_db: float) -> Any:
    """Return GNPy's amplifier with a flat gain and noise figure."""
    params = {
        **EdfaParams.default_values,
        "type_def": "fixed_gain",
        "type_variety": "flat",
        "gain_flatmax": gain_db,
        "gain_min": gain_db,
        "p_max": 60.0,
        "nf_model": Model_fg(noise_figure_db),
        "f_min": frequency.min() - 1e12,
        "f_max": frequency.max() + 1e12,
        "dgt": [1.0, 1.0],
    }
    operational = {"gain_target": gain_db, "tilt_target": 0.0, "out_voa": 0.0, "in_voa": 0.0}
    return Edfa(uid="amplifier", params=params, operational=operational)


def spectrum(frequency: Floats, rate: float, power: float = POWER) -> Any:
    """Return GNPy's carriers with rectangular spectra at the beginning of a path."""
    return create_arbitrary_spectral_information(
        frequency, pch=power, baud_rate=rate, tx_osnr=100.0, slot_width=SPACING, roll_off=1e-9
    )


def use_method(method: str, *, raman: bool = False, channels: Sequence[int] | None = None) -> None:
    """Choose how GNPy computes nonlinear noise. channels: computed ones, the others interpolated."""
    nonlinear: dict[str, Any] = {"method": method, "dispersion_tolerance": 1}
    if channels is not None:
        nonlinear["computed_channels"] = [channel + 1 for channel in channels]
    scattering = {
        "flag": raman,
        "method": "perturbative",
        "order": 4,
        "result_spatial_resolution": 10e3,
        "solver_spatial_resolution": 500.0,
    }
    SimParams.set_params({"nli_params": nonlinear, "raman_params": scattering})


def gamma_ratio(fibre: Fibre, frequency: Floats) -> Floats:
    """Return the square of GNPy's nonlinear coefficient at each frequency over ours.

    GNPy lets it grow with frequency, also through the effective area; ours is one number.
    """
    span = gnpy_fibre(fibre, fibre.dispersion_frequency)
    return np.asarray((span.gamma(frequency) / fibre.nonlinear_coefficient) ** 2)


def gnpy_path(fibre: Fibre, frequency: Floats, rate: float, spans: Sequence[int]) -> list[Noise]:
    """Return GNPy's noise after each number of spans."""
    gain_db = LOSS_DB_PER_KM * fibre.span_length / 1e3
    n_sp = emission_factor(fibre, "c")
    figure_db = 10 * math.log10(float(noise_figure(n_sp, 10 ** (gain_db / 10))))
    info = spectrum(frequency, rate)
    span = gnpy_fibre(fibre, fibre.dispersion_frequency)
    noise = []
    for number in range(1, max(spans) + 1):
        span.propagate(info)
        gnpy_amplifier(frequency, figure_db, gain_db).propagate(info)
        if number in spans:
            noise.append(Noise(info.nli / info.signal, info.ase / info.signal))
    return noise


def our_span(fibre: Fibre, frequency: Floats, rate: float) -> Noise:
    """Return the noise of one span by the formulas under test."""
    nonlinear = nonlinear_noise(fibre, POWER, rate, frequency)
    return Noise(nonlinear / POWER, ase_noise(fibre, "c", frequency, rate) / POWER)


def counted_as_gnpy_does(span: Noise, spans: int) -> Noise:
    """Return the noise after some spans of which the first makes `span`, with gains that stay the same.

    The emission is launched into the next span on top of the signal, and what becomes nonlinear noise is
    taken from the signal. Here both are left out: 1/GSNR is a sum over spans.
    """
    launched = signal = np.ones_like(span.emission)
    nonlinear = emission = np.zeros_like(span.emission)
    for _ in range(spans):
        share = span.nonlinear * launched**2
        signal, emission = signal * (1 - share), emission * (1 - share)
        nonlinear = nonlinear * (1 - share) + share
        total = launched + span.emission
        signal, nonlinear = signal * launched / total, nonlinear * launched / total
        emission, launched = (emission * launched + span.emission) / total, total
    return Noise(nonlinear / signal, emission / signal)


def decibels(ours: ArrayLike, theirs: ArrayLike) -> Floats:
    """Return by how many dB our noise is above theirs."""
    return np.asarray(10 * np.log10(np.divide(ours, theirs)))


def middle_and_edge(frequency: Floats) -> tuple[int, int]:
    """Return the channel nearest to where the constants hold, and the one farthest from it."""
    offset = np.abs(frequency - Fibre().dispersion_frequency)
    return int(offset.argmin()), int(offset.argmax())


def signed(values: Floats, shown: Sequence[int]) -> str:
    """Return some of the values with two decimals, none of them as -0.00."""
    return ", ".join(f"{round(float(values[i]), 2) + 0.0:+.2f}" for i in shown)


def exact_loss(fibre: Fibre) -> Fibre:
    """Return the fibre with exactly 0.2 dB/km; the defaults divide by 4.343."""
    return fibre._replace(attenuation=LOSS_DB_PER_KM / 1e3 / (10 * math.log10(math.e)))


def compare_c_band() -> None:
    """Print the differences in the C band for loads, symbol rates and numbers of spans."""
    fibre = exact_loss(Fibre())
    print("C band, 1 mW a channel, ours - GNPy (gn_model_analytic) in dB: middle, edge")
    print(f"| load | GBd | | {' | '.join(f'{spans} spans' for spans in SPANS)} |")
    print("|---|---|---|---|---|---|---|")
    use_method("gn_model_analytic")
    for load, chosen in LOADS.items():
        frequency = FREQUENCY[chosen]
        shown = middle_and_edge(frequency)
        for rate in RATES:
            ours = our_span(fibre, frequency, rate)
            scaled = Noise(ours.nonlinear * gamma_ratio(fibre, frequency), ours.emission)
            rows: dict[str, list[str]] = {}
            for spans, theirs in zip(SPANS, gnpy_path(fibre, frequency, rate, SPANS), strict=True):
                total = spans * (ours.nonlinear + ours.emission)
                corrected = counted_as_gnpy_does(scaled, spans)
                for name, noise in (
                    ("NLI", decibels(spans * ours.nonlinear, theirs.nonlinear)),
                    ("ASE", decibels(spans * ours.emission, theirs.emission)),
                    ("GSNR", decibels(theirs.nonlinear + theirs.emission, total)),
                    ("NLI, corrected", decibels(corrected.nonlinear, theirs.nonlinear)),
                    ("ASE, corrected", decibels(corrected.emission, theirs.emission)),
                ):
                    rows.setdefault(name, []).append(signed(noise, shown))
            for name, cells in rows.items():
                print(f"| {load} | {rate / 1e9:.0f} | {name} | {' | '.join(cells)} |")


def compare_integral() -> None:
    """Print the differences of one span to GNPy's numerical integration of the GN model."""
    fibre = exact_loss(Fibre())
    print("\nC band, one span, NLI with GNPy's gamma, ours - GNPy in dB: middle, edge")
    print("| load | GBd | gn_model_analytic | ggn_spectrally_separated | the same with Raman |")
    print("|---|---|---|---|---|")
    for load, chosen in LOADS.items():
        frequency = FREQUENCY[chosen]
        shown = middle_and_edge(frequency)
        for rate in RATES:
            ours = nonlinear_noise(fibre, POWER, rate, frequency) * gamma_ratio(fibre, frequency)
            cells = []
            for method, raman in (
                ("gn_model_analytic", False),
                ("ggn_spectrally_separated", False),
                ("ggn_spectrally_separated", True),
            ):
                use_method(method, raman=raman, channels=sorted(shown))
                info = spectrum(frequency, rate)
                gnpy_fibre(fibre, fibre.dispersion_frequency).propagate(info)
                cells.append(signed(decibels(ours / POWER, info.nli / info.pch), shown))
            print(f"| {load} | {rate / 1e9:.0f} | {' | '.join(cells)} |")


def raman_noise(fibre: Fibre, loading: Loading, frequency: Floats, power: float) -> Floats:
    """Return the nonlinear noise in W in every channel of 50 GBd by the formulas of `raman`."""
    noise = raman_self_channel_noise(fibre, loading, power, SPACING, frequency)
    for i, own in enumerate(frequency):
        others = np.delete(frequency, i)
        noise[i] += raman_cross_channel_noise(
            fibre, loading, power, SPACING, own, power, SPACING, others
        ).sum()
    return noise


def compare_raman() -> None:
    """Print the differences in C and L band with Raman scattering, after one span."""
    fibre = exact_loss(MULTI_BAND_FIBRE)
    lower_band = 185.25e12 + SPACING * np.arange(CHANNELS)
    frequency = np.concatenate([lower_band, lower_band + 6.5e12])
    lower, upper = frequency[::CHANNELS] - SPACING / 2, frequency[CHANNELS - 1 :: CHANNELS]
    edges = tuple(lower.tolist()), tuple((upper + SPACING / 2).tolist())
    shown = [0, 40, 79, 80, 120, 159]
    print("\nC + L band, 160 channels of 50 GBd, one span, triangular Raman gain, GNPy's gamma, dB")
    print("| mW a channel | THz | Raman gain, GNPy | ours - GNPy | NLI | NLI without Raman |")
    print("|---|---|---|---|---|---|")
    ratio = gamma_ratio(fibre, frequency)
    for power in (1e-3, 2e-3):
        loading = Loading(power * len(frequency), *edges)
        gain = decibels(power_profile(fibre, loading, frequency), 1 / span_loss(fibre))
        dark = fibre._replace(raman_slope=0.0)
        ours = [raman_noise(f, loading, frequency, power) * ratio for f in (fibre, dark)]
        theirs = []
        for raman in (True, False):
            use_method("ggn_spectrally_separated", raman=raman, channels=shown)
            info = spectrum(frequency, SPACING, power)
            gnpy_fibre(fibre, fibre.dispersion_frequency, triangular_raman=True).propagate(info)
            theirs.append((info.pch / power, info.nli / info.pch * power))
        their_gain = decibels(theirs[0][0], 1 / span_loss(fibre))
        noise, level = (decibels(ours[i], theirs[i][1]) for i in (0, 1))
        for i in shown:
            cells = [signed(v, [i]) for v in (their_gain, gain - their_gain, noise, level)]
            print(f"| {power * 1e3:.0f} | {frequency[i] / 1e12:.2f} | {' | '.join(cells)} |")


if __name__ == "__main__":
    compare_c_band()
    compare_integral()
    compare_raman()
