"""Train an agent: in this process's flow, or on a worker."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from fusion.config.config import Config, read_config
from fusion.config.reading import warn_of_reading
from fusion.config.training_extra import need_training_extra
from fusion.config.training_settings import SECTION, TrainingSettings, read_training
from fusion.scenario.inputs import read_inputs
from fusion_flows.command import submission
from fusion_flows.command.other_files import refuse_other_files
from fusion_flows.command.run_here import (
    InterruptedRunError,
    RunListener,
    UnfinishedRunError,
)
from fusion_flows.command.submission import Submitted
from fusion_flows.report.setting import training_name
from fusion_flows.rundir import directory as rundir
from fusion_flows.rundir.directory import RunDirectory, RunDirectoryError
from fusion_flows.rundir.file_state import is_complete
from fusion_flows.runs.by_files import find_directory
from fusion_flows.runs.time_expressions import ArgumentError
from fusion_flows.server import address as server_address
from fusion_flows.server.settings import Settings

if TYPE_CHECKING:
    from fusion_flows.flows.training import TrainingResult

DEPLOYMENT = "fusion-train/train"


def settings_of(
    template: str,
    overrides: Mapping[str, Any],
    assignments: Mapping[str, object],
    file: str = "",
) -> tuple[Config, TrainingSettings]:
    """Check all settings of a training without starting anything.

    file: an INI file with [training_settings]; empty: that of the template. Raises ConfigError with all that
    is wrong with them, or with what environments do not model.
    """
    from fusion.config.templates import find_template
    from fusion_flows.flows.learners import refuse_for_learners

    refuse_other_files(template)
    reading = read_config(template, overrides, templates_dir=Settings().templates_dir)
    config = reading.config
    others = [each for each in reading.ignored if each.section != SECTION]
    warn_of_reading(others, reading.dropped, reading.notes)
    read_inputs(config, quiet=True)
    source = Path(file) if file else find_template(template, Settings().templates_dir, None)
    training = read_training(source, assignments)
    refuse_for_learners(config, training)
    return config, training


def train_here(
    template: str = "",
    overrides: Mapping[str, Any] | None = None,
    assignments: Mapping[str, object] | None = None,
    *,
    file: str = "",
    name: str = "",
    resume: str = "",
) -> "TrainingResult":
    """Train an agent in this process and return what came out.

    Raises MissingExtraError without the extra `train`, ConfigError for settings that cannot be trained with,
    RunDirectoryError where there is no place for the results or nothing to resume, InterruptedRunError after
    Ctrl-C, UnfinishedRunError where the training failed or was ended, NoServerError.
    """
    need_training_extra()
    parameters: dict[str, Any] = {"name": name}
    if resume:
        parameters["resume"] = str(resumable(resume).path)
    else:
        _, training = settings_of(template, overrides or {}, assignments or {}, file)
        parameters |= {
            "template": template,
            "overrides": dict(overrides or {}),
            "training": training.model_dump(),
        }
    if server_address.configure():
        with server_address.connect():
            pass  # it answers
    from prefect.exceptions import CancelledRun, CrashedRun, TerminationSignal

    from fusion_flows.command.live import live
    from fusion_flows.flows.training import fusion_train
    from fusion_flows.following.flow_ends import SimulationError

    with RunListener() as listener:
        try:
            with live("Starting the training ..."):
                return cast("TrainingResult", fusion_train(**parameters))
        except KeyboardInterrupt:
            kept = _kept(resume, listener.run_id)
            raise InterruptedRunError(f"Interrupted: {kept}") from None
        except (CancelledRun, CrashedRun, TerminationSignal) as ended:
            said = str(ended) or "The training was ended."
            raise UnfinishedRunError(f"{said} {_kept(resume, listener.run_id)}") from None
        except SimulationError as failed:
            raise UnfinishedRunError(str(failed)) from None


def submit_training(
    template: str = "",
    overrides: Mapping[str, Any] | None = None,
    assignments: Mapping[str, object] | None = None,
    *,
    file: str = "",
    name: str = "",
    resume: str = "",
) -> Submitted:
    """Hand a training to a worker, through the deployment `fusion-train/train`, and return at once.

    The arguments are those of `train_here`. Raises ConfigError, RunError, NoServerError, RunDirectoryError.
    """
    submission.need_server()
    parameters: dict[str, Any] = {"name": name}
    if resume:
        run = resumable(resume)
        if run.path.parent.resolve() != rundir.absolute(Settings().runs_dir).resolve():
            raise RunDirectoryError(
                f"{run.path} is not in the folder of runs of a worker; without --detach it is resumed here"
            )
        parameters["resume"] = run.run_id
        called = name or run.run_id
    else:
        config, training = settings_of(template, overrides or {}, assignments or {}, file)
        parameters |= submission.sent(template, overrides or {})
        parameters["training"] = training.model_dump()
        called = name or training_name(config, training)
    given = {key: value for key, value in parameters.items() if value}
    return submission.hand_over(DEPLOYMENT, given, called)


def resumable(run: str) -> RunDirectory:
    """Return the directory of a training that is to be finished.

    Raises NoSuchRunError, RunDirectoryError for what is no training, and ArgumentError for a complete one.
    """
    path = rundir.absolute(run)
    found = RunDirectory(path) if path.is_dir() else find_directory(run, Settings().runs_dir)
    rundir.refuse_other_than_training(found)
    if is_complete(found) and found.report.is_file():
        raise ArgumentError(
            f"--resume: the training {found.run_id} is complete; its agent is "
            f"{found.output / 'agent.onnx'}"
        )
    return found


def _kept(resume: str, run_id: str) -> str:
    """Say what a training has finished, and how to go on. resume: the one that it went on with, if any."""
    from fusion.results.training_progress import training_progress_of

    try:
        run = resumable(resume) if resume else rundir.open_run(Settings().runs_dir, run_id)
    except (RunDirectoryError, ArgumentError):
        return "nothing was begun that could be kept."
    state = training_progress_of(run.progress)
    if not state.steps:
        return f"nothing was trained yet; `{rundir.command_to_go_on(run)}` goes on."
    return (
        f"{state.done:,} of {state.steps:,} steps are done in {run.path}; "
        f"`{rundir.command_to_go_on(run)}` continues from the last checkpoint."
    )
