"""A policy of the user's with slices, grooming and signal quality decides as its twin in plain Python.

And as a built-in policy, where it does the same.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fusion.kernel.arrays import new_tally
from fusion.kernel.connection_loop import serve_connections, serve_impaired, serve_with_quality
from fusion.kernel.connections import (
    BLOCKED_BY_QUALITY,
    ENDED,
    GROOMED,
    PARTLY_SERVED,
    SLICED,
    UNSERVED,
    new_connections,
    new_count,
)
from fusion.kernel.failures import able_to_fail
from fusion.kernel.records import Service
from fusion.kernel.request import Facts
from fusion.kernel.routing import IN_ORDER
from fusion.scenario.policies import FITS, IMPAIRMENT_RANKS, RANKS
from fusion.scenario.policy.source import PolicySource
from fusion.scenario.traffic import Requests
from fusion.scenario.user_policy import UserPolicy
from fusion.simulation.connections import ConnectionSimulation
from fusion.simulation.user_policy_loop import UserPolicyConnectionLoop
from tests.twin import test_quality
from tests.twin.cases import Case
from tests.twin.test_connections import Done, run, service_of, shaped_cases
from tests.twin.test_failures import ONCE, events, run_with
from tests.twin.test_impairments import impaired, new_run, serve
from tests.twin.test_quality_failures import BreakableQualityTwin
from tests.twin.twin import as_list
from tests.twin.user_policies import (
    BEST_SIGNAL,
    BY_CHANCE,
    FIRST_FIT,
    GOOD_FIT,
    facts_of,
    source_of,
)
from tests.twin.user_policy_connections import UserPolicyConnectionTwin, UserPolicyQualityTwin

pytestmark = pytest.mark.timeout(900)  # on a busy machine what is compiled takes minutes
SLICED_OR_GROOMED = st.fixed_dictionaries(
    {
        "max_segments": st.sampled_from([2, 3, 8]),
        "grooms": st.booleans(),
        "partial": st.booleans(),
    }
)
SERVED = [GROOMED, SLICED, PARTLY_SERVED, UNSERVED]


def serve_with_user_policy(
    loop: Any,
    network: Any,
    service: Service,
    user_policy: UserPolicy,
    requests: Requests,
    load: float,
    mean: float,
    choice: int = IN_ORDER,
) -> Done:
    """Serve requests with a policy compiled into a loop for connections."""
    done = Done(
        np.full((len(requests.arrival), 3), -9, dtype=np.int32),
        new_connections(network, service, load, mean, keep_usage=False),
        new_tally(network),
        new_count(),
    )
    candidates = np.diff(network.first_path)
    pairs = [(str(pair), str(pair)) for pair in range(len(candidates))]
    UserPolicyConnectionLoop(user_policy, pairs, loop)(
        network,
        service,
        done.state,
        np.repeat(np.arange(len(candidates), dtype=np.int32), candidates),
        done.tally,
        done.count,
        0,
        choice,
        1000,
        *requests,
        done.decision,
    )
    return done


def serve_case(
    case: Case, service: Service, facts: Facts, source: PolicySource, choice: int = IN_ORDER
) -> Done:
    mean = case.traffic.mean_holding_time
    user_policy = UserPolicy(source, facts)
    return serve_with_user_policy(
        serve_connections,
        case.network,
        service,
        user_policy,
        case.requests,
        case.wheel_load,
        mean,
        choice,
    )


@given(
    case=shaped_cases(most_requests=200), options=SLICED_OR_GROOMED, rank=st.sampled_from([*RANKS])
)
@settings(derandomize=True, deadline=None, max_examples=60)
def test_slices_and_grooming_are_those_of_the_twin(
    case: Case, options: dict[str, Any], rank: str
) -> None:
    """On paths that come in an order of the moment; in a fixed order in the tests that follow."""
    service, facts, source = service_of(case, **options), facts_of(case), source_of(BY_CHANCE)
    done = serve_case(case, service, facts, source, RANKS[rank])
    twin = UserPolicyConnectionTwin(case.network, service, facts, source, rank)
    twin.serve(case.requests)
    assert done.decision.tolist() == [list(decision) for decision in twin.decisions]
    number = done.count.number
    assert number[SERVED].tolist() == [
        *(twin.groomed, twin.sliced, twin.partly_served, twin.unserved)
    ]
    paths = range(len(case.network.first_hop) - 1)
    assert done.tally.served_by_path.tolist() == as_list(twin.served_by_path, paths)
    columns = range(case.network.width.shape[1])
    assert done.tally.served_by_row.sum(axis=0).tolist() == as_list(twin.served_by_column, columns)
    assert done.tally.events[0] == twin.out_of_reach
    assert number[ENDED] == len(twin.uses)


def first_of_each_pair(case: Case) -> Case:
    """Return a case with one path for each pair."""
    network = case.network
    keep = network.first_path[:-1]
    hops = [range(network.first_hop[path], network.first_hop[path + 1]) for path in keep]
    return case._replace(
        network=network._replace(
            first_path=np.arange(len(keep) + 1, dtype=np.int32),
            first_hop=np.cumsum([0, *map(len, hops)], dtype=np.int32),
            links=network.links[[hop for each in hops for hop in each]],
            width_row=network.width_row[keep],
            path_cost=network.path_cost[keep],
        ),
        paths=case.paths._replace(
            first_path=np.arange(len(keep) + 1, dtype=np.int32),
            first_hop=np.cumsum([0, *map(len, hops)], dtype=np.int32),
            links=case.paths.links[[hop for each in hops for hop in each]],
            length_km=case.paths.length_km[keep],
        ),
    )


@given(case=shaped_cases(), options=SLICED_OR_GROOMED)
@settings(derandomize=True, deadline=None, max_examples=40)
def test_first_fit_on_one_path_is_the_built_in_one(case: Case, options: dict[str, Any]) -> None:
    case = first_of_each_pair(case)
    service = service_of(case, **options)
    served = serve_case(case, service, facts_of(case), source_of(FIRST_FIT))
    built_in = run(case, service, "first_fit", "in_order", in_chunks=False)
    assert served.count.number.tolist() == built_in.count.number.tolist()
    assert np.array_equal(served.decision == -1, built_in.decision == -1)
    # With shared links one for the other direction may be taken for one of this.
    if case.separate:
        assert np.array_equal(served.decision, built_in.decision)
        assert np.array_equal(served.tally.served_by_row, built_in.tally.served_by_row)


def with_user_policy(case: test_quality.Case, text: str) -> test_quality.Case:
    """Return a case with a policy of the user's."""
    scenario, count = case.scenario, len(case.scenario.planes)
    assert scenario.service is not None
    facts = Facts(
        source=np.array([int(a) for a, _ in scenario.pairs], dtype=np.int32),
        destination=np.array([int(b) for _, b in scenario.pairs], dtype=np.int32),
        bit_rate_gbps=scenario.lightpaths.bit_rates_gbps[scenario.lightpaths.rate_of_column],
        length_km=scenario.candidates.length_km,
        plane=np.array([(n, 0, scenario.planes[n].slots) for n in range(count)], dtype=np.int32),
    )
    user_policy = UserPolicy(source_of(text), facts)
    return case._replace(scenario=scenario._replace(user_policy=user_policy))


def serve_well(case: test_quality.Case, loop: Any = serve_with_quality) -> Done:
    scenario = case.scenario
    assert scenario.user_policy is not None
    assert scenario.service is not None
    mean = scenario.traffic.mean_holding_time
    return serve_with_user_policy(
        loop,
        scenario.network,
        scenario.service,
        scenario.user_policy,
        case.requests,
        case.load,
        mean,
        scenario.policy.choice,
    )


@given(case=test_quality.cases(most_requests=40))
@settings(derandomize=True, deadline=None, max_examples=60)
def test_signal_quality_is_that_of_the_twin(case: test_quality.Case) -> None:
    case = with_user_policy(case, BEST_SIGNAL)
    done = serve_well(case)
    assert case.scenario.user_policy is not None
    twin = UserPolicyQualityTwin(
        case.config, case.scenario, case.table, case.scenario.user_policy.source
    )
    twin.serve(case.requests)
    assert done.decision.tolist() == [list(decision) for decision in twin.decisions]
    number = done.count.number
    assert number[[*SERVED, BLOCKED_BY_QUALITY]].tolist() == [
        *(twin.groomed, twin.sliced, twin.partly_served, twin.unserved, twin.blocked_by_quality)
    ]
    assert done.count.noise[0] == pytest.approx(twin.noise_at_set_up, rel=1e-9)
    columns = range(case.scenario.network.width.shape[1])
    assert done.tally.served_by_row.sum(axis=0).tolist() == as_list(twin.served_by_column, columns)
    noise = done.state.noise
    assert not noise.added.any()


@given(case=test_quality.cases(), rank=st.sampled_from([*RANKS]))
@settings(derandomize=True, deadline=None, max_examples=60)
def test_first_fit_with_quality_is_the_built_in_one(case: test_quality.Case, rank: str) -> None:
    """On all paths and in all formats; slices alone take one path with the built-in policy."""
    general, routing = case.config.general_settings, case.config.routing_settings
    many = general.max_segments > 1 or general.is_grooming_enabled
    if many and routing.k_paths > 1:
        service = case.scenario.service
        assert service is not None
        service = service._replace(max_segments=1, grooms=False)
        case = case._replace(scenario=case.scenario._replace(service=service))
    policy = case.scenario.policy._replace(fit=FITS["first_fit"], choice=RANKS[rank])
    case = case._replace(scenario=case.scenario._replace(policy=policy))
    served, built_in = serve_well(with_user_policy(case, GOOD_FIT)), test_quality.run(case)
    assert served.count.number.tolist() == built_in.count.number.tolist()
    assert served.count.noise[0] == pytest.approx(built_in.count.noise[0], rel=1e-9)
    assert np.array_equal(served.decision == -1, built_in.decision == -1)
    shared = case.config.topology_settings.link_directions == "shared"
    if not (shared and general.is_grooming_enabled):
        assert np.array_equal(served.decision, built_in.decision)


class BreakableUserPolicyTwin(BreakableQualityTwin, UserPolicyQualityTwin):
    """A twin with a policy whole connections of which may be interrupted."""


@given(data=st.data(), case=test_quality.cases(most_requests=40))
@settings(derandomize=True, deadline=None, max_examples=15)
def test_what_is_restored_is_placed_by_the_policy(
    data: st.DataObject, case: test_quality.Case
) -> None:
    case = with_user_policy(case, BEST_SIGNAL)
    scenario, count = case.scenario, len(case.requests.arrival)
    assert scenario.user_policy is not None
    assert scenario.service is not None
    policy = scenario.policy._replace(draws=True)
    made = scenario._replace(network=able_to_fail(scenario.network), failure=ONCE, policy=policy)
    twin = UserPolicyQualityTwin(case.config, scenario, case.table, scenario.user_policy.source)
    twin.__class__ = BreakableUserPolicyTwin
    cut = data.draw(st.integers(0, count - 1))
    served: Any = SimpleNamespace(
        network=scenario.network, requests=case.requests, seed=1, cuts=[0, 0, cut, count]
    )
    happening = data.draw(events(served))
    simulation = ConnectionSimulation(made, scenario.service, case.load)
    run_with(simulation, twin, served, happening, "reroute", True)


@given(case=test_quality.cases(80, impaired(quality=False)))
@settings(derandomize=True, deadline=None, max_examples=60)
def test_first_fit_on_paths_by_impairments_is_the_built_in_one(case: test_quality.Case) -> None:
    service, policy = case.scenario.service, case.scenario.policy
    assert service is not None
    assume(policy.choice in IMPAIRMENT_RANKS.values())
    service = service._replace(max_segments=1, grooms=False)
    policy = policy._replace(fit=FITS["first_fit"])
    case = case._replace(scenario=case.scenario._replace(policy=policy, service=service))
    built_in = new_run(case)
    serve(case, built_in, case.requests, built_in.decision)
    served = serve_well(with_user_policy(case, FIRST_FIT), serve_impaired)
    assert served.decision.tolist() == built_in.decision.tolist()
