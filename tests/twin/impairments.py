"""A slow twin of what policies see of impairments: sums over lightpaths and slots, from the definitions."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from fusion.config.config import Config
from fusion.kernel.arrays import Network
from fusion.network.cores import adjacency, apart
from fusion.scenario.scenario import Scenario
from tests.twin.connections import Connection, ConnectionTwin
from tests.twin.quality import QualityTwin
from tests.twin.twin import Choice, Spectrum

POWER_W = 1e-3
WORST = (POWER_W / 37.5e9) ** 2 * math.log(85 * 87)
"""In the middle channel of 86 side by side of 37.5 GHz: of 42 on one side and of 43 on the other.

ln((D + B/2) / (D - B/2)) at D = B, 2 B, ... n B adds up to ln(2 n + 1).
"""


class Channel(NamedTuple):
    """Slots with light."""

    start: int
    slots: int

    @property
    def centre(self) -> float:
        return self.start + self.slots / 2

    def shares_slots_with(self, other: Channel) -> bool:
        return self.start < other.start + other.slots and other.start < self.start + self.slots


class ImpairedSpectrum(Spectrum):
    """A spectrum that knows where light is, and ranks paths and cores by it."""

    def __init__(self, network: Network, config: Config, scenario: Scenario) -> None:
        super().__init__(network)
        self._settings, self._planes = config.snr_settings, scenario.planes
        self._guard, self._km = scenario.lightpaths.guard_slots, scenario.link_km
        self._slot_hz = config.topology_settings.bw_per_slot * 1e9
        cores = config.topology_settings.cores_per_link
        looks = "xt_aware" in (
            config.general_settings.route_method,
            config.general_settings.allocation_method,
        )
        near = adjacency(cores) if looks else np.zeros((cores, cores), dtype=np.bool_)
        self._near = [
            [
                there
                for there, (other, other_band, _) in enumerate(self._planes)
                if other_band == band and near[core, other]
            ]
            for core, band, _ in self._planes
        ]
        self._second = _second_colour(cores) if looks else set()
        self.light: dict[tuple[int, int], list[Channel]] = {
            (plane, link): [] for plane in range(self.planes) for link in range(self.links)
        }
        self.bit_rate = 0
        """Of the request at hand."""

    def take(self, choice: Choice, width: int) -> None:
        super().take(choice, width)
        for link in self.route[choice.path]:
            self.light[choice.plane, link].append(Channel(choice.start, width - self._guard))

    def give_back(self, choice: Choice, width: int) -> None:
        super().give_back(choice, width)
        for link in self.route[choice.path]:
            self.light[choice.plane, link].remove(Channel(choice.start, width - self._guard))

    # --- the cost of a link

    def _rank(self, route_method: str, path: int) -> float:
        if route_method not in ("nli_aware", "xt_aware"):
            return super()._rank(route_method, path)
        width = self.width[path][self.bit_rate]
        slots = width - self._guard if width > 0 and not self.fails(path) else 1
        cost = sum(self.cost(route_method, link, slots) for link in self.route[path])
        return round(cost * 2**30)  # equal costs are equal whatever way they were added up

    def cost(self, route_method: str, link: int, slots: int) -> float:
        """Return the cost of a link for a channel of so many slots."""
        beta, km, spans = self._settings.beta, self._km[link], self._km[link] / 100
        length = beta * km / max(self._km)
        if route_method == "nli_aware":
            each = [
                self._interference(plane, link, Channel(start, slots)) / WORST * spans
                for plane in range(self.planes)
                for start in self._starts(plane, link, slots)
            ]
            return length + (1 - beta) * float(np.mean(each)) if each else 1000.0
        shares = [
            self._share_lit(plane, link, slot)
            for plane in range(self.planes)
            for slot in self.free[plane, link]
        ]
        if not shares:
            return 1000.0
        if self._settings.xt_type == "without_length":
            return spans * float(np.mean(shares))
        return length + (1 - beta) * float(np.mean(shares))

    def _starts(self, plane: int, link: int, slots: int) -> list[int]:
        free = self.free[plane, link]
        return [start for start in free if set(range(start, start + slots + self._guard)) <= free]

    def _interference(self, plane: int, link: int, channel: Channel) -> float:
        total = 0.0
        for other in self.light[plane, link]:
            distance = abs(channel.centre - other.centre) * self._slot_hz
            width = other.slots * self._slot_hz
            logarithm = math.log((distance + width / 2) / (distance - width / 2))
            total += (POWER_W / width) ** 2 * logarithm
        return total

    def _share_lit(self, plane: int, link: int, slot: int) -> float:
        """Return the share of adjacent cores with light in a slot."""
        lit = [
            any(one.shares_slots_with(Channel(slot, 1)) for one in self.light[there, link])
            for there in self._near[plane]
        ]
        return sum(lit) / len(lit) if lit else 0.0

    # --- the core with fewest overlaps

    def by_overlaps(self, path: int, width: int) -> list[Choice]:
        """Return the places for a lightpath, one in each plane with room, that with fewest overlaps first."""
        found = []
        for plane in range(self.planes):
            starts = [
                start
                for block, size in self.blocks(path, plane)
                for start in range(block, block + size - width + 1)
            ]
            if starts:
                core, _, _ = self._planes[plane]
                start = max(starts) if core in self._second else min(starts)
                found.append(Choice(path, plane, start))
        return sorted(found, key=lambda one: (self.overlaps(one, width), one.plane))

    def overlaps(self, choice: Choice, width: int) -> int:
        """Return the lightpaths of adjacent cores with the same slots, counted on each link."""
        own = Channel(choice.start, width - self._guard)
        return sum(
            one.shares_slots_with(own)
            for link in self.route[choice.path]
            for there in self._near[choice.plane]
            for one in self.light[there, link]
        )

    def choices_on(
        self, paths: list[int], bit_rate: int, fit: str, *, in_order: bool
    ) -> list[Choice]:
        if fit != "xt_aware":
            return super().choices_on(paths, bit_rate, fit, in_order=in_order)
        for path in paths:
            width = self.width[path][bit_rate]
            if width > 0 and not self.fails(path) and (places := self.by_overlaps(path, width)):
                return places[:1]
        return []


def _second_colour(cores: int) -> set[int]:
    """Return the cores that follow those that may be taken together first: of 7 cores 1, 3, 5."""
    near, order = adjacency(cores), apart(cores)
    first: list[int] = []
    rest: list[int] = []
    for core in order:
        (rest if rest or near[core, first].any() else first).append(core)
    second: list[int] = []
    for core in rest:
        if near[core, second].any():
            break
        second.append(core)
    return set(second)


class ImpairedTwin(ConnectionTwin):
    """Serves requests as `ConnectionTwin` does, on an `ImpairedSpectrum`."""

    spectrum: ImpairedSpectrum

    def __init__(self, config: Config, scenario: Scenario, fit: str, path_choice: str) -> None:
        assert scenario.service is not None
        super().__init__(scenario.network, scenario.service, fit, path_choice)
        self.spectrum = ImpairedSpectrum(scenario.network, config, scenario)

    def _serve(self, connection: Connection, pair: int, bit_rate: int) -> None:
        self.spectrum.bit_rate = bit_rate
        super()._serve(connection, pair, bit_rate)


class ImpairedQualityTwin(QualityTwin):
    """Serves requests as `QualityTwin` does, on an `ImpairedSpectrum`."""

    spectrum: ImpairedSpectrum

    def __init__(self, config: Config, scenario: Scenario, fit: str, path_choice: str) -> None:
        super().__init__(config, scenario, None, fit, path_choice)
        self.spectrum = ImpairedSpectrum(scenario.network, config, scenario)

    def _serve(self, connection: Connection, pair: int, bit_rate: int) -> None:
        self.spectrum.bit_rate = bit_rate
        super()._serve(connection, pair, bit_rate)

    def _place(self, connection: Connection, path: int, column: int, left: int) -> int:
        if self._fit != "xt_aware":
            return super()._place(connection, path, column, left)
        for one in self.options[column]:
            width = self.spectrum.width[path][one]
            if width <= 0 or self.spectrum.fails(path):
                continue
            for choice in self.spectrum.by_overlaps(path, width):
                if (new := self._try(choice, one, connection)) is not None:
                    return self._add(connection, new, left)
        return 0
