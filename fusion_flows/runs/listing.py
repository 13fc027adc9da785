"""Runs: list, show, cancel and delete them. Prefect has the record, the run directory the files.

Prefect is imported when it is needed, as that takes a second. `run` is everywhere what
`run_lookup.find` takes: a run id or the start of it, a name, the id of a flow run.
"""

import json
import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from fusion.config.problems import nearest
from fusion.config.problems import show as shown
from fusion_flows.rundir import directory as rundir
from fusion_flows.rundir import lock as run_lock
from fusion_flows.rundir import removal as run_removal
from fusion_flows.rundir.directory import RunDirectory, RunDirectoryError
from fusion_flows.rundir.file_state import INTERRUPTED, write_cancelled
from fusion_flows.rundir.files import FileEntry, Preview, list_files, preview
from fusion_flows.runs.by_files import (
    corrected,
    find_by_files,
    hint_at,
    lost,
    no_directory,
    no_runs,
    run_by_files,
    runs_by_files,
)
from fusion_flows.runs.by_files_deletion import deletable_directories, delete_directory
from fusion_flows.runs.given import given_lines
from fusion_flows.runs.logs import log_lines
from fusion_flows.runs.lookup import (
    Found,
    NoSuchRunError,
    Run,
    RunError,
    attempts,
    described,
    find,
    located,
    not_in_prefect,
    our_flows,
    refresh,
    resumed_by,
)
from fusion_flows.runs.recorded import Created, name_of, wanted
from fusion_flows.runs.resumed import no_more_resumed_as, progress_without_deleted
from fusion_flows.runs.time_expressions import ArgumentError, moment
from fusion_flows.server.address import ServerAwayError, connect, killed_runs_dir
from fusion_flows.server.paging import PAGE
from fusion_flows.server.settings import Settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.filters import FlowRunFilterState
    from prefect.client.schemas.objects import FlowRun

    _Shared = dict[str, list[FlowRun]]  # the flow runs that have a directory, by its run id

__all__ = [
    "ArgumentError",
    "Deleted",
    "Details",
    "Ended",
    "NoSuchRunError",
    "Run",
    "RunError",
    "cancel",
    "delete",
    "log_lines",
    "runs",
    "show",
]

STATES = (
    *("Scheduled", "Late", "AwaitingConcurrencySlot", "AwaitingRetry", "Resuming"),
    *(
        "Pending",
        "Submitting",
        "InfrastructurePending",
        "Running",
        "Retrying",
        "Paused",
        "Suspended",
        "Cancelling",
    ),
    *("Completed", "Failed", "TimedOut", "Crashed", "Cancelled"),
)
"""Prefect's names of states."""

_CANCEL_SECONDS = 150.0  # maintenance ends after two minutes what no worker ends
_UNHEARD_SECONDS = 20.0  # for a run that has not begun: maybe there is no worker to hear it
_RELEASE_SECONDS = 20.0  # from a final state to the end of the process: the last news are sent
_LOOK_SECONDS = 0.5
_EPOCH = datetime.fromtimestamp(0, UTC)
_SOON = timedelta(minutes=1)  # the clock of the server may be another


class Details(BaseModel):
    """Details of a run."""

    model_config = ConfigDict(frozen=True)

    run: Run
    setting: str
    """The settings, in two lines; for a waiting run, or one on another machine, its parameters."""
    url: str
    """Its page in Prefect; empty if there is none."""
    directory: Path | None
    """None if it is not on this machine."""
    in_prefect: bool | None
    """Whether Prefect knows the run; None: no server answers."""
    hint: str
    """Where a missing directory has been found; otherwise empty."""
    points: list[dict[str, Any]]
    """Rows of points.csv; for a run on another machine, the rows shown in Prefect."""
    files: list[FileEntry]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


class Ended(BaseModel):
    """What became of a run that was to be cancelled."""

    model_config = ConfigDict(frozen=True)

    run: Run
    was_over: bool
    """Whether its state was final before, so that there was nothing to cancel."""


class Deleted(BaseModel):
    """What was removed of a run."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    name: str
    flow_run: bool
    """Whether its flow run was there, with its artifacts and logs."""
    directory: bool
    """Whether its directory is removed."""
    size: int
    """Bytes of the files that are removed."""
    kept_for: list[str]
    """Run ids of those that have the same directory, for which it is kept: a run that was resumed, and those
    that went on with it, oldest first. The last of them that is deleted takes it along."""


class Deletable(NamedTuple):
    """A run that can be deleted."""

    details: Details
    kept_for: list[str]
    """Run ids of those for which its directory would be kept."""


def runs(
    *,
    state: str = "",
    name: str = "",
    since: str | datetime = "",
    until: str | datetime = "",
    limit: int = 20,
    page: int = 1,
) -> list[Run]:
    """List runs, newest first. Without a server, the list is read from the files of the runs.

    A run that Prefect does not know, such as one of another server, is listed as its files have it.

    Args:
        state: List only runs in this Prefect state (upper or lower case): Running, Completed, Failed,
            ...; or Interrupted, for runs that Prefect shows as running although their processes have ended;
            default: any state.
        name: List only runs with this text in their name (upper or lower case); default: any name.
        since: List only runs since then: an age such as 2d or 3h, or a date such as 2026-11-23T14:30;
            default: from the first run on.
        until: List only runs until then; default: now, and with --state also runs that are scheduled for
            later.
        limit: Number of runs per page, 1 to 200; default: 20.
        page: Page number, from 1; default: 1.

    Raises:
        ArgumentError: An invalid state, time or number.
        NoServerError: No server answers, and no run has files here.
    """
    if not 1 <= limit <= PAGE:
        raise ArgumentError(f"limit {limit}: must be 1 to {PAGE}")
    if page < 1:
        raise ArgumentError(f"page {page}: must be 1 or more")
    after = moment(since, "since") if isinstance(since, str) and since else since or None
    before = moment(until, "until", end=True) if isinstance(until, str) and until else until or None
    if state:
        _check_state(state)
    elif before is None:
        # A nightly sweep has hundreds of planned runs, which would stand before all that has run.
        before = datetime.now(UTC) + _SOON
    try:
        return _listed(state.lower(), name, after, before, limit, page)
    except ServerAwayError as error:
        by_files = runs_by_files(
            _runs_dir(),
            state=state,
            name=name,
            after=after,
            before=before,
            limit=limit,
            page=page,
        )
        if not by_files and not rundir.list_runs(_runs_dir()):
            raise no_runs(error, _runs_dir()) from None
        return by_files


def show(run: str, file: str = "") -> Details | Preview:
    """Show the settings, state, points and files of a run, or the start of one of its files.

    Args:
        run: Run id (the first 4 digits are enough), name, or flow run id.
        file: A file of the run, such as output/points.csv: its first 1,000 lines, 1 MB at most; default:
            the run.

    Raises:
        NoSuchRunError: No run, or more than one, matches.
        RunDirectoryError: Access to the file is refused, or the directory is not on this machine.
        NoServerError: The server refuses, or is not a Prefect server.
    """
    try:
        with connect() as client:
            runs_dir = _runs_dir()
            found = find(client, run, runs_dir)
            if file:
                return preview(_directory(found, runs_dir), file)
            return _details(client, found)
    except ServerAwayError as error:
        directory = find_by_files(run, _runs_dir(), error)
        return preview(directory, file) if file else _details(None, Found("", None, directory))


def cancel(*run: str, wait: bool = True) -> list[Ended]:
    """Cancel runs; finished replications are kept.

    To finish a cancelled run later, use `fusion run --resume`; for a sweep, `fusion sweep`.

    Args:
        run: Run ids (the first 4 digits are enough), names, or flow run ids.
        wait: Wait until they have ended; default: wait.

    Raises:
        NoSuchRunError: No run, or more than one, matches; then none is cancelled.
        NoServerError: No server answers.
    """
    runs_dir = Settings().runs_dir
    with connect() as client:
        found = [find(client, one, runs_dir) for one in run]
        for one in found:
            _ask_to_cancel(client, one)
        ended = [_wait_until_over(client, one) if wait else refresh(client, one) for one in found]
        for one in ended:
            _write_if_cancelled(one)
    return [
        Ended(run=described(after), was_over=described(before).over)
        for before, after in zip(found, ended, strict=True)
    ]


def deletable(*run: str, cancel: bool = False, without_server: bool = False) -> list[Deletable]:
    """Return what `delete` would delete; raise as it does, and delete nothing."""
    if without_server:
        directories = deletable_directories(run, _runs_dir())
        return [Deletable(_details(None, Found(one.run_id, None, one)), []) for one in directories]
    with _or_by_hand(run), connect() as client:
        found, shared = _to_delete(client, run, cancel)
        named = {one.run_id for one in found}
        return [
            Deletable(
                _details(client, one),
                [each for each in _others(one, shared, Settings().runs_dir) if each not in named],
            )
            for one in found
        ]


def delete(*run: str, cancel: bool = False, without_server: bool = False) -> list[Deleted]:
    """Delete runs: the flow run with its artifacts and logs, and the run directory with all its files.

    A resumed run and the runs that resumed it share one directory, which is deleted with the last of
    them.

    Args:
        run: Run ids (the first 4 digits are enough), names, or flow run ids.
        cancel: First cancel those that are still running.
        without_server: Delete only the files, if you work without a Prefect server. A server that knows the
            runs still lists them.

    Raises:
        ArgumentError: A server answers that `without_server` would not tell.
        NoSuchRunError: No run, or more than one, matches, or it has been deleted in the meantime.
        RunError: A run is running and `cancel` is not given, or its directory is in another runs folder, or
            only its directory is left and belongs to another run; then none is deleted.
        RunDirectoryError: The directory is in use or cannot be removed.
        NoServerError: No server answers.
    """
    if without_server:
        return [_deleted_files(one) for one in deletable_directories(run, _runs_dir())]
    with _or_by_hand(run), connect() as client:
        found, shared = _to_delete(client, run, cancel)
        for one in found:
            _ask_to_cancel(client, one)
        return [_delete(client, _wait_until_over(client, one), one, shared) for one in found]


# --- lists -------------------------------------------------------------------------------------


def _runs_dir() -> Path:
    """Return the folder of the runs; where nobody says which, that of a `fusion up` that was killed."""
    settings = Settings()
    if "runs_dir" in settings.model_fields_set:
        return settings.runs_dir
    return killed_runs_dir() or settings.runs_dir


def _listed(
    state: str,
    name: str,
    after: datetime | None,
    before: datetime | None,
    limit: int,
    page: int,
) -> list[Run]:
    """Return the runs that Prefect knows, those that have lost their process as their files say, and others.

    What has a directory here and is not known to the server, as it was made with another or was deleted
    there, is what its files say: the list is the same as without a server.
    """
    with connect() as client:
        runs_dir = _runs_dir()
        from prefect.client.schemas.filters import (
            FlowRunFilter,
            FlowRunFilterExpectedStartTime,
            FlowRunFilterName,
        )
        from prefect.client.schemas.sorting import FlowRunSort

        chosen = FlowRunFilter(
            state=_state_filter(state) if state else None,
            name=FlowRunFilterName(like_=name) if name else None,
            expected_start_time=FlowRunFilterExpectedStartTime.model_validate(
                {"after_": after, "before_": before}
            )
            if after or before
            else None,
        )
        known: list[FlowRun] = []
        # All from the first page on, as runs that Prefect does not know belong among them.
        while (rest := min(PAGE, page * limit - len(known))) > 0:
            some = client.read_flow_runs(
                flow_filter=our_flows(),
                flow_run_filter=chosen,
                sort=FlowRunSort.EXPECTED_START_TIME_DESC,
                limit=rest,
                offset=len(known),
            )
            known += some
            if len(some) < rest:
                break
        oldest = known[-1].expected_start_time if len(known) == page * limit else None
        others = wanted(runs_dir, state=state, name=name, after=after, before=before)
        unknown = _not_in_prefect(client, known, others, oldest, page * limit, runs_dir)
        rows: list[tuple[datetime, FlowRun | None, RunDirectory | None]] = [
            (one.expected_start_time or _EPOCH, one, None) for one in known
        ]
        rows += [(one.time, None, one.run) for one in unknown]
        rows.sort(key=lambda row: row[0], reverse=True)
        shown = rows[(page - 1) * limit : page * limit]
        found = [
            Found(run_id, one, None)
            if one.state and one.state.is_final()
            else located(run_id, one, runs_dir)
            for _, one, _ in shown
            if one is not None and (run_id := rundir.own_run_id(runs_dir, one.id))
        ]
        progress = progress_without_deleted(client, found, runs_dir)
        without_process = lost(client, found)
    by_flow_run = {one.flow_run.id: one for one in found if one.flow_run is not None}
    listed = []
    interrupted = state == INTERRUPTED.lower()
    for _, flow_run, directory in shown:
        if flow_run is None:
            assert directory is not None
            listed.append(run_by_files(directory))
            continue
        run = described(by_flow_run[flow_run.id], progress.get(flow_run.id))
        by_files = without_process.get(flow_run.id)
        if by_files is not None:
            run = corrected(run, by_files, flow_run)
        if not state or run.state.lower() == state or (by_files is None and not interrupted):
            listed.append(run)
    return listed


def _not_in_prefect(
    client: "SyncPrefectClient",
    known: Sequence["FlowRun"],
    others: Iterator[Created],
    oldest: datetime | None,
    most: int,
    runs_dir: Path,
) -> list[Created]:
    """Return runs that have a directory here and that Prefect does not know, newest first.

    known: what it knows already.  others: candidates.  oldest: none before that; None: any.
    """
    listed = {rundir.own_run_id(runs_dir, one.id) for one in known}
    listed |= {Path(resumed_by(one)).name for one in known}
    newer = takewhile(lambda one: oldest is None or one.time >= oldest, others)
    candidates = (one for one in newer if one.run.run_id not in listed)
    found: list[Created] = []
    while len(found) < most and (batch := list(islice(candidates, PAGE))):
        unknown = {one.path for one in not_in_prefect(client, [one.run for one in batch])}
        found += [one for one in batch if one.run.path in unknown]
    return found


def _check_state(state: str) -> None:
    names = (*STATES, INTERRUPTED)
    if state.lower() not in map(str.lower, names):
        raise ArgumentError(
            f"state {shown(state)}: must be one of {', '.join(names)}{nearest(state, names)}"
        )


def _state_filter(state: str) -> "FlowRunFilterState":
    """Return a filter by type where the name is also a type: a Late run is Scheduled, too."""
    from prefect.client.schemas.filters import (
        FlowRunFilterState,
        FlowRunFilterStateName,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType

    if state == INTERRUPTED.lower():
        going_on = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING, StateType.PAUSED]
        return FlowRunFilterState(type=FlowRunFilterStateType(any_=going_on))
    if state.upper() in StateType.__members__:
        return FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType[state.upper()]]))
    name = next(name for name in STATES if name.lower() == state.lower())
    return FlowRunFilterState(name=FlowRunFilterStateName(any_=[name]))


# --- one run -----------------------------------------------------------------------------------


def _directory(found: Found, runs_dir: Path) -> RunDirectory:
    if found.directory is None:
        why = (
            ": it has not started, its directory is deleted or on another machine; set FUSION_RUNS_DIR to "
            "use another folder"
        )
        raise RunDirectoryError(no_directory(found.directory_id, runs_dir, why))
    return found.directory


def _details(client: "SyncPrefectClient | None", found: Found) -> Details:
    flow_run, directory = found.flow_run, found.directory
    url = ""
    if (client is None or flow_run is None) and directory is not None:
        run = run_by_files(directory)
    else:
        assert client is not None
        progress = progress_without_deleted(client, [found], _runs_dir())
        run = described(found, progress.get(flow_run.id) if flow_run else None)
        for state in lost(client, [found]).values():
            assert flow_run is not None
            run = corrected(run, state, flow_run)
    if flow_run:
        from fusion_flows.server.ui_pages import page

        url = page(f"/runs/flow-run/{flow_run.id}")
    return Details(
        run=run,
        setting=_setting(found),
        url=url,
        directory=directory.path if directory else None,
        in_prefect=None if client is None else flow_run is not None,
        hint="" if directory else hint_at(found.directory_id, _runs_dir()),
        points=_points(client, found),
        files=list_files(directory) if directory else [],
    )


def _setting(found: Found) -> str:
    from fusion.config.config import ConfigError, read_config
    from fusion.scenario.inputs import read_inputs
    from fusion.sweep.definition import Sweep
    from fusion_flows.report.setting import setting_lines

    if found.directory is not None and found.directory.sweep.is_file():
        sweep = Sweep.model_validate_json(found.directory.sweep.read_text(encoding="utf-8"))
        where = f", where {sweep.where}" if sweep.where else ""
        return f"{sweep.template} over {', '.join(sweep.axes)}{where}"
    if found.directory is not None:
        try:
            config = read_config(found.directory.config).config
            return "\n".join(setting_lines(config, read_inputs(config, quiet=True))).replace(
                "**", ""
            )
        except ConfigError as error:  # a file of it is not here any more
            return str(error)
    return "\n".join(given_lines(found.flow_run.parameters)) if found.flow_run else ""


def _points(client: "SyncPrefectClient | None", found: Found) -> list[dict[str, Any]]:
    """Return the points of a run from its files, of a sweep as Prefect shows them, else from its files."""
    from fusion_flows.report.results import read_rows

    directory = found.directory
    is_sweep = directory is not None and directory.sweep.exists()  # which has other columns
    if directory is not None and not is_sweep and (rows := read_rows(directory.points)):
        return rows
    if client is not None and (rows := _points_in_prefect(client, found)):
        return rows
    return _sweep_points(directory) if directory is not None and is_sweep else []


def _points_in_prefect(client: "SyncPrefectClient", found: Found) -> list[dict[str, Any]]:
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    run_ids = rundir.run_ids_of(found.flow_run.id) if found.flow_run else {found.run_id}
    key = ArtifactFilterKey(any_=[rundir.artifact_key("points", run_id) for run_id in run_ids])
    for artifact in client.read_artifacts(artifact_filter=ArtifactFilter(key=key), limit=1):
        if isinstance(artifact.data, str):
            shown_rows: list[dict[str, Any]] = json.loads(artifact.data)
            return shown_rows
    return []


def _sweep_points(directory: RunDirectory) -> list[dict[str, Any]]:
    """Return the points of a sweep, from its files, as Prefect shows them."""
    from fusion.sweep.definition import Sweep
    from fusion_flows.report.results import read_rows
    from fusion_flows.report.sweep_page import SHOWN_POINTS, UNFINISHED
    from fusion_flows.report.tables import sweep_point_texts

    sweep = Sweep.model_validate_json(directory.sweep.read_text(encoding="utf-8"))
    rows = [row for row in read_rows(directory.points) if row["metric"] == sweep.metric]
    return sweep_point_texts(rows[:SHOWN_POINTS], sweep, UNFINISHED)


# --- ends --------------------------------------------------------------------------------------


def _ask_to_cancel(client: "SyncPrefectClient", found: Found) -> None:
    """Propose Cancelling to a run that is not over. Prefect makes it Cancelled for one that waits."""
    from prefect.states import Cancelling

    state = found.state
    if found.flow_run and (state is None or not (state.is_final() or state.is_cancelling())):
        client.set_flow_run_state(found.flow_run.id, Cancelling())


def _wait_until_over(client: "SyncPrefectClient", found: Found) -> Found:
    """Return a run once its state is final or it is gone; after _CANCEL_SECONDS as it is then."""
    from prefect.states import Cancelled

    began = time.monotonic()
    while True:
        found = refresh(client, found)
        if found.flow_run is None or not _is_going_on(found, before_start=True):
            return found
        seconds = time.monotonic() - began
        if seconds > _CANCEL_SECONDS:
            return found
        if seconds > _UNHEARD_SECONDS and not _is_going_on(found):
            said = "Cancelled before it began."
            client.set_flow_run_state(found.flow_run.id, Cancelled(message=said), force=True)
        time.sleep(_LOOK_SECONDS)


def _write_if_cancelled(found: Found) -> None:
    """Have the files of a run say that it is cancelled: one that waits or hangs cannot do so."""
    state = found.state
    if found.directory and found.flow_run and state and state.is_cancelled():
        write_cancelled(found.directory, found.flow_run.id)


def _is_going_on(found: Found, *, before_start: bool = False) -> bool:
    """Return whether a run has begun and is not over.  before_start: also one that waits."""
    flow_run = found.flow_run
    if flow_run is None or (flow_run.state and flow_run.state.is_final()):
        return False
    waits = flow_run.state is None or flow_run.state.is_scheduled() or flow_run.start_time is None
    return before_start or not waits


@contextmanager
def _or_by_hand(runs: Sequence[str]) -> Iterator[None]:
    """Have the error that no server answers say what can be done to runs that are over without one."""
    try:
        yield
    except ServerAwayError as error:
        folders, missing = [], []
        for run in runs:
            try:
                directory = find_by_files(run, _runs_dir(), error)
            except NoSuchRunError:
                missing.append(f"'{shown(run)}'")
                continue
            if not run_lock.in_use(directory):
                folders.append(shlex.quote(str(directory.path)))
        if missing and len(missing) == len(runs):
            where = rundir.absolute(_runs_dir())
            raise ServerAwayError(
                f"{error}. There are no files of a run {' or '.join(missing)} in {where} either; "
                "`fusion runs` lists what there is"
            ) from None
        if not folders:
            raise
        raise ServerAwayError(
            f"{error}. The files are in {', '.join(folders)}: `fusion delete --without-server` deletes them, "
            "and a run is then still in the lists of its server, if it has one"
        ) from None


def _to_delete(
    client: "SyncPrefectClient", runs: Sequence[str], cancel: bool
) -> "tuple[list[Found], _Shared]":
    """Return the runs that are to be deleted, and the flow runs that have their directories.

    Raises NoSuchRunError, and RunError for one that goes on or whose files would be lost or left.
    """
    runs_dir = Settings().runs_dir
    found = [find(client, one, runs_dir) for one in runs]
    if not cancel:
        for one in found:
            _refuse_if_going_on(one)
    for one in found:
        if one.directory is None and hint_at(one.directory_id, runs_dir):
            raise RunError(no_directory(one.directory_id, runs_dir, ""))
    shared = attempts(client, {one.directory for one in found if one.directory is not None})
    named = {one.run_id for one in found}
    for one in found:
        others = _others(one, shared, runs_dir)
        if one.flow_run is None and not named.issuperset(others):
            raise RunError(
                f"{one.called} is deleted already; its directory is kept for {_runs_named(others)}: "
                f"`fusion delete {' '.join(others)}` deletes it"
            )
    return found, shared


def _others(found: Found, shared: "_Shared", runs_dir: Path) -> list[str]:
    """Return the run ids of the other runs that have the directory of this one, oldest first."""
    if found.directory is None:
        return []
    ids = [rundir.own_run_id(runs_dir, one.id) for one in shared[found.directory.run_id]]
    return [run_id for run_id in ids if run_id != found.run_id]


def _runs_named(run_ids: Sequence[str]) -> str:
    return f"run{'s' if len(run_ids) > 1 else ''} {' and '.join(run_ids)}"


def _refuse_if_going_on(found: Found) -> None:
    """Raise RunError for a run that is going on. One that waits loses nothing."""
    if found.flow_run and found.flow_run.state and _is_going_on(found):
        raise RunError(
            f"{found.called} is {found.flow_run.state.name}: cancel it first, or "
            "delete it with --cancel (from Python with cancel=True)"
        )


def _delete(client: "SyncPrefectClient", found: Found, before: Found, shared: "_Shared") -> Deleted:
    """Delete a run that is over.

    before: as it was found; it may be gone meanwhile. shared: the flow runs that have its directory, from
    which it is taken.
    """
    from prefect.exceptions import ObjectNotFound

    flow_run_id = before.flow_run.id if before.flow_run else None
    if found.flow_run and found.flow_run.state and not found.flow_run.state.is_final():
        name = found.flow_run.state.name
        raise RunError(
            f"{found.called} is {name} still, {_CANCEL_SECONDS:.0f} s after it "
            "was cancelled, and is not deleted; is its worker alive? `fusion doctor` says"
        )
    size, directory = 0, False
    others = _others(found, shared, Settings().runs_dir)
    if found.directory is not None and not others:
        size = sum(file.size for file in list_files(found.directory))
        directory = _delete_directory(found.directory)
    flow_run = False
    if flow_run_id is not None:
        delete_artifacts(client, flow_run_id)
        try:
            client.delete_flow_run(flow_run_id)
            flow_run = True
        except ObjectNotFound:
            pass
    if found.directory is not None:
        rest = [one for one in shared[found.directory.run_id] if one.id != flow_run_id]
        shared[found.directory.run_id] = rest
        no_more_resumed_as(client, found.run_id, rest, found.directory)
    # Of several who delete a run at once, one has deleted the flow run: that one has done it.
    if not flow_run and (flow_run_id is not None or not (directory or others)):
        raise NoSuchRunError(
            f"there is no run {found.run_id} ({before.name}) any more: somebody else has just "
            "deleted it"
        )
    return Deleted(
        run_id=found.run_id,
        name=before.name,
        flow_run=flow_run,
        directory=directory,
        size=size if directory else 0,
        kept_for=others,
    )


def _deleted_files(run: RunDirectory) -> Deleted:
    name, size = name_of(run), sum(file.size for file in list_files(run))
    delete_directory(run)
    return Deleted(
        run_id=run.run_id, name=name, flow_run=False, directory=True, size=size, kept_for=[]
    )


def _delete_directory(directory: RunDirectory) -> bool:
    """Delete a run directory as soon as its process is gone; return False when it is gone itself."""
    deadline = time.monotonic() + _RELEASE_SECONDS
    while True:
        try:
            run_removal.delete(directory)
        except RunDirectoryError:
            if not directory.path.exists():
                return False
            if not run_lock.in_use(directory) or time.monotonic() > deadline:
                raise
            time.sleep(_LOOK_SECONDS)
        else:
            return True


def delete_artifacts(client: "SyncPrefectClient", flow_run_id: UUID) -> None:
    """Delete the artifacts of a flow run, which Prefect would keep for ever."""
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
    from prefect.exceptions import ObjectNotFound

    of_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run_id]))
    while artifacts := client.read_artifacts(artifact_filter=of_run, limit=PAGE):
        for artifact in artifacts:
            try:
                client.delete_artifact(artifact.id)
            except ObjectNotFound:
                continue
