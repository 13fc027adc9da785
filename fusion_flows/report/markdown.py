"""A report as markdown, for an artifact of Prefect: pictures are in it as data."""

import base64
import io
import re
from collections.abc import Iterable

from fusion_flows.report.page import Code, Files, Page, Picture, Table, Terms, Text

MOST_BYTES = 480_000
"""Of all pictures together: in markdown they are a third larger, and Prefect refuses what is too large."""

_COLORS = 128  # of a picture; what it loses is not seen
_WHITE = 252  # paper that has become a little darker is white again


def markdown(page: Page) -> str:
    """Return a report in markdown. A picture for which there is no room any more is only named."""
    parts = [f"# {_plain(page.title)}", "  \n".join(page.setting)]
    if page.partial:
        parts.append(f"**Partial results**: {page.partial}")
    left = MOST_BYTES
    for section in page.sections:
        written = []
        for part in section.parts:
            if isinstance(part, Picture):
                picture = small(part.png)
                if len(picture) <= left:
                    left -= len(picture)
                    written.append(_picture(part, picture))
                else:
                    written.append(f"Too large for this page: `plots/{part.name}.png`.")
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


def _picture(picture: Picture, png: bytes) -> str:
    data = base64.b64encode(png).decode()
    told = picture.told.replace("[", "(").replace("]", ")")
    return f"![{told}](data:image/png;base64,{data})\n\n*{picture.caption}*"


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
    rows = table.rows[: table.brief]
    right = [any(row[n].key is not None for row in rows) for n in range(len(table.columns))]
    lines = [
        _line(table.columns),
        _line("---:" if of_numbers else "---" for of_numbers in right),
        *(_line(cell.text for cell in row) for row in rows),
    ]
    cut = len(table.rows) > len(rows)
    rest = f" The first {len(rows)} of {len(table.rows)}" if cut else ""
    rest += f"; all are in `{table.file}`." if cut and table.file else "." if cut else ""
    return "\n".join(lines) + f"\n\n*{table.caption}{rest}*"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
