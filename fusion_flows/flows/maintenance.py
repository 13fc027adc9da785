"""The flow `fusion-maintenance`: it makes Prefect's records agree with what is on this machine.

Prefect's workers see their own runs end, and heartbeats that stop tell of a machine that is gone. What
is left for this flow are runs of a process that died with its worker before a heartbeat or without
heartbeats, the last news of those that were killed, processes that outlived their run, and directories.
"""

import json
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from prefect import flow, get_client, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import ArtifactUpdate
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import ObjectNotFound
from prefect.runtime import deployment
from prefect.runtime import flow_run as current
from prefect.states import Cancelled, Completed, Crashed, Suspended
from pydantic import BaseModel, ConfigDict, Field

from fusion.config.counts import counted
from fusion_flows.flows.schedule_dates import bad_schedules
from fusion_flows.following.flow_ends import FLOWS
from fusion_flows.following.parts import end_parts
from fusion_flows.following.reporting import PAUSED
from fusion_flows.following.stall import STALLED
from fusion_flows.process.marks import end_marked, marked_processes
from fusion_flows.report.tables import INTERRUPTED
from fusion_flows.rundir import directory as rundir
from fusion_flows.rundir import lock as run_lock
from fusion_flows.rundir import removal as run_removal
from fusion_flows.rundir.directory import RunDirectory, RunDirectoryError
from fusion_flows.rundir.file_state import CANCELLED, file_state, is_complete, write_cancelled
from fusion_flows.rundir.file_state import INTERRUPTED as INTERRUPTED_BY_FILES
from fusion_flows.rundir.file_state import SUSPENDED as SUSPENDED_BY_FILES
from fusion_flows.runs import listing as runs
from fusion_flows.runs.lookup import (
    RunError,
    artifacts_of,
    as_ended,
    by_directory,
    last_uses,
    progress_of,
)
from fusion_flows.server.paging import PAGE, pages
from fusion_flows.server.settings import Settings
from fusion_flows.server.watch import SUSPENDED, expired

_NEVER_STARTED = timedelta(minutes=5)  # in Pending: a process takes seconds to start
_NEVER_CANCELLED = timedelta(minutes=2)  # in Cancelling: a worker kills after 30 s
_NEWS = ("progress", "points", "plot")  # artifacts whose description is news of the run
_RECENTLY = timedelta(days=1)  # what Prefect has called Failed before was seen by another one
_GONE = "Its process is gone. What it had finished is kept; retry it."
_ALL_THERE = (
    "Everything is computed, but its process ended before it could report that; its report may be "
    "missing."
)
_LEFT_OVER = ("left-over process", "left-over processes")
NOTHING_MENDED = "nothing mended"
"""Tag of a run of this flow that the next one deletes, so that they do not fill the lists."""

Seconds = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]


class Maintenance(BaseModel):
    """What was found and done. Runs are named by their run ids."""

    model_config = ConfigDict(frozen=True)

    lost_runs: list[str]
    """Their processes were gone; they have a final state now."""
    paused_runs: list[str] = []
    """Paused, and without a process that would see to it; they have the state now that their files say."""
    stalled_runs: dict[str, str] = {}
    """Going on without progress, by run: what their progress says. They are left alone."""
    left_over_processes: dict[str, int]
    """Processes that outlived their run and were ended, by run."""
    unknown_directories: list[str]
    """Run directories that Prefect has no flow run of; they are left alone."""
    expired_runs: list[str]
    """Deleted, flow run and directory, as FUSION_KEEP_DAYS and FUSION_KEEP_BYTES say."""
    half_deleted: int
    """Remains of deletions that were cut short, removed now."""
    stopping_schedules: list[str] = []
    """Schedules that stop all of their deployment; they are left alone, as they are somebody's."""


class _Wrong(NamedTuple):
    """A flow run whose state cannot be right, and the one that it is to have."""

    flow_run: FlowRun
    state: State


@flow(name="fusion-maintenance", flow_run_name=lambda: f"maintenance of {socket.gethostname()}")
def maintenance(settle_seconds: Seconds = 15.0) -> Maintenance:
    """Reconcile Prefect's flow runs with the processes and run directories of this machine.

    Args:
        settle_seconds: Time after which something wrong must be wrong still before it is mended,
            as a run that is just starting or ending looks much the same.
    """
    settings = Settings()
    runs_dir = settings.runs_dir
    logger = get_run_logger()
    with get_client(sync_client=True) as client:
        _drop_own_runs(client)
        stopping = list(_stopping_schedules(client))
        suspects = {lost.flow_run.id for lost in _lost_runs(client, runs_dir)}
        suspects |= {paused.flow_run.id for paused in _paused_runs(client, runs_dir)}
        orphans = set(_left_over(client, runs_dir))
        if suspects or orphans:
            time.sleep(settle_seconds)
        lost_runs = []
        for flow_run, state in _lost_runs(client, runs_dir) if suspects else ():
            if flow_run.id in suspects:
                # Not by force: Prefect refuses it for a run that has come to an end meanwhile.
                client.set_flow_run_state(flow_run.id, state)
                run = _directory(runs_dir, flow_run.id)
                if run is not None and state.is_cancelled():
                    write_cancelled(run, flow_run.id)
                logger.warning("%s: %s", flow_run.name, state.message)
                lost_runs.append(rundir.own_run_id(runs_dir, flow_run.id))
        paused_runs = []
        for flow_run, state in _paused_runs(client, runs_dir) if suspects else ():
            if flow_run.id in suspects:
                client.set_flow_run_state(flow_run.id, state, force=True)
                logger.info("%s: %s", flow_run.name, state.message)
                paused_runs.append(rundir.own_run_id(runs_dir, flow_run.id))
        _end_news(client)
        _write_cancelled(client, runs_dir)
        stalled = _stalled_runs(client, runs_dir)
        for run_id, said in stalled.items():
            logger.warning("%s: %s", run_id, said)
        left_over = {}
        for mark in orphans & set(_left_over(client, runs_dir)) if orphans else ():
            run_id = rundir.own_run_id(runs_dir, UUID(mark))
            left_over[run_id] = end_marked(mark, settings.grace_seconds)
            logger.warning("%s: ended %s", run_id, counted(left_over[run_id], *_LEFT_OVER))
        flow_runs = list(_flow_runs(client))
        known = {run_id for one in flow_runs for run_id in rundir.run_ids_of(one.id)}
        unknown = [run.run_id for run in rundir.list_runs(runs_dir) if run.run_id not in known]
        for run_id in unknown:
            logger.info("%s has no flow run", runs_dir / run_id)
    expired = _delete_expired(settings, by_directory(runs_dir, flow_runs))
    found = Maintenance(
        lost_runs=lost_runs,
        paused_runs=paused_runs,
        stalled_runs=stalled,
        left_over_processes=left_over,
        unknown_directories=unknown,
        expired_runs=expired,
        half_deleted=run_removal.remove_leftovers(runs_dir),
        stopping_schedules=stopping,
    )
    create_markdown_artifact(
        _report(found, runs_dir),
        key="fusion-maintenance",
        description=f"{socket.gethostname()}: {counted(len(found.lost_runs), 'lost run')}, "
        f"{counted(sum(found.left_over_processes.values()), *_LEFT_OVER)}, "
        f"{len(found.expired_runs)} expired"
        + (f", {counted(len(stopping), 'schedule')} to switch off" if stopping else ""),
    )
    _tag_if_nothing_was_mended(found)
    return found


def _flow_runs(
    client: SyncPrefectClient, *states: StateType, ended_after: datetime | None = None
) -> Iterator[FlowRun]:
    """Return the runs of our flows in these states, in any without one."""
    kinds = FlowRunFilterState(type=FlowRunFilterStateType(any_=list(states))) if states else None
    ended = FlowRunFilterEndTime.model_validate({"after_": ended_after}) if ended_after else None
    ours = FlowFilter(name=FlowFilterName(any_=list(FLOWS)))
    wanted = FlowRunFilter(state=kinds, end_time=ended)
    return chain.from_iterable(
        pages(
            lambda offset: client.read_flow_runs(
                flow_filter=ours, flow_run_filter=wanted, limit=PAGE, offset=offset
            )
        )
    )


def _lost_runs(client: SyncPrefectClient, runs_dir: Path) -> list[_Wrong]:
    """Return the flow runs that Prefect takes for going on, and that cannot be.

    A run holds the lock of its directory as long as its process lives. A running one without a
    directory here is on another machine.
    """
    found = []
    for flow_run in _flow_runs(client, StateType.RUNNING, StateType.PENDING, StateType.CANCELLING):
        state = flow_run.state
        if state is None:
            continue
        run = _directory(runs_dir, flow_run.id)
        if run is not None and run_lock.in_use(run):
            continue
        age = datetime.now(UTC) - state.timestamp
        if state.is_pending():
            if age > _NEVER_STARTED:
                never: State = Crashed(message="It was handed to a worker and never started.")
                found.append(_Wrong(flow_run, never))
        elif state.is_cancelling():
            if run is not None or age > _NEVER_CANCELLED:
                found.append(_Wrong(flow_run, Cancelled(message=_GONE)))
        elif run is not None:
            now: State = Crashed(message=_GONE)
            if file_state(run).name == CANCELLED:  # by Ctrl-C, with no server to tell it to
                now = Cancelled(message=_GONE)
            elif is_complete(run):
                now = Completed(message=_ALL_THERE)
            found.append(_Wrong(flow_run, now))
    return found


def _paused_runs(client: SyncPrefectClient, runs_dir: Path) -> list[_Wrong]:
    """Return the flow runs that a pause has left, or would end, worse off than their files say.

    Prefect calls a paused run Failed when a time is over, and a process that could have told it of
    the files was ended or never begun.
    """
    found = []
    paused = _flow_runs(client, StateType.PAUSED)
    failed = _flow_runs(client, StateType.FAILED, ended_after=datetime.now(UTC) - _RECENTLY)
    for flow_run in [*paused, *(one for one in failed if one.state and expired(one.state))]:
        run = _directory(runs_dir, flow_run.id)
        if flow_run.state is None or (run is not None and run_lock.in_use(run)):
            continue
        details = flow_run.state.state_details
        if run is not None and is_complete(run):
            state: State = Completed(message=_ALL_THERE)
        elif flow_run.deployment_id is None:
            if run is None or not flow_run.state.is_paused():
                continue
            state = Crashed(message=_GONE)
        elif flow_run.state.is_paused() and (
            details.pause_timeout is None if details.pause_reschedule else run is None
        ):
            continue  # it is as it should be, or on another machine
        else:
            state = Suspended(message=SUSPENDED)
        found.append(_Wrong(flow_run, state))
    return found


def _end_news(client: SyncPrefectClient) -> None:
    """Have parts and artifacts of runs that were killed no longer say what only a living run says, such as an
    ETA.
    """
    since = datetime.now(UTC) - _RECENTLY
    dead = (StateType.CRASHED, StateType.CANCELLED, StateType.FAILED, StateType.COMPLETED)
    over = list(_flow_runs(client, *dead, ended_after=since))
    for start in range(0, len(over), PAGE):
        end_parts(client, over[start : start + PAGE])
        found = artifacts_of(client, over[start : start + PAGE], *_NEWS)
        for artifact in found:
            said = artifact.description or ""
            if (ended := as_ended(said)) != said:
                data = _ended_table(artifact.data) if artifact.type == "table" else artifact.data
                change = ArtifactUpdate(data=data, description=ended)
                with suppress(ObjectNotFound):  # deleted by somebody
                    client.update_artifact(artifact.id, change)


def _write_cancelled(client: SyncPrefectClient, runs_dir: Path) -> None:
    """Have the files of cancelled runs say so which had no process that could: suspended, or killed first."""
    since = datetime.now(UTC) - _RECENTLY
    for flow_run in _flow_runs(client, StateType.CANCELLED, ended_after=since):
        run = _directory(runs_dir, flow_run.id)
        if run is not None and file_state(run).name in (SUSPENDED_BY_FILES, INTERRUPTED_BY_FILES):
            write_cancelled(run, flow_run.id)


def _ended_table(data: Any) -> str:
    """Return the data of a table of points, with none that is running."""
    return json.dumps([{**row, "stop": _ended_stop(row.get("stop"))} for row in json.loads(data)])


def _ended_stop(stop: Any) -> Any:
    return INTERRUPTED if stop in ("running", PAUSED) else stop


def _stalled_runs(client: SyncPrefectClient, runs_dir: Path) -> dict[str, str]:
    """Return what runs say whose simulators make no progress, by run."""
    running = list(_flow_runs(client, StateType.RUNNING))
    said = {}
    for start in range(0, len(running), PAGE):
        for progress in progress_of(client, running[start : start + PAGE]).values():
            if (news := progress.description or "").startswith(STALLED):
                said[rundir.own_run_id(runs_dir, progress.flow_run_id)] = news
    return said


def _directory(runs_dir: Path, flow_run_id: UUID) -> RunDirectory | None:
    try:
        return rundir.open_run(runs_dir, rundir.own_run_id(runs_dir, flow_run_id))
    except RunDirectoryError:
        return None


def _left_over(client: SyncPrefectClient, runs_dir: Path) -> list[str]:
    """Return the marks of simulators whose run is over."""
    found = []
    for mark in marked_processes():
        try:
            flow_run_id = UUID(mark)
        except ValueError:  # not started by a flow
            continue
        run = _directory(runs_dir, flow_run_id)
        if run is None:
            try:
                state = client.read_flow_run(flow_run_id).state
            except ObjectNotFound:  # of another server, for all that is known
                continue
            if state is not None and state.is_final():
                found.append(mark)
        elif not run_lock.in_use(run):
            found.append(mark)
    return found


def _drop_own_runs(client: SyncPrefectClient) -> None:
    """Delete runs of this deployment that say nothing: those that mended nothing, and those that nobody was
    there to run, as one does for all.
    """
    if deployment.id is None:
        return
    late = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
        expected_start_time=FlowRunFilterExpectedStartTime.model_validate(
            {"before_": datetime.now(UTC)}
        ),
    )
    idle = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.COMPLETED])),
        tags=FlowRunFilterTags(all_=[NOTHING_MENDED]),
    )
    own = DeploymentFilter(id=DeploymentFilterId(any_=[UUID(deployment.id)]))
    for wanted in (late, idle):
        for flow_run in client.read_flow_runs(deployment_filter=own, flow_run_filter=wanted):
            runs.delete_artifacts(client, flow_run.id)
            with suppress(ObjectNotFound):  # deleted by another machine's
                client.delete_flow_run(flow_run.id)


def _tag_if_nothing_was_mended(found: Maintenance) -> None:
    mended = (
        *(found.lost_runs, found.paused_runs, found.left_over_processes),
        *(found.expired_runs, found.half_deleted),
    )
    if deployment.id is None or any(mended):
        return
    with get_client(sync_client=True) as client:
        client.update_flow_run(UUID(str(current.id)), tags=[*current.tags, NOTHING_MENDED])


def _stopping_schedules(client: SyncPrefectClient) -> Iterator[str]:
    """Yield what to do about each schedule that keeps the server from planning those beside it."""
    for one in bad_schedules(client):
        if one.stops_others:
            said = (
                f"{one.name} of {one.deployment} {one.reason}, so no schedule of {one.deployment} starts "
                f"a run any more; `{one.pause}` switches it off"
            )
            get_run_logger().warning("%s", said)
            yield said


def _delete_expired(settings: Settings, sharing: Mapping[str, list[FlowRun]]) -> list[str]:
    """Delete what has expired.  sharing: the flow runs that have a directory, by the run id of that."""
    deleted = []
    for run in run_removal.expired(
        settings.runs_dir,
        settings.keep_days,
        settings.keep_bytes,
        datetime.now(UTC),
        last_uses(sharing),
    ):
        ids = [rundir.own_run_id(settings.runs_dir, one.id) for one in sharing.get(run.run_id, ())]
        try:
            # All that have the directory, or it would be kept for the rest of them.
            runs.delete(*ids or [run.run_id])
        except (RunError, RunDirectoryError) as error:  # in use again, or deleted by somebody else
            get_run_logger().warning("%s is not deleted: %s", run.run_id, error)
        else:
            deleted.append(run.run_id)
    return deleted


def _report(found: Maintenance, runs_dir: Path) -> str:
    lines = [f"Runs in `{runs_dir.absolute()}` on {socket.gethostname()}", ""]
    for title, items in (
        ("Runs whose processes were gone, now Crashed or Cancelled", found.lost_runs),
        (
            "Runs that make no progress",
            [f"{run}: {said}" for run, said in found.stalled_runs.items()],
        ),
        ("Paused runs that have the state now which their files say", found.paused_runs),
        (
            "Processes ended that had outlived their run",
            [f"{run}: {count}" for run, count in found.left_over_processes.items()],
        ),
        ("Directories without a flow run, left alone", found.unknown_directories),
        ("Deleted, as they had expired", found.expired_runs),
        ("Schedules that stop all of their deployment", found.stopping_schedules),
        ("Remains of deletions removed", [str(found.half_deleted)] if found.half_deleted else []),
    ):
        lines.append(f"- {title}: {', '.join(items) or 'none'}")
    return "\n".join(lines)
