"""Coverage of the confidence intervals: how often they hold the truth, in many simulated experiments."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.kernel.arrays import new_state, new_tally
from fusion.results.statistics import blocking_estimate, mean_estimate
from fusion.results.stopping import Precision
from fusion.scenario.scenario import Scenario
from fusion.scenario.traffic import CHUNK, draw_requests
from fusion.simulation.plain import serve_chunk


class Coverage(NamedTuple):
    """How intervals did. below, above: experiments whose interval lies below or above the truth."""

    experiments: int
    below: int
    above: int

    @property
    def share(self) -> float:
        """Share of the intervals that hold the truth."""
        return 1.0 - (self.below + self.above) / self.experiments


def short_replications(
    scenario: Scenario, load: float, warmup: int, requests: int, count: int, stream: int = 0
) -> NDArray[np.int64]:
    """Return int64[replication], blocked requests of replications much shorter than a chunk of traffic.

    Each starts from an empty network, and what they are offered are pieces of one stream, which are
    independent of each other as arrivals are Poisson. warmup, requests: per replication.
    """
    network, policy, traffic = scenario.network, scenario.policy, scenario.traffic
    pieces = CHUNK // (warmup + requests)
    chunks = draw_requests(traffic, load, scenario.seed, stream, ties=policy.needs_ties)
    blocked: list[int] = []
    while len(blocked) < count:
        chunk = next(chunks)
        for piece in range(min(pieces, count - len(blocked))):
            state = new_state(
                network, load, traffic.mean_holding_time, keep_usage=policy.needs_usage
            )
            begin = piece * (warmup + requests)
            origin = chunk.arrival[begin]
            tally = new_tally(network)
            for start, stop in ((0, warmup), (warmup, warmup + requests)):
                part = chunk.part(begin + start, begin + stop)
                part = part._replace(arrival=part.arrival - origin)
                tally = new_tally(network)
                serve_chunk(scenario, state, tally, part)
            blocked.append(int(tally.blocked_by_pair.sum()))
    return np.array(blocked)


def blocked_requests(
    scenario: Scenario, load: float, warmup: int, requests: int, replication: int = 0
) -> NDArray[np.int64]:
    """Return the numbers, from 0, of the requests that a long run blocks after its warm-up."""
    network, policy, traffic = scenario.network, scenario.policy, scenario.traffic
    state = new_state(network, load, traffic.mean_holding_time, keep_usage=policy.needs_usage)
    tally = new_tally(network)
    decision = np.empty((CHUNK, 3), dtype=np.int32)
    numbers: list[NDArray[np.int64]] = []
    served = -warmup
    for chunk in draw_requests(traffic, load, scenario.seed, replication, ties=policy.needs_ties):
        if served >= requests:
            break
        serve_chunk(scenario, state, tally, chunk, decision)
        numbers.append(served + np.flatnonzero(decision[:, 0] < 0))
        served += CHUNK
    every = np.concatenate(numbers)
    return every[(every >= 0) & (every < requests)]


def counts_in_windows(blocked: NDArray[np.int64], window: int, total: int) -> NDArray[np.int64]:
    """Return int64[window], blocked requests in each of the whole windows of a long run."""
    windows = total // window
    inside = blocked[blocked < windows * window]
    return np.bincount(inside // window, minlength=windows)


def coverage_of_fixed(
    blocked: NDArray[np.int64], requests: int, truth: float, confidence: float = 0.95
) -> Coverage:
    """Return the coverage of the interval after a fixed number of replications.

    blocked: int64[experiment, replication]. requests: per replication.
    """
    offered = np.full(blocked.shape[1], requests)
    estimates = [blocking_estimate(row, offered, confidence) for row in blocked]
    return Coverage(
        len(blocked),
        below=sum(estimate.ci_upper < truth for estimate in estimates),
        above=sum(estimate.ci_lower > truth for estimate in estimates),
    )


class StoppingCoverage(NamedTuple):
    """Coverage of the rule that stops at a precision. replications: int64[experiment], used."""

    coverage: Coverage
    replications: NDArray[np.int64]


def coverage_of_precision(
    values: NDArray[np.float64],
    truth: float,
    *,
    precision: float = 0.05,
    confidence: float = 0.95,
    minimum: int = 10,
    look_ahead: int = 5,
) -> StoppingCoverage:
    """Return the coverage of the interval when `Precision` says how many replications there are.

    values: float64[replication], used up one experiment after the other.
    """
    used: list[int] = []
    below, above, first = 0, 0, 0
    while True:
        rule = Precision(precision, 0.0, confidence, minimum, len(values), look_ahead)
        taken = next(
            (n for n, v in enumerate(values[first:], start=1) if rule.add(float(v), 1)), None
        )
        if taken is None:
            return StoppingCoverage(Coverage(len(used), below, above), np.array(used))
        estimate = mean_estimate(values[first : first + taken], confidence)
        below += estimate.ci_upper < truth
        above += estimate.ci_lower > truth
        used.append(taken)
        first += taken
