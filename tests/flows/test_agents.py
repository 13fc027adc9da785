"""`fusion agent`: what an agent is, whether it fits, and files written of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fusion.scenario.agent.file import read_agent
from fusion_flows.command import cli
from fusion_flows.command.exit_codes import BAD_INPUT, DONE

pytest.importorskip("onnx")
MLP = Path(__file__).parents[1] / "data" / "agents" / "mlp.onnx"


def test_what_an_agent_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["agent", str(MLP)]) == DONE
    text = capsys.readouterr().out
    assert "numbers of an observation" in text
    assert cli.main(["agent", str(MLP), "--json"]) == DONE
    found = json.loads(capsys.readouterr().out)
    assert (found["numbers of an observation"], found["actions"], found["file"]) == (26, 9, None)
    assert found["weights"] == 26 * 16 + 16 + 2 * 16 + 3 * (16 * 16 + 16) + 16 * 9 + 9


def test_what_a_shipped_agent_was_trained_on(capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(__file__).parents[2] / "examples" / "train_agent"
    assert cli.main(["agent", str(folder / "nsfnet_2.onnx"), "--json"]) == DONE
    found = json.loads(capsys.readouterr().out)
    assert found["allocation_method"] == "mscl, on the path that it chooses"
    assert found["trained on"] == "nsfnet_deeprmsa"
    assert (found["load of training (E)"], found["seed of training"]) == ("250", 2)
    words = ["agent", str(folder / "cost239_1.onnx"), "--fits", str(folder / "cost239.ini")]
    assert cli.main(words) == DONE


def test_a_file_of_the_other_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "agent.safetensors"
    assert cli.main(["agent", str(MLP), "-o", str(other)]) == DONE
    assert str(other) in capsys.readouterr().out
    assert read_agent(other).key == read_agent(MLP).key


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--fits", "quick"], "has 9 actions, and its file does not say what they are"),
        (["--to", "agent.pt"], "must end in .onnx or .safetensors"),
        (["--activation", "relu"], "--activation is for models of Stable-Baselines3"),
        (["--activation", "sine"], "must be tanh, relu, elu, sigmoid"),
    ],
)
def test_what_is_refused(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["agent", str(MLP), *words]) == BAD_INPUT
    assert message in capsys.readouterr().err


def test_a_model_needs_a_file_to_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.zip"
    path.write_bytes(b"nothing")
    assert cli.main(["agent", str(path)]) == BAD_INPUT
    assert "--to names the agent to write" in capsys.readouterr().err
