"""Tables of the command in a terminal that is too narrow for all of their columns."""

import re
import sys
from pathlib import Path

import pytest

from fusion_flows.command.cli import main

from .test_which_store import here

__all__ = ["here"]


@pytest.mark.parametrize(
    ("columns", "lacking"), [(80, {"n", "difference"}), (100, set()), (150, set())]
)
def test_a_comparison_has_a_line_for_each_load(
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    columns: int,
    lacking: set[str],
) -> None:
    monkeypatch.setenv("FUSION_STORE_DIR", str(here.parent / "there" / "runs" / "store"))
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["compare", "s.toml", "path_order"]) == 0
    text = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    header, *rows = (line.rstrip() for line in text.splitlines() if line.strip("─ "))
    assert max(map(len, (header, *rows))) <= columns
    assert lacking == {"n", "difference"} - set(header.split())
    assert [row.split()[0] for row in rows] == ["150", "200"]
    assert all(row.endswith("shown") for row in rows)


def test_what_goes_into_a_file_has_all_columns(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FUSION_STORE_DIR", str(here.parent / "there" / "runs" / "store"))
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["compare", "s.toml", "path_order"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert "path_order (base)" in header
    assert all(row.endswith("no difference shown") for row in rows)
