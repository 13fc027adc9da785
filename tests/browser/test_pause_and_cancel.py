"""A run that is paused, resumed and cancelled by the buttons of both versions of the UI."""

import re

import pytest
from flows.prefect_server import Prefect, wait_for
from flows.started import GOING_ON, replications, simulating, simulators
from playwright.sync_api import Page, expect

from .pages import PATIENCE_SECONDS, address, downloaded_log, keep, open_tab

SUSPENDED = (
    "Suspended: nothing is being computed. What was finished is kept; Resume continues from there."
)
CANCELLED = "Cancelled; what was finished is kept."


def press(page: Page, version: int, name: str, confirm: str) -> None:
    """Choose what to do with a run, and confirm it; the second version has a menu of it."""
    if version == 2:
        page.locator("button[aria-haspopup=menu]").first.click()
        page.get_by_role("menuitem", name=name, exact=True).click()
    else:
        page.get_by_role("button", name=name, exact=True).first.click()
    page.get_by_role("button", name=confirm, exact=True).last.click()


@pytest.mark.parametrize("version", [2, 1])
def test_a_run_is_paused_resumed_and_cancelled(worker: Prefect, page: Page, version: int) -> None:
    run_id = worker.submit(template="quick", overrides=GOING_ON)
    directory = worker.directory(run_id)
    wait_for(lambda: simulating(directory), PATIENCE_SECONDS, "the simulator")
    wait_for(lambda: len(replications(directory)) > 1, PATIENCE_SECONDS, "what is kept")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(address(worker, f"/runs/flow-run/{run_id}", version))
    expect(page.get_by_text("Running", exact=True).first).to_be_visible()
    keep(page, f"running_v{version}")

    press(page, version, *(("Pause", "Pause Flow Run") if version == 2 else ("Suspend", "Submit")))
    expect(page.get_by_text("Suspended", exact=True).first).to_be_visible()
    wait_for(lambda: not simulators(directory), PATIENCE_SECONDS, "the end of its processes")
    before = replications(directory)
    wait_for(lambda: worker.run(run_id)["state"]["message"] == SUSPENDED, 60, "the message")
    page.reload()
    open_tab(page, "Details")
    shown = re.compile("^Suspended: nothing is being computed")  # the first version cuts it off
    expect(page.get_by_text(shown).first).to_be_attached()
    keep(page, f"paused_v{version}")

    if version == 1:
        worker.cancel(run_id)
        assert worker.finished(run_id, PATIENCE_SECONDS)["state_type"] == "CANCELLED"
        return
    press(page, version, "Resume", "Resume")
    expect(page.get_by_text("Running", exact=True).first).to_be_visible()
    wait_for(lambda: len(replications(directory)) > len(before), PATIENCE_SECONDS, "more of them")
    assert replications(directory)[: len(before)] == before
    keep(page, f"resumed_v{version}")

    press(page, version, "Cancel", "Cancel Flow Run")
    assert worker.finished(run_id, PATIENCE_SECONDS)["state_type"] == "CANCELLED"
    wait_for(lambda: "report" in worker.artifacts(run_id), PATIENCE_SECONDS, "the report")
    wait_for(lambda: any(CANCELLED in line for _, line in worker.log(run_id)), 60, "the log")
    page.goto(address(worker, f"/runs/flow-run/{run_id}", version))
    expect(page.get_by_text("Cancelled", exact=True).first).to_be_visible()
    keep(page, f"cancelled_v{version}")
    log = downloaded_log(page)  # the page has only those lines that are in sight
    assert CANCELLED in log
    assert "Report: http" in log
    open_tab(page, "Artifacts")
    expect(page.get_by_text(re.compile("^0/1 load, 140 E: blocking ")).first).to_be_visible()
    assert "ETA" not in page.locator("body").inner_text()
    keep(page, "cancelled_artifacts")
