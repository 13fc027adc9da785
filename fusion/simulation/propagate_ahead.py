"""GNPy's propagation of all candidate paths before a run: in parallel, resumable, with progress."""

from __future__ import annotations

import time
from collections.abc import Callable

from fusion.config.config import Config
from fusion.config.counts import counted
from fusion.network.propagation.plant import CURRENT, Plant
from fusion.network.propagation.propagator import Propagator
from fusion.network.propagation.walks import walks_of
from fusion.network.spectra import is_separate
from fusion.results.logging_config import get_logger
from fusion.scenario.candidate_paths import candidate_paths
from fusion.scenario.inputs import Inputs
from fusion.scenario.kept_propagation import (
    Bundle,
    KeptSignals,
    bundles_of,
    calibrated_neighbours,
)
from fusion.simulation.pool import run_tasks, usable_cpus

log = get_logger(__name__)

SMALL = 1_000
"""Paths below which a pool costs more time than it saves."""
_LOG_SECONDS = 10.0


class _Propagate:
    """Propagates a bundle and keeps it; each process designs the network once."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._propagator: Propagator | None = None

    def __call__(self, bundle: Bundle, stopped: Callable[[], bool] = lambda: False, /) -> int:
        """Return how many paths were propagated."""
        if self._propagator is None:
            self._propagator = Propagator(self._plant)
        kept = KeptSignals(self._plant)
        signals = kept.load_all(bundle.source)
        missing = [walk for walk in bundle.walks if kept.name(walk) not in signals]
        found = self._propagator(missing)
        kept.keep(bundle.source, signals | dict(zip(map(kept.name, missing), found, strict=True)))
        return len(missing)


def propagate_ahead(
    config: Config,
    inputs: Inputs,
    stopped: Callable[[], bool],
    notify: Callable[[int, int], None] = lambda done, paths: None,
) -> bool:
    """Propagate what a config needs and is not kept; return False where it was stopped before its end.

    notify: is told how many paths are done, and how many there are to do. Without a plant, and where
    nothing can be kept, there is nothing to do here. Raises WorkerDiedError.
    """
    plant = inputs.plant
    if plant is None or not KeptSignals(plant).works:
        return True
    if plant.load == CURRENT and (
        calibrated_neighbours(config, plant, inputs.topology, stopped) is None
    ):
        return False
    paths = candidate_paths(config, inputs)
    walks = walks_of(plant, inputs.topology, paths, separate=is_separate(config))
    kept, bundles = KeptSignals(plant), []
    for bundle in bundles_of(walks):
        there = kept.load(bundle)
        if missing := tuple(walk for walk in bundle.walks if walk not in there):
            bundles.append(bundle._replace(walks=missing))
    total = sum(len(bundle.walks) for bundle in bundles)
    if not total:
        return True
    workers = config.simulation_settings.workers or usable_cpus()
    workers = 1 if total < SMALL else min(workers, len(bundles))
    log.info(
        "GNPy %s propagates %s in %s",
        plant.version,
        counted(total, "path"),
        counted(workers, "process", "processes"),
    )
    bundles.sort(key=lambda bundle: len(bundle.walks))
    began, done = time.monotonic(), 0
    told = began
    notify(done, total)

    def next_task() -> Bundle | None:
        return bundles.pop() if bundles else None

    for count in run_tasks(_Propagate(plant), next_task, workers, stopped):
        done += count
        notify(done, total)
        if done < total and time.monotonic() - told > _LOG_SECONDS:
            told = time.monotonic()
            left = (told - began) * (total - done) / max(done, 1)
            log.info("%s of %s propagated, about %.0f s left", f"{done:,}", f"{total:,}", left)
    if stopped() and done < total:
        return False
    log.info("propagated in %.0f s", time.monotonic() - began)
    return True
