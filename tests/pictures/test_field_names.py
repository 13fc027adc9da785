"""What the literature calls policies: in the legend, where the settings that differ say it."""

import pytest

from fusion.config.config import load_config
from fusion.config.policy_names import policy_name
from fusion.sweep.definition import Sweep
from fusion.sweep.point_state import PointState
from fusion.sweep.points import sweep_points
from fusion_flows.pictures.field_names import in_field_names

from .drawn import METRIC, Row, draw, point, said


def legend(grid: dict[str, list[object]], only: str = "", **labels: str) -> list[str]:
    """Return what the legend of a sweep says of its curves. only: a path_choice; empty: all."""
    sweep = Sweep(template="quick", grid={**grid, "erlang": [100, 200]}, labels=labels)
    states = [
        PointState(one, {}, METRIC)
        for one in sweep_points(sweep)
        if only in ("", one.axes.get("path_choice"))
    ]
    rows: list[Row] = [
        {**point(one.point.erlang, 0.01 / n), **one.point.axes, "key": one.point.key}
        for n, one in enumerate(states, 1)
    ]
    shown, axes = in_field_names(rows, sweep.axes, states, sweep.labels)
    curves = {tuple(row[axis] for axis in axes[:-1]) for row in shown}
    return said(draw([dict(row) for row in shown], *axes[:-1]))[: len(curves)]


@pytest.mark.parametrize(
    ("grid", "labels"),
    [
        ({"path_choice": ["in_order", "all"]}, ["KSP-FF", "FF-KSP"]),
        ({"allocation_method": ["first_fit", "best_fit"]}, ["first fit", "best fit"]),
        (
            {"path_choice": ["in_order", "all"], "allocation_method": ["first_fit", "last_fit"]},
            ["KSP-FF", "KSP-LF", "FF-KSP", "LF-KSP"],
        ),
        (
            {"route_method": ["k_shortest_path", "cong_aware"], "k_paths": [1, 3]},
            [
                *("KSP, k_paths = 1", "KSP, k_paths = 3"),
                *("congestion-aware, k_paths = 1", "congestion-aware, k_paths = 3"),
            ],
        ),
        ({"path_order": ["km", "hops_per_bit"]}, ["km", "hops per bit"]),
        ({"allocation_method": ["first_fit", "mscl"]}, ["first fit", "MSCL"]),
    ],
)
def test_policies_have_the_names_of_the_literature(
    grid: dict[str, list[object]], labels: list[str]
) -> None:
    assert legend(grid) == labels


def test_labels_of_ones_own_go_first() -> None:
    fits: dict[str, list[object]] = {"allocation_method": ["first_fit", "best_fit"]}
    assert legend(fits, first_fit="FF") == ["FF", "best fit"]
    choices: dict[str, list[object]] = {"path_choice": ["in_order", "all"], **fits}
    assert legend(choices, **{"path_choice=all": "slot first"}) == [
        *("path_choice = in_order, first fit", "path_choice = in_order, best fit"),
        *("slot first, first fit", "slot first, best fit"),
    ]


def test_a_policy_is_path_first_or_slot_first() -> None:
    for overrides, name in (
        ({}, "KSP-FF"),
        ({"routing_settings": {"path_choice": "all"}}, "FF-KSP"),
        ({"general_settings": {"route_method": "cong_aware"}}, "CA-FF"),
    ):
        assert policy_name(load_config("quick", overrides)) == name


@pytest.mark.parametrize(
    "grid",
    [
        {"path_choice": ["in_order", "all"]},
        {"path_choice": ["in_order", "all"], "allocation_method": ["first_fit", "mscl"]},
    ],
)
def test_a_label_of_ones_own_may_be_for_the_name_of_a_policy(grid: dict[str, list[object]]) -> None:
    """It was refused, and a label of a value left all other curves without their names."""
    known = legend(grid)
    assert "KSP-FF" in known
    mine = legend(grid, **{"KSP-FF": "ours"})
    assert mine == ["ours" if name == "KSP-FF" else name for name in known]


def test_a_label_for_a_policy_is_there_when_some_of_the_curves_are_drawn() -> None:
    grid: dict[str, list[object]] = {
        "path_choice": ["in_order", "all"],
        "allocation_method": ["first_fit", "best_fit"],
    }
    assert legend(grid, "in_order", **{"KSP-FF": "ours"}) == ["ours", "KSP-BF"]
    assert legend(grid, "in_order") == ["first fit", "best fit"]
