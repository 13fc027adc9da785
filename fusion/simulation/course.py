"""The course of a replication: its requests and what happens between them, whoever serves them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from fusion.kernel.event_loop import NO_DECISIONS
from fusion.results.measured import Counted, Replication, replication_of
from fusion.scenario.failures import restoration_stream
from fusion.scenario.scenario import Scenario
from fusion.scenario.traffic import Requests
from fusion.simulation.outages import Feed, Run, Simulation, Stretch


class Counting(Simulation, Protocol):
    """What is served, and counted."""

    def end_measuring(self) -> Counted:
        """Return what was counted."""


class Course:
    """One replication, in stretches that are to be served before the next is asked for.

    `warm_up`, `measure`, `end` and `beyond` in this order, each to its end.
    """

    def __init__(
        self,
        scenario: Scenario,
        simulation: Counting,
        requests: Iterator[Requests],
        load: float,
        replication: int,
        warmup_requests: int,
    ) -> None:
        """requests: at least as many as there are to be served. load: Erlang."""
        self._scenario, self._simulation = scenario, simulation
        self._load, self._replication = load, replication
        self._warmup, self._total = warmup_requests, warmup_requests + scenario.num_requests
        self._key = (scenario.seed, load, replication)
        self._began = 0.0
        self._run = None
        self._feed = Feed(requests)
        if scenario.failure is not None:
            stream = restoration_stream(*self._key)
            self._run = Run(simulation, scenario.failure, requests, stream)

    def warm_up(self) -> Iterator[Stretch]:
        """Yield the requests that are not measured."""
        if self._run is None:
            return self._until(self._warmup)
        return self._run.warm_up(self._warmup, self._key)

    def measure(self) -> Iterator[Stretch]:
        """Begin to count, and yield the requests that are measured."""
        if self._run is None:
            self._began = self._simulation.begin_measuring()
            yield from self._until(self._total)
        else:
            yield from self._run.measure(self._warmup, self._scenario.num_requests)
            self._began = self._run.began

    def end(self) -> Replication:
        """Return what was measured."""
        failures = None if self._run is None else self._run.end()
        counted = self._simulation.end_measuring()
        done = replication_of(
            self._scenario,
            counted,
            self._load,
            self._replication,
            self._warmup,
            seconds=counted.time - self._began,
        )
        return done if failures is None else done._replace(failures=failures)

    def beyond(self) -> Iterator[Stretch]:
        """Yield one request more."""
        return self._until(self._total + 1)

    def _until(self, number: int) -> Iterator[Stretch]:
        if self._run is not None:
            return self._run.until(number)
        return ((chunk, NO_DECISIONS) for chunk in self._feed.before(number, np.inf))
