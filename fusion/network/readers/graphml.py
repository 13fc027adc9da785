"""GraphML, as networkx, yEd and the Topology Zoo write it."""

from collections.abc import Iterator
from xml.etree import ElementTree

from fusion.config.named_files import quote
from fusion.network.listed_network import ListedNetwork, empty_network, number_of
from fusion.network.readers.from_networkx import read_with_networkx
from fusion.network.readers.reader import NetworkFile, Reader, tag
from fusion.network.readers.topology_zoo import with_meaning


def _read(file: NetworkFile) -> ListedNetwork:
    text = file.text
    if file.root and file.root != "graphml":
        return empty_network(f"not GraphML: XML that begins with <{quote(file.root)}>")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        # Entities can make gigabytes out of a small file, and GraphML needs none.
        return empty_network("not GraphML: document types and entities are not allowed")
    import networkx as nx

    try:
        root = file.xml
    except ValueError as error:
        return empty_network(f"not GraphML: {error}")
    if problems := [*_same_names(root), *_wrong_numbers(root)]:
        network = empty_network()
        network.problems.extend(problems)
        return network
    declared = {str(node.get("id")) for node in root.iter() if tag(node) == "node"}
    edges = [edge for edge in root.iter() if tag(edge) == "edge"]
    ends = [(edge.get("source"), edge.get("target")) for edge in edges]
    network = read_with_networkx(
        "GraphML", lambda: nx.parse_graphml(text, force_multigraph=True), declared, lambda _: ends
    )
    return with_meaning(network)


def _same_names(root: ElementTree.Element) -> Iterator[str]:
    """Yield where numbers of a link or a node come twice under one name: networkx keeps one unseen."""
    names: dict[str | None, str | None] = {}
    for key in (each for each in root.iter() if tag(each) == "key"):
        if key.get("id") in names:
            yield f"two keys have the id {quote(key.get('id'))}: give each its own"
        names[key.get("id")] = key.get("attr.name")
    for kind, word in (("node", "nodes"), ("edge", "links")):
        numeric: dict[str, dict[str | None, None]] = {}
        for number, one in enumerate((each for each in root.iter() if tag(each) == kind), 1):
            seen: set[str | None] = set()
            for data in one:
                key_id = data.get("key")
                if tag(data) != "data" or number_of((data.text or "").strip()) is None:
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
        if tag(key) == "key" and key.get("attr.type") in ("int", "long", "float", "double")
    }
    for kind, name in (("node", "node"), ("edge", "link")):
        for number, one in enumerate((each for each in root.iter() if tag(each) == kind), 1):
            ends = (one.get("source"), one.get("target"))
            which = f" ({quote(ends[0])} - {quote(ends[1])})" if None not in ends else ""
            for data in one:
                key, value = data.get("key"), (data.text or "").strip()
                if tag(data) == "data" and key in numeric and value and number_of(value) is None:
                    yield f"{name} {number}{which}: {quote(numeric[key])} = {quote(value)}: not a number"


GRAPHML = Reader("GraphML", lambda file: file.root == "graphml", _read)
