"""A run of the deployment fusion-sweep/sweep, from its form to its report, as a person sees it."""

import json
import re

import pytest
from flows.prefect_server import Prefect
from playwright.sync_api import Page, expect

from fusion.sweep.sweep_file import read_sweep

from .pages import (
    PATIENCE_SECONDS,
    address,
    field,
    keep,
    open_artifact,
    open_form,
    pictures,
    rows,
    submit,
    write_json,
)

GUARD = '{"overrides": {"general_settings": {"guard_slots": 0}}}'


def test_from_the_example_in_the_form_to_the_report(worker: Prefect, page: Page) -> None:
    open_form(page, worker, "sweep")
    axes = rows(page, "axes")
    expect(axes.nth(0)).to_have_value("path_order = km, hops")
    axes.nth(1).fill("erlang = 150, 200")
    field(page, "num_requests").fill("2000")
    field(page, "max_iters").fill("3")
    write_json(page, "more", GUARD)
    keep(page, "form_of_a_sweep")
    submit(page)

    run_id = worker.named("quick over path_order x erlang")
    run = worker.finished(run_id, PATIENCE_SECONDS)
    assert run["state_type"] == "COMPLETED", worker.log(run_id)
    found = (
        r"4 points complete, blocking probability (0\.\d+|< \S+) to 0\.\d+; "
        r"(hops blocks (less|more) than km|No difference shown between hops and km) at \d(?: of 2)? loads"
    )
    assert re.fullmatch(found, run["state"]["message"])
    assert run["parameters"]["sweep"] == {
        "template": "quick",
        "axes": ["path_order = km, hops", "erlang = 150, 200"],
        "num_requests": 2000,
        "max_iters": 3,
        "more": json.loads(GUARD),
    }
    computed = read_sweep(worker.directory(run_id) / "sweep.json")
    assert computed.grid == {"path_order": ["km", "hops"], "erlang": [150, 200]}
    assert computed.overrides == {
        "general_settings": {"guard_slots": 0, "num_requests": 2000, "max_iters": 3}
    }
    assert set(run["tags"]) == {"fusion", "sweep", "quick", "nsfnet_deeprmsa", "kspff"}
    open_artifact(page, worker, run_id, "points")
    expect(page.get_by_role("row")).to_have_count(1 + 4)
    open_artifact(page, worker, run_id, "report")
    assert pictures(page) >= 1
    keep(page, "report_of_a_sweep")


def test_without_the_example_the_template_is_that_of_the_titles(
    worker: Prefect, page: Page
) -> None:
    """The form had none, and the sweep ran another network than the titles tell."""
    open_form(page, worker, "sweep")
    page.goto(page.url.partition("?")[0] + "?parameters=%7B%7D")
    page.get_by_role("button", name="Add item").click()
    expect(rows(page, "axes").nth(0)).to_have_value("")
    rows(page, "axes").nth(0).fill("erlang = 150")
    field(page, "num_requests").fill("500")
    field(page, "max_iters").fill("2")
    submit(page)
    run_id = worker.named("quick over erlang")
    assert worker.finished(run_id, PATIENCE_SECONDS)["parameters"]["sweep"]["template"] == "quick"


@pytest.mark.slow
def test_the_form_in_the_first_version_of_the_ui(worker: Prefect, page: Page) -> None:
    open_form(page, worker, "sweep", version=1)
    expect(rows(page, "axes").nth(0)).to_have_value("path_order = km, hops")
    rows(page, "axes").nth(0).fill("k_path = 1, 3")
    field(page, "Run Name").fill("a sweep with a mistake")
    keep(page, "form_of_a_sweep_v1")
    submit(page)
    run_id = worker.named("a sweep with a mistake")
    assert worker.finished(run_id, PATIENCE_SECONDS)["state_type"] == "FAILED"
    page.goto(address(worker, f"/runs/flow-run/{run_id}", version=1))
    told = re.compile("'k_path' is not an axis; did you mean 'k_paths'")
    expect(page.get_by_text(told).first).to_be_visible()
    keep(page, "sweep_with_a_mistake_v1")


@pytest.mark.slow
def test_portions_of_a_sweep(worker: Prefect, page: Page) -> None:
    sweep = {"template": "quick", "grid": {"k_paths": [1, 2, 3]}}
    run_id = worker.submit("fusion-sweep/sweep", sweep=sweep, engine="fusion-points/worker-points")
    run = worker.finished(run_id, 4 * PATIENCE_SECONDS)
    assert run["state_type"] == "COMPLETED", worker.log(run_id)
    page.goto(address(worker, "/runs"))
    expect(page.get_by_text(f"portion 1 of {run['name']}: 15 points")).to_be_visible()
    keep(page, "portions")
    open_artifact(page, worker, run_id, "report")
    assert pictures(page) >= 1
