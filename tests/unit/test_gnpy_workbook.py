"""Workbooks of GNPy, and its services as demands: small files of our own making."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fusion.network.readers import gnpy_workbook
from fusion.network.readers.registry import read_content
from fusion.network.topology import TopologyError, load_topology
from fusion.scenario.traffic_matrix import read_traffic_matrix
from fusion_flows.command import cli

CITIES = ("Brest", "Lorient", "Rennes", "Vannes", "Quimper")
LINKS = (
    ("Brest", "Lorient", 60.0),
    ("Lorient", "Vannes", 80.0),
    ("Vannes", "Rennes", 110.5),
    ("Rennes", "Brest", 245.0),
    ("Quimper", "Brest", 70.0),
    ("Quimper", "Lorient", 65.0),
)


def workbook(
    path: Path, types: Sequence[str | None], services: Sequence[tuple[Any, ...]] = ()
) -> Path:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    nodes, links = book.active, book.create_sheet("Links")
    nodes.title = "Nodes"
    for _ in range(4):
        nodes.append(["of GNPy"])
    nodes.append(["City", "State", "Country", "Region", "Latitude", "Longitude", "Type"])
    for i, (city, kind) in enumerate(zip(CITIES, types, strict=True)):
        nodes.append([city, None, "France", "Bretagne", 47.5 + i / 2, -4.5 + i, kind])
    for _ in range(3):
        links.append(["of GNPy"])
    links.append(["Node A", "Node Z", "east"])
    links.append([None, None, "Distance (km)", "Fiber type"])
    for a, z, km in LINKS:
        links.append([a, z, km, "SSMF"])
    if services:
        sheet = book.create_sheet("Service")
        for _ in range(4):
            sheet.append(["of GNPy"])
        sheet.append(
            ["route id", "Source", "Destination", "TRX type", "System: spacing", "path bandwidth"]
        )
        for row in services:
            sheet.append(list(row))
    book.save(path)
    return path


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def all_roadms(tmp_path: Path) -> Path:
    return workbook(tmp_path / "net.xlsx", ["ROADM"] * 5)


def links_of(file: Path) -> list[tuple[str, str, float]]:
    topology = load_topology(file)
    return sorted(
        (*sorted((topology.nodes[a], topology.nodes[b])), km) for a, b, km in topology.links
    )


def test_a_workbook_is_what_gnpy_makes_of_it(tmp_path: Path) -> None:
    pytest.importorskip("gnpy")
    file = all_roadms(tmp_path)
    assert links_of(file) == sorted((*sorted((a, z)), km) for a, z, km in LINKS)
    program = Path(sys.executable).with_name("gnpy-convert-xls")
    subprocess.run([program, file, "--output", "theirs.json"], check=True, capture_output=True)
    ours, theirs = load_topology(file), load_topology(tmp_path / "theirs.json")
    assert ours._replace(name="") == theirs._replace(name="")
    assert ours.remarks == ()
    # The ending of the name does not matter, as GNPy has it.
    renamed = file.rename(tmp_path / "renamed.xls")
    assert load_topology(renamed).links == ours.links


@pytest.mark.parametrize("kind", ["Roadm", "roadm", " ROADM "])
def test_other_spellings_are_meant_and_said(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("gnpy")
    file = workbook(tmp_path / "net.xlsx", [kind] * 5)
    topology = load_topology(file)
    assert topology.links == load_topology(all_roadms(tmp_path)).links
    assert len(topology.endpoints) == 5
    (remark,) = topology.remarks
    assert remark.startswith(
        f"5 nodes of type {kind.strip()}: taken as ROADM, which GNPy takes only"
    )


def test_without_types_all_are_roadms(tmp_path: Path) -> None:
    pytest.importorskip("gnpy")
    topology = load_topology(workbook(tmp_path / "net.xlsx", [None] * 5))
    assert len(topology.endpoints) == 5
    assert topology.remarks[0].startswith("5 nodes without a type, and no ROADM: taken as ROADM")


def test_amplifier_sites_are_passed_through_and_said(tmp_path: Path) -> None:
    pytest.importorskip("gnpy")
    types = ["ROADM", "Ila", None, "hut", "ROADM"]
    topology = load_topology(workbook(tmp_path / "net.xlsx", types))
    # Lorient has three neighbours, so that GNPy makes a ROADM of it; Vannes and Rennes lie on a line.
    assert topology.nodes == ("Brest", "Lorient", "Quimper")
    assert sorted(km for *_, km in topology.links) == [60.0, 65.0, 70.0, 80 + 110.5 + 245]
    told = "\n".join(topology.remarks)
    assert "1 node of type Ila: taken as ILA, which GNPy takes only in this spelling" in told
    assert "1 node of type hut: amplifier sites, as for GNPy, which knows ROADM, ILA and" in told
    assert "1 node without a type: amplifier sites, as for GNPy" in told
    assert "1 amplifier site without exactly two neighbours, for GNPy ROADMs: Lorient" in told


def test_the_table_of_import_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("gnpy")
    services = [
        (1, "Brest", "Rennes", "Voyager", 50.0, 100.0),
        (2, "Brest", "Rennes", "Voyager", 50.0, 150.0),
        (3, "Vannes", "Brest", "Voyager", 75.0, 400.0),
    ]
    workbook(tmp_path / "net.xlsx", ["Roadm"] * 5, services)
    assert cli.main(["import", "net.xlsx", "--traffic", "t.csv"]) == 0
    told = capsys.readouterr().out
    assert "format: GNPy workbook" in told
    assert "regions: 1: Bretagne (5 nodes)" in told
    assert "demands: 3" in told
    assert "traffic: demands of GNPy, 2 pairs of nodes, 650 in all, in Gb/s" in told
    assert "assumed     5 nodes of type Roadm: taken as ROADM" in told
    assert "missing header" not in told
    assert Path("t.csv").read_text() == (
        "source,destination,traffic\nBrest,Rennes,250\nVannes,Brest,400\n"
    )
    assert cli.main(["import", "net.xlsx", "-o", "b.json", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["understood"]["nodes"].startswith("5, all")


def test_without_gnpy_it_is_refused_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = all_roadms(tmp_path)

    def absent(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(gnpy_workbook.importlib, "import_module", absent)
    with pytest.raises(TopologyError, match=r"below 3\.13\): `pip install gnpy`"):
        load_topology(file)


def test_what_is_not_a_workbook_of_gnpy(tmp_path: Path) -> None:
    pytest.importorskip("gnpy")
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.title = "Budget"
    book.active.append(["a", "b"])
    book.save(tmp_path / "budget.xlsx")
    (tmp_path / "letter.xls").write_bytes(gnpy_workbook.XLS + b"Nodes Links" + bytes(600))
    book.active.title = "Nodes"
    book.create_sheet("Links").append(["x"])
    book.save(tmp_path / "headless.xlsx")
    for name, words in (
        ("budget.xlsx", "whose sheets (Budget) are not those of TopologyBench or GNPy"),
        ("letter.xls", "a workbook of GNPy that it does not convert: "),
        ("headless.xlsx", "a workbook of GNPy that it does not convert: "),
    ):
        with pytest.raises(TopologyError) as error:
            load_topology(tmp_path / name)
        assert words in str(error.value)


# --- services and populations as traffic --------------------------------------------------------

NETWORK = {
    "nodes": [
        {"id": "Brest", "population": 140000, "longitude": -4.5, "latitude": 48.4},
        {"id": "Rennes", "population": 220000, "longitude": -1.7, "latitude": 48.1},
        {"id": "3", "name": "Vannes", "population": 54000, "longitude": -2.8, "latitude": 47.7},
    ],
    "edges": [
        {"source": "Brest", "target": "Rennes", "length_km": 260},
        {"source": "Rennes", "target": "3", "length_km": 120},
    ],
}


def service(number: int, a: str, b: str, gbps: float, *, both: bool = False) -> dict[str, Any]:
    return {
        "request-id": str(number),
        "source": a,
        "destination": b,
        "bidirectional": both,
        "path-constraints": {"te-bandwidth": {"path_bandwidth": gbps * 1e9}},
    }


@pytest.fixture
def net() -> Path:
    Path("net.json").write_text(json.dumps(NETWORK))
    return Path("net.json")


def test_services_of_gnpy_are_demands(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = [
        service(1, "trx Brest", "trx Rennes", 100),
        service(2, "trx Brest", "trx Vannes", 60.5, both=True),
    ]
    Path("services.json").write_text(json.dumps({"path-request": listed}))
    words = ["import", "net.json", "-o", "ours.json", "--demands", "services.json"]
    assert cli.main(words) == 0
    told = capsys.readouterr().out
    assert "traffic: demands of GNPy, 3 pairs of nodes, 221 in all, in Gb/s" in told
    assert told.endswith("ours.json\nnet_traffic.csv\n")
    table = "source,destination,traffic\nBrest,Rennes,100\nBrest,3,60.5\n3,Brest,60.5\n"
    assert Path("net_traffic.csv").read_text() == table
    # As `traffic_matrix` they are the same; so are they in the form of YANG, with numbers as text.
    topology = load_topology("ours.json")
    expected, _ = read_traffic_matrix(Path("net_traffic.csv"), topology)
    for each in listed:
        band = each["path-constraints"]["te-bandwidth"]
        band["path_bandwidth"] = str(band["path_bandwidth"])
    wrapped = {"gnpy-path-computation:services": {"path-request": listed}}
    Path("wrapped.json").write_text(json.dumps(wrapped))
    for file in ("services.json", "wrapped.json"):
        found, remarks = read_traffic_matrix(Path(file), topology)
        assert (found == expected).all()
        assert remarks == ()


def test_transceivers_with_names_of_their_own() -> None:
    pytest.importorskip("gnpy")
    places = {"metadata": {"location": {"city": "", "region": "", "latitude": 0, "longitude": 0}}}
    elements: list[dict[str, Any]] = []
    connections = []
    for site, name in (("A", "left"), ("B", "right")):
        elements += [{"uid": f"roadm {site}", "type": "Roadm", **places}]
        elements += [{"uid": name, "type": "Transceiver", **places}]
        connections += [(name, f"roadm {site}"), (f"roadm {site}", name)]
    for a, b in ("AB", "BA"):
        uid = f"fiber {a}{b}"
        elements.append(
            {"uid": uid, "type": "Fiber", "params": {"length": 50, "length_units": "km"}}
        )
        connections += [(f"roadm {a}", uid), (uid, f"roadm {b}")]
    pairs = [{"from_node": a, "to_node": b} for a, b in connections]
    Path("net.json").write_text(json.dumps({"elements": elements, "connections": pairs}))
    Path("s.json").write_text(json.dumps({"path-request": [service(7, "left", "right", 40)]}))
    assert cli.main(["import", "net.json", "-o", "o.json", "--demands", "s.json"]) == 0
    assert Path("net_traffic.csv").read_text().splitlines()[1:] == ["A,B,40"]
    assert read_content(Path("s.json")).network.problems


def test_gravity_by_attribute_and_by_table(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["import", "net.json", "-o", "a.json", "--demands", "gravity"]) == 0
    told = capsys.readouterr().out
    assert (
        "traffic: gravity model of 414,000 people at 3 nodes, 6 pairs of nodes, as shares of all"
        in told
    )
    topology = load_topology("a.json")
    matrix, _ = read_traffic_matrix(Path("net_traffic.csv"), topology)
    people = [140, 220, 54]
    products = [[a * b * (i != j) for j, b in enumerate(people)] for i, a in enumerate(people)]
    total = sum(map(sum, products))
    assert matrix.sum() == pytest.approx(1)
    for i in range(3):
        assert matrix[i].tolist() == pytest.approx([each / total for each in products[i]])
    Path("people.csv").write_text("node;population\nBrest;140\nRennes;220\nVannes;54\n")
    words = ["import", "net.json", "-o", "b.json", "--demands", "people.csv", "--traffic", "b.csv"]
    assert cli.main(words) == 0
    again, _ = read_traffic_matrix(Path("b.csv"), topology)
    assert again.tolist() == [pytest.approx(row) for row in matrix.tolist()]


def test_a_square_of_numbers_gets_names(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("m.csv").write_text("0,2,1\n2,0,1\n1,3,0\n")
    assert cli.main(["import", "net.json", "-o", "a.json", "--demands", "m.csv"]) == 0
    assert "traffic: a traffic matrix, 6 pairs of nodes, as shares of all traffic" in (
        capsys.readouterr().out
    )
    assert "3,Rennes,0.3" in Path("net_traffic.csv").read_text().splitlines()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"path-request": []}', "a list of services of GNPy without services"),
        (
            json.dumps({"path-request": [service(4, "trx Brest", "trx Paris", 1)]}),
            "service 4: 'Paris' is not a node of the network",
        ),
        (
            json.dumps({"path-request": [{"source": "a", "destination": "b"}]}),
            "service 1: path_bandwidth must be a number of bit/s from 0",
        ),
        ("node,population\nBrest,1\nRennes,2\n", "1 node of 3 without a population: 3"),
        ("node,population\nBrest,1\nParis,2\n", "'Paris' is not a node of the network"),
        ("node,population\nBrest,-1\n", "Brest: -1: must be a number from 0"),
        ("node,population\nBrest,1\nRennes,0\nVannes,0\n", "at least two nodes need a population"),
        ("0,1\n1,0\n", "has 2 rows of 2 columns; must have 3 x 3 numbers"),
    ],
)
def test_what_is_wrong_with_demands_is_said(
    net: Path, text: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("wrong").write_text(text)
    assert cli.main(["import", "net.json", "-o", "a.json", "--demands", "wrong"]) == 2
    assert f"--demands: wrong: {told}" in capsys.readouterr().err
    assert not Path("a.json").exists()


def test_gravity_without_populations(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bare.csv").write_text("a,b,10\nb,c,20\n")
    assert cli.main(["import", "bare.csv", "--demands", "gravity"]) == 2
    told = capsys.readouterr().err
    assert "--demands: gravity: 3 nodes of 3 without a population: a, b, c" in told
    assert cli.main(["import", "bare.csv", "--demands", "nosuch.csv"]) == 2
    assert "--demands: nosuch.csv: " in capsys.readouterr().err


def test_a_workbook_is_its_own_traffic_matrix(tmp_path: Path) -> None:
    pytest.importorskip("gnpy")
    services = [
        (1, "Brest", "Rennes", "Voyager", 50.0, 100.0),
        (2, "Rennes", "Brest", "Voyager", 50, 300),
    ]
    file = workbook(tmp_path / "net.xlsx", ["ROADM"] * 5, services)
    topology = load_topology(file)
    assert topology.demands == 2
    matrix, _ = read_traffic_matrix(file, topology)
    assert matrix[topology.nodes.index("Rennes"), topology.nodes.index("Brest")] == 0.75
