"""Where things are in Prefect's UI: its second version at /v2, the first one at /."""

from contextlib import suppress
from pathlib import Path

from flows.prefect_server import ROOT, Prefect, wait_for
from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

PATIENCE_SECONDS = 90  # for what takes one on a machine that is busy with other tests
PICTURES = ROOT / "build" / "browser"
_MOST_PIXELS = 12_000


def address(server: Prefect, path: str = "", version: int = 2) -> str:
    """Return the address of a page."""
    return server.url.removesuffix("/api") + ("/v2" if version == 2 else "") + path


def keep(page: Page, name: str) -> Path:
    """Write a picture of the whole page for a person to look at; the page scrolls inside itself."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    shown = page.viewport_size
    assert shown is not None
    tallest = "Math.max(...[...document.querySelectorAll('*')].map(each => each.scrollHeight))"
    height = max(shown["height"], min(page.evaluate(tallest), _MOST_PIXELS))
    page.set_viewport_size({"width": shown["width"], "height": height})
    page.screenshot(path=PICTURES / f"{name}.png")
    page.set_viewport_size(shown)
    return PICTURES / f"{name}.png"


def open_form(page: Page, server: Prefect, deployment: str, version: int = 2) -> None:
    """Go from the list of deployments to the form of a run, as a person does."""
    page.goto(address(server, "/deployments", version))
    page.get_by_role("link", name=deployment, exact=True).click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Custom run").click()
    page.get_by_text("Parameters", exact=True).first.wait_for()


def field(page: Page, title: str) -> Locator:
    """Return the text or number field with this title, in either version."""
    label = f'normalize-space(text())="{title}" or normalize-space(text())="{title} (Optional)"'
    return page.locator(f"xpath=(//*[{label}]/following::*[self::input or self::textarea])[1]")


def json_field(page: Page, title: str) -> Locator:
    """Return the JSON editor with this title, in either version."""
    label = f'normalize-space(text())="{title} (Optional)"'
    return page.locator(f'xpath=(//*[{label}]/following::*[contains(@class, "cm-content")])[1]')


def write_json(page: Page, title: str, text: str) -> None:
    """Replace what is in a JSON editor; again, as a person does, where the form is drawn anew meanwhile."""
    for _ in range(3):
        editor = json_field(page, title)
        editor.click()
        page.keyboard.press("Control+A")
        page.keyboard.insert_text(text)
        with suppress(AssertionError):
            expect(editor).to_have_text(text, timeout=5_000)  # and nothing of what was there
            return
    raise AssertionError(f"{text} cannot be written into {title}")


def choose(page: Page, title: str, value: str) -> None:
    """Choose from a list, in the second version; again where it closes as the form is drawn anew."""
    button = page.get_by_label(f"Select {title}", exact=True)
    option = page.get_by_role("option", name=value, exact=True)
    for _ in range(3):
        with suppress(PlaywrightTimeoutError, AssertionError):
            if not option.is_visible():
                button.click(timeout=10_000)
            option.click(timeout=10_000)
            expect(button).to_contain_text(value, timeout=5_000)
            return
    raise AssertionError(f"{value} cannot be chosen as {title}")


def filled(overrides: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    """Return what a form has sent without the sections that it has sent empty."""
    return {section: keys for section, keys in overrides.items() if keys}


def downloaded_log(page: Page) -> str:
    """Download the log of the run that is shown; again, as a person does, where a click came too early."""
    for _ in range(3):
        with suppress(PlaywrightTimeoutError):
            with page.expect_download(timeout=30_000) as download:
                page.get_by_label("Download logs").click()
            return download.value.path().read_text()
    raise AssertionError("the log cannot be downloaded")


def submit(page: Page) -> None:
    """Submit the form; again, as a person does, where a busy server did not take it."""
    for _ in range(3):
        page.get_by_role("button", name="Submit").click()
        with suppress(PlaywrightTimeoutError):
            page.wait_for_url(
                lambda url: not url.partition("?")[0].endswith("/run"), timeout=30_000
            )
            return
    raise AssertionError("the form cannot be submitted")


def open_artifact(page: Page, server: Prefect, run_id: str, kind: str) -> None:
    """Go from the page of a run to one of its artifacts."""
    made = server.artifacts(run_id)[kind]
    page.goto(address(server, f"/runs/flow-run/{run_id}"))
    page.get_by_role("tab", name="Artifacts").click()
    by_key, by_id = (
        f"a[href$='/artifacts/{end}']" for end in (f"key/{made['key']}", f"artifact/{made['id']}")
    )
    page.locator(f"{by_key}, {by_id}").first.click()
    page.wait_for_url(lambda url: "/artifacts/" in url)
    if (
        "/artifacts/key/" in page.url
    ):  # Prefect 3.8 shows all artifacts of the key first, 3.9 this one
        page.locator(by_id).first.click()
    page.get_by_role("tab", name="Raw").wait_for()


def pictures(page: Page) -> int:
    """Wait until there is a picture and all are rendered; return how many."""
    found = page.locator("img[src^='data:image/']")
    found.first.wait_for()
    rendered = "all => all.every(each => each.complete && each.naturalWidth > 0)"
    wait_for(lambda: found.evaluate_all(rendered), PATIENCE_SECONDS, "the pictures")
    return found.count()
