"""A policy of the user's decides compiled as in plain Python, and as a built-in one that does the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from fusion.kernel.assignment import Assignment
from fusion.scenario.assignment import capacity_of
from tests.twin.cases import Case, arrays_equal, cases, serve_case
from tests.twin.test_assignment import serve_assigned
from tests.twin.test_twin import assert_same_tally
from tests.twin.user_policies import (
    BEST_FIT,
    EVERYTHING,
    FIRST_FIT,
    LAST_FIT,
    LEAST_LOSS,
    UserPolicyTwin,
    serve_with_user_policy,
    source_of,
)

BUILT_IN = {"first_fit": FIRST_FIT, "last_fit": LAST_FIT, "best_fit": BEST_FIT}


@pytest.mark.parametrize(
    "fit", ["first_fit", "best_fit", pytest.param("last_fit", marks=pytest.mark.slow)]
)
@given(case=cases())
@settings(derandomize=True, deadline=None, max_examples=30)
def test_a_fit_in_ten_lines_decides_as_the_built_in_one(fit: str, case: Case) -> None:
    built_in = serve_case(case, fit, "in_order")
    served = serve_with_user_policy(case, source_of(BUILT_IN[fit]))
    assert served.decision.tolist() == built_in.decision.tolist()
    assert arrays_equal(served.tally, built_in.tally)


@given(case=cases(most_requests=120))
@settings(derandomize=True, deadline=None, max_examples=20)
def test_least_loss_in_ten_lines_decides_as_mscl(case: Case) -> None:
    network = case.network
    capacity = capacity_of(network, network.width[network.width_row], 2, all_widths=False)
    built_in = serve_assigned(
        network,
        Assignment(capacity, None, None, None),
        "all",
        case.requests,
        case.wheel_load,
        case.traffic.mean_holding_time,
        case.sample_every,
        case.cuts,
    )
    served = serve_with_user_policy(case, source_of(LEAST_LOSS))
    assert served.decision.tolist() == built_in.decision.tolist()


@given(case=cases(most_requests=120))
@settings(derandomize=True, deadline=None, max_examples=12)
def test_compiled_and_in_plain_python_every_question_has_the_same_answer(case: Case) -> None:
    source = source_of(EVERYTHING)
    served = serve_with_user_policy(case, source)
    twin = UserPolicyTwin(case, source)
    twin.serve(case.requests)
    assert served.decision.tolist() == [list(decision) for decision in twin.decisions]
    assert_same_tally(case.network, twin, served.tally)
