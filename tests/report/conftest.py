"""Run directories as the simulator leaves them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from fusion.config.config import Config, load_config, to_ini
from fusion.scenario.inputs import Inputs, read_inputs
from fusion_flows.rundir import directory as rundir
from fusion_flows.rundir.directory import RunDirectory

SMALL = {
    "general_settings": {"num_requests": 2000, "max_iters": 3, "erlang_stop": 180},
    "simulation_settings": {"warmup_requests": 500, "workers": 1},
}


class Done(NamedTuple):
    run: RunDirectory
    config: Config
    inputs: Inputs


def simulate(folder: Path, run_id: str, *changes: dict[str, dict[str, object]]) -> Done:
    """Simulate in a run directory, as the flow has it done."""
    overrides = {section: dict(keys) for section, keys in SMALL.items()}
    for change in changes:
        for section, keys in change.items():
            overrides.setdefault(section, {}).update(keys)
    config = load_config("quick", overrides)
    run = rundir.create(folder, run_id, to_ini(config))
    subprocess.run(
        [
            *(sys.executable, "-m", "fusion.cli.run_sim", "--config", str(run.config)),
            *("--output-dir", str(run.output), "--progress-file", str(run.progress)),
            *("--run-file", str(run.provenance)),
        ],
        env=os.environ,
        check=True,
        capture_output=True,
    )
    return Done(run, config, read_inputs(config))


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    return simulate(tmp_path_factory.mktemp("runs"), "0123456789ab")


@pytest.fixture(scope="session")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A run in which nothing is blocked."""
    few = {"general_settings": {"erlang_start": 1, "erlang_stop": 2, "erlang_step": 1}}
    return simulate(tmp_path_factory.mktemp("runs"), "ba9876543210", few)
