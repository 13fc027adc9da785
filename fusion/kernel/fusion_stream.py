"""The requests of the original FUSION, read from its stream of random numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusion.kernel import compiled
from fusion.kernel.arrays import Floats, Int32s, Int64s


@compiled(is_kept=True, nogil=True)
def read_requests(
    uniform: Floats,
    quota: Int64s,
    nodes: int,
    drawn: int,
    to_arrival: Floats,
    to_holding: Floats,
    source: Int32s,
    destination: Int32s,
    bit_rate: Int32s,
) -> Any:
    """Fill requests from number `drawn` on, and return how many are filled and how many numbers that took.

    uniform: float64[number], in [0, 1). Five for a request: time to its arrival, holding time, source,
    destination, bit rate; a destination that is the source and a bit rate whose quota is used up are drawn
    again at once. A request for which the numbers do not suffice is not begun. quota: int64[bit rate],
    requests that are still to have it; changed. nodes: how many there are to choose from. to_arrival,
    to_holding: float64[request], receive the numbers as they are.
    """
    used = 0
    while drawn < to_arrival.shape[0]:
        place = used
        if place + 5 > uniform.shape[0]:
            break
        to_arrival[drawn] = uniform[place]
        to_holding[drawn] = uniform[place + 1]
        start = np.int64(uniform[place + 2] * nodes)
        place += 3
        end = start
        while end == start and place < uniform.shape[0]:
            end = np.int64(uniform[place] * nodes)
            place += 1
        chosen = np.int64(-1)
        while chosen < 0 and end != start and place < uniform.shape[0]:
            candidate = np.int64(uniform[place] * quota.shape[0])
            place += 1
            if quota[candidate] > 0:
                chosen = candidate
        if chosen < 0:
            break
        quota[chosen] -= 1
        source[drawn] = start
        destination[drawn] = end
        bit_rate[drawn] = chosen
        used = place
        drawn += 1
    return drawn, used
