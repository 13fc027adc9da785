"""The least that anyone can block of given requests: by any policy, also one that knows what is to come.

For each resource the slots that must be refused are found exactly (`fusion.kernel.packing`), and then the
fewest requests, or the least bit rate, that have so many slots. The second is that of a fractional knapsack.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from fusion.kernel.packing import new_packing, pack
from fusion.scenario.traffic import Requests
from fusion.simulation.bounds.resources import Needs, Resource

_ROUNDING = 1e-9


def least_blocked(
    needs: Needs, resources: Sequence[Resource], requests: Iterable[Requests]
) -> tuple[int, int, float, float]:
    """Return offered and least blocked requests, and offered and least blocked Gb/s.

    resources: of which no two count the same request. requests: the measured ones, from the first; those
    before need not have been served by a policy that wants to block little of these.
    """
    shape = needs.width.shape
    offered = np.zeros(shape, dtype=np.int64)
    packings = [
        (one, new_packing(one.capacity), np.zeros(shape, dtype=np.int64)) for one in resources
    ]
    for chunk in requests:
        types = chunk.pair.astype(np.int64) * shape[1] + chunk.bit_rate
        offered += np.bincount(types, minlength=offered.size).reshape(shape)
        for resource, packing, across in packings:
            pack(
                packing,
                resource.capacity,
                resource.need,
                *(chunk.arrival, chunk.holding, chunk.pair, chunk.bit_rate, across),
            )
    gbps = np.broadcast_to(needs.gbps, shape)
    blocked = int(offered[needs.never].sum())
    blocked_gbps = float((offered * gbps)[needs.never].sum())
    for resource, packing, across in packings:
        refused = int(packing.used[1])
        chosen = across > 0
        slots, count = resource.need[chosen], across[chosen]
        blocked += int(np.ceil(least_cost(refused, slots, count, np.ones(len(slots))) - _ROUNDING))
        blocked_gbps += least_cost(refused, slots, count, gbps[chosen])
    return int(offered.sum()), blocked, float((offered * gbps).sum()), blocked_gbps


def least_cost(
    refused: int, slots: NDArray[np.int64], count: NDArray[np.int64], cost: NDArray[np.float64]
) -> float:
    """Return the least cost of requests, fractions of them allowed, that have so many slots in all.

    slots, count, cost: by type of request. There are enough.
    """
    total, left = 0.0, float(refused)
    for kind in np.argsort(cost / slots, kind="stable").tolist():
        if left <= 0.0:
            break
        taken = min(left / slots[kind], float(count[kind]))
        total += taken * float(cost[kind])
        left -= taken * float(slots[kind])
    return total
