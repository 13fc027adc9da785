"""The file formats of topologies: text -> nodes and links as the file has them, not yet checked."""

import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from fusion.settings.named_files import quote

LENGTH_KEYS = ("length_km", "length", "distance", "weight")
"""Names under which a link may have its length in km; the first that is there counts."""


class Link(NamedTuple):
    """A link as the file has it; `where` is its line or number there."""

    where: str
    source: str
    destination: str
    attributes: Mapping[str, object]


class Network(NamedTuple):
    """What a file says.

    nodes: id -> attributes, in file order.  problems: what could not be read, one line each.
    """

    nodes: dict[str, Mapping[str, object]]
    links: list[Link]
    problems: list[str]


def read_network(file: Path, text: str) -> Network:
    """Read `text`, the content of `file`, in the format that the ending of its name stands for.

    .json: node-link JSON.  .graphml, .xml: GraphML.  .gml: GML.  Any other: a link per line, as
    source, destination, length, divided by tabs, commas, semicolons or else blanks; `#` begins a
    remark.  Files in GraphML and GML lose the order and direction of their links.
    """
    return _READERS.get(file.suffix.lower(), _read_lines)(text)


def node_id(value: object) -> str | None:
    """Return the id of a node as text, or None when it is no integer and no printable text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and value.strip() and value.isprintable():
        return value.strip()
    return None


def _read_json(text: str) -> Network:
    # Read without networkx, which merges links that are listed twice and forgets their order.
    network = Network({}, [], [])
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        network.problems.append(f"not JSON: {error}")
        return network
    data = data if isinstance(data, dict) else {}
    nodes, links = data.get("nodes"), data.get("edges", data.get("links"))
    if not isinstance(nodes, list) or not isinstance(links, list):
        network.problems.append(
            'not node-link JSON: an object with lists "nodes" and "edges" (or "links") is needed'
        )
        return network
    for number, node in enumerate(nodes, 1):
        if isinstance(node, dict) and "id" in node:
            _add_node(network, f"node {number}", node["id"], node)
        else:
            _refuse(network, f"node {number}", node, 'an object with "id" is needed')
    for number, link in enumerate(links, 1):
        if isinstance(link, dict) and "source" in link and "target" in link:
            _add_link(network, f"link {number}", link["source"], link["target"], link)
        else:
            _refuse(
                network, f"link {number}", link, 'an object with "source" and "target" is needed'
            )
    return network


def _read_graphml(text: str) -> Network:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        # Entities can make gigabytes out of a small file, and GraphML needs none.
        return Network({}, [], ["not GraphML: document types and entities are not allowed"])
    import networkx as nx

    return _read_with_networkx("GraphML", lambda: nx.parse_graphml(text, force_multigraph=True))


def _read_gml(text: str) -> Network:
    import networkx as nx

    def parse() -> Any:
        graph = nx.parse_gml(text, label="id")
        labels = [attributes.get("label") for _, attributes in graph.nodes(data=True)]
        # People know nodes by their labels, but some files leave them out or repeat them.
        if None not in labels and len(set(map(str, labels))) == len(labels):
            return nx.relabel_nodes(graph, dict(zip(graph, map(str, labels), strict=True)))
        return graph

    return _read_with_networkx("GML", parse)


def _read_with_networkx(kind: str, parse: Callable[[], Any]) -> Network:
    network = Network({}, [], [])
    try:
        graph = parse()
    except Exception as error:  # on garbage these parsers raise almost anything
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        network.problems.append(f"not {kind}: {quote(reason)}")
        return network
    for number, (node, attributes) in enumerate(graph.nodes(data=True), 1):
        _add_node(network, f"node {number}", node, attributes)
    for number, (source, destination, attributes) in enumerate(graph.edges(data=True), 1):
        _add_link(network, f"link {number}", source, destination, attributes)
    return network


def _read_lines(text: str) -> Network:
    network = Network({}, [], [])
    for number, line in enumerate(text.splitlines(), 1):
        content = line.partition("#")[0].strip()
        if not content:
            continue
        fields = _fields(content)
        if not network.links and [field.lower() for field in fields[2:]] in [
            [k] for k in LENGTH_KEYS
        ]:
            continue  # the header of a CSV file
        if len(fields) != 3:
            _refuse(network, f"line {number}", line, "source, destination, length are needed")
            continue
        source, destination, length = fields
        for node in (source, destination):
            if node not in network.nodes:
                _add_node(network, f"line {number}", node, {})
        _add_link(network, f"line {number}", source, destination, {"length_km": length})
    if not network.links and (more := len(network.problems) - 1) > 0:
        network.problems[1:] = [f"nor is any other line a link ({more:,} more)"]
    return network


def _fields(line: str) -> list[str]:
    delimiter = next((mark for mark in "\t,;" if mark in line), None)
    if delimiter is None:
        return line.split()
    try:
        return [field.strip() for field in next(csv.reader([line], delimiter=delimiter))]
    except csv.Error:  # a field of more than 128 KiB
        return [line]


def _add_node(
    network: Network, where: str, value: object, attributes: Mapping[str, object]
) -> None:
    node = node_id(value)
    if node is None:
        _refuse(network, where, value, "a node's id must be an integer or a printable text")
    elif node in network.nodes:
        _refuse(network, where, value, "the id is there twice")
    else:
        network.nodes[node] = attributes


def _add_link(
    network: Network,
    where: str,
    source: object,
    destination: object,
    attributes: Mapping[str, object],
) -> None:
    ends = (node_id(source), node_id(destination))
    unknown = False
    for value, node in zip((source, destination), ends, strict=True):
        if node not in network.nodes:
            _refuse(network, where, value, "there is no such node")
            unknown = True
    if not unknown:
        network.links.append(Link(where, str(ends[0]), str(ends[1]), attributes))


def _refuse(network: Network, where: str, value: object, reason: str) -> None:
    network.problems.append(f"{where}: {quote(value)}: {reason}")


_READERS: Mapping[str, Callable[[str], Network]] = {
    ".json": _read_json,
    ".graphml": _read_graphml,
    ".xml": _read_graphml,
    ".gml": _read_gml,
}
