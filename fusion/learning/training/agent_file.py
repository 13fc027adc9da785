"""A trained network as the file of an agent, with what it was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from fusion.config.config import Config
from fusion.config.named_files import is_path
from fusion.config.sections import SECTIONS
from fusion.config.training_settings import TrainingSettings
from fusion.learning.training.networks import MlpActor, PathsActor
from fusion.results.files import write_atomic
from fusion.scenario.agent.about import About
from fusion.scenario.agent.file import agent_content
from fusion.scenario.agent.graph import Graph, Node
from fusion.scenario.layout import Layout

_OBSERVATION, _LOGITS = "observation", "logits"


class _Graph:
    """Nodes and weights of a graph; each value has the number of its node as its name."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.weights: dict[str, NDArray[Any]] = {}

    def weight(self, array: NDArray[Any], name: str) -> str:
        self.weights[name] = np.ascontiguousarray(array)
        return name

    def add(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        output = output or f"value_{len(self.nodes)}"
        self.nodes.append(Node(kind, output, inputs, (output,), attributes))
        return output

    def dense(self, x: str, layer: nn.Linear, name: str, output: str = "") -> str:
        """Multiply by a layer's weights, and add its bias if it has one."""
        weight = self.weight(layer.weight.detach().numpy().T, f"{name}.weight")
        if layer.bias is None:
            return self.add("MatMul", x, weight, output=output)
        product = self.add("MatMul", x, weight)
        bias = self.weight(layer.bias.detach().numpy(), f"{name}.bias")
        return self.add("Add", product, bias, output=output)

    def integers(self, values: list[int]) -> str:
        return self.weight(np.array(values, dtype=np.int64), f"integers_{len(self.weights)}")

    def columns(self, x: str, first: int, last: int) -> str:
        starts, ends, axes = self.integers([first]), self.integers([last]), self.integers([1])
        return self.add("Slice", x, starts, ends, axes)


def write_agent_file(path: Path, actor: nn.Module, layout: Layout, about: About) -> None:
    """Write an agent, complete or not at all: float32[batch, feature] to logits float32[batch, action].

    The same agent gives the same bytes. Raises OSError.
    """
    graph = _Graph()
    if isinstance(actor, PathsActor):
        _paths(graph, actor, layout)
    elif isinstance(actor, MlpActor):
        _mlp(graph, actor)
    else:
        raise TypeError(f"{type(actor).__name__} is no network of an agent")
    nodes = tuple(graph.nodes)
    found = Graph(nodes, graph.weights, _OBSERVATION, layout.size, _LOGITS)
    write_atomic(path, agent_content(path.suffix, found, about))


def about_agent(layout: Layout, config: Config, settings: TrainingSettings, steps: int) -> About:
    """Return what an agent was trained on. steps: of training, by now."""
    load = settings.load or config.loads[0]
    changed = {
        section: values
        for section, keys in config.model_dump(mode="json").items()
        if (values := _changed(section, keys))
    }
    method = config.general_settings.allocation_method
    return About(
        observation=settings.observation,
        actions=settings.actions,
        blocks=layout.blocks,
        shows_holding=layout.shows_holding,
        candidates=layout.candidates,
        nodes=layout.nodes,
        names=layout.names,
        inputs=layout.size,
        allocation_method=method if settings.actions == "paths" else "",
        network=Path(config.topology_settings.network).stem,
        load=load,
        seed=settings.seed,
        steps=steps,
        setting={"config": changed, "load": load, "training": settings.model_dump()},
    )


def _changed(section: str, keys: dict[str, Any]) -> dict[str, Any]:
    """Return the keys of a section that differ from their defaults; of files only the name."""
    default = SECTIONS[section]().model_dump(mode="json")
    return {
        key: Path(value).name if is_path(key, value) else value
        for key, value in keys.items()
        if value != default[key]
    }


def _mlp(graph: _Graph, actor: MlpActor) -> None:
    x = _OBSERVATION
    dense = [layer for layer in actor.hidden if isinstance(layer, nn.Linear)]
    for number, layer in enumerate(dense):
        x = graph.add("Relu", graph.dense(x, layer, f"hidden.{number}"))
    graph.dense(x, actor.last, "last", _LOGITS)


def _paths(graph: _Graph, actor: PathsActor, layout: Layout) -> None:
    first, paths = actor.first, layout.candidates
    size, width = first.request_size, actor.last.in_features
    request = graph.columns(_OBSERVATION, 0, size)
    of_paths = graph.columns(_OBSERVATION, size, layout.size)
    of_a_path = (layout.size - size) // paths
    of_paths = graph.add("Reshape", of_paths, graph.integers([-1, paths, of_a_path]))
    # P [path, traffic] is a sum: what is of the request alone goes with R, which is computed once.
    both = first.path.weight.detach().numpy()
    of_request = first.request.weight.detach().numpy().copy()
    of_request[:, first.ends :] += both[:, of_a_path:]
    weight = graph.weight(of_request.T, "request.weight")
    bias = graph.weight(first.path.bias.detach().numpy(), "request.bias")
    request = graph.add("Add", graph.add("MatMul", request, weight), bias)
    request = graph.add("Reshape", request, graph.integers([-1, 1, width]))
    weight = graph.weight(both[:, :of_a_path].T, "path.weight")
    x = graph.add("Relu", graph.add("Add", graph.add("MatMul", of_paths, weight), request))
    for number, layer in enumerate(actor.hidden):
        assert isinstance(layer, nn.Linear)
        x = graph.add("Relu", graph.dense(x, layer, f"hidden.{number}"))
    if actor.heads:
        x = graph.add("Add", x, _attention(graph, actor, layout, x))
    place = graph.weight(actor.place.detach().numpy(), "place")
    scores = graph.add("Add", graph.dense(x, actor.last, "last"), place)
    scores = graph.add("Reshape", scores, graph.integers([-1, layout.actions - 1]))
    pads = graph.integers([0, 0, 0, 1])
    graph.add("Pad", scores, pads, output=_LOGITS)


def _attention(graph: _Graph, actor: PathsActor, layout: Layout, x: str) -> str:
    width, heads = actor.out.out_features, actor.heads
    size = width // heads
    scale, shift = (
        graph.weight(each.detach().numpy(), f"norm.{name}")
        for name, each in (("weight", actor.norm.weight), ("bias", actor.norm.bias))
    )
    x = graph.add("LayerNormalization", x, scale, shift, axis=-1, epsilon=actor.norm.eps)
    apart = graph.integers([-1, layout.candidates, heads, size])
    query, key, value = (
        graph.add(
            "Transpose",
            graph.add("Reshape", graph.dense(x, layer, name), apart),
            perm=[0, 2, 3, 1] if name == "key" else [0, 2, 1, 3],
        )
        for name, layer in (("query", actor.query), ("key", actor.key), ("value", actor.value))
    )
    root = graph.weight(np.array(np.sqrt(size), np.float32), "root")
    weights = graph.add("Div", graph.add("MatMul", query, key), root)
    seen = graph.add("MatMul", graph.add("Softmax", weights, axis=-1), value)
    seen = graph.add("Transpose", seen, perm=[0, 2, 1, 3])
    seen = graph.add("Reshape", seen, graph.integers([-1, layout.candidates, width]))
    return graph.dense(seen, actor.out, "out")
