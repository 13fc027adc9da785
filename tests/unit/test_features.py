"""The table of features: what is in it is refused as it says, and all else loads and makes a scenario."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fusion.config.config import Problem
from fusion.config.features import FEATURES, REFUSED, USES, examples_of, features_of, merged, rows
from fusion.config.sections import CHOICES, DEFAULTS, HOME
from fusion.learning.setting import make_setting
from tests.features import BASE, HAS_GNPY, Bench, Example, on, rows_of


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("features"))


def uses_of(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if name in USES)


def lacks(values: Example) -> bool:
    """Return whether an example lacks what FUSION's conventions need beside it, see limits_as_fusion."""
    there = on(values)
    if "fusion" not in there:
        return False
    many = {"slicing", "grooming"} <= there
    return (
        ("noise" in there and not there & {"dynamic", "grooming"})
        or (many and "dynamic" not in there)
        or (many and "in part" not in there)
        or {"dynamic", "fixed grid", "slicing"} <= there  # channel_capacity must have its bit rates
        or ("crosstalk" in there and "cores" not in there)
    )


AVAILABLE = [name for name in FEATURES if name != "GNPy" or HAS_GNPY]
PAIRS = list(combinations(AVAILABLE, 2))


@pytest.mark.parametrize("name", AVAILABLE)
def test_each_feature_alone(name: str, bench: Bench) -> None:
    feature = FEATURES[name]
    for example in feature.examples:
        assert name in on(example) or name in USES
        assert not bench.problems(example, uses_of((name,))), example
    assert name not in on({})
    for key in (key for example in feature.examples for key in feature.found(example)):
        assert feature.must or key in CHOICES


@pytest.mark.parametrize("row", REFUSED, ids=", ".join)
def test_what_is_in_the_table_is_refused_as_it_says(row: tuple[str, ...], bench: Bench) -> None:
    ways = list(examples_of(*row))
    assert ways
    for values in ways:
        problems = bench.problems(values, uses_of(row))
        for key in features_of({**DEFAULTS, **BASE, **values})[row[0]]:
            told = [each for each in problems if each.key == key and REFUSED[row] in each.message]
            assert told, (values, problems)
            assert told[0].section == HOME[key]


def test_a_fit_that_is_added_is_not_taken_for_one_of_fusion() -> None:
    for fit in {*CHOICES["allocation_method"], "a new one"} - {
        *("first_fit", "priority_first", "xt_aware")
    }:
        assert ("other fit", "fusion") in rows({"allocation_method": fit, "conventions": "fusion"})


def fails(values: Example, uses: tuple[str, ...], bench: Bench) -> list[Problem]:
    """Return what is wrong with an example in which nothing is refused."""
    problems = bench.problems(values, uses)
    if not problems and "learners" in uses:
        make_setting(bench.config(values))
    return problems


def test_every_pair_that_is_not_in_the_table_makes_a_scenario(bench: Bench) -> None:
    tried = set()
    for names in PAIRS:
        uses = uses_of(names)
        for values in examples_of(*names):
            this = frozenset([*values.items(), *uses])
            if this not in tried and not rows_of(values, uses) and not lacks(values):
                tried.add(this)
                assert not fails(values, uses, bench), (names, values)
    assert len(tried) > 500


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
@given(st.data())
def test_several_features_at_once(bench: Bench, data: st.DataObject) -> None:
    """What the table refuses is refused by it alone, and all else makes a scenario."""
    names = tuple(data.draw(st.permutations(AVAILABLE))[: data.draw(st.integers(3, 20))])
    uses = uses_of(names)
    most_rows = data.draw(st.sampled_from([0, 0, 0, 3]))
    values: dict[str, object] = {}
    for name in names:
        more = merged(values, data.draw(st.sampled_from(FEATURES[name].examples)))
        if more is not None and not lacks(more) and len(rows_of(more, uses)) <= most_rows:
            values = more
    refused = rows_of(values, uses)
    problems = bench.problems(values, uses) if refused else fails(values, uses, bench)
    reasons = tuple(f": {REFUSED[row]}" for row in refused)
    assert all(each.message.endswith(reasons) for each in problems), (values, problems)
    assert bool(problems) == bool(refused), values
