"""A snapshot as GraphML of networkx: the network, with what each link carries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import networkx

from fusion.results.snapshot import (
    Snapshot,
    UpLightpath,
    carried_by,
    runs_in_use,
    slots_in_use,
)


def snapshot_graph(snapshot: Snapshot, **about: str | float) -> networkx.Graph[str]:
    """Return the network as a graph: directed or not, a multigraph with parallel links.

    Nodes have name, region, site, longitude and latitude where known. Edges have length_km; slots (of all
    cores and bands), slots_used, slots_free and utilisation; occupied: the slots in use, such as `c 0-3 8`,
    for each core and band that has any; lightpaths: how many; and carried: their numbers. about: attributes
    of the graph.
    """
    topology = snapshot.topology
    parallel = topology.has_parallel_links
    kinds: dict[tuple[bool, bool], Any] = {
        (False, False): networkx.Graph,
        (False, True): networkx.MultiGraph,
        (True, False): networkx.DiGraph,
        (True, True): networkx.MultiDiGraph,
    }
    graph: networkx.Graph[str] = kinds[snapshot.separate, parallel](name=topology.name, **about)
    for node in topology.nodes:
        attributes: dict[str, Any] = {}
        for attribute, values in (
            ("name", topology.names),
            ("region", topology.regions),
            ("site", topology.sites),
        ):
            if (text := values.get(node)) is not None:
                attributes[attribute] = text
        if (place := topology.coordinates.get(node)) is not None:
            attributes |= dict(zip(("longitude", "latitude"), place, strict=True))
        graph.add_node(node, **attributes)
    carried = carried_by(snapshot)
    many_cores = len({plane.core for plane in snapshot.planes}) > 1
    for number, link in enumerate(snapshot.links):
        of_it = carried[number]
        used = slots_in_use(of_it)
        attributes = {
            "length_km": link.km,
            "slots": link.slots,
            "slots_used": used,
            "slots_free": link.slots - used,
            "utilisation": used / link.slots if link.slots else 0.0,
            "occupied": _occupied(of_it, many_cores=many_cores),
            "lightpaths": len(of_it),
            "carried": " ".join(str(lightpath.number) for lightpath in of_it),
        }
        key = {"key": link.name} if parallel else {}
        if link.name:
            attributes["name"] = link.name
        graph.add_edge(link.source, link.destination, **key, **attributes)
    return graph


def graphml(snapshot: Snapshot, **about: str | float) -> str:
    """Return the graph as GraphML."""
    return "\n".join(networkx.generate_graphml(snapshot_graph(snapshot, **about))) + "\n"


def _occupied(lightpaths: Iterable[UpLightpath], *, many_cores: bool) -> str:
    """Return the slots in use as text: for each core and band its runs of slots, `0-3 8`."""
    parts = []
    for (core, band), runs in runs_in_use(lightpaths).items():
        text = " ".join(str(a) if b - a == 1 else f"{a}-{b - 1}" for a, b in runs)
        parts.append(f"core {core} {band} {text}" if many_cores else f"{band} {text}")
    return "; ".join(parts)
