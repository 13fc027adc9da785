"""Runs according to their files: when no server answers, or Prefect does not know that a run has ended.

What was ended by SIGKILL with its worker and its server is Running for Prefect until somebody says otherwise.
"""

import json
import shlex
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from fusion.config.counts import counted
from fusion.config.problems import show
from fusion_flows.rundir import directory as rundir
from fusion_flows.rundir.directory import RunDirectory, RunDirectoryError
from fusion_flows.rundir.file_state import (
    RUNNING,
    FileState,
    file_state,
)
from fusion_flows.runs.lookup import (
    RECENT,
    Found,
    NoSuchRunError,
    Run,
    ambiguous,
    as_ended,
    find,
    find_by_prefix,
    in_another_folder,
    other_folders,
    refresh,
    unknown,
)
from fusion_flows.runs.recorded import called, created, directories, name_of, names_of, wanted
from fusion_flows.server.address import ServerAwayError, connect

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

_STARTING = timedelta(seconds=10)  # from the state Running to the lock
_ENDING_SECONDS = 1.0  # from the end of the lock to the final state


def runs_by_files(
    runs_dir: Path,
    *,
    state: str = "",
    name: str = "",
    after: datetime | None = None,
    before: datetime | None = None,
    limit: int,
    page: int,
) -> list[Run]:
    """Return the runs that have a directory here, the newest first; see `runs.runs` for what is wanted."""
    found = wanted(runs_dir, state=state, name=name, after=after, before=before)
    return [run_by_files(one.run) for one in islice(found, (page - 1) * limit, page * limit)]


def no_runs(error: ServerAwayError, runs_dir: Path) -> ServerAwayError:
    """Return what to tell where there are no files of runs, and no server that could know others."""
    folder = rundir.absolute(runs_dir)
    elsewhere = ""
    for other in other_folders(runs_dir):
        if count := len(directories(other)):
            elsewhere = (
                f". {other} has {counted(count, 'run')}: set FUSION_RUNS_DIR={other} to see them"
            )
            break
    return ServerAwayError(
        f"there are no runs in {folder} (set FUSION_RUNS_DIR to use another folder), and {error}{elsewhere}"
    )


def hint_at(run_id: str, runs_dir: Path) -> str:
    """Return which other folder of runs on this machine has the directory of a run; empty: none is seen."""
    if hint := rundir.hint_at(run_id, runs_dir):
        return hint
    has_it = (each for each in other_folders(runs_dir) if run_id and (each / run_id).is_dir())
    folder = next(has_it, None)
    return f"in {folder}: FUSION_RUNS_DIR={shlex.quote(str(folder))} finds it" if folder else ""


def no_directory(run_id: str, runs_dir: Path, why: str) -> str:
    """Return that a run has no directory in `runs_dir`, and which other folder has it, else why that is."""
    hint = hint_at(run_id, runs_dir)
    return rundir.no_directory(run_id, runs_dir, f", but {hint}" if hint else why)


def find_by_files(run: str, runs_dir: Path, error: ServerAwayError) -> RunDirectory:
    """Return the run here that is called so, as `run_lookup.find` takes it.

    error: why no server is asked. Raises NoSuchRunError with the candidates where none is, or several are.
    """
    text = run.strip()
    if (here := find_by_prefix(text, runs_dir)) is not None:
        return here
    known = [(one.run, names_of(one.run)) for one in directories(runs_dir)]
    found = called(text, known)
    if len(found) > 1:
        told = [Found(one.run_id, None, one) for one in found]
        raise NoSuchRunError(ambiguous(text, told))
    if not found:
        names = {name: one.run_id for one, (name, _) in reversed(known[:RECENT]) if name}
        ids = [one.run_id for one, _ in known[:RECENT]]
        folder = rundir.absolute(runs_dir)
        if elsewhere := _elsewhere(text, runs_dir):
            raise NoSuchRunError(f"there is no run '{show(text)}' in {folder}; {elsewhere}")
        missing = unknown(text, names, ids, f" in {folder}")
        raise NoSuchRunError(
            f"{missing}; set FUSION_RUNS_DIR to use another folder. Only files were searched, as {error}"
        )
    return found[0]


def _elsewhere(text: str, runs_dir: Path) -> str:
    """Return which other folder has a run that is called so, and how to have it; empty: none has.

    It is only named: what a name means must not change with what was done elsewhere before.
    """
    for folder in other_folders(runs_dir):
        found = find_by_prefix(text, folder)
        if found is None:
            known = ((one.run, names_of(one.run)) for one in directories(folder))
            found = next(iter(called(text, known)), None)
        if found is not None:
            return in_another_folder(found, folder)
    return ""


def find_directory(run: str, runs_dir: Path) -> RunDirectory:
    """Return the directory of the run that is called so; the server is asked where its id does not say.

    Raises NoSuchRunError, RunDirectoryError where its directory is not here, and NoServerError where a server
    refuses.
    """
    if (here := find_by_prefix(run, runs_dir)) is not None:
        return here
    try:
        with connect() as client:
            found = find(client, run, runs_dir)
    except ServerAwayError as error:
        return find_by_files(run, runs_dir, error)
    if found.directory is None:
        raise RunDirectoryError(
            no_directory(
                found.directory_id, runs_dir, "; set FUSION_RUNS_DIR to use another folder"
            )
        )
    return found.directory


def run_by_files(run: RunDirectory) -> Run:
    """Return a run as its files have it."""
    state = file_state(run)
    progress = _training_progress if run.training.is_file() else _run_progress
    percent, news = _sweep_progress(run) if run.sweep.is_file() else progress(run)
    return Run(
        run_id=run.run_id,
        flow_run_id=None,
        name=name_of(run),
        state=state.name,
        message=state.message,
        over=state.over,
        percent=percent,
        news=news if state.name == RUNNING else as_ended(news),
        created=created(run),
        started=state.started,
        ended=state.ended,
        duration_seconds=state.duration_seconds,
    )


def _run_progress(run: RunDirectory) -> tuple[float | None, str]:
    """Return how far a run is, in percent and in words, from its events."""
    from fusion.results.progress import progress_of  # here, as numpy comes with it

    progress = progress_of(run.progress)
    if not progress.total_erlangs:
        return None, ""
    done = sum(map(len, progress.finished.values()))
    loads = f"{len(progress.completed)}/{counted(progress.total_erlangs, 'load')}"
    compiling = f"{progress.compiling}, " if progress.compiling else ""
    news = f"{compiling}{loads}, {counted(done, 'replication')}"
    return round(100 * progress.fraction, 1), news


def _training_progress(run: RunDirectory) -> tuple[float | None, str]:
    """Return how far a training is, in percent and in words, from its events."""
    from fusion.results.training_progress import training_progress_of

    progress = training_progress_of(run.progress)
    if not progress.steps:
        return None, ""
    news = (
        f"{progress.done:,}/{progress.steps:,} steps, {counted(len(progress.rows), 'evaluation')}"
    )
    return round(100 * progress.fraction, 1), news


def _sweep_progress(run: RunDirectory) -> tuple[float | None, str]:
    """Return how far a sweep is, in percent and in words, as its flow has written it last."""
    try:
        news = json.loads(run.news.read_text(encoding="utf-8"))
        return float(news["percent"]), str(news["news"])
    except (
        OSError,
        ValueError,
        TypeError,
        KeyError,
    ):  # it has not begun, or is of an earlier version
        return None, ""


def corrected(run: Run, state: FileState, flow_run: "FlowRun") -> Run:
    """Return a run that has lost its process with the state that its files say."""
    changes = {
        "state": state.name,
        "message": state.message,
        "over": True,
        "ended": state.ended,
        "duration_seconds": _duration(state, flow_run),
        "news": as_ended(run.news),
    }
    return run.model_copy(update=changes)


def _duration(state: FileState, flow_run: "FlowRun") -> float | None:
    """Return for how long a run was running. Prefect goes on counting, as it has heard of no end."""
    if state.duration_seconds is not None:
        return state.duration_seconds
    before = flow_run.total_run_time.total_seconds()
    now = flow_run.state
    if flow_run.start_time is None or now is None or not now.is_running():
        return before or None
    if state.ended is None:
        return before or None
    return before + max(0.0, (state.ended - now.timestamp).total_seconds())


def lost(client: "SyncPrefectClient", found: Sequence[Found]) -> dict[UUID, FileState]:
    """Return what files say of those of these runs that Prefect takes for going on, and that do not.

    A run that is just ending looks the same for a moment, so what looks lost is looked at again.
    """
    suspects = [one for one in found if _looks_lost(one)]
    if suspects:
        time.sleep(_ENDING_SECONDS)
    return {
        one.flow_run.id: file_state(one.directory)
        for one in (refresh(client, suspect) for suspect in suspects)
        if one.flow_run and one.directory and _looks_lost(one)
    }


def _looks_lost(found: Found) -> bool:
    """Return whether no process holds the directory of a run that is said to have one."""
    state = found.state
    if state is None or found.directory is None:
        return False
    without_process = (
        state.is_final() or state.is_scheduled() or state.state_details.pause_reschedule
    )
    if without_process or datetime.now(UTC) - state.timestamp < _STARTING:
        return False
    return not found.is_held
