"""The form of `fusion-compare/tool-compare`: a row for each run, to the page with verdict and picture."""

from pathlib import Path

from flows.prefect_server import Prefect
from flows.started import SMALL, script
from playwright.sync_api import Page, expect

from .pages import keep, open_artifact, open_form, pictures, rows, submit


def test_runs_are_rows_of_the_form(worker: Prefect, page: Page, tmp_path: Path) -> None:
    names = [f"{tmp_path.name} {k} paths" for k in (1, 5)]
    code = "\n".join(
        f"fusion(overrides={SMALL | {'routing_settings': {'k_paths': k}}!r}, name={name!r})"
        for k, name in zip((1, 5), names, strict=True)
    )
    assert worker.call(script(tmp_path, code)).wait(120) == 0
    open_form(page, worker, "tool-compare")
    for number, name in enumerate(names):  # the rows are there
        rows(page, "runs").nth(number).fill(name)
    keep(page, "form_of_a_comparison")
    submit(page)
    run = worker.named(f"compare {', '.join(names)}")
    assert worker.finished(run)["state_type"] == "COMPLETED", worker.log(run)
    open_artifact(page, worker, run, "comparison")
    verdict = f"'{names[1]}' blocks less than '{names[0]}' at 5 of 5 loads"
    expect(page.get_by_text(verdict).first).to_be_visible()
    assert worker.run(run)["state"]["message"] == verdict
    expect(page.get_by_text("routing_settings.k_paths").first).to_be_visible()
    assert pictures(page) == 1
    keep(page, "comparison")
