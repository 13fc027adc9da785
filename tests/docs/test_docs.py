"""The documents say what is true."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


def test_config_reference_is_up_to_date() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_config_reference.py"))
    assert (ROOT / "docs" / "config.md").read_text(encoding="utf-8") == made["reference"]()
    assert (ROOT / "docs" / "templates.md").read_text(encoding="utf-8") == made["templates"]()


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
