"""JSON that any program can read."""

import json
import math

import numpy as np
import pytest

from fusion.results.json_text import to_json
from fusion_flows.command.terminal import print_json

VALUE = {
    "load": math.inf,
    "limits": (0.5, -math.inf, [math.nan]),
    "mean": np.float64("nan"),
    "n": 3,
}
AS_JSON = {"load": None, "limits": [0.5, None, [None]], "mean": None, "n": 3}


def not_json(constant: str) -> None:
    pytest.fail(f"{constant} is not JSON")


def test_numbers_that_are_not_finite_are_null() -> None:
    assert json.loads(to_json(VALUE), parse_constant=not_json) == AS_JSON


def test_so_they_are_in_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    print_json(VALUE)
    assert json.loads(capsys.readouterr().out, parse_constant=not_json) == AS_JSON
