"""A sweep on a Dask cluster: separate processes in separate folders, one of which is killed."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from .prefect_server import Prefect, free_port, wait_for
from .test_sweep import LONG, computed, result, start

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


@pytest.mark.slow
def test_a_cluster_that_is_not_there_is_told(server: Prefect, tmp_path: Path) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    assert start(server, tmp_path, SWEEP, engine=address).wait(100) == 1
    run = server.run(server.named(str(tmp_path)))
    assert f"no Dask scheduler answers at {address}" in run["state"]["message"]
