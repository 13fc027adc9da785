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
from fusion.kernel.link_samples import SAMPLED
from fusion.kernel.records import Count
from fusion.network.slicing import PER_GBPS
from fusion.results.link_statistics import LinkStatistics
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


class TrafficStatistics(NamedTuple):
    """What was asked for, and what of it was blocked.

    requested, blocked: int64[pair], requests. blocked_out_of_reach: requests of which no candidate path is
    within reach. requested_gbps, blocked_gbps: sums over requests; the second has also what is missing of
    those that are served in part. requested_by_bit_rate, blocked_by_bit_rate: int64[bit rate], requests.
    """

    requested: Int64s
    blocked: Int64s
    blocked_out_of_reach: int
    requested_gbps: float
    blocked_gbps: float
    requested_by_bit_rate: Int64s
    blocked_by_bit_rate: Int64s


class LightpathStatistics(NamedTuple):
    """The lightpaths that were set up to serve requests.

    lightpaths: their number. hops, length_km, slots: sums over them, slots without guard bands.
    lightpaths_by_format: int64[format, bit rate]. lightpaths_by_rank: int64[place of the path among the
    candidates of its pair]. lightpaths_by_plane: int64[plane].
    """

    lightpaths: int
    hops: int
    length_km: float
    slots: int
    lightpaths_by_format: Int64s
    lightpaths_by_rank: Int64s
    lightpaths_by_plane: Int64s


class ConnectionStatistics(NamedTuple):
    """Requests that share lightpaths or take several; 0 where each has one of its own.

    groomed: requests that existing lightpaths carry. sliced: requests carried by several lightpaths.
    partly_served: requests of which a part is not served. ended, lightpath_use: lightpaths that have ended,
    and the sum over these of the mean share of their bit rate that was in use.
    """

    groomed: int = 0
    sliced: int = 0
    partly_served: int = 0
    ended: int = 0
    lightpath_use: float = 0.0


class FailureStatistics(NamedTuple):
    """What failures of links did; 0 or empty where none fails.

    phase_requests, phase_blocked: int64[3], before the first failure, while any link is down, and while none
    is any more; or empty where links fail at random. interrupted: connections that were carried over failed
    links. switched: those of them that their backup carries on. restored: those that found another way.
    lost_gbps: bit rate of those that are gone for good; they are not among the blocked. recovery_ms: mean,
    95th percentile and greatest of the times that switching and restoration took, or empty. asked_time: sum
    over connections of the time that they were to be carried, as far as it is measured; down_time: that of it
    in which they were not. outages, outage_time: number and sum of the durations of the times out of
    connections that have ended. link_down_time, link_outages: float64[link], int64[link], the time for which
    each link was down, and how often it failed. measured_time: from the end of the warm-up.
    """

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


class QualityStatistics(NamedTuple):
    """The signal quality of lightpaths; 0 where any is good.

    blocked_by_quality: blocked requests for which there was room, but not the signal quality.
    noise_to_signal: sum over lightpaths, as they are set up.
    """

    blocked_by_quality: int = 0
    noise_to_signal: float = 0.0


class Replication(NamedTuple):
    """What one replication measured after its warm-up, by subject.

    erlang: the load. replication: its number at this load. requests: how many were measured.
    warmup_requests: how many were served before. fusion: what the original FUSION counts, with its
    conventions.
    """

    erlang: float
    replication: int
    requests: int
    warmup_requests: int
    traffic: TrafficStatistics
    served: LightpathStatistics
    links: LinkStatistics
    connections: ConnectionStatistics = ConnectionStatistics()
    failures: FailureStatistics = FailureStatistics()
    quality: QualityStatistics = QualityStatistics()
    fusion: dict[str, Any] | None = None

    @property
    def blocking_probability(self) -> float:
        """Blocked over offered requests."""
        return int(self.traffic.blocked.sum()) / self.requests

    @property
    def bit_rate_blocking_probability(self) -> float:
        """Blocked over offered bit rate."""
        return self.traffic.blocked_gbps / self.traffic.requested_gbps


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
    candidates, lightpaths = scenario.candidates, scenario.lightpaths
    served = tally.served_by_path
    row_slots = np.maximum(network.width - lightpaths.guard_slots, 0)
    slot_time = per_link(network.first_hop, network.links, tally.busy_by_path, len(scenario.links))
    slots_time: float | Floats = scenario.slots_per_link * seconds
    if scenario.link_slots:  # a link may have none at all
        slots_time = np.maximum(scenario.link_slots, 1) * seconds
    utilisation = slot_time / slots_time if seconds > 0 else slot_time * 0.0
    if counted.shared_time is not None and seconds > 0:
        utilisation = utilisation + counted.shared_time / slots_time
    by_format = np.zeros((len(lightpaths.formats), len(lightpaths.bit_rates_gbps)), dtype=np.int64)
    rows, columns = np.nonzero(lightpaths.format_by_row >= 0)
    of_column = lightpaths.rate_of_column
    np.add.at(
        by_format,
        (lightpaths.format_by_row[rows, columns], of_column[columns]),
        tally.served_by_row[rows, columns],
    )
    ranks = int(candidates.rank.max(initial=0)) + 1
    requested = len(scenario.traffic.bit_rate_shares)
    gbps = lightpaths.bit_rates_gbps[of_column]
    return Replication(
        erlang=load,
        replication=replication,
        requests=int(tally.offered_by_pair.sum()),
        warmup_requests=warmup_requests,
        traffic=TrafficStatistics(
            requested=tally.offered_by_pair,
            blocked=tally.blocked_by_pair,
            blocked_out_of_reach=int(tally.events[0]),
            requested_gbps=float((tally.offered_by_bit_rate * gbps).sum()),
            blocked_gbps=float((tally.blocked_by_bit_rate * gbps).sum())
            + int(count.number[UNSERVED]) / PER_GBPS,
            requested_by_bit_rate=tally.offered_by_bit_rate[:requested],
            blocked_by_bit_rate=tally.blocked_by_bit_rate[:requested],
        ),
        served=LightpathStatistics(
            lightpaths=int(served.sum()),
            hops=int(served @ candidates.hops),
            length_km=float(served @ candidates.length_km),
            slots=int((tally.served_by_row * row_slots).sum()),
            lightpaths_by_format=by_format,
            lightpaths_by_rank=np.bincount(candidates.rank, served, minlength=ranks).astype(
                np.int64
            ),
            lightpaths_by_plane=tally.served_by_plane,
        ),
        links=LinkStatistics(
            utilisation=utilisation,
            **dict(zip(SAMPLED, tally.sampled / max(1, int(tally.events[1])), strict=True)),
        ),
        connections=ConnectionStatistics(
            groomed=int(count.number[GROOMED]),
            sliced=int(count.number[SLICED]),
            partly_served=int(count.number[PARTLY_SERVED]),
            ended=int(count.number[ENDED]),
            lightpath_use=float(count.use[0]),
        ),
        quality=QualityStatistics(
            blocked_by_quality=int(count.number[BLOCKED_BY_QUALITY]),
            noise_to_signal=float(count.noise[0]),
        ),
    )


def per_link(
    first_hop: Int32s, links: Int32s, by_path: Floats, n_links: int
) -> NDArray[np.float64]:
    """Return float64[link], the sum of a quantity of paths over the paths that use the link."""
    by_hop = np.repeat(by_path, np.diff(first_hop))
    return np.bincount(links, by_hop, minlength=n_links).astype(np.float64)
