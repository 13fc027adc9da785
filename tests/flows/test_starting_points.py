"""What one starts from: a new INI file, a key in words, an earlier run, its report."""

from __future__ import annotations

import json
import re
import shlex
import textwrap
import tomllib
from itertools import product
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

from fusion.config.config import load_config, to_ini
from fusion.config.policy_names import policy_name
from fusion.config.relevant_fields import relevant_fields
from fusion.config.sections import FIT_LABELS, HOME, ROUTE_LABELS, SECTIONS
from fusion.config.sections import policy_name as policy_label
from fusion.config.templates import template_names
from fusion.sweep.definition import Sweep
from fusion.sweep.points import sweep_points
from fusion.sweep.sweep_file import read_sweep
from fusion_flows.command import cli
from fusion_flows.command.explaining import explain
from fusion_flows.command.new_file import new
from fusion_flows.command.policy_words import Policy, explained
from fusion_flows.command.run_again import name_of
from fusion_flows.command.submission import read_assignments
from fusion_flows.command.sweep_format import sweep_format
from fusion_flows.rundir import directory as rundir
from fusion_flows.rundir.directory import RunDirectory
from fusion_flows.rundir.file_state import recorded_name

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


@pytest.mark.parametrize("template", template_names())
def test_a_new_sweep_starts_from_any_template(template: str, tmp_path: Path) -> None:
    """Its points are the loads of the template, on an axis of another key."""
    file = new(tmp_path / "study.toml", template=template)
    sweep = read_sweep(file)
    points = sweep_points(sweep)
    assert {point.axes["erlang"] for point in points} == set(load_config(template).loads)
    assert len(sweep.axes) == 2
    assert len(points) > len({point.axes["erlang"] for point in points})


def test_a_new_sweep_has_changes_and_overwrites_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.ini").write_text("[general_settings]\nerlang_start = 200\nerlang_stop = 200\n")
    shares = 'request_distribution={"50": 0.25, "100": 0.75}'
    words = ["--from", "my.ini", "-s", "path_order=hops", "-s", shares]
    assert cli.main(["new", "in/study.toml", *words]) == 0
    said = capsys.readouterr()
    assert (said.out, "`fusion sweep in/study.toml`" in said.err) == ("in/study.toml\n", True)
    text = (tmp_path / "in" / "study.toml").read_text()
    assert 'template = "../my.ini"' in text
    sweep = read_sweep("in/study.toml")
    assert (sweep.axes, len(sweep_points(sweep))) == (["k_paths", "erlang"], 3)
    settings = sweep_points(sweep)[0].config
    assert settings.routing_settings.path_order == "hops"
    assert settings.general_settings.request_distribution == {50: 0.25, 100: 0.75}
    commented = re.sub(r"^# (?=[\w\[{])", "", text.partition("template")[2], flags=re.M)
    assert set(tomllib.loads(f"template{commented}")) >= {
        "grid",
        "zip",
        "points",
        "labels",
        "where",
    }
    assert cli.main(["new", "in/study.toml"]) == 2
    assert "already exists" in capsys.readouterr().err
    assert cli.main(["new", "study.json"]) == 2
    assert "that of a sweep file in .toml" in capsys.readouterr().err


def test_the_help_of_a_sweep_shows_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["sweep", "--help"]) == 0
    shown = capsys.readouterr().out
    for key in Sweep.model_fields.keys() - {"sent_settings"}:
        assert re.search(rf"^  (\[*{key}\b\S*) +\w+", shown, re.M), key
    (example,) = re.findall(r"The sweep quick is\n\n(.*?)\n\n`fusion new", shown, re.S)
    Path("shown.toml").write_text(textwrap.dedent(example))
    assert read_sweep("shown.toml") == read_sweep("quick")
    assert max(map(len, sweep_format().splitlines())) <= 60
    assert cli.main(["plan", "--help"]) == 0
    assert "`fusion sweep --help` shows what a sweep file has" in capsys.readouterr().out


def test_a_shipped_sweep_is_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FUSION_RUNS_DIR", str(tmp_path / "runs"))
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    assert cli.main(["sweep", "quick", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["points"] == 6
    assert cli.main(["plan", "quick"]) == 0
    assert "6 points, 6 complete" in capsys.readouterr().out
    assert cli.main(["compare", "quick", "path_order"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert cli.main(["loads-at", "quick", "0.03"]) == 0
    assert cli.main(["plot", "quick"]) == 0
    assert cli.main(["report", "quick"]) == 0
    assert (tmp_path / "quick-report.html").is_file()
    capsys.readouterr()
    for words, said in (
        (["plan", "quik"], "shipped is quick"),
        (["plan", "deeprmsa"], "deeprmsa is a template, which `fusion run deeprmsa` simulates"),
        (["compare", "quick"], "name an axis of the sweep after quick: there is only path_order"),
        (
            ["compare", "quick", "9f0f"],
            "9f0f is not an axis of the sweep quick: there is only path_order to compare along; and no run",
        ),
        (
            ["compare", "quick", "policy"],
            "all points have the same policy; there is only path_order",
        ),
    ):
        assert cli.main(words) == 2, words
        assert said in capsys.readouterr().err


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


def test_policies_are_explained_with_the_keys_that_set_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for route, fit in product(ROUTE_LABELS, FIT_LABELS):
        for choice in ("in_order", "all"):
            name = policy_label(ROUTE_LABELS[route], FIT_LABELS[fit], choice)
            one = explained(name)
            assert isinstance(one, Policy)
            assert (one.name, explained(name.replace("-", "").lower())) == (name, one)
            changes: dict[str, dict[str, str]] = {}
            for place, value in one.keys.items():
                section, key = place.split(".")
                changes.setdefault(section, {})[key] = value
            assert changes["general_settings"] == {"route_method": route, "allocation_method": fit}
    for choice, name in (("in_order", "KSP-FF"), ("all", "FF-KSP")):
        one = explained(name)
        assert isinstance(one, Policy)
        config = load_config("quick", {"routing_settings": {"path_choice": choice}})
        assert policy_name(config) == name
        assert one.keys["routing_settings.path_choice"] == choice
    assert cli.main(["explain", "KSP-FF", "mscl", "guard band", "k_paths"]) == 0
    shown = capsys.readouterr().out
    assert "  Set by    routing_settings.path_choice = in_order\n" in shown
    assert "MSCL\n  Meaning   Minimum slot-capacity loss" in shown
    assert "  Source    R. C. Almeida Jr. et al." in shown
    assert "  Page      policies.md in the documentation" in shown
    assert "\nGuard band\n  Meaning   Slots" in shown
    assert "\n[routing_settings] k_paths\n" in shown
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert cli.main(["explain", "MSCL", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["keys"] == {"general_settings.allocation_method": "mscl"}


def test_pages_that_explain_a_policy_are_there() -> None:
    for name in ("KSP-FF", *FIT_LABELS, *ROUTE_LABELS):
        one = explained(name)
        assert isinstance(one, Policy), name
        page, _, title = one.page.replace(" in the documentation", "").partition(", ")
        text = (Path(__file__).parents[2] / "docs" / page).read_text()
        assert not title or f"## {title}\n" in text


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("KSP-FG", "did you mean 'KSP-FF'?"),
        ("load", "erlang_start, erlang_stop and erlang_step"),
        ("k_path", "did you mean 'k_paths'"),
        ("general_settings.k_paths", "k_paths is a key of routing_settings"),
        ("groom", "these mention it: is_grooming_enabled, can_partially_serve"),
        ("nonsense", "`fusion explain` lists all keys"),
        ("k_pahts", "did you mean 'k_paths'? `fusion explain` lists all keys"),
    ],
)
def test_what_is_no_key_is_told(word: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", word]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("term", "keys"), [("grooming", "is_grooming_enabled"), ("crosstalk", "snr_type, requested_xt")]
)
def test_a_term_has_the_keys_that_mention_it(
    term: str, keys: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["explain", term]) == 0
    assert re.search(rf"^ *Keys .*{keys}", capsys.readouterr().out, re.M)


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("plots", ["plot"]),
        ("re", ["rerun", "report", "resume", "compare", "reproduce"]),
        ("xyzzy", []),
    ],
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
        assert "/v2/runs/flow-run/" in capsys.readouterr().out

        assert cli.main(["rerun", "the first", "-s", "k_paths=2", "--json"]) == 0
        result = json.loads(capsys.readouterr().out)
        assert result["run_id"] != before.name
        assert recorded_name(RunDirectory(Path(result["run_dir"]))) == "the first, k_paths=2"
        settings = [
            load_config(folder / "config.ini") for folder in (before, Path(result["run_dir"]))
        ]
        assert [each.routing_settings.k_paths for each in settings] == [5, 2]
        assert [each.general_settings for each in settings] == [settings[0].general_settings] * 2
        assert cli.main(["open", "no such run"]) == 2
        capsys.readouterr()


def test_a_run_that_is_simulated_again_is_called_by_what_was_changed(tmp_path: Path) -> None:
    default = "nsfnet_deeprmsa kspff 140-220 E"
    run = rundir.create(tmp_path, "0123456789ab", to_ini(load_config("quick")))

    def called(name: str, *changes: str) -> str:
        run.flow_run.write_text(json.dumps({"name": name}))
        return name_of(run, read_assignments(changes, template=str(run.config)))

    for name in ("", default):
        assert called(name, "k_paths=3", "seed=1") == f"{default}, k_paths=3, seed=1"
        assert called(name, "erlang_stop=300", "erlang_step=40") == (
            "nsfnet_deeprmsa kspff 140-300 E, erlang_step=40"
        )
    assert called("my ring", "erlang_stop=300") == "my ring, erlang_stop=300"
    assert called("my ring, seed=1, k_paths=2", "seed=2") == "my ring, seed=2, k_paths=2"
    assert called("one, two", "seed=2") == "one, two, seed=2"
    shares = 'request_distribution={"50": 0.5, "100": 0.5}'
    assert called("my ring", shares) == "my ring, request_distribution changed"
    assert called("my ring") == ""
    assert called("my ring", "k_paths=5") == "", "it is 5 already"
    assert called("my ring", "k_paths=0") == "", "whoever simulates it refuses it"
    assert called("x" * 90, "seed=2", "k_paths=3") == "x" * 80 + ", 2 settings changed"


@pytest.mark.parametrize(("stop", "said"), [("215", True), ("220", False)])
def test_a_highest_load_that_the_steps_do_not_reach_is_told(
    stop: str, said: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = ["-s", f"erlang_stop={stop}"]
    note = "erlang_stop = 215 is not simulated: from 140, steps of 20 end at 200"
    assert cli.main(["validate", "quick", *changes]) == 0
    assert (note in capsys.readouterr().err) is said
    assert cli.main(["validate", "quick", *changes, "--json"]) == 0
    assert (note in json.loads(capsys.readouterr().out)["notes"]) is said
