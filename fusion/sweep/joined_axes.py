"""Axes along which values are compared together, such as the parts of a policy: KSP-FF against KSP-MSCL."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from fusion.config.config import ConfigError, Problem
from fusion.config.counts import agreeing
from fusion.config.ini import format_value
from fusion.config.policy_names import POLICY_KEYS, policy_name
from fusion.config.problems import nearest, show
from fusion.sweep.definition import ERLANG, Sweep, values_by_axis
from fusion.sweep.point_state import PointState

POLICY = "policy"
"""The axis that the parts of a policy make together."""


class Along(NamedTuple):
    """What is compared, with the axes that go together as one.

    states: of all points. axes: all, the load last. axis: the one along which values are compared. values:
    on it, in their order, each with the values on the axes that it is made of.
    """

    states: list[PointState]
    axes: list[str]
    axis: str
    values: dict[Any, tuple[Any, ...]]

    @property
    def others(self) -> list[str]:
        """The axes along which nothing is compared."""
        return [name for name in self.axes if name != self.axis]

    def base(self, given: Any = None) -> Any:
        """Return the value that the others are compared with. Raises ConfigError.

        given: that value; of axes that go together also their values, or the one on the first of them,
        where only one has it. None: the first.
        """
        if given is None:
            return next(iter(self.values))
        text = str(given)
        by_text = {str(value): value for value in self.values}
        by_text |= {", ".join(map(str, parts)): value for value, parts in self.values.items()}
        first = [value for value, parts in self.values.items() if text == str(parts[0])]
        if text in by_text:
            return by_text[text]
        if len(first) == 1:
            return first[0]
        told = ", ".join(map(show, self.values))
        message = f"{show(given)} is not a value of {self.axis}; its values are {told}"
        raise _error(message + nearest(text, [*by_text]))


def along(states: Sequence[PointState], sweep: Sweep, axis: str) -> Along:
    """Return what is compared along an axis, or along several of them together.

    axis: of the sweep, or several with commas between them, or `policy`, all of the policy that varies.
    Axes of the sweep that go with it value by value (`zip`, `points`) are compared together with it. Raises
    ConfigError for what is not an axis or has one value only.
    """
    known = comparable_axes(sweep)
    asked = list(dict.fromkeys(name.strip() for name in axis.split(",")))
    if asked == [POLICY] and POLICY not in sweep.axes:
        asked = [name for name in POLICY_KEYS if name in known]
        if not asked:
            raise _error(f"all points have the same policy; {axes_to_compare(known)}")
    for name in asked:
        if name not in sweep.axes or name == ERLANG:  # the verdicts are at each load
            told = "to compare along" if name == ERLANG else "of this sweep"
            message = f"{show(name)} is not an axis {told}; {axes_to_compare(known)}"
            raise _error(message + nearest(name, [each for each in sweep.axes if each != ERLANG]))
        if name not in known:
            raise _error(f"{name} has only one value; {axes_to_compare(known)}")
    parts = list(dict.fromkeys([*asked, *_partners(sweep, asked, known)]))
    if len(parts) == 1:
        (only,) = parts
        values = dict.fromkeys(state.point.axes[only] for state in states)
        return Along(list(states), sweep.axes, only, {value: (value,) for value in values})
    return _joined(states, sweep, parts)


def comparable_axes(sweep: Sweep) -> list[str]:
    """Return the axes along which values can be compared: those with several values, without the load."""
    values: dict[str, set[str]] = {}
    for axis, value in values_by_axis(sweep):
        values.setdefault(axis, set()).add(format_value(value))
    return [axis for axis in sweep.axes if axis != ERLANG and len(values.get(axis, ())) > 1]


def axes_to_compare(axes: Sequence[str]) -> str:
    """Return in words what `comparable_axes` has found."""
    if not axes:
        return "this sweep has no axis with several values to compare"
    *others, last = axes
    listed = f"{', '.join(others)} and {last}" if others else f"only {last}"
    return f"there {agreeing(len(axes), 'is', 'are')} {listed} to compare along"


def _partners(sweep: Sweep, asked: Sequence[str], known: Sequence[str]) -> Iterator[str]:
    """Yield the axes whose value changes with that of an axis, as the sweep is written."""
    for group in sweep.zip:
        if any(name in group for name in asked):
            yield from (name for name in group if name in known)
    if sweep.points and any(name in sweep.points[0] for name in asked):
        rest = [
            tuple(format_value(value) for name, value in point.items() if name not in asked)
            for point in sweep.points
        ]
        if len(set(rest)) == len(rest):  # no two differ in what is asked for alone
            yield from (name for name in sweep.points[0] if name in known)


def _joined(states: Sequence[PointState], sweep: Sweep, parts: Sequence[str]) -> Along:
    """Return states with one axis in place of several."""
    axis, values = _named(states, sweep, parts)
    others = [name for name in sweep.axes if name not in parts]
    joined = []
    for state in states:
        axes = state.point.axes
        value = values[tuple(axes[name] for name in parts)]
        one = copy.copy(state)
        one.point = state.point._replace(
            axes={axis: value, **{name: axes[name] for name in others}}
        )
        joined.append(one)
    return Along(joined, [axis, *others], axis, {value: key for key, value in values.items()})


def _named(
    states: Sequence[PointState], sweep: Sweep, parts: Sequence[str]
) -> tuple[str, dict[tuple[Any, ...], str]]:
    """Return what axes are called together, and each combination of their values.

    A policy has its name in the literature, or that of its file, where no two policies have the same.
    """
    keys = [name for name in parts if name in (*POLICY_KEYS, POLICY)]
    policies: dict[tuple[Any, ...], set[str]] = {}
    for state in states:
        of_policy = tuple(state.point.axes[name] for name in keys)
        policies.setdefault(of_policy, set()).add(policy_name(state.point.config))
    names = [name for found in policies.values() for name in found]
    is_policy = (
        len(keys) > 1
        and len(set(names)) == len(policies) == len(names)
        and (POLICY in parts or POLICY not in sweep.axes)
    )
    rest = [name for name in parts if not (is_policy and name in keys)]
    found: dict[tuple[Any, ...], str] = {}
    for state in states:
        axes = state.point.axes
        words = [policy_name(state.point.config)] if is_policy else []
        words += [_word(name, axes[name]) for name in rest]
        found[tuple(axes[name] for name in parts)] = ", ".join(words)
    return ", ".join([*([POLICY] if is_policy else []), *rest]), found


def _word(axis: str, value: Any) -> str:
    """Return a value in a list of values on several axes: a number needs the name of its axis."""
    return value if isinstance(value, str) and value else f"{axis} = {format_value(value)}"


def _error(message: str) -> ConfigError:
    return ConfigError([Problem("", "", None, message, "")])
