"""Choose the modulation format of a lightpath by its length, and the slots it takes."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from fusion.config.problems import show
from fusion.network.modulation_tables import (
    FUSION_SLOT_WIDTH_GHZ,
    Entry,
    ModulationError,
    ModulationFormat,
    ModulationTable,
    load_modulation,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "FUSION_SLOT_WIDTH_GHZ",
    "LengthSteps",
    "ModulationError",
    "ModulationFormat",
    "ModulationTable",
    "bits_per_symbol",
    "bits_per_symbol_steps",
    "first_in_reach",
    "lightpath_formats",
    "lightpath_widths",
    "load_modulation",
    "value_of",
]

_PER_UNIT = 1_000_000
"""km, Gb/s, GHz and bits per symbol are compared and divided as integers of 1e-6."""
_ANY_LENGTH = 2**62
_MOST_SLOTS = 1_000_000


@dataclass(frozen=True)
class LengthSteps:
    """Mean bits per symbol as a function of km: bits[i] up to and including reach_km[i], then 0."""

    reach_km: tuple[float, ...]
    bits: tuple[float, ...]

    def __call__(self, length_km: float) -> float:
        """Return the mean bits per symbol at a length, 0 where no format reaches."""
        step = bisect_left(self.reach_km, round(length_km * _PER_UNIT) / _PER_UNIT)
        return self.bits[step] if step < len(self.bits) else 0.0


def lightpath_widths(
    table: ModulationTable,
    length_km: ArrayLike,
    bit_rates_gbps: Sequence[float],
    slot_width_ghz: float,
    channel_capacity: Mapping[str, float] | None = None,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return slots int32[path, class] and format int32[path, class] for each path and bit rate.

    Of the formats that reach as far as the path is long, the one with the fewest slots is taken, of
    equals the one with the shortest reach. Slots are without guard band, 0 where no format reaches;
    formats are indices into table.formats, -1 where none reaches. length_km: float64[path].
    channel_capacity: see `lightpath_formats`, which says what is raised, too.
    """
    choices = lightpath_formats(table, bit_rates_gbps, slot_width_ghz, channel_capacity)
    return first_in_reach(choices, length_km)


def lightpath_formats(
    table: ModulationTable,
    bit_rates_gbps: Sequence[float],
    slot_width_ghz: float,
    channel_capacity: Mapping[str, float] | None = None,
) -> list[list[Entry]]:
    """Return for each bit rate the formats in order of preference, with their slots.

    channel_capacity: format -> Gb/s, in a fixed grid: each lightpath has one slot, and formats that carry
    less than the bit rate are left out. None: the flexible grid.

    Raise ModulationError for bit rates that a listed table lacks, for a format without a capacity, and
    in the flexible grid for slots that are not of the width the table was counted in: scaled numbers would
    not be the ones its author would have found.
    """
    if channel_capacity is None:
        return _choices(table, bit_rates_gbps, slot_width_ghz)
    capacity = [value_of(channel_capacity, each.name) for each in table.formats]
    missing = [
        f"{table.name}: {show(each.name)}: channel_capacity does not have this format"
        for each, value in zip(table.formats, capacity, strict=True)
        if value is None
    ]
    if missing:
        raise ModulationError(missing)
    width = (
        table.slot_width_ghz or slot_width_ghz
    )  # slots are channels here, whatever the table counts
    return [
        sorted(
            (
                entry._replace(slots=1)
                for entry in entries
                if _micro(capacity[entry.format] or 0.0) >= _micro(rate)
            ),
            key=_preference,
        )
        for rate, entries in zip(
            bit_rates_gbps, _choices(table, bit_rates_gbps, width), strict=True
        )
    ]


def first_in_reach(
    choices: Sequence[Sequence[Entry]], length_km: ArrayLike
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return slots and format int32[path, class] of the first entry of each class that reaches."""
    slots, formats, step = _by_step(choices, length_km)
    return slots[step], formats[step]


def counted_widths(
    choices: Sequence[Sequence[Entry]], length_km: ArrayLike
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the rows of slots that `first_in_reach` has, int32[row, class], and the paths of each."""
    slots, _, step = _by_step(choices, length_km)
    return slots, np.bincount(step, minlength=len(slots)).astype(np.int64)


def _by_step(
    choices: Sequence[Sequence[Entry]], length_km: ArrayLike
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
    """Return slots and format int32[step, class] from one reach to the next, and int64[path], its step."""
    micro_km = np.rint(np.asarray(length_km, dtype=np.float64) * _PER_UNIT).astype(np.int64)
    # Between two reaches all lengths have the same, so each step is looked at once.
    steps = sorted({_micro(entry.reach_km) for entries in choices for entry in entries})
    slots = np.zeros((len(steps) + 1, len(choices)), dtype=np.int32)
    formats = np.full_like(slots, -1)
    for column, entries in enumerate(choices):
        for entry in reversed(entries):
            within = bisect_right(steps, _micro(entry.reach_km))
            slots[:within, column] = entry.slots
            formats[:within, column] = entry.format
    return slots, formats, np.searchsorted(np.array(steps, dtype=np.int64), micro_km)


def value_of(by_format: Mapping[str, float], name: str) -> float | None:
    """Return the number of a format, by its name in capitals and without hyphens, or None."""
    plain = name.upper().replace("-", "")
    return next(
        (value for key, value in by_format.items() if key.upper().replace("-", "") == plain), None
    )


def bits_per_symbol(
    table: ModulationTable,
    length_km: float,
    bit_rates_gbps: Sequence[float],
    shares: Sequence[float],
    slot_width_ghz: float = FUSION_SLOT_WIDTH_GHZ,
) -> float:
    """Return the mean over the bit rates of the bits per symbol of the format chosen for them.

    shares: how often each bit rate is asked for, to any sum. A bit rate out of reach counts as 0.
    Raise ModulationError as `bits_per_symbol_steps` does, which is faster for many lengths.
    """
    rates, weights = tuple(map(float, bit_rates_gbps)), tuple(map(float, shares))
    return bits_per_symbol_steps(table, rates, weights, float(slot_width_ghz))(length_km)


@lru_cache(maxsize=8)
def bits_per_symbol_steps(
    table: ModulationTable,
    bit_rates_gbps: tuple[float, ...],
    shares: tuple[float, ...],
    slot_width_ghz: float = FUSION_SLOT_WIDTH_GHZ,
) -> LengthSteps:
    """Return the mean bits per symbol as a function of the length, which it never rises with.

    Raise ModulationError as `lightpath_widths` does, and for a table in which a format's bits are
    not known or longer paths get more of them: no order by hops per bit can be made with it.
    """
    choices = _choices(table, bit_rates_gbps, slot_width_ghz)
    weights = [Fraction(str(share)) for share in shares]
    reaches = sorted({choice.reach_km for options in choices for choice in options})
    means: list[float] = []
    for reach in reaches:
        total = Fraction(0)
        for options, weight in zip(choices, weights, strict=True):
            chosen = next((choice for choice in options if choice.reach_km >= reach), None)
            if chosen is None:
                continue
            name, bits = table.formats[chosen.format]
            if not bits:
                raise ModulationError(
                    [f"{table.name}: {show(name)}: bits_per_symbol is needed to order paths by it"]
                )
            total += weight * Fraction(str(bits))
        means.append(float(total / sum(weights)))
    for reach, shorter, longer in zip(reaches, means, means[1:], strict=False):
        if longer > shorter:
            raise ModulationError(
                [
                    f"{table.name}: {longer:g} bits per symbol beyond {reach:g} km, {shorter:g} up"
                    " to there: paths cannot be put in order of hops per bit when longer ones get"
                    " more bits"
                ]
            )
    return LengthSteps(tuple(reaches), tuple(means))


def _choices(
    table: ModulationTable, bit_rates_gbps: Sequence[float], slot_width_ghz: float
) -> list[list[Entry]]:
    """Return for each bit rate the formats in order of preference, their slots filled in."""
    if table.rule:
        bits = [_micro(entry.bits_per_symbol) for entry in table.formats]
        return [
            sorted(
                (
                    entry._replace(slots=_slots(rate, slot_width_ghz, bits[entry.format]))
                    for entry in table.rule
                ),
                key=_preference,
            )
            for rate in bit_rates_gbps
        ]
    listed = {_micro(rate): entries for rate, entries in table.bit_rates}
    problems = [
        f"{table.name}: no bit rate {rate:g} Gb/s; the table has"
        f" {', '.join(f'{rate:g}' for rate, _ in table.bit_rates)}"
        for rate in bit_rates_gbps
        if _micro(rate) not in listed
    ]
    if table.slot_width_ghz is not None and _micro(table.slot_width_ghz) != _micro(slot_width_ghz):
        problems.append(
            f"{table.name}: counts slots of {table.slot_width_ghz:g} GHz, not of"
            f" {slot_width_ghz:g} GHz; a rule such as deeprmsa_reach works with any, and a table"
            " of your own can say its slot_width_ghz"
        )
    if problems:
        raise ModulationError(problems)
    return [sorted(listed[_micro(rate)], key=_preference) for rate in bit_rates_gbps]


def _preference(entry: Entry) -> tuple[int, float]:
    return entry.slots, entry.reach_km


def _slots(bit_rate_gbps: float, slot_width_ghz: float, micro_bits: int) -> int:
    """Return bit rate / (slot width * bits), rounded up from the exact quotient."""
    per_slot = _micro(slot_width_ghz) * micro_bits
    return min(-(-_micro(bit_rate_gbps) * _PER_UNIT // per_slot), _MOST_SLOTS)


def _micro(value: float) -> int:
    return _ANY_LENGTH if value == math.inf else round(value * _PER_UNIT)
