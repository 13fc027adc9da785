"""What a first run needs is compiled while Prefect's server starts, and nothing is left of that."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from fusion.cli import compile as compile_process
from fusion.config.config import load_config
from fusion.kernel_cache import is_anything_compiled
from fusion_flows.engines.compiling import compiled_ahead

AHEAD = """
import sys, time
from fusion.config.config import load_config
from fusion_flows.engines.compiling import compiled_ahead

with compiled_ahead(load_config("quick")):
    print("begun", flush=True)
    time.sleep(float(sys.argv[1]))
"""


def compilers() -> list[psutil.Process]:
    """Return the processes that compile, of those that this one has started and of what they have left."""
    return [
        process
        for process in psutil.process_iter(["cmdline", "environ"])
        if "fusion.cli.compile" in (process.info["cmdline"] or ())
        and (process.info["environ"] or {}).get("MADE_BY") == str(os.getpid())
    ]


def begin(cache: Path, seconds: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", AHEAD, str(seconds)],
        env={**os.environ, "FUSION_CACHE_DIR": str(cache), "MADE_BY": str(os.getpid())},
        stdout=subprocess.PIPE,
        text=True,
    )


def wait_until_there_are(number: int) -> None:
    until = time.monotonic() + 30
    while len(compilers()) != number:
        assert time.monotonic() < until, compilers()
        time.sleep(0.05)


@pytest.mark.parametrize("number", [None, signal.SIGKILL, signal.SIGTERM])
def test_the_first_run_compiles_ahead_and_leaves_no_process(
    number: signal.Signals | None, tmp_path: Path
) -> None:
    with begin(tmp_path, 1 if number is None else 60) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == "begun\n"
        # The guard, in its two processes, and what it has started.
        wait_until_there_are(3)
        if number is not None:
            starter.send_signal(number)
        starter.wait(30)
    wait_until_there_are(0)


def test_later_runs_compile_nothing_ahead() -> None:
    assert compile_process.main(["--config", "quick"]) == 0
    assert is_anything_compiled()
    before = set(psutil.Process().children(recursive=True))
    with compiled_ahead(load_config("quick")):
        assert set(psutil.Process().children(recursive=True)) <= before


def test_bad_settings_are_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bad.ini"
    file.write_text("[routing_settings]\nk_paths = 0\n")
    assert compile_process.main(["--config", str(file)]) == 2
    assert "k_paths" in capsys.readouterr().err
