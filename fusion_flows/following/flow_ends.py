"""How a flow begins and ends for the user: Ctrl-C is a cancellation, and one message says everything."""

import ast
import inspect
import logging
import re
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar, cast
from uuid import UUID

import httpx
from prefect import Flow, get_client, get_run_logger
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import CancelledRun, ObjectNotFound, Pause
from prefect.runtime import flow_run as current
from prefect.states import Cancelled, Completed, Crashed, Failed, Running
from pydantic import ValidationError

from fusion.config.config import ConfigError
from fusion.config.training_extra import MissingExtraError
from fusion.sweep.store import StoreError
from fusion_flows.following.after_state import do_what_was_put_off
from fusion_flows.following.parameters import with_nulls_told
from fusion_flows.rundir.directory import RunDirectory, RunDirectoryError
from fusion_flows.rundir.log_stream import tail
from fusion_flows.rundir.redaction import redact
from fusion_flows.server.address import open_client
from fusion_flows.server.watch import ABANDONED, expired, is_abandoned, silence

FLOWS = ("fusion", "fusion-sweep", "fusion-points", "fusion-train")
"""The flows whose runs have simulators."""

P = ParamSpec("P")
R = TypeVar("R")


class SimulationError(RuntimeError):
    """The simulator failed. `exit_code` is that of its process, or 128 + n for signal n."""

    def __init__(self, message: str, exit_code: int) -> None:
        """Keep both; they are the exception's arguments, so it can be pickled."""
        super().__init__(message, exit_code)
        self.exit_code = exit_code

    def __str__(self) -> str:
        """Return the message."""
        return str(self.args[0])


BY_SIGNAL = "Ended by SIGTERM; what was finished is kept."
"""What the log says in the place of Prefect's words, which call it a crash."""

INTERRUPTED = "Interrupted from the keyboard; what was finished is kept."

_TOLD = (
    *(ConfigError, SimulationError, RunDirectoryError, StoreError, ValidationError, CancelledRun),
    MissingExtraError,
)
"""Ends of a run whose message says everything."""


def interruptible_flow(
    name: str,
    run_name: Callable[[], str],
    change: Callable[[str, Any], Any] = lambda name, value: value,
    form: Callable[[Callable[..., Any]], inspect.Signature] = inspect.signature,
) -> Callable[[Callable[P, R]], Flow[P, R]]:
    """Return a decorator that makes a flow which Ctrl-C cancels.

    change: is given name and value of each argument of a call from Python, and returns what Prefect gets.
    form: returns the signature from which Prefect makes the form of a deployment.
    """

    def make(function: Callable[P, R]) -> Flow[P, R]:
        flow = _InterruptibleFlow(
            function,
            name=name,
            flow_run_name=run_name,
            on_crashed=[_interrupted_is_cancelled, do_what_was_put_off],
            on_failure=[do_what_was_put_off],
        )
        flow.change = change
        flow.__signature__ = form(function)
        return flow

    return make


def told_in_words(work: Callable[[], R]) -> R:
    """Do the work of a flow and return its result, or the state in which the flow ends.

    Raises KeyboardInterrupt, Pause when the run is to go on in another process, and what is not
    meant for a person.
    """
    _interrupted.discard(UUID(str(current.id)))  # it may be another attempt
    log_for_a_person()
    return _in_spite_of_a_pause(_in_words(work))


def log_for_a_person() -> None:
    """Have the log of the run at hand say its end once, and in words where these are all there is to know."""
    cast("logging.LoggerAdapter[logging.Logger]", get_run_logger()).logger.addFilter(_for_a_person)


def _in_words(work: Callable[[], R]) -> R:
    try:
        return work()
    except KeyboardInterrupt:
        _interrupted.add(UUID(str(current.id)))
        raise
    except SystemExit:  # rich leaves so when the output, a pipe to the worker, is closed
        if not is_abandoned():
            raise
        silence()
        return cast(R, Crashed(message=ABANDONED))
    except _TOLD as error:
        problem = with_nulls_told(error) if isinstance(error, ConfigError) else error
        # As a state: Prefect puts words of its own before the message of an exception. A caller in
        # Python gets the exception all the same.
        return cast(R, Failed(message=str(problem), data=problem))


def _in_spite_of_a_pause(result: R) -> R:
    """Return the result of a run, or raise Pause when this process leaves it.

    A run may have been paused when all was computed. Prefect would leave it paused, and call it
    Failed later, so it gets the state here that its files say.
    """
    if isinstance(result, State) and (result.is_cancelled() or result.is_crashed()):
        return result  # it is what Prefect has said
    flow_run_id = UUID(str(current.id))
    with suppress(httpx.HTTPError, ObjectNotFound), get_client(sync_client=True) as client:
        flow_run = client.read_flow_run(flow_run_id)
        state = flow_run.state or Running()
        if isinstance(result, State) and result.is_paused():
            # The last thing to be said: a sign of life after it would make the silence a death.
            if state.is_paused() or expired(state):
                client.set_flow_run_state(flow_run_id, result, force=True)
        elif state.is_paused():
            final = result if isinstance(result, State) else Completed()
            if final.is_completed():  # its data are for the caller
                final = Completed(message=final.message)
            if not flow_run.deployment_id:
                final = Running()  # the end of the flow will say the rest
            client.set_flow_run_state(flow_run_id, final, force=True)
    if isinstance(result, State) and not result.is_final():
        raise Pause(state=result)
    return result


def _for_a_person(record: logging.LogRecord) -> bool:
    """Drop what says nothing to a person: names of our hooks, that a signal is a crash, and the traceback
    that Prefect adds to an end whose message says everything.
    """
    message = str(record.msg)
    if message.startswith(("Running hook ", "Hook ")) and any(name in message for name in _HOOKS):
        return False
    is_end = message.startswith(("Crash detected!", "Finished in state Crashed"))
    if is_end and "aborted by a termination signal" in message:
        record.msg, record.args = BY_SIGNAL, ()
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        return message.startswith("Crash")
    if is_end and str(getattr(record, "flow_run_id", "")) in map(str, _interrupted):
        return False
    if ended := _COMPLETED.fullmatch(message):
        # Without quotes: the UI makes a link of the address at its end, and takes a quote for a part of it.
        text = ast.literal_eval(ended[1])
        record.msg, record.args = "Finished in state Completed: %s", (text,)
    if ended := _FAILED.fullmatch(message):
        # Prefect says it twice: here, without a level that would be found, and as an exception of ours.
        record.msg, record.args = "%s", (ast.literal_eval(ended[1]),)
        record.levelno, record.levelname = logging.ERROR, "ERROR"
        _failed[str(getattr(record, "flow_run_id", ""))] = record.getMessage()
    if message.startswith("Finished in state Cancelled"):  # as somebody has asked for
        record.levelno, record.levelname = logging.INFO, "INFO"
    if record.exc_info and isinstance(record.exc_info[1], CancelledRun):
        return False  # the line before has the same words
    if record.exc_info and isinstance(problem := record.exc_info[1], Exception):
        if _failed.get(str(getattr(record, "flow_run_id", ""))) == str(problem):
            return False
        if isinstance(problem, _TOLD):
            record.msg, record.args, record.exc_info = "%s", (str(problem),), None
    return True


def _interrupted_is_cancelled(
    flow: Flow[..., Any],
    flow_run: FlowRun,
    state: State[Any],
) -> None:
    """Call a run that Ctrl-C ended cancelled. Prefect calls it crashed; nothing went wrong."""
    if flow_run.id in _interrupted:
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(flow_run.id, Cancelled(message=INTERRUPTED), force=True)


_interrupted: set[UUID] = set()
_COMPLETED = re.compile(r"""Finished in state Completed\((['"].*)\)""", re.DOTALL)
_FAILED = re.compile(r"""Finished in state Failed\((['"].*)\)""", re.DOTALL)
_failed: dict[str, str] = {}
"""What the log of a flow run has as the reason of its failure, by the id of that."""
_HOOKS = tuple(f"'{hook.__name__}'" for hook in (_interrupted_is_cancelled, do_what_was_put_off))


class _InterruptibleFlow(Flow[P, R]):
    """A flow whose call survives its own Ctrl-C.

    With no server configured Prefect starts one as a child in the terminal's process group, where
    Ctrl-C ends it first; the run's last news then wait for it for minutes. A blocked signal stays
    blocked in a child, so the signal is blocked while that server is started.
    """

    change: Callable[[str, Any], Any] = staticmethod(lambda name, value: value)
    __signature__: inspect.Signature

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        names = list(inspect.signature(self.fn).parameters)
        given = [self.change(name, value) for name, value in zip(names, args, strict=False)]
        named = {name: self.change(name, value) for name, value in kwargs.items()}
        open_client()
        return super().__call__(*given, *args[len(names) :], **named)


def failure_of(run: RunDirectory, error: str | None, exit_code: int, go_on: str) -> str:
    """Return why the simulator failed, in its own words. go_on: what a person does to go on."""
    if exit_code == 2 and error:  # bad settings: the message says everything
        return error
    if exit_code > 128:
        try:
            ended = signal.Signals(exit_code - 128).name
        except ValueError:
            ended = f"signal {exit_code - 128}"
        what = "training" if run.training.exists() else "simulator"
        return (
            f"The {what} was ended from outside ({ended}). What it had finished is kept; {go_on}."
        )
    if not any(path.exists() for path in (run.config, run.sweep, run.order)):
        return f"The run directory {run.path} was removed while the run was going on."
    said = f": {error}" if error else ""
    log = tail(run.log, lines=20)
    end = f"\nIts log ends with\n{log}" if log else f"; it left no log in {run.log}"
    return redact(f"The simulator failed with exit code {exit_code}{said}{end}")
