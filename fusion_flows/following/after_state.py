"""What comes after the final state of a run: its pictures and its report.

To draw them takes seconds, on a busy machine more than a minute. Whoever waits for the end of a run,
and the limit of runs at once, need not wait for that.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

from prefect import Flow
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import ObjectNotFound, TerminationSignal
from prefect.logging.handlers import APILogHandler
from prefect.states import Cancelled

from fusion_flows.server.connection import LAST_NEWS_SECONDS, Connection, Unreachable

_waiting: dict[UUID, Callable[[], object]] = {}


def put_off(flow_run_id: UUID, work: Callable[[], object]) -> None:
    """Have something done when Prefect has the final state of a run that fails or crashes.

    If the run is retried instead, only what its last attempt has put off is done.
    """
    _waiting[flow_run_id] = work


def do_what_was_put_off(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Do it: a hook of a flow, which Prefect calls after the state is set."""
    if work := _waiting.pop(flow_run.id, None):
        work()
    if state.is_crashed():
        # Prefect lets the signal end the process then and there, and with it the handler that sends the
        # log every other second.
        APILogHandler().flush()


def cancelled() -> State[Any]:
    """Return the final state of a run that somebody has cancelled."""
    return Cancelled(message="Cancelled; what was finished is kept.")


def is_signal(error: BaseException) -> bool:
    """Return whether an exception is a signal to this process."""
    return isinstance(error, TerminationSignal | KeyboardInterrupt)


def cancelled_first(connection: Connection, flow_run_id: UUID) -> bool:
    """Give a run that is to be cancelled its final state now; return whether it was to be cancelled.

    A worker does so only when the process of the flow has ended, and calls no hook in it.
    """

    def give_it() -> bool:
        state = connection.call(lambda client: client.read_flow_run(flow_run_id).state)
        if state is not None and state.is_cancelling():
            final = cancelled()
            connection.call(
                lambda client: client.set_flow_run_state(flow_run_id, final, force=True)
            )
        return state is not None and (state.is_cancelling() or state.is_cancelled())

    with suppress(Unreachable, ObjectNotFound):
        return connection.patiently(give_it, LAST_NEWS_SECONDS)
    return False
