"""Cores and bands of the links: the planes in which the search for slots takes place, in its order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fusion.config.config import Config
from fusion.network.cores import apart

BANDS = ("c", "l", "s", "o", "e")

KEEP_APART = ("priority_first", "priority_last", "xt_aware")
"""Allocation methods that search the cores in an order in which neighbours come late."""


class Plane(NamedTuple):
    """One core and one band of every link; where the search for slots takes place."""

    core: int
    band: str
    slots: int


def planes_of(config: Config) -> tuple[Plane, ...]:
    """Return the planes in order of search: cores outer and bands inner, or with BSC the reverse."""
    spectrum = config.spectrum_settings
    slots = [(band, getattr(spectrum, f"{band}_band")) for band in BANDS]
    bands = [(band, count) for band, count in slots if count]
    cores: Sequence[int] = range(config.topology_settings.cores_per_link)
    has_user_policy = bool(config.routing_settings.policy)
    if not has_user_policy and config.general_settings.allocation_method in KEEP_APART:
        # The conventions have one order, of seven cores; further ones stay dark.
        as_fusion = config.compatibility_settings.conventions != "none"
        if len(cores) > 1:
            cores = apart(7 if as_fusion else len(cores))
    if config.general_settings.spectrum_priority == "BSC":
        return tuple(Plane(core, band, count) for band, count in bands for core in cores)
    return tuple(Plane(core, band, count) for core in cores for band, count in bands)
