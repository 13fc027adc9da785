"""What one starts from: a new INI file, a key in words, an earlier run, its report."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

from fusion.config.config import load_config
from fusion.config.relevant_fields import relevant_fields
from fusion.config.sections import HOME, SECTIONS
from fusion.config.templates import template_names
from fusion_flows.command import cli
from fusion_flows.command.explaining import explain

from .prefect_server import Prefect
from .started import script


@pytest.mark.parametrize("template", template_names())
def test_a_new_file_simulates_what_its_template_does(template: str, tmp_path: Path) -> None:
    file = tmp_path / "study.ini"
    assert cli.main(["new", str(file), "--from", template]) == 0
    assert relevant_fields(load_config(file)) == relevant_fields(load_config(template))
    text = file.read_text()
    assert max(map(len, (line for line in text.splitlines() if line[:1] == "#"))) <= 100
    for line in re.findall(r"\n(.*)\n[a-z_0-9]+ = ", text):
        assert line.startswith("# "), "each key has its comment"


def test_a_new_file_has_changes_and_overwrites_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine" / "study.ini"
    assert cli.main(["new", str(file), "-s", "k_paths=7", "-s", "confidence=0.9"]) == 0
    config = load_config(file)
    assert (config.routing_settings.k_paths, config.statistics_settings.confidence) == (7, 0.9)
    before = file.read_bytes()
    for name, said in ((str(file), "already exists"), ("study.txt", "ends in .ini")):
        assert cli.main(["new", name]) == 2
        assert said in capsys.readouterr().err
    assert cli.main(["new", str(tmp_path / "other.ini"), "-s", "k_paths=0"]) == 2
    assert "k_paths = 0" in capsys.readouterr().err
    assert not (tmp_path / "other.ini").exists()
    assert file.read_bytes() == before


def test_every_key_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    found = explain()
    assert [each.key for each in found] == list(HOME)
    assert all(each.meaning and each.allowed for each in found)
    for section in SECTIONS:
        keys = list(SECTIONS[section].model_fields)
        for name in (section, section.removesuffix("_settings"), f"[{section}]"):
            assert [each.key for each in explain(name)] == keys
    assert cli.main(["explain", "routing_settings.k_paths", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["default"], told["allowed"]) == ("3", "an integer from 1 to 100")
    assert told["templates"]["quick"] == "5"
    assert cli.main(["explain", "k_paths"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("[routing_settings] k_paths\n  Meaning   Number of candidate paths")
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert cli.main(["explain", *SECTIONS]) == 0
    assert "docs/" not in capsys.readouterr().out, "an installed package has no such folder"


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("load", "erlang_start, erlang_stop and erlang_step"),
        ("k_path", "did you mean 'k_paths'"),
        ("general_settings.k_paths", "k_paths is a key of routing_settings"),
        ("grooming", "did you mean 'is_grooming_enabled'"),
        ("crosstalk", "these mention it: snr_type, requested_xt"),
        ("nonsense", "`fusion explain` lists all keys"),
    ],
)
def test_what_is_no_key_is_told(word: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", word]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "near"),
    [("plots", ["plot"]), ("re", ["rerun", "report", "resume", "compare"]), ("xyzzy", [])],
)
def test_an_unknown_verb_has_all_near_ones(
    word: str, near: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([word]) == 2
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    assert capsys.readouterr().err.splitlines()[0] == f"fusion: unknown command {word}{hint}"


def test_a_run_is_simulated_again_and_its_report_opened(
    server: Prefect,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    small = {"general_settings": {"num_requests": 500, "max_iters": 2, "erlang_stop": 160}}
    first = server.call(script(tmp_path, f"fusion(overrides={small!r}, name='the first')"))
    assert first.wait(120) == 0
    before = server.directory(server.named("the first"))

    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {shlex.quote(str(tmp_path / "opened"))}\n')
    browser.chmod(0o755)
    monkeypatch.setenv("FUSION_RUNS_DIR", str(server.runs))
    monkeypatch.setenv("BROWSER", str(browser))
    home = server.environment["PREFECT_HOME"]
    with temporary_settings({PREFECT_API_URL: server.url, PREFECT_HOME: home}):
        assert cli.main(["open", before.name]) == 0
        address = (before / "report.html").as_uri()
        assert (
            capsys.readouterr().out.strip() == (tmp_path / "opened").read_text().strip() == address
        )
        assert cli.main(["open", "--page", before.name]) == 0
        assert "/runs/flow-run/" in capsys.readouterr().out

        assert cli.main(["rerun", "the first", "-s", "k_paths=2", "--name", "again", "--json"]) == 0
        result = json.loads(capsys.readouterr().out)
        assert result["run_id"] != before.name
        settings = [
            load_config(folder / "config.ini") for folder in (before, Path(result["run_dir"]))
        ]
        assert [each.routing_settings.k_paths for each in settings] == [5, 2]
        assert [each.general_settings for each in settings] == [settings[0].general_settings] * 2
        assert cli.main(["open", "no such run"]) == 2
        capsys.readouterr()
