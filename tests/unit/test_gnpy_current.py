"""Noise of what is up with GNPy's network: exact alone, calibrated among neighbours, compared with GNPy."""

from __future__ import annotations

import csv
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from fusion.config.config import Config
from fusion.network.propagation.propagator import Propagator
from fusion.network.propagation.states import Light, signal_to_noise
from fusion.network.propagation.walks import ways_of
from fusion.results.gnpy_difference import difference_of
from fusion.results.progress import ProgressWriter
from fusion.results.replication_file import ReplicationFile
from fusion.scenario import kept_propagation
from fusion.scenario.content import content_key
from fusion.scenario.inputs import read_inputs
from fusion.scenario.kept_propagation import calibrated_neighbours, propagated_quality
from fusion.scenario.scenario import make_scenario
from fusion.simulation import propagate_ahead as ahead
from fusion.simulation.against_gnpy import difference_rows, noise_of
from fusion.simulation.moment import moment_after
from fusion.simulation.propagate_ahead import propagate_ahead
from fusion.simulation.simulation import run
from tests.features import gnpy_network
from tests.gnpy_scene import Scene, example_network, scene

pytest.importorskip("gnpy", reason="GNPy needs Python 3.12 or older")

SMALL = {"general_settings": {"num_requests": 600, "erlang_start": 30, "erlang_stop": 30}}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep what is propagated in a folder of the test."""
    folder = tmp_path / "kept"
    folder.mkdir()
    monkeypatch.setattr(kept_propagation, "folder_of", lambda name: folder)
    return folder


def current(network: Path, load: str = "current", **more: dict[str, object]) -> Config:
    return scene(
        network,
        {
            "topology_settings": {"link_directions": "separate"},
            "snr_settings": {"gnpy_load": load, **more.pop("snr_settings", {})},
            **more,
        },
    )


@pytest.fixture
def network(tmp_path: Path) -> Path:
    file = tmp_path / "network.json"
    file.write_text(gnpy_network(), encoding="utf-8")
    return file


def test_alone_it_is_what_gnpy_gives_for_one_carrier(network: Path) -> None:
    """The table, and what GNPy gives link by link with nothing beside: the same to the last digit kept."""
    config = current(network)
    here = Scene(config)
    quality = propagated_quality(config, here.plant, here.inputs.topology, here.paths)
    propagator = Propagator(here.plant)
    ways = ways_of(here.inputs.topology, here.paths, separate=True)
    longest = max(range(len(ways)), key=lambda path: len(ways[path][0]))
    assert len(ways[longest][0]) > 1
    (there,) = ways[longest]
    for number, mode in enumerate(here.plant.modes):
        centres = here.plant.centres(number)
        assert len(centres) == 16
        assert centres[0] == here.plant.band.centre(0, mode.slots)
        for centre in centres[::5]:
            start = round((centre - here.plant.band.first_hz) / 12.5e9 - mode.slots / 2)
            alone = signal_to_noise(
                propagator,
                here.inputs.topology.ways,
                there,
                Light(number, start, 1),
                [()] * len(there),
            )
            found = -10 * np.log10(quality.ratio[longest, number, 0, start])
            assert found == pytest.approx(float(alone[0]), abs=1e-5)


def test_the_first_lightpath_has_the_noise_of_the_table(network: Path) -> None:
    config = current(network, **SMALL)
    scenario = make_scenario(config, read_inputs(config))
    assert scenario.service is not None
    quality = scenario.service.quality
    up = moment_after(scenario, 30.0, 0, 0, 1).up
    assert len(up.path) == 1
    inputs = read_inputs(config)
    assert inputs.plant is not None
    (noise,) = noise_of(inputs.plant, scenario, quality, up)
    mode = scenario.lightpaths.formats[int(up.modulation[0])]
    number = [each.name for each in inputs.plant.modes].index(mode)
    assert int(up.width[0]) == inputs.plant.modes[number].slots
    here = Scene(config)
    table = propagated_quality(config, here.plant, here.inputs.topology, here.paths)
    given = table.ratio[int(up.path[0]), number, 0, int(up.start[0])]
    assert noise == pytest.approx(given, rel=1e-12)


def test_full_of_equal_carriers_it_is_what_gnpy_gives_for_a_full_band(tmp_path: Path) -> None:
    """GNPy's mesh example, all paths: at most 0.1 dB for a carrier, 0.01 dB in the mean of a path."""
    network = example_network(tmp_path, "meshTopologyExampleV2.json")
    config, full = current(network), current(network, "full")
    here, there = Scene(config), Scene(full)
    alone = propagated_quality(config, here.plant, here.inputs.topology, here.paths)
    given = propagated_quality(full, there.plant, there.inputs.topology, there.paths)
    neighbours = calibrated_neighbours(config, here.plant, here.inputs.topology)
    assert neighbours is not None
    np.testing.assert_allclose(neighbours.power, 1.0)
    first_hop = here.paths.first_hop
    spans = np.add.reduceat(neighbours.spans[here.paths.links], first_hop[:-1])
    for number, mode in enumerate(here.plant.modes):
        starts = np.arange(0, 300 - mode.slots + 1, mode.slots)
        _, xci = neighbours.tables([(mode.slots, number)])
        distance = abs(2 * (starts[:, None] - starts))
        added = np.where(distance > 0, xci[0, 0][distance], 0.0).sum(axis=1)
        kept = np.exp(-spans[:, None] * added) / (1.0 + alone.ratio[:, number, 0][:, starts])
        ours = 1.0 / kept - 1.0
        theirs = given.ratio[:, number, 0][:, starts]
        decibels = 10 * np.log10(theirs / ours)
        assert abs(decibels).max() < 0.1
        assert abs(decibels.mean(axis=1)).max() < 0.01
        without = 10 * np.log10(theirs / alone.ratio[:, number, 0][:, starts])
        assert abs(without).max() > 4 * abs(decibels).max()


def test_carriers_of_one_lightpath_disturb_each_other(network: Path) -> None:
    """A lightpath of four carriers beside another has what its worst carrier has in the closed form."""
    config = current(network)
    here = Scene(config)
    neighbours = calibrated_neighbours(config, here.plant, here.inputs.topology)
    assert neighbours is not None
    own, xci = neighbours.tables([(3, 0), (12, 0)])
    assert own[0].max() == 0.0
    next_one = xci[0, 0, 6]  # half slots between the centres of two carriers of 3 slots
    assert own[1, 0, 0] == pytest.approx(2 * next_one + xci[0, 0, 12])
    assert xci[0, 1, 15] == pytest.approx(sum(xci[0, 0, 6 * n] for n in (1, 2, 3, 4)))
    assert xci[1, 0, 15] == pytest.approx(next_one)
    assert np.isnan(xci[1, 0, 14])
    assert not np.isnan(xci[1, 1, 24])


@pytest.mark.parametrize("directions", ["separate", "shared"])
def test_a_sample_is_near_what_gnpy_gives(directions: str, tmp_path: Path) -> None:
    """GNPy's mesh example: within 0.2 dB of GNPy for each lightpath, and 0.03 dB in the mean."""
    network = example_network(tmp_path, "meshTopologyExampleV2.json")
    config = current(
        network,
        general_settings={"num_requests": 1500, "erlang_start": 200, "erlang_stop": 200},
        topology_settings={"link_directions": directions},
    )
    inputs = read_inputs(config)
    rows = difference_rows(config, inputs, make_scenario(config, inputs), 200.0)
    found = difference_of([row[-1] for row in rows])
    assert found is not None
    assert found.lightpaths == 120
    assert 0.0 < abs(found.worst) < 0.2
    assert abs(found.mean) < 0.03


def test_what_it_is_compared_with_has_the_neighbours(network: Path) -> None:
    """Beside others GNPy gives less than alone, and only those on the links of the path matter."""
    here = Scene(current(network))
    propagator = Propagator(here.plant)
    ways = here.inputs.topology.ways
    (there,) = max(
        ways_of(here.inputs.topology, here.paths, separate=True), key=lambda e: len(e[0])
    )
    light, others = Light(0, 30, 2), [Light(0, 24, 2), Light(2, 36, 1), Light(1, 42, 2)]

    def snr(beside: list[list[Light]]) -> float:
        return float(signal_to_noise(propagator, ways, there, light, beside).min())

    nothing: list[list[Light]] = [[] for _ in there]
    first = [others, *nothing[1:]]
    assert snr(nothing) > snr(first) + 0.01 > snr([others for _ in there]) + 0.02


def test_with_the_same_on_every_link_it_is_what_gnpy_gives_for_a_path(network: Path) -> None:
    """A full band of one mode, put together link by link, against the same propagated in one go."""
    here = Scene(current(network, "full"))
    propagator, plant = Propagator(here.plant), here.plant
    paths = ways_of(here.inputs.topology, here.paths, separate=True)
    longest = max(range(len(paths)), key=lambda path: len(paths[path][0]))
    (there,), (walk,) = paths[longest], here.walks[longest]
    (signal,) = here.signals([walk])
    for number, mode in enumerate(plant.modes):
        _, theirs = here.of_mode(signal, mode.name)
        lights = [Light(number, start, 1) for start in range(0, 301 - mode.slots, mode.slots)]
        for place in (0, len(lights) // 3, len(lights) - 1):
            others = [light for light in lights if light != lights[place]]
            ours = signal_to_noise(
                propagator,
                here.inputs.topology.ways,
                there,
                lights[place],
                [others] * len(there),
            )
            assert float(ours[0]) == pytest.approx(float(theirs[place]), abs=0.005)


def test_a_run_writes_the_difference_and_tells_it(
    network: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    texts = []
    for workers in (1, 2):
        folder = tmp_path / f"with {workers}"
        folder.mkdir()
        general = {**SMALL["general_settings"], "max_iters": 2}
        config = current(
            network, general_settings=general, simulation_settings={"workers": workers}
        )
        inputs = read_inputs(config)
        file = ReplicationFile(folder / "replications.jsonl", content_key(config, inputs), {})
        progress = ProgressWriter(folder / "progress.jsonl")
        with closing(progress), closing(file), caplog.at_level("INFO"):
            assert run(config, inputs, folder, file, progress, lambda: False)
        texts.append((folder / "gnpy_difference.csv").read_text(encoding="utf-8"))
    assert texts[0] == texts[1]
    rows = list(csv.DictReader(texts[0].splitlines()))
    assert 12 <= len({row["request"] for row in rows}) <= len(rows) <= 120
    assert {row["erlang"] for row in rows} == {"30.0"}
    assert any("GSNR in the simulation less GSNR by GNPy" in line for line in caplog.messages)


def test_calibration_can_be_stopped(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = current(network)
    inputs = read_inputs(config)
    assert not propagate_ahead(config, inputs, lambda: True)
    assert propagate_ahead(config, inputs, lambda: False)

    def never(*_: object) -> None:
        raise AssertionError("propagated again")

    monkeypatch.setattr(kept_propagation, "calibration_of", never)
    monkeypatch.setattr(ahead, "Propagator", never)
    assert propagate_ahead(config, inputs, lambda: False)


def test_what_is_up_counts_for_the_content_only_here(network: Path) -> None:
    def key(load: str, recheck: bool) -> str:
        config = current(network, load, snr_settings={"snr_recheck": recheck})
        return content_key(config, read_inputs(config))

    assert key("full", recheck=True) == key("full", recheck=False)
    assert len({key("full", False), key("current", False), key("current", True)}) == 3
