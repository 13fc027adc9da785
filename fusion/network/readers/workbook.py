"""Tables in Excel workbooks (.xlsx): a zip archive of XML, of which cells are read as text.

ECMA-376, Office Open XML. Formulas are read as the values that Excel has kept with them.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree import ElementTree

from fusion.network.readers.reader import tag

BEGINNING = b"PK\x03\x04"
_MAX_BYTES = 64 * 2**20
"""Of a part, unpacked."""
_DAMAGED = (
    *(zipfile.BadZipFile, ElementTree.ParseError, zlib.error),
    *(KeyError, NotImplementedError, RuntimeError, EOFError),
)
"""What a damaged archive, or one with a password, raises."""
_COLUMN = re.compile(r"[A-Z]+")


class Sheet(NamedTuple):
    """A table: its first row has the names of the columns. rows: by these, empty cells as ''."""

    name: str
    header: list[str]
    rows: list[dict[str, str]]


def read_workbook(content: bytes) -> list[Sheet]:
    """Return the sheets of a workbook that are not empty. Raises ValueError where it is not one."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = set(archive.namelist())
            if "xl/workbook.xml" not in parts:
                raise ValueError("an archive, and not an Excel workbook")
            texts = [
                "".join(each.text or "" for each in item.iter() if tag(each) == "t")
                for item in (
                    _xml(archive, "xl/sharedStrings.xml") if "xl/sharedStrings.xml" in parts else ()
                )
            ]
            return [
                sheet
                for name, part in _sheets(archive)
                if part in parts and (sheet := _table(name, _xml(archive, part), texts)) is not None
            ]
    except _DAMAGED as error:
        raise ValueError(f"an Excel workbook that cannot be read: {error}") from None


def _xml(archive: zipfile.ZipFile, part: str) -> ElementTree.Element:
    if archive.getinfo(part).file_size > _MAX_BYTES:
        raise ValueError(f"an Excel workbook with a part of more than {_MAX_BYTES / 2**20:g} MiB")
    content = archive.read(part)
    if b"<!ENTITY" in content:  # which could make gigabytes of it
        raise ValueError("an Excel workbook with entities")
    return ElementTree.fromstring(content)


def _sheets(archive: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    """Yield the name and the part of each sheet, in their order."""
    targets = {
        each.get("Id"): each.get("Target", "")
        for each in _xml(archive, "xl/_rels/workbook.xml.rels")
    }
    for each in _xml(archive, "xl/workbook.xml").iter():
        if tag(each) == "sheet":
            key = next((value for name, value in each.items() if name.endswith("}id")), None)
            target = targets.get(key, "")
            yield (
                each.get("name", ""),
                target.lstrip("/") if target.startswith("/") else f"xl/{target}",
            )


def _table(name: str, root: ElementTree.Element, texts: list[str]) -> Sheet | None:
    rows = [
        {_column(cell): _text(cell, texts) for cell in row if tag(cell) == "c"}
        for row in root.iter()
        if tag(row) == "row"
    ]
    rows = [row for row in rows if any(row.values())]
    if not rows:
        return None
    header = {column: text.strip() for column, text in rows[0].items() if text.strip()}
    return Sheet(
        name,
        list(header.values()),
        [
            {title: row.get(column, "").strip() for column, title in header.items()}
            for row in rows[1:]
        ],
    )


def _column(cell: ElementTree.Element) -> str:
    match = _COLUMN.match(cell.get("r", ""))
    return match[0] if match else ""


def _text(cell: ElementTree.Element, texts: list[str]) -> str:
    kind = cell.get("t", "n")
    value = next((each.text or "" for each in cell if tag(each) == "v"), "")
    if kind == "s":
        return texts[int(value)] if value.isdigit() and int(value) < len(texts) else ""
    if kind == "inlineStr":
        return "".join(each.text or "" for each in cell.iter() if tag(each) == "t")
    return value
