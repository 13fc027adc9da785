"""The flow `fusion`: one configuration, simulated and reported."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, TypedDict, TypeVar, cast
from uuid import UUID

from prefect import Flow, get_client, get_run_logger
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import CancelledRun
from prefect.runtime import deployment
from prefect.runtime import flow_run as current
from prefect.states import Cancelled, Crashed, Failed
from pydantic import BaseModel, ConfigDict, ValidationError, WithJsonSchema

from fusion.config import Config, ConfigError, ignored_keys, load_config, to_ini
from fusion.inputs import read_inputs
from fusion_flows import form, publish, run_lock, rundir
from fusion_flows.artifacts import settings_text, span_text
from fusion_flows.connection import Connection, Unreachable
from fusion_flows.log_stream import tail
from fusion_flows.process import ProcessTree
from fusion_flows.process_marks import end_marked
from fusion_flows.publish import Findings
from fusion_flows.redaction import redact, without_secrets
from fusion_flows.reporting import Follower
from fusion_flows.rundir import RunDirectory, RunDirectoryError
from fusion_flows.settings import Settings
from fusion_flows.watch import ABANDONED, Watch, is_abandoned, silence

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
        config, _ = _load(Settings(), *(given[key] for key in ("template", "overrides", "resume")))
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
    except SystemExit:  # rich leaves so when the output, a pipe to the worker, is closed
        if not is_abandoned():
            raise
        silence()
        return cast(SimResult, Crashed(message=ABANDONED))
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
    config, run = _load(settings, template, overrides, resume)
    inputs = read_inputs(config)
    if run is None:
        places = _places(settings, deployment.id is not None)
        for ignored in ignored_keys(template, overrides, **places):
            logger.warning("ignored: %s", ignored)
        run = rundir.create(settings.runs_dir, rundir.run_id_of(flow_run_id), to_ini(config))
    logger.info("Run directory: %s", run.path)
    described = settings_text(config, inputs)

    with run_lock.hold(run), Connection(logger) as connection:
        if run.log.exists():  # of an attempt that was killed a moment ago
            end_marked(str(flow_run_id), settings.grace_seconds)
        follower = Follower(
            run,
            flow_run_id,
            connection,
            logger,
            confidence=config.statistics_settings.confidence,
            max_log_bytes=settings.max_log_size_bytes,
        )
        watch = Watch(connection, flow_run_id)
        try:
            with ProcessTree(
                _command(run),
                log=run.log,
                grace_seconds=settings.grace_seconds,
                environment=without_secrets(os.environ),
                mark=str(flow_run_id),
            ) as tree:
                end = follower.follow(tree, watch.ended)
        except BaseException:  # a signal to this process, most of all
            if is_abandoned():
                silence()
            _show_last(follower, run, config, described, "the run was ended before its time")
            raise
        if isinstance(end, State):
            _show_last(follower, run, config, described, end.message or end.name or "")
            return cast(SimResult, end)
        connection.wait(settings.server_wait_seconds)
        follower.look(last=True)
        failure = "" if end == 0 else _failure(run, follower.state.error, end)
        findings = _show_last(follower, run, config, described, failure)
    if failure:
        raise SimulationError(failure, end)
    assert findings is not None
    return SimResult(
        run_id=run.run_id,
        run_dir=run.path,
        output_dir=run.output,
        points_csv=run.points,
        plot=findings.plot,
        log=run.log,
        exit_code=end,
        points=findings.rows,
    )


def _load(
    settings: Settings, template: str, overrides: Mapping[str, Any], resume: str
) -> tuple[Config, RunDirectory | None]:
    """Return the checked configuration, and the run directory where a run is resumed."""
    # Who calls from Python may read what is theirs; parameters of a deployment are anybody's.
    remote = deployment.id is not None
    if not resume:
        return load_config(template, overrides, **_places(settings, remote)), None
    if overrides or template != _DEFAULT_TEMPLATE:
        raise RunDirectoryError(
            "a resumed run has its frozen configuration: leave template and overrides out"
        )
    run = (rundir.open_run if remote else rundir.find)(settings.runs_dir, resume)
    places = _places(settings, remote)
    if places["input_dirs"] is not None:
        places["input_dirs"] = (*places["input_dirs"], run.path)
    return load_config(run.config, **places), run


class _Places(TypedDict):
    """Where load_config may look."""

    templates_dir: Path | None
    input_dirs: tuple[Path, ...] | None


def _places(settings: Settings, remote: bool) -> _Places:
    input_dirs = settings.input_dirs
    if input_dirs is None and remote:
        input_dirs = (Path.cwd(),)
    return {"templates_dir": settings.templates_dir, "input_dirs": input_dirs}


def _show_last(
    follower: Follower, run: RunDirectory, config: Config, described: str, partial: str
) -> Findings | None:
    """Show what there is when a run has ended, however it ended; nothing here can end it worse."""
    logger = get_run_logger()
    try:
        follower.look(last=True)
        findings = publish.find(run, config, described, redact(partial))
    except OSError as error:
        logger.warning("cannot read or draw what was finished: %s", error)
        return None
    try:
        findings.publish(follower.artifacts)
    except Unreachable:
        logger.warning("the Prefect server is away; the report is missing, the files are there")
    except Exception as error:  # Prefect says no; the results are worth more than their picture
        logger.warning("Prefect did not take the report: %s", redact(str(error)))
    return findings


def _command(run: RunDirectory) -> list[str]:
    return [
        sys.executable,
        *("-m", "fusion.cli.run_sim"),
        *("--config", str(run.config)),
        *("--output-dir", str(run.output)),
        *("--progress-file", str(run.progress)),
        *("--run-file", str(run.provenance)),
    ]


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
    if not run.config.exists():
        return f"The run directory {run.path} was removed while the run was going on."
    said = f": {error}" if error else ""
    log = tail(run.log, lines=20)
    end = f"\nIts log ends with\n{log}" if log else f"; it left no log in {run.log}"
    return redact(f"The simulator failed with exit code {exit_code}{said}{end}")
