"""What a file or folder is that a verb was given, and which verbs take it."""

import json
import re
import shlex
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from fusion.config.config import ConfigError, Problem
from fusion.config.ini import MAX_BYTES
from fusion.config.named_files import AGENT_ENDINGS, told_path
from fusion.config.nested_text import parse_nested
from fusion.config.sections import SECTIONS
from fusion.config.templates import template_names
from fusion.config.text_files import read_text
from fusion.network.topology import TopologyError, load_topology
from fusion.sweep.definition import ERLANG, Sweep
from fusion_flows.server.settings import Settings

INI = "an INI file"
OVERRIDES = "an overrides file"
SWEEP = "a sweep file"
TOPOLOGY = "a topology"
RUN = "a run directory"
RUNS = "a folder of runs"
STORE = "a store"
REPLICATIONS = "a replication file"
RESULTS = "a table of results"
OF_A_RUN = "a file of a run"
PYTHON = "a Python file"
AGENT = "a trained agent"
NOTEBOOK = "a notebook"


class Kind(NamedTuple):
    """What a file or folder is."""

    name: str
    use: str
    """Which command takes it."""


class _Taken(NamedTuple):
    """What a verb takes in one place: kinds of files, and all of it in words."""

    kinds: tuple[str, ...]
    words: str


_TEMPLATE = _Taken((INI,), "the name of a template or an INI file")
_SWEEP = _Taken((SWEEP,), "a sweep file")
_A_RUN = _Taken((), "the run id or the name of a run")
_A_RUN_OR_FOLDER = _Taken((RUN,), "runs, by their ids, names or directories")
_SETTINGS = _Taken((INI,), "runs, INI files and points of the store")

TAKEN: dict[str, dict[str, _Taken]] = {
    "run": {
        "template": _TEMPLATE,
        "overrides": _Taken((OVERRIDES,), "an overrides file"),
        "resume": _Taken((RUN,), "a run or its directory"),
    },
    "validate": {"file": _TEMPLATE, "overrides": _Taken((OVERRIDES,), "an overrides file")},
    "new": {"template": _TEMPLATE},
    "ties": {"template": _TEMPLATE},
    **{
        verb: {"file": _SWEEP}
        for verb in ("plan", "sweep", "schedule", "loads-at", "find-load", "plot")
    },
    "compare": {
        "what": _Taken((SWEEP,), "a sweep file, or runs by their ids or names"),
        "other": _Taken((), "the axis of a sweep, or runs by their ids or names"),
    },
    "diff": {"one": _SETTINGS, "other": _SETTINGS},
    "train": {
        "template": _TEMPLATE,
        "training_file": _Taken((INI,), "an INI file"),
        "overrides": _Taken((OVERRIDES,), "an overrides file"),
        "resume": _Taken((RUN,), "a training or its directory"),
    },
    "agent": {
        "file": _Taken((AGENT,), "a trained agent, .onnx or .safetensors, or a model (.zip)")
    },
    # Python as some programs have their networks in it.
    "import": {"file": _Taken((TOPOLOGY, PYTHON), "a network of another program")},
    "topology": {"network": _Taken((TOPOLOGY, RUN), "a topology, or a run or its directory")},
    "report": {"what": _Taken((SWEEP, RUN), "a run or its directory, or a sweep file")},
    "export": {"network": _Taken((TOPOLOGY,), "a topology")},
    **{
        verb: {"what": _Taken((INI, RUN), "a template or an INI file, or a run or its directory")}
        for verb in ("spectrum", "snapshot")
    },
    "bound": {
        "what": _Taken((INI, RUN), "a template or an INI file, or a run or its directory"),
        "runs": _A_RUN_OR_FOLDER,
    },
    "merge": {"folder": _Taken((STORE,), "a store")},
    "reproduce": {"names": _Taken((), "the names of studies")},
    "explain": {"key": _Taken((), "keys and sections of the settings")},
    **{
        verb: {"run": _A_RUN}
        for verb in ("rerun", "show", "open", "logs", "pause", "resume", "cancel", "delete")
    },
}
"""Verb -> argument -> what it takes."""

_OPTIONS = ("overrides", "resume", "training_file")


def misplaced(verb: str, given: Mapping[str, Any]) -> list[str]:
    """Return a line for each file or folder that a verb was given and that it does not take.

    given: the arguments of the verb. Of what is none of the kinds nothing is said: whoever reads it says so.
    """
    lines = []
    for argument, taken in TAKEN.get(verb, {}).items():
        value = given.get(argument)
        for each in value if isinstance(value, list | tuple) else [value]:
            kind = kind_of(Path(each)) if isinstance(each, str | Path) and str(each) else None
            if kind is not None and kind.name not in taken.kinds:
                option = f" --{argument.replace('_', '-')}" if argument in _OPTIONS else ""
                is_it = f"{told_path(str(each))} is {kind.name}"
                takes = f"`fusion {verb}{option}` takes {taken.words}"
                lines.append(f"{is_it}, and {takes}; {kind.use}")
    return lines


def refuse_other_files(template: object) -> None:
    """Raises ConfigError for a file or folder that is known to be something else than an INI file.

    template: what was given as the settings; where it is anything else, whoever reads it says so.
    """
    if template in template_names(Settings().templates_dir):
        return
    path = Path(str(template))
    kind = kind_of(path)
    if kind is not None and kind.name != INI:
        message = f"is {kind.name}, not an INI file; {kind.use}"
    elif path.suffix.lower() in (".toml", ".json") and path.is_file():
        file = shlex.quote(str(path))
        message = (
            f"is not an INI file; if it is a sweep, `fusion plan {file}` checks it; if it has overrides, "
            f"`fusion validate TEMPLATE --overrides {file}`"
        )
    else:
        return
    raise ConfigError([Problem("", "template", told_path(str(template)), message, "")])


def kind_of(path: Path) -> Kind | None:
    """Return what a file or folder is; None where there is none, or it is nothing that is known here."""
    try:
        name = _kind_of_folder(path) if path.is_dir() else _kind_of_file(path)
    except (OSError, ValueError):  # it cannot be read, or its name cannot be one
        return None
    return Kind(name, _use(name, path)) if name else None


def _use(name: str, path: Path) -> str:
    file = shlex.quote(str(path))
    here = path if "/" in str(path) else f"./{path}"
    named = shlex.quote(f"network={here}")
    run = _run_of(path)
    inside = shlex.quote(str(path.absolute().relative_to(run))) if run else ""
    of_run = f"{_command('show', run, inside)} shows it" if run else ""
    return {
        INI: f"`fusion validate {file}` checks it, `fusion run {file}` simulates it",
        OVERRIDES: f"`fusion validate TEMPLATE --overrides {file}` checks it",
        SWEEP: f"`fusion plan {file}` checks it, `fusion sweep {file}` computes it",
        TOPOLOGY: f"`fusion topology {file}` draws it, `fusion validate quick -s {named}` checks it",
        RUN: _use_of_run(path.absolute()),
        RUNS: f"with FUSION_RUNS_DIR={shlex.quote(str(path.absolute()))} `fusion runs` lists them",
        STORE: f"`fusion merge {file}` adds its results to your store",
        REPLICATIONS: of_run or "`fusion-sim` continues it, in its --output-dir",
        RESULTS: of_run or "it is what a run or a sweep has found, and not its settings",
        OF_A_RUN: of_run,
        PYTHON: f"a policy in it is used by `-s policy={file}:FUNCTION`",
        AGENT: f"`fusion agent {file}` shows it, and it is used by `-s policy={file}`",
        NOTEBOOK: f"`jupyter lab {file}` opens it",
    }[name]


def _use_of_run(path: Path) -> str:
    shows = f"{_command('show', path)} shows it"
    if (path / "sweep.json").is_file():
        return f"{shows}, `fusion sweep {shlex.quote(str(path / 'sweep.json'))}` continues it"
    return f"{shows}, {_command('rerun', path)} simulates its settings again"


def _command(verb: str, run: Path, *words: str) -> str:
    """Return the command of a verb that takes a run, in quotes. run: its directory."""
    command = " ".join(["fusion", verb, run.name, *words])
    if run.parent.resolve() != Settings().runs_dir.expanduser().resolve():
        command = f"FUSION_RUNS_DIR={shlex.quote(str(run.parent))} {command}"
    return f"`{command}`"


def _kind_of_folder(path: Path) -> str:
    if _is_run(path):
        return RUN
    if (path / "points").is_dir() and (path / "outcomes").is_dir():
        return STORE
    return RUNS if any(_is_run(each) for each in path.iterdir() if each.is_dir()) else ""


def _is_run(path: Path) -> bool:
    has_begun = any((path / name).is_file() for name in ("run.json", "flow_run.json"))
    is_named = re.fullmatch("[0-9a-f]{12}", path.absolute().name) is not None
    frozen = is_named and any((path / name).is_file() for name in ("config.ini", "sweep.json"))
    return has_begun or frozen


def _run_of(path: Path) -> Path | None:
    """Return the run directory that a file is in."""
    return next((each for each in list(path.absolute().parents)[:3] if _is_run(each)), None)


def _kind_of_file(path: Path) -> str:
    if not path.is_file():
        return ""
    ending = path.suffix.lower()
    by_ending = {
        ".ini": INI,
        ".py": PYTHON,
        ".ipynb": NOTEBOOK,
        **dict.fromkeys(AGENT_ENDINGS, AGENT),
        **dict.fromkeys((".graphml", ".gml", ".xml"), TOPOLOGY),
    }
    if ending in by_ending:
        return by_ending[ending]
    if ending in (".toml", ".json") and (name := _kind_by_keys(path, ending)):
        return name
    if name := _kind_by_first_line(path):
        return name
    if _run_of(path):
        return OF_A_RUN
    return TOPOLOGY if ending in (".txt", ".csv", ".dat") and _is_topology(path) else ""


def _kind_by_keys(path: Path, ending: str) -> str:
    data = parse_nested(read_text(path, MAX_BYTES), ending[1:].upper())
    keys = {str(key).strip().lower() for key in data} if isinstance(data, Mapping) else set()
    if ending == ".json" and keys & {"nodes", "links", "edges"}:
        return TOPOLOGY
    has_sections, has_parts = keys & set(SECTIONS), keys & set(Sweep.model_fields)
    if has_sections and has_parts:  # one of the two, with something in the wrong place
        return ""
    return OVERRIDES if has_sections else SWEEP if has_parts else ""


def _kind_by_first_line(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        line = file.readline(10_000).strip()
    if path.suffix.lower() == ".jsonl":
        with suppress(ValueError):
            first = json.loads(line)
            return REPLICATIONS if isinstance(first, dict) and "content_key" in first else ""
    columns = line.split(",")
    is_table = ERLANG in columns and any(name.startswith("replication") for name in columns)
    return RESULTS if is_table else ""


def _is_topology(path: Path) -> bool:
    try:
        load_topology(str(path))
    except TopologyError:
        return False
    return True
