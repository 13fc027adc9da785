"""Send a simulator's log to Prefect."""

import re
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from logging import Logger, LoggerAdapter
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import LogCreate
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId, LogFilterTimestamp
from prefect.settings import PREFECT_LOGGING_TO_API_ENABLED

from fusion_flows.rundir.log_stream import Batch, LogStream
from fusion_flows.rundir.redaction import redact
from fusion_flows.server.connection import Connection

_RECORDS_PER_CALL = 100
_MOST_LINES = 100  # of one batch, that become a record each: a flood is not taken apart
_RECORDS_ASKED_FOR = 200  # the records of the flow itself may lie between them
_SIMULATOR = "fusion.simulator"  # the name of its log lines in Prefect
_MICROSECOND = timedelta(microseconds=1)
_LATE = timedelta(seconds=10)  # who follows a log does not look for records that come much later
_STAMP = re.compile(
    r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:DEBUG|INFO|WARNING|ERROR|CRITICAL) +", re.MULTILINE
)


class LogForwarder:
    """Sends the lines of sim.log to Prefect, in order, none twice, none lost while it is away.

    Prefect's own handler drops what it cannot send for a minute.
    """

    def __init__(
        self,
        stream: LogStream,
        connection: Connection,
        flow_run_id: UUID,
        logger: Logger | LoggerAdapter[Any],
    ) -> None:
        """logger: for the terminal only."""
        self._stream = stream
        self._connection = connection
        self._flow_run_id = flow_run_id
        self._logger = logger
        self._waiting: deque[LogCreate] = deque()  # read, and not known to have arrived
        self._is_in_doubt = False  # the first of them may have arrived: a call has no answer yet
        self._time = datetime.now(UTC)

    def forward(self, *, last: bool = False) -> None:
        """Send what is new. What was read waits here, the rest in the file. Raises Unreachable."""
        self._send()
        while True:
            for level, text in self._stream.read(last=last):
                for part in _by_time(redact(text)):
                    record = self._record(Batch(level, part))
                    self._logger.log(level, "%s", record.message, extra={"send_to_api": False})
                    if PREFECT_LOGGING_TO_API_ENABLED.value():
                        self._waiting.append(record)
            self._send()
            if self._stream.at_end:
                return

    def _record(self, batch: Batch) -> LogCreate:
        # Prefect sorts by time, so no two have the same. The line's own time stays in the text where the
        # record cannot have it.
        now, text = datetime.now(UTC), batch.text
        if (found := _STAMP.match(text)) and now - _LATE < (own := _time(found[1])) <= now:
            self._time = max(own, self._time + _MICROSECOND)
            if self._time - own < timedelta(seconds=1):
                text = text[found.end() :]
        else:
            self._time = max(now, self._time + _MICROSECOND)
        return LogCreate.model_validate(
            {
                "name": _SIMULATOR,
                "level": batch.level,
                "message": text,
                "timestamp": self._time,
                "flow_run_id": self._flow_run_id,
            }
        )

    def _send(self) -> None:
        if self._is_in_doubt and self._waiting:
            self._drop_arrived()
        while self._waiting:
            records = list(islice(self._waiting, _RECORDS_PER_CALL))
            self._is_in_doubt = True
            self._connection.call(partial(SyncPrefectClient.create_logs, logs=records))
            for _ in records:
                self._waiting.popleft()
            self._is_in_doubt = False

    def _drop_arrived(self) -> None:
        """Ask what has arrived of a call whose answer was lost, to an interrupt or a timeout."""
        # No record is older than the one before it.
        mine = LogFilter(
            flow_run_id=LogFilterFlowRunId(any_=[self._flow_run_id]),
            timestamp=LogFilterTimestamp(after_=self._waiting[0].timestamp),
        )
        found = self._connection.call(
            partial(SyncPrefectClient.read_logs, log_filter=mine, limit=_RECORDS_ASKED_FOR)
        )
        arrived = {log.timestamp for log in found if log.name == _SIMULATOR}
        while self._waiting and self._waiting[0].timestamp in arrived:
            self._waiting.popleft()
        self._is_in_doubt = False


def _by_time(text: str) -> Iterable[str]:
    """Return the lines of a batch, each that begins with a time with those that follow and have none."""
    starts = [found.start() for found in islice(_STAMP.finditer(text), _MOST_LINES + 1)]
    if not starts or len(starts) > _MOST_LINES:
        return [text]
    if starts[0]:
        starts.insert(0, 0)
    ends = [start - 1 for start in starts[1:]]
    return [text[start:end] for start, end in zip(starts, [*ends, len(text)], strict=True)]


def _time(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp).astimezone(UTC)
