"""What one replication measured, and how that is made of what was counted."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.kernel.arrays import Floats, Int32s, Int64s, Tally
from fusion.kernel.connections import (
    BLOCKED_BY_QUALITY,
    ENDED,
    GROOMED,
    PARTLY_SERVED,
    SLICED,
    UNSERVED,
)
from fusion.kernel.records import Count
from fusion.network.slicing import PER_GBPS
from fusion.scenario.scenario import Scenario

_NONE = np.zeros(0, dtype=np.int64)
_NO_TIMES = np.zeros(0)


class Counted(NamedTuple):
    """What a simulation has counted since it began to measure.

    time: of the last arrival. of_connections: all 0 where each request has a lightpath of its own.
    shared_time: float64[link], time times slots of shared backups; None: there are none.
    """

    time: float
    tally: Tally
    of_connections: Count
    shared_time: Floats | None = None


class Replication(NamedTuple):
    """What one replication measured after its warm-up. Counts are of requests unless the name says more.

    requested, blocked: int64[pair]. requested_by_bit_rate, blocked_by_bit_rate: int64[bit rate].
    requested_gbps, blocked_gbps: sums over requests. hops, length_km, slots: sums over lightpaths, slots
    without guard bands. lightpaths_by_format: int64[format, bit rate]. lightpaths_by_rank: int64[place of the
    path among the candidates of its pair]. lightpaths_by_plane: int64[plane]. utilisation: float64[link],
    mean over time of the share of slots that are taken, guard bands included. fragmentation: float64[link],
    mean over samples and planes of 1 - largest free block / free slots, 0 for a full link. groomed: requests
    that lightpaths carry which were there already. sliced: requests carried by several lightpaths.
    partly_served: requests of which a part is not served; that part is in blocked_gbps. ended, lightpath_use:
    lightpaths that have ended, and the sum over these of the mean share of their bit rate that was in use.
    blocked_by_quality: blocked requests for which there was room, but not the signal quality.
    noise_to_signal: sum over lightpaths, as they are set up.
    phase_requests, phase_blocked: int64[3], before, during and after a failure, or empty. interrupted:
    connections that were carried over failed links. switched: those of them that their backup carries on.
    restored: those that found another way. recovery_ms: mean, 95th percentile and greatest of the times that
    these two took, or empty. lost_gbps: bit rate of those that are gone for good; they are not among the
    blocked. asked_time, down_time: sums over connections of the time for which they asked, and of that in
    which they were not carried. outages, outage_time: number and sum of the times in which connections were
    not carried, of those that have ended. link_down_time, link_outages: float64[link], int64[link], time for
    which each link was down, and how often it failed, in measured_time; empty without failures. fusion: what
    the original FUSION counts, with its conventions.
    """

    erlang: float
    replication: int
    requests: int
    warmup_requests: int
    requested: Int64s
    blocked: Int64s
    blocked_out_of_reach: int
    requested_gbps: float
    blocked_gbps: float
    requested_by_bit_rate: Int64s
    blocked_by_bit_rate: Int64s
    lightpaths: int
    hops: int
    length_km: float
    slots: int
    lightpaths_by_format: Int64s
    lightpaths_by_rank: Int64s
    lightpaths_by_plane: Int64s
    utilisation: Floats
    fragmentation: Floats
    groomed: int = 0
    sliced: int = 0
    partly_served: int = 0
    ended: int = 0
    lightpath_use: float = 0.0
    phase_requests: Int64s = _NONE
    phase_blocked: Int64s = _NONE
    interrupted: int = 0
    switched: int = 0
    restored: int = 0
    lost_gbps: float = 0.0
    recovery_ms: Floats = _NO_TIMES
    asked_time: float = 0.0
    down_time: float = 0.0
    outages: int = 0
    outage_time: float = 0.0
    link_down_time: Floats = _NO_TIMES
    link_outages: Int64s = _NONE
    measured_time: float = 0.0
    blocked_by_quality: int = 0
    noise_to_signal: float = 0.0
    fusion: dict[str, Any] | None = None

    @property
    def blocking_probability(self) -> float:
        """Blocked over offered requests."""
        return int(self.blocked.sum()) / self.requests


def replication_of(
    scenario: Scenario,
    counted: Counted,
    load: float,
    replication: int,
    warmup_requests: int,
    seconds: float,
) -> Replication:
    """Return what a replication measured in `seconds` of its time, from what was counted."""
    network, tally, count = scenario.network, counted.tally, counted.of_connections
    served = tally.served_by_path
    row_slots = np.maximum(network.width - scenario.lightpaths.guard_slots, 0)
    slot_time = per_link(network.first_hop, network.links, tally.busy_by_path, len(scenario.links))
    slots_time = scenario.slots_per_link * seconds
    utilisation = slot_time / slots_time if seconds > 0 else slot_time * 0.0
    if counted.shared_time is not None and seconds > 0:
        utilisation = utilisation + counted.shared_time / slots_time
    by_format = np.zeros(
        (len(scenario.lightpaths.formats), len(scenario.lightpaths.bit_rates_gbps)), dtype=np.int64
    )
    rows, columns = np.nonzero(scenario.lightpaths.format_by_row >= 0)
    of_column = scenario.lightpaths.rate_of_column
    np.add.at(
        by_format,
        (scenario.lightpaths.format_by_row[rows, columns], of_column[columns]),
        tally.served_by_row[rows, columns],
    )
    ranks = int(scenario.candidates.rank.max(initial=0)) + 1
    requested = len(scenario.traffic.bit_rate_shares)
    gbps = scenario.lightpaths.bit_rates_gbps[of_column]
    return Replication(
        erlang=load,
        replication=replication,
        requests=int(tally.offered_by_pair.sum()),
        warmup_requests=warmup_requests,
        requested=tally.offered_by_pair,
        blocked=tally.blocked_by_pair,
        blocked_out_of_reach=int(tally.events[0]),
        requested_gbps=float((tally.offered_by_bit_rate * gbps).sum()),
        blocked_gbps=float((tally.blocked_by_bit_rate * gbps).sum())
        + int(count.number[UNSERVED]) / PER_GBPS,
        requested_by_bit_rate=tally.offered_by_bit_rate[:requested],
        blocked_by_bit_rate=tally.blocked_by_bit_rate[:requested],
        lightpaths=int(served.sum()),
        hops=int(served @ scenario.candidates.hops),
        length_km=float(served @ scenario.candidates.length_km),
        slots=int((tally.served_by_row * row_slots).sum()),
        lightpaths_by_format=by_format,
        lightpaths_by_rank=np.bincount(scenario.candidates.rank, served, minlength=ranks).astype(
            np.int64
        ),
        lightpaths_by_plane=tally.served_by_plane,
        utilisation=utilisation,
        fragmentation=tally.fragmentation / max(1, int(tally.events[1])),
        groomed=int(count.number[GROOMED]),
        sliced=int(count.number[SLICED]),
        partly_served=int(count.number[PARTLY_SERVED]),
        ended=int(count.number[ENDED]),
        lightpath_use=float(count.use[0]),
        blocked_by_quality=int(count.number[BLOCKED_BY_QUALITY]),
        noise_to_signal=float(count.noise[0]),
    )


def per_link(
    first_hop: Int32s, links: Int32s, by_path: Floats, n_links: int
) -> NDArray[np.float64]:
    """Return float64[link], the sum of a quantity of paths over the paths that use the link."""
    by_hop = np.repeat(by_path, np.diff(first_hop))
    return np.bincount(links, by_hop, minlength=n_links).astype(np.float64)
