import math

import numpy as np
import pytest

from fusion.network.physics.ase import ase_noise
from fusion.network.physics.fibre import Fibre, Grid, centre_frequency, make_grid
from fusion.network.physics.gn import PHI, cross_channel_noise, nonlinear_noise
from fusion.network.physics.gsnr import (
    GSNR_THRESHOLDS_DB,
    from_db,
    noise_tables,
    optimum_power,
    passing_formats,
    path_gsnr,
    to_db,
)

FIBRE = Fibre()
GRID = make_grid({"c": 80})
KINDS = {"widths": [3, 4, 4, 8], "phi": [PHI["64-QAM"], 0.0, PHI["QPSK"], PHI["16-QAM"]]}
CARRIERS = [(0, 0), (5, 1), (9, 2), (20, 3), (31, 3), (70, 2)]  # (first slot, kind)


def test_decibels_there_and_back():
    assert to_db([1.0, 100.0]).tolist() == [0.0, 20.0]
    assert from_db(to_db(3.7)) == pytest.approx(3.7)
    with pytest.raises(ValueError, match=r"ratio = 0: must be finite and above 0"):
        to_db(0.0)


def test_ratios_of_noise_to_signal_add_over_hops():
    assert path_gsnr([0.01, 0.03], [2, 1]) == pytest.approx(20.0)
    assert path_gsnr([[0.01, 0.03], [0.1, 0.1]], 1).tolist() == pytest.approx([25.0, 5.0])


def test_twice_the_spans_make_twice_the_noise():
    once, twice = path_gsnr([[0.004]], [[3]]), path_gsnr([[0.004]], [[6]])
    assert to_db(once) - to_db(twice) == pytest.approx(10 * math.log10(2))


def test_a_path_without_noise_is_refused():
    with pytest.raises(ValueError, match=r"sum of noise_to_signal = 0: must be finite and above 0"):
        path_gsnr([0.0, 0.0])


def test_formats_pass_from_their_threshold_on():
    assert list(GSNR_THRESHOLDS_DB) == ["BPSK", "QPSK", "8-QAM", "16-QAM", "32-QAM", "64-QAM"]
    figures = np.array([3.71, 6.72, 10.84, 13.24, 16.16, 19.01])
    assert passing_formats(figures).sum(axis=1).tolist() == [1, 2, 3, 4, 5, 6]
    assert passing_formats(figures - 0.01).sum(axis=1).tolist() == [0, 1, 2, 3, 4, 5]
    assert passing_formats(7.0).tolist() == [True, True, False, False, False, False]
    assert passing_formats(7.0, {"a": 8.0, "b": 7.0}).tolist() == [False, True]


def test_at_the_optimum_power_ase_is_twice_the_nonlinear_noise():
    frequency = 192e12 + 50e9 * np.arange(21)
    ase = ase_noise(FIBRE, "c", frequency[10], 50e9)
    start = nonlinear_noise(FIBRE, 1e-3, 50e9, frequency)[10]
    best = optimum_power(ase, start, 1e-3)
    at_best = nonlinear_noise(FIBRE, best, 50e9, frequency)[10]
    assert ase / at_best == pytest.approx(2.0)

    def gsnr(power):
        return power / (ase + nonlinear_noise(FIBRE, power, 50e9, frequency)[10])

    assert gsnr(best) > max(gsnr(0.97 * best), gsnr(1.03 * best))


@pytest.mark.parametrize("power_per", ["channel", "slot"])
def test_the_tables_are_the_direct_formula(power_per):
    tables = noise_tables(
        FIBRE, GRID, **KINDS, power=0.7e-3, power_per=power_per, ase_by_start=True
    )
    assert [table.shape for table in tables] == [(4,), (4,), (4,), (4, 1, 80), (4,), (4, 4, 160)]
    start, kind = np.array(CARRIERS).T
    width = tables.widths[kind]
    power = tables.power[kind]
    assert power.tolist() == pytest.approx(0.7e-3 * (width if power_per == "slot" else np.ones(6)))
    frequency = centre_frequency(GRID, 0, start, width)
    bandwidth = width * GRID.slot_width
    direct = nonlinear_noise(FIBRE, power, bandwidth, frequency, tables.phi[kind])
    direct += ase_noise(FIBRE, "c", frequency, bandwidth)
    for i in range(len(CARRIERS)):
        distance = abs(2 * start[i] + width[i] - 2 * start - width)
        others = np.arange(len(CARRIERS)) != i
        ratio = (
            tables.ase[kind[i], 0, start[i]]
            + tables.sci[kind[i]]
            + tables.xci[kind[i], kind[others], distance[others]].sum()
        )
        assert ratio == pytest.approx(direct[i] / power[i], rel=1e-9)


def test_xci_is_not_a_number_where_carriers_would_overlap():
    xci = noise_tables(FIBRE, GRID, [2, 5]).xci
    assert np.isnan(xci[0, 1, :7]).all()
    assert np.isfinite(xci[0, 1, 7:]).all()
    touching = cross_channel_noise(FIBRE, 1e-3, 25e9, 1e-3, 62.5e9, 43.75e9) / 1e-3
    assert xci[0, 1, 7] == pytest.approx(touching)


def test_equal_power_per_slot_gives_wide_carriers_more():
    channel = noise_tables(FIBRE, GRID, [1, 4])
    slot = noise_tables(FIBRE, GRID, [1, 4], power_per="slot")
    assert slot.power.tolist() == [1e-3, 4e-3]
    assert slot.sci / channel.sci == pytest.approx([1, 16])
    assert slot.ase[:, 0] / channel.ase[:, 0] == pytest.approx([1, 1 / 4])
    # the same density everywhere: the noise-to-signal ratio is that of a wide carrier's slots
    assert slot.ase[0] == pytest.approx(slot.ase[1])


def test_ase_at_the_middle_of_the_band_is_within_a_twentieth_of_a_decibel():
    grid = make_grid({"c": 320, "l": 320})
    middle = noise_tables(FIBRE, grid, [4]).ase
    everywhere = noise_tables(FIBRE, grid, [4], ase_by_start=True).ase
    assert middle.shape == (1, 2)
    assert everywhere.shape == (1, 2, 320)
    assert np.isnan(everywhere[:, :, 317:]).all()
    difference = 10 * np.log10(everywhere[:, :, :317] / middle[:, :, None])
    assert 0.04 < abs(difference).max() < 0.05
    assert middle[0, 0] / middle[0, 1] == pytest.approx(1.99 / 1.77 * 187.185 / 193.693, rel=1e-5)


def test_a_start_that_a_short_band_does_not_have_is_not_a_number():
    grid = Grid(12.5e9, ("l", "c"), (186e12, 192e12), (3, 10))
    ase = noise_tables(FIBRE, grid, [2, 4], ase_by_start=True).ase
    assert np.isfinite(ase).sum(axis=2).tolist() == [[2, 9], [0, 7]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"widths": []}, "widths = []: must be integers from 1"),
        ({"widths": 4}, "widths has the shape (): must be [kind]"),
        ({"widths": [0]}, "widths = [0]: must be integers from 1"),
        ({"widths": [81]}, "widths = 81: must be at most 80"),
        ({"phi": [0.5]}, "phi has the shape (1,): must be (2,)"),
        ({"power": 0.0}, "power = 0: must be finite and above 0"),
        ({"power": [1e-3, 1e-3]}, "power has the shape (2,): must be one number"),
        ({"power_per": "hertz"}, "power_per = hertz: must be one of channel, slot"),
    ],
)
def test_bad_arguments_are_refused(change, said):
    with pytest.raises(ValueError, match="must be") as error:
        noise_tables(FIBRE, GRID, **{"widths": [1, 2], **change})
    assert said in str(error.value)
