"""A slow twin of the event loop, written from the definitions with sets of slots.

It reads the same arrays and must decide every request alike. Nothing here is clever: a link's free
slots are a set, a search lists every start at which the lightpath fits, departures wait in a heap.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from fusion.kernel.arrays import Network
from fusion.scenario.traffic import Requests
from tests.twin.assignment import Assignments


class Choice(NamedTuple):
    """Where a lightpath may go."""

    path: int
    plane: int
    start: int


class Lightpath(NamedTuple):
    """What serves a request; the first field is what a heap is sorted by."""

    departure: float
    arrival: float
    path: int
    plane: int
    start: int
    width: int


def free_blocks(slots: set[int]) -> list[tuple[int, int]]:
    """Return (start, size) of every maximal run of consecutive numbers, ascending."""
    blocks: list[tuple[int, int]] = []
    for slot in sorted(slots):
        if blocks and sum(blocks[-1]) == slot:
            blocks[-1] = (blocks[-1][0], blocks[-1][1] + 1)
        else:
            blocks.append((slot, 1))
    return blocks


class Spectrum:
    """The free slots of every link, and the search for a lightpath in them."""

    def __init__(self, network: Network) -> None:
        self.planes, self.links, words = network.spectrum.shape
        self.free = {
            (plane, link): {
                slot
                for slot in range(64 * words)
                if int(network.spectrum[plane, link, slot // 64]) >> (slot % 64) & 1
            }
            for plane in range(self.planes)
            for link in range(self.links)
        }
        self.usage: Counter[tuple[int, int]] = Counter()
        """(plane, slot) -> links on which the slot is taken."""
        pairs, paths = len(network.first_path) - 1, len(network.first_hop) - 1
        self.candidates = [
            range(network.first_path[pair], network.first_path[pair + 1]) for pair in range(pairs)
        ]
        self.route = [
            network.links[network.first_hop[path] : network.first_hop[path + 1]].tolist()
            for path in range(paths)
        ]
        self.width = [network.width[row].tolist() for row in network.width_row]
        """[path][bit rate]"""
        self.down: set[int] = set()
        """Links that have failed: a path over one of them is not there."""
        self.path_cost = network.path_cost.tolist()
        self.slots_of = [max(len(self.free[p, 0]), 1) for p in range(self.planes)]
        """[plane], of a link"""
        self.assignments: Assignments | None = None
        """Where the spectrum is not assigned by a fit."""
        self.slots = [
            sum(len(self.free[plane, link]) for plane in range(self.planes))
            for link in range(self.links)
        ]

    def take(self, choice: Choice, width: int) -> None:
        """Take the slots of a lightpath; they must be free on every link."""
        slots = set(range(choice.start, choice.start + width))
        for link in self.route[choice.path]:
            assert slots <= self.free[choice.plane, link]
            self.free[choice.plane, link] -= slots
            self.usage.update((choice.plane, slot) for slot in slots)

    def give_back(self, choice: Choice, width: int) -> None:
        """Give back what `take` took."""
        slots = set(range(choice.start, choice.start + width))
        for link in self.route[choice.path]:
            assert not slots & self.free[choice.plane, link]
            self.free[choice.plane, link] |= slots
            self.usage.subtract((choice.plane, slot) for slot in slots)

    def choices(self, pair: int, bit_rate: int, fit: str, path_choice: str) -> list[Choice]:
        """Return the choices that are equally good to a policy: one, or many for random fit.

        None: the request is blocked. In order: the first path with room, and on it the first plane.
        All: the first plane on which any path has room, and there all paths. Another: as in order, the
        paths sorted by what the method wants least of.
        """
        paths = self.ordered(pair, path_choice)
        return self.choices_on(paths, bit_rate, fit, in_order=path_choice != "all")

    def ordered(self, pair: int, path_choice: str) -> list[int]:
        """Return the candidates of a pair in the order in which they are tried."""
        paths = list(self.candidates[pair])
        if path_choice not in ("in_order", "all"):
            paths.sort(key=lambda path: self.path_cost[path] + self._rank(path_choice, path))
        return paths

    def choices_on(
        self, paths: list[int], bit_rate: int, fit: str, *, in_order: bool
    ) -> list[Choice]:
        """Return the choices as `choices` does, on some paths."""
        paths = [path for path in paths if self.width[path][bit_rate] > 0 and not self.fails(path)]
        if in_order:
            searched = [([path], plane) for path in paths for plane in range(self.planes)]
        else:
            searched = [(paths, plane) for plane in range(self.planes)]
        for some_paths, plane in searched:
            if choices := self.choices_in(some_paths, plane, bit_rate, fit):
                return choices
        return []

    def choices_in(self, paths: list[int], plane: int, bit_rate: int, fit: str) -> list[Choice]:
        """Return the choices as `choices` does, on some paths in one plane."""
        feasible = [
            (self.score(fit, plane, start, size, width), Choice(path, plane, start))
            for path in paths
            for width in [self.width[path][bit_rate]]
            if width > 0 and not self.fails(path)
            for block, size in self.blocks(path, plane)
            for start in range(block, block + size - width + 1)
        ]
        if self.assignments is not None:
            return self.assignments.best(self, [choice for _, choice in feasible], bit_rate)
        if feasible and fit != "random_fit":
            return [min(feasible, key=lambda item: (item[0], item[1].start, item[1].path))[1]]
        return [choice for _, choice in feasible]

    def fails(self, path: int) -> bool:
        """Return whether a link of the path is down."""
        return bool(self.down & set(self.route[path]))

    def blocks(self, path: int, plane: int) -> list[tuple[int, int]]:
        """Return (start, size) of the maximal runs of slots that are free on every link of a path."""
        return free_blocks(self._free_on_all_links(path, plane))

    def _free_on_all_links(self, path: int, plane: int) -> set[int]:
        return set.intersection(*(self.free[plane, link] for link in self.route[path]))

    def score(self, fit: str, plane: int, start: int, block_size: int, width: int) -> float:
        """Return what the fit wants least of; equal scores go to the lower start."""
        if fit == "first_fit":
            return start
        if fit == "last_fit":
            return -start
        if fit == "best_fit":
            return block_size
        if fit == "most_used":
            # Equal fractions of small integers are equal floats.
            return -sum(self.usage[plane, slot] for slot in range(start, start + width)) / width
        if fit == "least_used":
            return sum(self.usage[plane, slot] for slot in range(start, start + width)) / width
        if fit == "exact_fit":
            return 0 if block_size == width else 1
        return 0.0

    def _rank(self, route_method: str, path: int) -> float:
        """Return what a routing method wants least of."""
        links = self.route[path]
        free = [sum(len(self.free[plane, link]) for plane in range(self.planes)) for link in links]
        if route_method == "cong_aware":
            taken = sum(self.slots[link] for link in links) - sum(free)
            return taken / sum(self.slots[link] for link in links)
        if route_method == "least_congested":
            return -min(free)
        assert route_method == "frag_aware"
        return sum(
            sum(self._fragmentation(plane, link) for plane in range(self.planes)) / self.planes
            for link in links
        )

    def _fragmentation(self, plane: int, link: int) -> float:
        free = self.free[plane, link]
        return fragmentation(free) if free else 1.0


class Twin:
    """Serves requests in order, and counts what `fusion.kernel.arrays.Tally` counts."""

    def __init__(
        self,
        network: Network,
        fit: str,
        path_choice: str,
        sample_every: int,
        assignments: Assignments | None = None,
    ) -> None:
        """sample_every: requests between two samples of fragmentation, the first as request 0 comes."""
        self.spectrum = Spectrum(network)
        self.spectrum.assignments = assignments
        self.lightpaths: list[Lightpath] = []
        """All that were ever set up, in the order of their requests."""
        self.decisions: list[tuple[int, int, int]] = []
        self.blocked_by_pair: Counter[int] = Counter()
        self.blocked_by_bit_rate: Counter[int] = Counter()
        self.out_of_reach = 0
        self.served_by_path: Counter[int] = Counter()
        self.busy_by_path: Counter[int] = Counter()
        self.fragmentation: list[list[float]] = []
        """[sample][link]"""
        self._fit, self._path_choice = fit, path_choice
        self._sample_every = sample_every
        self._live: list[Lightpath] = []

    def serve(self, requests: Requests) -> None:
        """Serve a chunk of requests."""
        ties = requests.tie.tolist() or [0.0] * len(requests.arrival)
        columns = (column.tolist() for column in requests[:4])
        for arrival, holding, pair, bit_rate, tie in zip(*columns, ties, strict=True):
            self._release(arrival)
            if len(self.decisions) % self._sample_every == 0:
                self.fragmentation.append(self.fragmentation_now())
            choice = self.choose(arrival, holding, pair, bit_rate, tie)
            if choice is not None:
                self._set_up(choice, arrival, holding, bit_rate)
            else:
                self._block(pair, bit_rate)

    def choose(
        self, arrival: float, holding: float, pair: int, bit_rate: int, tie: float
    ) -> Choice | None:
        """Return where the lightpath of a request goes, or None."""
        choices = self.spectrum.choices(pair, bit_rate, self._fit, self._path_choice)
        return choices[int(tie * len(choices))] if choices else None

    def fragmentation_now(self) -> list[float]:
        """Return for each link 1 - largest free block / free slots, mean over planes, full ones 0."""
        planes = range(self.spectrum.planes)
        return [
            sum(fragmentation(self.spectrum.free[plane, link]) for plane in planes) / len(planes)
            for link in range(self.spectrum.links)
        ]

    def _release(self, now: float) -> None:
        while self._live and self._live[0].departure <= now:
            ended = heapq.heappop(self._live)
            self.spectrum.give_back(Choice(ended.path, ended.plane, ended.start), ended.width)

    def _set_up(self, choice: Choice, now: float, holding: float, bit_rate: int) -> None:
        width = self.spectrum.width[choice.path][bit_rate]
        self.spectrum.take(choice, width)
        lightpath = Lightpath(now + holding, now, *choice, width)
        heapq.heappush(self._live, lightpath)
        self.lightpaths.append(lightpath)
        self.decisions.append(choice)
        self.served_by_path[choice.path] += 1
        self.busy_by_path[choice.path] += width * holding

    def _block(self, pair: int, bit_rate: int) -> None:
        self.decisions.append((-1, -1, -1))
        self.blocked_by_pair[pair] += 1
        self.blocked_by_bit_rate[bit_rate] += 1
        widths = [self.spectrum.width[path][bit_rate] for path in self.spectrum.candidates[pair]]
        self.out_of_reach += not any(widths)


def fragmentation(free: set[int]) -> float:
    """Return 1 - largest free block / free slots, 0 where nothing is free."""
    return 1.0 - max(size for _, size in free_blocks(free)) / len(free) if free else 0.0


def as_list(counter: Counter[int], keys: Iterable[int]) -> list[int]:
    """Return the counts of the keys, to compare with an array."""
    return [counter[key] for key in keys]
