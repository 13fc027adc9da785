"""More of each path and of each free block than `observation` shows: what good heuristics look at.

The numbers of a path follow those of `observation.show_path`, and those of `connection_environment` where
there are some: its spectral efficiency, how many free blocks it has, how full its links are; and of each
block at whose start an action places the lightpath whether it is filled, how many free blocks of links the
lightpath cuts in two there, and how much of the block is left over. Where an action is a path alone, further
numbers have what the place that is taken on it costs of the capacity (see `capacity`). `scenario.layout`
names them.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.kernel import inner
from fusion.kernel.arrays import Floats, Int32s, Int64s, Network, Words
from fusion.kernel.capacity import Capacity, loss_of
from fusion.kernel.observation import Float32s, View
from fusion.kernel.spectrum import (
    ONE,
    TOP,
    WORD_BITS,
    ZERO,
    common_word,
    count_free,
    count_ones,
    free_from,
)

MORE_OF_A_PATH = 4
MORE_OF_A_BLOCK = 3
MORE_OF_A_PLACE = 3


class BlockView(NamedTuple):
    """How more is shown of paths and of blocks."""

    head: int
    """Numbers of an observation before those of paths."""
    small: int
    """Numbers of a path that are shown already."""
    size: int
    """Numbers of a path."""
    gbps: Floats
    """float64[bit rate]."""
    most_efficient: float
    """Most Gb/s per slot of any lightpath."""
    most_blocks: float
    """Free blocks of a path where every second slot is free."""
    link_slots: Floats
    """float64[link]: slots of all planes."""
    offset: Int64s
    """int64[plane + 1]: as in `View`."""


@inner
def is_free(free: Words, plane: int, link: int, slot: int) -> Any:
    """Return whether a slot of a link is free; False beyond the ends."""
    if slot < 0 or slot >= free.shape[2] * WORD_BITS:
        return False
    return (free[plane, link, slot >> 6] >> np.uint64(slot & 63)) & ONE != ZERO


@inner
def cuts_of(network: Network, free: Words, path: int, plane: int, start: int, width: int) -> Any:
    """Return on how many links of a path a lightpath would cut a free block in two."""
    cuts = np.int64(0)
    for hop in range(network.first_hop[path], network.first_hop[path + 1]):
        link = np.int64(network.links[hop])
        if is_free(free, plane, link, start - 1) and is_free(free, plane, link, start + width):
            cuts += 1
    return cuts


@inner
def count_blocks(network: Network, free: Words, path: int) -> Any:
    """Return the number of free blocks of a path."""
    hop, end = network.first_hop[path], network.first_hop[path + 1]
    number = np.int64(0)
    for plane in range(free.shape[0]):
        before = ZERO
        for word in range(free.shape[2]):
            bits = common_word(free, plane, network.links, hop, end, word)
            number += count_ones(bits & ~((bits << ONE) | before))
            before = bits >> TOP
    return number


@inner
def load_of_links(network: Network, free: Words, link_slots: Floats, path: int) -> Any:
    """Return the share of slots that are taken: the highest and the mean over the links of a path."""
    hop, end = network.first_hop[path], network.first_hop[path + 1]
    highest, total = 0.0, 0.0
    for h in range(hop, end):
        link = np.int64(network.links[h])
        count = np.int64(0)
        for plane in range(free.shape[0]):
            count += count_free(free, plane, link)
        taken = 1.0 - count / link_slots[link]
        highest = max(highest, taken)
        total += taken
    return highest, total / (end - hop)


@inner
def show_more_of_path(
    network: Network,
    width_row: Int32s,
    view: View,
    more: BlockView,
    free: Words,
    path: int,
    bit_rate: int,
    choice: Int32s,
    feature: Float32s,
) -> None:
    """Write more of a path behind the first `more.small` numbers of it, which are there.

    width_row: int32[path], as in `Network`, with the links that are down. choice: int32[block, 2 or 3]:
    plane, first slot and perhaps the column of the width of what each action places; or less than 0.
    feature: float32[number of a path].
    """
    hops = network.first_hop[path + 1] - network.first_hop[path]
    at = more.small
    width = np.int64(np.rint(feature[1] * view.largest))
    if width > 0:
        feature[at] = min(more.gbps[bit_rate] / (width * more.most_efficient), 1.0)
    feature[at + 1] = count_blocks(network, free, path) / more.most_blocks
    feature[at + 2], feature[at + 3] = load_of_links(network, free, more.link_slots, path)
    at += MORE_OF_A_PATH
    hop, end = network.first_hop[path], network.first_hop[path + 1]
    for block in range(view.blocks):
        plane = np.int64(choice[block, 0])
        if plane >= 0:
            start = np.int64(choice[block, 1])
            column = np.int64(choice[block, 2]) if choice.shape[1] > 2 else np.int64(bit_rate)
            width = np.int64(network.width[width_row[path], column])
            left = free_from(free, plane, network.links, hop, end, start) - width
            cuts = cuts_of(network, free, path, plane, start, width)
            feature[at] = 1.0 if left == 0 else 0.0
            feature[at + 1] = view.hops[path] * cuts / hops
            feature[at + 2] = left / view.largest
        at += MORE_OF_A_BLOCK


@inner
def show_more(
    network: Network,
    width_row: Int32s,
    view: View,
    more: BlockView,
    free: Words,
    pair: int,
    bit_rate: int,
    choice: Int32s,
    shown: Float32s,
    features: Float32s,
) -> None:
    """Write the observation of the kind `blocks` from that of the kind `features` for the same request.

    choice: int32[action, 2 or 3], as `observation.show` and `connection_environment.show_connection` write
    it. shown: float32[feature], what these wrote. features: float32[number].
    """
    first, end = network.first_path[pair], network.first_path[pair + 1]
    for number in range(more.head):
        features[number] = shown[number]
    for candidate in range(view.candidates):
        of, to = more.head + candidate * more.small, more.head + candidate * more.size
        for number in range(more.small):
            features[to + number] = shown[of + number]
        for number in range(more.small, more.size):
            features[to + number] = 0.0
        if first + candidate < end:
            show_more_of_path(
                network,
                width_row,
                view,
                more,
                free,
                np.int64(first + candidate),
                bit_rate,
                choice[candidate * view.blocks : (candidate + 1) * view.blocks],
                features[to : to + more.size],
            )


@inner
def show_places(
    network: Network,
    capacity: Capacity,
    width_row: Int32s,
    more: BlockView,
    most_lost: float,
    share: Float32s,
    free: Words,
    pair: int,
    bit_rate: int,
    choice: Int32s,
    place: Int32s,
    features: Float32s,
) -> None:
    """Write of each path where the action that takes it places a lightpath, and what capacity that takes.

    The last numbers of each path: the first slot of the place, of all slots; 1 where there is none. Then the
    roots of the shares of `most_lost` that a lightpath takes there, and on the first block that is wide
    enough; 1 where there is none. A root, as most losses are small and differ little.

    choice: int32[candidate x block, 2 or 3], as for `show_more`. place: int32[candidate, 2]: plane and first
    slot, or -1; or of size 0: an action takes the first block. share: float32[slot + 1]: of all slots.
    """
    first, end = network.first_path[pair], network.first_path[pair + 1]
    candidates = (features.shape[0] - more.head) // more.size
    blocks = choice.shape[0] // candidates
    for candidate in range(candidates):
        at = more.head + (candidate + 1) * more.size - MORE_OF_A_PLACE
        for number in range(MORE_OF_A_PLACE):
            features[at + number] = 1.0
        block = choice[candidate * blocks]
        if first + candidate >= end or block[0] < 0:
            continue
        path = np.int64(first + candidate)
        row = np.int64(width_row[path])
        column = np.int64(block[2]) if block.shape[0] > 2 else np.int64(bit_rate)
        plane, start = np.int64(block[0]), np.int64(block[1])
        width = np.int64(network.width[row, column])
        loss = float(loss_of(network, capacity, free, path, plane, start, width))
        features[at + 2] = math.sqrt(min(loss / most_lost, 1.0))
        if place.shape[0] > 0:
            width = np.int64(network.width[row, bit_rate])
            if place[candidate, 0] != plane or place[candidate, 1] != start:
                plane, start = np.int64(place[candidate, 0]), np.int64(place[candidate, 1])
                loss = float(loss_of(network, capacity, free, path, plane, start, width))
        features[at] = share[more.offset[plane] + start]
        features[at + 1] = math.sqrt(min(loss / most_lost, 1.0))


def make_block_view(
    network: Network,
    gbps: NDArray[np.float64],
    gbps_of_column: NDArray[np.float64],
    sizes: tuple[int, int, int],
    offset: Int64s,
) -> BlockView:
    """Return how more is shown.

    gbps: float64[bit rate]. gbps_of_column: float64[column of `Network.width`]. sizes: head, small and size.
    offset: int64[plane + 1]: slots of a link in the planes before.
    """
    head, small, size = sizes
    free = np.bitwise_count(network.spectrum).astype(np.int64)
    widths = np.abs(network.width)
    efficient = np.where(widths > 0, gbps_of_column / np.maximum(widths, 1), 0.0)
    return BlockView(
        head=head,
        small=small,
        size=size,
        gbps=gbps,
        most_efficient=float(efficient.max(initial=0.0)) or 1.0,
        most_blocks=float(((free.sum(axis=2) + 1) // 2).sum(axis=0).max()),
        link_slots=free.sum(axis=(0, 2)).astype(np.float64),
        offset=offset,
    )
