"""A sweep on a Dask cluster: separate processes in separate folders, one of which is killed."""

import csv
import io
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from fusion.config.config import load_config, to_ini

from .prefect_server import Prefect, free_port, wait_for
from .test_pause import pause, resume
from .test_sweep import LONG, computed, result, start

AGENTS = Path(__file__).parents[2] / "examples" / "train_agent"
SWEEP = {**LONG, "overrides": {"general_settings": {"num_requests": 40_000, "max_iters": 60}}}


@pytest.fixture
def cluster(server: Prefect, tmp_path: Path) -> Iterator[tuple[str, list[psutil.Popen]]]:
    """Return the address of a scheduler and its two workers."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    worker = ["worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    processes = []
    for number, words in enumerate((scheduler, worker, worker)):
        folder = tmp_path / f"machine {number}"
        folder.mkdir()
        with (folder / "log").open("w") as log:
            processes.append(
                psutil.Popen(
                    [sys.executable, "-m", "dask", *words],
                    cwd=folder,
                    env={**server.environment, "DASK_TEMPORARY_DIRECTORY": str(folder)},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )
    try:
        yield address, processes[1:]
    finally:
        for process in reversed(processes):
            if process.is_running():
                process.kill()
            process.wait()


@pytest.mark.timeout(300)
def test_with_a_worker_killed_the_results_are_those_of_one_machine(
    server: Prefect, cluster: tuple[str, list[psutil.Popen]], tmp_path: Path
) -> None:
    address, workers = cluster
    alone, together = tmp_path / "alone", tmp_path / "together"
    assert start(server, alone, SWEEP).wait(200) == 0
    process = start(server, together, SWEEP, engine=address)
    wait_for(lambda: process.poll() or computed(together).total() > 100, 100, "outcomes")
    assert process.poll() is None
    workers[0].kill()
    workers[0].wait()
    assert process.wait(200) == 0
    for table in ("points_csv", "replications_csv"):
        one, two = (Path(result(folder)[table]).read_bytes() for folder in (alone, together))
        assert one == two
    assert set(computed(together).values()) == {1}


@pytest.mark.timeout(300)
def test_an_agent_goes_along_and_blocks_what_it_blocks_alone(
    server: Prefect, cluster: tuple[str, list[psutil.Popen]], tmp_path: Path
) -> None:
    pytest.importorskip("onnx")
    agent = tmp_path / "mine.onnx"
    shutil.copy(AGENTS / "nsfnet_1.onnx", agent)
    less = {"num_requests": 2000, "max_iters": 3}
    sweep = {
        "template": str(AGENTS / "nsfnet.ini"),
        "grid": {"policy": ["", str(agent)], "erlang": [230, 250]},
        "overrides": {"general_settings": less},
    }
    tables = []
    for name, engine in (("threads", {}), ("cluster", {"engine": cluster[0]})):
        folder = tmp_path / name
        assert start(server, folder, sweep, **engine).wait(150) == 0
        tables.append(Path(result(folder)["replications_csv"]).read_bytes())
    assert tables[0] == tables[1]
    there = [row for row in rows_of(tables[0].decode()) if row["policy"] == "mine.onnx"]

    config = load_config(
        AGENTS / "nsfnet.ini",
        {
            "general_settings": {**less, "erlang_start": 230, "erlang_step": 20},
            "routing_settings": {"policy": str(agent)},
        },
    )
    file, out = tmp_path / "alone.ini", tmp_path / "alone"
    file.write_text(to_ini(config))
    command = [sys.executable, "-m", "fusion.cli.run_sim", "--config", file, "--output-dir", out]
    subprocess.run(command, check=True, capture_output=True)
    alone = rows_of((out / "replications.csv").read_text())
    same = [name for name in alone[0] if name in there[0] and name != "policy"]
    assert {"erlang", "replication", "requests", "blocked"} <= set(same), same
    assert len(alone) == len(there) == 6
    assert [[row[name] for name in same] for row in there] == [
        [row[name] for name in same] for row in alone
    ]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


MORE = {**LONG, "overrides": {"general_settings": {"num_requests": 100_000, "max_iters": 300}}}
"""More than is out on a cluster at a time."""


def news_of(server: Prefect, run: str) -> str:
    return str(server.artifacts(run).get("progress", {}).get("description", ""))


@pytest.mark.timeout(300)
def test_a_paused_sweep_sends_nothing_more_and_goes_on_and_a_stall_is_told(
    server: Prefect,
    cluster: tuple[str, list[psutil.Popen]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(server.environment, "FUSION_STALL_SECONDS", "8")
    monkeypatch.setitem(server.environment, "FUSION_END_STALLED_SECONDS", "1")
    address, workers = cluster
    folder = tmp_path / "sweep"
    process = start(server, folder, MORE, engine=address)
    run = server.named(str(folder))
    wait_for(lambda: process.poll() or computed(folder).total() > 20, 100, "outcomes")
    pause(server, run)
    wait_for(lambda: news_of(server, run).startswith("paused, "), 30, "the news")
    assert "ETA" not in news_of(server, run)
    wait_for(lambda: idle(workers), 60, "the end of the tasks that are out")
    there = computed(folder).total()
    time.sleep(3)
    assert idle(workers)
    assert computed(folder).total() == there < 6 * 300
    assert "stalled" not in news_of(server, run)

    for each in workers:
        each.suspend()
    resume(server, run)
    wait_for(lambda: news_of(server, run).startswith("stalled since 20"), 60, "the stall")
    assert server.run(run)["state_type"] == "RUNNING"
    for each in workers:
        each.resume()
    assert process.wait(150) == 0
    assert set(computed(folder).values()) == {1}
    assert computed(folder).total() == 6 * 300
    assert "stalled" not in news_of(server, run)


def idle(workers: list[psutil.Popen]) -> bool:
    """Return whether no worker computes."""
    before = [sum(each.cpu_times()[:2]) for each in workers]
    time.sleep(1.5)
    after = [sum(each.cpu_times()[:2]) for each in workers]
    return all(now - then < 0.3 for then, now in zip(before, after, strict=True))


@pytest.mark.slow
def test_a_cluster_that_is_not_there_is_told(server: Prefect, tmp_path: Path) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    assert start(server, tmp_path, SWEEP, engine=address).wait(100) == 1
    run = server.run(server.named(str(tmp_path)))
    assert f"no Dask scheduler answers at {address}" in run["state"]["message"]
