"""A figure and its numbers as files."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from fusion.files import write_atomic
from fusion_flows.pictures.rows import Row
from fusion_flows.pictures.style import STYLE

FORMS: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    "svg": {"Date": None, "Creator": None},
}  # with what is left out of the file, so that the same figure gives the same bytes


def image(figure: Figure, form: str, dpi: int) -> bytes:
    """Return a figure as png, pdf or svg."""
    data = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(data, format=form, dpi=dpi, metadata=FORMS[form])
    return data.getvalue()


def save(
    figure: Figure, folder: Path, name: str, forms: Sequence[str] = tuple(FORMS), *, dpi: int = 300
) -> list[Path]:
    """Write a figure, each file completely or not at all, and return the files. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.{form}" for form in forms]
    for path, form in zip(paths, forms, strict=True):
        write_atomic(path, image(figure, form, dpi))
    return paths


def save_with_data(
    figure: Figure, rows: Sequence[Row], folder: Path, name: str, *, dpi: int = 300
) -> list[Path]:
    """Write a figure as PNG, PDF and SVG and its numbers as CSV; return the files. Raises OSError.

    rows: those that the figure was made from.
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
    return [*save(figure, folder, name, dpi=dpi), table]
