"""The network as a graph: numbers of each link, and which links each candidate path takes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.kernel import inner
from fusion.kernel.arrays import Floats, Network, Words
from fusion.kernel.observation import Float32s
from fusion.kernel.spectrum import free_and_largest_block

Int16s = NDArray[np.int16]

LINK_FEATURES = 4
"""Length, share of slots taken, share of slots free, size of the largest free block."""

NO_LINK = -1
"""Stands behind the last link of a path."""


class GraphView(NamedTuple):
    """How links are shown."""

    length: Floats
    """float64[link], 1 for the longest."""
    link_slots: Floats
    """float64[link]: slots of all planes."""
    most_slots: float
    """Of any link."""
    largest: float
    """Slots of the largest plane."""


@inner
def show_links(view: GraphView, free: Words, links: Float32s) -> None:
    """Write float32[link, number], what is up and what is down alike."""
    for link in range(free.shape[1]):
        number, largest = np.int64(0), np.int64(0)
        for plane in range(free.shape[0]):
            here, block = free_and_largest_block(free, plane, link)
            number += here
            largest = max(largest, block)
        links[link, 0] = view.length[link]
        links[link, 1] = 1.0 - number / view.link_slots[link]
        links[link, 2] = number / view.most_slots
        links[link, 3] = largest / view.largest


@inner
def show_path_links(network: Network, pair: int, path_links: Int16s) -> None:
    """Write int16[candidate, hop]: the link of each hop of each path; then NO_LINK."""
    first, end = network.first_path[pair], network.first_path[pair + 1]
    for candidate in range(path_links.shape[0]):
        hop = end_hop = np.int64(0)
        if first + candidate < end:
            hop = np.int64(network.first_hop[first + candidate])
            end_hop = np.int64(network.first_hop[first + candidate + 1])
        for place in range(path_links.shape[1]):
            is_there = hop + place < end_hop
            path_links[candidate, place] = network.links[hop + place] if is_there else NO_LINK
