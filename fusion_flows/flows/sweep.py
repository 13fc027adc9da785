"""The flow `fusion-sweep`: many points, each computed once, reported together."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast
from uuid import UUID

from prefect import get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import deployment
from prefect.runtime import flow_run as current
from prefect.states import Failed
from pydantic import BaseModel, ConfigDict, WithJsonSchema

from fusion.config.config import ConfigError, to_ini
from fusion.config.counts import agreeing, counted
from fusion.results.files import write_atomic
from fusion.results.provenance import RunFile
from fusion.simulation.pool import usable_cpus
from fusion.sweep.chunks import next_chunk
from fusion.sweep.definition import Sweep, make_sweep
from fusion.sweep.failed_points import failed_points
from fusion.sweep.point_file import write_points
from fusion.sweep.point_state import PointState, how_far, point_states, take_in
from fusion.sweep.points import Point, sweep_points
from fusion.sweep.relative_paths import with_absolute_paths
from fusion.sweep.results import POINTS, REPLICATIONS, write_tables
from fusion.sweep.store import Store
from fusion_flows.engines.dask_engine import compute_on_dask
from fusion_flows.engines.names import LOCAL, check_engine
from fusion_flows.engines.pool_engine import compute_on_workers
from fusion_flows.engines.simulator import options_of, simulator, workers_of
from fusion_flows.flows import form, known_stores
from fusion_flows.flows.sweep_parameter import (
    data_of_parameter,
    sweep_as_parameter,
    sweep_of_parameter,
)
from fusion_flows.following.flow_ends import (
    SimulationError,
    failure_of,
    interruptible_flow,
    told_in_words,
)
from fusion_flows.following.last_news import LastNews, complete
from fusion_flows.following.parameters import Text, refuse_forgotten
from fusion_flows.following.parts import CHECK_POINTS, READ_STORE, SIMULATE, Parts
from fusion_flows.following.reporting import follow
from fusion_flows.following.sweep_follower import SweepFollower
from fusion_flows.following.sweep_report import SweepFindings, find, write_parquet
from fusion_flows.process.marks import end_marked
from fusion_flows.report.setting import sweep_name
from fusion_flows.rundir import directory as rundir
from fusion_flows.rundir import lock as run_lock
from fusion_flows.rundir import sent_files
from fusion_flows.rundir.directory import RunDirectory
from fusion_flows.rundir.redaction import redact
from fusion_flows.server import known_folders
from fusion_flows.server.connection import Connection
from fusion_flows.server.run_labels import add_tags, given_name
from fusion_flows.server.run_record import recorded
from fusion_flows.server.settings import Settings
from fusion_flows.server.watch import Watch

if TYPE_CHECKING:
    import pandas

"""The engine that computes on this machine."""

CHUNK_SECONDS = 30.0
"""What one simulator process works on: long against its start, short against what a kill may cost."""

_GO_ON = "the same sweep, run again, continues from there"
_MOST_DEATHS = 3  # of simulators one after the other that have computed nothing


# A dictionary is read by the flow itself, as its messages say more than those of Prefect.
SweepParameter = Annotated[dict[str, Any] | Sweep, WithJsonSchema(form.sweep_schema())]
Engine = Annotated[str, WithJsonSchema(form.engine_schema())]


class SweepResult(BaseModel):
    """The results of a sweep: where its tables are."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    run_dir: Path
    points_csv: Path
    """A row per point and metric."""
    replications_csv: Path
    """A row per replication that is used."""
    plot: Path | None
    """Plot of the metric over load, as PNG; None if it could not be drawn."""
    report: Path | None
    """The report, as one HTML file; None if it could not be written."""
    store: Path
    points: int

    def frame(self) -> "pandas.DataFrame":
        """Return points.csv as a data frame."""
        import pandas  # here, as it is slow to load and a worker has no use for it

        return pandas.read_csv(self.points_csv)


def _run_name() -> str:
    given = current.parameters
    if name := given_name(given):
        return name
    try:
        sweep = sweep_of_parameter(given["sweep"])
    except ConfigError:  # the run itself will say so
        return _name_as_asked(given["sweep"])
    return sweep_name(sweep)


def _name_as_asked(sweep: object) -> str:
    """Return what tells a sweep that cannot begin from others. sweep: of which anything may be wrong."""
    if not isinstance(sweep, Mapping):
        return "sweep"
    axes = sweep.get("axes")
    asked = [str(axis) for axis in axes if axis] if isinstance(axes, list) else []
    name = " ".join(["sweep", Path(str(sweep.get("template") or "")).stem, "; ".join(asked)])
    return redact(" ".join(name.split()))[:80]


def _as_parameter(name: str, value: Any) -> Any:
    is_sweep = name == "sweep" and isinstance(value, Mapping | Sweep)
    return sweep_as_parameter(value) if is_sweep else value


@interruptible_flow("fusion-sweep", _run_name, _as_parameter, form.form_of_a_sweep)
def fusion_sweep(
    sweep: SweepParameter, name: Text = "", engine: Engine = LOCAL, failed: bool = False
) -> SweepResult:
    """Compute the missing points of a sweep, and report on all of them.

    Points in the store are not computed again, whichever sweep computed them; run an interrupted sweep
    again to resume it.

    Args:
        sweep: The points: a template, what is changed in it, and the axes.
        name: Name of the run in lists; empty: the template, or the one network of all points, and the axes.
        engine: What computes: local, a simulator process on this machine with all its CPUs; the
            address of a Dask scheduler, such as tcp://host:8786; or a deployment of the flow
            fusion-points, such as fusion-points/worker-points, whose workers compute.
        failed: Compute only the points that failed when they were computed last.

    Raises ConfigError for a sweep that cannot be run (nothing is started then), SimulationError when points
    fail (all others are completed), StoreError when the store has contradictory results, RunDirectoryError
    when the run directory cannot be created.
    """
    return told_in_words(lambda: _with_sent_files(sweep, engine, failed=failed))


def _with_sent_files(sweep: dict[str, Any] | Sweep, engine: str, *, failed: bool) -> SweepResult:
    refuse_forgotten("failed")
    settings = Settings()
    flow_run_id = UUID(str(current.id))
    sent = sent_files.folder_of(settings.runs_dir, flow_run_id)
    with Connection(get_run_logger()) as connection:
        parts = Parts(flow_run_id, connection)
        try:
            with parts.part(CHECK_POINTS):
                given = data_of_parameter(sweep)
                if isinstance(given, dict):
                    given = sent_files.receive(given, sent)
                made = make_sweep(given, "sweep")
                points = _check(made, engine, settings, sent)
            return _sweep(made, points, engine, connection, parts, settings, failed=failed)
        except ConfigError:
            sent_files.discard(sent)
            raise


def _check(sweep: Sweep, engine: str, settings: Settings, sent: Path) -> list[Point]:
    """Return the points of a sweep. Raises ConfigError for what cannot be computed by this engine."""
    check_engine(engine, "the parameters of the flow")
    return _points(sweep, settings, sent, get_run_logger().info)


def _sweep(
    sweep: Sweep,
    points: list[Point],
    engine: str,
    connection: Connection,
    parts: Parts,
    settings: Settings,
    *,
    failed: bool,
) -> SweepResult:
    logger = get_run_logger()
    flow_run_id = UUID(str(current.id))
    run_id = rundir.own_run_id(settings.runs_dir, flow_run_id)
    run = rundir.create(
        settings.runs_dir,
        run_id,
        # With it the sweep can be computed again from any folder.
        sweep=with_absolute_paths(sweep, Path()).model_dump_json(
            indent=1, exclude=None if sweep.sent_settings else {"sent_settings"}
        ),
    )
    with run_lock.hold_own(run, run_id), recorded(run, connection) as record:
        known_folders.remember(known_folders.RUNS, settings.runs_dir)
        with parts.part(READ_STORE):
            store = Store(settings.store)
            store.describe(points)
            known_stores.remember(store)
            states = point_states(points, store.read(point.key for point in points), sweep.metric)
        there = sum(state.is_done for state in states)
        logger.info("Run directory: %s", run.path)
        all_points = counted(len(points), "point")
        logger.info("%s, %d of them complete in the store %s", all_points, there, store.folder)
        is_new = not any(state.outcomes for state in states)
        if is_new and (elsewhere := known_stores.hint({point.key for point in points}, store)):
            logger.warning("%s", elsewhere)
        wanted: Sequence[PointState] = states
        if failed:
            failures = failed_points(store, states)
            wanted = [state for state in states if state.point.key in failures]
            logger.info("%d of them failed last time: these are computed", len(wanted))
        run_file = RunFile(run.provenance)
        run_file.begin(
            sweep=sweep.template, points=len(points), engine=engine, store=str(store.folder)
        )
        if run.log.exists():  # of an attempt that was killed a moment ago
            end_marked(str(flow_run_id), settings.grace_seconds)
        add_tags(
            connection, flow_run_id, "sweep", sweep.template, (point.config for point in points)
        )
        watch = Watch(connection, flow_run_id)
        follower = SweepFollower(
            run,
            flow_run_id,
            connection,
            logger,
            sweep,
            wanted,
            cores=workers_of(points) or usable_cpus(),
            settings=settings,
            paused=lambda: watch.paused,
            parts=parts,
        )

        def held() -> State | None:
            return watch.held(follower.look)

        def write_last(partial: str, exit_code: int = 1) -> None:
            _write_last(follower, run, run_file, sweep, states, partial, exit_code)

        def draw(partial: str, suspended: bool) -> SweepFindings:
            return find(run, sweep, states, partial, suspended=suspended)

        last = LastNews(
            run, flow_run_id, connection, record, logger, follower, parts, draw, write_last
        )
        parts.begin(SIMULATE)
        parts.tell()
        try:
            last.show_that_it_goes_on()
            if engine == LOCAL:
                end = _compute(sweep, run, store, wanted, follower, watch, settings)
            elif "://" in engine:
                end = compute_on_dask(engine, sweep.metric, wanted, store, follower, held)
            else:
                end = compute_on_workers(
                    engine,
                    sweep.metric,
                    wanted,
                    store,
                    follower,
                    held,
                    connection,
                    flow_run_id,
                )
        except SimulationError as error:
            failure = str(error)
            parts.end_all(Failed(message=failure))
            write_last(failure)
            last.show_later(failure)
            raise
        except BaseException as error:
            if (final := last.end_by(error)) is None:
                raise
            return cast(SweepResult, final)
        if isinstance(end, State):
            return cast(SweepResult, last.end_in(end))
        connection.wait(settings.server_wait_seconds)
        failure = _failures(run, states)
        missing = sum(not state.is_done for state in wanted)
        if missing:
            not_complete = (
                f"{counted(missing, 'point')} {agreeing(missing, 'is', 'are')} not complete"
            )
            failure += f"\n{not_complete}, though nothing failed; run it again."
        others = sum(not state.is_done for state in states) - missing
        if failure:
            parts.end_all(Failed(message=failure))
            write_last(failure)
            last.show_later(failure)
            raise SimulationError(failure, 1)
        waiting = (
            f"{counted(others, 'other point')} {agreeing(others, 'waits', 'wait')} for a run of all points"
            if others
            else ""
        )
        parts.end(SIMULATE)
        write_last(waiting, 0)
        findings = last.show(waiting, wait_seconds=settings.server_wait_seconds)
    result = SweepResult(
        run_id=run.run_id,
        run_dir=run.path,
        points_csv=run.output / POINTS,
        replications_csv=run.output / REPLICATIONS,
        plot=findings.plot if findings else None,
        report=findings.report if findings else None,
        store=store.folder,
        points=len(points),
    )
    said = f"{counted(len(points), 'point')} complete"
    if findings and findings.found:
        said += f", {findings.found}"
    return cast(SweepResult, complete(said, result))


_checked: list[tuple[Sweep, list[Point]]] = []


@contextmanager
def checked_before(sweep: Sweep, points: list[Point]) -> Iterator[None]:
    """Let a flow that is called in here take the points of a sweep as they are, and not read them again."""
    _checked.append((sweep, points))
    try:
        yield
    finally:
        _checked.pop()


def _points(
    sweep: Sweep, settings: Settings, sent: Path, say: Callable[[str], None]
) -> list[Point]:
    """Return the points of a sweep. sent: folder that may be read, too."""
    remote = deployment.id is not None
    for known, points in () if remote else _checked:
        if known == sweep:
            return points
    places = settings.places(remote=remote)
    if places["input_dirs"] is not None:
        places["input_dirs"] = (*places["input_dirs"], sent)
    return sweep_points(sweep, **places, say=say)


def _compute(
    sweep: Sweep,
    run: RunDirectory,
    store: Store,
    states: Sequence[PointState],
    follower: SweepFollower,
    watch: Watch,
    settings: Settings,
) -> State | None:
    """Have simulators compute what is missing; return the state in which the run is to end early."""
    deaths = 0
    while chunk := next_chunk(states, follower.requests_per_second, CHUNK_SECONDS):
        before = how_far(chunk)
        points = [state.point for state in chunk]
        write_points(run.order, points, sweep.metric)
        outcomes = store.new_file()
        follower.read_from(outcomes)
        options = options_of(points, run.order, store, outcomes, run.progress)
        grace, mark = settings.grace_seconds, str(current.id)
        with simulator("run_points", options, log=run.log, grace_seconds=grace, mark=mark) as tree:
            end = follow(
                tree,
                follower.look,
                watch.ended,
                follower.glance,
                lambda: watch.paused,
                follower.stall,
            )
        follower.look()
        follower.pause()
        if isinstance(end, State):
            return end
        if end == 0:
            if not all(state.is_done for state in chunk):
                _take_in(store, states, follower)
            if how_far(chunk) == before:
                raise SimulationError(_nothing_done(chunk, store), 1)
            continue
        # A process that was killed is started again, as what it had finished counts; one that is killed
        # again and again, or fails by itself, has a reason that does not go away.
        computed = how_far(chunk) != before
        deaths = 0 if computed else deaths + 1
        if (end <= 128 and not computed) or deaths >= _MOST_DEATHS:
            raise SimulationError(failure_of(run, follower.error, end, _GO_ON), end)
        get_run_logger().warning("The simulator ended with exit code %d; it is started again", end)
    return None


def _take_in(store: Store, states: Sequence[PointState], follower: SweepFollower) -> None:
    """Take in what other sweeps have written to the store meanwhile.

    A simulator reads the store when it starts and leaves out what is there, so that its own file lacks it.
    """
    undone = [state for state in states if not state.is_done]
    new = take_in(undone, store.read(state.point.key for state in undone))
    if new:
        get_run_logger().info(
            "%s of another sweep came from the store", counted(new, "replication")
        )
        follower.look()


def _nothing_done(chunk: Sequence[PointState], store: Store) -> str:
    undone = sum(not state.is_done for state in chunk)
    return (
        f"The simulator says that nothing is left to compute, but the store {store.folder} lacks "
        f"replications of {undone} of the {counted(len(chunk), 'point')} that it was given: has something "
        f"been deleted there? What was finished is kept; {_GO_ON}."
    )


def _write_last(
    follower: SweepFollower,
    run: RunDirectory,
    run_file: RunFile,
    sweep: Sweep,
    states: Sequence[PointState],
    partial: str,
    exit_code: int,
) -> None:
    """Write the tables of what there is when a run has ended; nothing here can end it worse."""
    try:
        run_file.end(exit_code, redact(partial) or "complete")
        follower.glance()
        write_tables(run.output, states, sweep.axes)
        write_parquet(run.output)
    except OSError as error:
        get_run_logger().warning("cannot write what was finished: %s", error)


def _failures(run: RunDirectory, states: Sequence[PointState]) -> str:
    """Return the failed points grouped by error, each group with what reproduces one; or nothing."""
    groups: dict[str, list[PointState]] = defaultdict(list)
    for state in states:
        if state.failure is not None:
            groups[state.failure.error].append(state)
    if not groups:
        return ""
    count = sum(map(len, groups.values()))
    lines = [
        f"{count} of {counted(len(states), 'point')} failed. Once the cause is fixed, `fusion "
        "sweep --failed` computes only these; the results of the others are kept."
    ]
    for error, failed in groups.items():
        config = run.path / "failed" / f"{failed[0].point.key[:12]}.ini"
        config.parent.mkdir(exist_ok=True)
        write_atomic(config, to_ini(failed[0].point.config).encode())
        lines.append(
            f"{len(failed)} x {error}; one of them again: "
            f"fusion-sim --config {config} --output-dir {config.with_suffix('')}"
        )
    return "\n".join(lines)
