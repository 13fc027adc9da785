"""A run that is told to stop at an awkward moment."""

from __future__ import annotations

import csv
from pathlib import Path

from fusion.config import load_config, relevant_fields
from fusion.inputs import content_key, read_inputs
from fusion.progress import ProgressWriter
from fusion.replication_file import ReplicationFile
from fusion.simulation import run


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
