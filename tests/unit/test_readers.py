"""Networks of other programs: small files with the traits of real ones, read or refused as what they are."""

import io
import json
import zipfile
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from fusion.network.importing import import_network
from fusion.network.readers.demands import demands_of
from fusion.network.readers.registry import read_content
from fusion.network.topology import Topology, TopologyError, load_topology
from fusion.scenario.traffic_matrix import read_traffic_matrix

Links = list[tuple[str, str, float]]


def write(folder: Path, content: object, name: str = "net.txt") -> Path:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def links(topology: Topology) -> Links:
    return [(topology.nodes[a], topology.nodes[b], km) for a, b, km in topology.links]


def refusal(file: Path) -> str:
    with pytest.raises(TopologyError) as error:
        load_topology(file)
    (problem,) = error.value.problems
    return problem


# --- GNPy ----------------------------------------------------------------------------------------


def element(kind: str, uid: str, place: tuple[float, float] = (0, 0), **more: object) -> Any:
    location = {
        "city": uid.split()[-1],
        "region": "west",
        "longitude": place[0],
        "latitude": place[1],
    }
    return {"uid": uid, "type": kind, "metadata": {"location": location}, **more}


def fibre(uid: str, length: object, **params: object) -> Any:
    values = {
        "length": length,
        "length_units": "km",
        "loss_coef": 0.2,
        "con_in": None,
        "con_out": 0.5,
    }
    return element("Fiber", uid, params=values | params)


def gnpy(elements: list[Any], *chains: str) -> dict[str, Any]:
    """Return a topology; a chain is a list of uids, with commas, in the direction of light."""
    pairs = []
    for chain in chains:
        uids = [uid.strip() for uid in chain.split(",")]
        pairs += [{"from_node": a, "to_node": b} for a, b in pairwise(uids)]
    return {"elements": elements, "connections": pairs}


def cities(*names: str, **places: tuple[float, float]) -> list[Any]:
    return [
        each
        for name in names
        for each in (
            element("Roadm", f"roadm {name}", places.get(name, (0, 0))),
            element("Transceiver", f"trx {name}"),
        )
    ]


def beside(*names: str) -> list[str]:
    return [f"trx {name}, roadm {name}, trx {name}" for name in names]


LINE = gnpy(
    [
        *cities("A", "B", A=(2.35, 48.85), B=(4.84, 45.76)),
        *(fibre(f"f{n}", km) for n, km in ((1, 60), (2, 70.5), (3, 60), (4, 70.5))),
        *(element("Edfa", f"amp{n}") for n in (1, 2, 3)),
        element("Fused", "site"),
    ],
    *beside("A", "B"),
    "roadm A, amp1, f1, site, f2, roadm B",
    "roadm B, f4, site, f3, amp2, amp3, roadm A",
)


def test_fibres_between_roadms_are_one_link(tmp_path: Path) -> None:
    topology = load_topology(write(tmp_path, LINE))
    assert links(topology) == [("A", "B", 130.5)]
    assert topology.coordinates == {"A": (2.35, 48.85), "B": (4.84, 45.76)}
    assert topology.link_names == ("f1",)
    assert "1 Fused element between two sites: passed through" in topology.remarks[0]
    (link,) = json.loads(import_network(tmp_path / "net.txt").text)["edges"]
    assert link["spans_km"] == [60, 70.5]
    assert link["loss_db"] == pytest.approx(130.5 * 0.2 + 2 * 0.5)


def test_gnpy_in_the_wrapping_of_version_3(tmp_path: Path) -> None:
    as_text = json.loads(
        json.dumps(LINE).replace("70.5", '"70.5"').replace('"type": "', '"type": "y:')
    )
    for wrapped in (
        {"gnpy-network-topology:topology": [as_text]},
        {"gnpy-network-topology:topology": as_text},
        {"gnpy-api:api": {"gnpy-network-topology:topology": as_text, "other": {}}},
    ):
        assert links(load_topology(write(tmp_path, wrapped))) == [("A", "B", 130.5)]


def test_metres_and_a_missing_unit(tmp_path: Path) -> None:
    fibres = [fibre("f1", 80_000, length_units="m"), fibre("f2", 80)]
    del fibres[1]["params"]["length_units"]
    network = gnpy(
        [*cities("A", "B"), *fibres], *beside("A", "B"), "roadm A, f1, roadm B, f2, roadm A"
    )
    topology = load_topology(write(tmp_path, network))
    assert links(topology) == [("A", "B", 80)]
    assert topology.remarks == ("1 fibre without length_units: taken as km",)
    fibres[0]["params"]["length_units"] = "mile"
    assert "mile: length_units must be km or m" in refusal(write(tmp_path, network))


def test_directions_that_differ_and_parallel_fibres(tmp_path: Path) -> None:
    fibres = [fibre(f"f{n}", km) for n, km in enumerate((80, 90, 90, 81), 1)]
    network = gnpy(
        [*cities("A", "B"), *fibres],
        *beside("A", "B"),
        "roadm A, f1, roadm B, f3, roadm A",
        "roadm A, f2, roadm B, f4, roadm A",
    )
    topology = load_topology(write(tmp_path, network))
    # The two of 90 km belong together, and what is left is 80 km there and 81 km back.
    assert sorted(zip(topology.links, topology.km_back, strict=True)) == [
        ((0, 1, 80.0), 81.0),
        ((0, 1, 90.0), 90.0),
    ]
    assert set(topology.link_names) == {"f1", "f2"}


def test_a_fibre_without_a_way_back_is_a_one_way_link(tmp_path: Path) -> None:
    network = gnpy(
        [*cities("A", "B", "C"), *(fibre(f"f{n}", 80) for n in (1, 2, 3))],
        *beside("A", "B", "C"),
        "roadm A, f1, roadm B, f2, roadm C, f3, roadm A",
    )
    topology = load_topology(write(tmp_path, network))
    assert topology.one_way == (True, True, True)
    assert "3 links in one direction only" in topology.remarks[0]
    alone = gnpy(
        [element("Transceiver", "A"), element("Transceiver", "B"), fibre("f1", 80)], "A, f1, B"
    )
    assert "B" in refusal(write(tmp_path, alone))


def test_a_fused_element_where_three_lines_meet_is_a_node(tmp_path: Path) -> None:
    fibres = [fibre(f"f{n}", 10 * n) for n in range(1, 7)]
    network = gnpy(
        [*cities("A", "B", "C"), element("Fused", "fork"), *fibres],
        *beside("A", "B", "C"),
        "roadm A, f1, fork, f1b, roadm A".replace("f1b", "f2"),
        "roadm B, f3, fork, f4, roadm B",
        "roadm C, f5, fork, f6, roadm C",
    )
    topology = load_topology(write(tmp_path, network))
    assert topology.nodes == ("A", "B", "C", "fork")
    assert [topology.nodes[i] for i in topology.endpoints] == ["A", "B", "C"]


def test_a_roadm_without_a_transceiver_is_passed_through(tmp_path: Path) -> None:
    network = gnpy(
        [*cities("A", "B"), element("Roadm", "roadm M"), *(fibre(f"f{n}", 50) for n in range(4))],
        *beside("A", "B"),
        "roadm A, f0, roadm M, f1, roadm B, f2, roadm M, f3, roadm A",
    )
    topology = load_topology(write(tmp_path, network))
    assert len(topology.nodes) == 3
    assert [topology.nodes[i] for i in topology.endpoints] == ["A", "B"]


def test_rows_and_columns_of_a_drawing_are_not_degrees(tmp_path: Path) -> None:
    elements = [*cities("A", "B", A=(1, 2), B=(3, 2)), fibre("f1", 10), fibre("f2", 10)]
    network = gnpy(elements, *beside("A", "B"), "roadm A, f1, roadm B, f2, roadm A")
    topology = load_topology(write(tmp_path, network))
    assert not topology.coordinates
    assert "places in a drawing, not degrees" in topology.remarks[0]


@pytest.mark.parametrize(
    ("elements", "chain", "words"),
    [
        ([{"type": "Fiber"}], "", "element 5: "),
        ([element("Amplifier", "x")], "", "element 5: x: type Amplifier is not one of Fiber"),
        ([element("Edfa", "trx A")], "", "element 5: trx A: duplicate uid"),
        ([], "trx A, nowhere", "nowhere: is not the uid of an element"),
        ([fibre("f1", 10)], "roadm A, f1", "Fiber behind roadm A: f1: leads to nothing"),
    ],
)
def test_what_is_wrong_with_a_gnpy_topology(
    tmp_path: Path, elements: list[Any], chain: str, words: str
) -> None:
    chains = [chain] if chain else []
    network = gnpy([*cities("A", "B"), *elements], *beside("A", "B"), *chains)
    with pytest.raises(TopologyError) as error:
        load_topology(write(tmp_path, network))
    assert words in str(error.value)


# --- SNDlib --------------------------------------------------------------------------------------

SNDLIB = """<?xml version="1.0" encoding="ISO-8859-1"?>
<network xmlns="http://sndlib.zib.de/network" version="1.0">
 <networkStructure>
  <nodes coordinatesType="{kind}">{nodes}</nodes>
  <links>
   <link id="L1"><source>N0</source><target>N1</target><setupCost>350.0</setupCost>
    <additionalModules><addModule><capacity>40.0</capacity><cost>1.0</cost></addModule>
     <addModule><capacity>160.0</capacity><cost>2.0</cost></addModule></additionalModules></link>
   <link id="L2"><source>N1</source><target>N2</target><setupCost>270.0</setupCost></link>
   <link id="L3"><source>N1</source><target>N2</target><setupCost>290.0</setupCost></link>
  </links>
 </networkStructure>
 <demands>
  <demand id="D1"><source>N0</source><target>N2</target><demandValue>34.0</demandValue></demand>
  <demand id="D2"><source>N0</source><target>N1</target><routingUnit>2</routingUnit>
   <demandValue>9.0</demandValue></demand>
 </demands>
</network>
"""


def sndlib(places: list[tuple[float, float]], kind: str = "geographical") -> str:
    nodes = "".join(
        f'<node id="N{n}"><coordinates><x>{x}</x><y>{y}</y></coordinates></node>'
        for n, (x, y) in enumerate(places)
    )
    return SNDLIB.format(kind=kind, nodes=nodes)


DEGREES = [(9.99, 48.40), (9.48, 51.31), (12.37, 51.34)]


@pytest.mark.parametrize("name", ["net.xml", "net.txt", "net.json"])
def test_sndlib_in_xml(tmp_path: Path, name: str) -> None:
    topology = load_topology(write(tmp_path, sndlib(DEGREES), name))
    assert topology.nodes == ("N0", "N1", "N2")
    assert topology.link_names == ("L1", "L2", "L3")
    assert topology.links[0][2] == pytest.approx(325.6, abs=1)
    assert topology.demands == 2
    by_cost = load_topology(tmp_path / name, length_key="setup_cost")
    assert [km for *_, km in by_cost.links] == [350, 270, 290]


def test_demands_of_sndlib_in_xml(tmp_path: Path) -> None:
    file = write(tmp_path, sndlib(DEGREES), "net.xml")
    matrix, remarks = read_traffic_matrix(file, load_topology(file))
    assert matrix[0, 2] == matrix[2, 0] == pytest.approx(34 / 104)
    assert matrix[0, 1] == pytest.approx(18 / 104)
    assert "each is taken both ways" in remarks[0]


def test_minutes_and_grids_are_recognised_although_the_file_calls_them_geographical(
    tmp_path: Path,
) -> None:
    minutes = [(9 + n / 100, 48 + (59 - 3 * n) / 100) for n in range(12)]
    file = write(tmp_path, sndlib(minutes))
    with pytest.raises(TopologyError, match="not connected"):  # nine nodes have no link
        load_topology(file)
    network = read_content(file).network
    assert network.nodes["N0"]["latitude"] == pytest.approx(48 + 59 / 60)
    assert "degrees.minutes" in network.remarks[0]
    grid = refusal(write(tmp_path, sndlib([(0, 0), (3, 40), (48, 49)])))
    assert "a grid and not degrees, although the file calls them geographical" in grid
    pixels = refusal(write(tmp_path, sndlib([(20.5, 31.5), (56.2, 1.5), (51.6, 9.9)], "pixel")))
    assert "pixels of a picture or a grid and not degrees" in pixels


def test_models_and_solutions_of_sndlib_are_not_networks(tmp_path: Path) -> None:
    for root, what in (("model", "a model"), ("solution", "a solution")):
        text = f'<?xml version="1.0"?><{root} xmlns="http://sndlib.zib.de/{root}"></{root}>'
        assert f"XML of SNDlib, but {what}" in refusal(write(tmp_path, text))


# --- the Topology Zoo ----------------------------------------------------------------------------

ZOO = """graph [
  Network "Somenet"
  Creator "Topology Zoo Toolset"
  node [ id 0 label "Oslo" Country "Norway" Longitude 10.75 Internal 1 Latitude 59.91 ]
  node [ id 1 label "Bergen" Country "Norway" Longitude 5.32 Internal 1 Latitude 60.39 ]
  node [ id 2 label "{label}" Country "Norway" Longitude 10.4 Internal 1 Latitude 63.43 ]
  node [ id 3 label "{hub}" hyperedge 1 Internal 1 ]
  node [ id 4 label "Nordunet" Internal 0 ]
  edge [ source 0 target 1 LinkLabel "10G" ]
  edge [ source 0 target 1 LinkLabel "2.5G" ]
  edge [ source 0 target 3 ]
  edge [ source 2 target 3 ]
  edge [ source 1 target 3 ]
  edge [ source 0 target 4 ]
  edge [ source 2 target 2 ]
]
"""


def test_the_zoo_has_no_lengths_and_says_how_to_get_them(tmp_path: Path) -> None:
    text = ZOO.format(label="Trondheim", hub="hub").replace("  edge [ source 2 target 2 ]\n", "")
    problem = refusal(write(tmp_path, text, "net.gml"))
    assert "fusion import FILE --lengths great-circle" in problem


@pytest.mark.parametrize(
    ("label", "hub", "nodes"),
    [
        ("Trondheim", "hub", ("Oslo", "Bergen", "Trondheim", "hub")),
        ("Oslo", "hub", ("0", "1", "2", "3")),
        ("Trondheim", "", ("0", "1", "2", "3")),
    ],
)
def test_great_circles_for_the_zoo(
    tmp_path: Path, label: str, hub: str, nodes: tuple[str, ...]
) -> None:
    file = write(tmp_path, ZOO.format(label=label, hub=hub), "net.gml")
    imported = import_network(file, lengths="1.5")
    topology = imported.topology
    assert topology.nodes == nodes
    assert [topology.nodes[i] for i in topology.endpoints] == list(nodes[:3])
    assert topology.links[0][2] == topology.links[1][2] == pytest.approx(1.5 * 305, rel=0.01)
    assert any("1 hyperedge without coordinates" in text for text in imported.assumed)
    assert any("1 external node without coordinates" in text for text in imported.left_out)
    assert any("from a node to itself" in text for text in imported.left_out)
    assert any("LinkLabel" in text for text in imported.left_out)


def test_nodes_without_coordinates_are_named(tmp_path: Path) -> None:
    text = ZOO.format(label="Trondheim", hub="hub").replace("Longitude 5.32 ", "")
    with pytest.raises(TopologyError, match=r"1 node of 4 without coordinates .*: Bergen; give"):
        import_network(write(tmp_path, text, "net.gml"), lengths="great-circle")


def test_nodes_at_the_same_place(tmp_path: Path) -> None:
    text = (
        ZOO.format(label="Trondheim", hub="hub").replace("5.32", "10.75").replace("60.39", "59.91")
    )
    imported = import_network(write(tmp_path, text, "net.gml"), lengths="great-circle")
    assert imported.topology.links[0][2] == 1
    assert any("2 links between nodes at the same place" in each for each in imported.assumed)


@pytest.mark.parametrize("lengths", ["0.5", "nan", "great circle", "11"])
def test_lengths_that_are_not_possible(tmp_path: Path, lengths: str) -> None:
    with pytest.raises(ValueError, match="must be great-circle or how many times"):
        import_network(write(tmp_path, ZOO), lengths=lengths)


# --- simulators ----------------------------------------------------------------------------------

N2P_1 = """<?xml version="1.0" encoding="utf-8"?><network description="d" name="n">
 <physicalTopology>
  <node name="N1" xCoord="283.0" yCoord="248.0"/><node name="N2" xCoord="451.0" yCoord="201.0"/>
  <link destinationNodeId="1" linkCapacityInErlangs="2" linkLengthInKm="1078.5" originNodeId="0"/>
  <link destinationNodeId="0" linkCapacityInErlangs="2" linkLengthInKm="1078.5" originNodeId="1"/>
 </physicalTopology>
 <demandSet><demandEntry egressNodeId="1" ingressNodeId="0" offeredTrafficInErlangs="0.5"/></demandSet>
</network>"""
N2P_6 = """<?xml version='1.0' encoding='UTF-8'?><network name="n" version="6">
 <node id="4" name="ANYCASTORIGIN" xCoord="0.0" yCoord="0.0">
  <tag value="$$$TAGNODE_INDICATIONVIRTUALORIGINNODE"/></node>
 <node id="7" name="Madrid" xCoord="-3.69" yCoord="40.42" population="0.0">
  <attribute key="population" value="3265038"/></node>
 <node id="9" name="Valencia" xCoord="-0.375" yCoord="39.47"/>
 <layer id="1" name="IP" isDefaultLayer="true">
  <link id="20" originNodeId="7" destinationNodeId="9" lengthInKm="1"/>
  <demand id="30" ingressNodeId="7" egressNodeId="9" offeredTraffic="18.5"/>
 </layer>
 <layer id="2" name="WDM" isDefaultLayer="false">
  <link id="21" originNodeId="7" destinationNodeId="9" lengthInKm="302" bidirectionalPairId="22"/>
  <link id="22" originNodeId="9" destinationNodeId="7" lengthInKm="302" bidirectionalPairId="21"/>
  <link id="23" originNodeId="4" destinationNodeId="7" lengthInKm="1"/>
 </layer></network>"""


def test_net2plan(tmp_path: Path) -> None:
    old = load_topology(write(tmp_path, N2P_1, "net.n2p"))
    assert links(old) == [("N1", "N2", 1078.5)]
    assert not old.coordinates  # they are pixels
    assert old.demands == 1
    imported = import_network(write(tmp_path, N2P_6, "net.n2p"))
    assert links(imported.topology) == [("Madrid", "Valencia", 302)]
    assert imported.topology.coordinates["Madrid"] == (-3.69, 40.42)
    assert json.loads(imported.text)["nodes"][0]["population"] == 3265038
    assert "layer WDM is read, and not IP" in imported.assumed
    assert any("1 virtual node" in text for text in imported.assumed)
    for text, demand in ((N2P_1, ("N1", "N2", "0.5")), (N2P_6, ("Madrid", "Valencia", "18.5"))):
        found = demands_of(read_content(write(tmp_path, text, "net.n2p")).file).listed
        assert [each[1:] for each in found] == [demand]
    empty = refusal(write(tmp_path, N2P_1.replace("<link ", "<line ")))
    assert empty == "a file of Net2Plan with 1 demand, 2 nodes and no links"


ONS = """<?xml version="1.0" encoding="UTF-8"?><{root} version="0.4">
 <traffic calls="10" load="215" max-rate="1000"/>
 <physical-topology name="USA" cores="7" slots="180" slotsBandwidth="12.5">
  <nodes><node id="0"/><node id="1"/><node id="2"/></nodes>
  <links>{links}</links>
 </physical-topology></{root}>"""


@pytest.mark.parametrize("root", ["ons", "flexgridsim"])
@pytest.mark.parametrize("length", ['weight="{km}"', 'weight="1" distance="{km}"'])
def test_ons_and_flexgridsim(tmp_path: Path, root: str, length: str) -> None:
    pairs = [(0, 1, 800), (1, 0, 800), (1, 2, 500), (2, 1, 500)]
    text = "".join(
        f'<link id="{n}" source="{a}" destination="{b}" delay="4" {length.format(km=km)}/>'
        for n, (a, b, km) in enumerate(pairs)
    )
    topology = load_topology(write(tmp_path, ONS.format(root=root, links=text), "net.xml"))
    assert links(topology) == [("0", "1", 800), ("1", "2", 500)]
    assert "not part of a network: cores = 7, slots = 180" in topology.remarks[1]


def test_two_counts_before_the_links(tmp_path: Path) -> None:
    text = "# somebody's network\n3\n2\n1 2 1050\n\n2 3 600\n"
    assert links(load_topology(write(tmp_path, text))) == [("1", "2", 1050), ("2", "3", 600)]
    problem = refusal(write(tmp_path, text.replace("\n2\n", "\n3\n")))
    assert problem == "the file announces 3 links, and lists 2"
    with pytest.raises(TopologyError, match="line 6"):
        load_topology(write(tmp_path, text.replace("2 3 600", "2 3 far")))


def test_flex_net_sim(tmp_path: Path) -> None:
    pairs = [(0, 1, 1050.0), (1, 0, 1050.0)]
    network = {
        "alias": "Net",
        "name": "Net",
        "nodes": [{"id": 0}, {"id": 1}],
        "links": [
            {"id": n, "src": a, "dst": b, "length": km, "slots": 320}
            for n, (a, b, km) in enumerate(pairs)
        ],
    }
    assert links(load_topology(write(tmp_path, network))) == [("0", "1", 1050)]


BENCH = """
def create_net_graph():
    G = nx.Graph()
    node_attributes = {
        1: {"lat": 48.2, "long": 16.37, "location": "Vienna", "country": "Austria"},
        2: {"lat": 47.5, "long": 19.09, "location": "Budapest", "country": nan},
    }
    edge_attributes = {1.0: {"source": 1.0, "destination": 2.0, "fiber_length": 321.5}}
    open("evil", "w").write("x")
    return G
"""


def test_python_of_topology_bench_is_parsed_and_not_run(tmp_path: Path) -> None:
    topology = load_topology(write(tmp_path, BENCH, "TOP_01_NET.py"))
    assert links(topology) == [("1", "2", 321.5)]
    assert topology.names == {"1": "Vienna", "2": "Budapest"}
    assert topology.coordinates["1"] == (16.37, 48.2)
    assert "computed by TopologyBench" in topology.remarks[0]
    assert not Path("evil").exists()
    broken = BENCH.replace("16.37", "int(16.37)")
    assert "Python of TopologyBench that cannot be read" in refusal(write(tmp_path, broken))


def workbook(sheets: dict[str, list[list[object]]]) -> bytes:
    """Return an Excel workbook, with texts shared as Excel does; None is a cell that is not there."""
    texts: list[str] = []
    parts = {}
    for number, rows in enumerate(sheets.values(), 1):
        xml = []
        for y, row in enumerate(rows, 1):
            cells = ""
            for column, value in zip("ABCDEF", row, strict=False):
                if isinstance(value, str):
                    texts.append(value)
                    cells += f'<c r="{column}{y}" t="s"><v>{len(texts) - 1}</v></c>'
                elif value is not None:
                    cells += f'<c r="{column}{y}"><v>{value}</v></c>'
            xml.append(f'<row r="{y}">{cells}</row>')
        data = f"<sheetData>{''.join(xml)}</sheetData>"
        parts[f"xl/worksheets/sheet{number}.xml"] = f'<worksheet xmlns="{_MAIN}">{data}</worksheet>'
    names = "".join(
        f'<sheet name="{name}" sheetId="{n}" r:id="rId{n}"/>' for n, name in enumerate(sheets, 1)
    )
    parts["xl/workbook.xml"] = (
        f'<workbook xmlns="{_MAIN}" xmlns:r="urn:r"><sheets>{names}</sheets></workbook>'
    )
    targets = "".join(
        f'<Relationship Id="rId{n}" Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, len(sheets) + 1)
    )
    parts["xl/_rels/workbook.xml.rels"] = f"<Relationships>{targets}</Relationships>"
    shared = "".join(f"<si><t>{text}</t></si>" for text in texts)
    parts["xl/sharedStrings.xml"] = f'<sst xmlns="{_MAIN}">{shared}</sst>'
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, text in parts.items():
            archive.writestr(part, text)
    return stream.getvalue()


_MAIN = "urn:main"
NODES = [
    ["Node_ID", "Latitude", "Longitude", "Location Name", "Country"],
    [1, 43.06, 141.35, "Sapporo", "Japan"],
    [2, 40.82, 140.74, "Aomori", None],
]
EDGES: list[list[object]] = [
    ["Edge_ID", "Source", "Destination", "Computed Length (km)"],
    [1, 1, 2, 381.2],
]


@pytest.mark.parametrize("name", ["NET.xlsx", "NET.csv"])
def test_a_workbook_of_topology_bench(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(workbook({"Nodes_NET": NODES, "Edges_NET": EDGES}))
    topology = load_topology(tmp_path / name)
    assert links(topology) == [("1", "2", 381.2)]
    assert topology.names == {"1": "Sapporo", "2": "Aomori"}
    (tmp_path / name).write_bytes(workbook({"Nodes": [["x"]], "Links": [["y"]]}))
    assert "a workbook of GNPy" in refusal(tmp_path / name)
    (tmp_path / name).write_bytes(workbook({"Sheet1": [["x"]]}))
    assert "(Sheet1) are not those of TopologyBench" in refusal(tmp_path / name)


def test_a_damaged_workbook_is_refused(tmp_path: Path) -> None:
    content = workbook({"Nodes_NET": NODES, "Edges_NET": EDGES})
    for place in range(0, len(content), 7):
        damaged = content[:place] + b"\xff\x00" + content[place + 2 :]
        (tmp_path / "net.xlsx").write_bytes(damaged)
        with suppress(TopologyError):  # in some places it does no harm
            assert links(load_topology(tmp_path / "net.xlsx")) == [("1", "2", 381.2)]


def test_edges_of_topology_bench_as_csv(tmp_path: Path) -> None:
    text = "Edge_ID,Source,Destination,Computed Length (km)\n1,1,2,381.2\n2,2,3,90\n"
    assert links(load_topology(write(tmp_path, text, "edges.csv"))) == [
        ("1", "2", 381.2),
        ("2", "3", 90),
    ]


def test_lines_of_a_program_of_deeprmsa(tmp_path: Path) -> None:
    text = "import sys\nlinkmap = make()\nlinkmap[1][2] = (0, 1050)\nlinkmap[2][1] = (3, 1050) # back\n"
    topology = load_topology(
        write(tmp_path, text + "linkmap[10][2] = (4, 600)\nlinkmap[2][10] = (1, 600)\n", "agent.py")
    )
    assert links(topology) == [("1", "2", 1050), ("10", "2", 600)]
    matlab = "function topology = NET\ntopology = [0 20; 20 0];\ntopology = topology/2;\n"
    assert "a MATLAB program" in refusal(write(tmp_path, matlab, "NET.m"))


def test_slots_and_cores_of_links_are_imported(tmp_path: Path) -> None:
    text = "source,target,length_km,c_band,cores_per_link,cost\nA,B,100,96,2,7\nB,C,50,,,7\n"
    imported = import_network(write(tmp_path, text, "net.csv"))
    first, second = json.loads(imported.text)["edges"]
    assert (first["c_band"], first["cores_per_link"]) == ("96", "2")
    assert second == {"source": "B", "target": "C", "length_km": 50}
    assert imported.left_out == ["attributes of links: cost"]


# --- what is not a network -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"Edfa": [], "Fiber": [], "SI": []}, "an equipment library of GNPy, and not a topology"),
        ({"Edfa": [], "Transceiver": []}, "an equipment library of GNPy, and not a topology"),
        ({"path-request": []}, "a list of services (path requests) of GNPy"),
        ({"gnpy-path-computation:responses": {}}, "a result of path requests of GNPy"),
        ({"spectrum": []}, "a spectrum of GNPy"),
        ({"raman_params": {}, "nli_params": {}}, "a file of simulation parameters of GNPy"),
        ({"nf_fit_coeff": [], "dgt": []}, "a model of an amplifier of GNPy"),
        ({"alias": "x", "name": "x", "routes": []}, "a route file of Flex Net Sim"),
        (
            {"10": [{"BPSK": {"slots": 1, "reach": 5520}}], "40": [{"QPSK": {"slots": 2}}]},
            "a bit-rate file of Flex Net Sim",
        ),
        ({"features": []}, "GeoJSON"),
        (
            "0,2,1,1\n2,0,2,1\n1,2,0,2\n1,1,2,0\n",
            "a square of 4 x 4 numbers, as a traffic matrix is",
        ),
    ],
)
@pytest.mark.parametrize("name", ["net.json", "net.csv", "net"])
def test_what_is_not_a_network_is_named(
    tmp_path: Path, name: str, content: object, words: str
) -> None:
    if isinstance(content, str) and name == "net.json":
        name = "net.tsv"
    assert words in refusal(write(tmp_path, content, name))


@pytest.mark.parametrize(
    ("edges", "told"),
    [
        ((("A", "B"), ("B", "C")), "2"),
        ((("A", "B"), ("A", "B"), ("B", "C")), "3, 2 of them parallel, between 1 pair of nodes"),
        (
            (("A", "B"), ("B", "A"), ("B", "C"), ("C", "B"), ("A", "B")),
            "5, 5 of them parallel, between 2 pairs of nodes",
        ),
    ],
)
def test_an_import_counts_parallel_links(
    tmp_path: Path, edges: tuple[tuple[str, str], ...], told: str
) -> None:
    content = {
        "directed": False,
        "multigraph": True,
        "nodes": [{"id": node} for node in "ABC"],
        "edges": [{"source": a, "target": b, "length_km": 100} for a, b in edges],
    }
    file = tmp_path / "multi.json"
    file.write_text(json.dumps(content))
    assert ("links", told) in import_network(file).understood


def test_an_import_counts_links_in_one_direction(tmp_path: Path) -> None:
    edges = [("A", "B"), ("B", "A"), ("B", "C"), ("C", "A")]
    content = {
        "directed": True,
        "nodes": [{"id": node} for node in "ABC"],
        "edges": [{"source": a, "target": b, "length_km": 100} for a, b in edges],
    }
    file = tmp_path / "one_way.json"
    file.write_text(json.dumps(content))
    assert ("links", "3, 2 in one direction only") in import_network(file).understood
