"""An agent is trained by a process of its own, which learns, goes on after a kill, and stops when told to."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from fusion.config.training_extra import NEEDED

MISSING = [package for module, package in NEEDED.items() if find_spec(module) is None]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"the extra train is missing: {', '.join(MISSING)}"),
]

SETTING = """[general_settings]
erlang_start = 250
erlang_stop = 250
num_requests = 3000
max_iters = 6
mod_assumption = deeprmsa_reach
guard_slots = 1

[topology_settings]
network = nsfnet_deeprmsa
link_directions = separate

[routing_settings]
k_paths = 5
path_order = hops

[spectrum_settings]
c_band = 100

[traffic_settings]
bit_rates = uniform
bit_rate_min = 25
bit_rate_max = 100
holding_distribution = truncated_exponential

[training_settings]
environments = 32
rollout_steps = 32
batch_size = 512
episode_requests = 500
checkpoint_every = 8192
evaluation_every = 16384
evaluation_replications = 4
evaluation_requests = 2000
"""


def _command(folder: Path, out: Path, **settings: object) -> list[str]:
    file = folder / "setting.ini"
    file.write_text(SETTING)
    changes = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    module = [sys.executable, "-m", "fusion.cli.train"]
    return [*module, "--config", str(file), "--output-dir", str(out), *changes]


def _rows(out: Path) -> list[dict[str, float]]:
    with (out / "training.csv").open() as file:
        return [
            {name: float(cell) for name, cell in row.items() if cell and name != "best_heuristic"}
            for row in csv.DictReader(file)
        ]


def _events(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "progress.jsonl").read_text().splitlines()]


def _weights(out: Path) -> dict[str, bytes]:
    import numpy as np

    last = sorted((out / "checkpoints").iterdir())[-1]
    with np.load(last, allow_pickle=False) as file:
        found = {name: file[name].tobytes() for name in file.files if name != "state"}
    assert any(name.startswith("optimizer.") for name in found)
    return found | {name: (out / name).read_bytes() for name in ("agent.onnx", "last_agent.onnx")}


def _wait_for(path: Path, process: "subprocess.Popen[bytes]") -> None:
    """Wait until a checkpoint later than those of a list is there."""
    while not path.exists():
        assert process.poll() is None
        time.sleep(0.05)


def test_an_agent_blocks_less_after_half_a_minute_than_before(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = _command(
        tmp_path, out, steps=250_000, evaluation_every=100_000, evaluation_replications=16
    )
    subprocess.run(command, check=True)
    rows = _rows(out)
    assert rows[0]["steps"] == 0
    assert rows[-1]["steps"] >= 250_000
    best = min(rows, key=lambda row: row["blocking_probability"])
    assert best["blocking_probability_ci_upper"] < rows[0]["blocking_probability_ci_lower"]
    kinds = [event["type"] for event in _events(out)]
    assert kinds[0] == "training"
    assert {"heuristic", "evaluation", "trained"} < set(kinds)
    assert kinds[-1] == "complete"
    assert any((out / "tensorboard").iterdir())
    packages = json.loads((out / "run.json").read_text())["packages"]
    needed = ("torch", "stable-baselines3", "sb3-contrib", "onnx", "numpy")
    assert {name: packages.get(name) for name in needed} == {name: version(name) for name in needed}
    with (out / "comparison.csv").open() as file:
        compared = {row["policy"]: row for row in csv.DictReader(file)}
    assert list(compared)[:2] == ["agent", "KSP-FF"]
    for name, row in compared.items():
        assert int(row["replications"]) == 6
        if name != "agent":
            blocking = (float(each["blocking_probability"]) for each in (compared["agent"], row))
            assert float(row["agent_minus"]) == pytest.approx(next(blocking) - next(blocking))


def test_a_training_killed_three_times_gives_the_same_bytes(tmp_path: Path) -> None:
    at_once, killed = tmp_path / "at_once", tmp_path / "killed"
    steps = 5 * 8192
    subprocess.run(_command(tmp_path, at_once, steps=steps), check=True)
    command = _command(tmp_path, killed, steps=steps)
    for reached in (8192, 2 * 8192, 4 * 8192):
        process = subprocess.Popen(command, start_new_session=True)
        _wait_for(killed / "checkpoints" / f"checkpoint-{reached:012d}.npz", process)
        time.sleep(0.3)  # somewhere in what comes next
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run(command, check=True)
    assert _weights(killed) == _weights(at_once)
    seconds = ("seconds",)
    assert [{k: v for k, v in row.items() if k not in seconds} for row in _rows(killed)] == [
        {k: v for k, v in row.items() if k not in seconds} for row in _rows(at_once)
    ]


def test_a_signal_ends_it_in_order_and_it_goes_on_from_the_checkpoint(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = _command(tmp_path, out, steps=10_000_000)
    process = subprocess.Popen(command, start_new_session=True)
    _wait_for(out / "checkpoints" / "checkpoint-000000008192.npz", process)
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 128 + signal.SIGTERM
    assert json.loads((out / "run.json").read_text())["exit_reason"] == "interrupted by SIGTERM"
    left = {path.name for path in (out / "checkpoints").iterdir()}
    assert left
    assert all(name.startswith("checkpoint-") for name in left)
    process = subprocess.Popen(command, start_new_session=True)
    while sum(event["type"] == "training" for event in _events(out)) < 2:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 128 + signal.SIGINT
    resumed = [event["done"] for event in _events(out) if event["type"] == "training"]
    assert resumed[0] == 0
    assert resumed[1] >= 8192


def test_it_stops_when_evaluations_show_no_gain(tmp_path: Path) -> None:
    out = tmp_path / "out"
    # So small a rate changes no decision, so that no evaluation after the first is better.
    command = _command(tmp_path, out, steps=10_000_000, learning_rate="1e-12", patience=2)
    subprocess.run(command, check=True)
    rows = _rows(out)
    assert [row["is_best"] for row in rows] == [1, 0, 0]
    assert [row["steps"] for row in rows] == [0, 16384, 32768]


def test_other_seeds_give_other_agents(tmp_path: Path) -> None:
    found = set()
    for seed in (1, 2):
        out = tmp_path / str(seed)
        subprocess.run(_command(tmp_path, out, steps=8192, seed=seed), check=True)
        found.add((out / "last_agent.onnx").read_bytes())
    assert len(found) == 2


@pytest.mark.parametrize(
    "settings",
    [
        {"network": "mlp"},
        {"network": "paths", "blocks": 2, "layers": 3},
        {"network": "paths", "attention_heads": 4, "shows_holding": "yes"},
    ],
)
def test_the_file_of_an_agent_gives_the_same_logits(
    tmp_path: Path, settings: dict[str, object]
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    import numpy as np
    import torch

    from fusion.config.training_settings import read_training
    from fusion.learning.setting import make_setting
    from fusion.learning.training.agent_file import about_agent, write_agent_file
    from fusion.learning.training.networks import MlpActor, PathsActor

    read = read_training(None, settings)
    setting = make_setting("nsfnet_100_slots", blocks=read.blocks, shows_holding=read.shows_holding)
    torch.manual_seed(5)
    actor = (MlpActor if read.network == "mlp" else PathsActor)(setting.layout, read)
    seen = np.random.default_rng(3).random((7, setting.layout.size), dtype=np.float32)
    with torch.no_grad():
        logits = actor(torch.from_numpy(seen)).numpy()
    assert logits.shape == (7, setting.layout.actions)
    path = tmp_path / "agent.onnx"
    about = about_agent(setting.layout, setting.config, read, 12)
    write_agent_file(path, actor, setting.layout, about)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (there,) = session.run(None, {"observation": seen})
    assert np.abs(there - logits).max() < 1e-5
    told = json.loads(session.get_modelmeta().custom_metadata_map["fusion_agent"])
    assert told["nodes"] == list(setting.layout.nodes)
    assert (told["steps"], told["seed"], told["network"]) == (12, 1, "nsfnet_deeprmsa")
    assert told["load"] == setting.config.loads[0]
    assert told["allocation_method"] == ""
    paths = read.model_copy(update={"actions": "paths"})
    assert about_agent(setting.layout, setting.config, paths, 12).allocation_method == "first_fit"
