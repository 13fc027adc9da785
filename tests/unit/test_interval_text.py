import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as some

from fusion.results.interval_text import (
    between,
    interval_text,
    plus_minus,
    probability_text,
    probability_with_interval,
    two_digits,
    with_interval,
)


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((0.01195, 0.0119, 0.012), "0.01195 [0.01190, 0.01200]"),
        ((0.7561, 0.75586, 0.75612), "0.75610 [0.75586, 0.75612]"),
        ((0.007226, 0.006549, 0.007972), "0.0072 [0.0065, 0.0080]"),
        ((1.234e-5, 9.5e-6, 1.5e-5), "1.23e-05 [0.95e-05, 1.50e-05]"),
        ((0.99990, 0.99987, 0.99994), "0.999900 [0.999870, 0.999940]"),
        ((170.0, 150.4, 190.0), "170 [150, 190]"),
        ((0.0498, 0.0, 0.0996), "0.05 [0.00, 0.10]"),
        ((3e-4, 0.0, math.inf), "0.0003 [0, inf]"),
        ((0.25, None, None), "0.25"),
        ((0.25, math.nan, math.nan), "0.25"),
        ((0.25, 0.25, 0.25), "0.25 [0.25, 0.25]"),
    ],
)
def test_an_interval_has_two_digits_of_its_width(numbers, text):
    assert with_interval(*numbers) == text


def test_rows_of_a_table_have_one_notation():
    text = interval_text(-1.2e-4, -3.1e-4, 7e-5, signed=True)
    assert text.estimate == "-1.2e-04"
    beside = interval_text(-1.2e-4, -3.1e-4, 7e-5, signed=True, beside=0.012)
    assert beside == ("-0.00012", "-0.00031", "+0.00007")
    assert between(-3.1e-4, 7e-5, signed=True, beside=0.012) == "-0.00031 to +0.00007"
    tiny = interval_text(1.2e-6, 1e-6, 1.4e-6, beside=0.012)
    assert tiny == interval_text(1.2e-6, 1e-6, 1.4e-6), "rows of zeros are hard to compare"


def test_differences_have_a_sign():
    assert between(-0.000242, 5.96e-5, signed=True) == "-2.4e-04 to +0.6e-04"
    assert interval_text(-2.8e-5, -2.9e-4, 1.43e-3, signed=True).estimate == "0.0000"
    assert interval_text(0.1, 0.09, 0.12, signed=True).estimate == "+0.100"


def test_an_end_beside_zero_is_not_written_as_zero():
    assert between(-0.027, -0.00029467, signed=True) == "-0.0270 to -0.0003"


def test_zero_beside_a_small_number_is_a_plain_zero():
    assert with_interval(0.0, 0.0, 2.7e-4) == "0 [0, 2.7e-04]"
    signed = interval_text(0.0, -3e-4, 3e-4, signed=True)
    assert signed == ("0", "-3.0e-04", "+3.0e-04")


def test_a_probability_of_which_nothing_was_seen_is_its_bound():
    assert probability_text(0.0, 0.0, 2.7e-4) == "< 0.00027"
    assert probability_text(0.0072, 0.0065, 0.0080) == "0.0072"
    assert probability_text(None, None, None) == ""
    assert probability_text(0.0, None, None) == "0"


def test_a_number_without_an_interval_has_two_digits_in_the_same_notation():
    texts = [two_digits(number) for number in (0.0, 2.82e-4, 0.0996, 0.1234, 5e-7)]
    assert texts == ["0", "2.8e-04", "0.10", "0.12", "5.0e-07"]


def test_half_an_interval_has_two_digits():
    assert plus_minus(0.0409, 0.00052) == "0.04090 ± 0.00052"
    assert plus_minus(0.25, math.nan) == "0.25"


@given(some.floats(1e-9, 0.999), some.floats(1e-4, 1.0))
def test_rounded_ends_are_told_apart_and_within_a_twentieth_of_the_width(lower, share):
    upper = lower + share * lower
    text = interval_text((lower + upper) / 2, lower, upper)
    assert len({len(one.partition("e")[0].partition(".")[2]) for one in text}) == 1
    assert float(text.lower) < float(text.upper)
    assert float(text.lower) == pytest.approx(lower, abs=0.0501 * (upper - lower))
    assert float(text.upper) == pytest.approx(upper, abs=0.0501 * (upper - lower))
    assert re.fullmatch(r"\d+(\.\d+)?(e-\d\d)?", text.upper)


def test_a_probability_has_its_interval_or_its_bound() -> None:
    assert probability_with_interval(0.0072, 0.0065, 0.0080) == "0.0072 [0.0065, 0.0080]"
    assert probability_with_interval(0.0, 0.0, 0.0027) == "< 0.0027"
    assert probability_with_interval(0.25, math.nan, math.nan) == "0.25"
