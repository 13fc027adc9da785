"""What a report is made of, whatever it is written as.

Texts may have **bold** and `code`; everything else in them is shown as it is.
"""

from typing import NamedTuple


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
    """A table. A page that is short of room shows the first `brief` rows of it."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    brief: int
    file: str
    """That has all rows."""


class Text(NamedTuple):
    """A paragraph."""

    text: str


class Code(NamedTuple):
    """A command to copy."""

    text: str


class List(NamedTuple):
    """Some short texts, one below the other."""

    texts: tuple[str, ...]


class Section(NamedTuple):
    """A heading with what is below it."""

    title: str
    parts: tuple[Picture | Table | Text | Code | List, ...]


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
