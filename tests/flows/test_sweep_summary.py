"""What `fusion sweep` prints at its end: the points, and which policy blocks less."""

import re
import sys
from pathlib import Path

import pytest

from fusion.sweep.store import Store
from fusion_flows.command import sweep_summary
from fusion_flows.command.cli import main
from fusion_flows.command.sweep_summary import print_summary

from .test_which_store import here

__all__ = ["here"]


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    text = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    return [line.rstrip() for line in text.splitlines() if line.strip("─ ")]


def test_the_points_are_in_a_table_and_a_sentence_says_which_blocks_less(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_summary("s.toml", Store(here.parent / "there" / "runs" / "store"))
    header, *rows, sentence = lines(capsys)
    assert re.split(" {2,}", header) == [
        *("path_order", "load (E)", "blocking", "interval", "replications")
    ]
    cells = [re.split(" {2,}", row) for row in rows]
    assert [row[:2] for row in cells] == [
        *(["km", "150"], ["km", "200"], ["hops", "150"], ["hops", "200"])
    ]
    assert all(row[2] == "0.003" and row[4] == "3" and " to " in row[3] for row in cells)
    assert sentence == "No difference shown between hops and km at 2 loads"


@pytest.mark.parametrize(("columns", "lacking"), [(56, {"replications"}), (80, set())])
def test_the_table_fits_into_the_terminal(
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    columns: int,
    lacking: set[str],
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_summary("s.toml", Store(here.parent / "there" / "runs" / "store"))
    header, *rows, _ = lines(capsys)
    assert max(map(len, (header, *rows))) <= columns
    assert {"replications"} - set(header.split()) == lacking


def test_what_has_one_value_or_is_too_much_is_left_out(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("s.toml").write_text(Path("s.toml").read_text().replace('["km", "hops"]', '["km"]'))
    monkeypatch.setattr(sweep_summary, "_SHOWN_POINTS", 1)
    print_summary("s.toml", Store(here.parent / "there" / "runs" / "store"))
    said = capsys.readouterr()
    header, row = said.out.strip().splitlines()
    assert "path_order" not in header
    assert row.split()[0] == "150"
    assert "... and 1 more; all are in points.csv" in said.err


def test_an_engine_that_cannot_be_is_refused_before_there_is_a_run(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", "s.toml", "--engine", "dask"]) == 2
    assert capsys.readouterr().err.startswith(
        "fusion: engine = dask: must be local, the address of"
    )
    assert not (here / "runs").exists()


def test_nothing_is_printed_without_results(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_summary("s.toml", Store(tmp_path / "empty"))
    assert capsys.readouterr() == ("", "")
