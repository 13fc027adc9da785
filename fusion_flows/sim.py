"""The flow `fusion`: one configuration, simulated and reported."""

import csv
import logging
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, TypeVar, cast
from uuid import UUID

from prefect import Flow, get_client, get_run_logger
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import CancelledRun, ObjectNotFound
from prefect.runtime import flow_run as current
from prefect.states import Cancelled, Failed
from pydantic import BaseModel, ConfigDict, ValidationError, WithJsonSchema

from fusion.config import Config, ConfigError, ignored_keys, load_config, to_ini
from fusion.inputs import read_inputs
from fusion_flows import form, rundir
from fusion_flows.artifacts import Artifacts, report, settings_text, span_text, table
from fusion_flows.log_stream import tail
from fusion_flows.process import ProcessTree
from fusion_flows.reporting import Follower
from fusion_flows.rundir import RunDirectory, RunDirectoryError
from fusion_flows.settings import Settings

if TYPE_CHECKING:
    import pandas

_DEFAULT_TEMPLATE = "quick"
_NO_OVERRIDES: dict[str, Any] = {}  # never changed; a form shows it as an empty object

Template = Annotated[str, WithJsonSchema(form.template_schema())]
Overrides = Annotated[dict[str, Any], WithJsonSchema(form.overrides_schema())]


class SimulationError(RuntimeError):
    """The simulator failed. `exit_code` is its own, or 128 + n for signal n."""

    def __init__(self, message: str, exit_code: int) -> None:
        """Keep both; they are the exception's arguments, so it can be pickled."""
        super().__init__(message, exit_code)
        self.exit_code = exit_code

    def __str__(self) -> str:
        """Return the message."""
        return str(self.args[0])


class SimResult(BaseModel):
    """What a run leaves: where its files are, and its points."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    run_dir: Path
    output_dir: Path
    points_csv: Path
    plot: Path | None
    """Picture of blocking over load, as PNG; None where nothing could be drawn."""
    log: Path
    exit_code: int
    points: list[dict[str, Any]]
    """Rows of points.csv, numbers as numbers."""

    def frame(self) -> "pandas.DataFrame":
        """Return the points as a data frame, a row per load."""
        import pandas  # here, as it is slow to load and a worker has no use for it

        return pandas.DataFrame(self.points)


def _run_name() -> str:
    """Return what a list of runs shows: the given name, else `topology policy loads E`."""
    given = current.parameters
    if given.get("name"):
        return str(given["name"])
    try:
        settings = Settings()
        if given.get("resume"):
            config = load_config(rundir.find(settings.runs_dir, given["resume"]).config)
        else:
            config = load_config(
                given["template"], given["overrides"], templates_dir=settings.templates_dir
            )
    except ValueError:  # the run itself will say so
        return str(given.get("template"))[:80]
    network = Path(config.topology_settings.network).stem
    return f"{network} {config.policy} {span_text(config.loads)} E"


def _interrupted_is_cancelled(
    flow: Flow[..., Any],
    flow_run: FlowRun,
    state: State[Any],
) -> None:
    """Call a run that Ctrl-C ended cancelled. Prefect calls it crashed; nothing went wrong."""
    if flow_run.id in _interrupted:
        _interrupted.discard(flow_run.id)
        with get_client(sync_client=True) as client:
            message = "Interrupted from the keyboard; what was finished is kept."
            client.set_flow_run_state(flow_run.id, Cancelled(message=message), force=True)


_interrupted: set[UUID] = set()


P = ParamSpec("P")
R = TypeVar("R")


class _InterruptibleFlow(Flow[P, R]):
    """A flow whose call survives its own Ctrl-C.

    With no server configured Prefect starts one as a child in the terminal's process group, where
    Ctrl-C ends it first; the run's last news then wait for it for minutes. A blocked signal stays
    blocked in a child, so the signal is blocked while that server is started.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if hasattr(signal, "pthread_sigmask"):
            blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                get_client(sync_client=True)
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        return super().__call__(*args, **kwargs)


def _flow(function: Callable[P, R]) -> Flow[P, R]:
    return _InterruptibleFlow(
        function, name="fusion", flow_run_name=_run_name, on_crashed=[_interrupted_is_cancelled]
    )


@_flow
def fusion(
    template: Template = _DEFAULT_TEMPLATE,
    overrides: Overrides = _NO_OVERRIDES,
    name: str = "",
    resume: str = "",
) -> SimResult:
    """Simulate blocking over load for one configuration, and report it.

    Args:
        template: Settings to start from: a shipped template, one of your own in
            FUSION_TEMPLATES_DIR, or the path of an INI file.
        overrides: What to change in the template, by section and key, such as
            {"general_settings": {"erlang_start": 50}}.
        name: Name of the run in lists; empty: topology, policy and loads.
        resume: Run id or directory of an earlier run, to finish what it left; leave the template
            and the overrides as they are then.

    Raises ConfigError for settings that cannot be run (nothing is started then), SimulationError
    when the simulator fails, RunDirectoryError when there is no place for the results.
    """
    cast("logging.LoggerAdapter[logging.Logger]", get_run_logger()).logger.addFilter(_without_trace)
    try:
        return _simulate(template, overrides, resume)
    except KeyboardInterrupt:
        _interrupted.add(UUID(str(current.id)))
        raise
    except _TOLD as problem:
        # As a state: Prefect puts words of its own before the message of an exception. A caller in
        # Python gets the exception all the same.
        return cast(SimResult, Failed(message=str(problem), data=problem))


_TOLD = (ConfigError, SimulationError, RunDirectoryError, ValidationError, CancelledRun)
"""Ends of a run whose message says everything."""


def _without_trace(record: logging.LogRecord) -> bool:
    """Drop the traceback that Prefect adds to an end whose message says everything."""
    if record.exc_info and isinstance(problem := record.exc_info[1], _TOLD):
        record.msg, record.args, record.exc_info = "%s", (str(problem),), None
    return True


def _simulate(template: str, overrides: Mapping[str, Any], resume: str) -> SimResult:
    settings = Settings()
    logger = get_run_logger()
    flow_run_id = UUID(str(current.id))

    if resume:
        if overrides or template != _DEFAULT_TEMPLATE:
            raise RunDirectoryError(
                "a resumed run has its frozen configuration: leave template and overrides out"
            )
        run = rundir.find(settings.runs_dir, resume)
        config = load_config(run.config)
        inputs = read_inputs(config)
    else:
        config = load_config(template, overrides, templates_dir=settings.templates_dir)
        inputs = read_inputs(config)
        for ignored in ignored_keys(template, overrides, templates_dir=settings.templates_dir):
            logger.warning("ignored: %s", ignored)
        run = rundir.create(settings.runs_dir, rundir.run_id_of(flow_run_id), to_ini(config))
    logger.info("Run directory: %s", run.path)

    with get_client(sync_client=True) as client:
        artifacts = Artifacts(client, flow_run_id, logger)
        follower = Follower(run, artifacts, logger, settings.max_log_size_bytes)
        described = settings_text(config, inputs)
        try:
            with ProcessTree(
                _command(run), log=run.log, grace_seconds=settings.grace_seconds
            ) as tree:
                exit_code = follower.follow(tree, lambda: _cancelled(client, flow_run_id))
        except BaseException:  # a signal to this process, most of all
            try:
                follower.look(last=True)
                _publish(run, artifacts, config, described, "the run was ended before its time")
            except Exception as error:
                logger.warning("cannot show what was finished: %s", error)
            raise
        follower.look(last=True)
        if exit_code is None:
            _publish(run, artifacts, config, described, "the run was cancelled")
            return cast(SimResult, Cancelled(message="Cancelled; what was finished is kept."))
        failure = "" if exit_code == 0 else _failure(run, follower.state.error, exit_code)
        rows, plot = _publish(run, artifacts, config, described, failure)
    if failure:
        raise SimulationError(failure, exit_code)
    return SimResult(
        run_id=run.run_id,
        run_dir=run.path,
        output_dir=run.output,
        points_csv=run.points,
        plot=plot,
        log=run.log,
        exit_code=exit_code,
        points=rows,
    )


def _command(run: RunDirectory) -> list[str]:
    return [
        sys.executable,
        *("-m", "fusion.cli.run_sim"),
        *("--config", str(run.config)),
        *("--output-dir", str(run.output)),
        *("--progress-file", str(run.progress)),
        *("--run-file", str(run.provenance)),
    ]


def _cancelled(client: SyncPrefectClient, flow_run_id: UUID) -> bool:
    """Ask the API whether somebody cancelled or deleted this run; no answer means no."""
    try:
        state = client.read_flow_run(flow_run_id).state
    except ObjectNotFound:
        return True
    except Exception:  # the server is away; the simulation goes on
        return False
    return state is not None and (state.is_cancelling() or state.is_cancelled())


def _failure(run: RunDirectory, error: str | None, exit_code: int) -> str:
    """Return why the simulator failed, in its own words."""
    if exit_code == 2 and error:  # bad settings: the message says everything
        return error
    if exit_code > 128:
        try:
            ended = signal.Signals(exit_code - 128).name
        except ValueError:
            ended = f"signal {exit_code - 128}"
        return (
            f"The simulator was ended from outside ({ended}). What it had finished is kept; "
            f"a retry, or resume={run.run_id}, goes on from there."
        )
    said = error or tail(run.log, lines=20) or f"it left no message; see {run.log}"
    return f"The simulator failed with exit code {exit_code}: {said}"


def _publish(
    run: RunDirectory, artifacts: Artifacts, config: Config, described: str, partial: str
) -> tuple[list[dict[str, Any]], Path | None]:
    """Show what there is: the table, the picture and the report; return the rows and the PNG."""
    rows = read_points(run.points)
    plot, picture = None, None
    complete = sum(row["stop_reason"] != "interrupted" for row in rows)
    headline = f"{complete} of {len(config.loads)} loads" + (", partial" if partial else "")
    if rows:
        from fusion_flows.plots import blocking_figure, save  # here, as matplotlib is slow to load

        network = Path(config.topology_settings.network).stem
        figure = blocking_figure(rows, f"{network}, {config.policy}")
        picture = save(figure, run.plots, "blocking")
        plot = run.plots / "blocking.png"
        artifacts.put("points", "table", table(rows), headline)
    artifacts.put("report", "markdown", report(run, described, rows, picture, partial), headline)
    return rows, plot


def read_points(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a points table, numbers as numbers, empty cells as None.

    A file that is not there has no rows.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [
                {key: _value(text) for key, text in row.items()} for row in csv.DictReader(file)
            ]
    except FileNotFoundError:
        return []


def _value(text: str) -> int | float | str | None:
    if not text:
        return None
    readers: tuple[Callable[[str], int | float], ...] = (int, float)
    for read in readers:
        try:
            return read(text)
        except ValueError:
            continue
    return text
