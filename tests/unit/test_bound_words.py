"""Bounds of numbers, as messages tell them."""

from typing import Any

import pytest

from fusion.config.problems import words

NUMBERS = [
    ({"minimum": 1, "maximum": 100}, "from 1 to 100"),
    ({"exclusiveMinimum": 0, "maximum": 1}, "above 0 and at most 1"),
    ({"minimum": 2}, "of at least 2"),
    ({"maximum": 2}, "at most 2"),
    ({"minimum": 0, "exclusiveMaximum": 1}, "of at least 0 and below 1"),
]


@pytest.mark.parametrize(("schema", "told"), NUMBERS)
def test_bounds_are_told_as_people_say_them(schema: dict[str, Any], told: str) -> None:
    assert words({"type": "number", **schema}) == f"a number {told}"
