"""What requests need at the least, whatever policy serves them, of resources that they share.

A resource is the spectrum of the links of a cut: each request across takes at least the width of its best
format on the shortest path, on at least one of these links. docs/bounds.md has the proofs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.config.sections import Config
from fusion.network.cuts import Congestion, congested_cuts, least_lengths
from fusion.network.modulation import lightpath_widths
from fusion.network.topology import Topology
from fusion.scenario.inputs import Inputs
from fusion.scenario.lightpaths import channel_capacity_of
from fusion.scenario.scenario import Scenario

Floats = NDArray[np.float64]
Int64s = NDArray[np.int64]

LEAST_SHARE = 0.02
"""A further cut is added to a sum of cuts while it is expected to add so much of what there is."""
MOST_CUTS = 8
"""Cuts in a sum."""
_CONSIDERED = 40


class Needs(NamedTuple):
    """What requests need at the least on any link.

    width: int64[pair, bit rate], slots with guard band; 0 where no path is within reach or the width is above
    the slots of a link: no policy serves these. share: float64[pair, bit rate], of all requests. gbps:
    float64[bit rate]. ends: int[pair, 2], node indices. slots_by_plane: slots of a link in each plane.
    """

    width: Int64s
    share: Floats
    gbps: Floats
    ends: NDArray[np.int64]
    slots_by_plane: tuple[int, ...]

    @property
    def never(self) -> NDArray[np.bool_]:
        """bool[pair, bit rate], requests that no policy serves."""
        return np.asarray(self.width == 0)


class Resource(NamedTuple):
    """Slots that requests share.

    name: for people. capacity: slots that they can use at once. need: int64[pair, bit rate], what a request
    uses at least; 0 for requests that use none, or are counted elsewhere.
    """

    name: str
    capacity: int
    need: Int64s


def needs_of(config: Config, inputs: Inputs, scenario: Scenario) -> Needs:
    """Return what requests need at the least on any path from source to destination.

    A format that reaches along a path reaches along a shorter one, so the least width is that of the
    shortest path.
    """
    topology = inputs.topology
    number = {name: index for index, name in enumerate(topology.nodes)}
    ends = np.array([[number[a], number[b]] for a, b in scenario.pairs])
    km = least_lengths(topology, [km for _, _, km, _ in topology.ways])[ends[:, 0], ends[:, 1]]
    rates = list(config.bit_rate_shares)
    width, _ = lightpath_widths(
        inputs.modulation,
        np.round(km, 6),
        rates,
        config.topology_settings.bw_per_slot,
        channel_capacity_of(config),
    )
    traffic = scenario.traffic
    return make_needs(
        np.where(width > 0, width + scenario.lightpaths.guard_slots, 0),
        traffic.pair_shares[:, None] * traffic.bit_rate_shares[None],
        scenario.lightpaths.bit_rates_gbps[: len(rates)],
        ends,
        [plane.slots for plane in scenario.planes],
    )


def make_needs(
    width: NDArray[np.int32],
    share: Floats,
    gbps: Floats,
    ends: NDArray[np.int64],
    slots_by_plane: Sequence[int],
) -> Needs:
    """Return the needs of requests of these least widths, int32[pair, bit rate], 0 where none is in reach."""
    fits = width <= max(slots_by_plane)
    return Needs(
        np.where(fits, width, 0).astype(np.int64), share, gbps, ends, tuple(slots_by_plane)
    )


def resources_of(
    topology: Topology, needs: Needs, load: float, *, separate: bool
) -> list[Resource]:
    """Return resources of which no two count the same request, the most congested first.

    So what must be blocked at each adds up. load: offered in Erlang, to tell what is congested. separate:
    whether each direction of a link has a spectrum.
    """
    names = topology.nodes
    counted = np.zeros(len(needs.ends), dtype=np.bool_)
    found: list[Resource] = []
    sides: list[tuple[int, ...]] = []
    first = 0.0
    while len(found) < MOST_CUTS:
        mean, variance = _between(needs, ~counted, len(names), load)
        congestion = Congestion(
            topology, sum(needs.slots_by_plane), mean, variance, separate=separate
        )
        if not sides:
            sides = congested_cuts(topology, congestion, _CONSIDERED, both_ways=separate)
            if not sides:
                break
        members = np.zeros((len(sides), len(names)), dtype=np.bool_)
        for row, side in enumerate(sides):
            members[row, list(side)] = True
        scores = congestion(members)
        best = int(np.argmax(scores))
        if not found:
            first = float(scores[best])
        if not scores[best] >= first + np.log(LEAST_SHARE):
            break
        resource, across = cut_resource(topology, needs, members[best], separate=separate)
        name = _name([names[node] for node in sides[best]], len(names))
        found.append(
            resource._replace(name=name, need=np.where(counted[:, None], 0, resource.need))
        )
        counted |= across
    return found


def cut_resource(
    topology: Topology, needs: Needs, side: NDArray[np.bool_], *, separate: bool
) -> tuple[Resource, NDArray[np.bool_]]:
    """Return the slots of a cut as a resource, and bool[pair], which requests must cross it.

    side: bool[node]. separate: whether each direction has a spectrum; then only those away from the side
    count.
    """
    leaves = side[needs.ends[:, 0]] & ~side[needs.ends[:, 1]]
    across = leaves if separate else leaves | (~side[needs.ends[:, 0]] & side[needs.ends[:, 1]])
    need = np.where(across[:, None], needs.width, 0)
    cut = sum(bool(side[a]) and not side[b] for a, b, *_ in topology.ways)
    widths = np.unique(need[need > 0]).tolist()
    capacity = cut * sum(filled(slots, widths) for slots in needs.slots_by_plane)
    return Resource("", capacity, need), across


def filled(slots: int, widths: list[int]) -> int:
    """Return how many of some slots requests of these widths can fill at most."""
    reached = 1  # bit n: a sum of n slots
    for width in widths:
        step = width
        while step <= slots:  # after each round there are twice as many of this width
            reached |= reached << step
            step *= 2
    return (reached & ((1 << (slots + 1)) - 1)).bit_length() - 1


def _between(
    needs: Needs, pairs: NDArray[np.bool_], nodes: int, load: float
) -> tuple[Floats, Floats]:
    """Return mean and variance, float64[node, node], of the slots in use if nothing was blocked."""
    mean, variance = np.zeros((nodes, nodes)), np.zeros((nodes, nodes))
    rows = needs.ends[pairs]
    for into, power in ((mean, 1), (variance, 2)):
        slots = load * (needs.share * needs.width**power).sum(axis=1)
        np.add.at(into, (rows[:, 0], rows[:, 1]), slots[pairs])
    return mean, variance


def _name(side: list[str], nodes: int) -> str:
    """Return a name of a cut: the nodes on the side from which requests are counted."""
    few = 6
    shown = ", ".join(side[:few])
    return f"{shown} and {len(side) - few} more" if len(side) > few else shown
