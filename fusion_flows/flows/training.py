"""The flow `fusion-train`: one agent, trained and reported."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple, cast
from uuid import UUID

from prefect import get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import deployment
from prefect.runtime import flow_run as current
from prefect.states import Failed
from pydantic import BaseModel, ConfigDict, WithJsonSchema

from fusion.config.config import Config, ConfigError, read_config, to_ini
from fusion.config.training_check import check_training
from fusion.config.training_extra import MissingExtraError, need_training_extra
from fusion.config.training_settings import TrainingSettings, read_training, training_ini
from fusion.scenario.inputs import Inputs, read_inputs
from fusion_flows.engines.simulator import simulator
from fusion_flows.flows import form
from fusion_flows.flows.learners import refuse_for_learners
from fusion_flows.flows.sim import Overrides, Template
from fusion_flows.following.flow_ends import (
    SimulationError,
    failure_of,
    interruptible_flow,
    told_in_words,
)
from fusion_flows.following.last_news import LastNews, complete
from fusion_flows.following.parameters import Text, refuse_forgotten
from fusion_flows.following.parts import CHECK, TRAIN, Parts
from fusion_flows.following.reporting import follow
from fusion_flows.following.stall import Stall
from fusion_flows.following.training_findings import TrainingFindings, find
from fusion_flows.following.training_follower import TrainingFollower
from fusion_flows.process.marks import end_marked
from fusion_flows.report.preload import preload
from fusion_flows.report.results import read_rows
from fusion_flows.report.setting import training_name
from fusion_flows.rundir import directory as rundir
from fusion_flows.rundir import lock as run_lock
from fusion_flows.rundir import sent_files
from fusion_flows.rundir.directory import RunDirectory, RunDirectoryError, command_to_go_on
from fusion_flows.rundir.file_state import recorded_name
from fusion_flows.server import known_folders
from fusion_flows.server.connection import Connection
from fusion_flows.server.run_labels import add_tags, given_name
from fusion_flows.server.run_record import recorded
from fusion_flows.server.settings import Settings
from fusion_flows.server.watch import Watch

_NOTHING: dict[str, Any] = {}  # never changed; a form shows it as an empty object

TrainingOverrides = Annotated[dict[str, Any], WithJsonSchema(form.overrides_schema())]
Steps = Annotated[int | None, WithJsonSchema(form.training_schema("steps"))]
TrainingSeed = Annotated[int | None, WithJsonSchema(form.training_schema("seed"))]


class TrainingResult(BaseModel):
    """An agent: where its files are, and what its training has found."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    run_dir: Path
    agent: Path
    """The agent that has blocked least in the evaluations, as ONNX: `policy` takes it."""
    training_csv: Path
    plot: Path | None
    """Picture of blocking over steps, as PNG; None if it could not be drawn."""
    report: Path | None
    """The model card, as one HTML file; None if it could not be written."""
    headline: str
    rows: list[dict[str, Any]]
    """Rows of training.csv, numbers as numbers."""
    compared: list[dict[str, Any]]
    """Rows of comparison.csv."""


def _run_name() -> str:
    """Return what a list of runs shows: the given name, else `train topology load E, seed n`."""
    given = current.parameters
    if name := given_name(given):
        return name
    try:
        settings = Settings()
        if given.get("resume"):
            run = rundir.find(settings.runs_dir, str(given["resume"]))
            return recorded_name(run) or training_name(*_frozen(run))
        return training_name(*_settings_of(settings, given, Path()))
    except (ValueError, TypeError):  # the run itself will say so
        return f"train {Path(str(given.get('template'))).stem}"[:80]


@interruptible_flow("fusion-train", _run_name, form=form.form_of_a_training)
def fusion_train(
    template: Template = "deeprmsa",
    overrides: Overrides = _NOTHING,
    training: TrainingOverrides = _NOTHING,
    steps: Steps = None,
    seed: TrainingSeed = None,
    name: Text = "",
    resume: Text = "",
) -> TrainingResult:
    """Train an agent for one configuration with MaskablePPO, and report how much it blocks.

    Args:
        template: Settings of network and traffic: a shipped template, one of your own in
            FUSION_TEMPLATES_DIR, or the path of an INI file, whose section [training_settings] counts, too.
        overrides: What to change in it, by section and key.
        training: What to change in [training_settings], by key, such as {"network": "mlp"}.
        steps: Requests that the agent decides while it learns; None, here and below: as in the settings.
        seed: Seed of the weights and of exploration.
        name: Name of the run in lists; empty: topology, load, seed and kind of agent.
        resume: An earlier training, to finish it: its run id or its directory. Leave all settings at
            their defaults.

    Raises ConfigError for settings that cannot be trained with and MissingExtraError without the extra
    `train` (nothing is started then), SimulationError when the training fails, RunDirectoryError when the
    run directory cannot be created.
    """
    given = {
        "template": template,
        "overrides": overrides,
        "training": training,
        "steps": steps,
        "seed": seed,
    }
    return told_in_words(lambda: _train(given, resume))


class _Checked(NamedTuple):
    config: Config
    inputs: Inputs
    settings: TrainingSettings
    run: RunDirectory


def _train(given: Mapping[str, Any], resume: str) -> TrainingResult:
    settings = Settings()
    flow_run_id = UUID(str(current.id))
    with Connection(get_run_logger()) as connection:
        parts = Parts(flow_run_id, connection)
        with parts.part(CHECK):
            refuse_forgotten("resume")
            sent = sent_files.folder_of(settings.runs_dir, flow_run_id)
            received = {**given, "overrides": sent_files.receive(dict(given["overrides"]), sent)}
            try:
                checked = _check(settings, received, resume.strip(), sent)
            except ConfigError:
                sent_files.discard(sent)
                raise
        return _run(settings, connection, parts, checked)


def _check(settings: Settings, given: Mapping[str, Any], resume: str, sent: Path) -> _Checked:
    """Return all settings with the input files, and the run directory, which is made if it is new."""
    logger = get_run_logger()
    if resume:
        if any(given[name] for name in ("overrides", "training", "steps", "seed")):
            raise RunDirectoryError(
                "a resumed training has its frozen settings: leave all others out"
            )
        run = (
            rundir.find(settings.runs_dir, resume)
            if deployment.id is None
            else rundir.open_run(settings.runs_dir, resume)
        )
        rundir.refuse_other_than_training(run)
        need_training_extra()
        config, training = _frozen(run)
        inputs = read_inputs(config, quiet=True)
    else:
        config, training = _checked_settings(settings, given, sent)
        inputs = read_inputs(config, quiet=True)
        run_id = rundir.own_run_id(settings.runs_dir, UUID(str(current.id)))
        run = rundir.create(
            settings.runs_dir, run_id, to_ini(config), training=training_ini(training)
        )
        known_folders.remember(known_folders.RUNS, settings.runs_dir)
    logger.info("Run directory: %s", run.path)
    return _Checked(config, inputs, training, run)


def _checked_settings(
    settings: Settings, given: Mapping[str, Any], sent: Path
) -> tuple[Config, TrainingSettings]:
    """Return the configuration and the settings of the training.

    Raises ConfigError with all problems, MissingExtraError where the extra is all that is missing.
    """
    config_of, training_of = _readers(settings, given, sent)

    def config() -> Config:
        read = config_of()
        read_inputs(read, quiet=True)
        return read

    return check_training(config, training_of, refuse_for_learners)


def _settings_of(
    settings: Settings, given: Mapping[str, Any], sent: Path
) -> tuple[Config, TrainingSettings]:
    """Return the configuration and the settings of the training. Raises ConfigError."""
    config, training = _readers(settings, given, sent)
    return config(), training()


def _readers(
    settings: Settings, given: Mapping[str, Any], sent: Path
) -> tuple[Callable[[], Config], Callable[[], TrainingSettings]]:
    """Return what reads the configuration, and what reads the settings of the training."""
    from fusion.config.templates import find_template

    places = settings.places(remote=deployment.id is not None)
    if places["input_dirs"] is not None:
        places["input_dirs"] = (*places["input_dirs"], sent)
    template = given["template"]
    changes = {str(key): value for key, value in dict(given["training"]).items()}
    changes |= {key: given[key] for key in ("steps", "seed") if given[key] is not None}

    def config() -> Config:
        return read_config(template, given["overrides"], **places).config

    def training() -> TrainingSettings:
        return read_training(find_template(template, places["templates_dir"], None), changes)

    return config, training


def _frozen(run: RunDirectory) -> tuple[Config, TrainingSettings]:
    return read_config(run.config).config, read_training(run.training)


def _run(
    settings: Settings, connection: Connection, parts: Parts, checked: _Checked
) -> TrainingResult:
    """Train and report."""
    logger = get_run_logger()
    flow_run_id = UUID(str(current.id))
    run_id = rundir.own_run_id(settings.runs_dir, flow_run_id)
    config, inputs, training, run = checked
    with run_lock.hold_own(run, run_id), recorded(run, connection) as record:
        if run.log.exists():  # of an attempt that was killed a moment ago
            end_marked(str(flow_run_id), settings.grace_seconds)
        add_tags(connection, flow_run_id, "training", "", [config])
        go_on = f"a retry, or `{command_to_go_on(run)}`, continues from the last checkpoint"
        watch = Watch(connection, flow_run_id)
        stall = Stall(lambda: (run.progress,), settings, logger, alike=False, go_on=go_on)
        follower = TrainingFollower(
            run,
            flow_run_id,
            connection,
            logger,
            confidence=config.statistics_settings.confidence,
            title=training_name(config, training),
            max_log_bytes=settings.max_log_size_bytes,
            stall=stall,
            paused=lambda: watch.paused,
            parts=parts,
        )

        def findings(partial: str, suspended: bool) -> TrainingFindings:
            return find(run, config, inputs, training, partial, suspended=suspended)

        last = LastNews(run, flow_run_id, connection, record, logger, follower, parts, findings)
        parts.begin(TRAIN)
        parts.tell()
        try:
            options = {
                "config": run.config,
                "training": run.training,
                "output-dir": run.output,
                "progress-file": run.progress,
                "run-file": run.provenance,
            }
            grace, mark = settings.grace_seconds, str(flow_run_id)
            with simulator("train", options, log=run.log, grace_seconds=grace, mark=mark) as tree:
                preload()
                last.show_that_it_goes_on()
                end = follow(
                    tree,
                    follower.look,
                    watch.ended,
                    follower.glance,
                    lambda: watch.paused,
                    stall,
                    follower.has_an_evaluation,
                )
        except BaseException as error:
            if (final := last.end_by(error)) is None:
                raise
            return cast(TrainingResult, final)
        if isinstance(end, State):
            return cast(TrainingResult, last.end_in(end))
        if end:
            connection.wait(settings.server_wait_seconds)
            follower.glance()
            failure = failure_of(run, follower.state.error, end, go_on)
            parts.end_all(Failed(message=failure))
            last.show_later(failure)
            raise SimulationError(failure, end)
        parts.end(TRAIN)
        found = last.show("", wait_seconds=settings.server_wait_seconds)
    headline = found.headline if found else "trained"
    result = TrainingResult(
        run_id=run.run_id,
        run_dir=run.path,
        agent=run.output / "agent.onnx",
        training_csv=run.output / "training.csv",
        plot=found and found.plot,
        report=found and found.report,
        headline=headline,
        rows=read_rows(run.output / "training.csv"),
        compared=read_rows(run.output / "comparison.csv"),
    )
    return cast(TrainingResult, complete(headline, result))


__all__ = ["MissingExtraError", "TrainingResult", "fusion_train"]
