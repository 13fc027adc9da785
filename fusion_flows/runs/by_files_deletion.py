"""Delete runs by their files alone, where there is no Prefect server."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from fusion_flows.rundir import lock as run_lock
from fusion_flows.rundir import removal as run_removal
from fusion_flows.rundir.directory import RunDirectory
from fusion_flows.runs.by_files import find_by_files
from fusion_flows.runs.lookup import RunError
from fusion_flows.runs.time_expressions import ArgumentError
from fusion_flows.server.address import ServerAwayError, connect


def refuse_if_a_server_answers() -> None:
    """Raises ArgumentError where a server has the runs, so that its lists must be told."""
    with suppress(ServerAwayError), connect():
        raise ArgumentError("--without-server: a Prefect server answers; leave this option out")


def deletable_directories(runs: Sequence[str], runs_dir: Path) -> list[RunDirectory]:
    """Return the directories of runs, each once.

    Raises NoSuchRunError, and RunError for a run that is running; ArgumentError where a server answers.
    """
    refuse_if_a_server_answers()
    why = ServerAwayError("--without-server was given")
    found = {run.path: run for run in (find_by_files(each, runs_dir, why) for each in runs)}
    for run in found.values():
        if run_lock.in_use(run):
            raise RunError(f"{run.run_id} is running: end it first, with Ctrl-C where it runs")
    return list(found.values())


def delete_directory(run: RunDirectory) -> None:
    """Delete a run directory with all its files. Raises RunDirectoryError."""
    run_removal.delete(run)
