"""The verbs of the command `fusion` that draw networks and write reports."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Group, Parameter

from fusion_flows.command import pictures
from fusion_flows.command.terminal import help_of, print_json

Json = Annotated[bool, Parameter(help="Print JSON, for programs.")]


def add_to(app: App, settings: Group, runs: Group) -> None:
    """Make these functions verbs of the command."""
    for verb, function, name, group in (
        (_topology, pictures.topology, "topology", settings),
        (_report, pictures.report, "report", runs),
    ):
        verb.__doc__ = help_of(function)
        app.command(verb, name=name, group=group)


def _topology(
    network: str,
    /,
    *,
    metric: str = "",
    load: float | None = None,
    title: str | None = None,
    to: str = "",
    length_key: str = "",
    json: Json = False,
) -> int:
    paths = pictures.topology(
        network, metric=metric, load=load, title=title, to=to, length_key=length_key
    )
    if json:
        print_json(paths)
    else:
        print("\n".join(map(str, paths)))
    return 0


def _report(what: str, /, *, to: str = "", json: Json = False) -> int:
    path: Path = pictures.report(what, to=to, empty=False)
    if json:
        print_json(path)
    else:
        print(path)
    return 0
