"""The noise of what is up beside GNPy's own: a sample of lightpaths at moments of one replication."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fusion.config.config import Config
from fusion.kernel.records import Quality
from fusion.network.propagation.designed import GnpyError, told_of
from fusion.network.propagation.plant import CURRENT, Plant
from fusion.network.propagation.propagator import Propagator
from fusion.network.propagation.states import Light, signal_to_noise
from fusion.network.propagation.walks import ways_of
from fusion.network.spectra import is_separate
from fusion.network.topology import Topology
from fusion.results.files import atomic_file
from fusion.results.gnpy_difference import COLUMNS, FILE, difference_of, difference_told
from fusion.results.logging_config import get_logger
from fusion.results.spectrum_table import Up
from fusion.results.tables import csv_lines
from fusion.scenario.candidate_paths import candidate_paths, ranks_of
from fusion.scenario.inputs import Inputs
from fusion.scenario.scenario import Scenario
from fusion.simulation.moment import moments_after
from fusion.simulation.pool import Stopped

log = get_logger(__name__)

MOMENTS = 12
LIGHTPATHS = 10
"""Lightpaths of a moment that GNPy propagates."""


def write_difference(
    config: Config,
    inputs: Inputs,
    scenario: Scenario,
    directory: Path,
    stopped: Callable[[], bool],
) -> bool:
    """Write how far the noise is from GNPy's at the highest load, and tell it; return False where stopped.

    Only with gnpy_load = current, and once: a file that is there stays.
    """
    plant, file = inputs.plant, directory / FILE
    if plant is None or plant.load != CURRENT or file.exists():
        return True
    load = max(config.loads)
    log.info("GNPy propagates a sample of what was up at %g Erlang", load)
    try:
        rows = difference_rows(config, inputs, scenario, load, stopped)
    except Stopped:
        return False
    except GnpyError as error:  # amplifiers of OpenROADM refuse carriers of different widths
        log.warning("GNPy cannot propagate what was up: %s", error)
        return True
    with atomic_file(file) as opened:
        opened.write(csv_lines([COLUMNS, *rows]))
    found = difference_of([row[-1] for row in rows])
    if found is not None:
        log.info("%s", difference_told(found, load))
    return True


def difference_rows(
    config: Config,
    inputs: Inputs,
    scenario: Scenario,
    load: float,
    stopped: Callable[[], bool] = lambda: False,
) -> list[tuple[Any, ...]]:
    """Return the rows of the file, without its head: replication 0 at a load.

    Raises Stopped, and GnpyError where GNPy refuses what is up.
    """
    assert inputs.plant is not None
    assert scenario.service is not None
    quality = scenario.service.quality
    assert quality is not None
    propagator = Propagator(inputs.plant)
    paths = candidate_paths(config, inputs)
    separate = is_separate(config)
    ways, rank = ways_of(inputs.topology, paths, separate=separate), ranks_of(paths)
    pair = np.repeat(np.arange(len(scenario.pairs)), np.diff(scenario.network.first_path))
    numbers = np.linspace(1, scenario.num_requests, MOMENTS + 1).round().astype(int)[1:]
    requests = sorted(set(numbers.tolist()))
    warmup = config.warmup_requests(load)
    random = np.random.default_rng(0)
    rows: list[tuple[Any, ...]] = []
    moments = moments_after(scenario, load, 0, warmup, requests, stopped)
    for request, moment in zip(requests, moments, strict=True):
        up = _lit(config, moment.up)
        ours = noise_of(inputs.plant, scenario, quality, up)
        count = min(LIGHTPATHS, len(up.path))
        for each in sorted(random.choice(len(up.path), count, replace=False).tolist()):
            if stopped():
                raise Stopped
            path = int(up.path[each])
            theirs = _by_gnpy(propagator, inputs.topology, scenario, up, each, ways[path])
            gsnr = -10.0 * float(np.log10(ours[each]))
            plane = scenario.planes[int(up.plane[each])]
            rows.append(
                (
                    *(load, request, *scenario.pairs[int(pair[path])], int(rank[path]) + 1),
                    *(plane.core, int(up.start[each]), int(up.width[each])),
                    scenario.lightpaths.formats[int(up.modulation[each])],
                    *(gsnr, theirs, gsnr - theirs),
                )
            )
    return rows


def noise_of(plant: Plant, scenario: Scenario, quality: Quality, up: Up) -> list[float]:
    """Return the noise to signal of each lightpath that is up, from the tables alone."""
    kind_of = {
        (int(slots), int(mode)): int(kind)
        for slots, mode, kind in zip(quality.light, quality.file_table, quality.kind, strict=True)
        if slots
    }
    lights = [_light(plant, scenario, up, each) for each in range(len(up.path))]
    slots = [light.carriers * plant.modes[light.mode].slots for light in lights]
    kind = [kind_of[own, light.mode] for own, light in zip(slots, lights, strict=True)]
    middle = [2 * light.first_slot + own for own, light in zip(slots, lights, strict=True)]
    on = _by_link(scenario, up)
    found = []
    for each, light in enumerate(lights):
        path, plane = int(up.path[each]), int(up.plane[each])
        links = _links(scenario, path)
        step = plant.modes[light.mode].slots
        starts = range(light.first_slot, light.first_slot + slots[each], step)
        ratio = max(float(quality.file_ratio[path, light.mode, plane, slot]) for slot in starts)
        ratio += float(quality.spans[links].sum() * quality.own[kind[each], 0, light.first_slot])
        for link in links:
            for other in on[plane, link]:
                if other != each:
                    distance = abs(middle[each] - middle[other])
                    in_span = quality.xci[kind[each], kind[other], distance]
                    ratio += float(quality.spans[link] * in_span)
        found.append(float(np.expm1(ratio)))
    return found


def _by_gnpy(
    propagator: Propagator,
    topology: Topology,
    scenario: Scenario,
    up: Up,
    each: int,
    there: Sequence[Sequence[int]],
) -> float:
    """Return what GNPy gives for the worst carrier of a lightpath, in the worse of its directions."""
    plant, plane, on = propagator.plant, int(up.plane[each]), _by_link(scenario, up)
    light = _light(plant, scenario, up, each)
    beside = [
        [_light(plant, scenario, up, other) for other in on[plane, link] if other != each]
        for link in _links(scenario, int(up.path[each]))
    ]
    worst = []
    for direction, ways in enumerate(there):
        others = beside[::-1] if direction else beside
        with told_of("gnpy_load"):
            each_carrier = signal_to_noise(propagator, topology.ways, ways, light, others)
        worst.append(each_carrier.min())
    return float(min(worst))


def _lit(config: Config, up: Up) -> Up:
    """Return the lightpaths that carry light: a backup that shares its slots is dark."""
    if config.protection_settings.protection_mode == "shared_backup":
        return up.those(~up.is_backup)
    return up


def _light(plant: Plant, scenario: Scenario, up: Up, each: int) -> Light:
    names = [mode.name for mode in plant.modes]
    mode = names.index(scenario.lightpaths.formats[int(up.modulation[each])])
    slots = int(up.width[each]) - scenario.lightpaths.guard_slots
    return Light(mode, int(up.start[each]), slots // plant.modes[mode].slots)


def _links(scenario: Scenario, path: int) -> list[int]:
    network = scenario.network
    return list(network.links[network.first_hop[path] : network.first_hop[path + 1]].tolist())


def _by_link(scenario: Scenario, up: Up) -> dict[tuple[int, int], list[int]]:
    """Return the lightpaths on each link, by plane and link."""
    on: dict[tuple[int, int], list[int]] = {}
    for each, (path, plane) in enumerate(zip(up.path.tolist(), up.plane.tolist(), strict=True)):
        for link in _links(scenario, path):
            on.setdefault((plane, link), []).append(each)
    return on
