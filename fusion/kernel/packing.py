"""The least that must be refused of requests that share one resource, by someone who knows all of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fusion.kernel import compiled
from fusion.kernel.arrays import Floats, Int32s, Int64s


class Packing(NamedTuple):
    """What is kept of the requests so far, by departure. Changed by `pack`."""

    departure: Floats
    """float64[place], ascending from place cursor[0] to cursor[1] - 1."""
    kept: Int64s
    """int64[place], what of the request is kept, above 0."""
    cursor: Int64s
    """int64[2]: first place that is in use, first that is not."""
    used: Int64s
    """int64[2]: the sum of what is kept, and the sum of what was refused so far."""


def new_packing(capacity: int) -> Packing:
    """Return one without requests. Each that is kept, in whole or in part, uses at least 1."""
    places = 2 * capacity + 64
    two = np.zeros((2, 2), dtype=np.int64)
    return Packing(np.empty(places), np.empty(places, dtype=np.int64), two[0], two[1])


@compiled(is_kept=True, nogil=True)
def pack(
    packing: Packing,
    capacity: int,
    need: Int64s,
    arrival: Floats,
    holding: Floats,
    pair: Int32s,
    bit_rate: Int32s,
    offered: Int64s,
) -> None:
    """Take requests in the order of their arrival, and whenever they need more than there is refuse enough.

    What is refused is always of those that would stay longest, and may be a part of a request: with hindsight
    nothing else refuses less in all, see docs/bounds.md. need: int64[pair, bit rate], 0 for requests that do
    not use the resource; none above the capacity. offered: int64[pair, bit rate], counts those that do.
    """
    departure, kept = packing.departure, packing.kept
    first, end = packing.cursor[0], packing.cursor[1]
    used, refused = packing.used[0], packing.used[1]
    places = departure.shape[0]
    for i in range(arrival.shape[0]):
        amount = need[pair[i], bit_rate[i]]
        if amount <= 0:
            continue
        offered[pair[i], bit_rate[i]] += 1
        now = arrival[i]
        while first < end and departure[first] <= now:
            used -= kept[first]
            first += 1
        if first == end:
            first, end = np.int64(0), np.int64(0)
        elif end == places:
            for place in range(end - first):
                departure[place] = departure[first + place]
                kept[place] = kept[first + place]
            end -= first
            first = np.int64(0)
        leaves = now + holding[i]
        low, high = first, end
        while low < high:
            middle = (low + high) >> 1
            if departure[middle] <= leaves:
                low = middle + 1
            else:
                high = middle
        for place in range(end, low, -1):
            departure[place] = departure[place - 1]
            kept[place] = kept[place - 1]
        departure[low] = leaves
        kept[low] = amount
        end += 1
        used += amount
        while used > capacity:
            over = used - capacity
            if kept[end - 1] > over:
                kept[end - 1] -= over
                refused += over
                used = capacity
            else:
                refused += kept[end - 1]
                used -= kept[end - 1]
                end -= 1
    packing.cursor[0], packing.cursor[1] = first, end
    packing.used[0], packing.used[1] = used, refused
