"""Pairs of nodes and bit rates are drawn by inversion, however the search for them begins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fusion.scenario.traffic import TrafficModel, draw_requests

SIZE = 3000


def drawn(shares: np.ndarray, seed: int) -> np.ndarray:
    """Return the pairs of two chunks of requests."""
    model = TrafficModel(shares, np.ones(1), 1.0, "exponential")
    chunks = draw_requests(model, 1.0, seed, 0, ties=False, size=SIZE)
    return np.concatenate([next(chunks).pair, next(chunks).pair])


def inverted(shares: np.ndarray, seed: int) -> np.ndarray:
    """Return the same from the definition: the first category whose cumulative share is above the number."""
    of_load = np.array([1.0]).view("<u4").tolist()
    root = np.random.SeedSequence(seed, spawn_key=(*of_load, 0))
    numbers = np.random.Generator(np.random.SFC64(root.spawn(5)[2])).random(2 * SIZE)
    last = int(np.flatnonzero(shares)[-1])
    cumulative = [*np.cumsum(shares)[:last].tolist(), 1.0]
    return np.array([next(i for i, c in enumerate(cumulative) if c > u) for u in numbers])


@given(
    weights=st.lists(
        st.one_of(st.just(0.0), st.floats(1e-12, 1.0), st.integers(1, 5).map(float)),
        min_size=2,
        max_size=40,
    ).filter(lambda weights: len(set(weights)) > 1),
    seed=st.integers(0, 2**32),
)
@example(weights=[1.0, *[1e-9] * 30, 1.0], seed=1)  # many categories where one search begins
@example(weights=[0.0, 1.0, 0.0], seed=1)
def test_a_category_is_drawn_by_inversion(weights: list[float], seed: int) -> None:
    shares = np.array(weights) / np.sum(weights)
    np.testing.assert_array_equal(drawn(shares, seed), inverted(shares, seed))


@pytest.mark.parametrize("power", [1, 30])
def test_as_many_categories_as_a_large_network_has_pairs(power: int) -> None:
    shares = np.random.default_rng(1).random(200_000) ** power
    shares /= shares.sum()
    pairs = drawn(shares, 7)
    cumulative = np.cumsum(shares)
    cumulative[-1] = 1.0
    of_load = np.array([1.0]).view("<u4").tolist()
    root = np.random.SeedSequence(7, spawn_key=(*of_load, 0))
    numbers = np.random.Generator(np.random.SFC64(root.spawn(5)[2])).random(2 * SIZE)
    assert (cumulative[pairs] > numbers).all()
    assert (cumulative[pairs - 1][pairs > 0] <= numbers[pairs > 0]).all()
