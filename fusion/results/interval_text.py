"""Numbers with their uncertainty as a person reads them: no digit that the interval does not support."""

from __future__ import annotations

import math
from typing import NamedTuple

_DIGITS = 2  # of the width of an interval
_SMALLEST_PLAIN = 1e-3  # below it with an exponent, as rows of zeros are hard to compare
_SMALLEST_BESIDE = 1e-5  # the same beside numbers without an exponent


class IntervalText(NamedTuple):
    """An estimate and the ends of its interval, all with the same number of decimals."""

    estimate: str
    lower: str
    upper: str


def interval_text(
    estimate: float | None,
    lower: float | None,
    upper: float | None,
    *,
    signed: bool = False,
    beside: float = 0.0,
) -> IntervalText:
    """Return three numbers as text, rounded to two significant digits of the interval's width.

    0.01234, 0.01189 and 0.01203 have the width 0.00014 and become 0.01234, 0.01189, 0.01203. An end
    that would become zero and is not has the digits to be told from it. What is None or NaN is an empty
    text, an open end is "inf" or "-inf"; without two different finite ends each number has four
    significant digits. signed: a plus before what is positive. beside: the largest number in the other rows
    of a column, whose notation these take where that leaves few zeros.
    """
    sign = "+" if signed else ""
    numbers = (estimate, lower, upper)
    width = math.nan if lower is None or upper is None else upper - lower
    if not (math.isfinite(width) and width > 0.0):
        texts = ("" if n is None or math.isnan(n) else f"{n:{sign}.4g}" for n in numbers)
        return IntervalText(*texts)
    place = _last_place(width)
    for end in (lower, upper):
        if (
            end and abs(end) < 0.5 * 10.0**place
        ):  # an end beside zero is not zero: a verdict hangs on it
            place = min(place, _last_place(abs(end)) + _DIGITS - 1)
    largest = max(abs(n) for n in numbers if n is not None and math.isfinite(n))
    if largest >= _SMALLEST_BESIDE:
        largest = max(largest, beside)
    return IntervalText(*(_rounded(n, place, largest, sign) for n in numbers))


def probability_text(estimate: float | None, lower: float | None, upper: float | None) -> str:
    """Return a probability as `interval_text` does, and its bound where nothing was seen: < 0.0027."""
    if estimate == 0.0 and upper and math.isfinite(upper):
        return below(upper)
    return interval_text(estimate, lower, upper).estimate


def two_digits(number: float) -> str:
    """Return a number without an interval with two significant digits, in the notation of those with one."""
    return _rounded(number, _last_place(abs(number)), abs(number), "") if number else "0"


def below(bound: float) -> str:
    """Return the bound on what was not seen."""
    return f"< {bound:.2g}"


def with_interval(estimate: float, lower: float | None, upper: float | None) -> str:
    """Return an estimate with its interval: 0.0072 [0.0065, 0.0080]; alone where there is none."""
    text = interval_text(estimate, lower, upper)
    return (
        f"{text.estimate} [{text.lower}, {text.upper}]"
        if text.lower and text.upper
        else text.estimate
    )


def probability_with_interval(estimate: float, lower: float, upper: float) -> str:
    """Return a probability with its interval, or its bound where nothing was seen. NaN: there is none."""
    seen = not (estimate == 0.0 and upper and math.isfinite(upper))
    return with_interval(estimate, lower, upper) if seen else below(upper)


def between(
    lower: float | None, upper: float | None, *, signed: bool = False, beside: float = 0.0
) -> str:
    """Return an interval: 0.0065 to 0.0080; an empty text where there is none."""
    text = interval_text(None, lower, upper, signed=signed, beside=beside)
    return f"{text.lower} to {text.upper}" if text.lower and text.upper else ""


def plus_minus(estimate: float, half_width: float) -> str:
    """Return an estimate with half its interval, two digits of it: 0.0416 ± 0.0012."""
    if not (math.isfinite(half_width) and half_width > 0.0):
        return f"{estimate:.4g}"
    place = _last_place(half_width)
    largest = max(abs(estimate), half_width)
    return " ± ".join(_rounded(number, place, largest, "") for number in (estimate, half_width))


def _last_place(width: float) -> int:
    """Return the power of ten of the last digit that is written for this width."""
    # In the rounded text, as 0.0996 is written 0.10 and not 0.100.
    return int(f"{width:.{_DIGITS - 1}e}".partition("e")[2]) - _DIGITS + 1


def _rounded(number: float | None, place: int, largest: float, sign: str) -> str:
    """Return a number to 10**place; with the exponent of the largest beside it if that is small."""
    if number is None or math.isnan(number):
        return ""
    if math.isinf(number):
        return f"{number:{sign}}"
    if largest >= _SMALLEST_PLAIN or largest == 0.0:
        text = f"{number:{sign}.{max(0, -place)}f}"
        return text.lstrip("+-") if float(text) == 0.0 else text
    exponent = math.floor(math.log10(largest))
    if abs(number) < 0.5 * 10.0**place:
        return "0"
    return f"{number / 10.0**exponent:{sign}.{max(0, exponent - place)}f}e{exponent:03d}"
