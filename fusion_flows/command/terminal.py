"""How values look in a terminal: tables and times; plain text where the output is not a terminal."""

import inspect
import os
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, TextIO

from pydantic_core import to_jsonable_python

from fusion.results.json_text import to_json

if TYPE_CHECKING:
    from fusion_flows.command.submission import Submitted

_KEPT = "\t"
_FOLDED_COLUMNS = 100
_STYLES = {
    "COMPLETED": "green",
    "OK": "green",
    "FAILED": "red",
    "CRASHED": "red",
    "TIMEDOUT": "red",
    "PROBLEM": "red",
    "RUNNING": "cyan",
    "RETRYING": "cyan",
    "WARNING": "yellow",
    "CANCELLED": "yellow",
    "CANCELLING": "yellow",
}


def is_live() -> bool:
    """Say whether the standard error is a terminal whose lines can be drawn anew."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def help_of(function: Callable[..., Any]) -> str:
    """Return a docstring with each paragraph and each argument in one line, for a terminal to break."""
    lines: list[str] = []
    for line in inspect.cleandoc(function.__doc__ or "").splitlines():
        indent = len(line) - len(line.lstrip())
        goes_on = indent == 0 or indent > 4  # 4: an argument begins
        if lines and lines[-1] and line and goes_on:
            lines[-1] += f" {line.strip()}"
        else:
            lines.append(line)
    return "\n".join(lines)


def print_json(value: object) -> None:
    """Print a value for programs."""
    print(to_json(to_jsonable_python(value), 2))


def print_submitted(submitted: "Submitted") -> None:
    """Print what was handed to a worker, and what comes next."""
    print(f"{submitted.run_id}  {submitted.name}  {submitted.url}")
    if not submitted.workers_online:
        print_note("No worker is online: the run waits until one is, as by `fusion up`.")
    run = submitted.run_id
    print_note(f"`fusion logs --follow {run}` follows it, `fusion show {run}` shows its results.")


def print_table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: Sequence[str] = (),
    numbers: bool = False,
) -> None:
    """Print a table: with colours and fitted to the width in a terminal, else aligned and whole.

    right: columns that are aligned to the right. numbers: no cell may be broken, so that a terminal that is
    too narrow gets it whole, too.
    """
    cells = [[printable(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty() or (numbers and not fits(header, cells)):
        for line in _plain([list(header), *cells], [name in right for name in header]):
            print(line)
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in header:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell, style=_STYLES.get(cell.upper(), "")) for cell in row))
    Console().print(table)


def fits(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Say whether a table is no wider than the terminal; anything is where the output is none."""
    if not sys.stdout.isatty():
        return True
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return sum(widths) + 3 * (len(widths) - 1) <= shutil.get_terminal_size().columns


def _plain(rows: list[list[str]], right: list[bool]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(row, widths, right, strict=True)
        yield "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in cells).rstrip()


def print_folded(title: str, text: str) -> None:
    """Print a text after its title, folded at the width of the terminal, its lines below each other."""
    width = max(40, min(shutil.get_terminal_size().columns, _FOLDED_COLUMNS))
    indent = " " * len(title)
    words = f"{title}{printable(text)}"
    print(
        textwrap.fill(
            words,
            width,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
    )


def printable(text: str) -> str:
    """Return text of others without the characters that command a terminal."""
    if text.isprintable():
        return text
    return "".join(
        character
        if character in _KEPT or unicodedata.category(character) not in ("Cc", "Cs")
        else "\ufffd"
        for character in text
    )


def print_problem(text: str) -> None:
    """Print what went wrong to the standard error."""
    lines = [printable(line) for line in f"fusion: {text}".splitlines()]
    _print_styled("\n".join(lines), "red", sys.stderr)


def print_note(text: str) -> None:
    """Print a remark to the standard error, so that it is not in what a program reads."""
    _print_styled("\n".join(map(printable, text.splitlines())), "", sys.stderr)


def silence(stream: TextIO) -> None:
    """Have a stream that nobody reads any more lead nowhere, so that what is left in it is no error."""
    with suppress(OSError, ValueError):  # it is closed, or is no file
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _print_styled(text: str, style: str, file: TextIO) -> None:
    if style and file.isatty():  # rich sees to NO_COLOR
        from rich.console import Console
        from rich.text import Text

        Console(file=file, soft_wrap=True).print(Text(text, style=style))
    else:
        print(text, file=file)


def local(time: datetime | None) -> str:
    """Return a time in the local zone, with the zone; nothing for None."""
    return "" if time is None else f"{time.astimezone():%Y-%m-%d %H:%M:%S %Z}"


def size(size_bytes: float) -> str:
    """Return a size with a unit."""
    if size_bytes < 1000:
        return f"{size_bytes:.0f} B"
    units = iter(("kB", "MB", "GB", "TB"))
    while size_bytes >= 999.95 and (unit := next(units, "")):
        size_bytes /= 1000
    return f"{size_bytes:,.1f} {unit}"
