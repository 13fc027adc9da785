"""docs/learning.md and its example do what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fusion.learning import EonEnv

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "learning.md").read_text(encoding="utf-8")


def test_the_code_of_the_page_runs(
    capsys: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mark = "<!-- not run: tests/docs/test_learning.py writes it -->"
    [written] = re.findall(rf"{mark}\n```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "my_observation.py").write_text(written)
    monkeypatch.chdir(tmp_path)
    mark = "<!-- not run: tests/docs/test_learning.py runs it -->"
    blocks = re.findall(rf"{mark}\n```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 7
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, "docs/learning.md", "exec"), names)
    first, *_, estimate, verdict = capsys.readouterr().out.splitlines()
    assert 0.05 < float(first) < 0.3
    assert estimate.startswith("Estimate(mean=0.0")
    assert verdict in {"ours blocks less", "kspff blocks less", "no difference shown"}


def test_the_code_for_stable_baselines3_runs(capsys: Any) -> None:
    """Where it is installed: it brings torch, which the tests do not need otherwise."""
    pytest.importorskip("sb3_contrib")
    [block] = re.findall(r"needs sb3-contrib -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {"overrides": {"general_settings": {"num_requests": 50}}}
    exec(compile(block.replace("100_000", "500"), "docs/learning.md", "exec"), names)
    assert capsys.readouterr().out.splitlines()[-1].startswith("Estimate(mean=0")
    assert -50 <= names["reward"] <= 50


def test_the_table_names_what_is_shown() -> None:
    all_is_shown = {
        "general_settings": {"max_segments": 2},
        "snr_settings": {"snr_type": "gsnr"},
        "failure_settings": {"failure_type": "random", "mtbf": 50, "mttr": 1},
    }
    options: dict[str, Any] = {"observation": "blocks", "actions": "paths", "blocks": 3}
    env = EonEnv("quick", all_is_shown, shows_holding=True, **options)
    named = re.findall(r"^\| .* \| `([^`]+)` \| .* \|$", PAGE, re.MULTILINE)
    named = [name for name in named if "=" not in name and "(" not in name]
    patterns = [name.replace("…", r"\w+").replace("k", "[0-4]", 0) for name in named]
    patterns = [re.sub(r"\bk\b", "[0-4]", re.sub(r"\bj\b", "[0-2]", each)) for each in patterns]
    in_order = [
        next(i for i, each in enumerate(patterns) if re.fullmatch(each, name))
        for name in env.layout.names
    ]
    assert set(in_order) == set(range(len(patterns)))
    assert in_order[: 2 * len(env.layout.nodes) + 7] == sorted(
        in_order[: 2 * len(env.layout.nodes) + 7]
    )


def test_the_example_learns() -> None:
    example = ROOT / "examples" / "learn_paths.py"
    assert example.name in PAGE
    command = [sys.executable, str(example), "--generations", "4", "--requests", "300"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[3].startswith("generation  4: best 0.0")
    assert lines[4].startswith("weights: hops ")
    blocked = {
        name: float(p)
        for name, p in re.findall(r"^ *(\w+): blocking ([\d.]+)", done.stdout, re.MULTILINE)
    }
    assert blocked.keys() == {"random", "first", "learned"}
    assert blocked["learned"] < blocked["random"]
    assert lines[-1].startswith("learned - first: ")
