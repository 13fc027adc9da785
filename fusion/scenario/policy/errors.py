"""What numba says when it cannot compile a user's function, in a sentence with its file and line."""

from __future__ import annotations

import re
from collections.abc import Mapping

from fusion.config.problems import show

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_PLACE = re.compile(r"\bat (\S.*?) \((\d+)\)")
_UNLIKE = re.compile(r"Cannot unify (.+) and (.+?) for '([^'.]+)")
_NO_SUCH_CALL = re.compile(r"No implementation of function Function\(<.*?([\w.]+)(?: at \w+)?>\)")
_ARGUMENTS = re.compile(r">>> [\w.]+\((.*)\)")
_WORDS = (
    (re.compile(r"Literal\[(\w+)\]\([^)]*\)"), r"\1"),
    (re.compile(r"\bu?int\d+\b"), "int"),
    (re.compile(r"\bfloat\d+\b"), "float"),
    (re.compile(r"\bboolean\b"), "bool"),
    (re.compile(r"\bUniTuple\(([^()]*) x (\d+)\)"), r"a tuple of \2 \1"),
    (re.compile(r"\bTuple\("), "("),
    (re.compile(r"\bOptionalType\(([^()]*)\)"), r"\1 or None"),
)


def in_words(message: str, names: Mapping[str, str]) -> tuple[str, str]:
    """Return (place, reason) of numba's message; the place is empty where it names none of the files.

    names: path of each file -> what to call it.
    """
    message = _COLOURS.sub("", message)
    # What lies deepest comes first.
    places = [(names[path], line) for path, line in _PLACE.findall(message) if path in names]
    place = "{}, line {}".format(*places[0]) if places else ""
    lines = [line.strip() for line in message.splitlines()]
    lines = [line for line in lines if line and not line.startswith("Failed in nopython mode")]
    if unlike := _UNLIKE.search(message):
        first, second, name = unlike.groups()
        reason = f"'{name}' is {_plain(first)} and then {_plain(second)}: a variable keeps its type"
    elif no_such := _NO_SUCH_CALL.search(message):
        given = _ARGUMENTS.search(message)
        reason = f"{no_such[1]} cannot be done with ({_plain(given[1]) if given else ''})"
    else:
        reason = _plain(lines[0] if lines else "for a reason that numba does not tell")
    return place, show(reason, 300)


def _plain(types: str) -> str:
    """Return numba's names of types as Python's."""
    types = _without_request(types)
    for pattern, word in _WORDS:
        types = pattern.sub(word, types)
    return types


def _without_request(text: str) -> str:
    """Replace the type of a request, which is long, by its name."""
    while (start := text.find("Request(")) >= 0:
        depth, end = 0, start
        for end in range(start + len("Request"), len(text)):
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            if depth == 0:
                break
        text = f"{text[:start]}request{text[end + 1 :]}"
    return text
