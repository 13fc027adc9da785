"""A failure of links, once in each replication: what it interrupts, what is restored, what is lost."""

from __future__ import annotations

import struct
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fusion.sections import FailureSettings
    from fusion.topology import Topology


class FailureError(ValueError):
    """A failure that the network cannot have; `key` says which key is wrong."""

    def __init__(self, key: str, message: str) -> None:
        """key: of failure_settings. message: what is wrong."""
        super().__init__(message)
        self.key = key


class Failure(NamedTuple):
    """When which links fail.

    links: bool[link], spectra. fails_before: measured request, from 0, before whose arrival they fail.
    repaired_before: the same, or None: never. restores: whether what is interrupted is routed anew.
    """

    links: NDArray[np.bool_]
    fails_before: int
    repaired_before: int | None
    restores: bool


class Outage(NamedTuple):
    """What a failure did in one replication, after the warm-up.

    requests, blocked: int64[3], before, during and after the failure. interrupted: lightpaths that were up on
    failed links; restored: those of them that found another way; lost_gbps: bit rate of the others.
    """

    requests: NDArray[np.int64]
    blocked: NDArray[np.int64]
    interrupted: int
    restored: int
    lost_gbps: float


def failed_links(settings: FailureSettings, topology: Topology) -> list[int]:
    """Return the links, as indices into topology.links, that fail together.

    Raise FailureError for a node that is none, two nodes without a link, and a group without links.
    """
    kind = settings.failure_type
    if kind == "link":
        ends = (settings.failed_link_src, settings.failed_link_dst)
        return [_link(ends, ("failed_link_src", "failed_link_dst"), topology)]
    if kind == "srlg":
        pairs = settings.srlg_pairs
        if not pairs:
            raise FailureError(
                "srlg_links", "must have at least one link, such as [(1, 2), (2, 3)]"
            )
        return sorted({_link(pair, ("srlg_links", "srlg_links"), topology) for pair in pairs})
    if kind == "node":
        nodes = {_node(settings.failed_node_id, "failed_node_id", topology)}
    else:
        centre = _node(settings.geo_center_node, "geo_center_node", topology)
        nodes = _within(centre, settings.geo_hop_radius, topology)
    return [i for i, (a, b, _) in enumerate(topology.links) if a in nodes or b in nodes]


def _node(name: str, key: str, topology: Topology) -> int:
    if name not in topology.nodes:
        shown = ", ".join(topology.nodes[:8]) + (" ..." if len(topology.nodes) > 8 else "")
        raise FailureError(key, f"must be a node of the topology: {shown}")
    return topology.nodes.index(name)


def _link(names: tuple[str, str], keys: tuple[str, str], topology: Topology) -> int:
    a, b = (_node(name, key, topology) for name, key in zip(names, keys, strict=True))
    for number, (one, other, _) in enumerate(topology.links):
        if {one, other} == {a, b}:
            return number
    raise FailureError(keys[1], f"there is no link between {names[0]} and {names[1]}")


def _within(centre: int, hops: int, topology: Topology) -> set[int]:
    """Return the nodes at most so many hops from a node."""
    near: list[list[int]] = [[] for _ in topology.nodes]
    for a, b, _ in topology.links:
        near[a].append(b)
        near[b].append(a)
    distance = {centre: 0}
    waiting = deque([centre])
    while waiting:
        node = waiting.popleft()
        for other in near[node] if distance[node] < hops else ():
            if other not in distance:
                distance[other] = distance[node] + 1
                waiting.append(other)
    return set(distance)


def as_spectra(links: Iterable[int], count: int, *, separate: bool) -> NDArray[np.bool_]:
    """Return bool[spectrum] for links of `count`; with separate directions both of a link fail."""
    failed = np.zeros(count, dtype=np.bool_)
    failed[list(links)] = True
    return np.tile(failed, 2 if separate else 1)


def restoration_stream(seed: int, load: float, replication: int) -> np.random.Generator:
    """Return the random numbers for ties between places of restored lightpaths."""
    words = struct.unpack("<II", struct.pack("<d", load))
    key = (*words, replication, 6)  # requests are drawn from the streams 0 ... 4, splitting has 5
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=key)))
