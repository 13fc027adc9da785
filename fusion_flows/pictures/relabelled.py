"""The user's own names for the values on axes."""

from collections.abc import Mapping, Sequence
from typing import Any

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


def relabelled_comparison(
    row: Row, axis: str, others: Sequence[str], labels: Mapping[str, str]
) -> dict[str, Any]:
    """Return a row of a comparison with the labels of the values on its axes, and of those compared.

    axis: along which values are compared; others: the other axes.  labels: as of `relabelled`.
    """
    sides = {name: relabelled([{axis: row[name]}], [axis], labels)[0][axis] for name in ("a", "b")}
    return {**relabelled([row], others, labels)[0], **sides}


def _label(axis: str, value: object, labels: Mapping[str, str]) -> object:
    short, whole = named(axis, value)
    return labels.get(whole, labels.get(short, value))
