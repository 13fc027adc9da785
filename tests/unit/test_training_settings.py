"""The section [training_settings]: read, checked and written; nothing else of a configuration knows it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from fusion.config import training_extra
from fusion.config.config import ConfigError, load_config, read_config
from fusion.config.training_settings import (
    TrainingSettings,
    read_assignments,
    read_training,
    training_ini,
)

FILE = """[general_settings]
erlang_start = 200
erlang_stop = 200

[training_settings]
steps = 200000
network = mlp
learning_rate = 3e-4
shows_holding = yes
"""


def test_only_its_section_is_read(tmp_path: Path) -> None:
    path = tmp_path / "setting.ini"
    path.write_text(FILE)
    settings = read_training(path, {"steps": "300000", "seed": 7})
    assert (settings.steps, settings.network, settings.seed) == (300_000, "mlp", 7)
    assert (settings.learning_rate, settings.shows_holding) == (3e-4, True)
    assert settings.gamma == TrainingSettings().gamma


def test_what_is_written_reads_back_as_the_same() -> None:
    settings = TrainingSettings(steps=123_456, entropy_coefficient=0.02, shows_holding=True)
    assert read_training(None, text=training_ini(settings)) == settings


def test_a_run_of_the_simulator_ignores_the_section_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "setting.ini"
    path.write_text(FILE)
    reading = read_config(path)
    assert reading.config.loads == (200.0,)
    ignored = {each.key: each.message for each in reading.ignored}
    assert ignored["network"] == "only `fusion train` reads this section"
    assert reading.config == read_config(_without(path)).config


def _without(path: Path) -> Path:
    other = path.with_name("without.ini")
    other.write_text(FILE.partition("[training_settings]")[0])
    return other


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("steps", "many", "must be an integer from 1 to 1,000,000,000"),
        ("gamma", "1.5", "must be a number from 0 to 1"),
        ("network", "path", "did you mean 'paths'?"),
        ("networks", "paths", "unknown key; did you mean 'network'?"),
        ("batch_size", "9000", "a rollout has 8192 requests (environments x rollout_steps)"),
        ("attention_heads", "5", "must divide width = 64"),
        ("steps", "100", "a rollout alone has 8192 requests"),
        ("algorithm", "dqn", "must be maskable_ppo"),
    ],
)
def test_what_is_wrong_is_told_with_key_value_and_source(
    tmp_path: Path, key: str, value: str, told: str
) -> None:
    path = tmp_path / "setting.ini"
    path.write_text(f"[training_settings]\n{key} = {value}\n")
    with pytest.raises(ConfigError) as caught:
        read_training(path)
    (problem,) = caught.value.problems
    assert (problem.section, problem.key, str(problem.value)) == ("training_settings", key, value)
    assert told in problem.message
    assert problem.source == f"{path}, line 2"


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        read_training(None, {"steps": -1, "gamma": 2, "unknown": 1})
    assert {each.key for each in caught.value.problems} == {"steps", "gamma", "unknown"}
    assert {each.source for each in caught.value.problems} == {"-t"}


def test_assignments_are_key_and_value() -> None:
    assert read_assignments(["steps=1000", "training_settings.Seed = 3"]) == {
        "steps": "1000",
        "seed": "3",
    }
    with pytest.raises(ConfigError, match="'steps' is not key=value"):
        read_assignments(["steps"])
    with pytest.raises(ConfigError, match="is given as 1, too"):
        read_assignments(["seed=1", "seed=2"])


def test_without_the_extra_nothing_starts_and_the_command_is_told(tmp_path: Path) -> None:
    code = (
        "import importlib.util, sys\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name: None if name == 'sb3_contrib' else find(name)\n"
        "from fusion.cli.train import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    out = tmp_path / "out"
    ended = subprocess.run(
        [sys.executable, "-c", code, "--config", "quick", "--output-dir", str(out)],
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 2
    told = re.search(r"\(the extra `train`\): pip install ([^;]*);", ended.stderr)
    assert told is not None
    assert "sb3-contrib" in told[1].split()
    assert not out.exists()


def test_without_the_extra_what_is_wrong_with_all_settings_is_told_as_well(tmp_path: Path) -> None:
    file = tmp_path / "setting.ini"
    file.write_text("[routing_settings]\nk_paths = 0\n")
    code = (
        "import importlib.util, sys\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name: None if name == 'sb3_contrib' else find(name)\n"
        "from fusion.cli.train import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    out = tmp_path / "out"
    words = ["--config", str(file), "--output-dir", str(out), "--set", "gamma=2"]
    ended = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert ended.returncode == 2
    for told in ("k_paths = 0: must be", "gamma = 2: must be", "(the extra `train`): pip install"):
        assert ended.stderr.count(told) == 1, ended.stderr
    assert not out.exists()


def test_what_environments_do_not_model_is_told_beside_wrong_settings(tmp_path: Path) -> None:
    pytest.importorskip("gymnasium")
    from fusion.config.training_check import check_training
    from fusion.learning.training.options import check_environments

    changes = {"general_settings": {"is_grooming_enabled": "True"}}
    with pytest.raises(ConfigError) as caught:
        check_training(
            lambda: load_config("quick", changes),
            lambda: read_training(None, {"gamma": 2}),
            check_environments,
            needs_extra=False,
        )
    assert [each.key for each in caught.value.problems] == ["gamma", "is_grooming_enabled"]


def test_the_extra_has_all_that_is_looked_for() -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    extra = {each.partition(">")[0] for each in project["optional-dependencies"]["train"]}
    assert set(training_extra.NEEDED.values()) == extra


def test_settings_are_refused_before_anything_starts(tmp_path: Path) -> None:
    path = tmp_path / "setting.ini"
    path.write_text(FILE.replace("steps = 200000", "steps = 0"))
    out = tmp_path / "out"
    code = (
        "import sys\n"
        "from fusion.config import training_extra\n"
        "training_extra.NEEDED.clear()\n"
        "from fusion.cli.train import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, "--config", str(path), "--output-dir", str(out)],
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 2
    assert (
        f"[training_settings] steps = 0: must be an integer from 1 to 1,000,000,000 (from {path}, line 6)"
        in ended.stderr
    )
    assert not out.exists()
