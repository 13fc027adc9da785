"""Networks of other programs as JSON of ours, with what was understood, assumed and left out."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from fusion.config.counts import counted
from fusion.config.named_files import quote
from fusion.network.geography import Place, great_circle_km
from fusion.network.link_lengths import find_lengths
from fusion.network.listed_network import (
    LENGTH_BACK,
    LIMITS,
    NAME,
    ONE_WAY,
    PASS_THROUGH,
    REGION,
    SITE,
    ListedLink,
    ListedNetwork,
    number_of,
)
from fusion.network.readers.registry import Content, read_content
from fusion.network.readers.sndlib_places import GREAT_CIRCLES
from fusion.network.readers.topology_zoo import EXTERNAL, HYPEREDGE
from fusion.network.topology import Topology, TopologyError, lengths_text, load_topology

GREAT_CIRCLE = "great-circle"
SAME_PLACE_KM = 1.0
"""The length of a link between two nodes at the same place, which has a great circle of 0."""

_OF_NODES = ("name", SITE, REGION, "kind", PASS_THROUGH, "core", "population", "uid", "x", "y")
_OF_LINKS = (NAME, ONE_WAY, LENGTH_BACK, *LIMITS, "spans_km", "loss_db", "amplifiers", "modules")
_OTHER_NAMES = {
    **dict.fromkeys(("longitude", "long", "lon", "lng"), "longitude"),
    **dict.fromkeys(("latitude", "lat"), "latitude"),
    "label": "name",
}
_SAID_OTHERWISE = {
    *_OTHER_NAMES,
    *("id", "length_km", "key"),
    *("country", "internal", "hyperedge"),  # of the Zoo, whose reader gives them other names
}
"""Attributes whose absence needs no mention."""
_FEW = 5


class Imported(NamedTuple):
    """A network of another program.

    text: JSON of ours.  topology: as `load_topology` reads that.  understood: what and how much.  assumed:
    what the file may have meant otherwise.  left_out: what the JSON does not have of the file.
    """

    text: str
    topology: Topology
    content: Content
    understood: list[tuple[str, str]]
    assumed: list[str]
    left_out: list[str]


def import_network(file: Path, *, lengths: str = "", length_key: str = "") -> Imported:
    """Read a network in any format that a reader knows, and check it.

    lengths: empty: those of the file; great-circle: great circles between the coordinates; a number: that
    many times the great circle.  length_key: the attribute of the links that is their length.

    Raises TopologyError with all that is wrong with the file; ValueError for `lengths`.
    """
    factor = _factor(lengths)
    left_out: list[str] = []
    try:
        content = read_content(file, length_key)
    except ValueError as error:
        raise TopologyError([str(error)], str(file)) from error
    network = content.network
    if network.problems:
        raise TopologyError(network.problems, str(file))
    assumed = list(network.remarks)
    if factor is not None:
        assumed = [remark for remark in assumed if remark != GREAT_CIRCLES]
        network = _with_places(network, assumed, left_out)
    if loops := [link for link in network.links if link.source == link.destination]:
        network = network._replace(links=[link for link in network.links if link not in loops])
        left_out.append(
            f"{counted(len(loops), 'link')} from a node to itself ({quote(loops[0].source)})"
        )
    nodes = {node: _of_node(attributes) for node, attributes in network.nodes.items()}
    if factor is None:
        found = find_lengths(network, length_key)
        if found.problems:
            raise TopologyError(found.problems, str(file))
        km = [None if value is None else value[1] for value in found.values]
        key = found.key
    else:
        km, key = list(_great_circles(file, network, nodes, factor, assumed)), ""
    links = [
        {
            "source": link.source,
            "target": link.destination,
            "length_km": length if number_of(length) is None else number_of(length),
            **_of_link(link),
        }
        for link, length in zip(network.links, km, strict=True)
    ]
    data: dict[str, object] = {"name": file.stem}
    if network.directed is not None:
        data["directed"] = network.directed
    if network.multigraph:
        data["multigraph"] = True
    data["nodes"] = [{"id": node, **attributes} for node, attributes in nodes.items()]
    data["edges"] = links
    text = _text(data)
    topology = _checked(file, text)
    assumed += topology.remarks
    left_out += _left_out(network, key)
    return Imported(
        text, topology, content, _understood(content, topology, nodes), assumed, left_out
    )


def _factor(lengths: str) -> float | None:
    if not lengths:
        return None
    factor = 1.0 if lengths == GREAT_CIRCLE else number_of(lengths)
    if factor is None or not 1 <= factor <= 10:
        raise ValueError(f"must be {GREAT_CIRCLE} or how many times the great circle, from 1 to 10")
    return factor


def _with_places(network: ListedNetwork, assumed: list[str], left_out: list[str]) -> ListedNetwork:
    """Return a network in which nodes that are no sites need no coordinates.

    A hyperedge is placed in the middle of its neighbours, and a node of another network is left out.
    """
    nodes = {node: dict(_of_node(attributes)) for node, attributes in network.nodes.items()}
    placed = {node: place for node, each in nodes.items() if (place := _place(each)) is not None}
    nowhere = [node for node in nodes if node not in placed]
    middles: dict[str, Mapping[str, object]] = {}
    for node in (each for each in nowhere if nodes[each].get("kind") == HYPEREDGE):
        beside = [
            placed[other]
            for link in network.links
            if node in (link.source, link.destination)
            for other in (link.source, link.destination)
            if other in placed
        ]
        if beside:
            x, y = (sum(each) / len(beside) for each in zip(*beside, strict=True))
            middles[node] = {**network.nodes[node], "longitude": x, "latitude": y}
    if middles:
        assumed.append(
            f"{counted(len(middles), 'hyperedge')} without coordinates: placed amid their neighbours"
        )
    outside = [node for node in nowhere if nodes[node].get("kind") == EXTERNAL]
    if not outside:
        return network._replace(nodes={**network.nodes, **middles})
    links = [link for link in network.links if not {link.source, link.destination} & set(outside)]
    left_out.append(
        f"{counted(len(outside), 'external node')} without coordinates ({_some(outside)}), with "
        f"{counted(len(network.links) - len(links), 'link')}"
    )
    kept = {node: each for node, each in network.nodes.items() if node not in outside}
    return network._replace(nodes={**kept, **middles}, links=links)


def _place(attributes: Mapping[str, object]) -> Place | None:
    x, y = (number_of(attributes.get(key)) for key in ("longitude", "latitude"))
    return None if x is None or y is None else (x, y)


def _some(nodes: Sequence[str]) -> str:
    return ", ".join(map(quote, nodes[:_FEW])) + (", ..." if len(nodes) > _FEW else "")


def _of_node(attributes: Mapping[str, object]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in attributes.items():
        key = _OTHER_NAMES.get(name.lower(), name.lower())
        if key in (*_OF_NODES, "longitude", "latitude") and value is not None:
            number = number_of(value) if key in ("longitude", "latitude", "population") else None
            found.setdefault(key, value if number is None else number)
    return found


def _of_link(link: ListedLink) -> dict[str, object]:
    lower = {name.lower(): value for name, value in reversed(list(link.attributes.items()))}
    return {key: lower[key] for key in _OF_LINKS if lower.get(key) not in (None, "")}


def _great_circles(
    file: Path,
    network: ListedNetwork,
    nodes: Mapping[str, Mapping[str, object]],
    factor: float,
    assumed: list[str],
) -> list[float]:
    """Return the lengths of the links in km, and say what they are."""
    places = {node: place for node, each in nodes.items() if (place := _place(each)) is not None}
    ends = dict.fromkeys(end for link in network.links for end in (link.source, link.destination))
    if nowhere := [node for node in ends if node not in places]:
        raise TopologyError(
            [
                f"{counted(len(nowhere), 'node')} of {len(nodes)} without coordinates in degrees, so the "
                f"links there have no great circle: {_some(nowhere)}; give them longitude and latitude "
                "in a copy of the file, or take these nodes out"
            ],
            str(file),
        )
    km = [great_circle_km(places[link.source], places[link.destination]) for link in network.links]
    same = [length < 1e-3 for length in km]
    times = "" if factor == 1 else f"{factor:g} times "
    assumed.append(f"lengths are {times}the great circle between the coordinates, as asked for")
    if any(same):
        assumed.append(
            f"{counted(sum(same), 'link')} between nodes at the same place: taken as {SAME_PLACE_KM:g} km"
        )
    return [
        SAME_PLACE_KM if is_same else round(length * factor, 3)
        for length, is_same in zip(km, same, strict=True)
    ]


def _checked(file: Path, text: str) -> Topology:
    """Return the topology that JSON of ours is. Raises TopologyError about the file that it is made of."""
    with TemporaryDirectory(prefix="fusion-import-") as folder:
        path = Path(folder, "network.json")
        path.write_text(text, encoding="utf-8")
        try:
            return load_topology(path)._replace(name=file.stem)
        except TopologyError as error:
            raise TopologyError(error.problems, str(file)) from None


def _text(data: Mapping[str, object]) -> str:
    """Return JSON with a node and a link per line, as people edit it."""
    parts = []
    for key, value in data.items():
        if isinstance(value, list):
            rows = ",\n  ".join(json.dumps(each, ensure_ascii=False) for each in value)
            parts.append(f'"{key}": [\n  {rows}\n ]')
        else:
            parts.append(f'"{key}": {json.dumps(value, ensure_ascii=False)}')
    return "{" + ",\n ".join(parts) + "}\n"


def _understood(
    content: Content, topology: Topology, nodes: Mapping[str, Mapping[str, object]]
) -> list[tuple[str, str]]:
    placed = len(topology.coordinates)
    where = "all" if placed == len(nodes) else "none" if not placed else f"{placed:,}"
    found = [
        ("format", content.format),
        ("nodes", f"{len(topology.nodes):,}, {where} with coordinates"),
        ("endpoints", f"{len(topology.endpoints):,}"),
        ("links", _links(topology)),
        ("lengths", lengths_text(topology)),
    ]
    for what, texts in (("regions", topology.regions), ("sites", topology.sites)):
        if texts:
            found.append((what, _counted_texts(texts, len(nodes))))
    if content.network.demands:
        found.append(("demands", f"{content.network.demands:,}"))
    return found


def _links(topology: Topology) -> str:
    """Return how many links there are, and how many of them are parallel or in one direction only."""
    told = [f"{len(topology.links):,}"]
    ends = Counter(frozenset((a, b)) for a, b, _ in topology.links)
    if parallel := sum(count for count in ends.values() if count > 1):
        several = sum(count > 1 for count in ends.values())
        pairs = counted(several, "pair of nodes", "pairs of nodes")
        told.append(f"{parallel:,} of them parallel, between {pairs}")
    if one_way := sum(topology.one_way):
        told.append(f"{one_way:,} in one direction only")
    return ", ".join(told)


def _counted_texts(texts: Mapping[str, str], nodes: int) -> str:
    """Return how many nodes have which text, the most frequent first."""
    counts = Counter(texts.values()).most_common()
    shown = ", ".join(f"{quote(text)} ({counted(count, 'node')})" for text, count in counts[:_FEW])
    more = ", ..." if len(counts) > _FEW else ""
    missing = nodes - len(texts)
    return f"{len(counts):,}: {shown}{more}" + (f"; {missing:,} without" if missing else "")


def _left_out(network: ListedNetwork, length_key: str) -> list[str]:
    """Return which attributes of the file the JSON does not have."""
    found = []
    of_nodes = Counter(name for each in network.nodes.values() for name in each)
    of_links = Counter(name for link in network.links for name in link.attributes)
    for what, names, kept in (("nodes", of_nodes, _OF_NODES), ("links", of_links, _OF_LINKS)):
        others = [
            name
            for name in names
            if name.lower() not in {*kept, *_SAID_OTHERWISE} and name != length_key
        ]
        if others:
            found.append(f"attributes of {what}: {', '.join(map(quote, others))}")
    return found
