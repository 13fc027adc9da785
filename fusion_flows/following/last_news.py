"""What a run shows at its end: the last of its news, then its pictures and its report."""

from collections.abc import Callable
from contextlib import suppress
from logging import Logger, LoggerAdapter
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from prefect.client.schemas.objects import State
from prefect.states import Completed, Suspended

from fusion_flows.following.after_state import cancelled, cancelled_first, is_signal, put_off
from fusion_flows.following.artifacts import Artifacts
from fusion_flows.following.parts import COLLECT, REPORT, Parts, state_by
from fusion_flows.following.result_lines import unbroken
from fusion_flows.report.suspended import GOES_ON
from fusion_flows.rundir import lock as run_lock
from fusion_flows.rundir.directory import RunDirectory, RunDirectoryError
from fusion_flows.rundir.file_state import BY_SIGINT, BY_SIGTERM, CANCELLED, SUSPENDED
from fusion_flows.rundir.redaction import redact
from fusion_flows.server.connection import LAST_NEWS_SECONDS, Connection, Unreachable
from fusion_flows.server.run_record import RunRecord
from fusion_flows.server.watch import DELETED, is_abandoned, silence


class _Follower(Protocol):
    artifacts: Artifacts

    def glance(self) -> None: ...

    def pass_on(self, *, last: bool) -> None: ...


class _Findings(Protocol):
    def publish(self, artifacts: Artifacts) -> None: ...

    def publish_report(self, artifacts: Artifacts, headline: str) -> None: ...


F = TypeVar("F", bound=_Findings)


class LastNews(Generic[F]):
    """Shows what there is of a run that ends, at once or when Prefect has its final state."""

    def __init__(
        self,
        run: RunDirectory,
        flow_run_id: UUID,
        connection: Connection,
        record: RunRecord,
        logger: Logger | LoggerAdapter[Any],
        follower: _Follower,
        parts: Parts,
        find: Callable[[str, bool], F],
        write: Callable[[str, int], None] = lambda partial, exit_code: None,
    ) -> None:
        """record: is told when somebody has cancelled or suspended the run.

        find: reads and draws what was finished, of why results are missing and whether it is suspended.

        parts: gets collecting and reporting; those that go on end as the run does. write: is called first
        when the run ends early, with that reason and the exit code to record.
        """
        self._run = run
        self._flow_run_id = flow_run_id
        self._connection = connection
        self._record = record
        self._logger = logger
        self._follower = follower
        self._parts = parts
        self._find = find
        self._write = write

    def show(
        self, partial: str, *, suspended: bool = False, wait_seconds: float = LAST_NEWS_SECONDS
    ) -> F | None:
        """Show what there is; nothing here can end the run worse.

        partial: why results are missing, or empty. wait_seconds: how long to wait for a server that is away.
        Returns what was found, or None where it could not be read or drawn.
        """
        findings: F | None = None
        connection, follower = self._connection, self._follower
        parts = self._parts
        try:
            with parts.part(COLLECT):
                follower.glance()
                with suppress(Unreachable):
                    connection.patiently(lambda: follower.pass_on(last=True), wait_seconds)
            with parts.part(REPORT):
                findings = found = self._find(redact(partial), suspended)
                connection.patiently(lambda: found.publish(follower.artifacts), wait_seconds)
            if address := follower.artifacts.address("report"):
                self._logger.info("Report: %s", address)
        except OSError as error:
            self._logger.warning("cannot read or draw what was finished: %s", error)
        except Unreachable:
            self._logger.warning(
                "the Prefect server is away; the report is missing, the files are there"
            )
        except Exception as error:  # Prefect says no; the results are worth more than their picture
            self._logger.warning("Prefect did not take the report: %s", redact(str(error)))
        else:
            with suppress(Unreachable):
                connection.patiently(parts.send, LAST_NEWS_SECONDS)
        return findings

    def show_that_it_goes_on(self) -> None:
        """Write the report anew where an earlier attempt has left one, which says how that ended."""
        if not self._run.report.is_file():
            return
        try:
            found = self._find(GOES_ON, False)
            found.publish_report(self._follower.artifacts, "running again")
        except Unreachable:
            pass  # it is written again at the end
        except Exception as error:
            self._logger.warning("the earlier report is still there: %s", redact(str(error)))

    def show_later(self, partial: str) -> None:
        """Show what there is when Prefect has the final state of the run, which fails or crashes."""

        def work() -> None:
            # Somebody who goes on with the run at once will draw what there is then.
            with suppress(RunDirectoryError), run_lock.hold(self._run), self._connection:
                self.show(partial)

        put_off(self._flow_run_id, work)

    def end_by(self, error: BaseException) -> State[Any] | None:
        """End a run by an exception, most of all a signal to this process.

        Returns the state to end in, or None where the exception is to be raised.
        """
        if is_abandoned():
            silence()
        if isinstance(error, KeyboardInterrupt):
            self._record.leave(CANCELLED)
        partial = "the run was ended before its time"
        self._write(partial, _exit_code(error))
        is_cancelled = self._cancelled_first()
        self._end_parts(cancelled() if is_cancelled else state_by(error))
        if not is_cancelled:
            self.show_later(partial)
            return None
        self._record.leave(CANCELLED)
        self.show(partial)
        # A signal that is raised, Prefect would call a crash in between.
        return cancelled() if is_signal(error) else None

    def end_in(self, state: State[Any]) -> State[Any]:
        """End a run that is to end early in a state, and return this."""
        partial = state.message or state.name or ""
        self._write(partial, BY_SIGTERM)
        if partial == DELETED:
            self._parts.forget()
        self._end_parts(state if state.is_final() else Suspended(message=partial))
        if state.is_crashed():
            self.show_later(partial)
        else:
            is_cancelled = self._cancelled_first() or state.is_cancelled()
            suspended = not is_cancelled and state.is_paused()
            if is_cancelled or suspended:
                self._record.leave(CANCELLED if is_cancelled else SUSPENDED)
            self.show(partial, suspended=suspended)
        return state

    def _end_parts(self, state: State[Any]) -> None:
        with suppress(
            Exception
        ):  # whatever is in the way of reading, the run ends by something else
            self._follower.glance()
        self._parts.end_all(state)

    def _cancelled_first(self) -> bool:
        return cancelled_first(self._connection, self._flow_run_id)


def _exit_code(error: BaseException) -> int:
    """Return how the end of a run is recorded that an exception has ended: as a process would end by it."""
    if isinstance(error, KeyboardInterrupt):
        return BY_SIGINT
    return BY_SIGTERM if is_signal(error) else 1


def complete(said: str, result: object) -> State[object]:
    """Return the final state of a run that is complete, whose message is what lists and notifications show.

    said: what it has found, in a line: beside a report the UI cuts off what is wider than a column.
    result: what a caller in Python gets.
    """
    return Completed(message=unbroken(said), data=result)
