"""The file formats of topologies: text -> nodes and links as the file has them, not yet checked."""

import json
import re
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from fusion.config.named_files import quote
from fusion.network.link_lines import is_destination, is_source, read_link_lines
from fusion.network.listed_network import (
    ListedNetwork,
    add_link,
    add_node,
    empty_network,
    number_of,
    refuse,
)
from fusion.network.sndlib import is_sndlib, read_sndlib

_GML = re.compile(r"(?:\s*(?:#|Creator|Version)[^\n]*\n)*\s*graph\s*\[", re.IGNORECASE)
_ROOT = re.compile(r"\s*(?:<\?[^>]*>\s*|<!--.*?-->\s*|<!DOCTYPE[^>\[]*>\s*)*<([\w:.-]+)", re.DOTALL)
_INSTEAD = "write a link per line, as source,destination,length_km"
_ONS = f"an XML file of the simulator ONS, which is not read: {_INSTEAD}; its weight is in km"
_OTHER_XML = {
    "ons": _ONS,
    "physical-topology": _ONS,
    "network": "XML as SNDlib has it, which is not read: take its native format (.txt)",
    "html": "a web page, and not the file that it shows: download that (on GitHub: Raw)",
    "gexf": "GEXF, which is not read: networkx makes GraphML of it (read_gexf, write_graphml)",
    "svg": "a picture, and not a network",
}
"""What XML with another root is, and what to do instead."""
_OTHER_JSON = {
    "connections": "a network of GNPy",
    "elements": "JSON of Cytoscape",
    "features": "GeoJSON",
    "children": "a tree of networkx",
}


def read_network(file: Path, text: str, length_key: str = "") -> ListedNetwork:
    """Read `text`, the content of `file`, in the format that it has.

    SNDlib's native format and XML are known by their beginning. Else the ending of the name says which it
    is: .json: node-link or adjacency JSON.  .graphml, .xml: GraphML.  .gml: GML.  Any other: a link per
    line, unless it begins as GML or JSON do. Files in GraphML and GML lose the order and direction
    of their links. length_key: the attribute that has the lengths, where it is named.
    """
    if is_sndlib(text):
        return read_sndlib(text, length_key)
    ending = file.suffix.lower()
    if ending not in (".json", ".gml") and (root := _ROOT.match(text)) is not None:
        return _read_xml(root[1].lower(), text)
    if ending in _READERS:
        return _READERS[ending](text)
    if _GML.match(text):
        return _read_gml(text)
    if text.lstrip()[:1] == "{":
        return _read_json(text)
    return read_link_lines(text, length_key)


def is_by_ending(file: Path) -> bool:
    """Return whether the ending of a name says which format it is, so that it is not a table of links."""
    return file.suffix.lower() in _READERS


def _read_json(text: str) -> ListedNetwork:
    # Read without networkx, which merges links that are listed twice and forgets their order.
    try:
        data = json.loads(text, object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        return empty_network(f"not JSON: {error}")
    data = data if isinstance(data, dict) else {}
    directed = data.get("directed")
    network = empty_network()._replace(directed=directed if isinstance(directed, bool) else None)
    nodes, links = data.get("nodes"), data.get("edges", data.get("links"))
    if isinstance(nodes, list) and isinstance(data.get("adjacency"), list):
        return _read_adjacency(network, nodes, data["adjacency"])
    if not isinstance(nodes, list) or not isinstance(links, list):
        needed = 'an object with lists "nodes" and "edges" (or "links") is needed'
        other = next((what for key, what in _OTHER_JSON.items() if key in data), None)
        if other is not None:
            return empty_network(f"{other}, which is not read: {_INSTEAD}")
        return empty_network(f"not node-link JSON: {needed}")
    _add_nodes(network, nodes)
    for number, link in enumerate(links, 1):
        ends = _ends(link) if isinstance(link, dict) else None
        if ends is not None:
            add_link(network, f"link {number}", link[ends[0]], link[ends[1]], _rest(link, ends))
        else:
            needed = 'an object with "source" and "target" is needed'
            refuse(network, f"link {number}", link, needed)
    return network


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON; raise ValueError where it has a key twice, of which json keeps the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        key = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"an object has the key {quote(key)} twice")
    return found


def _ends(link: Mapping[str, object]) -> tuple[str, str] | None:
    """Return the names under which a link has its nodes: source and target, or src and dst ..."""
    if "source" in link and "target" in link:
        return "source", "target"
    source = next((key for key in link if is_source(key)), None)
    destination = next((key for key in link if is_destination(key)), None)
    return None if source is None or destination is None else (source, destination)


def _rest(link: Mapping[str, object], ends: tuple[str, str]) -> Mapping[str, object]:
    return {key: value for key, value in link.items() if key not in ends}


def _add_nodes(network: ListedNetwork, nodes: list[Any]) -> None:
    for number, node in enumerate(nodes, 1):
        if isinstance(node, dict) and "id" in node:
            add_node(network, f"node {number}", node["id"], node)
        else:
            refuse(network, f"node {number}", node, 'an object with "id" is needed')


def _read_adjacency(
    network: ListedNetwork, nodes: list[Any], adjacency: list[Any]
) -> ListedNetwork:
    """Read networkx's adjacency JSON: for each node, in their order, the nodes that it has links to."""
    network = network._replace(repeats_links=network.directed is not True)
    _add_nodes(network, nodes)
    if len(adjacency) != len(nodes) or not all(isinstance(each, list) for each in adjacency):
        network.problems.append(
            f"not adjacency JSON: {len(nodes)} nodes need as many lists of neighbours, in their order"
        )
        return network
    number = 0
    for node, neighbours in zip(nodes, adjacency, strict=True):
        for each in neighbours:
            number += 1
            where = f"neighbour {number}"
            if isinstance(each, dict) and "id" in each and isinstance(node, dict):
                rest = {key: value for key, value in each.items() if key not in ("id", "key")}
                add_link(network, where, node.get("id"), each["id"], rest)
            else:
                refuse(network, where, each, 'an object with "id" is needed')
    return network


def _read_xml(root: str, text: str) -> ListedNetwork:
    if root.rpartition(":")[2] == "graphml":
        return _read_graphml(text)
    if root in _OTHER_XML:
        return empty_network(_OTHER_XML[root])
    return empty_network(f"not GraphML: XML that begins with <{quote(root)}>")


def _read_graphml(text: str) -> ListedNetwork:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        # Entities can make gigabytes out of a small file, and GraphML needs none.
        return empty_network("not GraphML: document types and entities are not allowed")
    import networkx as nx

    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        return empty_network(f"not GraphML: {quote(str(error))}")
    if problems := [*_same_names(root), *_wrong_numbers(root)]:
        network = empty_network()
        network.problems.extend(problems)
        return network
    declared = {str(node.get("id")) for node in root.iter() if _tag(node) == "node"}
    edges = [edge for edge in root.iter() if _tag(edge) == "edge"]
    ends = [(edge.get("source"), edge.get("target")) for edge in edges]
    return _read_with_networkx(
        "GraphML", lambda: nx.parse_graphml(text, force_multigraph=True), declared, lambda _: ends
    )


def _tag(element: ElementTree.Element) -> str:
    """Return the name of an XML element without its namespace."""
    return element.tag.rpartition("}")[2]


def _same_names(root: ElementTree.Element) -> Iterator[str]:
    """Yield where numbers of a link or a node come twice under one name: networkx keeps one unseen."""
    names: dict[str | None, str | None] = {}
    for key in (each for each in root.iter() if _tag(each) == "key"):
        if key.get("id") in names:
            yield f"two keys have the id {quote(key.get('id'))}: give each its own"
        names[key.get("id")] = key.get("attr.name")
    for kind, word in (("node", "nodes"), ("edge", "links")):
        numeric: dict[str, dict[str | None, None]] = {}
        for number, one in enumerate((each for each in root.iter() if _tag(each) == kind), 1):
            seen: set[str | None] = set()
            for data in one:
                key_id = data.get("key")
                if _tag(data) != "data" or number_of((data.text or "").strip()) is None:
                    continue
                name = names.get(key_id)
                if key_id in seen:
                    yield f"{word[:-1]} {number} has the key {quote(key_id)} twice: keep one"
                seen.add(key_id)
                if name is not None:
                    numeric.setdefault(name, {})[key_id] = None
        for name, keys in numeric.items():
            if len(keys) > 1:
                told = " and ".join(quote(key) for key in names if key in keys)
                yield f"the keys {told} of {word} have the same attr.name, {quote(name)}: rename one of them"


def _wrong_numbers(root: ElementTree.Element) -> Iterator[str]:
    """Yield what is not a number and should be; networkx does not say of which link or node it is."""
    numeric = {
        key.get("id"): key.get("attr.name") or key.get("id")
        for key in root.iter()
        if _tag(key) == "key" and key.get("attr.type") in ("int", "long", "float", "double")
    }
    for kind, name in (("node", "node"), ("edge", "link")):
        for number, one in enumerate((each for each in root.iter() if _tag(each) == kind), 1):
            ends = (one.get("source"), one.get("target"))
            which = f" ({quote(ends[0])} - {quote(ends[1])})" if None not in ends else ""
            for data in one:
                key, value = data.get("key"), (data.text or "").strip()
                if _tag(data) == "data" and key in numeric and value and number_of(value) is None:
                    yield f"{name} {number}{which}: {quote(numeric[key])} = {quote(value)}: not a number"


_ENDS_IN_GML = re.compile(r"\bedge\s*\[[^\]]*?\bsource\s+(\S+)\s[^\]]*?\btarget\s+(\S+)")


def _read_gml(text: str) -> ListedNetwork:
    import networkx as nx

    def parse() -> Any:
        graph = nx.parse_gml(text, label="id")
        labels = [attributes.get("label") for _, attributes in graph.nodes(data=True)]
        # People know nodes by their labels, but some files leave them out or repeat them.
        if None not in labels and len(set(map(str, labels))) == len(labels):
            nx.set_node_attributes(graph, {node: node for node in graph}, "id")
            return nx.relabel_nodes(graph, dict(zip(graph, map(str, labels), strict=True)))
        return graph

    def ends(graph: Any) -> list[tuple[object, object]]:
        names = {
            str(attributes.get("id", node)): node for node, attributes in graph.nodes(data=True)
        }
        return [
            (names.get(source), names.get(target)) for source, target in _ENDS_IN_GML.findall(text)
        ]

    return _read_with_networkx("GML", parse, ends=ends)


def _read_with_networkx(
    kind: str,
    parse: Callable[[], Any],
    declared: Collection[str] | None = None,
    ends: Callable[[Any], Sequence[tuple[object, object]]] = lambda graph: [*graph.edges()],
) -> ListedNetwork:
    """Read a graph of networkx, which gives the links in another order than the file.

    declared: its nodes, where networkx adds those that only a link names. ends: gives source and target of
    each link in the order of the file.
    """
    try:
        graph = parse()
    except Exception as error:  # on garbage these parsers raise almost anything
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        if kind == "GML" and re.match(r"edge #\d+ .*is duplicated", reason):
            return empty_network(f"{quote(reason)}: parallel links are not supported yet: keep one")
        return empty_network(f"not {kind}: {quote(reason)}")
    network = empty_network()._replace(directed=graph.is_directed())
    for number, (node, attributes) in enumerate(graph.nodes(data=True), 1):
        if declared is None or node in declared:
            add_node(network, f"node {number}", node, attributes)
    numbers: defaultdict[tuple[object, object], deque[int]] = defaultdict(deque)
    for number, pair in enumerate(ends(graph), 1):
        numbers[pair].append(number)
    for source, destination, attributes in graph.edges(data=True):
        in_file = numbers[source, destination] or numbers[destination, source]
        where = f"link {in_file.popleft()}" if in_file else "link"
        add_link(network, where, source, destination, attributes)
    return network


_READERS: Mapping[str, Callable[[str], ListedNetwork]] = {
    ".json": _read_json,
    ".graphml": _read_graphml,
    ".xml": _read_graphml,
    ".gml": _read_gml,
}
