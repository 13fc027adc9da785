"""Graphs that networkx parses, as listed networks in the order of their file."""

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Sequence
from typing import Any

from fusion.config.named_files import quote
from fusion.network.listed_network import ListedNetwork, add_link, add_node, empty_network


def read_with_networkx(
    kind: str,
    parse: Callable[[], Any],
    declared: Collection[str] | None = None,
    ends: Callable[[Any], Sequence[tuple[object, object]]] = lambda graph: [*graph.edges()],
) -> ListedNetwork:
    """Read a graph of networkx, which gives the links in another order than the file.

    declared: its nodes, where networkx adds those that only a link names. ends: gives source and target of
    each link in the order of the file.
    """
    try:
        graph = parse()
    except Exception as error:  # on garbage these parsers raise almost anything
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        return empty_network(f"not {kind}: {quote(reason)}")
    network = empty_network()._replace(directed=graph.is_directed())
    for number, (node, attributes) in enumerate(graph.nodes(data=True), 1):
        if declared is None or node in declared:
            add_node(network, f"node {number}", node, attributes)
    numbers: defaultdict[tuple[object, object], deque[int]] = defaultdict(deque)
    for number, pair in enumerate(ends(graph), 1):
        numbers[pair].append(number)
    for source, destination, attributes in graph.edges(data=True):
        in_file = numbers[source, destination] or numbers[destination, source]
        where = f"link {in_file.popleft()}" if in_file else "link"
        add_link(network, where, source, destination, attributes)
    return network
