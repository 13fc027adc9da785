"""Networks of SNDlib in XML: nodes, links with the modules of capacity that they may have, and demands.

Guessed wrong: XML whose first element is <network> may be Net2Plan's as well, so the namespace decides; and a
link has no capacity, but modules of different capacities to choose from, besides one that is preinstalled.
"""

from xml.etree import ElementTree

from fusion.network.listed_network import (
    NAME,
    ListedNetwork,
    add_link,
    add_node,
    empty_network,
    number_of,
)
from fusion.network.readers.reader import NetworkFile, Reader, tag
from fusion.network.readers.sndlib_places import Demand, with_lengths

_NAMESPACE = "sndlib.zib.de/"
_NUMBERS = {"routingCost": "routing_cost", "setupCost": "setup_cost"}
"""Of a link, under the names that the native format has for them."""


def is_sndlib_xml(file: NetworkFile) -> bool:
    """Return whether a file is XML of SNDlib: a network, a model or a solution."""
    return file.root in ("network", "model", "solution") and _NAMESPACE in file.text[:2000]


def _read(file: NetworkFile) -> ListedNetwork:
    """Read nodes and links; their lengths are great circles between the coordinates.

    With `length_key`, one of the numbers of a link is its length instead, such as setup_cost.
    """
    if file.root != "network":
        what = "a model: what is to be optimised" if file.root == "model" else "a solution"
        return empty_network(
            f"XML of SNDlib, but {what}, and not a network: name the network's own file"
        )
    try:
        root = file.xml
    except ValueError as error:
        return empty_network(f"XML of SNDlib that cannot be read: {error}")
    network = empty_network()
    raw: dict[str, tuple[float, float]] = {}
    declared = ""
    for nodes in _all(root, "nodes"):
        declared = nodes.get("coordinatesType", "")
    for number, node in enumerate(_all(root, "node"), 1):
        name = (node.get("id") or "").strip()
        x, y = (number_of(_text(node, key)) for key in "xy")
        if x is not None and y is not None:
            raw[name] = (x, y)
        add_node(network, f"node {number}", name, {})
    for number, link in enumerate(_all(root, "link"), 1):
        source, target = _text(link, "source"), _text(link, "target")
        add_link(network, f"link {number}", source, target, _attributes(link))
    if not network.nodes:
        return empty_network("XML of SNDlib, but it lists no nodes")
    network = network._replace(demands=sum(1 for _ in _all(root, "demand")))
    return network if file.length_key else with_lengths(network, raw, "XML of SNDlib", declared)


def _attributes(link: ElementTree.Element) -> dict[str, object]:
    found: dict[str, object] = {NAME: link.get("id") or ""}
    for module in _all(link, "preInstalledModule"):
        found["pre_installed_capacity"] = _text(module, "capacity")
    for key, name in _NUMBERS.items():
        if text := _text(link, key):
            found[name] = text
    if modules := [_text(module, "capacity") for module in _all(link, "addModule")]:
        found["modules"] = [number_of(text) for text in modules]
    return found


def read_xml_demands(file: NetworkFile) -> list[Demand]:
    """Return the demands of a network, in the unit of its capacities. Raises ValueError."""
    demands = []
    for number, demand in enumerate(_all(file.xml, "demand"), 1):
        where = f"demand {number}"
        value, unit = (
            number_of(_text(demand, "demandValue")),
            number_of(_text(demand, "routingUnit")),
        )
        if value is None:
            raise ValueError(f"{where}: a number as demandValue is needed")
        text = _text(demand, "demandValue") if unit in (None, 1) else repr((unit or 0) * value)
        demands.append(Demand(where, _text(demand, "source"), _text(demand, "target"), text))
    if not demands:
        raise ValueError("XML of SNDlib, but it lists no demands")
    return demands


def _all(element: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [each for each in element.iter() if tag(each) == name]


def _text(element: ElementTree.Element, name: str) -> str:
    """Return the text of the first element of this name inside another, or nothing."""
    return next(((each.text or "").strip() for each in element.iter() if tag(each) == name), "")


SNDLIB_XML = Reader("SNDlib XML", is_sndlib_xml, _read)
