"""Which of the values on an axis blocks less: a row with a verdict for each load and each other value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fusion.config.counts import agreeing, counted
from fusion.results.comparison import blocking_difference
from fusion.results.load_at import ABOVE, BELOW, INSIDE, load_at
from fusion.results.outcome import METRICS
from fusion.results.statistics import Estimate
from fusion.scenario.offered_load import offered_per_nominal
from fusion.sweep.definition import Sweep, needs_blocking
from fusion.sweep.joined_axes import Along, along
from fusion.sweep.point_state import PointState
from fusion.sweep.points import Point
from fusion.sweep.store import differences

Row = dict[str, Any]

_OF_TRAFFIC = {
    *("results_version", "topology", "traffic_matrix"),
    *("simulation_settings.seed", "simulation_settings.warmup_requests"),
    *("general_settings.erlang_start", "general_settings.erlang_stop"),
    *("general_settings.num_requests", "general_settings.holding_time"),
    *("general_settings.request_distribution", "topology_settings.is_only_core_node"),
}
"""What two points must agree in to have the same requests, beside all of traffic_settings."""


def have_same_requests(one: Point, other: Point) -> bool:
    """Return whether replications of the same number serve the same requests at both points."""
    return not any(
        name in _OF_TRAFFIC or name.startswith("traffic_settings.")
        for name, _, _ in differences(one.content, other.content)
    )


def compare(states: Sequence[PointState], sweep: Sweep, axis: str, base: Any = None) -> list[Row]:
    """Return the differences in blocking between the values on an axis, at each point of the others.

    axis: one axis, or several that are compared together, see `along`. base: the value that the others are
    compared with; None: the first. Raises ConfigError for an unknown axis or value. See `compare_along`.
    """
    needs_blocking(sweep, "a comparison")
    return compare_along(along(states, sweep, axis), sweep, base)


def compare_along(compared: Along, sweep: Sweep, base: Any = None) -> list[Row]:
    """Return the differences in blocking between the values on an axis, at each point of the others.

    base: the value that the others are compared with; None: the first. Intervals are paired where the
    replications have common random numbers, and else Welch's; those at one point of the other axes hold
    together at the confidence of the points (Bonferroni), those at several do not. Columns: the other axes,
    a and b (values on the axis, b is the base), both estimates with their intervals, difference a - b with
    its interval, replications (of the side that has fewer), replications_a and replications_b, left_out
    (replications of one side that the other does not have, where they are paired), method, confidence,
    verdict, the offered loads of both. Raises ConfigError for an unknown value.
    """
    needs_blocking(sweep, "a comparison")
    value = compared.base(base) if compared.values else base
    return compare_points(compared.states, compared.axes, compared.axis, sweep.metric, value)


def compare_points(
    states: Sequence[PointState], axes: Iterable[str], axis: str, metric: str, base: Any
) -> list[Row]:
    """Do what `compare` does for points that need not be of a sweep. axes: all of the points."""
    others = [name for name in axes if name != axis]
    groups: dict[tuple[Any, ...], dict[Any, PointState]] = {}
    for state in states:
        place = tuple(state.point.axes[name] for name in others)
        if state.outcomes:
            groups.setdefault(place, {})[state.point.axes[axis]] = state
    rows = []
    for place, at in groups.items():
        if base not in at:
            continue
        for value, state in at.items():
            if value != base:
                named = dict(zip(others, place, strict=True))
                row = _row(state, at[base], metric, len(at) - 1)
                rows.append({**named, "a": value, "b": base, **row})
    return rows


def _row(a: PointState, b: PointState, metric: str, family: int) -> Row:
    paired = have_same_requests(a.point, b.point)
    one, other = a.outcomes, b.outcomes
    if paired:
        common = min(len(one), len(other))
        one, other = one[:common], other[:common]
    confidence = a.point.config.statistics_settings.confidence
    blocked, offered = _counted(metric)
    found = blocking_difference(
        [getattr(each, blocked) for each in one],
        [getattr(each, offered) for each in one],
        [getattr(each, blocked) for each in other],
        [getattr(each, offered) for each in other],
        confidence,
        paired=paired,
        family=family,
        requests_a=sum(each.requests for each in one),
        requests_b=sum(each.requests for each in other),
    )
    return {
        **_estimate(METRICS[metric].estimate(one, confidence), "a"),
        **_estimate(METRICS[metric].estimate(other, confidence), "b"),
        "difference": found.mean,
        "ci_lower": found.ci_lower,
        "ci_upper": found.ci_upper,
        "replications": found.replications,
        "replications_a": len(one),
        "replications_b": len(other),
        "left_out": abs(len(a.outcomes) - len(b.outcomes)) if paired else 0,
        "method": found.method,
        "confidence": confidence,
        "verdict": found.verdict,
        "offered_erlang_a": a.point.erlang * offered_per_nominal(a.point.config),
        "offered_erlang_b": b.point.erlang * offered_per_nominal(b.point.config),
    }


def _estimate(estimate: Estimate, side: str) -> Row:
    names = (f"estimate_{side}", f"ci_lower_{side}", f"ci_upper_{side}")
    return dict(zip(names, estimate[:3], strict=True))


def loads_at(states: Sequence[PointState], sweep: Sweep, target: float) -> list[Row]:
    """Return the load at which each curve of a sweep reaches a blocking probability.

    A curve is what lies at one combination of the axes but erlang. Columns: those axes; load with its
    interval (0 or inf where it is open, NaN for a load that the curve does not reach); status, see
    `load_at`, of the loads with results; target; loads, how many of them the curve has; lowest and highest,
    the ends of them; missing, the other loads of the curve, with fewer than two replications; replications,
    the fewest of a load; offered_per_nominal, the offered load over the nominal one. Raises ValueError for
    a target that is no probability.
    """
    needs_blocking(sweep, "a load")
    others = sweep.axes[:-1]
    curves: dict[tuple[Any, ...], list[PointState]] = {}
    missing: dict[tuple[Any, ...], list[float]] = {}
    for state in states:
        place = tuple(state.point.axes[name] for name in others)
        if len(state.outcomes) > 1:
            curves.setdefault(place, []).append(state)
        else:
            missing.setdefault(place, []).append(state.point.erlang)
    blocked, offered = _counted(sweep.metric)
    rows = []
    for place, of_curve in curves.items():
        ordered = sorted(of_curve, key=lambda state: state.point.erlang)
        found = load_at(
            [state.point.erlang for state in ordered],
            [[float(getattr(each, blocked)) for each in state.outcomes] for state in ordered],
            [[float(getattr(each, offered)) for each in state.outcomes] for state in ordered],
            target,
            ordered[0].point.config.statistics_settings.confidence,
        )
        rows.append(
            {
                **dict(zip(others, place, strict=True)),
                "load": found.load,
                "ci_lower": found.ci_lower,
                "ci_upper": found.ci_upper,
                "status": found.status,
                "target": target,
                "loads": len(ordered),
                "lowest": ordered[0].point.erlang,
                "highest": ordered[-1].point.erlang,
                "missing": sorted(missing.get(place, ())),
                "replications": min(len(state.outcomes) for state in ordered),
                "offered_per_nominal": offered_per_nominal(ordered[0].point.config),
            }
        )
    return rows


def status_text(row: Row) -> str:
    """Return why a curve has no load at the target, as far as that is known. row: as of `loads_at`.

    Nothing where it has one. A load that lies beyond those with results may lie among those that are missing.
    """
    if row["status"] == INSIDE:
        return ""
    if row["status"] not in (BELOW, ABOVE):
        return str(row["status"])
    below = row["status"] == BELOW
    side, end, last = ("below", "lowest", "lower") if below else ("above", "highest", "higher")
    beyond = [load for load in row["missing"] if (load < row[end] if below else load > row[end])]
    told = f"{side} {row[end]:g} E, the {end} load {'with results' if beyond else 'of the sweep'}"
    if not beyond:
        return told
    verb = agreeing(len(beyond), "is", "are")
    return f"{told}; {counted(len(beyond), f'{last} load')} of the sweep {verb} not computed"


def _counted(metric: str) -> tuple[str, str]:
    """Return what of an outcome is blocked and what is offered."""
    if metric == "bit_rate_blocking_probability":
        return "blocked_gbps", "requested_gbps"
    return "blocked", "requests"
