"""The lightpaths that are possible on each path, as columns of `Network.width`.

Without a model of signal quality there is a column for each bit rate, in the first format that reaches. With
one more columns follow, each a bit rate in one format, and a table says which are tried for a bit rate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fusion.network.modulation import ModulationTable, first_in_reach, lightpath_formats, value_of
from fusion.network.modulation_tables import Entry


class FormatOptions(NamedTuple):
    """The formats that lightpaths of some bit rates may take.

    slots, format: int32[path, column], 0 and -1 where out of reach; slots without guard band. rate:
    int32[column], index into `bit_rates_gbps`. entry: by column, its format or None. options: int32[column,
    option], the columns to try for one, -1 behind the last. any_rate: a column for a channel of whatever its
    format carries, or -1. bit_rates_gbps: of lightpaths; those given come first.
    """

    slots: NDArray[np.int32]
    format: NDArray[np.int32]
    rate: NDArray[np.int32]
    entry: tuple[Entry | None, ...]
    options: NDArray[np.int32]
    any_rate: int
    bit_rates_gbps: tuple[float, ...]


class Columns(NamedTuple):
    """What lightpaths of some bit rates are on each path: a column for each of these, or more.

    slots, format: int32[path, column], 0 and -1 where out of reach; slots without guard band. bit_rates_gbps:
    of lightpaths; those of requests come first. rate: int32[column], index into these. format_options: which
    columns are tried in place of one, where signal quality decides; None: none.
    """

    slots: NDArray[np.int32]
    format: NDArray[np.int32]
    bit_rates_gbps: tuple[float, ...]
    rate: NDArray[np.int32]
    format_options: FormatOptions | None = None

    @property
    def gbps(self) -> NDArray[np.float64]:
        """float64[column], its bit rate."""
        return np.array(self.bit_rates_gbps, dtype=np.float64)[self.rate]


def make_format_options(
    table: ModulationTable,
    length_km: ArrayLike,
    bit_rates_gbps: Sequence[float],
    slot_width_ghz: float,
    *,
    channel_capacity: Mapping[str, float] | None,
    fills_channels: bool,
) -> FormatOptions:
    """Return the columns for some bit rates, which are the first of them.

    channel_capacity: as for `modulation.lightpath_formats`, which says what is raised. fills_channels:
    whether a lightpath has the capacity of its format, and not the bit rate that was asked for; in a fixed
    grid only.
    """
    choices = lightpath_formats(table, bit_rates_gbps, slot_width_ghz, channel_capacity)
    rates = list(bit_rates_gbps)
    capacity: list[float] = []
    if fills_channels:
        capacity = [value_of(channel_capacity or {}, each.name) or 0.0 for each in table.formats]
        rates += sorted({value for value in capacity if value not in rates})
        # The format that carries most first.
        choices = [sorted(each, key=lambda one: -capacity[one.format]) for each in choices]
    bases: list[Sequence[Entry]] = [*choices, *([()] * (len(rates) - len(choices)))]
    any_rate = -1
    if fills_channels:
        any_rate = len(bases)
        every = {(one.format, one.reach_km): one for each in choices for one in each}
        bases.append(sorted(every.values(), key=lambda one: (-capacity[one.format], one.reach_km)))
    columns: dict[tuple[int, Entry], int] = {}
    options: list[list[int]] = []
    for base, entries in enumerate(bases):
        tried = []
        for one in entries:
            rate = rates.index(capacity[one.format]) if fills_channels else base
            tried.append(len(bases) + columns.setdefault((rate, one), len(columns)))
        options.append(tried)
    slots, formats = first_in_reach([*bases, *([one] for _, one in columns)], length_km)
    most = max(1, *map(len, options))
    return FormatOptions(
        slots=slots,
        format=formats,
        rate=np.array(
            [*range(len(rates)), *([0] * (any_rate >= 0)), *(rate for rate, _ in columns)],
            dtype=np.int32,
        ),
        entry=(*([None] * len(bases)), *(one for _, one in columns)),
        options=np.array(
            [[*tried, *([-1] * (most - len(tried)))] for tried in options]
            + [[-1] * most] * len(columns),
            dtype=np.int32,
        ),
        any_rate=any_rate,
        bit_rates_gbps=tuple(rates),
    )
