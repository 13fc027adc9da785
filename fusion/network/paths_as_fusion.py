"""The candidate paths of the original FUSION, in its order."""

from __future__ import annotations

from itertools import islice
from typing import Any

from fusion.network.paths import GivenPaths
from fusion.network.topology import Topology


def paths_as_listed(topology: Topology, k: int) -> GivenPaths:
    """Return the k shortest paths of every pair of endpoints, of equal ones in the order of networkx.

    That is the order of `networkx.shortest_simple_paths` (Yen's algorithm with a bidirectional search) on a
    graph to which nodes and links are added in the order of the file. It follows no rule that could be told,
    and is not the same for both directions of a pair.
    """
    import networkx as nx  # here: it takes its time, and no other run needs it

    graph: Any = nx.Graph()
    graph.add_nodes_from(range(len(topology.nodes)))
    for a, b, km in topology.links:
        graph.add_edge(a, b, length=km)
    return {
        (source, destination): [
            tuple(path)
            for path in islice(
                nx.shortest_simple_paths(graph, source, destination, weight="length"), k
            )
        ]
        for source in topology.endpoints
        for destination in topology.endpoints
        if source != destination
    }
