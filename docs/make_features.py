"""Write docs/features.md, which features go together:  `python docs/make_features.py`."""

from __future__ import annotations

from pathlib import Path

from fusion.config.features import FEATURES, REFUSED, USES, Feature, examples_of, rows

TARGET = Path(__file__).with_name("features.md")
HEAD = """# Which features go together

All features can be combined, except those listed below, which are refused by name before anything starts.

This page is made from the table in `fusion/config/features.py` by `python docs/make_features.py`.

## Features

| | feature | by keys such as |
|---:|---|---|
"""
MATRIX = """
## Pairs

✗: cannot be combined. (✗): some of their variants cannot be combined, as listed below. –: one replaces the
other. Empty: can be combined.

"""
LIST = """
## What is refused

The error names the key.

| feature | not with | key | why |
|---|---|---|---|
"""
TOGETHER, REFUSED_SOMETIMES, NOT_TOGETHER, EXCLUSIVE = "", "(✗)", "✗", "–"


def page() -> str:
    """Return the page in markdown."""
    numbers = range(1, len(FEATURES) + 1)
    listed = "".join(
        f"| {number} | {each.title} | {_such_as(each)} |\n"
        for number, each in zip(numbers, FEATURES.values(), strict=True)
    )
    head = "| | " + " | ".join(map(str, numbers)) + " |\n|---|" + ":-:|" * len(FEATURES) + "\n"
    matrix = "".join(
        f"| {number} {name} | " + " | ".join(mark(name, other) for other in FEATURES) + " |\n"
        for number, name in zip(numbers, FEATURES, strict=True)
    )
    return HEAD + listed + MATRIX + head + matrix + LIST + "".join(map(_row, REFUSED))


def mark(one: str, other: str) -> str:
    """Return whether two features go together, as a mark."""
    if one == other:
        return TOGETHER
    uses = [name for name in (one, other) if name in USES]
    if len(uses) == 2:
        return EXCLUSIVE
    refused = [bool(rows(values, uses)) for values in examples_of(one, other)]
    if not refused:
        return EXCLUSIVE
    return NOT_TOGETHER if all(refused) else REFUSED_SOMETIMES if any(refused) else TOGETHER


def _such_as(feature: Feature) -> str:
    ways = dict.fromkeys(
        f"`{key} = {example[key]}`"
        for example in feature.examples
        for key in feature.found(example)
    )
    return ", ".join(ways) or "no key; it is a use of a configuration"


def _row(together: tuple[str, ...]) -> str:
    named, *others = (FEATURES[name] for name in together)
    keys = dict.fromkeys(key for example in named.examples for key in named.found(example))
    told = " and ".join(other.title for other in others)
    cells = (named.title, told, ", ".join(f"`{key}`" for key in keys), REFUSED[together])
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
