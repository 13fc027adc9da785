"""A configuration whose light GNPy judges, on GNPy's own examples."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from fusion.config.config import Config, load_config
from fusion.network.paths import PathTable
from fusion.network.propagation.propagator import Propagator, Signal, Walk
from fusion.network.propagation.walks import walks_of
from fusion.network.spectra import is_separate
from fusion.scenario.candidate_paths import candidate_paths
from fusion.scenario.inputs import Inputs, read_inputs


def examples() -> Path:
    """Return the folder of GNPy's examples."""
    return Path(str(files("gnpy") / "example-data"))


def example_network(folder: Path, name: str) -> Path:
    """Return a copy of a topology that GNPy itself reads: it refuses the key "metadata" of its CONUS."""
    data = json.loads((examples() / name).read_text(encoding="utf-8"))
    file = folder / name
    topology = {key: data[key] for key in ("elements", "connections")}
    file.write_text(json.dumps(topology), encoding="utf-8")
    return file


def scene(network: Path, sections: Mapping[str, Mapping[str, object]] | None = None) -> Config:
    """Return a configuration with GNPy's library and the transceiver Voyager. sections: what is added."""
    base: dict[str, dict[str, object]] = {
        "general_settings": {
            "request_distribution": {"100": 0.5, "400": 0.5},
            "num_requests": 2000,
            "guard_slots": 0,
        },
        "topology_settings": {"network": str(network), "cores_per_link": 1},
        "spectrum_settings": {"c_band": 300},
        "traffic_settings": {"bit_rates": "distribution"},
        "snr_settings": {
            "snr_type": "gnpy",
            "gnpy_equipment": str(examples() / "eqpt_config.json"),
            "gnpy_transceiver": "Voyager",
        },
    }
    for section, values in (sections or {}).items():
        base.setdefault(section, {}).update(values)
    return load_config("quick", base)


class Scene:
    """The inputs, the candidate paths and the walks of a configuration."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.inputs: Inputs = read_inputs(config, quiet=True)
        self.paths: PathTable = candidate_paths(config, self.inputs)
        plant = self.inputs.plant
        assert plant is not None
        self.plant = plant
        self.walks = walks_of(plant, self.inputs.topology, self.paths, separate=is_separate(config))

    def signals(self, walks: list[Walk]) -> list[Signal]:
        """Return what GNPy gives for some walks, not from what is kept."""
        return list(Propagator(self.plant)(walks))

    def of_mode(self, signal: Signal, name: str) -> Any:
        """Return float32[2, channel] of one mode."""
        number = [mode.name for mode in self.plant.modes].index(name)
        first = sum(self.plant.channels[:number])
        return signal[:, first : first + self.plant.channels[number]]
