"""Networks of the simulators ONS and FlexGridSim: the physical topology in their XML.

Links are listed once for each direction. Their weight is the length in km, as is `distance` where it stands;
delay is in ms. Guessed wrong: that the first element is <ons>, as FlexGridSim writes <flexgridsim>, and
that links have slots: cores, slots and their bandwidth are attributes of the topology.
"""

from xml.etree import ElementTree

from fusion.network.listed_network import ListedNetwork, add_link, add_node, empty_network
from fusion.network.readers.reader import NetworkFile, Reader, tag

_SETTINGS = ("cores", "slots", "slotsBandwidth")


def _read(file: NetworkFile) -> ListedNetwork:
    try:
        root = file.xml
    except ValueError as error:
        return empty_network(f"XML of the simulator ONS that cannot be read: {error}")
    topology = next(each for each in root.iter() if tag(each) == "physical-topology")
    network = empty_network()._replace(directed=True)
    for number, node in enumerate(_all(topology, "node"), 1):
        add_node(network, f"node {number}", node.get("id"), {})
    for number, link in enumerate(_all(topology, "link"), 1):
        length = link.get("distance") or link.get("weight")
        attributes = {} if length is None else {"length_km": length}
        add_link(network, f"link {number}", link.get("source"), link.get("destination"), attributes)
    if network.links:
        network.remarks.append("the length of a link is its distance or weight, in km")
    said = [f"{key} = {topology.get(key)}" for key in _SETTINGS if topology.get(key)]
    if said:
        network.remarks.append(f"not part of a network: {', '.join(said)}")
    return network


def _all(element: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [each for each in element.iter() if tag(each) == name]


def _recognises(file: NetworkFile) -> bool:
    return bool(file.root) and file.root != "graphml" and "<physical-topology" in file.text


ONS = Reader("ONS", _recognises, _read)
