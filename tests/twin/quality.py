"""A slow twin of signal quality: the noise of every lightpath from scratch, whenever it is asked for.

It knows fibre, grid and thresholds, and calls the formulas of `network/physics`; of the kernel's tables it
reads none. What depends on two lightpaths alone is kept, because the formulas are slow.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from fusion.config.config import Config
from fusion.network.cores import adjacency
from fusion.network.modulation import value_of
from fusion.network.physics.ase import ase_noise
from fusion.network.physics.crosstalk import mean_crosstalk
from fusion.network.physics.fibre import centre_frequency, span_count
from fusion.network.physics.gn import cross_channel_noise, self_channel_noise
from fusion.network.physics.raman import (
    full_load,
    raman_ase_noise,
    raman_cross_channel_noise,
    raman_self_channel_noise,
)
from fusion.network.quality import physics_of
from fusion.network.quality_file import QualityTable, SlotQuality, Spot
from fusion.scenario.scenario import Scenario
from tests.twin.connections import Connection, ConnectionTwin, Lightpath
from tests.twin.twin import Choice


class QualityTwin(ConnectionTwin):
    """Serves requests as `ConnectionTwin` does, by lightpaths that are good."""

    def __init__(
        self,
        config: Config,
        scenario: Scenario,
        table: QualityTable | None,
        fit: str,
        path_choice: str,
    ) -> None:
        """table: what a file says, in place of the formulas."""
        assert scenario.service is not None
        super().__init__(scenario.network, scenario.service, fit, path_choice)
        assert scenario.service.quality is not None
        self._settings = config.snr_settings
        self._table = table
        self._physics = physics_of(config)
        self._cores = config.topology_settings.cores_per_link
        self._scenario = scenario
        self._guard = scenario.lightpaths.guard_slots
        self.options = [
            [column for column in options if column >= 0]
            for options in scenario.service.quality.options.tolist()
        ]
        self.refused = 0
        self.blocked_by_quality = 0
        self.noise_at_set_up = 0.0
        widths = {
            (width - self._guard, self._phi(self._format(row, column)))
            for row, of_row in enumerate(scenario.network.width.tolist())
            for column, width in enumerate(of_row)
            if width > 0 and not self.options[column]
        }
        self._loading = None
        if self._physics.tilts:
            assert self._physics.grid is not None
            # The spectrum is full, of carriers of the mean width.
            mean = float(np.mean([width for width, _ in widths]))
            self._loading = full_load(self._physics.grid, self._physics.power, width=mean)
        self._own = cache(self._own_noise)
        self._on = cache(self._noise_on)

    def _format(self, row: int, column: int) -> str:
        return self._scenario.lightpaths.formats[
            self._scenario.lightpaths.format_by_row[row, column]
        ]

    def format_of(self, lightpath: Lightpath) -> str:
        row = self._scenario.network.width_row[lightpath.choice.path]
        return self._format(row, lightpath.column)

    def _phi(self, name: str) -> float:
        return (value_of(self._settings.phi, name) or 0.0) if self._settings.egn_model else 0.0

    # --- noise from the formulas

    def _own_noise(self, band: str, start: int, width: int) -> float:
        """Return the noise to signal of one span of a lightpath without neighbours."""
        fibre, grid, power = self._physics.fibre, self._physics.grid, self._physics.power
        assert grid is not None
        hertz = width * grid.slot_width
        centre = centre_frequency(grid, grid.bands.index(band), start, width)
        if self._loading is None:
            noise = ase_noise(fibre, band, centre, hertz) + self_channel_noise(fibre, power, hertz)
        else:
            noise = raman_ase_noise(fibre, self._loading, band, centre, hertz)
            noise = noise + raman_self_channel_noise(fibre, self._loading, power, hertz, centre)
        return float(noise) / power

    def _noise_on(
        self,
        band: str,
        start: int,
        width: int,
        other_band: str,
        other_start: int,
        other_width: int,
        other_phi: float,
    ) -> float:
        """Return the noise to signal of one span that another lightpath makes."""
        fibre, grid, power = self._physics.fibre, self._physics.grid, self._physics.power
        assert grid is not None
        hertz, other_hertz = width * grid.slot_width, other_width * grid.slot_width
        centre = centre_frequency(grid, grid.bands.index(band), start, width)
        other = centre_frequency(grid, grid.bands.index(other_band), other_start, other_width)
        if self._loading is None:
            noise = cross_channel_noise(
                fibre, power, hertz, power, other_hertz, other - centre, other_phi
            )
        else:
            noise = raman_cross_channel_noise(
                fibre, self._loading, power, hertz, centre, power, other_hertz, other, other_phi
            )
        return float(noise) / power

    def noise(self, one: Lightpath, others: Sequence[Lightpath]) -> float:
        """Return the noise to signal of a lightpath among others, one of which it may be."""
        if self._table is not None:
            ratios = [10 ** (-spot.gsnr_db / 10) for spot in self._spots(one) if spot is not None]
            return max(ratios)
        total = 0.0
        core, band, _ = self._scenario.planes[one.choice.plane]
        start, width = one.choice.start, one.width - self._guard
        for link in self.spectrum.route[one.choice.path]:
            here = [
                other
                for other in others
                if other is not one and link in self.spectrum.route[other.choice.path]
            ]
            metres = self._scenario.link_km[link] * 1e3
            if self._physics.grid is not None:
                spans = span_count(self._physics.fibre, metres, fractional=self._physics.fractional)
                noise = self._own(band, start, width)
                for other in here:
                    other_core, other_band, _ = self._scenario.planes[other.choice.plane]
                    if other_core == core and (other_band == band or self._physics.tilts):
                        noise += self._on(
                            *(band, start, width, other_band, other.choice.start),
                            *(other.width - self._guard, self._phi(self.format_of(other))),
                        )
                total += float(spans) * noise
            if self._physics.coupling:
                most = max(
                    sum(self._leaks(core, band, slot, other) for other in here)
                    for slot in range(start, start + width)
                )
                total += float(mean_crosstalk(most, metres, self._physics.coupling))
        return total

    def _spots(self, one: Lightpath) -> list[SlotQuality | None]:
        """Return what a file says of the slots of a lightpath."""
        assert self._table is not None
        core, band, _ = self._scenario.planes[one.choice.plane]
        pair = self.pair_of_path[one.choice.path]
        ends = [
            int(name) for name in self._scenario.pairs[pair]
        ]  # nodes are named by their numbers
        number = one.choice.path - self.spectrum.candidates[pair].start + 1
        of_path = self._table.get((ends[0], ends[1], number)) or self._table.get(
            (ends[1], ends[0], number), {}
        )
        slots = range(one.choice.start, one.choice.start + one.width - self._guard)
        return [
            of_path.get(Spot(core, band, slot)) or of_path.get(Spot(-1, band, slot))
            for slot in slots
        ]

    def _is_allowed(self, spot: SlotQuality | None, name: str) -> bool:
        """Return whether a format works in a slot of a file."""
        needed = value_of(self._settings.snr_thresholds, name)
        assert needed is not None
        if spot is None or spot.format == "":
            return False
        if spot.format is None:
            return spot.gsnr_db >= needed
        best = value_of(self._settings.snr_thresholds, spot.format)
        return best is not None and best >= needed

    def _leaks(self, core: int, band: str, slot: int, other: Lightpath) -> bool:
        """Return whether a lightpath has light in the slot of a core that is next to its own."""
        other_core, other_band, _ = self._scenario.planes[other.choice.plane]
        start = other.choice.start
        lit = start <= slot < start + other.width - self._guard
        return bool(other_band == band and lit and adjacency(self._cores)[core, other_core])

    def works(self, one: Lightpath, others: Sequence[Lightpath]) -> bool:
        """Return whether a lightpath reaches the threshold of its format."""
        if self._table is not None:
            return all(self._is_allowed(spot, self.format_of(one)) for spot in self._spots(one))
        decibels = 10 * np.log10(max(self.noise(one, others), 1e-300))
        name = self.format_of(one)
        if self._settings.snr_type == "xt_calculation":
            return bool(decibels < value_of(self._settings.requested_xt, name))
        return bool(-decibels >= value_of(self._settings.snr_thresholds, name))

    def _is_checked(self, one: Lightpath, new: Lightpath) -> bool:
        """Return whether a lightpath that is up must go on to work when another disturbs it."""
        core, band, _ = self._scenario.planes[one.choice.plane]
        new_core, new_band, _ = self._scenario.planes[new.choice.plane]
        if not self._settings.snr_recheck:
            return False
        if core != new_core:
            return self._settings.recheck_adjacent_cores
        return band == new_band or self._settings.recheck_crossband

    # --- where a lightpath goes

    def _try(self, choice: Choice, column: int, connection: Connection) -> Lightpath | None:
        width = self.spectrum.width[choice.path][column]
        rate = int(self.service.rate[column])
        new = Lightpath(choice, width, column, rate, connection.arrival)
        after = [*self.live, new]
        checked = [
            one
            for one in self.live
            if self._is_checked(one, new) and self.noise(one, after) > self.noise(one, self.live)
        ]
        if all(self.works(one, after) for one in [new, *checked]):
            return new
        self.refused += 1
        return None

    def _offer(
        self, connection: Connection, path: int, plane: int, column: int
    ) -> Lightpath | None:
        """Return the lightpath that the fit chooses on a path and plane in one format, if it is good."""
        choices = self.spectrum.choices_in([path], plane, column, self._fit)
        if not choices:
            return None
        return self._try(choices[int(self._tie * len(choices))], column, connection)

    def _add(self, connection: Connection, new: Lightpath | None, left: int) -> int:
        if new is None:
            return 0
        self.spectrum.take(new.choice, new.width)
        carried = min(left, new.rate)
        new.parts.append((connection, carried))
        self.live.append(new)
        return carried

    def _place(self, connection: Connection, path: int, column: int, left: int) -> int:
        for one in self.options[column]:
            for plane in range(self.spectrum.planes):
                if (new := self._offer(connection, path, plane, one)) is not None:
                    return self._add(connection, new, left)
        return 0

    def _place_on_any(
        self, connection: Connection, pair: int, paths: list[int], column: int, left: int
    ) -> int:
        if self._path_choice != "all":
            for path in paths:
                if carried := self._place(connection, path, column, left):
                    return carried
            return 0
        for plane in range(self.spectrum.planes):
            offers = []
            for path in paths:
                good = (self._offer(connection, path, plane, one) for one in self.options[column])
                new = next((one for one in good if one is not None), None)
                if new is not None:
                    # The score of the start: the only choice left when all others are taken away.
                    offers.append((self._score(new), new.choice.start, path, new))
            if offers:
                return self._add(connection, min(offers, key=lambda each: each[:3])[3], left)
        return 0

    def _score(self, new: Lightpath) -> float:
        """Return what the fit wants least of, of a lightpath that is not up yet."""
        blocks = self.spectrum.blocks(new.choice.path, new.choice.plane)
        size = next(size for start, size in blocks if start <= new.choice.start < start + size)
        return self.spectrum.score(self._fit, new.choice.plane, new.choice.start, size, new.width)

    def _serve(self, connection: Connection, pair: int, bit_rate: int) -> None:
        self.refused = 0
        before = list(self.live)
        super()._serve(connection, pair, bit_rate)
        if not self._parts(connection):
            self.blocked_by_quality += self.refused > 0
        for one in self.live:
            if one not in before:
                self.noise_at_set_up += self.noise(one, self.live)
