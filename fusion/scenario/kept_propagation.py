"""What GNPy has propagated, kept by what it follows from: no path is propagated twice on a machine.

A folder for each plant has a file for each transceiver that light starts from. A file is complete or absent,
so a start that was interrupted goes on with the next transceiver.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import zipfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.config.counts import counted
from fusion.config.sections import Config
from fusion.network.paths import PathTable
from fusion.network.propagation.neighbours import (
    Neighbours,
    calibration_of,
    line_of,
    neighbours_of,
)
from fusion.network.propagation.plant import Plant
from fusion.network.propagation.propagator import Propagator, Signal, Walk
from fusion.network.propagation.walks import quality_of_walks, walks_of
from fusion.network.quality_file import FromFile
from fusion.network.spectra import is_separate
from fusion.network.topology import Topology
from fusion.scenario.kept_paths import folder_of

_log = logging.getLogger("fusion.propagation")

MOST_FOLDERS = 8
"""Plants that are kept; the one that was used least recently goes first."""
_LINES = "lines, logarithms"
"""Stands for a transceiver where calibrations of lines are kept."""
_VERSION = 1
"""Raised when something else is computed from the same."""


class Bundle(NamedTuple):
    """Walks from one transceiver, which share their beginnings."""

    source: str
    walks: tuple[Walk, ...]


def propagated_quality(
    config: Config, plant: Plant, topology: Topology, paths: PathTable
) -> FromFile:
    """Return which mode works where on the candidate paths; what is not kept is propagated here and kept."""
    walks = walks_of(plant, topology, paths, separate=is_separate(config))
    kept, signals = KeptSignals(plant), dict[Walk, Signal]()
    propagator = None
    for bundle in bundles_of(walks):
        there = kept.load_all(bundle.source)
        if missing := [walk for walk in bundle.walks if kept.name(walk) not in there]:
            if propagator is None:
                _log.info("GNPy propagates paths: %s pairs of nodes", f"{len(paths.pairs):,}")
                propagator = Propagator(plant)
            there |= dict(zip(map(kept.name, missing), propagator(missing), strict=True))
            kept.keep(bundle.source, there)
        signals |= {walk: there[kept.name(walk)] for walk in bundle.walks}
    return quality_of_walks(plant, walks, signals)


def calibrated_neighbours(
    config: Config,
    plant: Plant,
    topology: Topology,
    stopped: Callable[[], bool] = lambda: False,
) -> Neighbours | None:
    """Return what lightpaths add to each other's noise; ways that are not kept are calibrated and kept.

    None: it was stopped.
    """
    kept = KeptSignals(plant)
    there = kept.load_all(_LINES)
    names = [kept.name(line_of(plant, topology, way)) for way in range(len(topology.ways))]
    if missing := [way for way, name in enumerate(names) if name not in there]:
        _log.info("GNPy propagates %s alone and together", counted(len(missing), "line"))
        propagator = Propagator(plant)
        for way in missing:
            if stopped():
                return None
            there[names[way]] = calibration_of(propagator, topology, way)
        kept.keep(_LINES, there)
    found = [there[name] for name in names]
    return neighbours_of(plant, topology, found, separate=is_separate(config))


def bundles_of(walks: Iterable[Iterable[Walk]]) -> list[Bundle]:
    """Return all walks, each once, by where they start."""
    by_source: dict[str, dict[Walk, None]] = {}
    for each in walks:
        for walk in each:
            by_source.setdefault(walk[0], {})[walk] = None
    return [Bundle(source, tuple(found)) for source, found in by_source.items()]


class KeptSignals:
    """The files of one plant. Where nothing can be written, nothing is kept."""

    def __init__(self, plant: Plant) -> None:
        """Make the folder, and forget the plants that were not used for longest."""
        self._folder: Path | None = None
        every = folder_of("gnpy")
        if every is None:
            return
        digest = hashlib.sha256(f"{_VERSION} {plant.digest}".encode()).hexdigest()
        folder = every / digest
        with suppress(OSError):
            folder.mkdir(exist_ok=True)
            os.utime(folder)
            self._folder = folder
            others = sorted(every.iterdir(), key=lambda each: -each.stat().st_mtime)
            for old in others[MOST_FOLDERS:]:
                shutil.rmtree(old, ignore_errors=True)

    @property
    def works(self) -> bool:
        """Whether there is a folder."""
        return self._folder is not None

    def load(self, bundle: Bundle) -> dict[Walk, Signal]:
        """Return what is kept of a bundle."""
        there = self.load_all(bundle.source)
        names = ((walk, self.name(walk)) for walk in bundle.walks)
        return {walk: there[name] for walk, name in names if name in there}

    def load_all(self, source: str) -> dict[str, NDArray[Any]]:
        """Return all that is kept of a transceiver, by `name`."""
        if self._folder is None:
            return {}
        try:
            with np.load(self._file(self._folder, source), allow_pickle=False) as arrays:
                return dict(zip(arrays["names"].tolist(), arrays["signals"], strict=True))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return {}

    def keep(self, source: str, signals: Mapping[str, NDArray[Any]]) -> None:
        """Write what is known of a transceiver's paths, by `name`, in place of what was."""
        if self._folder is None or not signals:
            return
        file = self._file(self._folder, source)
        temporary = file.with_name(f".{file.stem}.{os.getpid()}.npz")
        try:
            with temporary.open("wb") as opened:
                np.savez(
                    opened, names=np.array(list(signals)), signals=np.stack([*signals.values()])
                )
            os.replace(temporary, file)
        except OSError:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)

    @staticmethod
    def name(walk: Walk) -> str:
        """Return the name of a walk in a file."""
        return hashlib.sha256("\0".join(walk).encode()).hexdigest()[:32]

    @staticmethod
    def _file(folder: Path, source: str) -> Path:
        return folder / f"{hashlib.sha256(source.encode()).hexdigest()[:32]}.npz"
