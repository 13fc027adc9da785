"""Agents from models of Stable-Baselines3 and from networks that torch has exported."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusion.kernel.network_tape import evaluate_tape
from fusion.scenario.agent.file import agent_from, read_agent
from fusion.scenario.agent.graph import AgentFileError, Graph
from fusion.scenario.agent.stable_baselines3 import graph_of_model
from fusion.scenario.agent.tape import make_tape

DATA = Path(__file__).parents[1] / "data" / "agents"


def logits_of(graph: Graph, observations: Any) -> Any:
    tape, actions = make_tape(graph)
    logits = np.empty((len(observations), actions), dtype=np.float32)
    evaluate_tape(tape, observations, logits)
    return logits


@pytest.mark.parametrize("path", sorted(DATA.glob("*.onnx")), ids=lambda path: path.stem)
def test_what_torch_exports_gives_what_torch_gives(path: Path) -> None:
    """tests/data/agents/make.py has made them, with torch's answers."""
    pytest.importorskip("onnx")
    expected = json.loads(path.with_suffix(".json").read_text())
    observations = np.array(expected["observations"], dtype=np.float32)
    found = logits_of(read_agent(path).graph, observations)
    np.testing.assert_allclose(found, np.array(expected["logits"]), atol=1e-5)


def test_there_are_exports() -> None:
    assert {path.stem for path in DATA.glob("*.onnx")} == {"attention", "mlp"}


def model_of(tmp_path: Path, **policy: Any) -> Any:
    gymnasium = pytest.importorskip("gymnasium")
    sb3_contrib = pytest.importorskip("sb3_contrib", reason="sb3-contrib is not installed")
    box = gymnasium.spaces.Box(0.0, 1.0, (7,), np.float32)

    class Env(gymnasium.Env):  # type: ignore[misc]
        observation_space, action_space = box, gymnasium.spaces.Discrete(5)

        def reset(self, **_: Any) -> Any:
            return np.zeros(7, np.float32), {}

        def step(self, _: Any) -> Any:
            return np.zeros(7, np.float32), 0.0, False, False, {}

    model = sb3_contrib.MaskablePPO("MlpPolicy", Env(), seed=1, policy_kwargs=policy)
    model.save(tmp_path / "model.zip")
    return model


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["", "ReLU", "ELU"])
def test_a_model_scores_actions_as_stable_baselines3_does(tmp_path: Path, activation: str) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    policy: dict[str, Any] = {"net_arch": [16, 8]}
    if activation:
        policy["activation_fn"] = getattr(torch.nn, activation)
    model = model_of(tmp_path, **policy)
    observations = np.random.default_rng(0).random((20, 7), dtype=np.float32)
    with torch.no_grad():
        wanted = model.policy.get_distribution(torch.as_tensor(observations)).distribution.logits
    found = logits_of(graph_of_model(tmp_path / "model.zip"), observations)
    found -= np.log(np.exp(found).sum(axis=1, keepdims=True))  # torch's are normalised
    np.testing.assert_allclose(found, wanted.numpy(), atol=1e-5)


@pytest.mark.slow
def test_no_pickle_of_a_model_runs(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")

    class Evil:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "it ran",)

    path, content = tmp_path / "model.zip", io.BytesIO()
    torch.save({"action_net.weight": Evil()}, content)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("policy.pth", content.getvalue())
        archive.writestr("data", "{}")
    with pytest.raises(AgentFileError, match="is not a model of Stable-Baselines3"):
        graph_of_model(path)
    assert not (tmp_path / "it ran").exists()


def test_what_is_no_model(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    path = tmp_path / "model.zip"
    path.write_bytes(b"nothing")
    with pytest.raises(AgentFileError, match="is not a model of Stable-Baselines3"):
        graph_of_model(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data", "{}")
    with pytest.raises(AgentFileError, match=r"it has no policy\.pth"):
        graph_of_model(path)


def test_without_torch_a_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(AgentFileError, match="needs torch: pip install torch"):
        graph_of_model(tmp_path / "model.zip")
    with pytest.raises(AgentFileError, match="must end in"):
        agent_from("model.zip", b"")
