"""How much rules for ties between paths change the blocking: a sweep over the rules, and its rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from fusion.config.config import Config
from fusion.network.path_rule import LISTED, TieCount
from fusion.network.paths import PathTable
from fusion.results.outcome import METRICS
from fusion.scenario.candidate_paths import candidate_paths, ties_of
from fusion.scenario.path_rules import path_rule
from fusion.sweep.compare import compare_points
from fusion.sweep.definition import ERLANG, Sweep, Values
from fusion.sweep.point_state import PointState

Row = dict[str, Any]

BASE = "shortest"
"""The rule with which the others are compared, which is the default."""
RULE = "rule"
SAME_PATHS = "same paths"
"""The verdict on a rule that leaves every pair of nodes the candidates of `BASE`, in its order."""

_METRIC = "blocking_probability"


def rules_for(config: Config, salts: int) -> dict[str, dict[str, Any]]:
    """Return what the rules are called -> the keys that ask for them, `BASE` first.

    Those of networkx are for candidates by km or hops. salts: how many rules there are by a hash.
    """
    rules: dict[str, dict[str, Any]] = {name: _keys(name) for name in (BASE, "longest", "nodes")}
    if path_rule(config).candidate_order in ("km", "hops"):
        for name in LISTED:
            rules[name] = _keys(name)
        for name in LISTED:
            rules[f"{name}, then shortest"] = _keys("shortest", name)
            rules[f"{name}, then hash"] = _keys("hash", name)
    for salt in range(1, salts + 1):
        rules[f"hash {salt}"] = _keys("hash", salt=salt)
    return rules


def sweep_of_rules(
    config: Config,
    template: str,
    overrides: Mapping[str, Mapping[str, Any]],
    loads: Values | None,
    replications: int,
    salts: int,
) -> Sweep:
    """Return the sweep over the rules for ties between paths.

    config: of the template with the overrides. loads: None: those of the config. replications: of each
    point; the requests are the same in all of them.
    """
    changed = {section: dict(keys) for section, keys in overrides.items()}
    changed.setdefault("statistics_settings", {})["stopping_rule"] = "fixed"
    changed.setdefault("general_settings", {})["max_iters"] = replications
    routing = changed.setdefault("routing_settings", {})
    for key in _keys(BASE):
        routing.pop(key, None)  # the axes say it
    return Sweep(
        template=template,
        overrides=changed,
        points=list(rules_for(config, salts).values()),
        grid={} if loads is None else {ERLANG: loads},
    )


def rules_with_paths_of_another(
    states: Sequence[PointState], rules: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """Return rule -> the first rule that gives all pairs the same candidates in the same order.

    The same requests on the same paths are served alike, so these need no simulation. states: of
    `sweep_of_rules`. rules: as of `rules_for`.
    """
    named = {_place(keys): name for name, keys in rules.items()}
    one_of_each = {named[_place(state.point.axes)]: state.point for state in states}
    first: dict[str, PathTable] = {}
    same: dict[str, str] = {}
    for name in rules:
        point = one_of_each[name]
        table = candidate_paths(point.config, point.inputs)
        other = next((each for each in first if _is_same(table, first[each])), None)
        if other is None:
            first[name] = table
        else:
            same[name] = other
    return same


def _is_same(one: PathTable, other: PathTable) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in PathTable._fields
    )


def states_to_compute(
    states: Sequence[PointState],
    rules: Mapping[str, Mapping[str, Any]],
    same: Collection[str],
) -> list[PointState]:
    """Return the points without those of `rules_with_paths_of_another`."""
    left_out = {_place(rules[name]) for name in same}
    return [state for state in states if _place(state.point.axes) not in left_out]


def rows_of_rules(
    states: Sequence[PointState],
    rules: Mapping[str, Mapping[str, Any]],
    same: Mapping[str, str] = MappingProxyType({}),
) -> list[Row]:
    """Return a row for each load and rule: its blocking, and the difference from that of `BASE`.

    states: of `sweep_of_rules`. rules: as of `rules_for`. same: of `rules_with_paths_of_another`; these have
    the numbers of the other rule, where that is `BASE` with the difference 0 and the verdict `SAME_PATHS`.
    Columns: erlang; rule; the keys; the blocking probability with its interval; replications; difference with
    its interval (the intervals at one load hold together) and relative_difference, of the blocking of `BASE`;
    method, confidence and verdict as of `compare`; same_paths_as, the rule whose numbers these are, or None.
    The cells of a comparison are None for `BASE` itself, and for a point without two replications.
    """
    named = {_place(keys): name for name, keys in rules.items()}
    relabelled = [_at_rule(state, named[_place(state.point.axes)]) for state in states]
    simulated = [state for state in relabelled if state.point.axes[RULE] not in same]
    compared = {
        (row[ERLANG], row["a"]): row
        for row in compare_points(simulated, [RULE, ERLANG], RULE, _METRIC, BASE)
    }
    found = {
        (state.point.erlang, state.point.axes[RULE]): _row(state, rules, compared)
        for state in simulated
        if state.outcomes
    }
    rows = []
    for state in relabelled:
        rule, erlang = state.point.axes[RULE], state.point.erlang
        of_rule = found.get((erlang, same.get(rule, rule)))
        if of_rule is not None:
            rows.append(_same_as(of_rule, rule, rules[rule]) if rule in same else of_rule)
    return rows


def ties_at(state: PointState) -> TieCount | None:
    """Return how many node pairs have ties at a point."""
    config, inputs = state.point.config, state.point.inputs
    return ties_of(config, inputs, candidate_paths(config, inputs))


def _keys(path_ties: str, candidate_ties: str = "path_ties", salt: int = 0) -> dict[str, Any]:
    return {"path_ties": path_ties, "candidate_ties": candidate_ties, "path_ties_salt": salt}


def _place(axes: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(axes[key] for key in _keys(BASE))


def _at_rule(state: PointState, rule: str) -> PointState:
    """Return a point with its rule as the one axis beside the load."""
    point = state.point._replace(axes={RULE: rule, ERLANG: state.point.erlang})
    return PointState(point, {each.replication: each for each in state.outcomes}, _METRIC)


def _same_as(other: Row, rule: str, keys: Mapping[str, Any]) -> Row:
    """Return the row of a rule with the paths of another."""
    row = {**other, RULE: rule, **keys, "same_paths_as": other[RULE]}
    if other[RULE] == BASE:
        row |= dict.fromkeys(("difference", "difference_ci_lower", "difference_ci_upper"), 0.0)
        row["relative_difference"] = 0.0 if other[_METRIC] else None
        row["verdict"] = SAME_PATHS
    return row


def _row(
    state: PointState,
    rules: Mapping[str, Mapping[str, Any]],
    compared: Mapping[tuple[float, str], Row],
) -> Row:
    rule, erlang = state.point.axes[RULE], state.point.erlang
    confidence = state.point.config.statistics_settings.confidence
    estimate = METRICS[_METRIC].estimate(state.outcomes, confidence)
    found = compared.get((erlang, rule), {})
    difference = found.get("difference")
    base = found.get("estimate_b")
    return {
        ERLANG: erlang,
        RULE: rule,
        **rules[rule],
        _METRIC: estimate.mean,
        f"{_METRIC}_ci_lower": estimate.ci_lower,
        f"{_METRIC}_ci_upper": estimate.ci_upper,
        "replications": len(state.outcomes),
        "difference": difference,
        "difference_ci_lower": found.get("ci_lower"),
        "difference_ci_upper": found.get("ci_upper"),
        "relative_difference": difference / base if base and difference is not None else None,
        **{name: found.get(name) for name in ("method", "confidence", "verdict")},
        "same_paths_as": None,
    }
