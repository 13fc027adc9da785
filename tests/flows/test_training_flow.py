"""The flow `fusion-train/train` and the command `fusion train`: an agent is trained, reported, resumed."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from fusion.config.training_extra import NEEDED
from fusion_flows.command import cli, submission
from fusion_flows.command.exit_codes import BAD_INPUT
from fusion_flows.process.marks import marked_processes

from .prefect_server import Prefect, Worker, wait_for
from .started import flow_process, simulators

DEPLOYMENT = "fusion-train/train"
MISSING = [package for module, package in NEEDED.items() if find_spec(module) is None]
needs_torch = pytest.mark.skipif(
    bool(MISSING), reason=f"the extra train is missing: {', '.join(MISSING)}"
)
SETTING = {"general_settings": {"num_requests": 2000, "max_iters": 3, "erlang_stop": 250}}
TRAINING = {
    "environments": 16,
    "rollout_steps": 32,
    "batch_size": 256,
    "episode_requests": 200,
    "checkpoint_every": 2048,
    "evaluation_every": 4096,
    "evaluation_replications": 3,
    "evaluation_requests": 1000,
}
ENDLESS = TRAINING | {"steps": 100_000_000}


def checkpoints(directory: Path) -> list[str]:
    folder = directory / "output" / "checkpoints"
    return sorted(path.name for path in folder.glob("*.npz")) if folder.exists() else []


def steps_of(directory: Path) -> int:
    """Return the steps of the last checkpoint."""
    return max((int(name[11:23]) for name in checkpoints(directory)), default=0)


def start(server: Prefect, **training: Any) -> tuple[str, Path]:
    """Submit a training that goes on for long, and wait until it has a checkpoint after its start."""
    run_id = server.submit(
        DEPLOYMENT, template="deeprmsa", overrides=SETTING, training=ENDLESS | training
    )
    directory = server.directory(run_id)
    wait_for(lambda: steps_of(directory) > 0, 180, "a checkpoint")
    return run_id, directory


@contextmanager
def leaves_no_process(directory: Path) -> Iterator[None]:
    """Check that what is done within ends all processes of a training in time."""
    assert simulators(directory)
    yield
    wait_for(lambda: not simulators(directory), 20, "the end of the processes")


@pytest.mark.slow
@needs_torch
def test_an_agent_is_trained_on_a_worker(worker: Prefect) -> None:
    training = TRAINING | {"steps": 8192}
    run = worker.submit(
        DEPLOYMENT, template="deeprmsa", overrides=SETTING, training=training, seed=3
    )
    state = worker.finished(run, 300)["state"]
    assert state["type"] == "COMPLETED", state
    assert re.match(r"The agent blocks [\d.e-]+ \[[^]]+\]; \S+ blocks ", state["message"])
    assert worker.run(run)["name"] == "train nsfnet_deeprmsa 250 E, seed 3, steps=8192"
    assert {"fusion", "training"} <= set(worker.run(run)["tags"])
    found = worker.artifacts(run)
    assert {"progress", "points", "report"} <= set(found)
    assert found["progress"]["data"] == 100
    assert "8,192/8,192 steps" in found["progress"]["description"]
    rows = json.loads(found["points"]["data"])
    assert [row["steps"] for row in rows] == ["8,192", "4,096", "0"]
    page = found["report"]["data"]
    assert "data:image/svg+xml;base64," in page
    assert "-s policy=" in page
    directory = worker.directory(run)
    for name in ("agent.onnx", "last_agent.onnx", "training.csv", "comparison.csv"):
        assert (directory / "output" / name).is_file()
    with (directory / "output" / "comparison.csv").open() as file:
        compared = list(csv.DictReader(file))
    assert {row["replications"] for row in compared} == {"3"}
    assert (directory / "plots" / "training.png").is_file()
    assert worker.parts(run)["train"] == ("Completed", "")
    assert not marked_processes().get(run)


@pytest.mark.slow
@needs_torch
def test_cancelled_it_leaves_a_checkpoint_from_which_a_resumed_one_goes_on(worker: Prefect) -> None:
    run, directory = start(worker)
    with leaves_no_process(directory):
        worker.cancel(run)
    assert worker.finished(run, 30)["state_type"] == "CANCELLED"
    wait_for(lambda: "report" in worker.artifacts(run), 60, "the report")
    report = worker.artifacts(run)["report"]["data"]
    assert f"fusion train --resume {directory}" in report
    before = steps_of(directory)
    assert before > 0
    listed = worker.start(
        *("-m", "fusion_flows.command.cli", "run", "--resume", directory.name), log="refused.log"
    )
    assert listed.wait(60) == 1
    told = (worker.folder / "refused.log").read_text()
    assert f"{directory.name} is the training of an agent" in told

    again = worker.submit(DEPLOYMENT, resume=directory.name)
    wait_for(lambda: steps_of(directory) > before, 180, "a further checkpoint")
    events = (directory / "progress.jsonl").read_text().splitlines()
    begun = [json.loads(line) for line in events if '"training"' in line]
    assert [event["done"] for event in begun] == [0, begun[1]["done"]]
    assert begun[1]["done"] >= before
    with leaves_no_process(directory):
        worker.cancel(again)
    assert worker.finished(again, 30)["state_type"] == "CANCELLED"


@pytest.mark.slow
@needs_torch
def test_a_killed_worker_leaves_no_process_and_a_retry_goes_on(session_worker: Worker) -> None:
    process, server = session_worker.ensure(), session_worker.prefect
    run, directory = start(server)
    with leaves_no_process(directory):
        process.kill()
    process.wait()
    assert server.finished(run, 30)["state_type"] == "CRASHED"
    before = steps_of(directory)
    state = {"type": "SCHEDULED", "name": "AwaitingRetry"}
    server.api("POST", f"flow_runs/{run}/set_state", {"state": state})
    session_worker.ensure()
    wait_for(lambda: steps_of(directory) > before, 180, "a further checkpoint")
    flow = flow_process(run)
    assert flow is not None
    with leaves_no_process(directory):
        flow.kill()
    assert server.finished(run, 30)["state_type"] == "CRASHED"


@pytest.mark.slow
@needs_torch
def test_the_command_trains_here_and_ctrl_c_leaves_a_checkpoint(
    server: Prefect, tmp_path: Path
) -> None:
    words = [word for key, value in ENDLESS.items() for word in ("-t", f"{key}={value}")]
    name = tmp_path.name
    log = f"{name}.log"
    process = server.start(
        *("-m", "fusion_flows.command.cli", "train", "deeprmsa", "--name", name, *words), log=log
    )
    directory = server.directory(server.named(name))
    wait_for(lambda: steps_of(directory) > 0, 180, "a checkpoint")
    with leaves_no_process(directory):
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 130
    told = (server.folder / log).read_text()
    assert "continues from the last checkpoint" in told
    assert f"fusion train --resume {directory}" in told


@pytest.mark.slow
@needs_torch
def test_several_seeds_are_several_agents_side_by_side_in_a_table(
    server: Prefect, tmp_path: Path
) -> None:
    words = [word for key, value in TRAINING.items() for word in ("-t", f"{key}={value}")]
    words += ["-s", "num_requests=2000", "-s", "max_iters=3", "--steps", "2048"]
    log = f"{tmp_path.name}.log"
    process = server.start(
        *("-m", "fusion_flows.command.cli", "train", "deeprmsa", "--name", tmp_path.name, *words),
        *("--seed", "4", "--seed", "5"),
        log=log,
    )
    assert process.wait(300) == 0, (server.folder / log).read_text()
    agents = [
        (server.directory(server.named(f"{tmp_path.name}, seed={seed}")) / "output" / "agent.onnx")
        for seed in (4, 5)
    ]
    assert agents[0].read_bytes() != agents[1].read_bytes()
    table = (server.folder / log).read_text().split("\nseed ")[1].splitlines()
    assert [line.split()[0] for line in table[1:3]] == ["4", "5"]
    assert "KSP-FF" in table[0]


def test_settings_are_refused_before_a_training_starts(worker: Prefect) -> None:
    run = worker.submit(DEPLOYMENT, training={"gamma": 2, "netwrk": "mlp"})
    state = worker.finished(run)["state"]
    assert state["type"] == "FAILED"
    if MISSING:
        assert "(the extra `train`): pip install" in state["message"]
    assert "gamma = 2: must be a number from 0 to 1 (from -t)" in state["message"]
    assert "did you mean 'network'?" in state["message"]
    assert not worker.directory(run).exists()


@pytest.mark.parametrize(
    "words",
    [
        ("-t", "gamma=2", "-s", "k_paths=0"),
        ("-t", "gamma=2", "-s", "k_paths=0", "-s", "nothing"),
        ("-t", "gamma=2", "-t", "nothing", "-s", "k_paths=0"),
        ("-t", "gamma=2", "-s", "k_paths=0", "--detach"),
    ],
)
def test_all_that_is_wrong_is_told_at_once(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission, "need_server", lambda: None)
    assert cli.main(["train", "deeprmsa", *words]) == BAD_INPUT
    told = capsys.readouterr().err
    assert told.count("k_paths = 0: must be") == 1
    assert "nothing" not in words or told.count("nothing") == 1
    assert told.count("pip install") == (1 if MISSING and "--detach" not in words else 0)
    assert told.count("gamma = 2: must be") == 1


def test_keys_of_the_training_are_not_those_of_the_simulator(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["train", "deeprmsa", "-s", "action=paths"]) == BAD_INPUT
    told = capsys.readouterr().err
    assert "'action=paths': unknown key; actions is a key of [training_settings]" in told
    assert "which `fusion train` takes with -t: -t actions=..." in told


@pytest.mark.skipif(not MISSING, reason="the extra train is installed")
def test_without_the_extra_the_command_says_what_to_install(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "fusion_flows.command.cli", "train", "deeprmsa"],
        capture_output=True,
        text=True,
        env=os.environ | {"FUSION_RUNS_DIR": str(tmp_path / "runs")},
    )
    assert ended.returncode == 1
    assert "(the extra `train`): pip install" in ended.stderr
    assert "stable-baselines3" in ended.stderr
    assert not (tmp_path / "runs").exists()
