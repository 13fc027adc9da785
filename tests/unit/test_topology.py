"""Topologies: what ships, what a user's file may be, and what is refused with which words."""

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import networkx as nx
import pytest

from fusion.config.shipped import FUSION_NETWORKS, topology_names
from fusion.network.topology import TopologyError, load_topology

DOCS = Path(__file__).parents[2] / "docs" / "topologies.md"
SHIPPED = Path(__file__).parents[2] / "fusion" / "shipped" / "topologies"

TRIANGLE = {
    "nodes": [{"id": "A"}, {"id": "B"}, {"id": "C"}],
    "edges": [
        {"source": "C", "target": "A", "length_km": 300},
        {"source": "A", "target": "B", "length_km": 100.5},
        {"source": "B", "target": "C", "length_km": 200},
    ],
}


def write(folder: Path, name: str, content: str | bytes | dict[str, object]) -> Path:
    file = folder / name
    if isinstance(content, dict):
        content = json.dumps(content)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def problems_of(file: Path | str, core_nodes_only: bool = False) -> list[str]:
    with pytest.raises(TopologyError) as caught:
        load_topology(file, core_nodes_only=core_nodes_only)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{caught.value.place}: ") for line in lines[:100])
    return caught.value.problems


@pytest.mark.parametrize("name", topology_names())
def test_shipped_topology_is_networkx_node_link_json_and_as_documented(name: str) -> None:
    data = json.loads((SHIPPED / f"{name}.json").read_text(encoding="utf-8"))
    graph = nx.node_link_graph(data, edges="edges")
    topology = load_topology(name)
    assert graph.graph["name"] == topology.name == name
    assert graph.graph["description"]
    assert graph.graph["source"]
    assert tuple(graph) == topology.nodes
    assert len(topology.links) == graph.number_of_edges() == len(data["edges"])
    for a, b, km in topology.links:
        assert graph.edges[topology.nodes[a], topology.nodes[b]]["length_km"] == km
    lengths = [km for _, _, km in topology.links]
    row = next(
        line for line in DOCS.read_text(encoding="utf-8").splitlines() if f"`{name}`" in line
    )
    cells = [cell.strip() for cell in row.strip("| ").split("|")]
    assert cells[1:3] == [str(len(topology.nodes)), str(len(lengths))]
    means = f"{min(lengths):g} / {sum(lengths) / len(lengths):.1f} / {max(lengths):g}"
    assert cells[3] == means


def test_shipped_topologies_are_all_different() -> None:
    assert (
        len({load_topology(name).links for name in topology_names()}) == len(topology_names()) == 17
    )


def test_fusion_names_and_core_nodes() -> None:
    assert set(FUSION_NETWORKS.values()) == {n for n in topology_names() if n.startswith("fusion_")}
    assert load_topology("NSFNet") == load_topology("fusion_nsfnet")
    core = load_topology("Spainbackbone30", core_nodes_only=True)
    assert [core.nodes[i] for i in core.endpoints] == (
        ["11", "5", "4", "24", "8", "9", "19", "17", "15", "12", "14", "23", "29", "28"]
    )
    assert len(load_topology("USbackbone60", core_nodes_only=True).endpoints) == 14
    assert len(load_topology("USbackbone60").endpoints) == 60
    assert "0 nodes with the attribute core" in problems_of("NSFNet", core_nodes_only=True)[0]


def test_nsfnet_has_its_published_lengths_names_and_places() -> None:
    nsfnet = load_topology("nsfnet_deeprmsa")
    assert nsfnet.nodes == tuple(str(i) for i in range(1, 15))
    assert nsfnet.links[:3] == ((0, 1, 1050.0), (0, 2, 1500.0), (0, 7, 2400.0))
    assert nsfnet.names["1"] == "WA"
    assert nsfnet.coordinates["14"] == (-77.03, 38.9)


def test_node_link_json_keeps_order_and_direction(tmp_path: Path) -> None:
    for key in ("edges", "links"):
        content = {"nodes": TRIANGLE["nodes"], key: TRIANGLE["edges"]}
        topology = load_topology(write(tmp_path, "triangle.json", content))
        assert topology.name == "triangle"
        assert topology.nodes == ("A", "B", "C")
        assert topology.links == ((2, 0, 300.0), (0, 1, 100.5), (1, 2, 200.0))
        assert topology.endpoints == (0, 1, 2)


def test_const_link_weight_and_relative_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "triangle.json", TRIANGLE)
    topology = load_topology("triangle.json", const_link_weight=True, base=tmp_path)
    assert [km for _, _, km in topology.links] == [1.0, 1.0, 1.0]
    monkeypatch.chdir(tmp_path)
    assert load_topology("triangle.json").links[0] == (2, 0, 300.0)


@pytest.mark.parametrize("ending", ["graphml", "xml", "gml"])
@pytest.mark.parametrize("directed", [False, True])
def test_files_that_networkx_wrote(tmp_path: Path, ending: str, directed: bool) -> None:
    graph: Any = nx.DiGraph() if directed else nx.Graph()
    graph.add_node("Oslo", longitude=10.75, latitude=59.91, core=1)
    graph.add_node("Rome", core=1)
    graph.add_node("Bern", core=0)
    links = [("Oslo", "Rome", 2000.5), ("Rome", "Bern", 690.0), ("Bern", "Oslo", 1300.0)]
    for a, b, km in links:
        graph.add_edge(a, b, distance=km)
        if directed:
            graph.add_edge(b, a, distance=km)
    file = tmp_path / f"europe.{ending}"
    (nx.write_gml if ending == "gml" else nx.write_graphml)(graph, file)
    topology = load_topology(file, core_nodes_only=True)
    assert topology.nodes == ("Oslo", "Rome", "Bern")
    assert topology.endpoints == (0, 1)
    assert topology.coordinates == {"Oslo": (10.75, 59.91)}
    found = {(*sorted((topology.nodes[a], topology.nodes[b])), km) for a, b, km in topology.links}
    assert found == {(*sorted((a, b)), km) for a, b, km in links}
    assert len(topology.links) == 3


def test_gml_without_labels_goes_by_ids(tmp_path: Path) -> None:
    text = "graph [ node [ id 7 ] node [ id 8 ] edge [ source 7 target 8 weight 12 ] ]"
    topology = load_topology(write(tmp_path, "two.gml", text))
    assert (topology.nodes, topology.links) == (("7", "8"), ((0, 1, 12.0),))


@pytest.mark.parametrize(
    "text",
    [
        "a\tb\t10\nb\ta\t10\nb\tc\t20.5\n",
        "a b 10\n\nb c 20.5 # the long one\n",
        "source,destination,length_km\r\na,b,10\r\nb, c ,20.5\r\n",
        '\ufeff# mine\nfrom;to;Distance\n"a";b;10\nb;c;2.05e1',
    ],
)
def test_lines(tmp_path: Path, text: str) -> None:
    topology = load_topology(write(tmp_path, "lines.txt", text))
    assert (topology.nodes, topology.links) == (("a", "b", "c"), ((0, 1, 10.0), (1, 2, 20.5)))


def test_ids_may_have_blanks_where_tabs_divide(tmp_path: Path) -> None:
    topology = load_topology(write(tmp_path, "cities.tsv", "New York\tBoston\t350\n"))
    assert topology.nodes == ("New York", "Boston")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a b 1\nb b 1", ["line 2 (b - b)", "itself"]),
        ("a b 1\nc d 2", ["not connected", "2 of 4", "c, d"]),
        ("a b -1", ["line 1 (a - b)", "-1", "number of km from 1e-06"]),
        ("a b 0", ["line 1", "0"]),
        ("a b nan", ["line 1", "nan"]),
        ("a b 1e999", ["line 1", "1e999"]),
        ("a b 1_0", ["line 1", "1_0"]),
        ("a b far", ["line 1", "far"]),
        ("a b", ["line 1", "a b", "source, destination, length"]),
        ("a b 1 2", ["line 1", "a b 1 2"]),
        ("a\t\t1", ["line 1: the second node is empty"]),
        ("", ["0 nodes", "at least 2"]),
        ("# nothing\n", ["0 nodes"]),
        ("a,b,1\n" + '"' + "x" * 200_000, ["line 2"]),
    ],
)
def test_bad_lines(tmp_path: Path, text: str, words: list[str]) -> None:
    file = write(tmp_path, "bad.txt", text)
    problems = problems_of(file)
    assert all(str(file) not in problem and len(problem) < 600 for problem in problems)
    assert any(all(word in problem for word in words) for problem in problems), problems


def test_an_empty_node_is_told_once(tmp_path: Path) -> None:
    text = "source,destination,length\na,b,1\nb,c,2\n,c,1\nb,,1\n,,1\n"
    assert problems_of(write(tmp_path, "bad.csv", text)) == [
        "line 4: the first node is empty",
        "line 5: the second node is empty",
        "line 6: both nodes are empty",
    ]


def test_a_text_without_any_link_is_told_by_its_first_line(tmp_path: Path) -> None:
    file = write(tmp_path, "notes.txt", "# mine\nsome notes\nof another kind, and\n" * 40)
    assert problems_of(file) == [
        "line 2: some notes: source, destination, length are needed; nor is any other line a link "
        "(79 more)",
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"edges": [{"source": "A", "target": "B"}]}, ["link 1 (A - B)", "no length", "distance"]),
        (
            {"edges": [{"source": "A", "target": "Z", "weight": 1}]},
            ["link 1", "Z", "node not found"],
        ),
        ({"edges": [{"target": "Z", "weight": 1}]}, ["link 1", '"source" and "target"']),
        ({"edges": ["A-B"]}, ["link 1", "A-B"]),
        ({"edges": [{"source": "A", "target": "B", "length": True}]}, ["link 1", "True"]),
        ({"edges": [{"source": "A", "target": "B", "length": [1]}]}, ["link 1", "[1]"]),
        ({"edges": {}}, ["node-link JSON"]),
        ({"nodes": [{"id": "A"}, {"id": "A"}]}, ["node 2", "A", "duplicate id"]),
        ({"nodes": [{"id": 1}, {"id": "1"}]}, ["node 2", "duplicate id"]),
        ({"nodes": [{"id": None}]}, ["node 1", "None", "integer or a printable text"]),
        ({"nodes": [{"id": "A\nB"}]}, ["node 1", r"A\nB"]),
        ({"nodes": ["A"]}, ["node 1", '"id"']),
        ({"nodes": [{"id": "A", "longitude": "x", "latitude": 0}]}, ["node A", "longitude"]),
    ],
)
def test_bad_json(tmp_path: Path, change: dict[str, object], words: list[str]) -> None:
    problems = problems_of(write(tmp_path, "bad.json", TRIANGLE | change))
    assert any(all(word in problem for word in words) for problem in problems), problems


def test_all_problems_come_at_once_and_survive_pickling(tmp_path: Path) -> None:
    file = write(tmp_path, "bad.txt", "a b 0\na a 1\nc\na c x\n")
    with pytest.raises(TopologyError) as caught:
        load_topology(file)
    assert [p.split(" (")[0].split(": ")[0] for p in caught.value.problems] == [
        "line 3", "line 1", "line 2", "line 4",
    ]  # fmt: skip
    copy = pickle.loads(pickle.dumps(caught.value))
    assert copy.place == str(file)
    assert (copy.problems, str(copy)) == (caught.value.problems, str(caught.value))
    many = write(tmp_path, "many.txt", "a a 1\n" * 5000)
    assert len(problems_of(many)) == 5001
    with pytest.raises(TopologyError, match="and 4901 more problems"):
        load_topology(many)


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY a{i} "{f"&a{i - 1 if i else str()};" * 10}">' for i in range(30))
    + "]><graphml>&a29;</graphml>"
)


@pytest.mark.parametrize("ending", ["json", "graphml", "xml", "gml", "txt", "csv"])
@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00garbage\x80",
        b"\0" * 100,
        bytes(range(1, 256)),
        b"",
        b"{}",
        b"[" * 100_000,
        b'{"nodes": [{"id": ' + b"9" * 5000 + b"}]}",
        b'{"nodes": 3, "edges": null}',
        b"graph [ " * 5000,
        b"graph [ node [ id 1 ] node [ id 1 ] ]",
        b"<graphml><graph><node/><edge/></graph></graphml>",
        b'<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><graph/></graphml>',
        BOMB.encode(),
        BOMB.encode("utf-16"),
    ],
)
def test_garbage_is_a_topology_error(tmp_path: Path, ending: str, content: bytes) -> None:
    file = write(tmp_path, f"garbage.{ending}", content)
    assert all(len(problem) < 600 for problem in problems_of(file))


def test_entities_are_refused_before_they_are_expanded(tmp_path: Path) -> None:
    assert "entities" in problems_of(write(tmp_path, "bomb.graphml", BOMB))[0]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    wanted = "is a folder, not a file; name one in it, such as my_network.graphml"
    assert problems_of(tmp_path) == [wanted]
    assert problems_of("./") == [wanted]
    assert "larger than 16 MiB" in problems_of(write(tmp_path, "big.txt", b"#" * (2**24 + 1)))[0]
    assert "unknown topology or file" in problems_of(tmp_path / "missing.json")[0]
    assert "did you mean 'NSFNet'" in problems_of("nsfnett")[0]
    for name in ("", "x" * 5000, "a\0b", "../../etc", "nsfnet_deeprmsa/"):
        assert len(problems_of(name)[0]) < 1000


def test_import_and_shipped_topologies_do_without_networkx_and_numpy() -> None:
    """The command line imports this module for its names, and has to start at once."""
    code = (
        "import sys, fusion.network.topology as t; t.load_topology('NSFNet');"
        " sys.exit(bool({'networkx', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
