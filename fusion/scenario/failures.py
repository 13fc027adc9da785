"""Which links fail, when, and what becomes of what they carried: the plan of a replication's failures."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.network.region import links_in_region
from fusion.network.spectra import is_separate, links_of_spectra
from fusion.scenario.lifetimes import Lifetimes, link_changes
from fusion.scenario.recovery import RecoveryTimes

if TYPE_CHECKING:
    from fusion.config.failure_settings import FailureSettings
    from fusion.config.sections import Config
    from fusion.kernel.arrays import Int64s
    from fusion.network.topology import Topology


class FailureError(ValueError):
    """A failure that the network cannot have; `key` says which key is wrong."""

    def __init__(self, key: str, message: str) -> None:
        """key: of failure_settings. message: what is wrong."""
        super().__init__(message)
        self.key = key


class Scheduled(NamedTuple):
    """A failure that happens once.

    links: bool[link], spectra that fail together. fails_before: measured request, from 0, before whose
    arrival they fail, and repaired_before that before whose arrival they are repaired, or None: never.
    fails_at, repaired_at: with fails_at None nothing; else these times after the warm-up decide, and the two
    numbers of requests do not count.
    """

    links: NDArray[np.bool_]
    fails_before: int
    repaired_before: int | None
    fails_at: float | None = None
    repaired_at: float | None = None


class Failure(NamedTuple):
    """When which links fail in a replication, and what becomes of connections that nothing protects.

    restoration: none, reroute or wait. link_of: of each spectrum, as an index into the links that fail.
    schedule: failures that happen once. lifetimes: links fail at random instead, from the start. recovery:
    how long recovery takes. reverts: whether connections on their backup go back to a working path that is
    repaired.
    """

    restoration: Literal["none", "reroute", "wait"]
    link_of: tuple[int, ...]
    schedule: tuple[Scheduled, ...] = ()
    lifetimes: Lifetimes | None = None
    recovery: RecoveryTimes = RecoveryTimes()
    reverts: bool = False


class Event(NamedTuple):
    """Links that fail or are repaired at a time.

    links: bool[link], spectra; or int64[link], how many of their failures begin or end.
    """

    time: float
    links: NDArray[np.bool_] | Int64s
    fails: bool


def failure_of(config: Config, topology: Topology) -> Failure | None:
    """Return how links fail in a replication; None: they do not."""
    settings, protection = config.failure_settings, config.protection_settings
    if settings.failure_type == "none":
        return None
    link_of = links_of_spectra(topology, separate=is_separate(config))
    failure = Failure(
        restoration=settings.restoration,
        link_of=link_of,
        recovery=RecoveryTimes(
            protection.protection_switchover_ms,
            protection.restoration_latency_ms,
            protection.signalling_ms_per_km,
        ),
        reverts=protection.revert_to_primary,
    )
    if settings.failure_type == "random":
        return failure._replace(lifetimes=lifetimes_of(settings, topology))
    requests = config.general_settings.num_requests
    return failure._replace(
        schedule=tuple(scheduled(each, topology, requests, link_of) for each in settings.each)
    )


def links_of_failures(settings: FailureSettings, topology: Topology) -> list[list[int]]:
    """Return `failed_links` of a failure and the further ones. Raise FailureError."""
    first, *further = settings.each
    found = [failed_links(first, topology)]
    for number, each in enumerate(further, start=1):
        try:
            found.append(failed_links(each, topology))
        except FailureError as error:
            message = f"number {number}: {error.key}: {error}"
            raise FailureError("further_failures", message) from None
    return found


def failed_links(settings: FailureSettings, topology: Topology) -> list[int]:
    """Return the links, as indices into topology.links, that fail together; none where they fail at random.

    Raise FailureError for an unknown node, two nodes without a link, parallel links without a name, a group
    without links, a region by km where nodes have no coordinates, and a region without a link.
    """
    kind = settings.failure_type
    if kind == "random":
        return []
    if kind == "link":
        link = settings.failed_link_src, settings.failed_link_dst, settings.failed_link_name
        return [_link(link, ("failed_link_src", "failed_link_dst", "failed_link_name"), topology)]
    if kind == "srlg":
        links = settings.srlg
        if not links:
            raise FailureError(
                "srlg_links", "must have at least one link, such as [(1, 2), (2, 3)]"
            )
        return sorted({_link(link, ("srlg_links",) * 3, topology) for link in links})
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


def _link(link: tuple[str, str, str], keys: tuple[str, str, str], topology: Topology) -> int:
    """Return the number of a link. link: its two nodes, and its name or nothing."""
    *ends, name = link
    a, b = (_node(end, key, topology) for end, key in zip(ends, keys[:2], strict=True))
    between = " and ".join(ends)
    found = [i for i, (one, other, _) in enumerate(topology.links) if {one, other} == {a, b}]
    if not found:
        raise FailureError(keys[1], f"there is no link between {between}")
    names = {topology.link_names[i]: i for i in found} if topology.link_names else {}
    if name and name not in names:
        known = ", ".join(filter(None, names)) or "links without names"
        raise FailureError(keys[2], f"{name} is no link between {between}, which have {known}")
    if not name and len(found) > 1:
        message = f"must name one of the links between {between}: {', '.join(names)}"
        raise FailureError(keys[2], message)
    return names[name] if name else found[0]


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


def scheduled(
    settings: FailureSettings, topology: Topology, requests: int, link_of: Sequence[int]
) -> Scheduled:
    """Return a failure that happens once: both directions of its links fail.

    requests: measured ones. link_of: of each spectrum.
    """
    at, repair = settings.t_fail_arrival_index, settings.t_repair_after_arrivals
    at = requests // 2 if at == -1 else at
    links = np.isin(link_of, failed_links(settings, topology))
    failure = Scheduled(links, at, at + repair if repair else None)
    if settings.t_fail_time < 0:
        return failure
    time, until = settings.t_fail_time, settings.t_repair_after_time
    return failure._replace(fails_at=time, repaired_at=time + until if until else None)


def events_at_times(schedule: Iterable[Scheduled], began: float) -> Iterator[Event]:
    """Yield the events that have a time, in its order. began: when measuring began."""
    changes: list[tuple[float, bool, NDArray[np.bool_]]] = []
    for each in schedule:
        if each.fails_at is not None:
            changes.append((began + each.fails_at, True, each.links))
            if each.repaired_at is not None:
                changes.append((began + each.repaired_at, False, each.links))
    yield from (Event(*each) for each in _together(changes))


def events_at_requests(
    schedule: Iterable[Scheduled],
) -> Iterator[tuple[float, NDArray[np.int64], bool]]:
    """Yield (measured request, links, whether they fail) of the others; links as in `Event`."""
    changes: list[tuple[float, bool, NDArray[np.bool_]]] = []
    for each in schedule:
        if each.fails_at is None:
            changes.append((each.fails_before, True, each.links))
            if each.repaired_before is not None:
                changes.append((each.repaired_before, False, each.links))
    yield from _together(changes)


def _together(
    changes: Iterable[tuple[float, bool, NDArray[np.bool_]]],
) -> Iterator[tuple[float, NDArray[np.int64], bool]]:
    """Yield changes in order, those of one moment together; failures before repairs.

    So nobody is restored onto a link that fails at the same moment, and what fails when an earlier failure of
    it is repaired is not up between the two.
    """
    ordered = sorted(changes, key=lambda change: (change[0], not change[1]))
    for (moment, fails), group in groupby(ordered, key=itemgetter(0, 1)):
        yield moment, np.sum([links for _, _, links in group], axis=0, dtype=np.int64), fails


def random_events(failure: Failure, seed: int, load: float, replication: int) -> Iterator[Event]:
    """Yield the failures and repairs of links that fail at random; every policy has the same."""
    assert failure.lifetimes is not None
    link_of = np.array(failure.link_of)
    seeds = stream_of(seed, load, replication, 7)
    for time, link, fails in link_changes(failure.lifetimes, seeds):
        yield Event(time, link_of == link, fails)


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
