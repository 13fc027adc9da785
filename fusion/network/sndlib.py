"""Networks of SNDlib in its native format: nodes, links and demands.

S. Orlowski, R. Wessäly, M. Pióro, A. Tomaszewski, "SNDlib 1.0 - Survivable network design library",
Networks 55 (2010) 276. Links have no lengths there; they follow from the coordinates, which are degrees
in some of its networks and degrees.minutes, pixels of a picture or a grid in others. The native
format does not say which: it is told from the numbers.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from fusion.network.geography import Place, great_circle_km
from fusion.network.listed_network import (
    ListedNetwork,
    add_link,
    add_node,
    empty_network,
    number_of,
    refuse,
)

_HEADER = re.compile(r"\s*\?SNDlib native format\s*(?:;\s*type:\s*(\w+))?", re.IGNORECASE)
_SECTION = re.compile(r"([A-Z_]+)\s*\(")
_NODE = re.compile(r"(\S+)(?:\s*\(\s*(\S+)\s+([^\s)]+)[^)]*\))?")
_BETWEEN = re.compile(r"(\S+)\s*\(\s*(\S+)\s+([^\s)]+)\s*\)\s*(.*)")
_LINK_NUMBERS = (
    "pre_installed_capacity",
    "pre_installed_capacity_cost",
    "routing_cost",
    "setup_cost",
)
_FEWEST_MINUTES = 20
"""Numbers of which none has a fraction of 0.60 or more by chance once in 27,000 networks."""


class Demand(NamedTuple):
    """Traffic between two nodes, in the unit of the file."""

    where: str
    source: str
    destination: str
    value: str


def is_sndlib(text: str) -> bool:
    """Return whether a text says that it is in SNDlib's native format."""
    return _HEADER.match(text) is not None


def read_sndlib(text: str, length_key: str = "") -> ListedNetwork:
    """Read nodes and links; their lengths are great circles between the coordinates.

    length_key: one of the numbers of a link that is its length instead, such as setup_cost.
    """
    match = _HEADER.match(text)
    kind = (match[1] or "network") if match else "network"
    if kind.lower() != "network":
        return empty_network(f"SNDlib's native format, but a {kind} and not a network")
    network = empty_network()
    raw: dict[str, tuple[float, float]] = {}
    demands = 0
    for section, where, line in _entries(text):
        if section == "NODES":
            node = _NODE.fullmatch(line)
            if node is None:
                refuse(network, where, line, "a node with its coordinates in brackets is needed")
                continue
            place = [number_of(node[2]), number_of(node[3])]
            if place[0] is not None and place[1] is not None:
                raw[node[1]] = (place[0], place[1])
            add_node(network, where, node[1], {})
        elif section == "LINKS":
            link = _BETWEEN.fullmatch(line)
            if link is None:
                refuse(network, where, line, "a link with its two nodes in brackets is needed")
                continue
            numbers = link[4].partition("(")[0].split()
            attributes = dict(zip(_LINK_NUMBERS, numbers, strict=False))
            add_link(network, where, link[2], link[3], attributes)
        elif section == "DEMANDS":
            demands += 1
    if not network.nodes:
        return empty_network(*network.problems, "SNDlib's native format, but it lists no nodes")
    network = network._replace(demands=demands)
    return network if length_key else _with_lengths(network, raw)


def read_demands(text: str) -> list[Demand]:
    """Return the demands of a network, in the unit of its capacities. Raises ValueError."""
    demands = []
    for section, where, line in _entries(text):
        if section != "DEMANDS":
            continue
        match = _BETWEEN.fullmatch(line)
        numbers = match[4].split() if match else []
        if match is None or len(numbers) < 2:
            raise ValueError(
                f"{where}: a demand with its two nodes in brackets and its value is needed"
            )
        unit, value = map(number_of, numbers[:2])
        text = numbers[1] if unit in (None, 1) or value is None else repr((unit or 0) * value)
        demands.append(Demand(where, match[2], match[3], text))
    if not demands:
        raise ValueError("SNDlib's native format, but it lists no demands")
    return demands


def _entries(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield the section, the place and the text of each line in brackets."""
    section = ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith(("#", "?")):
            continue
        if not section:
            match = _SECTION.fullmatch(line)
            section = match[1] if match else ""
        elif line == ")":
            section = ""
        else:
            yield section, f"line {number}", line


def _with_lengths(network: ListedNetwork, raw: Mapping[str, Place]) -> ListedNetwork:
    numbers = [number for place in raw.values() for number in place]
    if not _may_be_degrees(raw):
        return network._replace(
            without_lengths="SNDlib's native format has no lengths, and they do not follow from these "
            "coordinates, which are pixels of a picture or a grid and not degrees: write a link per line, "
            "as source,destination,length_km"
        )
    if len(numbers) >= _FEWEST_MINUTES and all(
        round(abs(number) % 1, 6) < 0.6 for number in numbers
    ):
        places = {node: (_from_minutes(x), _from_minutes(y)) for node, (x, y) in raw.items()}
        network.remarks.append(
            "the coordinates are taken for degrees.minutes (13.21 is 13° 21'), as no fraction reaches 0.60"
        )
    else:
        places = dict(raw)
    nodes: dict[str, Mapping[str, object]] = {
        node: {"longitude": places[node][0], "latitude": places[node][1]} if node in places else {}
        for node in network.nodes
    }
    links = []
    for link in network.links:
        ends = (link.source, link.destination)
        km = great_circle_km(*(places[node] for node in ends)) if set(ends) <= set(places) else None
        more = {} if km is None else {"length_km": km}
        links.append(link._replace(attributes={**link.attributes, **more}))
    if links:
        network.remarks.append(
            "the lengths are great circles between the coordinates; fibres are longer"
        )
    return network._replace(nodes=nodes, links=links)


def _may_be_degrees(raw: Mapping[str, Place]) -> bool:
    """Return whether places are on the Earth and not all at whole numbers, as pixels are."""
    inside = all(abs(x) <= 180 and abs(y) <= 90 for x, y in raw.values())
    whole = all(number.is_integer() for place in raw.values() for number in place)
    return inside and (not whole or not raw)


def _from_minutes(number: float) -> float:
    degrees = math.trunc(number)
    return degrees + (number - degrees) / 0.6
