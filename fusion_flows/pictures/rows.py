"""What the rows of a picture contain: values on axes, numbers, and what is drawn of them."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
Names = tuple[str, ...]
"""Values on some axes, as text."""

_MOST_BIT_RATES = 20


def check(rows: Sequence[Row], axes: Sequence[str], metric: str) -> None:
    """Raise ValueError for rows of another metric, and for two with the same values on the axes."""
    foreign = sorted({str(row["metric"]) for row in rows if row.get("metric", metric) != metric})
    if foreign:
        raise ValueError(f"rows of {', '.join(foreign)} in a picture of {metric}: leave them out")
    seen = Counter(tuple(text_of(row[axis]) for axis in axes) for row in rows)
    for names, count in seen.items():
        if count > 1:
            point = ", ".join(f"{axis} = {name}" for axis, name in zip(axes, names, strict=True))
            raise ValueError(
                f"{count} rows have {point}: name all axes along which they differ, or choose"
            )


def finite(row: Row, name: str) -> float | None:
    """Return a finite number, or None; a data frame has NaN where there is none."""
    value = row.get(name)
    return None if value is None or not math.isfinite(value) else float(value)


def link_of(row: Row) -> tuple[str, str, str]:
    """Return the link of a row: its nodes, and its name where there are several between them."""
    return str(row["source"]), str(row["destination"]), str(row.get("link") or "")


def text_of(value: Any) -> str:
    """Return a value as text; 3.0 is 3."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return str(value)


def values_on(rows: Iterable[Row], axis: str) -> list[str]:
    """Return the values on an axis: numbers by size, words as they come."""
    found = list(dict.fromkeys(text_of(row[axis]) for row in rows))
    return sorted(found, key=float) if is_numeric(found) else found


def is_numeric(texts: Sequence[str]) -> bool:
    """Return whether all of these are numbers."""
    try:
        return all(math.isfinite(float(text)) for text in texts)
    except ValueError:
        return False


def grouped(
    rows: Iterable[Row], axes: Sequence[str], values: Mapping[str, Sequence[str]]
) -> dict[Names, list[Row]]:
    """Return the rows by their values on some axes, in the order of those. No axes: one group."""
    groups: dict[Names, list[Row]] = {} if axes else {(): []}
    for row in rows:
        groups.setdefault(tuple(text_of(row[axis]) for axis in axes), []).append(row)
    places = {axis: {text: n for n, text in enumerate(values[axis])} for axis in axes}
    order = sorted(
        groups, key=lambda names: [places[axis][n] for axis, n in zip(axes, names, strict=True)]
    )
    return {names: groups[names] for names in order}


def kind_of(row: Row, log: bool) -> str:
    """Return what is drawn of a row: an estimate, a bound because nothing was blocked, or nothing."""
    estimate = finite(row, "estimate")
    if estimate is None:
        return ""
    if estimate > 0 or not log:
        return "seen"
    return "none" if estimate == 0 and finite(row, "ci_upper") else ""


def is_blocking(metric: str) -> bool:
    """Return whether a metric is on a log axis, where zero is a bound."""
    return metric.endswith("blocking_probability")


def has_many_bit_rates(rows: Sequence[Row]) -> bool:
    """Say whether there are too many bit rates for curves over them. rows: of bit_rates.csv."""
    return len({row["bit_rate_gbps"] for row in rows}) > _MOST_BIT_RATES
