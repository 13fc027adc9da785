"""The forms of the deployments: two screens each, with what most runs change first."""

import pytest
from flows.prefect_server import Prefect
from playwright.sync_api import Page

from .pages import height, keep, open_form

SCREEN = 900
FIRST = {
    "sim": ["template", "loads", "num_requests", "max_iters", "choices", "k_paths", "c_band", "seed"],
    "sweep": ["sweep", "template", "axes", "num_requests", "max_iters", "where", "more"],
}  # fmt: skip


@pytest.mark.parametrize("deployment", FIRST)
@pytest.mark.parametrize("version", [2, 1])
def test_a_form_has_at_most_two_screens(
    worker: Prefect, page: Page, deployment: str, version: int
) -> None:
    for width in (1440, 1024):
        page.set_viewport_size({"width": width, "height": SCREEN})
        open_form(page, worker, deployment, version)
        page.get_by_role("button", name="Submit").wait_for()
        if version == 2:
            page.locator(".cm-content").first.wait_for()  # its editor of JSON comes later
        keep(page, f"form_{deployment}_v{version}_{width}")
        assert height(page) <= 2 * SCREEN, f"{width} px wide"
    heading = page.get_by_text("Parameters", exact=True).first
    titles = heading.evaluate(
        "each => [...document.querySelectorAll('label, .schema-form-property__label')]"
        ".filter(label => each.compareDocumentPosition(label) & Node.DOCUMENT_POSITION_FOLLOWING)"
        ".map(label => label.innerText.trim().split(/[ :,]/)[0])"
    )
    shown = list(dict.fromkeys(titles))
    assert shown[: len(FIRST[deployment])] == FIRST[deployment]
