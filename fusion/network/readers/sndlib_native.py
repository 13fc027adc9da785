"""Networks of SNDlib in its native format: nodes, links and demands.

The native format does not say what its coordinates are; `sndlib_places` finds that out.
"""

import re
from collections.abc import Iterator

from fusion.network.listed_network import (
    NAME,
    ListedNetwork,
    add_link,
    add_node,
    empty_network,
    number_of,
    refuse,
)
from fusion.network.readers.reader import NetworkFile, Reader
from fusion.network.readers.sndlib_places import Demand, with_lengths

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


def is_sndlib(text: str) -> bool:
    """Return whether a text says that it is in SNDlib's native format."""
    return _HEADER.match(text) is not None


def _read(file: NetworkFile) -> ListedNetwork:
    """Read nodes and links; their lengths are great circles between the coordinates.

    With `length_key`, one of the numbers of a link is its length instead, such as setup_cost.
    """
    text, length_key = file.text, file.length_key
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
            attributes = {NAME: link[1], **dict(zip(_LINK_NUMBERS, numbers, strict=False))}
            add_link(network, where, link[2], link[3], attributes)
        elif section == "DEMANDS":
            demands += 1
    if not network.nodes:
        return empty_network(*network.problems, "SNDlib's native format, but it lists no nodes")
    network = network._replace(demands=demands)
    return network if length_key else with_lengths(network, raw, "SNDlib's native format")


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


SNDLIB_NATIVE = Reader("SNDlib native", lambda file: is_sndlib(file.text), _read)
