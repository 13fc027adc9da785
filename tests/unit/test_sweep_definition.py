"""What a sweep's file may say, and what is told of one that is wrong."""

from pathlib import Path
from typing import Any

import pytest

from fusion.config.config import ConfigError
from fusion.config.named_files import told_path
from fusion.sweep.definition import Steps, Sweep, make_sweep
from fusion.sweep.points import sweep_points
from fusion.sweep.sweep_file import read_sweep


def refusal(**data: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        sweep_points(make_sweep(data, "sweep.toml"))
    return str(caught.value)


def test_the_product_of_grid_zip_and_points_in_their_order() -> None:
    sweep = Sweep(
        grid={"erlang": [100, 200], "k_paths": [1, 2]},
        zip=[{"allocation_method": ["first_fit", "best_fit"], "path_choice": ["in_order", "all"]}],
        points=[{"seed": 1}, {"seed": 5}],
    )
    assert sweep.axes == ["k_paths", "allocation_method", "path_choice", "seed", "erlang"]
    found = sweep.combinations()
    assert len(found) == 2 * 2 * 2 * 2
    assert found[0] == {
        "erlang": 100,
        "k_paths": 1,
        "allocation_method": "first_fit",
        "path_choice": "in_order",
        "seed": 1,
    }
    assert [each["seed"] for each in found[:4]] == [1, 5, 1, 5]
    assert {(each["allocation_method"], each["path_choice"]) for each in found} == {
        ("first_fit", "in_order"),
        ("best_fit", "all"),
    }


def test_a_sweep_without_axes_has_the_loads_of_its_template() -> None:
    points = sweep_points(Sweep(template="quick"))
    assert [point.axes for point in points] == [{"erlang": e} for e in (140, 160, 180, 200, 220)]


def test_steps_are_exact() -> None:
    assert Steps(start=0.1, stop=0.7, step=0.1).values == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    assert Steps(start=1, stop=2, count=5).values == [1, 1.25, 1.5, 1.75, 2]
    assert Steps(start=1, stop=1000, count=4, scale="log").values == [1, 10, 100, 1000]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"grid": {"k_path": [1]}}, ["grid", "'k_path' is not an axis", "did you mean 'k_paths'"]),
        ({"grid": {"erlang_start": [1]}}, ["loads are the axis erlang"]),
        ({"grid": {"workers": [1]}}, ["'workers' is not an axis"]),
        ({"grid": {"seed": [1]}, "points": [{"seed": 2}]}, ["'seed' is an axis of grid, too"]),
        ({"zip": [{"seed": [1, 2], "k_paths": [1]}]}, ["equally long", "seed: 2, k_paths: 1"]),
        (
            {"zip": {"k_paths": [1, 5]}},
            ["a list of groups of axes, such as zip = [{k_paths = [1, 5], path_choice = ["],
        ),
        ({"points": {"seed": 1}}, ["a list of combinations, such as points = [{seed = 1}, {s"]),
        (
            {"points": [{"seed": 1}, {"k_paths": 1}]},
            ["points 2: its axes must be those of points 1, seed, and are k_paths"],
        ),
        ({"grid": {"erlang": {"start": 1, "stop": 9}}}, ["grid.erlang", "step or count"]),
        ({"grid": {"erlang": {"start": 9, "stop": 1, "count": 2}}}, ["is below start"]),
        ({"grid": {"erlang": {"start": 0, "stop": 1, "count": 3, "scale": "log"}}}, ["above 0"]),
        ({"grid": {"erlang": []}}, ["grid.erlang"]),
        ({"zip": [{}]}, ["zip 1: has no axis"]),
        (
            {"grid": {"erlang": {"start": -1e308, "stop": 1e308, "count": 3}}},
            ["grid.erlang", "start and stop are too far apart"],
        ),
        ({"gird": {}}, ["gird", "is not a key of a sweep", "did you mean 'grid'"]),
        ({"metric": "hops"}, ["metric", "blocking_probability"]),
        (
            {"grid": {"seed": {"start": 0, "stop": 999, "step": 1}, "erlang": list(range(1, 102))}},
            ["101,000 combinations", "100,000 are allowed"],
        ),
        ({"grid": {"k_paths": [3, 0]}}, ["k_paths = 0", "from 1 to 100", "(from grid.k_paths"]),
        ({"grid": {"erlang": [100, -1]}}, ["erlang = -1", "is not a load"]),
        ({"template": "no such"}, ["no such"]),
        ({"overrides": {"general_settings": {"num_request": 1}}}, ["num_request"]),
        ({"template": "quick", "where": "erlang > 1000"}, ["where", "leaves no point"]),
        (
            {"template": "quick", "where": "load > 1"},
            [
                "where = load > 1: load is not an axis of this sweep; its axis is erlang; the load is erlang"
            ],
        ),
        (
            {"grid": {"k_paths": [1, 2]}, "where": "k_path > 1 and seed > load"},
            [
                "k_path is not an axis of this sweep; its axes are k_paths, erlang; did you mean 'k_paths'?",
                "seed is not an axis of this sweep; its axes are k_paths, erlang (from",
                "load is not an axis",
            ],
        ),
        (
            {"grid": {"path_order": ["km", "hops"]}, "where": "path_order == km"},
            ["km is not an axis", "The value is written in quotes: 'km'"],
        ),
        (
            {"template": "quick", "where": "erlang = 150"},
            ["where = erlang = 150: has a single =, which does not compare: == does"],
        ),
        (
            {"template": "quick", "where": "erlang >"},
            ["where = erlang >: cannot be read (invalid syntax); a condition may contain axes"],
        ),
        ({"template": "quick", "where": "   "}, ["where: is empty: give a condition such as"]),
        (
            {"template": "quick", "where": "erlang.__class__"},
            [
                "has what a condition may not have; a condition may contain axes, numbers, text in quotes"
            ],
        ),
        (
            {"template": "quick", "where": "open('/etc/passwd')"},
            ["unknown function open; available: abs, min, max, round"],
        ),
        ({"template": "quick", "where": "Max(erlang, 1) > 2"}, ["did you mean 'max'?"]),
        (
            {"template": "quick", "where": "9**9**9 > erlang"},
            ["a number or a text that is too large"],
        ),
        ({"template": "quick", "where": "[x for x in range(9)]"}, ["unknown function range"]),
        ({"template": "quick", "where": "'a' * 10**9 == 'b'"}, ["a text that is too large"]),
        (
            {"grid": {"path_order": ["km"], "erlang": [150]}, "where": "path_order > 1"},
            ["where = path_order > 1: cannot be told at path_order = km, erlang = 150: '>' not"],
        ),
    ],
    ids=str,
)
def test_what_is_wrong_is_told(data: dict[str, Any], told: list[str]) -> None:
    said = refusal(**data)
    for words in told:
        assert words in said


def test_all_that_is_wrong_is_told_together() -> None:
    said = refusal(
        filter="k_paths > 1",
        colour="red",
        grid={"k_path": [1], "seed": [], "k_paths": [1, 500], "erlang": [100]},
        overrides={"general_setting": {"num_requests": 1}, "routing_settings": {"k_pats": 3}},
        where="load > 100",
        metric="hops",
    ).splitlines()
    for words in (
        "filter = k_paths > 1: is not a key of a sweep; it has template, overrides, grid, zip, points, "
        "where, metric, labels; did you mean 'where'? (from sweep.toml)",
        "colour = red: is not a key of a sweep; it has",
        "grid: 'k_path' is not an axis; did you mean 'k_paths'",
        "grid.seed = []: must have one value at least",
        "k_paths = 500: must be an integer from 1 to 100 (from grid.k_paths, sweep.toml)",
        "[general_setting] unknown section",
        "k_pats = 3: unknown key; did you mean 'k_paths'?",
        "where = load > 100: load is not an axis",
        "metric = hops: must be one of blocking_probability, bit_rate_blocking_probability, "
        "availability (from sweep.toml)",
    ):
        assert sum(words in line for line in said) == 1, (words, said)
    assert len(said) == 9


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("k_paths", "an axis goes in grid, one value in overrides.routing_settings"),
        ("erlang", "the loads are an axis, in grid"),
        ("general_settings", "a section goes in overrides, as overrides.general_settings"),
        ("axes", "did you mean 'grid'?"),
        ("overides", "did you mean 'overrides'?"),
    ],
)
def test_a_key_in_the_wrong_place_is_told_its_place(key: str, told: str) -> None:
    assert told in refusal(**{key: 1})


def test_an_empty_condition_in_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('template = "quick"\nwhere = ""\n')
    with pytest.raises(ConfigError, match="where: is empty: give a condition"):
        read_sweep(tmp_path / "s.toml")
    (tmp_path / "sweep.json").write_text(Sweep(template="quick").model_dump_json())
    assert read_sweep(tmp_path / "sweep.json").where == ""


def test_a_condition_may_ask_what_a_text_begins_with() -> None:
    sweep = Sweep(
        template="quick",
        grid={"path_order": ["km", "hops"], "erlang": [150]},
        where="path_order.startswith('h') and erlang in [100, 150]",
    )
    assert [point.axes["path_order"] for point in sweep_points(sweep)] == ["hops"]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([], "grid.k_paths = []: must have one value at least (from here)"),
        ({"start": 1, "stop": 2}, "give step or count, and not both (from here)"),
        (3, "must be a list of values, or start, stop and step or count (from here)"),
        (
            [1, [2]],
            "grid.k_paths, value 2 = [2]: must be a number, text, or true or false (from here)",
        ),
    ],
)
def test_values_of_an_axis_are_told_as_what_they_are_meant_to_be(values: Any, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        make_sweep({"grid": {"k_paths": values}}, "here")
    assert len(error.value.problems) == 1
    assert told in str(error.value)


def test_places_in_lists_are_counted_from_one() -> None:
    with pytest.raises(ConfigError) as error:
        make_sweep(
            {
                "grid": {"erlang": [100, [200]]},
                "zip": [
                    {"k_paths": [1, 2]},
                    {"seed": [1, [2]], "guard_slots": 3},
                    {"max_iters": {"start": 1, "stop": "many", "step": 1}},
                ],
                "points": [{"path_order": "km"}, {"path_order": ["hops"]}, 3],
            },
            "here",
        )
    assert [f"{each.key} = {each.value}" for each in error.value.problems] == [
        "grid.erlang, value 2 = [200]",
        "zip 2, seed, value 2 = [2]",
        "zip 2, guard_slots = 3",
        "zip 3, max_iters.stop = many",
        "points 2, path_order = ['hops']",
        "points 3 = 3",
    ]
    assert "zip 2: its axes must be equally long" in str(
        refused({"zip": [{"seed": [1]}, {"k_paths": [1, 2], "guard_slots": [1]}]})
    )


def refused(data: object) -> ConfigError:
    with pytest.raises(ConfigError) as error:
        make_sweep(data, "here")
    return error.value


def test_a_file_that_is_none_is_told_with_the_place(tmp_path: Path) -> None:
    file = tmp_path / "sweep.toml"
    for text, told in (
        ("grid = [", "is not valid TOML: at its end: Invalid value"),
        ("\x00", "not text: it holds a NUL character"),
        (
            "a = 1\na = 2\n",
            "is not valid TOML: line 2, column 6 (`a = 2`): Cannot overwrite a value",
        ),
        ("a = 1\n\nerlang = 1 to 2\n", "line 3, column 12 (`erlang = 1 to 2`): Expected newline"),
        ("x = " + "[" * 10_000, "is nested too deeply"),
    ):
        file.write_text(text)
        with pytest.raises(ConfigError) as error:
            read_sweep(file)
        assert str(error.value).startswith(f"sweep = {told_path(str(file))}: ")
        assert told in str(error.value)
    as_json = tmp_path / "sweep.json"
    for text, told in (
        ('{"grid": {},\n "zip" []}', "line 2, column 8 (`\"zip\" []}`): Expecting ':' delimiter"),
        ('{"where": "a", "where": "b"}', "is not valid JSON: the name where is there twice"),
    ):
        as_json.write_text(text)
        with pytest.raises(ConfigError) as error:
            read_sweep(as_json)
        assert told in str(error.value)
    with pytest.raises(ConfigError, match=r"sweep = .*file not found; did you mean '.*sweep.toml'"):
        read_sweep(tmp_path / "sweeps.toml")


def test_a_file_that_is_not_there_is_told_with_the_rest(tmp_path: Path) -> None:
    (tmp_path / "net.graphml.py").touch()
    (tmp_path / "sweep.toml").write_text(
        'metric = "hops"\n[grid]\nnetwork = ["nowhere.graphml", "NSFNt", "NSFNet"]\n'
        '[[points]]\npolicy = "mine.py:choose"\n'
        '[overrides.traffic_settings]\ntraffic_matrix = "no.csv"\n'
    )
    with pytest.raises(ConfigError) as error:
        read_sweep(tmp_path / "sweep.toml")
    found = [(each.key, each.source) for each in error.value.problems]
    file = tmp_path / "sweep.toml"
    assert found == [
        ("metric", str(file)),
        ("traffic_matrix", f"overrides, {file}"),
        *[("network", f"grid.network, {file}")] * 2,
        ("policy", f"points, policy, {file}"),
    ]
    told = str(error.value)
    assert "file not found" in told
    assert "did you mean 'NSFNet'?" in told
    assert "net.graphml.py" not in told, "no network"
    assert "mod_assumption" not in told


def test_where_a_value_of_a_sweep_is_from_is_told_exactly(tmp_path: Path) -> None:
    file = tmp_path / "sweep.toml"
    file.write_text(
        'template = "quick"\n[grid]\nk_paths = [1, 0]\nerlang = [100, -1]\n'
        "[[zip]]\nguard_slots = [-1, 1]\n[[points]]\nseed = -1\n[[points]]\nseed = 1\n"
        "[overrides.general_settings]\nmax_iters = 0\n"
    )
    with pytest.raises(ConfigError) as error:
        sweep_points(read_sweep(file))
    assert {each.key: each.source for each in error.value.problems} == {
        "k_paths": f"grid.k_paths, {file}",
        "erlang": f"grid.erlang, {file}",
        "guard_slots": f"zip 1, guard_slots, {file}",
        "seed": f"points, seed, {file}",
        "max_iters": f"overrides, {file}",
    }


def test_a_template_that_is_not_there_is_told_with_the_file_that_names_it(tmp_path: Path) -> None:
    file = tmp_path / "sweep.toml"
    for template in ("nowhere.ini", "quikc"):
        file.write_text(f'template = "{template}"\n[grid]\nk_paths = [1, 2]\n')
        with pytest.raises(ConfigError) as error:
            sweep_points(read_sweep(file))
        (line,) = str(error.value).splitlines()
        assert line.startswith("template = ")
        assert line.endswith(f" (from {file})")


@pytest.mark.parametrize("text", ["", "\n \n", "# k_paths = [1, 2]\n", "[grid]\n", "{}"])
def test_an_empty_file_is_no_sweep(tmp_path: Path, text: str) -> None:
    file = tmp_path / ("sweep.json" if text == "{}" else "sweep.toml")
    file.write_text(text)
    with pytest.raises(
        ConfigError, match=r'is empty: it needs a template, .*"quick", axes in \[gr'
    ):
        read_sweep(file)
    file.write_text('{"template": "quick"}' if text == "{}" else 'template = "quick"')
    assert sweep_points(read_sweep(file))


def test_what_has_no_effect_is_told_in_a_line_each(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "sweep.toml"
    file.write_text(
        'template = "quick"\npoints = [{seed = 1}, {seed = 2}, {seed = 1}]\n'
        "[grid]\nk_paths = [1, 2, 2, 1]\nerlang = [100, 100.0]\n"
        '[[zip]]\nguard_slots = [1, 1, 0, 1]\npath_order = ["km", "hops", "km", "km"]\n'
        "[overrides.routing_settings]\nk_paths = 3\n"
        "[overrides.general_settings]\nerlang_start = 200\nmax_iters = 3\n"
    )
    with caplog.at_level("WARNING"):
        assert len(sweep_points(read_sweep(file))) == 2 * 2 * 3
    once = "is there more than once, and counts once (from"
    assert caplog.messages[-1].splitlines()[-6:] == [
        "overrides.routing_settings.k_paths = 3 has no effect: k_paths is an axis "
        f"(from grid.k_paths, {file})",
        "overrides.general_settings.erlang_start = 200 has no effect: erlang is an axis "
        f"(from grid.erlang, {file})",
        f"k_paths = 1, and 1 more, {once} grid.k_paths, {file})",
        f"erlang = 100 {once} grid.erlang, {file})",
        f"guard_slots = 1, path_order = km {once} zip 1, {file})",
        f"seed = 1 {once} points, {file})",
    ]
    caplog.clear()
    with caplog.at_level("WARNING"):
        sweep_points(read_sweep(file), quiet=True)
    assert not caplog.messages


def test_a_template_that_is_not_there_hides_no_other_mistake_of_a_sweep(tmp_path: Path) -> None:
    sweep = Sweep(template=str(tmp_path / "none.ini"), grid={"k_paths": [1, "x"], "erlang": [0]})
    with pytest.raises(ConfigError) as error:
        sweep_points(sweep)
    found = [(each.key, each.source) for each in error.value.problems]
    assert found == [
        ("template", "the sweep"),
        ("erlang", "grid.erlang of the sweep"),
        ("k_paths", "grid.k_paths of the sweep"),
    ]


def test_toml_and_json_say_the_same_and_a_template_lies_beside_them(tmp_path: Path) -> None:
    (tmp_path / "mine.ini").write_text("[general_settings]\nerlang_start = 50\nerlang_stop = 50\n")
    (tmp_path / "a.toml").write_text('template = "mine.ini"\n[grid]\nk_paths = [1, 2]\n')
    (tmp_path / "a.json").write_text('{"template": "mine.ini", "grid": {"k_paths": [1, 2]}}')
    one, other = (read_sweep(tmp_path / name) for name in ("a.toml", "a.json"))
    assert one == other
    assert [point.erlang for point in sweep_points(one)] == [50, 50]


NETWORK = "1\\t2\\t100\\n2\\t3\\t100\\n1\\t3\\t100\\n"
FILES = {
    "mine.ini": "[topology_settings]\nnetwork = nets/ring.txt\n",
    "nets/ring.txt": NETWORK,
    "nets/other.txt": NETWORK.replace("100", "200"),
    "matrix.csv": "0,1,1\n1,0,1\n1,1,0\n",
    "own/policy.py": "from fusion.request import BLOCKED\n\ndef choose(request):\n    return BLOCKED\n",
}


def test_relative_paths_start_from_the_file_wherever_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in FILES.items():
        (tmp_path / "study" / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / "study" / name).write_text(text.replace("\\t", "\t").replace("\\n", "\n"))
    (tmp_path / "study" / "sub").mkdir()
    (tmp_path / "study" / "sub" / "s.toml").write_text(
        'template = "../mine.ini"\n'
        "[overrides.Traffic_settings]\n"
        'Traffic_Matrix = "../matrix.csv"\n'
        "[grid]\n"
        'network = ["../nets/ring.txt", "../nets/other.txt"]\n'
        "[[zip]]\n"
        'policy = ["", "../own/policy.py:choose"]\n'
        "seed = [1, 2]\n"
        "[[points]]\n"
        'mod_assumption_path = ""\n'
    )
    for folder in (tmp_path, tmp_path / "study" / "nets"):
        monkeypatch.chdir(folder)
        points = sweep_points(read_sweep(tmp_path / "study" / "sub" / "s.toml"))
        assert [tuple(point.axes.values())[:2] for point in points[::4]] == [
            ("ring.txt", "kspff"),
            ("ring.txt", "policy.py:choose"),
            ("other.txt", "kspff"),
            ("other.txt", "policy.py:choose"),
        ]
        assert points[0].inputs.traffic_matrix is not None
        study = str(tmp_path / "study")
        named = points[0].config.traffic_settings.traffic_matrix
        assert named == f"{study}/matrix.csv"
        assert points[-1].config.routing_settings.policy == f"{study}/own/policy.py:choose"


def test_a_path_that_is_right_from_the_working_folder_alone_is_taken_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.txt").write_text("1\t2\t100\n2\t3\t100\n")
    (tmp_path / "sub").mkdir()
    file = tmp_path / "sub" / "s.json"
    file.write_text('{"template": "quick", "grid": {"network": ["net.txt"], "erlang": [5]}}')
    (point,) = sweep_points(read_sweep(file))
    assert point.config.topology_settings.network == str(tmp_path / "net.txt")
    assert "network = net.txt is taken from the working folder" in caplog.text
    (tmp_path / "sub" / "net.txt").write_text("1\t2\t300\n2\t3\t100\n")
    (other,) = sweep_points(read_sweep(file))
    assert other.config.topology_settings.network == str(tmp_path / "sub" / "net.txt")
    file.write_text('{"template": "quick", "grid": {"network": ["gone.txt"], "erlang": [5]}}')
    with pytest.raises(ConfigError, match=r"sub/gone\.txt: file not found"):
        sweep_points(read_sweep(file))


def test_a_run_without_a_name_is_called_by_its_file_without_the_folder() -> None:
    from fusion_flows.report.setting import sweep_name

    sweep = make_sweep(
        {"template": "/some/folder/ring.ini", "grid": {"k_paths": [1, 2], "erlang": [50]}}, "t"
    )
    assert sweep_name(sweep) == "ring over k_paths x erlang"


@pytest.mark.parametrize(
    ("data", "subject"),
    [
        ({"overrides": {"topology_settings": {"network": "/nets/fr.graphml"}}}, "fr"),
        ({"overrides": {"general_settings": {"Network": "NSFNet"}}}, "NSFNet"),
        ({"overrides": {"topology_settings": {"network": "nsfnet_deeprmsa"}}}, "quick"),
        ({"overrides": {"topology_settings": {"cores_per_link": 2}}}, "quick"),
        ({"grid": {"network": ["/nets/fr.graphml"]}}, "fr"),
        ({"grid": {"network": ["/nets/fr.graphml", "/nets/de.graphml"]}}, "quick"),
        ({"zip": [{"network": ["a.txt", "a.txt"], "seed": [1, 2]}]}, "a"),
        ({"points": [{"network": "a.txt"}, {"network": "b.txt"}]}, "quick"),
        ({"template": "/x/ring.ini"}, "ring"),
        (
            {
                "template": "/x/ring.ini",
                "overrides": {"topology_settings": {"network": "fr.graphml"}},
            },
            "fr",
        ),
    ],
)
def test_a_sweep_on_one_network_that_is_not_its_templates_is_called_by_it(
    data: dict[str, Any], subject: str
) -> None:
    from fusion_flows.report.setting import sweep_name, sweep_subject

    sweep = make_sweep({"template": "quick", **data}, "t")
    assert sweep_subject(sweep) == subject
    assert sweep_name(sweep) == f"{subject} over {' x '.join(sweep.axes)}"


def test_an_invalid_axis_hides_no_value_of_a_group_or_a_point_and_no_missing_template(
    tmp_path: Path,
) -> None:
    file = tmp_path / "s.toml"
    steps = "{start = 500, stop = 400, step = -20}"
    fit = 'allocation_method = ["first_fit", "MSCL"]'
    file.write_text(
        f'template = "stduy.ini"\n[grid]\nerlang = {steps}\n[[zip]]\n{fit}\nk_paths = [1, 5]\n'
        '[[points]]\npath_choice = "al"\n'
    )
    (tmp_path / "study.ini").write_text("[general_settings]\n")
    with pytest.raises(ConfigError) as error:
        read_sweep(file)
    message = str(error.value)
    for told in (
        "must be above 0",
        "allocation_method = MSCL",
        f"(from zip 1, allocation_method, {file})",
        "path_choice = al:",
        f"(from points, path_choice, {file})",
        "stduy.ini",
        "study.ini",
    ):
        assert told in message, message
    assert len(error.value.problems) == 4


def test_a_label_of_no_value_is_refused_with_the_values_that_there_are() -> None:
    data = {"grid": {"k_paths": [1, 5], "path_choice": ["in_order", "all"], "erlang": [100]}}
    with pytest.raises(
        ConfigError, match="mine is not a value of an axis; there are 1, 5, in_order, all"
    ):
        make_sweep({**data, "labels": {"mine": "My baseline"}}, "here")
    assert make_sweep({**data, "labels": {"KSP-FF": "mine"}}, "here").labels == {"KSP-FF": "mine"}


def test_a_label_is_of_a_policy_that_the_sweep_has() -> None:
    data: dict[str, Any] = {
        "template": "quick",
        "grid": {"path_choice": ["in_order", "all"], "erlang": [100]},
    }
    fits = {"allocation_method": ["first_fit", "mscl"]}
    given = {"overrides": {"general_settings": {"allocation_method": "best_fit"}}}
    for more, name in (({"grid": data["grid"] | fits}, "KSP-BF"), (given, "KSP-FF")):
        with pytest.raises(ConfigError, match=f"labels: {name} is not a value of an axis"):
            make_sweep({**data, **more, "labels": {name: "mine"}}, "here")
    for more, name in (({"grid": data["grid"] | fits}, "MSCL-KSP"), (given, "BF-KSP")):
        sweep = make_sweep({**data, **more, "labels": {name: "mine"}}, "here")
        assert sweep_points(sweep)

    # What the template says is known with the points.
    sweep = make_sweep({**data, "labels": {"KSP-MSCL": "mine"}}, "here")
    with pytest.raises(
        ConfigError,
        match=r"labels: KSP-MSCL is not a policy of the sweep; there are KSP-FF, FF-KSP.* \(from here\)",
    ):
        sweep_points(sweep)
    assert sweep_points(make_sweep({**data, "labels": {"FF-KSP": "mine"}}, "here"))


def test_an_unknown_template_is_told_beside_other_errors(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text('template = "quik"\n[grid]\nk_path = [1, 2]\n')
    with pytest.raises(ConfigError) as error:
        read_sweep(file, templates=["quick", "mine"])
    first, second = map(str, error.value.problems)
    assert "'k_path' is not an axis" in first
    assert second == f"template = quik: unknown template; did you mean 'quick'? (from {file})"
    with pytest.raises(ConfigError) as error:
        read_sweep(file, templates=["quik"])
    assert len(error.value.problems) == 1
