"""The signal quality of a lightpath as the original FUSION computes it, with its figures and its slips.

Links are alike but for their length: spans of 100 km, attenuation a in 1/m, Kerr coefficient g in 1/(W m),
dispersion b in s^2/m. Only lightpaths of the same core disturb. A lightpath counts for as many slots as
FUSION takes it for, two more than it fills where there is a guard band.
"""

from __future__ import annotations

import math
from typing import Any

from fusion.kernel import inner
from fusion.kernel.fusion_full import (
    BAND,
    CORE,
    EGN,
    EMISSION,
    FORMAT,
    GUARD,
    HOP,
    KIND,
    LOWEST,
    NEEDED,
    PHI,
    SLOTS,
    WIDTH,
    XT_NOISE,
    Live,
    Rules,
)

(
    ALPHA,
    GAMMA,
    BETA,
    SPAN_M,
    COUPLING,
    XT_PER_M,
    SNR_DB,
    ASE,
    RAMAN,
    BETA_2,
    BETA_3,
    MIDDLE,
    SLOT_HZ,
    POWER,
) = range(14)
"""Places in `Rules.constants`: attenuation, Kerr coefficient, dispersion (without its sign); metres of
a span; power coupling and mean crosstalk in 1/m; least SNR of `snr_calc_nli` and its
spectral density of noise; slope of the Raman gain, dispersion and its slope of two bands, and
the frequency between these; Hz of a slot; W of a lightpath."""

PLANCK = 6.62607004e-34


@inner
def crosstalk(rules: Rules, live: Live, path: int, plane: int, start: int, width: int) -> Any:
    """Return crosstalk to signal from neighbouring cores: of each link, the slot with most of them counts.

    Without a guard band FUSION leaves the last slot out; with one it looks at the guard slot, too.
    """
    core, band = rules.plane[plane, CORE], rules.plane[plane, BAND]
    total = 0.0
    for hop in range(rules.path[path, HOP], rules.path[path + 1, HOP]):
        link = rules.links[hop]
        most = 0
        for slot in range(start, start + width + 2 * rules.number[GUARD] - 1):
            count = 0
            for other in range(rules.plane.shape[0]):
                if rules.plane[other, BAND] == band and live.owner[other, link, slot] > 0:
                    for place in range(rules.beside.shape[1]):
                        count += rules.beside[core, place] == rules.plane[other, CORE]
            most = max(most, count)
        power = math.exp(-2.0 * rules.constants[COUPLING] * rules.link_km[link] * 1e3)
        total += (1.0 - power) / (1.0 + power) * most
    return total


@inner
def noise_of_c_band(
    rules: Rules, live: Live, path: int, plane: int, start: int, width: int, form: int
) -> Any:
    """Return noise to signal by the GN model of `snr_calc_nli`."""
    c = rules.constants
    slots = width + 2 * rules.number[GUARD]
    bandwidth = slots * c[SLOT_HZ]
    centre = (start + slots / 2) * c[SLOT_HZ]
    density = c[POWER] / bandwidth
    mu = 3.0 * c[GAMMA] ** 2 / (2.0 * math.pi * c[ALPHA] * c[BETA])
    own = density**2 * math.asinh(math.pi**2 * c[BETA] / (2.0 * c[ALPHA]) * bandwidth**2)
    ase = c[ASE] * (math.exp(c[ALPHA] * c[SPAN_M]) - 1.0)
    plane_c = plane
    for other in range(rules.plane.shape[0]):
        if rules.plane[other, BAND] == 0 and rules.plane[other, CORE] == rules.plane[plane, CORE]:
            plane_c = other
    total = 0.0
    for hop in range(rules.path[path, HOP], rules.path[path + 1, HOP]):
        link = rules.links[hop]
        cross, channels, slot = 0.0, 0, 0
        while slot < rules.plane[plane_c, SLOTS]:
            taken = live.owner[plane_c, link, slot]
            if taken <= 0:
                slot += 1
                continue
            count = live.lightpath[taken - 1, WIDTH]
            other_bandwidth = count * c[SLOT_HZ]
            apart = abs(centre - (slot + count / 2) * c[SLOT_HZ])
            if apart > 0.0:
                ratio = (apart + other_bandwidth / 2) / (apart - other_bandwidth / 2)
                cross += (c[POWER] / other_bandwidth) ** 2 * math.log(abs(ratio))
            channels += 1
            slot += count
        nli = (own + cross) * mu * density
        if rules.number[EGN]:
            series = 0.0
            for i in range(1, math.ceil((channels - 1) / 2) + 1):
                series += 1.0 / i
            reach = (1.0 - math.exp(-2.0 * c[ALPHA] * c[SPAN_M])) / (2.0 * c[ALPHA])
            factor = c[GAMMA] ** 2 * reach**2 * density**3 * bandwidth**2
            factor /= 6e9**2 * math.pi * -c[BETA] * c[SPAN_M]
            nli -= 80.0 / 81.0 * rules.of_format[form, PHI] * factor * series
        leaked = -100.0 * c[XT_PER_M] * c[SPAN_M] * c[POWER] if rules.number[XT_NOISE] else 0.0
        spans = rules.link_km[link] * 1e3 / c[SPAN_M]
        total += ((ase + nli) * bandwidth + leaked) * spans / c[POWER]
    return total


@inner
def noise_of_one_band(
    rules: Rules, live: Live, path: int, plane: int, start: int, width: int
) -> Any:
    """Return noise to signal: the reciprocal of the GSNR of a single band."""
    c = rules.constants
    slots = width + 2 * rules.number[GUARD]
    bandwidth = slots * c[SLOT_HZ]
    centre = rules.of_plane[plane, LOWEST] + (start + slots / 2) * c[SLOT_HZ]
    ase = bandwidth * PLANCK * centre * 2.0 * rules.of_plane[plane, EMISSION]
    ase *= math.exp(c[ALPHA] * c[SPAN_M]) - 1.0
    reach = (1.0 - math.exp(-2.0 * c[ALPHA] * c[SPAN_M])) / (2.0 * c[ALPHA])
    scale = math.pi**2 * c[BETA] * bandwidth / (2.0 * c[ALPHA])
    own = math.asinh(math.pi**2 * c[BETA] * bandwidth**2 / (4.0 * c[ALPHA]))
    total = 0.0
    for hop in range(rules.path[path, HOP], rules.path[path + 1, HOP]):
        link = rules.links[hop]
        phi, slot = own, 0
        while slot < rules.plane[plane, SLOTS]:
            taken = live.owner[plane, link, slot]
            if taken <= 0:
                slot += 1
                continue
            count = live.lightpath[taken - 1, WIDTH]
            other = count * c[SLOT_HZ]
            apart = (slot + count / 2) * c[SLOT_HZ] - (start + slots / 2) * c[SLOT_HZ]
            if apart == 0.0:
                phi += own
            else:
                phi += math.asinh(scale * (apart + other / 2))
                phi -= math.asinh(scale * (apart - other / 2))
                phi -= (
                    rules.of_format[live.lightpath[taken - 1, FORMAT], PHI]
                    * (other / abs(apart))
                    * (5.0 / 3.0)
                    * (reach / c[SPAN_M])
                )
            slot += count
        nli = (c[POWER] / bandwidth) ** 3 * (8.0 / (27.0 * math.pi * c[BETA]))
        nli *= c[GAMMA] ** 2 * reach * phi * bandwidth
        spans = math.ceil(rules.link_km[link] * 1e3 / c[SPAN_M])
        total += spans * (ase + nli) / c[POWER]
    return total


@inner
def noise_of_two_bands(
    rules: Rules, live: Live, path: int, plane: int, start: int, width: int
) -> Any:
    """Return noise to signal with a C and an L band, between which power goes by Raman scattering."""
    c = rules.constants
    alpha, both, gamma = c[ALPHA], 2.0 * c[ALPHA], c[GAMMA]
    bandwidth = (width + 2 * rules.number[GUARD]) * c[SLOT_HZ]
    mine = rules.of_plane[plane, LOWEST] + start * c[SLOT_HZ] + bandwidth / 2
    reach = (1.0 - math.exp(-alpha * c[SPAN_M])) / alpha
    core = rules.plane[plane, CORE]
    total = 0.0
    for hop in range(rules.path[path, HOP], rules.path[path + 1, HOP]):
        link = rules.links[hop]
        spans = math.ceil(rules.link_km[link] * 1e3 / c[SPAN_M])
        several = 0 if spans == 1 else spans
        channels = 0
        for other_plane in range(rules.plane.shape[0]):
            if rules.plane[other_plane, CORE] != core:
                continue
            slot = 0
            while slot < rules.plane[other_plane, SLOTS]:
                taken = live.owner[other_plane, link, slot]
                channels += taken > 0
                slot += live.lightpath[taken - 1, WIDTH] if taken > 0 else 1
        power = (1 + channels) * c[POWER]
        tilt = power * c[RAMAN]
        t = (both - tilt * (mine - c[MIDDLE])) ** 2
        phi = 1.5 * math.pi**2 * (c[BETA_2] + 2.0 * c[BETA_3] * (mine - c[MIDDLE]))
        nli = 4.0 / 9.0 * math.pi * gamma**2 * float(spans) ** 1.0001 * c[POWER] ** 2
        nli /= bandwidth**2 * phi * alpha * 3.0 * alpha
        nli *= (t - alpha**2) / alpha * math.asinh(phi * bandwidth**2 / (math.pi * alpha)) + (
            both**2 - t
        ) / both * math.asinh(phi * bandwidth**2 / (math.pi * both))
        profile = 2.0 / bandwidth * math.exp(-tilt * reach * mine)
        profile *= math.sinh(tilt * reach * bandwidth / 2)
        for other_plane in range(rules.plane.shape[0]):
            if rules.plane[other_plane, CORE] != core:
                continue
            slot = 0
            while slot < rules.plane[other_plane, SLOTS]:
                taken = live.owner[other_plane, link, slot]
                if taken <= 0:
                    slot += 1
                    continue
                other = live.lightpath[taken - 1, WIDTH] * c[SLOT_HZ]
                theirs = rules.of_plane[other_plane, LOWEST] + slot * c[SLOT_HZ] + other / 2
                factor = rules.of_format[live.lightpath[taken - 1, FORMAT], PHI]
                apart = abs(theirs - mine)
                tk = (both - tilt * (theirs - c[MIDDLE])) ** 2
                cross = -4.0 * math.pi**2 * (theirs - mine)
                cross *= c[BETA_2] + math.pi * c[BETA_3] * (mine + theirs - 2.0 * c[MIDDLE])
                span = -4.0 * math.pi**2 * (c[BETA_2] + math.pi * c[BETA_3] * (mine + theirs))
                span *= c[SPAN_M]
                one = (spans - 5.0 / 6.0 * factor) / (cross * alpha * 3.0 * alpha)
                one *= (tk - alpha**2) / alpha * math.atan(cross * bandwidth / alpha) + (
                    both**2 - tk
                ) / both * math.atan(cross * bandwidth / both)
                two = (2.0 * apart - other) * math.log(
                    (2.0 * apart - other) / (2.0 * apart + other)
                ) + 2.0 * other
                two *= -5.0 / 3.0 * factor * math.pi * several * tk
                two /= abs(span) * other**2 * alpha**2 * both**2
                nli += 32.0 / 27.0 * gamma**2 * c[POWER] ** 2 / other * (one + two)
                profile += (
                    2.0
                    / other
                    * math.exp(-tilt * reach * theirs)
                    * math.sinh(tilt * reach * other / 2)
                )
                slot += live.lightpath[taken - 1, WIDTH]
        left = power**2 * c[RAMAN] * reach
        left *= math.exp(-alpha * c[SPAN_M] - tilt * reach * mine) / profile
        ase = (
            2.0
            * rules.of_plane[plane, EMISSION]
            * PLANCK
            * mine
            * bandwidth
            * (c[POWER] / left - 1.0)
        )
        total += nli + ase * spans / c[POWER]
    return total


@inner
def noise_to_signal(
    rules: Rules, live: Live, path: int, plane: int, start: int, width: int, form: int
) -> Any:
    """Return noise, or crosstalk, to signal of a lightpath that is not set up yet."""
    kind = rules.number[KIND]
    if kind == 1:
        return crosstalk(rules, live, path, plane, start, width)
    if kind == 2:
        return noise_of_c_band(rules, live, path, plane, start, width, form)
    if kind == 3:
        return noise_of_one_band(rules, live, path, plane, start, width)
    if kind == 4:
        return noise_of_two_bands(rules, live, path, plane, start, width)
    return 0.0


@inner
def in_db(noise: float) -> Any:
    """Return signal to noise in dB."""
    return 10.0 * math.log10(1.0 / noise)


@inner
def is_good(rules: Rules, noise: float, form: int) -> bool:
    """Say whether this much noise to signal lets a format work."""
    if rules.number[KIND] == 0:
        return True
    if rules.number[KIND] == 1:
        return noise == 0.0 or 10.0 * math.log10(noise) < rules.of_format[form, NEEDED]
    if rules.number[KIND] == 2:
        return in_db(noise) > rules.constants[SNR_DB]
    return in_db(noise) >= rules.of_format[form, NEEDED]
