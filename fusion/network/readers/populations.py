"""Populations of nodes: a table with a line for each node, its id or name and its population."""

import csv
from collections.abc import Mapping

from fusion.config.counts import counted
from fusion.config.named_files import quote
from fusion.network.delimited_text import divider_of, split_line, without_decimal_commas
from fusion.network.listed_network import number_of

_NODES = ("node", "id", "city", "name")
_POPULATION = "population"


def is_populations(text: str) -> bool:
    """Return whether a table has the columns `node` and `population`, in this order."""
    rows = _rows(text)
    return bool(rows) and _is_head(rows[0])


def read_populations(text: str, node_of: Mapping[str, str]) -> dict[str, float]:
    """Return node -> population. node_of: id or name of a node -> its id. Raises ValueError."""
    rows = _rows(text)[1:]
    if not rows:
        raise ValueError("has no populations")
    if wrong := [row for row in rows if len(row) != 2]:
        raise ValueError(f"'{quote(','.join(wrong[0]))}': a node and its population are needed")
    values = without_decimal_commas([row[1] for row in rows]) or [row[1] for row in rows]
    found: dict[str, float] = {}
    for (name, _), text in zip(rows, values, strict=True):
        if name not in node_of:
            raise ValueError(f"'{quote(name)}' is not a node of the network")
        number = number_of(text)
        if number is None or number < 0:
            raise ValueError(f"{quote(name)}: {quote(text)}: must be a number from 0")
        if node_of[name] in found:
            raise ValueError(f"the node '{quote(name)}' is there twice")
        found[node_of[name]] = number
    return found


def missing_populations(populations: Mapping[str, float], ends: list[str]) -> str:
    """Return which of these nodes have no population, or nothing."""
    missing = [node for node in ends if node not in populations]
    if not missing:
        return ""
    shown = ", ".join(map(quote, missing[:5])) + (", ..." if len(missing) > 5 else "")
    return f"{counted(len(missing), 'node')} of {len(ends)} without a population: {shown}"


def _rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    divider = divider_of(lines)
    try:
        return [split_line(line, divider) for line in lines]
    except csv.Error:
        return []


def _is_head(row: list[str]) -> bool:
    return len(row) == 2 and row[0].lower() in _NODES and row[1].lower() == _POPULATION
