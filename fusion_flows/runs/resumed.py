"""What the progress of a resumed run shows once the run that resumed it is deleted.

`fusion delete` has it say what is true then; whoever deletes a run in Prefect's UI, or by its API, does not.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import UUID

from fusion_flows.rundir import directory as rundir
from fusion_flows.rundir.directory import RunDirectory
from fusion_flows.rundir.file_state import recorded_flow_run
from fusion_flows.runs.by_files import run_by_files
from fusion_flows.runs.lookup import Found, artifacts_of, attempts, located, progress_of
from fusion_flows.server.paging import PAGE

if TYPE_CHECKING:
    from pathlib import Path

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun


def progress_without_deleted(
    client: "SyncPrefectClient", found: Sequence[Found], runs_dir: "Path"
) -> Mapping[UUID, Any]:
    """Return the progress artifacts of at most a page of runs, by flow run, as Prefect has them.

    One that names a run that is deleted is mended first, there, too, as the UI shows it.
    """
    flow_runs = [one.flow_run for one in found if one.flow_run is not None]
    progress = progress_of(client, flow_runs)
    naming: dict[str, list[Found]] = {}
    for one in found:
        artifact = progress.get(one.flow_run.id) if one.flow_run else None
        if artifact and (run_id := rundir.was_resumed_as(artifact.description or "")):
            naming.setdefault(run_id, []).append(one)
    directories = {
        run_id: located(earlier[0].run_id, earlier[0].flow_run, runs_dir).directory
        for run_id, earlier in naming.items()
    }
    deleted = _deleted(client, directories) if directories else set()
    for run_id in deleted:
        if (directory := directories[run_id]) is not None:
            rest = attempts(client, [directory])[directory.run_id]
            no_more_resumed_as(client, run_id, rest, directory)
            continue
        # Its files are on another machine, so that nothing more is known.
        for one in naming[run_id]:
            assert one.flow_run is not None
            artifact = progress[one.flow_run.id]
            told = f"{artifact.description}, which is deleted"
            progress[one.flow_run.id] = artifact.model_copy(update={"description": told})
    is_mended = any(directories[run_id] is not None for run_id in deleted)
    return {**progress, **progress_of(client, flow_runs)} if is_mended else progress


def no_more_resumed_as(
    client: "SyncPrefectClient", run_id: str, rest: "Sequence[FlowRun]", directory: RunDirectory
) -> None:
    """Have the progress of earlier attempts no longer name a run that is deleted.

    The newest of the rest gets what the files say, and the others that they were resumed as that one.
    """
    from prefect.client.schemas.actions import ArtifactUpdate

    for artifact in artifacts_of(client, rest[-PAGE:], "progress"):
        if rundir.was_resumed_as(artifact.description or "") != run_id:
            continue
        change = ArtifactUpdate(
            description=rundir.resumed_as(rundir.own_run_id(directory.path.parent, rest[-1].id))
        )
        if artifact.flow_run_id == rest[-1].id:
            run = run_by_files(directory)
            change = ArtifactUpdate(description=run.news, data=run.percent)
        client.update_artifact(artifact.id, change)


def _deleted(
    client: "SyncPrefectClient", directories: Mapping[str, RunDirectory | None]
) -> set[str]:
    """Return which of these runs are deleted; one of which nothing is known may have just begun.

    Prefect cannot look for a part of an id. The whole one is in the directory, and in the progress of the
    run, which stays when it is deleted.

    directories: by run id, of the runs that are here.
    """
    from prefect.client.schemas.filters import (
        ArtifactFilter,
        ArtifactFilterKey,
        FlowRunFilter,
        FlowRunFilterId,
    )

    keys = [rundir.artifact_key("progress", run_id) for run_id in directories]
    of_runs = ArtifactFilter(key=ArtifactFilterKey(any_=keys))
    artifacts = client.read_artifacts(artifact_filter=of_runs, limit=PAGE)
    ids = {artifact.flow_run_id for artifact in artifacts if artifact.flow_run_id}
    for directory in directories.values():
        with suppress(ValueError):  # it is of an earlier version, which wrote none
            ids |= {UUID(recorded_flow_run(directory))} if directory else set()
    known = {
        flow_run_id for flow_run_id in ids if directories.keys() & rundir.run_ids_of(flow_run_id)
    }
    if not known:
        return set()
    among = FlowRunFilter(id=FlowRunFilterId(any_=list(known)))
    alive = {one.id for one in client.read_flow_runs(flow_run_filter=among, limit=PAGE)}
    gone = {run_id for flow_run_id in known - alive for run_id in rundir.run_ids_of(flow_run_id)}
    return directories.keys() & gone
