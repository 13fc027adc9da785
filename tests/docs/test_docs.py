"""The documents say what is true."""

from __future__ import annotations

import re
import runpy
from itertools import pairwise
from pathlib import Path

import pytest

from fusion.config.shipped import OTHER_NAMES, modulation_names, topology_names
from fusion.config.templates import template_names

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/howto/*.md")])


def test_config_reference_is_up_to_date() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_config_reference.py"))
    assert (ROOT / "docs" / "config.md").read_text(encoding="utf-8") == made["reference"]()
    assert (ROOT / "docs" / "templates.md").read_text(encoding="utf-8") == made["templates"]()


def test_the_table_of_features_is_up_to_date() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_features.py"))
    assert (ROOT / "docs" / "features.md").read_text(encoding="utf-8") == made["page"]()


def test_the_tables_of_columns_are_up_to_date() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_columns.py"))
    assert (ROOT / "docs" / "files.md").read_text(encoding="utf-8") == made["page"]()


def test_the_glossary_is_up_to_date() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_glossary.py"))
    assert (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8") == made["page"]()
    terms = [term.name for term in made["GLOSSARY"]]
    assert terms == sorted(terms, key=str.lower)


def test_api_reference_is_up_to_date() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_api_reference.py"))
    assert (ROOT / "docs" / "api.md").read_text(encoding="utf-8") == made["reference"]()


def test_every_page_is_two_clicks_from_the_readme() -> None:
    assert "](docs/README.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
    site = runpy.run_path(str(ROOT / "docs" / "site" / "conf.py"))
    listed = {name for group in site["_PAGES"].values() for name in group}
    pages = [*ROOT.glob("docs/*.md"), *ROOT.glob("docs/howto/*.md")]
    named = {page.relative_to(ROOT / "docs").with_suffix("").as_posix() for page in pages}
    assert named - {"README"} <= listed, "the navigation of the site lacks a page"


def test_the_index_has_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for page in [*ROOT.glob("docs/*.md"), *ROOT.glob("docs/howto/*.md")]:
        name = page.relative_to(ROOT / "docs").as_posix()
        assert f"]({name})" in index or name == "README.md", f"docs/README.md lacks {name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for named in re.findall(r"`((?:fusion|fusion_flows|tests|docs|benchmarks)/[\w./]+)`", text):
        assert (ROOT / named).exists(), named


def test_a_percentage_is_written_one_way() -> None:
    """As on the pages: with a space. Python's own format has none."""
    folders = ("fusion", "fusion_flows", "benchmarks")
    sources = [source for folder in folders for source in ROOT.glob(f"{folder}/**/*.py")]
    assert sources
    for source in sources:
        found = re.findall(r"\{[^{}]*:[^{}]*%\}", source.read_text(encoding="utf-8"))
        assert not found, f"{source.name}: {found}"


def test_a_percentage_on_a_page_has_a_space() -> None:
    for page in PAGES:
        found = re.findall(r"\d%", page.read_text(encoding="utf-8"))
        assert not found, page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tables_are_tables(page: Path) -> None:
    """As GitHub reads them: a header, a line that divides it from the rest, and as many cells in each row."""
    text = re.sub(r"^( *)```.*?^\1```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for table in re.findall(r"(?:^ *\|.*\n)+", text, re.MULTILINE):
        rows = [re.split(r"(?<!\\)\|", row.strip()) for row in table.splitlines()]
        assert len(rows) > 2, table
        assert all(re.fullmatch(r" *:?-+:? *", cell) for cell in rows[1][1:-1]), rows[1]
        for row in rows:
            assert len(row) == len(rows[0]), row
            assert row[-1] == "", row
    for before, line in pairwise(text.splitlines()):
        if line.startswith("|") and not before.startswith(("|", "<!--")):
            assert not before.strip(), f"a table needs an empty line above it: {before}"


def test_all_that_is_shipped_is_named_on_a_page() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    names = [*modulation_names(), *topology_names(), *OTHER_NAMES]
    assert [name for name in names if f"`{name}`" not in text] == []
    headings = {line for line in text.splitlines() if line.startswith("### ")}
    assert {f"### {name}" for name in template_names()} <= headings


def test_every_fault_has_its_test() -> None:
    defined = {
        (file.name, name)
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+\.py)::(test_\w+)`", page))
    assert len(named) > 30
    assert named <= defined, named - defined
    rows = [line for line in page.splitlines() if line.startswith("|") and "---" not in line]
    assert all("::test_" in row or row.endswith("| test |") for row in rows)
