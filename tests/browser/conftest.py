"""Debian's chromium, driven by Playwright against the tests' Prefect server."""

import os
import shutil
from collections.abc import Iterator

import pytest
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


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Return an empty page of a person who was never here; what it shows last is kept."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE_SECONDS * 1000)
    opened = context.new_page()
    yield opened
    opened.screenshot(path=PICTURES / f"last_of_{request.node.path.stem}_{request.node.name}.png")
    context.close()
