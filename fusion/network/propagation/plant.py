"""What GNPy propagates: a network and an equipment library as they are read, and modes as formats.

Small enough to send to a worker, which designs the network again. What was guessed wrong before running GNPy
3.0.1: that it reads all of its own examples (its CORONET CONUS has a key that it refuses, so a key beside
elements and connections is left out here); and that an amplifier forgets (one that saturates keeps the lower
gain for whatever comes next, so `propagator` sets the gains of the design again).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from fusion.network.modulation_tables import Entry, ModulationFormat, ModulationTable

CURRENT = "current"
"""The load (`gnpy_load`) for which each channel is propagated alone; neighbours add to its noise later."""
MOST_ALONE = 16
"""Channels of a mode that are propagated alone, evenly over the band, as each takes a propagation."""
_THZ = 1e12


class Mode(NamedTuple):
    """A mode of the transceiver. slots: of one of its carriers. baud_rate: in Hz."""

    name: str
    bit_rate_gbps: float
    baud_rate: float
    slots: int


class Files(NamedTuple):
    """The JSON of the files, as text; empty where none is named."""

    equipment: str
    topology: str
    sim_params: str
    spectrum: str


class Band(NamedTuple):
    """The slots that are propagated. first_hz: lower edge of the first. guard: slots behind a lightpath."""

    first_hz: float
    slot_hz: float
    slots: int
    guard: int

    @property
    def end_hz(self) -> float:
        """The upper edge of the last slot."""
        return self.first_hz + self.slots * self.slot_hz

    def centre(self, first_slot: int, slots: int) -> float:
        """Return the frequency in the middle of some slots, in Hz."""
        return self.first_hz + (first_slot + slots / 2) * self.slot_hz

    def __str__(self) -> str:
        """Return where it is, in THz."""
        return f"{self.first_hz / _THZ:.6g} to {self.end_hz / _THZ:.6g} THz"


class Plant(NamedTuple):
    """A network of GNPy's with all that decides what it propagates.

    version: of GNPy. load: `gnpy_load`. modes: of the transceiver. sites: by node, uids of its element and of
    its transceiver, which may be empty. lines: by place in `Topology.ways`, uids of the elements after the
    design. spectrum_hz: centres of the carriers of a spectrum; empty where the load is of the modes.
    """

    version: str
    files: Files
    transceiver: str
    load: str
    band: Band
    modes: tuple[Mode, ...]
    sites: tuple[tuple[str, str], ...]
    lines: tuple[tuple[str, ...], ...]
    spectrum_hz: tuple[float, ...] = ()

    def centres(self, mode: int) -> tuple[float, ...]:
        """Return the centres of the channels of a mode, in Hz: those for which GNPy gives a GSNR."""
        if self.load == "file":
            return self.spectrum_hz
        if self.load != CURRENT:
            return self.full(mode)
        slots = self.modes[mode].slots
        last = self.band.slots - slots
        if last < 0:
            return ()
        count = min(last, MOST_ALONE - 1)
        starts = {round(last * place / max(count, 1)) for place in range(count + 1)}
        return tuple(self.band.centre(start, slots) for start in sorted(starts))

    def full(self, mode: int) -> tuple[float, ...]:
        """Return the centres of as many carriers of a mode as fit, in Hz, guard band between them."""
        slots = self.modes[mode].slots
        starts = range(0, self.band.slots - slots + 1, slots + self.band.guard)
        return tuple(self.band.centre(start, slots) for start in starts)

    @property
    def channels(self) -> tuple[int, ...]:
        """How many channels each mode has."""
        return tuple(len(self.centres(mode)) for mode in range(len(self.modes)))

    @property
    def content(self) -> list[object]:
        """What decides the GSNR of a path that is named by its elements, as JSON data."""
        # How GNPy's elements are mapped to nodes and links is in the paths.
        files = [json.loads(text) if text else None for text in self.files]
        return [
            self.version,
            files,
            self.transceiver,
            self.load,
            list(self.band),
            [list(mode) for mode in self.modes],
        ]

    @property
    def digest(self) -> str:
        """SHA-256 of `content`, in hex."""
        text = json.dumps(self.content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def slots_of(spacing_hz: float, slot_hz: float) -> int:
    """Return the slots of a carrier: its spacing, rounded up."""
    return max(1, math.ceil(round(spacing_hz / slot_hz, 9)))


def modes_of(listed: Sequence[Mapping[str, object]], slot_hz: float) -> tuple[Mode, ...]:
    """Return the modes of a transceiver as GNPy has them, in its order. Raises ValueError."""
    found = []
    for each in listed:
        name = str(each["format"])
        numbers = [each.get(key) for key in ("bit_rate", "baud_rate", "min_spacing")]
        wrong = [n for n in numbers if isinstance(n, bool) or not isinstance(n, int | float)]
        if wrong or min(numbers) <= 0:  # type: ignore[type-var, operator]
            raise ValueError(
                f"mode {name}: bit_rate, baud_rate and min_spacing must be numbers above 0"
            )
        bit_rate, baud_rate, spacing = (float(n) for n in numbers)  # type: ignore[arg-type]
        found.append(Mode(name, bit_rate / 1e9, baud_rate, slots_of(spacing, slot_hz)))
    if not found:
        raise ValueError("has no mode")
    if len({mode.name for mode in found}) < len(found):
        raise ValueError("has several modes of the same name")
    return tuple(found)


def table_of_modes(plant: Plant, bit_rates_gbps: Sequence[float]) -> ModulationTable:
    """Return the modes as a modulation table: a lightpath has as many carriers as its bit rate needs.

    As GNPy counts it (`compute_spectrum_slot_vs_bandwidth`). Of modes with equally many slots, the one with
    fewer carriers comes first, then the one of the lower bit rate. bit_rates_gbps: of requests; those of the
    modes follow, for slices.
    """
    rates = [*bit_rates_gbps, *sorted({mode.bit_rate_gbps for mode in plant.modes})]
    listed = []
    for rate in dict.fromkeys(rates):
        carriers = [math.ceil(round(rate / mode.bit_rate_gbps, 9)) for mode in plant.modes]
        order = sorted(
            range(len(plant.modes)), key=lambda i: (carriers[i], plant.modes[i].bit_rate_gbps)
        )
        entries = [Entry(i, math.inf, carriers[i] * plant.modes[i].slots) for i in order]
        listed.append((rate, tuple(entries)))
    formats = tuple(
        ModulationFormat(mode.name, mode.bit_rate_gbps * 1e9 / mode.baud_rate)
        for mode in plant.modes
    )
    return ModulationTable(plant.transceiver, formats, (), tuple(listed), None)
