"""What the command shows in a terminal while it works, and what it does not say elsewhere."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from .prefect_server import ROOT, Prefect

SMALL = ("-s", "general_settings.num_requests=20000", "-s", "general_settings.max_iters=4")
SWEEP = """
template = "quick"
[grid]
k_paths = [1, 2]
erlang = [150, 200]
[overrides.general_settings]
num_requests = 2000
max_iters = 3
"""


class Shown(NamedTuple):
    code: int
    text: str  # without colours and movements
    codes: str  # with them
    out: str


def in_terminal(
    server: Prefect,
    *words: str,
    columns: int = 80,
    piped: bool = False,
    interrupt: Callable[[str], bool] = lambda text: False,
    **more: str,
) -> Shown:
    """Run the command in a terminal. piped: its output, not its errors, goes into a file.

    interrupt: says when Ctrl-C is to be pressed, from what is shown so far.
    """
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {**server.environment, "TERM": "xterm-256color", **more}
    for size in ("COLUMNS", "LINES"):  # whoever sets them overrules the terminal
        environment.pop(size, None)
    output = (server.folder / "output").open("w+b")
    command = subprocess.Popen(
        [sys.executable, "-m", "fusion_flows.command.cli", *words],
        cwd=ROOT,
        env=environment,
        stdin=follower,
        stdout=output if piped else follower,
        stderr=follower,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0) and None,
    )
    os.close(follower)
    shown, pressed, deadline = b"", False, time.monotonic() + 200
    try:
        while select.select([leader], [], [], max(0, deadline - time.monotonic()))[0]:
            try:
                part = os.read(leader, 65536)
            except OSError:  # how the end is told
                break
            shown += part
            if not pressed and interrupt(plain(shown.decode(errors="replace"))):
                pressed = True
                os.write(leader, b"\x03")
        code = command.wait(max(1, deadline - time.monotonic()))
    finally:
        command.kill()
        os.close(leader)
    output.seek(0)
    text = shown.decode()
    return Shown(code, plain(text), text, output.read().decode())


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", text)


def test_a_run_is_shown_with_bars_and_a_line_for_each_load(server: Prefect) -> None:
    shown = in_terminal(server, "run", "quick", *SMALL)
    assert shown.code == 0, shown.text
    assert re.search(r"loads +━+ +5/5", shown.text)
    assert re.search(r"replications +━+ +20/20", shown.text)
    assert "all is computed; drawing the pictures and the report" in shown.text
    for load in (140, 160, 180, 200, 220):
        assert len(re.findall(rf"[\r\n] +{load} +0\.\d+ ", shown.text)) == 1
    assert len(re.findall("blocking probability", shown.text)) == 1
    assert "Results: " in shown.text
    assert "INFO" not in shown.text
    assert shown.codes.count("\x1b[?25l") == shown.codes.count("\x1b[?25h") == 1, "the cursor"
    assert all(len(line) <= 80 for line in re.split(r"[\r\n]+", shown.text) if "━" in line)


def test_ctrl_c_in_a_terminal_says_what_is_kept(server: Prefect) -> None:
    shown = in_terminal(
        server,
        *("run", "quick", "-s", "general_settings.num_requests=300000"),
        *("-s", "general_settings.max_iters=500", "-s", "simulation_settings.workers=1"),
        interrupt=lambda text: re.search(r" ([2-9]|\d\d+)/2,500", text) is not None,
        NO_COLOR="1",
    )
    assert shown.code == 130, shown.text
    said = " ".join(shown.text.split())
    assert re.search(r"Interrupted: \d of 5 loads and \d+ replications? (?:is|are) kept in ", said)
    assert "`fusion run --resume " in said
    assert re.search(r"ETA \d\d:\d\d .*140 E: 0\.00\d+ ± ", shown.text), "how far it was"
    assert "requests/s" in shown.text
    assert "Crash" not in shown.text
    assert "Traceback" not in shown.text
    assert re.search(r"\x1b\[[\d;]*3\dm", shown.codes) is None, "a colour"


def test_a_sweep_is_shown_and_its_output_is_for_programs(server: Prefect, tmp_path: Path) -> None:
    (tmp_path / "sweep.toml").write_text(SWEEP)
    shown = in_terminal(
        server,
        *("sweep", str(tmp_path / "sweep.toml"), "--json"),
        columns=120,
        piped=True,
        FUSION_STORE_DIR=str(tmp_path / "store"),
    )
    assert shown.code == 0, shown.text
    assert json.loads(shown.out)["points"] == 4
    assert re.search(r"points +━+ +4/4", shown.text)
    assert re.search(r"replications +━+ +12/12", shown.text)


@pytest.mark.slow
def test_bars_are_as_wide_as_the_terminal(server: Prefect, tmp_path: Path) -> None:
    (tmp_path / "sweep.toml").write_text(SWEEP)
    shown = in_terminal(
        server,
        *("sweep", str(tmp_path / "sweep.toml"), "--json"),
        columns=120,
        piped=True,
        FUSION_STORE_DIR=str(tmp_path / "store"),
    )
    assert any(len(line) > 100 for line in re.split(r"[\r\n]+", shown.text)), shown.text
