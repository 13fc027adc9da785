"""The slices by which the original FUSION serves a request."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fusion.config.sections import Config
from fusion.kernel.records import Service
from fusion.network.modulation_tables import ModulationTable
from fusion.scenario.columns_as_fusion import tiers_of

NEVER_SLICED = 25.0
"""A request of this bit rate is not sliced, whatever the table has below it."""


def service_as_fusion(config: Config, service: Service, table: ModulationTable) -> Service:
    """Return a service with the slices that FUSION takes."""
    return service._replace(slices=segments(list(config.bit_rate_shares), tiers_of(table)))


def segments(requested: Sequence[float], tiers: Sequence[float]) -> NDArray[np.int32]:
    """Return `Service.slices`: tiers below the bit rate, highest first, and how often they are in it.

    The column of tier t is len(requested) + t.
    """
    table = np.zeros((len(requested), len(tiers), 2), dtype=np.int32)
    order = sorted(range(len(tiers)), key=lambda tier: -tiers[tier])
    for row, rate in enumerate(requested):
        below = [tier for tier in order if tiers[tier] < rate != NEVER_SLICED]
        for option, tier in enumerate(below):
            table[row, option] = len(requested) + tier, int(rate / tiers[tier])
    return table
