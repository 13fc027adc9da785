"""A sweep on a work pool: two workers in folders of their own, one of which is killed."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from fusion_flows.command.deploy import POINTS_QUEUE, POOL

from .prefect_server import Prefect, Worker, stop, wait_for
from .started import simulators
from .test_sweep import ON_ONE_CORE, computed, result, start

ENGINE = "fusion-points/worker-points"
SWEEP = {  # few points, as each becomes a run of its own
    "template": "quick",
    "grid": {"erlang": [150, 180, 200]},
    "overrides": {
        "general_settings": {"num_requests": 100_000, "max_iters": 50},
        "simulation_settings": {"workers": 1},
    },
}


class Machines:
    """Workers that share nothing but the server."""

    def __init__(self, server: Prefect, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.workers: list[psutil.Process] = []
        self.folders: list[Path] = []

    def start(self) -> None:
        name = f"machine {len(self.workers)} {self.folder.name}"
        folder = self.folder / name
        folder.mkdir()
        self.folders.append(folder)
        environment = {
            **self.server.environment,
            "FUSION_RUNS_DIR": "runs",
            "TMPDIR": str(folder),  # where Prefect prepares runs
        }
        began = set(self.online())
        with (folder / "log").open("w") as log:
            self.workers.append(
                psutil.Popen(
                    [
                        sys.executable,
                        *("-m", "prefect", "worker", "start", "--pool", POOL),
                        *("--work-queue", POINTS_QUEUE, "--limit", "1", "--name", name),
                    ],
                    cwd=folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )
        wait_for(lambda: set(self.online()) - began, 60, "the worker")

    def online(self) -> list[str]:
        found = self.server.api("POST", f"work_pools/{POOL}/workers/filter", {})
        return [worker["name"] for worker in found if worker["status"] == "ONLINE"]

    def computing(self) -> list[psutil.Process]:
        return [process for folder in self.folders for process in computing(folder)]

    def orders(self, sweep_run: str) -> list[str]:
        """Return the states of the runs that a sweep has made."""
        return [run["state_type"] for run in self.runs(sweep_run)]

    def runs(self, sweep_run: str) -> list[dict[str, Any]]:
        """Return the runs that a sweep has made."""
        found = self.server.api(
            "POST", "flow_runs/filter", {"flows": {"name": {"any_": ["fusion-points"]}}}
        )
        return [run for run in found if run["parameters"]["sweep_run"] == sweep_run]

    def parts(self, run: str) -> dict[str, str]:
        """Return the states of the parts on the timeline of a run, by name, once none goes on."""

        def ended() -> dict[str, str]:
            asked = {"flow_runs": {"id": {"any_": [run]}}, "sort": "EXPECTED_START_TIME_ASC"}
            found = self.server.api("POST", "task_runs/filter", asked)
            is_over = len(found) > 1 and all(each["end_time"] and each["state"] for each in found)
            return {each["name"]: each["state_type"] for each in found} if is_over else {}

        return wait_for(ended, 60, "the end of all parts")


def computing(folder: Path) -> list[psutil.Process]:
    """Return the processes in a folder that compute points."""
    return [each for each in simulators(folder) if "fusion.cli.run_points" in each.cmdline()]


@pytest.fixture
def machines(session_worker: Worker, tmp_path: Path) -> Iterator[Machines]:
    """Give two workers that take points only, each in a folder of its own."""
    if session_worker.process is not None:  # it would take points, too
        stop(session_worker.process)
    found = Machines(session_worker.prefect, tmp_path)
    try:
        found.start()
        found.start()
        yield found
    finally:
        for worker in found.workers:
            family = [worker, *worker.children(recursive=True)] if worker.is_running() else []
            for process in reversed(family):
                process.kill()
        psutil.wait_procs(found.workers)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_with_a_worker_killed_the_results_are_those_of_one_machine(
    machines: Machines, tmp_path: Path, whole: bool
) -> None:
    alone, together = tmp_path / "alone", tmp_path / "together"
    assert start(machines.server, alone, SWEEP).wait(200) == 0
    process = start(machines.server, together, SWEEP, engine=ENGINE)
    sweep_run = machines.server.named(str(together))

    def at_work() -> list[psutil.Process]:
        found = zip(machines.workers, machines.folders, strict=True)
        return [worker for worker, folder in found if computing(folder)]

    wait_for(lambda: process.poll() is not None or at_work(), 100, "a portion")
    assert process.poll() is None
    machine = at_work()[0]
    family = machine.children(recursive=True) if whole else []
    for each in (machine, *family):
        each.kill()
    assert process.wait(280) == 0
    for table in ("points_csv", "replications_csv"):
        one, two = (Path(result(folder)[table]).read_bytes() for folder in (alone, together))
        assert one == two
    assert set(computed(together).values()) == {1}
    assert "CRASHED" in machines.orders(sweep_run)
    wait_for(lambda: not machines.computing(), 20, "the end of all simulators")
    complete = [run for run in machines.runs(sweep_run) if run["state_type"] == "COMPLETED"]
    parts = machines.parts(complete[0]["id"])
    assert parts == {"simulate": "COMPLETED", "deliver the results": "COMPLETED"}
    assert list(parts) == ["simulate", "deliver the results"]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_worker_killed_before_it_starts_what_it_has_taken(
    machines: Machines, tmp_path: Path
) -> None:
    machines.workers[1].kill()
    process = start(machines.server, tmp_path, SWEEP, engine=ENGINE)
    sweep_run = machines.server.named(str(tmp_path))
    wait_for(lambda: "PENDING" in machines.orders(sweep_run), 60, "a run that was taken")
    family = machines.workers[0].children(recursive=True)
    for each in (machines.workers[0], *family):
        each.kill()
    machines.start()
    assert process.wait(200) == 0
    assert "CRASHED" in machines.orders(sweep_run)
    assert set(computed(tmp_path).values()) == {1}


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_sweep_that_is_killed_goes_on_with_what_its_workers_had_delivered(
    machines: Machines, tmp_path: Path
) -> None:
    process = start(machines.server, tmp_path, SWEEP, engine=ENGINE)
    first = machines.server.named(str(tmp_path))
    wait_for(lambda: process.poll() or machines.computing(), 100, "work")
    process.kill()
    process.wait()
    machines.server.api(  # what the automation does after a minute without heartbeats
        "POST",
        f"flow_runs/{first}/set_state",
        {"state": {"type": "CRASHED", "message": "lost"}, "force": True},
    )
    wait_for(lambda: not machines.computing(), 40, "the end of work that nobody waits for")
    waiting = wait_for(
        lambda: set(machines.orders(first)) <= {"CANCELLED", "CRASHED", "COMPLETED"},
        40,
        "the end of their runs",
    )
    assert waiting
    process = start(machines.server, tmp_path, SWEEP, f"{tmp_path} again", engine=ENGINE)
    assert process.wait(150) == 0
    assert set(computed(tmp_path).values()) == {1}


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_cancelling_ends_the_work_everywhere(machines: Machines, tmp_path: Path) -> None:
    process = start(machines.server, tmp_path, ON_ONE_CORE, engine=ENGINE)
    sweep_run = machines.server.named(str(tmp_path))
    # A portion that a worker has taken and does not start goes to another one after a minute.
    wait_for(lambda: process.poll() is not None or machines.computing(), 150, "work")
    machines.server.cancel(sweep_run)
    process.wait(60)
    assert machines.server.finished(sweep_run)["state_type"] == "CANCELLED"
    wait_for(lambda: not machines.computing(), 20, "the end of all simulators")
    ended = {"CANCELLED", "COMPLETED"}
    wait_for(lambda: set(machines.orders(sweep_run)) <= ended, 30, "the end of their runs")


def test_runs_that_complete_again_and_again_without_a_result_end_the_sweep(
    session_worker: Worker, tmp_path: Path
) -> None:
    if session_worker.process is not None:
        stop(session_worker.process)
    server = session_worker.prefect
    process = start(server, tmp_path, SWEEP, engine=ENGINE)
    sweep_run = server.named(str(tmp_path))
    wanted = {
        "flows": {"name": {"any_": ["fusion-points"]}},
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
    }

    def is_over() -> bool:
        for run in server.api(
            "POST", "flow_runs/filter", wanted
        ):  # as a worker that delivers nothing
            if run["parameters"]["sweep_run"] == sweep_run:
                state = {"state": {"type": "COMPLETED", "name": "Completed"}, "force": True}
                server.api("POST", f"flow_runs/{run['id']}/set_state", state)
        return process.poll() is not None

    wait_for(is_over, 100, "the end of the sweep")
    assert process.poll() == 1
    message = server.run(sweep_run)["state"]["message"]
    assert f"3 runs of {ENGINE} have ended without a result" in message
    assert len(server.api("POST", "flow_runs/filter", {"flows": wanted["flows"]})) < 20


def test_a_deployment_that_is_not_there_is_told(server: Prefect, tmp_path: Path) -> None:
    assert start(server, tmp_path, SWEEP, engine="fusion-points/none").wait(100) == 1
    run = server.run(server.named(str(tmp_path)))
    assert "there is no deployment fusion-points/none" in run["state"]["message"]
