"""CPU time of the simulator before its first request: `python -m benchmarks.startup`.

A run of one request with a warm kernel cache, and `--help`, each over a bare start of Python.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROUNDS = 7
TINY = """
[general_settings]
erlang_start = 100
erlang_stop = 100
num_requests = 1
max_iters = 1
[topology_settings]
network = nsfnet_deeprmsa
[simulation_settings]
warmup_requests = 0
"""


def cpu_seconds(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "tiny.ini"
        config.write_text(TINY)
        python = [sys.executable]
        simulator = [*python, "-m", "fusion.cli.run_sim"]
        commands = {
            "python -c pass": [*python, "-c", "pass"],
            "simulator --help": [*simulator, "--help"],
            "simulator, one request": [*simulator, "--config", str(config), "--output-dir"],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for round_number in range(ROUNDS + 1):
            for name, command in commands.items():
                last = [f"{folder}/{round_number}"] if command[-1] == "--output-dir" else []
                seconds = cpu_seconds([*command, *last])
                if round_number:
                    times[name].append(seconds)
        bare = statistics.median(times["python -c pass"])
        for name, seconds in times.items():
            median = statistics.median(seconds)
            print(f"{name:>24}: {median:.2f} s of CPU, {median / bare:.0f} times a bare Python")


if __name__ == "__main__":
    main()
