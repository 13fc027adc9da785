"""The policies of the examples do what their page says."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

import fusion.request
from fusion.kernel.request import PUBLIC, QUESTIONS
from fusion.scenario.policy.file import read_policy
from fusion.sweep.points import Point, sweep_points
from fusion.sweep.sweep_file import read_sweep
from tests.twin.cases import Case, cases
from tests.twin.user_policies import UserPolicyTwin, serve_with_user_policy

from hypothesis import given, settings  # isort: skip

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")
EXAMPLES = sorted((ROOT / "examples" / "policies").glob("*.py"))


@pytest.fixture(scope="module")
def points() -> list[Point]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return sweep_points(read_sweep(ROOT / "examples" / "policies.toml"))


@pytest.mark.parametrize(
    "policy", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2, 3))]
)
def test_the_table_says_what_the_program_finds(points: list[Point], policy: int) -> None:
    row = runpy.run_path(str(ROOT / "docs" / "make_policies.py"))["row"]
    assert len(points) == 4 * 4
    point = [point for point in points if point.erlang == 160][policy]
    assert row(point) in PAGE


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
@given(case=cases(most_requests=60))
@settings(derandomize=True, deadline=None, max_examples=12)
def test_an_example_decides_compiled_as_in_plain_python(example: Path, case: Case) -> None:
    source = read_policy(f"{example}:choose")
    twin = UserPolicyTwin(case, source)
    twin.serve(case.requests)
    assert np.array_equal(serve_with_user_policy(case, source).decision, twin.decisions)


def test_the_page_names_all_that_a_policy_may_ask() -> None:
    named = set(re.findall(r"`(?:request\.)?(\w+)", PAGE))
    assert set(PUBLIC) <= named
    assert {question.__name__ for question in QUESTIONS} <= named
    offered = {*(question.__name__ for question in QUESTIONS), "BLOCKED", "Request"}
    assert set(fusion.request.__all__) == offered
