"""`fusion import`: a network of another program as a file of ours, with what was understood."""

import json
from pathlib import Path

import pytest

from fusion.network.topology import load_topology
from fusion.scenario.traffic_matrix import read_traffic_matrix
from fusion_flows.command import cli

SNDLIB = """<?xml version="1.0"?>
<network xmlns="http://sndlib.zib.de/network" version="1.0">
 <nodes coordinatesType="geographical">
  <node id="Ulm, West"><coordinates><x>9.99</x><y>48.40</y></coordinates></node>
  <node id="Kassel"><coordinates><x>9.48</x><y>51.31</y></coordinates></node>
 </nodes>
 <links><link id="L1"><source>Ulm, West</source><target>Kassel</target></link></links>
 <demands>
  <demand id="D1"><source>Ulm, West</source><target>Kassel</target><demandValue>34</demandValue></demand>
  <demand id="D2"><source>Ulm, West</source><target>Kassel</target><demandValue>6</demandValue></demand>
 </demands>
</network>"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "of_others.xml").write_text(SNDLIB)
    return tmp_path / "of_others.xml"


def test_the_table_and_the_files(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["import", str(file), "--traffic", "traffic.csv"]) == 0
    told = capsys.readouterr()
    assert (
        "understood  format: SNDlib XML\n            nodes: 2, all with coordinates\n" in told.out
    )
    assert "assumed     the lengths are great circles between the coordinates" in told.out
    assert told.out.endswith("of_others.json\ntraffic.csv\n")
    assert "`fusion topology of_others.json` draws it." in told.err
    topology = load_topology("of_others.json")
    assert topology.links == load_topology(file).links
    assert topology.coordinates == load_topology(file).coordinates
    matrix, _ = read_traffic_matrix(Path("traffic.csv"), topology)
    assert matrix.tolist() == [[0, 0.5], [0.5, 0]]
    # What it has written is a network for all of the program.
    assert cli.main(["validate", "quick", "-s", "topology_settings.network=of_others.json"]) == 0


def test_json_for_programs(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["import", str(file), "--lengths", "2", "-o", "there/net.json", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["files"] == ["there/net.json"]
    assert told["understood"]["links"] == "1"
    assert told["assumed"] == [
        "lengths are 2 times the great circle between the coordinates, as asked for"
    ]
    assert told["left_out"] == []
    (km,) = [link[2] for link in load_topology("there/net.json").links]
    assert km == pytest.approx(2 * load_topology(file).links[0][2], abs=0.001)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nosuch.json"], "nosuch.json: file not found"),
        (["."], ".: is a folder"),
        (["equipment.json"], "an equipment library of GNPy, and not a topology"),
        (["of_others.xml", "--lengths", "far"], "--lengths far: must be great-circle or how many"),
        (["of_others.xml", "-o", "of_others.xml"], "of_others.xml: already exists"),
        (["links.csv", "--traffic", "t.csv"], "--traffic: links.csv has no demands that are read"),
        (["of_others.xml", "-o", "links.csv/net.json"], "links.csv/net.json: cannot be written"),
        (["of_others.xml", "--length-key", "delay"], "no link has length_key = delay"),
        (["bare.json"], "no length; accepted attributes: "),
        (["bare.json"], "; with --lengths great-circle they follow from the coordinates"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_written(
    file: Path, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("equipment.json").write_text('{"Edfa": [], "Fiber": [], "SI": []}')
    Path("links.csv").write_text("A,B,100\nB,C,50\n")
    bare = {"nodes": [{"id": "A"}, {"id": "B"}], "links": [{"source": "A", "target": "B"}]}
    Path("bare.json").write_text(json.dumps(bare))
    before = sorted(file.parent.iterdir())
    assert cli.main(["import", *words]) == 2
    assert told in capsys.readouterr().err
    assert sorted(file.parent.iterdir()) == before
