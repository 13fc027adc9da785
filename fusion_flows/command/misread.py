"""What is wrong with the words of a command line: numbers that cannot be read, too many words, too few."""

from typing import Any, get_args, get_origin

from cyclopts import CoercionError, MissingArgumentError, UnusedCliTokensError

from fusion.config.problems import show

_KINDS = {int: ("a whole number", "whole numbers"), float: ("a number", "numbers")}

NUMBERS: dict[str, str] = {
    "core": "1",
    "limit": "50",
    "limits": "0.0001 0.1",
    "lines": "20",
    "load": "160",
    "load_limits": "100 200",
    "max_concurrent_runs": "4",
    "max_requests": "1e7",
    "page": "2",
    "port": "4201",
    "precision": "0.005",
    "replication": "3",
    "replications": "10",
    "at": "5000",
    "salts": "5",
    "seed": "1",
    "steps": "1000000",
    "target": "0.01",
}
"""Argument that is a number, or two -> what it may be."""

_FOLDER = ("--to", "a folder")
_FILE = ("--to", "a file to write")
_NAME = ("--name", "a name")

OPTIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "up": (("--max-concurrent-runs", "a number of runs"), ("--port", "a port")),
    "set-up": (("--max-concurrent-runs", "a number of runs"),),
    "examples": (_FOLDER,),
    "topology": (_FOLDER, ("--metric", "a statistic"), ("--load", "a load")),
    "spectrum": (_FOLDER, ("--load", "a load")),
    "snapshot": (_FILE, ("--at", "a number of a request"), ("--load", "a load")),
    "import": (_FILE,),
    "export": (_FILE,),
    "bound": (_FOLDER, ("--runs", "a run whose curve is to be drawn")),
    "report": (_FILE,),
    "plot": (_FOLDER, ("--metric", "a metric"), ("--against", "an axis")),
    "new": (("--from", "a template"),),
    "run": (("-s", "a change of the settings (KEY=VALUE)"), _NAME),
    "rerun": (("-s", "a change of the settings (KEY=VALUE)"), _NAME),
    "validate": (("-s", "a change of the settings (KEY=VALUE)"),),
    "runs": (("--state", "a state"), _NAME, ("--since", "a time")),
    "logs": (("--lines", "a number of lines"),),
    "clean": (("--older-than", "an age"),),
    "sweep": (_NAME,),
    "schedule": (("--timezone", "a time zone"), _NAME),
    "find-load": (("--precision", "a precision"),),
    "ties": (_FOLDER, ("-s", "a change of the settings (KEY=VALUE)"), ("--loads", "a load")),
}
"""Verb -> options for what a person is likely to type as one more word, and what that is."""


def too_many(error: UnusedCliTokensError, verb: str) -> str:
    """Return which words are too many, and the options that they may be meant for."""
    meant = ", ".join(f"{what} goes after {option}" for option, what in OPTIONS.get(verb, ()))
    return f"too many words: {' '.join(error.unused_tokens or ())}{f'; {meant}' if meant else ''}"


def not_read(error: CoercionError) -> str:
    """Return what is wrong with a value that is none of its kind, and what is allowed."""
    token, argument = error.token, error.argument
    if token is None or argument is None:
        return str(error)
    place, value = token.keyword or argument.name, show(token.value)
    if error.target_type is bool:
        return f"{place}={value}: {place} takes no value; leave {show('=' + token.value)} out"
    if error.target_type not in _KINDS:
        return str(error)
    allowed = _allowed(argument.field_info.name, argument.hint)
    return f"{place} {value}: must be {allowed}{_percent(token.value)}"


def too_few(error: MissingArgumentError) -> str:
    """Return what is missing, and what it may be where that is a number."""
    argument = error.argument
    if argument is None:
        return str(error)
    place = error.keyword or argument.name
    if (allowed := _allowed(argument.field_info.name, argument.hint)) is not None:
        return f"{place} needs {allowed}"
    values = argument.token_count()[0]
    if not place.startswith("-"):
        return f"{place} is missing"
    return f"{place} needs {'a value' if values == 1 else f'{values} values'}"


def _allowed(name: str, hint: Any) -> str | None:
    """Return what a number, or two, may be, with an example; None for what is no number."""
    kinds = [each for each in (hint, *_inside(hint)) if each in _KINDS]
    if not kinds:
        return None
    one, several = _KINDS[kinds[0]]
    is_pair = any(get_origin(each) is tuple for each in (hint, *get_args(hint)))
    example = NUMBERS[name]
    return f"{f'two {several}' if is_pair else one}, such as {example}"


def _inside(hint: Any) -> list[Any]:
    found = []
    for each in get_args(hint):
        found += [each, *_inside(each)]
    return found


def _percent(text: str) -> str:
    """Return how a percentage is written as a number."""
    number = text.strip().removesuffix("%").strip()
    try:
        return f"; {show(text)} is {float(number) / 100:g}" if text.strip().endswith("%") else ""
    except ValueError:
        return ""
