"""Run the flow in this process, as `fusion run` does without a worker."""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from fusion.config.counts import agreeing, counted
from fusion_flows.command.other_files import refuse_other_files
from fusion_flows.engines.compiling import compiled_ahead
from fusion_flows.following.result_lines import HEADER
from fusion_flows.rundir import directory as rundir
from fusion_flows.rundir.directory import RunDirectoryError
from fusion_flows.server import address as server_address
from fusion_flows.server.settings import Settings

if TYPE_CHECKING:
    from fusion.config.config import Config
    from fusion_flows.flows.sim import SimResult


class InterruptedRunError(RuntimeError):
    """A run that Ctrl-C has ended; the message says what is kept."""


class UnfinishedRunError(RuntimeError):
    """A run that failed, or that somebody else has ended; the message says why."""


def run_here(
    template: str = "quick",
    overrides: Mapping[str, Any] | None = None,
    *,
    name: str = "",
    resume: str = "",
) -> "SimResult":
    """Simulate one configuration in this process and return what it found.

    The settings are checked before Prefect is started.

    Args:
        template: Name of a template, or the path of an INI file.
        overrides: What to change in it: {"section": {"key": value}}.
        name: Name of the run in lists; default: topology, policy and loads.
        resume: Run id or directory of an earlier run, to finish what it left.

    Raises:
        ConfigError: All that is wrong with the settings.
        RunDirectoryError: There is no place for the results, or nothing to resume.
        InterruptedRunError: Ctrl-C.
        UnfinishedRunError: The run failed, or was cancelled or ended from elsewhere.
        NoServerError: The server that is configured does not answer.
    """
    if resume:
        rundir.find(Settings().runs_dir, resume)
        return _run(resume=resume, name=name)
    with compiled_ahead(_checked(template, overrides)):
        return _run(template=template, overrides=dict(overrides or {}), name=name)


def _run(*, resume: str = "", **parameters: Any) -> "SimResult":
    if server_address.configure():
        with server_address.connect():
            pass  # it answers
    from prefect.exceptions import CancelledRun, CrashedRun, TerminationSignal

    from fusion_flows.command.live import live
    from fusion_flows.flows.sim import fusion
    from fusion_flows.following.flow_ends import SimulationError

    with RunListener() as listener:
        try:
            with live("Starting the run ...", HEADER):
                return cast("SimResult", fusion(resume=resume, **parameters))
        except KeyboardInterrupt:
            kept = _kept(resume, listener.run_id)
            raise InterruptedRunError(f"Interrupted: {kept}") from None
        except (CancelledRun, CrashedRun, TerminationSignal) as ended:
            said = str(ended) or "The run was ended."
            raise UnfinishedRunError(f"{said} {_kept(resume, listener.run_id)}") from None
        except SimulationError as failed:
            raise UnfinishedRunError(str(failed)) from None


def _checked(template: str, overrides: Mapping[str, Any] | None) -> "Config":
    """Return the config of a run; what else is to be known of it the run itself tells.

    Raises ConfigError for settings that cannot be run.
    """
    from fusion.config.config import read_config
    from fusion.scenario.inputs import read_inputs

    refuse_other_files(template)
    reading = read_config(template, overrides, templates_dir=Settings().templates_dir)
    read_inputs(reading.config, quiet=True)
    return reading.config


class RunListener(logging.Handler):
    """Hears from the log of a flow run which one it is: who calls a flow is not told."""

    run_id: str = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Remember the first flow run that says something."""
        flow_run_id = getattr(record, "flow_run_id", None)
        if flow_run_id and not self.run_id:
            self.run_id = rundir.run_id_of(UUID(str(flow_run_id)))

    def __enter__(self) -> "RunListener":
        """Begin to listen."""
        logging.getLogger("prefect.flow_runs").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        logging.getLogger("prefect.flow_runs").removeHandler(self)


def _kept(resume: str, run_id: str) -> str:
    """Say what a run has finished, and how to go on.  resume: the run that it went on with, if any."""
    from fusion.results.progress import progress_of  # here, as numpy comes with it

    try:
        runs_dir = Settings().runs_dir
        run = rundir.find(runs_dir, resume) if resume else rundir.open_run(runs_dir, run_id)
    except RunDirectoryError:
        return "nothing was begun that could be kept."
    state = progress_of(run.progress)
    replications = sum(map(len, state.finished.values()))
    if state.total_erlangs and len(state.completed) == state.total_erlangs:
        if run.report.is_file():
            return f"all was computed; the results are in {run.path}."
        return (
            f"all was computed; the results are in {run.output}, and "
            f"`fusion report {run.run_id}` draws them."
        )
    if not state.total_erlangs:
        return (
            "nothing was simulated yet; what was prepared (compiled code, paths, what GNPy has propagated) "
            f"is kept, and `{rundir.command_to_go_on(run)}` goes on."
        )
    loads = counted(state.total_erlangs, "load")
    kept = f"{counted(replications, 'replication')} {agreeing(replications, 'is', 'are')} kept"
    return (
        f"{len(state.completed)} of {loads} and {kept} in {run.path}; "
        f"`{rundir.command_to_go_on(run)}` continues from there."
    )
