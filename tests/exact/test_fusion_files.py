"""An INI file is read as the original FUSION reads it: what it decides on the same file is decided here."""

import configparser
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

from fusion.config.config import ConfigError, load_config, read_config, to_ini
from fusion.kernel.fusion_loop import PATH, PLACE
from fusion.results.load_file_as_fusion import load_file_name_as_fusion, write_load_file_as_fusion
from fusion.scenario.content import content_key
from fusion.scenario.inputs import read_inputs
from fusion.scenario.scenario import Scenario, make_scenario
from fusion.simulation.replication import replicate
from fusion.simulation.replication_as_fusion import trajectory

MEASURED = json.loads(
    (Path(__file__).parents[1] / "data" / "fusion_files.json").read_text(encoding="utf-8")
)
VARIANTS: dict[str, dict[str, Any]] = MEASURED["variants"]
OWN: list[str | None] = ["general_settings", "mod_assumption_path", None]
ON = {"compatibility_settings": {"conventions": "fusion"}}


def write(folder: Path, changes: list[list[str | None]], **overrides: str) -> Path:
    """Write the file that FUSION was run on, with (section, key, value) changed; None: without the key."""
    parser = configparser.ConfigParser()
    parser.read_string(MEASURED["base"])
    more = [["general_settings", key, value] for key, value in overrides.items()]
    for section, key, value in [*changes, *more]:
        assert section is not None
        assert key is not None
        if not parser.has_section(section):
            parser.add_section(section)
        if value is None:
            parser.remove_option(section, key)
        else:
            parser.set(section, key, value)
    text = io.StringIO()
    parser.write(text)
    path = folder / "my.ini"
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


def scenario_of(path: Path) -> Scenario:
    config = load_config(path, ON)
    return make_scenario(config, read_inputs(config))


def decisions(scenario: Scenario, load: float) -> list[str]:
    """Return a line for each request: place of its path, core, band and first slot of its lightpaths."""
    assert scenario.conventions is not None
    found = trajectory(scenario, scenario.conventions, load, 0)
    lightpaths: dict[int, list[tuple[int, str, int]]] = {}
    for request, _, plane, start, _ in found.lightpath.tolist():
        place = scenario.planes[plane]
        lightpaths.setdefault(request, []).append((place.core, place.band, start))
    return [
        f"{row[PLACE]}:" + " ".join(f"{c}{b}{s}" for c, b, s in sorted(lightpaths[request]))
        if row[PATH] >= 0
        else "-"
        for request, row in enumerate(found.outcome.tolist())
    ]


@pytest.mark.parametrize("name", VARIANTS)
def test_decisions_are_those_of_fusion_on_the_same_file(tmp_path: Path, name: str) -> None:
    variant = VARIANTS[name]
    path = write(tmp_path, variant["changes"])
    load = 600.0 if "13 cores" in name else 300.0
    found = decisions(scenario_of(path), load)
    assert found.count("-") == variant["blocked"]
    assert hashlib.sha256("\n".join(found).encode()).hexdigest() == variant["decisions"]
    # What was read so is written so: a run that is resumed goes on with it.
    frozen = tmp_path / "frozen.ini"
    frozen.write_text(to_ini(load_config(path, ON)), encoding="utf-8")
    assert decisions(scenario_of(frozen), load) == found
    assert read_config(frozen).dropped == []


def test_what_fusion_leaves_out_is_told(tmp_path: Path) -> None:
    changes = VARIANTS["unknown keys and sections"]["changes"]
    reading = read_config(write(tmp_path, [*changes, ["general_settings", "k_paths", "5"]]), ON)
    told = {(problem.section, problem.key): problem.message for problem in reading.dropped}
    assert told["general_settings", "k_paths"].startswith("FUSION reads it in [routing_settings]")
    assert "number of the replication" in told["general_settings", "seed"]
    assert told["general_settings", "colour"] == "FUSION does not know the key"
    assert told["strange", ""] == "FUSION does not know the section"
    assert told["s2", ""] == "FUSION's command line runs [s1] alone"
    assert ("simulation_settings", "seed") in told
    reading = read_config(write(tmp_path, [OWN, *VARIANTS["t is False"]["changes"]]), ON)
    assert [(each.key, each.value) for each in reading.dropped] == [("fixed_grid", "t")]
    reading = read_config(write(tmp_path, [OWN, *VARIANTS["general_settings wins"]["changes"]]), ON)
    assert {each.key for each in reading.dropped} == {
        *("guard_slots", "allocation_method", "route_method")
    }


def with_defaults(folder: Path, defaults: dict[str, str], moved: list[str], text: str = "") -> Path:
    """Write the file that FUSION was run on with a section [DEFAULT]. moved: sections whose keys go there."""
    parser = configparser.ConfigParser()
    parser.read_string(MEASURED["base"])
    for key in {*defaults} - {"guard_slots"}:
        parser.remove_option("general_settings", key)
    for section in moved:
        defaults |= dict(parser[section])
        for key in list(parser[section]):
            parser.remove_option(section, key)
    parser["DEFAULT"] = defaults
    written = io.StringIO()
    parser.write(written)
    path = folder / "defaults.ini"
    path.write_text(written.getvalue() + text, encoding="utf-8")
    return path


def test_keys_of_default_count_in_all_sections_as_in_fusion(tmp_path: Path) -> None:
    """The expected values are what FUSION's own `load_config` returns for such files."""
    plain = load_config(write(tmp_path, []), ON)
    assert plain.general_settings.guard_slots == 1
    # A section without a key of its own has those of [DEFAULT], too.
    holding_time = plain.general_settings.holding_time
    moved = with_defaults(
        tmp_path, {"holding_time": str(holding_time)}, ["topology_settings", "snr_settings"]
    )
    assert to_ini(load_config(moved, ON)) == to_ini(plain)
    assert {each.key for each in read_config(moved, ON).dropped} <= {"mod_assumption_path"}
    # A key of [general_settings] wins, but [s1] has those of [DEFAULT] and overrules it.
    given = with_defaults(tmp_path, {"guard_slots": "0", "l_band": "100", "k_paths": "5"}, [])
    config = load_config(given, ON)
    assert config.general_settings.guard_slots == 1
    assert config.spectrum_settings.l_band == 100
    given = with_defaults(tmp_path, {"guard_slots": "0"}, [], "[s1]\nmax_segments = 1\n")
    assert load_config(given, ON).general_settings.guard_slots == 0
    given = with_defaults(tmp_path, {"guard_slots": "0"}, [], "[S1]\nmax_segments = 1\n")
    assert load_config(given, ON).general_settings.guard_slots == 1


def test_what_fusion_takes_from_default_in_no_section_is_told(tmp_path: Path) -> None:
    text = "[my_section]\nguard_slots = 0\n[default]\nholding_time = 7\n"
    defaults = {"colour": "red", "guard_slot": "1", "t_fail_arrival_index": "3"}
    path = with_defaults(tmp_path, defaults, [], text)
    told = {(each.section, each.key): each.message for each in read_config(path, ON).dropped}
    told.pop(("general_settings", "mod_assumption_path"), None)
    assert told == {
        ("DEFAULT", "colour"): "FUSION does not know the key",
        ("DEFAULT", "guard_slot"): "FUSION does not know the key; did you mean 'guard_slots'?",
        ("DEFAULT", "t_fail_arrival_index"): "FUSION reads it in [failure_settings] alone",
        ("my_section", ""): "FUSION does not know the section",
        ("default", ""): "FUSION does not know the section",
    }
    assert load_config(path, ON) == load_config(write(tmp_path, []), ON)
    with pytest.raises(ConfigError) as error:
        load_config(path)
    refused = [each for each in error.value.problems if each.section == "DEFAULT"]
    assert [each.message[:15] for each in refused] == ["unknown section"]


def test_unknown_keys_of_a_file_that_fusion_does_not_start_are_refused(tmp_path: Path) -> None:
    changes: list[list[str | None]] = [
        ["general_settings", "erlang_start", None],
        ["general_settings", "erlangs", "{'start': 50, 'stop': 60}"],
        ["general_settings", "mod_assumptions_path", "my.json"],
        ["s2", "guard_slots", "0"],
    ]
    with pytest.raises(ConfigError) as told:
        load_config(write(tmp_path, changes), ON)
    places = {(problem.section, problem.key) for problem in told.value.problems}
    assert {("general_settings", "erlangs"), ("s2", "")} <= places
    assert ("general_settings", "mod_assumptions_path") in places
    assert {each.message for each in told.value.problems if not each.section} == {
        "FUSION does not start with this file, which has no [general_settings] erlang_start: what it "
        "would leave out is refused, as it may be what is missing"
    }
    load_config(write(tmp_path, changes[1:]), ON)


def test_without_the_conventions_they_count_and_that_is_told(tmp_path: Path) -> None:
    changes = [["general_settings", "k_paths", "5"], ["routing_settings", "k_paths", None]]
    reading = read_config(write(tmp_path, [OWN, *changes, ["general_settings", "l_band", "60"]]))
    assert reading.config.routing_settings.k_paths == 5
    assert reading.config.spectrum_settings.l_band == 60
    assert reading.dropped == []
    assert ["k_paths" in note for note in reading.notes] == [True, False]
    assert all("counts; FUSION leaves it out here" in note for note in reading.notes)
    assert read_config(write(tmp_path, [OWN])).notes == []
    confidence = [
        ["general_settings", "confidence", "0.9"],
        ["statistics_settings", "confidence", None],
    ]
    reading = read_config(write(tmp_path, [OWN, *confidence]))
    assert reading.config.statistics_settings.confidence == 0.9
    (note,) = reading.notes
    assert (
        "[general_settings] confidence = 0.9: counts; its own section is [statistics_settings]"
        in note
    )
    reading = read_config(write(tmp_path, [OWN, ["spectrum_settings", "guard_slots", "0"]]))
    assert reading.config.general_settings.guard_slots == 1
    assert [each.key for each in reading.dropped] == ["guard_slots"]


def test_an_override_counts_wherever_it_stands(tmp_path: Path) -> None:
    path = write(tmp_path, [])
    given = {**ON, "general_settings": {"k_paths": 3}, "routing_settings": {"k_paths": 3}}
    assert load_config(path, given).routing_settings.k_paths == 3
    given = {**ON, "routing_settings": {"k_paths": 5}}
    assert load_config(path, given).routing_settings.k_paths == 5


def test_results_of_another_reading_have_another_key(tmp_path: Path) -> None:
    """With service in part a file without k_paths was read as one with 3; its old results stay apart."""
    part = VARIANTS["service in part, without k_paths"]["changes"]
    config = load_config(write(tmp_path, part), ON)
    as_before = load_config(write(tmp_path, [*part, ["routing_settings", "k_paths", "3"]]), ON)
    assert config.routing_settings == as_before.routing_settings
    inputs = read_inputs(config)
    assert content_key(config, inputs) != content_key(as_before, inputs)
    # Without it nothing is decided otherwise, and results that are there go on to count.
    absent = load_config(write(tmp_path, [["routing_settings", "k_paths", None]]), ON)
    given = load_config(write(tmp_path, []), ON)
    assert content_key(absent, inputs) == content_key(given, inputs)


@pytest.mark.parametrize(
    ("changes", "entries"),
    [
        ([], 3),
        ([["routing_settings", "k_paths", None]], 1),
        ([["general_settings", "route_method", "shortest_path"]], 3),
    ],
)
def test_the_file_of_a_load_without_blocking(
    tmp_path: Path, changes: list[list[str | None]], entries: int
) -> None:
    shares = '{"25": 0.5, "50": 0.5, "100": 0, "200": 0, "400": 0}'  # which reach everywhere
    path = write(tmp_path, changes, num_requests="100", request_distribution=shares)
    scenario = scenario_of(path)
    done = [replicate(scenario, 5.0, number, 0) for number in range(2)]
    file = tmp_path / load_file_name_as_fusion(5.0)
    assert file.name == "5.0_erlang.json"
    write_load_file_as_fusion(file, done, is_training=False)
    record = json.loads(file.read_text(encoding="utf-8"))
    for name in ("block", "bit_rate_block"):
        assert (record[f"ci_rate_{name}"], record[f"ci_percent_{name}"]) == (0.0, 0.0)
    assert record["blocking_mean"] == 0.0
    assert len(record["iter_stats"]["1"]["path_index_list"]) == entries
