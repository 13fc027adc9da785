"""The process that estimates very low blocking probabilities."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from fusion.cli.rare_events import main
from fusion.config.config import load_config, to_ini
from fusion.scenario.inputs import read_inputs
from fusion.simulation.splitting import estimate_rare_blocking

COMMAND = [sys.executable, "-m", "fusion.cli.rare_events", "--config"]


def write_config(path: Path, workers: int = 1, **general: Any) -> Path:
    general = {
        "erlang_start": 90,
        "erlang_stop": 90,
        "num_requests": 20_000,
        "max_iters": 3,
    } | general
    overrides = {"general_settings": general, "simulation_settings": {"workers": workers}}
    path.write_text(to_ini(load_config("nsfnet_100_slots", overrides)))
    return path


def run(config: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, str(config), *more], capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_tells_the_estimate_whatever_the_number_of_workers(tmp_path: Path, workers: int) -> None:
    path = write_config(tmp_path / "config.ini", workers)
    config = load_config(str(write_config(tmp_path / "other.ini")))
    expected = estimate_rare_blocking(config, read_inputs(config), 90.0)
    done = run(path, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["blocking_probability"] == expected.blocking_probability > 0.0
    assert (told["ci_lower"], told["ci_upper"]) == (expected.ci_lower, expected.ci_upper)
    assert tuple(told["thresholds"]) == expected.plan.thresholds


def test_a_line_for_a_person(tmp_path: Path) -> None:
    done = run(write_config(tmp_path / "config.ini"))
    head, line = done.stdout.splitlines()
    assert head.startswith("load (E)  blocking")
    assert line.startswith("90 ")


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("max_iters", 1, "max_iters = 1: must be at least 2"),
        ("max_segments", 2, "max_segments = 2: must be 1"),
        ("snr_type", "gsnr", "snr_type = gsnr: must be None"),
        (
            "route_method",
            "nli_aware",
            "route_method = nli_aware: must not be nli_aware with importance splitting",
        ),
    ],
)
def test_a_wrong_config_is_told_before_anything_starts(
    key: str, value: object, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        config = write_config(tmp_path / "config.ini", **{key: value})
        assert main(["--config", str(config)]) == 2
    finally:
        for number, handler in zip((signal.SIGINT, signal.SIGTERM), handlers, strict=True):
            signal.signal(number, handler)
    output = capsys.readouterr()
    assert told in output.err
    assert not output.out


def test_an_interrupt_leaves_no_process(tmp_path: Path) -> None:
    path = write_config(tmp_path / "config.ini", workers=2, num_requests=10**9)
    process = subprocess.Popen(
        [*COMMAND, str(path)], stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.5)
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(10) == 130
    deadline = time.monotonic() + 5
    while _members(process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _members(group: int) -> list[psutil.Process]:
    """Return the processes of a group; zombies are no longer any."""
    return [
        each
        for each in psutil.process_iter(["status"])
        if each.info["status"] != psutil.STATUS_ZOMBIE and _group(each) == group
    ]


def _group(process: psutil.Process) -> int | None:
    try:
        return os.getpgid(process.pid)
    except ProcessLookupError:
        return None
