"""What the spectrum looks like at one moment of a replication: the lightpaths that are up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

import numpy as np

from fusion.kernel.arrays import Int32s
from fusion.results.spectrum_table import Moment, Up
from fusion.scenario.conventions import Conventions
from fusion.scenario.scenario import Scenario
from fusion.scenario.traffic import Requests, draw_requests
from fusion.simulation.course import Course
from fusion.simulation.outages import Stretch
from fusion.simulation.pool import Stopped
from fusion.simulation.replication import make_simulation
from fusion.simulation.replication_as_fusion import trajectory
from fusion.simulation.served import Placed


def moment_after(
    scenario: Scenario,
    load: float,
    replication: int,
    warmup_requests: int,
    request: int,
    stopped: Callable[[], bool] = lambda: False,
) -> Moment:
    """Return what is up when a request has just been served, in the replication that a run would simulate.

    load: Erlang. warmup_requests: those that the run does not measure. request: number of the request, the
    first that is measured is 1; at most `scenario.num_requests`. stopped: called between chunks of requests.
    Raises Stopped when it returns True.
    """
    if scenario.conventions is not None:
        return _as_fusion(scenario, scenario.conventions, load, replication, request, stopped)
    (moment,) = moments_after(scenario, load, replication, warmup_requests, [request], stopped)
    return moment


def moments_after(
    scenario: Scenario,
    load: float,
    replication: int,
    warmup_requests: int,
    requests: Sequence[int],
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Moment]:
    """Yield what `moment_after` returns for several requests, from one pass. requests: ascending, each once.

    Not for FUSION's conventions.
    """
    simulation = make_simulation(scenario, load)
    drawn = draw_requests(
        scenario.traffic, load, scenario.seed, replication, ties=scenario.policy.needs_ties
    )
    course = Course(scenario, simulation, drawn, load, replication, warmup_requests)
    stretches = chain(course.warm_up(), course.measure())
    for chunk, decision, is_wanted in _cut(
        [warmup_requests + each for each in requests], stretches
    ):
        if stopped():
            raise Stopped
        simulation.serve(chunk, decision)
        if is_wanted:
            yield Moment(simulation.now(), _up(scenario, simulation.up()))


def _up(scenario: Scenario, placed: Placed) -> Up:
    lightpaths = scenario.lightpaths
    row = scenario.network.width_row[placed.path]  # that of a link that has failed has no format
    return Up(
        *placed[:4],
        modulation=lightpaths.format_by_row[row, placed.column],
        bit_rate=lightpaths.rate_of_column[placed.column],
        until=placed.until,
        is_backup=placed.is_backup,
    )


def _cut(
    numbers: Sequence[int], stretches: Iterator[Stretch]
) -> Iterator[tuple[Requests, Int32s, bool]]:
    """Yield stretches, cut where so many requests have been served; True: it ends there.

    What follows the last is not begun.
    """
    served, left = 0, list(numbers)
    for chunk, decision in stretches:
        count, begin = len(chunk.arrival), 0
        while served + count - begin >= left[0]:
            end = begin + left[0] - served
            yield chunk.part(begin, end), decision[begin:end], True
            served, begin = left.pop(0), end
            if not left:
                return
        if begin < count or not count:
            yield chunk.part(begin, count), decision[begin:], False
        served += count - begin


def _as_fusion(
    scenario: Scenario,
    conventions: Conventions,
    load: float,
    replication: int,
    request: int,
    stopped: Callable[[], bool],
) -> Moment:
    found = trajectory(scenario, conventions, load, replication, stopped)
    now = float(found.requests.arrival[request - 1])
    of, path, plane, start, _ = found.lightpath.T
    is_up = (of < request) & (found.until > now)
    slots, formats, rates = found.made.T
    lightpaths = scenario.lightpaths
    up = Up(
        path=path,
        plane=plane,
        start=start,
        width=slots + lightpaths.guard_slots,
        modulation=formats,
        bit_rate=rates,
        until=found.until,
        is_backup=np.zeros(len(path), dtype=np.bool_),
    )
    return Moment(now, up.those(is_up))
