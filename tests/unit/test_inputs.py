"""The files that a configuration names, checked together, and the content key."""

import hashlib
import json
import logging
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusion.config.config import Config, ConfigError, load_config
from fusion.config.sources import source_of
from fusion.scenario.content import content_key
from fusion.scenario.inputs import Inputs, read_inputs

LINE: dict[str, Any] = {
    "nodes": [{"id": "a", "core": True}, {"id": "b"}, {"id": "c", "core": True}],
    "links": [
        {"source": "a", "target": "b", "length_km": 100},
        {"source": "b", "target": "c", "length_km": 200},
    ],
}
TABLE = {
    "mine": {
        "25": {"QPSK": {"max_length": 300, "slots_needed": 1}},
        "100": {"QPSK": {"max_length": 250, "slots_needed": 4}},
        "400": {"QPSK": {"max_length": 10, "slots_needed": 8}},
    }
}


class Folder:
    """A folder with a small network and tables, and configurations that name them."""

    def __init__(self, path: Path) -> None:
        """Write the files."""
        self.path = path
        self.write("line.json", json.dumps(LINE))
        self.write("tables.json", json.dumps(TABLE))

    def write(self, name: str, text: str) -> str:
        """Write a file and return its path."""
        (self.path / name).write_text(text)
        return str(self.path / name)

    def config(self, shares: dict[str, float], **keys: Any) -> Config:
        """Return a configuration; keys are those of any section."""
        general = {
            "network": str(self.path / "line.json"),
            "mod_assumption": "mine",
            "mod_assumption_path": str(self.path / "tables.json"),
            "request_distribution": shares,
            "max_segments": 1,
        }
        overrides = {"general_settings": general | keys}
        return load_config("default", overrides)

    def inputs(self, shares: dict[str, float], **keys: Any) -> Inputs:
        """Return the inputs of a configuration."""
        return read_inputs(self.config(shares, **keys))

    def problems(self, shares: dict[str, float], **keys: Any) -> list[str]:
        """Return the problems of a configuration's inputs, each as "key: message"."""
        config = self.config(shares, **keys)
        with pytest.raises(ConfigError) as error:
            read_inputs(config)
        assert {problem.source for problem in error.value.problems} <= {"overrides", "default"}
        return [f"{problem.key}: {problem.message}" for problem in error.value.problems]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return a folder with files."""
    return Folder(tmp_path)


def test_inputs_are_read(folder: Folder) -> None:
    inputs = folder.inputs({"25": 1})
    assert inputs.topology.nodes == ("a", "b", "c")
    assert inputs.topology.endpoints == (0, 1, 2)
    assert inputs.modulation.name == "mine"
    assert inputs.traffic_matrix is None
    assert folder.inputs({"25": 1}, is_only_core_node=False).topology.endpoints == (0, 2)
    assert folder.inputs({"25": 1}, const_link_weight=True).topology.links[1][2] == 1.0


def test_all_inputs_are_checked_at_once(folder: Folder) -> None:
    folder.write("line.json", json.dumps(LINE | {"links": LINE["links"][:1]}))
    found = folder.problems({"25": 0.5, "50": 0.5})
    assert len(found) == 2
    assert found[0].startswith("network: ")
    assert "not connected" in found[0]
    assert found[1].startswith("mod_assumption: ")
    assert "no bit rate 50 Gb/s" in found[1]


def test_a_bit_rate_without_share_needs_no_modulation(folder: Folder) -> None:
    folder.inputs({"25": 1, "50": 0})


def test_a_table_for_other_slots(folder: Folder) -> None:
    assert "slots of 12.5 GHz" in folder.problems({"25": 1}, bw_per_slot=50)[0]


def test_a_bit_rate_that_no_pair_can_have(folder: Folder) -> None:
    (found,) = folder.problems({"25": 0.5, "400": 0.5})
    assert found.startswith("request_distribution: no two nodes can have 400 Gb/s")
    (found,) = folder.problems({"25": 0.5, "100": 0.5}, c_band=4)
    assert "100 Gb/s" in found
    assert "wider than 4 slots" in found
    folder.inputs({"25": 0.5, "100": 0.5}, c_band=4, guard_slots=0)


def test_a_bit_rate_that_some_pairs_cannot_have_is_told(
    folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        folder.inputs({"25": 0.5, "100": 0.5})
    assert "of 6 pairs of source and destination: 2 at 100 Gb/s" in caplog.text
    caplog.clear()
    rates = {"50": {"QPSK": {"max_length": 150, "slots_needed": 2}}}
    folder.write("tables.json", json.dumps({"mine": TABLE["mine"] | rates}))
    with caplog.at_level(logging.WARNING):
        folder.inputs({"25": 0.4, "50": 0.3, "100": 0.3})
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.endswith("of 6 pairs of source and destination: 4 at 50 Gb/s, 2 at 100 Gb/s")
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        folder.inputs({"25": 1})
    assert not caplog.records


def test_hops_per_bit_needs_bits(folder: Folder) -> None:
    table = {"mine": {"25": {"odd": {"max_length": 400, "slots_needed": 1}}}}
    folder.write("tables.json", json.dumps(table))
    folder.inputs({"25": 1})
    assert "bits_per_symbol is needed" in folder.problems({"25": 1}, path_order="hops_per_bit")[0]


def test_file_of_tables_that_is_none(folder: Folder) -> None:
    folder.write("tables.json", "{")
    assert folder.problems({"25": 1})[0].startswith("mod_assumption: ")


@pytest.mark.parametrize(
    "text",
    [
        "0,1,2\n3,0,4\n5,6,0\n",
        "# by hand\n0;1;2\n3;0;4\n5;6;0\n\n",
        "\tc\ta\tb\nb\t4\t3\t0\na\t2\t0\t1\nc\t0\t5\t6\n",
        '"",a,b,c\na,0,10,20\nb,30,0,4e1\nc,50,60,0\n',
    ],
)
def test_traffic_matrix(folder: Folder, text: str) -> None:
    path = folder.write("traffic.csv", text)
    matrix = folder.inputs({"25": 1}, traffic_matrix=path).traffic_matrix
    assert matrix is not None
    assert matrix.dtype == np.float64
    np.testing.assert_allclose(matrix * 21, [[0, 1, 2], [3, 0, 4], [5, 6, 0]], rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("0,1\n1,0\n", ["must have 3 x 3 numbers"]),
        ("0,1,2\n3,0\n5,6,0\n", ["3 rows of 2 to 3 columns"]),
        ("0,1,2\n3,0,1\n", ["has 2 rows of 3 columns; must"]),
        ("", ["has no numbers"]),
        ("1,1,2\n3,0,4\n5,-6,x\n", ["from a to a: 1", "from c to b: -6", "from c to c: x"]),
        ("0,nan,inf\n3,0,4\n5,6_0,0\n", ["a to b: nan", "a to c: inf", "c to b: 6_0"]),
        ("0,0,0\n0,0,0\n0,0,0\n", ["a number above 0"]),
        (",a,b,d\na,0,1,1\nb,1,0,1\nc,1,1,0\n", ["column 'd' is not a node"]),
        (",a,b,b\na,0,1,1\nb,1,0,1\nc,1,1,0\n", ["column 'b' is there twice"]),
        ('0,"' + "x" * 200_000 + '",1\n', ["field larger than field limit"]),
        ("\0", ["NUL"]),
    ],
)
def test_bad_traffic_matrix(folder: Folder, text: str, messages: list[str]) -> None:
    path = folder.write("traffic.csv", text)
    found = folder.problems({"25": 1}, traffic_matrix=path)
    assert len(found) == len(messages)
    for line, message in zip(found, messages, strict=True):
        assert line.startswith("traffic_matrix: ")
        assert message in line


def test_traffic_of_nodes_that_are_no_endpoints(folder: Folder) -> None:
    path = folder.write("traffic.csv", "0,1,1\n0,0,0\n1,0,0\n")
    found = folder.problems({"25": 1}, traffic_matrix=path, is_only_core_node=False)
    assert found == [
        "traffic_matrix: from a to b: 1: must be 0, requests run only between core nodes"
    ]


def test_pairs_without_traffic_need_no_path_in_reach(
    folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    path = folder.write("traffic.csv", "0,1,0\n0,0,1\n0,0,0\n")
    with caplog.at_level(logging.WARNING):
        folder.inputs({"100": 1}, traffic_matrix=path)
    assert not caplog.records


# --- what is told of a file ----------------------------------------------------------------------


def test_a_problem_names_the_file_once_and_where_its_name_stands(folder: Folder) -> None:
    folder.write("bad.txt", "a b 100\nb c -5\n")
    folder.write("bad.csv", "0,1\n1,0\n")
    ini = folder.write(
        "my.ini",
        "[general_settings]\nmod_assumption = mine\nmod_assumption_path = tables.json\n"
        "request_distribution = {50: 1}\n[topology_settings]\nnetwork = bad.txt\n",
    )
    matrix = {"traffic_settings": {"traffic_matrix": folder.path / "bad.csv"}}
    with pytest.raises(ConfigError) as error:
        read_inputs(load_config(ini, matrix))
    table, network = str(error.value).splitlines()
    path = folder.path / "bad.txt"
    assert network == (
        f"[topology_settings] network = {path}: line 2 (b - c): length_km = -5: must be a number"
        f" of km from 1e-06 to 20,000 (from {ini}, line 6)"
    )
    assert table.endswith(f"(from {ini}, line 2)")
    with pytest.raises(ConfigError) as error:
        read_inputs(load_config(ini, matrix | {"topology_settings": {"network": "geant"}}))
    lines = str(error.value).splitlines()
    assert lines[0] == table
    assert lines[1].startswith(f"[traffic_settings] traffic_matrix = {folder.path / 'bad.csv'}: ")
    assert lines[1].endswith("(from overrides)")
    assert lines[1].count("bad.csv") == 1
    path.unlink()
    with pytest.raises(ConfigError) as error:
        load_config(ini)
    (line,) = str(error.value).splitlines()
    place = f"(from {ini}, line 6)"
    told = "file not found; did you mean 'bad.csv'?"
    assert line == f"[topology_settings] network = {path}: {told} {place}"


def test_a_shipped_network_is_told_by_its_name() -> None:
    config = load_config("quick", {"topology_settings": {"is_only_core_node": False}})
    with pytest.raises(ConfigError) as error:
        read_inputs(config)
    (line,) = str(error.value).splitlines()
    assert line.startswith("[topology_settings] network = nsfnet_deeprmsa: 0 nodes with the attr")
    assert "/templates/quick.ini, line " in line


def test_of_a_long_path_the_end_is_told(folder: Folder) -> None:
    deep = folder.path / ("d" * 100)
    deep.mkdir()
    network = folder.write(f"{deep.name}/bad.txt", "a b far\n")
    config = folder.config({"25": 1}, network=network)
    with pytest.raises(ConfigError) as error:
        read_inputs(config)
    assert f"network = ...{'d' * 69}/bad.txt: line 1" in str(error.value)


def test_a_configuration_without_a_file_has_no_source(folder: Folder) -> None:
    loaded = load_config("quick", {"topology_settings": {"network": folder.path / "line.json"}})
    config = Config.model_validate(loaded.model_dump())
    assert config == loaded
    for copy in (loaded, pickle.loads(pickle.dumps(loaded))):
        assert source_of(copy, "network") == "overrides"
        assert re.search(r"/templates/quick\.ini, line \d+$", source_of(copy, "k_paths"))
        assert source_of(copy, "l_band") == "default"
        assert copy == config
        assert copy.model_dump_json() == config.model_dump_json()
    assert source_of(config, "network") == "the configuration"


WORDS = [f"word{number}" for number in range(3000)]


@pytest.mark.parametrize("words_of_a_line", [1, 2, 3, 7, 3000])
@pytest.mark.parametrize("divider", [" ", ",", ": ", " = ", '", "'])
@pytest.mark.parametrize("head", ["", "graph [", "[general_settings]", "[notes]", "<graphml>"])
def test_a_file_of_another_kind_is_hardly_quoted(
    folder: Folder, words_of_a_line: int, divider: str, head: str
) -> None:
    starts = range(0, len(WORDS), words_of_a_line)
    lines = [divider.join(WORDS[start : start + words_of_a_line]) for start in starts]
    text = "\n".join([head, *lines])
    path = folder.write("notes.ini", text)
    with pytest.raises(ConfigError) as error:
        load_config(path)
    _assert_hardly_quoted(error.value)
    for key, ending in (
        *(("network", ending) for ending in ("txt", "json", "gml", "graphml")),
        ("mod_assumption_path", "txt"),
        ("traffic_matrix", "txt"),
    ):
        path = folder.write(f"notes.{ending}", text)
        config = folder.config({"25": 1}, **{key: path})
        with pytest.raises(ConfigError) as error:
            read_inputs(config)
        _assert_hardly_quoted(error.value)


@pytest.mark.parametrize(
    "content",
    [
        {word: word for word in WORDS},
        {"mine": {word: word for word in WORDS}},
        {"mine": {"100": {word: word for word in WORDS}}},
        {"nodes": WORDS, "edges": WORDS},
        {"nodes": [{"id": word} for word in WORDS], "edges": []},
        {"nodes": [{"id": word, "longitude": word, "latitude": word} for word in WORDS],
         "edges": [{"source": word, "target": word, "length": word} for word in WORDS]},
        {" ".join(WORDS): 1},
        {"nodes": [{"id": " ".join(WORDS)}] * 2, "edges": [{"source": WORDS, "target": WORDS}]},
    ],
)  # fmt: skip
def test_other_json_is_hardly_quoted(folder: Folder, content: object) -> None:
    path = folder.write("notes.json", json.dumps(content))
    for key in ("network", "mod_assumption_path", "traffic_matrix"):
        config = folder.config({"25": 1}, **{key: path})
        with pytest.raises(ConfigError) as error:
            read_inputs(config)
        _assert_hardly_quoted(error.value)


def _assert_hardly_quoted(error: ConfigError) -> None:
    told = [" ".join((problem.section, problem.key, problem.message)) for problem in error.problems]
    assert len(told) <= 11
    for line in told:
        assert sum(len(word) for word in re.findall(r"word\d+", line)) <= 160
    pieces = re.findall(r"(?:word\d+\W*)+", " ".join(told))
    assert all(len(piece) <= 64 for piece in pieces), pieces


# --- the content key -----------------------------------------------------------------------------


def key(config: Config) -> str:
    """Return the content key of a configuration."""
    return content_key(config, read_inputs(config))


def test_content_key_is_stable() -> None:
    """A key that changes orphans results: raise RESULTS_VERSION if that is meant."""
    config = load_config("quick")
    inputs = read_inputs(config)

    def digest(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    modulation = (
        '["", [["BPSK", 1], ["QPSK", 2], ["8-QAM", 3], ["16-QAM", 4]], '
        '[[0, "inf", 0], [1, 2500, 0], [2, 1250, 0], [3, 625, 0]], [], null]'
    )
    topology = (
        '[["'
        + '", "'.join(inputs.topology.nodes)
        + '"], ['
        + ", ".join(f"[{a}, {b}, {km:g}]" for a, b, km in inputs.topology.links)
        + "], ["
        + ", ".join(map(str, range(14)))
        + "]]"
    )
    text = (
        '{"config": {"general_settings.erlang_start": 140, "general_settings.erlang_step": 20, '
        '"general_settings.erlang_stop": 220, "general_settings.num_requests": 50000, '
        '"routing_settings.k_paths": 5, "routing_settings.path_order": "hops", '
        '"spectrum_settings.c_band": 100, "topology_settings.link_directions": "separate", '
        f'"traffic_settings.bit_rates": "uniform"}}, "modulation": "{digest(modulation)}", '
        f'"results_version": 1, "topology": "{digest(topology)}", "traffic_matrix": null}}'
    )
    assert content_key(config, inputs) == digest(text)


def test_content_key_knows_content_and_not_places(folder: Folder) -> None:
    base = key(folder.config({"25": 1}))
    (folder.path / "other").mkdir()
    other = Folder(folder.path / "other")
    assert key(other.config({"25": 1.0, "50": 0})) == base
    assert key(other.config({"25.0": 1.0}, workers=2)) == base
    assert key(other.config({"25": 1}, holding_time="0.20")) == base
    for changed in ({"seed": 1}, {"holding_time": 1}, {"max_iters": 5}, {"path_order": "hops"}):
        assert key(other.config({"25": 1}, **changed)) != base
    other.write("line.json", json.dumps(LINE).replace("100", "100.5"))
    assert key(other.config({"25": 1})) != base
    other.write("line.json", json.dumps(LINE))
    other.write("tables.json", json.dumps(TABLE).replace("300", "301"))
    assert key(other.config({"25": 1})) != base


def test_content_key_knows_the_traffic(folder: Folder) -> None:
    path = folder.write("traffic.csv", "0,1,2\n3,0,4\n5,6,0\n")
    first = key(folder.config({"25": 1}, traffic_matrix=path))
    assert first != key(folder.config({"25": 1}))
    folder.write("traffic.csv", "0,2,4\n6,0,8\n10,12,0\n")
    assert first == key(folder.config({"25": 1}, traffic_matrix=path))
    folder.write("traffic.csv", "0,2,4\n6,0,8\n10,13,0\n")
    assert first != key(folder.config({"25": 1}, traffic_matrix=path))


@pytest.mark.parametrize(
    ("network", "told"),
    [
        ("./", "is a folder, not a file"),
        ("mine", "unknown topology; did you mean './mine'\\? Available: cost239.*"),
        ("ring", "unknown topology; did you mean './ring.graphml'\\? Available: .*"),
        ("./rings", "file not found; did you mean 'ring.graphml'\\?"),
        ("./ring.grapml", "file not found; did you mean 'ring.graphml'\\?"),
        ("./mnie", "file not found; did you mean 'mine'\\?"),
        ("./nothing.alike", "file not found"),
    ],
)
@pytest.mark.parametrize("limited", [False, True])
def test_a_network_that_is_not_there_offers_a_file_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: str, told: str, limited: bool
) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    for name in ("mine", "ring.graphml"):
        (folder / name).write_text("A B 100\nB C 100\n")
    ini = folder / "study.ini"
    ini.write_text(f"[topology_settings]\nnetwork = {network}\n")
    monkeypatch.chdir(tmp_path)
    input_dirs = [folder] if limited else None
    with pytest.raises(ConfigError) as error:
        load_config(ini, input_dirs=input_dirs)
    (problem,) = error.value.problems
    assert re.fullmatch(told, problem.message)
    monkeypatch.chdir(folder)
    with pytest.raises(ConfigError) as error:
        load_config("quick", {"topology_settings": {"network": network}}, input_dirs=input_dirs)
    (problem,) = error.value.problems
    assert re.fullmatch(told, problem.message)


def test_no_file_is_offered_of_a_folder_that_may_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").write_text("A B 100\nB C 100\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as error:
        load_config("quick", {"topology_settings": {"network": "mine"}}, input_dirs=[])
    assert "did you mean" not in str(error.value)
