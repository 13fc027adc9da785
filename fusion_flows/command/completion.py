"""Completion in a shell: what may stand where the cursor is, without Prefect and without a server.

A script of the shell, as `fusion --install-completion` writes it, calls `fusion __complete WORDS` at each
Tab. Each function here takes what is typed so far and yields words, some with a description; the shell takes
those that begin as what is typed.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cyclopts import App, Parameter

if TYPE_CHECKING:
    from cyclopts.completion import CompletionContext

    from fusion_flows.rundir.directory import RunDirectory

Candidate = str | tuple[str, str]
Completer = Callable[["CompletionContext"], Iterable[Candidate]]

REQUEST = "__complete"
"""The verb by which a shell asks."""

_MOST_RUNS = 200
_INI = (".ini",)
_SWEEPS = (".toml", ".json")
_OF_OTHERS = (".py",)

_BASH = """
# bash breaks words at "=": what completes `-s key=value` needs such a word whole.
_fusion_whole_words() {
  local -a words=()
  local word cword=0 i cut=""
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word="${COMP_WORDS[i]}"
    if ((cword > 0)) && [[ ${words[cword-1]} != -* ]] &&
        [[ $word == "=" || ( ${words[cword-1]} == *= && $i -gt 1 && ${COMP_WORDS[i-1]} == "=" ) ]]; then
      words[cword-1]+="$word"
    else
      words[cword++]="$word"
    fi
  done
  local -a COMP_WORDS=("${words[@]}")
  local COMP_CWORD=$((cword - 1))
  _fusion
  if [[ ${COMP_WORDS[COMP_CWORD]} == *=* && ${COMP_WORDS[COMP_CWORD]} != -* ]]; then
    cut="${COMP_WORDS[COMP_CWORD]%=*}="
    COMPREPLY=("${COMPREPLY[@]#"$cut"}")
  fi
  [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=/] ]] && compopt -o nospace
}

complete -F _fusion_whole_words fusion
"""


class CompletedApp(App):
    """The command, with a script for bash that completes `key=value`."""

    def generate_completion(self, *, prog_name: str | None = None, shell: Any = None) -> str:
        """Return the script for a shell."""
        from cyclopts.completion import detect_shell

        shell = shell or detect_shell()
        script = super().generate_completion(prog_name=prog_name, shell=shell)
        return script + _BASH if shell == "bash" else script


def completed(*completers: Completer) -> Parameter:
    """Return the parameter of a word that several completers may know."""

    def complete(context: "CompletionContext") -> Iterator[Candidate]:
        for each in completers:
            with suppress(OSError, ValueError):  # such as a file that cannot be read
                yield from each(context)

    return Parameter(completer=complete)


def templates(context: "CompletionContext") -> Iterator[Candidate]:
    """Yield the names of templates."""
    from fusion.config.templates import template_names
    from fusion_flows.server.settings import Settings

    yield from template_names(Settings().templates_dir)


def topologies(context: "CompletionContext") -> Iterator[Candidate]:
    """Yield the names of shipped topologies."""
    from fusion.config.shipped import topology_names

    yield from topology_names()


def runs(context: "CompletionContext") -> Iterator[Candidate]:
    """Yield run ids, and names where something is typed, of the newest runs with a directory here."""
    from fusion_flows.rundir.file_state import recorded_name

    found = [(run.run_id, recorded_name(run)) for run in _newest_runs()]
    yield from found
    if context.incomplete:
        yield from ((name, run_id) for run_id, name in found if name)


def _newest_runs() -> "list[RunDirectory]":
    from fusion_flows.rundir import directory as rundir
    from fusion_flows.server.address import killed_runs_dir
    from fusion_flows.server.settings import Settings

    settings = Settings()
    here = settings.runs_dir
    if "runs_dir" not in settings.model_fields_set:
        here = killed_runs_dir() or here
    found = [run for run in rundir.list_runs(here) if run.config.exists() or run.sweep.exists()]
    return sorted(found, key=lambda run: run.path.stat().st_mtime, reverse=True)[:_MOST_RUNS]


def run_files(context: "CompletionContext") -> Iterator[Candidate]:
    """Yield the files of the run that is named before."""
    from fusion_flows.rundir.files import list_files

    named = context["run"].raw or ""
    for run in _newest_runs():
        if named and run.run_id.startswith(named):
            yield from (file.path for file in list_files(run))
            return


def states(context: "CompletionContext") -> Iterator[Candidate]:
    """Yield the states of runs."""
    from fusion_flows.runs.listing import STATES

    yield from (*STATES, "Interrupted")


def keys(context: "CompletionContext") -> Iterator[Candidate]:
    """Yield sections and keys of the settings, as `fusion explain` takes them."""
    from fusion.config.sections import HOME, SECTIONS

    yield from SECTIONS
    yield from ((key, _meaning(key)) for key in HOME)


def assignments(context: "CompletionContext") -> Iterator[Candidate]:
    """Yield `key=` for each key, then `key=value` for each value that is a choice."""
    from fusion.config.sections import HOME

    name, equals, value = context.incomplete.partition("=")
    section, dot, key = name.rpartition(".")
    if not equals:
        for each, home in HOME.items():
            yield f"{f'{home}.' if dot else ''}{each}=", _meaning(each)
    elif key in HOME and section in ("", HOME[key]):
        for choice in _values(key, value):
            yield f"{name}={choice}"


def _meaning(key: str) -> str:
    from fusion.config.sections import HOME, SECTIONS

    return SECTIONS[HOME[key]].model_fields[key].description or ""


def _values(key: str, value: str) -> Iterator[str]:
    """Yield the values that a key may have, where they can be listed. value: what is typed of it."""
    from fusion.config.ini import format_value
    from fusion.config.named_files import ENDINGS, KEYS
    from fusion.config.sections import HOME, SECTIONS
    from fusion.config.shipped import modulation_names, topology_names

    if key == "network":
        yield from topology_names()
    elif key == "mod_assumption":
        yield from modulation_names()
    else:
        schema = SECTIONS[HOME[key]].model_json_schema()["properties"][key]
        yield from map(format_value, _choices(schema))
    if key in KEYS:
        yield from _paths(value, ENDINGS.get(key, ()))


def _choices(schema: Any) -> Iterator[Any]:
    """Yield the choices of a JSON schema, and of those that it may be."""
    if schema.get("type") == "boolean":
        yield from (True, False)
    yield from schema.get("enum", ())
    if "const" in schema:
        yield schema["const"]
    for each in schema.get("anyOf", ()):
        yield from _choices(each)


def ini_files(context: "CompletionContext") -> Iterator[Candidate]:
    """Yield INI files, and folders on the way to them."""
    yield from _paths(context.incomplete, _INI)


def sweep_files(context: "CompletionContext") -> Iterator[Candidate]:
    """Yield files that may have a sweep or overrides, and folders on the way to them."""
    yield from _paths(context.incomplete, _SWEEPS)


def sweep_names(context: "CompletionContext") -> Iterator[Candidate]:
    """Yield the names of shipped sweeps."""
    from fusion.config.shipped import sweep_names

    yield from sweep_names()


def studies(context: "CompletionContext") -> Iterator[Candidate]:
    """Yield the names of the shipped studies."""
    from fusion.config.shipped import study_names

    yield from study_names()


def network_files(context: "CompletionContext") -> Iterator[Candidate]:
    """Yield files of networks, and folders on the way to them."""
    from fusion.config.named_files import ENDINGS

    yield from _paths(context.incomplete, ENDINGS["network"])


def importable_files(context: "CompletionContext") -> Iterator[Candidate]:
    """Yield files that may be networks of other programs, and folders on the way to them."""
    from fusion.config.named_files import ENDINGS

    yield from _paths(context.incomplete, (*ENDINGS["network"], *_OF_OTHERS))


def agent_files(context: "CompletionContext") -> Iterator[Candidate]:
    """Yield files of agents and of models, and folders on the way to them."""
    from fusion.config.named_files import AGENT_ENDINGS

    yield from _paths(context.incomplete, (*AGENT_ENDINGS, ".zip"))


def activations(context: "CompletionContext") -> Iterator[Candidate]:
    """Yield activations of networks."""
    yield from ("tanh", "relu", "elu", "sigmoid")


def lengths(context: "CompletionContext") -> Iterator[Candidate]:
    """Yield what links may be as long as."""
    from fusion.network.importing import GREAT_CIRCLE

    yield GREAT_CIRCLE, "great circles between the coordinates"
    yield "1.3", "times the great circle"


def demands(context: "CompletionContext") -> Iterator[Candidate]:
    """Yield where the traffic of a network may come from."""
    yield "gravity", "by the attribute population of the nodes"
    yield from importable_files(context)


def snapshot_formats(context: "CompletionContext") -> Iterator[Candidate]:
    """Yield what a snapshot may be written as."""
    from fusion.results.snapshot import FORMATS

    yield from ((name, f"a file {ending}") for name, ending in FORMATS.items())


def sweep_axes(context: "CompletionContext") -> Iterator[Candidate]:
    """Yield the axes of the sweep whose file is named before."""
    from fusion.sweep.sweep_file import read_sweep

    named = context.get("file") or context.get("what")
    sweep = (named.raw or "") if named else ""
    if _is_sweep(sweep):
        yield from read_sweep(sweep).axes


def axis_values(context: "CompletionContext") -> Iterator[Candidate]:
    """Yield `axis=value` of the sweep whose file is named before."""
    from fusion.config.ini import format_value
    from fusion.sweep.definition import values_by_axis
    from fusion.sweep.sweep_file import read_sweep

    sweep = context["file"].raw or ""
    if _is_sweep(sweep):
        for axis, value in values_by_axis(read_sweep(sweep)):
            yield f"{axis}={format_value(value)}"


def _is_sweep(text: str) -> bool:
    from fusion.config.shipped import sweep_names

    path = Path(text)
    return text in sweep_names() or (path.suffix.lower() in _SWEEPS and path.is_file())


def metrics(context: "CompletionContext") -> Iterator[Candidate]:
    """Yield what a sweep can be drawn by."""
    from fusion.results.outcome import METRICS

    yield from ((name, metric.title) for name, metric in METRICS.items())


def _paths(typed: str, endings: Iterable[str]) -> Iterator[str]:
    """Yield the files with one of these endings, and the folders, that begin as what is typed."""
    start = os.path.basename(typed)
    before = typed.removesuffix(start)
    with os.scandir(os.path.expanduser(before) or ".") as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if not entry.name.startswith(start) or entry.name.startswith(".") > start.startswith(
                "."
            ):
                continue
            if entry.is_dir():
                yield f"{before}{entry.name}/"
            elif entry.name.lower().endswith(tuple(endings)):
                yield before + entry.name
