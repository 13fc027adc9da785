"""What a person writes into the short fields of the forms, and what it comes to."""

import re
from itertools import groupby
from typing import Any

import pytest

from fusion.config.config import ConfigError, load_config
from fusion.config.sections import HOME
from fusion.sweep.definition import make_sweep
from fusion_flows.flows.form import choices_schema
from fusion_flows.flows.short_fields import sweep_of_fields, told_of_fields, with_fields
from fusion_flows.flows.written_values import FORM_OF_LOADS, axis_of, loads_text


@pytest.mark.parametrize(
    ("text", "loads"),
    [
        ("140 to 220 step 20", [140, 160, 180, 200, 220]),
        (" 140 TO 220 by 40 ", [140, 180, 220]),
        ("140, 160, 180", [140, 160, 180]),
        ("180 160;140", [140, 160, 180]),
        ("0.1, 0.2, 0.3", [0.1, 0.2, 0.3]),
        ("140 to 180", [140, 160, 180]),  # by the step of the template
        ("140-180", [140, 160, 180]),
        ("140 - 180 step 10", [140, 150, 160, 170, 180]),
        ("140–180", [140, 160, 180]),
        ("1e2", [100]),
    ],
)
def test_loads_are_those_that_are_written(text: str, loads: list[float]) -> None:
    config = load_config("quick", with_fields({}, {}, text))
    assert list(config.loads) == loads
    assert re.search(FORM_OF_LOADS, text.lower()), "no form refuses it"
    general = config.general_settings
    again = loads_text(general.erlang_start, general.erlang_stop, general.erlang_step)
    assert list(load_config("quick", with_fields({}, {}, again)).loads) == loads


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("140~220", "loads = 140~220: must be like 140 to 220 step 20, or like 140, 160, 180"),
        ("140 to", "must be like 140 to 220 step 20"),
        (",", "must be like 140 to 220 step 20"),
        ("140, 160, 190", "evenly spaced; a sweep takes any, as its axis erlang"),
    ],
)
def test_other_loads_are_refused_with_what_is_allowed(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        with_fields({}, {}, text)


@pytest.mark.parametrize(
    ("loads", "numbers", "choices", "told"),
    [
        ("0", {}, [], "loads = 0: erlang_start = 0 must be a number from 1e-06"),
        ("200 to 150 step 10", {}, [], "loads = 200 to 150 step 10: erlang_stop = 150 must be at"),
        (
            "",
            {"k_paths": 0},
            [],
            "k_paths = 0: must be .* (from k_paths of the parameters of the run)",
        ),
        (
            "",
            {},
            ["network=nsfnt"],
            "network = nsfnt: .* (from choices of the parameters of the run)",
        ),
    ],
)
def test_what_is_wrong_in_a_field_is_told_of_the_field(
    loads: str, numbers: dict[str, float | None], choices: list[str], told: str
) -> None:
    """It was said to be "from overrides", a field that nobody had touched."""
    with pytest.raises(ConfigError) as error:
        load_config("quick", with_fields({}, numbers, loads, choices))
    (line,) = told_of_fields(error.value.problems, {}, numbers, loads, choices)
    assert re.match(
        re.escape(told).replace(r"\.\*", ".*"), str(line).partition("] ")[2] or str(line)
    )
    own = {"general_settings": {"erlang_start": 1}, "routing_settings": {"k_paths": 1}}
    own["topology_settings"] = {"network": 1}
    own["general_settings"]["erlang_stop"] = 1
    assert told_of_fields(error.value.problems, own, numbers, loads, choices) == list(
        error.value.problems
    )


def test_fields_and_choices_are_changes_like_overrides() -> None:
    given = {"general_settings": {"guard_slots": 0}}
    changed = with_fields(
        given,
        {"k_paths": 3, "seed": 0, "c_band": None},
        choices=["path_order=km", "network = cost239_deeprmsa", "is_grooming_enabled=False"],
    )
    config = load_config("quick", changed)
    assert config.routing_settings.k_paths == 3
    assert config.routing_settings.path_order == "km"
    assert config.topology_settings.network == "cost239_deeprmsa"
    assert config.general_settings.guard_slots == 0
    assert config.spectrum_settings.c_band == 100
    assert given == {"general_settings": {"guard_slots": 0}}, "what was given is left as it is"


@pytest.mark.parametrize(
    ("overrides", "numbers", "loads", "choices", "told"),
    [
        ({"routing_settings": {"K_Paths": 5}}, {"k_paths": 3}, "", [], "k_paths = 3: is 5 in overrides"),
        ({"a": {"erlang_stop": 9}}, {}, "5 to 8", [], "erlang_stop = 8: is 9 in overrides"),
        ({}, {"k_paths": 3}, "", ["k_paths=4"], "k_paths = 4: is 3 in k_paths"),
        ({}, {}, "", ["path_order=km", "path_order=hops"], "path_order = hops: is km in choices"),
        ({}, {}, "", ["path_ordr=km"], "is not a key of the configuration; did you mean 'path_order'"),
        ({}, {}, "", ["hops"], "choices = hops: must be like path_order=hops"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_refused(
    overrides: dict[str, Any],
    numbers: dict[str, int],
    loads: str,
    choices: list[str],
    told: str,
) -> None:
    with pytest.raises(ConfigError, match=told):
        with_fields(overrides, numbers, loads, choices)


def test_the_same_value_twice_is_no_contradiction() -> None:
    overrides = {"routing_settings": {"k_paths": 3}}
    assert with_fields(overrides, {"k_paths": 3}, "", ["k_paths=3"]) == overrides


@pytest.mark.parametrize(
    ("row", "axis"),
    [
        ("k_paths = 1, 3, 5", ("k_paths", [1, 3, 5])),
        ("path_order=km,hops,", ("path_order", ["km", "hops"])),
        ("erlang = 140 to 220 step 20", ("erlang", {"start": 140, "stop": 220, "step": 20})),
        ("egn_model = true, False", ("egn_model", [True, False])),
        ("beta = .5", ("beta", [0.5])),
        (
            'request_distribution = [{"100": 1}, {"200": 1}]',
            ("request_distribution", [{"100": 1}, {"200": 1}]),
        ),
        (
            'erlang = {"start": 1, "stop": 9, "count": 3}',
            ("erlang", {"start": 1, "stop": 9, "count": 3}),
        ),
    ],
)
def test_a_row_is_an_axis(row: str, axis: tuple[str, Any]) -> None:
    assert axis_of(row) == axis
    make_sweep({"grid": dict([axis])}, "a row")


def test_the_fields_of_a_sweep_are_a_sweep() -> None:
    fields = {
        "template": "quick",
        "axes": ["path_order = km, hops", "", "erlang = 150, 200"],
        "num_requests": 2000,
        "more": {"where": "erlang > 160", "overrides": {"general_settings": {"guard_slots": 0}}},
    }
    assert make_sweep(sweep_of_fields(fields), "the form") == make_sweep(
        {
            "template": "quick",
            "grid": {"path_order": ["km", "hops"], "erlang": [150, 200]},
            "where": "erlang > 160",
            "overrides": {"general_settings": {"guard_slots": 0, "num_requests": 2000}},
        },
        "a file",
    )
    plain = {"grid": {"k_paths": [1]}}
    assert sweep_of_fields(plain) is plain


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"axes": ["k_paths"]}, "axes = k_paths: must be an axis and its values, like k_paths = 1, 3"),
        ({"axes": ["erlang = 1 to 9"]}, "needs a step, as in erlang = 1 to 9 step 20"),
        ({"axes": ["k_paths = [1,"]}, "is no JSON"),
        ({"axes": ["k_paths = 1"], "grid": {"k_paths": [3]}}, "is an axis of the grid or of another row"),
        ({"axes": "k_paths = 1"}, "must be a list of rows"),
        ({"more": ["where"]}, "must be an object"),
        ({"more": {"max_iters": 3}}, r"more\.max_iters = 3: has a field of its own"),
        ({"where": "k_paths > 1", "more": {"where": "k_paths > 2"}}, "is k_paths > 1 in the field where"),
        ({"num_requests": 5, "overrides": {"a": {"num_requests": 6}}}, "num_requests = 5: is 6 in overrides"),
    ],
)  # fmt: skip
def test_fields_of_a_sweep_that_cannot_be_meant_are_refused(
    fields: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        sweep_of_fields(fields)


def test_choices_begin_with_what_people_change_and_go_on_section_by_section() -> None:
    keys = list(dict.fromkeys(each.partition("=")[0] for each in choices_schema()["items"]["enum"]))
    assert keys[:5] == ["network", "path_order", "path_choice", "allocation_method", "route_method"]
    assert keys.index("protection_mode") < keys.index("egn_model"), (
        "what is seldom changed is later"
    )
    others = keys[keys.index("path_ties") + 1 :]
    assert len(others) > 20
    sections = [HOME[key] for key in others]
    assert len(list(groupby(sections))) == len(set(sections)), "each section in one piece"
