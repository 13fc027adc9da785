"""What is kept of a replication to estimate points: its sums, without arrays; and the metrics."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from fusion.results.link_statistics import LINK_COLUMNS
from fusion.results.statistics import (
    Estimate,
    availability_estimate,
    blocking_estimate,
    mean_estimate,
    ratio_estimate,
)

if TYPE_CHECKING:  # who only reads outcomes need not load the compiled kernel
    from fusion.results.measured import Replication


class Outcome(NamedTuple):
    """The sums of one replication after its warm-up.

    Counts are of requests unless the name says more. requested_gbps, blocked_gbps: sums over requests. hops,
    length_km, slots: sums over lightpaths. utilisation, fragmentation: means over links. asked_time,
    down_time: as of a replication; 0 where no link fails.
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
    asked_time: float = 0.0
    down_time: float = 0.0

    @property
    def blocking_probability(self) -> float:
        """Blocked over offered requests."""
        return self.blocked / self.requests

    @property
    def bit_rate_blocking_probability(self) -> float:
        """Blocked over offered bit rate."""
        return self.blocked_gbps / self.requested_gbps

    @property
    def unavailability(self) -> float:
        """Time out over the time for which connections asked; NaN where they asked for none."""
        return self.down_time / self.asked_time if self.asked_time else math.nan


def outcome_of(replication: Replication) -> Outcome:
    """Return the sums of a replication."""
    traffic, served, links = replication.traffic, replication.served, replication.links
    return Outcome(
        replication=replication.replication,
        requests=replication.requests,
        warmup_requests=replication.warmup_requests,
        blocked=int(traffic.blocked.sum()),
        blocked_out_of_reach=traffic.blocked_out_of_reach,
        requested_gbps=traffic.requested_gbps,
        blocked_gbps=traffic.blocked_gbps,
        lightpaths=served.lightpaths,
        hops=served.hops,
        length_km=served.length_km,
        slots=served.slots,
        utilisation=float(links.utilisation.mean()),
        fragmentation=float(links.fragmentation.mean()),
        asked_time=replication.failures.asked_time,
        down_time=replication.failures.down_time,
    )


AVAILABILITY = "availability"


class Metric(NamedTuple):
    """A quantity of points that has an interval.

    value: of one replication. estimate: over replications of one point, at a confidence level. title: its
    name in pictures. meaning: for the docs.
    """

    value: Callable[[Outcome], float]
    estimate: Callable[[Sequence[Outcome], float], Estimate]
    title: str
    meaning: str


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


def _availability(outcomes: Sequence[Outcome], confidence: float) -> Estimate:
    return availability_estimate(
        [each.down_time for each in outcomes], [each.asked_time for each in outcomes], confidence
    )


def _per_lightpath(name: str, title: str, meaning: str) -> Metric:
    """Return the metric of a sum over lightpaths. name: of the field of `Outcome`."""
    total = attrgetter(name)

    def estimate(outcomes: Sequence[Outcome], confidence: float) -> Estimate:
        lightpaths = [each.lightpaths for each in outcomes]
        sums = [total(each) for each in outcomes]
        return ratio_estimate(sums, lightpaths, confidence).within(0.0)

    return Metric(
        lambda each: total(each) / (each.lightpaths or math.nan), estimate, title, meaning
    )


def _mean_of_links(name: str) -> Metric:
    """Return the metric of a mean over links. name: of the field of `Outcome` and the column of links.csv."""
    value = attrgetter(name)

    def estimate(outcomes: Sequence[Outcome], confidence: float) -> Estimate:
        return mean_estimate([value(each) for each in outcomes], confidence).within(0.0, 1.0)

    return Metric(value, estimate, name, f"mean over links: {LINK_COLUMNS[name].meaning}")


METRICS: Mapping[str, Metric] = {
    "blocking_probability": Metric(
        attrgetter("blocking_probability"),
        _blocking,
        "blocking probability",
        "blocked / requests; where nothing was blocked it is 0 and `_ci_upper` is an upper bound",
    ),
    "bit_rate_blocking_probability": Metric(
        attrgetter("bit_rate_blocking_probability"),
        _bit_rate_blocking,
        "bit-rate blocking probability",
        "blocked / offered Gb/s",
    ),
    "mean_hops": _per_lightpath("hops", "hops per lightpath", "hops per lightpath"),
    "mean_length_km": _per_lightpath("length_km", "length of a lightpath (km)", "km per lightpath"),
    "mean_slots": _per_lightpath(
        "slots", "slots per lightpath", "slots per lightpath, without guard band"
    ),
    "utilisation": _mean_of_links("utilisation"),
    "fragmentation": _mean_of_links("fragmentation"),
    AVAILABILITY: Metric(
        lambda each: 1.0 - each.unavailability,
        _availability,
        "availability",
        "carried / requested time of admitted connections",
    ),
}
"""Name to metric: what a point of a sweep is estimated by."""

COLUMNS = tuple(name for name in METRICS if name != AVAILABILITY)
"""Metrics that are columns of points.csv and replications.csv; availability has a file of its own."""


class Judged(NamedTuple):
    """What a stopping rule sees of an outcome, for a metric.

    value: a share. requests: of how many it is the share, for a bound where it is 0; 0: there is no bound.
    """

    value: Callable[[Outcome], float]
    requests: Callable[[Outcome], float]


def judged(metric: str) -> Judged:
    """Return what a stopping rule sees: blocking; of availability what is missing of it.

    For half an interval that is a twentieth of 0.999 says nothing, and one that is a twentieth of 0.001 does.
    """
    if metric == AVAILABILITY:
        return Judged(attrgetter("unavailability"), lambda outcome: 0.0)
    return Judged(METRICS[metric].value, attrgetter("requests"))
