"""Points are named by what can change their results, and by nothing else."""

from pathlib import Path
from typing import Any

import pytest

from fusion.config import ConfigError, load_config
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
