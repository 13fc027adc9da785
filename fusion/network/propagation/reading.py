"""Read what GNPy propagates, and check that it goes with the slots of a configuration."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fusion.config.config import Config
from fusion.config.named_files import quote
from fusion.config.problems import nearest
from fusion.config.text_files import read_text
from fusion.network.planes import planes_of
from fusion.network.propagation.designed import (
    Designed,
    GnpyError,
    design,
    gnpy_version,
    load_library,
    load_spectrum,
    passed_band,
    told_of,
)
from fusion.network.propagation.lines import LineError, designed_line
from fusion.network.propagation.plant import Band, Files, Mode, Plant, modes_of
from fusion.network.propagation.propagator import Propagator
from fusion.network.propagation.walks import walk_over
from fusion.network.readers.gnpy_topology import GnpyElements, gnpy_elements
from fusion.network.readers.other_files import kind_of_gnpy
from fusion.network.readers.reader import NetworkFile
from fusion.network.topology import Topology

_MAX_BYTES = 64 << 20
_KEYS = ("gnpy_equipment", "network", "gnpy_sim_params", "gnpy_spectrum")
_KINDS = {
    "gnpy_equipment": "an equipment library",
    "gnpy_sim_params": "a file of simulation parameters",
    "gnpy_spectrum": "a spectrum",
}
_SUPPORTED = "3.0."
_ROUNDING_HZ = 1e3


def read_plant(config: Config, topology: Topology) -> tuple[Plant, list[str]]:
    """Return what GNPy propagates with a configuration, and remarks. topology: of its network.

    Raises GnpyError.
    """
    version = gnpy_version()
    if version is None:
        raise GnpyError(
            "snr_type",
            "needs GNPy (on Python below 3.13): `pip install gnpy`",
        )
    if not version.startswith(_SUPPORTED):
        raise GnpyError("snr_type", f"works with GNPy {_SUPPORTED}x, and {version} is installed")
    settings = config.snr_settings
    paths = {key: getattr(settings, key, "") for key in _KEYS}
    files = Files(*(_text(key, paths[key] or _network(config, key)) for key in _KEYS))
    elements = gnpy_elements(NetworkFile(files.topology)) if files.topology.strip() else None
    if elements is None:
        raise GnpyError("network", "must be a topology of GNPy, a JSON file, with snr_type = gnpy")
    equipment = load_library(files.equipment)
    slot_hz = config.topology_settings.bw_per_slot * 1e9
    modes = _modes(equipment, settings.gnpy_transceiver, slot_hz)
    band = _band(config, equipment, slot_hz)
    designed = design(equipment, files)
    sites, lines = _mapped(topology, elements, designed)
    centres: Sequence[float] = ()
    if settings.gnpy_load == "file":
        carriers = load_spectrum(files.spectrum)
        centres = sorted(carriers)
        _check_spectrum(carriers, band, designed)
    plant = Plant(
        version,
        files,
        settings.gnpy_transceiver,
        settings.gnpy_load,
        band,
        modes,
        sites,
        lines,
        tuple(map(float, centres)),
    )
    _check_band(config, plant, designed)
    _try_out(plant, topology, designed)
    return plant, list(_remarks(plant, equipment))


def _network(config: Config, key: str) -> str:
    return config.topology_settings.network if key == "network" else ""


def _text(key: str, path: str) -> str:
    """Return the text of a file, empty where none is named, or of a network that is no text.

    Raises GnpyError where another file is not what its key is for.
    """
    if not path or (key == "network" and not Path(path).is_file()):
        return ""
    try:
        text = read_text(Path(path), _MAX_BYTES)
    except ValueError as error:
        if key == "network":
            return ""  # the caller says what it must be
        raise GnpyError(key, str(error)) from error
    if key == "network":
        return text
    kind = _KINDS[key]
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise GnpyError(key, f"must be {kind} of GNPy, in JSON: {error}") from error
    other = kind_of_gnpy(data) if isinstance(data, dict) else "no JSON object"
    if not isinstance(data, dict) or other not in ("", kind):
        raise GnpyError(key, f"must be {kind} of GNPy, and this is {other}")
    return text


def _modes(equipment: dict[str, Any], name: str, slot_hz: float) -> tuple[Mode, ...]:
    types = equipment.get("Transceiver", {})
    if name not in types:
        listed = ", ".join(map(quote, types)) or "none"
        raise GnpyError(
            "gnpy_transceiver",
            f"is not a type of transceiver in gnpy_equipment{nearest(name, list(types))}; it has {listed}",
        )
    try:
        return modes_of(types[name].mode, slot_hz)
    except ValueError as error:
        raise GnpyError("gnpy_transceiver", f"{quote(name)}: {error}") from error


def _band(config: Config, equipment: dict[str, Any], slot_hz: float) -> Band:
    default = equipment["SI"]["default"]
    start = config.snr_settings.gnpy_band_start * 1e12
    slots = max(plane.slots for plane in planes_of(config))
    return Band(
        start or float(default.f_min) - float(default.spacing) / 2,
        slot_hz,
        slots,
        config.general_settings.guard_slots,
    )


def _mapped(
    topology: Topology, elements: GnpyElements, designed: Designed
) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, ...], ...]]:
    """Return (element, transceiver) of each node, and the elements of each of `Topology.ways`."""
    missing = [node for node in topology.nodes if node not in elements.sites]
    ends = [(line.source, line.destination) for line in elements.lines]
    links = [(topology.nodes[a], topology.nodes[b]) for a, b, _ in topology.links]
    if missing or ends != links:
        raise GnpyError("network", "its nodes and links are not those of GNPy's elements")
    sites = tuple(elements.sites[node] for node in topology.nodes)
    for number, site in enumerate(sites):
        links_here = sum(number in link[:2] for link in topology.links)
        if site.transceiver == site.element and links_here > 1:
            raise GnpyError(
                "network",
                f"node {quote(topology.nodes[number])} is a transceiver with {links_here} links: light "
                "cannot pass it; put a ROADM there",
            )
        if number in topology.endpoints and not site.transceiver:
            raise GnpyError(
                "network",
                f"node {quote(topology.nodes[number])} has no transceiver, and no light can start there",
            )
    original = {site.element for site in sites} | {site.transceiver for site in sites}
    for line in elements.lines:
        original |= {*line.there, *(line.back or ())}
    lines = []
    for way, (a, b, _, link) in enumerate(topology.ways):
        line = elements.lines[link]
        uids = line.there if way < len(topology.links) else line.back or ()
        try:
            found = designed_line(
                designed.network,
                designed.by_uid,
                sites[a].element,
                (*uids, sites[b].element),
                original,
            )
        except LineError as error:
            raise GnpyError("network", str(error)) from error
        lines.append(found)
    return tuple((site.element, site.transceiver) for site in sites), tuple(lines)


def _check_band(config: Config, plant: Plant, designed: Designed) -> None:
    """Raise GnpyError where slots are outside what the amplifiers pass."""
    band = plant.band
    passed = passed_band(designed, (band.first_hz + band.end_hz) / 2)
    key = "c_band" if config.spectrum_settings.c_band else "l_band"
    if passed is not None and (
        band.first_hz < passed[0] - _ROUNDING_HZ or band.end_hz > passed[1] + _ROUNDING_HZ
    ):
        raise GnpyError(
            key,
            f"must fit into what the amplifiers of GNPy's design pass, {passed[0] / 1e12:.6g} to "
            f"{passed[1] / 1e12:.6g} THz; {band.slots} slots of {band.slot_hz / 1e9:g} GHz are {band} "
            "(gnpy_band_start)",
        )
    if not any(plant.channels):
        raise GnpyError(key, "must have the slots of a carrier of some mode")


def _check_spectrum(carriers: dict[float, Any], band: Band, designed: Designed) -> None:
    low = min(hz - each.slot_width / 2 for hz, each in carriers.items())
    high = max(hz + each.slot_width / 2 for hz, each in carriers.items())
    passed = passed_band(designed, (low + high) / 2)
    told = f"its carriers are {low / 1e12:.6g} to {high / 1e12:.6g} THz"
    if passed is not None and (low < passed[0] - _ROUNDING_HZ or high > passed[1] + _ROUNDING_HZ):
        raise GnpyError(
            "gnpy_spectrum",
            f"must fit into what the amplifiers of GNPy's design pass, {passed[0] / 1e12:.6g} to "
            f"{passed[1] / 1e12:.6g} THz; {told}",
        )
    if low > band.first_hz + _ROUNDING_HZ or high < band.end_hz - _ROUNDING_HZ:
        raise GnpyError(
            "gnpy_spectrum", f"must have carriers over all slots, {band} (gnpy_band_start); {told}"
        )


def _try_out(plant: Plant, topology: Topology, designed: Designed) -> None:
    """Propagate over a link, as GNPy refuses some libraries and parameters only then. Raises GnpyError."""
    for way, (a, b, *_) in enumerate(topology.ways):
        if plant.sites[a][1] and plant.sites[b][1]:
            key = "gnpy_sim_params" if plant.files.sim_params else "network"
            with told_of(key):
                Propagator(plant, designed)([walk_over(plant, topology.ways, [way])])
            return


def _remarks(plant: Plant, equipment: dict[str, Any]) -> list[str]:
    tuned = equipment["Transceiver"][plant.transceiver].frequency
    low, high = float(tuned["min"]), float(tuned["max"])
    beyond = []
    for mode in plant.modes:
        if mode.slots > plant.band.slots:
            continue
        first = plant.band.centre(0, mode.slots)
        last = plant.band.centre(plant.band.slots - mode.slots, mode.slots)
        if first < low - _ROUNDING_HZ or last > high + _ROUNDING_HZ:
            beyond.append(
                f"{mode.name} has centres from {first / 1e12:.6g} to {last / 1e12:.6g} THz"
            )
    if not beyond:
        return []
    return [
        f"GNPy's transceiver {plant.transceiver} is for centres from {low / 1e12:.6g} to {high / 1e12:.6g} "
        f"THz; {', '.join(beyond)}: all slots are used, as in GNPy's own assignment (gnpy_band_start)"
    ]
