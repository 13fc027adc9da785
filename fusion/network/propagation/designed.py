"""GNPy's own objects: the equipment library, and the network after GNPy's design."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import tempfile
from collections.abc import Iterator
from importlib import metadata, util
from pathlib import Path
from typing import Any, NamedTuple

from fusion.network.gnpy_package import load_gnpy
from fusion.network.propagation.plant import Files

_KEPT = ("elements", "connections", "network_name")


class GnpyError(ValueError):
    """What GNPy refuses, with its reason. key: of the configuration."""

    def __init__(self, key: str, message: str) -> None:
        """key, message: what a person is told."""
        super().__init__(message)
        self.key = key


class Designed(NamedTuple):
    """The library and the network; by_uid: its elements.

    gains: of the design, by uid: amplifiers, each with its own. A multiband amplifier has one for each band.
    """

    equipment: dict[str, Any]
    network: Any
    by_uid: dict[str, Any]
    gains: dict[str, list[tuple[Any, float]]]


def gnpy_version() -> str | None:
    """Return the version of GNPy that is installed, or None."""
    if util.find_spec("gnpy") is None:
        return None
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version("gnpy")
    return None


def load_library(text: str) -> dict[str, Any]:
    """Return GNPy's equipment library of JSON text. Raises GnpyError."""
    load_gnpy()
    from gnpy.tools.json_io import load_equipments_and_configs

    with (
        tempfile.TemporaryDirectory() as folder,
        _quietly(),
        told_of("gnpy_equipment"),
    ):
        file = Path(folder) / "equipment.json"  # GNPy takes a file, and calls it by its name
        file.write_text(text, encoding="utf-8")
        return dict(load_equipments_and_configs(file, None, None))


def load_spectrum(text: str) -> dict[float, Any]:
    """Return the carriers of a spectrum, by their frequency in Hz. Raises GnpyError."""
    load_gnpy()
    from gnpy.tools.convert_legacy_yang import yang_to_legacy
    from gnpy.tools.json_io import _spectrum_from_json

    with _quietly(), told_of("gnpy_spectrum"):
        return dict(_spectrum_from_json(yang_to_legacy(json.loads(text))["spectrum"]))


def design(equipment: dict[str, Any], files: Files) -> Designed:
    """Return the network as `gnpy-path-request` designs it. Raises GnpyError."""
    load_gnpy()
    from gnpy.core.elements import RamanFiber
    from gnpy.core.parameters import SimParams
    from gnpy.tools.convert_legacy_yang import yang_to_legacy
    from gnpy.tools.json_io import network_from_json
    from gnpy.tools.worker_utils import designed_network

    with _quietly(), told_of("gnpy_sim_params"):
        SimParams.set_params(json.loads(files.sim_params) if files.sim_params else {})
    with _quietly(), told_of("network"):
        data = json.loads(files.topology)
        if "elements" in data:
            data = {key: value for key, value in data.items() if key in _KEPT}
        network = network_from_json(yang_to_legacy(data), equipment)
        if not files.sim_params and any(isinstance(each, RamanFiber) for each in network):
            raise GnpyError("gnpy_sim_params", "must name a file, as the network has Raman fibres")
        network, _, _ = designed_network(equipment, network)
    by_uid = {each.uid: each for each in network}
    gains = {
        uid: [(each, each.effective_gain) for each in amplifiers]
        for uid, amplifiers in _amplifiers(network)
    }
    return Designed(equipment, network, by_uid, gains)


def passed_band(designed: Designed, near_hz: float) -> tuple[float, float] | None:
    """Return from where to where, in Hz, all amplifiers pass light around a frequency; None without any.

    Of the bands of a multiband amplifier that one counts which has the frequency, or else is nearest to it.
    """
    bands = []
    for amplifiers in designed.gains.values():
        own = [band for each, _ in amplifiers for band in each.params.bands]
        bands.append(min(own, key=lambda b: max(b["f_min"] - near_hz, near_hz - b["f_max"], 0.0)))
    if not bands:
        return None
    return max(band["f_min"] for band in bands), min(band["f_max"] for band in bands)


def _amplifiers(network: Any) -> Iterator[tuple[str, list[Any]]]:
    from gnpy.core.elements import Edfa, Multiband_amplifier

    for each in network:
        if isinstance(each, Edfa):
            yield each.uid, [each]
        elif isinstance(each, Multiband_amplifier):
            yield each.uid, list(each.amplifiers.values())


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep GNPy's remarks on a library and a network to its own commands, which make them, too."""
    log = logging.getLogger("gnpy")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        log.setLevel(before)


@contextlib.contextmanager
def told_of(key: str) -> Iterator[None]:
    """Turn whatever GNPy raises about a file into what a person is told of its key."""
    try:
        yield
    except GnpyError:
        raise
    except Exception as error:  # GNPy raises KeyError, libyang's errors and its own
        said = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, KeyError):
            said = f"{said} is missing"
        if isinstance(error, IndexError) and key == "gnpy_sim_params":
            said += (
                "; its computed_channels must be among the carriers of each mode of the transceiver"
            )
        raise GnpyError(key, f"GNPy does not take it: {said}") from error
