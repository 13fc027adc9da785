"""What is sampled of links: one table for all event loops.

To add a statistic, add its name here with its value, and its column in `fusion/results/link_statistics.py`.
"""

from __future__ import annotations

from typing import Any

from fusion.kernel import inner

SAMPLED = ("fragmentation",)
"""The statistics, in the order of their values."""


@inner
def values_of_plane(slots: int, free: int, largest: int) -> Any:
    """Return the value of each statistic for one plane of a link, as a tuple of floats.

    slots: of the plane, >= 1. free: those of them that are free. largest: of the free blocks, in slots.
    """
    fragmentation = 1.0 - largest / free if free > 0 else 0.0
    return (fragmentation,)
