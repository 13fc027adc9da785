"""Eight words at once, against integers of Python."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion.kernel import compiled
from fusion.kernel.lanes import (
    LANES,
    in_each,
    larger_of,
    ones_of,
    put_bits,
    put_words,
    smaller_of,
    some_words_at,
    where_any,
    words_at,
    words_from,
    zeros_above,
    zeros_below,
)

ALL = 2**64 - 1


@compiled
def compute(one: Any, other: Any, shift: Any, three: Any, number: int, out: Any) -> None:
    a, b, c = words_at(one, 0), words_at(other, 0), words_at(shift, 0)
    results = (
        a & b,
        a | b,
        a ^ b,
        ~a,
        a + b,
        a - b,
        a << c,
        a >> c,
        ones_of(a),
        zeros_below(a),
        zeros_above(a),
        larger_of(a, b),
        smaller_of(a, b),
        words_from(a, b, c),
        where_any(a, b, c),
        in_each(one[3]),
        words_at(three, 11),
        some_words_at(three, 30, number),
    )
    for row in range(len(results)):
        put_words(out, row * out.shape[1] + 2, results[row])


words = st.lists(
    st.one_of(st.integers(0, ALL), st.sampled_from([0, 1, 2**63, ALL])),
    min_size=LANES,
    max_size=LANES,
)


@given(
    one=words,
    other=words,
    shift=st.lists(st.integers(0, 63), min_size=LANES, max_size=LANES),
    number=st.integers(0, LANES),
)
@settings(derandomize=True, deadline=None)
def test_each_lane_is_what_an_integer_is(
    one: list[int], other: list[int], shift: list[int], number: int
) -> None:
    three = np.arange(38, dtype=np.uint64).reshape(1, 2, 19)
    out = np.zeros((18, LANES + 3), dtype=np.uint64)
    arrays = [np.array(each, dtype=np.uint64) for each in (one, other, shift)]
    compute(*arrays, three, number, out)
    wanted = [
        (
            a & b,
            a | b,
            a ^ b,
            ~a & ALL,
            (a + b) & ALL,
            (a - b) & ALL,
            (a << c) & ALL,
            a >> c,
            a.bit_count(),
            (a & -a).bit_length() - 1 if a else 64,
            64 - a.bit_length(),
            max(a, b),
            min(a, b),
            ((b << 64 | a) >> c) & ALL,
            b if a else c,
            one[3],
            11 + lane,
            30 + lane if lane < number else 0,
        )
        for lane, (a, b, c) in enumerate(zip(one, other, shift, strict=True))
    ]
    assert out[:, 2 : 2 + LANES].T.tolist() == [list(each) for each in wanted]
    assert not out[:, :2].any()
    assert not out[:, 2 + LANES :].any()


@compiled
def write_bits(out: Any, place: int, word: Any, number: int) -> None:
    put_bits(out, place, word, number)


@given(word=st.integers(0, ALL), number=st.integers(1, 64), place=st.integers(0, 4))
@settings(derandomize=True, deadline=None)
def test_bits_are_numbers_and_nothing_else_is_written(word: int, number: int, place: int) -> None:
    out = np.full((2, 34), 7, dtype=np.int8)
    write_bits(out, place, np.uint64(word), number)
    flat = out.ravel().tolist()
    assert flat[place : place + number] == [word >> bit & 1 for bit in range(number)]
    assert flat[:place] + flat[place + number :] == [7] * (68 - number)
