"""Functions that are compiled only as parts of others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fusion.kernel import INSIDE, compiled, inner
from fusion.kernel.spectrum import stay_out_of_line


@inner
def root(number: float) -> Any:
    if number < 0:
        raise IndexError("there is no root")
    return np.sqrt(number)


@compiled(**INSIDE)
def distance(x: float, y: float) -> Any:
    return root(x * x + y * y)


@inner
def length(xs: Any, ys: Any) -> Any:
    total = 0.0
    for i in range(1, xs.shape[0]):
        total += distance(xs[i] - xs[i - 1], ys[i] - ys[i - 1])
    return total


@compiled
def measure(xs: Any, ys: Any, least: float) -> Any:
    return length(xs, ys) + root(least)


def test_a_function_has_what_its_parts_return_and_raise() -> None:
    corners = np.array([0.0, 3.0, 3.0]), np.array([0.0, 4.0, 16.0])
    assert measure(*corners, 4.0) == 5.0 + 12.0 + 2.0
    with pytest.raises(IndexError, match="there is no root"):
        measure(*corners, -1.0)


def test_machine_code_is_made_of_no_part() -> None:
    measure(np.zeros(2), np.zeros(2), 0.0)
    for function, is_part in ((measure, False), (length, True), (distance, True), (root, True)):
        (result,) = function.overloads.values()
        address = result.library.get_pointer_to_function(result.fndesc.llvm_func_name)
        assert (address == 0) is is_part


def test_python_cannot_call_a_part_but_is_told() -> None:
    measure(np.zeros(2), np.zeros(2), 0.0)
    with pytest.raises(TypeError):
        root(4.0)


@inner
def first_of(arrays: Any, place: int) -> Any:
    stay_out_of_line()
    return arrays[1][place]


@compiled
def first_and_last(arrays: Any) -> Any:
    total = 0.0
    for place in range(0, 3, 2):
        total += first_of(arrays, place)
    return total


@compiled(is_kept=True)
def sum_of_two(arrays: Any) -> Any:
    total = 0.0
    for place in range(2):
        total += first_of(arrays, place)
    return total


sum_of_two._cache.disable()  # code that was kept cannot be looked into


def test_a_part_is_handed_over_only_what_it_looks_at() -> None:
    arrays = tuple(np.arange(3.0) + place for place in range(10))
    assert sum_of_two(arrays) == 1.0 + 2.0
    (result,) = sum_of_two.overloads.values()
    (part,) = (
        function
        for function in result.library._final_module.functions
        if "first_of" in function.name and not function.is_declaration
    )
    # For each array there are five numbers, and two for each of its dimensions.
    assert 2 <= len(list(part.arguments)) <= 7


def test_a_part_of_one_function_is_not_taken_for_that_of_another() -> None:
    """The process ended: a part without most of its arguments was called with all of them."""
    arrays = tuple(np.arange(3.0) + place for place in range(12))
    assert sum_of_two(arrays) == 1.0 + 2.0
    assert first_and_last(arrays) == 1.0 + 3.0
