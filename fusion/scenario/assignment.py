"""Spectrum assignment by capacity, by classes, or by splits: a config to the arrays of the event loop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.config.sections import Config
from fusion.kernel.arrays import Network
from fusion.kernel.assignment import NEAR, Assignment, Classes, Splits
from fusion.kernel.capacity import Capacity
from fusion.kernel.spectrum import WORD_BITS
from fusion.network.formats import Columns
from fusion.network.planes import Plane

GRAINS = float(1 << 40)
"""Entropies are compared in grains of 1 / GRAINS: equal ones are equal however they were added up."""


BY_CAPACITY = ("mscl",)
BY_CLASS = ("first_last_fit", "dedicated_partition")
BY_SPLITS = ("min_cuts", "min_misalignment", "min_entropy")
ASSIGNMENTS = (*BY_CAPACITY, *BY_CLASS, *BY_SPLITS)
"""Allocation methods that are not fits."""

_MOST_LISTED = 20_000_000
"""Routes that are listed for all paths together; where there would be more they are looked up by link."""

_BITS = (31, 62)
"""Of a sum in 32 and in 64 bits."""


def assignment_of(
    config: Config, network: Network, planes: Sequence[Plane], columns: Columns
) -> Assignment | None:
    """Return what a config assigns the spectrum by; None: by a fit, by impairments, or by a user's policy."""
    method = config.general_settings.allocation_method
    if config.routing_settings.policy or method not in ASSIGNMENTS:
        return None
    if method in BY_CAPACITY:
        return Assignment(capacity_of_config(config, network), None, None, None)
    slots = np.array([plane.slots for plane in planes])
    if method in BY_CLASS:
        return Assignment(None, None, classes_of(config, network, slots, columns), None)
    return Assignment(None, None, None, splits_of(method, network, slots))


def capacity_of_config(config: Config, network: Network) -> Capacity:
    """Return the routes whose capacity counts for a config, as `capacity_of` does."""
    routing = config.routing_settings
    return capacity_of(
        network,
        abs(network.width[network.width_row, : len(config.bit_rate_shares)]),
        routing.interfering_routes,
        all_widths=routing.capacity_widths == "all",
    )


def classes_of(
    config: Config, network: Network, slots: NDArray[np.int64], columns: Columns
) -> Classes:
    """Return the classes of requests: by bit rate, in steps of equal size from the lowest to the highest.

    slots: int64[plane]. first_last_fit: the first, third, ... class takes the lowest start, the others the
    highest; with two classes that is the pseudo partitioning of R. Wang, B. Mukherjee, "Spectrum management
    in heterogeneous bandwidth optical networks", Optical Switching and Networking 11A, 2014, pp. 83-91.
    dedicated_partition, also theirs: each class has slots of its own, lowest class first, as many as its
    share of the slots that are asked for on first paths, rounded; and takes the lowest start.
    """
    gbps = columns.gbps
    number = config.routing_settings.spectrum_classes
    lowest, highest = min(config.bit_rate_shares), max(config.bit_rate_shares)
    step = (highest - lowest) / number or 1.0
    # The upper end of a class belongs to it.
    klass = np.clip(np.ceil((gbps - lowest) / step).astype(np.int64) - 1, 0, number - 1)
    from_top = klass % 2 == 1
    low = np.zeros((len(slots), len(gbps)), dtype=np.int32)
    high = np.repeat(slots[:, np.newaxis], len(gbps), axis=1).astype(np.int32)
    if config.general_settings.allocation_method == "dedicated_partition":
        from_top = np.zeros(len(gbps), dtype=np.bool_)
        first = network.width_row[network.first_path[:-1]]
        shares = np.array(list(config.bit_rate_shares.values()))
        asked = abs(network.width[first, : len(shares)]).mean(axis=0) * shares
        parts = np.bincount(klass[: len(shares)], asked, minlength=number)
        ends = np.concatenate([[0.0], np.cumsum(parts) / max(parts.sum(), 1e-300)])
        edges = np.rint(slots[:, np.newaxis] * ends).astype(np.int32)
        low, high = edges[:, klass], edges[:, klass + 1]
    return Classes(
        np.ascontiguousarray(low), np.ascontiguousarray(high), np.ascontiguousarray(from_top)
    )


def splits_of(method: str, network: Network, slots: NDArray[np.int64]) -> Splits:
    """Return what it costs to split free blocks. slots: int64[plane].

    min_cuts: by how many the free blocks on the links of the path become more; one that is filled counts as
    one less. min_misalignment: that, and of equal ones the slots that are free on neighbouring links less
    those that are taken there (Y. Yin, H.
    Zhang, M. Zhang, M. Xia, Z. Zhu, S. Dahlfort, S. J. B. Yoo, "Spectral and spatial 2D fragmentation-aware
    routing and spectrum assignment algorithms in elastic optical networks", J. Opt. Commun. Netw. 5(10),
    2013, pp. A100-A106). Neighbouring: next to a link of the path on any candidate path, and not on the path.
    min_entropy: by how much the entropy of the links grows, - sum (n / slots) ln(n / slots) over free blocks
    of n slots (P. Wright, M. C. Parker, A. Lord, "Minimum- and maximum-entropy routing and spectrum
    assignment for flexgrid elastic optical networking", J. Opt. Commun. Netw. 7(1), 2015, pp. A66-A72).
    """
    sizes = network.spectrum.shape[2] * WORD_BITS
    cost = np.zeros((len(slots), sizes + 1), dtype=np.int64)
    first_near, near = np.zeros(1, dtype=np.int32), np.empty(0, dtype=np.int32)
    for plane, total in enumerate(slots.tolist()):
        for size in range(1, sizes + 1):
            cost[plane, size] = NEAR
            if method == "min_entropy":
                share = size / total
                cost[plane, size] = round(-share * math.log(share) * GRAINS)
    if method == "min_misalignment":
        first_near, near = _near(network)
    return Splits(cost, method == "min_misalignment", first_near, near)


def _near(network: Network) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the neighbouring links of each path, see `Splits`."""
    routes = [network.links[hop:end].tolist() for hop, end in pairwise(network.first_hop.tolist())]
    beside: list[set[int]] = [set() for _ in range(network.spectrum.shape[1])]
    for route in routes:
        for one, other in pairwise(route):
            beside[one].add(other)
            beside[other].add(one)
    lists = [
        sorted(set().union(*(beside[link] for link in route)) - set(route)) for route in routes
    ]
    first = np.cumsum([0, *map(len, lists)]).astype(np.int32)
    return first, np.array([link for each in lists for link in each], dtype=np.int32)


def capacity_of(
    network: Network, counted: NDArray[np.int32], interfering_routes: int, *, all_widths: bool
) -> Capacity:
    """Return the routes whose capacity counts, and the tables of what it is.

    counted: int32[path, any], the widths of requests on each path, with guard bands; 0: out of reach.
    interfering_routes: the first so many candidates of each pair; 0: all. all_widths: count every width up to
    the widest, on all routes. Raises ValueError where the sums could get too large.
    """
    paths = len(network.first_hop) - 1
    words = network.spectrum.shape[2]
    slots = words * WORD_BITS
    if all_widths:
        sets = [tuple(range(1, int(counted.max(initial=0)) + 1))]
        kind = np.zeros(paths, dtype=np.int32)
    else:
        of_path = [tuple(np.unique(row[row > 0]).tolist()) for row in counted]
        sets = sorted(set(of_path))
        place = {each: index for index, each in enumerate(sets)}
        kind = np.array([place[each] for each in of_path], dtype=np.int32)
    rank = np.arange(paths) - np.repeat(network.first_path[:-1], np.diff(network.first_path))
    reached = (counted > 0).any(axis=1)
    route = np.flatnonzero(reached & ((rank < interfering_routes) | (interfering_routes == 0)))
    own = np.full(paths, -1, dtype=np.int32)
    own[route] = np.arange(len(route))
    by_path, first_over, over = _interference(network, route, own)
    length = np.arange(slots + 1)
    f = np.zeros((len(sets), slots + 1), dtype=np.int64)
    for index, widths in enumerate(sets):
        for width in widths:
            f[index] += np.maximum(length - width + 1, 0)
    g = np.diff(f, axis=1)
    # Of the sums over routes: bits of H, and of T above them.
    most = len(route) + 1
    if by_path:
        most = int(np.diff(first_over).max(initial=0)) + 1
    half = (most * int(g.max(initial=0))).bit_length()
    bits = half + (most * int(f.max(initial=0))).bit_length()
    if bits > _BITS[-1]:
        raise ValueError("too many interfering routes for so many slots and widths")
    dtype: type[np.signedinteger[Any]] = np.int32 if bits <= _BITS[0] else np.int64
    to_end = g - (f[:, 1:] << half)  # [kind, n - 1]
    return Capacity(
        route=route.astype(np.int32),
        own=own,
        by_path=by_path,
        first_over=first_over,
        over=over,
        kind=kind,
        half=half,
        whole=(f << half).astype(dtype),
        to_end=np.ascontiguousarray(to_end[:, ::-1].astype(dtype)),
        seen=np.zeros(len(route) + 1, dtype=np.int64),
        met=np.zeros(len(route), dtype=np.int32),
        starts=np.zeros(words, dtype=np.uint64),
        common=np.zeros((1, 1, words), dtype=np.uint64),
        total=np.zeros(slots, dtype=dtype),
    )


def _interference(
    network: Network, route: NDArray[np.intp], own: NDArray[np.int32]
) -> tuple[bool, NDArray[np.int32], NDArray[np.int32]]:
    """Return the routes that have a link in common with each path, or if they are many those over each link.

    See `Capacity.by_path`.
    """
    paths, links = len(network.first_hop) - 1, network.spectrum.shape[1]
    path_of_hop = np.repeat(np.arange(paths), np.diff(network.first_hop))
    uses = np.zeros((links, len(route)), dtype=np.bool_)
    tracked = own[path_of_hop] >= 0
    uses[network.links[tracked], own[path_of_hop[tracked]]] = True
    by_link = [np.flatnonzero(row) for row in uses]
    total = sum(len(by_link[link]) for link in network.links.tolist())
    by_path = total <= _MOST_LISTED
    lists = by_link
    if by_path:
        lists = [
            np.flatnonzero(uses[network.links[hop:end]].any(axis=0))
            for hop, end in pairwise(network.first_hop.tolist())
        ]
    first = np.cumsum([0, *map(len, lists)]).astype(np.int32)
    over = np.concatenate([np.empty(0, dtype=np.intp), *lists]).astype(np.int32)
    return by_path, first, over
