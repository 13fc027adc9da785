"""Values on an axis are compared with what their requests have in common."""

from pathlib import Path
from typing import Any

import pytest

from fusion.config.config import ConfigError
from fusion.config.policy_names import policy_name
from fusion.results.outcome import Outcome
from fusion.sweep.compare import compare, have_same_requests, loads_at, status_text
from fusion.sweep.definition import Sweep
from fusion.sweep.joined_axes import along, axes_to_compare, comparable_axes
from fusion.sweep.point_state import PointState, point_states
from fusion.sweep.points import sweep_points
from fusion.sweep.verdicts import called_on, verdict_sentences
from fusion_flows.report.policy_comparisons import policy_comparisons, verdicts_of

ROOT = Path(__file__).parents[2]


def states_of(
    blocked: dict[Any, list[int]], axis: str, **more: Any
) -> tuple[list[PointState], Sweep]:
    """Return states with so many blocked requests of 1000 in each replication, by value on the axis."""
    sweep = Sweep(template="quick", grid={axis: list(blocked), "erlang": [150]}, **more)
    points = sweep_points(sweep)
    outcomes = {
        point.key: {
            number: Outcome(number, 1000, 0, count, 0, 1e5, count * 50.0, 1, 1, 1.0, 1, 0.5, 0.5)
            for number, count in enumerate(counts)
        }
        for point, counts in zip(points, blocked.values(), strict=True)
    }
    return point_states(points, outcomes, sweep.metric), sweep


COUNTS = [55, 48, 50, 57, 46, 60, 49, 58, 52, 47]


def test_common_requests_show_a_small_difference_and_other_ones_do_not() -> None:
    less = [count - 2 - number % 2 for number, count in enumerate(COUNTS)]
    states, sweep = states_of({"km": COUNTS, "hops": less}, "path_order")
    (row,) = compare(states, sweep, "path_order")
    assert (row["a"], row["b"], row["erlang"]) == ("hops", "km", 150)
    assert row["difference"] == pytest.approx(-0.0025)
    assert row["ci_lower"] < -0.0025 < row["ci_upper"] < 0
    assert (row["method"], row["verdict"], row["replications"]) == ("paired", "a blocks less", 10)

    states, sweep = states_of({1: COUNTS, 2: less}, "seed")
    (row,) = compare(states, sweep, "seed")
    assert (row["method"], row["verdict"]) == ("welch", "no difference shown")
    assert row["ci_lower"] < 0 < row["ci_upper"]


def test_the_base_is_what_the_others_are_compared_with() -> None:
    states, sweep = states_of({1: COUNTS, 2: COUNTS[::-1], 5: COUNTS[:4]}, "k_paths")
    rows = compare(states, sweep, "k_paths", "2")
    assert [(row["a"], row["b"], row["replications"]) for row in rows] == [(1, 2, 10), (5, 2, 4)]
    assert [row["a"] for row in compare(states, sweep, "k_paths")] == [2, 5]


def test_what_has_no_replication_is_not_compared() -> None:
    states, sweep = states_of({1: COUNTS, 2: []}, "k_paths")
    assert compare(states, sweep, "k_paths") == []


@pytest.mark.parametrize(
    ("axis", "told"),
    [
        (
            "erlang",
            "erlang is not an axis to compare along; there is only k_paths to compare along",
        ),
        (
            "k_path",
            "k_path is not an axis of this sweep; there is only k_paths to compare along; "
            "did you mean 'k_paths'?",
        ),
        ("seed", "seed is not an axis of this sweep; there is only k_paths to compare along"),
    ],
)
def test_an_axis_that_is_none_is_told(axis: str, told: str) -> None:
    states, sweep = states_of({1: COUNTS, 2: COUNTS}, "k_paths")
    with pytest.raises(ConfigError) as refused:
        compare(states, sweep, axis)
    assert str(refused.value) == told
    only = Sweep(template="quick", grid={"seed": [1], "k_paths": [1, 2]})
    with pytest.raises(ConfigError, match=r"^seed has only one value; there is only k_paths"):
        compare([], only, "seed")
    with pytest.raises(ConfigError, match=r"^3 is not a value of k_paths; its values are 1, 2$"):
        compare(states, sweep, "k_paths", "3")


@pytest.mark.parametrize(
    ("axis", "values", "same"),
    [
        ("path_order", ["km", "hops"], True),
        ("allocation_method", ["first_fit", "random_fit"], True),
        ("c_band", [100, 320], True),
        ("guard_slots", [0, 1], True),
        ("seed", [0, 1], False),
        ("network", ["NSFNet", "USNet"], False),
        ("num_requests", [1000, 2000], False),
        ("holding_distribution", ["exponential", "deterministic"], False),
    ],
)
def test_which_points_have_the_same_requests(axis: str, values: list[Any], same: bool) -> None:
    one, other = sweep_points(Sweep(template="quick", grid={axis: values, "erlang": [150]}))
    assert have_same_requests(one, other) is same


def test_the_load_at_which_each_curve_reaches_a_target() -> None:
    sweep = Sweep(template="quick", grid={"k_paths": [1, 2], "erlang": [100, 200, 400]})
    points = sweep_points(sweep)
    outcomes = {
        point.key: {
            number: Outcome(number, 100_000, 0, mean + spread, 0, 1e5, 1.0, 1, 1, 1.0, 1, 0.5, 0.5)
            for number, spread in enumerate((-20, 0, 20, -10, 10))
        }
        for point, mean in zip(points, (100, 1000, 5000, 30, 50, 90), strict=True)
    }
    rows = loads_at(point_states(points, outcomes, sweep.metric), sweep, 0.01)
    assert [(row["k_paths"], row["status"], row["loads"]) for row in rows] == [
        (1, "inside", 3),
        (2, "above all loads", 3),
    ]
    assert rows[0]["load"] == pytest.approx(200, rel=1e-6)
    assert 198 < rows[0]["ci_lower"] < 200 < rows[0]["ci_upper"] < 202


def test_what_is_not_computed_is_said_where_a_curve_does_not_reach_a_target() -> None:
    sweep = Sweep(template="quick", grid={"k_paths": [1, 2, 3], "erlang": [100, 200, 400]})
    points = sweep_points(sweep)
    computed = [point for n, point in enumerate(points) if n not in (0, 8)]
    outcomes = {
        point.key: {
            number: Outcome(number, 100_000, 0, mean + spread, 0, 1e5, 1.0, 1, 1, 1.0, 1, 0.5, 0.5)
            for number, spread in enumerate((-20, 0, 20, -10, 10))
        }
        for point, mean in zip(computed, (2000, 5000, 3000, 4000, 5000, 30, 50), strict=True)
    }
    rows = loads_at(point_states(points, outcomes, sweep.metric), sweep, 0.01)
    assert [row["missing"] for row in rows] == [[100], [], [400]]
    assert [status_text(row) for row in rows] == [
        "below 200 E, the lowest load with results; 1 lower load of the sweep is not computed",
        "below 100 E, the lowest load of the sweep",
        "above 200 E, the highest load with results; 1 higher load of the sweep is not computed",
    ]
    (found,) = loads_at(point_states(points[3:6], outcomes, sweep.metric), sweep, 0.035)
    assert status_text(found) == ""


def test_the_axes_to_compare_along_have_several_values() -> None:
    sweep = Sweep(
        grid={"k_paths": [1, 2], "seed": [3], "erlang": [100, 200]},
        zip=[{"path_order": ["km", "hops"], "guard_slots": [1, 1]}],
        points=[{"max_iters": 2}, {"max_iters": 3}],
    )
    found = comparable_axes(sweep)
    assert found == ["k_paths", "path_order", "max_iters"]
    assert axes_to_compare(found) == "there are k_paths, path_order and max_iters to compare along"
    assert axes_to_compare(found[:1]) == "there is only k_paths to compare along"
    assert "no axis with several values" in axes_to_compare(comparable_axes(Sweep()))


def counted_states(sweep: Sweep, counts: list[list[int]]) -> list[PointState]:
    """Return states with so many blocked requests of 1000 in each replication, in the order of the points."""
    points = sweep_points(sweep)
    outcomes = {
        point.key: {
            number: Outcome(number, 1000, 0, count, 0, 1e5, count * 50.0, 1, 1, 1.0, 1, 0.5, 0.5)
            for number, count in enumerate(of_point)
        }
        for point, of_point in zip(points, counts, strict=True)
    }
    return point_states(points, outcomes, sweep.metric)


def more(by: int) -> list[int]:
    return [count + by + number % 2 for number, count in enumerate(COUNTS)]


def test_policies_that_are_zipped_are_compared_by_name_at_each_load() -> None:
    """Along one axis of a zip no two points agreed in the other, so nothing was compared."""
    sweep = Sweep(
        template="quick",
        grid={"erlang": [150, 200]},
        zip=[
            {
                "path_choice": ["in_order", "in_order", "all"],
                "allocation_method": ["first_fit", "mscl", "first_fit"],
            }
        ],
    )
    counts = [COUNTS, more(9), more(-3), more(-9), COUNTS, COUNTS]
    states = counted_states(sweep, counts)
    together = along(states, sweep, "path_choice")
    assert (together.axis, together.others) == ("policy", ["erlang"])
    assert list(together.values) == ["KSP-FF", "KSP-MSCL", "FF-KSP"]
    rows = compare(states, sweep, "allocation_method")
    assert rows == compare(states, sweep, "policy") == compare(states, sweep, "path_choice")
    by_load: dict[float, dict[str, str]] = {}
    for row in rows:
        assert (row["b"], row["method"]) == ("KSP-FF", "paired")
        by_load.setdefault(row["erlang"], {})[row["a"]] = row["verdict"]
    of_first: dict[float, dict[str, int]] = {150: {}, 200: {}}
    for state in states:
        of_first[state.point.erlang][policy_name(state.point.config)] = state.outcomes[0].blocked
    for load, verdicts in by_load.items():
        for name, verdict in verdicts.items():
            less = of_first[load][name] < of_first[load]["KSP-FF"]
            assert verdict == ("a blocks less" if less else "b blocks less")
    for base in ("KSP-MSCL", "in_order, mscl"):
        assert {row["b"] for row in compare(states, sweep, "policy", base)} == {"KSP-MSCL"}
    assert {row["b"] for row in compare(states, sweep, "path_choice", "all")} == {"FF-KSP"}
    with pytest.raises(
        ConfigError, match="in_order is not a value of policy; its values are KSP-FF"
    ):
        compare(states, sweep, "path_choice", "in_order")


def test_a_policy_from_a_file_is_compared_by_its_name_beside_those_of_the_literature() -> None:
    folder = ROOT / "examples" / "train_agent"
    file = str(folder / "nsfnet_1.onnx")
    sweep = Sweep(
        template=str(folder / "nsfnet.ini"),
        grid={"erlang": [250]},
        zip=[
            {
                "policy": ["", "", file],
                "allocation_method": ["first_fit", "mscl", "mscl"],
                "path_choice": ["in_order", "all", "all"],
            }
        ],
    )
    states = counted_states(sweep, [COUNTS, more(9), more(-3)])
    together = along(states, sweep, "policy")
    names = ["KSP-FF", "MSCL-KSP", "nsfnet_1.onnx"]
    assert (together.axis, list(together.values)) == ("policy", names)
    assert compare(states, sweep, "allocation_method") == compare(states, sweep, "policy")
    assert {row["b"] for row in compare(states, sweep, "policy", "MSCL-KSP")} == {"MSCL-KSP"}
    assert [axis for axis, _ in policy_comparisons(sweep, states)] == ["policy"]
    assert len(verdicts_of(sweep, states)) == 2


def test_axes_that_are_crossed_are_compared_together_where_several_are_named() -> None:
    sweep = Sweep(
        template="quick",
        grid={
            "path_choice": ["in_order", "all"],
            "allocation_method": ["first_fit", "best_fit"],
            "k_paths": [1, 3],
            "erlang": [150],
        },
    )
    states = counted_states(sweep, [more(n) for n in range(8)])
    alone = compare(states, sweep, "allocation_method")
    assert {row["a"] for row in alone} == {"best_fit"}
    rows = compare(states, sweep, "path_choice,allocation_method")
    assert rows == compare(states, sweep, "policy")
    assert [(row["k_paths"], row["a"]) for row in rows] == [
        (k, name) for k in (1, 3) for name in ("KSP-BF", "FF-KSP", "BF-KSP")
    ]
    assert compare(states, sweep, "path_choice, k_paths")[0]["b"] == "in_order, k_paths = 1"


def test_points_written_out_are_compared_together_where_nothing_else_can_be() -> None:
    written = [
        {"k_paths": 1, "path_order": "km", "erlang": 150},
        {"k_paths": 3, "path_order": "hops", "erlang": 150},
    ]
    sweep = Sweep(template="quick", points=written)
    (row,) = compare(counted_states(sweep, [COUNTS, more(5)]), sweep, "path_order")
    assert (row["b"], row["a"]) == ("km, k_paths = 1", "hops, k_paths = 3")
    full = [{"k_paths": k, "path_order": order} for k in (1, 3) for order in ("km", "hops")]
    sweep = Sweep(template="quick", points=full, grid={"erlang": [150]})
    rows = compare(counted_states(sweep, [more(n) for n in range(4)]), sweep, "path_order")
    assert [(row["k_paths"], row["a"], row["b"]) for row in rows] == [
        (1, "hops", "km"),
        (3, "hops", "km"),
    ]


def test_replications_that_only_one_side_has_are_counted_as_left_out() -> None:
    states, sweep = states_of({1: COUNTS, 2: more(3)[:4]}, "k_paths")
    (row,) = compare(states, sweep, "k_paths")
    counts = [
        row[name] for name in ("replications", "replications_a", "replications_b", "left_out")
    ]
    assert (row["method"], counts) == ("paired", [4, 4, 4, 6])
    assert row["estimate_b"] == sum(COUNTS[:4]) / 4000

    states, sweep = states_of({1: COUNTS, 2: more(3)[:4]}, "seed")
    (row,) = compare(states, sweep, "seed")
    counts = [
        row[name] for name in ("replications", "replications_a", "replications_b", "left_out")
    ]
    assert (row["method"], counts) == ("welch", [4, 4, 10, 0])
    assert row["estimate_b"] == sum(COUNTS) / 10000


@pytest.mark.parametrize(
    ("verdicts", "axis", "text"),
    [
        (["a", "a", "b", ""], "policy", "B blocks less than A at 2 of 4 loads and more at 1"),
        (["", ""], "policy", "No difference shown between B and A at 2 loads"),
    ],
)
def test_verdicts_are_a_sentence(verdicts: list[str], axis: str, text: str) -> None:
    words = {"a": "a blocks less", "b": "b blocks less", "": "no difference shown"}
    rows = [{"erlang": n, "a": "B", "b": "A", "verdict": words[v]} for n, v in enumerate(verdicts)]
    assert verdict_sentences(rows, called_on(axis)) == [text]
    numbers = [{"k": 1, "erlang": 1.0, "a": 2, "b": 1, "verdict": "a blocks less"}]
    assert verdict_sentences(numbers, called_on("seed")) == [
        "seed = 2 blocks less than seed = 1 at 1 of 1 point"
    ]
