"""The network of an event loop: widths of lightpaths in rows that paths share, and what these are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.config.sections import Config
from fusion.kernel.arrays import Network, make_network
from fusion.kernel.failures import able_to_fail
from fusion.network.formats import Columns
from fusion.network.modulation_tables import ModulationTable
from fusion.network.paths import PathTable
from fusion.network.planes import Plane
from fusion.scenario.candidate_paths import path_cost_of


class Lightpaths(NamedTuple):
    """What the lightpaths are whose widths are in `Network.width`, by its rows and columns.

    formats: their names. format_by_row: int32[row, column], index into these, -1 where none reaches.
    guard_slots: included in the widths. bit_rates_gbps: float64[bit rate]; those of requests come first, as
    in `traffic`. rate_of_column: int32[column], index into these.
    """

    formats: tuple[str, ...]
    format_by_row: NDArray[np.int32]
    guard_slots: int
    bit_rates_gbps: NDArray[np.float64]
    rate_of_column: NDArray[np.int32]


def network_of(
    config: Config,
    table: ModulationTable,
    paths: PathTable,
    planes: Sequence[Plane],
    spectra: int,
    columns: Columns,
) -> tuple[Network, Lightpaths]:
    """Return the network, and what its lightpaths are. spectra: of all links in one plane."""
    guard = config.general_settings.guard_slots
    width = np.where(columns.slots > 0, columns.slots + guard, 0).astype(np.int32)
    # Paths that the reaches do not tell apart share a row, so that the table stays in the first cache level.
    rows, width_row = _distinct_rows(np.hstack([width, columns.format]))
    count = width.shape[1]
    network = make_network(
        paths.first_path,
        paths.first_hop,
        paths.links,
        width_row,
        rows[:, :count],
        spectra,
        [plane.slots for plane in planes],
        path_cost_of(config, paths),
    )
    if config.failure_settings.failure_type != "none":
        network = able_to_fail(network)
    return network, Lightpaths(
        formats=tuple(each.name for each in table.formats),
        format_by_row=np.ascontiguousarray(rows[:, count:], dtype=np.int32),
        guard_slots=guard,
        bit_rates_gbps=np.array(columns.bit_rates_gbps),
        rate_of_column=columns.rate,
    )


def _distinct_rows(table: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the distinct rows of a table, ascending, and int64[row], which of them each row is.

    As `np.unique` does, which sorts the whole table for it: a second on 60 nodes.
    """
    found: dict[bytes, int] = {}
    which = [found.setdefault(row.tobytes(), len(found)) for row in table]
    distinct = np.frombuffer(b"".join(found), dtype=table.dtype).reshape(len(found), -1)
    rows, place = np.unique(distinct, axis=0, return_inverse=True)
    return rows, place.ravel()[which].astype(np.int64)
