"""Networks of TopologyBench: Python files of its repository, and workbooks of its archive.

R. Matzner et al., "Topology Bench: systematic graph-based benchmarking for core optical networks", J. Opt.
Commun. Netw. 17 (2025) 7. A Python file has a function with two dictionaries, `node_attributes` and
`edge_attributes`; it is parsed and never run. A workbook has a sheet of nodes and one of edges.

Guessed wrong: that lengths are measured. `Computed Length (km)` and `fiber_length` are 1.5 times the great
circle below 1,000 km, 1,500 km up to 1,200 km, and 1.25 times the great circle above; so they are 0 between
nodes of one city (13 of 119 networks). The Python files number the ends of links with floats (12.0) and have
`nan` where a place is not known, and seven networks are in pieces.
"""

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from fusion.config.named_files import quote
from fusion.network.listed_network import (
    REGION,
    ListedNetwork,
    add_link,
    add_node,
    empty_network,
    number_of,
)
from fusion.network.readers.reader import NetworkFile, Reader
from fusion.network.readers.workbook import Sheet

_NODES, _EDGES = "node_attributes", "edge_attributes"
_COMPUTED = "lengths were computed by TopologyBench: 1.25 to 1.5 times the great circle"
_LONGEST = 2 * 2**20
"""Characters of a Python file that are parsed at most."""


def _read(file: NetworkFile) -> ListedNetwork:
    try:
        tables = _tables(file.text)
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        return empty_network(f"Python of TopologyBench that cannot be read: {quote(str(error))}")
    network = empty_network()
    for number, (node, attributes) in enumerate(tables[_NODES].items(), 1):
        add_node(network, f"node {number}", _whole(node), _named(attributes))
    for number, edge in enumerate(tables[_EDGES].values(), 1):
        ends = (_whole(edge.get("source")), _whole(edge.get("destination")))
        length = {"length_km": edge["fiber_length"]} if "fiber_length" in edge else {}
        add_link(network, f"link {number}", *ends, length)
    network.remarks.append(_COMPUTED)
    return network


def _tables(text: str) -> dict[str, Mapping[Any, Mapping[str, Any]]]:
    """Return the two dictionaries. Raises ValueError and what `ast` raises."""
    if len(text) > _LONGEST:
        raise ValueError("too long")
    found: dict[str, Mapping[Any, Mapping[str, Any]]] = {}
    for each in ast.walk(ast.parse(text)):
        if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name):
            name = each.targets[0].id
            if name in (_NODES, _EDGES):
                found[name] = ast.literal_eval(_Unknown().visit(each.value))
    for name in (_NODES, _EDGES):
        table = found.get(name)
        if not isinstance(table, dict) or not all(isinstance(row, dict) for row in table.values()):
            raise ValueError(f"a dictionary {name} is needed")
    return found


class _Unknown(ast.NodeTransformer):
    """Take `nan` for nothing, which is how the files write what is not known."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(None) if node.id == "nan" else node


def _whole(value: object) -> object:
    """Return a number of a node without the .0 of a float."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _named(attributes: Mapping[str, object]) -> dict[str, object]:
    """Return attributes of a node under the names that all formats have for them."""
    lower = {name.lower().replace("_", " "): value for name, value in attributes.items()}
    found: dict[str, object] = {}
    for key, names in (
        ("name", ("location", "location name", "node name", "name")),
        ("longitude", ("long", "longitude")),
        ("latitude", ("lat", "latitude")),
        (REGION, ("country",)),
    ):
        value = next(
            (lower[name] for name in names if lower.get(name) not in (None, "", "nan")), None
        )
        if value is not None:
            found[key] = value
    return found


def is_topology_bench(sheets: Sequence[Sheet]) -> bool:
    """Return whether a workbook has the columns of TopologyBench."""
    return any("Node_ID" in each.header for each in sheets) and any(
        {"Source", "Destination"} <= {*each.header} for each in sheets
    )


def read_sheets(sheets: Sequence[Sheet]) -> ListedNetwork:
    """Return the network in a workbook of TopologyBench; in another one, what it is and what to do."""
    nodes = next((each for each in sheets if "Node_ID" in each.header), None)
    edges = next((each for each in sheets if {"Source", "Destination"} <= {*each.header}), None)
    if nodes is None or edges is None:
        return empty_network(_other_workbook([each.name for each in sheets]))
    network = empty_network()
    for number, row in enumerate(nodes.rows, 2):
        add_node(network, f"row {number} of {nodes.name}", _id(row.get("Node_ID")), _named(row))
    for number, row in enumerate(edges.rows, 2):
        attributes = {
            name: value
            for name, value in row.items()
            if name not in ("Source", "Destination", "Edge_ID") and value != ""
        }
        ends = (_id(row.get("Source")), _id(row.get("Destination")))
        add_link(network, f"row {number} of {edges.name}", *ends, attributes)
    if any("Computed Length (km)" in link.attributes for link in network.links):
        network.remarks.append(_COMPUTED)
    return network


def _other_workbook(names: list[str]) -> str:
    shown = ", ".join(map(quote, names)) or "none"
    return (
        f"an Excel file (.xlsx) whose sheets ({shown}) are not those of TopologyBench or GNPy: save the "
        "sheet with the links as 'CSV UTF-8'"
    )


def _id(text: str | None) -> str:
    number = number_of(text)
    return str(int(number)) if number is not None and number.is_integer() else text or ""


def _recognises(file: NetworkFile) -> bool:
    return f"{_NODES} =" in file.text and f"{_EDGES} =" in file.text


TOPOLOGY_BENCH = Reader("TopologyBench", _recognises, _read)
