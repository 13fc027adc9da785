"""Slots and cores that links have, where they have fewer than the configuration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fusion.config.sections import HOME, Config
from fusion.network.planes import Plane

if TYPE_CHECKING:
    from fusion.network.topology import Topology

_WORD_BITS = 64


def slots_of_links(
    topology: Topology, planes: Sequence[Plane], link_of: Sequence[int]
) -> NDArray[np.int64] | None:
    """Return int64[plane, spectrum], slots from the lowest up; None where each link has all of a plane.

    link_of: of each spectrum, its link.
    """
    if not topology.link_limits:
        return None
    slots = np.empty((len(planes), len(link_of)), dtype=np.int64)
    for spectrum, link in enumerate(link_of):
        limits = dict(topology.link_limits[link])
        for place, plane in enumerate(planes):
            has_core = plane.core < limits.get("cores_per_link", plane.core + 1)
            has = min(plane.slots, limits.get(f"{plane.band}_band", plane.slots))
            slots[place, spectrum] = has if has_core else 0
    return slots


def masked(spectrum: NDArray[np.uint64], slots: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return a spectrum, uint64[plane, spectrum, word], without the slots that links do not have."""
    first = np.arange(spectrum.shape[2]) * _WORD_BITS
    bits = np.clip(slots[:, :, np.newaxis] - first, 0, _WORD_BITS).astype(np.uint64)
    shift = np.minimum(np.uint64(_WORD_BITS) - bits, np.uint64(_WORD_BITS - 1))
    words = np.where(bits == 0, np.uint64(0), np.uint64(0xFFFF_FFFF_FFFF_FFFF) >> shift)
    return np.ascontiguousarray(spectrum & words)


def limits_above(config: Config, topology: Topology) -> Iterator[tuple[str, str]]:
    """Yield (key, message) where a link has more than the configuration, which has the most of all links."""
    for key in dict.fromkeys(key for limits in topology.link_limits for key, _ in limits):
        most = int(getattr(getattr(config, HOME[key]), key))
        having = [(dict(limits).get(key, 0), i) for i, limits in enumerate(topology.link_limits)]
        number, link = max(having)
        if number > most:
            a, b, _ = topology.links[link]
            ends = f"{topology.nodes[a]} - {topology.nodes[b]}"
            yield key, f"must be at least {number}, which link {ends} of the network has"
