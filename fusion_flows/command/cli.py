"""The command `fusion`: each verb parses its words, calls a function and prints what it returns.

A verb and its function share one text: the docstring of the function is the help of the verb.
Prefect is imported by those functions that need it, so that help comes at once.
"""

import logging
import os
import re
import sys
from collections.abc import Callable, Iterable
from importlib import metadata
from inspect import BoundArguments
from inspect import Parameter as Parameters
from pathlib import Path
from typing import Annotated, Any, TypeVar

from cyclopts import App, CycloptsError, Group, Parameter, UnknownOptionError, UnusedCliTokensError
from pydantic import ValidationError
from rich.console import Console

from fusion.config.config import ConfigError
from fusion.config.counts import counted
from fusion.config.other_names import meant_key
from fusion.config.overrides import OVERRIDES
from fusion.config.sections import HOME
from fusion.network.topology import lengths_text
from fusion.sweep.store import StoreError
from fusion_flows.command import (
    catalogue,
    checking,
    doctor,
    picture_cli,
    run_here,
    submission,
    sweep_cli,
    sweeps,
    terminal,
    up,
)
from fusion_flows.command.examples import EXAMPLES, FIRST_STEPS, epilogue
from fusion_flows.command.terminal import (
    help_of,
    is_live,
    local,
    print_json,
    print_note,
    print_problem,
    print_submitted,
    print_table,
    short,
    size,
)
from fusion_flows.flows.load_search import SearchFailedError
from fusion_flows.following.result_lines import places, results
from fusion_flows.report import tables
from fusion_flows.rundir.directory import RunDirectoryError
from fusion_flows.rundir.files import Preview
from fusion_flows.runs import listing as runs
from fusion_flows.runs import pausing
from fusion_flows.runs.time_expressions import ArgumentError
from fusion_flows.server.address import AlreadyUpError, NoServerError
from fusion_flows.server.database import NewerDatabaseError

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

Verb = TypeVar("Verb", bound=Callable[..., int])

Json = Annotated[bool, Parameter(help="Print JSON, for programs.")]
Changes = Annotated[
    list[str] | None,
    Parameter(
        name=("--set", "-s"),
        negative=(),
        help="key=value or section.key=value, read as in an INI file; may be repeated.",
    ),
]
SettingsFile = Annotated[
    str, Parameter(help="Name of a template, or the path of an INI file, to check.")
]
RunName = Annotated[str, Parameter(name="run", help="Run id or its start, name, or flow run id.")]

app = App(
    name="fusion",
    help="Simulate elastic optical networks as runs of Prefect.",
    version=lambda: f"fusion {metadata.version('fusion-eon')}",
    help_format="plaintext",
    help_formatter="default" if sys.stdout.isatty() else "plain",
    console=None if sys.stdout.isatty() else Console(width=1000),  # a line each: no terminal to fit
    default_parameter=Parameter(negative=(), show_default=False),
    suppress_keyboard_interrupt=False,
    result_action="return_value",
    help_epilogue=FIRST_STEPS,
)
app.register_install_completion_command(help="Install completion for this shell.")
_SERVER, _SETTINGS, _RUNS, _SWEEPS = (
    Group.create_ordered(name) for name in ("Server", "Settings", "Runs", "Sweeps")
)
sweep_cli.add_to(app, _SWEEPS)
picture_cli.add_to(app, _SETTINGS, _RUNS)


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code: 0 done, 2 bad input, 130 Ctrl-C, 1 anything else."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("fusion.sweep").setLevel(logging.INFO)  # how far a long check is
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        verb, given, _ = app.parse_args(arguments, exit_on_error=False, print_error=False)
        _refuse_empty(given)
        code = verb(*given.args, **given.kwargs)
        sys.stdout.flush()
        return code if isinstance(code, int) else DONE
    except UnusedCliTokensError as error:
        words = " ".join(error.unused_tokens or ())
        print_problem(f"too many words: {words}\n`fusion {_verb(error)}--help` says what there is.")
        return BAD_INPUT
    except UnknownOptionError as error:
        print_problem(
            f"{error}{_key_hint(str(error), error)}\n`fusion {_verb(error)}--help` says what there is."
        )
        return BAD_INPUT
    except CycloptsError as error:
        print_problem(f"{error}\n`fusion {_verb(error)}--help` says what there is.")
        return BAD_INPUT
    except ValidationError as error:  # of the settings in the environment
        for one in error.errors():
            name = f"FUSION_{'.'.join(map(str, one['loc'])).upper()}"
            print_problem(f"{name} = {one['input']}: {one['msg']}")
        return BAD_INPUT
    except ConfigError as error:
        print_problem(f"{_as_typed(error, given)}{catalogue.hint(error)}")
        return BAD_INPUT
    except (ArgumentError, StoreError) as error:
        print_problem(str(error))
        return BAD_INPUT
    except _TOLD as error:
        print_problem(str(error))
        return FAILED
    except run_here.InterruptedRunError as error:
        print_note(f"\n{error}")
        return INTERRUPTED
    except KeyboardInterrupt:
        print_note("")
        return INTERRUPTED
    except BrokenPipeError:  # the reader, such as head, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


_TOLD = (
    runs.RunError,
    run_here.UnfinishedRunError,
    sweeps.NothingFoundError,
    SearchFailedError,
    RunDirectoryError,
    NoServerError,
    AlreadyUpError,
    NewerDatabaseError,
    up.UpError,
)
"""Errors whose message says everything."""


def _key_hint(said: str, error: CycloptsError) -> str:
    """Return how to set what was given as an option, where that is a key of the settings."""
    found = re.search(r"--([A-Za-z][\w-]*)", said)
    key = found[1].lower().replace("-", "_") if found else ""
    if key not in HOME:
        hint = meant_key(key) if key else ""
        return f"{hint}, each with -s KEY=VALUE" if hint else ""
    if (error.command_chain or ("",))[0] not in ("run", "validate"):
        return f" {key} is a key of the settings: {HOME[key]}.{key}"
    return f" Settings are given with -s: -s {key}=VALUE"


def _as_typed(error: ConfigError, given: BoundArguments) -> ConfigError:
    """Return the problems with the option that a value was given with, in place of `overrides`."""
    options = {"changes": "-s", "overrides": "--overrides"}
    typed = " or ".join(name for key, name in options.items() if given.arguments.get(key))
    if not typed:
        return error
    return ConfigError(
        problem._replace(source=typed) if problem.source == OVERRIDES else problem
        for problem in error.problems
    )


def _refuse_empty(given: BoundArguments) -> None:
    """Refuse a value that is empty, as that of a variable that a script has not set."""
    for name, value in given.arguments.items():
        if name != "title" and (value == "" or (isinstance(value, list | tuple) and "" in value)):
            is_option = given.signature.parameters[name].kind is Parameters.KEYWORD_ONLY
            option = "--set" if name == "changes" else f"--{name.replace('_', '-')}"
            word = option if is_option else name.upper()
            raise ArgumentError(f"{word} is empty: give it a value, or leave it out")


def _verb(error: CycloptsError) -> str:
    return "".join(f"{word} " for word in error.command_chain or ())


def _text_of(function: Callable[..., Any]) -> Callable[[Verb], Verb]:
    """Give a verb the docstring of its function."""

    def give(verb: Verb) -> Verb:
        verb.__doc__ = help_of(function)
        return verb

    return give


def _as_dicts(values: Iterable[Any]) -> list[dict[str, Any]]:
    return [value._asdict() for value in values]


# --- server --------------------------------------------------------------------------------------


@app.command(name="up", group=_SERVER)
@_text_of(up.up)
def _up(
    *,
    max_concurrent_runs: int | None = None,
    host: str = "127.0.0.1",
    port: int | None = None,
    runs_dir: Path | None = None,
) -> int:
    up.up(
        max_concurrent_runs=max_concurrent_runs,
        host=host,
        port=port,
        runs_dir=runs_dir,
        say=lambda text: print(text, flush=True),
    )
    return DONE


@app.command(name="set-up", group=_SERVER)
def _set_up(*, max_concurrent_runs: int | None = None) -> int:
    """Set up the work pool, queues, limit, automation and deployments on your own server.

    `fusion up` does this by itself. Run it again to change how many runs may go on at once.

    Args:
        max_concurrent_runs: How many runs may go on at once; further ones wait.
    """
    if max_concurrent_runs is not None and max_concurrent_runs < 1:
        raise ArgumentError(f"--max-concurrent-runs {max_concurrent_runs}: must be 1 or more")
    from fusion_flows.server.address import connect

    with connect() as client:
        url = client.api_url
    from fusion_flows.command.deploy import SetUpError, set_up

    try:
        set_up(max_concurrent_runs)
    except SetUpError as error:
        print_problem(str(error))
        return FAILED
    print(f"The server at {url} is set up. `fusion doctor` shows what is there.")
    return DONE


@app.command(name="doctor", group=_SERVER)
@_text_of(doctor.doctor)
def _doctor(*, json: Json = False) -> int:
    checks = doctor.doctor()
    if json:
        print_json(_as_dicts(checks))
    else:
        rows: list[tuple[str, str, str]] = []
        for check in checks:
            rows.append((check.verdict, check.subject, check.found))
            if check.mend:
                rows.append(("", "", f"-> {check.mend}"))
        print_table(("", "what", "found"), rows)
    return FAILED if any(check.verdict == "problem" for check in checks) else DONE


# --- settings ------------------------------------------------------------------------------------


@app.command(name="templates", group=_SETTINGS)
@_text_of(catalogue.templates)
def _templates(*, json: Json = False) -> int:
    found = catalogue.templates()
    if json:
        print_json(_as_dicts(found))
    else:
        print_table(
            ("template", "loads (E)", "network", "policy", "about"),
            [(one.name, one.loads, one.network, one.policy, one.about) for one in found],
        )
    return DONE


@app.command(name="topologies", group=_SETTINGS)
@_text_of(catalogue.topologies)
def _topologies(*, json: Json = False) -> int:
    found = catalogue.topologies()
    if json:
        print_json(_as_dicts(found))
    else:
        numbers = ("nodes", "links", "total km", "mean km")
        print_table(
            ("topology", *numbers, "FUSION's name", "source"),
            [
                (
                    one.name,
                    *(str(one.nodes), str(one.links)),
                    *(f"{one.total_km:.0f}", f"{one.mean_km:.1f}"),
                    *(one.also, one.source),
                )
                for one in found
            ],
            right=numbers,
        )
    return DONE


@app.command(name="examples", group=_SETTINGS)
@_text_of(catalogue.examples)
def _examples(*, to: Path = Path("examples"), json: Json = False) -> int:
    written = catalogue.examples(to)
    if json:
        print_json(_as_dicts(written))
    else:
        print_table(
            ("file", "about"),
            [
                (str(one.path), f"{one.about}{' (kept as you have changed it)' * one.kept}")
                for one in written
            ],
        )
    return DONE


@app.command(name="validate", group=_SETTINGS)
@_text_of(submission.validate)
def _validate(file: SettingsFile, /, *, changes: Changes = None, json: Json = False) -> int:
    overrides = submission.read_assignments(changes or ())
    if json:
        found = checking.check(file, overrides)
        lists = ("problems", "ignored", "dropped")
        print_json(found._asdict() | {name: _as_dicts(getattr(found, name)) for name in lists})
        return DONE if found.valid else BAD_INPUT
    config, inputs = submission.validate(file, overrides)
    topology = inputs.topology
    loads = f"{config.loads[0]:g} Erlang"
    if len(config.loads) > 1:
        loads = f"{len(config.loads)} loads from {config.loads[0]:g} to {config.loads[-1]:g} Erlang"
    print(
        f"{file} is right: {topology.name} ({counted(len(topology.nodes), 'node')}, "
        f"{counted(len(topology.links), 'link')}), policy {config.policy}, {loads}"
    )
    print(lengths_text(topology))
    return DONE


@app.command(name="schema", group=_SETTINGS)
@_text_of(checking.schema)
def _schema() -> int:
    print_json(checking.schema())
    return DONE


# --- runs ----------------------------------------------------------------------------------------


@app.command(name="run", group=_RUNS)
def _run(
    template: str = "",
    /,
    *,
    changes: Changes = None,
    overrides: str = "",
    name: str = "",
    resume: str = "",
    detach: bool = False,
    json: Json = False,
) -> int:
    """Simulate: here, or with --detach on a worker such as that of `fusion up`.

    Args:
        template: Name of a template (`fusion templates` lists them), or the path of an INI file.
        changes: key=value or section.key=value, read as in an INI file; may be repeated.
        overrides: JSON or TOML file of changes to it: {section: {key: value}}.
        name: Name of the run in lists; default: topology, policy and loads.
        resume: An earlier run to finish; it keeps its settings, so give no others.
        detach: Hand the run to a worker and return at once.
        json: Print JSON, for programs.
    """
    if resume and (template or changes or overrides):
        raise ArgumentError(
            "--resume: a resumed run has the settings it was begun with; leave the others out"
        )
    if not (resume or template):
        raise ArgumentError(
            "name a template, such as quick (`fusion templates` lists them), the path of an INI "
            "file, or an earlier run with --resume"
        )
    changed = submission.read_assignments(changes or (), overrides)
    run_id = submission.resumable(resume) if resume else ""
    if detach:
        submitted = submission.submit(template, changed, name=name, resume=run_id)
        if json:
            print_json(submitted)
        else:
            print_submitted(submitted)
        return DONE
    result = run_here.run_here(template, changed, name=name, resume=run_id)
    if json:
        print_json(result)
    else:
        if not (is_live() and sys.stdout.isatty()):  # there they were shown as they came
            print(f"\n{results(result.points)}")
        print(f"\n{places(result.output_dir, result.plot, result.report)}")
    return DONE


@app.command(name="runs", group=_RUNS)
@_text_of(runs.runs)
def _runs(
    *,
    state: str = "",
    name: str = "",
    since: str = "",
    until: str = "",
    limit: int = 20,
    page: int = 1,
    json: Json = False,
) -> int:
    found = runs.runs(state=state, name=name, since=since, until=until, limit=limit, page=page)
    if json:
        print_json(found)
        return DONE
    print_table(
        ("run", "name", "state", "progress", "started", "duration"),
        [
            (
                *(one.run_id, one.name, one.state, _progress(one)),
                *(local(one.started), short(one.duration_seconds)),
            )
            for one in found
        ],
        right=("duration",),
    )
    if len(found) == limit:
        print_note(f"There may be more: --page {page + 1}.")
    if found and all(one.flow_run_id is None for one in found):
        print_note("No Prefect server answers; this is what the files of the runs say.")
    return DONE


def _progress(run: runs.Run) -> str:
    return "" if run.percent is None else f"{run.percent:.0f} %, {run.news}"


@app.command(name="show", group=_RUNS)
@_text_of(runs.show)
def _show(run: str, file: str = "", /, *, json: Json = False) -> int:
    found = runs.show(run, file)
    if isinstance(found, Preview):
        return _print_preview(found, json)
    if json:
        print_json({**found.model_dump(), "files": _as_dicts(found.files)})
        return DONE
    one = found.run
    state = f"{one.state}: {one.message}" if one.message else one.state
    times = f"{local(one.started)}, {short(one.duration_seconds) or 'no time'}"
    lines = [
        ("Run", f"{one.run_id}  {one.name}".rstrip()),
        ("State", state or "not in Prefect"),
        ("Progress", _progress(one)),
        ("Started", times if one.started else "not started" if one.flow_run_id else ""),
        ("Page", found.url),
        ("Folder", str(found.directory or "not found here")),
        ("Setting", found.setting),
    ]
    for title, text in lines:
        if text:
            first, *rest = text.splitlines()
            print(f"{title:<10}{terminal.printable(first)}")
            for line in rest:
                print(f"{'':<10}{terminal.printable(line)}")
    if found.points:
        print()
        _print_points(found)
    if found.files:
        print()
        print_table(
            ("file", "size", "changed"),
            [(one.path, size(one.size), local(one.modified)) for one in found.files],
            right=("size",),
        )
    return DONE


def _print_points(found: runs.Details) -> None:
    """Print the points, from files or from Prefect, as one table: that which Prefect shows."""
    unfinished = tables.SUSPENDED if found.run.state == "Suspended" else tables.INTERRUPTED
    is_raw = "erlang" in found.points[0]  # a column of points.csv
    rows = tables.point_texts(found.points, unfinished) if is_raw else found.points
    header = list(rows[0])
    print_table(header, [list(map(str, row.values())) for row in rows], right=header, numbers=True)


def _print_preview(preview: Preview, json: bool) -> int:
    if json:
        print_json(preview._replace(content=b"")._asdict())
    elif preview.text:
        for line in preview.text.splitlines():
            print(terminal.printable(line))
    else:
        kind = preview.media_type or preview.kind
        print_note(f"{preview.path} is not text ({kind}, {size(preview.size)}).")
    if preview.truncated:
        print_note(f"... and more: {preview.path} has {size(preview.size)}.")
    return DONE


@app.command(name="logs", group=_RUNS)
@_text_of(runs.log_lines)
def _logs(
    run: str,
    /,
    *,
    follow: Annotated[bool, Parameter(alias="-f")] = False,
    lines: Annotated[int | None, Parameter(alias="-n")] = None,
    file: bool = False,
) -> int:
    for line in runs.log_lines(run, follow=follow, lines=lines, file=file):
        print(terminal.printable(line), flush=follow)
    return DONE


@app.command(name="pause", group=_RUNS)
@_text_of(pausing.pause)
def _pause(
    *run: str, wait: Annotated[bool, Parameter(negative="--no-wait")] = True, json: Json = False
) -> int:
    _need_runs(run)
    return _print_states(pausing.pause(*run, wait=wait), json)


@app.command(name="resume", group=_RUNS)
@_text_of(pausing.resume)
def _resume(*run: str, json: Json = False) -> int:
    _need_runs(run)
    return _print_states(pausing.resume(*run), json)


def _print_states(found: list[runs.Run], json: bool) -> int:
    if json:
        print_json(found)
        return DONE
    for one in found:
        message = f" ({one.message.removeprefix(f'{one.state}: ')})" if one.message else ""
        print(f"{one.run_id}  {one.name}: {one.state}{message}")
    return DONE


@app.command(name="cancel", group=_RUNS)
@_text_of(runs.cancel)
def _cancel(
    *run: str, wait: Annotated[bool, Parameter(negative="--no-wait")] = True, json: Json = False
) -> int:
    _need_runs(run)
    ended = runs.cancel(*run, wait=wait)
    if json:
        print_json(ended)
    failed = False
    for one in ended:
        before = "was over already" if one.was_over else ""
        still = "is not over yet" if wait and not one.run.over else ""
        failed = failed or bool(before or still)
        if not json:
            state = one.run.state or "gone"
            message = one.run.message.removeprefix(f"{state}; ")
            said = ", ".join(filter(None, (before, still, message)))
            print(f"{one.run.run_id}  {one.run.name}: {state}{f' ({said})' if said else ''}")
    return FAILED if failed else DONE


@app.command(name="delete", group=_RUNS)
@_text_of(runs.delete)
def _delete(
    *run: str,
    yes: Annotated[bool, Parameter(alias="-y", help="Do not ask.")] = False,
    cancel: bool = False,
    json: Json = False,
) -> int:
    _need_runs(run)
    found = [one for one in map(runs.show, run) if not isinstance(one, Preview)]
    if not yes:
        for one in found:
            name = f"{one.run.run_id}  {one.run.name}"
            print_note(f"{name}: {one.run.state or 'not in Prefect'}, {size(one.size)}")
        if not sys.stdin.isatty():
            raise runs.RunError("there is no terminal to ask in; --yes deletes without asking")
        print("Delete with all files? [y/N] ", end="", flush=True, file=sys.stderr)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            print_note("Nothing is deleted.")
            return FAILED
    deleted = runs.delete(*(one.run.run_id for one in found), cancel=cancel)
    if json:
        print_json(deleted)
        return DONE
    for gone in deleted:
        told = [f"{size(gone.size)} of files"] if gone.directory else []
        if not gone.directory:
            told.append("its directory is on another machine, gone already, or was never made")
        if not gone.flow_run:
            told.append("Prefect knew nothing of it")
        print(f"{gone.run_id}  {gone.name}: deleted ({'; '.join(told)})")
    return DONE


for _verb_name in EXAMPLES:
    app[_verb_name].help_epilogue = epilogue(_verb_name)


def _need_runs(run: tuple[str, ...]) -> None:
    if not run:
        raise ArgumentError("name a run, or several; `fusion runs` lists them")


if __name__ == "__main__":
    sys.exit(main())
