"""Pictures on the site of the documentation, on light and dark pages."""

import io
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page

from fusion_flows.pictures.schemes import contrast

DOCS = Path(__file__).parents[2] / "docs"
BACKGROUNDS = {"light": "#ffffff", "dark": "#131416"}  # of the theme, furo


@pytest.mark.parametrize(
    ("theme", "system", "shown"),
    [
        ("auto", "light", "light"),
        ("auto", "dark", "dark"),
        ("light", "dark", "light"),
        ("dark", "light", "dark"),
    ],
)
def test_a_picture_has_the_page_as_its_paper(
    page: Page, tmp_path: Path, theme: str, system: str, shown: str
) -> None:
    ground = BACKGROUNDS[shown]
    (tmp_path / "page.html").write_text(
        f"<link rel=stylesheet href='{(DOCS / 'site/static/site.css').as_uri()}'>"
        f"<body data-theme={theme} style='background: {ground}'><article class=content>"
        f"<img src='{(DOCS / 'images/blocking.png').as_uri()}'></article>"
    )
    page.emulate_media(color_scheme=system)  # type: ignore[arg-type]
    page.goto((tmp_path / "page.html").as_uri())
    shot = Image.open(io.BytesIO(page.locator("img").screenshot())).convert("RGB")
    counts = shot.getcolors(shot.width * shot.height) or []
    colors = {"#{:02x}{:02x}{:02x}".format(*color): count for count, color in counts}
    assert max(colors, key=lambda color: colors[color]) == ground
    assert max(contrast(color, ground) for color in colors) > 12, "its text"
