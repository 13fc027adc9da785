"""The user's own names for the values on axes."""

from collections.abc import Mapping, Sequence

from fusion.sweep.definition import named
from fusion_flows.pictures.rows import Row


def relabelled(rows: Sequence[Row], axes: Sequence[str], labels: Mapping[str, str]) -> list[Row]:
    """Return rows with the values on some axes replaced by their labels; `erlang` stays a number.

    labels: value, or axis=value, to label; the latter goes before the former.
    """
    if not labels:
        return list(rows)
    return [
        {**row, **{axis: _label(axis, row[axis], labels) for axis in axes if axis != "erlang"}}
        for row in rows
    ]


def _label(axis: str, value: object, labels: Mapping[str, str]) -> object:
    short, whole = named(axis, value)
    return labels.get(whole, labels.get(short, value))
