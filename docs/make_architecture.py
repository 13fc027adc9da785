"""Write docs/modules.md and the table of subpackages in DESIGN.md: `python docs/make_architecture.py`.

A subpackage is a folder of `fusion/` or `fusion_flows/`. Imports are read from the code, whether they are at
the top, where they are needed, or only for a type.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PACKAGES = ("fusion", "fusion_flows")
DATA = ROOT / "fusion" / "shipped"
"""Without modules: a policy there is an input file."""
TARGET = Path(__file__).with_name("modules.md")
DESIGN = ROOT / "DESIGN.md"
BEGIN, END = "<!-- subpackages: begin -->\n", "<!-- subpackages: end -->\n"
HEAD = """# Modules

Each file with its subject, by subpackage, lowest layer first. [DESIGN.md](../DESIGN.md) describes the layers.

This page is made from the docstrings by `python docs/make_architecture.py`.
"""

Graph = Mapping[str, frozenset[str]]
"""Name of a module or a subpackage -> names of those that it imports."""


class ImportCycleError(ValueError):
    """Modules or subpackages that import each other in a circle; the message names them in order."""


class Module(NamedTuple):
    """A file: its name, such as fusion.sweep.store, the first line of its docstring, what it imports."""

    name: str
    subject: str
    imports: frozenset[str]


@lru_cache
def modules(package: str) -> tuple[Module, ...]:
    """Return the files of a package, by name."""
    folder = ROOT / package
    files = (path for path in sorted(folder.rglob("*.py")) if DATA not in path.parents)
    names = {_name(path): path for path in files}
    found = []
    for name, path in names.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        subject = (ast.get_docstring(tree) or "").split("\n\n")[0].replace("\n", " ")
        imports = frozenset(_imports(tree, names)) - {name}
        found.append(Module(name, subject, imports))
    return tuple(found)


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(tree: ast.AST, names: Mapping[str, Path]) -> Iterable[str]:
    """Yield the modules that a file imports, of those in `names`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                if submodule in names:
                    yield submodule
                elif node.module in names:
                    yield node.module


def subpackage_of(module: str) -> str:
    """Return the subpackage of a module; empty for a file outside them, such as an `__init__.py`."""
    parts = module.split(".")
    return (
        parts[1] if len(parts) > 2 or ((ROOT / Path(*parts)).is_dir() and len(parts) == 2) else ""
    )


def subpackages(package: str) -> Graph:
    """Return what each subpackage imports of the others."""
    found: dict[str, set[str]] = {}
    for module in modules(package):
        if subpackage := subpackage_of(module.name):
            found.setdefault(subpackage, set()).update(
                subpackage_of(each) for each in module.imports
            )
    return {
        subpackage: frozenset(others - {"", subpackage}) for subpackage, others in found.items()
    }


def order(graph: Graph) -> list[str]:
    """Return names so that each comes after what it imports. Raises ImportCycleError."""
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise ImportCycleError(" -> ".join(reversed(error.args[1]))) from None


def layers(graph: Graph) -> dict[str, int]:
    """Return the layer of each subpackage: one above the highest that it imports. Raises ImportCycleError."""
    found: dict[str, int] = {}
    for subpackage in order(graph):
        found[subpackage] = 1 + max((found[other] for other in graph[subpackage]), default=0)
    return dict(sorted(found.items(), key=lambda item: (item[1], item[0])))


def table() -> str:
    """Return the table of subpackages in markdown."""
    parts = []
    for package in PACKAGES:
        graph = subpackages(package)
        subjects = {module.name: module.subject for module in modules(package)}
        rows = [f"| layer | `{package}/` | subject | imports from |", "|---|---|---|---|"]
        for subpackage, layer in layers(graph).items():
            others = ", ".join(
                f"`{other}`" for other in layers(graph) if other in graph[subpackage]
            )
            subject = subjects[f"{package}.{subpackage}"].rstrip(".")
            rows.append(f"| {layer} | `{subpackage}/` | {subject} | {others or '-'} |")
        arrows = sum(map(len, graph.values()))
        rows.append(
            f"\n{len(graph)} subpackages in {max(layers(graph).values())} layers, with {arrows} imports "
            "between them,\nnone of them upwards; no circular imports among subpackages or files.\n"
        )
        parts.append("\n".join(rows))
    return "\n".join(parts)


def design() -> str:
    """Return DESIGN.md with the table of subpackages as it is now."""
    text = DESIGN.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    return before + BEGIN + table() + END + rest.split(END)[1]


def page() -> str:
    """Return docs/modules.md."""
    parts = [HEAD]
    for package in PACKAGES:
        of_subpackage: dict[str, list[Module]] = {}
        for module in modules(package):
            of_subpackage.setdefault(subpackage_of(module.name), []).append(module)
        for subpackage in ["", *layers(subpackages(package))]:
            place = f"{package}/{subpackage}/" if subpackage else f"{package}/"
            parts.append(f"\n## `{place}`\n")
            if subpackage:
                parts.append(f"{of_subpackage[subpackage][0].subject}\n")
            parts.append("| file | subject |\n|---|---|")
            parts += [
                _row(module, place) for module in of_subpackage[subpackage] if _file(module.name)
            ]
    return "\n".join(parts) + "\n"


def _file(module: str) -> str:
    """Return the path of a module's file; empty for the face of a folder."""
    path = ROOT / Path(*module.split("."))
    return "" if path.is_dir() else f"{path.relative_to(ROOT).as_posix()}.py"


def _row(module: Module, place: str) -> str:
    subject = module.subject.rstrip(".").replace("|", "\\|")
    return f"| `{_file(module.name).removeprefix(place)}` | {subject} |"


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
    DESIGN.write_text(design(), encoding="utf-8")
