"""A file of candidate paths: a path on each line, the names of its nodes separated by commas."""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path

from fusion.config.named_files import quote
from fusion.config.text_files import read_text
from fusion.network.paths import GivenPaths
from fusion.network.topology import Topology

_MAX_BYTES = 64 << 20


class PathFileError(ValueError):
    """A file of paths that cannot be used; `problems` has a line for each reason."""

    def __init__(self, problems: list[str]) -> None:
        """problems: what is wrong."""
        super().__init__("; ".join(problems))
        self.problems = problems


def read_paths(path: Path, topology: Topology) -> GivenPaths:
    """Return the paths of a file by (source, destination), in the order of its lines.

    Empty lines and lines that begin with # are skipped. Raises PathFileError: no text, no path, a node that
    is unknown, a hop without a link, a node twice, a path twice.
    """
    try:
        text = read_text(path, _MAX_BYTES, table=True)
        rows = list(csv.reader(text.splitlines()))
    except (ValueError, csv.Error) as error:
        raise PathFileError([str(error)]) from error
    index = {name: number for number, name in enumerate(topology.nodes)}
    linked = {(a, b) for a, b, *_ in topology.ways}
    found: dict[tuple[int, int], list[tuple[int, ...]]] = {}
    problems = []
    for number, row in enumerate(rows, 1):
        names = [cell.strip() for cell in row]
        if not any(names) or names[0].startswith("#"):
            continue
        if problem := _problem(names, index, linked):
            problems.append(f"line {number}: {problem}")
            continue
        nodes = tuple(index[name] for name in names)
        of_pair = found.setdefault((nodes[0], nodes[-1]), [])
        if nodes in of_pair:
            problems.append(f"line {number}: duplicate path")
        of_pair.append(nodes)
    if not problems and not found:
        problems.append("has no path")
    if problems:
        raise PathFileError(problems)
    return {pair: tuple(paths) for pair, paths in found.items()}


def _problem(names: list[str], index: dict[str, int], linked: set[tuple[int, int]]) -> str:
    for name in names:
        if name not in index:
            return f"'{quote(name)}' is not a node of the network"
        if names.count(name) > 1:
            return f"node '{quote(name)}' is there twice"
    if len(names) < 2:
        return "a path has two nodes at least"
    for a, b in pairwise(names):
        hop = index[a], index[b]
        if hop not in linked:
            way = "from '{}' to '{}'" if hop[::-1] in linked else "between '{}' and '{}'"
            return f"there is no link {way.format(quote(a), quote(b))}"
    return ""
