"""flow_run.json: which flow run works in a run directory, for how long, and whether somebody has ended it.

It is for lists without a server.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext
from prefect.exceptions import ObjectNotFound

from fusion.results.files import write_atomic
from fusion_flows.rundir.directory import RunDirectory
from fusion_flows.rundir.file_state import CANCELLED
from fusion_flows.server.connection import Connection, Unreachable


class RunRecord:
    """What is written down of the flow run that works in a run directory."""

    def __init__(self, run: RunDirectory, fields: Mapping[str, Any]) -> None:
        """Write these fields. Raises OSError when nothing can be written."""
        self._run = run
        self._fields = dict(fields)
        self._write()

    def leave(self, state: str) -> None:
        """Write down, at once, that somebody has cancelled or suspended the run.

        Pictures and a report take seconds, in which the process may be killed.
        """
        if self._fields.get("state") != state:
            self._fields["state"] = state
            with suppress(OSError):
                self._write()

    def end(self, ended: datetime, seconds: float) -> None:
        """Write down when the run has ended, and for how long it was running."""
        self._fields |= {"ended": _text(ended), "duration_seconds": seconds}
        with suppress(OSError):
            self._write()

    def _write(self) -> None:
        write_atomic(self._run.flow_run, json.dumps(self._fields).encode())


@contextmanager
def recorded(run: RunDirectory, connection: Connection) -> Iterator[RunRecord]:
    """Write down that the current flow run works here, and at the end for how long it did.

    Start and duration are Prefect's: of the first attempt, and of all of them together. Raises OSError when
    nothing can be written at the start.
    """
    context = FlowRunContext.get()
    assert context is not None
    assert context.flow_run is not None
    flow_run = context.flow_run  # as Prefect has read it when this attempt had begun
    attempt = _since(flow_run) or datetime.now(UTC)
    fields = {
        "flow_run_id": str(flow_run.id),
        "name": flow_run.name,
        "started": _text(flow_run.start_time or attempt),
        "attempt_started": _text(attempt),
        "earlier_seconds": flow_run.total_run_time.total_seconds(),
    }
    record = RunRecord(run, fields)
    try:
        yield record
    except KeyboardInterrupt:
        record.leave(CANCELLED)
        raise
    finally:
        ended, before, since = datetime.now(UTC), flow_run.total_run_time, attempt
        with suppress(Unreachable, ObjectNotFound, httpx.HTTPError):
            now = connection.call(lambda client: client.read_flow_run(flow_run.id))
            before, since = now.total_run_time, _since(now) or ended
            if now.state is not None and (now.state.is_cancelling() or now.state.is_cancelled()):
                record.leave(CANCELLED)
            if (
                now.state is not None and not now.state.is_running()
            ):  # cancelled or paused, a moment ago
                ended = since = now.end_time or now.state.timestamp
        record.end(ended, (before + max(timedelta(0), ended - since)).total_seconds())


def _since(flow_run: FlowRun) -> datetime | None:
    """Return since when a flow run is running."""
    state = flow_run.state
    return state.timestamp if state is not None and state.is_running() else None


def _text(time: datetime) -> str:
    return datetime.fromtimestamp(time.timestamp(), UTC).isoformat()
