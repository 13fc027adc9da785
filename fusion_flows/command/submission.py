"""What a run is asked to do: settings from a file and from `-s`, checked, and handed to a worker."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from fusion.config.config import Config, ConfigError, Problem, load_config, read_config
from fusion.config.ini import format_value, parse_ini
from fusion.config.other_names import meant_key
from fusion.config.overrides import read_overrides
from fusion.config.problems import closest
from fusion.config.sections import DEFAULTS, HOME
from fusion.config.templates import template_names
from fusion.config.training_settings import SECTION, TrainingSettings
from fusion_flows.command.checking import check
from fusion_flows.command.other_files import refuse_other_files
from fusion_flows.rundir import directory as rundir
from fusion_flows.rundir.directory import RunDirectory
from fusion_flows.rundir.file_state import is_complete, recorded_name
from fusion_flows.rundir.sent_files import send
from fusion_flows.runs.by_files import find_by_files, no_directory
from fusion_flows.runs.lookup import RunError, find
from fusion_flows.runs.time_expressions import ArgumentError
from fusion_flows.server import address as server_address
from fusion_flows.server.address import NoServerError, ServerAwayError, connect
from fusion_flows.server.settings import Settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse

    from fusion.scenario.inputs import Inputs

DEPLOYMENT = "fusion/sim"

Overrides = dict[str, Any]


class Submitted(BaseModel):
    """A run that waits for a worker."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    flow_run_id: UUID
    name: str
    url: str
    """Its page in Prefect."""
    workers_online: int
    """Workers that listen to its pool now; with none the run waits until one is started."""


def read_assignments(
    assignments: Sequence[str], file: str = "", *, template: str = ""
) -> Overrides:
    """Return the overrides of a file with those of `section.key=value` texts over them.

    The section may be left out, as each key has one of its own. A value is read as in an INI file.

    file: JSON or TOML, or nothing. template: what they are to change; with problems here it is checked with
    what could be read, so that nothing is found only at the next try.

    Raises ConfigError with all problems.
    """
    overrides: Overrides = {}
    problems: list[Problem] = []
    try:
        read = read_overrides(file) if file else {}
    except ConfigError as error:
        read, problems = {}, error.problems
    for section, keys in read.items():
        overrides[section] = dict(keys) if isinstance(keys, Mapping) else keys
    given: dict[tuple[str, str], str] = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        section, dot, key = (part.strip().lower() for part in name.partition("."))
        if not dot and section in HOME:  # it is a key of one section alone
            section, dot, key = HOME[section], ".", section
        if not (equals and dot and section and key):
            problems.append(Problem("", "", None, _no_assignment(name, text), "-s"))
        elif (section, key) in given:
            message = f"is given as {given[section, key]}, too"
            problems.append(Problem(section, key, value, message, "-s"))
        else:
            given[section, key] = value.strip()
            _put(overrides, section, key, value.strip(), text, problems)
    if problems:
        rest = check(template, overrides).problems if template else []
        raise ConfigError([*problems, *rest])
    return overrides


def _no_assignment(name: str, text: str) -> str:
    key = name.strip().lower()
    _, dot, last = key.rpartition(".")
    if last in HOME and "=" not in text:
        example = format_value(DEFAULTS[last])
        return f"'{text}' needs a value{f', as in {key}={example}' if example else ''}"
    if re.fullmatch(r"\w+", key) and not dot:
        hint = meant_key(key, list(HOME))
        if not hint and (found := closest(key, TrainingSettings.model_fields)) is not None:
            hint = f"; {found} is a key of [{SECTION}], which `fusion train` takes with -t: -t {found}=..."
        return f"'{text}': unknown key{hint}"
    return f"'{text}' is not key=value, such as erlang_stop=300"


def _put(
    overrides: Overrides,
    section: str,
    key: str,
    value: str,
    text: str,
    problems: list[Problem],
) -> None:
    """Add one assignment, read with the rules of an INI file."""
    entries, wrong = parse_ini(f"[{section}]\n{key} = {value}", "-s")
    entry = entries.get((section, key))
    if wrong or entry is None or len(entries) != 1:
        reasons = "; ".join(problem.message for problem in wrong) or "is not one value"
        problems.append(Problem(section, key, value, reasons, f"-s {text}"))
        return
    keys = overrides.setdefault(section, {})
    if isinstance(keys, dict):
        for same in [name for name in keys if name.strip().lower() == key]:
            del keys[same]
        keys[key] = entry.value


def validate(template: str, overrides: Mapping[str, Any] | None = None) -> "tuple[Config, Inputs]":
    """Check settings, and the files they refer to, without running anything.

    Args:
        template: Name of a template, or the path of an INI file.
        overrides: What to change in it: {"section": {"key": value}}.

    Raises:
        ConfigError: All that is wrong.
    """
    from fusion.scenario.inputs import read_inputs

    refuse_other_files(template)
    config = load_config(template, overrides, templates_dir=Settings().templates_dir)
    return config, read_inputs(config)


def resumable(run: str) -> str:
    """Return the run id of the directory of a run that is to be finished. With no server its files say which.

    run: also its directory, which is returned as a path where it is not in the folder of runs.

    Raises NoSuchRunError, NoServerError, RunError when its directory is not on this machine,
    RunDirectoryError for a sweep, and ArgumentError for a run that is complete.
    """
    directory = _to_resume(run)
    rundir.refuse_other_than_simulation(directory)
    # Where the flow was ended before it had drawn the report, that is left to do.
    if is_complete(directory) and directory.report.is_file():
        raise ArgumentError(
            f"--resume: run {directory.run_id} is complete, and nothing is left to compute; its results are "
            f"in {directory.output}; `fusion rerun {directory.run_id}` computes it once more, with changes"
        )
    is_here = directory.path.parent.resolve() == rundir.absolute(Settings().runs_dir).resolve()
    return directory.run_id if is_here else str(directory.path)


def _to_resume(run: str) -> RunDirectory:
    path = rundir.absolute(run)
    if "/" in run and path.is_dir():
        server_address.configure()  # a `fusion up` says which folder is that of the runs
        return rundir.find(path.parent, str(path))
    if "/" in run and re.fullmatch("[0-9a-f]{12}", path.name):
        run = path.name  # it is of another machine, or was moved
    runs_dir = Settings().runs_dir
    try:
        with connect() as client:
            found = find(client, run, runs_dir)
    except ServerAwayError as error:
        return find_by_files(run, runs_dir, error)
    if found.directory is None:
        raise RunError(
            no_directory(
                found.directory_id,
                runs_dir,
                ", so there is nothing to finish; set FUSION_RUNS_DIR to use another folder",
            )
        )
    return found.directory


def submit(
    template: str = "",
    overrides: Mapping[str, Any] | None = None,
    *,
    name: str = "",
    resume: str = "",
) -> Submitted:
    """Hand a run to a worker, through the deployment `fusion/sim`, and return at once.

    The settings are checked here first. Those of an INI file of one's own are sent, not its path, and so
    are the files that they name: what runs is what the files say now, wherever the worker is and whatever
    it may read.

    Args:
        template: Name of a template, or the path of an INI file; default: quick.
        overrides: What to change in it: {"section": {"key": value}}.
        name: Name of the run in lists; default: that of the earlier run, else topology, policy and loads.
        resume: Run id of an earlier run, to finish what it left.

    Raises:
        ConfigError: All that is wrong with the settings.
        RunError: The server has no such deployment.
        NoServerError: No server answers, or none is known but the embedded one, which no worker
            listens to.
    """
    need_server()
    parameters: dict[str, Any] = {"name": name, "resume": resume}
    if resume:
        if "/" in resume:
            raise RunError(
                f"{resume} is not in the folder of runs of a worker, {rundir.absolute(Settings().runs_dir)}; "
                "without --detach it is resumed here"
            )
        run = rundir.find(Settings().runs_dir, resume)
        name = name or recorded_name(run)
        folders = readable_dirs()
        config = load_config(run.config, input_dirs=folders and (*folders, run.path))
    else:
        template = template or "quick"
        config, _ = validate(template, overrides)
        parameters |= send(_parameters(config, template, overrides or {}), readable_dirs())
    from fusion_flows.report.setting import run_name

    return hand_over(
        DEPLOYMENT,
        {key: value for key, value in parameters.items() if value},
        name or run_name(config),
    )


def readable_dirs() -> tuple[Path, ...] | None:
    """Return the folders that the worker may read; None where only the worker knows."""
    server = server_address.meant()
    if server is None or server.input_dirs is None:
        return None
    return tuple(map(Path, server.input_dirs))


def need_server() -> None:
    """Find the server that workers listen to, before anything imports Prefect. Raises NoServerError."""
    if not server_address.configure():
        raise NoServerError(
            "no Prefect server with a worker is running: start one with `fusion up`, or set "
            f"{server_address.URL}; `fusion run` and `fusion sweep` without --detach need no server"
        )


def hand_over(deployment_name: str, parameters: dict[str, Any], name: str) -> Submitted:
    """Make a run of a deployment; call `need_server` first. Raises RunError and NoServerError."""
    with connect() as client:
        from fusion_flows.server.ui_pages import page

        deployment = find_deployment(client, deployment_name)
        flow_run = client.create_flow_run_from_deployment(
            deployment.id, parameters=parameters, name=name
        )
        pool = deployment.work_pool_name
        workers = client.read_workers_for_work_pool(pool) if pool else []
        return Submitted(
            run_id=rundir.run_id_of(flow_run.id),
            flow_run_id=flow_run.id,
            name=flow_run.name,
            url=page(f"/runs/flow-run/{flow_run.id}"),
            workers_online=sum(worker.status.value == "ONLINE" for worker in workers),
        )


def find_deployment(client: "SyncPrefectClient", name: str) -> "DeploymentResponse":
    """Return a deployment of the server. Raises RunError."""
    from prefect.exceptions import ObjectNotFound

    try:
        return client.read_deployment_by_name(name)
    except ObjectNotFound:
        raise RunError(
            f"the Prefect server at {client.api_url} has no deployment {name}: "
            "`fusion up` or `fusion set-up` makes it"
        ) from None


def sent(template: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return template and overrides as a deployment takes them, with the files that they name.

    Raises ConfigError.
    """
    return send(settings_as_sent(template, overrides), readable_dirs())


def settings_as_sent(template: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return template and overrides, which were checked, as a deployment takes them. Raises ConfigError."""
    # What is to be known of the reading was told when the settings were checked.
    config = read_config(template, overrides, templates_dir=Settings().templates_dir).config
    return _parameters(config, template, overrides)


def _parameters(config: Config, template: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return template and overrides as a deployment takes them, numbers as numbers."""
    values = config.model_dump(mode="json")
    if not _is_shipped(template):
        return {"overrides": values}
    sent: Overrides = {}
    for section, keys in overrides.items():
        for name, value in keys.items():
            key = name.strip().lower()
            if key in HOME:
                sent.setdefault(HOME[key], {})[key] = values[HOME[key]][key]
            else:  # a key of FUSION that changes nothing; the run will say so
                sent.setdefault(section, {})[name] = value
    return {"template": template, "overrides": sent}


def _is_shipped(template: str) -> bool:
    """Return whether a worker knows this template by its name, and the same one."""
    mine = Settings().templates_dir
    hidden = mine is not None and (mine / f"{template}.ini").is_file()
    return template in template_names() and not hidden
