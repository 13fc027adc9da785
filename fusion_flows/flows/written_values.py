"""Values as a person writes them on one line: `140, 160` or `140 to 220 step 20`."""

import json
import re
from decimal import Decimal
from itertools import pairwise
from typing import Any

from fusion.config.ini import format_value

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"
_RANGE = re.compile(
    rf"({_NUMBER})(?:\s+to\s+|\s*[-–]\s*)({_NUMBER})(?:\s+(?:step|by)\s+({_NUMBER}))?", re.I
)
FORM_OF_LOADS = "^[0-9.,;e –-]*( to [0-9.e ]+)?( (step|by) [0-9.e ]+)?$"
"""What a form takes as loads: what `loads_of` does, in lower case and without signs, as short as it can be:
the UI shows it where it refuses a text."""

FORM_OF_AXIS = "^ *$|="
"""What a form takes as the row of an axis: one that is empty, or has a sign of equality."""

_LOADS = "must be like 140 to 220 step 20, or like 140, 160, 180"
_ROW = "must be an axis and its values, like k_paths = 1, 3, 5 or erlang = 140 to 220 step 20"


def loads_of(text: str) -> dict[str, float]:
    """Return the keys that say the loads: `140 to 220 step 20`, `140-220`, `140, 160, 180`, `140`.

    Without a step that of the template stands. Raises ValueError, with what is allowed.
    """
    if found := _RANGE.fullmatch(text.strip()):
        keys = ("erlang_start", "erlang_stop", "erlang_step")
        return {key: _number(part) for key, part in zip(keys, found.groups(), strict=True) if part}
    parts = [part for part in re.split(r"[,;\s]+", text.strip()) if part]
    if not parts or not all(re.fullmatch(_NUMBER, part, re.I) for part in parts):
        raise ValueError(_LOADS)
    loads = sorted({Decimal(part) for part in parts})
    if len(loads) == 1:
        return {"erlang_start": float(loads[0]), "erlang_stop": float(loads[0])}
    steps = {after - before for before, after in pairwise(loads)}
    if len(steps) > 1:
        raise ValueError(
            "the loads of a run are evenly spaced; a sweep takes any, as its axis erlang"
        )
    return {
        "erlang_start": float(loads[0]),
        "erlang_stop": float(loads[-1]),
        "erlang_step": float(steps.pop()),
    }


def loads_text(start: float, stop: float, step: float) -> str:
    """Return loads as `loads_of` reads them."""
    if start == stop:
        return format_value(start)
    return f"{format_value(start)} to {format_value(stop)} step {format_value(step)}"


def axis_of(row: str) -> tuple[str, Any]:
    """Return name and values of an axis of a sweep, from a row such as `k_paths = 1, 3, 5`.

    Values are a list, a range as `loads_of` takes it, or JSON. Raises ValueError, with what is allowed.
    """
    name, sign, text = row.partition("=")
    name, text = name.strip(), text.strip()
    if not sign or not name or not text:
        raise ValueError(_ROW)
    if text[0] in "[{":
        try:
            return name, json.loads(text)
        except ValueError as error:
            raise ValueError(f"is no JSON: {error}") from None
    if found := _RANGE.fullmatch(text):
        if not found[3]:
            raise ValueError(f"needs a step, as in {name} = {found[1]} to {found[2]} step 20")
        start, stop, step = map(_number, found.groups())
        return name, {"start": start, "stop": stop, "step": step}
    return name, [_value(part.strip()) for part in text.rstrip(", ").split(",")]


def _value(text: str) -> bool | float | str:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if re.fullmatch(_NUMBER, text, re.I):
        return _number(text)
    return text.strip("\"'")


def _number(text: str) -> float:
    return int(text) if re.fullmatch(r"[-+]?\d+", text) else float(text)
