"""What a run shows at its end: the last of its news, then its pictures and its report."""

from collections.abc import Callable
from contextlib import suppress
from logging import Logger, LoggerAdapter
from typing import Any, Protocol, TypeVar

from prefect.client.schemas.objects import State
from prefect.states import Completed

from fusion_flows.following.artifacts import Artifacts
from fusion_flows.rundir.redaction import redact
from fusion_flows.server.connection import Connection, Unreachable


class _Follower(Protocol):
    artifacts: Artifacts

    def glance(self) -> None: ...

    def pass_on(self, *, last: bool) -> None: ...


class _Findings(Protocol):
    def publish(self, artifacts: Artifacts) -> None: ...


F = TypeVar("F", bound=_Findings)


def show_last(
    follower: _Follower,
    find: Callable[[], F],
    connection: Connection,
    logger: Logger | LoggerAdapter[Any],
    wait_seconds: float,
) -> F | None:
    """Show what there is when a run has ended; nothing here can end it worse.

    find: reads and draws what was finished. wait_seconds: how long to wait for a server that is away.
    Returns what was found, or None where it could not be read or drawn.
    """
    findings: F | None = None
    try:
        follower.glance()
        with suppress(Unreachable):
            connection.patiently(lambda: follower.pass_on(last=True), wait_seconds)
        findings = found = find()
        connection.patiently(lambda: found.publish(follower.artifacts), wait_seconds)
    except OSError as error:
        logger.warning("cannot read or draw what was finished: %s", error)
    except Unreachable:
        logger.warning("the Prefect server is away; the report is missing, the files are there")
    except Exception as error:  # Prefect says no; the results are worth more than their picture
        logger.warning("Prefect did not take the report: %s", redact(str(error)))
    return findings


def complete(said: str, artifacts: Artifacts, result: object) -> State[object]:
    """Return the final state of a run that is complete, whose message is what lists and notifications show.

    said: what it has found, in a line. result: what a caller in Python gets.
    """
    address = artifacts.address("report")
    link = f"; report: {address}" if address else ""
    return Completed(message=f"{said}{link}", data=result)
