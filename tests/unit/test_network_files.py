"""Networks as spreadsheets, other programs and libraries write them: read, or refused as what they are."""

import json
from pathlib import Path

import pytest

from fusion.network.topology import TopologyError, load_topology


def write(folder: Path, name: str, content: str | bytes) -> Path:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder / name


def read(folder: Path, name: str, content: str | bytes) -> tuple[tuple[str, ...], list[float]]:
    topology = load_topology(write(folder, name, content))
    return topology.nodes, [km for _, _, km in topology.links]


def refusal(folder: Path, name: str, content: str | bytes) -> str:
    with pytest.raises(TopologyError) as error:
        load_topology(write(folder, name, content))
    (problem,) = error.value.problems
    return problem


# --- a link per line -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "source,target,length (km)\nA,B,10\nB,C,20\n",
        "Source,Target,Distance\nA,B,10\nB,C,20\n",
        "from;to;dist\nA;B;10\nB;C;20\n",
        "Quelle;Ziel;length\nA;B;10,0\nB;C;20,00\n",
        "A;B;10\nB;C;2,0e1\n",
        'A,B,"10,0"\nB,C,"20,0"\n',
        "source target length (km)\nA B 10\nB C 20\n",
        "src\tdst\tweight\tkm\nA\tB\t1\t10\nB\tC\t1\t20\n",
        ",source,target,length\n0,A,B,10\n1,B,C,20\n",
        "id,km,destination,source,name\n7,10,B,A,x\n8,20,C,B,y\n",
        "\ufeff# of mine\nsource,target,length_km # in km\n\nA,B,10 # short\nB,C,20\n",
        "A B {'weight': 1, 'dist': 10.0}\nB C {'weight': 1, 'dist': 20.0}\n",
        "A,B,{'km': 10}\nB,C,{'km': 20}\n",
    ],
)
@pytest.mark.parametrize("name", ["net.csv", "net.txt", "net"])
def test_tables_of_links(tmp_path: Path, name: str, text: str) -> None:
    assert read(tmp_path, name, text) == (("A", "B", "C"), [10.0, 20.0])


def test_decimal_commas_of_a_spreadsheet(tmp_path: Path) -> None:
    text = "Quelle;Ziel;length\nKöln;Bonn;27,5\nBonn;Mainz;140,2\nMainz;Köln;160\n"
    assert read(tmp_path, "net.csv", text) == (("Köln", "Bonn", "Mainz"), [27.5, 140.2, 160.0])
    assert load_topology(tmp_path / "net.csv").remarks == (
        "length: commas are taken for decimal points: 27,5 is 27.5",
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A;B;1,050\nB;C;2,000\n", "a decimal comma, or one that divides thousands?"),
        ("A;B;27,5\nB;C;27.5\n", "write a decimal point for the decimal comma"),
        ("A;B;1.027,5\nB;C;27,5\n", "write a decimal point for the decimal comma"),
    ],
)
def test_commas_that_may_be_either_are_asked_about(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(TopologyError) as error:
        load_topology(write(tmp_path, "net.csv", text))
    assert words in error.value.problems[0]
    assert not any("nodes: at least" in problem for problem in error.value.problems)


def test_a_header_is_known_by_the_length_key(tmp_path: Path) -> None:
    file = write(tmp_path, "net.csv", "von;nach;Länge\nA;B;10\nB;C;20\n")
    with pytest.raises(TopologyError) as error:
        load_topology(file)
    assert error.value.problems[0] == (
        "line 1: von;nach;Länge: a length in km is needed; if this is a header, length_key = Länge names "
        "its column"
    )
    assert [km for *_, km in load_topology(file, length_key="Länge").links] == [10.0, 20.0]


def test_a_line_that_is_not_as_the_header(tmp_path: Path) -> None:
    text = "source,target,cores,km\nA,B,4,10\nB,C,20\n"
    assert refusal(tmp_path, "net.csv", text) == (
        "line 3: B,C,20: 4 fields, as in the header, are needed"
    )


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("source,target,length,length", "columns 3 and 4 are both called length"),
        ("a,b,km,cost,km", "columns 3 and 5 are both called km"),
        ("km,source,target,km,km", "columns 1, 4, 5 are all called km"),
    ],
)
def test_columns_of_one_name_are_refused(tmp_path: Path, header: str, told: str) -> None:
    cells = ",".join(map(str, range(1, header.count(",") + 2)))
    text = f"# links\n{header}\n{cells}\n"
    problem = refusal(tmp_path, "net.csv", text)
    assert problem == f"line 2: {told}: give each column a name of its own"


# --- JSON ----------------------------------------------------------------------------------------


def test_adjacency_json_of_networkx(tmp_path: Path) -> None:
    data = {
        "directed": False,
        "nodes": [{"id": 0}, {"id": 1}, {"id": 2}],
        "adjacency": [
            [{"id": 1, "weight": 5}],
            [{"id": 0, "weight": 5}, {"id": 2, "weight": 7}],
            [{"id": 1, "weight": 7}],
        ],
    }
    assert read(tmp_path, "net.json", json.dumps(data)) == (("0", "1", "2"), [5.0, 7.0])
    assert load_topology(tmp_path / "net.json").remarks == ()
    data["adjacency"].pop()  # type: ignore[attr-defined]
    assert "need as many lists" in refusal(tmp_path, "net.json", json.dumps(data))


def test_ends_of_a_link_may_be_called_src_and_dst(tmp_path: Path) -> None:
    data = {
        "nodes": [{"id": 0}, {"id": 1}],
        "links": [{"id": 0, "src": 0, "dst": 1, "length": 80, "slots": 320}],
    }
    assert read(tmp_path, "net.json", json.dumps(data)) == (("0", "1"), [80.0])


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ({"data": [], "elements": {"nodes": [], "edges": []}}, "JSON of Cytoscape"),
        ({"type": "FeatureCollection", "features": []}, "GeoJSON"),
        ({"id": 0, "children": []}, "a tree of networkx"),
    ],
)
@pytest.mark.parametrize("name", ["net.json", "net.txt"])
def test_json_of_another_kind(
    tmp_path: Path, name: str, data: dict[str, object], what: str
) -> None:
    problem = refusal(tmp_path, name, json.dumps(data))
    assert problem.startswith(f"{what}, which is not read: write a link per line")


# --- graphs --------------------------------------------------------------------------------------

GRAPHML = (
    '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
    '<key id="d0" for="edge" attr.name="Length" attr.type="double"/><graph edgedefault="undirected">'
    '<node id="a"/><node id="b"/><edge source="a" target="b"><data key="d0">10</data></edge>'
    "</graph></graphml>"
)
GML = (
    'Creator "somebody"\ngraph [ directed 1 node [ id 0 label "a" ] node [ id 1 label "b" ] '
    "edge [ source 0 target 1 length 10 ] edge [ source 1 target 0 length 10 ] ]"
)


@pytest.mark.parametrize("name", ["net.graphml", "net.xml", "net.txt", "net"])
def test_graphml_is_known_by_its_beginning(tmp_path: Path, name: str) -> None:
    text = f'<?xml version="1.0"?>\n<!-- mine -->\n{GRAPHML}'
    assert read(tmp_path, name, text) == (("a", "b"), [10.0])


@pytest.mark.parametrize("name", ["net.gml", "net.txt"])
def test_gml_with_both_directions_is_one_link(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, name, GML) == (("a", "b"), [10.0])
    assert load_topology(tmp_path / name).remarks == ()


def _zoo(lengths: bool) -> str:
    """Return a network with a double edge and a node without place, as Topology Zoo has them."""
    edges = ((0, 1, 120), (0, 1, 150), (1, 2, 300), (2, 0, 300))
    data = '<data key="d43">{}</data>' if lengths else ""
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
        '<key attr.name="key" attr.type="int" for="edge" id="d38" />'
        '<key attr.name="dist" attr.type="double" for="edge" id="d43" />'
        '<key attr.name="Longitude" attr.type="double" for="node" id="d32" />'
        '<key attr.name="Latitude" attr.type="double" for="node" id="d29" />'
        '<graph edgedefault="undirected">'
        '<node id="0"><data key="d29">52.0</data><data key="d32">4.9</data></node>'
        '<node id="1"><data key="d29">50.8</data><data key="d32">4.3</data></node><node id="2"/>'
        + "".join(
            f'<edge source="{a}" target="{b}"><data key="d38">{place == 1:d}</data>'
            f"{data.format(km)}</edge>"
            for place, (a, b, km) in enumerate(edges)
        )
        + "</graph></graphml>"
    )


def test_an_object_with_a_key_twice_is_refused(tmp_path: Path) -> None:
    link = '{"source": "A", "target": "B", "length": 100, "length": 200}'
    text = f'{{"nodes": [{{"id": "A"}}, {{"id": "B"}}], "edges": [{link}]}}'
    assert "an object has the key length twice" in refusal(tmp_path, "net.json", text)


@pytest.mark.parametrize(
    ("first", "second"), [("Latitude", "latitude"), ("Lon", "lon"), ("LONGITUDE", "Longitude")]
)
def test_node_attributes_that_differ_only_in_case(tmp_path: Path, first: str, second: str) -> None:
    a = {"id": "A", first: 10.0, second: 11.0, "lat" if "on" in first.lower() else "lon": 5}
    links = [{"source": "A", "target": "B", "length": 100}]
    data = {"nodes": [a, {"id": "B"}], "edges": links}
    assert refusal(tmp_path, "net.json", json.dumps(data)) == (
        f"node A: {first} = 10 and {second} = 11: these names differ only in case; keep one"
    )
    a[second] = "10"
    (tmp_path / "net.json").write_text(json.dumps(data))
    assert len(load_topology(tmp_path / "net.json").coordinates) == 1


def test_core_nodes_by_attributes_that_differ_only_in_case(tmp_path: Path) -> None:
    nodes = [{"id": "A", "core": 1, "Core": 0}, {"id": "B", "Core": 1}, {"id": "C", "core": 1}]
    links = [{"source": a, "target": b, "length": 100} for a, b in ("AB", "BC")]
    file = write(tmp_path, "net.json", json.dumps({"nodes": nodes, "edges": links}))
    assert len(load_topology(file).endpoints) == 3
    with pytest.raises(TopologyError, match="node A: core = 1 and Core = 0: these names differ"):
        load_topology(file, core_nodes_only=True)
    nodes[0]["Core"] = 1
    file.write_text(json.dumps({"nodes": nodes, "edges": links}))
    assert len(load_topology(file, core_nodes_only=True).endpoints) == 3


def test_a_double_edge_is_two_links(tmp_path: Path) -> None:
    assert read(tmp_path, "zoo.graphml", _zoo(lengths=True))[1] == [120, 150, 300, 300]
    assert "parallel links" in load_topology(tmp_path / "zoo.graphml").remarks[0]
    missing = refusal(tmp_path, "none.graphml", _zoo(lengths=False))
    assert missing.startswith("link 1 (0 - 1): no length, nor has any other of the 4 links one")


# --- files of other kinds ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04" + b"\0" * 50, "an Excel workbook that cannot be read"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 50, "an older Excel file (.xls)"),
        ("a;b;10\n".encode("utf-16"), "UTF-16, as Excel's 'Unicode text' is"),
        ("Köln;Bonn;27\n".encode("cp1252"), "save it as 'CSV UTF-8'"),
        (b"\x1f\x8b\x08" + b"\0" * 50, "compressed (gzip)"),
        (b"%PDF-1.7\n", "a PDF"),
    ],
)
@pytest.mark.parametrize("name", ["net.xlsx", "net.csv", "net.json", "net.graphml"])
def test_files_that_are_no_text(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    if name.endswith(("json", "graphml")):  # no spreadsheet saves these
        words = {
            "UTF-16, as Excel's 'Unicode text' is": "UTF-16, and not UTF-8: save it as UTF-8"
        }.get(words, words.replace("'CSV UTF-8'", "UTF-8"))
    assert words in refusal(tmp_path, name, content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('<?xml version="1.0"?>\n<ons version="1.0"></ons>', "simulator ONS"),
        ("<network></network>", "neither SNDlib's nor Net2Plan's"),
        ('<network xmlns="http://sndlib.zib.de/network" version="1.0"></network>', "SNDlib"),
        ("<!DOCTYPE html>\n<html><head></head></html>", "a web page"),
        ('<gexf xmlns="http://gexf.net/1.3"></gexf>', "GEXF"),
        ("<kml></kml>", "XML that begins with <kml>"),
        ("<graphml>", "not GraphML"),
    ],
)
@pytest.mark.parametrize("name", ["net.xml", "net.graphml", "net.txt"])
def test_xml_of_another_kind(tmp_path: Path, name: str, content: str, words: str) -> None:
    assert words in refusal(tmp_path, name, content)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.txt", "some notes\nof another kind\n"),
        ("net.json", "a b 10\n"),
        ("net.gml", "a b 10\n"),
        ("net.graphml", "a b 10\n"),
        ("settings.ini", "[general_settings]\nseed = 3\n"),
        ("empty.json", "{}"),
    ],
)
def test_a_file_of_another_kind_is_told_in_one_line(
    tmp_path: Path, name: str, content: str
) -> None:
    assert "0 nodes" not in refusal(tmp_path, name, content)


THREE_NODES = """<?xml version="1.0" encoding="utf-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="d0" for="edge" attr.name="length" attr.type="double"/>
<graph edgedefault="undirected">
<node id="A"/><node id="B"/><node id="C"/>
<edge source="A" target="B"><data key="d0">640</data></edge>
<edge source="B" target="{target}"><data key="d0">{km}</data></edge>
</graph></graphml>
"""


def test_a_link_in_graphml_to_a_node_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "net.graphml", THREE_NODES.format(target="E", km=55)).startswith(
        "link 2: E: node not found"
    )
    nodes, lengths = read(tmp_path, "right.graphml", THREE_NODES.format(target="C", km=55))
    assert nodes == ("A", "B", "C")
    assert lengths == [640, 55]


def test_a_number_in_graphml_that_is_none_is_told_with_its_link(tmp_path: Path) -> None:
    told = refusal(tmp_path, "net.graphml", THREE_NODES.format(target="C", km="64a0"))
    assert told == "link 2 (B - C): length = 64a0: not a number"


def test_numbers_in_graphml_under_one_name_are_refused_and_not_mixed_up(tmp_path: Path) -> None:
    other = '<key id="d1" for="edge" attr.name="length" attr.type="double"/>\n<graph '
    text = THREE_NODES.format(target="C", km=55).replace("<graph ", other)
    lengths = '<data key="d0">640</data>'
    assert read(tmp_path, "unused.graphml", text)[1] == [640, 55]
    told = "the keys d0 and d1 of links have the same attr.name, length: rename one of them"
    for both in (f'{lengths}<data key="d1">64</data>', '<data key="d1">640</data>'):
        assert refusal(tmp_path, "net.graphml", text.replace(lengths, both)) == told
    twice = text.replace(lengths, f'{lengths}<data key="d0">64</data>')
    assert refusal(tmp_path, "net.graphml", twice) == "link 1 has the key d0 twice: keep one"
    same_id = text.replace('id="d1"', 'id="d0"')
    told = "two keys have the id d0: give each its own"
    assert refusal(tmp_path, "net.graphml", same_id) == told
    of_nodes = text.replace('id="d1" for="edge"', 'id="d1" for="node"').replace(
        '<node id="A"/>', '<node id="A"><data key="d1">7</data></node>'
    )
    assert read(tmp_path, "nodes.graphml", of_nodes)[1] == [640, 55]


@pytest.mark.parametrize("ending", ["graphml", "gml"])
def test_a_link_has_the_number_that_it_has_in_the_file(tmp_path: Path, ending: str) -> None:
    links = [("C", "D", 100), ("A", "B", 100), ("B", "C", 100), ("A", "D", 100), ("B", "D", -6)]
    file = tmp_path / f"net.{ending}"
    if ending == "gml":
        names = "ABCD"
        nodes = "".join(f'node [ id {n} label "{name}" ]\n' for n, name in enumerate(names))
        edges = "".join(
            f"edge [ source {names.index(a)} target {names.index(b)} length {km} ]\n"
            for a, b, km in links
        )
        file.write_text(f"graph [\n{nodes}{edges}]\n")
    else:
        edges = "".join(
            f'<edge source="{a}" target="{b}"><data key="k">{km}</data></edge>'
            for a, b, km in links
        )
        nodes = "".join(f'<node id="{name}"/>' for name in "ABCD")
        file.write_text(
            '<graphml><key id="k" for="edge" attr.name="length" attr.type="double"/>'
            f'<graph edgedefault="undirected">{nodes}{edges}</graph></graphml>'
        )
    with pytest.raises(TopologyError, match=r"link 5 \(B - D\): length = -6"):
        load_topology(str(file))
