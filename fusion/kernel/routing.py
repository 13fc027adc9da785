"""The order in which candidate paths are tried, and what ranks them while the network fills."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusion.kernel import compiled, inner
from fusion.kernel.arrays import Int32s, Words
from fusion.kernel.spectrum import count_ones, free_and_largest_block

IN_ORDER, ALL_PATHS, BY_CONGESTION, BY_BOTTLENECK, BY_FRAGMENTATION = range(5)
"""Paths are tried as they are listed; or compared all at once; or tried by `path_score`, lowest first."""

BY_INTERFERENCE, BY_CROSSTALK = 5, 6
"""Or by `impairments.path_cost`, in the loop for connections."""


@inner
def path_score(free: Words, links: Int32s, hop: int, end: int, slots: int, choice: int) -> Any:
    """Return what a path over links[hop:end] should have little of.

    BY_CONGESTION: the mean over its links of the share of slots that are taken. BY_BOTTLENECK: minus the free
    slots of the link that has fewest (K.-M. Chan, T. P. Yum, "Analysis of least congested path routing in WDM
    lightwave networks", Proc. IEEE INFOCOM 1994, pp. 962-969). BY_FRAGMENTATION: the sum over its links of
    `fragmentation`. slots: of a link, over all planes.
    """
    score = 0.0
    if choice == BY_CONGESTION:
        taken = np.int64(0)
        for h in range(hop, end):
            taken += slots - free_slots(free, links[h])
        score = taken / ((end - hop) * slots)
    elif choice == BY_BOTTLENECK:
        fewest = np.int64(slots)
        for h in range(hop, end):
            fewest = min(fewest, free_slots(free, links[h]))
        score = -float(fewest)
    elif choice == BY_FRAGMENTATION:
        for h in range(hop, end):
            score += fragmentation(free, links[h])
    return score


@compiled
def free_slots(free: Words, link: int) -> Any:
    """Return the free slots of a link over all planes."""
    total = np.int64(0)
    for plane in range(free.shape[0]):
        for word in range(free.shape[2]):
            total += count_ones(free[plane, link, word])
    return total


@inner
def fragmentation(free: Words, link: int) -> Any:
    """Return the mean over planes of 1 - largest free block / free slots; 1 for a plane that is full."""
    total = 0.0
    for plane in range(free.shape[0]):
        number, largest = free_and_largest_block(free, plane, link)
        total += 1.0 - largest / number if number > 0 else 1.0
    return total / free.shape[0]
