"""The pictures of a report as files."""

from pathlib import Path

from fusion.files import write_atomic
from fusion_flows.report.page import Page, Picture


def pictures_of(page: Page) -> list[Picture]:
    """Return the pictures of a page, in their order."""
    return [
        part for section in page.sections for part in section.parts if isinstance(part, Picture)
    ]


def write_pictures(page: Page, folder: Path) -> dict[str, Path]:
    """Write the pictures of a page as PNG and SVG; return the PNG by its name. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for picture in pictures_of(page):
        written[picture.name] = folder / f"{picture.name}.png"
        write_atomic(written[picture.name], picture.png)
        write_atomic(folder / f"{picture.name}.svg", picture.svg.encode())
    return written
