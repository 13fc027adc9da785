"""Find a network topology, shipped or the user's own file, and check it."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from fusion.problems import nearest, show
from fusion.settings.named_files import quote
from fusion.text_files import read_text
from fusion.topology_files import LENGTH_KEYS, Link, Network, read_network

FUSION_NETWORKS = {
    "NSFNet": "fusion_nsfnet",
    "USNet": "fusion_usnet",
    "Pan-European": "fusion_pan_european",
    "USbackbone60": "fusion_usbackbone60",
    "Spainbackbone30": "fusion_spainbackbone30",
    "geant": "fusion_geant",
    "toy_network": "fusion_toy_network",
    "metro_net": "fusion_metro_net",
    "dt_network": "fusion_dt_network",
}
"""FUSION's name of a network -> the shipped name."""

_SHIPPED = Path(__file__).parent / "topologies"
_MAX_BYTES = 16 * 2**20
_SHOWN_PROBLEMS = 100
_SHORTEST_KM, _LONGEST_KM = 1e-6, 1e6


class Topology(NamedTuple):
    """A connected network: nodes, undirected links and the nodes that traffic starts and ends at.

    nodes: ids, in file order.  links: (node index, node index, km), in the order and direction of
    the file, one for a pair of nodes, km a multiple of 1e-6.  endpoints: node indices, ascending.
    coordinates: node id -> (longitude, latitude) in degrees, and names: node id -> name, for the
    nodes for which the file has them.  core_ranks: of the endpoints, the attribute `core` as a number,
    where only core nodes are endpoints.
    """

    name: str
    nodes: tuple[str, ...]
    links: tuple[tuple[int, int, float], ...]
    endpoints: tuple[int, ...]
    coordinates: dict[str, tuple[float, float]]
    names: dict[str, str]
    core_ranks: tuple[float, ...] = ()

    @property
    def endpoints_as_listed(self) -> tuple[int, ...]:
        """The endpoints in the order in which FUSION has them: of the file, or of its list of core nodes."""
        ranked = zip(self.core_ranks, self.endpoints, strict=bool(self.core_ranks))
        return tuple(node for _, node in sorted(ranked)) or self.endpoints


class TopologyError(ValueError):
    """A topology that cannot be used.

    problems: a line for each thing that is wrong, without the file.  place: the file, or what was
    given where there is none.
    """

    def __init__(self, problems: Iterable[str], place: str) -> None:
        """Keep both; they are the exception's arguments, so it can be pickled."""
        self.problems, self.place = list(problems), place
        super().__init__(self.problems, place)

    def __str__(self) -> str:
        """Return one line per problem with its file, the first ones of very many."""
        lines = [f"{self.place}: {problem}" for problem in self.problems[:_SHOWN_PROBLEMS]]
        if len(self.problems) > _SHOWN_PROBLEMS:
            lines.append(f"... and {len(self.problems) - _SHOWN_PROBLEMS} more problems")
        return "\n".join(lines)


def topology_names() -> list[str]:
    """Return the names of the shipped topologies, sorted."""
    return sorted(file.stem for file in _SHIPPED.glob("*.json"))


def load_topology(
    network: str | Path,
    *,
    const_link_weight: bool = False,
    core_nodes_only: bool = False,
    base: Path | None = None,
) -> Topology:
    """Read a topology and check it.

    network: a shipped name, one of FUSION's names, or the path of a file, relative to `base` or
    else to the working directory; `read_network` says which formats there are.  Lengths are in km.
    const_link_weight: take each link as 1 km long.  core_nodes_only: only nodes with the attribute
    `core` are endpoints.

    Raise TopologyError with all problems: no such file, not readable, not connected, fewer than two
    endpoints, a length that is missing or not positive, a self loop, a link that is listed twice.
    """
    file = _find(network, base)
    try:
        content = read_network(file, read_text(file, _MAX_BYTES))
    except ValueError as error:
        raise TopologyError([str(error)], str(file)) from error
    nodes = tuple(content.nodes)
    problems = content.problems
    links = _check_links(content)
    coordinates, names = _check_attributes(content)
    endpoints = tuple(range(len(nodes)))
    if core_nodes_only:
        endpoints = tuple(i for i in endpoints if _is_true(content.nodes[nodes[i]].get("core")))
    if len(endpoints) < 2:
        kind = "nodes with the attribute core" if core_nodes_only else "nodes"
        problems.append(f"{len(endpoints)} {kind}: at least 2 are needed")
    if not problems:  # the search makes sense only when every link was understood
        problems.extend(_unreachable(nodes, links))
    if problems:
        raise TopologyError(problems, str(file))
    if const_link_weight:
        links = [(a, b, 1.0) for a, b, _ in links]
    ranks = [_number(content.nodes[nodes[i]].get("core")) or 0.0 for i in endpoints]
    return Topology(
        file.stem,
        nodes,
        tuple(links),
        endpoints,
        coordinates,
        names,
        tuple(ranks) if core_nodes_only else (),
    )


def _find(network: str | Path, base: Path | None) -> Path:
    if isinstance(network, str):
        shipped = FUSION_NETWORKS.get(network, network)
        if shipped in topology_names():
            return _SHIPPED / f"{shipped}.json"
    file = (base or Path()) / network
    try:
        if file.exists():
            return file
    except (OSError, ValueError):  # longer than a path may be, or with a NUL in it
        pass
    names, fusion_names = topology_names(), list(FUSION_NETWORKS)
    problem = (
        f"no such topology or file{nearest(file.name, names + fusion_names)}; there are {', '.join(names)},"
        f" FUSION's names {', '.join(fusion_names)}, and your own files"
    )
    raise TopologyError([problem], show(str(network), 200))


def _check_links(network: Network) -> list[tuple[int, int, float]]:
    """Return each link once, and add what is wrong with the others to the problems."""
    index = {node: i for i, node in enumerate(network.nodes)}
    links: list[tuple[int, int, float]] = []
    seen: dict[tuple[str, str], tuple[Link, float]] = {}
    for link in network.links:
        where = f"{link.where} ({show(link.source, 28)} - {show(link.destination, 28)})"
        if link.source == link.destination:
            network.problems.append(f"{where}: a link from a node to itself is not allowed")
            continue
        km = _length_km(link, where, network.problems)
        if km is None:
            continue
        same, reverse = (link.source, link.destination), (link.destination, link.source)
        if same in seen:
            first, first_km = seen[same]
            network.problems.append(
                f"{where}: listed twice, {first_km:g} km in {first.where} and {km:g} km here;"
                " parallel links are not possible: keep one"
            )
        elif reverse in seen and seen[reverse][1] != km:
            first, first_km = seen[reverse]
            network.problems.append(
                f"{where}: {km:g} km, but {first_km:g} km for the other direction in {first.where};"
                " a link has one length"
            )
        else:
            seen[same] = (link, km)
            if reverse not in seen:
                links.append((index[link.source], index[link.destination], km))
    return links


def _length_km(link: Link, where: str, problems: list[str]) -> float | None:
    key = next((key for key in LENGTH_KEYS if key in link.attributes), None)
    if key is None:
        problems.append(f"{where}: no length; it is looked for as {', '.join(LENGTH_KEYS)}")
        return None
    km = _number(link.attributes[key])
    if km is None or not _SHORTEST_KM <= km <= _LONGEST_KM:
        problems.append(
            f"{where}: {key} = {quote(link.attributes[key])}: must be a number of km from"
            f" {_SHORTEST_KM:g} to {_LONGEST_KM:g}"
        )
        return None
    return round(km * 1e6) / 1e6


def _check_attributes(network: Network) -> tuple[dict[str, tuple[float, float]], dict[str, str]]:
    """Return coordinates and names by node, and add coordinates that are none to the problems."""
    coordinates, names = {}, {}
    for node, attributes in network.nodes.items():
        lower = {str(key).lower(): value for key, value in attributes.items()}
        name = lower.get("name", lower.get("label"))
        if isinstance(name, str) and name.isprintable() and name.strip() not in ("", node):
            names[node] = name.strip()
        if lower.get("longitude") is None or lower.get("latitude") is None:
            continue
        longitude, latitude = _number(lower["longitude"]), _number(lower["latitude"])
        if longitude is None or latitude is None:
            place = quote((lower["longitude"], lower["latitude"]))
            network.problems.append(
                f"node {quote(node)}: longitude, latitude = {place}: must be numbers of degrees"
            )
        else:
            coordinates[node] = (longitude, latitude)
    return coordinates, names


def _unreachable(nodes: Sequence[str], links: Iterable[tuple[int, int, float]]) -> list[str]:
    neighbours: list[list[int]] = [[] for _ in nodes]
    for a, b, _ in links:
        neighbours[a].append(b)
        neighbours[b].append(a)
    reached, waiting = {0}, [0]
    while waiting:
        new = set(neighbours[waiting.pop()]) - reached
        reached |= new
        waiting.extend(new)
    missing = [node for i, node in enumerate(nodes) if i not in reached]
    if not missing:
        return []
    listed = quote(", ".join(missing[:10]) + (", ..." if len(missing) > 10 else ""))
    return [
        f"not connected: {len(missing)} of {len(nodes)} nodes cannot be reached from node"
        f" {quote(nodes[0])}: {listed}"
    ]


def _number(value: object) -> float | None:
    """Return a finite number, also from its text as GraphML and line files have it, or None."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, str) and "_" in value:  # which Python would read
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _is_true(value: object) -> bool:
    return value.strip().lower() in ("1", "true", "yes") if isinstance(value, str) else bool(value)
