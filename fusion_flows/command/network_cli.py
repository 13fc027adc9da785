"""The verbs of the command `fusion` that read and write networks of other programs."""

import shlex
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from fusion.config.counts import counted
from fusion_flows.command import completion, network_files
from fusion_flows.command.exit_codes import DONE
from fusion_flows.command.terminal import print_json, print_note, print_table
from fusion_flows.command.verb import Json, text_of


@text_of(network_files.import_file)
def _import(
    file: Annotated[Path, completion.completed(completion.importable_files)],
    /,
    *,
    lengths: Annotated[str, completion.completed(completion.lengths)] = "",
    demands: Annotated[str, completion.completed(completion.demands)] = "",
    traffic: str = "",
    to: Annotated[str, Parameter(name=("--to", "-o"))] = "",
    length_key: str = "",
    json: Json = False,
) -> int:
    imported, files, traffic_words = network_files.import_file(
        file, lengths=lengths, demands=demands, traffic=traffic, to=to, length_key=length_key
    )
    understood = [*imported.understood]
    if traffic_words:
        understood.append(("traffic", traffic_words))
    if json:
        print_json(
            {
                "files": files,
                "understood": dict(understood),
                "assumed": imported.assumed,
                "left_out": imported.left_out,
            }
        )
        return DONE
    rows = [("understood", f"{what}: {value}") for what, value in understood]
    rows += [("assumed", text) for text in imported.assumed]
    rows += [("left out", text) for text in imported.left_out]
    # Each of the three stands once, at the first of its rows.
    first = ["", *(kind for kind, _ in rows)]
    print_table(
        ["", "of the file"],
        [
            ("" if kind == before else kind, text)
            for before, (kind, text) in zip(first, rows, strict=False)
        ],
    )
    print()
    print("\n".join(map(str, files)))
    print_note(f"`fusion topology {shlex.quote(str(files[0]))}` draws it.")
    return DONE


@text_of(network_files.export_network)
def _export(
    network: Annotated[str, completion.completed(completion.topologies, completion.network_files)],
    /,
    *,
    to: Annotated[str, Parameter(name=("--to", "-o"))] = "",
    length_key: str = "",
    json: Json = False,
) -> int:
    file, topology, remarks = network_files.export_network(network, to=to, length_key=length_key)
    if json:
        print_json({"file": file, "remarks": remarks})
        return DONE
    print(file)
    nodes, links = counted(len(topology.nodes), "node"), counted(len(topology.links), "link")
    print_note("\n".join([f"{nodes}, {links}", *remarks]))
    return DONE
