"""Find a run by its run id or the start of it, its name, or its flow run id."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from fusion.config.problems import show
from fusion_flows.rundir import directory as rundir
from fusion_flows.rundir import lock as run_lock
from fusion_flows.rundir.directory import RunDirectory
from fusion_flows.rundir.file_state import recorded_flow_run, recorded_name
from fusion_flows.runs.recorded import called, directories, names_of
from fusion_flows.server import known_folders
from fusion_flows.server.paging import PAGE, pages

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.filters import FlowFilter
    from prefect.client.schemas.objects import Artifact, FlowRun, State

RECENT = 200
"""Runs among which the one that was meant is looked for."""

_FLOWS = ["fusion", "fusion-sweep", "fusion-train"]  # runs of fusion-points are parts of a sweep
_ENDED = (  # what the news of a run that goes on say, and what is true when it does not
    (re.compile(r", ETA [\d:]+"), ""),
    (re.compile(r"^(stalled since [^,]*|paused|compiling), "), ""),
    (re.compile(r"\b(\d+) running\b"), r"\1 begun"),
    (re.compile(r"\b(\d+) waiting\b"), r"\1 not begun"),
    (re.compile(r", (running|paused)$"), ", interrupted"),
)
_PREFIX = re.compile(r"[0-9a-f]{4,12}")
_ID_DIGITS = 12
_START_OF_UUID = re.compile(r"[0-9a-f]{4,8}|[0-9a-f]{8}-[0-9a-f-]{0,27}")
_TOLD = 10  # candidates in a message
_CLOCKS = timedelta(days=1)  # the server's may be another than that of this disk


class RunError(RuntimeError):
    """A run that is not there or not in the state for what is asked; the message says all."""


class NoSuchRunError(RunError):
    """No run, or more than one, is called that."""


class Run(BaseModel):
    """A run, as shown in a list."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    flow_run_id: UUID | None
    """None if Prefect has no flow run for the run directory."""
    name: str
    state: str
    """Prefect's name of the state; empty if Prefect does not know the run."""
    message: str
    """Message of the state."""
    over: bool
    """Whether the state is final."""
    percent: float | None
    """Progress over all loads and replications; None before the first progress report."""
    news: str
    """Progress and the latest result, in one line."""
    created: datetime | None
    started: datetime | None
    """When it first started running; None if it never did."""
    ended: datetime | None
    duration_seconds: float | None
    """Time spent running, over all attempts."""


class Found(NamedTuple):
    """Where a run is: in Prefect, on this disk, or both."""

    run_id: str
    flow_run: "FlowRun | None"
    directory: RunDirectory | None
    """A run that was resumed has that of the run that it goes on with."""

    @property
    def directory_id(self) -> str:
        """The run id of the run that its directory was made for, whether it is here or not."""
        if self.directory is not None:
            return self.directory.run_id
        return Path(resumed_by(self.flow_run)).name or self.run_id

    @property
    def state(self) -> "State[Any] | None":
        """What Prefect says of the flow run; None where it says nothing."""
        return self.flow_run.state if self.flow_run else None

    @property
    def is_held(self) -> bool:
        """Whether a process on this machine holds the directory."""
        return self.directory is not None and run_lock.in_use(self.directory)

    @property
    def name(self) -> str:
        """The name of the flow run, or nothing."""
        return self.flow_run.name if self.flow_run else ""

    @property
    def called(self) -> str:
        """What a message calls it."""
        return f"run {self.run_id}{f' ({self.name})' if self.name else ''}"

    @property
    def to_go_on(self) -> str:
        """What a person types to compute what it left."""
        if self.directory is not None:
            return rundir.command_to_go_on(self.directory)
        if self.flow_run and "sweep" in self.flow_run.parameters:
            return "fusion sweep"
        return f"fusion run --resume {self.run_id}"


def our_flows() -> "FlowFilter":
    """Return the filter for runs that a person has started."""
    from prefect.client.schemas.filters import FlowFilter, FlowFilterName

    return FlowFilter(name=FlowFilterName(any_=_FLOWS))


def find(client: "SyncPrefectClient", run: str, runs_dir: Path) -> Found:
    """Return the run that is called so: by run id, by 4 or more of its first digits, by name.

    The id of a flow run is good, too. A run that Prefect does not know is found by what its files call it.
    The name of a run that was resumed means the newest attempt. Raises NoSuchRunError with the candidates.
    """
    text = run.strip()
    if (flow_run_id := _uuid(text)) is not None:
        flow_run = _read(client, flow_run_id)
        found = [located(rundir.own_run_id(runs_dir, flow_run_id), flow_run, runs_dir)]
        found = [one for one in found if one.flow_run or one.directory]
    else:
        # A run that is to resume what is called so may have got the same name.
        named = [
            one for one in _matches(client, text, runs_dir) if resumed_by(one.flow_run) != text
        ]
        found = _newest_attempts(text, named)
    if not found:  # Prefect may have forgotten it, or have another database now
        known = ((one.run, names_of(one.run)) for one in directories(runs_dir))
        found = [Found(one.run_id, None, one) for one in called(text, known)]
    if len(found) == 1:
        return found[0]
    if found:
        raise NoSuchRunError(ambiguous(text, found))
    raise NoSuchRunError(_unknown(client, text, runs_dir))


def _newest_attempts(name: str, found: list[Found]) -> list[Found]:
    """Return these runs; of those with this name that have one directory only the one made last."""
    newest: dict[str, Found] = {}
    for one in found:
        key = one.directory_id if one.name == name else f"by id {one.run_id}"
        other = newest.get(key)
        if other is None or _made(one.flow_run) > _made(other.flow_run):
            newest[key] = one
    return list(newest.values())


def _made(flow_run: "FlowRun | None") -> float:
    return flow_run.created.timestamp() if flow_run and flow_run.created else 0.0


def resumed_by(flow_run: "FlowRun | None") -> str:
    """Return the run id or the directory of the run that this one was to finish; empty for a new one."""
    resumed = str(flow_run.parameters.get("resume") or "") if flow_run else ""
    flow_run_id = _uuid(resumed) if "-" in resumed else None
    return rundir.run_id_of(flow_run_id) if flow_run_id else resumed


def attempts(
    client: "SyncPrefectClient", directories: Iterable[RunDirectory]
) -> dict[str, list["FlowRun"]]:
    """Return the flow runs that have these directories, by the run id of the directory, oldest first.

    They are the one that a directory was made for, and all that were to finish what it had left, also those
    that still wait.
    """
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterExpectedStartTime

    frozen = {}
    found: dict[str, dict[UUID, FlowRun]] = {}
    for directory in directories:
        owner = _with_prefix(client, directory.run_id)
        found[directory.run_id] = {one.id: one for one in owner}
        if directory.config.is_file():  # only a run is resumed, and only once this is there
            frozen[directory.run_id] = directory.config.stat().st_mtime
    if frozen:
        after = datetime.fromtimestamp(min(frozen.values()), UTC) - _CLOCKS
        started = FlowRunFilterExpectedStartTime.model_validate({"after_": after})
        for flow_run in _all(client, FlowRunFilter(expected_start_time=started)):
            run_id = Path(resumed_by(flow_run)).name
            if run_id in frozen:
                found[run_id][flow_run.id] = flow_run
    return {run_id: sorted(those.values(), key=_made) for run_id, those in found.items()}


def by_directory(runs_dir: Path, flow_runs: Iterable["FlowRun"]) -> dict[str, list["FlowRun"]]:
    """Return the flow runs that have a directory in common, by the run id of that, oldest first.

    flow_runs: all that there are, so that it takes one pass where `attempts` asks for each directory.
    """
    found: dict[str, list[FlowRun]] = {}
    for flow_run in flow_runs:
        run_id = rundir.own_run_id(runs_dir, flow_run.id)
        # A run that is to finish another has the directory of that one. A sweep is not finished so.
        resumed = Path(resumed_by(flow_run)).name
        if resumed and (rundir.absolute(runs_dir) / resumed / "config.ini").is_file():
            run_id = resumed
        found.setdefault(run_id, []).append(flow_run)
    return {run_id: sorted(those, key=_made) for run_id, those in found.items()}


def last_uses(sharing: Mapping[str, Sequence["FlowRun"]]) -> dict[str, datetime | None]:
    """Return when a directory was last in use by a run that resumed another, by its run id.

    None: a run that has it is not over. sharing: see `by_directory`.
    """
    uses: dict[str, datetime | None] = {}
    for run_id, flow_runs in sharing.items():
        if any(one.state is None or not one.state.is_final() for one in flow_runs):
            uses[run_id] = None
            continue
        times = [_plain(one.end_time) for one in flow_runs if resumed_by(one)]
        if (latest := max(filter(None, times), default=None)) is not None:
            uses[run_id] = latest
    return uses


def find_by_prefix(run: str, runs_dir: Path) -> RunDirectory | None:
    """Return the only directory here whose run id begins so."""
    text = run.strip().lower()
    if not _PREFIX.fullmatch(text):
        return None
    here = [one for one in rundir.list_runs(runs_dir) if one.run_id.startswith(text)]
    return here[0] if len(here) == 1 else None


def refresh(client: "SyncPrefectClient", found: Found) -> Found:
    """Return the run as Prefect has it now; without a flow run when it was deleted meanwhile."""
    if found.flow_run is None:
        return found
    return found._replace(flow_run=_read(client, found.flow_run.id))


def described(found: Found, progress: Any = None) -> Run:
    """Return a run as lists show it.  progress: its progress artifact, where there is one."""
    flow_run = found.flow_run
    state = flow_run.state if flow_run else None
    data = progress.data if progress else None
    over = state.is_final() if state else flow_run is None
    news = (progress.description or "") if progress else ""
    # Of a run that ended while it waited Prefect has a start, too: the time of its end.
    has_begun = flow_run is not None and flow_run.run_count > 0
    return Run(
        run_id=found.run_id,
        flow_run_id=flow_run.id if flow_run else None,
        name=found.name,
        state=(state.name or "") if state else "",
        message=(state.message or "") if state else "",
        over=over,
        percent=float(data) if isinstance(data, int | float) else None,
        news=as_ended(news) if over else news,
        created=_plain(flow_run.created) if flow_run else None,
        started=_plain(flow_run.start_time) if flow_run and has_begun else None,
        ended=_plain(flow_run.end_time) if flow_run else None,
        duration_seconds=flow_run.estimated_run_time.total_seconds()
        if flow_run and has_begun
        else None,
    )


def as_ended(text: str) -> str:
    """Return the news of a run that was killed before it could say that it is over."""
    for said, after in _ENDED:
        text = said.sub(after, text)
    return text


def progress_of(client: "SyncPrefectClient", flow_runs: Iterable["FlowRun"]) -> dict[UUID, Any]:
    """Return the progress artifacts of at most a page of flow runs, by flow run."""
    artifacts = artifacts_of(client, flow_runs, "progress")
    return {artifact.flow_run_id: artifact for artifact in artifacts if artifact.flow_run_id}


def artifacts_of(
    client: "SyncPrefectClient", flow_runs: Iterable["FlowRun"], *kinds: str
) -> list["Artifact"]:
    """Return the artifacts of these kinds of at most a page of flow runs."""
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    ids = [run_id for one in flow_runs for run_id in rundir.run_ids_of(one.id)]
    found: list[Artifact] = []
    for kind in kinds if ids else ():  # each kind is a page at most
        key = ArtifactFilterKey(any_=[rundir.artifact_key(kind, run_id) for run_id in ids])
        found += client.read_artifacts(artifact_filter=ArtifactFilter(key=key), limit=PAGE)
    return found


def _plain(time: Any) -> datetime | None:
    """Return a time of Prefect's as one of the standard library, in UTC."""
    return None if time is None else datetime.fromtimestamp(time.timestamp(), UTC)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _read(client: "SyncPrefectClient", flow_run_id: UUID) -> "FlowRun | None":
    from prefect.exceptions import ObjectNotFound

    try:
        return client.read_flow_run(flow_run_id)
    except ObjectNotFound:
        return None


def located(run_id: str, flow_run: "FlowRun | None", runs_dir: Path) -> Found:
    """Return a run with its directory, where it is here. A run that was resumed has that of another."""
    resumed = resumed_by(flow_run)
    try:
        directory = rundir.open_run(runs_dir, Path(resumed).name or run_id)
        if resumed:  # a run that was to resume a sweep has none of its files
            rundir.refuse_to_resume_sweep(directory)
    except rundir.RunDirectoryError:
        directory = None
    return Found(run_id, flow_run, directory)


def not_in_prefect(
    client: "SyncPrefectClient", candidates: Sequence[RunDirectory]
) -> list[RunDirectory]:
    """Return those of at most a page of run directories whose flow run Prefect does not know."""
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    recorded = {one.path: _uuid(recorded_flow_run(one)) for one in candidates}
    asked = [flow_run_id for flow_run_id in recorded.values() if flow_run_id is not None]
    known = set()
    if asked:
        by_id = FlowRunFilter(id=FlowRunFilterId(any_=asked))
        known = {one.id for one in client.read_flow_runs(flow_run_filter=by_id, limit=PAGE)}
    return [
        one
        for one in candidates
        if recorded[one.path] not in known
        and not (recorded[one.path] is None and _by_artifact(client, one.run_id))
    ]


def _matches(client: "SyncPrefectClient", text: str, runs_dir: Path) -> Iterator[Found]:
    """Yield each run whose name this is or whose run id begins with it; else those whose flow run id does."""
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName

    known = set()
    named = FlowRunFilter(name=FlowRunFilterName(any_=[text]))
    start = text.lower()
    with_prefix = _with_prefix(client, start) if _PREFIX.fullmatch(start) else ()
    for flow_runs in (_all(client, named) if text else (), with_prefix):
        for flow_run in flow_runs:
            run_id = rundir.own_run_id(runs_dir, flow_run.id)
            if run_id not in known:
                known.add(run_id)
                yield located(run_id, flow_run, runs_dir)
    if _PREFIX.fullmatch(text.lower()):
        for directory in rundir.list_runs(runs_dir):
            if directory.run_id.startswith(text.lower()) and directory.run_id not in known:
                known.add(directory.run_id)
                yield Found(directory.run_id, None, directory)
    if not known and _START_OF_UUID.fullmatch(start):  # as in the address of a page of Prefect's UI
        for flow_run in _all(client, None):
            if str(flow_run.id).startswith(start):
                yield located(rundir.own_run_id(runs_dir, flow_run.id), flow_run, runs_dir)


def _with_prefix(client: "SyncPrefectClient", prefix: str) -> Iterator["FlowRun"]:
    """Yield the flow runs whose run id begins so.

    Prefect cannot look for a part of an id. A whole run id it finds by the key of an artifact,
    which a run has from its first news on; else all runs have to be looked through.
    """
    if len(prefix) == _ID_DIGITS and (flow_run := _by_artifact(client, prefix)):
        yield flow_run
        return
    for flow_run in _all(client, None):
        if any(run_id.startswith(prefix) for run_id in rundir.run_ids_of(flow_run.id)):
            yield flow_run
            if len(prefix) == _ID_DIGITS:
                return


def _by_artifact(client: "SyncPrefectClient", run_id: str) -> "FlowRun | None":
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    key = ArtifactFilterKey(
        any_=[rundir.artifact_key(kind, run_id) for kind in ("progress", "report")]
    )
    for artifact in client.read_artifacts(artifact_filter=ArtifactFilter(key=key), limit=2):
        if artifact.flow_run_id and (flow_run := _read(client, artifact.flow_run_id)):
            return flow_run
    return None


def _all(client: "SyncPrefectClient", flow_run_filter: Any) -> Iterator["FlowRun"]:
    from prefect.client.schemas.sorting import FlowRunSort

    def read(offset: int) -> "list[FlowRun]":
        return client.read_flow_runs(
            flow_filter=our_flows(),
            flow_run_filter=flow_run_filter,
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=PAGE,
            offset=offset,
        )

    return chain.from_iterable(pages(read))


def ambiguous(text: str, found: list[Found]) -> str:
    """Return that several runs are called so, and which."""
    told = "; ".join(_told(one) for one in found[:_TOLD])
    more = f"; and {len(found) - _TOLD} more" if len(found) > _TOLD else ""
    return f"{len(found)} runs are called '{show(text)}'; give the run id of one: {told}{more}"


def _told(found: Found) -> str:
    state = found.state
    return f"{found.run_id} ({(state.name if state else '') or 'not in Prefect'})"


def unknown(text: str, names: Mapping[str, str], ids: Iterable[str], where: str = "") -> str:
    """Return that no run is called so, with those that may be meant.

    names: of runs, with their run ids. ids: of runs. where: nothing is called so; empty: nowhere.
    """
    near = [f"{names[name]} ({name})" for name in get_close_matches(text[:200], names)]
    starts = {run_id[: len(text)]: run_id for run_id in ids}
    near += [starts[start] for start in get_close_matches(text[:200].lower(), starts)]
    nearest = f"; the nearest: {', '.join(dict.fromkeys(near))}" if near else ""
    short = "; of a run id, give at least the first 4 digits" if len(text) < 4 else ""
    return f"there is no run '{show(text)}'{where}{nearest}{short}; `fusion runs` lists them"


def _unknown(client: "SyncPrefectClient", text: str, runs_dir: Path) -> str:
    recent = client.read_flow_runs(flow_filter=our_flows(), limit=RECENT)
    names = {flow_run.name: rundir.own_run_id(runs_dir, flow_run.id) for flow_run in recent}
    ids = [rundir.own_run_id(runs_dir, flow_run.id) for flow_run in recent]
    for directory in rundir.list_runs(runs_dir)[:RECENT]:
        ids.append(directory.run_id)
        if name := recorded_name(directory):
            names.setdefault(name, directory.run_id)
    for folder in other_folders(runs_dir):
        if (found := find_by_prefix(text, folder)) is not None:
            elsewhere = in_another_folder(found, folder)
            return f"there is no run '{show(text)}' in {rundir.absolute(runs_dir)}; {elsewhere}"
    return unknown(text, names, ids)


def other_folders(runs_dir: Path) -> list[Path]:
    """Return further folders in which this machine has kept runs, the latest first."""
    here = rundir.absolute(runs_dir)
    others = [*reversed(known_folders.known(known_folders.RUNS)), rundir.absolute("runs")]
    return [each for each in dict.fromkeys(others) if each != here]


def in_another_folder(run: RunDirectory, folder: Path) -> str:
    """Return that a run is in another folder, and how to have it there."""
    return f"{folder} has {run.run_id}: set FUSION_RUNS_DIR={folder} to use it"
