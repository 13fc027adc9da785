"""The command `fusion` and its functions, with a real server, worker and simulator."""

from __future__ import annotations

import importlib
import inspect
import json
import logging
import os
import pty
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from fusion.config.config import ConfigError, load_config, to_ini
from fusion.config.sections import DEFAULTS, HOME, SECTIONS
from fusion.config.templates import template_names
from fusion_flows.command import cli, misread, submission
from fusion_flows.command.other_files import TAKEN
from fusion_flows.command.submission import read_assignments
from fusion_flows.rundir import directory as rundir
from fusion_flows.runs import listing as runs
from fusion_flows.runs.time_expressions import ArgumentError, moment
from fusion_flows.server import address as server_address
from fusion_flows.server import known_folders
from fusion_flows.server.address import AlreadyUpError, LivingServer, NoServerError, ServerFile
from fusion_flows.server.settings import Settings

from .prefect_server import ROOT, Prefect, plain_environment, wait_for
from .proxy import Proxy
from .started import GOING_ON, simulating, simulators


class Said(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Fusion = Callable[..., Said]


@pytest.fixture
def fusion(
    worker: Prefect, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Fusion]:
    """Return the command, run in this process for the sake of time, against the session's server."""
    from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

    monkeypatch.setenv("FUSION_RUNS_DIR", str(worker.runs))

    def run(*words: str) -> Said:
        capsys.readouterr()
        code = cli.main(list(words))
        return Said(code, *capsys.readouterr())

    home = worker.environment["PREFECT_HOME"]
    with temporary_settings({PREFECT_API_URL: worker.url, PREFECT_HOME: home}):
        yield run


_started: list[subprocess.Popen[str]] = []


def here(*words: str, environment: dict[str, str], cwd: Path = ROOT) -> subprocess.Popen[str]:
    """Start the command in a process and a session of its own."""
    command = subprocess.Popen(
        [sys.executable, "-m", "fusion_flows.command.cli", *words],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    _started.append(command)
    return command


@pytest.fixture(autouse=True)
def no_command_is_left() -> Iterator[None]:
    """Kill what a failed test has left."""
    yield
    while _started:
        command = _started.pop()
        if command.poll() is None:
            os.killpg(command.pid, signal.SIGKILL)
            command.wait()


def run_id_of(flow_run_id: str) -> str:
    return rundir.run_id_of(UUID(flow_run_id))


# --- words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            "general.erlang_stop=3",
            "[general] unknown section; did you mean 'general_settings'? The ",
        ),
        ("general.erlang_stop=3", "? The sections are general_settings, topology_settings, "),
        ("topolgy.network=NSFNet", "; did you mean 'topology_settings'? The sections are "),
        (
            "load=100",
            "'load=100': unknown key; loads are erlang_start, erlang_stop and erlang_step",
        ),
        ("k_path=3", "'k_path=3': unknown key; did you mean 'k_paths'? (from -s)"),
        ("k_paths", "'k_paths' needs a value, as in k_paths=3 (from -s)"),
        ("=3", "'=3' is not key=value, such as erlang_stop=300 (from -s)"),
        (
            "erlang_stop=1e6",
            "erlang_stop = 1e6: erlang_start = 140, erlang_stop = 1000000, erlang_step = 20 make 49,994 "
            "loads; at most 10,000 are allowed (from -s)",
        ),
    ],
)
def test_what_is_wrong_with_a_change_is_told_by_its_name(
    given: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["validate", "quick", "-s", given]) == 2
    assert told in capsys.readouterr().err


def test_what_needs_neither_prefect_nor_the_kernel_imports_none(tmp_path: Path) -> None:
    code = """
import sys
from fusion_flows.command.cli import main
seen = False
for words in (["validate", "quick"], ["--help"], ["runs", "--help"], ["up", "--help"], ["templates"],
              ["topologies"], ["validate", "quick"], ["validate", "nosuch"], ["--version"], [],
              ["import", "nosuch"]):
    main(words)
    assert "prefect" not in sys.modules, words
    assert words != ["validate", "quick"] or seen or "numba" not in sys.modules
    seen = True
"""
    environment = plain_environment(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for verb in (
        *("up", "set-up", "doctor", "templates", "topologies", "import", "validate", "schema"),
        *("run", "runs", "show", "logs", "pause", "resume", "cancel", "delete"),
    ):
        assert re.search(rf"^ +{verb}: \w+", done.stdout, re.M), verb
    assert "List only runs in this Prefect state" in done.stdout, (
        "the text of the function is that of the verb"
    )
    topology = (
        "  topology: Draw a network, or the link utilisation of a run, as PNG, PDF and SVG.\n"
    )
    assert topology in done.stdout, "a verb has a line of its own where there is no terminal to fit"
    assert "quick is valid: nsfnet_deeprmsa (14 nodes, 22 links)" in done.stdout


def test_how_long_the_first_run_takes_is_the_same_everywhere(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = "seconds, the first time half a minute longer"
    assert cli.main(["templates"]) == 0
    assert said in capsys.readouterr().out
    assert cli.main(["--help"]) == 0
    steps = capsys.readouterr().out.partition("First steps:")[2]
    assert said in " ".join(steps.replace("#", " ").split())


def test_the_script_is_installed() -> None:
    (script,) = metadata.entry_points(group="console_scripts", name="fusion")
    assert script.load() is cli.main


def test_that_prefect_still_sends_its_records_is_not_said_after_the_last_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    assert cli.main(["templates"]) == 0
    for sender in (EventsWorker, APILogWorker):
        log = logging.getLogger(sender.__name__)
        log.warning("Still processing items: 3 items remaining...")
        log.warning("a queue is full")
    assert [record.getMessage() for record in caplog.records] == ["a queue is full"] * 2


def test_lists_of_templates_and_topologies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.ini").write_text("# mine: of my own\n[general_settings]\nerlang_start = 1\n")
    (tmp_path / "bad.ini").write_text("[general_settings]\nerlang_start = x\n")
    monkeypatch.setenv("FUSION_TEMPLATES_DIR", str(tmp_path))
    assert cli.main(["templates"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines[1:]} == {*template_names(), "mine", "bad"}
    assert any(re.match(r"mine +1-\S+ +\S+ +\S+ +of my own$", line) for line in lines)
    assert any(re.match(r"bad .*`fusion validate bad` says why", line) for line in lines)
    assert cli.main(["validate", "bad"]) == 2

    assert cli.main(["topologies", "--json"]) == 0
    networks = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    nsfnet = networks["nsfnet_deeprmsa"]
    assert (nsfnet["nodes"], nsfnet["links"], nsfnet["total_km"]) == (14, 22, 21_300)
    assert nsfnet["mean_km"] == pytest.approx(968.18, abs=0.01)
    assert networks["fusion_nsfnet"]["also"] == "NSFNet"
    assert all(one["source"] for one in networks.values())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["rums"], "did you mean runs?"),
        (["rnu", "quick"], "did you mean run?"),
        (["runs", "--stat", "x"], "--state"),
        (
            ["train", "quick", "--steps", "1e6"],
            "--steps 1e6: must be a whole number, such as 1000000",
        ),
        (["runs", "--limit", "many"], "--limit"),
        (["runs", "--limit", "0"], "limit 0: must be 1 to 200"),
        (["runs", "--page", "0"], "page 0"),
        (["runs", "--state", "runing"], "did you mean 'Running'"),
        (["runs", "--since", "tuesday"], "since tuesday: must be a time ago such as 90m"),
        (["run"], "name a template"),
        (
            ["plot", "examples/path_orders.toml", "--metric", "block"],
            "availability; did you mean 'blocking_probability'?",
        ),
        (["topology", "nsfnet", "--metric", "util"], "did you mean 'utilisation'?"),
        (["run", "quikc"], "did you mean 'quick'"),
        (["run", "quick", "--resume", "1234"], "leave the others out"),
        (["cancel"], "name a run"),
        (["pause"], "name a run"),
        (["resume"], "name a run"),
        (["show"], "RUN"),
        (["set-up", "--max-concurrent-runs", "0"], "must be 1 or more"),
        (["up", "--max-concurrent-runs", "0"], "must be 1 or more"),
        (["up", "--port", "99999"], "must be from 1 to 65535"),
        (
            ["run", "quick", "more"],
            "too many words: more; a change of the settings (KEY=VALUE) goes",
        ),
        (["examples", "ex"], "too many words: ex; a folder goes after --to\n"),
        (["topology", "nsfnet", "figures"], "too many words: figures; a folder goes after --to, a"),
        (["runs", "running"], "too many words: running; a state goes after --state, a name goes"),
        (["diff", "quick", "deeprmsa", "more"], "too many words: more\n"),
        (["loads-at", "s.toml", "1%"], "TARGET 1%: must be a number, such as 0.01; 1% is 0.01\n"),
        (["loads-at", "s.toml", "low"], "TARGET low: must be a number, such as 0.01\n"),
        (["loads-at", "s.toml"], "TARGET needs a number, such as 0.01\n"),
        (
            ["plot", "s.toml", "--target", "5 %"],
            "--target 5 %: must be a number, such as 0.01; 5 % i",
        ),
        (
            ["plot", "s.toml", "--limits", "0", "b"],
            "--limits b: must be two numbers, such as 0.0001",
        ),
        (["plot", "s.toml", "--limits", "0"], "--limits needs two numbers, such as 0.0001 0.1\n"),
        (
            ["plot", "s.toml", "--eps=maybe"],
            "--eps=maybe: --eps takes no value; leave =maybe out\n",
        ),
        (["plot", "s.toml", "--heat-map", "erlang"], "--heat-map needs 2 values\n"),
        (["runs", "--limit", "many"], "--limit many: must be a whole number, such as 50\n"),
        (["logs", "9f0f", "-n", "x"], "-n x: must be a whole number, such as 20\n"),
        (["runs", "--limit"], "--limit needs a whole number, such as 50\n"),
        (["runs", "--name"], "--name needs a value\n"),
        (["plan"], "FILE is missing\n"),
        (
            ["run", "quick", "--overrides", "none.json"],
            "overrides = none.json: file not found",
        ),
        (
            ["run", "quick.ini"],
            "template = quick.ini: file not found; did you mean the template",
        ),
        (["topology", "none.csv"], "network = none.csv: file not found"),
        (["topology", "nsfnett"], "fusion: network = nsfnett: unknown topology or file"),
        (["plan"], "FILE"),
        (["plan", "none.toml"], "fusion: sweep = none.toml: file not found"),
        (["sweep", "study.ini"], "a sweep's file ends in .toml or .json"),
        (["merge", "/none"], "/none is not a store"),
        (["run", "quick", "--erlang-stop", "300"], "are given with -s: -s erlang_stop=VALUE"),
        (["validate", "quick", "--K_paths=3"], "are given with -s: -s k_paths=VALUE"),
        (["run", "quick", "--load", "300"], "loads are erlang_start, erlang_stop"),
        (["sweep", "x.toml", "--k-paths", "3"], "k_paths is a key of the settings: routing_set"),
        (["run", "quick", "--resume", ""], "--resume is empty: give it a value, or leave it out"),
        (["run", "quick", "--overrides="], "--overrides is empty"),
        (["run", "quick", "-s", ""], "--set is empty"),
        (["plot", "none.toml", "--title", "", "--against", ""], "--against is empty"),
        (["validate", ""], "FILE is empty"),
        (["cancel", "1234", ""], "RUN is empty"),
    ],
)
def test_bad_words_are_told_in_a_paragraph(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == 2
    said = capsys.readouterr()
    assert told in said.err
    assert "Traceback" not in said.err
    assert said.out == ""


_PYTHON = re.compile(r"\b(?:float|int|bool|str|list|tuple|None|convert|coerc\w*)\b")


def test_of_every_number_of_a_verb_it_is_known_what_it_may_be(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tried = 0
    for verb, function in verbs():
        positional: list[str] = []
        for each in inspect.signature(function, eval_str=True).parameters.values():
            is_word = each.kind is each.POSITIONAL_ONLY
            numbers = misread._allowed(each.name, each.annotation)
            if numbers is not None:
                *_, example = numbers.partition(", such as ")
                count = len(example.split())
                option = f"--{each.name.replace('_', '-')}"
                bad = positional if is_word else ["1"] * words_of(function) + [option]
                words = [verb, *bad, *["1,5x"] * count]
                assert cli.main(words) == 2
                said = capsys.readouterr().err
                assert f"1,5x: must be {numbers}\n" in said, words
                assert not _PYTHON.search(said.splitlines()[0]), said
                assert all(float(number) >= 0 for number in example.split())
                tried += 1
            if is_word:
                positional.append("1")
    assert tried > 15


def test_the_options_that_stand_for_words_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    names = dict(verbs())
    for verb, options in misread.OPTIONS.items():
        assert verb in names
        assert cli.main([verb, "--help"]) == 0
        said = capsys.readouterr().out
        for option, _ in options:
            assert re.search(rf"^ +.*{option}\b", said, re.MULTILINE), (verb, option)


def verbs() -> Iterator[tuple[str, Callable[..., int]]]:
    for modules in cli._GROUPS.values():
        for module, names in modules.items():
            found = importlib.import_module(f"fusion_flows.command.{module}")
            for verb in names:
                yield verb, getattr(found, f"_{verb.replace('-', '_')}")


def words_of(function: Callable[..., int]) -> int:
    """Return how many words a verb needs."""
    each = inspect.signature(function).parameters.values()
    return sum(one.kind is one.POSITIONAL_ONLY and one.default is one.empty for one in each)


NETWORK = '{"nodes": [{"id": 1}, {"id": 2}], "links": [{"source": 1, "target": 2, "length": 9}]}'


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["validate", "s.toml"],
            "s.toml is a sweep file, and `fusion validate` takes the name of a",
        ),
        (
            ["validate", "s.toml", "--json"],
            "is a sweep file, not an INI file; `fusion plan s.toml`",
        ),
        (["run", "s.toml"], "`fusion plan s.toml` checks it, `fusion sweep s.toml` computes it"),
        (["validate", "o.json"], "`fusion validate TEMPLATE --overrides o.json` checks it"),
        (["validate", "net.json"], "`fusion validate quick -s network=./net.json` checks it"),
        (["run", "net.graphml"], "`fusion topology net.graphml` draws it"),
        (["validate", "other.json"], "if it is a sweep, `fusion plan other.json` checks it"),
        (["validate", "none.toml"], "unknown template; available: "),
        (["new", "new.ini", "--from", "s.toml"], "s.toml is a sweep file, and `fusion new` takes"),
        (
            ["sweep", "study.ini"],
            "`fusion validate study.ini` checks it, `fusion run study.ini` sim",
        ),
        (["plan", "both.toml"], "a section goes in overrides, as overrides.routing_settings"),
        (["plan", "deeprmsa"], "is a template, which `fusion run deeprmsa` simulates"),
        (["plan", "my sweep"], "`fusion run` takes templates and INI files"),
        (["validate", "quick", "--overrides", "bad.toml"], "k_paths = 0: must be"),
        (["validate", "quick", "--overrides", "o.json"], ""),
        (["validate", "quick", "-s", "network=./net.json"], ""),
    ],
)
def test_a_file_of_another_kind_is_told_what_takes_it(
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in (
        ("s.toml", "[grid]\nk_paths = [1, 2]\n"),
        ("o.json", '{"routing_settings": {"k_paths": 2}}'),
        ("bad.toml", "[routing_settings]\nk_paths = 0\n"),
        ("net.json", NETWORK),
        ("net.graphml", "<graphml/>"),
        ("other.json", "[1]"),
        ("both.toml", "[grid]\nk_paths = [1]\n[routing_settings]\nk_paths = 0\n"),
        ("study.ini", ""),
    ):
        Path(name).write_text(text)
    assert cli.main(words) == (2 if said else 0)
    found = capsys.readouterr()
    assert said in found.out + found.err


KINDS = {
    "study.ini": "an INI file",
    "o.json": "an overrides file",
    "s.toml": "a sweep file",
    "net.json": "a topology",
    "net.txt": "a topology",
    "run": "a run directory",
    "run/points.csv": "a table of results",
    "points.csv": "a table of results",
    "replications.jsonl": "a replication file",
    "run/logs/sim.log": "a file of a run",
    "runs": "a folder of runs",
    "store": "a store",
    "policy.py": "a Python file",
    "sweep.ipynb": "a notebook",
    "agent.onnx": "a trained agent",
}


def of_all_kinds(folder: Path) -> None:
    """Write a file or folder of each kind."""
    frozen = to_ini(load_config("quick"))
    rundir.create(folder / "runs", "0123456789ab", frozen)
    for name in ("run/logs", "store/points", "store/outcomes"):
        (folder / name).mkdir(parents=True)
    results = "erlang,offered_erlang,replications,requests,blocking_probability\n"
    for name, text in (
        ("study.ini", ""),
        ("o.json", '{"routing_settings": {"k_paths": 2}}'),
        ("s.toml", "[grid]\nk_paths = [1, 2]\n"),
        ("net.json", NETWORK),
        ("net.txt", "1 2 9\n2 3 9\n"),
        *(("run/config.ini", frozen), ("run/run.json", "{}")),
        *(("run/points.csv", results), ("points.csv", results)),
        ("replications.jsonl", '{"content_key": "9203", "config": {}}\n'),
        ("run/logs/sim.log", "140 Erlang: blocking 0.0072\n"),
        ("policy.py", "def choose(): pass\n"),
        ("sweep.ipynb", "{}"),
        ("agent.onnx", "weights"),
    ):
        (folder / name).write_text(text)


@pytest.mark.parametrize(
    ("words", "taken"),
    [
        (["run", "FILE"], ["an INI file"]),
        (["run", "quick", "--overrides", "FILE"], ["an overrides file"]),
        (["run", "--resume", "FILE"], ["a run directory"]),
        (["validate", "FILE"], ["an INI file"]),
        (["validate", "quick", "--overrides", "FILE"], ["an overrides file"]),
        (["agent", "FILE"], ["a trained agent"]),
        (["new", "new.ini", "--from", "FILE"], ["an INI file"]),
        *((each, ["a sweep file"]) for each in (["plan", "FILE"], ["sweep", "FILE"])),
        *((each, ["a sweep file"]) for each in (["plot", "FILE"], ["loads-at", "FILE", "0.1"])),
        (["find-load", "FILE", "0.1"], ["a sweep file"]),
        (["schedule", "FILE", "0 0 * * *"], ["a sweep file"]),
        (["compare", "FILE", "k_paths"], ["a sweep file"]),
        *((["diff", *each], ["an INI file"]) for each in (["FILE", "quick"], ["quick", "FILE"])),
        (["topology", "FILE"], ["a topology", "a run directory"]),
        (["import", "FILE"], ["a topology", "a Python file"]),
        (["report", "FILE"], ["a sweep file", "a run directory"]),
        (["spectrum", "FILE"], ["an INI file", "a run directory"]),
        (["snapshot", "FILE"], ["an INI file", "a run directory"]),
        (["export", "FILE"], ["a topology"]),
        (["ties", "FILE"], ["an INI file"]),
        (["merge", "FILE"], ["a store"]),
        *(
            ([verb, "FILE"], [])
            for verb in ("rerun", "show", "open", "logs", "pause", "resume", "cancel", "explain")
        ),
        (["reproduce", "FILE"], []),
        (["delete", "FILE", "--yes"], []),
    ],
    ids=lambda each: " ".join(each[:1] + [word for word in each if word.startswith("--")]),
)
def test_every_verb_says_what_kind_of_file_it_was_given(
    words: list[str],
    taken: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.delenv("FUSION_RUNS_DIR", raising=False)
    of_all_kinds(tmp_path)
    for name, kind in KINDS.items():
        if kind in taken:
            continue
        assert cli.main([name if word == "FILE" else word for word in words]) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"fusion: {name} is {kind}, and `fusion {words[0]}"), error
        assert error.count("\n") == 1
        assert "; " in error, "and what takes it"


def test_of_every_verb_it_is_known_what_it_takes() -> None:
    no_files = {
        "new": {"file"},
        "show": {"file"},
        "schedule": {"cron"},
    }  # one that is new, or inside
    for modules in cli._GROUPS.values():
        for module, verbs in modules.items():
            for verb in verbs:
                found = importlib.import_module(f"fusion_flows.command.{module}")
                function = getattr(found, f"_{verb.replace('-', '_')}")
                words = {
                    each.name
                    for each in inspect.signature(function, eval_str=True).parameters.values()
                    if each.kind in (each.POSITIONAL_ONLY, each.VAR_POSITIONAL)
                    and each.annotation is not float
                }
                assert words - no_files.get(verb, set()) <= TAKEN.get(verb, {}).keys(), verb


def test_what_diff_prints_for_a_default_is_in_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["diff", "--help"]) == 0
    assert '"(default)" means that the point has the default value' in capsys.readouterr().out


def test_validate_and_the_schema_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = tmp_path / "study.ini"
    study.write_text(
        "[general_settings]\nk_paths = 5\nsave_step = 3\nerlang_start = 100\nerlang_stop = 300\n"
        "erlang_step = 100\n"
    )
    changes = ["-s", "general_settings.num_requests=1000"]
    assert cli.main(["validate", str(study), *changes, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["valid"]
    assert (found["topology"], found["loads_erlang"]) == ("fusion_nsfnet", [100.0, 200.0, 300.0])
    assert [(each["key"], each["value"]) for each in found["ignored"]] == [("save_step", "3")]
    assert "FUSION leaves it out here" in found["notes"][0]
    assert found["problems"] == []
    assert len(found["content_key"]) == 64
    assert found["link_km"] == pytest.approx(
        {"shortest": 100, "mean": 945.45454545, "longest": 2400}
    )
    assert found["length_key"] == "length_km"
    fusion = ["-s", "compatibility_settings.conventions=fusion"]
    assert cli.main(["validate", str(study), *changes, *fusion, "--json"]) == 0
    assert [each["key"] for each in json.loads(capsys.readouterr().out)["dropped"]] == ["k_paths"]

    study.write_text("[general_settings]\nerlang_start = -5\nk_path = 3\n")
    assert cli.main(["validate", str(study), "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert not found["valid"]
    assert {each["key"] for each in found["problems"]} == {"erlang_start", "k_path"}
    assert found["problems"][0]["source"].startswith(str(study))
    assert found["topology"] is None
    study.write_text("[topology_settings]\nnetwork = nowhere.csv\n")
    assert cli.main(["validate", str(study), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["problems"][0]["key"] == "network"

    assert cli.main(["schema"]) == 0
    told = json.loads(capsys.readouterr().out)
    sections = {name: told["$defs"][model.__name__] for name, model in SECTIONS.items()}
    assert set(told["properties"]) == set(sections)
    for name, model in SECTIONS.items():
        assert set(sections[name]["properties"]) == set(model.model_fields)
        assert all(one["description"] for one in sections[name]["properties"].values())
    assert sections["routing_settings"]["properties"]["k_paths"]["maximum"] == 100


def test_an_empty_file_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    empty = tmp_path / "empty.ini"
    for text in ("", "[general_settings]\n# num_requests = 100\n"):
        empty.write_text(text)
        caplog.clear()
        assert cli.main(["validate", str(empty)]) == 0
        assert "the file has no key: all settings are the defaults" in caplog.text
    empty.write_text("[general_settings]\nnum_requests = 100\n")
    caplog.clear()
    assert cli.main(["validate", str(empty)]) == 0
    assert "no key" not in caplog.text


def test_validate_tells_all_problems_and_reads_the_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ring.txt").write_text("a b 100\nb c 100\nc a 0\n")
    study = tmp_path / "study.ini"
    study.write_text("[topology_settings]\nnetwork = ring.txt\n")
    assert cli.main(["validate", str(study)]) == 2
    assert "must be a number of km" in capsys.readouterr().err
    (tmp_path / "ring.txt").write_text("a b 100\nb c 100\nc a 100\n")
    assert cli.main(["validate", str(study)]) == 0
    said = capsys.readouterr().out
    assert "ring (3 nodes, 3 links)" in said
    assert "shortest link 100 km, mean 100 km, longest 100 km" in said
    (tmp_path / "ring.txt").write_text("a b 1\nb c 1\nc a 1\n")
    assert cli.main(["validate", str(study)]) == 2
    assert "the third column is 1 on every link" in capsys.readouterr().err
    (tmp_path / "ring.txt").write_bytes(b"PK\3\4 sheet")
    assert cli.main(["validate", str(study)]) == 2
    assert capsys.readouterr().err.count("\n") == 1

    changes = ["-s", "general_settings.erlang_start=-5", "-s", "routing_settings.k_path=3"]
    assert cli.main(["validate", str(study), *changes]) == 2
    error = capsys.readouterr().err
    assert "erlang_start = -5" in error
    assert "did you mean 'k_paths'" in error


def test_assignments_are_read_as_in_an_ini_file(tmp_path: Path) -> None:
    file = tmp_path / "overrides.toml"
    file.write_text("[general_settings]\nErlang_Start = 50\nmax_iters = 3\n")
    given = [
        "general_settings.erlang_start = 60",
        'General_Settings.request_distribution={"100": 1.0}',
        "topology_settings.network=a=b.txt",
    ]
    assert read_assignments(given, str(file)) == {
        "general_settings": {
            "max_iters": 3,
            "erlang_start": "60",
            "request_distribution": '{"100": 1.0}',
        },
        "topology_settings": {"network": "a=b.txt"},
    }
    short = ["erlang_stop=300", "network = x.txt", "topology_settings.cores_per_link=2"]
    assert read_assignments(short) == {
        "general_settings": {"erlang_stop": "300"},
        "topology_settings": {"network": "x.txt", "cores_per_link": "2"},
    }
    wrong = ["load=3", "k_paths", "a.b=1", "A.B=2", "general_settings.seed=1\n[x]\ny=2"]
    with pytest.raises(ConfigError) as told:
        read_assignments(wrong)
    assert len(told.value.problems) == 4
    assert "'load=3': unknown key; loads are erlang_start, erlang_stop" in str(told.value)
    assert "'k_paths' needs a value" in str(told.value)
    with pytest.raises(ConfigError, match="is given as 3, too"):
        read_assignments(["erlang_stop=3", "general_settings.erlang_stop=4"])
    assert "is given as 1, too" in str(told.value)


def test_an_unreadable_change_hides_no_other_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FUSION_RUNS_DIR", str(tmp_path / "runs"))
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    earlier = rundir.create(tmp_path / "runs", "0123456789ab", to_ini(load_config("quick")))
    mine = tmp_path / "mine.ini"
    mine.write_text("[general_settings]\nmax_iters = none\n")
    changes = ["-s", "colour=red", "-s", "k_paths=many", "-s", "network=no.json"]
    told = ["'colour=red': unknown key", "k_paths = many: ", "no.json: file not found"]
    for words, more in (
        (["run", "quick"], []),
        (["run", str(mine), "--detach"], ["max_iters = none: "]),
        (["run", "quick", "--overrides", "no.toml"], ["no.toml: "]),
        (["validate", str(mine)], ["max_iters = none: "]),
        (["validate", str(mine), "--json"], ["max_iters"]),
        (["rerun", earlier.run_id], []),
        (["spectrum", "quick"], []),
        (["snapshot", "quick"], []),
        (["new", str(tmp_path / "new.ini")], []),
    ):
        assert cli.main([*words, *changes]) == 2
        out, error = capsys.readouterr()
        if "--json" in words:
            found = json.loads(out)
            assert not found["valid"]
            keys = [one["key"] for one in found["problems"]]
            assert sorted(keys) == ["", "k_paths", "max_iters", "network"]
            continue
        assert all(one in error for one in (*told, *more)), (words, error)
        assert error.count("(from -s") == len(told)
    assert not (tmp_path / "new.ini").exists()


def test_a_key_without_a_value_is_told_one_that_it_takes() -> None:
    for key, section in HOME.items():
        with pytest.raises(ConfigError) as told:
            read_assignments([key])
        _, found, example = str(told.value).partition(", as in ")
        assert found or DEFAULTS[key] in ("", None, {}), key
        if found:
            load_config("default", read_assignments([example.removesuffix(" (from -s)")]))
        with pytest.raises(ConfigError, match=rf"'{section}\.{key}' needs a value"):
            read_assignments([f"{section}.{key}"])


def test_an_error_names_the_option_that_was_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "more.toml"
    file.write_text("[routing_settings]\nk_paths = 0\n[general_settings]\nmax_iters = 0\n")
    words = ["run", "quick", "-s", "erlang_start=300", "-s", "k_paths=-1"]
    assert cli.main([*words, "--overrides", str(file)]) == 2
    told = capsys.readouterr().err
    assert re.search(r"erlang_start = 300: erlang_stop = 220 \(.*quick\.ini, line \d+\) must", told)
    assert "must be at least erlang_start = 300 (from -s)" in told
    assert re.search(r"k_paths = -1: .* \(from -s\)", told)
    assert re.search(rf"max_iters = 0: .* \(from --overrides {file}\)", told)


def test_times_as_a_person_gives_them() -> None:
    now = datetime.now(UTC)
    for text, ago in (("90m", 5400), ("3h", 10_800), ("2d", 172_800), ("1w", 604_800)):
        assert abs((now - moment(text, "since")).total_seconds() - ago) < 60
    assert moment("2026-11-23T14:30+02:00", "since").astimezone(UTC).hour == 12
    local = datetime(2026, 11, 23).astimezone()
    assert moment("2026-11-23", "since") == local
    assert moment("2026-11-23", "until", end=True) == local + timedelta(days=1)
    assert moment("2026-11-23 14:30", "until", end=True).tzinfo is not None
    for text in ("", "2x", "2026-13-01", "d", "9" * 400 + "d"):
        with pytest.raises(ArgumentError):
            moment(text, "since")


# --- the server's address ------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a PREFECT_HOME of our own, with nothing configured anywhere."""
    for name in ("PREFECT_API_URL", "PREFECT_PROFILE", "PREFECT_PROFILES_PATH", "FUSION_RUNS_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def test_only_one_lives_and_only_as_long_as_it_is_locked(home: Path) -> None:
    assert server_address.living() is None
    server = LivingServer("http://127.0.0.1:1/api", Path("/runs"), 17)
    with ServerFile() as file:
        file.write(server)
        assert server_address.living() == server
        with pytest.raises(AlreadyUpError, match=r"process 17, http://127\.0\.0\.1:1/api"):
            ServerFile()
    assert server_address.living() is None

    code = "import time; from fusion_flows.server.address import *; f = ServerFile()"
    code += (
        f"; f.write(LivingServer{tuple(map(str, server[:3]))!r}); print(flush=True); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    with other:
        assert other.stdout is not None
        other.stdout.readline()
        assert server_address.living() == server
        other.kill()
        other.wait()
    assert "127.0.0.1:1" in (home / "fusion-up" / "server.json").read_text(), "it is written still"
    assert server_address.living() is None


def test_the_configured_server_comes_before_a_living_one(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert server_address.configured() == ""
    places = {
        home / "profiles.toml": 'active = "a"\n[profiles.a]\nPREFECT_API_URL = "profile"\n',
        tmp_path / "pyproject.toml": '[tool.prefect.api]\nurl = "pyproject"\n',
        tmp_path / "prefect.toml": '[api]\nurl = "project"\n',
        tmp_path / ".env": "PREFECT_API_URL=dotenv\n",
    }
    ask = "from prefect.settings import get_current_settings as s; print(s().api.url)"
    for path, text in places.items():
        path.write_text(text)
        expected = {"pyproject.toml": "pyproject", "prefect.toml": "project", ".env": "dotenv"}
        url = expected.get(path.name, "profile")
        assert server_address.configured() == url
        place = f"the profile a in {path}" if url == "profile" else path
        assert server_address.origin_of(url) == f"PREFECT_API_URL of {place}"
    says = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert says.stdout.strip() == server_address.configured(), "Prefect takes the same one"
    monkeypatch.setenv("PREFECT_API_URL", "environment")
    assert server_address.configured() == "environment"
    assert server_address.origin_of("environment") == "PREFECT_API_URL of the environment"
    assert server_address.origin_of("another") == ""


def test_a_living_one_is_found_without_a_setting(home: Path) -> None:
    code = """
import os, sys
from fusion_flows.server.address import configure, origin_of
given = os.environ.get("PREFECT_API_URL")
url = configure()
assert origin_of(url) == ("PREFECT_API_URL of the environment" if given else "of `fusion up`"), origin_of(url)
assert "prefect" not in sys.modules
from prefect.settings import get_current_settings
print(url, get_current_settings().api.url, os.environ["FUSION_RUNS_DIR"])
"""
    with ServerFile() as file:
        file.write(LivingServer("http://127.0.0.1:1/api", Path("/some/runs"), 17))
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == ["http://127.0.0.1:1/api"] * 2 + ["/some/runs"]
        given = {**os.environ, "PREFECT_API_URL": "http://127.0.0.1:2/api", "FUSION_RUNS_DIR": "r"}
        done = subprocess.run(
            [sys.executable, "-c", code], env=given, capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == ["http://127.0.0.1:2/api"] * 2 + ["r"]


def test_a_fusion_up_that_is_starting_is_waited_for(home: Path) -> None:
    code = "from fusion_flows.server.address import configure; print('url:', configure())"
    starting = LivingServer("", Path("/some/runs"), 17, starting=True)
    for after in (LivingServer("http://127.0.0.1:1/api", Path("/some/runs"), 17), None):
        with ServerFile() as file:
            file.write(starting)
            assert server_address.meant() == starting
            assert Settings().store == Path("/some/runs/store")
            command = subprocess.Popen(
                [sys.executable, "-c", code],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            assert command.stderr is not None
            assert "`fusion up` (process 17) is starting" in command.stderr.readline()
            assert command.poll() is None
            if after:
                file.write(after)
                out, _ = command.communicate(timeout=30)
        if after is None:  # it has ended before it was up
            out, _ = command.communicate(timeout=30)
        assert out == (f"url: {after.url}\n" if after else "url: \n")


def test_a_configured_server_that_is_starting_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "http://127.0.0.1:9/api"
    monkeypatch.setenv("PREFECT_API_URL", url)
    with ServerFile() as file:
        file.write(LivingServer(url, Path("/some/runs"), 17, starting=True))
        command = here("cancel", "9f0f", environment=dict(os.environ))
        _, error = command.communicate(timeout=60)
    assert command.returncode == 1
    assert "does not answer yet: `fusion up` (process 17) is starting it" in error


def test_a_server_that_is_away_is_told_in_a_line(tmp_path: Path) -> None:
    url = "http://127.0.0.1:9/api"
    environment = {**plain_environment(tmp_path), "PREFECT_API_URL": url}
    command = here("runs", environment=environment)
    out, error = command.communicate(timeout=50)  # Prefect alone tries for a minute
    assert command.returncode == 1
    assert out == ""
    assert len(error.splitlines()) == 1
    assert f"no Prefect server answers at {url}, PREFECT_API_URL of the environment (" in error
    assert "fusion up" in error


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("", 200, "PREFECT_API_URL = {url} lacks /api at its end: set it to {url}/api"),
        ("/", 404, "PREFECT_API_URL = {url}/ lacks /api at its end: set it to {url}/api"),
        ("/api", 200, "what answers at {url}/api is not a Prefect server"),
        ("/api", 404, "what answers at {url}/api is not a Prefect server"),
    ],
)
def test_what_is_not_a_prefect_server_is_named_and_its_page_is_not_printed(
    path: str, status: int, told: str
) -> None:
    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>a stranger</title>")

        def log_message(self, *_: object) -> None:
            pass

    from prefect.settings import PREFECT_API_URL, temporary_settings

    with ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as stranger:
        threading.Thread(target=stranger.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{stranger.server_port}"
        try:
            with (
                temporary_settings({PREFECT_API_URL: url + path}),
                pytest.raises(NoServerError) as refused,
                server_address.connect(),
            ):
                pass
        finally:
            stranger.shutdown()
    assert str(refused.value).startswith(told.format(url=url))
    assert "<" not in str(refused.value)
    assert "stranger" not in str(refused.value)


def test_no_run_is_handed_to_a_server_that_no_worker_listens_to(tmp_path: Path) -> None:
    environment = {**plain_environment(tmp_path), "PREFECT_HOME": str(tmp_path / "none")}
    shutil.rmtree(tmp_path / "prefect")
    command = here("run", "quick", "--detach", environment=environment, cwd=tmp_path)
    out, error = command.communicate(timeout=60)
    assert (command.returncode, out) == (1, "")
    assert "`fusion up`" in error
    assert not list(tmp_path.rglob("*.db"))


# --- a run that is complete ------------------------------------------------------------------------


STUDY = """
[general_settings]
erlang_start = 400
erlang_stop = 420
erlang_step = 20
num_requests = 2000
max_iters = 3
request_distribution = {"50": 0.3, "100": 0.7}
[topology_settings]
network = nsfnet_deeprmsa
[simulation_settings]
workers = 1
"""


@pytest.fixture(scope="module")
def finished(session_worker: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the flow run id of a complete run that was submitted with an INI file of one's own."""
    session_worker.ensure()
    server: Prefect = session_worker.prefect
    folder = tmp_path_factory.mktemp("study")
    (folder / "study.ini").write_text(STUDY)
    command = here(
        *("run", "study.ini", "--detach", "--json", "--name", "a [red]study[/]"),
        *("-s", "general_settings.max_iters=2"),
        environment=server.environment,
        cwd=folder,
    )
    out, error = command.communicate(timeout=60)
    assert command.returncode == 0, error
    submitted = json.loads(out)
    (folder / "study.ini").write_text("what is submitted does not change any more")
    assert submitted["name"] == "a [red]study[/]"
    assert submitted["run_id"] == run_id_of(submitted["flow_run_id"])
    assert submitted["workers_online"] == 1
    run = server.finished(submitted["flow_run_id"])
    assert run["state_type"] == "COMPLETED", server.log(run["id"])
    return str(run["id"])


def test_the_settings_of_a_file_are_what_runs(worker: Prefect, finished: str) -> None:
    config = load_config(worker.directory(finished) / "config.ini")
    assert config.loads == (400.0, 420.0)
    assert "quick" not in worker.run(finished)["tags"], "which is the default, and not what runs"
    assert config.general_settings.max_iters == 2
    assert config.bit_rate_shares == {50.0: 0.3, 100.0: 0.7}


def test_a_run_that_is_resumed_on_a_worker_keeps_its_name(
    fusion: Fusion, worker: Prefect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ("-s", "general_settings.num_requests=2000", "-s", "general_settings.max_iters=2")
    first = fusion("run", "quick", "--detach", "--json", "--name", "a name [kept]", *settings).json
    assert worker.finished(first["flow_run_id"])["state_type"] == "COMPLETED"
    directory = worker.directory(first["flow_run_id"])
    (directory / "report.html").unlink()  # as if its flow had been ended before it had drawn that
    said = fusion("run", "--resume", first["run_id"], "--detach", "--json")
    assert said.code == 0, said.err
    assert said.json["name"] == "a name [kept]"
    run = worker.finished(said.json["flow_run_id"])
    assert (run["state_type"], run["name"]) == ("COMPLETED", "a name [kept]")

    known = worker.api("POST", "flow_runs/count", {})
    for words in (["a name [kept]"], ["a name [kept]", "--detach"], [str(directory)]):
        refused = fusion("run", "--resume", *words)
        assert (refused.code, refused.out) == (2, "")
        assert f"run {first['run_id']} is complete, and nothing is left to compute" in refused.err
    assert worker.api("POST", "flow_runs/count", {}) == known, "no flow run was made"

    # Each of these runs has the directory of the first, and the name means the newest.
    run_ids = [first["run_id"], said.json["run_id"]]
    run_ids_of_flow = [first["flow_run_id"], said.json["flow_run_id"]]
    newest = submission.submit(resume=first["run_id"])
    worker.finished(str(newest.flow_run_id))
    assert f"Run       {newest.run_id}  a name [kept]" in fusion("show", "a name [kept]").out
    assert fusion("show", run_ids[0], "--json").json["run"]["news"] == f"resumed as {newest.run_id}"
    gone = fusion("delete", "-y", "a name [kept]")
    kept_for = f"its files are kept, as runs {', '.join(run_ids)} have the same directory"
    assert (gone.code, gone.out) == (0, f"{newest.run_id}  a name [kept]: deleted ({kept_for})\n")
    news = [fusion("show", run_id, "--json").json["run"]["news"] for run_id in run_ids]
    assert news == [f"resumed as {run_ids[1]}", "5/5 loads, 10 replications"]

    # Who deletes the newest in Prefect's UI tells nobody.
    newest = submission.submit(resume=first["run_id"])
    worker.finished(str(newest.flow_run_id))
    worker.api("DELETE", f"flow_runs/{newest.flow_run_id}")
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("FUSION_RUNS_DIR", str(tmp_path))
        told = f"resumed as {newest.run_id}, which is deleted"
        assert fusion("show", run_ids[0], "--json").json["run"]["news"] == told
        elsewhere.setenv("PREFECT_HOME", str(tmp_path / "home"))
        known_folders.remember(known_folders.RUNS, worker.runs)
        refused = fusion("logs", run_ids[1], "--file")
        finds_it = f"but in {worker.runs}: FUSION_RUNS_DIR={worker.runs} finds it"
        assert refused.code == 1
        assert f"run {run_ids[0]} has no directory in {tmp_path}, {finds_it}" in refused.err
    listed = {run["run_id"]: run["news"] for run in fusion("runs", "--json", "--limit", "200").json}
    assert [listed[run_id] for run_id in run_ids] == news
    assert worker.artifacts(run_ids_of_flow[0])["progress"]["description"] == news[0], "in the UI"

    gone = fusion("delete", "-y", run_ids[0])
    assert f"its files are kept, as run {run_ids[1]} has the same directory" in gone.out
    again = fusion("delete", "-y", run_ids[0])
    assert again.code == 1
    assert f"is deleted already; its directory is kept for run {run_ids[1]}" in again.err
    assert fusion("show", run_ids[1], "--json").json["directory"] == str(directory)
    gone = fusion("delete", "-y", *run_ids)
    assert gone.code == 0, gone.err
    of_first, of_second = gone.out.splitlines()
    assert f"its files with run {run_ids[1]}" in of_first
    assert of_second.endswith(" of files)")
    assert not directory.exists()


def test_runs_lists_with_filters_and_pages(fusion: Fusion, finished: str, worker: Prefect) -> None:
    run_id = run_id_of(finished)
    flow = worker.run(finished)["flow_id"]
    made = [
        worker.api(
            *("POST", "flow_runs/"),
            {"flow_id": flow, "name": f"page {number}", "state": {"type": "SCHEDULED"}},
        )
        for number in range(3)
    ]
    others = [run_id_of(one["id"]) for one in made]
    (one,) = fusion("runs", "--json", "--name", "RED", "--state", "completed").json
    assert one["run_id"] == run_id
    assert one["percent"] == 100
    assert one["news"].startswith("2/2 loads, 420 E: blocking ")
    assert one["over"] is True
    started = datetime.fromisoformat(one["started"])
    assert started.tzinfo is not None
    assert 0 < one["duration_seconds"] < 60

    plain = fusion("runs", "--name", "red").out.splitlines()
    assert re.match(r"run +name +state +progress +started +duration$", plain[0])
    assert re.match(
        rf"{run_id}  a \[red\]study\[/\]  Completed  100 %, 2/2 loads, 420 E: blocking .*"
        rf"  {started.astimezone():%Y-%m-%d %H:%M:%S %Z} +\d+\.\d s$",
        plain[1],
    )
    assert fusion("runs", "--name", "red", "--until", "1h").out.count("\n") == 1
    assert fusion("runs", "--name", "red", "--since", "1h").out.count("\n") == 2
    assert fusion("runs", "--name", "red", "--state", "Failed").out.count("\n") == 1

    planned = {"type": "SCHEDULED", "state_details": {"scheduled_time": "2099-01-01T00:00:00Z"}}
    later = run_id_of(
        worker.api("POST", "flow_runs/", {"flow_id": flow, "name": "page 9", "state": planned})[
            "id"
        ]
    )
    assert later not in fusion("runs", "--name", "page").out
    assert later in fusion("runs", "--name", "page", "--state", "scheduled").out
    others.append(later)

    pages = [fusion("runs", "--name", "page", "--limit", "2", "--page", n) for n in ("1", "2")]
    listed = [line.split()[0] for page in pages for line in page.out.splitlines()[1:]]
    assert sorted([*listed, later]) == sorted(others)
    assert "--page 2" in pages[0].err
    assert "--page" not in pages[1].err
    assert fusion("delete", "--yes", *others).code == 0


def test_show_by_any_of_its_names(fusion: Fusion, finished: str, worker: Prefect) -> None:
    run_id = run_id_of(finished)
    said = {
        fusion("show", name) for name in (run_id, run_id[:4].upper(), finished, "a [red]study[/]")
    }
    assert len(said) == 1
    text = said.pop().out
    assert f"Run       {run_id}  a [red]study[/]" in text
    assert "State     Completed" in text
    assert "nsfnet_deeprmsa (14 nodes, 22 links)" in text
    assert re.search(r"^ +400 +0\.\d+ +0\.\d+ to 0\.\d+ ", text, re.M)
    assert re.search(r"^output/points\.csv +\d.* kB  20", text, re.M)
    details = fusion("show", run_id, "--json").json
    assert [point["erlang"] for point in details["points"]] == [400, 420]
    assert details["directory"] == str(worker.directory(finished))
    assert finished in details["url"]

    points = worker.directory(finished) / "output" / "points.csv"
    assert fusion("show", run_id, "output/points.csv").out == points.read_text()
    picture = fusion("show", run_id, "plots/blocking.png")
    assert "is not text (image/png" in picture.err
    for outside in ("../../flows", "/etc/passwd", "output/../config.ini"):
        refused = fusion("show", run_id, outside)
        assert (refused.code, refused.out) == (2, "")
    assert "'output/points.csv'" in fusion("show", run_id, "outpt/points.csv").err


def table_of(text: str) -> list[str]:
    """Return the table of points in what `fusion show` prints."""
    lines = iter(text.splitlines())
    header = next(line for line in lines if "load (E)" in line)
    return [header, *takewhile(bool, lines)]


def test_a_run_on_another_machine_is_shown_from_prefect(
    fusion: Fusion, finished: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here = fusion("show", run_id_of(finished)).out
    monkeypatch.setenv("FUSION_RUNS_DIR", str(tmp_path))
    text = fusion("show", run_id_of(finished)).out
    assert len(table_of(text)) == 3
    assert table_of(text) == table_of(here)
    assert re.search(r"^Setting +(\w+\.)?\w+ = ", text, re.M)
    assert re.search(r"^ +general_settings\.num_requests = 2000$", text, re.M)
    assert "not found here" in text
    assert re.search(r"^ +400 +0\.\d+ ", text, re.M), "the points as Prefect has them"
    assert "has no directory" in fusion("show", run_id_of(finished), "run.json").err
    assert "has no directory" in fusion("logs", "--file", run_id_of(finished)).err


def test_a_run_in_the_folder_of_runs_beside_is_not_deleted_by_halves(
    fusion: Fusion, finished: str, worker: Prefect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    directory = worker.directory(finished)
    assert directory.parent.name == "runs"
    monkeypatch.chdir(directory.parents[1])
    monkeypatch.setenv("FUSION_RUNS_DIR", str(tmp_path / "up" / "runs"))
    hint = f"but in {directory.parent}: FUSION_RUNS_DIR={directory.parent} finds it"
    refused = fusion("delete", "-y", directory.name)
    assert (refused.code, refused.out) == (1, "")
    assert hint in " ".join(refused.err.split())
    assert directory.exists()
    assert worker.run(finished)["state_type"] == "COMPLETED"
    assert f"not found here, {hint}" in fusion("show", directory.name).out
    assert hint in " ".join(fusion("diff", directory.name[:6], "quick").err.split())


def test_a_run_that_waits_is_shown_by_what_it_was_given(
    fusion: Fusion, finished: str, worker: Prefect
) -> None:
    rates = {str(rate): 0.1 for rate in range(100, 1100, 100)}
    overrides = {
        "general_settings": {"erlang_stop": 300.0, "request_distribution": rates},
        "topology_settings": {"network": f"sent-file:my%20net.csv={'x' * 5000}"},
    }
    later = {"type": "SCHEDULED", "state_details": {"scheduled_time": "2099-01-01T00:00:00Z"}}

    def waiting(**parameters: Any) -> str:
        flow = worker.run(finished)["flow_id"]
        body = {"flow_id": flow, "name": "it waits", "parameters": parameters, "state": later}
        return run_id_of(worker.api("POST", "flow_runs/", body)["id"])

    run = waiting(template="quick", overrides=overrides, name="it waits", resume="")
    sweep = {
        "template": "nsfnet_320_slots",
        "overrides": {"routing_settings": {"k_paths": 3}},
        "grid": {"erlang": {"start": 100, "stop": 200, "step": 20}},
        "zip": [{"seed": [1, 2], "path_order": ["km", "hops"]}],
        "metric": "blocking_probability",
    }
    of_sweep = waiting(sweep=sweep, engine="local", failed=False)
    many = waiting(template="", overrides={"a": {f"key_{n}": n for n in range(50)}})
    text = fusion("show", run).out
    setting = text[text.index("Setting") :].splitlines()
    assert [line[10:] for line in setting[:4]] == [
        "template = quick",
        "general_settings.erlang_stop = 300",
        'general_settings.request_distribution = {"100": 0.1, "200": 0.1, "300": 0.1, "400": 0.1, "500": 0.1,'
        ' "600": 0.1, "700": 0.1, "800": 0.1, ...',
        "topology_settings.network = my net.csv (sent with the run)",
    ]
    assert len(setting) == 4
    text = fusion("show", of_sweep).out
    assert [line[10:] for line in text[text.index("Setting") :].splitlines()] == [
        "template = nsfnet_320_slots",
        "routing_settings.k_paths = 3",
        "erlang = start 100, stop 200, step 20",
        "seed = 1, 2, in step with path_order",
        "path_order = km, hops, in step with seed",
        "engine = local",
    ]
    lines = fusion("show", many).out.splitlines()
    assert lines[-2:] == [f"{'':<10}a.key_28 = 28", f"{'':<10}... and 21 more lines"]
    assert fusion("delete", "--yes", run, of_sweep, many).code == 0


def test_names_that_are_none_or_several_are_told(
    fusion: Fusion, finished: str, worker: Prefect, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = worker.run(finished)["flow_id"]
    twins = [worker.api("POST", "flow_runs/", {"flow_id": flow, "name": "twin"}) for _ in "ab"]
    ids = [run_id_of(twin["id"]) for twin in twins]
    several = fusion("show", "twin")
    assert several.code == 2
    assert all(run_id in several.err for run_id in ids)
    none = fusion("cancel", ids[0], "twim")
    assert none.code == 2
    words = (
        ["show", "twim"],
        ["logs", "twim"],
        ["report", "twim"],
        ["pause", "twim"],
        ["resume", "twim"],
        ["delete", "twim"],
        ["delete", "twim", "--yes"],
        ["run", "--resume", "twim"],
    )
    for said in (fusion(*each) for each in words):
        assert (said.code, said.err) == (2, none.err), "each verb says the same of it"
    assert "there is no run 'twim'" in none.err
    assert "(twin)" in none.err, "the nearest"
    assert worker.run(twins[0]["id"])["state_type"] != "CANCELLED", "nothing is done by halves"
    run_id = run_id_of(finished)
    digit = "1" if run_id[4] == "0" else "0"
    assert run_id in fusion("show", run_id[:4] + digit + run_id[5:8]).err
    assert "first 4 digits" in fusion("show", run_id[:3]).err
    monkeypatch.setattr(runs, "_UNHEARD_SECONDS", 0.5)  # they are Pending, and nobody has them
    assert fusion("delete", "-y", ids[0]).code == 0
    assert ids[1] in fusion("show", "twin").out

    def and_somebody_else_does_it(client: Any, flow_run_id: Any) -> None:
        worker.api("DELETE", f"flow_runs/{flow_run_id}")

    monkeypatch.setattr(runs, "delete_artifacts", and_somebody_else_does_it)
    late = fusion("delete", "-y", ids[1])
    assert (late.code, late.out) == (2, "")
    assert f"there is no run {ids[1]} (twin) any more" in late.err
    assert fusion("show", "twin").code == 2


def test_logs_of_a_run_that_is_over(fusion: Fusion, finished: str, worker: Prefect) -> None:
    run_id = run_id_of(finished)
    wait_for(lambda: "Finished in state" in fusion("logs", run_id).out, 60, "the last records")
    lines = fusion("logs", run_id).out.splitlines()
    printed = (worker.directory(finished) / "logs" / "sim.log").read_text().splitlines()
    assert [line for line in lines if line in printed] == printed, "once, and in their order"
    stamp = r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d (INFO|WARNING|ERROR) +"
    assert all(re.match(stamp, line) for line in lines)
    for count in (0, 1, 3, len(lines), 1000):
        assert fusion("logs", run_id, "-n", str(count)).out.splitlines() == lines[-count or 10**6 :]
    assert fusion("logs", run_id, "--follow").out.splitlines() == lines
    assert fusion("logs", run_id, "--file").out.splitlines() == printed
    assert fusion("logs", run_id, "--file", "-n", "2", "-f").out.splitlines() == printed[-2:]


def test_a_terminal_gets_a_table_and_no_color_is_respected(tmp_path: Path) -> None:
    def in_terminal(**more: str) -> str:
        leader, follower = pty.openpty()
        environment = {**plain_environment(tmp_path), "TERM": "xterm-256color", **more}
        command = subprocess.Popen(
            [sys.executable, "-m", "fusion_flows.command.cli", "validate", "nosuch"],
            cwd=ROOT,
            env=environment,
            stdin=follower,
            stdout=follower,
            stderr=follower,
        )
        os.close(follower)
        text = b""
        with suppress(OSError):  # how the end is told
            while select.select([leader], [], [], 30)[0] and (part := os.read(leader, 4096)):
                text += part
        os.close(leader)
        assert command.wait(30) == 2
        return text.decode()

    assert "\x1b[31m" in in_terminal()
    assert "\x1b[3" not in in_terminal(NO_COLOR="1")


# --- runs that go on and end -----------------------------------------------------------------------


def test_follow_cancel_and_delete_of_runs_that_go_on(fusion: Fusion, worker: Prefect) -> None:
    def submit(*words: str) -> Any:
        return fusion("run", "quick", "--detach", "--json", *words, *changes(GOING_ON)).json

    first, second, third = submit("--name", "going on"), submit("--name", "next"), submit()
    assert third["name"] == "nsfnet_deeprmsa kspff 140 E"
    directory = worker.directory(first["flow_run_id"])
    wait_for(lambda: simulating(directory), 40, "the simulator")

    proxy = Proxy(worker.url)
    through = {
        **worker.environment,
        "PREFECT_API_URL": f"http://127.0.0.1:{proxy.port}/api",
        "PREFECT_CLIENT_MAX_RETRIES": "0",  # else a client bridges a minute, and no more
    }
    follower = here("logs", "--follow", first["run_id"], environment=through)
    assert follower.stdout is not None
    assert follower.stderr is not None
    heard = follower.stdout.readline()
    time.sleep(0.5)  # it waits for the next second by now
    proxy.close()
    time.sleep(3)  # its connections alone bridge a second and a half
    proxy.open()
    refused = fusion("delete", "--yes", first["run_id"])
    assert refused.code == 1
    assert "cancel it first" in refused.err
    assert simulators(directory), "it goes on"

    waits = fusion("cancel", third["run_id"])
    assert waits.code == 0
    assert f"{third['run_id']}  {third['name']}: Cancelled" in waits.out
    noted = fusion("delete", third["run_id"], "--yes")
    assert noted.code == 0
    assert "never created" in noted.out
    assert fusion("show", third["run_id"]).code == 2

    newest = {"logs": {"flow_run_id": {"any_": [first["flow_run_id"]]}}, "sort": "TIMESTAMP_DESC"}
    (record,) = worker.api("POST", "logs/filter", {**newest, "limit": 1})
    before = datetime.fromisoformat(record["timestamp"]) - timedelta(seconds=1)
    late = {"name": "x", "level": 20, "message": "a late record", "timestamp": before.isoformat()}
    worker.api("POST", "logs/", [{**late, "flow_run_id": first["flow_run_id"]}])
    ended = fusion("cancel", first["run_id"])
    assert ended.code == 0
    assert "going on: Cancelled (what was finished is kept)\n" in ended.out
    assert simulators(directory) == []
    again = fusion("cancel", first["run_id"])
    assert again.code == 1
    assert again.out.endswith("going on: it had already ended, Cancelled\n")
    shown = fusion("show", first["run_id"]).out
    assert "State     Cancelled: what was finished is kept.\n" in shown
    wait_for(lambda: "Finished in state" in fusion("logs", first["run_id"]).out, 20, "the end")
    time.sleep(3)  # records are sent in batches
    logged = fusion("logs", first["run_id"]).out.splitlines()
    assert not [line for line in logged if " ERROR " in line], "it was asked for"
    assert sum("Cancelled; what was finished is kept" in line for line in logged) == 1

    rest, error = follower.stdout.read(), follower.stderr.read()
    assert follower.wait(40) == 0, error
    assert "does not answer" in error
    lines = [*heard.splitlines(), *rest.splitlines()]
    printed = (directory / "logs" / "sim.log").read_text().splitlines()
    assert [line for line in lines if line in printed] == printed, "nothing twice, nothing missing"
    assert sum("a late record" in line for line in lines) == 1

    # Two at once, of a run that goes on: one deletes it, the other is told.
    directory = worker.directory(second["flow_run_id"])
    wait_for(lambda: simulating(directory), 40, "the simulator")
    words = ("delete", second["run_id"], "--yes", "--cancel")
    commands = [here(*words, environment=worker.environment) for _ in range(2)]
    outs = [command.communicate(timeout=150) for command in commands]
    told = sorted(out for out, _ in outs)
    errors = "".join(error for _, error in outs)
    assert told[0] == ""
    assert f"{second['run_id']}  next: deleted (" in told[1]
    assert "there is no run" in errors
    assert "Traceback" not in errors
    assert worker.artifacts(second["flow_run_id"]) == {}, "Prefect keeps those of a deleted run"
    asked = {"flow_runs": {"id": {"any_": [second["flow_run_id"]]}}}
    assert worker.api("POST", "task_runs/filter", asked) == []
    assert not directory.exists()
    assert simulators(directory) == []


def changes(overrides: dict[str, dict[str, int]]) -> list[str]:
    """Return overrides as words of the command."""
    pairs = [(section, *pair) for section, keys in overrides.items() for pair in keys.items()]
    return [word for section, key, value in pairs for word in ("-s", f"{section}.{key}={value}")]


def test_delete_asks_and_removes_what_is_left(
    fusion: Fusion, worker: Prefect, finished: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = worker.runs / "0123456789ab"
    shutil.copytree(worker.directory(finished), left)
    shown = fusion("show", "0123456789ab")
    assert "not in Prefect" in shown.out
    refused = fusion("delete", "0123456789ab")
    assert refused.code == 1
    assert "--yes" in refused.err
    assert left.exists()

    class Terminal:
        def __init__(self, answer: str) -> None:
            self._answer = answer

        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            return self._answer

    monkeypatch.setattr(sys, "stdin", Terminal("\n"))
    kept = fusion("delete", "0123456789ab")
    assert (kept.code, left.exists()) == (1, True)
    assert re.search(r"0123456789ab.*\(not in Prefect\), \d", kept.err)
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    gone = fusion("delete", "0123456789ab")
    assert (gone.code, left.exists()) == (0, False)
    assert "Prefect knew nothing of it" in gone.out


# --- here ------------------------------------------------------------------------------------------


def test_bad_settings_are_told_before_there_is_a_run(server: Prefect, tmp_path: Path) -> None:
    command = here(
        *("run", "quick", "--name", tmp_path.name, "-s", "general_settings.erlang_start=-5"),
        environment=server.environment,
    )
    _, error = command.communicate(timeout=60)
    assert command.returncode == 2
    assert error.startswith("fusion: [general_settings] erlang_start = -5: must be")
    named = {"flow_runs": {"name": {"any_": [tmp_path.name]}}}
    assert server.api("POST", "flow_runs/filter", named) == []


def test_what_is_to_be_known_of_the_settings_is_told_once(server: Prefect, tmp_path: Path) -> None:
    """The command checks, the flow reads, the simulator reads again: one of them tells."""
    study = tmp_path / "study.ini"
    study.write_text(
        "[general_settings]\nerlang_start = 140\nerlang_stop = 140\nnum_requests = 500\n"
        "max_iters = 2\nprint_step = 7\n[topology_settings]\nnetwork = jpn48\n"
        "[simulation_settings]\nworkers = 1\n"
    )
    command = here("run", str(study), "--name", tmp_path.name, environment=server.environment)
    out, error = command.communicate(timeout=120)
    assert command.returncode == 0, error
    assert (out + error).count("jpn48 is jpn48_12576km") == 1
    assert (out + error).count("print_step") == 1


def test_ctrl_c_says_what_is_kept_and_resume_finishes_it(
    server: Prefect, fusion: Fusion, tmp_path: Path
) -> None:
    settings = {
        "general_settings": {"num_requests": 100_000, "max_iters": 150, "erlang_stop": 140},
        "simulation_settings": {"workers": 1},
    }
    words = ("run", "quick", "--name", tmp_path.name, *changes(settings))
    command = here(*words, environment=server.environment)
    run_id = server.named(tmp_path.name)
    directory = server.directory(run_id)
    kept = directory / "output" / "replications.jsonl"
    wait_for(lambda: kept.exists() and kept.read_bytes().count(b"\n") > 3, 30, "replications")
    os.killpg(command.pid, signal.SIGINT)
    _, error = command.communicate(timeout=30)
    assert command.returncode == 130
    assert "Traceback" not in error
    told = re.search(
        r"Interrupted: 0 of 1 load and (\d+) replications? (?:is|are) kept in (\S+);", error
    )
    assert not re.search("[Cc]rash|[Hh]ook", error), "it is neither, for a person"
    assert told is not None, error
    assert kept.read_bytes().count(b"\n") == int(told[1]) + 1, "a line each, and a header"
    assert told[2] == str(directory)
    goes_on = re.search(r"`fusion (run --resume [^`]*)` continues", error)
    assert goes_on is not None, error
    assert simulators(directory) == []

    elsewhere = {**server.environment, "FUSION_RUNS_DIR": str(tmp_path / "elsewhere")}
    detached = here(*shlex.split(goes_on[1]), "--detach", environment=elsewhere)
    _, error = detached.communicate(timeout=60)
    assert detached.returncode == 1
    assert f"{directory} is not in the folder of runs of a worker" in " ".join(error.split())
    again = here(*shlex.split(goes_on[1]), environment=elsewhere, cwd=tmp_path)
    out, error = again.communicate(timeout=60)
    assert again.returncode == 0, error
    assert "blocking probability   interval" in out
    assert re.search(r"^ +140 +0\.00\d+ +0\.00\d+ to 0\.00\d+ +150$", out, re.M)
    assert f"Results: {directory}" in out
    resumed = next(one for one in fusion("runs", "--json").json if one["state"] == "Completed")
    assert resumed["name"] == tmp_path.name
    assert fusion("show", resumed["run_id"], "--json").json["directory"] == str(directory)
    first = fusion("show", run_id, "--json").json["run"]
    assert (first["state"], first["news"]) == ("Cancelled", f"resumed as {resumed['run_id']}")
    assert first["percent"] < 100
    noted = fusion("delete", "-y", resumed["run_id"])
    assert noted.code == 0, noted.err
    assert kept.exists(), "it is of the run that was resumed"
    assert f"its files are kept, as run {directory.name} has the same directory" in noted.out
    first = fusion("show", run_id, "--json").json["run"]
    assert (first["percent"], first["news"]) == (100, "1/1 load, 150 replications")


# --- doctor ----------------------------------------------------------------------------------------


def test_doctor_finds_what_is_there_and_what_is_wrong(
    fusion: Fusion, worker: Prefect, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy = fusion("doctor")
    assert healthy.code == 0, healthy.out
    checks = {line.split()[1] for line in healthy.out.splitlines()[1:]}
    assert {"python", "prefect", "server", "database", "password", "work", "queue"} <= checks
    assert {"worker", "deployment", "automation", "runs", "disk", "kernel"} <= checks
    assert "is online, last heartbeat" in healthy.out

    names = re.findall(r"^ok +deployment +(\S+)$", healthy.out, re.M)
    assert names == [
        *("fusion/sim", "fusion-sweep/sweep", "fusion-sweep/sweep-nightly", "fusion-train/train"),
        *("fusion-compare/tool-compare", "fusion-bound/tool-bound", "fusion-points/worker-points"),
        "fusion-maintenance/worker-maintenance",
    ]
    assert {name.partition("/")[2] for name in names} == set(worker.deployments())

    queue = worker.api("GET", "work_pools/fusion/queues/default")
    monkeypatch.setenv("FUSION_RUNS_DIR", "/proc/runs")
    worker.api("PATCH", f"work_queues/{queue['id']}", {"is_paused": True})
    deployment = worker.api("GET", f"deployments/name/{names[5]}")
    worker.api("DELETE", f"deployments/{deployment['id']}")
    try:
        sick = fusion("doctor", "--json")
    finally:
        worker.api("PATCH", f"work_queues/{queue['id']}", {"is_paused": False})
        own = ("name", "flow_id", "entrypoint", "pull_steps", "parameter_openapi_schema", "tags")
        place = ("work_pool_name", "work_queue_name", "job_variables", "path", "description")
        worker.api("POST", "deployments/", {name: deployment[name] for name in (*own, *place)})
    problems = {one["subject"]: one for one in sick.json if one["verdict"] == "problem"}
    assert sick.code == 1
    assert set(problems) == {"queue default", "runs folder", "deployment"}
    assert problems["deployment"]["found"] == f"there is no deployment {names[5]}"
    assert all(one["mend"] for one in problems.values())

    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        gone = fusion("doctor")
    assert gone.code == 1
    assert re.search(
        r"^problem +server +no Prefect server answers at http://127\.0\.0\.1:9/api", gone.out, re.M
    )
