"""Cuts of a network: sets of nodes whose links to the other nodes may be too few for the traffic across."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fusion.network.topology import Topology

Floats = NDArray[np.float64]
Sides = NDArray[np.bool_]

EXHAUSTIVE_NODES = 20
"""Up to so many nodes every cut is looked at: half a million."""
_AT_ONCE = 1 << 14
_KEPT = 200
_IMPROVED = 20


class Congestion:
    """How congested cuts are, from the traffic across and the slots of their links.

    For each cut, from the nodes on its side to the others and back where directions are separate.
    """

    def __init__(
        self, topology: Topology, slots: float, mean: Floats, variance: Floats, *, separate: bool
    ) -> None:
        """slots: of a link. mean, variance: float64[node, node], of the slots that the traffic from row to
        column would use at least if nothing was blocked. separate: whether directions have a spectrum each.
        """
        self._mean, self._variance = mean, variance
        if not separate:
            self._mean, self._variance = mean + mean.T, variance + variance.T
        n = len(topology.nodes)
        self._slots = np.zeros((n, n))
        for a, b, *_ in topology.ways:
            self._slots[a, b] += slots

    def __call__(self, sides: Sides) -> Floats:
        """Return float64[cut], the logarithm of the slots that would be missing on average.

        The slots in use without blocking are taken as normal. sides: bool[cut, node].
        """
        from scipy.special import log_ndtr

        inside = sides.astype(np.float64)
        outside = 1.0 - inside

        def across(matrix: Floats) -> Floats:
            return np.asarray(((inside @ matrix) * outside).sum(axis=1))

        mean, variance = across(self._mean), across(self._variance)
        with np.errstate(divide="ignore", invalid="ignore"):
            deviation = np.sqrt(variance)
            z = (across(self._slots) - mean) / deviation
            # The loss of the normal, phi(z) - z Q(z), loses all digits for large z; there it is phi(z) / z².
            near = np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi) - z * np.exp(log_ndtr(-z))
            far = -0.5 * z * z - 0.5 * np.log(2.0 * np.pi) - 2.0 * np.log(np.abs(z) + 1e-300)
            log = np.log(deviation) + np.where(z > 5.0, far, np.log(np.maximum(near, 1e-300)))
        return np.where(variance > 0.0, log, -np.inf)


def congested_cuts(
    topology: Topology, congestion: Congestion, number: int, *, both_ways: bool
) -> list[tuple[int, ...]]:
    """Return the most congested cuts, each as the nodes on one side, ascending, most congested first.

    both_ways: whether a cut and its opposite are different cuts, as with a spectrum for each direction. With
    more than `EXHAUSTIVE_NODES` nodes not all cuts are looked at: those that part the nodes near a node from
    the others, by km and by hops, and what comes of the best when single nodes change sides. A cut that is
    missed makes a bound lower and not wrong.
    """
    n = len(topology.nodes)
    found: dict[bytes, tuple[float, Sides]] = {}

    def consider(sides: Sides) -> None:
        nonlocal found
        scores = congestion(sides)
        best = np.argsort(-scores, kind="stable")[:_KEPT]
        found |= {sides[i].tobytes(): (float(scores[i]), sides[i]) for i in best.tolist()}
        if len(found) > 4 * _KEPT:
            found = dict(sorted(found.items(), key=_order)[:_KEPT])

    if n <= EXHAUSTIVE_NODES:
        # A side is a number in binary; the last node is on the other side unless both ways count.
        last = (1 << n) - 1 if both_ways else 1 << (n - 1)
        for start in range(1, last, _AT_ONCE):
            numbers = np.arange(start, min(start + _AT_ONCE, last))
            consider((numbers[:, None] >> np.arange(n) & 1).astype(np.bool_))
    else:
        consider(_near(topology, both_ways=both_ways))
        for _, side in sorted(found.items(), key=_order)[:_IMPROVED]:
            _improve(side[1], congestion, consider)
    best_first = sorted(found.items(), key=_order)
    return [
        tuple(np.flatnonzero(side).tolist())
        for _, (score, side) in best_first[:number]
        if score > -np.inf
    ]


def _order(item: tuple[bytes, tuple[float, Sides]]) -> tuple[float, bytes]:
    return -item[1][0], item[0]


def _near(topology: Topology, *, both_ways: bool) -> Sides:
    """Return bool[cut, node]: for each node those nearest to it, by km and by hops, 1 to all but one."""
    n = len(topology.nodes)
    sides = []
    for km in (True, False):
        distance = least_lengths(topology, [km_ if km else 1.0 for _, _, km_, _ in topology.ways])
        for node in range(n):
            order = np.lexsort((np.arange(n), distance[node]))
            side = np.zeros(n, dtype=np.bool_)
            for each in order[:-1]:
                side[each] = True
                sides.append(side.copy())
    found = np.array(sides)
    if both_ways:
        found = np.concatenate([found, ~found])
    return np.unique(found, axis=0)


def _improve(side: Sides, congestion: Congestion, consider: object) -> None:
    """Move nodes to the other side, one at a time, for as long as that makes the cut more congested."""
    assert callable(consider)
    current = float(congestion(side[None])[0])
    while True:
        moved = side ^ np.eye(len(side), dtype=np.bool_)
        scores = congestion(moved)
        best = int(np.argmax(scores))
        if not scores[best] > current:
            return
        side, current = moved[best], float(scores[best])
        consider(side[None])


def least_lengths(topology: Topology, lengths: Sequence[float]) -> Floats:
    """Return float64[node, node], the length of the shortest path, 0 on the diagonal.

    lengths: of `Topology.ways`, at least 0.
    """
    n = len(topology.nodes)
    distance = np.full((n, n), np.inf)
    np.fill_diagonal(distance, 0.0)
    for (a, b, *_), length in zip(topology.ways, lengths, strict=True):
        distance[a, b] = min(distance[a, b], length)
    for node in range(n):  # Floyd, Warshall
        distance = np.minimum(distance, distance[:, node, None] + distance[None, node])
    return distance
