"""What an agent sees: a request and the network as numbers, and which actions can be done.

`scenario.layout` says what each number is and where it stands.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.kernel import inner
from fusion.kernel.arrays import Floats, Int32s, Int64s, Network, State
from fusion.kernel.spectrum import ONE, ONES, WORD_BITS, ZERO, common_word, trailing_zeros

Float32s = NDArray[np.float32]
Int8s = NDArray[np.int8]

PATH_FEATURES = 5
BLOCK_FEATURES = 2


class View(NamedTuple):
    """How a request and the network are shown."""

    ends: Int32s
    """int32[pair, 2]: source and destination."""
    bit_rate: Floats
    """float64[bit rate], 1 for the highest."""
    hops: Floats
    """float64[path], 1 for the most."""
    offset: Int64s
    """int64[plane + 1]: slots of a link in the planes before; the last entry: in all."""
    nodes: int
    candidates: int
    """Paths of the pair that has most."""
    blocks: int
    """Free blocks of a path among which an action chooses."""
    largest: int
    """Slots of the largest plane."""
    longest: float
    """Holding time that is shown as 1; 0: holding times are not shown."""


@inner
def show_path(
    network: Network,
    view: View,
    state: State,
    path: int,
    width: int,
    feature: Float32s,
    mask: Int8s,
    choice: Int32s,
) -> None:
    """Write the features of one path, and of the blocks on it that are wide enough the first ones.

    width: of the request; 0: it is out of reach. feature: float32[feature of a path]. mask, choice: [block],
    as in `environment_loop.Shown` and `Episodes`.
    """
    free, links = state.free, network.links
    hop, end = network.first_hop[path], network.first_hop[path + 1]
    planes, words = free.shape[0], free.shape[2]
    slots = view.offset[planes]
    total, largest, number, found = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    for plane in range(planes):
        start, size = np.int64(0), np.int64(0)
        for word in range(words + 1):
            rest = ZERO
            if word < words:
                rest = common_word(free, plane, links, hop, end, word)
            used_bits = np.int64(0)
            while used_bits < WORD_BITS:
                ones = WORD_BITS if rest == ONES else trailing_zeros(~rest)
                ones = min(ones, WORD_BITS - used_bits)
                if size == 0:
                    start = word * WORD_BITS + used_bits
                size += ones
                used_bits += ones
                if used_bits == WORD_BITS:
                    break
                if size > 0:
                    total += size
                    number += 1
                    largest = max(largest, size)
                    if size >= width > 0 and found < view.blocks:
                        at = PATH_FEATURES + BLOCK_FEATURES * found
                        feature[at] = (view.offset[plane] + start) / slots
                        feature[at + 1] = size / view.largest
                        mask[found] = 1
                        choice[found, 0] = plane
                        choice[found, 1] = start
                        found += 1
                size = np.int64(0)
                rest = rest >> np.uint64(ones)
                if not rest:
                    break
                zeros = trailing_zeros(rest)
                rest = rest >> np.uint64(zeros)
                used_bits += zeros
    feature[0] = view.hops[path]
    feature[1] = min(width / view.largest, 1.0)
    feature[2] = total / slots
    feature[3] = largest / view.largest
    feature[4] = total / (number * view.largest) if number > 0 else 0.0


@inner
def show_ends(
    view: View,
    pair: int,
    bit_rate: int,
    holding: float,
    features: Float32s,
    mask: Int8s,
    choice: Int32s,
) -> Any:
    """Write what a request asks for, and nothing of its paths; return where these come in `features`."""
    features[:] = 0.0
    mask[:] = 0
    choice[:, :] = -1
    features[view.ends[pair, 0]] = 1.0
    features[view.nodes + view.ends[pair, 1]] = 1.0
    at = 2 * view.nodes
    features[at] = view.bit_rate[bit_rate]
    at += 1
    if view.longest > 0.0:
        features[at] = min(holding / view.longest, 1.0)
        at += 1
    return at


@inner
def allow_to_block(mask: Int8s, may_block: int) -> None:
    """Write whether the last action, which blocks, can be done."""
    last = mask.shape[0] - 1
    has_room = False
    for action in range(last):
        if mask[action]:
            has_room = True
    mask[last] = 1 if may_block or not has_room else 0


@inner
def show(
    network: Network,
    view: View,
    state: State,
    pair: int,
    bit_rate: int,
    holding: float,
    may_block: int,
    features: Float32s,
    mask: Int8s,
    choice: Int32s,
) -> None:
    """Write what is known of a request, and which actions can be done."""
    at = show_ends(view, pair, bit_rate, holding, features, mask, choice)
    first, end = network.first_path[pair], network.first_path[pair + 1]
    size = PATH_FEATURES + BLOCK_FEATURES * view.blocks
    for candidate in range(view.candidates):
        for found in range(view.blocks):
            features[at + PATH_FEATURES + BLOCK_FEATURES * found] = (
                1.0  # no block: it starts at the end
            )
        path = first + candidate
        if path < end:
            show_path(
                network,
                view,
                state,
                path,
                network.width[network.width_row[path], bit_rate],
                features[at : at + size],
                mask[candidate * view.blocks : (candidate + 1) * view.blocks],
                choice[candidate * view.blocks : (candidate + 1) * view.blocks],
            )
        at += size
    allow_to_block(mask, may_block)


@inner
def show_free(view: View, state: State, free: Int8s) -> None:
    """Write int8[link, slot over all planes], 1 where a slot is free."""
    for plane in range(state.free.shape[0]):
        first, slots = view.offset[plane], view.offset[plane + 1] - view.offset[plane]
        for link in range(state.free.shape[1]):
            for word in range(state.free.shape[2]):
                bits = state.free[plane, link, word]
                at = first + WORD_BITS * word
                for slot in range(min(WORD_BITS, slots - WORD_BITS * word)):
                    free[link, at + slot] = np.int8((bits >> np.uint64(slot)) & ONE)
