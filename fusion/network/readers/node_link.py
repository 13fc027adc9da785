"""JSON of networkx and of many programs after it: nodes and links, or nodes and their neighbours."""

from collections.abc import Mapping
from typing import Any

from fusion.network.listed_network import (
    ListedNetwork,
    add_link,
    add_node,
    empty_network,
    refuse,
)
from fusion.network.readers.link_lines import is_destination, is_source
from fusion.network.readers.reader import NetworkFile, Reader


def _read(file: NetworkFile) -> ListedNetwork:
    # Read without networkx, which merges links that are listed twice and forgets their order.
    try:
        data = file.json
    except ValueError as error:
        return empty_network(str(error))
    data = data if isinstance(data, dict) else {}
    directed = data.get("directed")
    # Many files say that they are no multigraph, and have links repeatedly: XLRON's geant2 and others.
    network = empty_network()._replace(
        directed=directed if isinstance(directed, bool) else None,
        multigraph=True if data.get("multigraph") is True else None,
    )
    nodes, links = data.get("nodes"), data.get("edges", data.get("links"))
    if isinstance(nodes, list) and isinstance(data.get("adjacency"), list):
        return _read_adjacency(network, nodes, data["adjacency"])
    if not isinstance(nodes, list) or not isinstance(links, list):
        needed = 'an object with lists "nodes" and "edges" (or "links") is needed'
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


def _recognises(file: NetworkFile) -> bool:
    return "nodes" in file.keys and bool(file.keys & {"edges", "links", "adjacency"})


NODE_LINK = Reader("node-link JSON", _recognises, _read)
