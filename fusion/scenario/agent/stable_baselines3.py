"""The actor of a model of Stable-Baselines3, from its weights alone: nothing that is pickled is loaded.

A model is a zip archive. `policy.pth` in it has the weights, which torch reads as such (`weights_only`); what
else is pickled, in its file `data`, could run any code and is left alone.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.scenario.agent.graph import AgentFileError, Graph, Node

ACTIVATIONS = {"tanh": "Tanh", "relu": "Relu", "elu": "Elu", "sigmoid": "Sigmoid"}

_MOST_BYTES = 256 << 20
_LAYER = re.compile(r"mlp_extractor\.policy_net\.(\d+)\.weight")
_OF_VALUES = ("mlp_extractor.value_net.", "value_net.", "log_std")


def graph_of_model(path: Path, activation: str = "") -> Graph:
    """Return the network that scores the actions of a model with MlpPolicy.

    activation: a key of ACTIVATIONS; "": as the model says, which without a word has tanh. Raises
    AgentFileError.
    """
    try:
        import torch
    except ImportError as error:
        raise AgentFileError(
            "reading a model of Stable-Baselines3 needs torch: pip install torch"
        ) from error
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(each.file_size for each in archive.infolist()) > _MOST_BYTES:
                raise AgentFileError(f"is larger than {_MOST_BYTES >> 20} MiB")
            content, data = archive.read("policy.pth"), json.loads(archive.read("data"))
        tensors = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except AgentFileError:
        raise
    except KeyError as error:
        raise AgentFileError("is not a model of Stable-Baselines3: it has no policy.pth") from error
    except Exception as error:  # whatever zipfile and torch raise
        raise AgentFileError("is not a model of Stable-Baselines3") from error
    weights = {name: each.numpy() for name, each in tensors.items()}
    return _graph(weights, ACTIVATIONS[activation] if activation else _activation_of(data))


def _activation_of(data: Any) -> str:
    """Return the operator of the activation that a model names in its file `data`, in words."""
    options = data.get("policy_kwargs") if isinstance(data, dict) else None
    named = options.get("activation_fn") if isinstance(options, dict) else None
    if named is None:
        return "Tanh"
    found = re.search(r"torch\.nn\.modules\.activation\.(\w+)", str(named))
    if found is None or found[1].lower() not in ACTIVATIONS:
        raise AgentFileError(f"has an activation other than {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[found[1].lower()]


def _graph(weights: Mapping[str, NDArray[Any]], activation: str) -> Graph:
    numbers = sorted(int(found[1]) for name in weights if (found := _LAYER.fullmatch(name)))
    layers = [f"mlp_extractor.policy_net.{number}" for number in numbers]
    expected = {
        f"{layer}.{part}" for layer in (*layers, "action_net") for part in ("weight", "bias")
    }
    others = [name for name in weights if name not in expected and not name.startswith(_OF_VALUES)]
    if others or not expected <= {*weights}:
        raise AgentFileError(
            f"its policy is not MlpPolicy ({(others or ['action_net'])[0]}); export its network as ONNX, "
            "float32[batch, feature] to logits float32[batch, action]"
        )
    nodes: list[Node] = []
    tensors: dict[str, NDArray[Any]] = {}
    x = "observation"
    for layer in (*layers, "action_net"):
        weight, bias = f"{layer}.weight", f"{layer}.bias"
        tensors[weight] = weights[weight].astype(np.float32)
        tensors[bias] = weights[bias].astype(np.float32)
        is_last = layer == "action_net"
        out = "logits" if is_last else f"{layer}.sum"
        nodes.append(Node("Gemm", layer, (x, weight, bias), (out,), {"transB": 1}))
        x = out
        if not is_last:
            x = f"{layer}.out"
            nodes.append(Node(activation, "", (out,), (x,), {}))
    features = tensors[f"{(*layers, 'action_net')[0]}.weight"].shape[1]
    return Graph(tuple(nodes), tensors, "observation", int(features), "logits")
