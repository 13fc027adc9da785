"""Assignment of the spectrum that is not a fit, in cases that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from fusion.config.config import load_config
from fusion.kernel.arrays import Network, make_network, new_state, new_tally
from fusion.kernel.assignment import Assignment
from fusion.scenario.assignment import capacity_of, splits_of
from fusion.scenario.inputs import read_inputs
from fusion.scenario.scenario import make_scenario
from fusion.simulation.assignment_loop import AssignmentLoop

SLOTS = 10
SLOT_COUNTS = np.array([SLOTS])


def chain(taken: dict[int, set[int]], widths: list[list[int]]) -> tuple[Network, np.ndarray]:
    """Return nodes A, B, C in a row, and what is free of the links 0 = AB and 1 = BC.

    Paths and pairs: 0 = AB, 1 = BC, 2 = AC. taken: link -> its slots. widths: of each path, by bit rate.
    """
    network = make_network(
        np.arange(4, dtype=np.int32),
        np.array([0, 1, 2, 4], dtype=np.int32),
        np.array([0, 1, 0, 1], dtype=np.int32),
        np.arange(3),
        np.array(widths, dtype=np.int32),
        2,
        [SLOTS],
    )
    free = network.spectrum.copy()
    for link, slots in taken.items():
        for slot in slots:
            free[0, link, 0] &= ~(np.uint64(1) << np.uint64(slot))
    return network, free


def start_of(
    network: Network, free: np.ndarray, assignment: Assignment, pair: int, bit_rate: int = 0
) -> int:
    """Return where one request goes."""
    state = new_state(network, 1.0, 1.0, keep_usage=False)
    state.free[:] = free
    decision = np.empty((1, 3), dtype=np.int32)
    AssignmentLoop(assignment)(
        *(network, state, new_tally(network), -1, 0, 1000),
        *(np.array([1.0]), np.array([1.0])),
        *(np.array([pair], dtype=np.int32), np.array([bit_rate], dtype=np.int32)),
        *(np.empty(0), decision),
    )
    return int(decision[0, 2])


def by_capacity(network: Network, *, all_widths: bool = False, routes: int = 1) -> Assignment:
    counted = network.width[network.width_row]
    capacity = capacity_of(network, counted, routes, all_widths=all_widths)
    return Assignment(capacity, None, None, None)


def test_mscl_takes_what_is_of_no_use_to_the_routes_that_interfere() -> None:
    """AB is free. On BC 0 ... 3 and 8 are taken, so that AC has 4 ... 7 and 9: 3 starts for width 2.

    On AB a lightpath of width 2 at 0 or 8 takes 2 of 9 starts, and one at 2 takes 3 (1 + 5 remain). AC loses
    nothing at 0, 2 or 8. Of equal losses the lowest start is taken, 0.
    """
    network, free = chain({1: {0, 1, 2, 3, 8}}, [[2], [2], [2]])
    assert start_of(network, free, by_capacity(network), pair=0) == 0
    # With 0 taken on AB, its ends are 1 (AC loses nothing) and 8.
    network, free = chain({0: {0}, 1: {0, 1, 2, 3, 8}}, [[2], [2], [2]])
    assert start_of(network, free, by_capacity(network), pair=0) == 1
    # With BC free where it was taken, and taken in 4 ... 9, the lower end costs AC, and the upper does not.
    network, free = chain({1: {4, 5, 6, 7, 8, 9}}, [[2], [2], [2]])
    assert start_of(network, free, by_capacity(network), pair=0) == 8


def test_mscl_counts_the_widths_of_requests_or_all() -> None:
    """AB has the blocks 0 ... 4 and 6 ... 9, and nothing interferes; a lightpath of 2 slots is asked for.

    Requests have 2 and 5 slots: at 0 the block of 5 loses 4 + 1 - 2 = 3 starts, at 6 that of 4 loses 3 - 1 =
    2. Requests of 2 slots alone: 4 - 2 = 2 at 0, 3 - 1 = 2 at 6, so the lowest. With all widths, 1 and 2:
    9 - 5 = 4 at 0, and 7 - 3 = 4 at 6.
    """
    taken = {0: {5}, 1: set(range(10))}
    network, free = chain(taken, [[2, 5], [0, 0], [0, 0]])
    assert start_of(network, free, by_capacity(network), pair=0) == 6
    network, free = chain(taken, [[2, 0], [0, 0], [0, 0]])
    for all_widths in (False, True):
        assert start_of(network, free, by_capacity(network, all_widths=all_widths), pair=0) == 0
    # 3 slots, and all widths up to 4: 14 - 3 = 11 at 0, and 10 - 1 = 9 at 6.
    network, free = chain(taken, [[3, 4], [0, 0], [0, 0]])
    assert start_of(network, free, by_capacity(network, all_widths=True), pair=0) == 6


def test_mscl_with_a_second_route_of_each_pair() -> None:
    """What counts is routes: with interfering_routes = 1 the second candidate of a pair does not."""
    network = make_network(
        # Pair 0 has one path over link 0; pair 1 first one over link 1, then one over both.
        np.array([0, 1, 3], dtype=np.int32),
        np.array([0, 1, 2, 4], dtype=np.int32),
        np.array([0, 1, 0, 1], dtype=np.int32),
        np.zeros(3, dtype=np.int64),
        np.array([[2]], dtype=np.int32),
        2,
        [SLOTS],
    )
    free = network.spectrum.copy()
    free[0, 1, 0] &= np.uint64(0b1111)  # of link 1 the slots 0 ... 3 are free
    assert start_of(network, free, by_capacity(network), pair=0) == 0
    assert start_of(network, free, by_capacity(network, routes=0), pair=0) == 8
    assert start_of(network, free, by_capacity(network, routes=2), pair=0) == 8


def test_min_cuts_fills_blocks_on_all_links() -> None:
    """AC is free in 2 ... 8. On AB 0 ... 8 is one block, on BC 2 ... 9.

    A lightpath of 3 slots at 2 cuts AB, at 6 BC, in between both.
    """
    network, free = chain({0: {9}, 1: {0, 1}}, [[3], [3], [3]])
    splits = splits_of("min_cuts", network, SLOT_COUNTS)
    assert start_of(network, free, Assignment(None, None, None, splits), pair=2) == 2
    # With AB free in 2 ... 9, and BC in 2 and 4 ... 9, it cuts AB at 4, and nothing at 7.
    network, free = chain({0: {0, 1}, 1: {0, 1, 3}}, [[3], [3], [3]])
    assert start_of(network, free, Assignment(None, None, None, splits), pair=2) == 7


def test_min_misalignment_takes_what_is_taken_on_neighbouring_links() -> None:
    """BC is next to AB on the path AC. On AB the starts 0 and 8 cut nothing; BC is taken in 8 and 9."""
    network, free = chain({1: {8, 9}}, [[2], [2], [2]])
    splits = splits_of("min_misalignment", network, SLOT_COUNTS)
    assert splits.near[splits.first_near[0] : splits.first_near[1]].tolist() == [1]
    assert splits.near[splits.first_near[2] : splits.first_near[3]].tolist() == []
    assert start_of(network, free, Assignment(None, None, None, splits), pair=0) == 8
    cuts = splits_of("min_cuts", network, SLOT_COUNTS)
    assert start_of(network, free, Assignment(None, None, None, cuts), pair=0) == 0


def test_min_entropy_prefers_the_end_of_a_small_block() -> None:
    """Blocks of 3 and 6 slots, of 10: to fill 2 of 3 changes - sum p ln p by .1 ln 10 - .3 ln (10 / 3).

    That is -0.131; 2 of 6: .4 ln 2.5 - .6 ln (10 / 6) = +0.060.
    """
    network, free = chain({0: {6}}, [[2], [2], [2]])
    splits = splits_of("min_entropy", network, SLOT_COUNTS)
    assert splits.cost[0, 3] / 2**40 == pytest.approx(0.3 * np.log(10 / 3))
    assert start_of(network, free, Assignment(None, None, None, splits), pair=0) == 7


def test_classes_of_bit_rates() -> None:
    """25 ... 100 Gb/s in two classes: up to 62.5 and above; in three: up to 50, 75 and above."""
    changes = {
        "general_settings": {"allocation_method": "first_last_fit"},
        "routing_settings": {"spectrum_classes": 2},
    }
    config = load_config("nsfnet_100_slots", changes)
    scenario = make_scenario(config, read_inputs(config))
    assert scenario.assignment is not None
    classes = scenario.assignment.classes
    assert classes is not None
    gbps = scenario.lightpaths.bit_rates_gbps
    assert classes.from_top.tolist() == (gbps > 62.5).tolist()
    assert (classes.low == 0).all()
    assert (classes.high == 100).all()

    changes["routing_settings"]["spectrum_classes"] = 3
    changes["general_settings"]["allocation_method"] = "dedicated_partition"
    config = load_config("nsfnet_100_slots", changes)
    scenario = make_scenario(config, read_inputs(config))
    assert scenario.assignment is not None
    classes = scenario.assignment.classes
    assert classes is not None
    assert not classes.from_top.any()
    edges = sorted({*classes.low[0].tolist(), *classes.high[0].tolist()})
    assert len(edges) == 4
    assert (edges[0], edges[-1]) == (0, 100)
    assert (gbps[classes.low[0] == edges[1]].min(), gbps[classes.low[0] == edges[1]].max()) == (
        51,
        75,
    )
    # Half of the class's slots belong to it: the mean widths grow with the bit rate.
    sizes = np.diff(edges)
    assert sizes[0] < sizes[1] < sizes[2]
