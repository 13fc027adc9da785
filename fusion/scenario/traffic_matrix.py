"""The traffic matrix: traffic by pair of nodes, from a table, or from demands of other programs."""

import csv
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.config.counts import counted
from fusion.config.named_files import quote
from fusion.config.problems import show
from fusion.config.text_files import read_text
from fusion.network.delimited_text import (
    about_comma,
    divider_of,
    split_line,
    without_decimal_commas,
)
from fusion.network.readers.gnpy_services import has_services, read_services
from fusion.network.readers.link_lines import is_destination, is_source
from fusion.network.readers.net2plan import NET2PLAN, read_net2plan_demands
from fusion.network.readers.reader import NetworkFile
from fusion.network.readers.registry import workbook_of
from fusion.network.readers.sndlib_native import is_sndlib, read_demands
from fusion.network.readers.sndlib_places import Demand
from fusion.network.readers.sndlib_xml import is_sndlib_xml, read_xml_demands
from fusion.network.topology import Topology

_MAX_BYTES = 16 << 20
_LARGEST = 1e18
_EMPTY = ("", "-", "nan", "na", "none")
"""What programs and people write where a node meets itself."""


class TrafficMatrixError(ValueError):
    """A traffic matrix that cannot be used; `problems` has a line for each thing that is wrong."""

    def __init__(self, problems: Sequence[str]) -> None:
        """Keep the problems; they are the exception's only argument, so it can be pickled."""
        self.problems = list(problems)
        super().__init__(self.problems)


class _Cell(NamedTuple):
    """Traffic from node to node, as the file has it."""

    source: int
    destination: int
    text: str


def read_traffic_matrix(
    file: Path, topology: Topology
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return the share of the requests from row to column, and what was understood in the file.

    file: a square of numbers in the order of the nodes, or with their names around it; or lines of source,
    destination, traffic; or a network of SNDlib or Net2Plan, or
    services of GNPy (JSON, or a workbook), for its demands. The matrix is float64[node, node] and
    sums to 1. Numbers may have decimal commas. The diagonal may be empty, or have the same number
    everywhere, which does not count.

    Raises TrafficMatrixError.
    """
    wrong: list[str] = []
    remarks: list[str] = []
    try:
        content = _with_services(file) or NetworkFile(read_text(file, _MAX_BYTES, table=True))
        text = content.text
        if is_sndlib(text):
            cells = _of_demands(read_demands(text), topology, remarks)
        elif is_sndlib_xml(content):
            cells = _of_demands(read_xml_demands(content), topology, remarks)
        elif has_services(content):
            cells = _of_listed(read_services(content, {}), topology)
        elif NET2PLAN.recognises(content):
            cells = _of_listed(read_net2plan_demands(content), topology)
        else:
            cells = _of_table(text, topology, remarks)
    except (ValueError, csv.Error) as error:
        raise TrafficMatrixError([str(error)]) from None
    matrix = _numbers(_without_diagonal(cells, remarks), topology, wrong)
    total = float(matrix.sum())
    if not wrong and total <= 0:
        wrong.append("must have a number above 0")
    if wrong:
        raise TrafficMatrixError(wrong)
    return matrix / total, tuple(remarks)


def _with_services(file: Path) -> NetworkFile | None:
    """Return a workbook that has services of GNPy; None where a file is none."""
    try:
        workbook = workbook_of(file)
    except ValueError:  # `read_text` says what it is
        return None
    return workbook.file if workbook is not None and has_services(workbook.file) else None


# --- three kinds of files ------------------------------------------------------------------------


def _of_listed(demands: Sequence[Demand], topology: Topology) -> list[_Cell]:
    index = _index(topology)
    cells = []
    for demand in demands:
        ends = (demand.source, demand.destination)
        for node in ends:
            if node not in index:
                raise ValueError(f"{demand.where}: '{quote(node)}' is not a node of the network")
        cells.append(_Cell(index[ends[0]], index[ends[1]], demand.value))
    return cells


def _of_demands(demands: Sequence[Demand], topology: Topology, remarks: list[str]) -> list[_Cell]:
    """Return the demands of a network of SNDlib: both ways where none is listed the other way.

    Its demands are undirected in most networks, which neither of its formats says.
    """
    cells = _of_listed(demands, topology)
    pairs = {(cell.source, cell.destination) for cell in cells}
    if any((destination, source) in pairs for source, destination in pairs):
        return cells
    remarks.append(
        f"{len(cells):,} demands of SNDlib, none of them listed the other way: each is taken both ways"
    )
    return cells + [_Cell(cell.destination, cell.source, cell.text) for cell in cells]


def _of_table(text: str, topology: Topology, remarks: list[str]) -> list[_Cell]:
    lines = [line for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("#")]
    if not lines:
        raise ValueError("has no numbers")
    divider = divider_of(lines)
    rows = [split_line(line, divider) for line in lines]
    rows = [row for row in rows if any(row)]  # spreadsheets leave lines of dividers alone
    cells = _of_list(rows, topology) if _is_list(rows, topology) else _of_square(rows, topology)
    better = without_decimal_commas([cell.text for cell in cells])
    if better is None:
        return cells
    remarks.append("commas in numbers are taken for decimal points")
    return [cell._replace(text=number) for cell, number in zip(cells, better, strict=True)]


def _index(topology: Topology) -> dict[str, int]:
    """Return the nodes by their ids, and by their names where only one node is called so."""
    called = Counter(topology.names.values())
    names = {
        name: topology.nodes.index(node)
        for node, name in topology.names.items()
        if called[name] == 1
    }
    return names | {node: i for i, node in enumerate(topology.nodes)}


def _is_list(rows: Sequence[Sequence[str]], topology: Topology) -> bool:
    """Return whether rows are source, destination, traffic, and not a square of three nodes."""
    if any(len(row) != 3 for row in rows):
        return False
    if _has_header(rows):
        return True
    names = {name for row in rows for name in row[:2]}
    return names <= set(_index(topology)) and not len(rows) == len(topology.nodes) == 3


def _has_header(rows: Sequence[Sequence[str]]) -> bool:
    return is_source(rows[0][0]) and is_destination(rows[0][1])


def _of_list(rows: Sequence[Sequence[str]], topology: Topology) -> list[_Cell]:
    index = _index(topology)
    seen = set()
    cells = []
    for row in rows[1:] if _has_header(rows) else rows:
        for what, name in zip(("source", "destination"), row[:2], strict=True):
            if name not in index:
                raise ValueError(f"the {what} '{quote(name)}' is not a node of the network")
        pair = (index[row[0]], index[row[1]])
        if pair in seen:
            raise ValueError(
                f"the traffic from '{quote(row[0])}' to '{quote(row[1])}' is there twice"
            )
        seen.add(pair)
        cells.append(_Cell(*pair, row[2]))
    if not cells:
        raise ValueError("has no numbers")
    return cells


def _of_square(rows: list[list[str]], topology: Topology) -> list[_Cell]:
    numbers, sources, destinations = _without_names(rows, topology)
    return [
        _Cell(source, destination, text)
        for source, row in zip(sources, numbers, strict=True)
        for destination, text in zip(destinations, row, strict=True)
    ]


def _without_names(
    rows: list[list[str]], topology: Topology
) -> tuple[list[list[str]], list[int], list[int]]:
    """Return the cells, and for each row and column of them the node it stands for."""
    count = len(topology.nodes)
    in_order = list(range(count))
    if len(rows) == count and all(len(row) == count for row in rows):
        return rows, in_order, in_order
    if len(rows) != count + 1 or any(len(row) != count + 1 for row in rows):
        least, most = min(map(len, rows)), max(map(len, rows))
        width = counted(most, "column") if least == most else f"{least} to {most} columns"
        found = f"{counted(len(rows), 'row')} of {width}"
        raise ValueError(
            f"has {found}; must have {count} x {count} numbers in the order of the nodes, or one "
            "row and one column more with the names of the nodes, or lines of source,destination,traffic"
        )
    index = _index(topology)
    places = []
    for what, names in (("row", [row[0] for row in rows[1:]]), ("column", rows[0][1:])):
        for name in names:
            if name not in index:
                raise ValueError(f"the {what} '{quote(name)}' is not a node of the network")
            if [index.get(each) for each in names].count(index[name]) > 1:
                raise ValueError(f"the {what} '{quote(name)}' is there twice")
        places.append([index[name] for name in names])
    return [row[1:] for row in rows[1:]], places[0], places[1]


# --- numbers -------------------------------------------------------------------------------------


def _without_diagonal(cells: Sequence[_Cell], remarks: list[str]) -> list[_Cell]:
    """Leave out where a node meets itself, if there is nothing or the same number everywhere."""
    diagonal = [cell.text for cell in cells if cell.source == cell.destination]
    numbers = {_number(text) for text in diagonal if text.lower() not in _EMPTY}
    if not numbers:
        return [cell for cell in cells if cell.source != cell.destination]
    if len(diagonal) > 1 and len(numbers) == 1 and 0 < (number := max(numbers)) <= _LARGEST:
        remarks.append(f"the diagonal is {number:g} everywhere: it does not count")
        return [cell for cell in cells if cell.source != cell.destination]
    return [
        cell._replace(text="0")
        if cell.source == cell.destination and cell.text.lower() in _EMPTY
        else cell
        for cell in cells
    ]


def _numbers(cells: Iterable[_Cell], topology: Topology, wrong: list[str]) -> NDArray[np.float64]:
    """Return the traffic as a matrix, and add what is wrong to `wrong`."""
    nodes, endpoints = topology.nodes, set(topology.endpoints)
    matrix = np.zeros((len(nodes), len(nodes)))
    for source, destination, text in cells:
        pair = f"from {show(nodes[source], 28)} to {show(nodes[destination], 28)}"
        place = f"{pair}: {quote(text)}"
        value = _number(text)
        if not text:
            wrong.append(f"{pair}: is empty: write 0 where there is no traffic")
        elif not 0 <= value <= _LARGEST:
            wrong.append(f"{place}: must be a number from 0 to 1e18{about_comma(text)}")
        elif value and source == destination:
            wrong.append(f"{place}: must be 0, a node sends nothing to itself")
        elif value and not {source, destination} <= endpoints:
            wrong.append(f"{place}: must be 0, requests run only between core nodes")
        else:
            matrix[source, destination] += value
    return matrix


def _number(text: str) -> float:
    try:
        return math.nan if "_" in text else float(text)
    except ValueError:
        return math.nan
