"""The pictures of a report: drawn for it, and as files."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fusion.results.files import write_atomic
from fusion_flows.report.page import Page, Picture, Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOTS_PER_INCH = 200


def drawn(name: str, caption: str, told: str, draw: Callable[[], "Figure"]) -> Picture | Text:
    """Return a picture, or why there is none: results are worth more than their picture."""
    try:
        from fusion_flows.pictures.files import images  # here, as matplotlib is slow to load

        png, svg = images(draw(), ("png", "svg"), DOTS_PER_INCH)
        return Picture(name, caption, told, png, svg.decode())
    except Exception as error:
        return Text(f"The picture {name} cannot be drawn: {error!r}.")


def pictures_of(page: Page) -> list[Picture]:
    """Return the pictures of a page, in their order."""
    return [
        part for section in page.sections for part in section.parts if isinstance(part, Picture)
    ]


def write_pictures(page: Page, folder: Path) -> dict[str, Path]:
    """Write the pictures of a page as PNG and SVG; return the PNG by its name. Raises OSError."""
    folder.mkdir(exist_ok=True)  # a run directory that somebody removed stays away
    written = {}
    for picture in pictures_of(page):
        written[picture.name] = folder / f"{picture.name}.png"
        write_atomic(written[picture.name], picture.png)
        write_atomic(folder / f"{picture.name}.svg", picture.svg.encode())
    return written
