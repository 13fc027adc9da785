"""The lightpaths that the original FUSION may set up on each path."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from fusion.config.sections import Config
from fusion.network.formats import Columns
from fusion.network.formats_as_fusion import by_length, first_that_reaches
from fusion.network.modulation_tables import ModulationTable
from fusion.scenario.full_needs_as_fusion import needs_full


def columns_as_fusion(
    config: Config, table: ModulationTable, length_km: NDArray[np.float64]
) -> Columns:
    """Return a column for each bit rate of requests, and with slicing one for each tier behind these.

    The loop that follows FUSION step by step has widths of its own, and here only columns of requests.
    """
    requested, tiers = list(config.bit_rate_shares), tiers_of(table)
    general, full = config.general_settings, needs_full(config)
    single = config.compatibility_settings.pre_calc_mod_selection and not full
    parts = [(by_length if single else first_that_reaches)(table, requested, length_km)]
    columns = requested
    if full:
        rates = _joined(requested, [*tiers, *general.channel_capacity.values()])
    elif general.max_segments > 1:
        parts.append(by_length(table, tiers, length_km))
        rates, columns = _joined(requested, tiers), [*requested, *tiers]
    else:
        rates = requested
    slots = np.hstack([part.slots for part in parts])
    if general.fixed_grid:
        slots = np.minimum(slots, np.int32(1))
    return Columns(
        slots,
        np.hstack([part.formats for part in parts]),
        tuple(rates),
        np.array([rates.index(rate) for rate in columns], dtype=np.int32),
    )


def tiers_of(table: ModulationTable) -> list[float]:
    """Return the bit rates of a table, in its order: those that FUSION slices requests into."""
    return [rate for rate, _ in table.bit_rates]


def _joined(first: list[float], others: Iterable[float]) -> list[float]:
    return list(dict.fromkeys([*first, *others]))
