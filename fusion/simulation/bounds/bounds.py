"""Bounds and approximations over load, on the requests that policies are simulated with."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from fusion.config.config import Config
from fusion.results.statistics import Estimate, blocking_estimate
from fusion.scenario.inputs import Inputs
from fusion.scenario.scenario import Scenario, make_scenario
from fusion.scenario.traffic import Requests, draw_requests, offered_load, split
from fusion.simulation.bounds.clairvoyant import least_blocked
from fusion.simulation.bounds.long_run import least_long_run
from fusion.simulation.bounds.reduced_load import reduced_load_blocking
from fusion.simulation.bounds.relaxed import SYSTEMS, relaxed_blocking
from fusion.simulation.bounds.resources import Needs, Resource, needs_of, resources_of
from fusion.simulation.pool import Stopped

Row = dict[str, Any]

CLAIRVOYANT, CLAIRVOYANT_BIT_RATE = "clairvoyant_bound", "clairvoyant_bit_rate_bound"
LONG_RUN, REDUCED_LOAD = "long_run_bound", "reduced_load"


class OfLoad(NamedTuple):
    """What was found at one load.

    row: of bounds.csv. replications: rows of bounds_replications.csv. cuts: of which the bounds are the sum.
    """

    row: Row
    replications: list[Row]
    cuts: list[Row]


class Bounds:
    """The bounds of one configuration."""

    def __init__(self, config: Config, inputs: Inputs, *, approximations: bool = True) -> None:
        """approximations: whether to compute, too, what is no bound."""
        self._config, self._inputs = config, inputs
        self._scenario: Scenario = make_scenario(config, inputs)
        self.needs: Needs = needs_of(config, inputs, self._scenario)
        self._resources: dict[float, list[Resource]] = {}
        self._systems = tuple(SYSTEMS) if approximations else ()

    @property
    def replications(self) -> int:
        """How many replications a policy has: with stopping_rule = precision, has at least."""
        statistics = self._config.statistics_settings
        if statistics.stopping_rule == "precision":
            return statistics.min_replications
        return self._config.general_settings.max_iters

    def resources(self, load: float) -> list[Resource]:
        """Return the cuts whose bounds add up at a load in Erlang."""
        if load not in self._resources:
            self._resources[load] = self._resources_at(load)
        return self._resources[load]

    def _resources_at(self, load: float) -> list[Resource]:
        offered = offered_load(self._scenario.traffic, load)
        separate = self._config.topology_settings.link_directions == "separate"
        return resources_of(self._inputs.topology, self.needs, offered, separate=separate)

    def long_run(self, load: float, resources: Sequence[Resource]) -> float:
        """Return the long-run bound; NaN where holding times are not exponential."""
        if self._scenario.traffic.holding_distribution != "exponential":
            return math.nan
        return least_long_run(self.needs, resources, load)

    def clairvoyant_blocked(self, load: float, replication: int) -> tuple[int, int]:
        """Return the requests that anybody must block in a replication, and how many there are."""
        measured = self._measured(load, replication, lambda: False)
        requests, blocked, _, _ = least_blocked(self.needs, self.resources(load), measured)
        return blocked, requests

    def counted_blocked(self, load: float, replication: int) -> tuple[int, int]:
        """Return the requests that are blocked where slots are only counted, and how many there are."""
        parts = self._split(load, replication, lambda: False)
        offered, blocked = relaxed_blocking(self._scenario, "without_both", *parts)
        return int(blocked.sum()), int(offered.sum())

    def at(
        self, load: float, replications: int, stopped: Callable[[], bool] = lambda: False
    ) -> OfLoad:
        """Return all bounds at a load in Erlang. Raises Stopped when `stopped` returns True."""
        resources = self.resources(load)
        confidence = self._config.statistics_settings.confidence
        done = [self._replication(load, one, resources, stopped) for one in range(replications)]
        row: Row = {
            "erlang": load,
            "offered_erlang": offered_load(self._scenario.traffic, load),
            "replications": replications,
            "requests": sum(one["requests"] for one in done),
        }
        for name in (CLAIRVOYANT, CLAIRVOYANT_BIT_RATE, *self._systems):
            by_bit_rate = name == CLAIRVOYANT_BIT_RATE
            offered = "requested_gbps" if by_bit_rate else "requests"
            estimate = blocking_estimate(
                [one[f"{name}_blocked"] for one in done],
                [one[offered] for one in done],
                confidence,
                requests=float(row["requests"]) if by_bit_rate else None,
            )
            row |= _columns(name, estimate)
        row[LONG_RUN] = self.long_run(load, resources)
        if self._systems:
            blocking = reduced_load_blocking(self._scenario, row["offered_erlang"])
            row[REDUCED_LOAD] = float((blocking * self.needs.share).sum())
        row["confidence"] = confidence
        cuts = [
            {
                "erlang": load,
                "nodes": one.name,
                "slots": one.capacity,
                "offered_slots": float(row["offered_erlang"] * (self.needs.share * one.need).sum()),
            }
            for one in resources
        ]
        return OfLoad(row, done, cuts)

    def _replication(
        self,
        load: float,
        replication: int,
        resources: Sequence[Resource],
        stopped: Callable[[], bool],
    ) -> Row:
        measured = list(self._measured(load, replication, stopped))
        requests, blocked, gbps, blocked_gbps = least_blocked(self.needs, resources, measured)
        row: Row = {
            "erlang": load,
            "replication": replication,
            "requests": requests,
            "requested_gbps": gbps,
            f"{CLAIRVOYANT}_blocked": blocked,
            f"{CLAIRVOYANT_BIT_RATE}_blocked": blocked_gbps,
        }
        for system in self._systems:
            before, after = self._split(load, replication, stopped)
            _, refused = relaxed_blocking(self._scenario, system, before, after)
            row[f"{system}_blocked"] = int(refused.sum())
        return row

    def _measured(
        self, load: float, replication: int, stopped: Callable[[], bool]
    ) -> Iterator[Requests]:
        before, after = self._split(load, replication, stopped)
        for _ in before:
            pass
        return after

    def _split(
        self, load: float, replication: int, stopped: Callable[[], bool]
    ) -> tuple[Iterator[Requests], Iterator[Requests]]:
        """Return the requests of a replication that are not measured, and those that are."""
        scenario = self._scenario
        warmup = self._config.warmup_requests(load)
        chunks = draw_requests(scenario.traffic, load, scenario.seed, replication, ties=False)
        return split(_until(chunks, stopped), warmup, warmup + scenario.num_requests)


def _until(chunks: Iterator[Requests], stopped: Callable[[], bool]) -> Iterator[Requests]:
    for chunk in chunks:
        if stopped():
            raise Stopped
        yield chunk


def _columns(name: str, estimate: Estimate) -> Row:
    return {
        name: estimate.mean,
        f"{name}_ci_lower": estimate.ci_lower,
        f"{name}_ci_upper": estimate.ci_upper,
    }


def load_at_bound(
    bound: Callable[[float], float], target: float, lowest: float, highest: float
) -> float:
    """Return the load at which a bound that rises with the load reaches a target, to 0.1 %.

    NaN where it is not between the lowest and the highest load.
    """
    if not bound(lowest) < target < bound(highest):
        return math.nan
    low, high = np.log(lowest), np.log(highest)
    while high - low > 1e-3:
        middle = 0.5 * (low + high)
        if bound(float(np.exp(middle))) < target:
            low = middle
        else:
            high = middle
    return float(np.exp(0.5 * (low + high)))
