"""A file of signal quality: for each path, band and slot the GSNR, and the best format where it is given.

For networks whose signal quality comes from elsewhere, from another program or from measurements.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.config.named_files import quote
from fusion.config.text_files import read_text
from fusion.network.modulation import value_of
from fusion.network.topology import Topology

COLUMNS = ("source", "destination", "path", "band", "slot", "gsnr_db")
FURTHER_COLUMNS = ("core", "format")

_MAX_BYTES = 256 << 20
_MOST = 2**31
_ANY_CORE = -1

Place = tuple[int, int, int]
"""Source and destination as node indices, and the number of the path between them, from 1."""


class QualityFileError(ValueError):
    """A file of signal quality that cannot be used; `problems` has a line for each reason."""

    def __init__(self, problems: list[str]) -> None:
        """problems: what is wrong."""
        super().__init__("; ".join(problems))
        self.problems = problems


class Spot(NamedTuple):
    """Where on a path. core: -1 for all cores. slot: from 0 in its band."""

    core: int
    band: str
    slot: int


class SlotQuality(NamedTuple):
    """format: the best that works, empty for none; None: thresholds decide."""

    gsnr_db: float
    format: str | None


QualityTable = Mapping[Place, Mapping[Spot, SlotQuality]]


def read_quality(
    path: Path, topology: Topology, slots: Mapping[str, int], thresholds: Mapping[str, float]
) -> QualityTable:
    """Return the signal quality of a CSV file whose first line names its columns.

    slots: band -> slots of the config. thresholds: format -> dB; a format of the file must be one of these.
    Empty lines and lines that begin with # are skipped. Raises QualityFileError.
    """
    try:
        lines = read_text(path, _MAX_BYTES, table=True).splitlines()
        rows = csv.reader(line for line in lines if line.strip() and not line.startswith("#"))
        header = [cell.strip().lower() for cell in next(rows, [])]
        _check_header(header)
        found: dict[Place, dict[Spot, SlotQuality]] = {}
        index = {name: number for number, name in enumerate(topology.nodes)}
        problems = []
        for number, row in enumerate(rows, 1):
            try:
                place, spot, quality = _read(header, row, index, slots, thresholds)
                of_path = found.setdefault(place, {})
                if spot in of_path:
                    raise ValueError("duplicate slot for this path")
                of_path[spot] = quality
            except ValueError as error:
                problems.append(f"row {number}: {error}")
    except (ValueError, csv.Error) as error:
        raise QualityFileError([str(error)]) from error
    if not problems and not found:
        problems.append("has no row")
    if problems:
        raise QualityFileError(problems)
    return found


def _check_header(header: Sequence[str]) -> None:
    known = (*COLUMNS, *FURTHER_COLUMNS)
    wrong = [name for name in header if name not in known or header.count(name) > 1]
    missing = [name for name in COLUMNS if name not in header]
    if wrong or missing:
        raise ValueError(
            f"the first line must name the columns {', '.join(COLUMNS)}, and may name "
            f"{' and '.join(FURTHER_COLUMNS)}; it is '{quote(','.join(header))}'"
        )


def _read(
    header: Sequence[str],
    row: Sequence[str],
    index: Mapping[str, int],
    slots: Mapping[str, int],
    thresholds: Mapping[str, float],
) -> tuple[Place, Spot, SlotQuality]:
    if len(row) != len(header):
        raise ValueError(f"has {len(row)} cells, must have {len(header)}")
    cells = dict(zip(header, (cell.strip() for cell in row), strict=True))
    ends = []
    for end in ("source", "destination"):
        if cells[end] not in index:
            raise ValueError(f"'{quote(cells[end])}' is not a node of the network")
        ends.append(index[cells[end]])
    if ends[0] == ends[1]:
        raise ValueError("a path has two ends")
    band = cells["band"].lower()
    if not slots.get(band):
        lit = ", ".join(name for name, count in slots.items() if count)
        raise ValueError(f"band = '{quote(cells['band'])}': must be one that has slots: {lit}")
    spot = Spot(
        _whole(cells, "core", 0, _MOST) if "core" in cells else _ANY_CORE,
        band,
        _whole(cells, "slot", 0, slots[band]),
    )
    try:
        gsnr_db = float(cells["gsnr_db"])
    except ValueError:
        gsnr_db = math.nan
    if not -1000 <= gsnr_db <= 1000:
        raise ValueError(f"gsnr_db = '{quote(cells['gsnr_db'])}': must be a number of dB")
    name = cells.get("format")
    if name and value_of(thresholds, name) is None:
        raise ValueError(f"format = '{quote(name)}': must be one of snr_thresholds, or empty")
    place = (ends[0], ends[1], _whole(cells, "path", 1, _MOST))
    return place, spot, SlotQuality(gsnr_db, name)


def _whole(cells: Mapping[str, str], key: str, lowest: int, end: int) -> int:
    text = cells[key]
    if not text.isdecimal() or len(text) > 9 or not lowest <= int(text) < end:
        raise ValueError(f"{key} = '{quote(text)}': must be an integer from {lowest} to {end - 1}")
    return int(text)


_NO_LIMIT = np.zeros((0, 0, 0, 0))


class FromFile(NamedTuple):
    """What `kernel.records.Quality` has from a file: ratio float64, rank int8, [path, table, plane, slot].

    step: slots of a carrier, by table: the entry of its first slot counts for a carrier. limit: the greatest
    ratio that works, as `ratio`; of size 0 where the format alone decides.
    """

    ratio: NDArray[np.float64]
    rank: NDArray[np.int8]
    step: tuple[int, ...] = (1,)
    limit: NDArray[np.float64] = _NO_LIMIT


def quality_of_paths(
    table: QualityTable,
    ends: NDArray[np.int32],
    number: NDArray[np.int32],
    planes: Sequence[tuple[int, str]],
    slots: int,
    thresholds: Mapping[str, float],
) -> FromFile:
    """Return the signal quality of paths in the form of the event loop.

    ends: int32[path, 2], node indices. number: int32[path], from 0 among those of its pair. planes: core and
    band of each. slots: of the largest plane. A path that is not there has the quality of the same number in
    the other direction; a slot that is not there suits no format (rank 0).
    """
    ratio = np.ones((len(number), len(planes), slots))
    rank = np.zeros(ratio.shape, dtype=np.int8)
    steps = sorted(set(thresholds.values()))
    for path, ((source, destination), place) in enumerate(
        zip(ends.tolist(), (number + 1).tolist(), strict=True)
    ):
        spots = table.get((source, destination, place)) or table.get((destination, source, place))
        for (core, band, slot), (gsnr_db, name) in (spots or {}).items():
            reached = gsnr_db if name is None else value_of(thresholds, name)
            works = 0 if reached is None else sum(step <= reached for step in steps)
            for plane, (of_core, of_band) in enumerate(planes):
                if band == of_band and core in (_ANY_CORE, of_core):
                    ratio[path, plane, slot] = 10.0 ** (-gsnr_db / 10.0)
                    rank[path, plane, slot] = works
    return FromFile(ratio[:, None], rank[:, None])
