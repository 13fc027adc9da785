"""Completion: a real bash with the script that is installed, and what it asks the command for."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fusion.config.config import load_config, to_ini
from fusion_flows.rundir import directory as rundir

from .prefect_server import plain_environment

END = "--end--"
Bash = Callable[[str], list[str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a working folder with runs, files and the script."""
    folder = tmp_path_factory.mktemp("completion")
    run = rundir.create(folder / "runs", "abcd00000001", to_ini(load_config("quick")))
    run.flow_run.write_text('{"name": "five paths"}')
    (run.output / "points.csv").write_text("erlang\n")
    rundir.create(folder / "runs", "ef0100000002", to_ini(load_config("quick")))
    (folder / "study.ini").write_text("[routing_settings]\nk_paths = 3\n")
    (folder / "studies").mkdir()
    (folder / "studies" / "net.csv").write_text("")
    (folder / "orders.toml").write_text('[grid]\npath_order = ["km", "hops"]\nk_paths = [1, 2]\n')
    return folder


@pytest.fixture(scope="module")
def environment(folder: Path) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    home = {"HOME": str(folder), "PREFECT_HOME": str(folder / "prefect"), "INPUTRC": "/dev/null"}
    return {**plain_environment(folder), **home, "PATH": path, "TERM": "dumb", "PS1": ""}


@pytest.fixture(scope="module")
def bash(folder: Path, environment: dict[str, str]) -> Iterator[Bash]:
    """Return a function that types a line, inserts all completions of its end, and returns the words."""
    installed = subprocess.run(
        [
            sys.executable,
            "-m",
            "fusion_flows.command.cli",
            "--install-completion",
            "--shell",
            "bash",
        ],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert installed.returncode == 0, installed.stderr
    (script,) = (folder / ".local/share/bash-completion/completions").glob("fusion*")
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], environment)

    def read(until: str) -> str:
        text, deadline = "", time.monotonic() + 60
        while until not in text:
            assert time.monotonic() < deadline, text
            if select.select([terminal], [], [], 1)[0]:
                text += os.read(terminal, 65536).decode(errors="replace")
        return text

    def complete(line: str) -> list[str]:
        # Meta-* inserts all completions; then the line becomes the words of another command.
        os.write(terminal, f"{line}\x1b*\x01printf '<%s>\\n' \x05 --e''nd--\n".encode())
        text = read(f"<{END}>").replace("\r", "")
        found = re.findall(r"^<(.*)>$", text, re.MULTILINE)
        return found[:-1]

    os.write(terminal, f"source {script}; echo --rea''dy--\n".encode())
    read("--ready--")
    yield complete
    os.close(terminal)
    os.waitpid(process, 0)


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("fusion can", ["cancel"]),
        ("fusion run qui", ["quick"]),
        ("fusion run st", ["studies/", "study.ini"]),
        ("fusion validate ./study", ["./study.ini"]),
        ("fusion show ab", ["abcd00000001"]),
        ("fusion show fi", ["five paths"]),
        ("fusion show abcd output/p", ["output/points.csv"]),
        ("fusion cancel abcd ef", ["ef0100000002"]),
        ("fusion run --resume ab", ["abcd00000001"]),
        ("fusion topology nsfnet_d", ["nsfnet_deeprmsa"]),
        ("fusion import studies/n", ["studies/net.csv"]),
        ("fusion import studies/net.csv --lengths g", ["great-circle"]),
        ("fusion run quick -s k_p", ["k_paths=", "k_paths_in_file="]),
        ("fusion run quick -s general_settings.alloc", ["general_settings.allocation_method="]),
        ("fusion run quick --set path_order=h", ["path_order=hops", "hops_per_bit"]),
        ("fusion run quick -s network=nsfnet_d", ["network=nsfnet_deeprmsa"]),
        ("fusion run quick -s network=studies/n", ["network=studies/net.csv"]),
        ("fusion explain k_p", ["k_paths", "k_paths_in_file"]),
        ("fusion runs --state comp", []),
        ("fusion runs --state Comp", ["Completed"]),
        ("fusion plot or", ["orders.toml"]),
        ("fusion plot orders.toml --against pa", ["path_order"]),
        ("fusion compare orders.toml k_", ["k_paths"]),
    ],
)
def test_a_line_is_completed(bash: Bash, line: str, completed: list[str]) -> None:
    before = line.split()
    found = bash(line)
    if not completed:
        assert found == before
        return
    assert found[: len(before) - 1] == before[:-1]
    assert found[len(before) - 1 :] == completed


def test_the_answer_needs_no_prefect_and_no_server(
    folder: Path, environment: dict[str, str]
) -> None:
    code = """
import sys
from fusion_flows.command.cli import main
for words in (["run", ""], ["show", ""], ["run", "quick", "-s", ""], ["topology", ""],
              ["plot", "orders.toml", "--against", ""], ["explain", ""]):
    assert main(["__complete", *words]) == 0
    assert "prefect" not in sys.modules, words
    print("---")
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lists = [
        [line.partition("\t") for line in part.splitlines() if line and line[0] != "\x1f"]
        for part in done.stdout.split("---\n")
    ]
    templates, runs, keys, networks, axes, names = (
        {word for word, *_ in each} for each in lists[:6]
    )
    assert {"quick", "default", "study.ini"} <= templates
    assert ("abcd00000001", "\t", "five paths") in lists[1]
    assert runs == {"abcd00000001", "ef0100000002"}, "no name before something is typed"
    assert {"k_paths=", "network="} <= keys
    assert {"nsfnet_deeprmsa", "abcd00000001"} <= networks
    assert axes == {"path_order", "k_paths", "erlang"}
    assert {"k_paths", "routing_settings"} <= names
