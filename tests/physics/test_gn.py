import math

import numpy as np
import pytest

from fusion.network.physics.fibre import Fibre
from fusion.network.physics.gn import (
    PHI,
    cross_channel_noise,
    nonlinear_noise,
    phi_of,
    self_channel_noise,
)
from tests.physics.gn_integral import gn_integral_at_centre

FIBRE = Fibre()
# By hand, from a = 0.2/4343 1/m, gamma = 1.3e-3 1/(W m), beta2 = -21.3e-27 s²/m, L = 100 km:
# L_eff = (1 - exp(-4.605111) ) / a = 21497.9 m; K = (8/27) gamma² L_eff² a / (pi |beta2|) = 1.59265e20
# pi² |beta2| / a = 4.56493e-21 s².
K = 8 / 27 * (1.3e-3 * 21497.877) ** 2 * 4.605111e-5 / (math.pi * 21.3e-27)
CURVATURE = 4.5649e-21


def test_self_channel_noise_of_one_channel_by_hand():
    # B = 50 GHz: asinh(4.5649e-21 * 25e20 / 2) = asinh(5.7061) = 2.4420
    assert self_channel_noise(FIBRE, 1e-3, 50e9) == pytest.approx(
        K * 1e-9 / 25e20 * 2.44237, rel=2e-4
    )


def test_cross_channel_noise_of_two_channels_by_hand():
    # B = 37.5 GHz, B_k = 50 GHz, D = 100 GHz: asinh(1.71184e-10 * 125e9) - asinh(1.71184e-10 * 75e9)
    # = asinh(21.398) - asinh(12.8388) = 3.75692 - 3.24715 = 0.50977
    noise = cross_channel_noise(FIBRE, 1e-3, 37.5e9, 2e-3, 50e9, 100e9)
    assert noise == pytest.approx(K * 1e-3 * (2e-3 / 50e9) ** 2 * 0.50977, rel=2e-4)


def test_correction_for_the_format_by_hand():
    # 5/3 / (4.605111e-5 * 100e3) * 50 GHz / 100 GHz = 0.180958 for phi = 1
    corrected = cross_channel_noise(FIBRE, 1e-3, 37.5e9, 2e-3, 50e9, 100e9, 0.68)
    assert corrected == pytest.approx(
        K * 1e-3 * (2e-3 / 50e9) ** 2 * (0.50977 - 0.68 * 0.180958), rel=3e-4
    )


@pytest.mark.parametrize(
    ("bandwidth", "decibels"), [(12.5e9, 0.24), (25e9, 0.33), (50e9, 0.11), (100e9, -0.03)]
)
def test_self_channel_noise_is_that_of_the_gn_integral(bandwidth, decibels):
    """The closed form takes a region bounded by hyperbolas for the hexagon of the integral."""
    integral = gn_integral_at_centre(FIBRE, 1e-3, bandwidth)
    closed = self_channel_noise(FIBRE, 1e-3, bandwidth)
    assert 10 * math.log10(closed / integral) == pytest.approx(decibels, abs=0.02)


@pytest.mark.parametrize(
    ("spacing", "decibels"), [(50e9, 0.31), (75e9, 0.16), (200e9, 0.01), (2e12, -0.08)]
)
def test_cross_channel_noise_is_that_of_the_gn_integral(spacing, decibels):
    """Near, the other channel is taken as a rectangle; far, L_eff² stands for (1 - exp(-2aL)) / a²."""
    integral = gn_integral_at_centre(FIBRE, 1e-3, 50e9, spacing)
    closed = cross_channel_noise(FIBRE, 1e-3, 50e9, 1e-3, 50e9, spacing)
    assert 10 * math.log10(closed / integral) == pytest.approx(decibels, abs=0.02)


def test_noise_grows_with_the_cube_of_the_power():
    frequency = 193e12 + 50e9 * np.arange(5)
    once = nonlinear_noise(FIBRE, 1e-3, 50e9, frequency, 0.5)
    assert nonlinear_noise(FIBRE, 3e-3, 50e9, frequency, 0.5) == pytest.approx(27 * once)


def test_without_neighbours_there_is_only_self_channel_noise():
    alone = nonlinear_noise(FIBRE, 1e-3, 50e9, [193e12])
    assert alone.tolist() == [self_channel_noise(FIBRE, 1e-3, 50e9)]
    dark = nonlinear_noise(FIBRE, [1e-3, 0.0], 50e9, [193e12, 193.05e12])
    assert dark.tolist() == [self_channel_noise(FIBRE, 1e-3, 50e9), 0.0]


def test_all_channels_at_once_is_the_sum_over_pairs():
    power, bandwidth, phi = [1e-3, 2e-3, 0.5e-3], [25e9, 50e9, 100e9], [0.0, 1.0, 0.6]
    frequency = [193.0e12, 193.05e12, 192.9e12]
    noise = nonlinear_noise(FIBRE, power, bandwidth, frequency, phi)
    for i in range(3):
        pairs = sum(
            cross_channel_noise(
                FIBRE,
                power[i],
                bandwidth[i],
                power[k],
                bandwidth[k],
                frequency[k] - frequency[i],
                phi[k],
            )
            for k in range(3)
            if k != i
        )
        assert noise[i] == pytest.approx(self_channel_noise(FIBRE, power[i], bandwidth[i]) + pairs)


@pytest.mark.parametrize("phi", [0.0, 1.0])
def test_a_far_neighbour_counts_as_one_over_its_distance(phi):
    near, far = cross_channel_noise(FIBRE, 1e-3, 50e9, 1e-3, 50e9, [2e12, 4e12], phi)
    assert near / far == pytest.approx(2.0, rel=1e-4)
    assert near == pytest.approx(K * 1e-9 / 50e9 / 2e12 * (1 - phi * 5 / 3 * 0.21714999), rel=1e-3)


def test_the_side_of_the_neighbour_does_not_matter():
    assert cross_channel_noise(FIBRE, 1e-3, 50e9, 1e-3, 50e9, -75e9) == cross_channel_noise(
        FIBRE, 1e-3, 50e9, 1e-3, 50e9, 75e9
    )


def test_the_correction_lowers_the_noise_but_never_below_zero():
    spacing = np.linspace(75e9, 5e12, 200)
    gaussian, qpsk = (
        cross_channel_noise(FIBRE, 1e-3, 50e9, 1e-3, 100e9, spacing, phi) for phi in (0.0, 1.0)
    )
    assert (qpsk < gaussian).all()
    assert (qpsk > 0).all()


def test_all_arguments_broadcast():
    noise = cross_channel_noise(FIBRE, 1e-3, [[25e9], [50e9]], 1e-3, 50e9, [100e9, 200e9, 300e9])
    assert noise.shape == (2, 3)


def square(side):
    levels = np.arange(side) * 2 - (side - 1)
    return (levels[:, None] + 1j * levels).ravel()


RING = np.exp(1j * np.pi * (np.arange(4) / 2 + 0.25))
CROSS = square(6)
CONSTELLATIONS = {
    "BPSK": np.array([-1, 1]),
    "QPSK": square(2),
    "8-QAM": np.concatenate([np.sqrt(2) * RING, (1 + np.sqrt(3)) * RING * np.exp(0.25j * np.pi)]),
    "16-QAM": square(4),
    "32-QAM": CROSS[(abs(CROSS.real) < 5) | (abs(CROSS.imag) < 5)],
    "64-QAM": square(8),
}


@pytest.mark.parametrize("modulation", CONSTELLATIONS)
def test_phi_is_that_of_the_constellation(modulation):
    energy = abs(CONSTELLATIONS[modulation]) ** 2
    assert phi_of(modulation) == pytest.approx(
        2 - (energy**2).mean() / energy.mean() ** 2, abs=1e-9
    )


def test_an_unknown_format_is_refused():
    assert set(PHI) == {"Gaussian", *CONSTELLATIONS}
    with pytest.raises(
        ValueError, match=r"modulation = 17-QAM: must be one of .*did you mean '16-QAM'"
    ):
        phi_of("17-QAM")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"power": -1e-3}, "power = -0.001: must be finite and not negative"),
        ({"bandwidth": 0.0}, "bandwidth = 0: must be finite and above 0"),
        ({"other_power": math.nan}, "other_power = nan"),
        ({"other_bandwidth": -1.0}, "other_bandwidth = -1"),
        ({"spacing": 49e9}, "spacing = 49000000000: must be at least 50000000000 Hz"),
        ({"spacing": [100e9, -10e9]}, "spacing = 10000000000: must be at least"),
        ({"phi": 1.5}, "phi = 1.5: must be from 0 (Gaussian) to 1 (QPSK)"),
    ],
)
def test_bad_arguments_are_refused(change, said):
    good = {
        "power": 1e-3,
        "bandwidth": 50e9,
        "other_power": 1e-3,
        "other_bandwidth": 50e9,
        "spacing": 1e11,
    }
    with pytest.raises(ValueError, match="=") as error:
        cross_channel_noise(FIBRE, **{**good, **change})
    assert said in str(error.value)


def test_frequencies_must_be_a_list_of_channels():
    with pytest.raises(ValueError, match="frequency has 0 dimensions: must have 1"):
        nonlinear_noise(FIBRE, 1e-3, 50e9, 193e12)
