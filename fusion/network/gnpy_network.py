"""A network of ours as a topology of GNPy in JSON: ROADMs, transceivers and spans of fibre.

As GNPy 3.0.1 reads it. A node is a ROADM, with a transceiver where requests may start or end; a direction of
a link is fibre in equal spans of at most `MAX_SPAN_KM`. Amplifiers are left to GNPy, which puts one at each
end of a line and between two spans when it designs the network.

What was guessed wrong before trying: fibres may follow each other without an amplifier in the file; a fibre
longer than the library's `max_length` is divided by GNPy, which would rename it, so that services could not
name it any more; and a request finds no path where a link has no way back.
"""

import math
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from fusion.config.counts import counted
from fusion.network.topology import Topology

MAX_SPAN_KM = 80.0
FIBRE = "SSMF"
"""Standard single-mode fibre, as GNPy's equipment library calls it."""
LOSS_DB_PER_KM = 0.2
PARALLEL = (
    "parallel links: gnpy-path-request books the slots of the way back on the first of them, and may find "
    "none on the others"
)
"""What to know of a network with parallel links."""


class GnpyUids(NamedTuple):
    """What the parts of a network are called in GNPy's files.

    roadms: node -> uid.  transceivers: node -> uid, of nodes that have one.  fibres: of each of
    `Topology.ways`, the uids of its spans or the first of them.
    """

    roadms: Mapping[str, str]
    transceivers: Mapping[str, str]
    fibres: tuple[tuple[str, ...], ...]


def uids_of(topology: Topology) -> GnpyUids:
    """Return what the parts of a network are called in `gnpy_network`."""
    nodes = topology.nodes
    taken: Counter[str] = Counter()
    fibres = []
    for a, b, km, link in topology.ways:
        line = f"fiber ({nodes[a]} -> {nodes[b]})"
        if topology.link_names and topology.link_names[link]:
            line += f"-{topology.link_names[link]}"
        taken[line] += 1
        if taken[line] > 1:  # of nodes that have arrows in their ids
            line += f" {taken[line]}"
        count = spans_of(km)
        spans = (f"{line}_({number}/{count})" for number in range(1, count + 1))
        fibres.append(tuple(spans) if count > 1 else (line,))
    ends = [nodes[i] for i in topology.endpoints]
    return GnpyUids(
        {node: f"roadm {node}" for node in nodes},
        {node: f"trx {node}" for node in ends},
        tuple(fibres),
    )


def spans_of(km: float) -> int:
    """Return into how many spans of equal length a fibre is divided."""
    return max(1, math.ceil(round(km / MAX_SPAN_KM, 9)))


def gnpy_network(topology: Topology) -> dict[str, Any]:
    """Return a topology of GNPy: elements and connections."""
    uids, nodes = uids_of(topology), topology.nodes
    elements: list[dict[str, Any]] = []
    connections: list[dict[str, str]] = []
    for node in nodes:
        place = _place(topology, node)
        elements.append({"uid": uids.roadms[node], "type": "Roadm", "metadata": place})
        if (trx := uids.transceivers.get(node)) is not None:
            elements.append({"uid": trx, "type": "Transceiver", "metadata": place})
            _connect(connections, trx, uids.roadms[node])
            _connect(connections, uids.roadms[node], trx)
    for (a, b, km, _), spans in zip(topology.ways, uids.fibres, strict=True):
        for number, uid in enumerate(spans):
            params = {
                "length": km / len(spans),
                "length_units": "km",
                "loss_coef": LOSS_DB_PER_KM,
                "con_in": None,
                "con_out": None,
            }
            at = _between(topology, nodes[a], nodes[b], (number + 0.5) / len(spans))
            elements.append(
                {
                    "uid": uid,
                    "type": "Fiber",
                    "type_variety": FIBRE,
                    "params": params,
                    "metadata": at,
                }
            )
        line = (uids.roadms[nodes[a]], *spans, uids.roadms[nodes[b]])
        for one, other in pairwise(line):
            _connect(connections, one, other)
    return {"network_name": topology.name, "elements": elements, "connections": connections}


def remarks_on(topology: Topology) -> list[str]:
    """Return what GNPy's file has otherwise than the network, and what GNPy does not do with it."""
    found = [
        f"each direction of a link is {FIBRE} fibre of {LOSS_DB_PER_KM:g} dB/km in equal spans of at most "
        f"{MAX_SPAN_KM:g} km; amplifiers are left to GNPy's design"
    ]
    if missing := len(topology.nodes) - len(topology.coordinates):
        found.append(
            f"{counted(missing, 'node')} without coordinates: at 0, 0, which our reader takes as none"
        )
    if topology.one_way:
        found.append(
            f"{counted(sum(topology.one_way), 'link')} in one direction only: gnpy-path-request ends "
            "without a message where a path has no way back"
        )
    if topology.has_parallel_links:
        found.append(PARALLEL)
    if topology.link_limits:
        found.append("slots and cores of single links are left out: GNPy has none")
    return found


def _connect(connections: list[dict[str, str]], a: str, b: str) -> None:
    connections.append({"from_node": a, "to_node": b})


def _place(topology: Topology, node: str) -> dict[str, Any]:
    longitude, latitude = topology.coordinates.get(node, (0.0, 0.0))
    region = topology.regions.get(node, "")
    return _location(topology.names.get(node, node), region, longitude, latitude)


def _between(topology: Topology, a: str, b: str, share: float) -> dict[str, Any]:
    """Return a place on the straight line between two nodes, as GNPy places what is between cities."""
    x, y = (
        one + share * (other - one)
        for one, other in zip(
            *(topology.coordinates.get(node, (0.0, 0.0)) for node in (a, b)), strict=True
        )
    )
    return _location("", "", round(x, 6), round(y, 6))


def _location(city: str, region: str, longitude: float, latitude: float) -> dict[str, Any]:
    place = {"city": city, "region": region, "latitude": latitude, "longitude": longitude}
    return {"location": place}
