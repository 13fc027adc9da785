"""The arrays of a way of serving requests: slices, and lightpaths and paths of the same two nodes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fusion.kernel.records import Service
from fusion.network.paths import PathTable
from fusion.network.slicing import PER_GBPS, slices


def make_service(
    paths: PathTable,
    bit_rates_gbps: Sequence[float],
    requested: int,
    *,
    max_segments: int,
    grooms: bool,
    partial: bool,
    separate_directions: bool,
    uneven: bool = False,
) -> Service:
    """Return the arrays of a way of serving requests, in which any signal quality is good.

    bit_rates_gbps: of the columns of `Network.width`, in Gb/s; requests have the first `requested` of them,
    and lightpaths may have any. separate_directions: whether the directions of a link have spectra of their
    own; if not, a lightpath serves the pair of nodes both ways. uneven: whether the slices of a request may
    have bit rates that differ.
    """
    rates = np.rint(np.asarray(bit_rates_gbps) * PER_GBPS).astype(np.int64)
    units = rates.tolist()
    options = [
        [] if uneven else slices(units, rate, max_segments, partial=partial)
        for rate in units[:requested]
    ]
    table = np.zeros((requested, max(1, *map(len, options)), 2), dtype=np.int32)
    for row, of_rate in enumerate(options):
        if of_rate:
            table[row, : len(of_rate)] = of_rate
    tiers = [
        [index for index, _ in slices(units, rate, 0, partial=True)] for rate in units[:requested]
    ]
    most = max(1, *map(len, tiers))
    groups: dict[tuple[int, int], int] = {}
    routes: dict[tuple[int, tuple[int, ...]], int] = {}
    group, route = [], []
    for pair, (source, destination) in enumerate(paths.pairs.tolist()):
        ends = (source, destination)
        if not separate_directions:
            ends = min(ends, ends[::-1])
        group.append(groups.setdefault(ends, len(groups)))
        for path in range(paths.first_path[pair], paths.first_path[pair + 1]):
            links = tuple(paths.links[paths.first_hop[path] : paths.first_hop[path + 1]].tolist())
            if not separate_directions:
                links = min(links, links[::-1])
            route.append(routes.setdefault((group[-1], links), len(routes)))
    return Service(
        slices=table,
        max_segments=max_segments,
        grooms=grooms,
        partial=partial,
        rate=rates,
        group=np.array(group, dtype=np.int32),
        route=np.array(route, dtype=np.int32),
        tiers=np.array([[*each, *([-1] * (most - len(each)))] for each in tiers], dtype=np.int32)
        if uneven
        else np.zeros((0, 0), dtype=np.int32),
        quality=None,
    )


def plain_service(pairs: int, paths: int, rates: Sequence[float], requested: int) -> Service:
    """Return the way of serving each request by one lightpath of its own, of any signal quality.

    rates, requested: `bit_rates_gbps` and `requested` of `make_service`.
    """
    return Service(
        slices=np.zeros((requested, 1, 2), dtype=np.int32),
        max_segments=1,
        grooms=False,
        partial=False,
        rate=np.rint(np.asarray(rates) * PER_GBPS).astype(np.int64),
        group=np.arange(pairs, dtype=np.int32),
        route=np.zeros(paths, dtype=np.int32),
        tiers=np.zeros((0, 0), dtype=np.int32),
        quality=None,
    )
