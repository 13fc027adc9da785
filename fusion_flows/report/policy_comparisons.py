"""The comparisons that a sweep is for: along the axes that are policies, or parts of one."""

from collections.abc import Sequence
from typing import NamedTuple

from fusion.sweep.compare import Row, compare_along
from fusion.sweep.definition import Sweep
from fusion.sweep.joined_axes import along
from fusion.sweep.point_state import PointState
from fusion.sweep.verdicts import called_on, verdict_sentences
from fusion_flows.pictures.panels import POLICY
from fusion_flows.pictures.rows import is_blocking

_MOST = 2  # axes


class PolicyComparison(NamedTuple):
    """Which of the policies on an axis blocks less. rows: as of `fusion.sweep.compare.compare_along`."""

    axis: str
    rows: list[Row]


def policy_comparisons(sweep: Sweep, states: Sequence[PointState]) -> list[PolicyComparison]:
    """Return the comparisons with the first value of each policy axis, for the first two of these axes.

    On other axes requests differ, or something else does. Nothing for a metric that is not blocking.
    """
    if not is_blocking(sweep.metric):
        return []
    several = [
        axis
        for axis in sweep.axes
        if axis in POLICY and len({str(state.point.axes[axis]) for state in states}) > 1
    ]
    together = {each.axis: each for each in (along(states, sweep, axis) for axis in several)}
    found = [
        PolicyComparison(each.axis, compare_along(each, sweep))
        for each in list(together.values())[:_MOST]
    ]
    return [each for each in found if each.rows]


def verdicts_of(sweep: Sweep, states: Sequence[PointState]) -> list[str]:
    """Return a sentence for each policy: at how many loads it blocks less than the first one."""
    return [
        sentence
        for axis, rows in policy_comparisons(sweep, states)
        for sentence in verdict_sentences(rows, called_on(axis))
    ]
