"""The files of a user's policy, read and checked: its own, and those beside it that it imports from."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from fusion.config.named_files import InputFolders, quote, split_policy
from fusion.config.problems import nearest
from fusion.config.text_files import read_text
from fusion.scenario.policy.rules import OFFERED, PLAIN, Rules, read_rules
from fusion.scenario.policy.source import PolicyFile, PolicySource

_MAX_BYTES = 1 << 20
_MOST_FILES = 50


class PolicyFileError(ValueError):
    """A policy that cannot be used; `problems` has a line for each reason."""

    def __init__(self, problems: list[str]) -> None:
        """problems: what is wrong, each with its file and line."""
        super().__init__("; ".join(problems))
        self.problems = problems


def read_policy(
    value: str, folders: InputFolders | None = None, arguments: Sequence[str] = ("the request",)
) -> PolicySource:
    """Return the source of a policy that is named as `file.py:function`.

    folders: in which the files must lie; None: any place. arguments: what the function is called with, as a
    message names it. Raises PolicyFileError with all that is wrong in the files: no such file, not valid
    Python, against the rules, no such function.
    """
    named, function = split_policy(value)
    folder = Path(named).parent

    def text_of(name: str) -> str:
        path = folder / f"{name}.py"
        if folders is not None and not folders.hold(path):
            raise ValueError(folders.refusal())
        if not path.exists():
            raise ValueError("is not there")
        return read_text(path, _MAX_BYTES)

    source = _read(Path(named).stem, function, text_of, arguments)
    return source._replace(folder=str(folder))


def checked(source: PolicySource) -> PolicySource:
    """Return a source that came from another process, if it is by the rules. Raises PolicyFileError."""
    texts = {file.name: file.text for file in source.files}

    def text_of(name: str) -> str:
        if name not in texts:
            raise ValueError("is not there")
        return texts[name]

    return _read(source.files[0].name, source.function, text_of)


def _read(
    first: str,
    function: str,
    text_of: Callable[[str], str],
    arguments: Sequence[str] = ("the request",),
) -> PolicySource:
    reader = _Reader(text_of)
    reader.read(first, f"{first}.py")
    if not reader.wrong:
        reader.wrong += _check_function(reader.rules[first], first, function, arguments)
    if reader.wrong:
        raise PolicyFileError(reader.wrong)
    order = _in_order(first, reader.rules)
    return PolicySource(function, tuple(PolicyFile(name, reader.texts[name]) for name in order))


class _Reader:
    """Reads a file and what it imports from beside it."""

    def __init__(self, text_of: Callable[[str], str]) -> None:
        self.rules: dict[str, Rules] = {}
        self.texts: dict[str, str] = {}
        self.wrong: list[str] = []
        self._text_of = text_of
        self._open: list[str] = []

    def read(self, name: str, wanted_by: str) -> None:
        """Read a file once. wanted_by: what a message begins with."""
        if name in self._open:
            self.wrong.append(f"{wanted_by}: {' and '.join(self._open)} import each other")
            return
        if name in self.rules:
            return
        try:
            text = self._text_of(name)
            rules = read_rules(text, debugging=PLAIN)
        except SyntaxError as error:
            reason = quote(error.msg)
            self.wrong.append(f"{name}.py, line {error.lineno or 1}: is not valid Python: {reason}")
            return
        except ValueError as error:
            self.wrong.append(f"{wanted_by}: '{quote(name)}.py' {error}")
            return
        self.rules[name], self.texts[name] = rules, text
        self.wrong += [f"{name}.py, line {line}: {message}" for line, message in rules.wrong]
        self._open.append(name)
        for each in rules.imports:
            place = f"{name}.py, line {each.line}"
            if each.module in OFFERED:
                continue
            if len(self.rules) >= _MOST_FILES:
                self.wrong.append(f"{place}: more than {_MOST_FILES} files")
                break
            self.read(each.module, place)
            found = self.rules.get(each.module)
            if found is not None and each.name not in (*found.functions, *found.constants):
                hint = nearest(each.name, [*found.functions, *found.constants])
                self.wrong.append(f"{place}: {each.module}.py has no '{quote(each.name)}'{hint}")
        self._open.pop()


def _check_function(rules: Rules, name: str, function: str, arguments: Sequence[str]) -> list[str]:
    if function not in rules.functions:
        has = f"; it has {', '.join(rules.functions)}" if rules.functions else ""
        return [f"{name}.py: there is no function '{quote(function)}'{has}"]
    node = next(
        each
        for each in rules.tree.body
        if isinstance(each, ast.FunctionDef) and each.name == function
    )
    needed = len(node.args.args) - len(node.args.defaults)
    if not needed <= len(arguments) <= len(node.args.args):
        given = ", ".join(each.arg for each in node.args.args)
        message = f"takes ({given}); a policy takes one argument, the request"
        if len(arguments) > 1:
            message = f"takes ({given}); it is called with {', '.join(arguments)}"
        return [f"{name}.py, line {node.lineno}: {function} {message}"]
    return []


def _in_order(first: str, rules: Mapping[str, Rules]) -> list[str]:
    """Return the names of the files, each before what it imports."""
    order: list[str] = []

    def add(name: str) -> None:
        if name not in order:
            for each in rules[name].imports:
                if each.module not in OFFERED:
                    add(each.module)
            order.append(name)

    add(first)
    return order[::-1]
