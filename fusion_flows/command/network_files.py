"""Networks of other programs, made files of ours at the command, and ours made files of GNPy."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fusion.config.config import ConfigError, Problem
from fusion.config.counts import counted
from fusion.config.named_files import quote
from fusion.network.gnpy_network import gnpy_network, remarks_on
from fusion.network.gravity import gravity_shares
from fusion.network.importing import Imported, import_network
from fusion.network.listed_network import number_of
from fusion.network.readers.demands import DemandList, demands_of, has_demands
from fusion.network.readers.populations import (
    is_populations,
    missing_populations,
    read_populations,
)
from fusion.network.readers.registry import read_content
from fusion.network.topology import Topology, TopologyError, load_topology
from fusion.scenario.traffic_matrix import TrafficMatrixError, read_traffic_matrix
from fusion_flows.runs.time_expressions import ArgumentError

GRAVITY = "gravity"
"""Demands that follow from the populations of the nodes."""
_SHARES = "shares of all traffic"
_MOST = 3


class ImportedFiles(NamedTuple):
    """What was imported, and the files that were written. traffic: in words, or empty."""

    imported: Imported
    files: list[Path]
    traffic: str = ""


def import_file(
    file: Path,
    /,
    *,
    lengths: str = "",
    demands: str = "",
    traffic: Path | str = "",
    to: Path | str = "",
    length_key: str = "",
) -> ImportedFiles:
    """Write a network of another program as JSON for `network`: GNPy, SNDlib, the Topology Zoo and others.

    The format is recognised by the content: GNPy (JSON, .xls and .xlsx), SNDlib, the Topology Zoo, Net2Plan,
    ONS and FlexGridSim, optical-rl-gym, Flex Net Sim, XLRON, TopologyBench, GraphML, GML, JSON or a link per
    line. A table tells what was understood, what was assumed and what was left out. `network` also takes such
    a file as it is.

    Args:
        file: File of another program.
        lengths: great-circle for great circles between the coordinates, or a number such as 1.3 for that many
            times the great circle; default: the lengths of the file.
        demands: Where the traffic comes from: a file (services of GNPy, demands of SNDlib or Net2Plan, a
            traffic matrix, or a table with the columns node and population), or gravity for the attribute
            population of the nodes; default: the demands of FILE.
        traffic: File to write the traffic to, a line for each pair of nodes, for `traffic_matrix`; default:
            none, or with --demands the name of FILE, ending in _traffic.csv.
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
    words = ""
    if demands or traffic:
        listed, words = _traffic(file, imported, demands)
        wanted.append((Path(traffic or f"{file.stem}_traffic.csv"), _table(listed)))
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
    return ImportedFiles(imported, [path for path, _ in wanted], words)


_Listed = list[tuple[str, str, float]]
"""Source, destination and traffic."""


def _traffic(file: Path, imported: Imported, demands: str) -> tuple[_Listed, str]:
    """Return the traffic between nodes, and in words what it is and in which unit."""
    topology = imported.topology
    try:
        if demands == GRAVITY and not Path(demands).exists():
            return _by_gravity(_populations_in(imported), topology)
        if not demands:
            return _of_demands(demands_of(imported.content.file), topology)
        content = read_content(Path(demands)).file
        if has_demands(content):
            return _of_demands(demands_of(content, imported.content.file), topology)
        if is_populations(content.text):
            return _by_gravity(read_populations(content.text, _node_of(topology)), topology)
        matrix, remarks = read_traffic_matrix(Path(demands), topology)
    except TrafficMatrixError as error:
        raise ArgumentError(f"--demands: {demands}: {'; '.join(error.problems[:_MOST])}") from None
    except ValueError as error:
        which = f"--demands: {demands}:" if demands else f"--traffic: {file}"
        raise ArgumentError(f"{which} {error}") from None
    nodes = topology.nodes
    listed = [
        (nodes[i], nodes[j], float(matrix[i, j])) for i, j in np.argwhere(matrix > 0).tolist()
    ]
    return listed, "; ".join([f"a traffic matrix, {_pairs(listed)}, as {_SHARES}", *remarks])


def _of_demands(demands: DemandList, topology: Topology) -> tuple[_Listed, str]:
    node_of = _node_of(topology)
    totals: dict[tuple[str, str], float] = {}
    for each in demands.listed:
        for node in (each.source, each.destination):
            if node not in node_of:
                raise ValueError(f"{each.where}: '{quote(node)}' is not a node of the network")
        pair = (node_of[each.source], node_of[each.destination])
        totals[pair] = totals.get(pair, 0.0) + float(each.value)
    listed = [(*pair, value) for pair, value in totals.items()]
    total = sum(totals.values())
    unit = demands.unit or "a unit that the file does not say"
    words = f"demands of {demands.what}, {_pairs(listed)}"
    return listed, f"{words}, {total:,.6g} in all, in {unit}"


def _by_gravity(populations: Mapping[str, float], topology: Topology) -> tuple[_Listed, str]:
    ends = [topology.nodes[i] for i in topology.endpoints]
    if why := missing_populations(populations, ends):
        raise ValueError(why)
    shares = gravity_shares({node: populations[node] for node in ends})
    listed = [(*pair, share) for pair, share in shares.items()]
    people = sum(populations[node] for node in ends)
    words = f"gravity model of {people:,.0f} people at {counted(len(ends), 'node')}"
    return listed, f"{words}, {_pairs(listed)}, as {_SHARES}"


def _populations_in(imported: Imported) -> dict[str, float]:
    """Return the attribute `population` of the nodes that have it."""
    nodes = json.loads(imported.text)["nodes"]
    found = {each["id"]: number_of(each.get("population")) for each in nodes}
    return {node: number for node, number in found.items() if number is not None}


def _node_of(topology: Topology) -> dict[str, str]:
    """Return the nodes by their ids, and by their names where only one node is called so."""
    called = Counter(topology.names.values())
    names = {name: node for node, name in topology.names.items() if called[name] == 1}
    return names | {node: node for node in topology.nodes}


def _pairs(listed: _Listed) -> str:
    return counted(len(listed), "pair of nodes", "pairs of nodes")


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


def _table(listed: _Listed) -> str:
    """Return traffic as `traffic_matrix` reads it: a line for each pair of nodes."""
    lines = [f"{_cell(a)},{_cell(b)},{value:.12g}" for a, b, value in listed]
    return "\n".join(["source,destination,traffic", *lines]) + "\n"


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"') else text
