"""The results of a run in its tables so far."""

import csv
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from fusion_flows.rundir.directory import RunDirectory

Row = dict[str, Any]


class Results(NamedTuple):
    """Rows of the tables of a run. links and pairs are those at one load, the highest."""

    points: list[Row]
    replications: list[Row]
    bit_rates: list[Row]
    load: float | None
    """Of links and pairs; None where there is no result."""
    links: list[Row]
    pairs: list[Row]


def read_results(run: RunDirectory, load: float | None = None) -> Results:
    """Read the tables of a run. load: of links and pairs; None: the highest there is.

    Numbers are numbers, empty cells None. A file that is not there has no rows. Raises OSError.
    """
    points = read_rows(run.points)
    loads = [float(row["erlang"]) for row in points]
    at = max(loads, default=None) if load is None else load
    return Results(
        points,
        read_rows(run.output / "replications.csv"),
        read_rows(run.output / "bit_rates.csv"),
        at if at in loads else None,
        *(rows_at(run.output / name, at) if at in loads else [] for name in (_LINKS, _PAIRS)),
    )


_LINKS, _PAIRS = "links.csv", "pairs.csv"


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a table, numbers as numbers, empty cells as None.

    A file that is not there has no rows.
    """
    return _read(path, lambda rows: rows)


def rows_at(path: Path, load: float | None) -> list[Row]:
    """Return the rows of a table that are of this load, as `read_rows` does."""
    return _read(path, lambda rows: (row for row in rows if float(row["erlang"]) == load))


def _read(path: Path, chosen: Callable[[Iterable[Row]], Iterable[Row]]) -> list[Row]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [
                {key: _value(key, text) for key, text in row.items()}
                for row in chosen(csv.DictReader(file))
            ]
    except FileNotFoundError:
        return []


def _value(column: str, text: str) -> int | float | str | None:
    if column in ("source", "destination", "link"):
        return text  # a name, though it may look like a number
    if not text:
        return None
    readers: tuple[Callable[[str], int | float], ...] = (int, float)
    for read in readers:
        try:
            return read(text)
        except ValueError:
            continue
    return text
