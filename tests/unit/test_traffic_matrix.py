"""Traffic matrices as spreadsheets and programs write them."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from fusion.network.topology import Topology, load_topology
from fusion.scenario.traffic_matrix import TrafficMatrixError, read_traffic_matrix

EXPECTED = [[0, 10, 5], [10, 0, 2.5], [5, 2.5, 0]]


@pytest.fixture
def topology(tmp_path: Path) -> Topology:
    (tmp_path / "net.csv").write_text("A,B,10\nB,C,20\n")
    return load_topology(tmp_path / "net.csv")


def write(folder: Path, content: str | bytes) -> Path:
    file = folder / "traffic.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


@pytest.mark.parametrize(
    "text",
    [
        ",A,B,C\nA,0,10,5\nB,10,0,2.5\nC,5,2.5,0\n",
        ";A;B;C\nA;0;10;5\nB;10;0;2,5\nC;5;2,5;0\n",
        ";A;B;C\nA;;10;5\nB;10;;2,5\nC;5;2,5;\n;;;\n",
        "0 10 5\n10 0 2.5\n5 2.5 0\n",
        "0.0e+00 1.0e+01  5.0e+00\n1.0e+01 0.0e+00 2.5\n5 2.5 0\n",
        "1,10,5\n10,1,2.5\n5,2.5,1\n",
        ",10,5\n10,,2.5\n5,2.5,\n",
        "nan,10,5\n10,NaN,2.5\n5,2.5,nan\n",
        "-\t10\t5\n10\t-\t2.5\n5\t2.5\t-\n",
        "source,target,demand\nA,B,10\nA,C,5\nB,A,10\nB,C,2.5\nC,A,5\nC,B,2.5\n",
        "From;To;Gbps\nA;B;10\nA;C;5\nB;A;10\nB;C;2,5\nC;A;5\nC;B;2,5\n",
        "A B 10\nA C 5\nB A 10\nB C 2.5\nC A 5\nC B 2.5\n",
        "A,A,0\nA,B,10\nA,C,5\nB,A,10\nB,C,2.5\nC,A,5\nC,B,2.5\n",
    ],
)
def test_a_traffic_matrix(tmp_path: Path, topology: Topology, text: str) -> None:
    matrix, _ = read_traffic_matrix(write(tmp_path, text), topology)
    np.testing.assert_allclose(matrix * 35, EXPECTED, atol=1e-12)


def test_what_is_not_plain_is_told(tmp_path: Path, topology: Topology) -> None:
    _, remarks = read_traffic_matrix(write(tmp_path, "1,10,5\n10,1,2.5\n5,2.5,1\n"), topology)
    assert remarks == ("the diagonal is 1 everywhere: it does not count",)
    _, remarks = read_traffic_matrix(write(tmp_path, ";10;5\n10;;2,5\n5;2,5;\n"), topology)
    assert remarks == ("commas in numbers are taken for decimal points",)


@pytest.mark.parametrize(
    "text",
    [
        ",Ulm,Bonn,Kiel\nUlm,0,10,5\nBonn,10,0,2.5\nKiel,5,2.5,0\n",
        ",Kiel,1,Bonn\nKiel,0,5,2.5\n1,5,0,10\nBonn,2.5,10,0\n",
        "Ulm,Bonn,10\nUlm,Kiel,5\n2,1,10\nBonn,Kiel,2.5\nKiel,1,5\nKiel,Bonn,2.5\n",
    ],
)
def test_nodes_go_by_their_names_as_well_as_by_their_ids(tmp_path: Path, text: str) -> None:
    names = {"1": "Ulm", "2": "Bonn", "3": "Kiel"}
    data = {
        "nodes": [{"id": node, "name": name} for node, name in names.items()],
        "links": [{"source": "1", "target": other, "km": 100} for other in "23"],
    }
    (tmp_path / "net.json").write_text(json.dumps(data))
    matrix, _ = read_traffic_matrix(write(tmp_path, text), load_topology(tmp_path / "net.json"))
    np.testing.assert_allclose(matrix * 35, EXPECTED, atol=1e-12)


def test_pairs_that_a_list_leaves_out_have_no_traffic(tmp_path: Path, topology: Topology) -> None:
    text = "source,target,demand\nA,B,10\nA,C,5\n"
    matrix, _ = read_traffic_matrix(write(tmp_path, text), topology)
    np.testing.assert_allclose(matrix * 15, [[0, 10, 5], [0, 0, 0], [0, 0, 0]], atol=1e-12)


@pytest.mark.parametrize("rows", [3, 4])
def test_three_columns_of_numbers_are_a_list_only_where_they_are_no_square(
    tmp_path: Path, rows: int
) -> None:
    (tmp_path / "net.txt").write_text("0 1 10\n1 2 20\n")
    numbered = load_topology(tmp_path / "net.txt")
    text = "0,1,2\n0,2,1\n1,0,1\n1,2,4\n".splitlines(keepends=True)[:rows]
    if rows == 3:
        text = ["0,1,2\n", "0,0,2\n", "1,2,0\n"]
    matrix, _ = read_traffic_matrix(write(tmp_path, "".join(text)), numbered)
    expected = [[0, 1, 2], [0, 0, 2], [1, 2, 0]] if rows == 3 else [[0, 2, 1], [1, 0, 4], [0, 0, 0]]
    np.testing.assert_allclose(matrix * 8, expected, atol=1e-12)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("0,,5\n10,0,2.5\n5,2.5,0\n", "from A to B: is empty: write 0 where there is no traffic"),
        (
            "1,10,5\n10,2,2.5\n5,2.5,1\n",
            "from A to A: 1: must be 0, a node sends nothing to itself",
        ),
        ("0;1,050;5\n10;0;2\n5;2;0\n", "a decimal comma, or one that divides thousands?"),
        ("source,target,demand\nA,B,10\nA,B,5\n", "the traffic from 'A' to 'B' is there twice"),
        ("source,target,demand\nA,D,10\n", "the destination 'D' is not a node of the network"),
        ("source,target,demand\n", "has no numbers"),
        ("A,B\nB,C\n", "or lines of source,destination,traffic"),
        (b"PK\x03\x04\0\0", "an Excel file (.xlsx)"),
    ],
)
def test_a_traffic_matrix_that_is_refused(
    tmp_path: Path, topology: Topology, content: str | bytes, words: str
) -> None:
    with pytest.raises(TrafficMatrixError) as error:
        read_traffic_matrix(write(tmp_path, content), topology)
    assert any(words in problem for problem in error.value.problems), error.value.problems
    assert pickle.loads(pickle.dumps(error.value)).problems == error.value.problems
