"""Arrays that begin with a line of the cache."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusion.kernel import compiled
from fusion.kernel.cache_lines import LINE, fetch, in_lines


@compiled
def fetch_each(array: Any) -> Any:
    for place in range(array.size):
        fetch(array, place)
    return array.size


def test_an_array_begins_with_a_line_and_is_as_others_are() -> None:
    kind = np.dtype([("time", np.float64), ("number", np.int32)])
    for shape, dtype in (((3, 5), np.uint64), ((7,), kind), ((2, 1), np.int32)):
        for _ in range(5):
            array = in_lines(shape, dtype)
            assert array.ctypes.data % LINE == 0
            assert (array.shape, array.dtype) == (shape, np.dtype(dtype))
            assert array.flags.c_contiguous
            assert array.flags.writeable


def test_what_is_fetched_stays_as_it_is() -> None:
    array = in_lines((3, 50), np.uint64)
    array[...] = np.arange(150).reshape(3, 50)
    before = array.copy()
    assert fetch_each(array) == 150
    assert np.array_equal(array, before)
