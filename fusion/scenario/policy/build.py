"""A user's policy from its source to a function, in plain Python or for compiled code."""

from __future__ import annotations
import __future__

import ast
import builtins
import math
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import ModuleType
from typing import Any

from fusion.kernel.user_policy import Chooser, module_name
from fusion.scenario.policy.arithmetic import (
    CAREFUL,
    LIMITED,
    MATH,
    careful,
    with_careful_constants,
)
from fusion.scenario.policy.rules import DEBUGGING, ERRORS, FUNCTIONS, OFFERED, PLAIN, read_rules
from fusion.scenario.policy.source import PolicySource

_BUILTINS = {
    name: getattr(builtins, name) for name in (*FUNCTIONS, *ERRORS, *(DEBUGGING if PLAIN else ()))
}


def build(
    source: PolicySource,
    wrap: Callable[[Any], Any] = lambda function: function,
    answers: Mapping[Any, Any] | None = None,
    *,
    limited: bool = False,
) -> Any:
    """Return the function of a policy.

    wrap: is applied to each function of its files; as it is for plain Python. answers: what the functions of
    `fusion.request` are replaced by. limited: whether all of it keeps the limits of `arithmetic`, or the
    operators of constants alone. Raises whatever its constants raise.
    """
    answers = answers or (LIMITED if limited else {})
    builtin = {name: answers.get(value, value) for name, value in _BUILTINS.items()}
    built: dict[str, dict[str, Any]] = {}
    for number, file in reversed(list(enumerate(source.files))):
        rules = read_rules(file.text, debugging=PLAIN)
        module = ModuleType(module_name(source.key, number))
        sys.modules.setdefault(module.__name__, module)
        space = vars(module)
        space |= {"__builtins__": builtin, "math": MATH if limited else math, **CAREFUL}
        for each in rules.imports:
            of = OFFERED.get(each.module) or built[each.module]
            value = of[each.name]
            space[each.as_name] = answers.get(value, value) if callable(value) else value
        body = [
            node for node in rules.tree.body if not isinstance(node, ast.Import | ast.ImportFrom)
        ]
        tree = ast.Module(body, type_ignores=[])
        tree = careful(tree) if limited else with_careful_constants(tree)
        flags = __future__.annotations.compiler_flag
        exec(compile(tree, source.path(file), "exec", flags, dont_inherit=True), space)
        space.update({name: wrap(space[name]) for name in rules.functions})
        built[file.name] = space
    return built[source.files[0].name][source.function]


@lru_cache(maxsize=100)
def chooser_of(source: PolicySource) -> Chooser:
    """Return a policy as the event loop takes it."""
    return Chooser(source.key, build(source), lambda wrap, answers: build(source, wrap, answers))


def asks(source: PolicySource, question: str) -> bool:
    """Return whether a policy imports a question of `fusion.request`."""
    return any(
        each.name == question
        for file in source.files
        for each in read_rules(file.text, debugging=PLAIN).imports
    )


def reads_random(source: PolicySource) -> bool:
    """Return whether a policy reads a random number per request."""
    return any(read_rules(file.text, debugging=PLAIN).reads_random for file in source.files)
