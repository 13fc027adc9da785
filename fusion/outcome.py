"""What counts of a replication when points are estimated: its sums, without arrays; and the metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from fusion.statistics import Estimate, blocking_estimate, mean_estimate, ratio_estimate

if TYPE_CHECKING:  # who only reads outcomes need not load the compiled kernel
    from fusion.measured import Replication


class Outcome(NamedTuple):
    """The sums of one replication after its warm-up.

    Counts are of requests unless the name says more. requested_gbps, blocked_gbps: sums over requests. hops,
    length_km, slots: sums over lightpaths. utilisation, fragmentation: means over links.
    """

    replication: int
    requests: int
    warmup_requests: int
    blocked: int
    blocked_out_of_reach: int
    requested_gbps: float
    blocked_gbps: float
    lightpaths: int
    hops: int
    length_km: float
    slots: int
    utilisation: float
    fragmentation: float

    @property
    def blocking_probability(self) -> float:
        """Blocked over offered requests."""
        return self.blocked / self.requests

    @property
    def bit_rate_blocking_probability(self) -> float:
        """Blocked over offered bit rate."""
        return self.blocked_gbps / self.requested_gbps


def outcome_of(replication: Replication) -> Outcome:
    """Return the sums of a replication."""
    return Outcome(
        replication=replication.replication,
        requests=replication.requests,
        warmup_requests=replication.warmup_requests,
        blocked=int(replication.blocked.sum()),
        blocked_out_of_reach=replication.blocked_out_of_reach,
        requested_gbps=replication.requested_gbps,
        blocked_gbps=replication.blocked_gbps,
        lightpaths=replication.lightpaths,
        hops=replication.hops,
        length_km=replication.length_km,
        slots=replication.slots,
        utilisation=float(replication.utilisation.mean()),
        fragmentation=float(replication.fragmentation.mean()),
    )


Metric = Callable[[Sequence[Outcome], float], Estimate]


def _blocking(outcomes: Sequence[Outcome], confidence: float) -> Estimate:
    return blocking_estimate(
        [each.blocked for each in outcomes], [each.requests for each in outcomes], confidence
    )


def _bit_rate_blocking(outcomes: Sequence[Outcome], confidence: float) -> Estimate:
    return blocking_estimate(
        [each.blocked_gbps for each in outcomes],
        [each.requested_gbps for each in outcomes],
        confidence,
        requests=sum(each.requests for each in outcomes),
    )


def _per_lightpath(name: str) -> Metric:
    def metric(outcomes: Sequence[Outcome], confidence: float) -> Estimate:
        sums = [getattr(each, name) for each in outcomes]
        return ratio_estimate(sums, [each.lightpaths for each in outcomes], confidence)

    return metric


def _mean(name: str) -> Metric:
    def metric(outcomes: Sequence[Outcome], confidence: float) -> Estimate:
        return mean_estimate([getattr(each, name) for each in outcomes], confidence)

    return metric


METRICS: Mapping[str, Metric] = {
    "blocking_probability": _blocking,
    "bit_rate_blocking_probability": _bit_rate_blocking,
    "mean_hops": _per_lightpath("hops"),
    "mean_length_km": _per_lightpath("length_km"),
    "mean_slots": _per_lightpath("slots"),
    "utilisation": _mean("utilisation"),
    "fragmentation": _mean("fragmentation"),
}
"""Name to estimate over replications of one point, at a confidence level."""
