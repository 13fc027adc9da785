"""Whether a run should continue: its state in Prefect, and whether the process that started it still lives.

Prefect's UI has one button, Pause, and the state that it sets is Suspended: the run is to leave its
process and be started anew when it is resumed. A state Paused, which only programs set, keeps the
process waiting. Both come with a time after which Prefect calls the run Failed; ours have none.
"""

import multiprocessing
import os
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect import get_run_logger
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Crashed, Paused, Running, Suspended

from fusion_flows.server.connection import Connection, Unreachable

LOST = "FUSION: no heartbeat"
"""Starts the message of a Crashed state that was set because nothing was heard of a run."""

SUSPENDED = (
    "Suspended: nothing is being computed. What was finished is kept; Resume continues from there."
)
PAUSED = "Paused: nothing is being computed. The processes are stopped; Resume continues them."

_QUESTION_SECONDS = 1.0  # between two questions; one costs 0.6 ms of CPU
_WAIT_SECONDS = 0.25
_SOON = timedelta(minutes=2)  # within it a run that is asked to leave may not have left
_NEVER_RESUMED = re.compile(r"The flow was \w+ and never resumed\.")
# Workers set the variable, serve() makes a process of multiprocessing. Who calls the flow from a
# shell has a parent too, which may leave.
_STARTER = (
    os.getppid()
    if "PREFECT__FLOW_RUN_ID" in os.environ or multiprocessing.parent_process() is not None
    else None
)

DELETED = "The run was deleted."
ABANDONED = "The worker that had started this run is gone. What was finished is kept; retry it."


def is_abandoned() -> bool:
    """Return whether the worker that started this process is gone; without one, never."""
    return _STARTER is not None and os.getppid() != _STARTER


def silence() -> None:
    """Let this process print into nothing. Its output went to the worker, and a write would fail."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)


def expired(state: State) -> bool:
    """Return whether Prefect has called a run Failed for nothing but the time that it was paused."""
    return state.is_failed() and bool(_NEVER_RESUMED.fullmatch(state.message or ""))


class Watch:
    """Watches for reasons to end one run, or to let it wait."""

    def __init__(self, connection: Connection, flow_run_id: UUID) -> None:
        """Prepare to watch this flow run."""
        self.paused = False
        """Whether the run waits in its process."""
        self._connection = connection
        self._flow_run_id = flow_run_id
        self._next_question = 0.0
        self._state: UUID | None = None  # of the last answer
        self._known: set[UUID] = set()  # states that were seen to be of this process, or earlier

    def ended(self) -> State | None:
        """Return the state in which the run should end now, or None to go on.

        A worker ends a cancelled run by a signal; the question is for runs that have no worker, and for those
        that somebody deleted or gave another state by hand. A state that is not final is that of a run which
        goes on in another process: when it is resumed, or already.
        """
        if is_abandoned():
            silence()
            return Crashed(message=ABANDONED)
        if time.monotonic() < self._next_question:
            return None
        self._next_question = time.monotonic() + _QUESTION_SECONDS
        try:
            return self._answer()
        except ObjectNotFound:
            return Cancelled(message=DELETED)
        except Unreachable:
            self._state = None  # the next answer will be the same
            return None

    def held(self, look: Callable[[], None] = lambda: None) -> State | None:
        """As `ended`, but return only when the run is not paused: for who has no processes to stop.

        look: what is done about once a second meanwhile, such as to say that it is paused.
        """
        next_look = 0.0
        while (state := self.ended()) is None and self.paused:
            if time.monotonic() >= next_look:
                look()
                next_look = time.monotonic() + _QUESTION_SECONDS
            time.sleep(_WAIT_SECONDS)
        return state

    def _answer(self) -> State | None:
        flow_run = self._connection.call(lambda client: client.read_flow_run(self._flow_run_id))
        state = flow_run.state
        if state is None or state.id == self._state:
            return None
        if state.is_cancelling() or state.is_cancelled():
            return Cancelled(message="Cancelled; what was finished is kept.")
        if state.is_crashed() and (state.message or "").startswith(LOST):
            self._set(Running(message="It was considered lost, but is running."))
        elif state.is_paused() or expired(state):
            # Without a deployment nobody could start it anew.
            if flow_run.deployment_id and (state.state_details.pause_reschedule or expired(state)):
                return self._suspended(state)
            self._wait(state)
        elif state.is_final():
            return State(type=state.type, name=state.name, message=state.message)
        elif self._is_elsewhere(state):
            return state
        elif self.paused:
            self.paused = False
            get_run_logger().info("Resumed.")
        self._state = state.id
        return None

    def _suspended(self, state: State) -> State:
        """Return the state in which this process leaves the run."""
        limit = state.state_details.pause_timeout
        if expired(state) or (limit is not None and limit < datetime.now(UTC) + _SOON):
            self._set(Suspended(message=SUSPENDED))
        return Suspended(message=SUSPENDED)

    def _wait(self, state: State) -> None:
        """Have the run wait in this process for as long as it takes."""
        if not self.paused:
            self.paused = True
            get_run_logger().info("Paused: nothing is computed until the run is resumed.")
        details = state.state_details
        if details.pause_timeout is not None or details.pause_reschedule or expired(state):
            self._set(Paused(message=PAUSED))

    def _is_elsewhere(self, state: State) -> bool:
        """Return whether the run was handed to another process, as by a Resume right after a Pause."""
        if state.is_scheduled() or state.is_pending():
            return True
        states = self._connection.call(
            lambda client: client.read_flow_run_states(self._flow_run_id)
        )
        new = [each for each in states if each.id not in self._known] if self._known else []
        self._known = {each.id for each in states}
        return any(each.is_scheduled() or each.is_pending() for each in new)

    def _set(self, state: State) -> None:
        self._connection.call(
            lambda client: client.set_flow_run_state(self._flow_run_id, state, force=True)
        )
