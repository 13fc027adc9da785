"""Propagate paths by GNPy's elements, beginnings that paths share only once.

Exactly what `gnpy.topology.request.propagate` does: the elements change the carriers one after the other, and
the receiver adds what the nodes and the transceiver contribute. What a path does to the carriers up to a node
is the same for all paths with the same beginning: each beginning is propagated once.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.network.propagation.designed import Designed, design, load_library, load_spectrum
from fusion.network.propagation.plant import CURRENT, MOST_ALONE, Plant

Walk = tuple[str, ...]
"""A path by uids: a transceiver, then nodes and lines in turn, a transceiver."""

Signal = NDArray[np.float32]
"""float32[2, channel of a mode]: dB by which the mode works, -inf: not at all; signal to noise in dB."""

NEVER = -1e9
"""dB: the margin of a mode outside the range of its penalties."""
_TENTH_NM = 12.5e9
"""Hz: what GNPy takes as 0.1 nm."""


class Comb(NamedTuple):
    """Carriers that are launched together. modes: those judged by them. places: their channels of a mode."""

    launched: Any
    modes: tuple[int, ...]
    places: tuple[int, ...]


class _Branch:
    """The paths with one beginning: what follows, by element, and the numbers of those that end here."""

    __slots__ = ("ends", "further")

    def __init__(self) -> None:
        self.further: dict[Step, _Branch] = {}
        self.ends: list[tuple[str, int]] = []


Step = tuple[str, str, str]
"""uid of an element, and of a ROADM those of the elements before and behind it, which decide its losses."""


class Propagator:
    """GNPy with the network of a plant, designed once."""

    def __init__(self, plant: Plant, designed: Designed | None = None) -> None:
        """designed: what is there already; None: it is made. Raises GnpyError."""
        from gnpy.core.elements import Roadm

        self.plant = plant
        equipment = load_library(plant.files.equipment) if designed is None else designed.equipment
        self.designed = designed or design(equipment, plant.files)
        self.roadms = {uid for uid, each in self.designed.by_uid.items() if isinstance(each, Roadm)}
        by_name = {
            each["format"]: each for each in equipment["Transceiver"][plant.transceiver].mode
        }
        self.modes = [by_name[mode.name] for mode in plant.modes]
        self.first = np.cumsum([0, *plant.channels]).tolist()
        self._combs = list(self._all_combs())

    def __call__(self, walks: Sequence[Walk]) -> Signal:
        """Return float32[path, 2, channel]: margin and signal to noise in dB, of one mode after the other.

        The margin is GNPy's: GSNR in 0.1 nm with what nodes and transceiver add, less penalties, system
        margin and the OSNR that the mode needs. Signal to noise is in the bandwidth of the carrier.
        """
        found = np.full((len(walks), 2, self.first[-1]), NEVER, dtype=np.float32)
        tree = _Branch()
        for number, walk in enumerate(walks):
            branch = tree
            for before, uid, behind in zip(walk, walk[1:], walk[2:], strict=False):
                step = (uid, before, behind) if uid in self.roadms else (uid, "", "")
                branch = branch.further.setdefault(step, _Branch())
            branch.ends.append((walk[-1], number))
        for comb in self._combs:
            self._follow(comb, tree, copied(comb.launched), [], found)
        return found

    def _follow(
        self, comb: Comb, branch: _Branch, carriers: Any, added: list[Any], found: Signal
    ) -> None:
        """Propagate what a branch holds. carriers: at its beginning. added: OSNR of nodes so far, in dB."""
        while (
            not branch.ends and len(branch.further) == 1
        ):  # as recursion would go as deep as paths are long
            ((step, branch),) = branch.further.items()
            carriers, added = self.pass_on(step, carriers, added)
        for uid, number in branch.ends:
            self.receive(comb, uid, copied(carriers), added, found[number])
        for step, further in branch.further.items():
            self._follow(comb, further, *self.pass_on(step, copied(carriers), added), found)

    def pass_on(self, step: Step, carriers: Any, added: list[Any]) -> tuple[Any, list[Any]]:
        """Return the carriers behind an element, and the OSNR of nodes up to there."""
        uid, before, behind = step
        element = self.designed.by_uid[uid]
        for amplifier, gain in self.designed.gains.get(uid, ()):
            amplifier.effective_gain = gain
        if uid not in self.roadms:
            return element(carriers), added
        carriers = element(carriers, degree=behind, from_degree=before)
        osnr = element.get_impairment(
            "roadm-osnr", carriers.frequency, from_degree=before, degree=behind
        )
        return carriers, [*added, osnr]

    def receive(self, comb: Comb, uid: str, carriers: Any, added: list[Any], found: Signal) -> None:
        """Write down what a transceiver receives, by mode. found: float32[2, channel]."""
        from gnpy.core.parameters import TransceiverRole
        from gnpy.topology.request import remaining_margin

        receiver = self.designed.by_uid[uid]
        count = carriers.number_of_channels
        for number in comb.modes:
            mode = self.modes[number]
            carriers.required_osnr_db_01nm = np.full(count, mode["OSNR"])
            carriers.penalties = np.full(count, mode["penalties"])
            carriers.rx_channel_power_min_dbm = np.full(count, mode["rx_channel_power_min_dbm"])
            carriers.rx_channel_power_max_dbm = np.full(count, mode["rx_channel_power_max_dbm"])
            carriers.detailed_rx = np.full(count, mode["detailed_rx"])
            receiver.remaining_margin = receiver.q_margin = None
            receiver(carriers, role=TransceiverRole.RECEIVER)
            receiver.update_snr(*added, np.full(count, mode["tx_osnr"]))
            receiver.update_rx_snr(carriers)
            receiver.calc_feasibility(carriers)
            margin = remaining_margin(receiver)
            snr = receiver.snr_01nm - 10 * np.log10(mode["baud_rate"] / _TENTH_NM)
            places = self.first[number] + np.array(comb.places)
            found[0, places] = 0.0 if margin is None else np.maximum(margin, NEVER)
            found[1, places] = snr

    def _all_combs(self) -> Iterator[Comb]:
        plant = self.plant
        if plant.load == "file":
            from gnpy.core.info import carriers_to_spectral_information

            spectrum = load_spectrum(plant.files.spectrum)
            launched = carriers_to_spectral_information(spectrum, power=1e-3)
            every = tuple(range(len(plant.modes)))
            yield Comb(launched, every, tuple(range(launched.number_of_channels)))
            return
        alike: dict[tuple[object, ...], list[int]] = {}
        for number, mode in enumerate(self.modes):
            keys = ("baud_rate", "roll_off", "equalization_offset_db", "tx_channel_power_max_dbm")
            what = (plant.modes[number].slots, *(mode[key] for key in keys))
            alike.setdefault(what, []).append(number)
        apart = {"half": 2, CURRENT: MOST_ALONE}.get(plant.load, 1)
        for numbers in alike.values():
            count = plant.channels[numbers[0]]
            centres = plant.centres(numbers[0])
            for first in range(min(apart, count)):
                places = tuple(range(first, count, apart))
                launched = self.launched(numbers[0], [centres[place] for place in places])
                yield Comb(launched, tuple(numbers), places)

    def launched(self, number: int, centres: Sequence[float]) -> Any:
        """Return carriers of a mode at some centres in Hz, with the power of `requests_from_json`."""
        from gnpy.core.info import create_arbitrary_spectral_information
        from gnpy.core.utils import dbm2watt

        mode, default = self.modes[number], self.designed.equipment["SI"]["default"]
        power_dbm = mode["tx_channel_power_max_dbm"]
        if power_dbm is None:
            power_dbm = default.power_dbm if default.tx_power_dbm is None else default.tx_power_dbm
        return create_arbitrary_spectral_information(
            list(centres),
            pch=dbm2watt(power_dbm),
            tx_power=dbm2watt(power_dbm),
            baud_rate=mode["baud_rate"],
            slot_width=self.plant.modes[number].slots * self.plant.band.slot_hz,
            roll_off=mode["roll_off"],
            delta_pdb_per_channel=mode["equalization_offset_db"],
            tx_osnr=mode["tx_osnr"],
            label=f"{mode['baud_rate'] * 1e-9:.2f}G",
        )


def copied(carriers: Any) -> Any:
    """Return carriers that may change: elements change the arrays of those that they are given."""
    found = copy.copy(carriers)
    for name, value in vars(carriers).items():
        if isinstance(value, np.ndarray) and value.ndim == 1:
            setattr(found, name, value.copy())
    return found
