"""The original FUSION, slowly, with more of what it can do: written from a description of it.

Beside what `fusion_twin` has: routing by congestion and from its table of paths, its newer way of slicing
(the "orchestrator"), signal quality, lightpaths that are shared (grooming), and slices whose bit rate follows
from their signal quality. Spectra are arrays of lightpath numbers; the guard slot of a lightpath has its
negative.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from fusion_twin import FusionTwin, Lightpath, Request, Served, Setting, by_length

ASE_DENSITY, PLANCK, LIGHT_HZ, FIXED_SNR_DB = 1.8, 6.62607004e-34, 1.9341e14, 8.5
ATTENUATION, NONLINEARITY, DISPERSION = 0.2 / 4.343 * 1e-3, 1.3e-3, 21.3e-27
SPAN_KM, COUPLING = 100, 3.78e-9
XT_PER_METRE = 2 * 0.05 * 4.0e-4**2 / (4e6 * 4e-5)
START_HZ = {"c": 3e8 / 1565e-9, "l": 3e8 / 1620e-9}
EMISSION = {"c": 1.77, "l": 1.99}
NEEDED_DB = {
    "BPSK": 3.71,
    "QPSK": 6.72,
    "8-QAM": 10.84,
    "16-QAM": 13.24,
    "32-QAM": 16.16,
    "64-QAM": 19.01,
}
CARRIED = {"64-QAM": 800, "32-QAM": 700, "16-QAM": 600, "8-QAM": 500, "QPSK": 400, "BPSK": 200}
RAMAN, BETA_2, BETA_3 = 0.028 / 1e3 / 1e12, -22.6 * (1e-12 * 1e-12) / 1e3, 0.14e-36 / 1e3


class Full(NamedTuple):
    """What else FUSION's INI file says. external: the pairs (of core nodes) that its table has paths of."""

    route: str = "k_shortest_path"
    external: frozenset[frozenset[str]] = frozenset()
    orchestrator: bool = False
    snr: str = "None"
    core_order: tuple[int, ...] | None = None
    slot_ghz: float = 12.5
    watt: float = 1e-3
    xt_noise: bool = False
    egn: bool = False
    phi: dict[str, float] | None = None
    requested_xt: dict[str, float] | None = None
    grooms: bool = False
    dynamic: bool = False


@dataclass
class Up:
    """A lightpath that is up. number: of FUSION; capacity, spare: Gb/s; users: request -> Gb/s."""

    number: int
    at: Lightpath
    end: int
    capacity: int
    spare: int
    users: dict[int, int] = field(default_factory=dict)


@dataclass
class Now:
    """What FUSION knows of the request that it tries to serve. remaining: Gb/s, None where not set."""

    number: int
    request: Request
    total: int
    parts: list[tuple[Up, int]] = field(default_factory=list)
    new: list[Up] = field(default_factory=list)
    groomed_in_part: bool = False
    remaining: int | None = None
    transponders: int = 1
    place: int = -1


class FullTwin(FusionTwin):
    """One iteration of FUSION: `run` returns what became of each request."""

    def __init__(self, setting: Setting, full: Full) -> None:
        """setting, full: what is simulated."""
        super().__init__(setting)
        self.full = full
        self.lightpaths: dict[int, Up] = {}
        self.by_pair: dict[frozenset[str], list[Up]] = {}
        self.parts: dict[int, list[Up]] = {}

    # --- arrivals and departures ---

    def arrival(self, number: int, request: Request) -> Served:
        """Serve a request from lightpaths with room, or on the first path with room, or in slices."""
        setting = self.setting
        now = Now(number, request, int(request.rate))
        routes = None
        if self.full.grooms:
            group = self.groom(now)
            if group is not None and now.remaining == 0:
                now.transponders = 0
                return self.served(now, groomed=True)
            if group is not None:
                # The rest has to take the same path, in any format.
                names = sorted(setting.table[request.rate], key=self.reach_of(request.rate))
                now.groomed_in_part = True
                routes = [(group, names)]
        if routes is None:
            routes = self.routes(request)
        for now.place, (path, names) in enumerate(routes):
            if self.alone(now, path, names):
                return self.served(now)
        if setting.max_segments > 1 and (request.rate != "25" or self.full.orchestrator):
            for now.place, (path, _) in enumerate(routes):
                if self.sliced(now, path):
                    return self.served(now)
        if setting.partial and now.parts and now.groomed_in_part:
            return self.served(now)
        for up, gbps in now.parts:
            del up.users[number]
            up.spare += gbps
        return Served(False)

    def served(self, now: Now, *, groomed: bool = False) -> Served:
        """Return what became of a request, and remember its lightpaths."""
        self.parts[now.number] = [up for up, _ in now.parts]
        rest = 0 if groomed else now.remaining or 0
        return Served(True, tuple(up.at for up in now.new), now.transponders, rest)

    def departure(self, number: int) -> None:
        """End a request, and the lightpaths that nobody else uses."""
        for up in self.parts.pop(number, []):
            if self.full.grooms:
                up.spare += up.users.pop(number)
                if up.spare != up.capacity:
                    continue
            self.end(up)

    # --- paths ---

    def routes(self, request: Request) -> list[tuple[tuple[str, ...], list[str]]]:
        """Return the paths to try, each with the formats to try, in order."""
        setting, full = self.setting, self.full
        formats = setting.table[request.rate]
        paths = self.candidates(request)
        if full.route == "external_ksp" and full.external:
            # All formats whatever their reach, the farthest first.
            names = sorted(formats, key=self.reach_of(request.rate))[::-1]
            there = frozenset((request.source, request.destination)) in full.external
            return [(path, names) for path in paths[:3]] if there else []
        if full.route != "cong_aware":
            return [(path, self.formats(request.rate, self.km(path))) for path in paths]
        longest = max(map(self.km, paths))
        costs = [0.3 * self.congestion(path) + 0.7 * (self.km(path) / longest) for path in paths]
        order = sorted(range(len(paths)), key=costs.__getitem__)
        if setting.pre_calc:
            return [(paths[index], []) for index in order]
        return [
            (paths[index], [by_length(formats, self.km(paths[index])) or "QPSK"]) for index in order
        ]

    def congestion(self, path: tuple[str, ...]) -> float:
        """Return the mean over links of the share of slots of the C band that are taken."""
        cores = range(self.setting.cores)
        taken = []
        for link in pairwise(path):
            arrays = [self.slots[frozenset(link), core, "c"] for core in cores]
            taken.append(sum(map(np.count_nonzero, arrays)) / sum(map(len, arrays)))
        return float(np.mean(taken))

    def reach_of(self, rate: str):
        """Return a key to sort formats by their reach."""
        return lambda name: self.setting.table[rate][name]["max_length"]

    # --- one lightpath ---

    def alone(self, now: Now, path: tuple[str, ...], names: list[str]) -> bool:
        """Serve a request, or what is left of it, by one lightpath."""
        rate = now.request.rate
        gbps = now.remaining if now.groomed_in_part and now.remaining else now.total
        for name in names:
            if self.setting.fixed_grid:
                slots = 1
            elif now.groomed_in_part:
                tiers = [int(tier) for tier in self.setting.table if int(tier) >= gbps]
                if not tiers:
                    continue
                slots = int(self.setting.table[str(min(tiers))][name]["slots_needed"])
            else:
                slots = int(self.setting.table[rate][name]["slots_needed"])
            at = self.find(path, slots)
            if at and self.is_good(now, path, *at, slots, name, dynamic=False):
                self.add(now, path, *at, slots, name, now.total, gbps)
                if now.groomed_in_part:
                    now.remaining = 0
                return True
        return False

    def find(self, path: tuple[str, ...], slots: int) -> tuple[int, str, int] | None:
        """Return core, band and first slot of the first place with room."""
        setting, width = self.setting, slots + self.setting.guard
        cores = self.full.core_order or range(setting.cores)
        order = [(core, band) for core in cores for band, _ in setting.bands]
        if setting.priority == "BSC":
            order = [(core, band) for band, _ in setting.bands for core in cores]
        for core, band in order:
            for start in self.starts(self.slots[frozenset(path[:2]), core, band], width):
                links = [self.slots[frozenset(link), core, band] for link in pairwise(path)]
                if not any(link[start : start + width].any() for link in links):
                    return core, band, start
        return None

    def has_block(self, path: tuple[str, ...], slots: int) -> bool:
        """Return whether the first link of a path has a free block that is large enough."""
        width = slots + self.setting.guard
        return any(
            next(self.starts(self.slots[frozenset(path[:2]), core, band], width), None) is not None
            for core in range(self.setting.cores)
            for band, _ in self.setting.bands
        )

    def add(
        self,
        now: Now,
        path: tuple[str, ...],
        core: int,
        band: str,
        start: int,
        slots: int,
        name: str,
        capacity: int,
        gbps: int,
    ) -> None:
        """Set up a lightpath for a request."""
        self.last += 1
        guard = self.setting.guard
        for link in pairwise(path):
            array = self.slots[frozenset(link), core, band]
            assert not array[start : start + slots + guard].any()
            array[start : start + slots] = self.last
            array[start + slots : start + slots + guard] = -self.last
        at = Lightpath(path, core, band, start, name, str(capacity))
        end = start + slots + guard - 1 + guard
        up = Up(self.last, at, end, capacity, capacity - gbps, {now.number: gbps})
        now.parts.append((up, gbps))
        now.new.append(up)
        self.lightpaths[up.number] = up
        self.by_pair.setdefault(frozenset((path[0], path[-1])), []).append(up)

    def end(self, up: Up) -> None:
        """Take a lightpath down."""
        for link in pairwise(up.at.path):
            array = self.slots[frozenset(link), up.at.core, up.at.band]
            array[np.abs(array) == up.number] = 0
        del self.lightpaths[up.number]
        self.by_pair[frozenset((up.at.path[0], up.at.path[-1]))].remove(up)

    def give_up(self, now: Now) -> None:
        """Take down what a request has got beside its share of other lightpaths."""
        for up in now.new:
            self.end(up)
            now.parts = [part for part in now.parts if part[0] is not up]
        now.new = []
        now.remaining = now.total
        if now.groomed_in_part:
            now.remaining -= sum(gbps for _, gbps in now.parts)

    # --- grooming ---

    def groom(self, now: Now) -> tuple[str, ...] | None:
        """Take what the path with the most room has, in the order of age; return that path, if any."""
        groups: dict[tuple[str, ...], list[Up]] = {}
        ends = frozenset((now.request.source, now.request.destination))
        for up in self.by_pair.get(ends, []):
            if up.spare > 0:
                groups.setdefault(min(up.at.path, up.at.path[::-1]), []).append(up)
        if not groups:
            return None
        group = max(groups.values(), key=lambda ups: sum(up.spare for up in ups))
        rest = now.total
        for up in group:
            gbps = min(rest, up.spare)
            rest -= gbps
            up.users[now.number] = gbps
            up.spare -= gbps
            now.parts.append((up, gbps))
            if rest == 0:
                break
        now.remaining = rest
        return now.parts[-1][0].at.path

    # --- slices ---

    def sliced(self, now: Now, path: tuple[str, ...]) -> bool:
        """Serve a request by several lightpaths on one path."""
        if self.full.orchestrator:
            return self.unequal_slices(now, path)
        if not self.full.dynamic:
            return self.equal_slices(now, path)
        now.transponders = 0
        done = self.channels(now, path) if self.setting.fixed_grid else self.tiers(now, path)
        if not done:
            now.transponders = 1
        return done

    def last_path(self, now: Now) -> bool:
        """Return whether FUSION takes service in part here."""
        return now.groomed_in_part or now.place >= self.setting.k_paths - 1

    def equal_slices(self, now: Now, path: tuple[str, ...]) -> bool:
        """By lightpaths of one lower bit rate, the highest first; a remainder is dropped."""
        table = self.setting.table
        for tier in sorted((int(rate) for rate in table if int(rate) < now.total), reverse=True):
            name = by_length(table[str(tier)], self.km(path))
            segments = now.total // tier
            if name is None:
                continue
            if segments > self.setting.max_segments:
                break
            now.transponders = segments
            while len(now.new) < segments and self.one_slice(now, path, tier, [name]):
                pass
            if len(now.new) == segments:
                return True
            rest = now.total - len(now.new) * tier
            if self.setting.partial and now.new and self.last_path(now):
                now.remaining = rest
                return True
            self.give_up(now)
        now.transponders = 1
        return False

    def one_slice(self, now: Now, path: tuple[str, ...], tier: int, names: list[str]) -> bool:
        """Set up a lightpath of a bit rate in the first format with room that is good."""
        for name in names:
            fixed = self.setting.fixed_grid
            slots = 1 if fixed else int(self.setting.table[str(tier)][name]["slots_needed"])
            at = self.find(path, slots)
            if at and self.is_good(now, path, *at, slots, name, dynamic=False):
                self.add(now, path, *at, slots, name, tier, tier)
                return True
        return False

    def unequal_slices(self, now: Now, path: tuple[str, ...]) -> bool:
        """As the newer FUSION does: as many as there is room for of each bit rate, the highest first."""
        table, km = self.setting.table, self.km(path)
        rest = now.total
        for tier in sorted((int(rate) for rate in table if int(rate) < now.total), reverse=True):
            formats = table[str(tier)]
            order = ("64-QAM", "32-QAM", "16-QAM", "8-QAM", "QPSK", "BPSK")
            names = [name for name in order if name in formats]
            names = [name for name in names if formats[name]["max_length"] >= km]
            while rest >= tier and len(now.new) < self.setting.max_segments:
                if not self.one_slice(now, path, tier, names):
                    break
                rest -= tier
        if now.new and (rest == 0 or (self.setting.partial and self.last_path(now))):
            now.remaining = rest
            now.transponders = len(now.new)
            return True
        self.give_up(now)
        now.remaining = None
        return False

    def channels(self, now: Now, path: tuple[str, ...]) -> bool:
        """In the fixed grid: by channels, each in the best format that its signal quality allows."""
        rest = now.remaining if now.groomed_in_part and now.remaining else now.total
        while rest > 0:
            at = self.find(path, 1)
            name = None
            if at:
                names = sorted(
                    self.setting.table[now.request.rate], key=self.reach_of(now.request.rate)
                )
                found = self.gsnr(now, path, *at, 1)
                name = next((each for each in names if found >= NEEDED_DB[each]), None)
            if name is None or at is None:
                if self.setting.partial and rest != now.total and self.last_path(now):
                    now.remaining = rest
                    return True
                self.give_up(now)
                return False
            self.add(now, path, *at, 1, name, CARRIED[name], min(CARRIED[name], rest))
            rest -= CARRIED[name]
            now.transponders += 1
            now.remaining = max(0, rest)
        return True

    def tiers(self, now: Now, path: tuple[str, ...]) -> bool:
        """In the flexible grid: as many as there is room for of each bit rate, the highest first."""
        rest = now.remaining if now.groomed_in_part and now.remaining else now.total
        table = self.setting.table
        for tier in sorted((int(rate) for rate in table if int(rate) < now.total), reverse=True):
            formats = table[str(tier)]
            while rest >= tier:
                found = None
                place = None
                for name in sorted(formats, key=self.reach_of(str(tier))):
                    slots = int(formats[name]["slots_needed"])
                    at = self.find(path, slots)
                    if at:
                        place = (*at, slots)
                    elif place is None or self.has_block(path, slots):
                        # FUSION takes the place that it found for the format before, where the first
                        # link has no free block for this one.
                        place = None
                        continue
                    if self.is_good(now, path, *place, name, dynamic=True):
                        found = name
                        break
                if found is None or place is None:
                    break
                self.add(now, path, *place, found, tier, min(tier, rest))
                rest -= tier
                now.transponders += 1
                now.remaining = max(0, rest)
        if rest <= 0:
            return True
        if self.setting.partial and rest != now.total and self.last_path(now):
            now.remaining = max(0, rest)
            return True
        self.give_up(now)
        return False

    # --- signal quality ---

    def is_good(
        self,
        now: Now,
        path: tuple[str, ...],
        core: int,
        band: str,
        start: int,
        slots: int,
        name: str,
        *,
        dynamic: bool,
    ) -> bool:
        """Return whether a lightpath would have the signal quality that its format needs."""
        if self.full.snr == "None":
            return True
        if self.full.snr == "xt_calculation":
            return self.crosstalk_db(path, core, band, start, slots) < (
                self.full.requested_xt or {}
            ).get(name, math.inf)
        if self.full.snr == "snr_calc_nli":
            return self.snr(path, core, start, slots, name) > FIXED_SNR_DB
        good = self.gsnr(now, path, core, band, start, slots) >= NEEDED_DB[name]
        if good and self.setting.fixed_grid and not dynamic:
            return CARRIED[name] >= now.total
        return good

    def counted(self, slots: int) -> int:
        """Return the slots that FUSION takes a lightpath for: two more with a guard band."""
        return slots + 2 * self.setting.guard

    def crosstalk_db(
        self, path: tuple[str, ...], core: int, band: str, start: int, slots: int
    ) -> float:
        """Return the crosstalk from the seven cores' neighbours, -inf where there is none."""
        beside = range(6) if core == 6 else ((core - 1) % 6, (core + 1) % 6, 6)
        end = start + slots + 2 * self.setting.guard - 1
        total = 0.0
        for link in pairwise(path):
            taken = [self.slots[frozenset(link), other, band][start:end] > 0 for other in beside]
            most = int(np.sum(taken, axis=0).max(initial=0))
            power = math.exp(-2 * COUPLING * self.graph.edges[link]["length"] * 1e3)
            total += (1 - power) / (1 + power) * most
        return 10 * math.log10(total) if total else -math.inf

    def others(self, link: tuple[str, str], core: int, band: str) -> list[tuple[int, int, int]]:
        """Return the lightpaths on a link: number, first slot and slots of each, in order of slots."""
        array = self.slots[frozenset(link), core, band]
        numbers, first, counts = np.unique(array[array > 0], return_index=True, return_counts=True)
        where = np.flatnonzero(array > 0)
        return sorted(
            zip(numbers.tolist(), where[first].tolist(), counts.tolist(), strict=True),
            key=lambda each: each[1],
        )

    def snr(self, path: tuple[str, ...], core: int, start: int, slots: int, name: str) -> float:
        """Return the SNR in dB by the GN model of `snr_calc_nli`; only the C band disturbs."""
        full = self.full
        ghz, watt = full.slot_ghz, full.watt
        width = self.counted(slots) * ghz * 1e9
        centre = (start * ghz + self.counted(slots) * ghz / 2) * 1e9
        density = watt / width
        mu = 3 * NONLINEARITY**2 / (2 * math.pi * ATTENUATION * DISPERSION)
        own = density**2 * math.asinh(math.pi**2 * DISPERSION / (2 * ATTENUATION) * width**2)
        ase = PLANCK * LIGHT_HZ * ASE_DENSITY * (math.exp(ATTENUATION * SPAN_KM * 1e3) - 1)
        total = 0.0
        for link in pairwise(path):
            length = self.graph.edges[link]["length"]
            cross, channels = 0.0, self.others(link, core, "c")
            for _, first, count in channels:
                other = count * ghz * 1e9
                apart = abs(centre - (first * ghz + count * ghz / 2) * 1e9)
                if apart:
                    ratio = (apart + other / 2) / (apart - other / 2)
                    cross += (watt / other) ** 2 * math.log(abs(ratio))
            nli = (own + cross) * mu * density
            if full.egn:
                series = sum(1 / i for i in range(1, math.ceil((len(channels) - 1) / 2) + 1))
                reach = (1 - math.e ** (-2 * ATTENUATION * SPAN_KM * 1e3)) / (2 * ATTENUATION)
                factor = NONLINEARITY**2 * reach**2 * density**3 * width**2
                factor /= (12 * 10**9 / 2) ** 2 * math.pi * -DISPERSION * (SPAN_KM * 1e3)
                nli -= 80 / 81 * (full.phi or {})[name] * factor * series
            xt = -100 * XT_PER_METRE * SPAN_KM * 1e3 * watt if full.xt_noise else 0.0
            total += ((ase + nli) * width + xt) * (length / SPAN_KM) / (density * width)
        return 10 * math.log10(1 / total)

    def format_of(self, now: Now, number: int) -> str:
        """Return the format of a lightpath that is up."""
        return self.lightpaths[number].at.format

    def gsnr(
        self, now: Now, path: tuple[str, ...], core: int, band: str, start: int, slots: int
    ) -> float:
        """Return the GSNR in dB, of one band or of two."""
        if len(self.setting.bands) > 1:
            return self.gsnr_of_two(now, path, core, band, start, slots)
        full = self.full
        hz, watt = full.slot_ghz * 1e9, full.watt
        count = self.counted(slots)
        width = count * hz
        centre = START_HZ["c"] + start * hz + count * hz / 2
        metres = SPAN_KM * 1e3
        ase = width * PLANCK * centre * 2 * EMISSION[band] * (math.exp(ATTENUATION * metres) - 1)
        reach = (1 - math.exp(-2 * ATTENUATION * metres)) / (2 * ATTENUATION)
        far = 1 / (2 * ATTENUATION)
        total = 0.0
        for link in pairwise(path):
            spans = math.ceil(self.graph.edges[link]["length"] / SPAN_KM)
            phi = math.asinh(math.pi**2 * DISPERSION * width**2 / (4 * ATTENUATION))
            for number, first, others in self.others(link, core, band):
                other = others * hz
                apart = START_HZ["c"] + first * hz + other / 2 - centre
                if apart == 0:
                    phi += math.asinh(math.pi**2 * DISPERSION * width**2 / (4 * ATTENUATION))
                    continue
                scale = math.pi**2 * DISPERSION * far * width
                phi += math.asinh(scale * (apart + other / 2))
                phi -= math.asinh(scale * (apart - other / 2))
                factor = (full.phi or {})[self.format_of(now, number)]
                phi -= factor * other / abs(apart) * (5 / 3) * reach / metres
            nli = (watt / width) ** 3 * 8 / (27 * math.pi * DISPERSION)
            nli *= NONLINEARITY**2 * reach * phi * width
            total += spans * (ase + nli) / watt
        return 10 * math.log10(1 / total)

    def gsnr_of_two(
        self, now: Now, path: tuple[str, ...], core: int, band: str, start: int, slots: int
    ) -> float:
        """Return the GSNR in dB with a C and an L band that tilt each other."""
        full, alpha = self.full, ATTENUATION
        hz, watt, metres = full.slot_ghz * 1e9, full.watt, SPAN_KM * 1e3
        width = self.counted(slots) * hz
        mine = START_HZ[band] + start * hz + width / 2
        middle = (START_HZ["c"] + 6.0e12 + START_HZ["l"]) / 2
        reach = (1 - math.exp(-alpha * metres)) / alpha
        total = 0.0
        for link in pairwise(path):
            spans = math.ceil(self.graph.edges[link]["length"] / SPAN_KM)
            channels = [
                (
                    self.format_of(now, number),
                    START_HZ[name] + first * hz + count * hz / 2,
                    count * hz,
                )
                for name, _ in self.setting.bands
                for number, first, count in self.others(link, core, name)
            ]
            power = (1 + len(channels)) * watt
            tilt = power * RAMAN
            both = 2 * alpha
            t = (both - tilt * (mine - middle)) ** 2
            phi = 1.5 * math.pi**2 * (BETA_2 + 2 * BETA_3 * (mine - middle))
            nli = (
                4
                / 9
                * math.pi
                * NONLINEARITY**2
                * spans ** (1 + 0.0001)
                * watt**2
                / (width**2 * phi * alpha * 3 * alpha)
            ) * (
                (t - alpha**2) / alpha * math.asinh(phi * width**2 / (math.pi * alpha))
                + (both**2 - t) / both * math.asinh(phi * width**2 / (math.pi * both))
            )
            profile = (
                2 / width * math.exp(-tilt * reach * mine) * math.sinh(tilt * reach * width / 2)
            )
            for name, theirs, other in channels:
                apart = abs(theirs - mine)
                tk = (both - tilt * (theirs - middle)) ** 2
                several = 0 if spans == 1 else spans
                cross = -4 * math.pi**2 * (theirs - mine)
                cross *= BETA_2 + math.pi * BETA_3 * (mine + theirs - 2 * middle)
                span = -4 * math.pi**2 * (BETA_2 + math.pi * BETA_3 * (mine + theirs)) * metres
                factor = (full.phi or {})[name]
                first = (
                    (spans - 5 / 6 * factor)
                    / (cross * alpha * 3 * alpha)
                    * (
                        (tk - alpha**2) / alpha * math.atan(cross * width / alpha)
                        + (both**2 - tk) / both * math.atan(cross * width / both)
                    )
                )
                log = math.log((2 * apart - other) / (2 * apart + other))
                second = 5 / 3 * -factor * math.pi * several * tk
                second /= abs(span) * other**2 * alpha**2 * both**2
                second *= (2 * apart - other) * log + 2 * other
                nli += 32 / 27 * NONLINEARITY**2 * watt**2 / other * (first + second)
                profile += (
                    2
                    / other
                    * math.exp(-tilt * reach * theirs)
                    * math.sinh(tilt * reach * other / 2)
                )
            left = (
                power**2 * RAMAN * reach * math.exp(-alpha * metres - tilt * reach * mine) / profile
            )
            ase = 2 * EMISSION[band] * PLANCK * mine * width * (watt / left - 1) * spans
            total += nli + ase / watt
        return 10 * math.log10(1 / total)
