"""How long it takes to recover a connection that a failure has interrupted.

The clock of a simulation stands still meanwhile: recovery takes milliseconds, connections stay for long.
With dedicated protection the receiver sees the loss of light and takes the other signal, in the nominal time.
With a shared backup and with restoration the source has to hear of the failure, over the way from the failed
link, and to set up the new path, over its length; both add what light takes for these km.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from fusion.kernel.arrays import Floats, Int32s, Network
    from fusion.kernel.failures import Links


class RecoveryTimes(NamedTuple):
    """Nominal times of switching to a backup and of restoration, in ms, and ms per km of signalling."""

    protection_switchover_ms: float = 50.0
    restoration_latency_ms: float = 100.0
    signalling_ms_per_km: float = 0.005


def restoration_ms(
    times: RecoveryTimes, links: Links, link_km: Floats, old: Int32s, new: Int32s
) -> Floats:
    """Return how long restoration takes.

    old, new: int32[connection], paths; new below 0 where lightpaths that were there carry the connection.
    """
    km = km_to_failure(links, link_km, old) + km_of(links.network, link_km, new)
    return times.restoration_latency_ms + times.signalling_ms_per_km * km


def switchover_ms(
    times: RecoveryTimes,
    links: Links,
    link_km: Floats,
    old: Int32s,
    new: Int32s,
    *,
    signalled: bool,
) -> Floats:
    """Return how long switching from one path to the other takes. signalled: for a shared backup."""
    nominal = np.full(len(old), times.protection_switchover_ms)
    if not signalled:
        return nominal
    km = km_to_failure(links, link_km, old) + km_of(links.network, link_km, new)
    return nominal + times.signalling_ms_per_km * km


def km_to_failure(links: Links, link_km: Floats, path: Int32s) -> Floats:
    """Return the km from the source of each path to the first of its links that is down."""
    if not len(path):
        return np.empty(0)
    network = links.network
    first, hops = network.first_hop[path], np.diff(network.first_hop)[path]
    start = np.cumsum(hops) - hops  # of each path among the hops of all
    hop = np.arange(hops.sum()) + np.repeat(first - start, hops)
    length = link_km[network.links[hop]]
    before = np.cumsum(length) - length
    before -= np.repeat(before[start], hops)
    failed = np.where(links.down[network.links[hop]] > 0, before, np.inf)
    return np.asarray(np.minimum.reduceat(failed, start))


def km_of(network: Network, link_km: Floats, path: Int32s) -> Floats:
    """Return the km of each path, 0 for one that is not there (below 0)."""
    total = np.append(0.0, np.cumsum(link_km[network.links]))
    there = np.maximum(path, 0)
    km = total[network.first_hop[there + 1]] - total[network.first_hop[there]]
    return np.where(path >= 0, km, 0.0)
