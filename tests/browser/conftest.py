"""Debian's chromium, driven by Playwright against the tests' Prefect server."""

import os
import shutil
from collections.abc import Iterator

import pytest
from flows.prefect_server import Worker
from flows.started import SMALL
from playwright.sync_api import Browser, Page, expect, sync_playwright

from .pages import PATIENCE_SECONDS, PICTURES

REQUIRED = "FUSION_TESTS_NEED_BROWSER"
"""Environment variable with which a missing browser is a failure."""

NAMES = ("chromium", "chromium-browser", "google-chrome")


# For a module and not longer: while Playwright is there, nothing else in the process may use asyncio.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the browser."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        end = pytest.fail if os.environ.get(REQUIRED) else pytest.skip
        end("there is no chromium; on Debian: apt-get install chromium")
    expect.set_options(timeout=PATIENCE_SECONDS * 1000)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path)
        yield started
        started.close()


def _complete(session_worker: Worker, deployment: str, **parameters: object) -> str:
    """Have a worker complete a run, and return its id."""
    session_worker.ensure()
    server = session_worker.prefect
    run_id = server.submit(deployment, **parameters)
    run = server.finished(run_id, PATIENCE_SECONDS)
    assert run["state_type"] == "COMPLETED", server.log(run_id)
    return run_id


@pytest.fixture(scope="session")
def finished(session_worker: Worker) -> str:
    """Return a run that is complete."""
    return _complete(session_worker, "fusion/sim", template="quick", overrides=SMALL)


@pytest.fixture(scope="session")
def finished_sweep(session_worker: Worker) -> str:
    """Return a sweep that is complete."""
    axes = ["path_order = km, hops", "allocation_method = first_fit, best_fit", "erlang = 150, 200"]
    sweep = {"template": "quick", "axes": axes, "num_requests": 2000, "max_iters": 3}
    return _complete(session_worker, "fusion-sweep/sweep", sweep=sweep)


@pytest.fixture(scope="session")
def compared(session_worker: Worker) -> str:
    """Return a comparison of two runs."""
    names = ["one path", "five paths"]
    for name, k in zip(names, (1, 5), strict=True):
        changes = SMALL | {"routing_settings": {"k_paths": k}}
        _complete(session_worker, "fusion/sim", overrides=changes, name=name)
    return _complete(session_worker, "fusion-compare/tool-compare", runs=names)


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Return an empty page of a person who was never here; what it shows last is kept."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE_SECONDS * 1000)
    opened = context.new_page()
    yield opened
    opened.screenshot(path=PICTURES / f"last_of_{request.node.path.stem}_{request.node.name}.png")
    context.close()
