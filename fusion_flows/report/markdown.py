"""A report as markdown, for an artifact of Prefect: pictures are in it as data.

They are SVG, which has colours for light and dark pages, or PNG, on white, where the SVG would be too large.
"""

import base64
import io
import re
from collections.abc import Iterable

from fusion_flows.report.page import Cell, Code, Files, Page, Picture, Table, Terms, Text

MOST_BYTES = 480_000
"""Of all pictures together: in markdown they are a third larger, and Prefect refuses what is too large."""

MOST_BYTES_OF_SVG = 200_000
"""Of one picture; a larger one has thousands of points, and slows a browser down."""

_NO_BREAK, _BREAK = "\u00a0", "\u200b"
_COLORS = 128  # of a picture; what it loses is not seen
_WHITE = 252  # paper that has become a little darker is white again


def markdown(page: Page, file: str = "") -> str:
    """Return a report in markdown. A picture for which there is no room any more is only named.

    file: where the same is as one file, in markdown; empty where it is not.
    """
    found = ["  \n".join(f"**{_plain(each)}**" for each in page.found)] if page.found else []
    parts = [f"# {_plain(page.title)}", *found, "  \n".join(page.setting)]
    parts += [file] if file else []
    if page.partial:
        parts.append(f"**Partial results**: {page.partial}")
    left = MOST_BYTES
    for section in page.sections:
        written = []
        for part in section.parts:
            if isinstance(part, Picture):
                picture = _shown(part, left)
                left -= len(picture)
                written.append(
                    f"{image_of(picture, part.told)}\n\n*{part.caption}*"
                    if picture
                    else f"Too large for this page: `plots/{part.name}.png`."
                )
            else:
                written.append(_written(part))
        if written:
            parts += [f"## {section.title}", *written]
    return "\n\n".join(parts)


def _plain(text: str) -> str:
    """Return a text that a person has given so that it is shown as it is."""
    return re.sub(r"([\\`*_\[\]<>#~|&!])", r"\\\1", " ".join(text.split()))


def small(png: bytes) -> bytes:
    """Return a picture with few colours, a third of the size; the same one if that does not help."""
    from PIL import Image  # here, as it comes with matplotlib, which is slow to load

    data = io.BytesIO()
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    method = Image.Quantize.FASTOCTREE
    fewer = picture.quantize(_COLORS, method, dither=Image.Dither.NONE)
    palette = fewer.getpalette() or []
    fewer.putpalette([255 if part >= _WHITE else part for part in palette])
    fewer.save(data, "PNG")
    return min(png, data.getvalue(), key=len)


def _shown(picture: Picture, most_bytes: int) -> bytes:
    """Return a picture as SVG, or as PNG where that is too large; nothing where both are."""
    from fusion_flows.pictures.schemes import for_both_schemes  # here, as numpy is slow to load

    if len(picture.svg) <= MOST_BYTES_OF_SVG:
        svg = for_both_schemes(picture.svg).encode()
        if len(svg) <= most_bytes:
            return svg
    png = small(picture.png)
    return png if len(png) <= most_bytes else b""


def image_of(picture: bytes, told: str) -> str:
    """Return a picture, SVG or PNG, as an image of markdown. told: for somebody who does not see it."""
    kind = "svg+xml" if picture.startswith(b"<svg") else "png"
    data = base64.b64encode(picture).decode()
    shown = told.replace("[", "(").replace("]", ")")
    return f"![{shown}](data:image/{kind};base64,{data})"


def _written(part: Table | Text | Code | Files | Terms) -> str:
    if isinstance(part, Table):
        return _table(part)
    if isinstance(part, Code):
        return f"```\n{part.text}\n```"
    if isinstance(part, Files):
        return "\n".join(f"- `{name}`: {what}" for name, what in part.files)
    if isinstance(part, Terms):
        return "\n".join(f"- **{term}**: {meaning}" for term, meaning in part.entries)
    return part.text


def _table(table: Table) -> str:
    """Return a table with the columns that fit beside what Prefect's UI has at its right."""
    shown = [n for n, name in enumerate(table.columns) if name not in table.wide]
    rows = [[row[n] for n in shown] for row in table.rows[: table.brief]]
    right = [any(row[n].key is not None for row in rows) for n in range(len(shown))]
    lines = [
        _line(_breakable(table.columns[n]) for n in shown),
        _line("---:" if of_numbers else "---" for of_numbers in right),
        *(_line(map(_cell, row)) for row in rows),
    ]
    return "\n".join(lines) + f"\n\n*{table.caption}{_left_out(table, len(rows))}*"


def _left_out(table: Table, rows: int) -> str:
    """Return which rows and columns a table does not show, and where they are."""
    cut = len(table.rows) > rows
    columns = [name for name in table.columns if name in table.wide]
    parts = [
        *([f"the first {rows} of {len(table.rows)} rows"] if cut else []),
        *([f"not shown: {', '.join(columns)}"] if columns else []),
        *([f"all are in `{table.file}`"] if table.file else []),
    ]
    told = "; ".join(parts)
    return f" {told[0].upper()}{told[1:]}." if cut or columns else ""


def _cell(cell: Cell) -> str:
    """Return a cell. A number with its interval or unit is on one line."""
    if cell.key is not None:
        return cell.text.replace(" ", _NO_BREAK)
    return cell.text if "`" in cell.text else _breakable(cell.text)


def _breakable(text: str) -> str:
    """Return a text in which a line may end after an underscore, as in the names of keys."""
    return re.sub(r"(?<=\w)_(?=\w)", f"_{_BREAK}", text)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
