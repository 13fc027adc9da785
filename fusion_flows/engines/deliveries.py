"""Outcomes on their way through the Prefect server, to the machine that has the store.

An order goes as a parameter of a flow run, what comes of it as artifacts of type `fusion-outcomes`,
one every few seconds, which the sweep deletes when they are in its store. So no disk is shared, and a
machine that dies has delivered all but its last seconds.
"""

import time
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterType,
)
from prefect.client.schemas.objects import Artifact

from fusion.config.counts import counted
from fusion.results.outcome import Outcome
from fusion.results.progress import ProgressReader
from fusion.sweep.failed_points import failure_of_event
from fusion.sweep.point_state import Failure
from fusion.sweep.store import COLUMNS, OutcomeReader, parse_lines
from fusion_flows.engines.packing import pack, unpack
from fusion_flows.server.connection import Connection

_TYPE = "fusion-outcomes"
_SECONDS = 5.0  # between two deliveries of one run
_MOST_LINES = 2_000  # of one delivery, some 100 kB packed
_AT_ONCE = 20


class Delivery(NamedTuple):
    """What came of an order. artifact: that brought it. outcomes: with the keys of their points."""

    artifact: UUID
    flow_run: UUID
    outcomes: list[tuple[str, Outcome]]
    failures: list[Failure]


class Sender:
    """Delivers what the simulator of one run writes."""

    def __init__(self, connection: Connection, flow_run_id: UUID, outcomes: Path, progress: Path):
        """outcomes, progress: files that the simulator is going to write."""
        self.error = ""
        """What the simulator said last of why it failed as a whole."""
        self.delivered = 0
        """Replications."""
        self._connection = connection
        self._flow_run_id = flow_run_id
        self._outcomes = OutcomeReader(outcomes)
        self._events = ProgressReader(progress)
        list(self._events.read())  # of an earlier attempt
        self._failures: list[Failure] = []
        self._offset = 0
        self._next = 0.0

    def send(self, *, last: bool = False) -> None:
        """Deliver what is new, now and then; `last`: all of it. Raises Unreachable, nothing is lost then."""
        for event in self._events.read():
            if event.get("type") == "point_failed":
                self._failures.append(failure_of_event(event))
            elif event.get("type") == "error":
                self.error = str(event.get("message"))
        if not last and time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _SECONDS
        while True:
            lines, offset = self._new_lines()
            if not lines and not self._failures:
                return
            made = ArtifactCreate(
                type=_TYPE,
                data=pack({"outcomes": lines, "columns": COLUMNS, "failures": self._failures}),
                description=f"{counted(len(lines), 'replication')} on their way to the sweep",
                flow_run_id=self._flow_run_id,
            )
            self._connection.call(lambda client, made=made: client.create_artifact(made))  # type: ignore[misc]
            self.delivered += len(lines)
            self._offset = offset
            self._failures.clear()

    def _new_lines(self) -> tuple[list[str], int]:
        """Return whole lines that are new, and where in the file they end."""
        self._outcomes.file.offset = self._offset
        lines = [line.decode() for line, _ in islice(self._outcomes.lines(), _MOST_LINES)]
        return lines, self._outcomes.file.offset


def waiting(connection: Connection, flow_runs: Sequence[UUID] | None) -> list[Delivery]:
    """Return some deliveries of these runs that nobody has taken, the oldest first; None: of any run.

    Raises Unreachable.
    """
    of_runs = None if flow_runs is None else ArtifactFilterFlowRunId(any_=list(flow_runs))
    wanted = ArtifactFilter(type=ArtifactFilterType(any_=[_TYPE]), flow_run_id=of_runs)
    found: list[Artifact] = connection.call(
        lambda client: client.read_artifacts(artifact_filter=wanted, limit=_AT_ONCE)
    )
    return [_delivery(artifact) for artifact in found]


def taken(connection: Connection, deliveries: Iterable[Delivery]) -> None:
    """Delete deliveries that are in the store. Raises Unreachable; they come again then."""
    for delivery in deliveries:
        connection.call(lambda client, which=delivery.artifact: client.delete_artifact(which))  # type: ignore[misc]


def _delivery(artifact: Artifact) -> Delivery:
    assert artifact.flow_run_id is not None
    found = unpack(str(artifact.data))
    assert isinstance(found, dict)
    return Delivery(
        artifact.id,
        artifact.flow_run_id,
        parse_lines(found["outcomes"], found.get("columns")),
        [Failure(*each) for each in found["failures"]],
    )
