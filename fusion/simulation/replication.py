"""One replication: a pure function of scenario, load and replication number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

from fusion.results.measured import ConnectionStatistics, Replication
from fusion.results.stopping import Task
from fusion.scenario.scenario import Scenario
from fusion.scenario.traffic import Requests, draw_requests
from fusion.simulation.connections import ConnectionSimulation, service_of_failing
from fusion.simulation.course import Course
from fusion.simulation.plain import PlainSimulation
from fusion.simulation.pool import Stopped
from fusion.simulation.protected import ProtectedSimulation
from fusion.simulation.replication_as_fusion import replicate_as_fusion


def replicate(
    scenario: Scenario,
    load: float,
    replication: int,
    warmup_requests: int,
    stopped: Callable[[], bool] = lambda: False,
) -> Replication:
    """Simulate one replication at a load in Erlang, starting from an empty network.

    warmup_requests: requests at the start that are served but not measured. stopped: called between chunks
    of requests. Raises Stopped when it returns True.
    """
    if scenario.conventions is not None:
        return replicate_as_fusion(scenario, scenario.conventions, load, replication, stopped)
    simulation = make_simulation(scenario, load)
    requests = _until_stopped(
        draw_requests(
            scenario.traffic, load, scenario.seed, replication, ties=scenario.policy.needs_ties
        ),
        stopped,
    )
    course = Course(scenario, simulation, requests, load, replication, warmup_requests)
    for chunk, decision in chain(course.warm_up(), course.measure()):
        simulation.serve(chunk, decision)
    done = course.end()
    if scenario.service is None and isinstance(simulation, ConnectionSimulation):
        done = done._replace(connections=ConnectionStatistics())  # as of the plain loop
    return done


def make_simulation(
    scenario: Scenario, load: float
) -> PlainSimulation | ConnectionSimulation | ProtectedSimulation:
    """Return the kind of simulation that a scenario needs, with an empty network.

    Each has its own event loop in `kernel`: event_loop, with a policy of the user's or without;
    connection_loop, with signal quality or without; protected_loop; agent_loop.
    """
    if scenario.protection is not None:
        return ProtectedSimulation(scenario, scenario.protection, load)
    if scenario.service is not None:
        return ConnectionSimulation(scenario, scenario.service, load)
    if scenario.agent is not None and scenario.failure is not None:  # which an agent sees
        return ConnectionSimulation(scenario, service_of_failing(scenario), load)
    return PlainSimulation(scenario, load)


def _until_stopped(requests: Iterator[Requests], stopped: Callable[[], bool]) -> Iterator[Requests]:
    """Yield chunks of requests, and raise Stopped between two of them when `stopped` says yes."""
    for chunk in requests:
        if stopped():
            raise Stopped
        yield chunk


class Replicate:
    """Do replications of one scenario; it travels to the workers of a pool once."""

    def __init__(self, scenario: Scenario) -> None:
        """scenario: what is replicated."""
        self._scenario = scenario

    def __call__(self, task: Task, stopped: Callable[[], bool] = lambda: False, /) -> Replication:
        """Return the replication. Raises Stopped."""
        return replicate(self._scenario, *task, stopped)
