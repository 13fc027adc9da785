"""The verbs of the command `fusion` about settings: templates, networks, examples, checks."""

import shlex
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from fusion.config.config import ConfigError, Problem
from fusion.config.counts import counted
from fusion.config.reading import unreached_stop
from fusion.network.topology import lengths_text
from fusion.scenario.offered_load import offered_text
from fusion_flows.command import catalogue, checking, completion, explaining, new_file, submission
from fusion_flows.command.exit_codes import BAD_INPUT, DONE
from fusion_flows.command.terminal import print_folded, print_json, print_note, print_table
from fusion_flows.command.verb import Changes, Json, Overrides, Template, as_dicts, text_of

SettingsFile = Annotated[
    Template, Parameter(help="The template (by name) or INI file (by path) to check.")
]
OverridesFile = Annotated[
    Overrides,
    Parameter(help="JSON or TOML file with overrides: {section: {key: value}}; default: none."),
]


@text_of(catalogue.templates)
def _templates(*, json: Json = False) -> int:
    found = catalogue.templates()
    if json:
        print_json(as_dicts(found))
    else:
        print_table(
            ("template", "loads (E)", "network", "policy", "about"),
            [(one.name, one.loads, one.network, one.policy, one.about) for one in found],
        )
    return DONE


@text_of(catalogue.topologies)
def _topologies(*, json: Json = False) -> int:
    found = catalogue.topologies()
    if json:
        print_json(as_dicts(found))
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


@text_of(catalogue.examples)
def _examples(*, to: Path = Path("examples"), json: Json = False) -> int:
    written = catalogue.examples(to)
    if json:
        print_json(as_dicts(written))
    else:
        print_table(
            ("file", "about"),
            [
                (
                    str(one.path),
                    f"{one.about}{' (not overwritten: you have changed it)' * one.kept}",
                )
                for one in written
            ],
        )
    return DONE


@text_of(new_file.new)
def _new(
    file: Path,
    /,
    *,
    template: Annotated[Template, Parameter(name=("--from", "--template"))] = "quick",
    changes: Changes = None,
    json: Json = False,
) -> int:
    overrides = submission.read_assignments(changes or (), template=template)
    written = new_file.new(file, template=template, overrides=overrides)
    if json:
        print_json(written)
    else:
        print(written)
        verb = "sweep" if written.suffix.lower() == ".toml" else "run"
        print_note(f"`fusion {verb} {shlex.quote(str(written))}` simulates it.")
    return DONE


@text_of(explaining.explain)
def _explain(
    *key: Annotated[str, completion.completed(completion.keys)], json: Json = False
) -> int:
    found = explaining.explain(*key)
    if json:
        print_json(as_dicts(found))
    elif key:
        for place, one in enumerate(found):
            print(f"{chr(10) * (place > 0)}{explaining.heading(one)}")
            for title, text in explaining.lines(one):
                print_folded(f"  {title:<10}", text)
    else:
        print_table(
            ("key", "section", "default"),
            [
                (one.key, one.section, one.default or "(empty)")
                for one in found
                if isinstance(one, explaining.Key)
            ],
        )
        print_note("`fusion explain KEY` shows the meaning and the allowed values of a key.")
    return DONE


@text_of(submission.validate)
def _validate(
    file: SettingsFile,
    /,
    *,
    changes: Changes = None,
    overrides: OverridesFile = "",
    json: Json = False,
) -> int:
    wrong: list[Problem] = []
    try:
        changed = submission.read_assignments(changes or (), overrides, template=file)
    except ConfigError as error:
        if not json:
            raise
        changed, wrong = {}, error.problems
    if json:
        found = (
            checking.Checked(False, wrong, [], [], []) if wrong else checking.check(file, changed)
        )
        lists = ("problems", "ignored", "dropped")
        print_json(found._asdict() | {name: as_dicts(getattr(found, name)) for name in lists})
        return DONE if found.valid else BAD_INPUT
    config, inputs = submission.validate(file, changed)
    topology = inputs.topology
    loads = f"{config.loads[0]:g} Erlang"
    if len(config.loads) > 1:
        loads = f"{len(config.loads)} loads from {config.loads[0]:g} to {config.loads[-1]:g} Erlang"
    print(
        f"{file} is valid: {topology.name} ({counted(len(topology.nodes), 'node')}, "
        f"{counted(len(topology.links), 'link')}), policy {config.policy}, {loads}{offered_text(config)}"
    )
    print(lengths_text(topology))
    for note in unreached_stop(config):
        print_note(note)
    return DONE


@text_of(checking.schema)
def _schema() -> int:
    print_json(checking.schema())
    return DONE
