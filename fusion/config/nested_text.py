"""TOML and JSON text to nested data; mistakes are reported with their line."""

import json
import re

from fusion.config.problems import show

_PLACE = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)
_QUOTED_CHARACTERS = 60


def parse_nested(text: str, kind: str) -> object:
    """Return what a text says. kind: TOML or JSON.

    Raises ValueError with the line, its text, and what is wrong; also for a name that is there twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique) if kind == "JSON" else _toml(text)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except json.JSONDecodeError as error:
        place, reason = _place(text, error.lineno, error.colno), error.msg
    except ValueError as error:
        found = _PLACE.fullmatch(str(error))
        place, reason = "", found[1] if found else str(error)
        if found:
            place = _place(text, int(found[2]), int(found[3])) if found[2] else "at its end: "
    raise ValueError(f"is not valid {kind}: {place}{show(reason, 200)}")


def _toml(text: str) -> object:
    import tomllib  # here, because most runs have no such file

    return tomllib.loads(text)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the name {show(name)} is there twice")
        found[name] = value
    return found


def _place(text: str, line: int, column: int) -> str:
    lines = text.split("\n")
    given = lines[line - 1].strip() if line <= len(lines) else ""
    quoted = f" (`{show(given, _QUOTED_CHARACTERS)}`)" if given else ""
    return f"line {line}, column {column}{quoted}: "
