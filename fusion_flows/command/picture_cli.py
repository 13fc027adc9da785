"""The verbs of the command `fusion` that draw networks and write reports."""

from pathlib import Path

from fusion_flows.command import pictures
from fusion_flows.command.exit_codes import DONE
from fusion_flows.command.terminal import print_json
from fusion_flows.command.verb import Json, text_of


@text_of(pictures.topology)
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
    return DONE


@text_of(pictures.report)
def _report(what: str, /, *, to: str = "", json: Json = False) -> int:
    path: Path = pictures.report(what, to=to, empty=False)
    if json:
        print_json(path)
    else:
        print(path)
    return DONE
