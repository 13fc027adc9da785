"""Networks of other programs, made files of ours at the command."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from fusion.config.config import ConfigError, Problem
from fusion.network.gnpy_network import gnpy_network, remarks_on
from fusion.network.importing import Imported, import_network
from fusion.network.readers.demands import demands_of
from fusion.network.readers.sndlib_places import Demand
from fusion.network.topology import Topology, TopologyError, load_topology
from fusion_flows.runs.time_expressions import ArgumentError


class ImportedFiles(NamedTuple):
    """What was imported, and the files that were written."""

    imported: Imported
    files: list[Path]


def import_file(
    file: Path,
    /,
    *,
    lengths: str = "",
    traffic: Path | str = "",
    to: Path | str = "",
    length_key: str = "",
) -> ImportedFiles:
    """Write a network of another program as JSON for `network`: GNPy, SNDlib, the Topology Zoo and others.

    The format is recognised by the content: GNPy, SNDlib, the Topology Zoo, Net2Plan, ONS and FlexGridSim,
    optical-rl-gym, Flex Net Sim, XLRON, TopologyBench, GraphML, GML, JSON or a link per line. A table tells
    what was understood, what was assumed and what was left out. `network` also takes such a file as it is.

    Args:
        file: File of another program.
        lengths: great-circle for great circles between the coordinates, or a number such as 1.3 for that many
            times the great circle; default: the lengths of the file.
        traffic: File for the demands of the network, a line each, for `traffic_matrix`; default: none.
        to: File for the network; default: the name of FILE, ending in .json, in the working directory.
        length_key: Link attribute in FILE that holds the length in km, if that is ambiguous; default: the one
            that it must be.

    Raises:
        ConfigError: The file is not a network, or cannot be one.
        ArgumentError: A wrong value, a file that is there already, or none that can be written.
    """
    if not file.is_file():
        raise ArgumentError(f"{file}: " + ("is a folder" if file.is_dir() else "file not found"))
    try:
        imported = import_network(file, lengths=lengths, length_key=length_key)
    except TopologyError as error:
        hint = "" if lengths else "; with --lengths great-circle they follow from the coordinates"
        problems = [
            Problem("", "network", str(file), text + (hint if ": no length" in text else ""), "")
            for text in error.problems
        ]
        raise ConfigError(problems) from None
    except ValueError as error:
        raise ArgumentError(f"--lengths {lengths}: {error}") from None
    wanted = [(Path(to or f"{file.stem}.json"), imported.text)]
    if traffic:
        try:
            demands = demands_of(imported.content.file)
        except ValueError as error:
            raise ArgumentError(f"--traffic: {file} {error}") from None
        wanted.append((Path(traffic), _table(demands)))
    for path, _ in wanted:
        if path.exists():
            raise ArgumentError(
                f"{path}: already exists; choose another name with --to or --traffic"
            )
    for path, text in wanted:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ArgumentError(f"{path}: cannot be written: {error.strerror}") from None
    return ImportedFiles(imported, [path for path, _ in wanted])


class ExportedFile(NamedTuple):
    """The file that was written. topology: what was written.  remarks: what is otherwise in it."""

    file: Path
    topology: Topology
    remarks: list[str]


def export_network(network: str, /, *, to: Path | str = "", length_key: str = "") -> ExportedFile:
    """Write a network as a topology of GNPy in JSON, the counterpart of `fusion import`.

    A node becomes a ROADM, with a transceiver where requests may start or end; a direction of a link becomes
    fibre in equal spans of at most 80 km. Amplifiers are left to GNPy's design. Lengths, parallel links,
    links in one direction only and coordinates are kept, so that `network` reads the same from the file.

    Args:
        network: A shipped topology or a file in any format that `network` takes.
        to: File to write; default: the name of the network, ending in _gnpy.json, in the working directory.
        length_key: Link attribute in the file that holds the length in km, if that is ambiguous; default: the
            one that it must be.

    Raises:
        ConfigError: There is no such network, or it cannot be one.
        ArgumentError: The file is there already, or cannot be written.
    """
    try:
        topology = load_topology(network, length_key=length_key)
    except TopologyError as error:
        raise ConfigError(
            [Problem("", "network", network, text, "") for text in error.problems]
        ) from None
    path = Path(to or f"{topology.name}_gnpy.json")
    if path.exists():
        raise ArgumentError(f"{path}: already exists; choose another name with --to")
    text = json.dumps(gnpy_network(topology), indent=1, ensure_ascii=False) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ArgumentError(f"{path}: cannot be written: {error.strerror}") from None
    return ExportedFile(path, topology, remarks_on(topology))


def _table(demands: Sequence[Demand]) -> str:
    """Return demands as `traffic_matrix` reads them: a line for each pair of nodes."""
    totals: dict[tuple[str, str], float] = {}
    for demand in demands:
        pair = (demand.source, demand.destination)
        totals[pair] = totals.get(pair, 0.0) + float(demand.value)
    lines = [f"{_cell(a)},{_cell(b)},{value:.12g}" for (a, b), value in totals.items()]
    return "\n".join(["source,destination,traffic", *lines]) + "\n"


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"') else text
