"""Runs according to their files: when no server answers, or Prefect does not know that a run has ended.

What was ended by SIGKILL with its worker and its server is Running for Prefect until somebody says otherwise.
"""

import json
import os
import shlex
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from fusion.config.counts import counted
from fusion.config.problems import show
from fusion_flows.rundir import directory as rundir
from fusion_flows.rundir.directory import RunDirectory, RunDirectoryError
from fusion_flows.rundir.file_state import (
    RUNNING,
    FileState,
    file_state,
    recorded_flow_run,
    recorded_name,
    recorded_run_id,
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
from fusion_flows.server.address import ServerAwayError, connect

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

_STARTING = timedelta(seconds=10)  # from the state Running to the lock
_ENDING_SECONDS = 1.0  # from the end of the lock to the final state


class _Created(NamedTuple):
    """A run directory and when it was made."""

    run: RunDirectory
    time: datetime


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
    found = []
    for run, created in _directories(runs_dir):
        if (after and created < after.astimezone()) or (before and created > before.astimezone()):
            continue
        if state and file_state(run).name.lower() != state.lower():
            continue
        if name and name.lower() not in _name(run).lower():
            continue
        found.append(run)
        if len(found) == page * limit:
            break
    return [run_by_files(run) for run in found[(page - 1) * limit :]]


def no_runs(error: ServerAwayError, runs_dir: Path) -> ServerAwayError:
    """Return what to tell where there are no files of runs, and no server that could know others."""
    folder = rundir.absolute(runs_dir)
    elsewhere = ""
    for other in other_folders(runs_dir):
        if count := len(_directories(other)):
            elsewhere = (
                f". {other} has {counted(count, 'run')}: set FUSION_RUNS_DIR={other} to see them"
            )
            break
    return ServerAwayError(
        f"there are no runs in {folder} (FUSION_RUNS_DIR names another folder), and {error}{elsewhere}"
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
    known = [(one.run, _names(one.run)) for one in _directories(runs_dir)]
    found = _called(text, known)
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
            f"{missing}, FUSION_RUNS_DIR names another folder. Only files were searched: {error}"
        )
    return found[0]


def _called(text: str, known: Iterable[tuple[RunDirectory, tuple[str, str]]]) -> list[RunDirectory]:
    """Return the runs that are called so. known: runs with what they are called but for their run ids."""
    known = list(known) if text else []
    found = [one for one, names in known if text in names]
    # Else it is the run id of a run that went on in the directory of another.
    return found or [one for one, _ in known if recorded_run_id(one) == text.lower()]


def _elsewhere(text: str, runs_dir: Path) -> str:
    """Return which other folder has a run that is called so, and how to have it; empty: none has.

    It is only named: what a name means must not change with what was done elsewhere before.
    """
    for folder in other_folders(runs_dir):
        found = find_by_prefix(text, folder)
        if found is None:
            known = ((one.run, _names(one.run)) for one in _directories(folder))
            found = next(iter(_called(text, known)), None)
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
            no_directory(found.directory_id, runs_dir, "; FUSION_RUNS_DIR names another place")
        )
    return found.directory


def _names(run: RunDirectory) -> tuple[str, str]:
    """Return what a run is called but for its run id: its name, and the id of its flow run."""
    return _name(run), recorded_flow_run(run)


def run_by_files(run: RunDirectory) -> Run:
    """Return a run as its files have it."""
    state = file_state(run)
    percent, news = _sweep_progress(run) if run.sweep.is_file() else _run_progress(run)
    return Run(
        run_id=run.run_id,
        flow_run_id=None,
        name=_name(run),
        state=state.name,
        message=state.message,
        over=state.over,
        percent=percent,
        news=news if state.name == RUNNING else as_ended(news),
        created=_created(run),
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
    compiling = "compiling, " if progress.compiling else ""
    news = f"{compiling}{loads}, {counted(done, 'replication')}"
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


def _directories(runs_dir: Path) -> list[_Created]:
    """Return the runs that a person has started, the newest first."""
    found = [
        _Created(run, _created(run))
        for run in rundir.list_runs(runs_dir)
        if run.config.is_file() or run.sweep.is_file()
    ]
    return sorted(found, key=lambda one: one.time, reverse=True)


def _created(run: RunDirectory) -> datetime:
    """Return when a run was frozen, which is the first thing that is written of it."""
    frozen = run.config if run.config.is_file() else run.sweep
    return datetime.fromtimestamp(os.stat(frozen).st_mtime, UTC)


def _name(run: RunDirectory) -> str:
    """Return what a run is called; where no flow run has written that down, what it simulates."""
    from fusion.config.config import ConfigError, load_config
    from fusion.sweep.definition import Sweep
    from fusion_flows.report.setting import run_name, sweep_name

    if name := recorded_name(run):
        return name
    try:
        if run.sweep.is_file():
            return sweep_name(Sweep.model_validate_json(run.sweep.read_text(encoding="utf-8")))
        return run_name(load_config(run.config))
    except (ConfigError, ValueError, OSError):  # of another version, or a file of it is gone
        return ""
