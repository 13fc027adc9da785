"""Candidate paths as GNPy's elements, and what came of them as arrays of the event loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.network.paths import PathTable
from fusion.network.propagation.plant import CURRENT, Plant
from fusion.network.propagation.propagator import Signal, Walk
from fusion.network.quality_file import FromFile
from fusion.network.topology import Topology

_AT_ONCE = 1000  # paths, so that what is between the arrays stays small


def walks_of(
    plant: Plant, topology: Topology, paths: PathTable, *, separate: bool
) -> list[tuple[Walk, ...]]:
    """Return the elements that carry each path: its own way, and with shared directions also the way back.

    separate: whether a path has one direction; `PathTable.links` are then places in `Topology.ways`.
    """
    ways = topology.ways
    return [
        tuple(walk_over(plant, ways, there) for there in each)
        for each in ways_of(topology, paths, separate=separate)
    ]


def ways_of(
    topology: Topology, paths: PathTable, *, separate: bool
) -> list[tuple[tuple[int, ...], ...]]:
    """Return places in `Topology.ways` of each path: its own, and with shared directions those back."""
    ways = topology.ways
    back = {link: number for number, (*_, link) in enumerate(ways) if number >= len(topology.links)}
    found: list[tuple[tuple[int, ...], ...]] = []
    for pair, (source, _) in enumerate(paths.pairs.tolist()):
        for path in range(paths.first_path[pair], paths.first_path[pair + 1]):
            hops = paths.links[paths.first_hop[path] : paths.first_hop[path + 1]].tolist()
            there, here = [], source
            for hop in hops:
                way = hop
                if not separate and ways[hop][0] != here:
                    way = back[hop]
                there.append(way)
                here = ways[way][1]
            own = tuple(there)
            if separate:
                found.append((own,))
                continue
            opposite = [back.get(way, ways[way][3]) for way in reversed(there)]
            found.append((own, tuple(opposite)))
    return found


def walk_over(
    plant: Plant, ways: Sequence[tuple[int, int, float, int]], there: Sequence[int]
) -> Walk:
    """Return the uids from transceiver to transceiver over some ways."""
    uids: list[str] = []
    nodes = [ways[there[0]][0], *(ways[way][1] for way in there)]
    for place, node in enumerate(nodes):
        element, transceiver = plant.sites[node]
        if place == 0:
            uids.append(transceiver)
        if element != transceiver:
            uids.append(element)
        if place < len(there):
            uids.extend(plant.lines[there[place]])
        else:
            uids.append(transceiver)
    return tuple(uids)


def quality_of_walks(
    plant: Plant, walks: Sequence[Sequence[Walk]], signals: Mapping[Walk, Signal]
) -> FromFile:
    """Return which mode works where, by path, mode and first slot, in the form of the event loop.

    Between the centres of two channels both are interpolated; beyond the last centre they stay the same.
    Of several walks of a path the worse one counts in each channel. Where channels are propagated alone the
    greatest ratio with which a mode works comes with it.
    """
    band = plant.band
    ratio = np.ones((len(walks), len(plant.modes), 1, band.slots))
    rank = np.zeros(ratio.shape, dtype=np.int8)
    has_limit = plant.load == CURRENT
    limit = np.zeros(ratio.shape if has_limit else (0, 0, 0, 0))
    worst = np.empty((len(walks), 2, sum(plant.channels)), dtype=np.float32)
    for path, each in enumerate(walks):
        of_walks = [signals[walk] for walk in each]
        np.minimum.reduce(of_walks, out=worst[path])
        if len(of_walks) > 1 and has_limit:  # of two directions, each may need more than the other
            needed = np.maximum.reduce([snr - margin for margin, snr in of_walks])
            worst[path, 0] = worst[path, 1] - needed
    first = np.cumsum([0, *plant.channels]).tolist()
    for number, mode in enumerate(plant.modes):
        starts = band.slots - mode.slots + 1
        centres = np.array(plant.centres(number))
        if starts < 1 or not len(centres):
            continue
        at = band.first_hz + (np.arange(starts) + mode.slots / 2) * band.slot_hz
        below, share = _between(centres, at)
        above = np.minimum(below + 1, len(centres) - 1)
        for begin in range(0, len(walks), _AT_ONCE):
            some = slice(begin, begin + _AT_ONCE)
            of_mode = worst[some, :, first[number] : first[number + 1]].astype(np.float64)
            margin, snr = np.moveaxis(
                of_mode[:, :, below] * (1.0 - share) + of_mode[:, :, above] * share, 1, 0
            )
            rank[some, number, 0, :starts] = margin >= 0.0
            ratio[some, number, 0, :starts] = 10.0 ** (-snr / 10.0)
            if has_limit:
                limit[some, number, 0, :starts] = 10.0 ** ((margin - snr) / 10.0)
    return FromFile(ratio, rank, tuple(mode.slots for mode in plant.modes), limit)


def _between(
    centres: NDArray[np.floating[Any]], at: NDArray[np.floating[Any]]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the channel below each frequency, and the share of the one above: 0 within 1 kHz of a centre."""
    below = np.clip(np.searchsorted(centres, at + 1e3, side="right") - 1, 0, len(centres) - 1)
    above = np.minimum(below + 1, len(centres) - 1)
    gap = np.where(above > below, centres[above] - centres[below], 1.0)
    share = np.clip((at - centres[below]) / gap, 0.0, 1.0)
    share[np.abs(at - centres[below]) <= 1e3] = 0.0
    return below, np.where(above > below, share, 0.0)
