"""One replication: a pure function of scenario, load and replication number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.failures import Failure
from fusion.kernel import is_cached
from fusion.kernel.arrays import (
    Floats,
    Int32s,
    Int64s,
    State,
    Tally,
    busy_from_now,
    new_state,
    new_tally,
)
from fusion.kernel.connection_loop import serve_connections, serve_with_quality
from fusion.kernel.connections import (
    BLOCKED_BY_QUALITY,
    CONNECTION,
    COUNTDOWN,
    ENDED,
    GROOMED,
    PARTLY_SERVED,
    SLICED,
    UNSERVED,
    Count,
    Service,
    add_busy_so_far,
    begin_measuring,
    new_connections,
    new_count,
)
from fusion.kernel.event_loop import NO_DECISIONS
from fusion.kernel.failures import (
    Flags,
    Links,
    all_up,
    interrupt,
    interrupt_connections,
    interrupt_with_quality,
    rows_in,
)
from fusion.kernel.fusion_loop import serve_as_fusion
from fusion.kernel.protected_loop import come_back, drop, serve_protected, switch_over
from fusion.outages import Toll, serve_through_failures
from fusion.own_loop import Serve, event_loop, is_loop_cached
from fusion.pool import Stopped
from fusion.protected import SimulationOfProtected
from fusion.recovery import restoration_ms
from fusion.scenario import Loop, Scenario
from fusion.slicing import PER_GBPS
from fusion.stopping import Task
from fusion.traffic import Requests, draw_requests

_NO_PHASES = np.zeros(0, dtype=np.int64)
_NO_TIMES = np.zeros(0)


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
    phase_requests: Int64s = _NO_PHASES
    phase_blocked: Int64s = _NO_PHASES
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
    link_outages: Int64s = _NO_PHASES
    measured_time: float = 0.0
    blocked_by_quality: int = 0
    noise_to_signal: float = 0.0
    fusion: dict[str, Any] | None = None

    @property
    def blocking_probability(self) -> float:
        """Blocked over offered requests."""
        return int(self.blocked.sum()) / self.requests


def is_compiled(loop: Loop) -> bool:
    """Say whether the cache holds an event loop and what goes with it."""
    if loop.protected:
        needed = [serve_protected, *((switch_over, come_back, drop, rows_in) if loop.fails else ())]
    elif loop.connections and loop.as_fusion:
        needed = [serve_as_fusion]
    elif loop.quality:
        needed = [
            serve_with_quality,
            *((interrupt_with_quality, rows_in, all_up) if loop.fails else ()),
        ]
    elif loop.connections:
        after = (interrupt_connections, rows_in, all_up) if loop.fails else ()
        needed = [serve_connections, *after]
    else:
        needed = [interrupt] if loop.fails else []
        if not is_loop_cached(loop.policy):
            return False
    return all(map(is_cached, needed))


def compile_for(scenario: Scenario) -> None:
    """Compile what a scenario needs by serving one request, and put it into the cache."""
    failure = scenario.failure
    if failure is not None:
        failure = failure._replace(fails_before=0, repaired_before=1, fails_at=None, lifetimes=None)
    conventions = scenario.conventions
    if conventions is not None:
        conventions = conventions.of_one_request()
    scenario = scenario._replace(num_requests=1, failure=failure, conventions=conventions)
    replicate(scenario, 1.0, 0, 0)


def replicate(
    scenario: Scenario,
    load: float,
    replication: int,
    warmup_requests: int,
    stopped: Callable[[], bool] = lambda: False,
) -> Replication:
    """Simulate one replication at a load in Erlang, starting from an empty network.

    warmup_requests: requests at the start that are served but not measured. stopped: asked between chunks.
    Raises Stopped when it says yes.
    """
    if scenario.conventions is not None:
        from fusion.conventions.replication import replicate_as_fusion  # which needs this module

        return replicate_as_fusion(scenario, scenario.conventions, load, replication, stopped)
    simulation: _Simulation | _SimulationOfConnections | SimulationOfProtected
    if scenario.protection is not None:
        simulation = SimulationOfProtected(scenario, scenario.protection, load)
    elif scenario.service is None:
        simulation = _Simulation(scenario, load)
    else:
        simulation = _SimulationOfConnections(scenario, scenario.service, load)

    def serve_all(requests: Iterator[Requests]) -> None:
        for chunk in requests:
            if stopped():
                raise Stopped
            simulation.serve(chunk)

    total = warmup_requests + scenario.num_requests
    requests = draw_requests(
        scenario.traffic, load, scenario.seed, replication, ties=scenario.policy.needs_ties
    )
    outage = None
    if scenario.failure is None:
        warmup, measured = split(requests, warmup_requests, total)
        serve_all(warmup)
        began = simulation.begin_measuring()
        serve_all(measured)
    else:
        began, outage = serve_through_failures(
            simulation,
            scenario.failure,
            until_stopped(requests, stopped),
            warmup_requests,
            scenario.num_requests,
            (scenario.seed, load, replication),
        )
    ended, tally, count = simulation.end_measuring()
    done = replication_of(
        scenario, tally, count, load, replication, warmup_requests, seconds=ended - began
    )
    if isinstance(simulation, SimulationOfProtected) and ended > began:
        shared = simulation.shared_time / (scenario.slots_per_link * (ended - began))
        done = done._replace(utilisation=done.utilisation + shared)
    if outage is None:
        return done
    return done._replace(
        phase_requests=outage.requests,
        phase_blocked=outage.blocked,
        interrupted=outage.interrupted,
        switched=outage.switched,
        restored=outage.restored,
        recovery_ms=outage.recovery_ms,
        lost_gbps=outage.lost_gbps,
        asked_time=outage.asked_time,
        down_time=outage.down_time,
        outages=outage.outages,
        outage_time=outage.outage_time,
        link_down_time=outage.link_down_time,
        link_outages=outage.link_outages,
        measured_time=outage.measured_time,
    )


def until_stopped(requests: Iterator[Requests], stopped: Callable[[], bool]) -> Iterator[Requests]:
    """Yield chunks of requests, and raise Stopped between two of them when `stopped` says yes."""
    for chunk in requests:
        if stopped():
            raise Stopped
        yield chunk


class _Simulation:
    """Requests that each take one lightpath of their own."""

    def __init__(self, scenario: Scenario, load: float) -> None:
        if scenario.failure is not None:
            self.links = Links(scenario.network)
            scenario = scenario._replace(network=self.links.network)
        self._scenario = scenario
        self._loop = event_loop(scenario)
        self._state = new_state(
            scenario.network,
            load,
            scenario.traffic.mean_holding_time,
            keep_usage=scenario.policy.needs_usage,
        )
        self._tally = new_tally(scenario.network)

    def serve(self, chunk: Requests, decision: Int32s = NO_DECISIONS) -> None:
        serve_chunk(self._scenario, self._state, self._tally, chunk, decision, loop=self._loop)

    def begin_measuring(self) -> float:
        network = self._scenario.network
        self._state.cursor[3] = min(self._scenario.sample_every, self._scenario.num_requests)
        self._tally = new_tally(network)
        self._tally.busy_by_path[:] = busy_from_now(network, self._state)
        return float(self._state.clock[0])

    def now(self) -> float:
        return float(self._state.clock[0])

    def offered_and_blocked(self) -> tuple[int, int]:
        return int(self._tally.offered_by_pair.sum()), int(self._tally.blocked_by_pair.sum())

    def remaining(self, now: float) -> Floats:
        left = self._state.departure[: int(self._state.cursor[1])] - now
        return left[left > 0.0]

    def fail(self, hit: Flags, now: float, failure: Failure, stream: np.random.Generator) -> Toll:
        """Interrupt what is up on some paths, and restore what can be."""
        scenario, state, tally = self._scenario, self._state, self._tally
        network, policy = scenario.network, scenario.policy
        rows, waits = int(state.cursor[1]), failure.restoration == "wait"
        path, width, bit_rate = (np.empty(rows, dtype=np.int32) for _ in range(3))
        departure = np.empty(rows)
        count = interrupt(network, state, hit, now, waits, path, width, bit_rate, departure)
        # By departure, last first, and then by what they are: not by rows, which mean nothing.
        order = np.lexsort((width[:count], bit_rate[:count], path[:count], -departure[:count]))
        path, width, bit_rate = path[order], width[order], bit_rate[order]
        departure = departure[order]
        if waits:
            return Toll(count, 0, 0, 0.0, departure, gone=False)
        remaining = departure - now
        np.subtract.at(tally.busy_by_path, path, width * remaining)
        decision = np.full((count, 3), -1, dtype=np.int32)
        if failure.restoration == "reroute":
            pair = np.searchsorted(network.first_path, path, side="right") - 1
            countdown, again = int(state.cursor[3]), new_tally(network)
            self._loop(
                network,
                state,
                again,
                policy.fit,
                policy.choice,
                1 << 62,
                np.full(count, now),
                remaining,
                pair.astype(np.int32),
                bit_rate,
                stream.random(count) if policy.needs_ties else np.empty(0),
                decision,
            )
            state.cursor[3] = countdown
            tally.busy_by_path[:] += again.busy_by_path
        gone = decision[:, 0] == -1
        lost_gbps = float(scenario.bit_rates_gbps[bit_rate[gone]].sum())
        took = self._took(failure, path[~gone], decision[~gone, 0])
        return Toll(count, 0, int(count - gone.sum()), lost_gbps, departure[gone], True, took)

    def _took(self, failure: Failure, old: Int32s, new: Int32s) -> Floats:
        """Return how long the restoration of some lightpaths took, in ms."""
        link_km = np.array(self._scenario.link_km)
        return restoration_ms(failure.recovery, self.links, link_km, old, new)

    def repair(self, mended: Flags, now: float, failure: Failure) -> Floats:
        """Return the departures of the lightpaths that are carried again."""
        rows = int(self._state.cursor[1])
        departure = self._state.departure[:rows]
        return departure[(departure > now) & mended[self._state.path[:rows]]]

    def end_measuring(self) -> tuple[float, Tally, Count]:
        self._tally.busy_by_path[:] -= busy_from_now(self._scenario.network, self._state)
        return float(self._state.clock[0]), self._tally, new_count()


class _SimulationOfConnections:
    """Requests that are sliced, groomed, or served in part."""

    def __init__(self, scenario: Scenario, service: Service, load: float) -> None:
        if scenario.failure is not None:
            self.links = Links(scenario.network)
            scenario = scenario._replace(network=self.links.network)
        network = scenario.network
        self._scenario, self._service = scenario, service
        self._serve, self._interrupt = serve_connections, interrupt_connections
        if service.quality is not None:
            self._serve, self._interrupt = serve_with_quality, interrupt_with_quality
        self._state = new_connections(
            network,
            service,
            load,
            scenario.traffic.mean_holding_time,
            keep_usage=scenario.policy.needs_usage,
        )
        candidates = np.diff(network.first_path)
        self._pair_of_path = np.repeat(np.arange(len(candidates), dtype=np.int32), candidates)
        self._tally, self._count = new_tally(network), new_count()

    def serve(self, chunk: Requests, decision: Int32s = NO_DECISIONS) -> None:
        scenario = self._scenario
        self._serve(
            scenario.network,
            self._service,
            self._state,
            self._pair_of_path,
            self._tally,
            self._count,
            scenario.policy.fit,
            scenario.policy.choice,
            scenario.sample_every,
            *chunk,
            decision,
        )

    def now(self) -> float:
        return float(self._state.clock[0])

    def offered_and_blocked(self) -> tuple[int, int]:
        return int(self._tally.offered_by_pair.sum()), int(self._tally.blocked_by_pair.sum())

    def _up(self) -> tuple[Int32s, int]:
        """Return room for connections, with those that are up in front, and how many they are."""
        row = np.empty(int(self._state.cursor[CONNECTION + 1]), dtype=np.int32)
        state = self._state
        return row, int(rows_in(state.bucket, state.next_connection, row))

    def remaining(self, now: float) -> Floats:
        row, count = self._up()
        left = self._state.departure[row[:count]] - now
        return left[left > 0.0]

    def fail(self, hit: Flags, now: float, failure: Failure, stream: np.random.Generator) -> Toll:
        """Interrupt the connections with a lightpath on some paths, and restore what can be."""
        scenario, state, policy = self._scenario, self._state, self._scenario.policy
        rows, waits = int(state.cursor[CONNECTION + 1]), failure.restoration == "wait"
        pair, bit_rate, path = (np.empty(rows, dtype=np.int32) for _ in range(3))
        rate, departure = np.empty(rows, dtype=np.int64), np.empty(rows)
        count = self._interrupt(
            scenario.network,
            self._service,
            state,
            self._pair_of_path,
            self._tally,
            self._count,
            hit,
            self.links.path_down & ~hit,
            now,
            waits,
            pair,
            bit_rate,
            rate,
            path,
            departure,
        )
        order = np.lexsort((rate[:count], bit_rate[:count], pair[:count], -departure[:count]))
        pair, bit_rate, rate = pair[order], bit_rate[order], rate[order]
        path, departure = path[order], departure[order]
        if waits:
            return Toll(count, 0, 0, 0.0, departure, gone=False)
        decision = np.full((count, 3), -1, dtype=np.int32)
        if failure.restoration == "reroute":
            countdown = int(state.cursor[COUNTDOWN])
            state.cursor[COUNTDOWN] = 1 << 62
            self._serve(
                scenario.network,
                self._service,
                state,
                self._pair_of_path,
                new_tally(scenario.network),
                new_count(),
                policy.fit,
                policy.choice,
                1 << 62,
                np.full(count, now),
                departure - now,
                pair,
                bit_rate,
                stream.random(count) if policy.needs_ties else np.empty(0),
                decision,
            )
            state.cursor[COUNTDOWN] = countdown
        gone = decision[:, 0] == -1
        lost_gbps = float(rate[gone].sum()) / PER_GBPS
        took = self._took(failure, path[~gone], decision[~gone, 0])
        return Toll(count, 0, int(count - gone.sum()), lost_gbps, departure[gone], True, took)

    def _took(self, failure: Failure, old: Int32s, new: Int32s) -> Floats:
        """Return how long the restoration of some connections took, in ms."""
        link_km = np.array(self._scenario.link_km)
        return restoration_ms(failure.recovery, self.links, link_km, old, new)

    def repair(self, mended: Flags, now: float, failure: Failure) -> Floats:
        """Return the departures of the connections all of whose lightpaths are up: some are carried again."""
        row, count = self._up()
        row = row[:count]
        found = np.zeros(count, dtype=np.bool_)
        all_up(self._state, self.links.path_down, row, found)
        departure = self._state.departure[row]
        return departure[found & (departure > now)]

    def begin_measuring(self) -> float:
        self._state.cursor[COUNTDOWN] = min(
            self._scenario.sample_every, self._scenario.num_requests
        )
        self._tally, self._count = new_tally(self._scenario.network), new_count()
        begin_measuring(self._state)
        return float(self._state.clock[0])

    def end_measuring(self) -> tuple[float, Tally, Count]:
        add_busy_so_far(self._state, self._tally)
        return float(self._state.clock[0]), self._tally, self._count


class Replicate:
    """Do replications of one scenario; it travels to the workers of a pool once."""

    def __init__(self, scenario: Scenario) -> None:
        """scenario: what is replicated."""
        self._scenario = scenario

    def __call__(self, task: Task, stopped: Callable[[], bool] = lambda: False, /) -> Replication:
        """Return the replication. Raises Stopped."""
        return replicate(self._scenario, *task, stopped)


def serve_chunk(
    scenario: Scenario,
    state: State,
    tally: Tally,
    chunk: Requests,
    decision: Int32s = NO_DECISIONS,
    *,
    loop: Serve | None = None,
) -> None:
    """Serve requests with the policy of a scenario, changing `state` and adding to `tally`.

    decision: int32[request, 3], receives what was decided, see `event_loop.serve`; or empty. loop: that of
    the scenario; None: it is made for this call.
    """
    policy = scenario.policy
    loop = event_loop(scenario) if loop is None else loop
    loop(
        scenario.network,
        state,
        tally,
        policy.fit,
        policy.choice,
        scenario.sample_every,
        *chunk,
        decision,
    )


def split(
    chunks: Iterator[Requests], first: int, total: int
) -> tuple[Iterator[Requests], Iterator[Requests]]:
    """Return the first requests of a stream and those after them up to `total`, both in chunks.

    The first part must be read to its end before the second.
    """
    rest: list[Requests] = []

    def take(wanted: int) -> Iterator[Requests]:
        while wanted > 0:
            chunk = rest.pop() if rest else next(chunks)
            size = len(chunk.arrival)
            if size > wanted:
                rest.append(chunk.part(wanted, size))
                chunk = chunk.part(0, wanted)
            wanted -= len(chunk.arrival)
            yield chunk

    return take(first), take(total - first)


def replication_of(
    scenario: Scenario,
    tally: Tally,
    count: Count,
    load: float,
    replication: int,
    warmup_requests: int,
    seconds: float,
) -> Replication:
    """Return what a replication measured in `seconds` of its time, from what was counted."""
    network = scenario.network
    served = tally.served_by_path
    row_slots = np.maximum(network.width - scenario.guard_slots, 0)
    slot_time = per_link(network.first_hop, network.links, tally.busy_by_path, len(scenario.links))
    by_format = np.zeros((len(scenario.formats), len(scenario.bit_rates_gbps)), dtype=np.int64)
    rows, columns = np.nonzero(scenario.format_by_row >= 0)
    of_column = scenario.rate_of_column
    np.add.at(
        by_format,
        (scenario.format_by_row[rows, columns], of_column[columns]),
        tally.served_by_row[rows, columns],
    )
    ranks = int(scenario.rank.max(initial=0)) + 1
    requested = len(scenario.traffic.bit_rate_shares)
    gbps = scenario.bit_rates_gbps[of_column]
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
        hops=int(served @ scenario.hops),
        length_km=float(served @ scenario.length_km),
        slots=int((tally.served_by_row * row_slots).sum()),
        lightpaths_by_format=by_format,
        lightpaths_by_rank=np.bincount(scenario.rank, served, minlength=ranks).astype(np.int64),
        lightpaths_by_plane=tally.served_by_plane,
        utilisation=slot_time / (scenario.slots_per_link * seconds)
        if seconds > 0
        else slot_time * 0.0,
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
