"""Where no policy can be in a picture of a sweep or of runs: bounds for each network and traffic in it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fusion.config.config import load_config
from fusion.config.ini import format_value
from fusion.config.problems import nearest
from fusion.config.sections import flat
from fusion.sweep.point_state import PointState
from fusion_flows.flows.bounding import (
    BOUNDED,
    compute_bounds,
    log,
    of_bound,
    refuse_other_networks,
    regions_of,
)
from fusion_flows.rundir.directory import RunDirectory
from fusion_flows.runs.time_expressions import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fusion_flows.pictures.regions import Region


def regions_of_points(states: Sequence[PointState], metric: str) -> "list[Region]":
    """Have the bounds of the points with results computed, once for each network and traffic.

    Raises ArgumentError for a metric or settings without bounds, and RuntimeError when the simulator fails.
    """
    if metric not in BOUNDED:
        raise ArgumentError(
            f"--bound: {metric} has no bound; there are bounds on {' and '.join(BOUNDED)}"
            f"{nearest(metric, BOUNDED)}"
        )
    groups: dict[tuple[str, ...], list[PointState]] = {}
    for state in states:
        if state.outcomes:
            values = flat(state.point.config)
            about = tuple(format_value(values[key]) for key in values if of_bound(key))
            groups.setdefault(about, []).append(state)
    return [
        region
        for group in groups.values()
        for region in regions_of(
            compute_bounds(
                group[0].point.config,
                loads=sorted({state.point.erlang for state in group}),
                bounds_only=True,
            ),
            metric,
            [state.point.key for state in group],
        )
    ]


def regions_of_runs(
    runs: Sequence[RunDirectory],
    loads: Sequence[float],
    say: "Callable[[str], None]" = log.warning,
) -> "list[Region]":
    """Have the bounds on the blocking of runs computed, for the settings of the first.

    loads: in Erlang. say: takes lines of the simulator's log. Raises ArgumentError for runs with other
    networks or traffic than the first, and as `regions_of_points`.
    """
    first, *others = ((run.run_id, load_config(run.config)) for run in runs)
    refuse_other_networks(first[1], dict(others), "run")
    found = compute_bounds(first[1], loads=sorted(set(loads)), bounds_only=True, say=say)
    return regions_of(found)
