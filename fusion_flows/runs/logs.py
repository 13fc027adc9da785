"""Read and follow the log of a run: from Prefect, wherever it runs, or its file on this machine."""

import logging
import math
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from fusion_flows.rundir.log_stream import LogStream
from fusion_flows.runs.by_files import find_by_files, no_directory
from fusion_flows.runs.lookup import Found, RunError, find, refresh
from fusion_flows.runs.time_expressions import ArgumentError
from fusion_flows.server.address import ServerAwayError, connect
from fusion_flows.server.paging import PAGE, pages
from fusion_flows.server.settings import Settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import Log

_INTERVAL_SECONDS = 1.0
_LATE = timedelta(seconds=15)  # a record may reach the server so long after younger ones
_LAST_SECONDS = 4.0  # from a final state on: records are sent in batches, up to two seconds late
_HAS_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d")
_BLOCK_BYTES = 1 << 16

T = TypeVar("T")

_log = logging.getLogger("fusion.logs")


def log_lines(
    run: str, *, follow: bool = False, lines: int | None = None, file: bool = False
) -> Iterator[str]:
    """Show the log of a run. Without a server, the log file on this machine is read.

    Args:
        run: Run id (the first 4 digits are enough), name, or flow run id.
        follow: Follow the log until the run ends; if the server becomes unreachable, wait for it.
        lines: Show only the last N lines; default: all.
        file: Read logs/sim.log on this machine instead, which has the simulator's complete output.

    Raises:
        NoSuchRunError: No run, or more than one, matches.
        RunError: The run has no log file on this machine.
        NoServerError: The server refuses, or is not a Prefect server.
    """
    if lines is not None and lines < 0:
        raise ArgumentError(f"lines {lines}: must be 0 or more")
    runs_dir = Settings().runs_dir
    began = False
    try:
        with connect() as client:
            found = find(client, run, runs_dir)
            if file:
                read = _file_reader(_path(found, runs_dir), lines)
            elif found.flow_run is None:
                raise RunError(
                    f"Prefect has no flow run of {found.run_id}: `--file` (file=True) shows the log "
                    "that is in its directory"
                )
            else:
                read = _Records(client, found.flow_run.id, lines, follow).read
            began = True
            yield from _until_over(read, _over(client, found)) if follow else read(True)
            return
    except ServerAwayError as error:
        if began:
            raise
        directory = find_by_files(run, runs_dir, error)
    found = Found(directory.run_id, None, directory)
    read = _file_reader(directory.log, lines)
    yield from _until_over(read, _over(None, found)) if follow else read(True)


def _over(client: "SyncPrefectClient | None", found: Found) -> Callable[[], float | None]:
    """Return a question: for how many seconds the run has been over; None while it goes on."""

    def over() -> float | None:
        if client is None or found.flow_run is None:
            return None if found.is_held else math.inf
        flow_run = _patiently(lambda: refresh(client, found)).flow_run
        if flow_run is None or flow_run.state is None:
            return math.inf
        if not flow_run.state.is_final():
            return None
        return (datetime.now(UTC) - flow_run.state.timestamp).total_seconds()

    return over


def _patiently(ask: Callable[[], T]) -> T:
    """Return ask(); while the server is away, ask again."""
    import httpx
    from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    told = False
    while True:
        try:
            with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
                return ask()
        except httpx.HTTPStatusError as error:
            if error.response.status_code < 500:
                raise
            reason = str(error.response.status_code)
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
        if not told:
            told = True
            _log.warning("the Prefect server does not answer (%s); waiting for it", reason)
        time.sleep(_INTERVAL_SECONDS)


def _until_over(
    read: Callable[[bool], Iterator[str]], over: Callable[[], float | None]
) -> Iterator[str]:
    """Yield from read() again and again, and from read(last=True) when nothing more can come."""
    ended = None
    while True:
        yield from read(False)
        now = time.monotonic()
        if ended is None and (seconds := over()) is not None:
            ended = now - min(max(seconds, 0.0), _LAST_SECONDS)  # its clock is not ours
        if ended is not None and now - ended >= _LAST_SECONDS:
            yield from read(True)
            return
        time.sleep(_INTERVAL_SECONDS)


# --- from Prefect --------------------------------------------------------------------------------


class _Records:
    """The log of a flow run in Prefect, from a place near its end on, each line once.

    What came is remembered for as long as something older may still come between: not the text,
    but which records they were.
    """

    def __init__(
        self, client: "SyncPrefectClient", flow_run_id: UUID, lines: int | None, follow: bool
    ) -> None:
        """Find the place. lines: that many are left from there on; None: the start of the log."""
        self._client = client
        self._flow_run_id = flow_run_id
        self._follow = follow
        self._seen: dict[UUID, datetime] = {}
        self._newest: datetime | None = None
        self._first: datetime | None = None
        self._skipped = 0
        if lines is not None:
            self._go_back(lines)

    def read(self, last: bool) -> Iterator[str]:
        """Yield the new lines."""
        after = self._first
        if self._newest is not None:
            after = max(self._newest - _LATE, self._first or self._newest - _LATE)
        for page in self._pages(after, newest_first=False):
            for record in page:
                if record.id in self._seen:
                    continue
                self._seen[record.id] = record.timestamp
                self._newest = max(record.timestamp, self._newest or record.timestamp)
                for line in _lines(record):
                    if self._skipped:
                        self._skipped -= 1
                    else:
                        yield line
            oldest = page[-1].timestamp - _LATE
            self._seen = {key: at for key, at in self._seen.items() if at >= oldest}

    def _go_back(self, lines: int) -> None:
        count = 0
        for page in self._pages(None, newest_first=True):
            for record in page:
                count += record.message.count("\n") + 1
                self._first = record.timestamp
                if count >= lines:
                    self._skipped = count - lines
                    return

    def _pages(self, after: datetime | None, *, newest_first: bool) -> "Iterator[list[Log]]":
        from prefect.client.schemas.filters import LogFilter
        from prefect.client.schemas.sorting import LogSort

        wanted = LogFilter.model_validate(
            {"flow_run_id": {"any_": [self._flow_run_id]}, "timestamp": {"after_": after}}
        )
        sort = LogSort.TIMESTAMP_DESC if newest_first else LogSort.TIMESTAMP_ASC

        def read(offset: int) -> "list[Log]":
            def ask() -> "list[Log]":
                return self._client.read_logs(wanted, limit=PAGE, offset=offset, sort=sort)

            return _patiently(ask) if self._follow else ask()

        return pages(read)


def _lines(record: "Log") -> Iterator[str]:
    """Yield the lines of a record, with its time and level unless it brings its own."""
    first, *rest = record.message.split("\n")
    if not _HAS_TIME.match(first):
        level = logging.getLevelName(record.level)
        first = f"{record.timestamp.astimezone():%Y-%m-%d %H:%M:%S} {level:<7} {first}"
    yield first
    yield from rest


# --- from the file -------------------------------------------------------------------------------


def _path(found: Found, runs_dir: Path) -> Path:
    if found.directory is None:
        raise RunError(
            no_directory(
                found.directory_id,
                runs_dir,
                "; without --file (file=True) the log comes from Prefect",
            )
        )
    return found.directory.log


def _file_reader(path: Path, lines: int | None) -> Callable[[bool], Iterator[str]]:
    """Return a function that yields the new lines of a log file; `last`: also one without its end."""
    stream = LogStream(path, sys.maxsize, offset=0 if lines is None else _offset(path, lines))

    def read(last: bool) -> Iterator[str]:
        at_end = False
        while not at_end:  # a call reads a part of a long file
            for batch in stream.read(last=last):
                yield from batch.text.split("\n")
            at_end = stream.at_end

    return read


def _offset(path: Path, lines: int) -> int:
    """Return where the last so many lines of a file begin, in bytes."""
    try:
        with path.open("rb") as file:
            position = size = file.seek(0, os.SEEK_END)
            newlines = 0
            while position:
                step = min(_BLOCK_BYTES, position)
                position = file.seek(position - step)
                block = file.read(step)
                end = len(block)
                while (end := block.rfind(b"\n", 0, end)) >= 0:
                    if position + end + 1 == size:  # the end of the last line begins no other
                        continue
                    newlines += 1
                    if newlines == lines:
                        return position + end + 1
    except OSError:  # not there yet
        return 0
    return 0 if lines else size
