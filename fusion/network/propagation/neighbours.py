"""What neighbours add to the noise of a carrier: the GN model in closed form, calibrated on GNPy's links.

On each link GNPy propagates the carriers of a mode all together, and some of them alone. The difference is
what the others add. Its ratio to the closed form for the same carriers, fitted by least squares over carriers
and modes, is the number of spans of the link: powers of the design, fibres and their lengths are in it. The
closed form is always that of one fibre; it decides alone how noise falls off with the distance.

In GNPy each noise takes its share of the power of a carrier, and what is left of the signal is a product over
all of them. So what adds is -ln(signal / power) = ln(1 + noise / signal).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.network.physics.fibre import Fibre
from fusion.network.physics.gn import cross_channel_noise
from fusion.network.propagation.plant import MOST_ALONE, Plant
from fusion.network.propagation.propagator import Propagator, Step, Walk, copied
from fusion.network.topology import Topology

_POWER = 1e-3  # W of a carrier of the first mode in the closed form


class Neighbours(NamedTuple):
    """What lightpaths add to each other's noise, by the modes of a plant.

    spans: float64[spectrum], fitted. power: float64[mode], relative to that of the first mode.
    """

    plant: Plant
    spans: NDArray[np.float64]
    power: NDArray[np.float64]

    def tables(
        self, kinds: Sequence[tuple[int, int]]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return `own` and `xci` of `kernel.records.Quality`. kinds: slots and mode of each.

        A lightpath has what its worst carrier has: from the others of the same lightpath (`own`), and from
        all carriers of another one (`xci`).
        """
        slots = self.plant.band.slots
        own = np.zeros((len(kinds), 1, slots))
        xci = np.full((len(kinds), len(kinds), 2 * slots), np.nan)
        for i, (width, mode) in enumerate(kinds):
            places = self._places(width, mode)
            between = places[:, None] - places
            apart = ~np.eye(len(places), dtype=np.bool_)
            siblings = np.zeros(between.shape)
            siblings[apart] = self._noise(mode, mode, between[apart])
            own[i] = siblings.sum(axis=1).max()
            for j, (other_width, other_mode) in enumerate(kinds):
                distance = np.arange(width + other_width, 2 * slots)
                others = self._places(other_width, other_mode)
                each = distance + others[None, :, None] - places[:, None, None]
                xci[i, j, distance] = self._noise(mode, other_mode, each).sum(axis=1).max(axis=0)
        return own, xci

    def _places(self, width: int, mode: int) -> NDArray[np.int64]:
        """Return the half slots from the centre of a lightpath to those of its carriers."""
        slots = self.plant.modes[mode].slots
        return np.arange(slots, 2 * width, 2 * slots) - width

    def _noise(self, mode: int, other: int, half_slots: NDArray[np.int64]) -> Any:
        """Return the noise to signal that a carrier adds to another in a span."""
        return closed_form(
            self.plant, mode, other, half_slots * (self.plant.band.slot_hz / 2), self.power
        )


def closed_form(
    plant: Plant,
    mode: int,
    other: int,
    spacing_hz: NDArray[np.floating[Any]],
    power: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the noise to signal of a span that a carrier has from one of another mode, by the spacing.

    power: float64[mode], relative.
    """
    own = _POWER * float(power[mode])
    noise = cross_channel_noise(
        Fibre(),
        own,
        plant.modes[mode].baud_rate,
        _POWER * float(power[other]),
        plant.modes[other].baud_rate,
        spacing_hz,
    )
    return noise / own


def line_of(plant: Plant, topology: Topology, way: int) -> Walk:
    """Return the elements of a way from site to site, which its calibration is kept by."""
    a, b = topology.ways[way][:2]
    return (plant.sites[a][0], *plant.lines[way], plant.sites[b][0])


def calibration_of(propagator: Propagator, topology: Topology, way: int) -> NDArray[np.float64]:
    """Return float64[3, mode] of a way: W of a carrier at its beginning; sums over carriers of the product of
    GNPy's noise with the closed form at equal power, and of the closed form's square.
    """
    plant = propagator.plant
    before, line = _lead_in(propagator, topology, way)
    found = np.zeros((3, len(plant.modes)))
    for mode in range(len(plant.modes)):
        centres = np.array(plant.full(mode))
        if not len(centres):
            continue
        together, found[0, mode] = _added(propagator, before, line, mode, centres)
        count = min(len(centres), MOST_ALONE)
        chosen = np.unique(np.linspace(0, len(centres) - 1, count).round().astype(np.int64))
        equal = np.ones(len(plant.modes))
        for place in chosen:
            ((alone,), _) = _added(propagator, before, line, mode, centres[place : place + 1])
            spacing = np.delete(centres, place) - centres[place]
            ours = float(closed_form(plant, mode, mode, spacing, equal).sum())
            found[1, mode] += (together[place] - alone) * ours
            found[2, mode] += ours**2
    return found


def neighbours_of(
    plant: Plant, topology: Topology, calibrations: Sequence[NDArray[np.float64]], *, separate: bool
) -> Neighbours:
    """Return what lightpaths add to each other's noise. calibrations: of each of `Topology.ways`.

    separate: whether each direction has a spectrum; otherwise the worse direction counts.
    """
    each = np.array(calibrations).reshape(-1, 3, len(plant.modes))
    used = (each[:, 0] > 0).all(axis=0)
    power = np.ones(len(plant.modes))
    if used.any():
        first = each[:, 0, used][:, :1]
        power[used] = np.exp(np.log(each[:, 0, used] / first).mean(axis=0))
    # At these powers the closed form of carriers of one mode is power² times that at equal power.
    products, squares = (each[:, 1] * power**2).sum(axis=1), (each[:, 2] * power**4).sum(axis=1)
    of_way = np.divide(products, squares, out=np.zeros(len(each)), where=squares > 0)
    spans = np.maximum(of_way, 0.0)
    if not separate:
        spans, of_way = spans[: len(topology.links)].copy(), spans
        for way in range(len(topology.links), len(topology.ways)):
            link = topology.ways[way][3]
            spans[link] = max(spans[link], of_way[way])
    return Neighbours(plant, spans, power)


def _added(
    propagator: Propagator,
    before: Sequence[Step],
    line: Sequence[Step],
    mode: int,
    centres: Sequence[float] | NDArray[np.float64],
) -> tuple[NDArray[np.float64], float]:
    """Return what the noise of a line adds to ln(1 + noise / signal) of carriers, and their mean W before."""
    carriers = copied(propagator.launched(mode, list(centres)))
    for step in before:
        carriers, _ = propagator.pass_on(step, carriers, [])
    watts, there = float(carriers.signal.mean()), np.log(carriers.pch / carriers.signal)
    for step in line:
        carriers, _ = propagator.pass_on(step, carriers, [])
    return np.log(carriers.pch / carriers.signal) - there, watts


def _lead_in(propagator: Propagator, topology: Topology, way: int) -> tuple[list[Step], list[Step]]:
    """Return the elements from where the power of carriers is set to a way, and those of the way itself.

    A ROADM or a transceiver sets it. Where lines meet at a node without either, another line comes before.
    """
    plant, ways = propagator.plant, topology.ways
    uids: list[str] = []
    here, passed = way, {way}
    while True:
        element, transceiver = plant.sites[ways[here][0]]
        uids.insert(0, element)
        if element in propagator.roadms:
            uids.insert(0, transceiver or _any_before(propagator, element))
        if element == transceiver or element in propagator.roadms:
            break
        back = [
            number
            for number, (_, end, _, link) in enumerate(ways)
            if end == ways[here][0] and number not in passed and link != ways[here][3]
        ]
        if not back:
            break
        here = back[0]
        passed.add(here)
        uids[:0] = plant.lines[here]
    line = plant.lines[way]
    uids += [*line, plant.sites[ways[way][1]][0]]
    steps = [
        (uid, before, behind) if uid in propagator.roadms else (uid, "", "")
        for before, uid, behind in zip(uids, uids[1:], uids[2:], strict=False)
    ]
    return steps[: len(steps) - len(line)], steps[len(steps) - len(line) :]


def _any_before(propagator: Propagator, uid: str) -> str:
    """Return the uid of an element from which light comes to a ROADM."""
    network = propagator.designed.network
    return str(next(iter(network.predecessors(propagator.designed.by_uid[uid]))).uid)
