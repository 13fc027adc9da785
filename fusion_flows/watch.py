"""Whether a run should go on: what Prefect says, and whether who started it is still there."""

import multiprocessing
import os
import time
from uuid import UUID

from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Crashed, Running

from fusion_flows.connection import Connection, Unreachable

LOST = "FUSION: no heartbeat"
"""Starts the message of a Crashed state that was set because nothing was heard of a run."""

_QUESTION_SECONDS = 1.0  # between two questions; one costs 0.6 ms of CPU
# Workers set the variable, serve() makes a process of multiprocessing. Who calls the flow from a
# shell has a parent too, which may leave.
_STARTER = (
    os.getppid()
    if "PREFECT__FLOW_RUN_ID" in os.environ or multiprocessing.parent_process() is not None
    else None
)

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


class Watch:
    """Watches for reasons to end one run."""

    def __init__(self, connection: Connection, flow_run_id: UUID) -> None:
        """Prepare to watch this flow run."""
        self._connection = connection
        self._flow_run_id = flow_run_id
        self._next_question = 0.0

    def ended(self) -> State | None:
        """Return the state in which the run should end now, or None to go on.

        A worker ends a cancelled run by a signal; the question is for runs that have no worker,
        and for those that somebody deleted or gave another state by hand.
        """
        if is_abandoned():
            silence()
            return Crashed(message=ABANDONED)
        if time.monotonic() < self._next_question:
            return None
        self._next_question = time.monotonic() + _QUESTION_SECONDS
        try:
            state = self._connection.call(
                lambda client: client.read_flow_run(self._flow_run_id).state
            )
        except ObjectNotFound:
            return Cancelled(message="The run was deleted.")
        except Unreachable:
            return None
        if state is None:
            return None
        if state.is_cancelling() or state.is_cancelled():
            return Cancelled(message="Cancelled; what was finished is kept.")
        if state.is_crashed() and (state.message or "").startswith(LOST):
            self._say_that_it_runs()
        elif state.is_final():
            return State(type=state.type, name=state.name, message=state.message)
        return None

    def _say_that_it_runs(self) -> None:
        """Correct a state that was set because no heartbeat came through."""
        state: State = Running(message="It was taken for lost, but it runs.")
        try:
            self._connection.call(
                lambda client: client.set_flow_run_state(self._flow_run_id, state, force=True)
            )
        except Unreachable:
            self._next_question = 0.0  # the next answer will be the same
