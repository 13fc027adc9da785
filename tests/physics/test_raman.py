import math
from itertools import product

import numpy as np
import pytest

from fusion.network.physics.ase import ase_noise
from fusion.network.physics.fibre import (
    MULTI_BAND_FIBRE,
    Fibre,
    Grid,
    centre_frequency,
    make_grid,
    span_loss,
)
from fusion.network.physics.gn import cross_channel_noise, self_channel_noise
from fusion.network.physics.raman import (
    Loading,
    factor_bytes,
    full_load,
    power_profile,
    raman_ase_noise,
    raman_cross_channel_noise,
    raman_factors,
    raman_self_channel_noise,
    raman_tables,
)
from tests.physics.gn_integral import gn_integral_at_centre

FIBRE = MULTI_BAND_FIBRE
FLAT = Fibre(raman_slope=0.0)  # no Raman scattering, beta3 = 0
LOADING = Loading(0.2, (186e12, 192e12), (191e12, 196e12))
A = 0.2 / 4343
F = 193.41e12  # where beta2 holds


def db(ratio):
    return 10 * np.log10(ratio)


def test_centre_of_the_light_is_its_mean_frequency():
    assert LOADING.width == 9e12
    assert LOADING.centre == pytest.approx((5 * 188.5e12 + 4 * 194e12) / 9)


def test_power_at_the_end_of_a_span_is_only_moved_between_frequencies():
    """Zirngibl's profile keeps the total power, and its tilt in dB is linear in frequency."""
    low, high = np.array(LOADING.lower_edge), np.array(LOADING.upper_edge)
    points = (np.arange(10_000) + 0.5) / 10_000
    frequency = low[:, None] + points * (high - low)[:, None]
    mean = np.average(power_profile(FIBRE, LOADING, frequency).mean(axis=1), weights=high - low)
    assert mean * span_loss(FIBRE) == pytest.approx(1.0, rel=1e-8)
    # 10 / ln 10 * 0.2 W * 2.8e-17 / (W m Hz) * 21497.9 m = 5.2284e-13 dB/Hz
    tilt = db(power_profile(FIBRE, LOADING, 186e12) / power_profile(FIBRE, LOADING, 196e12))
    assert tilt == pytest.approx(5.2284, rel=1e-4)


def test_profile_solves_the_raman_equations():
    """dP_i/dz = -a P_i + C_r P_i sum over k of (f_k - f_i) P_k, by Heun's method."""
    frequency = np.linspace(186e12, 196e12, 101)
    power = np.full(101, 0.2 / 101)
    step = FIBRE.span_length / 2000

    def change(p):
        return -A * p + FIBRE.raman_slope * p * ((frequency * p).sum() - frequency * p.sum())

    launched = power.copy()
    for _ in range(2000):
        first = change(power)
        power = power + step / 2 * (first + change(power + step * first))
    loading = Loading(0.2, (185.95e12,), (196.05e12,))
    assert db(power / launched) == pytest.approx(
        db(power_profile(FIBRE, loading, frequency)), abs=2e-3
    )


def test_without_scattering_the_profile_is_the_loss():
    assert power_profile(FLAT, LOADING, [186e12, 196e12]) == pytest.approx(1 / span_loss(FLAT))
    dark = LOADING._replace(total_power=0.0)
    assert power_profile(FIBRE, dark, [186e12, 196e12]) == pytest.approx(1 / span_loss(FIBRE))


def test_a_faint_tilt_is_not_lost_in_rounding():
    faint = LOADING._replace(total_power=2e-9)
    profile = power_profile(FIBRE, faint, [186e12, 196e12]) * span_loss(FIBRE) - 1
    slope = 2e-9 * FIBRE.raman_slope * 21497.88
    assert profile == pytest.approx(-slope * (np.array([186e12, 196e12]) - faint.centre), rel=1e-3)


def test_without_scattering_ase_is_that_of_the_plain_span():
    for band, frequency in (("l", 188e12), ("c", 194e12)):
        plain = ase_noise(FLAT, band, frequency, 50e9)
        assert raman_ase_noise(FLAT, LOADING, band, frequency, 50e9) == pytest.approx(plain)


def test_scattering_raises_the_noise_of_high_frequencies_and_lowers_that_of_low_ones():
    f = np.array([186e12, 196e12])
    ase = raman_ase_noise(FIBRE, LOADING, "c", f, 50e9) / ase_noise(FIBRE, "c", f, 50e9)
    assert ase[0] < 1 < ase[1]
    slope = FIBRE._replace(beta3=0.0)
    flat = slope._replace(raman_slope=0.0)
    nli = raman_self_channel_noise(slope, LOADING, 1e-3, 50e9, f) / raman_self_channel_noise(
        flat, LOADING, 1e-3, 50e9, f
    )
    assert nli[0] > 1 > nli[1]


def test_an_amplifier_never_attenuates():
    short = FIBRE._replace(span_length=1.0)
    bright = Loading(1e6, (186e12,), (196e12,))
    assert power_profile(short, bright, 186e12) > 1
    assert raman_ase_noise(short, bright, "l", 186e12, 50e9) == 0


@pytest.mark.parametrize("bandwidth", [12.5e9, 50e9, 100e9])
def test_without_scattering_self_channel_noise_is_nearly_that_of_the_gn_formula(bandwidth):
    """The two differ by 3 pi / 2 in place of pi² / 2, and by L_eff² in place of 1 / a²: 1 % each."""
    raman = raman_self_channel_noise(FLAT, LOADING, 1e-3, bandwidth, F)
    by_hand = (8 / 27) * (1.3e-3 / bandwidth) ** 2 * 1e-9 / (math.pi * 21.3e-27 * A)
    by_hand *= math.asinh(1.5 * math.pi * 21.3e-27 * bandwidth**2 / A)
    assert raman == pytest.approx(by_hand, rel=1e-9)
    assert abs(db(raman / self_channel_noise(FLAT, 1e-3, bandwidth))) < 0.12


def test_without_scattering_cross_channel_noise_is_that_of_the_formula_without():
    spacing = np.array([50e9, 100e9, 400e9, 2e12])
    raman = raman_cross_channel_noise(FLAT, LOADING, 1e-3, 50e9, F, 2e-3, 50e9, F + spacing)
    q = 2 * math.pi**2 * 21.3e-27 * spacing
    by_hand = 32 / 27 * 1e-3 * 4e-6 * 1.69e-6 / 50e9 * np.arctan(q * 50e9 / A) / (q * A)
    assert raman == pytest.approx(by_hand, rel=1e-9)
    gn = cross_channel_noise(FLAT, 1e-3, 50e9, 2e-3, 50e9, spacing)
    # at 50 GHz atan lacks what the finite width of the neighbour adds; far away L_eff² < 1/a²
    assert db(raman / gn) == pytest.approx([-0.42, -0.06, 0.07, 0.08], abs=0.01)


def test_the_correction_for_the_format_is_that_of_the_gn_formula_far_away():
    spacing = np.array([100e9, 2e12])
    raman = [
        raman_cross_channel_noise(FLAT, LOADING, 1e-3, 50e9, F, 1e-3, 50e9, F + spacing, phi)
        for phi in (0.0, 1.0)
    ]
    gn = [cross_channel_noise(FLAT, 1e-3, 50e9, 1e-3, 50e9, spacing, phi) for phi in (0.0, 1.0)]
    ratio = (raman[0] - raman[1]) / (gn[0] - gn[1])
    inverse_loss = (1 / (1 - 0.01)) ** 2  # 1 / a² in place of L_eff²
    assert ratio[1] == pytest.approx(inverse_loss * (1 - 0.0125 / 3), rel=1e-3)
    assert 0.9 * inverse_loss < ratio[0] < inverse_loss


@pytest.mark.parametrize("side", [-1, 1])
def test_far_neighbours_with_tilt_are_those_of_the_integral_along_the_fibre(side):
    """Far away the noise goes with the integral of the squared power profile of the neighbour.

    To first order the profile is exp(-a z) [1 - x (1 - exp(-a z))], x = P_tot C_r f / a.
    """
    fibre = FIBRE._replace(beta3=0.0)
    offset = side * 5e12
    other = LOADING.centre + offset
    x = 0.2 * 2.8e-17 * offset / A
    z = (np.arange(200_000) + 0.5) * 5.0
    profile = np.exp(-A * z) * (1 - x * (1 - np.exp(-A * z)))
    expected = (profile**2).sum() / np.exp(-2 * A * z).sum()
    arguments = (1e-3, 50e9, LOADING.centre, 1e-3, 50e9, other)
    tilted = raman_cross_channel_noise(fibre, LOADING, *arguments)
    level = raman_cross_channel_noise(fibre._replace(raman_slope=0.0), LOADING, *arguments)
    assert tilted / level == pytest.approx(expected, rel=2e-3)
    assert (tilted > level) == (side < 0)


def test_dispersion_slope_makes_low_frequencies_quieter():
    flat = FIBRE._replace(raman_slope=0.0)
    f = np.array([187e12, 193.41e12])
    noise = raman_cross_channel_noise(flat, LOADING, 1e-3, 50e9, f, 1e-3, 50e9, f + 1e12)
    # |beta2 + pi beta3 (f + f_k)|: -22.6e-27 + pi 0.14e-39 * 1e12 and * (1e12 - 12.82e12)
    low, high = -22.6e-27 + math.pi * 0.14e-39 * np.array([-11.82e12, 1e12])
    assert noise[0] / noise[1] == pytest.approx(high / low, rel=5e-3)


@pytest.mark.parametrize("x", [-0.5, 0.0, 0.6])
@pytest.mark.parametrize("bandwidth", [12.5e9, 50e9])
def test_self_channel_noise_with_tilt_is_that_of_the_gn_integral(x, bandwidth):
    fibre = FIBRE._replace(beta3=0.0)
    frequency = LOADING.centre + x * A / (0.2 * 2.8e-17)
    closed = raman_self_channel_noise(fibre, LOADING, 1e-3, bandwidth, frequency)
    integral = gn_integral_at_centre(fibre, 1e-3, bandwidth, transfer=x)
    assert abs(db(closed / integral)) < 0.35


@pytest.mark.parametrize("x", [-0.5, 0.0, 0.6])
@pytest.mark.parametrize(("spacing", "bound"), [(50e9, 0.2), (200e9, 0.08)])
def test_cross_channel_noise_with_tilt_is_that_of_the_gn_integral(x, spacing, bound):
    fibre = FIBRE._replace(beta3=0.0)
    other = LOADING.centre + x * A / (0.2 * 2.8e-17)
    closed = raman_cross_channel_noise(
        fibre, LOADING, 1e-3, 50e9, other - spacing, 1e-3, 50e9, other
    )
    integral = gn_integral_at_centre(fibre, 1e-3, 50e9, spacing, transfer=x)
    assert abs(db(closed / integral)) < bound


def test_the_formulas_by_hand():
    """Everything at once: tilt, dispersion slope, format. f = 190 THz, f_k = 190.06 THz, total 0.2 W."""
    a = A
    t = (2 * a - 0.2 * 2.8e-17 * (190e12 - LOADING.centre)) ** 2
    q = 1.5 * math.pi**2 * (22.6e-27 - 2 * math.pi * 0.14e-39 * (190e12 - F))
    sci = (t - a**2) / a * math.asinh(q * 2.5e21 / (math.pi * a))
    sci += (4 * a**2 - t) / (2 * a) * math.asinh(q * 2.5e21 / (math.pi * 2 * a))
    sci *= 4 / 9 * 1.3e-3**2 / 2.5e21 * math.pi / (q * 3 * a**2) * 1e-9
    noise = raman_self_channel_noise(FIBRE, LOADING, 1e-3, 50e9, 190e12)
    assert noise == pytest.approx(sci, rel=1e-9)

    t = (2 * a - 0.2 * 2.8e-17 * (190.06e12 - LOADING.centre)) ** 2
    b2 = 22.6e-27 - math.pi * 0.14e-39 * (190e12 + 190.06e12 - 2 * F)
    q = 2 * math.pi**2 * 60e9 * b2
    xci = (t - a**2) / a * math.atan(q * 50e9 / a)
    xci += (4 * a**2 - t) / (2 * a) * math.atan(q * 50e9 / (2 * a))
    xci /= q * 3 * a**2
    # 2 D - B_k = 95 GHz, 2 D + B_k = 145 GHz
    shape = 95e9 * math.log(95 / 145) + 2 * 25e9
    correction = (
        5 / 3 * math.pi * t * shape / (4 * math.pi**2 * b2 * 1e5 * 625e18 * a**2 * 4 * a**2)
    )
    for phi in (0.0, 0.68):
        expected = 32 / 27 * 1e-3 * 4e-6 * 1.3e-3**2 / 25e9 * (xci - phi * correction)
        noise = raman_cross_channel_noise(
            FIBRE, LOADING, 1e-3, 50e9, 190e12, 2e-3, 25e9, 190.06e12, phi
        )
        assert noise == pytest.approx(expected, rel=1e-9)


def test_noise_grows_with_the_cube_of_the_power():
    one = raman_self_channel_noise(FIBRE, LOADING, 1e-3, 50e9, F)
    assert raman_self_channel_noise(FIBRE, LOADING, 2e-3, 50e9, F) == pytest.approx(8 * one)
    one = raman_cross_channel_noise(FIBRE, LOADING, 1e-3, 50e9, F, 1e-3, 50e9, F + 1e11, 1.0)
    two = raman_cross_channel_noise(FIBRE, LOADING, 2e-3, 50e9, F, 2e-3, 50e9, F + 1e11, 1.0)
    assert two == pytest.approx(8 * one)


def test_a_full_spectrum_launches_the_power_of_all_its_carriers():
    grid = make_grid({"c": 320, "l": 320})
    assert full_load(grid, 1e-3, width=4).total_power == pytest.approx(0.16)
    assert full_load(grid, 1e-3, power_per="slot").total_power == pytest.approx(0.64)
    assert full_load(grid).lower_edge == grid.lower_edge
    tables = raman_tables(FIBRE, make_grid({"c": 8, "l": 8}), [2, 4])
    assert tables.loading.total_power == pytest.approx(16 / 3 * 1e-3)
    given = raman_tables(FIBRE, make_grid({"c": 8, "l": 8}), [2, 4], total_power=0.1)
    assert given.loading.total_power == 0.1


def test_the_tables_are_the_direct_formulas():
    grid = make_grid({"c": 30, "l": 20})
    tables = raman_tables(FIBRE, grid, [2, 5], 0.5e-3, phi=[0.0, 0.68], power_per="slot")
    assert [table.shape for table in tables[5:]] == [(2, 50), (2, 50), (2, 2, 50, 50)]
    assert tables.first_slot.tolist() == [0, 20]
    assert tables.power.tolist() == [1e-3, 2.5e-3]
    loading = tables.loading
    places = [(0, 0, 3), (1, 0, 9), (0, 1, 0), (1, 1, 25)]  # (kind, band, first slot)
    for i, band_i, start_i in places:
        width, slot = int(tables.widths[i]), tables.first_slot[band_i] + start_i
        frequency = centre_frequency(grid, band_i, start_i, width)
        power, bandwidth = tables.power[i], width * grid.slot_width
        sci = raman_self_channel_noise(FIBRE, loading, power, bandwidth, frequency)
        ase = raman_ase_noise(FIBRE, loading, grid.bands[band_i], frequency, bandwidth)
        assert tables.sci[i, slot] == pytest.approx(sci / power, rel=1e-12)
        assert tables.ase[i, slot] == pytest.approx(ase / power, rel=1e-12)
        for k, band_k, start_k in places:
            if (band_k, start_k) == (band_i, start_i):
                continue
            other_slot = tables.first_slot[band_k] + start_k
            other = centre_frequency(grid, band_k, start_k, int(tables.widths[k]))
            xci = raman_cross_channel_noise(
                FIBRE, loading, power, bandwidth, frequency,
                tables.power[k], tables.widths[k] * grid.slot_width, other, tables.phi[k],
            )  # fmt: skip
            assert tables.xci[i, k, slot, other_slot] == pytest.approx(xci / power, rel=1e-12)


def test_what_cannot_be_is_not_a_number():
    tables = raman_tables(FIBRE, make_grid({"c": 5, "l": 4}), [2])
    assert np.isfinite(tables.sci[0]).tolist() == [True] * 3 + [False] + [True] * 4 + [False]
    assert (np.isfinite(tables.ase) == np.isfinite(tables.sci)).all()
    assert np.isfinite(tables.xci[0, 0, 0]).tolist() == [
        False, False, True, False, True, True, True, True, False,
    ]  # fmt: skip
    assert not np.isfinite(tables.xci[0, 0, 3]).any()


def test_bands_that_touch_do_not_disturb_the_spacing():
    grid = Grid(12.5e9, ("l", "c"), (191e12, 191e12 + 4 * 12.5e9), (4, 4))
    xci = raman_tables(FIBRE, grid, [2]).xci
    assert np.isfinite(xci[0, 0, 2, 4])  # slots 2, 3 and 4, 5
    assert math.isnan(xci[0, 0, 2, 3])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"power": -1.0}, "power = -1: must be finite and not negative"),
        ({"other_frequency": F + 1e9}, "spacing = 1000000000: must be at least 50000000000 Hz"),
        ({"frequency": 250e12}, "the zero of the dispersion lies among the channels"),
        (
            {"loading": Loading(-1.0, (1e14,), (2e14,))},
            "total_power = -1: must be finite and not",
        ),
        (
            {"loading": Loading(1.0, (2e14,), (1e14,))},
            "must be as many, at least one, and each upper",
        ),
        ({"loading": Loading(1.0, (), ())}, "must be as many, at least one"),
        ({"phi": 2.0}, "phi = 2: must be from 0 (Gaussian) to 1 (QPSK)"),
    ],
)
def test_bad_arguments_are_refused(change, said):
    good = {
        "loading": LOADING, "power": 1e-3, "bandwidth": 50e9, "frequency": F,
        "other_power": 1e-3, "other_bandwidth": 50e9, "other_frequency": F + 1e11,
    }  # fmt: skip
    with pytest.raises(ValueError, match="must") as error:
        raman_cross_channel_noise(FIBRE, **{**good, **change})
    assert said in str(error.value)


def test_a_table_that_would_be_too_large_is_refused():
    with pytest.raises(ValueError, match="most_bytes = 1000: 1 kinds and 20 slots need 3200"):
        raman_tables(FIBRE, make_grid({"c": 20}), [1], most_bytes=1000)


@pytest.mark.parametrize("phi", [0.0, [0.0, 0.68, 1.0]])
def test_the_factors_give_the_table_to_the_last_bit(phi):
    grid = make_grid({"c": 14, "l": 9})
    widths, kinds = [2, 2, 5] if phi else [2, 3, 5], range(3)
    factors = raman_factors(FIBRE, grid, widths, 0.7e-3, phi=phi)
    centres = np.full((3, 23), np.nan)
    for band, (first, slots) in enumerate(zip(factors.first_slot, grid.slots, strict=True)):
        for i in kinds:
            starts = np.arange(slots - widths[i] + 1)
            centres[i, first + starts] = centre_frequency(grid, band, starts, widths[i])
    checked = 0
    for i, j in product(kinds, kinds):
        width, other = widths[i] * grid.slot_width, widths[j] * grid.slot_width
        for s, t in product(range(23), range(23)):
            if not abs(centres[i, s] - centres[j, t]) >= (width + other) / 2 * (1 - 1e-9):
                continue
            direct = raman_cross_channel_noise(
                FIBRE, factors.loading, factors.power[i], width, centres[i, s],
                factors.power[j], other, centres[j, t], factors.phi[j],
            )  # fmt: skip
            assert factors.xci(i, s, j, t) == direct / factors.power[i]
            checked += 1
    assert checked > 1000


def test_the_factors_need_a_tenth_of_the_memory():
    """Of 21 widths on 960 slots, as in FUSION's own files for C and L band."""
    assert factor_bytes(960, 21, 0) < 2**30 < 8 * 21**2 * 960**2
    assert factor_bytes(960, 21, 0) * 10 < 8 * 21**2 * 960**2
    with pytest.raises(ValueError, match="most_bytes = 1000"):
        raman_factors(FIBRE, make_grid({"c": 14, "l": 9}), [2, 3], most_bytes=1000)
    grid = make_grid({"c": 14, "l": 9})
    factors = raman_factors(FIBRE, grid, [2, 3, 3], phi=[0.0, 0.0, 0.68])
    assert factors.cross.nbytes + factors.correction.nbytes == factor_bytes(23, 2, 3)
