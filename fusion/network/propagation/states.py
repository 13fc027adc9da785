"""What GNPy gives for a lightpath among those that are up: propagated link by link, as neighbours change.

GNPy propagates one spectrum along a path. Here the spectrum of each link is put together anew: the carriers
of the lightpath come with the noise that they have so far, all others as they are launched. At its beginning
a ROADM sets the power of all of them, as it does with light from several fibres.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.network.propagation.propagator import Comb, Propagator, copied

_CARRIED = (
    *("_pch", "_signal_ratio", "_nli_ratio", "_ase_ratio"),
    *("_chromatic_dispersion", "_pmd", "_pdl", "_latency"),
)
"""What a carrier brings from one link to the next, as GNPy's spectral information calls it."""


class Light(NamedTuple):
    """The carriers of a lightpath. mode: of the plant. first_slot: of the first. carriers: how many."""

    mode: int
    first_slot: int
    carriers: int


def signal_to_noise(
    propagator: Propagator,
    ways: Sequence[tuple[int, int, float, int]],
    there: Sequence[int],
    light: Light,
    beside: Sequence[Sequence[Light]],
) -> NDArray[np.float64]:
    """Return the GSNR in dB of each carrier of a lightpath, in its bandwidth: float64[carrier].

    ways: `Topology.ways`. there: those of its path. beside: the other lightpaths on each of them.
    """
    plant = propagator.plant
    own = _carriers(propagator, [light])
    added: list[Any] = []
    last = plant.sites[ways[there[0]][0]][1]
    for way, others in zip(there, beside, strict=True):
        spectrum = _carriers(propagator, [light, *others])
        at = np.searchsorted(spectrum.frequency, own.frequency - 1e3)
        _carry(own, slice(None), spectrum, at)
        element, transceiver = plant.sites[ways[way][0]]
        line = plant.lines[way]
        uids = [last, *([element] if element != transceiver else []), *line]
        end = plant.sites[ways[way][1]][0]
        for before, uid, behind in zip(uids, uids[1:], [*uids[2:], end], strict=False):
            step = (uid, before, behind) if uid in propagator.roadms else (uid, "", "")
            spectrum, more = propagator.pass_on(step, spectrum, [])
            added.extend(None if osnr is None else osnr[at] for osnr in more)
        last = line[-1]
        _carry(spectrum, at, own, slice(None))
    element, transceiver = plant.sites[ways[there[-1]][1]]
    if element != transceiver:
        step = (element, last, transceiver) if element in propagator.roadms else (element, "", "")
        own, more = propagator.pass_on(step, own, [])
        added.extend(more)
    first = propagator.first[light.mode]
    found = np.zeros((2, first + light.carriers), dtype=np.float32)
    comb = Comb(None, (light.mode,), tuple(range(light.carriers)))
    propagator.receive(comb, transceiver, own, added, found)
    return found[1, first:].astype(np.float64)


def _carriers(propagator: Propagator, lights: Sequence[Light]) -> Any:
    """Return the carriers of lightpaths as they are launched, in the order of their frequencies."""
    plant = propagator.plant
    centres: dict[int, list[float]] = {}
    for mode, first_slot, count in lights:
        slots = plant.modes[mode].slots
        starts = range(first_slot, first_slot + count * slots, slots)
        centres.setdefault(mode, []).extend(plant.band.centre(start, slots) for start in starts)
    spectrum = None
    for mode, each in sorted(centres.items()):
        more = propagator.launched(mode, sorted(each))
        spectrum = more if spectrum is None else spectrum + more
    return copied(spectrum)


def _carry(source: Any, of: Any, target: Any, to: Any) -> None:
    for name in _CARRIED:
        getattr(target, name)[to] = getattr(source, name)[of]
