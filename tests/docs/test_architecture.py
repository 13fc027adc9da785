"""Imports run one way, and DESIGN.md and docs/modules.md show the subpackages as they are."""

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
MOST_SUBPACKAGES = {"fusion": 9, "fusion_flows": 10}
FACES = {
    "fusion": {
        *("fusion", "fusion.request", "fusion.inputs", "fusion.replication"),
        "fusion.kernel_cache",  # where the cache of kernel/ is, without loading it and numba
    },
    "fusion_flows": {
        "fusion_flows",
        *(f"fusion_flows.{name}" for name in ("__main__", "serve")),
        *(f"fusion_flows.{name}" for name in ("sim", "sweep", "points", "maintenance")),
    },
}
"""Files outside the subpackages: what is promised to be importable from there."""


@pytest.fixture(scope="module")
def read() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "docs" / "make_architecture.py"))


@pytest.mark.parametrize("package", MOST_SUBPACKAGES)
def test_imports_between_subpackages_run_one_way(read: dict[str, Any], package: str) -> None:
    subpackages = read["subpackages"](package)
    assert len(subpackages) <= MOST_SUBPACKAGES[package]
    layers = read["layers"](subpackages)  # an error where subpackages import each other in a circle
    assert all(
        layers[subpackage] > layers[other]
        for subpackage, others in subpackages.items()
        for other in others
    )


@pytest.mark.parametrize("package", MOST_SUBPACKAGES)
def test_no_files_import_each_other_in_a_circle(read: dict[str, Any], package: str) -> None:
    graph = {each.name: each.imports - {package} for each in read["modules"](package)}
    read["order"](graph)
    assert len(graph) > 50


@pytest.mark.parametrize("package", MOST_SUBPACKAGES)
def test_every_file_has_a_subpackage(read: dict[str, Any], package: str) -> None:
    beside = {
        each.name for each in read["modules"](package) if not read["subpackage_of"](each.name)
    }
    assert beside == FACES[package]


def test_a_circle_is_found(read: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"a -> b -> a|b -> a -> b"):
        read["layers"]({"a": frozenset("b"), "b": frozenset("a")})


def test_the_simulator_does_not_know_of_the_flows(read: dict[str, Any]) -> None:
    for path in sorted((ROOT / "fusion").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        for other in ("fusion_flows", "prefect", "pandas", "matplotlib"):
            assert f"import {other}" not in text, path
            assert f"from {other}" not in text, path


def _added_most_often() -> list[tuple[str, list[str], str, bool]]:
    """Return the rows of the table: what, its files, what to follow, and whether that is elsewhere, too."""
    text = (ROOT / "DESIGN.md").read_text(encoding="utf-8")
    section = text.split("\n## What is added most often\n")[1].split("\n## ")[0]
    rows = []
    for line in re.findall(r"^\| (?!to be added).*\|$", section, flags=re.MULTILINE):
        what, files, follow = line.strip("| ").split(" | ")
        named = re.findall(r"`(fusion(?:_flows)?/[\w/]+\.\w+)`", files)
        rows.append((what, named, follow.split("`")[1], follow.endswith("and more")))
    return rows


@pytest.mark.parametrize(("what", "files", "follow", "more"), _added_most_often())
def test_what_is_to_follow_stands_in_the_files_that_are_named(
    what: str, files: list[str], follow: str, *, more: bool
) -> None:
    word = re.compile(rf"\b{follow}\b")
    there = {
        str(path.relative_to(ROOT))
        for package in MOST_SUBPACKAGES
        for path in (ROOT / package).rglob("*")
        if path.suffix in (".py", ".json") and word.search(path.read_text(encoding="utf-8"))
    }
    assert files, what
    assert there >= set(files)
    assert more or there == set(files)


def test_the_pages_show_the_subpackages_as_they_are(read: dict[str, Any]) -> None:
    command = "python docs/make_architecture.py"
    assert read["TARGET"].read_text(encoding="utf-8") == read["page"](), command
    assert read["DESIGN"].read_text(encoding="utf-8") == read["design"](), command
