"""Time of GNPy's propagation of all candidate paths: `python -m benchmarks.gnpy [WORKERS]`.

GNPy's own CORONET CONUS (75 nodes), k = 3, all pairs, its transceiver Voyager: four modes that need three
spectra, 300 slots of 12.5 GHz. Then the same again, from what is kept. Then CPU time of the paths from one
city, which share their beginnings, and of some of them one by one, with the same elements.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from importlib.resources import files
from pathlib import Path

with tempfile.TemporaryDirectory() as FOLDER:
    os.environ["FUSION_CACHE_DIR"] = FOLDER  # before anything asks where it is
    from fusion.config.config import load_config
    from fusion.network.propagation.propagator import Propagator
    from fusion.network.propagation.walks import walks_of
    from fusion.scenario.candidate_paths import candidate_paths
    from fusion.scenario.inputs import read_inputs
    from fusion.scenario.kept_propagation import bundles_of
    from fusion.scenario.scenario import make_scenario
    from fusion.simulation.propagate_ahead import propagate_ahead

    ALONE = 40  # paths that are propagated one by one

    def main(workers: int) -> None:
        examples = Path(str(files("gnpy") / "example-data"))
        network = Path(FOLDER) / "conus.json"
        data = json.loads((examples / "CORONET_CONUS_Topology.json").read_text(encoding="utf-8"))
        network.write_text(json.dumps(data), encoding="utf-8")
        config = load_config(
            "quick",
            {
                "general_settings": {"guard_slots": 0, "request_distribution": {"100": 1.0}},
                "topology_settings": {"network": str(network), "cores_per_link": 1},
                "spectrum_settings": {"c_band": 300},
                "routing_settings": {"k_paths": 3},
                "traffic_settings": {"bit_rates": "distribution"},
                "snr_settings": {
                    "snr_type": "gnpy",
                    "gnpy_equipment": str(examples / "eqpt_config.json"),
                    "gnpy_transceiver": "Voyager",
                },
                "simulation_settings": {"workers": workers},
            },
        )
        began = time.perf_counter()
        inputs = read_inputs(config, quiet=True)
        print(f"read and designed: {time.perf_counter() - began:.1f} s")
        assert inputs.plant is not None
        paths = candidate_paths(config, inputs)
        walks = walks_of(inputs.plant, inputs.topology, paths, separate=True)
        for what in (f"{len(walks):,} paths, {workers} workers", "kept"):
            began = time.perf_counter()
            propagate_ahead(config, inputs, lambda: False)
            print(f"{what}: {time.perf_counter() - began:.1f} s")
        began = time.perf_counter()
        scenario = make_scenario(config, inputs)
        assert scenario.service is not None
        megabytes = scenario.service.quality.file_ratio.nbytes / 2**20
        print(f"the table of {megabytes:.0f} MiB: {time.perf_counter() - began:.1f} s")
        propagator = Propagator(inputs.plant)
        (first, *_) = bundles_of(walks)
        some = first.walks[:: len(first.walks) // ALONE]
        for what, parts in (("together", [first.walks]), ("one by one", [[each] for each in some])):
            began = time.process_time()
            for part in parts:
                propagator(part)
            each = (time.process_time() - began) / sum(map(len, parts))
            print(f"{what}: {each * 1e3:.1f} ms of CPU a path, all: {each * len(walks):.0f} s")

    if __name__ == "__main__":
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
