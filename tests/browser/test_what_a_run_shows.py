"""What the pages of a run show in both versions of the UI, without a click more than is said."""

import re

import pytest
from flows.prefect_server import Prefect
from playwright.sync_api import Page, expect

from .pages import PATIENCE_SECONDS, Timeline, address, first_number, keep, open_tab, quick_run

VERSIONS = pytest.mark.parametrize("version", [2, 1])
NUMBER = re.compile(r"^140 E: (0\.\d+|< )")


@VERSIONS
def test_what_a_person_starts_is_first_and_maintenance_fills_no_list(
    worker: Prefect, finished: str, page: Page, version: int
) -> None:
    page.goto(address(worker, "/deployments", version))
    links = page.locator("a[href*='/deployments/deployment/']")
    expect(links.filter(has_text=re.compile("^sim$"))).to_be_visible()
    names = list(dict.fromkeys(links.all_inner_texts()))
    assert names == [
        "sim",
        "sweep",
        "sweep-nightly",
        "tool-bound",
        "tool-compare",
        "train",
        "worker-maintenance",
        "worker-points",
    ]
    keep(page, f"deployments_v{version}")
    page.goto(address(worker, "/runs", version))
    expect(page.locator(f"a[href*='{finished}']").first).to_be_visible()
    assert page.get_by_text(re.compile("^maintenance of ")).count() <= 1
    keep(page, f"runs_v{version}")


@VERSIONS
def test_the_page_of_a_complete_run_has_its_numbers(
    worker: Prefect, finished: str, page: Page, version: int
) -> None:
    page.goto(address(worker, f"/runs/flow-run/{finished}", version))
    last = re.compile(r"Finished in state Completed: 5 loads, blocking at 140 E: ")
    expect(page.get_by_text(last)).to_be_visible()
    report = worker.artifacts(finished)["report"]["id"]
    expect(page.locator(f"a[href$='/artifacts/artifact/{report}']").first).to_be_visible()
    open_tab(page, "Task Runs")
    expect(page.get_by_text(NUMBER).first).to_be_visible()  # the timeline has the same names
    open_tab(page, "Artifacts")
    for kind in ("1-progress", "2-points", "4-report"):
        expect(page.get_by_text(re.compile(f"^{kind}-")).first).to_be_visible()
    keep(page, f"complete_run_v{version}")


@VERSIONS
def test_nothing_beside_a_report_is_cut_off(
    worker: Prefect, finished: str, page: Page, version: int
) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    report = worker.artifacts(finished)["report"]["id"]
    page.goto(address(worker, f"/artifacts/artifact/{report}", version))
    message = page.get_by_text(re.compile("^5 loads, blocking at 140 E"))
    expect(message).to_be_visible()
    place = message.bounding_box()
    assert place is not None
    assert place["x"] + place["width"] <= 1440
    keep(page, f"report_and_message_v{version}")


@VERSIONS
def test_a_failure_is_logged_once(worker: Prefect, page: Page, version: int) -> None:
    run_id = worker.submit(template="quick", overrides={"routing_settings": {"k_path": 3}})
    assert worker.finished(run_id, PATIENCE_SECONDS)["state_type"] == "FAILED"
    page.goto(address(worker, f"/runs/flow-run/{run_id}", version))
    expect(page.get_by_text("unknown key; did you mean 'k_paths'?")).to_have_count(1)
    keep(page, f"failed_run_v{version}")


@VERSIONS
def test_the_first_number_comes_to_the_page_by_itself(
    worker: Prefect, page: Page, version: int
) -> None:
    timeline = Timeline(page)
    run_id, clicked = quick_run(page, worker.url.removesuffix("/api"), version)
    number, seen = first_number(page, run_id, timeline)
    print(f"first number {seen - clicked:.1f} s after the click on Quick run: {number}")
    assert worker.run(run_id)["state_type"] in ("RUNNING", "COMPLETED")
    worker.finished(run_id, PATIENCE_SECONDS)
