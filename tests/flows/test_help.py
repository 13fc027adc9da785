"""Help texts: defaults, words of people and not of Python, and lines that no narrow terminal breaks."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import shlex
import subprocess
import sys
from itertools import pairwise

import pytest

from fusion_flows.command import cli
from fusion_flows.command.examples import EXAMPLES, FIRST_STEPS, SUMMARIES
from fusion_flows.command.help_words import fitted, metavar

COLUMNS = 60
HELP = f"""
import sys
from fusion_flows.command import cli
for verb in {list(SUMMARIES)!r}:
    print("=== " + verb, flush=True)
    cli.main([verb, "--help"])
print("=== ", flush=True)
cli.main(["--help"])
"""


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the help of each verb as a terminal of 60 columns shows it, without colours."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"COLUMNS": str(COLUMNS), "TERM": "xterm", "NO_COLOR": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", HELP],
        cwd=tmp_path_factory.mktemp("help"),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # what a terminal says once its last writer is gone
        while some := os.read(ours, 65536):
            shown += some
    os.close(ours)
    assert process.wait() == 0
    text = re.sub(r"\x1b\[[0-9;]*m", "", shown.decode()).replace("\r\n", "\n")
    parts = re.split(r"^=== (.*)\n", text, flags=re.M)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_no_line_is_wider_than_a_narrow_terminal(narrow: dict[str, str]) -> None:
    assert narrow.keys() == {*SUMMARIES, ""}
    wide = {
        (verb, line)
        for verb, text in narrow.items()
        for line in text.splitlines()
        if len(line) > COLUMNS
    }
    assert wide == set()


def test_examples_can_be_copied_from_a_narrow_terminal(narrow: dict[str, str]) -> None:
    """A comment that a terminal had broken was a command in its second line."""
    for verb, examples in [*EXAMPLES.items(), ("", FIRST_STEPS)]:
        wanted = [
            shlex.split(line, comments=True)
            for line in examples.splitlines()
            if line.startswith("  fusion ")
        ]
        _, _, rest = narrow[verb].partition("Examples:\n" if verb else "First steps:\n")
        shown = re.split(r"^\S", rest, maxsplit=1, flags=re.M)[0]
        joined = re.sub(r" \\\n +", " ", shown)
        found = [shlex.split(line, comments=True) for line in joined.splitlines()]
        assert [words for words in found if words] == wanted, verb


def test_no_option_is_broken(narrow: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    for verb in SUMMARIES:
        assert cli.main([verb, "--help"]) == 0
        wanted = set(re.findall(r"--[\w-]+", capsys.readouterr().out))
        assert set(re.findall(r"--[\w-]+", narrow[verb])) == wanted, verb
        assert "…" not in narrow[verb], verb


@pytest.mark.parametrize("verb", SUMMARIES)
def test_every_option_has_its_default_and_a_word_for_its_value(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([verb, "--help"]) == 0
    text = capsys.readouterr().out
    usage = text.splitlines()[0]
    assert "ARGS" not in usage
    for line in re.findall(r"^  -.*$", text, re.M):
        label, _, said = line.strip().partition(": ")
        value = re.sub(r"--?[\w-]+,? ?", "", label)
        assert not re.search(r"STR|INT|FLOAT|LIST|DICT|BOOL|NONE|\.\.\.", value), line
        if value:
            assert "default" in said, line
    for line in re.findall(r"^  [A-Z]+: .*$", text, re.M):
        said = ("[required]", "default", "required without", "one at least", "(the first 4 digits")
        assert any(word in line for word in said), line
    assert not re.search(r"\bNone\b|\bTrue\b|\bFalse\b|list\[|dict\[|\bstr\b", text), verb


@pytest.mark.parametrize("verb", SUMMARIES)
def test_each_paragraph_is_a_line_that_a_terminal_breaks(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines of the source were broken anew, so that every second one was short."""
    assert cli.main([verb, "--help"]) == 0
    text = capsys.readouterr().out.partition("Examples:")[0]
    lines = text.splitlines()
    for one, other in pairwise(lines):
        assert not (one and other and one[0].isalpha() and other[0].isalpha()), (one, other)
    for line in lines:
        if line.startswith("   "):
            raise AssertionError(line)


def test_words_for_values() -> None:
    assert metavar("--title", "STR") == "TEXT"
    assert metavar("--limit", "INT") == "NUMBER"
    assert metavar("--heat-map", "STR STR") == "AXIS AXIS"
    assert metavar("--set", "STR...") == "KEY=VALUE"
    assert metavar("--to", "PATH") == "PATH"
    assert metavar("--width", "CHOICE") == "CHOICE"


def test_examples_are_fitted() -> None:
    example = (
        "  fusion run quick --detach                # on the worker\nIt is prose, which stays.\n"
    )
    assert fitted(example, 100) == example
    assert fitted(example, 45).splitlines()[0] == "  fusion run quick --detach  # on the worker"
    assert fitted(example, 20) == (
        "  # on the worker\n  fusion run quick \\\n      --detach\nIt is prose, which stays.\n"
    )
