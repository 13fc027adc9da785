"""Bounds of numbers, as messages and the form of a run tell them."""

from typing import Any

import pytest

from fusion.config.problems import words
from fusion_flows.flows.form import bounds_text

NUMBERS = [
    ({"minimum": 1, "maximum": 100}, "from 1 to 100", "1 to 100"),
    ({"exclusiveMinimum": 0, "maximum": 1}, "above 0 and at most 1", "above 0 and at most 1"),
    ({"exclusiveMinimum": 0, "maximum": 1e18}, None, "above 0"),
    ({"minimum": 0, "maximum": 1e18}, None, "0 or more"),
    ({"minimum": 2}, "of at least 2", None),
    ({"maximum": 2}, "at most 2", None),
    ({"minimum": 0, "exclusiveMaximum": 1}, "of at least 0 and below 1", None),
]


@pytest.mark.parametrize(("schema", "in_message", "in_form"), NUMBERS)
def test_bounds_are_told_as_people_say_them(
    schema: dict[str, Any], in_message: str | None, in_form: str | None
) -> None:
    if in_message:
        assert words({"type": "number", **schema}) == f"a number {in_message}"
    if in_form:
        assert bounds_text({"type": "number", **schema}) == f" Allowed: {in_form}."
