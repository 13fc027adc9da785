"""What is measured of each link, and the columns that it has in tables and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class LinkStatistics(NamedTuple):
    """Means of each link: float64[link]. `utilisation`, then those in `fusion.kernel.link_samples`.

    LINK_COLUMNS says what they are.
    """

    utilisation: Floats
    fragmentation: Floats


class LinkColumn(NamedTuple):
    """A column of links.csv with its interval.

    meaning: for the docs. scale: what a picture says of the ends of its scale.
    """

    meaning: str
    scale: str


LINK_COLUMNS: Mapping[str, LinkColumn] = {
    "utilisation": LinkColumn(
        meaning="share of slots in use, guard bands included; mean over time",
        scale="0: empty, 1: full",
    ),
    "fragmentation": LinkColumn(
        meaning="1 - largest free block / free slots, 0 for a full link; mean over cores, bands, and "
        "samples (`frag_calc_step`)",
        scale="0: one free block",
    ),
}
"""Field of `LinkStatistics` -> its column."""
