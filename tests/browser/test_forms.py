"""The forms of the deployments: two screens each, with what most runs change first."""

import re
from pathlib import Path

import pytest
from flows.prefect_server import Prefect
from playwright.sync_api import Page, expect

from fusion.config.config import load_config

from .pages import field, height, keep, open_form

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


@pytest.mark.parametrize("version", [2, 1])
def test_loads_of_another_form_are_refused_in_the_form(
    worker: Prefect, page: Page, version: int
) -> None:
    open_form(page, worker, "sim", version)
    loads = field(page, "loads")
    loads.fill("140~220")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text(re.compile("'140~220' does not match")).first).to_be_visible()
    keep(page, f"form_refused_v{version}")
    assert page.url.partition("?")[0].endswith("/run"), "no run was made"


@pytest.mark.parametrize("version", [2, 1])
def test_each_field_of_the_form_has_the_value_of_the_template(
    worker: Prefect, page: Page, version: int
) -> None:
    config = load_config("quick")
    general = config.general_settings
    open_form(page, worker, "sim", version)
    for key in ("num_requests", "seed"):  # the fields come after what is around them
        field(page, key).wait_for()
    text = " ".join(page.locator("body").inner_text().split())
    span = f"{general.erlang_start:g} to {general.erlang_stop:g} step {general.erlang_step:g}"
    assert re.search(rf"loads in Erlang, [^()]*\(quick: {span}\)", text)
    for key, value in {
        "num_requests": general.num_requests,
        "max_iters": general.max_iters,
        "k_paths": config.routing_settings.k_paths,
        "c_band": config.spectrum_settings.c_band,
        "seed": config.simulation_settings.seed,
    }.items():
        assert re.search(rf"\b{key}: [^()]*\(quick: {value:,}\)", text), key
        assert field(page, key).input_value() == "", "an empty field keeps it"
    chosen = (
        f"In quick: network={Path(config.topology_settings.network).stem}, "
        f"path_order={config.routing_settings.path_order}, "
        f"path_choice={config.routing_settings.path_choice}, "
        f"allocation_method={general.allocation_method}"
    )
    assert chosen in text
