"""Published studies as data: the shipped ones are right, and mistakes in a study are refused by name."""

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from fusion.config.problems import ConfigError
from fusion.config.shipped import STUDIES, study_names
from fusion.results.outcome import Outcome
from fusion.results.statistics import student_t
from fusion.sweep.point_state import PointState
from fusion.sweep.points import sweep_points
from fusion.sweep.reproduction import (
    CONFIDENCE,
    EXPLAINED,
    INSIDE,
    NOT_COMPUTED,
    NOT_JUDGED,
    OUTSIDE,
    Plan,
    agrees,
    as_record,
    counts,
    published_interval,
    value_of,
    with_reason,
)
from fusion.sweep.study import COLUMNS, POINTS, STUDY, NamedStudy, find_study, read_study
from fusion.sweep.sweep_file import read_sweep

TOML = """
title = "Toy"
summary = "Two fits on a toy network"
template = "quick"

[settings]
network = "toy_network"
num_requests = 1000
max_iters = 4

[quick]
max_iters = 2

[cases.first]
allocation_method = "first_fit"

[cases.last]
allocation_method = "last_fit"

[sources.nobody2020]
authors = "N. N."
title = "A title"
venue = "A venue"
year = 2020
where = "Table I"
address = "https://example.org"
unit = "percent"
uncertainty = "std between runs"

[[reasons]]
name = "ties"
text = "Another order of equally long paths"
settings = [{path_order = "hops"}, {path_order = "hops_per_bit"}]
"""
CSV = """source,case,erlang,metric,published,std,runs,rounding
nobody2020,first,50,blocking_probability,1.20,0.30,10,
nobody2020,last,50,blocking_probability,1.2,,,
"""


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., NamedStudy]:
    def write(toml: str = TOML, csv: str = CSV) -> NamedStudy:
        folder = tmp_path / "toy"
        folder.mkdir(exist_ok=True)
        (folder / STUDY).write_text(toml, encoding="utf-8")
        (folder / POINTS).write_text(csv, encoding="utf-8")
        return read_study(folder)

    return write


@cache
def plan_of(name: str) -> Plan:
    """Return the plan of a study: on 48 nodes its candidate paths take some seconds."""
    return Plan(find_study(name))


@pytest.mark.parametrize("name", study_names())
def test_every_shipped_study_is_valid(name: str) -> None:
    plan = plan_of(name)
    named = plan.named
    assert len(plan.points) == len(named.points)
    for value, point in zip(named.points, plan.points, strict=True):
        assert point.erlang == value.erlang
        assert point.config.general_settings.max_iters >= 2, "an interval needs two replications"
    header = (named.folder / POINTS).read_text(encoding="utf-8").splitlines()[0]
    assert header == ",".join(COLUMNS)


@pytest.mark.parametrize("name", ["deeprmsa", "fusion_slices", "multiband_wdm", "optical_rl_gym"])
def test_a_study_is_a_sweep_with_the_same_points(name: str) -> None:
    points = sweep_points(read_sweep(f"reproduce:{name}"), quiet=True)
    keys = {point.key for point in plan_of(name).points}
    assert {point.key for point in points} == keys
    quick = Plan(find_study(name), quick=True).points
    assert all(
        each.requests * each.config.general_settings.max_iters
        <= other.requests * other.config.general_settings.max_iters
        for each, other in zip(quick, plan_of(name).points, strict=True)
    )


def test_the_shipped_studies_have_the_published_values() -> None:
    studies = [find_study(name) for name in study_names()]
    assert sum(len(each.points) for each in studies) >= 200
    groups = {key for each in studies for key in each.study.sources}
    assert len(groups) >= 6
    networks = {
        point.inputs.topology.name for each in studies for point in plan_of(each.name).points
    }
    assert networks >= {
        *("nsfnet_deeprmsa", "cost239_deeprmsa", "cost239_ptrnet"),
        *("usnet_gcnrnn", "usnet_ptrnet", "jpn48_12576km"),
    }
    # The values that came with the settings before there were studies, from the same source.
    (value,) = [
        each
        for each in find_study("deeprmsa").points
        if (each.case, each.source) == ("nsfnet_hops", "doherty2025")
    ]
    assert value[2:] == pytest.approx((250.0, "blocking_probability", 0.0307, 0.0020, 10, 5e-5))


def test_percent_and_digits(make: Callable[..., NamedStudy]) -> None:
    first, last = make().points
    assert (first.published, first.std, first.runs) == pytest.approx((0.012, 0.003, 10))
    assert (first.rounding, last.rounding) == pytest.approx((0.5e-4, 0.5e-3))
    assert first.is_judged
    assert not last.is_judged
    shares = TOML.replace('unit = "percent"\n', "")
    (value, _) = make(
        shares, CSV.replace("1.20,0.30,10,", "2.12e-03,1e-4,10,").replace("1.2,", "0.5,")
    ).points
    assert (value.published, value.rounding) == pytest.approx((2.12e-3, 0.5e-5))


@pytest.mark.parametrize(
    ("toml", "csv", "told"),
    [
        (TOML.replace('title = "Toy"\n', ""), CSV, "title"),
        (TOML + "colour = 1\n", CSV, "colour"),
        (TOML.replace("network =", "netwrok ="), CSV, "netwrok.*not a key.*network"),
        (
            TOML.replace("max_iters = 4", "erlang_start = 4"),
            CSV,
            "erlang_start.*loads in points.csv",
        ),
        (TOML.replace("https://example.org", "page 7"), CSV, "address"),
        (
            TOML.replace('allocation_method = "last_fit"', "k_paths = 2"),
            CSV,
            "keys of the first case",
        ),
        (
            TOML.replace("settings = [{", "settings = [{seeed = 1}, {"),
            CSV,
            "seeed.*not a key.*seed",
        ),
        (TOML + TOML[TOML.index("[[reasons]]") :], CSV, "ties.*twice"),
        (TOML + 'cases = ["fist"]\n', CSV, "ties, cases = fist.*one of first, last.*first"),
        (TOML.replace("[cases.last]", "[cases.last"), CSV, "not valid TOML: line"),
        (TOML, CSV.replace("published,std", "value,std"), "columns must be source,case"),
        (TOML, CSV.replace("first,50", "frist,50"), "case = frist.*one of first, last.*first"),
        (TOML, CSV.replace("nobody2020,first", "nobody,first"), "source = nobody.*nobody2020"),
        (TOML, CSV.replace("1.20,", "much,"), "published = much.*number"),
        (TOML, CSV.replace("1.20,", "120,"), "published = 120.*0 to 100"),
        (TOML, CSV.replace("1.20,", "nan,"), "published = nan.*number"),
        (TOML, CSV.replace("0.30,10", "-0.30,10"), "std = -0.30.*0 or more"),
        (TOML, CSV.replace("0.30,10", "0.30,1"), "runs = 1.*2 or more with a std"),
        (TOML, CSV.replace("0.30,10", "0.30,ten"), "runs = ten.*whole number"),
        (TOML, CSV.replace("first,50", "first,0"), "erlang = 0.*above 0"),
        (TOML, CSV.replace(",,,", ",,"), "must have 8 cells"),
        (TOML, CSV + CSV.splitlines()[1] + "\n", "twice"),
        (TOML, "\n".join(CSV.splitlines()[:2]) + "\n", "cases = last: has no row"),
        (TOML, CSV.splitlines()[0] + "\n", "has no values"),
    ],
)
def test_mistakes_are_refused_by_name(
    make: Callable[..., NamedStudy], toml: str, csv: str, told: str
) -> None:
    assert (toml, csv) != (TOML, CSV)
    with pytest.raises(ConfigError, match=f"(?s){told}"):
        make(toml, csv)


def test_settings_are_checked_before_anything_is_computed(make: Callable[..., NamedStudy]) -> None:
    named = make(TOML.replace('"hops_per_bit"', '"by_ear"'))
    with pytest.raises(ConfigError, match="path_order = by_ear"):
        Plan(named)
    named = make(TOML.replace('"toy_network"', '"nowhere.json"'))
    with pytest.raises(ConfigError, match="network"):
        Plan(named)


def test_a_reason_may_concern_some_cases_alone(make: Callable[..., NamedStudy]) -> None:
    (reason,) = make().study.reasons
    assert [reason.concerns(case) for case in ("first", "last")] == [True, True]
    (reason,) = make(TOML + 'cases = ["first"]\n').study.reasons
    assert [reason.concerns(case) for case in ("first", "last")] == [True, False]


def test_an_unknown_study_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"maskrs.*maskrsa"):
        find_study("maskrs")
    assert study_names() == sorted(path.parent.name for path in STUDIES.glob(f"*/{STUDY}"))


def _state(state: PointState, blocked: list[int], requests: int = 1000) -> PointState:
    """Return the state of a point with outcomes of so many blocked requests."""
    for number, count in enumerate(blocked):
        sums = dict.fromkeys(Outcome._fields, 0)
        values = {"replication": number, "requests": requests, "blocked": count}
        state.add(Outcome(**{**sums, **values, "requested_gbps": 1.0, "lightpaths": 1}))
    return state


def test_verdicts(make: Callable[..., NamedStudy]) -> None:
    named = make()
    plan = Plan(named)

    def new(point: int = 0) -> PointState:
        return PointState(plan.points[point], {}, "blocking_probability")

    judged, unjudged = named.points
    half = student_t(CONFIDENCE, 9) * 0.003 / math.sqrt(10) + 0.5e-4
    assert published_interval(judged) == pytest.approx((0.012 - half, 0.012 + half))

    row = value_of("toy", judged, new())
    assert (row.verdict, math.isnan(row.ours)) == (NOT_COMPUTED, True)
    assert not agrees([row])
    assert value_of("toy", unjudged, _state(new(1), [12, 13, 11, 12])).verdict == NOT_JUDGED

    inside = value_of("toy", judged, _state(new(), [12, 13, 14, 13]))
    assert inside.verdict == INSIDE
    assert inside.ratio == pytest.approx(13 / 12)
    outside = value_of("toy", judged, _state(new(), [40, 41, 42, 41]))
    assert outside.verdict == OUTSIDE
    # Both intervals count: one of them alone would not reach.
    assert value_of("toy", judged, _state(new(), [10, 25, 24, 13])).verdict == INSIDE

    (reason,) = named.study.reasons

    def of_reason(*blocked: list[int]) -> list[PointState]:
        points = plan.reason_points(0, reason)
        states = [PointState(point, {}, "blocking_probability") for point in points]
        return [_state(state, each) for state, each in zip(states, blocked, strict=True)]

    assert with_reason(outside, reason, of_reason([], [])) == outside  # nothing is computed
    far = [35, 36, 37, 36]
    tried = with_reason(outside, reason, of_reason([30, 31, 32, 31], far))
    assert (tried.verdict, tried.reason) == (OUTSIDE, "ties")
    assert tried.range_lower < 0.031 < tried.range_upper == outside.ci_upper
    assert with_reason(tried, reason, of_reason(far, far)) == tried  # a narrower range
    explained = with_reason(tried, reason, of_reason([12, 12, 13, 12], far))
    assert (explained.verdict, explained.reason) == (EXPLAINED, "ties")

    rows = [inside, explained, tried]
    assert counts(rows) == {INSIDE: 1, EXPLAINED: 1, OUTSIDE: 1}
    assert agrees(rows[:2])
    assert not agrees(rows)
    assert as_record(inside)["range_lower"] is None
