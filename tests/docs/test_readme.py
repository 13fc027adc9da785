"""The commands and code of the README, run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

from fusion.config.config import load_config
from fusion.results.progress import ProgressReader

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def without_times(text: str) -> list[str]:
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "", text)
    lines = [
        line for line in text.splitlines() if "compiling" not in line and "compiled" not in line
    ]
    return [re.sub(r"[\d.]+ s;", "", line) for line in lines]


def test_simulator_prints_what_the_readme_shows(tmp_path: Path) -> None:
    block = re.search(r"```\n\$ (fusion-sim .*)\n((?:.*\n)+?)```", README)
    assert block is not None
    command = [sys.executable, "-m", "fusion.cli.run_sim", *shlex.split(block[1])[1:]]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert without_times(result.stderr) == without_times(block[2])
    events = list(ProgressReader(tmp_path / "out" / "progress.jsonl").read())
    assert events[-1]["exit_code"] == 0


def test_config_of_the_readme_is_right(tmp_path: Path) -> None:
    block = re.search(r"```ini\n(.*?)```", README, re.DOTALL)
    assert block is not None
    (tmp_path / "my_network.graphml").write_text("looked at when the run starts")
    path = tmp_path / "study.ini"
    path.write_text(block[1])
    config = load_config(path)
    assert config.loads == (150.0, 175.0, 200.0, 225.0, 250.0)
    assert config.topology_settings.network == str(tmp_path / "my_network.graphml")


def test_pictures_of_the_readme_load_fast() -> None:
    pictures = re.findall(r"\]\((docs/images/[^)]+)\)", README)
    assert pictures
    assert all((ROOT / picture).stat().st_size < 100_000 for picture in pictures)


def test_readme_is_short_enough_to_be_read() -> None:
    assert len(README.splitlines()) < 200
