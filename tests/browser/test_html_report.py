"""The report of a run as an HTML file, opened from disk."""

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from report.conftest import simulate
from report.test_sweep_page import page_of

from fusion_flows.following import publish
from fusion_flows.report.html import html, write_html
from fusion_flows.report.page import Cell, Section, Table
from fusion_flows.report.page import Page as Report

from .pages import keep


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the report of a run."""
    run, config, inputs = simulate(tmp_path_factory.mktemp("runs"), "0123456789ab")
    return publish.find(run, config, inputs, "").report


def test_it_needs_no_network_and_its_pictures_are_drawn(report: Path, page: Page) -> None:
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(report.as_uri())
    assert [url for url in asked if not url.startswith("data:")] == [report.as_uri()]
    drawings = page.locator("figure svg")
    expect(drawings.first).to_be_visible()
    widths = drawings.evaluate_all("all => all.map(each => each.getBoundingClientRect().width)")
    assert len(widths) > 2
    assert min(widths) > 200
    assert said == []


def test_a_table_is_sorted_and_a_picture_zoomed(report: Path, page: Page) -> None:
    page.goto(report.as_uri())
    table = page.locator("table").first
    loads = table.locator("tbody tr td:first-child")
    heading = table.get_by_role("columnheader").first
    expect(loads).to_have_text(["140", "160", "180"])
    for order, shown in (
        ("descending", ["180", "160", "140"]),
        ("ascending", ["140", "160", "180"]),
    ):
        heading.get_by_role("button").click()
        expect(heading).to_have_attribute("aria-sort", order)
        expect(loads).to_have_text(shown)
    picture = page.locator("figure").first
    picture.get_by_label("Zoom in").click()
    expect(picture.locator("svg")).to_have_attribute("style", re.compile(r"scale\(1\.\d"))
    picture.get_by_role("button", name="Reset").click()
    expect(picture.locator("svg")).to_have_attribute("style", re.compile(r"scale\(1\)"))


def test_the_tables_of_a_sweep_fit_into_a_window_of_1000_pixels(page: Page, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text(html(page_of()), encoding="utf-8")
    page.set_viewport_size({"width": 1000, "height": 900})
    page.goto((tmp_path / "report.html").as_uri())
    beyond = "all => all.map(each => each.scrollWidth - each.clientWidth)"
    assert page.locator(".scroll").evaluate_all(beyond) == [0, 0, 0]
    keep(page, "html_report_of_a_sweep_1000")


WIDE = "all => all.map(each => each.scrollWidth - each.clientWidth)"


def table(columns: int) -> Table:
    names = [f"a_name_of_a_key_{number}" for number in range(columns)]
    cells = (Cell("a_value"),) * columns
    return Table(f"{columns} columns", tuple(names), (cells,) * 40, 10, "")


def test_a_wide_table_takes_the_window_and_then_scrolls_in_its_own_box(
    page: Page, tmp_path: Path
) -> None:
    sections = (Section("Tables", tuple(map(table, (3, 11, 40)))),)
    path = write_html(Report("Wide", (), "", sections, ""), tmp_path / "wide.html")
    boxes = page.locator(".scroll")
    for width in (1000, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == width
        narrow, wide, widest = boxes.evaluate_all(WIDE)
        assert (narrow, wide) == (0, 0), "names are broken, or the box is wider than the text"
        assert widest > 0
        for box in boxes.all():
            place = box.bounding_box()
            assert place is not None
            assert place["x"] >= 0
            assert place["x"] + place["width"] <= width
        last = boxes.last.get_by_role("columnheader").last
        last.scroll_into_view_if_needed()
        expect(last).to_be_in_viewport()
        keep(page, f"html_report_wide_{width}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_stands_in_the_way_of_any_reader(report: Path, page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.goto(report.as_uri())
    found = Axe().run(page).response["violations"]
    grave = [each for each in found if each["impact"] in ("serious", "critical")]
    told = [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in grave]
    assert told == []
    keep(page, f"html_report_{scheme}")


def test_it_prints(report: Path, page: Page) -> None:
    page.emulate_media(media="print", color_scheme="dark")
    page.goto(report.as_uri())
    expect(page.get_by_label("Zoom in").first).to_be_hidden()
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)")
    keep(page, "html_report_printed")
    assert page.pdf().startswith(b"%PDF")
