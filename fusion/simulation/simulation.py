"""The main path: a run from its config to its result files. Read this file first.

config + input files -> scenario (arrays) -> replications, in this process or in a pool -> tables.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from fusion.config import counts
from fusion.config.config import Config
from fusion.results.logging_config import get_logger
from fusion.results.measured import Replication
from fusion.results.progress import ProgressWriter
from fusion.results.replication_file import ReplicationFile
from fusion.results.report import Report
from fusion.results.stopping import LoadState, Task, make_rule
from fusion.results.tables import ReplicationTable, Tables
from fusion.scenario.inputs import Inputs
from fusion.scenario.loops import loop_of
from fusion.scenario.scenario import make_scenario
from fusion.simulation.against_gnpy import write_difference
from fusion.simulation.compilation import compile_for
from fusion.simulation.pool import run_tasks, usable_cpus
from fusion.simulation.propagate_ahead import propagate_ahead
from fusion.simulation.replication import Replicate

log = get_logger(__name__)

SMALL_RUN_REQUESTS = 5_000_000
"""Below this many requests in all a pool costs more time than it saves."""


def run(
    config: Config,
    inputs: Inputs,
    directory: Path,
    file: ReplicationFile,
    progress: ProgressWriter,
    stopped: Callable[[], bool],
) -> bool:
    """Simulate all loads of a config and write the result files; return whether the run is complete.

    directory: where the files go. file: what is there already, which is not computed again. stopped: asked
    often; when it says yes the run ends with what it has. Raises WorkerDiedError, and OSError when a file
    cannot be written.
    """
    began = time.monotonic()
    if not propagate_ahead(
        config,
        inputs,
        stopped,
        lambda done, paths: progress.write("propagating", done=done, paths=paths),
    ):
        return False
    scenario = make_scenario(config, inputs)
    states = {load: _load_state(config, load) for load in config.loads}
    tables = Tables(directory, scenario, config.statistics_settings.confidence)
    replication_table = ReplicationTable(directory / "replications.csv")
    report = Report(config, states, progress)
    report.start(inputs.topology, len(scenario.candidates.hops))

    def finish_loads() -> None:
        for state in states.values():
            if stopped():
                return
            if state.stop_reason is not None and not report.has_finished(state):
                report.finish_load(tables.finish(state, state.stop_reason))
                tables.write(now=False)

    for replication in file.replications.values():
        states[replication.erlang].add(replication)
        report.replication(replication, resumed=True)
    if file.replications:
        there = counts.counted(len(file.replications), "replication")
        verb = counts.agreeing(len(file.replications), "is", "are")
        log.info("%s %s there from an earlier start", there, verb)
    replication_table.rewrite(file.replications.values())
    finish_loads()
    if stopped():  # the tables of an earlier start may hold more than there was time for
        return False

    def next_task() -> Task | None:
        for state in states.values():
            if (task := state.next_task()) is not None:
                report.start_load(state)
                return task
        return None

    unfinished = any(not report.has_finished(state) for state in states.values())
    if unfinished:
        # Here, so that the workers of a pool find it in the cache and do not wait for each other.
        loop = loop_of(config, inputs.policy)
        compile_for(scenario, loop, log.info, "the replications begin", report.compiling)
        report.computing()
    for replication in run_tasks(
        Replicate(scenario), next_task, _worker_count(config, states), stopped
    ):
        file.append(replication)
        replication_table.append(replication)
        states[replication.erlang].add(replication)
        report.replication(replication)
        finish_loads()

    for state in states.values():
        if state.done and not report.has_finished(state):
            point = tables.finish(state, state.stop_reason or "interrupted")
            if state.stop_reason is not None:
                report.finish_load(point)
    tables.write(now=True)
    complete = all(report.has_finished(state) for state in states.values())
    counted = [replication for state in states.values() for replication in state.replications]
    if complete:
        # Replications that were started before their load stopped do not count, whoever had time for them.
        file.rewrite(counted)
        complete = write_difference(config, inputs, scenario, directory, stopped)
    replication_table.rewrite(counted)
    report.end(complete, len(counted), time.monotonic() - began, directory)
    return complete


def _load_state(config: Config, load: float) -> LoadState[Replication]:
    most = config.general_settings.max_iters
    return LoadState(load, config.warmup_requests(load), most, make_rule(config))


def _worker_count(config: Config, states: dict[float, LoadState[Replication]]) -> int:
    most = config.general_settings.max_iters
    asked = config.simulation_settings.workers
    left = [
        (most - len(state.done)) * (state.warmup_requests + config.general_settings.num_requests)
        for state in states.values()
        if state.stop_reason is None
    ]
    if asked:
        return asked
    if sum(left) < SMALL_RUN_REQUESTS:
        return 1
    return min(usable_cpus(), most * len(left))
