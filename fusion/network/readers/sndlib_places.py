"""Where the nodes of SNDlib's networks are, and how long their links are therefore.

S. Orlowski, R. Wessäly, M. Pióro, A. Tomaszewski, "SNDlib 1.0 - Survivable network design library",
Networks 55 (2010) 276. Links have no lengths there; they follow from the coordinates, which are degrees
in some of its networks and degrees.minutes, pixels of a picture or a grid in others.

Guessed wrong: that XML, which calls coordinates geographical or pixel, says which. nobel-eu, nobel-us,
dfn-bwin and pdh are called geographical and are degrees.minutes, and india35 is called so and is a grid
from 0 to 49. So the numbers decide in XML, too.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

from fusion.network.geography import Place, great_circle_km
from fusion.network.listed_network import ListedNetwork
from fusion.network.readers.reader import INSTEAD

GREAT_CIRCLES = "the lengths are great circles between the coordinates; fibres are longer"
"""The remark about lengths that a file does not have itself."""

_FEWEST_MINUTES = 20
"""Numbers of which none has a fraction of 0.60 or more by chance once in 27,000 networks."""


class Demand(NamedTuple):
    """Traffic between two nodes, in the unit of the file."""

    where: str
    source: str
    destination: str
    value: str


def with_lengths(
    network: ListedNetwork, raw: Mapping[str, Place], source: str, declared: str = ""
) -> ListedNetwork:
    """Return a network whose links are as long as the great circles between their nodes, where that can be.

    raw: coordinates as the file has them.  source: what the file is called in messages.  declared: what
    the file says of its coordinates, geographical or pixel; empty where its format does not say.
    """
    numbers = [number for place in raw.values() for number in place]
    if declared == "pixel" or not _may_be_degrees(raw):
        if declared == "geographical":
            kind = "a grid and not degrees, although the file calls them geographical"
        else:
            kind = "pixels of a picture or a grid and not degrees"
        nodes = {
            node: {**attributes, **dict(zip("xy", raw[node], strict=True))}
            if node in raw
            else attributes
            for node, attributes in network.nodes.items()
        }
        return network._replace(
            nodes=nodes,
            without_lengths=f"{source} has no lengths, and they do not follow from these "
            f"coordinates, which are {kind}: {INSTEAD}",
        )
    if len(numbers) >= _FEWEST_MINUTES and all(
        round(abs(number) % 1, 6) < 0.6 for number in numbers
    ):
        places = {node: (_from_minutes(x), _from_minutes(y)) for node, (x, y) in raw.items()}
        network.remarks.append(
            "the coordinates are taken for degrees.minutes (13.21 is 13° 21'), as no fraction reaches 0.60"
        )
    else:
        places = dict(raw)
    keys = ("longitude", "latitude")
    nodes = {
        node: {**attributes, **dict(zip(keys, places[node], strict=True))}
        if node in places
        else attributes
        for node, attributes in network.nodes.items()
    }
    links = []
    for link in network.links:
        ends = (link.source, link.destination)
        km = great_circle_km(*(places[node] for node in ends)) if set(ends) <= set(places) else None
        more = {} if km is None else {"length_km": km}
        links.append(link._replace(attributes={**link.attributes, **more}))
    if links:
        network.remarks.append(GREAT_CIRCLES)
    return network._replace(nodes=nodes, links=links)


def _may_be_degrees(raw: Mapping[str, Place]) -> bool:
    """Return whether places are on the Earth and not all at whole numbers, as pixels are."""
    inside = all(abs(x) <= 180 and abs(y) <= 90 for x, y in raw.values())
    whole = all(number.is_integer() for place in raw.values() for number in place)
    return inside and (not whole or not raw)


def _from_minutes(number: float) -> float:
    degrees = math.trunc(number)
    return degrees + (number - degrees) / 0.6
