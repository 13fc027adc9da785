"""Published values simulated again by the command: table, picture, report, exit codes, and nothing twice."""

import csv
import shutil
from pathlib import Path

import pytest

from fusion.config import shipped
from fusion.sweep import study
from fusion.sweep.reproduction import Value
from fusion.sweep.store import Store
from fusion_flows.command import cli

NAME = "fusion_slices"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FUSION_STORE_DIR", str(tmp_path / "store"))
    monkeypatch.setenv("FUSION_RUNS_DIR", str(tmp_path / "runs"))
    return tmp_path


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_studies_are_listed(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["reproduce"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n{name} " in out for name in shipped.study_names())
    assert not (place / "store").exists()


def test_a_study_is_simulated_once(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["reproduce", NAME, "--to", "again"]) == 0
    first = capsys.readouterr()
    assert "2 points of 2 to compute" in first.err
    rows = _rows(place / "again" / "values.csv")
    assert tuple(rows[0]) == Value._fields
    assert [row["verdict"] for row in rows] == ["inside", "inside"]
    # With FUSION's conventions the values are FUSION's own, to all digits that are printed.
    assert [f"{float(row['ours']):.4f}" for row in rows] == ["0.1884", "0.2292"]
    report = (place / "again" / "report.html").read_text(encoding="utf-8")
    assert "0.1884" in report
    assert "R. McCann" in report
    assert "<svg" in report
    assert (place / "again" / "reproduction.png").stat().st_size > 10_000
    files = Store(place / "store").files()

    assert cli.main(["reproduce", NAME, "--json"]) == 0
    second = capsys.readouterr()
    assert "to compute" not in second.err
    assert '"inside": 2' in second.out
    assert Store(place / "store").files() == files


@pytest.mark.parametrize(
    ("reasons", "code"), [([], 1), (["all"], 0), (["other"], 1), (["other", "all"], 0)]
)
def test_a_value_outside_is_told_by_the_exit_code(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    reasons: list[str],
    code: int,
) -> None:
    folder = place / "studies" / "wrong"
    shutil.copytree(shipped.STUDIES / NAME, folder)
    text = (folder / "points.csv").read_text(encoding="utf-8")
    text += text.splitlines()[1].replace("slices", "other") + "\n"
    (folder / "points.csv").write_text(text.replace("0.2292,0.031258", "0.29,0.01"))
    with (folder / "study.toml").open("a", encoding="utf-8") as file:
        file.write("\n[cases.other]\nguard_slots = 1\n")
        for reason in reasons:
            file.write(f'[[reasons]]\nname = "{reason}"\ntext = "Fewer slots"\n')
            file.write("settings = [{c_band = 110}]\n")
            if reason == "other":
                file.write('cases = ["other"]\n')
    monkeypatch.setattr(shipped, "STUDIES", place / "studies")
    monkeypatch.setattr(study, "STUDIES", place / "studies")
    assert cli.main(["reproduce", "--all"]) == code
    rows = _rows(place / "reproduced" / "values.csv")
    tried = "all" if "all" in reasons else ""
    assert [row["verdict"] for row in rows] == [
        *("inside", "explained" if tried else "outside", "inside"),
    ]
    assert [row["reason"] for row in rows] == ["", tried, ""]
    out = capsys.readouterr()
    assert out.err.count("1 value outside: the settings of a reason follow") == bool(tried)


def test_what_cannot_be_reproduced_is_refused(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["reproduce", "deeprmas"]) == 2
    assert "deeprmsa" in capsys.readouterr().err
    assert cli.main(["reproduce", NAME, "--all"]) == 2
    assert not (place / "store").exists()
