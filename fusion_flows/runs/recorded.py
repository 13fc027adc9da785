"""Runs that have a directory here: when they were made, and what they are called according to their files."""

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from fusion_flows.rundir import directory as rundir
from fusion_flows.rundir.directory import RunDirectory
from fusion_flows.rundir.file_state import (
    file_state,
    recorded_flow_run,
    recorded_name,
    recorded_run_id,
)


class Created(NamedTuple):
    """A run directory and when it was made."""

    run: RunDirectory
    time: datetime


def directories(runs_dir: Path) -> list[Created]:
    """Return the runs that a person has started, the newest first."""
    found = [
        Created(run, created(run))
        for run in rundir.list_runs(runs_dir)
        if run.config.is_file() or run.sweep.is_file()
    ]
    return sorted(found, key=lambda one: one.time, reverse=True)


def wanted(
    runs_dir: Path,
    *,
    state: str = "",
    name: str = "",
    after: datetime | None = None,
    before: datetime | None = None,
) -> Iterator[Created]:
    """Yield the runs that are in a state, have a text in their name and were made at a time, newest first."""
    for one in directories(runs_dir):
        if (after and one.time < after.astimezone()) or (before and one.time > before.astimezone()):
            continue
        if state and file_state(one.run).name.lower() != state.lower():
            continue
        if name and name.lower() not in name_of(one.run).lower():
            continue
        yield one


def created(run: RunDirectory) -> datetime:
    """Return when a run was frozen, which is the first thing that is written of it."""
    frozen = run.config if run.config.is_file() else run.sweep
    return datetime.fromtimestamp(os.stat(frozen).st_mtime, UTC)


def called(text: str, known: Iterable[tuple[RunDirectory, tuple[str, str]]]) -> list[RunDirectory]:
    """Return the runs that are called so. known: runs with what they are called but for their run ids."""
    known = list(known) if text else []
    found = [one for one, names in known if text in names]
    # Else it is the run id of a run that went on in the directory of another.
    return found or [one for one, _ in known if recorded_run_id(one) == text.lower()]


def names_of(run: RunDirectory) -> tuple[str, str]:
    """Return what a run is called but for its run id: its name, and the id of its flow run."""
    return name_of(run), recorded_flow_run(run)


def name_of(run: RunDirectory) -> str:
    """Return what a run is called; where no flow run has written that down, what it simulates."""
    from fusion.config.config import ConfigError, load_config
    from fusion.config.training_settings import read_training
    from fusion.sweep.definition import Sweep
    from fusion_flows.report.setting import run_name, sweep_name, training_name

    if name := recorded_name(run):
        return name
    try:
        if run.sweep.is_file():
            return sweep_name(Sweep.model_validate_json(run.sweep.read_text(encoding="utf-8")))
        if run.training.is_file():
            return training_name(load_config(run.config), read_training(run.training))
        return run_name(load_config(run.config))
    except (ConfigError, ValueError, OSError):  # of another version, or a file of it is gone
        return ""
