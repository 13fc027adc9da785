"""Parallel links: which of them a path takes, as one candidate path for each choice.

A route is a list of nodes. Where two nodes have several links (fibres) between them, it stands for several
paths, which differ in spectrum and maybe in length. A candidate is one of these paths.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fusion.network.topology import Topology

MOST_CHOICES = 64
"""Choices of links for one route; of 6 hops over two parallel links each there are as many."""

_PER_KM = 1_000_000

Choice = tuple[int, tuple[int, ...]]
"""Length in 1e-6 km, and the link of each hop."""


def links_by_hop(topology: Topology) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Return (node, next node) -> (length in 1e-6 km, link) of each link there, the shortest first."""
    found: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for a, b, km, link in topology.ways:
        found.setdefault((a, b), []).append((round(km * _PER_KM), link))
    for links in found.values():
        links.sort()
    return found


def choices_of(hops: Sequence[Sequence[tuple[int, int]]], most: int = MOST_CHOICES) -> list[Choice]:
    """Return the choices of links for a route, the shortest first, of equal ones the smaller list of links.

    hops: of each, what `links_by_hop` has. Where there are more than `most` choices, every link is on one of
    those that are returned at least, and the others are the shortest.
    """
    best: list[Choice] = [(0, ())]
    count = 1
    for links in hops:
        # What begins with none of the best is not among the best: this order is kept by what is added.
        count *= len(links)
        best = sorted(
            (length + more, (*chosen, link)) for length, chosen in best for more, link in links
        )[:most]
    if count <= most:
        return best
    kept = set()
    for place in range(max(map(len, hops))):
        taken = [links[place % len(links)] for links in hops]
        kept.add((sum(length for length, _ in taken), tuple(link for _, link in taken)))
    for choice in best:
        if len(kept) >= most:
            break
        kept.add(choice)
    return sorted(kept)
