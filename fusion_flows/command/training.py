"""Train an agent: in this process's flow, or on a worker."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from fusion.config.config import Config, read_config
from fusion.config.reading import warn_of_reading
from fusion.config.training_check import check_training
from fusion.config.training_extra import need_training_extra
from fusion.config.training_settings import SECTION, TrainingSettings, read_training
from fusion.results.interval_text import with_interval
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


class Training(NamedTuple):
    """One training that is asked for.

    template, overrides: of network and traffic. assignments: key -> value of [training_settings]. file: an
    INI file with this section; empty: that of the template. name: in lists. resume: an earlier training, to
    be finished; then the others are empty.
    """

    template: str
    overrides: Mapping[str, Any]
    assignments: Mapping[str, object]
    file: str = ""
    name: str = ""
    resume: str = ""


def settings_of(
    template: str,
    overrides: Mapping[str, Any],
    assignments: Mapping[str, object],
    file: str = "",
    *,
    needs_extra: bool,
) -> tuple[Config, TrainingSettings]:
    """Check all settings of a training without starting anything.

    file: an INI file with [training_settings]; empty: that of the template. needs_extra: whether the agent is
    trained here. Raises ConfigError with all that is wrong with them, or with what environments do not model,
    and MissingExtraError where only the extra `train` is missing.
    """
    from fusion.config.templates import find_template
    from fusion_flows.flows.learners import refuse_for_learners

    refuse_other_files(template)
    templates_dir = Settings().templates_dir

    def config() -> Config:
        reading = read_config(template, overrides, templates_dir=templates_dir)
        others = [each for each in reading.ignored if each.section != SECTION]
        warn_of_reading(others, reading.dropped, reading.notes)
        read_inputs(reading.config, quiet=True)
        return reading.config

    def training() -> TrainingSettings:
        source = Path(file) if file else find_template(template, templates_dir, None)
        return read_training(source, assignments)

    return check_training(config, training, refuse_for_learners, needs_extra=needs_extra)


def train_here(trainings: Sequence[Training]) -> "list[TrainingResult]":
    """Train agents in this process, one after the other, and return what came out.

    All settings are checked first. Raises MissingExtraError without the extra `train`, ConfigError for
    settings that cannot be trained with, RunDirectoryError where there is no place for the results or nothing
    to resume, InterruptedRunError after Ctrl-C, UnfinishedRunError where a training failed or was ended,
    NoServerError.
    """
    checked = [(_parameters(each), each.resume) for each in trainings]
    if server_address.configure():
        with server_address.connect():
            pass  # it answers
    return [_train(parameters, resume) for parameters, resume in checked]


def _parameters(asked: Training) -> dict[str, Any]:
    """Return the parameters of the flow. Raises ConfigError, MissingExtraError, RunDirectoryError."""
    if asked.resume:
        run = resumable(asked.resume)
        need_training_extra()
        return {"name": asked.name, "resume": str(run.path)}
    overrides = dict(asked.overrides)
    _, training = settings_of(
        asked.template, overrides, asked.assignments, asked.file, needs_extra=True
    )
    return {
        "name": asked.name,
        "template": asked.template,
        "overrides": overrides,
        "training": training.model_dump(),
    }


def _train(parameters: dict[str, Any], resume: str) -> "TrainingResult":
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


def submit_trainings(trainings: Sequence[Training]) -> list[Submitted]:
    """Hand trainings to a worker, each a run of the deployment `fusion-train/train`, and return at once.

    All settings are checked first. Raises ConfigError, RunError, NoServerError, RunDirectoryError.
    """
    submission.need_server()
    ready = [_submission(each) for each in trainings]
    return [submission.hand_over(DEPLOYMENT, given, called) for given, called in ready]


def _submission(asked: Training) -> tuple[dict[str, Any], str]:
    """Return the parameters of a run of the deployment, and its name."""
    parameters: dict[str, Any] = {"name": asked.name}
    if asked.resume:
        run = resumable(asked.resume)
        if run.path.parent.resolve() != rundir.absolute(Settings().runs_dir).resolve():
            raise RunDirectoryError(
                f"{run.path} is not in the folder of runs of a worker; without --detach it is resumed here"
            )
        parameters["resume"] = run.run_id
        called = asked.name or run.run_id
    else:
        overrides = dict(asked.overrides)
        config, training = settings_of(
            asked.template, overrides, asked.assignments, asked.file, needs_extra=False
        )
        parameters |= submission.sent(asked.template, overrides)
        parameters["training"] = training.model_dump()
        called = asked.name or training_name(config, training)
    return {key: value for key, value in parameters.items() if value}, called


def seed_rows(seeds: Sequence[int], results: "Sequence[TrainingResult]") -> list[dict[str, str]]:
    """Return a row for each seed: its run, and how its agent compares in the replications of a run."""
    rows = []
    for seed, result in zip(seeds, results, strict=True):
        row = {"seed": str(seed), "run": result.run_id}
        for each in result.compared:
            lower, upper = (each[f"blocking_probability_ci_{end}"] for end in ("lower", "upper"))
            row[str(each["policy"])] = with_interval(each["blocking_probability"], lower, upper)
        rows.append(row)
    return rows


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
