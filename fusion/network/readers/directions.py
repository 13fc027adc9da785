"""Links of files that list each direction by itself: both directions of a fibre pair become one link."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from fusion.network.listed_network import LENGTH_BACK, ONE_WAY

_LENGTH = "length_km"


class DirectedLink(NamedTuple):
    """One direction of a link. km: None where the file has no length."""

    where: str
    source: str
    destination: str
    km: float | None
    attributes: Mapping[str, object]


def joined(directions: Iterable[DirectedLink]) -> list[DirectedLink]:
    """Return links, each with its way back where there is one, in the order of their first directions.

    Of several links between two nodes, those of equal length are joined first, and what is left in the
    order of the file. The attributes are those of the first direction, with `length_km`, and `LENGTH_BACK`
    where the ways differ, or `ONE_WAY` where nothing leads back.
    """
    listed = list(directions)
    return [
        listed[first]._replace(
            attributes=_attributes(listed[first], None if back is None else listed[back])
        )
        for first, back in pairs_of(listed)
    ]


def pairs_of(listed: Sequence[DirectedLink]) -> list[tuple[int, int | None]]:
    """Return (direction, the direction back or None), as places in a list, as `joined` joins them."""
    waiting: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    partner: dict[int, int] = {}  # of the first direction
    for place, link in enumerate(listed):
        back = waiting[link.destination, link.source]
        equal = next((i for i in back if listed[i].km == link.km), None)
        if equal is None or link.source == link.destination:
            waiting[link.source, link.destination].append(place)
        else:
            back.remove(equal)
            partner[equal] = place
    for (source, destination), places in waiting.items():
        for place in list(places):
            back = waiting.get((destination, source), [])
            if source != destination and back:
                first, second = sorted((place, back.pop(0)))
                places.remove(place)
                partner[first] = second
    ways_back = set(partner.values())
    return [(i, partner.get(i)) for i in range(len(listed)) if i not in ways_back]


def _attributes(link: DirectedLink, back: DirectedLink | None) -> dict[str, object]:
    found = dict(link.attributes)
    if link.km is not None:
        found[_LENGTH] = link.km
    if back is None:
        found[ONE_WAY] = True
    elif back.km is not None and back.km != link.km:
        found[LENGTH_BACK] = back.km
    return found
