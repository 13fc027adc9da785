"""The parts of a flow run, as task runs in Prefect: when each was running, and how it ended.

Prefect's own tasks tell their states through a websocket with a thread of its own, which drops them when
the server is away for some seconds, and for which the end of the process waits. So the same events are
sent here by the connection of the run: what cannot be sent now is sent later, with its time.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any
from uuid import UUID, uuid4, uuid5

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    TaskRunFilter,
    TaskRunFilterFlowRunId,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import CancelledRun, TerminationSignal
from prefect.states import Cancelled, Completed, Crashed, Failed, Running

from fusion_flows.following.flow_ends import BY_SIGNAL, INTERRUPTED
from fusion_flows.rundir.redaction import redact
from fusion_flows.server.connection import Connection, Unreachable
from fusion_flows.server.paging import PAGE, pages
from fusion_flows.server.watch import ABANDONED, is_abandoned

CHECK = "merge and check the config"
CHECK_POINTS = "merge and check the points"
READ_STORE = "read the store"
SIMULATE = "simulate"
TRAIN = "train"
COLLECT = "collect"
DELIVER = "deliver the results"
REPORT = "report"

# Of two states with the same time the server keeps the first.
_MICROSECOND = timedelta(microseconds=1)
_EVENTS_PER_CALL = 100
_LONGEST_MESSAGE = 10_000  # characters
_BRIEF = 80  # characters of a reason on the timeline
_HINT = re.compile(r"; did you mean '[^']*'\?")

Event = dict[str, Any]


class Parts:
    """Tells Prefect when the parts of a flow run begin and end.

    A part of a later attempt takes the place of that of an earlier one, as tasks of Prefect do.
    """

    def __init__(self, flow_run_id: UUID, connection: Connection) -> None:
        """Prepare to tell of this flow run."""
        self._flow_run_id = flow_run_id
        self._connection = connection
        self._open: dict[str, datetime] = {}  # when each began
        self._waiting: list[Event] = []
        """Not known to have arrived; the server knows an event by its id, so it may arrive twice."""
        self._is_forgotten = False

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Have what is done within be a part, which fails by what is raised there."""
        self.begin(name)
        try:
            yield
        except BaseException as error:
            state = state_by(error)
            self.end(name, state, found=in_brief(state.message or ""))
            raise
        else:
            self.end(name)
        finally:
            # At once: the server calls cancelled what goes on in a cancelled run, as far as it knows.
            self.tell()

    def begin(self, name: str, at: datetime | None = None) -> None:
        """Say that a part begins. at: None for now."""
        began = at or datetime.now(UTC)
        self._open[name] = began
        self._add(name, began, Running(), None)

    def end(
        self,
        name: str,
        state: State[Any] | None = None,
        at: datetime | None = None,
        found: str = "",
    ) -> None:
        """Say how a part ends; nothing is said of one that has not begun.

        state: None for Completed. at: None for now. found: what came out, which the timeline shows after the
        name.
        """
        if (began := self._open.pop(name, None)) is not None:
            self._add(
                name,
                began,
                state or Completed(),
                max(at or datetime.now(UTC), began + _MICROSECOND),
                found,
            )

    def end_all(self, state: State[Any]) -> None:
        """Say that all parts that go on end in a state, that of the run, and send it.

        The timeline shows after the name of the first why it ended early: on the page of a run this is
        all that is seen of the reason without a click.
        """
        why = in_brief(state.message or "") if state.is_final() else ""
        for name in list(self._open):
            self.end(name, state, found=why)
            why = ""
        self.tell()

    def forget(self) -> None:
        """Send nothing more: the run was deleted, and the server can file nothing under it."""
        self._is_forgotten = True
        self._waiting.clear()

    def tell(self) -> None:
        """Send what is not sent yet if the server is there; else it waits for the next call."""
        with suppress(Unreachable):
            self.send()

    def send(self) -> None:
        """Send what is not sent yet. Raises Unreachable."""
        while self._waiting:
            events = self._waiting[:_EVENTS_PER_CALL]

            def post(client: SyncPrefectClient, events: list[Event] = events) -> None:
                client.request("POST", "/events", json=events)

            with suppress(httpx.HTTPStatusError):  # a server that takes no events, and never will
                self._connection.call(post)
            del self._waiting[: len(events)]

    def _add(
        self,
        name: str,
        began: datetime,
        state: State[Any],
        ended: datetime | None,
        found: str = "",
    ) -> None:
        if not self._is_forgotten:
            self._waiting.append(_event(self._flow_run_id, name, began, state, ended, found))


def _event(
    flow_run_id: UUID,
    name: str,
    began: datetime,
    state: State[Any],
    ended: datetime | None,
    found: str = "",
) -> Event:
    """Return the event by which Prefect's server files a part."""
    task_run_id = uuid5(flow_run_id, name)
    shown = f"{name}: {found}" if found else name
    now = ended or began
    message = redact(state.message or "")[:_LONGEST_MESSAGE]
    run = {
        "name": shown,
        "task_key": f"fusion.{name}",
        "dynamic_key": "0",
        "run_count": 1,
        "expected_start_time": began.isoformat(),
        "start_time": began.isoformat(),
        "end_time": ended and ended.isoformat(),
        "total_run_time": (now - began).total_seconds(),
    }
    return {
        "id": str(uuid4()),
        "occurred": now.isoformat(),
        "event": f"prefect.task-run.{state.name}",
        "resource": {
            "prefect.resource.id": f"prefect.task-run.{task_run_id}",
            "prefect.resource.name": shown,
            "prefect.run-count": "1",
            "prefect.state-message": message,
            "prefect.state-name": state.name or "",
            "prefect.state-timestamp": now.isoformat(),
            "prefect.state-type": state.type.value,
            # Else the server takes no state from it.
            "prefect.orchestration": "client",
        },
        "related": [
            {
                "prefect.resource.id": f"prefect.flow-run.{flow_run_id}",
                "prefect.resource.role": "flow-run",
            }
        ],
        "payload": {
            "intended": {"from": ended and "RUNNING", "to": state.type.value},
            "initial_state": None,
            "validated_state": {
                "type": state.type.value,
                "name": state.name,
                "message": message or None,
                "state_details": {},
                "data": None,
            },
            "task_run": run,
        },
    }


def end_parts(client: SyncPrefectClient, flow_runs: Iterable[FlowRun]) -> None:
    """Have the parts of flow runs that are over end as these did, where nobody is left to say so.

    Of a flow whose process was killed the parts would stay Running until a retry.
    """
    over = {one.id: one.state for one in flow_runs if one.state is not None}
    going_on = TaskRunFilter(
        flow_run_id=TaskRunFilterFlowRunId(any_=list(over)),
        state=TaskRunFilterState(type=TaskRunFilterStateType(any_=[StateType.RUNNING])),
    )
    found = list(
        chain.from_iterable(
            pages(
                lambda offset: client.read_task_runs(
                    task_run_filter=going_on, limit=PAGE, offset=offset
                )
            )
        )
    )
    events = []
    for part in found:
        if part.flow_run_id is None or part.start_time is None:
            continue
        state = over[part.flow_run_id]
        ended = max(state.timestamp, part.start_time + _MICROSECOND)
        events.append(_event(part.flow_run_id, part.name, part.start_time, state, ended))
    for start in range(0, len(events), _EVENTS_PER_CALL):
        client.request("POST", "/events", json=events[start : start + _EVENTS_PER_CALL])


def in_brief(message: str) -> str:
    """Return the beginning of a message, for a timeline: its first line, at most 80 characters or so.

    What was probably meant is kept, though it comes after all that is allowed.
    """
    first, _, others = message.strip().partition("\n")
    first = first.partition(" (from ")[0]
    if len(first) <= _BRIEF:
        return f"{first} ..." if others else first
    start = first[:_BRIEF].rpartition(" ")[0] or first[:_BRIEF]
    hint = _HINT.search(first)
    later = hint[0] if hint and hint[0] not in start else ""
    return f"{start.rstrip(',;:. ')} ...{later}"


def state_by(error: BaseException) -> State[Any]:
    """Return the state in which a part ends by an exception."""
    if isinstance(error, KeyboardInterrupt):
        return Cancelled(message=INTERRUPTED)
    if isinstance(error, CancelledRun):
        return Cancelled(message=str(error))
    if isinstance(error, TerminationSignal):
        return Crashed(message=BY_SIGNAL)
    # rich leaves so when it cannot write, as the pipe to the worker is closed.
    if isinstance(error, SystemExit) and is_abandoned():
        return Crashed(message=ABANDONED)
    if isinstance(error, Unreachable):
        return Failed(message="The Prefect server does not answer.")
    return Failed(message=str(error) or type(error).__name__)
