"""The table of features: what is in it is refused as it says, and all else loads and makes a scenario."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fusion import make_scenario
from fusion.config.config import Config, ConfigError, Problem, Variants, misfits
from fusion.config.features import (
    FEATURES,
    REFUSED,
    USES,
    examples_of,
    features_of,
    merged,
    rows,
)
from fusion.config.sections import CHOICES, DEFAULTS, HOME
from fusion.learning.setting import make_setting
from fusion.scenario.inputs import InputReader
from fusion.scenario.read_keys import Memory

NODES = "ABCD"
FILES = {
    "my_policy.py": "from fusion.request import BLOCKED\n\n\ndef choose(request):\n    return BLOCKED\n",
    "my_paths.csv": "A,B\nA,C\nA,D\nB,C\nB,A,D\nC,D\n",
    "my_matrix.csv": "".join(
        ",".join("01"[row != column] for column in NODES) + "\n" for row in NODES
    ),
    "my_quality.csv": "source,destination,path,band,slot,gsnr_db\nA,B,1,c,0,20\n",
    "network.txt": "A\tB\t100\nB\tC\t100\nC\tD\t100\nD\tA\t100\nA\tC\t150\n",
}
BASE = {
    "num_requests": 200,
    "max_iters": 20,
    "max_segments": 1,
    "cores_per_link": 1,
    "network": "network.txt",
    "c_band": 40,
    "erlang_start": 10,
    "erlang_stop": 10,
    "requested_xt": {"BPSK": -14, "QPSK": -18.5, "8-QAM": -21, "16-QAM": -25, "64-QAM": -34},
}
Example = Mapping[str, object]


class Bench:
    """Makes configurations of examples, with the files that they name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._reader = InputReader(memory=Memory())
        for name, text in FILES.items():
            (folder / name).write_text(text)
        self._variants = Variants("default", self._sections(BASE))

    def config(self, example: Example) -> Config:
        changes = {key: self._value(value) for key, value in example.items()}
        return self._variants.config(self._variants.draft(changes))

    def _sections(self, example: Example) -> dict[str, dict[str, object]]:
        sections: dict[str, dict[str, object]] = {}
        for key, value in example.items():
            sections.setdefault(HOME[key], {})[key] = self._value(value)
        return sections

    def _value(self, value: object) -> object:
        is_file = isinstance(value, str) and value.partition(":")[0] in FILES
        return str(self._folder / str(value)) if is_file else value

    def problems(self, example: Example, uses: tuple[str, ...] = ()) -> list[Problem]:
        """Return what is wrong with an example, also where it is used in certain ways."""
        try:
            config = self.config(example)
            make_scenario(config, self._reader.read(config))
        except ConfigError as error:
            return error.problems
        return [problem for use in uses for problem in misfits(config, use)]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("features"))


def on(values: Example) -> set[str]:
    return set(features_of({**DEFAULTS, **BASE, **values}))


def rows_of(values: Example, uses: tuple[str, ...]) -> list[tuple[str, ...]]:
    return rows({**DEFAULTS, **BASE, **values}, uses)


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


PAIRS = list(combinations(FEATURES, 2))


@pytest.mark.parametrize("name", FEATURES)
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
    names = tuple(data.draw(st.permutations(list(FEATURES)))[: data.draw(st.integers(3, 20))])
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
