"""A run or a sweep while it goes on, in a terminal: bars, what is finished, the time that is left."""

import atexit
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import BinaryIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from fusion.results.durations import clock
from fusion_flows.command.terminal import is_live, printable
from fusion_flows.following.onlooker import Bar, News, looking_on
from fusion_flows.server.address import open_client

_MEASURED_SECONDS = 1.0  # before a rate is believed
_COMPUTED = "all is computed; drawing the pictures and the report"


@contextmanager
def live(start: str, header: str = "") -> Iterator[None]:
    """Show what flows of this process do: live in a terminal, else nothing but their log.

    start: what is shown until there is news. header: above the lines of what is finished. In a terminal
    the log of the flow, which says the same in more words, is in its file, and only warnings are shown.
    """
    if not is_live():
        _start_embedded_server()
        yield
        return
    with ExitStack() as stack:
        # A descriptor of its own, as the standard error is that of the embedded server for a moment.
        terminal = os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding=sys.stderr.encoding)
        screen = _Screen(Console(file=stack.enter_context(terminal)), start, header)
        stack.enter_context(_warnings_only(screen.console))
        stack.enter_context(screen.drawn)
        _start_embedded_server()
        stack.enter_context(looking_on(screen.look))
        yield


class _Screen:
    """The lowest lines of the terminal."""

    def __init__(self, console: Console, start: str, header: str) -> None:
        self.console = console
        self._start = start
        self._header = header
        self._news: News | None = None
        self._printed = 0
        self._since: tuple[float, int] | None = None  # a time, and the requests by then
        self._left: tuple[float, float] | None = None  # what was left, and when that was said
        self.drawn = Live(
            get_renderable=self._render,
            console=console,
            refresh_per_second=5,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def look(self, news: News) -> None:
        """Take news in."""
        now = time.monotonic()
        if self._since is None:
            self._since = now, news.requests
        if news.seconds_left is not None:
            self._left = news.seconds_left, now
        self._news = news
        for line in news.finished[self._printed :]:
            if not self._printed and self._header:
                self._print(self._header)
            self._printed += 1
            self._print(line)

    def _print(self, line: str) -> None:
        self.console.print(Text(printable(line), overflow="ellipsis", no_wrap=True))

    def _render(self) -> RenderableType:
        news = self._news
        if news is None:
            return Text(self._start, style="dim", overflow="ellipsis", no_wrap=True)
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.add_column(no_wrap=True)
        grid.add_column(ratio=1)
        grid.add_column(justify="right", no_wrap=True)
        for bar in news.bars:
            grid.add_row(bar.what, _drawn(bar), f"{bar.done:,}/{bar.total:,}")
        parts = (self._eta(), self._rate(news), printable(news.now))
        said = [text for text in parts if text] if _is_going_on(news) else [_COMPUTED]
        return Group(grid, Text("  ".join(said), overflow="ellipsis", no_wrap=True))

    def _eta(self) -> str:
        if self._left is None:
            return "ETA --:--"
        left, said = self._left
        return f"ETA {clock(max(0.0, left - (time.monotonic() - said)))}"

    def _rate(self, news: News) -> str:
        assert self._since is not None
        began, requests = self._since
        seconds = time.monotonic() - began
        if seconds < _MEASURED_SECONDS or news.requests == requests:
            return ""
        return f"{_amount((news.requests - requests) / seconds)} requests/s"


def _is_going_on(news: News) -> bool:
    return any(bar.done < bar.total for bar in news.bars)


def _drawn(bar: Bar) -> ProgressBar:
    return ProgressBar(total=max(1, bar.total), completed=bar.done)


def _amount(number: float) -> str:
    for size, letter in ((1e6, " M"), (1e3, " k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:.3g}"


@contextmanager
def _warnings_only(console: Console) -> Iterator[None]:
    """Have what is logged to the terminal printed above the bars, and only warnings and worse."""
    root = logging.getLogger()
    muted = [each for each in root.handlers if isinstance(each, logging.StreamHandler)]
    levels = [each.level for each in muted]
    for each in muted:
        each.setLevel(logging.CRITICAL + 1)
    warnings = _Above(console)
    root.addHandler(warnings)
    try:
        yield
    finally:
        root.removeHandler(warnings)
        for each, level in zip(muted, levels, strict=True):
            each.setLevel(level)


def _start_embedded_server() -> None:
    """Start Prefect's embedded server where none is configured, with a file for what it writes."""
    from prefect.settings import get_current_settings

    settings = get_current_settings()
    if not settings.api.url:
        settings.home.mkdir(parents=True, exist_ok=True)
        path = settings.home / "fusion-embedded-server.log"
        with path.open("wb") as log, _output_to(log):
            open_client()
        prefect = logging.getLogger("prefect")
        atexit.register(prefect.setLevel, logging.WARNING)  # that it ends is not news


@contextmanager
def _output_to(log: BinaryIO) -> Iterator[None]:
    """Have processes that are started now write into a file."""
    sys.stdout.flush()
    kept = {descriptor: os.dup(descriptor) for descriptor in (1, 2)}
    for descriptor in kept:
        os.dup2(log.fileno(), descriptor)
    try:
        yield
    finally:
        for descriptor, before in kept.items():
            os.dup2(before, descriptor)
            os.close(before)


class _Above(logging.Handler):
    """Prints log lines above what is drawn."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.WARNING)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record, with its level. How a run ends is told by the command, in other words."""
        from fusion_flows.following.flow_ends import BY_SIGNAL  # here, as Prefect comes with it

        with suppress(Exception):  # a line that cannot be printed ends no run
            said = record.getMessage()
            if not said.startswith(("Crash detected!", BY_SIGNAL)):
                text = printable(f"{record.levelname.lower()}: {said}")
                self._console.print(Text(text, style="yellow"), soft_wrap=True)
