"""What a report is made of, whatever it is written as.

Texts may have **bold** and `code`; everything else in them is shown as it is.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Picture(NamedTuple):
    """A picture, in two forms: one is shown, whichever the page can do."""

    name: str
    """Of its files in plots/, without the ending."""
    caption: str
    told: str
    """What it shows, for somebody who does not see it."""
    png: bytes
    svg: str


class Cell(NamedTuple):
    """A cell of a table."""

    text: str
    key: float | None = None
    """What the column is sorted by, where it is a number."""


class Table(NamedTuple):
    """A table. A page that is short of room shows the first `brief` rows of it, without what is `wide`."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    brief: int
    file: str
    """That has all rows; empty where none has."""
    wide: frozenset[str] = frozenset()
    """Columns that a narrow page leaves out."""


class Text(NamedTuple):
    """A paragraph."""

    text: str


class Code(NamedTuple):
    """A command to copy."""

    text: str


class Files(NamedTuple):
    """Files of a folder, one below the other."""

    folder: Path
    files: tuple[tuple[str, str], ...]
    """Name in the folder, and what it has."""


class Terms(NamedTuple):
    """Terms with what they mean, one below the other."""

    entries: tuple[tuple[str, str], ...]


class Section(NamedTuple):
    """A heading with what is below it."""

    title: str
    parts: tuple[Picture | Table | Text | Code | Files | Terms, ...]


class Page(NamedTuple):
    """A report."""

    title: str
    setting: tuple[str, ...]
    """What was simulated, in lines."""
    partial: str
    """Why results are missing; empty when none is."""
    sections: tuple[Section, ...]
    about: str
    """What made it, and when."""
    found: tuple[str, ...] = ()
    """What was found, in sentences that come first."""


def numbered(sections: Sequence[Section]) -> tuple[Section, ...]:
    """Give the captions of pictures and tables their numbers."""
    counts = {Picture: 0, Table: 0}
    names = {Picture: "Figure", Table: "Table"}
    found = []
    for section in sections:
        parts: list[Any] = []
        for part in section.parts:
            if isinstance(part, Picture | Table):
                counts[type(part)] += 1
                number = f"{names[type(part)]} {counts[type(part)]}"
                parts.append(part._replace(caption=f"{number}: {part.caption}"))
            else:
                parts.append(part)
        found.append(Section(section.title, tuple(parts)))
    return tuple(found)
