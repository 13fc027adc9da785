"""A policy of the user's in processes: never stale, in plain Python the same, ended when it never ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.twin.user_policies import BEST_FIT, FIRST_FIT, GOOD_FIT, HELPED

CONFIG = """[general_settings]
erlang_start = 200
erlang_stop = 200
num_requests = {requests}
max_iters = 2
[topology_settings]
network = nsfnet_deeprmsa
[spectrum_settings]
c_band = 60
[simulation_settings]
warmup_requests = 400
workers = {workers}
[routing_settings]
policy = {policy}:choose
"""


def command(
    folder: Path,
    output: str,
    *,
    requests: int = 600,
    workers: int = 1,
    policy: str = "mine.py",
    more: str = "",
) -> list[str]:
    config = folder / "mine.ini"
    config.write_text(CONFIG.format(requests=requests, workers=workers, policy=policy) + more)
    program = [sys.executable, "-m", "fusion.cli.run_sim", "--config", str(config)]
    return [*program, "--output-dir", str(folder / output)]


def simulate(folder: Path, output: str, policy: str = "mine.py", more: str = "") -> tuple[str, str]:
    """Return the table of points, and what was said."""
    done = subprocess.run(
        command(folder, output, policy=policy, more=more),
        capture_output=True,
        text=True,
        check=True,
    )
    return (folder / output / "points.csv").read_text(), done.stderr


def test_an_edit_of_any_of_its_files_counts_at_once(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(HELPED)
    (tmp_path / "helper.py").write_text("FIRST = 0\n")
    first, said = simulate(tmp_path, "1")
    assert "policy mine.py:choose" in said
    # The same under another name, as another user may have it.
    (tmp_path / "mine.py").rename(tmp_path / "other.py")
    again, said = simulate(tmp_path, "2", "other.py")
    assert again == first
    assert "policy other.py:choose" in said
    assert "compiling" not in said
    (tmp_path / "other.py").rename(tmp_path / "mine.py")
    # The helper alone, with the size and the time of the file as they were.
    before = (tmp_path / "helper.py").stat()
    (tmp_path / "helper.py").write_text("FIRST = 1\n")
    os.utime(tmp_path / "helper.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    helped, _ = simulate(tmp_path, "3")
    assert helped != first
    (tmp_path / "mine.py").write_text(BEST_FIT)
    edited, _ = simulate(tmp_path, "4")
    assert edited not in (first, helped)
    # Other results are not mixed with those that are there.
    done = subprocess.run(command(tmp_path, "1"), capture_output=True, text=True, check=False)
    assert done.returncode == 2


@pytest.mark.timeout(900)  # on a busy machine what is compiled takes minutes
@pytest.mark.parametrize(
    ("policy", "more"), [(FIRST_FIT, ""), (GOOD_FIT, "[snr_settings]\nsnr_type = gsnr\n")]
)
def test_plain_python_gives_the_same_bytes_and_may_print(
    policy: str, more: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(policy)
    compiled, _ = simulate(tmp_path, "compiled", more=more)
    printing = policy.replace("    for path", "    print('asked')\n    for path", 1)
    (tmp_path / "mine.py").write_text(printing)
    done = subprocess.run(
        command(tmp_path, "plain", more=more),
        env={**os.environ, "FUSION_PLAIN_POLICY": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (tmp_path / "plain" / "points.csv").read_text() == compiled
    assert "compiling the event loop with" not in done.stderr
    assert done.stdout.count("asked") > 2 * 1000


@pytest.mark.slow
def test_one_that_never_ends_is_ended_by_a_signal(tmp_path: Path) -> None:
    endless = "    while request.arrival_time > 7:\n        pass\n    for path"
    (tmp_path / "mine.py").write_text(FIRST_FIT.replace("    for path", endless, 1))
    for workers in (2, 1):
        process = subprocess.Popen(
            command(tmp_path, str(workers), requests=10**6, workers=workers),
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        assert any("policy mine.py" in line for line in process.stderr)
        time.sleep(6)  # it compiles first
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 143


def test_a_wrong_one_is_told_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def choose(request):\n    return 0, 0, 0\n")
    done = subprocess.run(command(tmp_path, "no"), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "mine.py, line 2: choose returned (0, 0, 0)" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "no").exists()
