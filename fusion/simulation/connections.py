"""The simulation of requests that are sliced, groomed, served in part, or need sufficient signal quality."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fusion.kernel.arrays import Floats, Int32s, Network, Tally, new_tally
from fusion.kernel.connection_loop import (
    serve_connections,
    serve_impaired,
    serve_impaired_with_quality,
    serve_with_quality,
)
from fusion.kernel.connections import (
    CONNECTION,
    COUNTDOWN,
    add_busy_so_far,
    begin_measuring,
    new_connections,
    new_count,
)
from fusion.kernel.failures import (
    Flags,
    Links,
    all_up,
    interrupt_connections,
    interrupt_with_quality,
    rows_in,
)
from fusion.kernel.records import Connections, Count, Service
from fusion.network.slicing import PER_GBPS
from fusion.results.measured import Counted
from fusion.scenario.failures import Failure
from fusion.scenario.scenario import Scenario
from fusion.scenario.service_arrays import plain_service
from fusion.scenario.traffic import Requests
from fusion.simulation.outages import Toll
from fusion.simulation.served import Interrupted, Placed, Served
from fusion.simulation.user_policy_loop import loop_for_connections


class Arrays(NamedTuple):
    """What a simulation works on: what is up, and what is counted."""

    state: Connections
    tally: Tally
    counters: Count


def new_arrays(scenario: Scenario, service: Service, load: float) -> Arrays:
    """Return the arrays of an empty network at time 0, all counters zero."""
    state = new_connections(
        scenario.network,
        service,
        load,
        scenario.traffic.mean_holding_time,
        keep_usage=scenario.policy.needs_usage,
    )
    return Arrays(state, new_tally(scenario.network), new_count())


class ConnectionSimulation(Served):
    """Requests that are sliced, groomed, or served in part."""

    _state: Connections
    _countdown = COUNTDOWN

    def __init__(
        self, scenario: Scenario, service: Service, load: float, arrays: Arrays | None = None
    ) -> None:
        """arrays: of an empty network, which others may look at as they change; None: new ones."""
        if scenario.failure is not None:
            self.links = Links(scenario.network)
            scenario = scenario._replace(network=self.links.network)
        network = scenario.network
        self._scenario, self._service = scenario, service
        self._loop, self._interrupt = serve_connections, interrupt_connections
        if service.quality is not None:
            self._loop, self._interrupt = serve_with_quality, interrupt_with_quality
        if service.impairments is not None:
            plain = service.quality is None
            self._loop = serve_impaired if plain else serve_impaired_with_quality
        built_in, self._loop = self._loop, loop_for_connections(scenario, self._loop)
        # An agent was not trained to restore connections, nor does it in an environment.
        self._restoring = self._loop if scenario.agent is None else built_in
        if arrays is None:
            arrays = new_arrays(scenario, service, load)
        self._state, self._tally, self._count = arrays
        self._pair_of_path = pair_of_path(network)

    def _serve(
        self, chunk: Requests, tally: Tally, count: Count, sample_every: int, decision: Int32s
    ) -> None:
        self._serve_by(self._loop, chunk, tally, count, sample_every, decision)

    def _serve_anew(
        self, chunk: Requests, tally: Tally, count: Count, sample_every: int, decision: Int32s
    ) -> None:
        self._serve_by(self._restoring, chunk, tally, count, sample_every, decision)

    def _serve_by(
        self,
        loop: Any,
        chunk: Requests,
        tally: Tally,
        count: Count,
        sample_every: int,
        decision: Int32s,
    ) -> None:
        scenario = self._scenario
        loop(
            scenario.network,
            self._service,
            self._state,
            self._pair_of_path,
            tally,
            count,
            scenario.policy.fit,
            scenario.policy.choice,
            sample_every,
            *chunk,
            decision,
        )

    def find_light(self) -> None:
        """Note where light is, if the policy looks at it, after others have changed what is up."""
        impairments, state = self._service.impairments, self._state
        if impairments is None:
            return
        network, light = self._scenario.network, state.light
        light.lit[:], light.first[:] = 0, 0
        bytes_of_plane = 8 * light.lit.shape[2]
        for first in state.oldest.tolist():
            row = first
            while row >= 0:
                path, plane = int(state.path[row]), int(state.plane[row])
                slots = int(state.width[row]) - impairments.guard
                links = network.links[network.first_hop[path] : network.first_hop[path + 1]]
                for mask, width in ((light.lit, slots), (light.first, 1)):
                    bits = ((1 << width) - 1) << int(state.start[row])
                    words = np.frombuffer(bits.to_bytes(bytes_of_plane, "little"), dtype="<u8")
                    mask[plane, links] |= words
                row = int(state.following[row])

    def _up(self) -> tuple[Int32s, int]:
        """Return room for connections, with those that are up in front, and how many they are."""
        row = np.empty(int(self._state.cursor[CONNECTION + 1]), dtype=np.int32)
        state = self._state
        return row, int(rows_in(state.bucket, state.next_connection, row))

    def up(self) -> Placed:
        """Return the lightpaths that are up at the last arrival."""
        state, rows = self._state, []
        for oldest in state.oldest.tolist():
            each = oldest
            while each >= 0:
                rows.append(each)
                each = int(state.following[each])
        row = np.array(rows, dtype=np.int64)
        return Placed(
            *(state.path[row], state.plane[row], state.start[row], state.width[row]),
            *(state.column[row], state.until[row]),
            np.zeros(len(row), dtype=np.bool_),
        )

    def remaining(self, now: float) -> Floats:
        """Return the time that each connection that is up will still stay."""
        row, count = self._up()
        left = self._state.departure[row[:count]] - now
        return left[left > 0.0]

    def fail(self, hit: Flags, now: float, failure: Failure, stream: np.random.Generator) -> Toll:
        """Interrupt the connections with a lightpath on some paths, and restore what can be."""
        scenario, state = self._scenario, self._state
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
        out = Interrupted(path, pair, bit_rate, departure)
        gone, took = self._restore(out, now, failure, stream)
        lost_gbps = float(rate[gone].sum()) / PER_GBPS
        return Toll(count, 0, int(count - gone.sum()), lost_gbps, departure[gone], True, took)

    def repair(self, mended: Flags, now: float, failure: Failure) -> Floats:
        """Return the departures of the connections all of whose lightpaths are up: some are carried again."""
        row, count = self._up()
        row = row[:count]
        found = np.zeros(count, dtype=np.bool_)
        all_up(self._state, self.links.path_down, row, found)
        departure = self._state.departure[row]
        return departure[found & (departure > now)]

    def begin_measuring(self) -> float:
        """Count from now on, and return the time."""
        self._state.cursor[COUNTDOWN] = min(
            self._scenario.sample_every, self._scenario.num_requests
        )
        for counter in (*self._tally, *self._count):
            counter[...] = 0
        begin_measuring(self._state)
        return float(self._state.clock[0])

    def end_measuring(self) -> Counted:
        """Return what was counted."""
        tally = Tally._make(each.copy() for each in self._tally)
        add_busy_so_far(self._state, tally)
        return Counted(self.now(), tally, Count._make(each.copy() for each in self._count))


def service_of_failing(scenario: Scenario) -> Service:
    """Return how requests are served that take one lightpath each: as by the plain loop, but by this one."""
    return scenario.service or plain_service(
        len(scenario.pairs),
        len(scenario.candidates.hops),
        scenario.lightpaths.bit_rates_gbps.tolist(),
        len(scenario.traffic.bit_rate_shares),
    )


def pair_of_path(network: Network) -> Int32s:
    """Return int32[path], the pair that each path is a candidate of."""
    candidates = np.diff(network.first_path)
    return np.repeat(np.arange(len(candidates), dtype=np.int32), candidates)
