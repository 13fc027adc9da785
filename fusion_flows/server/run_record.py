"""flow_run.json: which flow run works in a run directory, and for how long: for lists without a server."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext
from prefect.exceptions import ObjectNotFound

from fusion.results.files import write_atomic
from fusion_flows.rundir.directory import RunDirectory
from fusion_flows.server.connection import Connection, Unreachable


@contextmanager
def recorded(run: RunDirectory, connection: Connection) -> Iterator[None]:
    """Write down that the current flow run works here, and at the end for how long it did.

    Start and duration are Prefect's: of the first attempt, and of all of them together. Raises OSError when
    nothing can be written at the start.
    """
    context = FlowRunContext.get()
    assert context is not None
    assert context.flow_run is not None
    flow_run = context.flow_run  # as Prefect has read it when this attempt had begun
    attempt = _since(flow_run) or datetime.now(UTC)
    record = {
        "flow_run_id": str(flow_run.id),
        "name": flow_run.name,
        "started": _text(flow_run.start_time or attempt),
        "attempt_started": _text(attempt),
        "earlier_seconds": flow_run.total_run_time.total_seconds(),
    }
    _write(run, record)
    try:
        yield
    finally:
        ended, before, since = datetime.now(UTC), flow_run.total_run_time, attempt
        with suppress(Unreachable, ObjectNotFound, httpx.HTTPError):
            now = connection.call(lambda client: client.read_flow_run(flow_run.id))
            before, since = now.total_run_time, _since(now) or ended
            if (
                now.state is not None and not now.state.is_running()
            ):  # cancelled or paused, a moment ago
                ended = since = now.end_time or now.state.timestamp
        seconds = (before + max(timedelta(0), ended - since)).total_seconds()
        with suppress(OSError):
            _write(run, {**record, "ended": _text(ended), "duration_seconds": seconds})


def _since(flow_run: FlowRun) -> datetime | None:
    """Return since when a flow run is running."""
    state = flow_run.state
    return state.timestamp if state is not None and state.is_running() else None


def _write(run: RunDirectory, record: dict[str, Any]) -> None:
    write_atomic(run.flow_run, json.dumps(record).encode())


def _text(time: datetime) -> str:
    return datetime.fromtimestamp(time.timestamp(), UTC).isoformat()
