"""Find a network topology, shipped or the user's own file, and check it."""

import os.path
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from fusion.config.counts import counted
from fusion.config.named_files import ENDINGS, near_file, quote
from fusion.config.problems import nearest, show, with_allowed
from fusion.config.shipped import (
    EARLIER_NAMES,
    FUSION_NETWORKS,
    OTHER_NAMES,
    TOPOLOGIES,
    topology_names,
)
from fusion.network.link_lengths import LENGTH_KEYS, far_off
from fusion.network.links import links_of
from fusion.network.listed_network import PASS_THROUGH, REGION, SITE, ListedNetwork, number_of
from fusion.network.readers.registry import read_network

_SHOWN_PROBLEMS = 100
_LONGITUDES, _LATITUDES = ("longitude", "long", "lon", "lng"), ("latitude", "lat")


class Topology(NamedTuple):
    """A connected network: nodes, links (fibre pairs) and the nodes that traffic starts and ends at.

    nodes: ids, in file order.  links: (node index, node index, km), in the order and direction of
    the file, km a multiple of 1e-6; two nodes may have several.  endpoints: node indices, ascending.
    coordinates: node id -> (longitude, latitude) in degrees, and names: node id -> name, for the
    nodes for which the file has them.  core_ranks: of the endpoints, the attribute `core` as a number,
    where only core nodes are endpoints.  length_key: the attribute of the links that the lengths are
    from.  remarks: what the file may have meant otherwise, a sentence each.  demands: how many demands
    the file has, which `traffic_matrix` may take.  link_names: of the links, unique among those of the
    same two nodes, or empty where none has one; parallel links without names are numbered.  km_back:
    lengths of the links against their direction, or empty where no length differs.  one_way: whether
    light goes in the direction of the link only, or empty where none is such a link.  link_limits: keys of
    a configuration (`cores_per_link`, `c_band`, ...) of which links have less, with their numbers, or empty.
    regions and sites: node id -> text, for the nodes for which the file has them; they change no result.
    """

    name: str
    nodes: tuple[str, ...]
    links: tuple[tuple[int, int, float], ...]
    endpoints: tuple[int, ...]
    coordinates: dict[str, tuple[float, float]]
    names: dict[str, str]
    core_ranks: tuple[float, ...] = ()
    length_key: str = ""
    remarks: tuple[str, ...] = ()
    demands: int = 0
    link_names: tuple[str, ...] = ()
    km_back: tuple[float, ...] = ()
    one_way: tuple[bool, ...] = ()
    link_limits: tuple[tuple[tuple[str, int], ...], ...] = ()
    regions: Mapping[str, str] = {}
    sites: Mapping[str, str] = {}

    @property
    def has_parallel_links(self) -> bool:
        """Whether two nodes have several links."""
        return len({(min(a, b), max(a, b)) for a, b, _ in self.links}) < len(self.links)

    @property
    def has_directions(self) -> bool:
        """Whether the directions of some link differ: in length, or as it has only one."""
        return bool(self.km_back or self.one_way)

    @property
    def back_links(self) -> tuple[int, ...]:
        """The links that have a direction against their own."""
        return tuple(i for i in range(len(self.links)) if not (self.one_way and self.one_way[i]))

    @property
    def ways(self) -> list[tuple[int, int, float, int]]:
        """(node index, node index, km, link) of each direction: all along the links, then all against them.

        Their numbers are those of spectra where directions have one each.
        """
        back = self.km_back or tuple(km for _, _, km in self.links)
        return [(a, b, km, i) for i, (a, b, km) in enumerate(self.links)] + [
            (self.links[i][1], self.links[i][0], back[i], i) for i in self.back_links
        ]

    def called(self, node: str) -> str:
        """Return what a node is called for a person: its id, with its name where the file has another."""
        name = self.names.get(node, node)
        return node if name == node else f"{node} ({name})"

    @property
    def endpoints_as_listed(self) -> tuple[int, ...]:
        """The endpoints in the order in which FUSION has them: of the file, or of its list of core nodes."""
        ranked = zip(self.core_ranks, self.endpoints, strict=bool(self.core_ranks))
        return tuple(node for _, node in sorted(ranked)) or self.endpoints


class LinkLengths(NamedTuple):
    """Lengths of links, in km."""

    shortest: float
    mean: float
    longest: float


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


def load_topology(
    network: str | Path,
    *,
    const_link_weight: bool = False,
    core_nodes_only: bool = False,
    length_key: str = "",
    base: Path | None = None,
) -> Topology:
    """Read a topology and check it.

    network: a shipped name, one of FUSION's names, or the path of a file, relative to `base` or
    else to the working directory; `read_network` says which formats there are.  Lengths are in km.
    const_link_weight: take each link as 1 km long.  core_nodes_only: only nodes with the attribute
    `core` are endpoints; nodes with the attribute `pass_through` never are.  length_key: the attribute
    of the links that is their length; empty: as `find_lengths` finds it.

    Raises TopologyError with all problems: no such file, not readable, not connected, fewer than two
    endpoints, a length that is missing, not positive or longer than any on Earth, a self loop; and
    with questions: several attributes that may be the length, a length of 1 on every link, lengths far
    from the great circle between coordinates.
    """
    file = _find(network, base)
    try:
        content = read_network(file, length_key)
    except ValueError as error:
        wanted = "; name one in it, such as my_network.graphml" if file.is_dir() else ""
        raise TopologyError([f"{error}{wanted}"], str(file)) from error
    nodes = tuple(content.nodes)
    problems = content.problems
    coordinates, names = _check_attributes(content)
    regions, sites = (_texts(content, attribute) for attribute in (REGION, SITE))
    found = links_of(content, length_key, asks=not const_link_weight)
    index = {node: i for i, node in enumerate(nodes)}
    ends = [(index[a], index[b]) for a, b in found.ends]
    endpoints = tuple(
        i for i, node in enumerate(nodes) if not _is_true(_attribute(content, node, PASS_THROUGH))
    )
    if core_nodes_only:
        for node in nodes:
            problems.extend(_differ_in_case(node, content.nodes[node], ["core"]))
        endpoints = tuple(i for i in endpoints if _is_true(_attribute(content, nodes[i], "core")))
    if len(endpoints) < 2 and not (problems and len(nodes) < 2):  # else that says enough
        kind = "nodes with the attribute core" if core_nodes_only else "nodes"
        problems.append(f"{len(endpoints)} {kind}: at least 2 are needed")
    if not problems:  # the search makes sense only when every link was understood
        problems.extend(_unreachable(nodes, ends, found.one_way))
    if not (problems or length_key or const_link_weight):
        named = ((*both, km) for both, km in zip(found.ends, found.km, strict=True))
        problems.extend(far_off(named, coordinates, found.key))
    if problems:
        raise TopologyError(problems, str(file))
    km = [1.0] * len(ends) if const_link_weight else found.km
    km_back = [1.0] * len(ends) if const_link_weight else found.km_back
    ranks: tuple[float, ...] = ()
    if core_nodes_only:
        cores = (number_of(_attribute(content, nodes[i], "core")) for i in endpoints)
        ranks = tuple(rank or 0.0 for rank in cores)
    return Topology(
        file.stem,
        nodes,
        tuple((a, b, length) for (a, b), length in zip(ends, km, strict=True)),
        endpoints,
        coordinates,
        names,
        ranks,
        "" if const_link_weight else found.key,
        (*_about_name(network), *content.remarks, *found.remarks),
        content.demands,
        tuple(found.names) if any(found.names) else (),
        tuple(km_back) if km_back != km else (),
        tuple(found.one_way) if any(found.one_way) else (),
        tuple(found.limits) if any(found.limits) else (),
        regions,
        sites,
    )


def link_lengths(topology: Topology) -> LinkLengths:
    """Return how long the links are."""
    lengths = [km for _, _, km in topology.links]
    return LinkLengths(min(lengths), sum(lengths) / len(lengths), max(lengths))


def lengths_text(topology: Topology) -> str:
    """Return the lengths of the links in words: the shortest, the mean, the longest, and from where."""
    shortest, mean, longest = link_lengths(topology)
    told = f"shortest link {_km(shortest)}, mean {_km(mean)}, longest {_km(longest)}"
    return (
        told
        if topology.length_key in ("", LENGTH_KEYS[0])
        else f"{told}, from {quote(topology.length_key)}"
    )


def _km(km: float) -> str:
    return f"{km:,.1f}".removesuffix(".0") + " km" if km >= 1 else f"{km:.3g} km"


def _find(network: str | Path, base: Path | None) -> Path:
    if isinstance(network, str):
        shipped = OTHER_NAMES.get(network, network)
        if shipped in topology_names():
            return TOPOLOGIES / f"{shipped}.json"
    file = (base or Path()) / network
    try:
        if file.exists():
            return file
    except (OSError, ValueError):  # longer than a path may be, or with a NUL in it
        pass
    names, fusion_names = topology_names(), list(FUSION_NETWORKS)
    beside = os.path.join(file.parent, "")
    near = near_file(os.path.abspath(file), None, beside, ENDINGS["network"])
    available = f"available: {', '.join(names)}, FUSION's names {', '.join(fusion_names)}"
    problem = with_allowed(
        "unknown topology or file",
        nearest(file.name, names + fusion_names) or near,
        f"{available}, and your own files",
    )
    raise TopologyError([problem], show(str(network), 200))


def _about_name(network: str | Path) -> list[str]:
    """Return what to know of a name that was given up."""
    if not isinstance(network, str) or network not in EARLIER_NAMES:
        return []
    now = EARLIER_NAMES[network]
    stem = now.rpartition("_")[0]
    others = [name for name in topology_names() if name.startswith(f"{stem}_") and name != now]
    return [
        f"{network} is {now}; {', '.join(others)} has other lengths: name the one that is meant"
    ]


def _check_attributes(
    network: ListedNetwork,
) -> tuple[dict[str, tuple[float, float]], dict[str, str]]:
    """Return coordinates and names by node, and add coordinates that are invalid to the problems."""
    coordinates, names = {}, {}
    for node, attributes in network.nodes.items():
        lower = _in_lower_case(attributes)
        for keys in (_LONGITUDES, _LATITUDES):
            network.problems.extend(_differ_in_case(node, attributes, keys))
        name = lower.get("name", lower.get("label"))
        if isinstance(name, str) and name.isprintable() and name.strip() not in ("", node):
            names[node] = name.strip()
        place = tuple(_first_there(lower, keys) for keys in (_LONGITUDES, _LATITUDES))
        if None in place:
            continue
        longitude, latitude = (number_of(value) for value in place)
        if longitude is None or latitude is None:
            network.problems.append(
                f"node {quote(node)}: longitude, latitude = {quote(place)}: must be numbers of degrees"
            )
        else:
            coordinates[node] = (longitude, latitude)
    return coordinates, names


def _texts(network: ListedNetwork, attribute: str) -> dict[str, str]:
    """Return an attribute of the nodes that have it as text."""
    found = {node: _attribute(network, node, attribute) for node in network.nodes}
    return {
        node: value.strip()
        for node, value in found.items()
        if isinstance(value, str) and value.isprintable() and value.strip()
    }


def _in_lower_case(attributes: Mapping[str, object]) -> dict[str, object]:
    """Return attributes by their names in lower case; of names that differ only in case the first."""
    return {str(key).lower(): value for key, value in reversed(list(attributes.items()))}


def _differ_in_case(node: str, attributes: Mapping[str, object], names: Iterable[str]) -> list[str]:
    """Return a question where attributes of a node, alike but for their case, hold different values."""
    problems = []
    for name in names:
        found = {key: value for key, value in attributes.items() if str(key).lower() == name}
        values = [value for value in found.values() if value is not None]
        if len({_comparable(value) for value in values}) > 1:
            told = " and ".join(f"{quote(key)} = {quote(value)}" for key, value in found.items())
            problems.append(
                f"node {quote(node)}: {told}: these names differ only in case; keep one"
            )
    return problems


def _comparable(value: object) -> object:
    """Return what equal values have in common, whether they are numbers or text."""
    number = number_of(value)
    return str(value).strip() if number is None else number


def _first_there(attributes: Mapping[str, object], keys: Iterable[str]) -> object:
    return next((attributes[key] for key in keys if attributes.get(key) is not None), None)


def _attribute(network: ListedNetwork, node: str, name: str) -> object:
    """Return an attribute of a node, in whatever case it is written, or None."""
    return _in_lower_case(network.nodes[node]).get(name)


def _unreachable(
    nodes: Sequence[str], ends: Sequence[tuple[int, int]], one_way: Sequence[bool]
) -> list[str]:
    """Return what is wrong where no way leads from the first node to another, or from there back."""
    there: list[list[int]] = [[] for _ in nodes]
    back: list[list[int]] = [[] for _ in nodes]
    for (a, b), is_one_way in zip(ends, one_way, strict=True):
        for one, other in ((a, b),) if is_one_way else ((a, b), (b, a)):
            there[one].append(other)
            back[other].append(one)
    for neighbours, told in ((there, "cannot be reached from node"), (back, "have no way to node")):
        reached, waiting = {0}, [0]
        while waiting:
            new = set(neighbours[waiting.pop()]) - reached
            reached |= new
            waiting.extend(new)
        missing = [node for i, node in enumerate(nodes) if i not in reached]
        if missing:
            listed = quote(", ".join(missing[:10]) + (", ..." if len(missing) > 10 else ""))
            return [
                f"not connected: {len(missing)} of {counted(len(nodes), 'node')} {told}"
                f" {quote(nodes[0])}: {listed}"
            ]
    return []


def _is_true(value: object) -> bool:
    return value.strip().lower() in ("1", "true", "yes") if isinstance(value, str) else bool(value)
