"""A simulator that makes no progress is told of wherever one looks, and ended when a setting says so."""

import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from fusion_flows.following import stall
from fusion_flows.following.stall import Stall
from fusion_flows.process.tree import ProcessTree
from fusion_flows.runs import listing as runs
from fusion_flows.server.settings import Settings

from .prefect_server import Prefect, wait_for
from .started import ENDLESS, GOING_ON, script, simulating, simulators
from .test_maintenance import long_sweep, maintain


def call(
    server: Prefect, folder: Path, overrides: object, **variables: str
) -> tuple[subprocess.Popen[bytes], str, Path]:
    """Call the flow from a process with these variables; return it once its simulator computes."""
    code = f"import os; os.environ.update({variables!r})\n"
    code += f"fusion(overrides={overrides!r}, name={folder.name!r})"
    process = server.call(script(folder, code))
    run_id = server.named(folder.name)
    directory = server.directory(run_id)
    wait_for(lambda: simulating(directory), 60, "the simulator")
    return process, run_id, directory


def send(directory: Path, number: signal.Signals) -> None:
    """Send a signal to the simulator and what it has started, and not to its guard."""
    for process in simulators(directory):
        if "guard.py" not in " ".join(process.cmdline()):
            process.send_signal(number)


def news(server: Prefect, run: str) -> str:
    progress = server.artifacts(run).get("progress")
    return str(progress["description"]) if progress else ""


def says_what_to_do(record: tuple[int, str]) -> bool:
    level, line = record
    return level == logging.WARNING and "stalled since" in line and "kill -CONT" in line


def test_a_stopped_simulator_is_stalled_until_it_goes_on(server: Prefect, tmp_path: Path) -> None:
    process, run_id, directory = call(server, tmp_path, ENDLESS, FUSION_STALL_SECONDS="4")
    began = sum(psutil.Process(one.pid).cpu_times().user for one in simulators(directory))
    wait_for(lambda: news(server, run_id), 30, "the progress")
    wait_for(  # longer than the setting, and nothing is written meanwhile
        lambda: sum(one.cpu_times().user for one in simulators(directory)) > began + 6,
        90,
        "six seconds of computing",
    )
    assert "stalled" not in news(server, run_id), "it computes"

    send(directory, signal.SIGSTOP)
    wait_for(lambda: news(server, run_id).startswith("stalled since 20"), 60, "the news")
    assert server.run(run_id)["state_type"] == "RUNNING"
    wait_for(lambda: any(map(says_what_to_do, server.log(run_id))), 30, "the log")
    with temporary_settings({PREFECT_API_URL: server.url}):
        (listed,) = (run for run in runs.runs(name=tmp_path.name) if run.state == "Running")
    assert listed.news.startswith("stalled since")
    assert directory.name in maintain(server)["stalled_runs"]

    send(directory, signal.SIGCONT)
    wait_for(lambda: "stalled" not in news(server, run_id), 60, "the news")
    process.send_signal(signal.SIGINT)
    process.wait(30)


def test_a_stalled_run_is_ended_when_a_setting_says_so(server: Prefect, tmp_path: Path) -> None:
    settings = {"FUSION_STALL_SECONDS": "3", "FUSION_END_STALLED_SECONDS": "1"}
    process, run_id, directory = call(server, tmp_path, GOING_ON, **settings)
    send(directory, signal.SIGSTOP)
    run = server.finished(run_id, 60)
    assert run["state_type"] == "FAILED"
    assert "stalled since 20" in run["state"]["message"]
    assert "FUSION_END_STALLED_SECONDS = 1" in run["state"]["message"]
    assert f"resume={directory.name}" in run["state"]["message"]
    assert simulators(directory) == []
    assert process.wait(60) == 1, "SimulationError"


@pytest.mark.slow
def test_a_stalled_sweep_is_told_and_ended(
    server: Prefect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(server.environment, "FUSION_STALL_SECONDS", "3")
    monkeypatch.setitem(server.environment, "FUSION_END_STALLED_SECONDS", "8")
    process, run_id, directory = long_sweep(server, tmp_path / "sweep")
    wait_for(lambda: simulating_points(directory), 60, "an outcome")
    send(directory, signal.SIGSTOP)
    wait_for(lambda: news(server, run_id).startswith("stalled since 20"), 60, "the news")
    run = server.finished(run_id, 60)
    assert run["state_type"] == "FAILED"
    assert "stalled since 20" in run["state"]["message"]
    assert simulators(directory) == []
    process.wait(60)


def simulating_points(directory: Path) -> bool:
    return any("--outcomes" in " ".join(one.cmdline()) for one in simulators(directory))


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[ProcessTree]:
    """Return a tree that waits."""
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    with ProcessTree(command, log=tmp_path / "log") as tree:
        yield tree


def test_by_default_it_is_ten_times_the_longest_wait_and_two_minutes_at_least(
    tmp_path: Path, tree: ProcessTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(stall, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    written = tmp_path / "progress.jsonl"
    watched = Stall(lambda: [written], Settings(), logging.getLogger(), alike=True, go_on="")

    def stalled_after(wait: float) -> float:
        """Return how long nothing may be written, after one more wait of so many seconds."""
        for _ in range(round(wait)):
            clock[0] += 1
            assert watched.look(tree) is None
        with written.open("a") as file:
            file.write("{}\n")
        watched.look(tree)
        assert watched.text == ""
        seconds = 0
        while not watched.text:
            clock[0] += 1
            seconds += 1
            assert watched.look(tree) is None, "it is not ended unless a setting says so"
        return seconds

    assert stalled_after(0) == 121, "its start"
    assert stalled_after(30) == 121, "it may compile, so this is not a measure"
    with written.open("a") as file:
        file.write("{}\n")
    watched.look(tree)
    assert stalled_after(20) == 201
