"""Networks of Net2Plan (.n2p, XML): nodes and the links of their optical layer.

Read as Net2Plan writes versions 1 to 6 of its format. Guessed wrong: that all versions name things alike.
Version 1 has no ids, numbers its nodes as they come, and has linkLengthInKm where later ones have lengthInKm;
coordinates are degrees or pixels, which the file does not say; files of its NIW library have two nodes for
anycast traffic at 0, 0 that are not sites, with links; and some lengths are scaled to a given diameter.
"""

import re
from xml.etree import ElementTree

from fusion.config.counts import counted
from fusion.config.named_files import quote
from fusion.network.listed_network import (
    NAME,
    ListedNetwork,
    add_link,
    add_node,
    empty_network,
    number_of,
)
from fusion.network.readers.reader import NetworkFile, Reader, tag
from fusion.network.readers.sndlib_places import Demand

_VIRTUAL = "$$$TAGNODE_INDICATIONVIRTUAL"
_DEMANDS = ("demand", "demandEntry")
_OFFERED = ("offeredTraffic", "offeredTrafficInErlangs")
"""Names in version 3 and later, and in version 1."""
_OPTICAL = re.compile(r"wdm|optical|physical|fib(?:er|re)", re.IGNORECASE)


def _read(file: NetworkFile) -> ListedNetwork:
    try:
        root = file.xml
    except ValueError as error:
        return empty_network(f"a file of Net2Plan that cannot be read: {error}")
    network = empty_network()._replace(directed=True)
    nodes = [each for each in root.iter() if tag(each) == "node"]
    virtual = [each for each in nodes if _is_virtual(each)]
    sites = [each for each in nodes if each not in virtual]
    # Version 1 has no ids: there a link names a node by its place.
    ids = {each.get("id") or str(place): each for place, each in enumerate(nodes)}
    names = _names(ids, sites)
    are_degrees = _are_degrees(sites)
    for number, (key, each) in enumerate(ids.items(), 1):
        if each in sites:
            add_node(
                network, f"node {number}", names[key], _attributes(each, names[key], are_degrees)
            )
    layer = _layer(network, root)
    links = [each for each in layer.iter() if tag(each) == "link"]
    for number, link in enumerate(links, 1):
        ends = [link.get(key) or "" for key in ("originNodeId", "destinationNodeId")]
        if not any(ids.get(end) in virtual for end in ends):
            source, destination = (names.get(end, end) for end in ends)
            add_link(network, f"link {number}", source, destination, _link(link))
    if virtual:
        network.remarks.append(
            f"{counted(len(virtual), 'virtual node')} for anycast traffic left out, with their links"
        )
    if sites and not are_degrees:
        network.remarks.append("the coordinates are those of a drawing and not degrees")
    demands = sum(1 for each in root.iter() if tag(each) in _DEMANDS)
    if not links:
        what = f"{counted(demands, 'demand')}, " if demands else ""
        network.problems.append(f"a file of Net2Plan with {what}{len(sites)} nodes and no links")
    return network._replace(demands=demands)


def _is_virtual(node: ElementTree.Element) -> bool:
    return any(_VIRTUAL in (each.get("value") or "") for each in node)


def _names(ids: dict[str, ElementTree.Element], sites: list[ElementTree.Element]) -> dict[str, str]:
    """Return the id of each node: its name where all have different ones."""
    listed = {key: (each.get("name") or "").strip() for key, each in ids.items() if each in sites}
    if "" not in listed.values() and len(set(listed.values())) == len(listed):
        return listed
    return {key: key for key in listed}


def _are_degrees(nodes: list[ElementTree.Element]) -> bool:
    places = [(number_of(each.get("xCoord")), number_of(each.get("yCoord"))) for each in nodes]
    known = [(x, y) for x, y in places if x is not None and y is not None]
    inside = all(abs(x) <= 180 and abs(y) <= 90 for x, y in known)
    return inside and not all(number.is_integer() for place in known for number in place)


def _attributes(node: ElementTree.Element, name: str, are_degrees: bool) -> dict[str, object]:
    found: dict[str, object] = {}
    if (text := (node.get("name") or "").strip()) and text != name:
        found["name"] = text
    keys = ("longitude", "latitude") if are_degrees else ("x", "y")
    for key, coordinate in zip(keys, ("xCoord", "yCoord"), strict=True):
        if (number := number_of(node.get(coordinate))) is not None:
            found[key] = number
    more = {each.get("key"): each.get("value") for each in node if tag(each) == "attribute"}
    population = number_of(node.get("population")) or number_of(more.get("population"))
    if population:
        found["population"] = population
    return found


def _layer(network: ListedNetwork, root: ElementTree.Element) -> ElementTree.Element:
    """Return the layer of fibres: the one whose name says so, or else the default one."""
    layers = [each for each in root.iter() if tag(each) == "layer"]
    if not layers:
        return root
    named = [each for each in layers if _OPTICAL.search(each.get("name") or "")]
    default = [each for each in layers if each.get("isDefaultLayer") == "true"]
    taken = [*named, *default, *layers][0]
    if len(layers) > 1:
        others = ", ".join(
            quote(each.get("name") or each.get("id")) for each in layers if each is not taken
        )
        network.remarks.append(
            f"layer {quote(taken.get('name') or taken.get('id'))} is read, and not {others}"
        )
    return taken


def _link(link: ElementTree.Element) -> dict[str, object]:
    found: dict[str, object] = {}
    length = link.get("lengthInKm") or link.get("linkLengthInKm")
    if length is not None:
        found["length_km"] = length
    if name := (link.get("name") or "").strip():
        found[NAME] = name
    return found


def _recognises(file: NetworkFile) -> bool:
    return file.root == "network" and ("originNodeId" in file.text or "xCoord" in file.text)


def read_net2plan_demands(file: NetworkFile) -> list[Demand]:
    """Return the demands of a file, in its unit. Raises ValueError."""
    root = file.xml
    nodes = [each for each in root.iter() if tag(each) == "node"]
    ids = {each.get("id") or str(place): each for place, each in enumerate(nodes)}
    names = _names(ids, [each for each in nodes if not _is_virtual(each)])
    demands = []
    for number, each in enumerate((one for one in root.iter() if tag(one) in _DEMANDS), 1):
        ends = [each.get(key) or "" for key in ("ingressNodeId", "egressNodeId")]
        value = next(
            (each.get(key) for key in _OFFERED if number_of(each.get(key)) is not None), None
        )
        if value is None:
            raise ValueError(f"has a demand ({number}) without a number of offered traffic")
        if all(end in names for end in ends):
            demands.append(Demand(f"demand {number}", names[ends[0]], names[ends[1]], value))
    if not demands:
        raise ValueError("has no demands")
    return demands


NET2PLAN = Reader("Net2Plan", _recognises, _read)
