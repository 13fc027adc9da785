"""At most as many runs at once as the limit says, over all workers, and the others wait."""

import time

import pytest

from .prefect_server import Prefect, Worker, stop, wait_for
from .started import GOING_ON, simulators

SECONDS_LONG = {
    "general_settings": {"num_requests": 100_000, "max_iters": 60, "erlang_stop": 140},
    "simulation_settings": {"workers": 1},
}


def going_on(server: Prefect, runs: list[str]) -> list[str]:
    """Return the runs of these that have a simulator now."""
    return [run for run in runs if simulators(server.directory(run))]


def set_limit(server: Prefect, limit: int) -> None:
    """Change the limit as the documents say."""
    server.command("work-queue", "set-concurrency-limit", "default", str(limit), "--pool", "fusion")


@pytest.mark.slow
def test_runs_wait_in_line_over_two_workers_and_a_raised_limit_counts_at_once(
    session_worker: Worker,
) -> None:
    session_worker.ensure()
    server = session_worker.prefect
    second = session_worker.start("second")
    try:
        runs = [server.submit(overrides=SECONDS_LONG, name=f"in line {n}") for n in range(3)]
        most, deadline = 0, time.monotonic() + 90
        while not all(server.run(run)["state_type"] == "COMPLETED" for run in runs):
            most = max(most, len(going_on(server, runs)))
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert most == 1
        starts = [server.run(run)["start_time"] for run in runs]
        assert starts == sorted(starts), "in the order in which they were asked for"

        runs = [server.submit(overrides=GOING_ON, name=f"two at once {n}") for n in range(3)]
        wait_for(lambda: going_on(server, runs), 30, "the first")
        set_limit(server, 2)
        wait_for(lambda: len(going_on(server, runs)) == 2, 20, "the second beside it")
        for run in reversed(runs):
            server.cancel(run)
        for run in runs:
            assert server.finished(run, 60)["state_type"] == "CANCELLED"
        assert not server.directory(runs[2]).exists(), "it waited, and left nothing"
    finally:
        set_limit(server, 1)
        stop(second)
