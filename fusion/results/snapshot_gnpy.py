"""A snapshot for GNPy: its lightpaths as services, their formats as a transceiver, the spectrum of a link.

As GNPy 3.0.1 reads them. Slot 0 begins at `LOWEST_THZ`, the lower edge of the band of the amplifiers in
GNPy's equipment library; of a run whose light GNPy has judged, where it began there, and its formats are
those of the user's library.

What was guessed wrong before trying: a service names a mode of a transceiver, which must be in the equipment
library, or the whole command ends; services with the same ends, route and mode are joined to one with several
slots; and the slots of the way back are booked although `bidirectional` is false, so that lightpaths
that have the same slots in the two directions of a link do not go together there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fusion.config.counts import counted
from fusion.network.gnpy_network import GnpyUids
from fusion.network.planes import Plane
from fusion.network.propagation.plant import Plant
from fusion.network.topology import Topology
from fusion.results.snapshot import Snapshot, UpLightpath

LOWEST_THZ = 191.3
MOST_SLOTS = 384
"""Of 12.5 GHz, in the band of the amplifiers: 191.3 to 196.1 THz."""
_CENTRE_THZ, _STEP_THZ = 193.1, 0.00625
"""N = 0 and the distance from one N to the next: ITU-T G.694.1, section 7."""
_UNIT_GHZ = 12.5
"""What M counts, there as well."""
TRANSCEIVER = "FUSION"
ROLL_OFF, TX_OSNR_DB = 0.15, 40.0
"""Of GNPy's own reference channel."""


class Carrier(NamedTuple):
    """What a lightpath is made of, as GNPy has it. slots: of one carrier."""

    slots: int
    baud_rate: float
    roll_off: float
    tx_osnr_db: float


class Signals(NamedTuple):
    """Where slot 0 begins and how wide slots are, and what lightpaths are made of, by their modulation.

    modes: of `transceiver` in the user's library; empty: a lightpath is one carrier, which fills its slots.
    """

    slot_ghz: float
    lowest_thz: float = LOWEST_THZ
    transceiver: str = TRANSCEIVER
    modes: Mapping[str, Carrier] = {}

    def carrier(self, lightpath: UpLightpath) -> Carrier:
        """Return a carrier of a lightpath."""
        if self.modes:
            return self.modes[lightpath.modulation]
        baud_rate = lightpath.slots * self.slot_ghz * 1e9 / (1 + ROLL_OFF)
        return Carrier(lightpath.slots, float(round(baud_rate)), ROLL_OFF, TX_OSNR_DB)

    def mode(self, lightpath: UpLightpath) -> str:
        """Return the name of its mode."""
        return lightpath.modulation if self.modes else _mode_name(lightpath)


def signals_of(plant: Plant | None, slot_ghz: float) -> Signals:
    """Return the signals of a run. plant: what GNPy has propagated for it; None: nothing."""
    if plant is None:
        return Signals(slot_ghz)
    library = json.loads(plant.files.equipment)["Transceiver"]
    (listed,) = (each for each in library if each["type_variety"] == plant.transceiver)
    shapes = {each["format"]: (each["roll_off"], each["tx_osnr"]) for each in listed["mode"]}
    modes = {
        mode.name: Carrier(mode.slots, mode.baud_rate, *shapes[mode.name]) for mode in plant.modes
    }
    return Signals(slot_ghz, plant.band.first_hz / 1e12, plant.transceiver, modes)


def misfit(planes: Sequence[Plane], slot_ghz: float, *, is_judged: bool) -> str:
    """Return why GNPy cannot have a spectrum such as this, or nothing.

    is_judged: whether it has one already, in which the light was propagated.
    """
    if slot_ghz % _UNIT_GHZ:
        return f"slots of {slot_ghz:g} GHz: GNPy counts slots of {_UNIT_GHZ:g} GHz"
    if others := sorted({plane.band for plane in planes} - {"c"}):
        return f"the {', '.join(each.upper() for each in others)} band: only the C band is written for GNPy"
    most = max(plane.slots for plane in planes) * slot_ghz
    if most > MOST_SLOTS * _UNIT_GHZ and not is_judged:
        return (
            f"a C band of {most / 1000:g} THz: the amplifiers of GNPy's library have "
            f"{MOST_SLOTS * _UNIT_GHZ / 1000:g} THz, from {LOWEST_THZ:g} THz on"
        )
    return ""


def services(
    snapshot: Snapshot, lightpaths: Sequence[UpLightpath], uids: GnpyUids, signals: Signals
) -> dict[str, Any]:
    """Return lightpaths as services of GNPy, each with its route and its slots.

    lightpaths: those of one core. The route names the ROADMs and the fibre of each hop, so that it is this
    one also where two nodes have several links.
    """
    way_of = _way_of(snapshot)
    listed = []
    for each in lightpaths:
        source, destination = (uids.transceivers[each.nodes[at]] for at in (0, -1))
        route = [uids.roadms[each.nodes[0]]]
        for hop, link in enumerate(each.links):
            way = way_of[link, each.nodes[hop] == snapshot.links[link].source]
            route += [uids.fibres[way][0], uids.roadms[each.nodes[hop + 1]]]
        listed.append(
            {
                "request-id": str(each.number),
                "source": source,
                "destination": destination,
                "src-tp-id": source,
                "dst-tp-id": destination,
                "bidirectional": not snapshot.separate,
                "path-constraints": {
                    "te-bandwidth": {
                        "technology": "flexi-grid",
                        "trx_type": signals.transceiver,
                        "trx_mode": signals.mode(each),
                        "effective-freq-slot": [_frequency_slot(each, signals)],
                        "spacing": _spacing(each, signals),
                        "path_bandwidth": each.bit_rate_gbps * 1e9,
                    }
                },
                "explicit-route-objects": {
                    "route-object-include-exclude": [
                        {
                            "explicit-route-usage": "route-include-ero",
                            "index": index,
                            "num-unnum-hop": {
                                "node-id": uid,
                                "link-tp-id": "link-tp-id is not used",
                                "hop-type": "STRICT",
                            },
                        }
                        for index, uid in enumerate(route)
                    ]
                },
            }
        )
    return {"path-request": listed}


def _way_of(snapshot: Snapshot) -> Mapping[tuple[int, bool], int]:
    """Return the direction of a link, as an index into `Topology.ways`, of (spectrum, whether along it)."""
    topology: Topology = snapshot.topology
    if snapshot.separate:
        return {(i, True): i for i in range(len(snapshot.links))}
    count = len(topology.links)
    along = {(i, True): i for i in range(count)}
    return along | {(link, False): count + i for i, link in enumerate(topology.back_links)}


def _frequency_slot(lightpath: UpLightpath, signals: Signals) -> dict[str, int]:
    """Return N and M of the slots of a lightpath, guard band included."""
    below = round((signals.lowest_thz - _CENTRE_THZ) / _STEP_THZ)
    units = round(signals.slot_ghz / _UNIT_GHZ)
    width = lightpath.width * units
    return {"N": below + 2 * lightpath.first_slot * units + width, "M": width}


def _spacing(lightpath: UpLightpath, signals: Signals) -> float:
    """Return the distance of its carriers in Hz; of a single one its width, guard band included."""
    slots = signals.carrier(lightpath).slots if signals.modes else lightpath.width
    return slots * signals.slot_ghz * 1e9


def _mode_name(lightpath: UpLightpath) -> str:
    guard = f" and {lightpath.guard_slots} guard" if lightpath.guard_slots else ""
    return (
        f"{lightpath.modulation} {lightpath.bit_rate_gbps:g} Gb/s, {counted(lightpath.slots, 'slot')}"
        f"{guard}"
    )


def equipment(lightpaths: Sequence[UpLightpath], signals: Signals) -> dict[str, Any]:
    """Return a transceiver with a mode for each format, bit rate and width, for --extra-equipment of GNPy.

    The symbol rate fills the slots without the guard band with `ROLL_OFF`. No OSNR is demanded.
    """
    modes: dict[str, dict[str, Any]] = {}
    for each in lightpaths:
        modes.setdefault(
            _mode_name(each),
            {
                "format": _mode_name(each),
                "baud_rate": signals.carrier(each).baud_rate,
                "OSNR": 0,
                "bit_rate": each.bit_rate_gbps * 1e9,
                "roll_off": ROLL_OFF,
                "tx_osnr": TX_OSNR_DB,
                "min_spacing": _spacing(each, signals),
                "cost": 1,
            },
        )
    frequency = {"min": 191.35e12, "max": 196.1e12}  # as of GNPy's own transceivers
    trx = {"type_variety": TRANSCEIVER, "frequency": frequency, "mode": list(modes.values())}
    return {"Transceiver": [trx]}


def spectrum_of_link(
    snapshot: Snapshot, lightpaths: Sequence[UpLightpath], link: int, signals: Signals
) -> dict[str, Any]:
    """Return what a link carries as an initial spectrum of GNPy: a channel for each carrier.

    lightpaths: those of one core.
    """
    channels = []
    for each in sorted(lightpaths, key=lambda one: one.first_slot):
        if link not in each.links:
            continue
        carrier = signals.carrier(each)
        width = carrier.slots if signals.modes else each.width
        for number in range(each.slots // carrier.slots):
            middle_ghz = (each.first_slot + (number + 0.5) * width) * signals.slot_ghz
            centre = round(signals.lowest_thz * 1e12 + middle_ghz * 1e9)
            channels.append(
                {
                    "f_min": float(centre),
                    "f_max": float(centre),
                    "baud_rate": carrier.baud_rate,
                    "slot_width": _spacing(each, signals),
                    "roll_off": carrier.roll_off,
                    "tx_osnr": carrier.tx_osnr_db,
                    "label": f"{each.number}",
                }
            )
    return {"spectrum": channels}


def taken_back(snapshot: Snapshot, lightpaths: Sequence[UpLightpath]) -> int:
    """Return how many lightpaths have slots that another one has in the other direction of a link."""
    if not snapshot.separate:
        return 0
    held: dict[frozenset[str], list[tuple[int, int, str, int]]] = {}
    found = set()
    for each in lightpaths:
        for hop, link in enumerate(each.links):
            ends = frozenset((snapshot.links[link].source, snapshot.links[link].destination))
            start, end = each.first_slot, each.first_slot + each.width
            for other, stop, source, number in held.setdefault(ends, []):
                if source != each.nodes[hop] and start < stop and other < end:
                    found |= {each.number, number}
            held[ends].append((start, end, each.nodes[hop], each.number))
    return len(found)
