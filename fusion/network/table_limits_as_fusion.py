"""Which modulation tables can be used with the conventions of the original FUSION."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from fusion.network.formats_as_fusion import BY_LENGTH, by_reach, entries_of
from fusion.network.modulation_tables import ModulationTable


def unusable_table(
    table: ModulationTable,
    shares: Mapping[float, float],
    *,
    by_length: str,
    slices: bool,
    one_slot: bool,
) -> Iterator[tuple[str, str]]:
    """Yield (key, message) for what FUSION's conventions need of a modulation table.

    shares: bit rate -> share of the requests. by_length: the key by which a request has one format, by
    length, or "". slices: whether slices have one.
    one_slot: whether a lightpath takes a slot in any format.
    """
    if table.rule:
        yield "mod_assumption", f"{table.name} has no bit rates, which conventions = fusion needs"
        return
    tiers = [rate for rate, _ in table.bit_rates]
    absent = [f"{rate:g}" for rate in tiers if rate not in shares]
    if absent:
        yield (
            "request_distribution",
            f"must have every bit rate of {table.name} with conventions = fusion; "
            f"{', '.join(absent)} may be 0",
        )
    if any(rate != int(rate) for rate in tiers):
        yield (
            "mod_assumption",
            f"{table.name}: bit rates must be integers with conventions = fusion",
        )
    if by_length or slices:
        gaps = list(missing(table, tiers))
        if gaps:
            yield (
                by_length or "max_segments",
                f"needs {', '.join(BY_LENGTH)} with conventions = fusion; {table.name} lacks "
                f"{', '.join(gaps[:10])}",
            )
    if not by_length and not one_slot:
        wider = list(retries(table, tiers))
        if wider:
            yield (
                "mod_assumption",
                f"{table.name}: formats that reach farther in fewer slots ({', '.join(wider[:10])}) are not "
                "available with conventions = fusion, which goes on to them where there is no room",
            )


def missing(table: ModulationTable, rates: Sequence[float]) -> Iterator[str]:
    """Yield what a choice by length needs and the table lacks."""
    for rate in rates:
        names = {table.formats[entry.format].name for entry in entries_of(table, rate)}
        for name in BY_LENGTH:
            if name not in names:
                yield f"{name} at {rate:g} Gb/s"


def retries(table: ModulationTable, rates: Sequence[float]) -> Iterator[str]:
    """Yield the formats that reach farther than another and take fewer slots."""
    for rate in rates:
        entries = by_reach(table, rate)
        for entry, farther in pairwise(entries):
            if farther.slots < entry.slots:
                yield f"{table.formats[farther.format].name} at {rate:g} Gb/s"
