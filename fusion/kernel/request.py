"""A request as a user's policy sees it, and the questions that a policy may ask about it.

Each function here is plain Python: it says what the answer is, and runs where a policy is tried out or
debugged. `answers` has the compiled code for each, which is what the event loop runs. Noise alone is in both
what `quality` says, so that both say the same to the bit.

`path` is the place of a path among the candidates, from 0; `plane` one core and one band, in order of search;
`hop` a link of the path, from 0. What is no number of a path, plane or hop raises IndexError. With signal
quality a path is there once for each format that is tried, one behind the other.
"""

from __future__ import annotations

import math
import re
from functools import reduce
from typing import Any, NamedTuple

from fusion.kernel.arrays import Floats, Int32s, Network, Words
from fusion.kernel.capacity import Capacity
from fusion.kernel.quality import lacks_quality, signal_to_noise
from fusion.kernel.records import Quality
from fusion.kernel.spectrum import WORD_BITS

BLOCKED = (-1, -1, -1)
"""What a policy returns for a request that is not to be served."""

CORE, BAND, SLOTS = range(3)
"""Columns of `Facts.plane`."""


class Facts(NamedTuple):
    """What a policy may know of the network beside the arrays of the event loop."""

    source: Int32s
    destination: Int32s
    """int32[pair], numbers of nodes."""
    bit_rate_gbps: Floats
    """float64[column of `Network.width`]; 0 where the format decides."""
    length_km: Floats
    """float64[path]."""
    plane: Int32s
    """int32[plane, 3]: core, band, slots of a link."""
    capacity: Capacity | None = None
    """What `capacity_loss` needs to know; None: it is not asked."""


class Request(NamedTuple):
    """One request at the moment of its arrival, or one lightpath of it.

    source, destination: nodes, by their number in the topology. bit_rate_gbps: of the lightpath that is asked
    for. arrival_time, holding_time: in the unit of the config's holding_time. paths: number of candidate
    paths, each in `formats` modulation formats. planes: number of planes. random: uniform in [0, 1), another
    one for each request.
    """

    source: int
    destination: int
    bit_rate_gbps: float
    arrival_time: float
    holding_time: float
    paths: int
    planes: int
    formats: int
    random: float
    # The others are for the functions below: a policy cannot read them.
    first_path: int
    order: Int32s | None
    """int32[place]: the candidates in the order in which `path` counts them; None: as they are listed."""
    column: int
    free: Words
    network: Network
    facts: Facts
    quality: Quality | None
    """What lightpaths need; None: any quality is good, and `state` is None, too."""
    state: Any
    """The `Connections` with the noise of all that is up."""


PUBLIC = Request._fields[: Request._fields.index("first_path")]
"""Fields that a policy may read."""


def hops(request: Request, path: int) -> int:
    """Return the number of links of a path."""
    number = _number(request, path)
    return int(request.network.first_hop[number + 1] - request.network.first_hop[number])


def length_km(request: Request, path: int) -> float:
    """Return the length of a path in km."""
    return float(request.facts.length_km[_number(request, path)])


def width(request: Request, path: int) -> int:
    """Return the slots that the request needs on a path, guard band included.

    0 where no modulation format reaches, and where a link of the path is down.
    """
    number, column = _way(request, path)
    row = request.network.width_row[number]
    return max(0, int(request.network.width[row, column])) if column >= 0 else 0


def core(request: Request, plane: int) -> int:
    """Return the core of a plane, from 0."""
    return int(request.facts.plane[_plane(request, plane), CORE])


def band(request: Request, plane: int) -> int:
    """Return the band of a plane: 0 for C, 1 for L, 2 for S, 3 for O, 4 for E."""
    return int(request.facts.plane[_plane(request, plane), BAND])


def slots(request: Request, plane: int) -> int:
    """Return how many slots a link has in a plane."""
    return int(request.facts.plane[_plane(request, plane), SLOTS])


def first_fit(request: Request, path: int, plane: int) -> int:
    """Return the lowest slot from which the request fits on every link of the path, or -1."""
    need = width(request, path)
    free = _free(request, _links(request, path), plane)
    return free.find("1" * need) if need else -1


def last_fit(request: Request, path: int, plane: int) -> int:
    """Return the highest slot from which the request fits on every link of the path, or -1."""
    need = width(request, path)
    free = _free(request, _links(request, path), plane)
    return free.rfind("1" * need) if need else -1


def best_fit(request: Request, path: int, plane: int) -> int:
    """Return the start of the smallest block in which the request fits, or -1; of equal ones the lowest.

    A block is a longest run of slots that are free on every link of the path.
    """
    need = width(request, path)
    free = _free(request, _links(request, path), plane)
    fitting = [
        (len(block[0]), block.start())
        for block in re.finditer("1+", free)
        if len(block[0]) >= need > 0
    ]
    return min(fitting)[1] if fitting else -1


def is_free(request: Request, path: int, plane: int, start: int, size: int) -> bool:
    """Return whether `size` slots from `start` on are free on every link of the path.

    False where some of them are beyond the ends of the plane, and for less than one slot.
    """
    free = _free(request, _links(request, path), plane)
    return size > 0 and start >= 0 and free[start : start + size] == "1" * size


def meets_quality(request: Request, path: int, plane: int, start: int) -> bool:
    """Return whether the request fits from a slot on, and its lightpath would have good signal quality.

    Good is what its format needs; with snr_recheck those that are up must keep what theirs need, too. Where
    the config has no model of signal quality any is good.
    """
    if not is_free(request, path, plane, start, width(request, path)):
        return False
    number, column = _way(request, path)
    where = (number, plane, start, column)
    return request.quality is None or not lacks_quality(
        request.quality, request.network, request.state, *where
    )


def gsnr_db(request: Request, path: int, plane: int, start: int) -> float:
    """Return the ratio of signal to noise, in dB, of a lightpath from a slot on.

    -inf where the request does not fit; inf where nothing disturbs it, and without a model of quality.
    """
    if not is_free(request, path, plane, start, width(request, path)):
        return -math.inf
    if request.quality is None:
        return math.inf
    number, column = _way(request, path)
    where = (number, plane, start, column)
    return float(signal_to_noise(request.quality, request.network, request.state, *where))


def next_block(request: Request, path: int, plane: int, slot: int) -> tuple[int, int]:
    """Return (start, size) of the first free block at or above a slot, or (-1, 0).

    Slots below `slot` do not count: of a block around it, only the upper part is seen.
    """
    free = _free(request, _links(request, path), plane)
    block = re.compile("1+").search(free, max(slot, 0))
    return (block.start(), len(block[0])) if block else (-1, 0)


def free_slots(request: Request, path: int, plane: int) -> int:
    """Return how many slots are free on every link of the path."""
    return _free(request, _links(request, path), plane).count("1")


def largest_block(request: Request, path: int, plane: int) -> int:
    """Return the size of the largest block of slots that are free on every link of the path."""
    return max(map(len, _free(request, _links(request, path), plane).split("0")))


def congestion(request: Request, path: int) -> float:
    """Return the share of slots that are taken, the mean over the links of the path, all planes together."""
    planes, number = range(request.planes), hops(request, path)
    total = number * sum(slots(request, plane) for plane in planes)
    free = sum(
        link_free_slots(request, path, plane, hop) for plane in planes for hop in range(number)
    )
    return (total - free) / total


def fragmentation(request: Request, path: int, plane: int) -> float:
    """Return 1 - largest free block / free slots, 0 for a full link; the mean over the links of the path."""
    number = hops(request, path)
    total = 0.0
    for hop in range(number):
        free = link_free_slots(request, path, plane, hop)
        if free > 0:
            total += 1.0 - link_largest_block(request, path, plane, hop) / free
    return total / number


def link_free_slots(request: Request, path: int, plane: int, hop: int) -> int:
    """Return how many slots of one link of the path are free."""
    return _free(request, [_link(request, path, hop)], plane).count("1")


def link_largest_block(request: Request, path: int, plane: int, hop: int) -> int:
    """Return the size of the largest free block of one link of the path."""
    return max(map(len, _free(request, [_link(request, path, hop)], plane).split("0")))


def link_is_free(request: Request, path: int, plane: int, hop: int, slot: int) -> bool:
    """Return whether a slot of one link of the path is free; False beyond the ends of the plane."""
    free = _free(request, [_link(request, path, hop)], plane)
    return slot >= 0 and free[slot : slot + 1] == "1"


def capacity_loss(request: Request, path: int, plane: int, start: int) -> float:
    """Return how many placements of further requests a lightpath from a slot on would take away.

    On its path, and on the routes that share a link with it (interfering_routes, capacity_widths), as
    allocation_method = mscl counts them. inf where the request does not fit.
    """
    need, capacity = width(request, path), request.facts.capacity
    if capacity is None or not is_free(request, path, plane, start, need):
        return math.inf
    number, network, lost = _number(request, path), request.network, 0
    links = set(_links(request, path))
    for other in sorted({number, *capacity.route.tolist()}):
        hop, end = network.first_hop[other : other + 2]
        route = network.links[hop:end].tolist()
        if links & set(route):
            before = _free(request, route, plane)
            after = before[:start] + "0" * need + before[start + need :]
            f = capacity.whole[capacity.kind[other]].tolist()
            lost += sum(f[len(block)] for block in before.split("0")) >> capacity.half
            lost -= sum(f[len(block)] for block in after.split("0")) >> capacity.half
    return float(lost)


QUESTIONS = (
    hops,
    length_km,
    width,
    core,
    band,
    slots,
    first_fit,
    last_fit,
    best_fit,
    is_free,
    meets_quality,
    gsnr_db,
    next_block,
    free_slots,
    largest_block,
    congestion,
    fragmentation,
    capacity_loss,
    link_free_slots,
    link_largest_block,
    link_is_free,
)
"""Everything that a policy may ask."""


def _number(request: Request, path: int) -> int:
    """Return the number of a candidate among the paths of the network."""
    if not 0 <= path < request.paths:
        raise IndexError("there is no path of this number")
    place = path // request.formats
    return int(request.first_path + place if request.order is None else request.order[place])


def _way(request: Request, path: int) -> tuple[int, int]:
    """Return the number of a candidate among the paths of the network, and the column of its width.

    The column is -1 for a format that the bit rate does not have.
    """
    number = _number(request, path)
    if request.quality is None:
        return number, request.column
    return number, int(request.quality.options[request.column, path % request.formats])


def _plane(request: Request, plane: int) -> int:
    if not 0 <= plane < request.planes:
        raise IndexError("there is no plane of this number")
    return plane


def _links(request: Request, path: int) -> list[int]:
    number, network = _number(request, path), request.network
    hop, end = network.first_hop[number : number + 2]
    return [int(link) for link in network.links[hop:end]]


def _link(request: Request, path: int, hop: int) -> int:
    links = _links(request, path)
    if not 0 <= hop < len(links):
        raise IndexError("there is no hop of this number")
    return links[hop]


def _free(request: Request, links: list[int], plane: int) -> str:
    """Return a plane as text, slot 0 first: 1 where the slot is free on all of some links, else 0."""
    words = request.free[_plane(request, plane)]
    free = [sum(int(word) << WORD_BITS * i for i, word in enumerate(words[link])) for link in links]
    common = reduce(int.__and__, free)
    return f"{common:0{WORD_BITS * words.shape[1]}b}"[::-1]
