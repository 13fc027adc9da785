"""The pictures of a sweep, from its results so far."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from fusion.config.config import ConfigError, Problem
from fusion.config.problems import nearest
from fusion.results.outcome import METRICS
from fusion.sweep.compare import compare_along
from fusion.sweep.definition import Sweep
from fusion.sweep.definition import named as named_value
from fusion.sweep.joined_axes import along
from fusion.sweep.point_state import PointState
from fusion.sweep.results import point_rows
from fusion_flows.pictures.curves import sweep_figure
from fusion_flows.pictures.differences import difference_figure
from fusion_flows.pictures.field_names import field_labels, in_field_names
from fusion_flows.pictures.heat_map import heat_map
from fusion_flows.pictures.paper import AS_NEEDED, Paper, Width
from fusion_flows.pictures.regions import Region
from fusion_flows.pictures.relabelled import relabelled, relabelled_comparison
from fusion_flows.pictures.rows import Row, grouped, is_blocking, is_numeric, values_on
from fusion_flows.pictures.words import label, named

_MOST_HEAT_MAPS = 24


class Picture(NamedTuple):
    """A figure, the rows that it shows, and what its files are called after."""

    figure: Figure
    rows: list[Row]
    name: str


def curves(
    states: Sequence[PointState],
    sweep: Sweep,
    metric: str,
    title: str,
    paper: Paper = AS_NEEDED,
    regions: Sequence[Region] = (),
) -> list[Picture]:
    """Return the picture of a metric over load; none where there is no result.

    regions: where no curve can be. Raises ConfigError for an unknown metric.
    """
    _check("metric", metric, list(METRICS))
    rows: list[Row] = list(point_rows(states, [metric]))
    if not rows:
        return []
    shown, axes = in_field_names(rows, sweep.axes, states, sweep.labels)
    return [Picture(sweep_figure(shown, axes, metric, title, paper, regions), rows, metric)]


def differences(
    states: Sequence[PointState],
    sweep: Sweep,
    metric: str,
    axis: str,
    base: str,
    title: str,
    paper: Paper = AS_NEEDED,
) -> list[Picture]:
    """Return the picture of how much more the values on an axis block than one of them, over load.

    axis: one, or several with commas between them, see `along`. base: that value; empty: the first. Raises
    ConfigError for an unknown axis, value or metric.
    """
    _check("metric", metric, [name for name in METRICS if is_blocking(name)])
    together = along(states, sweep, axis)
    compared = compare_along(together, sweep.model_copy(update={"metric": metric}), base or None)
    if not compared:
        return []
    axis = together.axis
    others = [name for name in together.axes[:-1] if name != axis]
    labels = field_labels(together.states, together.axes[:-1], sweep.labels)
    shown = [relabelled_comparison(row, axis, others, labels) for row in compared]
    values = {name: values_on(shown, name) for name in others}
    varying = [name for name in others if len(values[name]) > 1]
    rows: list[Row] = []
    for (*at, one, other), of_pair in grouped(
        shown,
        [*varying, "a", "b"],
        {**values, "a": values_on(shown, "a"), "b": values_on(shown, "b")},
    ).items():
        pair = f"{one} minus {other}"
        if axis in sweep.axes and not _are_labelled(compared, axis, labels):
            pair = f"{axis} = {pair}"
        told = label(varying, tuple(at), values)
        sides = {
            f"{side} blocks less": f"{f'{axis} = {value}' if is_numeric([value]) else value} blocks less"
            for side, value in (("a", one), ("b", other))
        }
        rows += [
            {
                **row,
                "label": f"{told}, {pair}" if told else pair,
                "verdict": sides.get(row["verdict"], row["verdict"]),
            }
            for row in of_pair
        ]
    figure = difference_figure(rows, title, f"difference of {named(metric)}", paper)
    return [Picture(figure, rows, f"{metric}-{axis.replace(', ', '-')}")]


def heat_maps(
    states: Sequence[PointState],
    sweep: Sweep,
    metric: str,
    x: str,
    y: str,
    title: str,
    width: Width = "auto",
) -> list[Picture]:
    """Return a picture of a metric over two axes for each combination of the others.

    Raises ConfigError for unknown axes or one axis, for an unknown metric, and for too many pictures.
    """
    _check("metric", metric, list(METRICS))
    for axis in (x, y):
        _check("heat-map", axis, sweep.axes)
    if x == y:
        raise _error("heat-map", f"{x} {y}", f"needs two of the axes {', '.join(sweep.axes)}")
    points = point_rows(states, [metric])
    labels = field_labels(states, sweep.axes[:-1], sweep.labels)
    rows = relabelled(points, [axis for axis in sweep.axes if axis not in (x, y)], labels)
    values = {axis: values_on(rows, axis) for axis in sweep.axes if axis not in (x, y)}
    others = [axis for axis in values if len(values[axis]) > 1]
    groups = grouped(rows, others, values) if rows else {}
    if len(groups) > _MOST_HEAT_MAPS:
        message = f"makes {len(groups)} pictures; with `where` in the sweep there are fewer"
        raise _error("heat-map", f"{x} {y}", message)
    pictures = []
    for names, of_group in groups.items():
        at = "".join(f"-{axis}={name}" for axis, name in zip(others, names, strict=True))
        name = re.sub(r"[^\w.=+-]+", "_", f"{metric}-{x}-{y}{at}")
        told = label(others, names, values)
        figure = heat_map(of_group, x, y, metric, ", ".join(filter(None, (title, told))), width)
        pictures.append(Picture(figure, list(of_group), name))
    return pictures


def _are_labelled(rows: Sequence[Row], axis: str, labels: Mapping[str, str]) -> bool:
    """Return whether a value that is compared has a label of one's own, which says enough."""
    return any(
        name in labels for row in rows for side in "ab" for name in named_value(axis, row[side])
    )


def _check(key: str, name: str, allowed: Sequence[str]) -> None:
    if name not in allowed:
        raise _error(key, name, f"must be one of {', '.join(allowed)}{nearest(name, allowed)}")


def _error(key: str, value: Any, message: str) -> ConfigError:
    return ConfigError([Problem("", key, value, message, "")])
