"""The flow `fusion`: one configuration, simulated and reported."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, cast
from uuid import UUID

from prefect import get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import deployment
from prefect.runtime import flow_run as current
from prefect.states import Failed
from pydantic import BaseModel, ConfigDict, WithJsonSchema

from fusion.config.config import Config, ConfigError, read_config, to_ini
from fusion.config.reading import unreached_stop
from fusion.config.sections import SECTIONS
from fusion.scenario.inputs import Inputs, read_inputs
from fusion.scenario.offered_load import offered_per_nominal
from fusion_flows.engines.simulator import simulator
from fusion_flows.flows import form
from fusion_flows.flows.short_fields import NUMBERS, told_of_fields, with_fields
from fusion_flows.following import publish
from fusion_flows.following.artifacts import tell_that_it_is_resumed
from fusion_flows.following.flow_ends import (
    SimulationError,
    failure_of,
    interruptible_flow,
    told_in_words,
)
from fusion_flows.following.last_news import LastNews, complete
from fusion_flows.following.live_network import LiveNetwork
from fusion_flows.following.parameters import Text, refuse_forgotten
from fusion_flows.following.parts import CHECK, SIMULATE, Parts
from fusion_flows.following.publish import Findings
from fusion_flows.following.reporting import Follower, follow
from fusion_flows.following.result_lines import summary
from fusion_flows.following.stall import Stall
from fusion_flows.process.marks import end_marked
from fusion_flows.report.preload import preload
from fusion_flows.report.results import read_rows
from fusion_flows.report.setting import run_name
from fusion_flows.rundir import directory as rundir
from fusion_flows.rundir import lock as run_lock
from fusion_flows.rundir import sent_files
from fusion_flows.rundir.directory import RunDirectory, RunDirectoryError
from fusion_flows.rundir.file_state import recorded_name, recorded_run_id
from fusion_flows.rundir.redaction import redact
from fusion_flows.runs.by_files import find_directory
from fusion_flows.runs.lookup import RunError
from fusion_flows.server import known_folders
from fusion_flows.server.address import NoServerError
from fusion_flows.server.connection import Connection
from fusion_flows.server.run_labels import add_tags, given_name
from fusion_flows.server.run_record import recorded
from fusion_flows.server.settings import Places, Settings
from fusion_flows.server.watch import Watch

if TYPE_CHECKING:
    import pandas

_LONGEST_NAME = 80  # characters, as in `run_name`
_NO_OVERRIDES: dict[str, Any] = {}  # never changed; a form shows it as an empty object

Template = Annotated[str, WithJsonSchema(form.template_schema())]
Overrides = Annotated[dict[str, Any], WithJsonSchema(form.overrides_schema())]
Loads = Annotated[Text, WithJsonSchema(form.loads_schema())]
Choices = Annotated[Sequence[str], WithJsonSchema(form.choices_schema())]
Requests = Annotated[int | None, WithJsonSchema(form.number_schema("num_requests"))]
Replications = Annotated[int | None, WithJsonSchema(form.number_schema("max_iters"))]
Paths = Annotated[int | None, WithJsonSchema(form.number_schema("k_paths"))]
Slots = Annotated[int | None, WithJsonSchema(form.number_schema("c_band"))]
Seed = Annotated[int | None, WithJsonSchema(form.number_schema("seed"))]


class SimResult(BaseModel):
    """The results of a run: where its files are, and its points."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    run_dir: Path
    output_dir: Path
    points_csv: Path
    plot: Path | None
    """Plot of blocking over load, as PNG; None if it could not be drawn."""
    report: Path | None
    """The report, as one HTML file; None if it could not be written."""
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
    if name := given_name(given):
        return name
    try:
        settings = Settings()
        sent = sent_files.folder_of(settings.runs_dir, UUID(str(current.id)))
        template, resume = given["template"], given["resume"]
        overrides = _overrides(given)
        config, run = _load(settings, template, overrides, resume, sent)
    except ValueError:  # the run itself will say so
        return _name_as_asked(given)
    return (recorded_name(run) if run else "") or run_name(config)


def _name_as_asked(given: Mapping[str, Any]) -> str:
    """Return what tells a run that cannot begin from others: its template, and what was to be changed in it.

    given: its parameters, of which anything may be wrong.
    """
    if resume := given.get("resume"):
        return f"resume {resume}"[:_LONGEST_NAME]
    asked = [f"loads={given['loads']}"] if given.get("loads") else []
    choices, overrides = given.get("choices"), given.get("overrides")
    asked += map(str, choices) if isinstance(choices, Sequence) else ()
    asked += [f"{key}={given[key]}" for key in NUMBERS if given.get(key) is not None]
    for keys in overrides.values() if isinstance(overrides, Mapping) else ():
        asked += (
            [f"{key}={value}" for key, value in keys.items()] if isinstance(keys, Mapping) else []
        )
    name = " ".join([Path(str(given.get("template"))).stem, ", ".join(asked)]).strip()
    return redact(" ".join(name.split()))[:_LONGEST_NAME]


@interruptible_flow("fusion", _run_name, form=form.form_of_a_run)
def fusion(
    template: Template = form.DEFAULT_TEMPLATE,
    overrides: Overrides = _NO_OVERRIDES,
    name: Text = "",
    resume: Text = "",
    loads: Loads = "",
    choices: Choices = (),
    num_requests: Requests = None,
    max_iters: Replications = None,
    k_paths: Paths = None,
    c_band: Slots = None,
    seed: Seed = None,
) -> SimResult:
    """Simulate blocking over load for one configuration, and report it.

    Args:
        template: Settings to start from: a shipped template, one of your own in
            FUSION_TEMPLATES_DIR, or the path of an INI file.
        overrides: What to change in the template, by section and key, such as
            {"general_settings": {"erlang_start": 50}}.
        name: Name of the run in lists; empty: topology, policy and loads.
        resume: An earlier run, to finish it: its run id or the first 4 digits of it, its name, or the id
            of its flow run; from Python also its directory. Leave the template and all changes to it
            at their defaults.
        loads: Loads in Erlang, evenly spaced: "140 to 220 step 20", or "140, 160, 180"; empty: those
            of the template.
        choices: Further changes, as key=value each, such as ["path_order=hops"].
        num_requests: Measured requests of a replication; None, here and below: as in the template.
        max_iters: Replications of each load.
        k_paths: Candidate paths of each pair of nodes.
        c_band: Slots of the C band of a link.
        seed: Seed of all random numbers.

    Raises ConfigError for settings that cannot be run (nothing is started then), SimulationError
    when the simulator fails, RunDirectoryError when the run directory cannot be created.
    """
    numbers = {
        "num_requests": num_requests,
        "max_iters": max_iters,
        "k_paths": k_paths,
        "c_band": c_band,
        "seed": seed,
    }
    given = {"overrides": overrides, "loads": loads, "choices": choices, **numbers}
    return told_in_words(lambda: _simulate(template, given, resume))


def _overrides(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what all parameters of a run change in its template. Raises ConfigError."""
    numbers = {key: given[key] for key in NUMBERS}
    return with_fields(given["overrides"], numbers, given["loads"], given["choices"])


def _simulate(template: str, given: Mapping[str, Any], resume: str) -> SimResult:
    settings = Settings()
    flow_run_id = UUID(str(current.id))
    with Connection(get_run_logger()) as connection:
        parts = Parts(flow_run_id, connection)
        with parts.part(CHECK):
            refuse_forgotten("choices")
            sent = sent_files.folder_of(settings.runs_dir, flow_run_id)
            overrides = sent_files.receive(_overrides(given), sent)
            try:
                checked = _check(settings, template, overrides, resume, sent)
            except ConfigError as error:
                sent_files.discard(sent)
                numbers = {key: given[key] for key in NUMBERS}
                fields = (numbers, given["loads"], given["choices"])
                problems = told_of_fields(error.problems, given["overrides"], *fields)
                raise ConfigError(problems) from None
        is_own = resume or _all_keys_are_in(overrides)  # an INI file of one's own is sent so
        return _run(settings, connection, parts, checked, "" if is_own else template)


def _all_keys_are_in(overrides: Mapping[str, Any]) -> bool:
    """Return whether nothing is left for a template to say."""
    return all(
        key in overrides.get(section, ())
        for section, model in SECTIONS.items()
        for key in model.model_fields
    )


class _Checked(NamedTuple):
    """A run that can begin."""

    config: Config
    inputs: Inputs
    run: RunDirectory


def _check(
    settings: Settings, template: str, overrides: Mapping[str, Any], resume: str, sent: Path
) -> _Checked:
    """Return the configuration with its input files, and the run directory, which is made if it is new."""
    logger = get_run_logger()
    run_id = rundir.own_run_id(settings.runs_dir, UUID(str(current.id)))
    config, run = _load(settings, template, overrides, resume, sent)
    inputs = read_inputs(config, quiet=True)  # the simulator tells what is to be known of them
    if run is None:
        reading = read_config(template, overrides, **_places(settings, sent))
        for ignored in (*reading.ignored, *reading.dropped):
            logger.warning("ignored: %s", ignored)
        for note in (*reading.notes, *unreached_stop(config)):
            logger.warning("%s", note)
        run = rundir.create(settings.runs_dir, run_id, to_ini(config))
        known_folders.remember(known_folders.RUNS, settings.runs_dir)
    logger.info("Run directory: %s", run.path)
    return _Checked(config, inputs, run)


def _run(
    settings: Settings, connection: Connection, parts: Parts, checked: _Checked, template: str
) -> SimResult:
    """Simulate and report.  template: for the tags; empty where a run is resumed."""
    logger = get_run_logger()
    flow_run_id = UUID(str(current.id))
    run_id = rundir.own_run_id(settings.runs_dir, flow_run_id)
    config, inputs, run = checked
    earlier = [run.run_id, *filter(None, [recorded_run_id(run)])]

    with run_lock.hold_own(run, run_id), recorded(run, connection) as record:
        if run.log.exists():  # of an attempt that was killed a moment ago
            end_marked(str(flow_run_id), settings.grace_seconds)
        add_tags(connection, flow_run_id, "simulation", template, [config])
        if run.run_id != run_id:
            tell_that_it_is_resumed(connection, earlier, run_id)
            if current.parameters.get("resume") != run.run_id and deployment.id is not None:
                _file_under(connection, flow_run_id, run)
        go_on = f"a retry, or resume={run.run_id}, continues from there"
        watch = Watch(connection, flow_run_id)
        stall = Stall(
            lambda: (run.progress,),
            settings,
            logger,
            alike=True,
            go_on=go_on,
        )
        follower = Follower(
            run,
            flow_run_id,
            connection,
            logger,
            confidence=config.statistics_settings.confidence,
            offered_per_nominal=offered_per_nominal(config),
            max_log_bytes=settings.max_log_size_bytes,
            draw=LiveNetwork(run, config, inputs).draw,
            stall=stall,
            paused=lambda: watch.paused,
            parts=parts,
        )

        def find(partial: str, suspended: bool) -> Findings:
            told = follower.rows_at_the_end()
            return publish.find(run, config, inputs, partial, told, suspended=suspended)

        last = LastNews(run, flow_run_id, connection, record, logger, follower, parts, find)
        parts.begin(SIMULATE)
        parts.tell()
        try:
            options = {
                "config": run.config,
                "output-dir": run.output,
                "progress-file": run.progress,
                "run-file": run.provenance,
            }
            grace, mark = settings.grace_seconds, str(flow_run_id)
            with simulator("run_sim", options, log=run.log, grace_seconds=grace, mark=mark) as tree:
                preload()
                if run.run_id == run_id:
                    last.show_that_it_goes_on()
                end = follow(
                    tree,
                    follower.look,
                    watch.ended,
                    follower.glance,
                    lambda: watch.paused,
                    stall,
                    follower.has_a_first_load,
                )
        except BaseException as error:
            if (final := last.end_by(error)) is None:
                raise
            return cast(SimResult, final)
        if isinstance(end, State):
            return cast(SimResult, last.end_in(end))
        if end:
            connection.wait(settings.server_wait_seconds)
            follower.glance()
            failure = failure_of(run, follower.state.error, end, go_on)
            parts.end_all(Failed(message=failure))
            last.show_later(failure)
            raise SimulationError(failure, end)
        parts.end(SIMULATE)
        findings = last.show("", wait_seconds=settings.server_wait_seconds)
    result = SimResult(
        run_id=run.run_id,
        run_dir=run.path,
        output_dir=run.output,
        points_csv=run.points,
        plot=findings and findings.plot,
        report=findings and findings.report,
        log=run.log,
        exit_code=end,
        points=findings.rows if findings else read_rows(run.points),
    )
    return cast(SimResult, complete(summary(result.points), result))


def _load(
    settings: Settings, template: str, overrides: Mapping[str, Any], resume: str, sent: Path
) -> tuple[Config, RunDirectory | None]:
    """Return the checked configuration, and the run directory where a run is resumed."""
    if not resume:
        return read_config(template, overrides, **_places(settings, sent)).config, None
    if any(overrides.values()) or template != form.DEFAULT_TEMPLATE:  # a form sends empty sections
        raise RunDirectoryError(
            "a resumed run has its frozen configuration: leave template and overrides out, and all else "
            "that would change it"
        )
    run = _to_resume(settings.runs_dir, resume.strip())
    rundir.refuse_other_than_simulation(run)
    return read_config(run.config, **_places(settings, run.path)).config, run


def _to_resume(runs_dir: Path, resume: str) -> RunDirectory:
    """Return the directory of the run that is called so. Raises RunDirectoryError.

    resume: its run id or the first digits of it, its name, or the id of its flow run, as in the address
    of its page; from Python also its directory.
    """
    named = rundir.meant(runs_dir, resume)
    is_run_id = rundir.is_run_id(named)
    if deployment.id is None and (is_run_id or "/" in named or Path(named).exists()):
        return rundir.find(runs_dir, named)
    if not is_run_id:
        try:
            named = find_directory(named, runs_dir).run_id
        except (RunError, NoServerError) as error:
            raise RunDirectoryError(f"resume: {error}") from None
    return rundir.open_run(runs_dir, named)


def _file_under(connection: Connection, flow_run_id: UUID, run: RunDirectory) -> None:
    """Have the parameters of the current run name the run that it resumes by its run id.

    By this id all that look for the runs of a directory find it. Nothing here can end the run.
    """
    parameters = {**current.parameters, "resume": run.run_id}
    with suppress(Exception):
        connection.call(lambda client: client.update_flow_run(flow_run_id, parameters=parameters))


def _places(settings: Settings, own: Path) -> Places:
    """Return where files may be read.  own: a folder of the run's.

    Who calls from Python may read what is theirs; parameters of a deployment are anybody's.
    """
    places = settings.places(remote=deployment.id is not None)
    if places["input_dirs"] is not None:
        places["input_dirs"] = (*places["input_dirs"], own)
    return places
