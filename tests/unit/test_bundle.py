"""Arguments that are handed over as one address."""

from __future__ import annotations

import gc
from typing import Any, NamedTuple

import numpy as np
import pytest

from fusion.kernel import compiled, inner
from fusion.kernel.bundle import Bundle, arguments_of


class Inside(NamedTuple):
    grid: Any
    rate: float
    is_on: bool
    nothing: None


class Outside(NamedTuple):
    inside: Inside
    number: int
    flags: Any


@inner
def is_absent(value: Any) -> Any:
    return 1 if value is None else 0


@compiled(is_kept=True)
def look(bundle: Any, out: Any) -> Any:
    outside, words = arguments_of(bundle)
    inside = outside.inside
    total = 0.0
    for row in range(inside.grid.shape[0]):
        for column in range(inside.grid.shape[1]):
            total += inside.grid[row, column] * 10.0**row
    out[0] = total
    out[1] = inside.rate
    out[2] = outside.number
    out[3] = 1.0 if inside.is_on else 0.0
    out[4] = is_absent(inside.nothing)
    out[5] = 1.0 if outside.flags[1] else 0.0
    words[0] += np.uint64(1)
    return words.shape[0], out.size


def make(words: Any, **changes: Any) -> Bundle:
    grid = np.arange(12, dtype=np.int32).reshape(4, 3)[::2, ::-1]  # by its strides
    inside = Inside(grid, 0.1, True, None)._replace(**changes)
    return Bundle(Outside(inside, -7, np.array([False, True])), words)


def test_a_compiled_function_sees_the_arguments() -> None:
    words, out = np.array([2**64 - 2, 3], dtype=np.uint64), np.zeros(6)
    call = make(words).call_of(look, out)
    gc.collect()  # nothing but the call holds the arrays
    assert call(out) == (2, 6)
    assert out.tolist() == [3.0 + 10 * 21.0, 0.1, -7.0, 1.0, 1.0, 1.0]
    assert words.tolist() == [2**64 - 1, 3]
    make(words, is_on=False).call_of(look, out)(out)
    assert out[3] == 0.0
    assert words[0] == 0


def test_what_an_array_has_may_change_between_calls() -> None:
    words, out = np.zeros(1, dtype=np.uint64), np.zeros(6)
    call = make(words).call_of(look, out)
    for _ in range(3):
        words += np.uint64(10)
        call(out)
    assert words[0] == 33


def test_what_cannot_be_in_it_is_refused() -> None:
    for wrong in ("text", np.float32(1.0), [1, 2]):
        with pytest.raises(TypeError, match="a bundle cannot hold"):
            make(np.zeros(1, dtype=np.uint64), rate=wrong)
