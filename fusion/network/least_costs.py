"""Least costs from one node of a graph to all others (Dijkstra's algorithm)."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence

UNREACHED = 1 << 128
"""Cost of a node that no way leads to."""


def least_costs(
    neighbours: Sequence[Iterable[tuple[int, int]]],
    start: int,
    banned: Sequence[int] = (),
    until: int = -1,
) -> tuple[list[int], list[int]]:
    """Return the least cost from `start` to each node, and the node before it on the way, -1 where none is.

    neighbours: [node] -> (neighbour, cost of the link, at least 0). Nodes in `banned` are not used; the
    search ends once `until` is settled. Of equal ways the one that was found first stays.
    """
    costs = [UNREACHED] * len(neighbours)
    before = [-1] * len(neighbours)
    for node in banned:
        costs[node] = -1  # never improved
    costs[start] = 0
    queue = [(0, start)]
    while queue:
        cost, settled = heapq.heappop(queue)
        if settled == until:
            break
        if cost > costs[settled]:
            continue
        for node, link_cost in neighbours[settled]:
            if cost + link_cost < costs[node]:
                costs[node] = cost + link_cost
                before[node] = settled
                heapq.heappush(queue, (cost + link_cost, node))
    return costs, before
