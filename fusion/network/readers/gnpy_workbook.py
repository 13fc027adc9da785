"""Workbooks of GNPy (.xls, .xlsx): its own converter makes JSON of them, which is read as any other.

GNPy is an extra of this package, and is imported where a workbook is read. Sheets "Nodes" and "Links" are
needed, "Eqpt", "Roadms" and "Service" are taken where they are there.

gnpy-convert-xls 3.0.1 compares the column Type letter by letter with ROADM, ILA and FUSED, and takes
anything else for an amplifier site, without a word (findings/gnpy_convert_node_type.sh).
So the types are put right in a copy, which is what GNPy gets. What was guessed wrong before looking: a city
whose type is empty is an amplifier site as well, and GNPy corrects that only where it has one neighbour or
more than two; GNPy chooses the program that opens a workbook by the ending of its name, so that an .xlsx that
is called .xls cannot be opened.
"""

import importlib
import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fusion.config.counts import counted
from fusion.config.named_files import quote
from fusion.network.gnpy_package import load_gnpy
from fusion.network.listed_network import ListedNetwork, empty_network
from fusion.network.readers.gnpy_topology import GNPY_TOPOLOGY
from fusion.network.readers.reader import NetworkFile

FORMAT = "GNPy workbook"
XLS = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""Begins each file of the Office of old (OLE), such as .xls."""
NODES, LINKS, SERVICES = "Nodes", "Links", "Service"
_HEAD = 4
"""Row of the sheet with the names of the columns, from 0."""
_ROADM, _AMPLIFIER, _FUSED = "ROADM", "ILA", "FUSED"
_FEW = 3
_Rows = list[list[Any]]


def is_gnpy_workbook(sheets: Sequence[str]) -> bool:
    """Return whether sheets have the names of those of GNPy's."""
    return {NODES, LINKS} <= set(sheets)


def may_be_gnpy_xls(content: bytes) -> bool:
    """Return whether an Office file of old has the names of GNPy's sheets somewhere."""
    names = [name.encode(code) for name in (NODES, LINKS) for code in ("ascii", "utf-16-le")]
    return (names[0] in content or names[1] in content) and (
        names[2] in content or names[3] in content
    )


def read_gnpy_workbook(file: Path, *, is_xls: bool) -> tuple[NetworkFile, ListedNetwork]:
    """Return a workbook as GNPy's JSON, with `path-request` where it has services, and the network in it."""
    nothing = NetworkFile("")
    try:
        load_gnpy()
        convert = importlib.import_module("gnpy.tools.convert")
    except ImportError:
        return nothing, empty_network(
            "a workbook of GNPy, which is read with GNPy (on Python below 3.13): `pip install gnpy`"
        )
    try:
        sheets = dict(_xls(file) if is_xls else _xlsx(file))
        if not is_gnpy_workbook(list(sheets)):
            shown = ", ".join(map(quote, sheets)) or "none"
            return nothing, empty_network(
                f"an Excel file whose sheets ({shown}) are not those of GNPy: Nodes and Links"
            )
        remarks = _mended(sheets[NODES])
        with TemporaryDirectory(prefix="fusion-gnpy-") as folder, _quiet():
            copy = Path(folder, "network.xlsx")
            _write(copy, sheets)
            data = convert.xls_to_json_data(copy)
            if SERVICES in sheets:
                data["path-request"] = list(_services(copy))
    except Exception as error:  # whatever GNPy and its libraries raise is about the workbook
        words = " ".join(str(error).split()) or type(error).__name__
        return nothing, empty_network(f"a workbook of GNPy that it does not convert: {words}")
    content = NetworkFile(json.dumps(data), ".json")
    network = GNPY_TOPOLOGY.read(content)
    corrected = _corrected(sheets[NODES], data)
    network.remarks[:0] = [*remarks, *corrected]
    return content, network._replace(demands=len(data.get("path-request", ())))


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out what GNPy logs of a workbook: columns that are optional, and types that it corrects."""
    logger = logging.getLogger("gnpy.tools")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _xls(file: Path) -> Iterator[tuple[str, _Rows]]:
    xlrd = importlib.import_module("xlrd")
    book = xlrd.open_workbook(file_contents=file.read_bytes())
    for sheet in book.sheets():
        yield (
            sheet.name,
            [
                [None if cell == "" else cell for cell in sheet.row_values(row)]
                for row in range(sheet.nrows)
            ],
        )


def _xlsx(file: Path) -> Iterator[tuple[str, _Rows]]:
    openpyxl = importlib.import_module("openpyxl")
    with file.open("rb") as stream:
        book = openpyxl.load_workbook(stream, data_only=True)
        for sheet in book.worksheets:
            yield sheet.title, [list(row) for row in sheet.iter_rows(values_only=True)]


def _write(file: Path, sheets: Mapping[str, _Rows]) -> None:
    openpyxl = importlib.import_module("openpyxl")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(file)


def _types(rows: _Rows) -> tuple[int, list[tuple[list[Any], str]]]:
    """Return the column of the types, or -1, and each row of a city with its type."""
    head = [str(cell).strip() if cell is not None else "" for cell in rows[_HEAD]]
    column = head.index("Type") if "Type" in head else -1
    cities = [row for row in rows[_HEAD + 1 :] if row and row[0] not in (None, "")]
    return column, [
        (row, "" if column < 0 or row[column] is None else str(row[column]).strip())
        for row in cities
    ]


def _mended(rows: _Rows) -> list[str]:
    """Put the types of the nodes right, in place, and return what was taken for what."""
    if len(rows) <= _HEAD:
        return []
    column, cities = _types(rows)
    if column < 0:
        for row in rows[_HEAD + 1 :]:
            row.extend([None])
        rows[_HEAD].append("Type")
        column = len(rows[_HEAD]) - 1
    respelled: Counter[tuple[str, str]] = Counter()
    unknown: Counter[str] = Counter()
    empty = []
    has_roadms = False
    for row, kind in cities:
        meant = kind.upper()
        if meant in (_ROADM, _AMPLIFIER, _FUSED):
            has_roadms |= meant == _ROADM
            if row[column] != meant:
                respelled[kind, meant] += 1
                row[column] = meant
        elif kind:
            unknown[kind] += 1
        else:
            empty.append(row)
    remarks = [
        f"{counted(count, 'node')} of type {quote(kind)}: taken as {meant}, which GNPy takes only in this "
        "spelling; else it makes amplifier sites of them"
        for (kind, meant), count in respelled.items()
    ]
    if unknown:
        kinds = ", ".join(quote(kind) for kind in list(unknown)[:_FEW])
        remarks.append(
            f"{counted(sum(unknown.values()), 'node')} of type {kinds}: amplifier sites, as for GNPy, which "
            "knows ROADM, ILA and FUSED"
        )
    if empty and not has_roadms:
        for row in empty:
            row[column] = _ROADM
        remarks.append(
            f"{counted(len(empty), 'node')} without a type, and no ROADM: taken as ROADM, where GNPy makes "
            "amplifier sites of them"
        )
    elif empty:
        remarks.append(
            f"{counted(len(empty), 'node')} without a type: amplifier sites, as for GNPy"
        )
    return remarks


def _corrected(rows: _Rows, data: Mapping[str, Any]) -> list[str]:
    """Return which amplifier sites GNPy has made ROADMs, as they do not have two neighbours."""
    roadms = {each["uid"] for each in data["elements"] if each["type"] == "Roadm"}
    _, cities = _types(rows)
    found = [str(row[0]) for row, kind in cities if kind != _ROADM and f"roadm {row[0]}" in roadms]
    if not found:
        return []
    shown = ", ".join(map(quote, found[:_FEW])) + (", ..." if len(found) > _FEW else "")
    return [
        f"{counted(len(found), 'amplifier site')} without exactly two neighbours, for GNPy ROADMs: {shown}"
    ]


def _services(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the sheet of services as GNPy's JSON has them, without what needs an equipment library."""
    sheet = importlib.import_module("gnpy.tools.service_sheet")
    for each in sheet.parse_excel(file):
        gbps = each.path_bandwidth or 0.0
        yield {
            "request-id": each.request_id,
            "source": f"trx {each.source}",
            "destination": f"trx {each.destination}",
            "path-constraints": {"te-bandwidth": {"path_bandwidth": gbps * 1e9}},
        }
