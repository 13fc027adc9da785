"""What a policy of the user's may be made of: functions over numbers, which compile and can do nothing else.

The rules are those of compiled code without memory of its own. They also make a policy safe to take from
another machine: there is no name in it that reads a file, and no way to reach one.
"""

from __future__ import annotations

import ast
import builtins
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from fusion.config.named_files import quote
from fusion.config.problems import nearest
from fusion.kernel.request import BLOCKED, PUBLIC, QUESTIONS, Request
from fusion.scenario.policy.arithmetic import MOST_ITEMS

PLAIN = os.environ.get("FUSION_PLAIN_POLICY", "0") not in ("", "0")
"""Whether policies run in plain Python, a thousand times slower, so that a debugger can follow them."""

FUNCTIONS = ("abs", "bool", "float", "int", "len", "max", "min", "range", "round")
"""Built-in functions that a policy may call."""
ERRORS = ("ArithmeticError", "AssertionError", "IndexError", "RuntimeError", "ValueError")
DEBUGGING = ("breakpoint", "print")
"""Only where policies run in plain Python."""

OFFERED: dict[str, Mapping[str, Any]] = {
    "math": {name: value for name, value in vars(math).items() if not name.startswith("_")},
    "fusion.request": {"BLOCKED": BLOCKED, "Request": Request}
    | {question.__name__: question for question in QUESTIONS},
}
"""What may be imported, beside names of files in the same folder."""

_ALLOWED = f"a policy may import from {' and '.join(OFFERED)}, and from files in its own folder"
_SILENT = ("__future__", "typing", "collections.abc")  # for annotations, which are not read
_STATEMENTS = (
    *(ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return, ast.If, ast.For, ast.While),
    *(ast.Break, ast.Continue, ast.Pass, ast.Expr, ast.Assert, ast.Raise),
)
_EXPRESSIONS = (
    *(ast.Constant, ast.Name, ast.Attribute, ast.Call, ast.BinOp, ast.UnaryOp, ast.BoolOp),
    *(ast.Compare, ast.IfExp, ast.Tuple, ast.Subscript),
)
_WORDS: dict[type[ast.AST], str] = {
    ast.List: "a list",
    ast.ListComp: "a list",
    ast.GeneratorExp: "a generator",
    ast.Dict: "a dictionary",
    ast.DictComp: "a dictionary",
    ast.Set: "a set",
    ast.SetComp: "a set",
    ast.JoinedStr: "text",
    ast.Lambda: "a lambda",
    ast.FunctionDef: "a function inside another",
    ast.AsyncFunctionDef: "an async function",
    ast.ClassDef: "a class",
    ast.Try: "try",
    ast.With: "with",
    ast.Global: "global",
    ast.Nonlocal: "nonlocal",
    ast.Delete: "del",
    ast.NamedExpr: "an assignment inside an expression",
    ast.Starred: "a star",
    ast.Slice: "a slice",
    ast.Import: "an import inside a function",
    ast.ImportFrom: "an import inside a function",
    ast.Yield: "yield",
    ast.YieldFrom: "yield",
    ast.Match: "match",
}


class Import(NamedTuple):
    """A name that a file takes from a module. module: of OFFERED, or a file beside it, without its ending."""

    module: str
    name: str
    as_name: str
    line: int


class Rules(NamedTuple):
    """A file by the rules. wrong: (line, message). reads_random: whether it names `request.random`."""

    tree: ast.Module
    imports: tuple[Import, ...]
    functions: tuple[str, ...]
    constants: tuple[str, ...]
    reads_random: bool
    wrong: tuple[tuple[int, str], ...]


def read_rules(text: str, *, debugging: bool) -> Rules:
    """Return what a file is made of, and what in it is against the rules.

    debugging: whether policies run in plain Python. Raises SyntaxError, with its line, for what is not valid
    Python.
    """
    try:
        tree = ast.parse(text)
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(str(error) or "is nested too deeply") from None
    reader = _Reader(DEBUGGING if debugging else ())
    try:
        reader.read(tree)
    except RecursionError:
        raise SyntaxError("is nested too deeply") from None
    return Rules(
        tree,
        tuple(reader.imports),
        tuple(reader.functions),
        tuple(reader.constants),
        any(isinstance(node, ast.Attribute) and node.attr == "random" for node in ast.walk(tree)),
        tuple(dict.fromkeys(sorted(reader.wrong))),
    )


class _Reader:
    """Reads a file from top to bottom and notes what is against the rules."""

    def __init__(self, debugging: Sequence[str]) -> None:
        self.imports: list[Import] = []
        self.functions: list[str] = []
        self.constants: list[str] = []
        self.wrong: list[tuple[int, str]] = []
        self._debugging = debugging
        self._modules: set[str] = set()
        self._calls: dict[str, set[str]] = {}

    def read(self, tree: ast.Module) -> None:
        """Read the whole file."""
        self.functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
        functions = []
        for place, node in enumerate(tree.body):
            if place == 0 and _is_docstring(node):
                continue
            if isinstance(node, ast.Import):
                self._import(node)
            elif isinstance(node, ast.ImportFrom):
                self._import_from(node)
            elif isinstance(node, ast.FunctionDef):
                functions.append(node)
            elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                self._constant(node, node.value)
            else:
                self._refuse(node, "a file has imports, constants and functions, and nothing else")
        for name in self.functions:
            if self.functions.count(name) > 1 or name in self._names():
                line = next(node.lineno for node in functions if node.name == name)
                self.wrong.append((line, f"'{quote(name)}' is there twice"))
        for function in functions:
            self._function(function)
        for function in functions:
            if _reaches(self._calls, function.name, function.name):
                self._refuse(function, f"'{quote(function.name)}' calls itself: write a loop")

    def _names(self) -> set[str]:
        return {each.as_name for each in self.imports} | {*self.constants} | self._modules

    def _import(self, node: ast.Import) -> None:
        for each in node.names:
            if each.name == "math" and each.asname is None:
                self._modules.add("math")
            else:
                self._refuse(node, _instead_of_import(each))

    def _import_from(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if module in _SILENT:
            return
        if node.level or ("." in module and module not in OFFERED):
            self._refuse(node, _ALLOWED)
            return
        for each in node.names:
            names = OFFERED.get(module)
            if each.name == "*":
                self._refuse(node, f"name what is imported from {quote(module)}")
            elif names is not None and each.name not in names:
                hint = nearest(each.name, list(names))
                self._refuse(node, f"{module} has no '{quote(each.name)}'{hint}")
            else:
                name = each.asname or each.name
                self.imports.append(Import(module, each.name, name, node.lineno))

    def _constant(self, node: ast.Assign | ast.AnnAssign, value: ast.expr) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        self._expression(value, self._names() | {*FUNCTIONS})
        for target in targets:
            if isinstance(target, ast.Name) and not target.id.startswith("__"):
                self.constants.append(target.id)
            else:
                self._refuse(node, "a constant has one name: NAME = value")

    def _function(self, function: ast.FunctionDef) -> None:
        arguments = function.args
        if function.decorator_list:
            self._refuse(function, "no decorator: the function is compiled as it stands")
        if arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.posonlyargs:
            self._refuse(function, "a function has plain arguments only")
        for default in arguments.defaults:
            self._expression(default, self._names())
        local = {each.arg for each in arguments.args} | {
            node.id
            for node in ast.walk(function)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        known = local | self._names() | {*self.functions, *FUNCTIONS, *ERRORS, *self._debugging}
        self._calls[function.name] = {
            node.func.id
            for node in ast.walk(function)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        body = function.body[1:] if _is_docstring(function.body[0]) else function.body
        for statement in body:
            self._statement(statement, known)

    def _statement(self, node: ast.stmt, known: set[str]) -> None:
        if not isinstance(node, _STATEMENTS):
            self._not_in_a_policy(node)
            return
        if isinstance(node, ast.Return) and node.value is None:
            self._refuse(node, "returns nothing; return BLOCKED where nothing is chosen")
        may_say = isinstance(node, ast.Raise | ast.Assert)
        for name, child in _children(node):
            if isinstance(child, ast.stmt):
                self._statement(child, known)
            elif isinstance(child, ast.expr) and name != "annotation":
                self._expression(child, known, may_say=may_say)

    def _expression(self, node: ast.AST, known: set[str], *, may_say: bool = False) -> None:
        if isinstance(node, ast.expr) and not isinstance(node, _EXPRESSIONS):
            self._not_in_a_policy(node)
            return
        if isinstance(node, ast.Constant):
            if not isinstance(node.value, bool | int | float) and not (
                may_say and isinstance(node.value, str)
            ):
                hint = (
                    "; BLOCKED is what says that nothing was chosen" if node.value is None else ""
                )
                self._refuse(
                    node, f"{quote(repr(node.value))}: a policy works with numbers only{hint}"
                )
        elif isinstance(node, ast.Name):
            self._name(node, known)
        elif isinstance(node, ast.Attribute):
            self._attribute(node, known)
        elif isinstance(node, ast.Tuple) and len(node.elts) > MOST_ITEMS:
            self._refuse(node, f"a tuple of {len(node.elts):,} items; at most {MOST_ITEMS:,}")
        elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            self._refuse(node, "a tuple cannot be changed")
        else:
            may_say = may_say or self._may_print(node)
            for _, child in _children(node):
                self._expression(child, known, may_say=may_say)

    def _name(self, node: ast.Name, known: set[str]) -> None:
        if node.id in known:
            return
        if node.id in DEBUGGING:
            message = f"{node.id} only works in plain Python: set FUSION_PLAIN_POLICY=1"
        elif hasattr(builtins, node.id):
            message = f"a policy has of Python's functions only {', '.join(FUNCTIONS)}"
            message = f"'{quote(node.id)}' is not there; {message}"
        else:
            questions = [name for name in OFFERED["fusion.request"] if name != "Request"]
            hint = nearest(node.id, [*known, *questions])
            if node.id in questions:
                hint = f"; write: from fusion.request import {node.id}"
            message = f"'{quote(node.id)}' is not defined{hint}"
        self._refuse(node, message)

    def _attribute(self, node: ast.Attribute, known: set[str]) -> None:
        of = node.value
        if isinstance(of, ast.Name) and of.id in self._modules:
            if node.attr not in OFFERED[of.id]:
                hint = nearest(node.attr, list(OFFERED[of.id]))
                self._refuse(node, f"{of.id} has no '{quote(node.attr)}'{hint}")
            return
        self._expression(of, known)
        if node.attr not in PUBLIC:
            message = f"a request has no '{quote(node.attr)}'; it has {', '.join(PUBLIC)}"
            self._refuse(node, message)
        elif not isinstance(node.ctx, ast.Load):
            self._refuse(node, "a request cannot be changed")

    def _may_print(self, node: ast.AST) -> bool:
        return (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in self._debugging
        )

    def _not_in_a_policy(self, node: ast.stmt | ast.expr) -> None:
        what = _WORDS.get(type(node), type(node).__name__.lower())
        self._refuse(node, f"{what}: a policy has numbers and tuples, if, for and while")

    def _refuse(self, node: ast.stmt | ast.expr, message: str) -> None:
        self.wrong.append((node.lineno, message))


def _instead_of_import(module: ast.alias) -> str:
    """Return what to write for `import module`, which only math may be imported with."""
    name = quote(module.name)
    if module.name == "math":
        return "write: import math; or from math import ..."
    if module.name in OFFERED:
        return f"write: from {name} import ..."
    if module.name in sys.stdlib_module_names or "." in module.name:
        return f"'{name}' is not allowed: {_ALLOWED}"
    return f"write: from {name} import ..., for a file {name}.py in the policy's folder; {_ALLOWED}"


def _children(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield (field, child) of a node."""
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield name, child


def _is_docstring(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _reaches(calls: Mapping[str, set[str]], start: str, target: str) -> bool:
    """Return whether a chain of calls leads from one function to another."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for name in calls.get(waiting.pop(), ()):
            if name == target:
                return True
            if name not in seen:
                seen.add(name)
                waiting.append(name)
    return False
