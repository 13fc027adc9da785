"""The verdicts of a comparison in one sentence: at how many loads a value blocks less than the base."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fusion.config.counts import counted
from fusion.config.ini import format_value
from fusion.results.comparison import A_LESS, B_LESS


def verdict_sentences(
    rows: Sequence[Mapping[str, Any]], called: Callable[[Any], str] = format_value
) -> list[str]:
    """Return a sentence for each value that is compared with the base.

    rows: as of `fusion.sweep.compare.compare`. called: returns what a value is called.
    """
    values = dict.fromkeys(row["a"] for row in rows)
    return [_sentence([row for row in rows if row["a"] == value], called) for value in values]


def called_on(axis: str) -> Callable[[Any], str]:
    """Return how values on an axis are called in sentences: text by itself, a number with the axis."""
    return lambda value: value if isinstance(value, str) else f"{axis} = {format_value(value)}"


def _sentence(rows: Sequence[Mapping[str, Any]], called: Callable[[Any], str]) -> str:
    less, more = (sum(row["verdict"] == verdict for row in rows) for verdict in (A_LESS, B_LESS))
    name, base = called(rows[0]["a"]), called(rows[0]["b"])
    only_loads = list(rows[0]).index("a") < 2  # the other axes come first, with the load
    places = counted(len(rows), "load" if only_loads else "point")
    if less and more:
        return f"{name} blocks less than {base} at {less} of {places} and more at {more}"
    if less or more:
        verb = "less" if less else "more"
        return f"{name} blocks {verb} than {base} at {less or more} of {places}"
    return f"No difference shown between {name} and {base} at {places}"
