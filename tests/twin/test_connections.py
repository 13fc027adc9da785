"""The loop for connections decides as its slow twin does, and as the plain loop where it may do no more."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion.kernel.arrays import Int32s, Tally, new_tally
from fusion.kernel.connection_loop import serve_connections
from fusion.kernel.connections import (
    ENDED,
    GROOMED,
    PARTLY_SERVED,
    SLICED,
    UNSERVED,
    add_busy_so_far,
    new_connections,
    new_count,
)
from fusion.kernel.records import Connections, Count, Service
from fusion.scenario.policies import built_in_policy
from fusion.scenario.service_arrays import make_service
from fusion.scenario.traffic import Requests
from tests.twin.cases import POLICIES, Case, cases, serve_case
from tests.twin.connections import ConnectionTwin
from tests.twin.twin import as_list

OPTIONS = st.fixed_dictionaries(
    {
        "max_segments": st.sampled_from([1, 2, 3, 8]),
        "grooms": st.booleans(),
        "partial": st.booleans(),
    }
)


@st.composite
def shaped_cases(draw: st.DrawFn, *, most_requests: int = 300) -> Case:
    """Cases in which a higher bit rate is wider, so that slices often fit where the whole does not."""
    case = draw(cases(most_requests=most_requests))
    width = case.network.width.copy()
    wanted = width[:, :-1]
    wanted[:] = -np.sort(-np.where(wanted == 0, 10**6, wanted), axis=1)
    wanted[wanted == 10**6] = 0
    return case._replace(network=case.network._replace(width=width))


class Done(NamedTuple):
    decision: Int32s
    state: Connections
    tally: Tally
    count: Count


def service_of(case: Case, **options: Any) -> Service:
    requested = case.network.width.shape[1]
    # Not in order, and with a remainder; the last column is never asked for.
    rates = [*[100.0, 37.5, 12.5][: requested - 1], 25.0]
    return make_service(case.paths, rates, requested, separate_directions=case.separate, **options)


def run(case: Case, service: Service, fit: str, choice: str, *, in_chunks: bool = True) -> Done:
    network, policy = case.network, built_in_policy(fit, choice)
    count = len(case.requests.arrival)
    done = Done(
        np.full((count, 3), -9, dtype=np.int32),
        new_connections(
            network,
            service,
            case.wheel_load,
            case.traffic.mean_holding_time,
            keep_usage=policy.needs_usage,
        ),
        new_tally(network),
        new_count(),
    )
    for start, stop in pairwise(case.cuts if in_chunks else [0, count]):
        part = case.requests.part(start, stop)
        serve(case, service, done, policy, part, done.decision[start:stop])
    return done


def serve(
    case: Case, service: Service, done: Done, policy: Any, requests: Requests, decision: Int32s
) -> None:
    candidates = np.diff(case.network.first_path)
    serve_connections(
        case.network,
        service,
        done.state,
        np.repeat(np.arange(len(candidates), dtype=np.int32), candidates),
        done.tally,
        done.count,
        policy.fit,
        policy.choice,
        case.sample_every,
        *requests,
        decision,
    )


@pytest.mark.parametrize(("fit", "choice"), POLICIES)
@given(case=shaped_cases(), options=OPTIONS)
@settings(derandomize=True, deadline=None, max_examples=20)
def test_same_decisions_as_the_twin(
    fit: str, choice: str, case: Case, options: dict[str, Any]
) -> None:
    service = service_of(case, **options)
    done = run(case, service, fit, choice)
    twin = ConnectionTwin(case.network, service, fit, choice)
    twin.serve(case.requests)
    assert done.decision.tolist() == [list(decision) for decision in twin.decisions]
    number = done.count.number
    assert number[[GROOMED, SLICED, PARTLY_SERVED, UNSERVED]].tolist() == [
        *(twin.groomed, twin.sliced, twin.partly_served, twin.unserved)
    ]
    pairs, paths = range(len(case.network.first_path) - 1), range(len(case.network.first_hop) - 1)
    assert done.tally.blocked_by_pair.tolist() == as_list(twin.blocked_by_pair, pairs)
    assert done.tally.served_by_path.tolist() == as_list(twin.served_by_path, paths)
    columns = range(case.network.width.shape[1])
    assert done.tally.served_by_row.sum(axis=0).tolist() == as_list(twin.served_by_column, columns)
    assert done.tally.events[0] == twin.out_of_reach
    # At the end of all connections everything is free, and the sums are there.
    end = float((case.requests.arrival + case.requests.holding).max())
    twin.end_until(end)
    last = Requests(
        np.array([end]),
        np.array([1.0]),
        np.zeros(1, dtype=np.int32),
        np.array([case.network.width.shape[1] - 1], dtype=np.int32),
        np.zeros(1),
    )
    unreachable = service._replace(grooms=False, partial=False, max_segments=1)
    serve(case, unreachable, done, built_in_policy(fit, choice), last, done.decision[:1])
    assert np.array_equal(done.state.free, case.network.spectrum)
    assert not done.state.usage.any()
    assert done.state.oldest.max() == done.state.newest.max() == -1
    assert number[ENDED] == len(twin.uses)
    assert done.count.use[0] == pytest.approx(sum(twin.uses))
    assert done.tally.busy_by_path == pytest.approx(as_list(twin.busy_by_path, paths))


@pytest.mark.parametrize(("fit", "choice"), POLICIES)
@given(case=cases(most_requests=500))
@settings(derandomize=True, deadline=None, max_examples=10)
def test_one_lightpath_a_request_is_what_the_plain_loop_does(
    fit: str, choice: str, case: Case
) -> None:
    service = service_of(case, max_segments=1, grooms=False, partial=False)
    done = run(case, service, fit, choice)
    plain = serve_case(case, fit, choice)
    assert np.array_equal(done.decision, plain.decision)
    for name in Tally._fields:
        if name != "busy_by_path":
            assert np.array_equal(getattr(done.tally, name), getattr(plain.tally, name)), name
    add_busy_so_far(done.state, done.tally)
    end = float(case.requests.arrival[-1])
    busy = np.zeros(len(case.network.first_hop) - 1)
    for index in np.flatnonzero(plain.decision[:, 0] >= 0):
        path = plain.decision[index, 0]
        width = case.network.width[case.network.width_row[path], case.requests.bit_rate[index]]
        arrival = case.requests.arrival[index]
        busy[path] += width * (min(end, arrival + case.requests.holding[index]) - arrival)
    assert done.tally.busy_by_path == pytest.approx(busy)


@given(case=shaped_cases(most_requests=500), options=OPTIONS, policy=st.sampled_from(POLICIES))
@settings(derandomize=True, deadline=None, max_examples=60)
def test_chunks_do_not_matter(case: Case, options: dict[str, Any], policy: tuple[str, str]) -> None:
    service = service_of(case, **options)
    one, many = (run(case, service, *policy, in_chunks=each) for each in (False, True))
    assert np.array_equal(one.decision, many.decision)
    assert all(np.array_equal(a, b) for a, b in zip(one.tally, many.tally, strict=True))
    assert np.array_equal(one.count.number, many.count.number)
