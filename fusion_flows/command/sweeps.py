"""Sweeps at the command: planned, run, compared; keys of points explained."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from fusion.config.counts import counted
from fusion.config.ini import format_value
from fusion.config.policy_names import policy_name
from fusion.config.problems import nearest
from fusion.config.templates import template_names
from fusion.results.outcome import METRICS
from fusion.scenario.loops import loop_of
from fusion.scenario.offered_load import nominal_note, offered_per_nominal
from fusion.simulation.pool import usable_cpus
from fusion.sweep.chunks import REQUESTS_PER_SECOND, seconds_left
from fusion.sweep.compare import compare_along
from fusion.sweep.compare import loads_at as loads_of_states
from fusion.sweep.definition import Sweep, make_sweep, needs_blocking
from fusion.sweep.failed_points import failed_points
from fusion.sweep.joined_axes import POLICY, Along, along
from fusion.sweep.point_state import PointState, point_states
from fusion.sweep.points import sweep_points
from fusion.sweep.relative_paths import with_absolute_paths
from fusion.sweep.results import POINT_COLUMNS, point_rows
from fusion.sweep.store import Store
from fusion.sweep.sweep_file import read_sweep
from fusion.sweep.unequal_traffic import unequal_traffic
from fusion_flows.engines.names import check_engine
from fusion_flows.flows import known_stores
from fusion_flows.flows.run_store import run_of_file, store_of_run, used_by_flow
from fusion_flows.flows.sweep_parameter import sweep_as_parameter
from fusion_flows.pictures.relabelled import relabelled_comparison
from fusion_flows.rundir.sent_files import send
from fusion_flows.runs.time_expressions import ArgumentError
from fusion_flows.server import address as server_address
from fusion_flows.server.settings import Settings

if TYPE_CHECKING:
    import pandas

    from fusion_flows.command.submission import Submitted
    from fusion_flows.flows.sweep import SweepResult
    from fusion_flows.pictures.paper import Paper


_log = logging.getLogger("fusion_flows.sweeps")

SWEEP_DEPLOYMENT = "fusion-sweep/sweep"

SweepSource = Path | str | Sweep | Mapping[str, Any]
"""A TOML or JSON file with a sweep, the sweep itself, or what the file would hold."""


class PlannedPoint(NamedTuple):
    """One point of a plan."""

    axes: dict[str, Any]
    replications: int
    """That are in the store."""
    complete: bool
    key: str
    failed: str = ""
    """The error, where it failed when it was computed last."""


class Plan(BaseModel):
    """What a sweep would do."""

    model_config = ConfigDict(frozen=True)

    axes: list[str]
    points: list[PlannedPoint]
    complete: int
    """Points that are in the store."""
    failed: int
    """Points that failed when they were computed last: what `--failed` computes."""
    replications_left: int
    """An estimate where a stopping rule decides."""
    seconds: float
    """An estimate on this machine, which need not be the one that computes, with the time of compiling."""
    compile_seconds: float
    """Of these, for compiling, once on this machine; 0: what is needed is compiled."""
    store: Path
    nominal: str = ""
    """How offered loads differ from the nominal ones of the points; empty: they do not."""


def plan(file: SweepSource) -> Plan:
    """Show the points of a sweep, what the store has of them, and a time estimate. Nothing is computed.

    Args:
        file: The TOML or JSON file of the sweep, the sweep itself, or what the file would hold.

    Raises:
        ConfigError: The sweep is invalid; all errors are listed.
        StoreError: The store has contradictory results.
    """
    sweep, states, store = states_of(file)
    workers = max(state.point.config.simulation_settings.workers for state in states)
    failed = failed_points(store, states)
    left = [state for state in states if not state.is_done]
    compiling = 0.0
    if left:
        from fusion.simulation.compile_times import (
            seconds_to_compile,  # here, as numba is slow to load
        )

        compiling = seconds_to_compile(
            loop_of(state.point.config, state.point.inputs.policy) for state in left
        )
    return Plan(
        axes=sweep.axes,
        points=[
            PlannedPoint(
                dict(state.point.axes),
                len(state.outcomes),
                state.stop_reason is not None,
                state.point.key,
                failed.get(state.point.key, ""),
            )
            for state in states
        ],
        complete=sum(state.is_done for state in states),
        failed=len(failed),
        replications_left=sum(
            max(0, state.replications_needed - len(state.outcomes)) for state in states
        ),
        seconds=compiling + seconds_left(states, REQUESTS_PER_SECOND * (workers or usable_cpus())),
        compile_seconds=compiling,
        store=store.folder,
        nominal=nominal_note({offered_per_nominal(state.point.config) for state in states}),
    )


def _sweep_of(source: SweepSource) -> Sweep:
    if isinstance(source, Path | str):
        return read_sweep(source, templates=template_names(Settings().templates_dir))
    return source if isinstance(source, Sweep) else make_sweep(source, "the sweep")


def the_store(file: SweepSource | None = None) -> Store:
    """Return the store that is meant: one rule for all verbs, the flows and Python, see `Settings`.

    file: of a sweep; the one in a run directory means the store of its run.
    """
    run = run_of_file(file)
    return (run and store_of_run(run)) or Store(Settings().store)


def why_the_store(file: SweepSource) -> str:
    """Return why the store of a run is meant, in words; empty where the settings say which."""
    run = run_of_file(file)
    return f"which the run {run.run_id} of this sweep has used" if run else ""


class NothingFoundError(RuntimeError):
    """The store that is meant has nothing that could be shown; the message names it."""


def nothing_found(states: Sequence[PointState], store: Store, what: str) -> NothingFoundError:
    """Return what to tell when there is nothing to show. what: is done with it, such as draw."""
    there = sum(bool(state.outcomes) for state in states)
    message = (
        f"there is nothing to {what} yet: the store {store.folder} has results of {there} of the "
        f"{counted(len(states), 'point')} of this sweep; `fusion sweep` computes them"
    )
    elsewhere = "" if there else known_stores.hint({state.point.key for state in states}, store)
    return NothingFoundError(f"{message}. {elsewhere}" if elsewhere else message)


def states_of(
    file: SweepSource, store: Store | None = None, *, quiet: bool = False
) -> tuple[Sweep, list[PointState], Store]:
    """Return a sweep, what the store has of its points, and the store. Raises as `plan` does.

    store: None: the one that is meant. quiet: warn of nothing in the settings; whoever only shows results
    was told when they were computed.
    """
    settings = Settings()
    sweep = _sweep_of(file)
    points = sweep_points(sweep, **settings.places(remote=False), quiet=quiet)
    store = the_store(file) if store is None else store
    states = point_states(points, store.read(point.key for point in points), sweep.metric)
    return sweep, states, store


def sweep_here(
    file: SweepSource, *, name: str = "", engine: str = "local", failed: bool = False
) -> "SweepResult":
    """Compute the missing points of a sweep, here or (with --detach) on a worker.

    Args:
        file: The TOML or JSON file of the sweep, the sweep itself, or what the file would hold.
        name: Name of the run in lists; default: the template, or the network if all points have one,
            and the axes.
        engine: What computes: local (the default), the address of a Dask scheduler, such as
            tcp://host:8786, or a deployment whose workers compute, such as fusion-points/worker-points.
        failed: Compute only the points that failed last time.

    Raises:
        ConfigError: The sweep is invalid; all errors are listed.
        UnfinishedRunError: Points failed, or the run was ended from elsewhere.
        InterruptedRunError: Ctrl-C; what was finished is in the store.
        NoServerError: The server that is configured does not answer.
    """
    from fusion_flows.command.live import live
    from fusion_flows.command.run_here import InterruptedRunError, UnfinishedRunError

    check_engine(engine, "--engine")
    url = server_address.configure()  # first, as it says which store is meant, too
    sweep, states, store = states_of(file)
    if url:
        with server_address.connect():
            pass  # it answers
    from prefect.exceptions import CancelledRun, CrashedRun, TerminationSignal

    from fusion_flows.flows.sweep import checked_before, fusion_sweep
    from fusion_flows.following.flow_ends import SimulationError

    kept = (
        f"What was finished is in the store {store.folder}; the same command continues from there."
    )
    try:
        points = [state.point for state in states]
        with live("Starting the sweep ..."), checked_before(sweep, points), used_by_flow(store):
            return fusion_sweep(sweep, name=name, engine=engine, failed=failed)
    except KeyboardInterrupt:
        raise InterruptedRunError(f"Interrupted. {kept}") from None
    except (CancelledRun, CrashedRun, TerminationSignal) as ended:
        raise UnfinishedRunError(f"{str(ended) or 'The run was ended.'} {kept}") from None
    except SimulationError as failed:
        raise UnfinishedRunError(str(failed)) from None


def submit_sweep(
    file: SweepSource, *, name: str = "", engine: str = "local", failed: bool = False
) -> "Submitted":
    """Hand a sweep to a worker, through the deployment `fusion-sweep/sweep`, and return at once.

    It is checked here first. The settings of an INI file of one's own are sent, not its path, and so are
    the files that they and the axes name.

    Args:
        file: The TOML or JSON file of the sweep, the sweep itself, or what the file would hold.
        name: Name of the run in lists; default: the template, or the network if all points have one,
            and the axes.
        engine: Where points are computed, as for `fusion sweep`.
        failed: Compute only the points that failed last time.

    Raises:
        ConfigError: The sweep is invalid; all errors are listed.
        RunError: The server has no such deployment.
        NoServerError: No server answers, or none is known but the embedded one.
    """
    from fusion_flows.command.submission import hand_over, need_server

    need_server()
    parameters = sweep_parameters(file, name=name, engine=engine, failed=failed)
    return hand_over(SWEEP_DEPLOYMENT, parameters, parameters["name"])


def sweep_parameters(
    file: SweepSource, *, name: str = "", engine: str = "local", failed: bool = False
) -> dict[str, Any]:
    """Return what the deployment of sweeps takes, checked. Raises ConfigError."""
    from fusion_flows.command.submission import readable_dirs, settings_as_sent
    from fusion_flows.report.setting import sweep_name

    check_engine(engine, "--engine")
    sweep = with_absolute_paths(_sweep_of(file), Path())  # the worker is elsewhere
    plan(sweep)
    sent = sweep.model_dump(mode="json", exclude_defaults=True)
    settings = settings_as_sent(*sweep.settings)
    shown = {}
    if "template" in settings and not sweep.sent_settings:  # a shipped one, which a worker knows
        sent |= settings
        counting = sent["overrides"]
    else:
        counting = sent["sent_settings"] = sweep.sent_settings or settings["overrides"]
        if "overrides" in sent:  # they say what the sweep is called, and no file of them is read
            shown["overrides"] = sent.pop("overrides")
    if "k_paths" in sweep.axes:  # then what the template says of it does not count
        counting.get("compatibility_settings", {}).pop("k_paths_in_file", None)
    sent = send(sent, readable_dirs()) | shown
    return {
        "sweep": sweep_as_parameter(sent),
        "name": name or sweep_name(sweep),
        "engine": engine,
        "failed": failed,
    }


def where_it_goes(file: SweepSource | None = None) -> str:
    """Return in which store a sweep ends that is handed to a worker, and which one is read here."""
    here = the_store(file).folder
    server = server_address.meant()
    if server is None:
        return (
            "What it computes goes to the store of the machine whose worker takes it; plan, plot and the "
            f"others read {here}."
        )
    if server.store == here:
        return f"What it computes goes to the store {here}."
    why = (file is not None and why_the_store(file)) or (
        "as FUSION_STORE_DIR or FUSION_RUNS_DIR says here"
    )
    return (
        f"What it computes goes to the store of `fusion up`, {server.store}; plan, plot and the others "
        f"read {here}, {why}."
    )


def load_sweep(file: SweepSource, metrics: Sequence[str] = ()) -> "pandas.DataFrame":
    """Return the results of a sweep in the store, complete or not, as a data frame; nothing is computed.

    One row per point and metric, with the columns of points.csv; `attrs["store"]` names the store. If there
    are no results, the data frame is empty and a warning in the log says where results were found.

    Args:
        file: The TOML or JSON file of the sweep, the sweep itself, or what the file would hold.
        metrics: The metrics to return; default: all.

    Raises ConfigError and StoreError, and ArgumentError, a ValueError, for an unknown metric.
    """
    import pandas

    for metric in metrics:
        if metric not in METRICS:
            message = f"metrics: {metric} is not a metric; available: {', '.join(METRICS)}"
            raise ArgumentError(message + nearest(metric, METRICS))
    sweep, states, store = states_of(file, quiet=True)
    rows = point_rows(states, *([metrics] if metrics else []))
    if not rows:
        _log.warning("%s", nothing_found(states, store, "load"))
    frame = pandas.DataFrame(rows, columns=[*sweep.axes, *POINT_COLUMNS])
    frame.attrs["store"] = str(store.folder)
    return frame


def compare(file: SweepSource, axis: str, *, base: str = "") -> list[dict[str, Any]]:
    """Compare blocking at each load along an axis of a sweep, from the results so far.

    Replications that served the same requests are paired (common random numbers).

    Args:
        file: The TOML or JSON file of the sweep, the sweep itself, or what the file would hold.
        axis: The axis along which to compare, such as path_order; several, with commas between them, to
            compare them together; or policy, for all axes that make the policy.
        base: The value to compare the others with, such as hops or KSP-FF; default: the first.

    Raises:
        ConfigError: The sweep is invalid (all errors are listed), or the axis or base value is.
        StoreError: The store has contradictory results.
    """
    return compared_along(file, axis, base=base).rows


class Comparison(NamedTuple):
    """Which of the values on an axis blocks less."""

    axis: str
    """The axis; of several that are compared together, what they are called."""
    rows: list[dict[str, Any]]
    """As of `fusion.sweep.compare.compare_along`."""
    warnings: list[str]
    """Which values are offered different loads at one nominal load."""


def compared_along(
    file: SweepSource, axis: str, *, base: str = "", labels: Mapping[str, str] | None = None
) -> Comparison:
    """Do what `compare` does, and return what the axis is called and what to be warned of, too.

    labels: what values are called in the rows, as for `plot`; the base is a value. Raises NothingFoundError
    where the store has results, and no two of them are at one load and the same values of the other axes.
    """
    sweep, states, store = states_of(file, quiet=True)
    if labels:
        with_labels(sweep, labels)
    needs_blocking(sweep, "a comparison")
    together = along(states, sweep, axis)
    rows = compare_along(together, sweep, base or None)
    if not rows:
        raise _nothing_to_compare(states, store, together, together.base(base or None))
    warnings = unequal_traffic(together.states, rows, together.axis)
    shown = [
        relabelled_comparison(row, together.axis, together.others, labels or {}) for row in rows
    ]
    return Comparison(together.axis, shown, warnings)


def _nothing_to_compare(
    states: Sequence[PointState], store: Store, along_axis: Along, base: Any
) -> NothingFoundError:
    """Return why nothing is compared: there are no results, none of the base, or none beside it."""
    axis, others = along_axis.axis, along_axis.others
    computed = [state.point.axes for state in along_axis.states if state.outcomes]
    at_base = [axes for axes in computed if axes[axis] == base]
    if not at_base or len(at_base) == len(computed):
        return nothing_found(states, store, "compare")
    varying = [name for name in others if len({str(axes[name]) for axes in computed}) > 1]
    return NothingFoundError(
        f"there is nothing to compare {base} with: no other point with results has the same values of "
        f"{' and '.join(varying)}; axes that change together are compared together, as in "
        f"`fusion compare FILE {' '.join(axis.split(', '))} {varying[0]}`"
    )


def with_labels(sweep: Sweep, labels: Mapping[str, str]) -> Sweep:
    """Return a sweep with these labels before its own. Raises ConfigError for what is not a value."""
    return make_sweep({**sweep.model_dump(), "labels": {**sweep.labels, **labels}}, "--label")


def loads_at(file: SweepSource, target: float) -> list[dict[str, Any]]:
    """Show the load at which each curve of a sweep reaches a blocking probability, by interpolation.

    Only existing results are used, those of `fusion sweep`. A curve is the blocking over load at one
    combination of the other axes; it needs results at two loads or more, on both sides of the target. The
    interval comes from the replications at these loads, without the error of interpolating: narrow steps
    keep that small, and `fusion find-load` simulates at the load itself. Where a curve does not reach the
    target, the last column says on which side it stays.

    Args:
        file: The TOML or JSON file of the sweep, the sweep itself, or what the file would hold.
        target: The blocking probability, such as 0.01.

    Raises:
        ConfigError: The sweep is invalid; all errors are listed.
        StoreError: The store has contradictory results.
        ArgumentError: The target is not a probability.
    """
    _check_target(target)
    sweep, states, _ = states_of(file, quiet=True)
    return loads_of_states(states, sweep, target)


def find_loads(
    file: SweepSource,
    target: float,
    *,
    precision: float = 0.01,
    max_requests: float = 1e8,
    say: Callable[[str], None] = lambda text: None,
) -> list[dict[str, Any]]:
    """Find the load at which each combination of a sweep reaches a blocking probability, without a grid.

    It simulates on this machine at a few loads close to the one sought, which must lie between the ends
    of the axis erlang. Points in the store are not simulated again.

    Args:
        file: The TOML or JSON file of the sweep, the sweep itself, or what the file would hold.
        target: The blocking probability, such as 0.01.
        precision: Half-width of the interval, relative to the load, at which a search ends; default: 0.01.
        max_requests: Measured requests after which a search ends, however wide its interval; default: 1e8.
        say: Is told each round of a search, in a line.

    Raises:
        ConfigError: The sweep is invalid; all errors are listed.
        StoreError: The store has contradictory results.
        ArgumentError: A number out of bounds, or a curve with one load.
        SearchFailedError: The simulator failed; what was finished is in the store.
        InterruptedRunError: Ctrl-C; what was finished is in the store.
    """
    _check_target(target)
    if not 0.0 < precision < 1.0:
        raise ArgumentError(f"{precision:g} is not a precision: it must be between 0 and 1")
    if not max_requests >= 1.0:
        raise ArgumentError(f"{max_requests:g} requests are too few: it must be 1 or more")
    from fusion_flows.command.run_here import InterruptedRunError
    from fusion_flows.flows.load_search import search_loads

    sweep, states, store = states_of(file)
    try:
        return search_loads(
            sweep,
            [state.point for state in states],
            store,
            target,
            precision=precision,
            max_requests=max_requests,
            grace_seconds=Settings().grace_seconds,
            say=say,
        )
    except KeyboardInterrupt:
        raise InterruptedRunError(
            f"Interrupted. What was simulated is in the store {store.folder}; the same command continues "
            "from there."
        ) from None


def _check_target(target: float) -> None:
    if not 0.0 < target < 1.0:
        raise ArgumentError(f"{target:g} is not a blocking probability: it must be between 0 and 1")


def plot(
    file: SweepSource,
    *,
    metric: str = "",
    against: str = "",
    base: str = "",
    heat_map: tuple[str, str] | None = None,
    title: str | None = None,
    labels: Mapping[str, str] | None = None,
    only: Sequence[str] = (),
    bound: bool = False,
    target: Sequence[float] = (),
    load_limits: tuple[float, float] | None = None,
    limits: tuple[float, float] | None = None,
    width: Literal["auto", "column", "page"] = "auto",
    legend: Literal["below", "right", "inside", "none"] = "below",
    eps: bool = False,
    to: Path | str = "plots",
) -> list[Path]:
    """Plot the results of a sweep so far, as PNG, PDF and SVG, with the numbers as CSV.

    The picture shows curves over load, differences along an axis, or a heat map over two
    axes.

    Args:
        file: The TOML or JSON file of the sweep, the sweep itself, or what the file would hold.
        metric: Metric to plot, such as utilisation; default: the metric of the sweep.
        against: Plot differences along this axis, such as path_order; along several, with commas between
            them; or along policy; default: curves.
        base: The value to compare the others with; default: the first.
        heat_map: Two axes, such as erlang k_paths: a heat map for each combination of the others;
            default: curves.
        title: Title above the picture; default: the template, or the network if all points have one. ""
            for no title, for a figure with a caption.
        labels: What values of axes are called, such as {"first_fit": "first fit", "k_paths=3": "k = 3"};
            they go before the labels of the sweep. Without any, policies and fits have the names of the
            literature, such as KSP-FF and first fit.
        only: axis=value of the curves to draw, such as path_order=hops, or policy=KSP-FF; may be
            repeated, and all values of one axis are drawn; default: all curves.
        bound: Compute below which blocking no policy can be, and shade it behind the curves; each network and
            traffic has its own panel. See `fusion bound`.
        target: A value of the metric at which to draw a line, such as 0.01; may be repeated; default: none.
        load_limits: Lowest and highest load of the picture, in Erlang; default: all loads.
        limits: Lowest and highest value on the other axis; default: the range of the values.
        width: column (3.5 inches, one of two columns) or page (7.16 inches, both); default: as wide as
            needed.
        legend: Where it is: below (default) or to the right of the axes, inside, or none.
        eps: Write EPS, too.
        to: Folder for the files; default: plots.

    Raises:
        ConfigError: All that is wrong with the sweep; an unknown axis, value or metric.
        StoreError: The store has contradictory results.
        ArgumentError: Two kinds of picture at once, a bound on what has none, or a folder that cannot be
            written.
        RuntimeError: The simulator failed that computes the bound.
    """
    if against and heat_map:
        raise ArgumentError("--against and --heat-map are two pictures: give one of them")
    if base and not against:
        raise ArgumentError("--base is a value on the axis of --against: give that, too")
    if target and (against or heat_map):
        other = "--against" if against else "--heat-map"
        raise ArgumentError(f"--target is a line in a picture of curves: leave it or {other} out")
    if bound and (against or heat_map):
        other = "--against" if against else "--heat-map"
        raise ArgumentError(f"--bound is a region in a picture of curves: leave it or {other} out")
    if heat_map and (load_limits or limits or legend != "below"):
        raise ArgumentError(
            "--load-limits, --limits and --legend are of curves, not of a --heat-map"
        )
    _check_limits(load_limits, limits)
    sweep, states, _ = states_of(file, quiet=True)
    if labels:
        sweep = with_labels(sweep, labels)
    states = _chosen(states, sweep, only)
    from fusion_flows.flows.bound_regions import regions_of_points
    from fusion_flows.pictures import sweep as pictures  # here, as matplotlib is slow to load
    from fusion_flows.pictures.files import USUAL, save_with_data
    from fusion_flows.pictures.paper import Paper
    from fusion_flows.pictures.rows import is_blocking
    from fusion_flows.report.setting import sweep_subject

    shown, title = metric or sweep.metric, sweep_subject(sweep) if title is None else title
    if is_blocking(shown) and not against:
        _check_logarithmic(target, limits)
    paper = Paper(width, legend, target, load_limits, limits)
    if against:
        drawn = pictures.differences(states, sweep, shown, against, base, title, paper)
    elif heat_map:
        drawn = pictures.heat_maps(states, sweep, shown, *heat_map, title, width)
    else:
        regions = regions_of_points(states, shown) if bound else []
        drawn = pictures.curves(states, sweep, shown, title, paper, regions)
    forms = (*USUAL, "eps") if eps else USUAL
    name = Path(file).stem if isinstance(file, Path | str) else "sweep"
    try:
        return [
            path
            for figure, rows, what in drawn
            for path in save_with_data(figure, rows, Path(to), f"{name}-{what}", forms)
        ]
    except OSError as error:
        raise ArgumentError(f"--to {to}: {error.strerror or error}") from None


def paper_of_runs(
    target: Sequence[float],
    load_limits: tuple[float, float] | None,
    limits: tuple[float, float] | None,
    width: Literal["auto", "column", "page"],
    legend: Literal["below", "right", "inside", "none"],
) -> "Paper":
    """Return what is asked of the picture of runs, see `plot`. Raises ArgumentError."""
    from fusion_flows.pictures.paper import Paper  # here, as matplotlib is slow to load

    _check_limits(load_limits, limits)
    _check_logarithmic(target, limits)
    return Paper(width, legend, target, load_limits, limits)


def _check_limits(
    load_limits: tuple[float, float] | None, limits: tuple[float, float] | None
) -> None:
    for option, ends in (("load-limits", load_limits), ("limits", limits)):
        if ends is not None and not ends[0] < ends[1]:
            raise ArgumentError(
                f"--{option} {ends[0]:g} {ends[1]:g}: the first must be the lower one"
            )


def _check_logarithmic(target: Sequence[float], limits: tuple[float, float] | None) -> None:
    for value in (*target, *(limits or ())):
        if value <= 0:
            raise ArgumentError(f"{value:g} is not on a logarithmic axis: give more than 0")


def _chosen(states: Sequence[PointState], sweep: Sweep, only: Sequence[str]) -> list[PointState]:
    """Return the points with one of the values that are given for an axis. Raises ArgumentError."""
    wanted: dict[str, set[str]] = {}
    for text in only:
        axis, equals, value = text.partition("=")
        if not equals:
            raise ArgumentError(f"--only {text}: must be axis=value, such as path_order=hops")
        if axis not in sweep.axes and axis != POLICY:
            raise ArgumentError(
                f"--only {text}: {axis} is not an axis of the sweep; there are {', '.join(sweep.axes)}"
                f"{nearest(axis, sweep.axes)}"
            )
        values = {_value_on(axis, state): None for state in states}
        if value not in values:
            raise ArgumentError(
                f"--only {text}: {axis} has no value {value}; it has {', '.join(values)}"
                f"{nearest(value, list(values))}"
            )
        wanted.setdefault(axis, set()).add(value)
    return [
        state
        for state in states
        if all(_value_on(axis, state) in of for axis, of in wanted.items())
    ]


def _value_on(axis: str, state: PointState) -> str:
    """Return the value of a point on an axis; on `policy`, which no sweep needs to have, its name."""
    axes = state.point.axes
    return format_value(axes[axis]) if axis in axes else policy_name(state.point.config)


def merge(folder: Path) -> int:
    """Add the results of another store, such as one from another machine.

    Args:
        folder: The other store.

    Raises:
        ArgumentError: There is no store in that folder.
        StoreError: The two do not match; nothing is added then.
    """
    if not any((folder / part).is_dir() for part in ("points", "outcomes")):
        raise ArgumentError(
            f"{folder} is not a store: it has no folders points and outcomes; a store is `store` in a "
            "folder of runs, or FUSION_STORE_DIR"
        )
    return the_store().merge(Store(folder))
