"""Tables in text files as people, spreadsheets and programs write them: what divides, and decimal commas."""

import csv
import re
from collections.abc import Sequence

_DECIMAL_COMMA = re.compile(r"[+-]?\d+(?:,(\d+))?(?:[eE][+-]?\d+)?")


def split_line(line: str, divider: str | None) -> list[str]:
    """Return the cells of a line without blanks around them. divider: None: blanks divide.

    Raises csv.Error for a cell of more than 128 KiB.
    """
    if divider is None:
        return line.split()
    return [cell.strip() for cell in next(csv.reader([line], delimiter=divider))]


def divider_of(lines: Sequence[str]) -> str | None:
    """Return what divides the cells of the lines: a tab, a semicolon, a comma, or None for blanks.

    A semicolon divides only where each line has one, as a name in quotes may have it as well.
    """
    if not lines:
        return None
    if "\t" in lines[0]:
        return "\t"
    if all(";" in line for line in lines):
        return ";"
    return "," if "," in lines[0] else None


def without_decimal_commas(values: Sequence[str]) -> list[str] | None:
    """Return numbers with decimal points, where these have decimal commas; None where they do not.

    27,5 in a column without any point is such a number. 1,050 alone is not, as its comma may be one
    that divides thousands.
    """
    numbers = [value for value in values if value]
    with_comma = [value for value in numbers if "," in value]
    if not with_comma or not all(_DECIMAL_COMMA.fullmatch(value) for value in numbers):
        return None
    decimals = [match[1] for value in with_comma if (match := _DECIMAL_COMMA.fullmatch(value))]
    if all(len(digits or "") == 3 for digits in decimals):
        return None
    return [value.replace(",", ".") for value in values]


def about_comma(value: object) -> str:
    """Return what to change in a number with a comma that was not understood, or nothing."""
    if not isinstance(value, str) or not re.fullmatch(r"[+-]?\d[\d.']*,[\d,.]*\d", value.strip()):
        return ""
    if re.fullmatch(r"[+-]?\d{1,3},\d{3}", value.strip()):
        return "; a decimal comma, or one that divides thousands? Write it with a decimal point or none"
    return "; write a decimal point for the decimal comma, and divide no thousands"
