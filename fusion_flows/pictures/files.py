"""A figure and its numbers as files."""

import csv
import io
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import LayoutEngine

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
_NO_ENGINE: dict[Any, Any] = {
    "figure.autolayout": False,
    "figure.constrained_layout.use": False,
}  # by default


def tell(artist: Artist, text: str) -> None:
    """Have a browser show a text while the pointer is on this part of an SVG."""
    artist.set_gid(_TOLD + text)


def image(figure: Figure, form: str, dpi: int) -> bytes:
    """Return a figure as png, pdf, svg or eps."""
    return images(figure, (form,), dpi)[0]


def _drawn(figure: Figure, form: str, dpi: int) -> bytes:
    data = io.BytesIO()
    figure.savefig(data, format=form, dpi=dpi, metadata=FORMS[form])
    if form == "eps":
        return _EPS_DATE.sub(b"", data.getvalue())
    return _with_titles(data.getvalue()) if form == "svg" else data.getvalue()


def _with_titles(svg: bytes) -> bytes:
    """Turn what `tell` has said into titles, which SVG has for this."""
    return re.sub(rf'<g id="{_TOLD}([^"]*)">'.encode(), rb"<g><title>\1</title>", svg)


def images(figure: Figure, forms: Sequence[str], dpi: int) -> list[bytes]:
    """Return a figure in several forms. Its layout is made once, and it is drawn once for each form."""
    engine = figure.get_layout_engine()
    with matplotlib.rc_context({**STYLE, **_NO_ENGINE}):
        if engine is not None:
            _lay_out(figure, engine, dpi)
            # With a layout engine, even with one that does nothing, savefig first draws all of it in vain.
            figure.set_layout_engine(None)
        try:
            return [_drawn(figure, form, dpi) for form in forms]
        finally:
            figure.set_layout_engine(engine)


def _lay_out(figure: Figure, engine: LayoutEngine, dpi: int) -> None:
    """Put everything in its place, as savefig does for a PNG of this resolution."""
    canvas, before = figure.canvas, figure.dpi
    FigureCanvasAgg(figure)  # becomes that of the figure: text is measured by it
    figure.dpi = dpi
    try:
        with suppress(ValueError):  # as matplotlib does: better out of place than no picture
            engine.execute(figure)
    finally:
        figure.dpi = before
        figure.set_canvas(canvas)


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
