"""Points are named by what can change their results, and by nothing else."""

import random
from pathlib import Path
from typing import Any

import pytest

from fusion.config.config import Config, ConfigError, load_config
from fusion.config.sections import HOME
from fusion.config.variants import Variants
from fusion.scenario.content import content
from fusion.scenario.inputs import InputReader, read_inputs
from fusion.scenario.read_keys import Memory
from fusion.sweep import points
from fusion.sweep.definition import Sweep
from fusion.sweep.point_file import read_points, write_points
from fusion.sweep.points import sweep_points

BASE: dict[str, Any] = {"template": "quick", "grid": {"erlang": [150]}}


def key(section: str = "", **values: Any) -> str:
    (point,) = sweep_points(Sweep(**BASE, overrides={section: values} if section else {}))
    return point.key


def test_how_many_replications_there_are_to_be_is_not_in_the_key() -> None:
    same = key()
    assert key("general_settings", max_iters=77, erlang_step=3) == same
    assert key("simulation_settings", workers=3) == same
    statistics = {"stopping_rule": "precision", "relative_precision": 0.3, "confidence": 0.9}
    assert key("statistics_settings", **statistics) == same


def test_what_changes_a_result_is_in_the_key() -> None:
    keys = [
        key(),
        key("general_settings", num_requests=1234),
        key("general_settings", allocation_method="best_fit"),
        key("simulation_settings", seed=1),
        key("simulation_settings", warmup_requests=10),
        key("routing_settings", k_paths=2),
        key("topology_settings", network="NSFNet"),
        sweep_points(Sweep(template="quick", grid={"erlang": [151]}))[0].key,
    ]
    assert len(set(keys)) == len(keys)


def test_the_content_of_a_topology_counts_and_not_where_it_lies(tmp_path: Path) -> None:
    keys = []
    for folder, km in (("a", 100), ("b", 100), ("c", 200)):
        file = tmp_path / folder / f"net_{folder}.txt"
        file.parent.mkdir()
        file.write_text(f"1\t2\t{km}\n2\t3\t100\n")
        keys.append(key("topology_settings", network=str(file)))
    assert keys[0] == keys[1] != keys[2]


def test_two_files_of_one_name_on_an_axis_are_refused(tmp_path: Path) -> None:
    """They would be one curve in a picture; the same content is one point wherever it lies."""
    text = "from fusion.request import BLOCKED\n\ndef choose(request):\n    return BLOCKED\n"
    files = [tmp_path / folder / "mine.py" for folder in ("a", "b")]
    for file in files:
        file.parent.mkdir()
        file.write_text(text)
    sweep = Sweep(
        template="quick",
        grid={"policy": [f"{file}:choose" for file in files], "erlang": [150, 160]},
    )
    assert len(sweep_points(sweep)) == 2
    files[1].write_text(text + "\n\n# another")
    with pytest.raises(ConfigError) as raised:
        sweep_points(sweep)
    [problem] = raised.value.problems
    assert (problem.key, problem.value) == ("policy", f"{files[1]}:choose")
    assert f"another file than {files[0]}:choose" in problem.message


def test_a_point_that_is_there_twice_is_there_once() -> None:
    sweep = Sweep(
        template="quick",
        points=[
            {"route_method": "k_shortest_path", "k_paths": 1},
            {"route_method": "shortest_path", "k_paths": 1},
        ],
        grid={"erlang": [150, 150.0]},
    )
    assert len(sweep_points(sweep)) == 1


def test_where_sees_the_values_as_the_configuration_has_them() -> None:
    sweep = Sweep(
        template="quick",
        grid={"k_paths": [1, 2, 3], "path_order": ["km", "hops"], "erlang": [100, 200]},
        where="(k_paths > 1 or path_order == 'km') and erlang in (200, 300)",
    )
    assert [(p.axes["k_paths"], p.axes["path_order"]) for p in sweep_points(sweep)] == [
        (1, "km"),
        (2, "km"),
        (2, "hops"),
        (3, "km"),
        (3, "hops"),
    ]


def told(**data: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        sweep_points(Sweep(template="quick", **data))
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("grid", "where", "left"),
    [
        (
            {"route_method": ["k_shortest_path", "cong_aware"], "path_choice": ["in_order", "all"]},
            "route_method == 'k_shortest_path' or path_choice == 'in_order'",
            3,
        ),
        ({"k_paths": [0, 1, 101]}, "0 < k_paths <= 100", 1),
        ({"c_band": ["many", 80]}, "c_band != 'many'", 1),
        ({"network": ["gone.txt", "NSFNet"]}, "network != 'gone.txt'", 1),
        ({"network": ["nowhere", "NSFNet"], "k_paths": [0, 3]}, "network + k_paths", 0),
        (
            {"mod_assumption": ["deeprmsa_reach", "DEFAULT"], "bw_per_slot": [12.5]},
            "mod_assumption != 'DEFAULT'",
            1,
        ),
        ({"erlang": [-1, 0, 150]}, "erlang > 0", 1),
        ({"failure_type": ["none", "random"]}, "failure_type == 'none'", 1),
    ],
    ids=str,
)
def test_what_where_leaves_out_need_not_be_right(
    grid: dict[str, Any], where: str, left: int
) -> None:
    sweep = Sweep(template="quick", grid={"erlang": [150], **grid}, where=where)
    if left:
        assert len(sweep_points(sweep)) == left
        assert told(grid={"erlang": [150], **grid}) != []
    else:  # `str` is not known there, and what is wrong by itself is told all the same
        assert {line.split(" = ")[0] for line in told(grid=grid, where=where)} >= {
            *("[topology_settings] network", "[routing_settings] k_paths")
        }


def test_without_the_axis_of_loads_where_is_asked_first_too() -> None:
    grid = {"route_method": ["k_shortest_path", "cong_aware"], "path_choice": ["in_order", "all"]}
    right = "route_method == 'k_shortest_path' or path_choice == 'in_order'"
    for where in (right, f"({right}) and erlang < 150"):
        found = sweep_points(Sweep(template="quick", grid=grid, where=where))
        assert len(found) == (15 if where == right else 3)


def test_a_problem_is_told_once_with_what_its_combinations_have_in_common() -> None:
    grid: dict[str, Any] = {
        "k_paths": [3, 0],
        "path_order": ["km", "hops"],
        "seed": list(range(1, 40)),
        "guard_slots": [1, -7],
        "erlang": [100, 150, -1, 200],
    }
    assert told(grid=grid) == [
        "erlang = -1: is not a load: that is a number from 1e-6 to 1,000,000 "
        "(from grid.erlang of the sweep)",
        "[general_settings] guard_slots = -7: must be an integer from 0 to 1,000 "
        "(from grid.guard_slots of the sweep)",
        "[routing_settings] k_paths = 0: must be an integer from 1 to 100 "
        "(from grid.k_paths of the sweep)",
    ]
    grid = {
        "route_method": ["k_shortest_path", "cong_aware"],
        "path_choice": ["in_order", "all"],
        "k_paths": [1, 2, 3],
        "erlang": [100, 150],
    }
    (line,) = told(grid=grid)
    assert line.startswith("[routing_settings] path_choice = all: must be in_order")
    assert line.endswith("(from grid.path_choice of the sweep, at route_method = cong_aware)")
    assert len(told(grid={"k_paths": list(range(1000, 1100)), "seed": [-1, -2]})) == 13


VALUES: dict[str, list[Any]] = {
    "network": ["nsfnet_deeprmsa", "cost239_ptrnet", "NSFNet", "nowhere"],
    "k_paths": [1, 3, 5, 0],
    "route_method": [
        "k_shortest_path",
        "shortest_path",
        "cong_aware",
        "xt_aware",
        "least_congested",
    ],
    "path_order": ["km", "hops", "hops_per_bit"],
    "allocation_method": ["first_fit", "random_fit", "xt_aware", "spare"],
    "path_choice": ["in_order", "all"],
    "c_band": [0, 4, 80, 320],
    "l_band": [0, 80],
    "guard_slots": [0, 1, 79],
    "bw_per_slot": [6.25, 12.5],
    "mod_assumption": ["DEFAULT", "deeprmsa_reach", "one_bit_per_symbol", "other"],
    "bit_rates": ["uniform", "distribution"],
    "bit_rate_max": [100, 400, 100_000],
    "max_segments": [1, 4],
    "is_grooming_enabled": [False, True],
    "snr_type": ["None", "None", "snr_calc_nli", "gsnr"],
    "cores_per_link": [1, 7, 5],
    "failure_type": ["none", "none", "link", "random"],
    "failed_link_src": ["1", "2", "x"],
    "failed_link_dst": ["1", "2"],
    "mtbf": [1e-6, 1e6],
    "protection_mode": ["none", "none", "1plus1"],
    "disjointness_type": ["link", "node"],
    "conventions": ["none", "none", "fusion"],
    "seed": [1, 2],
    "num_requests": [1000, 2000.0, "3000", True],
    "holding_time": [0.2, 1],
    "request_distribution": [{"50": 1.0}, {"100": 0.5, "400": 0.5}, {"100": 0.6}],
    "policy": [
        "",
        "",
        str(Path(__file__).parents[2] / "examples/policies/keep_for_long.py:choose"),
    ],
}


def test_what_is_read_once_for_many_is_what_each_has_by_itself() -> None:
    chance = random.Random(5)
    overrides = {"general_settings": {"max_iters": 3, "k_paths": 4}, "snr_settings": {"beta": 0.4}}
    variants, reader = Variants("quick", overrides), InputReader(memory=Memory())
    right = 0
    for _ in range(250):
        axes = {key: chance.choice(VALUES[key]) for key in chance.sample(list(VALUES), 6)}
        changed = {section: dict(keys) for section, keys in overrides.items()}
        for key, value in axes.items():
            changed.setdefault(HOME[key], {})[key] = value
        together: object
        alone: object
        try:
            config = variants.config(variants.draft(axes))
            together = config, content(config, reader.read(config))
        except ConfigError as error:
            together = list(map(str, error.problems))
        try:
            config = load_config("quick", changed)
            alone = config, content(config, read_inputs(config))
            right += 1
        except ConfigError as error:
            alone = list(map(str, error.problems))
        assert together == alone, axes
    assert right > 60


def test_planning_says_how_far_it_is_and_repeats_no_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(points, "_SILENT_SECONDS", 0.0)
    said: list[str] = []
    grid = {"seed": list(range(40)), "c_band": list(range(3, 11)), "erlang": [150]}
    assert len(sweep_points(Sweep(template="quick", grid=grid), say=said.append)) == 320
    assert said == ["256 of 320 combinations are checked"]
    warnings = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert len(warnings) == len(set(warnings)) == 6
    assert warnings[-1].startswith("... and ")
    caplog.clear()
    sweep_points(Sweep(template="quick", grid=grid | {"seed": [1]}), quiet=True)
    assert not caplog.records, "where results are only shown"


def test_a_function_is_called_again_only_for_what_it_reads() -> None:
    calls: list[int] = []

    def works(config: Config, more: object) -> tuple[int, object]:
        calls.append(config.routing_settings.k_paths)
        if config.routing_settings.k_paths > 2:
            return config.general_settings.guard_slots, more
        return config.topology_settings.cores_per_link, more

    memory, more, other = Memory(), object(), object()

    def asked(k: int, guard: int, thing: object, **general: Any) -> tuple[int, object]:
        changes = {
            "general_settings": {"guard_slots": guard, **general},
            "routing_settings": {"k_paths": k},
        }
        return memory.call(works, load_config("quick", changes), thing)

    assert asked(1, 2, more) == (1, more)
    assert asked(1, 3, more, num_requests=5) == (1, more)
    assert calls == [1]
    assert asked(3, 2, more) == (2, more)
    assert asked(3, 3, more) == (3, more)
    assert asked(3, 2, more, num_requests=5) == (2, more)
    assert calls == [1, 3, 3]
    assert asked(3, 2, other) == (2, other)
    assert calls == [1, 3, 3, 3]
    for whole in (
        vars,
        dict,
        lambda section: section.model_dump(),
        lambda section: section.model_copy(),
    ):
        calls.clear()

        def takes_all(config: Config, whole: Any) -> int:
            calls.append(1)
            return len(str(whole(config.general_settings)))

        for guard in (1, 2, 2):
            memory.call(
                takes_all, load_config("quick", {"general_settings": {"guard_slots": guard}}), whole
            )
        assert calls == [1, 1]


def test_points_survive_their_file(tmp_path: Path) -> None:
    points = sweep_points(
        Sweep(
            template="quick",
            grid={"k_paths": [1, 3], "erlang": [100, 123.25]},
            overrides={"general_settings": {"request_distribution": {"50": 0.3, "100": 0.7}}},
        )
    )
    write_points(tmp_path / "points.json", points, "blocking_probability")
    again, metric = read_points(tmp_path / "points.json")
    assert metric == "blocking_probability"
    assert again == points


def test_a_point_is_what_a_run_of_that_configuration_simulates() -> None:
    (point,) = sweep_points(Sweep(**BASE))
    loads = {"erlang_start": 150, "erlang_stop": 150, "erlang_step": 1}
    assert point.config == load_config("quick", {"general_settings": loads})
