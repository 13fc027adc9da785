"""The condition `where` of a sweep: an expression over its axes, and what is wrong with one, in words."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from fusion.config.counts import agreeing
from fusion.config.other_names import LOADS
from fusion.config.problems import nearest, show

_FUNCTIONS: dict[str, Callable[..., Any]] = {"abs": abs, "min": min, "max": max, "round": round}
_MORE_FUNCTIONS = frozenset({"list", "tuple", "set", "dict"})  # of simpleeval, for lists of values
_CONSTANTS = frozenset({"True", "False", "None"})
_ALLOWED = (
    "a condition may contain axes, numbers, text in quotes, lists, comparisons, and, or, not, in, "
    f"arithmetic, {', '.join(_FUNCTIONS)}"
)


class ConditionError(ValueError):
    """A condition that cannot be told; the message says why, in words."""


def faults(text: str, axes: Sequence[str], values: Sequence[object]) -> Iterator[str]:
    """Yield what is wrong with a condition, whatever the values on the axes.

    values: all texts on the axes; one of them without its quotes is a mistake that people make.
    """
    if not text.strip():
        yield "is empty: give a condition such as k_paths > 1, or leave it out"
        return
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        yield _not_read(text, error)
        return
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    own = {node.target.id for node in ast.walk(tree) if _names_its_own(node)}  # type: ignore[attr-defined]
    for name in _once(
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) in called
    ):
        if name not in _FUNCTIONS and name not in _MORE_FUNCTIONS:
            there = ", ".join(_FUNCTIONS)
            yield f"unknown function {show(name)}; available: {there}{nearest(name, list(_FUNCTIONS))}"
    for name in _once(
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called
    ):
        if name not in axes and name not in own:
            yield _unknown(name, axes, values)


def condition(text: str) -> Callable[[Mapping[str, Any]], bool]:
    """Return a condition as a function of the values on the axes. It raises ConditionError."""
    from simpleeval import EvalWithCompoundTypes

    evaluator = EvalWithCompoundTypes(functions=dict(_FUNCTIONS))
    parsed: list[Any] = []

    def holds(axes: Mapping[str, Any]) -> bool:
        evaluator.names = dict(axes)
        try:
            if not parsed:
                parsed.append(evaluator.parse(text))
            return bool(evaluator.eval(text, previously_parsed=parsed[0]))
        except Exception as error:  # what people write in an expression may go wrong in any way
            raise ConditionError(_told(error, axes)) from None

    return holds


def _names_its_own(node: ast.AST) -> bool:
    return isinstance(node, ast.comprehension) and isinstance(node.target, ast.Name)


def _once(names: Iterator[str]) -> Iterator[str]:
    return iter(dict.fromkeys(names))


def _unknown(name: str, axes: Sequence[str], values: Sequence[object]) -> str:
    told = f"{show(name)} is not an axis of this sweep; its {agreeing(len(axes), 'axis is', 'axes are')} "
    told += ", ".join(axes)
    if name in values:
        return f"{told}. The value is written in quotes: '{name}'"
    if name.lower() in LOADS:
        return f"{told}; the load is erlang"
    if name.capitalize() in _CONSTANTS:
        return f"{told}; did you mean {name.capitalize()}?"
    return told + nearest(name, axes)


def _not_read(text: str, error: Exception) -> str:
    if not isinstance(error, SyntaxError):
        return f"is nested too deeply or has odd characters; {_ALLOWED}"
    said = error.msg
    if "'=='" in said or re.fullmatch(r"[^=]*\w\s*=(?!=)[^=]*", text):
        return "has a single =, which does not compare: == does"
    place = f" at character {error.offset}" if error.offset else ""
    return f"cannot be read{place} ({said}); {_ALLOWED}"


def _told(error: Exception, axes: Mapping[str, Any]) -> str:
    from simpleeval import InvalidExpression, IterableTooLong, NumberTooHigh

    if isinstance(error, NumberTooHigh | IterableTooLong | MemoryError | OverflowError):
        return "makes a number or a text that is too large"
    if isinstance(error, InvalidExpression):
        return f"has what a condition may not have; {_ALLOWED}"
    at = ", ".join(f"{axis} = {show(value)}" for axis, value in axes.items())
    return f"cannot be told at {at}: {show(str(error), 200)}"
