"""The process that writes what is up at a moment, and the verb that draws it."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from fusion import load_config, make_scenario
from fusion.cli.spectrum import main
from fusion.results.spectrum_table import spectrum_table
from fusion.scenario.inputs import read_inputs
from fusion.simulation.moment import moment_after
from fusion_flows.command import cli
from fusion_flows.command.spectrum import spectrum

CHANGES = {
    "general_settings": {"num_requests": 2000, "max_iters": 2, "erlang_stop": 180},
    "topology_settings": {"cores_per_link": 2},
}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("PREFECT_API_URL", "FUSION_RUNS_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))


def test_the_verb_draws_and_writes_what_is_up(tmp_path: Path) -> None:
    paths = spectrum("quick", overrides=CHANGES, load=160, at=1500, replication=1, to="here")
    endings = [path.suffix for path in paths]
    assert endings == [".png", ".pdf", ".svg", ".csv"]
    assert all(path.stat().st_size > 1000 for path in paths)
    config = load_config("quick", CHANGES)
    scenario = make_scenario(config, read_inputs(config, quiet=True))
    moment = moment_after(scenario, 160, 1, config.warmup_requests(160), 1500)
    text = paths[-1].read_text()
    assert text == spectrum_table(scenario, moment)
    rows = list(csv.DictReader(text.splitlines()))
    assert {row["core"] for row in rows} == {"0", "1"}
    assert all(float(row["time_left"]) > 0 for row in rows)
    svg = paths[2].read_text()
    assert "160 Erlang, after request 1,500 of replication 1, core 0" in svg


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["quick", "--at", "0"], "--at 0: must be 1 to 50000"),
        (["quick", "--replication", "99"], "--replication 99: must be 0 to 9, as max_iters = 10"),
        (["quick", "--load", "0"], "--load 0: must be above 0"),
        (["quick", "--core", "1"], "--core 1: must be 0, as there is one core"),
        (["quick", "--color", "modulations"], "did you mean 'modulation'?"),
        (["quik"], "did you mean 'quick'?"),
        (["quick", "-s", "k_paths=0"], "k_paths = 0"),
        (["none.ini"], "template = none.ini: file not found"),
        (["quick", "--to", "/dev/null/x"], "--to /dev/null/x: Not a directory"),
    ],
)
def test_what_cannot_be_drawn_is_told(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["spectrum", *words]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert "Traceback" not in said


def test_bad_settings_end_the_process_before_it_begins(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", "none", "--output", "x.csv"]) == 2
    assert "template = none" in capsys.readouterr().err
    assert not Path("x.csv").exists()


def test_its_help_comes_at_once() -> None:
    code = (
        "import sys; from fusion.cli.spectrum import parser; parser().format_help(); "
        "sys.exit('numba' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
