"""The state of a run according to its files, when no server answers: whether it is running, how it ended.

A run holds the lock of its directory as long as its process lives, run.json has how its simulator ended, and
flow_run.json that somebody has cancelled or suspended it: to a simulator each is a signal.
"""

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from fusion.results.files import write_atomic
from fusion_flows.rundir import lock as run_lock
from fusion_flows.rundir.directory import (
    RunDirectory,
    RunDirectoryError,
    command_to_go_on,
    run_id_of,
)

INTERRUPTED = "Interrupted"
"""The state of a run that neither goes on nor was ended by anybody who could say so: it was killed, or
crashed, or its machine is gone. Prefect has no such state."""

CANCELLED, SUSPENDED = "Cancelled", "Suspended"
"""Prefect's names of the states in which a person ends a run early."""

BY_SIGINT, BY_SIGTERM = 130, 143
"""Exit codes of what one of these signals has ended, or somebody before its time: it can be gone on with."""


RUNNING = "Running"
"""The state of a run whose directory a process holds."""


class FileState(NamedTuple):
    """The state of a run as its files have it."""

    name: str
    """Running, Completed, Failed, Cancelled, Suspended or Interrupted."""
    message: str
    over: bool
    started: datetime | None
    ended: datetime | None
    """When its flow had ended; where that was killed, its simulator; where that was, when it wrote last."""
    duration_seconds: float | None = None
    """Time in which it was running, all attempts of its flow run together, until now where it goes on."""


def file_state(run: RunDirectory) -> FileState:
    """Return what the files of a run say. Nothing is taken for complete that may be not."""
    state = _state(run)
    flow_run = _record(run.flow_run)
    started, attempt, ended = (
        _time(flow_run.get(name)) for name in ("started", "attempt_started", "ended")
    )
    if started is None or attempt is None:  # no flow, or one of an earlier version
        return state._replace(duration_seconds=_seconds(state.started, state.ended))
    if state.name == RUNNING:
        ended = None
    elif ended is None:
        ended = max(attempt, state.ended) if state.ended else attempt
    seconds = flow_run.get("duration_seconds") if ended and "ended" in flow_run else None
    if seconds is None:
        seconds = flow_run.get("earlier_seconds", 0.0)
        seconds += _seconds(attempt, ended or datetime.now(UTC)) or 0.0
    return state._replace(
        started=started, ended=ended if state.over else None, duration_seconds=seconds
    )


def _seconds(started: datetime | None, ended: datetime | None) -> float | None:
    return (ended - started).total_seconds() if started and ended else None


def _state(run: RunDirectory) -> FileState:
    """Return the state of a run, with the times of its simulator."""
    record = _record(run.provenance)
    started, ended = (_time(record.get(name)) for name in ("started", "ended"))
    if run_lock.in_use(run):
        return FileState(RUNNING, "", False, started, None)
    code, reason = record.get("exit_code"), str(record.get("exit_reason") or "")
    kept = f"What it had finished is kept; `{command_to_go_on(run)}` continues from there."
    left = _left_in(_record(run.flow_run), started)
    if left == CANCELLED:
        said = kept if record else f"It was cancelled before it began. {kept}"
        if code == 0:
            said = "It was cancelled when all was computed."
        return FileState(CANCELLED, said, True, started, ended)
    if code == 0:
        return FileState("Completed", "", True, started, ended)
    if left == SUSPENDED:
        said = (
            "Nothing is computed. What was finished is kept; "
            f"`fusion resume {recorded_run_id(run) or run.run_id}` continues from there."
        )
        return FileState(SUSPENDED, said, False, started, ended)
    if not record:
        return FileState(INTERRUPTED, f"It was ended before it began. {kept}", True, None, None)
    if code is None:
        last = _last_written(run)
        return FileState(INTERRUPTED, f"Its processes are gone. {kept}", True, started, last)
    if code in (BY_SIGINT, BY_SIGTERM):  # of a sweep it is the flow that says so, in its own words
        said = f"Its simulator was {reason}." if run.config.is_file() else "It was ended early."
        return FileState(INTERRUPTED, f"{said} {kept}", True, started, ended)
    return FileState("Failed", reason, True, started, ended)


def _left_in(flow_run: dict[str, Any], started: datetime | None) -> str:
    """Return the state in which a flow has left its run early; empty: in none that it has written down.

    started: when the simulator began last, which may have been without a flow, and after it.
    """
    ended = _time(flow_run.get("ended"))
    if started is not None and ended is not None and started > ended:
        return ""
    state = flow_run.get("state")
    return state if state in (CANCELLED, SUSPENDED) else ""


def write_cancelled(run: RunDirectory, flow_run_id: UUID) -> None:
    """Write down that a flow run is cancelled whose process was ended before it could do so.

    Nothing happens where a process holds the directory, or another flow run has worked in it since.
    """
    with suppress(RunDirectoryError, OSError), run_lock.hold(run):
        record = _record(run.flow_run)
        if record.get("flow_run_id") == str(flow_run_id) and record.get("state") != CANCELLED:
            write_atomic(run.flow_run, json.dumps({**record, "state": CANCELLED}).encode())


def recorded_name(run: RunDirectory) -> str:
    """Return the name of the flow run that has worked in this directory last; empty where none is known."""
    return str(_record(run.flow_run).get("name") or "")


def recorded_flow_run(run: RunDirectory) -> str:
    """Return the id of the flow run that has worked in this directory last; empty where none is known."""
    return str(_record(run.flow_run).get("flow_run_id") or "")


def recorded_run_id(run: RunDirectory) -> str:
    """Return the run id of the flow run that has worked in this directory last; empty where none is known."""
    try:
        return run_id_of(UUID(recorded_flow_run(run)))
    except ValueError:
        return ""


def is_complete(run: RunDirectory) -> bool:
    """Return whether all of a run was computed and no process holds it any more."""
    return not run_lock.in_use(run) and _record(run.provenance).get("exit_code") == 0


def _record(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _last_written(run: RunDirectory) -> datetime | None:
    """Return when the simulator wrote last: an event, a line of its log, or a result."""
    times = []
    for path in (run.provenance, run.progress, run.log, run.output / "replications.jsonl"):
        with suppress(OSError):
            times.append(path.stat().st_mtime)
    return datetime.fromtimestamp(max(times), UTC) if times else None


def _time(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None
