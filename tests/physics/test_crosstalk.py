import math

import numpy as np
import pytest

from fusion.network.cores import LAYOUTS, adjacency, core_positions
from fusion.network.physics.crosstalk import (
    crosstalk_db,
    crosstalk_passes,
    mean_crosstalk,
    power_coupling,
)
from fusion.network.physics.fibre import Fibre

DEGREES = {
    1: [0],
    4: [2] * 4,
    7: [3] * 6 + [6],
    13: [5] * 6 + [6] + [2] * 6,
    19: [6] * 7 + [4] * 6 + [3] * 6,
}
H = 1e-10


@pytest.mark.parametrize("cores", LAYOUTS)
def test_adjacency_is_symmetric_and_has_the_degrees_of_its_layout(cores):
    adjacent = adjacency(cores)
    assert adjacent.shape == (cores, cores)
    assert (adjacent == adjacent.T).all()
    assert not adjacent.diagonal().any()
    assert adjacent.sum(axis=1).tolist() == DEGREES[cores]


def test_neighbours_in_a_square_and_a_hexagon():
    assert np.argwhere(adjacency(4)[0]).ravel().tolist() == [1, 3]
    seven = adjacency(7)
    assert [np.argwhere(seven[core]).ravel().tolist() for core in (0, 3, 5)] == [
        [1, 5, 6],
        [2, 4, 6],
        [0, 4, 6],
    ]


def test_larger_fibres_contain_the_smaller_ones():
    assert (adjacency(19)[:13, :13] == adjacency(13)).all()
    assert (adjacency(13)[:7, :7] == adjacency(7)).all()
    nineteen = adjacency(19)
    assert np.argwhere(nineteen[7]).ravel().tolist() == [0, 1, 13, 14]
    assert np.argwhere(nineteen[13]).ravel().tolist() == [0, 7, 12]


@pytest.mark.parametrize("cores", LAYOUTS[1:])
def test_no_two_cores_are_closer_than_the_pitch(cores):
    positions = core_positions(cores)
    distance = np.linalg.norm(positions[:, None] - positions, axis=2)
    assert distance[~np.eye(cores, dtype=bool)].min() == pytest.approx(1.0)


def test_another_number_of_cores_is_refused():
    with pytest.raises(ValueError, match="cores = 12: must be one of 1, 4, 7, 13, 19"):
        adjacency(12)


def test_power_coupling_by_hand():
    # 2 * (4e-4)² * 0.05 / (4e6 * 4e-5)
    assert power_coupling(Fibre()) == pytest.approx(1e-10, rel=1e-12)
    assert power_coupling(Fibre(bend_radius=0.1)) == pytest.approx(2e-10, rel=1e-12)


def test_mean_crosstalk_by_hand():
    # n = 6, h L = 0.01: x = 7 * 0.02 = 0.14, e = 0.869358; 6 * 0.130642 / (1 + 5.216149)
    assert mean_crosstalk(6, 1e8, H) == pytest.approx(0.126099, rel=1e-5)
    # x = 0.07, e = 0.932394; 6 * 0.067606 / (1 + 5.594364)
    assert mean_crosstalk(6, 1e8, H, "coupled_power") == pytest.approx(0.061513, rel=1e-4)
    # 6 * tanh(0.01)
    assert mean_crosstalk(6, 1e8, H, "pairs") == pytest.approx(0.0599980, rel=1e-6)


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_coupled_power_solves_the_equations_of_coupled_power(n):
    """dP_m/dz = h sum over neighbours of (P_k - P_m), light in the middle core only; by Euler steps."""
    h, length, steps = 1e-6, 2e5, 20_000
    power = np.zeros(n + 1)
    power[0] = 1.0
    for _ in range(steps):
        flow = h * length / steps * (power[0] - power[1:])
        power[1:] += flow
        power[0] -= flow.sum()
    assert mean_crosstalk(n, length, h, "coupled_power") == pytest.approx(
        power[1:].sum() / power[0], rel=1e-3
    )


def test_weak_crosstalk_is_proportional_to_length_and_neighbours():
    n, length = np.array([[1], [3], [6]]), np.array([1e5, 2e6])
    for form, factor in (("doubled", 2), ("coupled_power", 1), ("pairs", 1)):
        weak = mean_crosstalk(n, length, H, form)
        assert weak == pytest.approx(factor * n * H * length, rel=3e-3)


def test_strong_crosstalk_ends_with_equal_power_in_all_cores():
    assert mean_crosstalk(6, 1e13, H) == pytest.approx(6)
    assert mean_crosstalk(6, 1e13, H, "pairs") == pytest.approx(6)


def test_no_neighbour_or_no_length_is_no_crosstalk():
    for form in ("doubled", "coupled_power", "pairs"):
        assert mean_crosstalk([0, 6], [1e6, 0.0], H, form).tolist() == [0.0, 0.0]
    assert crosstalk_db(0.0) == -math.inf


def test_formats_pass_below_their_threshold():
    passes = crosstalk_passes(10 ** (np.array([-26.1, -26.2, -36.7, -41.7]) / 10))
    assert passes.sum(axis=1).tolist() == [0, 1, 2, 3]
    assert crosstalk_passes(0.0).all()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((-1, 1e5, H), "adjacent = -1: must be integers from 0"),
        ((1, -1e5, H), "length = -100000: must be finite and not negative"),
        ((1, 1e5, -H), "coupling = -1e-10: must be finite and not negative"),
        ((1, 1e5, H, "pair"), "form = pair: must be one of doubled, coupled_power, pairs"),
    ],
)
def test_bad_arguments_are_refused(arguments, said):
    with pytest.raises(ValueError, match="must be") as error:
        mean_crosstalk(*arguments)
    assert said in str(error.value)
