"""GML, as networkx and the Topology Zoo write it."""

import re
from typing import Any

from fusion.network.listed_network import ListedNetwork
from fusion.network.readers.from_networkx import read_with_networkx
from fusion.network.readers.reader import NetworkFile, Reader
from fusion.network.readers.topology_zoo import with_meaning

_BEGINNING = re.compile(r"(?:\s*(?:#|Creator|Version)[^\n]*\n)*\s*graph\s*\[", re.IGNORECASE)
_GRAPH = re.compile(r"\bgraph\s*\[", re.IGNORECASE)
_MULTIGRAPH = re.compile(r"^\s*multigraph\s+1\b", re.MULTILINE)
_ENDS_IN_GML = re.compile(r"\bedge\s*\[[^\]]*?\bsource\s+(\S+)\s[^\]]*?\btarget\s+(\S+)")


def _read(file: NetworkFile) -> ListedNetwork:
    import networkx as nx

    text = file.text
    is_declared = _MULTIGRAPH.search(text) is not None
    # Without that line networkx refuses parallel links, which the Topology Zoo has without it.
    parsed = text if is_declared else _GRAPH.sub("graph [\n multigraph 1\n", text, count=1)

    def parse() -> Any:
        graph = nx.parse_gml(parsed, label="id")
        labels = [attributes.get("label") for _, attributes in graph.nodes(data=True)]
        # People know nodes by their labels, but some files leave them out or repeat them.
        if all(str(label or "").strip() for label in labels) and len(set(map(str, labels))) == len(
            labels
        ):
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

    network = read_with_networkx("GML", parse, ends=ends)
    return with_meaning(network._replace(multigraph=True if is_declared else None))


GML = Reader("GML", lambda file: _BEGINNING.match(file.text) is not None, _read)
