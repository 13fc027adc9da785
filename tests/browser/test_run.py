"""A run of the deployment fusion/sim, from its form to its report, as a person sees it."""

import json
import re
from contextlib import suppress

from flows.prefect_server import Prefect, wait_for
from flows.started import GOING_ON, simulating, simulators, without_time
from playwright.sync_api import Page, expect

from fusion.config.config import load_config
from fusion_flows.process.marks import marked_processes

from .pages import (
    PATIENCE_SECONDS,
    address,
    choose,
    choose_several,
    downloaded_log,
    field,
    json_field,
    keep,
    open_artifact,
    open_form,
    pictures,
    submit,
    write_json,
)

DISTRIBUTION = '{"general_settings": {"request_distribution": {"100": 0.5, "200": 0.5}}}'


def test_from_the_form_to_the_report(worker: Prefect, page: Page) -> None:
    open_form(page, worker, "sim")
    choose(page, "a template", "nsfnet_100_slots")
    field(page, "loads").fill("150, 170")
    field(page, "num_requests").fill("2000")
    field(page, "max_iters").fill("3")
    choose_several(page, "choices", "network=cost239_deeprmsa", "bit_rates=distribution")
    write_json(page, "overrides", DISTRIBUTION)
    field(page, "Run Name").fill("from the form")
    keep(page, "form_of_a_run")
    submit(page)
    expect(page.get_by_text("from the form scheduled to start now")).to_be_visible()

    run_id = worker.named("from the form")
    run = worker.finished(run_id, PATIENCE_SECONDS)
    assert run["state_type"] == "COMPLETED", worker.log(run_id)
    assert run["name"] == "from the form"
    assert {name: value for name, value in run["parameters"].items() if value} == {
        "template": "nsfnet_100_slots",
        "loads": "150, 170",
        "num_requests": 2000,
        "max_iters": 3,
        "choices": ["network=cost239_deeprmsa", "bit_rates=distribution"],
        "overrides": json.loads(DISTRIBUTION),
    }
    frozen = load_config(worker.directory(run_id) / "config.ini")
    assert list(frozen.loads) == [150, 170]
    assert frozen.general_settings.request_distribution == {100: 0.5, 200: 0.5}
    assert frozen.topology_settings.network == "cost239_deeprmsa"
    assert frozen.spectrum_settings.c_band == 100, "of the template"

    page.goto(address(worker, f"/runs/flow-run/{run_id}"))
    expect(page.get_by_text("cost239_deeprmsa", exact=True).first).to_be_attached()
    log = downloaded_log(page)
    written = (worker.directory(run_id) / "logs" / "sim.log").read_text().splitlines()
    assert without_time(written[-1]) in log
    page.get_by_role("tab", name="Artifacts").click()
    told = re.compile(r"^170 E: (0\.\d+ \[|< ).*, 2 of 2 loads, from the form")
    expect(page.get_by_text(told)).to_have_count(2)  # of the table and of the report
    keep(page, "run")

    open_artifact(page, worker, run_id, "points")
    expect(page.get_by_role("row")).to_have_count(3)  # the names, 150 and 170 Erlang
    keep(page, "points")
    open_artifact(page, worker, run_id, "report")
    assert pictures(page) >= 1
    keep(page, "report")


def test_values_out_of_bounds_are_told_at_their_fields(worker: Prefect, page: Page) -> None:
    open_form(page, worker, "sim")
    for title, value, reason in (
        ("num_requests", "0", "greater than or equal to 1"),
        ("max_iters", "1000000", "less than or equal to 100000"),
        ("k_paths", "2.5", "two nearest valid values are 2 and 3"),
    ):
        field(page, title).fill(value)
        assert reason in field(page, title).evaluate("each => each.validationMessage")
    field(page, "Run Name").fill("out of bounds")
    page.get_by_role("button", name="Submit").click()
    expect(field(page, "num_requests")).to_be_focused()  # where the browser shows its reason
    named = {"flow_runs": {"name": {"any_": ["out of bounds"]}}}
    assert worker.api("POST", "flow_runs/filter", named) == []


def test_json_that_is_none_is_told_at_its_field(worker: Prefect, page: Page) -> None:
    open_form(page, worker, "sim")
    write_json(page, "overrides", '{"routing_settings": ')
    told = json_field(page, "overrides").locator("xpath=following::p[1]")

    def is_told() -> bool:  # until the form, when it is drawn anew, forgets it
        page.get_by_role("button", name="Submit").click()
        with suppress(AssertionError):
            expect(told).to_contain_text("Invalid JSON", timeout=10_000)
            return True
        return False

    wait_for(is_told, PATIENCE_SECONDS, "the reason at its field")


def test_the_form_in_the_first_version_of_the_ui(worker: Prefect, page: Page) -> None:
    open_form(page, worker, "sim", version=1)
    field(page, "loads").fill("140")
    field(page, "num_requests").fill("0")
    field(page, "max_iters").fill("2")
    field(page, "overrides").fill('{"routing_settings": {"k_paths": 2}}')
    field(page, "Run Name").fill("from the first form")
    keep(page, "form_of_a_run_v1")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("0 is less than the minimum of 1").first).to_be_visible()
    field(page, "num_requests").fill("1000")
    submit(page)
    run_id = worker.named("from the first form")
    assert {name: value for name, value in worker.run(run_id)["parameters"].items() if value} == {
        "template": "quick",
        "loads": "140",
        "num_requests": 1000,
        "max_iters": 2,
        "overrides": {"routing_settings": {"k_paths": 2}},
    }
    assert worker.finished(run_id, PATIENCE_SECONDS)["state_type"] == "COMPLETED"
    assert load_config(worker.directory(run_id) / "config.ini").routing_settings.k_paths == 2
    page.goto(address(worker, f"/artifacts/artifact/{worker.artifacts(run_id)['report']['id']}", 1))
    assert pictures(page) >= 1
    keep(page, "report_v1")


def test_progress_moves_and_cancel_leaves_no_process(worker: Prefect, page: Page) -> None:
    run_id = worker.submit(template="quick", overrides=GOING_ON)
    directory = worker.directory(run_id)
    wait_for(lambda: simulating(directory), PATIENCE_SECONDS, "the simulator")
    wait_for(lambda: "progress" in worker.artifacts(run_id), PATIENCE_SECONDS, "the first news")

    def progress() -> tuple[str, float]:
        """Return description and percent as the page shows them now; it is told anew when loaded."""
        open_artifact(page, worker, run_id, "progress")
        description = page.get_by_text(re.compile(r"^\d+/\d+ loads?, ")).first
        percent = page.get_by_text(re.compile(r"^Progress: [\d.]+%$")).first
        return (
            description.inner_text(),
            float(percent.inner_text().removeprefix("Progress: ").removesuffix("%")),
        )

    first_text, first_percent = progress()
    assert "140 E: blocking" in first_text
    keep(page, "progress")

    def moved() -> bool:
        text, percent = progress()
        return text != first_text and percent > first_percent

    wait_for(moved, PATIENCE_SECONDS, "progress")

    assert marked_processes().get(run_id)
    page.goto(address(worker, f"/runs/flow-run/{run_id}"))
    page.locator("button[aria-haspopup=menu]").first.click()
    page.get_by_role("menuitem", name="Cancel").click()
    page.get_by_role("button", name="Cancel Flow Run").click()
    run = worker.finished(run_id, PATIENCE_SECONDS)
    assert run["state_type"] == "CANCELLED"
    wait_for(lambda: not marked_processes().get(run_id), 10, "the end of its processes")
    assert simulators(directory) == []
    page.goto(address(worker, f"/runs/flow-run/{run_id}"))
    expect(page.get_by_text("Cancelled", exact=True).first).to_be_visible()
    keep(page, "cancelled")

    def stop() -> object:
        return json.loads(worker.artifacts(run_id)["points"]["data"])[0]["stop"]

    wait_for(
        lambda: stop() == "interrupted", PATIENCE_SECONDS, "the table, which comes after the state"
    )
