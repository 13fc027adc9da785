"""A snapshot: the lightpaths that are up at one moment, put together from the rows of spectrum.csv."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from fusion.config.config import Config
from fusion.network.planes import Plane, planes_of
from fusion.network.slots_of_links import slots_of_links
from fusion.network.spectra import is_separate, links_of_spectra, names_of_spectra, spectra_of
from fusion.network.topology import Topology
from fusion.results.tables import csv_lines

_NUMBERS = ("core", "first_slot", "slots", "guard_slots", "lightpath")
FORMATS = {
    "gnpy": ".json",
    "graphml": ".graphml",
    "parquet": ".parquet",
    "csv": ".csv",
    "png": ".png",
    "pdf": ".pdf",
    "svg": ".svg",
}
"""What a snapshot may be written as -> the ending of such files."""
BETWEEN = "|"
"""Stands between the nodes of a path in a cell of a table."""


class SpectrumLink(NamedTuple):
    """A link, or one direction of it, with a spectrum. name: where several links join the nodes, else empty.

    slots: of all cores and bands.
    """

    source: str
    destination: str
    name: str
    km: float
    slots: int


class UpLightpath(NamedTuple):
    """A lightpath that is up.

    nodes: of its path, in order.  links: of its hops, indices into `Snapshot.links`.  slots: without
    guard band.  time_left: None where the simulation does not reach that far.
    """

    number: int
    role: str
    nodes: tuple[str, ...]
    links: tuple[int, ...]
    core: int
    band: str
    first_slot: int
    slots: int
    guard_slots: int
    bit_rate_gbps: float
    modulation: str
    time_left: float | None

    @property
    def width(self) -> int:
        """Slots that it holds on each link, guard band included."""
        return self.slots + self.guard_slots


class Snapshot(NamedTuple):
    """What is up at one moment. separate: whether each direction of a link has a spectrum of its own."""

    topology: Topology
    separate: bool
    links: tuple[SpectrumLink, ...]
    planes: tuple[Plane, ...]
    lightpaths: tuple[UpLightpath, ...]


def rows_of(table: str) -> list[dict[str, Any]]:
    """Return the rows of spectrum.csv, with their numbers as numbers."""
    return [
        {**row, **{name: int(row[name]) for name in _NUMBERS}}
        | {"bit_rate_gbps": float(row["bit_rate_gbps"])}
        for row in csv.DictReader(io.StringIO(table))
    ]


def snapshot_of(config: Config, topology: Topology, rows: Iterable[Mapping[str, Any]]) -> Snapshot:
    """Return the snapshot that rows of spectrum.csv describe. rows: as `rows_of` returns them."""
    separate = is_separate(config)
    links = links_of(config, topology)
    number = {(each.source, each.destination, each.name): i for i, each in enumerate(links)}
    hops: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        hops.setdefault(row["lightpath"], []).append(row)
    lightpaths = []
    for lightpath, of_it in hops.items():
        first = of_it[0]
        path = [number[row["source"], row["destination"], row.get("link") or ""] for row in of_it]
        lightpaths.append(
            UpLightpath(
                lightpath,
                first["role"],
                tuple(_walked(first["path_source"], path, links)),
                tuple(path),
                first["core"],
                first["band"],
                first["first_slot"],
                first["slots"],
                first["guard_slots"],
                first["bit_rate_gbps"],
                first["modulation"],
                float(first["time_left"]) if first["time_left"] else None,
            )
        )
    return Snapshot(topology, separate, links, planes_of(config), tuple(lightpaths))


def links_of(config: Config, topology: Topology) -> tuple[SpectrumLink, ...]:
    """Return the links of a network, or each direction of them where these have spectra."""
    ends, km = spectra_of(config, topology)
    names = names_of_spectra(config, topology) or ("",) * len(ends)
    planes = planes_of(config)
    link_of = links_of_spectra(topology, separate=is_separate(config))
    limited = slots_of_links(topology, planes, link_of)
    every = sum(plane.slots for plane in planes)
    slots = [every] * len(ends) if limited is None else limited.sum(axis=0).tolist()
    return tuple(
        SpectrumLink(*both, name, length, count)
        for both, name, length, count in zip(ends, names, km, slots, strict=True)
    )


def _walked(source: str, path: Sequence[int], links: Sequence[SpectrumLink]) -> Iterator[str]:
    """Yield the nodes of a path, over links that it may go along against their direction."""
    node = source
    yield node
    for link in path:
        ends = links[link]
        node = ends.destination if node == ends.source else ends.source
        yield node


def runs_in_use(
    lightpaths: Iterable[UpLightpath],
) -> dict[tuple[int, str], list[tuple[int, int]]]:
    """Return the slots that lightpaths of one link hold: of (core, band) runs from start to end, exclusive.

    Backups may share slots: these are in use once.
    """
    of_plane: dict[tuple[int, str], list[tuple[int, int]]] = {}
    for each in sorted(lightpaths, key=lambda one: (one.core, one.band, one.first_slot)):
        start, end = each.first_slot, each.first_slot + each.width
        runs = of_plane.setdefault((each.core, each.band), [])
        if runs and start <= runs[-1][1]:
            runs[-1] = (runs[-1][0], max(end, runs[-1][1]))
        else:
            runs.append((start, end))
    return of_plane


def carried_by(snapshot: Snapshot) -> list[list[UpLightpath]]:
    """Return the lightpaths on each link."""
    carried: list[list[UpLightpath]] = [[] for _ in snapshot.links]
    for lightpath in snapshot.lightpaths:
        for hop in lightpath.links:
            carried[hop].append(lightpath)
    return carried


def slots_in_use(lightpaths: Iterable[UpLightpath]) -> int:
    """Return how many slots lightpaths of one link hold."""
    return sum(end - start for runs in runs_in_use(lightpaths).values() for start, end in runs)


COLUMNS = (
    *("lightpath", "role", "source", "destination", "path", "links", "hops", "length_km"),
    *("core", "band", "first_slot", "slots", "guard_slots", "bit_rate_gbps", "modulation"),
    "time_left",
)


def lightpath_rows(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return a row for each lightpath, with the values of `COLUMNS`; path and links are lists of texts.

    links: the names of the links, empty ones where two nodes have only one.
    """
    return [
        dict(
            zip(
                COLUMNS,
                (
                    *(each.number, each.role, each.nodes[0], each.nodes[-1], list(each.nodes)),
                    [snapshot.links[link].name for link in each.links],
                    len(each.links),
                    sum(snapshot.links[link].km for link in each.links),
                    *(each.core, each.band, each.first_slot, each.slots, each.guard_slots),
                    *(each.bit_rate_gbps, each.modulation, each.time_left),
                ),
                strict=True,
            )
        )
        for each in snapshot.lightpaths
    ]


def lightpath_table(snapshot: Snapshot) -> str:
    """Return these rows as CSV, in which a bar stands between the nodes of a path, and between links."""
    rows = lightpath_rows(snapshot)
    return csv_lines([COLUMNS, *([_cell(value) for value in row.values()] for row in rows)])


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return BETWEEN.join(value) if any(value) else ""
    return float("nan") if value is None else value
