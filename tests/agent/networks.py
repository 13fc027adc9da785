"""Networks of many shapes, from their weights to a graph."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fusion.scenario.agent.graph import Graph, Node
from fusion.scenario.agent.onnx_file import LOGITS, OBSERVATION

ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid", "elu": "Elu"}


class Dense(NamedTuple):
    """A dense layer, x W + b. weight: [input, output], the transpose of torch's. bias: [output]."""

    weight: ArrayLike
    bias: ArrayLike


class Norm(NamedTuple):
    """Layer normalisation of the last axis."""

    scale: ArrayLike
    bias: ArrayLike
    epsilon: float = 1e-5


class Attention(NamedTuple):
    """Self-attention over paths: x + W_o concat(softmax(Q K' / sqrt(d)) V), as torch's MultiheadAttention.

    A. Vaswani et al., "Attention Is All You Need", 2017. query, key, value, out: of the width of the model.
    """

    heads: int
    query: Dense
    key: Dense
    value: Dense
    out: Dense


def onnxruntime_session(content: bytes | str | PathLike[str]) -> Any:
    """Return what runs a file of ONNX, or its content, on one core: others would spin while they wait."""
    import onnxruntime  # not a dependency of all who build networks here

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


class _Builder:
    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.tensors: dict[str, NDArray[Any]] = {}

    def tensor(self, value: ArrayLike, kind: Any = np.float32) -> str:
        name = f"tensor_{len(self.tensors)}"
        self.tensors[name] = np.asarray(value, dtype=kind, order="C")
        return name

    def do(self, operator: str, *inputs: str, out: str = "", **attributes: Any) -> str:
        name = out or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(Node(operator, name, inputs, (name,), attributes))
        return name

    def dense(self, x: str, layer: Dense, out: str = "") -> str:
        """Multiply the last axis of any number of axes."""
        product = self.do("MatMul", x, self.tensor(layer.weight))
        return self.do("Add", product, self.tensor(layer.bias), out=out)

    def norm(self, x: str, norm: Norm) -> str:
        scale, bias = self.tensor(norm.scale), self.tensor(norm.bias)
        return self.do("LayerNormalization", x, scale, bias, axis=-1, epsilon=float(norm.epsilon))

    def layers(self, x: str, layers: Sequence[Dense | Norm], activation: str) -> str:
        """Dense layers with an activation after each; a norm comes before the activation of its layer."""
        function = _activation(activation)
        for place, layer in enumerate(layers):
            x = self.norm(x, layer) if isinstance(layer, Norm) else self.dense(x, layer)
            is_followed = place + 1 < len(layers) and isinstance(layers[place + 1], Norm)
            if not is_followed:
                x = self.do(function, x)
        return x

    def reshape(self, x: str, *shape: int) -> str:
        return self.do("Reshape", x, self.tensor(shape, np.int64))

    def attention(self, x: str, attention: Attention, paths: int) -> str:
        width = np.shape(attention.query.weight)[1]
        if width % attention.heads:
            raise ValueError(f"{attention.heads} heads do not divide a width of {width}")
        of_head = width // attention.heads

        def split(layer: Dense, perm: list[int]) -> str:
            found = self.reshape(self.dense(x, layer), -1, paths, attention.heads, of_head)
            return self.do("Transpose", found, perm=perm)

        query = split(attention.query, [0, 2, 1, 3])
        key = split(attention.key, [0, 2, 3, 1])
        value = split(attention.value, [0, 2, 1, 3])
        scaled = self.do("Mul", query, self.tensor(1.0 / np.sqrt(of_head)))
        weight = self.do("Softmax", self.do("MatMul", scaled, key), axis=-1)
        found = self.do("Transpose", self.do("MatMul", weight, value), perm=[0, 2, 1, 3])
        found = self.dense(self.reshape(found, -1, paths, width), attention.out)
        return self.do("Add", x, found)

    def graph(self, features: int) -> Graph:
        return Graph(tuple(self.nodes), self.tensors, OBSERVATION, features, LOGITS)


def _activation(name: str) -> str:
    if name not in ACTIVATIONS:
        raise ValueError(f"activation = {name!r}: must be {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]


def mlp_graph(layers: Sequence[Dense | Norm], last: Dense, activation: str = "relu") -> Graph:
    """Return a network of dense layers over all of an observation. last: gives the logits."""
    builder = _Builder()
    first = next(each for each in [*layers, last] if isinstance(each, Dense))
    x = builder.layers(OBSERVATION, layers, activation)
    builder.dense(x, last, out=LOGITS)
    return builder.graph(np.shape(first.weight)[0])


def paths_graph(
    *,
    context: int,
    paths: int,
    shared: Sequence[Dense | Norm],
    attention: Sequence[tuple[Attention, Norm | None]] = (),
    score: Dense,
    block: Dense,
    head: Sequence[Dense | Norm] = (),
    activation: str = "relu",
) -> Graph:
    """Return a network that treats all candidate paths alike.

    An observation is `context` numbers of the request and then as many numbers for each of `paths`. Each path
    goes through the dense layers `shared`, with the request's numbers before its own; then through blocks of
    self-attention over the paths, each with a norm behind it or None; then through `head`. `score` gives a
    logit for each action of a path, [width, actions of a path]; `block` that of the last action from the mean
    over the paths, [width, 1].
    """
    builder = _Builder()
    first = next(each for each in [*shared, score] if isinstance(each, Dense))
    of_path = np.shape(first.weight)[0] - context
    if of_path < 1:
        raise ValueError(
            f"the first layer takes {of_path + context} numbers, and {context} are context"
        )
    features = context + paths * of_path
    whole, last_axis = np.iinfo(np.int64).max, builder.tensor([1], np.int64)

    def cut(start: int, end: int) -> str:
        bounds = [builder.tensor([each], np.int64) for each in (start, end)]
        return builder.do("Slice", OBSERVATION, *bounds, last_axis)

    own = builder.reshape(cut(context, whole), -1, paths, of_path)
    x = own
    if context:
        request = builder.reshape(cut(0, context), -1, 1, context)
        shape = builder.tensor([1, paths, 1], np.int64)
        x = builder.do("Concat", builder.do("Expand", request, shape), own, axis=2)
    x = builder.layers(x, shared, activation)
    for each, norm in attention:
        x = builder.attention(x, each, paths)
        x = x if norm is None else builder.norm(x, norm)
    x = builder.layers(x, head, activation)
    scores = builder.dense(x, score)
    actions = np.shape(score.weight)[1]
    scores = builder.reshape(scores, -1, paths * actions)
    mean = builder.do("ReduceMean", x, axes=[1], keepdims=0)
    builder.do("Concat", scores, builder.dense(mean, block), out=LOGITS, axis=1)
    return builder.graph(features)
