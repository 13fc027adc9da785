"""Networks of GNPy in JSON: fibres and amplifiers between ROADMs become links with their length.

Read as GNPy 2.12 and 3.0.1 write them; the latter can wrap the network in `gnpy-network-topology:topology`,
with numbers as text, and all files of a run in `gnpy-api:api`. ROADMs are nodes, named after their uid
without "roadm". A transceiver beside a ROADM belongs to it; one at the end of a line is a node itself. A
Fused element between two sites is passed through, and where three or more meet it is a node.

What was guessed wrong before looking at the files that come with GNPy: a network needs neither ROADMs nor a
way back (the simplest examples are one fibre from A to B); an amplifier may lead to two elements;
the mesh example is not on the Earth: its latitudes and longitudes are whole numbers, rows and columns of a
drawing; and a city may be `[null]`.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from fusion.config.counts import counted
from fusion.config.named_files import quote
from fusion.network.listed_network import (
    ONE_WAY,
    PASS_THROUGH,
    REGION,
    ListedNetwork,
    add_link,
    add_node,
    empty_network,
    node_id,
    number_of,
    refuse,
)
from fusion.network.readers.directions import DirectedLink, joined, pairs_of
from fusion.network.readers.reader import NetworkFile, Reader

_ALL = "gnpy-api:api"
_WRAPPED = "gnpy-network-topology:topology"
_FIBRES = ("Fiber", "RamanFiber")
_AMPLIFIERS = ("Edfa", "Multiband_amplifier")
_TYPES = (*_FIBRES, *_AMPLIFIERS, "Fused", "Roadm", "Transceiver")
_FEW = 3
_CENTRE_HZ = 193.5e12
"""Where the loss of a fibre is taken that depends on the frequency."""


class _Segment(NamedTuple):
    """What lies between two sites in one direction. fibres: km of each, or None without a length.

    elements: uids, in the order of the light.
    """

    source: str
    destination: str
    name: str
    fibres: tuple[float | None, ...]
    loss_db: float
    amplifiers: int
    elements: tuple[str, ...]

    def then(self, other: "_Segment") -> "_Segment":
        """Return both one behind the other."""
        return _Segment(
            self.source,
            other.destination,
            self.name or other.name,
            self.fibres + other.fibres,
            self.loss_db + other.loss_db,
            self.amplifiers + other.amplifiers,
            (*self.elements, self.destination, *other.elements),
        )


class _Parts(NamedTuple):
    """The elements of a network as nodes and lines. names: uid of each node -> its id.

    beside: uid of each transceiver at a ROADM -> that of the ROADM.  through: uids of Fused elements that are
    passed through.
    """

    elements: Mapping[str, Mapping[str, Any]]
    names: Mapping[str, str]
    segments: list[_Segment]
    beside: Mapping[str, str]
    through: list[str]

    @property
    def ends(self) -> set[str]:
        """The uids of the nodes at which requests may start or end."""
        alone = {uid for uid in self.names if self.elements[uid]["type"] == "Transceiver"}
        return {*self.beside.values(), *alone} or set(self.names)


def _parts(network: ListedNetwork, file: NetworkFile) -> _Parts | None:
    """Return the parts of a file; None with the reasons among the problems of `network`."""
    topology = _topology(file)
    if topology is None:
        network.problems.append(
            'a topology of GNPy, but without lists "elements" and "connections"'
        )
        return None
    elements = _elements(network, topology["elements"])
    following = _connections(network, topology["connections"], elements)
    if network.problems:
        return None
    sites = [
        uid
        for uid, each in elements.items()
        if _is_site(each) or _divides(each, following.get(uid))
    ]
    segments = list(_segments(network, elements, following, set(sites)))
    if network.problems:
        return None
    segments = _pass_fused(segments, elements)
    segments, beside = _without_transceivers(segments, elements)
    met = {uid for each in segments for uid in (each.source, each.destination)}
    through = [uid for uid in sites if elements[uid]["type"] == "Fused" and uid not in met]
    nodes = [uid for uid in sites if uid not in beside and uid not in through]
    return _Parts(elements, _names(nodes), segments, beside, through)


def _read(file: NetworkFile) -> ListedNetwork:
    network = empty_network()._replace(directed=False, multigraph=True)
    parts = _parts(network, file)
    if parts is None:
        return empty_network(*network.problems)
    elements, names, ends = parts.elements, parts.names, parts.ends
    is_drawing = _are_of_a_drawing(elements[uid] for uid in names)
    for number, (uid, name) in enumerate(names.items(), 1):
        attributes = _attributes(uid, elements[uid], is_drawing, uid in ends)
        add_node(network, f"node {number}", name, attributes)
    links = joined(_directions(parts.segments, names))
    for link in links:
        add_link(network, link.where, link.source, link.destination, link.attributes)
    if is_drawing:
        network.remarks.append(
            "latitude and longitude are whole numbers at each node: taken as places in a drawing, not degrees"
        )
    network.remarks.extend(_remarks(elements, links, parts.through))
    return network


class GnpyLine(NamedTuple):
    """A direction of a link, by the nodes at its ends. fibre: uid of its first one."""

    source: str
    destination: str
    km: float
    fibre: str


class GnpyParts(NamedTuple):
    """What a file of GNPy calls the parts of a network.

    roadms: node -> uid of the element that it is.  transceivers: node -> uid of its first one.
    """

    roadms: dict[str, str]
    transceivers: dict[str, str]
    lines: list[GnpyLine]


def gnpy_parts(file: NetworkFile) -> GnpyParts:
    """Return what a file of GNPy calls the parts of the network that it is read as."""
    parts = _parts(empty_network(), file)
    if parts is None:
        return GnpyParts({}, {}, [])
    names = parts.names
    transceivers: dict[str, str] = {}
    for uid, roadm in parts.beside.items():
        transceivers.setdefault(names[roadm], uid)
    for uid, name in names.items():
        if parts.elements[uid]["type"] == "Transceiver":
            transceivers.setdefault(name, uid)
    lines = [
        GnpyLine(each.source, each.destination, each.km or 0.0, str(each.attributes.get("name")))
        for each in _directions(parts.segments, names)
    ]
    return GnpyParts({name: uid for uid, name in names.items()}, transceivers, lines)


def gnpy_transceivers(file: NetworkFile) -> dict[str, str]:
    """Return uid of each transceiver -> the node that it is at."""
    parts = _parts(empty_network(), file)
    if parts is None:
        return {}
    names, elements = parts.names, parts.elements
    alone = {uid: name for uid, name in names.items() if elements[uid]["type"] == "Transceiver"}
    return alone | {uid: names[roadm] for uid, roadm in parts.beside.items()}


class Line(NamedTuple):
    """A link as GNPy has it: uids of the elements between its two nodes, in the order of the light.

    source, destination: nodes. back: None where nothing leads back.
    """

    source: str
    destination: str
    there: tuple[str, ...]
    back: tuple[str, ...] | None


class Site(NamedTuple):
    """A node as GNPy has it: uids of its element, and of its first transceiver, empty without one."""

    element: str
    transceiver: str


class GnpyElements(NamedTuple):
    """What of a file of GNPy the nodes and links are. sites: by node. lines: in the order of the links."""

    sites: dict[str, Site]
    lines: tuple[Line, ...]


def gnpy_elements(file: NetworkFile) -> GnpyElements | None:
    """Return the elements of the nodes and links that a file is read as; None for one of another format."""
    parts = _parts(empty_network(), file) if _recognises(file) else None
    if parts is None:
        return None
    named = gnpy_parts(file)
    sites = {
        node: Site(uid, named.transceivers.get(node, "")) for node, uid in named.roadms.items()
    }
    directions = list(_directions(parts.segments, parts.names))
    lines = tuple(
        Line(
            directions[first].source,
            directions[first].destination,
            parts.segments[first].elements,
            None if back is None else parts.segments[back].elements,
        )
        for first, back in pairs_of(directions)
    )
    return GnpyElements(sites, lines)


def _topology(file: NetworkFile) -> Mapping[str, Any] | None:
    data = file.json.get(_ALL, file.json)
    data = data.get(_WRAPPED, data) if isinstance(data, dict) else data
    if isinstance(data, list) and data:
        data = data[0]
    lists = ("elements", "connections")
    if isinstance(data, dict) and all(isinstance(data.get(name), list) for name in lists):
        return data
    return None


def _elements(network: ListedNetwork, listed: list[Any]) -> dict[str, Mapping[str, Any]]:
    """Return the elements by uid."""
    found: dict[str, Mapping[str, Any]] = {}
    for number, each in enumerate(listed, 1):
        where = f"element {number}"
        uid = node_id(each.get("uid")) if isinstance(each, dict) else None
        if uid is None:
            refuse(network, where, each, 'an object with "uid" is needed')
        elif _type(each) not in _TYPES:
            kind = quote(each.get("type"))
            refuse(network, where, uid, f"type {kind} is not one of {', '.join(_TYPES)}")
        elif uid in found:
            refuse(network, where, uid, "duplicate uid")
        else:
            found[uid] = {**each, "type": _type(each)}
    return found


def _type(element: Mapping[str, Any]) -> str:
    """Return the type of an element, without the name of the YANG module that may stand before it."""
    return str(element.get("type")).rpartition(":")[2]


def _connections(
    network: ListedNetwork, listed: list[Any], elements: Mapping[str, Any]
) -> dict[str, list[str]]:
    """Return the elements behind each element."""
    following: defaultdict[str, list[str]] = defaultdict(list)
    for number, each in enumerate(listed, 1):
        ends = (
            [node_id(each.get(key)) for key in ("from_node", "to_node")]
            if isinstance(each, dict)
            else [None]
        )
        if unknown := [end for end in ends if end is None or end not in elements]:
            refuse(network, f"connection {number}", unknown[0], "is not the uid of an element")
        else:
            following[str(ends[0])].append(str(ends[1]))
    return following


def _is_site(element: Mapping[str, Any]) -> bool:
    return element["type"] in ("Roadm", "Transceiver", "Fused")


def _divides(element: Mapping[str, Any], following: list[str] | None) -> bool:
    """Return whether an amplifier leads to several elements."""
    return element["type"] in _AMPLIFIERS and len(following or ()) > 1


def _segments(
    network: ListedNetwork,
    elements: Mapping[str, Mapping[str, Any]],
    following: Mapping[str, list[str]],
    sites: Collection[str],
) -> Iterator[_Segment]:
    """Yield what leads from one site to the next one."""
    for source in (uid for uid in elements if uid in sites):
        for first in following.get(source, ()):
            uid, seen, name = first, set[str](), ""
            fibres: list[float | None] = []
            loss, amplifiers = 0.0, 0
            passed: list[str] = []
            while uid not in sites and uid not in seen:
                seen.add(uid)
                passed.append(uid)
                kind = elements[uid]["type"]
                if kind in _FIBRES:
                    km, loss_db = _fibre(network, uid, elements[uid])
                    fibres.append(km)
                    loss += loss_db
                    name = name or uid
                else:
                    amplifiers += 1
                behind = following.get(uid, [])
                if len(behind) != 1:
                    what = "nothing" if not behind else f"{len(behind)} elements"
                    refuse(
                        network,
                        f"{kind} behind {quote(source)}",
                        uid,
                        f"leads to {what}: one is needed",
                    )
                    break
                uid = behind[0]
            else:
                yield _Segment(source, uid, name, tuple(fibres), loss, amplifiers, tuple(passed))


def _fibre(
    network: ListedNetwork, uid: str, element: Mapping[str, Any]
) -> tuple[float | None, float]:
    """Return the km of a fibre, and its loss in dB as far as the file has it."""
    params = element.get("params")
    params = params if isinstance(params, dict) else {}
    length = number_of(params.get("length"))
    unit = params.get("length_units", "km")
    if unit not in ("km", "m"):
        refuse(network, f"fibre {quote(uid)}", unit, "length_units must be km or m")
        return None, 0.0
    km = None if length is None else length * (0.001 if unit == "m" else 1.0)
    loss = (_per_km(params.get("loss_coef")) or 0.0) * (km or 0.0)
    loss += sum(number_of(params.get(key)) or 0.0 for key in ("con_in", "con_out", "att_in"))
    lumped = params.get("lumped_losses")
    for each in lumped if isinstance(lumped, list) else ():
        loss += number_of(each.get("loss")) or 0.0 if isinstance(each, dict) else 0.0
    return km, loss


def _per_km(value: object) -> float | None:
    """Return a loss in dB/km, of several over frequency that near the middle of the C band."""
    if isinstance(value, list):  # of {"frequency", "value"}
        pairs = [
            (each.get("frequency"), each.get("value")) for each in value if isinstance(each, dict)
        ]
    elif isinstance(value, dict):
        places, values = value.get("frequency"), value.get("value")
        if not (isinstance(places, list) and isinstance(values, list)):
            return None
        pairs = list(zip(places, values, strict=False))
    else:
        return number_of(value)
    near = [(abs((number_of(f) or 0.0) - _CENTRE_HZ), number_of(each)) for f, each in pairs]
    return min(near, key=lambda pair: pair[0])[1] if near else None


def _pass_fused(
    segments: list[_Segment], elements: Mapping[str, Mapping[str, Any]]
) -> list[_Segment]:
    """Join the segments before and behind each Fused element that lies between two sites."""
    numbered = dict(enumerate(segments))
    before: defaultdict[str, list[int]] = defaultdict(list)
    behind: defaultdict[str, list[int]] = defaultdict(list)
    for number, each in numbered.items():
        before[each.destination].append(number)
        behind[each.source].append(number)
    for uid, element in elements.items():
        if element["type"] != "Fused":
            continue
        neighbours = {numbered[number].source for number in before[uid]}
        neighbours |= {numbered[number].destination for number in behind[uid]}
        if len(neighbours) != 2:
            continue
        onward = [numbered.pop(number) for number in behind[uid]]
        for other in onward:
            before[other.destination] = [n for n in before[other.destination] if n in numbered]
        for number in before[uid]:
            first = numbered.pop(number)
            behind[first.source].remove(number)
            second = next((each for each in onward if each.destination != first.source), None)
            if second is not None:
                onward.remove(second)
                numbered[number] = first.then(second)
                behind[first.source].append(number)
                before[second.destination].append(number)
    return [numbered[number] for number in sorted(numbered)]


def _without_transceivers(
    segments: list[_Segment], elements: Mapping[str, Mapping[str, Any]]
) -> tuple[list[_Segment], dict[str, str]]:
    """Return the segments between nodes, and the ROADM of each transceiver that has no fibre to it."""
    beside: dict[str, str] = {}
    far: set[str] = set()
    for each in segments:
        for uid, other in ((each.source, each.destination), (each.destination, each.source)):
            if elements[uid]["type"] == "Transceiver":
                if each.fibres or elements[other]["type"] != "Roadm":
                    far.add(uid)
                else:
                    beside[uid] = other
    for uid in far:
        beside.pop(uid, None)
    return [each for each in segments if not {each.source, each.destination} & set(beside)], beside


def _names(uids: Iterable[str]) -> dict[str, str]:
    """Return ids of nodes: their uids without the word for what they are, where these stay different."""
    listed = list(uids)
    short = {uid: re.sub(r"(?i)^(?:roadm|trx)[\s_-]+", "", uid).strip() or uid for uid in listed}
    return short if len(set(short.values())) == len(listed) else {uid: uid for uid in listed}


def _location(element: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = element.get("metadata")
    location = metadata.get("location") if isinstance(metadata, dict) else None
    return location if isinstance(location, dict) else {}


def _place(element: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return longitude and latitude; 0, 0 is what stands where nobody gave any."""
    x, y = (number_of(_location(element).get(key)) for key in ("longitude", "latitude"))
    return None if x is None or y is None or x == y == 0 else (x, y)


def _are_of_a_drawing(elements: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether all places are at whole numbers, as rows and columns are and cities are not."""
    places = [place for each in elements if (place := _place(each)) is not None]
    return len(places) > 1 and all(number.is_integer() for place in places for number in place)


def _attributes(
    uid: str, element: Mapping[str, Any], is_drawing: bool, is_end: bool
) -> dict[str, object]:
    location = _location(element)
    kind = str(element["type"]).lower()
    found: dict[str, object] = {"uid": uid, "kind": kind}
    for key, name in (("city", "name"), ("region", REGION)):
        if isinstance(value := location.get(key), str) and value.strip():
            found[name] = value.strip()
    if (place := _place(element)) is not None:
        keys = ("x", "y") if is_drawing else ("longitude", "latitude")
        found.update(zip(keys, place, strict=True))
    if not is_end:
        found[PASS_THROUGH] = True
    return found


def _directions(segments: Iterable[_Segment], names: Mapping[str, str]) -> Iterator[DirectedLink]:
    for number, each in enumerate(segments, 1):
        lengths = [km for km in each.fibres if km is not None]
        km = sum(lengths) if each.fibres and len(lengths) == len(each.fibres) else None
        attributes: dict[str, object] = {"name": each.name} if each.name else {}
        if km is not None:
            attributes |= {"spans_km": list(each.fibres), "loss_db": round(each.loss_db, 6)}
        if each.amplifiers:
            attributes["amplifiers"] = each.amplifiers
        yield DirectedLink(
            f"line {number}", names[each.source], names[each.destination], km, attributes
        )


def _remarks(
    elements: Mapping[str, Mapping[str, Any]], links: list[DirectedLink], through: list[str]
) -> Iterator[str]:
    if through:
        yield f"{counted(len(through), 'Fused element')} between two sites: passed through, not a node"
    if one_way := [link for link in links if ONE_WAY in link.attributes]:
        shown = ", ".join(
            f"{quote(link.source)} - {quote(link.destination)}" for link in one_way[:_FEW]
        )
        yield (
            f"{counted(len(one_way), 'link')} in one direction only, as the file has no fibre back: {shown}"
            + (", ..." if len(one_way) > _FEW else "")
        )
    without = [
        uid
        for uid, each in elements.items()
        if each["type"] in _FIBRES and "length_units" not in (each.get("params") or {})
    ]
    if without:
        yield f"{counted(len(without), 'fibre')} without length_units: taken as km"


def _recognises(file: NetworkFile) -> bool:
    return bool(file.keys & {_WRAPPED, _ALL}) or {"elements", "connections"} <= file.keys


GNPY_TOPOLOGY = Reader("GNPy topology", _recognises, _read)
