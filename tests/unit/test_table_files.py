"""The file of modulation tables that an INI file names: where it is looked for, and what is said of it."""

import json
import logging
from pathlib import Path

import pytest

from fusion.config.config import ConfigError, load_config, read_config
from fusion.scenario.inputs import read_inputs

OF_FUSION = "data/json_input/example_mods/default_mod_formats.json"
SHIPPED = Path(__file__).parents[2] / "fusion" / "shipped" / "modulations" / "DEFAULT.json"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the root of a project; its INI file is two folders down, the working folder is another."""
    (tmp_path / "project" / "ini" / "mine").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "project"


def write_ini(project: Path, name: str = OF_FUSION) -> Path:
    path = project / "ini" / "mine" / "my.ini"
    path.write_text(f"[general_settings]\nmod_assumption_path = {name}\nmod_assumption = DEFAULT\n")
    return path


def write_tables(file: Path, *, slots: int = 1) -> Path:
    """Write FUSION's table, with another number of slots for 25 Gb/s with QPSK."""
    table = json.loads(SHIPPED.read_text(encoding="utf-8"))
    table["DEFAULT"]["25"]["QPSK"]["slots_needed"] = slots
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(table), encoding="utf-8")
    return file


def test_an_edited_file_above_the_ini_file_counts(project: Path) -> None:
    ini = write_ini(project)
    edited = write_tables(project / OF_FUSION, slots=7)
    reading = read_config(ini)
    assert reading.config.general_settings.mod_assumption_path == str(edited)
    assert reading.ignored == []
    (note,) = reading.notes
    assert f"taken from {edited}, in a folder above the INI file" in note
    assert "its table DEFAULT differs from the shipped one" in note
    rates = dict(read_inputs(reading.config).modulation.bit_rates)
    assert 7 in {entry.slots for entry in rates[25.0]}


def test_places_in_their_order(project: Path) -> None:
    ini = write_ini(project, "tables/my.json")
    above = write_tables(project / "tables" / "my.json")
    (note,) = read_config(ini).notes
    assert note.endswith(f"the shipped one (from {ini}, line 2)")
    assert str(above) in note
    here = write_tables(Path.cwd() / "tables" / "my.json")
    (note,) = read_config(ini).notes
    assert f"taken from {here}, in the working folder" in note
    beside = write_tables(ini.parent / "tables" / "my.json")
    reading = read_config(ini)
    assert reading.config.general_settings.mod_assumption_path == str(beside)
    assert reading.notes == []
    write_tables(beside, slots=7)
    (note,) = read_config(ini).notes
    assert "beside the INI file; its table DEFAULT differs" in note


def test_without_fusions_own_file_the_shipped_tables_are_taken_and_that_is_told(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        config = load_config(write_ini(project))
    assert config.general_settings.mod_assumption_path == ""
    assert "the shipped table DEFAULT is used" in caplog.text
    assert "cannot change a result" not in caplog.text


def test_another_file_that_is_nowhere_is_refused(project: Path) -> None:
    with pytest.raises(ConfigError, match="nor one in the working folder or above the INI file"):
        load_config(write_ini(project, "tables/my.json"))
    with pytest.raises(ConfigError) as told:
        load_config(write_ini(project, str(project / "my.json")))
    assert "file not found (" in str(told.value)


def test_it_is_not_looked_for_outside_of_the_folders_that_may_be_read(project: Path) -> None:
    ini = write_ini(project)
    write_tables(project / OF_FUSION, slots=7)
    reading = read_config(ini, input_dirs=[ini.parent])
    assert reading.config.general_settings.mod_assumption_path == ""
    assert "the shipped table DEFAULT is used" in reading.dropped[0].message
    reading = read_config(ini, input_dirs=[project])
    assert reading.config.general_settings.mod_assumption_path == str(project / OF_FUSION)
