"""A run that is told to stop at an awkward moment."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from fusion.config.config import load_config
from fusion.config.relevant_fields import relevant_fields
from fusion.results.progress import ProgressWriter
from fusion.results.replication_file import ReplicationFile
from fusion.scenario.content import content_key
from fusion.scenario.inputs import read_inputs
from fusion.simulation.simulation import run


def test_load_that_was_just_finished_is_in_the_tables(tmp_path: Path) -> None:
    config = load_config(
        "quick",
        {
            "general_settings": {"num_requests": 500, "max_iters": 2},
            "simulation_settings": {"workers": 1},
        },
    )
    inputs = read_inputs(config)
    key = content_key(config, inputs)
    file = ReplicationFile(tmp_path / "replications.jsonl", key, relevant_fields(config))
    progress = ProgressWriter(tmp_path / "progress.jsonl")
    # The signal comes after the last replication of the first load and before its result is told.
    complete = run(config, inputs, tmp_path, file, progress, lambda: len(file.replications) >= 2)
    file.close()
    progress.close()
    with (tmp_path / "points.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert not complete
    assert [(row["erlang"], row["replications"], row["stop_reason"]) for row in rows] == [
        ("140.0", "2", "fixed")
    ]


def test_with_fusions_conventions_a_load_stops_by_its_rule_for_any_number_of_workers(
    tmp_path: Path,
) -> None:
    for workers in (1, 2):
        config = load_config(
            "default",
            {
                "general_settings": {"max_iters": 60, "erlang_start": 600, "erlang_stop": 600},
                "spectrum_settings": {"c_band": 40},
                "topology_settings": {"cores_per_link": 1},
                "simulation_settings": {"workers": workers, "warmup_requests": "auto"},
                "compatibility_settings": {"conventions": "fusion"},
            },
        )
        inputs, folder = read_inputs(config), tmp_path / str(workers)
        folder.mkdir()
        key = content_key(config, inputs)
        file = ReplicationFile(folder / "replications.jsonl", key, relevant_fields(config))
        progress = ProgressWriter(folder / "progress.jsonl")
        assert run(config, inputs, folder, file, progress, lambda: False)
        file.close()
        progress.close()
    for name in ("points.csv", "replications.jsonl", "bit_rates.csv", "600.0_erlang.json"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()
    with (tmp_path / "1" / "points.csv").open(newline="") as table:
        (row,) = csv.DictReader(table)
    there = json.loads((tmp_path / "1" / "600.0_erlang.json").read_text(encoding="utf-8"))
    assert row["stop_reason"] == "precision"
    assert len(there["iter_stats"]) == int(row["replications"]) < 60
    assert there["ci_percent_block"] <= 5
    assert float(row["blocking_probability"]) == there["blocking_mean"]
