"""What the pages tell a reader to type is typed here."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from fusion.cli import run_sim
from fusion.config.config import ConfigError, Problem, load_config
from fusion.config.named_files import KEYS as FILES
from fusion_flows.command import cli, examples

from .blocks import MARKS, PAGES, Block, agrees, blocks
from .prefect_server import ROOT, Prefect

NEEDS_GNPY = pytest.mark.skipif(find_spec("gnpy") is None, reason="GNPy needs Python 3.12 or older")
ALWAYS = ("README.md", "tutorial.md", "api.md", "physics.md", "sweeps.md")
RUN = [
    pytest.param(
        page,
        marks=[
            *(() if page.name in ALWAYS else [pytest.mark.slow]),
            *([NEEDS_GNPY] if page.name == "from_gnpy.md" else []),
        ],
        id=page.name,
    )
    for page in PAGES
    if any(block.mark in ("run", "file") for block in blocks(page))
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_block_runs_or_says_why_not(page: Path) -> None:
    for block in blocks(page):
        where = f"{page.name}, line {block.line}"
        assert block.mark in MARKS, f"{where}: mark the block, see tests/flows/blocks.py"
        assert block.reason or block.mark == "run", f"{where}: say why, or which file"
        if block.mark in ("run", "parsed") and block.language != "python":
            for command, _ in block.commands:
                assert is_taken(command), f"{where}: {command}"


def is_taken(command: str) -> bool:
    """Say whether the command of this package takes these words; others are not ours to judge."""
    words = shlex.split(re.split(" [>|&]", command)[0])
    try:
        if words[0] == "fusion":
            cli.make_app().parse_args(words[1:], exit_on_error=False, print_error=False)
        elif words[0] == "fusion-sim":
            run_sim.parser().parse_args(words[1:])
    except (Exception, SystemExit):
        return False
    return True


@pytest.mark.parametrize("page", RUN)
def test_what_a_page_tells_to_type_works(
    server: Prefect, page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FUSION_RUNS_DIR", str(tmp_path / "runs"))
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    home = server.environment["PREFECT_HOME"]
    names: dict[str, object] = {}
    with temporary_settings({PREFECT_API_URL: server.url, PREFECT_HOME: home}):
        for block in blocks(page):
            try:
                run(block, names, {**server.environment, "FUSION_RUNS_DIR": str(tmp_path / "runs")})
            except BaseException as error:
                error.add_note(f"{page.name}, line {block.line}\n{block.text}")
                raise


def run(block: Block, names: dict[str, object], environment: dict[str, str]) -> None:
    if block.mark == "file":
        Path(block.reason).parent.mkdir(parents=True, exist_ok=True)
        Path(block.reason).write_text(block.text, encoding="utf-8")
        if block.reason.endswith(".ini"):
            assert all(problem.key in FILES for problem in problems_of(block.reason))
    elif block.mark == "run" and block.language == "python":
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(block.text, f"line {block.line}", "exec"), names)
    elif block.mark == "run":
        for command, shown in block.commands:
            came = typed(command, environment)
            assert not shown or agrees(shown, came), f"{command}\n{came}"


def problems_of(path: str) -> list[Problem]:
    """Return what is wrong with an INI file; a part of one need not name files that are there."""
    try:
        load_config(path)
    except ConfigError as error:
        return error.problems
    return []


def typed(command: str, environment: dict[str, str]) -> str:
    """Run a command and return what it prints; verbs of `fusion` in this process, for the sake of time."""
    words = shlex.split(command)
    if words[0] == "fusion" and not {">", "|", "&"} & set(words):
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            assert cli.main(words[1:]) == 0, command
        return output.getvalue()
    here = {**environment, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-ec", command],
        env=here,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def test_each_word_and_option_of_a_verb_is_explained_for_who_types_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for verb in examples.EXAMPLES:
        assert cli.main([verb, "--help"]) == 0
        told = capsys.readouterr().out
        assert "Python" not in told, f"fusion {verb}: that is of the function"
        assert not re.search(r"^(Args|Raises):", told, re.MULTILINE), verb
        for line in re.findall(r"^  (?:--\w|[A-Z]+:|[A-Z]+$).*", told, re.MULTILINE):
            explained = line.partition(": ")[2].replace("[required]", "").strip()
            assert explained, f"fusion {verb}: {line}"


def test_the_list_of_verbs_says_of_each_what_its_help_begins_with(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert sorted(examples.SUMMARIES) == sorted(examples.EXAMPLES)
    for verb, summary in examples.SUMMARIES.items():
        assert cli.main([verb, "--help"]) == 0
        _, first, *_ = filter(None, capsys.readouterr().out.splitlines())
        assert first == summary


def test_the_list_of_verbs_comes_without_what_the_verbs_need() -> None:
    script = (
        "import sys; from fusion_flows.command import cli; assert cli.main(['--help']) == 0; "
        "print(*(name for name in sys.modules if name.partition('.')[0] in "
        "('numpy', 'numba', 'pydantic', 'prefect', 'pandas', 'psutil')), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.startswith("Usage: fusion COMMAND")
    assert done.stderr.split() == []


def test_each_verb_teaches_by_examples_that_it_takes() -> None:
    app = cli.make_app()
    verbs = [name for name in app if not name.startswith("-")]
    assert sorted(examples.EXAMPLES) == sorted(verbs)
    for verb in verbs:
        text = examples.epilogue(verb)
        assert cli.make_app(verb)[verb].help_epilogue == text
        assert "Exit codes: 0 " in text
        block = Block(0, "run", "", "", examples.EXAMPLES[verb])
        for command, _ in block.commands:
            assert is_taken(command), command
        assert [line for line in examples.EXAMPLES[verb].splitlines() if len(line) > 80] == []
