"""Availability as the metric of a sweep: estimated, stopped by, and refused where it means nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fusion.config.config import ConfigError
from fusion.results.outcome import AVAILABILITY
from fusion.sweep.compare import compare, loads_at
from fusion.sweep.computation import compute
from fusion.sweep.definition import Sweep, make_sweep
from fusion.sweep.point_state import PointState, point_states
from fusion.sweep.points import sweep_points
from fusion.sweep.results import point_rows

MTBF, MTTR = 3.0, 0.5


def one_link(tmp_path: Path, **statistics: Any) -> Sweep:
    """Return a sweep over what becomes of the connections of one link when it fails."""
    (tmp_path / "link.txt").write_text("A\tB\t100\n")
    return make_sweep(
        {
            "template": "default",
            "metric": "availability",
            "grid": {"restoration": ["none", "wait"], "erlang": [8]},
            "overrides": {
                "general_settings": {
                    "num_requests": 1000,
                    "holding_time": 1,
                    "request_distribution": {"25": 1},
                    "max_segments": 1,
                    "max_iters": 40,
                },
                "topology_settings": {"network": str(tmp_path / "link.txt"), "cores_per_link": 1},
                "spectrum_settings": {"c_band": 40},
                "failure_settings": {
                    "failure_type": "random",
                    "mtbf": MTBF,
                    "mtbf_of": "link",
                    "mttr": MTTR,
                },
                "statistics_settings": {"confidence": 0.999, **statistics},
            },
        },
        "a test",
    )


def computed(sweep: Sweep) -> list[PointState]:
    states = point_states(sweep_points(sweep), {}, sweep.metric)
    for _ in compute(states, 1, lambda: False):
        pass
    return states


def test_a_sweep_estimates_it(tmp_path: Path) -> None:
    """Gone with the first failure: m / (m + a). Waiting: UP + (1 - UP) m / (m + a + b); here m = 1."""
    a, b, up = 1 / MTBF, 1 / MTTR, MTBF / (MTBF + MTTR)
    exact = {"none": 1 / (1 + a), "wait": up + (1 - up) / (1 + a + b)}
    sweep = one_link(tmp_path)
    states = computed(sweep)
    rows = point_rows(states, [sweep.metric])
    assert [row["restoration"] for row in rows] == ["none", "wait"]
    for row in rows:
        assert row["ci_lower"] < exact[row["restoration"]] < row["ci_upper"]
        assert row["replications"] == 40
    assert AVAILABILITY in {row["metric"] for row in point_rows(states)}


def test_the_rule_looks_at_what_is_missing(tmp_path: Path) -> None:
    """A tenth of the availability is there at once; of what is missing, after more replications."""
    rule = {"stopping_rule": "precision", "min_replications": 10, "look_ahead": 0}
    widths = {}
    for precision in (0.9, 0.2):
        sweep = one_link(tmp_path, **rule, relative_precision=precision)
        for row in point_rows(computed(sweep), [sweep.metric]):
            assert row["stop_reason"] == "precision"
            half = 0.5 * (row["ci_upper"] - row["ci_lower"])
            widths[precision, row["restoration"]] = row["replications"]
            assert half < 1.3 * precision * (1 - row["estimate"])  # the rule has the mean of ratios
    for restoration in ("none", "wait"):
        assert widths[0.9, restoration] == 10 < widths[0.2, restoration] < 40


def test_nothing_that_was_out_is_no_precision(tmp_path: Path) -> None:
    """A failure after which nothing is carried would say nothing of rarer ones: there is no bound."""
    sweep = one_link(
        tmp_path, stopping_rule="precision", min_replications=10, absolute_precision=0.9
    )
    rare = {"mtbf": 1e9, "mttr": 1e-3}
    overrides = {
        **sweep.overrides,
        "failure_settings": {**sweep.overrides["failure_settings"], **rare},
    }
    rows = point_rows(computed(sweep.model_copy(update={"overrides": overrides})), [AVAILABILITY])
    for row in rows:
        assert (row["estimate"], row["ci_lower"], row["ci_upper"]) == (1.0, None, None)
        assert (row["stop_reason"], row["replications"]) == ("max_iters", 40)


def test_it_needs_failures_and_is_no_blocking(tmp_path: Path) -> None:
    sweep = Sweep(template="quick", metric="availability", grid={"k_paths": [1, 2]})
    # Told once, as all points have it.
    told = r"^metric = availability: needs links that fail, and failure_type is none \(from the sweep\)$"
    with pytest.raises(ConfigError, match=told):
        sweep_points(sweep)
    of_failures = one_link(tmp_path)
    states = point_states(sweep_points(of_failures), {}, of_failures.metric)
    for call in (
        lambda: compare(states, of_failures, "restoration"),
        lambda: loads_at(states, of_failures, 0.01),
    ):
        with pytest.raises(
            ConfigError, match="metric = availability: must be blocking_probability"
        ):
            call()


def test_points_without_failures_have_no_row_of_it() -> None:
    sweep = Sweep(
        template="quick",
        grid={"erlang": [150]},
        overrides={"general_settings": {"num_requests": 300, "max_iters": 2}},
    )
    assert AVAILABILITY not in {row["metric"] for row in point_rows(computed(sweep))}
