"""The report of a run as both versions of the UI show it: light and dark, in narrow windows, as a file."""

import io

import pytest
from flows.prefect_server import Prefect
from PIL import Image
from playwright.sync_api import Page, expect

from fusion_flows.pictures.schemes import DARK, LIGHT, contrast, luminance

from .pages import address, keep, pictures

VERSIONS = pytest.mark.parametrize("version", [2, 1])

BEYOND = """tables => tables.map(table =>
  table.getBoundingClientRect().right - table.parentElement.getBoundingClientRect().right)"""
BROKEN = """cells => cells.filter(cell => getComputedStyle(cell).textAlign == 'right').filter(cell => {
  const range = document.createRange();
  range.selectNodeContents(cell);
  return new Set([...range.getClientRects()].map(line => Math.round(line.top))).size > 1;
}).map(cell => cell.innerText)"""


def show_artifact(
    page: Page, server: Prefect, run_id: str, version: int, kind: str = "report"
) -> None:
    """Open an artifact of a run."""
    found = server.artifacts(run_id)[kind]["id"]
    page.goto(address(server, f"/artifacts/artifact/{found}", version))


@VERSIONS
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures_have_the_colours_of_the_page(
    worker: Prefect, finished: str, page: Page, version: int, scheme: str
) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    # The first version does not go by the system: it is dark until somebody changes its settings.
    page.add_init_script(f"localStorage.setItem('color-scheme', '\"{scheme}\"')")
    show_artifact(page, worker, finished, version)
    assert pictures(page) == 4
    for number in range(4):
        picture = page.locator("img[src^='data:image/']").nth(number)
        shot = Image.open(io.BytesIO(picture.screenshot())).convert("RGB")
        counts = shot.getcolors(shot.width * shot.height) or []
        colors = {"#{:02x}{:02x}{:02x}".format(*color): count for count, color in counts}
        paper = max(colors, key=lambda color: colors[color])
        assert (luminance(paper) < 0.2) == (scheme == "dark"), (
            f"picture {number} is a box of {paper}"
        )
        ink = (DARK if scheme == "dark" else LIGHT).ink
        assert colors.get(ink, 0) > 100, "its text and axes"
        assert contrast(ink, paper) >= 4.5
    keep(page, f"report_{scheme}_v{version}")


@VERSIONS
def test_tables_fit_beside_the_side_column(
    worker: Prefect,
    finished: str,
    finished_sweep: str,
    compared: str,
    page: Page,
    version: int,
) -> None:
    shown = {"run": finished, "sweep": finished_sweep, "comparison": compared}
    for width in (1440, 1024):
        page.set_viewport_size({"width": width, "height": 900})
        for name, run_id in shown.items():
            kind = "comparison" if run_id == compared else "report"
            show_artifact(page, worker, run_id, version, kind)
            pictures(page)
            tables = page.locator("table")
            beyond = tables.evaluate_all(BEYOND)
            keep(page, f"report_of_a_{name}_{width}_v{version}")
            assert len(beyond) >= 2
            assert max(beyond) <= 1, f"{name}, {width} px: pixels beyond the column {beyond}"
            broken = tables.locator("td").evaluate_all(BROKEN)
            assert broken == [], f"{name}, {width} px: numbers on two lines"


@VERSIONS
def test_the_verdicts_are_seen_without_scrolling(
    worker: Prefect, compared: str, page: Page, version: int
) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    show_artifact(page, worker, compared, version, "verdicts")
    expect(page.get_by_role("columnheader", name="verdict")).to_be_visible()
    for column in page.get_by_role("columnheader").all():
        expect(column).to_be_in_viewport(ratio=1)
    keep(page, f"verdicts_v{version}")


@VERSIONS
def test_the_report_can_be_kept_as_a_file(
    worker: Prefect, finished: str, page: Page, version: int
) -> None:
    show_artifact(page, worker, finished, version)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download this report").click()
    kept = download.value
    directory = worker.directory(finished)
    assert kept.suggested_filename == f"report-{directory.name}.html"
    assert kept.path().read_bytes() == (directory / "report.html").read_bytes()
