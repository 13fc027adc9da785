"""One replication as the original FUSION does it: its requests, its decisions, its counters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fusion.kernel.arrays import busy_from_now, new_state, new_tally
from fusion.kernel.connections import COUNTDOWN, add_busy_so_far, new_connections, new_count
from fusion.kernel.fusion_loop import PATH, new_ledger, serve_as_fusion
from fusion.kernel.records import Service
from fusion.results.measured import Counted, Replication, per_link, replication_of
from fusion.scenario.conventions import Conventions
from fusion.scenario.requests_as_fusion import draw_requests
from fusion.scenario.scenario import Scenario
from fusion.scenario.traffic import CHUNK, Requests
from fusion.simulation.counters_as_fusion import iteration_record
from fusion.simulation.full_replication_as_fusion import serve_step_by_step
from fusion.simulation.plain import serve_chunk
from fusion.simulation.pool import Stopped
from fusion.simulation.trajectory_as_fusion import Trajectory


def replicate_as_fusion(
    scenario: Scenario,
    conventions: Conventions,
    load: float,
    replication: int,
    stopped: Callable[[], bool] = lambda: False,
) -> Replication:
    """Simulate one replication at a load in Erlang. Raises Stopped when `stopped` says yes."""
    requests = draw_requests(conventions.stream, load, replication)
    found, counted = _serve(scenario, conventions, load, requests, stopped)
    measured = replication_of(scenario, counted, load, replication, 0, seconds=counted.time)
    if conventions.rules is not None:
        slots, formats, rates = found.made.T
        by_format = np.zeros_like(measured.served.lightpaths_by_format)
        np.add.at(by_format, (formats, rates), 1)
        served = measured.served._replace(slots=int(slots.sum()), lightpaths_by_format=by_format)
        measured = measured._replace(served=served)
    return measured._replace(fusion=iteration_record(scenario, conventions, found))


def trajectory(
    scenario: Scenario,
    conventions: Conventions,
    load: float,
    replication: int,
    stopped: Callable[[], bool] = lambda: False,
) -> Trajectory:
    """Return what is decided in one replication at a load in Erlang. Raises Stopped."""
    requests = draw_requests(conventions.stream, load, replication)
    return _serve(scenario, conventions, load, requests, stopped)[0]


def _serve(
    scenario: Scenario,
    conventions: Conventions,
    load: float,
    requests: Requests,
    stopped: Callable[[], bool],
) -> tuple[Trajectory, Counted]:
    load *= conventions.stream.per_load
    if conventions.rules is not None:
        return serve_step_by_step(scenario, conventions.rules, requests, stopped)
    if scenario.service is None:
        return _serve_alone(scenario, load, requests, stopped)
    return _serve_connections(scenario, conventions, scenario.service, load, requests, stopped)


def _serve_alone(
    scenario: Scenario, load: float, requests: Requests, stopped: Callable[[], bool]
) -> tuple[Trajectory, Counted]:
    """Serve requests that each take one lightpath of their own: FUSION does nothing else there."""
    network, count = scenario.network, len(requests.arrival)
    state = new_state(network, load, scenario.traffic.mean_holding_time, keep_usage=False)
    state.cursor[3] = min(scenario.sample_every, count)
    tally = new_tally(network)
    decision = np.empty((count, 3), dtype=np.int32)
    for start in range(0, count, CHUNK):
        if stopped():
            raise Stopped
        stop = min(start + CHUNK, count)
        serve_chunk(scenario, state, tally, requests.part(start, stop), decision[start:stop])
    tally.busy_by_path[:] -= busy_from_now(network, state)
    path = decision[:, 0]
    served = path >= 0
    numbers = np.flatnonzero(served)
    lightpath = np.column_stack([numbers, decision[served], requests.bit_rate[served]])
    outcome = np.column_stack(
        [served, served, path, np.where(served, scenario.candidates.rank[path], -1)]
    )
    setups = per_link(
        network.first_hop, network.links, tally.served_by_path.astype(float), len(scenario.links)
    )
    found = Trajectory(
        requests,
        outcome.astype(np.int32),
        np.zeros(count, dtype=np.int64),
        lightpath.astype(np.int32),
        setups.astype(np.int64),
        _as_made(scenario, lightpath),
        np.zeros(count, dtype=np.bool_),
        scenario.candidates.length_km[path],
        _departure(requests)[lightpath[:, 0]],
    )
    return found, Counted(float(requests.arrival[-1]), tally, new_count())


def _departure(requests: Requests) -> NDArray[np.float64]:
    return requests.arrival + requests.holding


def _as_made(scenario: Scenario, lightpath: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return `Trajectory.made` of lightpaths with the width of their path and column."""
    path, column = lightpath[:, 1], lightpath[:, 4]
    row = scenario.network.width_row[path]
    slots = scenario.network.width[row, column] - scenario.lightpaths.guard_slots
    formats, rates = (
        scenario.lightpaths.format_by_row[row, column],
        scenario.lightpaths.rate_of_column[column],
    )
    return np.column_stack([slots, formats, rates]).astype(np.int32)


def _serve_connections(
    scenario: Scenario,
    conventions: Conventions,
    service: Service,
    load: float,
    requests: Requests,
    stopped: Callable[[], bool],
) -> tuple[Trajectory, Counted]:
    """Serve requests that are sliced."""
    network, number = scenario.network, len(requests.arrival)
    state = new_connections(
        network, service, load, scenario.traffic.mean_holding_time, keep_usage=False
    )
    state.cursor[COUNTDOWN] = min(scenario.sample_every, number)
    candidates = np.diff(network.first_path)
    pair_of_path = np.repeat(np.arange(len(candidates), dtype=np.int32), candidates)
    tally, count = new_tally(network), new_count()
    ledger = new_ledger(network, number, service.max_segments)
    for start in range(0, number, CHUNK):
        if stopped():
            raise Stopped
        chunk = requests.part(start, min(start + CHUNK, number))
        serve_as_fusion(
            network,
            service,
            conventions.k_paths,
            state,
            pair_of_path,
            tally,
            count,
            ledger,
            scenario.sample_every,
            *chunk[:4],
        )
    add_busy_so_far(state, tally)
    lightpath = ledger.lightpath[: ledger.cursor[1]].copy()
    found = Trajectory(
        requests,
        ledger.outcome,
        ledger.unserved,
        lightpath,
        ledger.setups,
        _as_made(scenario, lightpath),
        np.zeros(number, dtype=np.bool_),
        scenario.candidates.length_km[ledger.outcome[:, PATH]],
        _departure(requests)[lightpath[:, 0]],
    )
    return found, Counted(float(requests.arrival[-1]), tally, count)
