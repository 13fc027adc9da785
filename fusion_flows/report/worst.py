"""The pair of nodes that blocks most, and its first path."""

from collections.abc import Mapping, Sequence
from typing import Any

from fusion.config.config import Config
from fusion.results.interval_text import with_interval
from fusion.scenario.candidate_paths import candidate_paths
from fusion.scenario.inputs import Inputs
from fusion_flows.report.tables import by_blocking

Row = Mapping[str, Any]


def worst_pair(pairs: Sequence[Row]) -> Row | None:
    """Return the pair that surely blocks most, by the lower end of the interval; None if none blocks."""
    found = by_blocking(pairs)
    return found[0] if found else None


def blocking_told(row: Row) -> str:
    """Return blocking with its interval in few words."""
    name = "blocking_probability"
    return with_interval(row[name], row[f"{name}_ci_lower"], row[f"{name}_ci_upper"])


def first_path(config: Config, inputs: Inputs, source: str, destination: str) -> tuple[str, ...]:
    """Return the nodes of the path that the order of the config puts first for a pair."""
    topology = inputs.topology
    index = {node: i for i, node in enumerate(topology.nodes)}
    ends = index[source], index[destination]
    of_pair = topology._replace(endpoints=tuple(sorted(ends)))
    table = candidate_paths(
        config, inputs._replace(topology=of_pair, candidates=None, disjoint=None)
    )
    pair = int(ends[0] > ends[1])  # the two pairs are sorted by their source
    first = table.first_path[pair]
    if first == table.first_path[pair + 1]:
        return ()
    nodes = [ends[0]]
    for link in table.links[table.first_hop[first] : table.first_hop[first + 1]]:
        a, b, *_ = topology.ways[link]
        nodes.append(b if nodes[-1] == a else a)
    return tuple(topology.nodes[node] for node in nodes)
