"""spectrum.csv: which lightpath holds which slots of which link, at one moment of a replication."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.kernel.arrays import Floats, Int32s
from fusion.results.tables import csv_lines
from fusion.scenario.scenario import Scenario

WORKING, BACKUP = "working", "backup"


class Up(NamedTuple):
    """Lightpaths that are up. All arrays are of [lightpath].

    path: number of the path. plane: of its core and band. start: first slot. width: slots, guard band
    included. modulation: index into `Lightpaths.formats`. bit_rate: index into `Lightpaths.bit_rates_gbps`.
    until: when it ends. is_backup: whether it protects another one, which is up as well.
    """

    path: Int32s
    plane: Int32s
    start: Int32s
    width: Int32s
    modulation: Int32s
    bit_rate: Int32s
    until: Floats
    is_backup: NDArray[np.bool_]

    def those(self, chosen: NDArray[np.bool_]) -> Up:
        """Return some of them. chosen: bool[lightpath]."""
        return Up._make(each[chosen] for each in self)


class Moment(NamedTuple):
    """What is up at a time; both are of one replication."""

    time: float
    up: Up


COLUMNS = (
    *("source", "destination", "core", "band", "first_slot", "slots", "guard_slots", "lightpath"),
    *("role", "path_source", "path_destination", "bit_rate_gbps", "modulation", "time_left"),
)


def spectrum_table(scenario: Scenario, moment: Moment) -> str:
    """Return spectrum.csv as text; only its head where nothing is up."""
    columns = COLUMNS if not scenario.link_names else (*COLUMNS[:2], "link", *COLUMNS[2:])
    return csv_lines([columns, *(row.values() for row in spectrum_rows(scenario, moment))])


def spectrum_rows(scenario: Scenario, moment: Moment) -> Iterator[dict[str, Any]]:
    """Yield the rows of spectrum.csv: one for each lightpath on each link of its path.

    Where two nodes have several links, `link` is the name of the link.

    Lightpaths are numbered from 1 by path, plane and first slot, so that the table depends on nothing but
    what is up. time_left is NaN where the simulation does not reach that far.
    """
    network, lightpaths, up = scenario.network, scenario.lightpaths, moment.up
    pair_of_path = np.repeat(np.arange(len(scenario.pairs)), np.diff(network.first_path))
    left = np.where(np.isinf(up.until), np.nan, up.until - moment.time)
    order = np.lexsort((up.is_backup, up.until, up.start, up.plane, up.path))
    for number, each in enumerate(order.tolist(), start=1):
        path, plane = int(up.path[each]), scenario.planes[int(up.plane[each])]
        pair = scenario.pairs[int(pair_of_path[path])]
        guard = min(lightpaths.guard_slots, int(up.width[each]))
        for link in network.links[network.first_hop[path] : network.first_hop[path + 1]].tolist():
            values = (
                *(*scenario.links[link], plane.core, plane.band),
                *(int(up.start[each]), int(up.width[each]) - guard, guard),
                *(number, BACKUP if up.is_backup[each] else WORKING, *pair),
                float(lightpaths.bit_rates_gbps[up.bit_rate[each]]),
                lightpaths.formats[int(up.modulation[each])],
                float(left[each]),
            )
            row = dict(zip(COLUMNS, values, strict=True))
            if scenario.link_names:
                ends = dict(zip(COLUMNS[:2], values[:2], strict=True))
                row = ends | {"link": scenario.link_names[link]} | row
            yield row
