"""Which modulation format the original FUSION gives a lightpath.

FUSION looks at the length of a path in two ways.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.network.modulation_tables import Entry, ModulationTable

BY_LENGTH = ("QPSK", "16-QAM", "64-QAM")
"""The formats that a choice by length knows, the one that reaches farthest first."""


class Widths(NamedTuple):
    """int32[path, column] each: slots without guard band, 0 where none reaches; format, -1 where none."""

    slots: NDArray[np.int32]
    formats: NDArray[np.int32]


def first_that_reaches(
    table: ModulationTable, rates: Sequence[float], length_km: NDArray[np.float64]
) -> Widths:
    """Return for each path and bit rate the format with the shortest reach that is enough.

    FUSION goes on to the formats of longer reach where there is no room. In a table that `table_limits` lets
    pass these take no fewer slots, so they have no room either.
    """
    widths = _none(len(length_km), len(rates))
    for column, rate in enumerate(rates):
        for entry in reversed(by_reach(table, rate)):
            _give(widths, column, length_km <= entry.reach_km, entry)
    return widths


def by_length(
    table: ModulationTable, rates: Sequence[float], length_km: NDArray[np.float64]
) -> Widths:
    """Return for each path and bit rate the one format that FUSION takes by length.

    With reaches r: QPSK if r16 < L <= rQ, or else 16-QAM if r64 < L <= r16, or else 64-QAM if L <= r64.
    """
    widths = _none(len(length_km), len(rates))
    for column, rate in enumerate(rates):
        entries = {table.formats[entry.format].name: entry for entry in entries_of(table, rate)}
        qpsk, qam_16, qam_64 = (entries[name] for name in BY_LENGTH)
        above_64, above_16 = length_km > qam_64.reach_km, length_km > qam_16.reach_km
        _give(widths, column, ~above_64, qam_64)
        _give(widths, column, above_64 & ~above_16, qam_16)
        _give(widths, column, above_16 & (length_km <= qpsk.reach_km), qpsk)
    return widths


def by_reach(table: ModulationTable, rate: float) -> list[Entry]:
    """Return the entries of a bit rate by reach, those of equal reach in the order of the table."""
    return sorted(entries_of(table, rate), key=lambda entry: entry.reach_km)


def entries_of(table: ModulationTable, rate: float) -> tuple[Entry, ...]:
    """Return the entries of a bit rate, in the order of the table."""
    return dict(table.bit_rates)[rate]


def _none(paths: int, columns: int) -> Widths:
    slots = np.zeros((paths, columns), dtype=np.int32)
    return Widths(slots, np.full_like(slots, -1))


def _give(widths: Widths, column: int, where: NDArray[np.bool_], entry: Entry) -> None:
    widths.slots[where, column] = entry.slots
    widths.formats[where, column] = entry.format
