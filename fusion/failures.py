"""Which links fail, when, and what becomes of what they carried: the plan of a replication's failures."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.lifetimes import Lifetimes, link_changes
from fusion.recovery import RecoveryTimes
from fusion.region import links_in_region

if TYPE_CHECKING:
    from fusion.sections import FailureSettings
    from fusion.topology import Topology


class FailureError(ValueError):
    """A failure that the network cannot have; `key` says which key is wrong."""

    def __init__(self, key: str, message: str) -> None:
        """key: of failure_settings. message: what is wrong."""
        super().__init__(message)
        self.key = key


class Failure(NamedTuple):
    """When which links fail, and what becomes of connections that nothing protects.

    links: bool[link], spectra that fail together. restoration: none, reroute or wait. fails_before: measured
    request, from 0, before whose arrival they fail, and repaired_before that before whose arrival they are
    repaired, or None: never. fails_at, repaired_at: with fails_at None nothing; else these times after the
    warm-up decide, and the two numbers of requests do not count. lifetimes: links fail at random instead,
    from the start, and nothing of the above but restoration counts; links then says how many there are.
    recovery: how long recovery takes. reverts: whether connections on their backup go back to a working path
    that is repaired.
    """

    links: NDArray[np.bool_]
    restoration: str
    fails_before: int
    repaired_before: int | None
    fails_at: float | None = None
    repaired_at: float | None = None
    lifetimes: Lifetimes | None = None
    recovery: RecoveryTimes = RecoveryTimes()
    reverts: bool = False


class Event(NamedTuple):
    """Links that fail or are repaired at a time. links: bool[link], spectra."""

    time: float
    links: NDArray[np.bool_]
    fails: bool


def failed_links(settings: FailureSettings, topology: Topology) -> list[int]:
    """Return the links, as indices into topology.links, that fail together; none where they fail at random.

    Raise FailureError for a node that is none, two nodes without a link, a group without links, a region by
    km where nodes have no coordinates, and a region without a link.
    """
    kind = settings.failure_type
    if kind == "random":
        return []
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
    elif settings.geo_radius_km > 0:
        return _region_by_km(settings, topology)
    else:
        centre = _node(settings.geo_center_node, "geo_center_node", topology)
        nodes = _within(centre, settings.geo_hop_radius, topology)
    return [i for i, (a, b, _) in enumerate(topology.links) if a in nodes or b in nodes]


def _region_by_km(settings: FailureSettings, topology: Topology) -> list[int]:
    missing = [node for node in topology.nodes if node not in topology.coordinates]
    if missing:
        which = (
            "no node has any" if len(missing) == len(topology.nodes) else f"{missing[0]} has none"
        )
        message = f"needs the longitude and latitude of every node, and {which}; use geo_hop_radius"
        raise FailureError("geo_radius_km", message)
    if settings.geo_center_point:
        centre = settings.centre
    else:
        node = _node(settings.geo_center_node, "geo_center_node", topology)
        centre = topology.coordinates[topology.nodes[node]]
    places = [topology.coordinates[node] for node in topology.nodes]
    ends = [(a, b) for a, b, _ in topology.links]
    found = links_in_region(centre, settings.geo_radius_km, places, ends)
    if not found:
        raise FailureError("geo_radius_km", "is too small: no link comes that near to the centre")
    return found


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


def scheduled_events(failure: Failure, began: float) -> Iterator[Event]:
    """Yield the events of a failure at a time. began: when measuring began."""
    assert failure.fails_at is not None
    yield Event(began + failure.fails_at, failure.links, True)
    if failure.repaired_at is not None:
        yield Event(began + failure.repaired_at, failure.links, False)


def random_events(failure: Failure, seed: int, load: float, replication: int) -> Iterator[Event]:
    """Yield the failures and repairs of links that fail at random; every policy has the same."""
    assert failure.lifetimes is not None
    count, spectra = len(failure.lifetimes.mean_up), len(failure.links)
    seeds = stream_of(seed, load, replication, 7)
    for time, link, fails in link_changes(failure.lifetimes, seeds):
        links = np.zeros(spectra, dtype=np.bool_)
        links[link::count] = True
        yield Event(time, links, fails)


def lifetimes_of(settings: FailureSettings, topology: Topology) -> Lifetimes:
    """Return how the links of a network fail at random."""
    km = np.array([link[2] for link in topology.links])
    share = 1.0 / km if settings.mtbf_of == "km" else np.ones(len(km))
    return Lifetimes(settings.mtbf * share, settings.mttr)


def stream_of(seed: int, load: float, replication: int, number: int) -> np.random.SeedSequence:
    """Return a stream of random numbers beside those of requests (0 ... 4) and of splitting (5).

    number: 6 for ties between places of restored lightpaths, 7 for failures of links.
    """
    words = struct.unpack("<II", struct.pack("<d", load))
    return np.random.SeedSequence(seed, spawn_key=(*words, replication, number))


def restoration_stream(seed: int, load: float, replication: int) -> np.random.Generator:
    """Return the random numbers for ties between places of restored lightpaths."""
    return np.random.Generator(np.random.SFC64(stream_of(seed, load, replication, 6)))
