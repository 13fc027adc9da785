"""Where things are in Prefect's UI: its second version at /v2, the first one at /."""

import re
import time
from contextlib import suppress
from pathlib import Path

from flows.prefect_server import ROOT, Prefect, wait_for
from playwright.sync_api import Locator, Page, Request, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

PATIENCE_SECONDS = 90  # for what takes one on a machine that is busy with other tests
PICTURES = ROOT / "build" / "browser"
_MOST_PIXELS = 12_000
_OFFER_SECONDS = 5  # for which a UI offers to view what was started
_NAME_WITH_NUMBER = re.compile(r"\d+ E: (0\.\d+|< )[^\"]*")


def address(server: Prefect, path: str = "", version: int = 2) -> str:
    """Return the address of a page."""
    return server.url.removesuffix("/api") + ("/v2" if version == 2 else "") + path


def keep(page: Page, name: str) -> Path:
    """Write a picture of the whole page for a person to look at; the page scrolls inside itself."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    shown = page.viewport_size
    assert shown is not None
    whole = max(shown["height"], min(height(page), _MOST_PIXELS))
    page.set_viewport_size({"width": shown["width"], "height": whole})
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


def _label(title: str) -> str:
    """Return an XPath of the label of a field, by its title or the first word of that, in either version."""
    text = "normalize-space(text())"
    words = " or ".join(f'starts-with({text}, "{title}{after}")' for after in (" ", ":", ","))
    optional = f'contains({text}, "(Optional)")'
    return f'//*[{text}="{title}" or (({words}) and {optional})]'


def field(page: Page, title: str) -> Locator:
    """Return the text or number field with this title, in either version."""
    return page.locator(f"xpath=({_label(title)}/following::*[self::input or self::textarea])[1]")


def rows(page: Page, title: str) -> Locator:
    """Return the rows of a list of texts with this title, and all fields of text that follow."""
    return page.locator(f"xpath={_label(title)}/following::textarea")


def json_field(page: Page, title: str) -> Locator:
    """Return the JSON editor with this title, in either version."""
    editor = '*[contains(@class, "cm-content")]'
    return page.locator(f"xpath=({_label(title)}/following::{editor})[1]")


def height(page: Page) -> int:
    """Return how high the page is, in pixels; it scrolls inside itself."""
    tallest = "Math.max(...[...document.querySelectorAll('*')].map(each => each.scrollHeight))"
    return int(page.evaluate(tallest))


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


def choose_several(page: Page, title: str, *values: str) -> None:
    """Choose from a list of which any number is taken, in the second version."""
    button = page.get_by_label(re.compile(f"^Select {title}"))
    for value in values:
        option = page.get_by_role("option", name=value, exact=True)
        chosen = page.locator(
            f'xpath={_label(title)}/following::*[normalize-space(text())="{value}"]'
        )
        for _ in range(3):
            with suppress(PlaywrightTimeoutError, AssertionError):
                if not option.is_visible():
                    button.click(timeout=10_000)
                option.click(timeout=10_000)
                expect(chosen.first).to_be_visible(timeout=5_000)
                break
        else:
            raise AssertionError(f"{value} cannot be chosen as {title}")
    page.keyboard.press("Escape")


def downloaded_log(page: Page) -> str:
    """Download the log of the run that is shown; again, as a person does, where a click came too early."""
    for _ in range(3):
        with suppress(PlaywrightTimeoutError):
            with page.expect_download(timeout=30_000) as download:
                page.get_by_label("Download logs").click()
            return download.value.path().read_text()
    raise AssertionError("the log cannot be downloaded")


class Timeline:
    """The timeline of the page of a run. Its words are drawn and are no text, so this is what it is sent."""

    def __init__(self, page: Page) -> None:
        """page: on which no run was opened yet."""
        self._sent: list[tuple[float, Request]] = []
        page.on("requestfinished", self._take)

    def _take(self, request: Request) -> None:
        if request.url.endswith("/graph-v2"):
            self._sent.append((time.monotonic(), request))

    def number(self, run: str) -> tuple[str, float] | None:
        """Return the first name with a number that was sent of a run, and when; None while there is none."""
        while self._sent:
            sent_at, request = self._sent[0]
            answer = request.response() if run in request.url else None
            if answer is not None and (found := _NAME_WITH_NUMBER.search(answer.text())):
                return found[0], sent_at
            del self._sent[0]
        return None


def quick_run(page: Page, server: str, version: int = 2) -> tuple[str, float]:
    """Start a run by Quick run and open its page, as a person does; return its id and when it was clicked.

    server: the address of the UI. The time is that of `time.monotonic`. The offer to view the run is gone
    after some seconds; where it was missed, the page is opened by its address.
    """
    ui = f"{server}{'/v2' if version == 2 else ''}"
    page.goto(f"{ui}/deployments")
    page.get_by_role("link", name="sim", exact=True).click()
    page.get_by_role("button", name="Run", exact=True).click()
    item = page.get_by_text("Quick run", exact=True)
    item.wait_for()
    with page.expect_response(lambda answer: answer.url.endswith("/create_flow_run")) as made:
        clicked = time.monotonic()
        item.click()
    run = str(made.value.json()["id"])
    opened = re.compile(f"/runs/flow-run/{run}")
    try:
        page.get_by_text("View run").first.click(timeout=_OFFER_SECONDS * 1000)
        page.wait_for_url(opened, timeout=_OFFER_SECONDS * 1000)
    except PlaywrightTimeoutError:
        page.goto(f"{ui}/runs/flow-run/{run}")
    return run, clicked


def first_number(page: Page, run: str, timeline: Timeline) -> tuple[str, float]:
    """Wait for the first number on the page of a run, with no click; return its words, and when it came.

    It is on the timeline, or in the log. The time is that of `time.monotonic`.
    """
    line = page.get_by_text(re.compile(r"blocking (0\.\d+|below )")).first
    found: list[tuple[str, float]] = []

    def is_there() -> bool:
        page.wait_for_timeout(20)
        if (named := timeline.number(run)) is not None:
            found.append(named)
        elif line.is_visible():
            found.append((line.inner_text(), time.monotonic()))
        return bool(found)

    wait_for(is_there, PATIENCE_SECONDS, "the first number", every=0)
    return found[0]


def open_tab(page: Page, name: str) -> None:
    """Open a tab of a page of a run, in either version."""
    tab = page.get_by_role("tab", name=name)
    (tab if "/v2/" in page.url else page.get_by_text(name, exact=True)).first.click()


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
