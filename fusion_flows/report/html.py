"""A report as one HTML file that needs nothing else: opened from disk, without a network, or printed.

Pictures are those of plots/, as SVG in the page, moved and zoomed by Panzoom; tables are sorted by
sortable-tablesort. Both are in the page, 12 kB together. A library that draws plots itself (Plotly, Bokeh,
Vega) has 0.8 to 4.5 MB, in each report of each run, and would draw everything a second time.
"""

import os
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from fusion.results.files import write_atomic
from fusion_flows.report.page import Files, Page, Picture, Section

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

_HERE = Path(__file__).parent
_SCRIPTS = ("third_party/panzoom.min.js", "third_party/sortable.min.js", "report.js")


def write_html(page: Page, path: Path) -> Path:
    """Write a report and return its file. Raises OSError."""
    write_atomic(path, html(page, path.parent).encode())
    return path


def html(page: Page, folder: Path | None = None) -> str:
    """Return a report as one HTML file.

    folder: where it will lie, from which links to files start; None: the folder of these files.
    """
    return _template().render(
        page=page,
        link=lambda files, name: _link(files, name, folder or files.folder),
        style=_markup((_HERE / "report.css").read_text(encoding="utf-8")),
        scripts=[_markup((_HERE / name).read_text(encoding="utf-8")) for name in _SCRIPTS],
    )


def _link(files: Files, name: str, folder: Path) -> str:
    """Return the address of a file, relative so that it holds when the run's directory is moved."""
    return quote(os.path.relpath(files.folder / name, folder))


@cache
def _template() -> "Template":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["rich"] = rich
    environment.filters["breakable"] = breakable
    environment.filters["svg"] = inline_svg
    environment.filters["kind"] = lambda part: type(part).__name__
    environment.filters["anchor"] = _anchor
    return environment.get_template("report.html.jinja")


def _markup(text: str) -> "Markup":
    from markupsafe import Markup

    return Markup(text)


def rich(text: str) -> "Markup":
    """Return a text as HTML: all of it escaped, **bold** and `code` as such."""
    from markupsafe import escape

    safe = str(escape(text))
    safe = re.sub(r"`([^`]+)`", r"<code>\1</code>", safe)
    return _markup(re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", safe))


def breakable(text: str) -> "Markup":
    """Return a text as HTML in which a line may end after an underscore, as in the names of keys."""
    from markupsafe import escape

    return _markup(re.sub(r"(?<=\w)_(?=\w)", "_<wbr>", str(escape(text))))


def inline_svg(picture: Picture) -> "Markup":
    """Return a picture as a part of a page: named, with ids that no other picture has."""
    from markupsafe import escape

    svg = picture.svg[picture.svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(?<=\bid=")', f"{picture.name}-", svg)
    svg = re.sub(r'(?<=url\(#)|(?<=href="#)', f"{picture.name}-", svg)
    width = re.search(r'<svg[^>]* width="([\d.]+)pt"', svg)
    most = round(1.9 * float(width[1])) if width else 980
    name = f'<svg role="img" aria-label="{escape(picture.told)}" style="--most: {most}px"'
    return _markup(svg.replace("<svg", name, 1))


def _anchor(section: Section) -> str:
    return re.sub(r"\W+", "-", section.title.lower()).strip("-")
