"""Arithmetic of a policy in plain Python with the limits that it has when it is compiled.

Compiled integers have 64 bits and tuples a length that is known, so that each operation ends at once. In
Python `10 ** 10 ** 10` is an integer that fills the memory, and `max(range(10**12))` takes hours in one line.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

MOST_BITS = 4096
"""Of an integer: more than 64, as one may be cut to these in the next operation."""

MOST_ITEMS = 4000
"""Of a tuple, and of what is gone through in one operation: it takes 2 s to compile what has a longer one."""

_OPERATORS: dict[type[ast.AST], str] = {}
"""Operator of the syntax -> name of the function that does it with care, which no policy can write."""

CAREFUL: dict[str, Callable[..., Any]] = {}
"""Those names -> functions."""


def _does(*operators: type[ast.AST]) -> Callable[[Any], Any]:
    def register(function: Any) -> Any:
        for operator in operators:
            _OPERATORS[operator] = f"<{operator.__name__}>"
            CAREFUL[f"<{operator.__name__}>"] = function
        return function

    return register


def _check_bits(bits: float) -> None:
    if bits > MOST_BITS:
        raise OverflowError(f"an integer of more than {MOST_BITS:,} bits; compiled ones have 64")


def _check_items(items: float) -> None:
    if items > MOST_ITEMS:
        raise OverflowError(f"more than {MOST_ITEMS:,} items in one operation")


@_does(ast.Pow)
def _power(a: Any, b: Any) -> Any:
    if isinstance(a, int) and isinstance(b, int) and abs(a) > 1:
        _check_bits((abs(a).bit_length() - 1) * b)
    return a**b


@_does(ast.LShift)
def _shifted(a: Any, b: Any) -> Any:
    if isinstance(a, int) and isinstance(b, int) and a:
        _check_bits(a.bit_length() + b)
    return a << b


@_does(ast.Mult)
def _times(a: Any, b: Any) -> Any:
    for items, count in ((a, b), (b, a)):
        if isinstance(items, tuple) and isinstance(count, int):
            _check_items(len(items) * count)
    if isinstance(a, int) and isinstance(b, int):
        _check_bits(a.bit_length() + b.bit_length())
    return a * b


@_does(ast.Add)
def _plus(a: Any, b: Any) -> Any:
    if isinstance(a, tuple) and isinstance(b, tuple):
        _check_items(len(a) + len(b))
    return a + b


@_does(ast.In)
def _is_in(value: Any, container: Any) -> bool:
    if isinstance(container, range) and not isinstance(value, int):
        _check_items(len(container))
    return value in container


@_does(ast.NotIn)
def _is_not_in(value: Any, container: Any) -> bool:
    return not _is_in(value, container)


def _of_few_items(function: Callable[..., Any]) -> Callable[..., Any]:
    def of_few_items(*arguments: Any, **options: Any) -> Any:
        for each in arguments:
            if isinstance(each, range):
                _check_items(len(each))
        return function(*arguments, **options)

    return of_few_items


def _of_few_factors(function: Callable[..., Any]) -> Callable[..., Any]:
    def of_few_factors(n: int, *k: int) -> Any:
        few = min(k[0], n - k[0]) if k and function is math.comb else k[0] if k else n
        _check_bits(few)  # each factor has a bit and more
        return function(n, *k)

    return of_few_factors


def _round(value: Any, digits: Any = None) -> Any:
    if isinstance(value, int) and isinstance(digits, int):
        _check_bits(-digits)
    return round(value, digits)


LIMITED: Mapping[Any, Callable[..., Any]] = {
    round: _round,
    **{each: _of_few_items(each) for each in (max, min, math.fsum, math.prod, math.dist)},
    **{each: _of_few_factors(each) for each in (math.comb, math.perm, math.factorial)},
}
"""Functions that a policy may call and that may take very long -> the same with care."""

MATH = SimpleNamespace(
    **{
        name: LIMITED.get(value, value) if callable(value) else value
        for name, value in vars(math).items()
    }
)
"""The module math with care."""


class _Careful(ast.NodeTransformer):
    """Replaces operators by calls of the functions that do them with care."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """Replace an operator between two values."""
        self.generic_visit(node)
        return _call(type(node.op), node, node.left, node.right) or node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """Replace `name += value` and the like."""
        self.generic_visit(node)
        if not isinstance(node.target, ast.Name):
            return node
        before = ast.copy_location(ast.Name(node.target.id, ast.Load()), node)
        value = _call(type(node.op), node, before, node.value)
        return node if value is None else ast.copy_location(ast.Assign([node.target], value), node)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """Replace `value in container`, where it is not one of several comparisons in a row."""
        self.generic_visit(node)
        if len(node.ops) > 1:
            return node
        return _call(type(node.ops[0]), node, node.left, node.comparators[0]) or node


def _call(operator: type[ast.AST], node: ast.AST, *arguments: ast.expr) -> ast.Call | None:
    name = _OPERATORS.get(operator)
    if name is None:
        return None
    called = ast.copy_location(ast.Name(name, ast.Load()), node)
    return ast.copy_location(ast.Call(called, list(arguments), []), node)


def careful(tree: ast.Module) -> ast.Module:
    """Change all of a file, so that no operation takes long."""
    changed: ast.Module = _Careful().visit(tree)
    return changed


def with_careful_constants(tree: ast.Module) -> ast.Module:
    """Change constants and the defaults of arguments, which are computed when a file is read."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            node.args.defaults = [_Careful().visit(each) for each in node.args.defaults]
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            node.value = _Careful().visit(node.value)
    return tree
