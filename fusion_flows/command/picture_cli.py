"""The verbs of the command `fusion` that draw networks and write reports."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from fusion_flows.command import bounds, completion, pictures, snapshot, spectrum, submission
from fusion_flows.command.exit_codes import DONE
from fusion_flows.command.terminal import print_json, print_note, print_table
from fusion_flows.command.verb import Changes, Json, text_of
from fusion_flows.flows.bounding import NOTE

Network = Annotated[
    str, completion.completed(completion.topologies, completion.runs, completion.network_files)
]
Reported = Annotated[str, completion.completed(completion.runs, completion.sweep_files)]


@text_of(pictures.topology)
def _topology(
    network: Network,
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


@text_of(spectrum.spectrum)
def _spectrum(
    what: Annotated[
        str, completion.completed(completion.templates, completion.runs, completion.ini_files)
    ],
    /,
    *,
    changes: Changes = None,
    load: float | None = None,
    replication: int = 0,
    at: Annotated[int | None, Parameter(name=("--at", "--request"))] = None,
    core: int = 0,
    color: str = "lightpath",
    title: str | None = None,
    to: str = "",
    json: Json = False,
) -> int:
    paths = spectrum.spectrum(
        what,
        overrides=submission.read_assignments(
            changes or (), template=what if spectrum.is_settings(what) else ""
        ),
        load=load,
        replication=replication,
        at=at,
        core=core,
        color=color,
        title=title,
        to=to,
    )
    if json:
        print_json(paths)
    else:
        print("\n".join(map(str, paths)))
    return DONE


@text_of(snapshot.snapshot)
def _snapshot(
    what: Annotated[
        str, completion.completed(completion.templates, completion.runs, completion.ini_files)
    ],
    /,
    *,
    changes: Changes = None,
    load: float | None = None,
    replication: int = 0,
    at: int | None = None,
    core: int = 0,
    to: Annotated[list[str] | None, Parameter(name=("--to", "-o"))] = None,
    formats: Annotated[
        list[str] | None,
        Parameter(name="--format"),
        completion.completed(completion.snapshot_formats),
    ] = None,
    link: str = "",
    color: str = "lightpath",
    json: Json = False,
) -> int:
    found = snapshot.snapshot(
        what,
        overrides=submission.read_assignments(
            changes or (), template=what if spectrum.is_settings(what) else ""
        ),
        load=load,
        replication=replication,
        at=at,
        core=core,
        to=to or (),
        formats=formats or (),
        link=link,
        color=color,
    )
    if json:
        print_json({"files": found.files, "summary": found.summary, "remarks": found.remarks})
        return DONE
    print("\n".join(map(str, found.files)))
    print_note("\n".join([found.summary, *found.remarks]))
    return DONE


@text_of(bounds.bound)
def _bound(
    what: Annotated[
        str, completion.completed(completion.templates, completion.runs, completion.ini_files)
    ],
    /,
    *,
    changes: Changes = None,
    runs: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    replications: int | None = None,
    bounds_only: bool = False,
    title: str | None = None,
    to: str = "",
    json: Json = False,
) -> int:
    found = bounds.bound(
        what,
        overrides=submission.read_assignments(
            changes or (), template=what if spectrum.is_settings(what) else ""
        ),
        runs=runs or (),
        replications=replications,
        bounds_only=bounds_only,
        title=title,
        to=to,
    )
    if json:
        print_json({"bounds": found.rows, "files": found.files})
        return DONE
    header = list(found.table[0])
    print_table(header, [list(row.values()) for row in found.table], right=header, numbers=True)
    print_note(NOTE)
    print()
    print("\n".join(map(str, found.files)))
    return DONE


@text_of(pictures.report)
def _report(what: Reported, /, *, to: str = "", json: Json = False) -> int:
    path: Path = pictures.report(what, to=to, empty=False)
    if json:
        print_json(path)
    else:
        print(path)
    return DONE
