"""The simple paths between two nodes in the order in which networkx lists them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fusion.network.topology import Topology

_PER_KM = 1_000_000


class ListedPaths:
    """The paths of `networkx.shortest_simple_paths`, which many programs take as they come.

    It is Yen's algorithm (J. Y. Yen, Management Science 17(11), 1971, 712) with a search from both ends: by
    hops breadth first, growing the smaller of the two fringes and the one of the source where they are
    equal; by km Dijkstra's, the two ends taking turns. What it finds of equal paths depends on the order of
    the neighbours of each node, which is that of the links in the file, and it is not the same for both
    directions of a pair.
    """

    def __init__(self, topology: Topology, order: str, *, directed: bool) -> None:
        """Make the graph: nodes and links in the order of the file, lengths as integers of 1e-6 km.

        order: km or hops. directed: the graph has an arc for each direction of a link, first all in the
        direction of the file, then all against it, so that a node's neighbours by links that the file has
        from it come before the others.
        """
        import networkx as nx  # here: it takes its time, and few runs need it

        self._find = nx.shortest_simple_paths
        self._weight = "length" if order == "km" else None
        graph: Any = nx.DiGraph() if directed else nx.Graph()
        graph.add_nodes_from(range(len(topology.nodes)))
        for a, b, km, link in topology.ways:
            length = round(km * _PER_KM)
            if directed or topology.links[link][:2] == (a, b):
                there = graph.get_edge_data(a, b, {}).get("length", length)
                graph.add_edge(a, b, length=min(there, length))  # of parallel links the shortest
        self._graph = graph

    def between(self, source: int, destination: int) -> Iterator[tuple[int, ...]]:
        """Yield node lists."""
        for nodes in self._find(self._graph, source, destination, weight=self._weight):
            yield tuple(nodes)
