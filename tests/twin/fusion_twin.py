"""The original FUSION, slowly: a readable program for its legacy path, written from a description of it.

Nothing here is shared with the simulator: paths are node lists from networkx, spectra are arrays of lightpath
numbers, requests are drawn one by one from numpy's old generator, and the search goes through the free blocks
of the first link as FUSION's does. There is no grooming: a lightpath has the bit rate of its one request, and
nothing to spare.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, pairwise
from typing import NamedTuple

import networkx as nx
import numpy as np

Table = dict[str, dict[str, dict[str, float]]]
"""Bit rate -> format -> max_length, slots_needed, in the order of the file."""


class Setting(NamedTuple):
    """What FUSION's INI file says. lines: (from, to, km) as the topology file has them."""

    lines: list[tuple[str, str, float]]
    table: Table
    shares: dict[str, float]
    erlang: float
    num_requests: int
    k_paths: int
    cores: int = 1
    bands: tuple[tuple[str, int], ...] = (("c", 320),)
    guard: int = 1
    priority: str = "None"
    pre_calc: bool = False
    fixed_grid: bool = False
    max_segments: int = 1
    partial: bool = False
    holding_time: float = 0.2
    per_core: bool = False
    core_nodes: list[str] | None = None


class Request(NamedTuple):
    """A request; rate as the key of the table."""

    arrive: float
    depart: float
    source: str
    destination: str
    rate: str


class Lightpath(NamedTuple):
    """A lightpath: its path, place, format, and the bit rate it was set up for (a key of the table)."""

    path: tuple[str, ...]
    core: int
    band: str
    start: int
    format: str
    rate: str


class Served(NamedTuple):
    """What became of a request. unserved: what is added to the blocked bit rate though it is served."""

    routed: bool
    lightpaths: tuple[Lightpath, ...] = ()
    transponders: int = 0
    unserved: int = 0


def nodes_of(setting: Setting) -> list[str]:
    """Return the nodes by first appearance in the lines of the file, source before destination."""
    nodes: list[str] = []
    for source, destination, _ in setting.lines:
        nodes += [node for node in (source, destination) if node not in nodes]
    return nodes


def draw(setting: Setting, iteration: int) -> list[Request]:
    """Return the requests of an iteration: five draws each, more where one is drawn again."""
    uniform = np.random.RandomState(iteration + 1).uniform
    left = {rate: int(setting.shares[rate] * setting.num_requests) for rate in setting.table}
    if sum(left.values()) != setting.num_requests:
        raise ValueError("the quotas do not sum to the number of requests")
    load = setting.erlang * (setting.cores if setting.per_core else 1)
    arrival_rate, departure_rate = load / setting.holding_time, 1 / setting.holding_time
    nodes, rates = setting.core_nodes or nodes_of(setting), list(setting.table)
    now, requests = 0.0, []

    def one_of(things: list[str]) -> str:
        return things[int(uniform(0, 1) * len(things))]

    for _ in range(setting.num_requests):
        now += (-1.0 / arrival_rate) * float(np.log(uniform(0, 1)))
        depart = now + (-1.0 / departure_rate) * float(np.log(uniform(0, 1)))
        source = one_of(nodes)
        while (destination := one_of(nodes)) == source:
            pass
        while left[rate := one_of(rates)] == 0:
            pass
        left[rate] -= 1
        requests.append(Request(now, depart, source, destination, rate))
    return requests


def by_length(formats: dict[str, dict[str, float]], km: float) -> str | None:
    """Return the one format that FUSION takes by the length of a path."""
    reach = {name: formats[name]["max_length"] for name in ("QPSK", "16-QAM", "64-QAM")}
    if reach["16-QAM"] < km <= reach["QPSK"]:
        return "QPSK"
    if reach["64-QAM"] < km <= reach["16-QAM"]:
        return "16-QAM"
    return "64-QAM" if km <= reach["64-QAM"] else None


class FusionTwin:
    """One iteration of FUSION: `run` returns what became of each request."""

    def __init__(self, setting: Setting) -> None:
        """setting: what is simulated."""
        self.setting = setting
        self.graph = nx.Graph()
        self.graph.add_nodes_from(nodes_of(setting))
        for source, destination, km in setting.lines:
            self.graph.add_edge(source, destination, length=km)
        self.slots = {
            (frozenset(link), core, band): np.zeros(count, dtype=int)
            for link in self.graph.edges
            for core in range(setting.cores)
            for band, count in setting.bands
        }
        self.paths: dict[tuple[str, str], list[tuple[str, ...]]] = {}
        self.up: dict[
            int, list[tuple[int, Lightpath]]
        ] = {}  # request -> lightpaths with their numbers
        self.last = 0
        self.setups: dict[tuple[str, str], int] = {}

    def run(self, requests: list[Request]) -> list[Served]:
        """Serve requests in order of time, and let each depart."""
        events = [
            (time, number, kind)
            for number, request in enumerate(requests)
            for kind, time in (("arrival", request.arrive), ("departure", request.depart))
        ]
        served = [Served(False)] * len(requests)
        for _, number, kind in sorted(events, key=lambda event: event[0]):
            if kind == "arrival":
                served[number] = self.arrival(number, requests[number])
            else:
                self.departure(number)
        assert not any(array.any() for array in self.slots.values())
        return served

    # --- arrivals and departures ---

    def arrival(self, number: int, request: Request) -> Served:
        """Take one lightpath on the first path with room, or else slices on the first one."""
        setting = self.setting
        for path in self.candidates(request):
            for name in self.formats(request.rate, self.km(path)):
                lightpath = self.place(path, request.rate, name)
                if lightpath:
                    self.up[number] = [(self.last, lightpath)]
                    return Served(True, (lightpath,), transponders=1)
        if setting.max_segments > 1 and request.rate != "25":
            sliced = self.slice(number, request)
            if sliced:
                return sliced
        return Served(False)

    def slice(self, number: int, request: Request) -> Served | None:
        """Serve a request by lightpaths of one lower bit rate; a remainder is dropped."""
        setting, total, failed = self.setting, int(request.rate), False
        tiers = sorted((int(rate) for rate in setting.table if int(rate) < total), reverse=True)
        for place, path in enumerate(self.candidates(request)):
            for tier in tiers:
                name = by_length(setting.table[str(tier)], self.km(path))
                segments = int(total / tier)
                if name is None:
                    continue
                if segments > setting.max_segments:
                    break
                numbers, lightpaths = [], []
                for _ in range(segments):
                    lightpath = self.place(path, str(tier), name)
                    if lightpath is None:
                        break
                    numbers.append(self.last)
                    lightpaths.append(lightpath)
                self.up[number] = list(zip(numbers, lightpaths, strict=True))
                if len(lightpaths) == segments:
                    unserved = total if failed else 0
                    return Served(True, tuple(lightpaths), transponders=segments, unserved=unserved)
                if setting.partial and lightpaths and place >= setting.k_paths - 1:
                    unserved = total - len(lightpaths) * tier
                    return Served(True, tuple(lightpaths), transponders=segments, unserved=unserved)
                self.departure(number)
                failed = True
        return None

    def departure(self, number: int) -> None:
        """End the lightpaths of a request."""
        for lightpath in self.up.pop(number, []):
            self.tear_down(*lightpath)

    # --- lightpaths ---

    def place(self, path: tuple[str, ...], rate: str, name: str) -> Lightpath | None:
        """Set up a lightpath on the lowest slots that are free on every link, or return None."""
        setting = self.setting
        slots = 1 if setting.fixed_grid else int(setting.table[rate][name]["slots_needed"])
        width = slots + setting.guard
        order = [(core, band) for core in range(setting.cores) for band, _ in setting.bands]
        if setting.priority == "BSC":
            order = [(core, band) for band, _ in setting.bands for core in range(setting.cores)]
        for core, band in order:
            for start in self.starts(self.slots[frozenset(path[:2]), core, band], width):
                links = [self.slots[frozenset(link), core, band] for link in pairwise(path)]
                if not any(link[start : start + width].any() for link in links):
                    self.last += 1
                    for link in links:
                        link[start : start + width] = self.last
                    for hop in pairwise(path):
                        for link_name in (hop, hop[::-1]):
                            self.setups[link_name] = self.setups.get(link_name, 0) + 1
                    return Lightpath(path, core, band, start, name, rate)
        return None

    @staticmethod
    def starts(array: np.ndarray, width: int) -> Iterator[int]:
        """Yield where a run fits into the free blocks of one link, ascending."""
        begin = 0
        for slot in range(len(array) + 1):
            if slot == len(array) or array[slot]:
                yield from range(begin, slot - width + 1)
                begin = slot + 1

    def tear_down(self, number: int, at: Lightpath) -> None:
        """Free the slots of a lightpath."""
        for link in pairwise(at.path):
            array = self.slots[frozenset(link), at.core, at.band]
            array[array == number] = 0

    # --- paths and formats ---

    def candidates(self, request: Request) -> list[tuple[str, ...]]:
        """Return the candidate paths of a request."""
        ends = (request.source, request.destination)
        if ends not in self.paths:
            paths = nx.shortest_simple_paths(self.graph, *ends, weight="length")
            self.paths[ends] = [tuple(path) for path in islice(paths, self.setting.k_paths)]
        return self.paths[ends]

    def formats(self, rate: str, km: float) -> list[str]:
        """Return the formats to try, in order."""
        formats = self.setting.table[rate]
        if self.setting.pre_calc:
            name = by_length(formats, km)
            return [name] if name else []
        names = sorted(formats, key=lambda name: formats[name]["max_length"])
        return [name for name in names if formats[name]["max_length"] >= km]

    def km(self, path: tuple[str, ...]) -> float:
        """Return the length of a path."""
        return float(sum(self.graph.edges[link]["length"] for link in pairwise(path)))
