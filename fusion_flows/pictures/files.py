"""A figure and its numbers as files."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from fusion.results.files import write_atomic
from fusion_flows.pictures.rows import Row
from fusion_flows.pictures.style import STYLE

FORMS: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    "svg": {"Date": None, "Creator": None},
    "eps": {"Creator": "fusion"},
}  # with what is left out of the file, so that the same figure gives the same bytes
USUAL = ("png", "pdf", "svg")
"""The forms that a picture has where nobody asks for another."""
_EPS_DATE = re.compile(rb"^%%CreationDate:.*\n", re.MULTILINE)


_TOLD = "told:"


def tell(artist: Artist, text: str) -> None:
    """Have a browser show a text while the pointer is on this part of an SVG."""
    artist.set_gid(_TOLD + text)


def image(figure: Figure, form: str, dpi: int) -> bytes:
    """Return a figure as png, pdf, svg or eps."""
    data = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(data, format=form, dpi=dpi, metadata=FORMS[form])
    if form == "eps":
        return _EPS_DATE.sub(b"", data.getvalue())
    return _with_titles(data.getvalue()) if form == "svg" else data.getvalue()


def _with_titles(svg: bytes) -> bytes:
    """Turn what `tell` has said into titles, which SVG has for this."""
    return re.sub(rf'<g id="{_TOLD}([^"]*)">'.encode(), rb"<g><title>\1</title>", svg)


def images(figure: Figure, forms: Sequence[str], dpi: int) -> list[bytes]:
    """Return a figure in several forms. Its layout, half of the time, is made once."""
    first = image(figure, forms[0], dpi)
    engine = figure.get_layout_engine()
    figure.set_layout_engine("none")
    rest = [image(figure, form, dpi) for form in forms[1:]]
    figure.set_layout_engine(engine)
    return [first, *rest]


def save(
    figure: Figure, folder: Path, name: str, forms: Sequence[str] = USUAL, *, dpi: int = 300
) -> list[Path]:
    """Write a figure, each file completely or not at all, and return the files. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.{form}" for form in forms]
    for path, content in zip(paths, images(figure, forms, dpi), strict=True):
        write_atomic(path, content)
    return paths


def save_with_data(
    figure: Figure,
    rows: Sequence[Row],
    folder: Path,
    name: str,
    forms: Sequence[str] = USUAL,
    *,
    dpi: int = 300,
) -> list[Path]:
    """Write a figure and its numbers as CSV; return the files. Raises OSError.

    rows: those that the figure was made from. forms: as PNG, PDF and SVG, unless others are given.
    """
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO()
    if columns:
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / f"{name}.csv"
    write_atomic(table, text.getvalue().encode())
    return [*save(figure, folder, name, forms, dpi=dpi), table]
