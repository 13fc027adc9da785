"""What the files of a run say of it when nobody else can be asked: whether it goes on, and how it ended.

A run holds the lock of its directory as long as its process lives, and run.json has how its simulator ended.
"""

import json
from datetime import datetime
from typing import Any, NamedTuple

from fusion_flows import run_lock
from fusion_flows.rundir import RunDirectory

INTERRUPTED = "Interrupted"
"""The state of a run that neither goes on nor has come to an end of its own. Prefect has no such state."""

_BY_SIGNAL = (130, 143)  # exit codes of a simulator that SIGINT or SIGTERM has ended


class FileState(NamedTuple):
    """The state of a run as its files have it."""

    name: str
    """Running, Completed, Failed or Interrupted."""
    message: str
    over: bool
    started: datetime | None
    ended: datetime | None
    """When its simulator had ended; None where it was killed."""


def file_state(run: RunDirectory) -> FileState:
    """Return what the files of a run say. Nothing is taken for complete that may be not."""
    record = _record(run)
    started, ended = (_time(record.get(name)) for name in ("started", "ended"))
    if run_lock.in_use(run):
        return FileState("Running", "", False, started, None)
    code, reason = record.get("exit_code"), str(record.get("exit_reason") or "")
    go_on = "resume it" if run.config.is_file() else "run the same sweep again"
    kept = f"What it had finished is kept; to go on, {go_on}."
    if code == 0:
        return FileState("Completed", "", True, started, ended)
    if not record:
        return FileState(INTERRUPTED, f"It was ended before it began. {kept}", True, None, None)
    if code is None:
        return FileState(INTERRUPTED, f"Its processes are gone. {kept}", True, started, None)
    if code in _BY_SIGNAL:
        said = f"Its simulator was {reason}. {kept}"
        return FileState(INTERRUPTED, said, True, started, ended)
    return FileState("Failed", reason, True, started, ended)


def is_complete(run: RunDirectory) -> bool:
    """Return whether all of a run was computed and no process holds it any more."""
    return file_state(run).name == "Completed"


def _record(run: RunDirectory) -> dict[str, Any]:
    try:
        record = json.loads(run.provenance.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _time(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None
