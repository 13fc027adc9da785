"""Slicing: a request is carried by several lightpaths of a lower bit rate, on one path."""

from __future__ import annotations

from collections.abc import Sequence

from fusion.network.modulation import ModulationTable

PER_GBPS = 1_000_000
"""Bit rates are integers of 1e-6 Gb/s where they are added up."""


def lightpath_rates(requested_gbps: Sequence[float], table: ModulationTable) -> list[float]:
    """Return the bit rates that lightpaths may have, in Gb/s: those of requests, then others of the table.

    A table that gives a rule for any bit rate has no others.
    """
    others = [rate for rate, _ in table.bit_rates if rate not in requested_gbps]
    return [*requested_gbps, *(rate for rate in others if rate < max(requested_gbps))]


def slices(rates: Sequence[int], rate: int, most: int, *, partial: bool) -> list[tuple[int, int]]:
    """Return (index, lightpaths) for each of the bit rates below `rate`, highest first.

    The last of the lightpaths carries the remainder. most: of them, unless the request may be served in part.
    """
    lower = sorted(
        (index for index, one in enumerate(rates) if one < rate), key=lambda i: -rates[i]
    )
    found = [(index, -(-rate // rates[index])) for index in lower]
    return [(index, number) for index, number in found if partial or number <= most]
