"""Help as a person reads it: what stands for a value, and examples that no terminal breaks."""

from collections.abc import Callable
from typing import Any

METAVARS: dict[str, str] = {
    **dict.fromkeys(("--set",), "KEY=VALUE"),
    **dict.fromkeys(("--from", "--template"), "TEMPLATE"),
    **dict.fromkeys(("--since", "--until", "--older-than"), "TIME"),
    **dict.fromkeys(("--load", "--load-limits"), "ERLANG"),
    "--against": "AXIS",
    "--base": "VALUE",
    "--engine": "ENGINE",
    "--format": "FORMAT",
    "--heat-map": "AXIS",
    "--host": "ADDRESS",
    "--label": "NAME=LABEL",
    "--link": "SOURCE,DESTINATION",
    "--length-key": "ATTRIBUTE",
    "--metric": "METRIC",
    "--name": "NAME",
    "--only": "AXIS=VALUE",
    "--overrides": "FILE",
    "--resume": "RUN",
    "--runs": "RUN",
    "--runs-dir": "FOLDER",
    "--state": "STATE",
    "--timezone": "ZONE",
}
"""Option -> what stands for its value in a help text; for others it is `_OF_TYPE`."""

_OF_TYPE = {"STR": "TEXT", "INT": "NUMBER", "FLOAT": "NUMBER"}


def metavar(option: str, given: str) -> str:
    """Return what stands for the value of an option.  given: by its type, such as STR... or FLOAT FLOAT."""
    words = given.replace("...", "").split()
    return " ".join(METAVARS.get(option, _OF_TYPE.get(word, word)) for word in words)


class _Formatter:
    """A formatter of help that has these words; each other one of its calls is that of the library's."""

    def __init__(self, formatter: Any) -> None:
        self._formatter = formatter

    def __getattr__(self, name: str) -> Any:
        return getattr(self._formatter, name)

    def __call__(self, console: Any, options: Any, panel: Any) -> None:
        """Print a panel."""
        entries = [
            entry.copy(metavar=metavar(next(iter(entry.names), ""), entry.metavar))
            if getattr(entry, "metavar", None)
            else entry
            for entry in panel.entries
        ]
        self._formatter(console, options, panel.copy(entries=entries))


def formatter(*, is_terminal: bool) -> Callable[..., None]:
    """Return the formatter of all help texts."""
    if is_terminal:
        from cyclopts.help import DefaultFormatter

        return _Formatter(DefaultFormatter())
    from cyclopts.help import PlainFormatter

    return _Formatter(PlainFormatter())


def fitted(examples: str, columns: int) -> str:
    """Return examples whose lines are no wider than this: a comment goes before its command where it must.

    A command that is too wide itself goes on in the next line, after a backslash, as in a shell.
    """
    lines: list[str] = []
    for line in examples.splitlines():
        if len(line) <= columns or not line.startswith("  "):  # prose is broken by the terminal
            lines.append(line)
            continue
        command, mark, comment = line.partition(" # ")
        command = command.rstrip()
        if mark and len(f"{command}  # {comment}") <= columns:
            lines.append(f"{command}  # {comment}")
            continue
        if mark:
            lines += _folded(f"  # {comment}", columns, "  # ", "")
        lines += _folded(command, columns, " " * 6, " \\")
    return "\n".join(lines) + "\n" * examples.endswith("\n")


def _folded(text: str, columns: int, start: str, end: str) -> list[str]:
    """Break a line between its words.  start, end: of what goes on, and of what is not the last."""
    indent = text[: len(text) - len(text.lstrip())]
    lines = [indent]
    for word in text.split():
        space = "" if lines[-1] in (indent, start) else " "
        if space and len(f"{lines[-1]}{space}{word}{end}") > columns:
            lines[-1] += end
            lines.append(start)
            space = ""
        lines[-1] += f"{space}{word}"
    return lines
