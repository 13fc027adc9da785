"""Many short simulations on all processors."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

from fusion import replicate
from fusion.results.measured import Replication
from fusion.scenario.scenario import Scenario

REQUESTS_PER_TASK = 2_000_000


class Job(NamedTuple):
    """Replications to do at one load in Erlang."""

    scenario: Scenario
    load: float
    warmup_requests: int
    replications: int


def start_pool() -> ProcessPoolExecutor:
    """Return a pool with a process for each processor."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["fusion.simulation.replication"])
    return ProcessPoolExecutor(os.cpu_count() or 1, mp_context=context)


def run_jobs(pool: ProcessPoolExecutor, jobs: Sequence[Job]) -> list[list[Replication]]:
    """Return the replications of each job."""
    futures = []
    for job in jobs:
        requests = job.warmup_requests + job.scenario.num_requests
        step = max(1, REQUESTS_PER_TASK // requests)
        starts = range(0, job.replications, step)
        parts = [range(start, min(start + step, job.replications)) for start in starts]
        futures.append([pool.submit(_run_part, job, part) for part in parts])
    return [[one for part in parts for one in part.result()] for parts in futures]


def _run_part(job: Job, numbers: range) -> list[Replication]:
    return [replicate(job.scenario, job.load, number, job.warmup_requests) for number in numbers]
