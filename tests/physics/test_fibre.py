import numpy as np
import pytest

from fusion.network.physics.fibre import (
    BAND_LOWER_EDGE,
    MULTI_BAND_FIBRE,
    Fibre,
    Grid,
    centre_frequency,
    check_fibre,
    check_grid,
    effective_length,
    emission_factor,
    make_grid,
    span_count,
    span_loss,
)

GRID = make_grid({"c": 320, "l": 400})


def test_default_fibre_has_the_loss_and_effective_length_of_0_2_db_per_km():
    assert 10 * np.log10(span_loss(Fibre())) == pytest.approx(20.0, abs=2e-3)
    assert effective_length(Fibre()) == pytest.approx((1 - 0.01) / 4.60517e-5, rel=1e-4)


def test_bands_are_in_order_of_frequency_whatever_the_order_given():
    assert GRID.bands == ("l", "c")
    assert GRID.slots == (400, 320)
    assert GRID.band_index("c") == 1
    assert list(BAND_LOWER_EDGE.values()) == sorted(BAND_LOWER_EDGE.values())


def test_a_band_without_slots_is_left_out():
    assert make_grid({"c": 320, "l": 0}).bands == ("c",)


def test_centre_of_a_run_of_slots():
    grid = Grid(10e9, ("l", "c"), (100e12, 200e12), (10, 20))
    centres = centre_frequency(grid, [0, 1, 1], [0, 0, 17], [1, 4, 3])
    assert centres == pytest.approx([100.005e12, 200.02e12, 200.185e12], rel=1e-14)


def test_centre_frequency_broadcasts():
    centres = centre_frequency(GRID, 1, np.arange(5)[:, None], [1, 2, 3])
    assert centres.shape == (5, 3)
    assert centres[4, 2] - centres[0, 0] == pytest.approx(4 * 12.5e9 + 12.5e9)


@pytest.mark.parametrize(
    ("band", "start", "width", "said"),
    [
        (1, 317, 4, "start + width = 321: must be at most 320"),
        (0, [0, 399], [1, 2], "start + width = 401: must be at most 400"),
        (2, 0, 1, "band = 2: must be less than 2"),
        (0, -1, 1, "start = -1: must be integers from 0"),
        (0, 0, 0, "width = 0: must be integers from 1"),
        (0, 0.5, 1, "start = 0.5: must be integers from 0"),
    ],
)
def test_a_run_outside_its_band_is_refused(band, start, width, said):
    with pytest.raises(ValueError, match="must be") as error:
        centre_frequency(GRID, band, start, width)
    assert said in str(error.value)


def test_spans_count_whole_unless_said_otherwise():
    lengths = np.array([1e3, 100e3, 100.001e3, 300e3, 250e3])
    assert span_count(Fibre(), lengths).tolist() == [1, 1, 2, 3, 3]
    assert span_count(Fibre(), lengths, fractional=True) == pytest.approx(lengths / 100e3)


def test_rounding_makes_no_further_span():
    length = 1e3 * (0.1 + 0.2)  # a little over 300 m
    assert length > 300.0
    assert span_count(Fibre(span_length=100.0), length) == 3


def test_emission_factor_by_band():
    assert [emission_factor(Fibre(), band) for band in "clseo"] == [1.77, 1.99, 2.0, 2.0, 2.0]
    with pytest.raises(ValueError, match="band = x: must be one of l, c, s, e, o"):
        emission_factor(Fibre(), "x")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"attenuation": 0.0}, "attenuation = 0: must be finite and above 0"),
        ({"nonlinear_coefficient": float("nan")}, "nonlinear_coefficient = nan: must be"),
        ({"beta2": 0.0}, "beta2 = 0: must not be 0"),
        ({"beta3": float("inf")}, "beta3 = inf: must be finite"),
        ({"raman_slope": -1e-17}, "raman_slope = -1e-17: must be finite and not negative"),
        ({"n_sp": (("c", 0.5),)}, "n_sp of band c = 0.5: must be 1 or more"),
        ({"n_sp": (("c", float("nan")),)}, "n_sp of band c = nan: must be 1 or more"),
        ({"span_length": "far"}, "span_length = far: must be"),
    ],
)
def test_a_fibre_that_is_none_is_refused(change, said):
    with pytest.raises(ValueError, match="must") as error:
        check_fibre(Fibre()._replace(**change))
    assert said in str(error.value)


def test_the_fibres_of_the_defaults_are_good():
    assert check_fibre(MULTI_BAND_FIBRE).beta3 > 0


@pytest.mark.parametrize(
    ("slots", "said"),
    [
        ({"x": 1}, "band = x: must be one of"),
        ({"c": 0}, "must be as many of each, and at least one"),
        ({"c": -1}, "slots of band c = -1: must be integers from 0"),
        ({"c": 320, "l": 521}, "slots of band l = 521: must be at most 520, where band c begins"),
    ],
)
def test_a_grid_that_is_none_is_refused(slots, said):
    with pytest.raises(ValueError, match="must") as error:
        make_grid(slots)
    assert said in str(error.value)


def test_bands_in_another_order_are_refused():
    with pytest.raises(ValueError, match="slots of band c = 10: must be at most"):
        check_grid(Grid(12.5e9, ("c", "l"), (191e12, 186e12), (10, 10)))
