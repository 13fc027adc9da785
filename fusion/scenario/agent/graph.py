"""A neural network as a graph of operators, as ONNX has them, whichever file it is from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

OPSET = 17
"""Version of ONNX's operators that is written; those from 9 on are read."""


class AgentFileError(ValueError):
    """An agent that cannot be used; the message says why, in a sentence."""


class Node(NamedTuple):
    """One operator. inputs, outputs: names of values; an input that is left out is "".

    attributes: JSON data.
    """

    operator: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    @property
    def label(self) -> str:
        """What a message calls it."""
        name = self.name or (self.outputs[0] if self.outputs else "")
        return f"{self.operator} ('{name}')" if name else self.operator


class Graph(NamedTuple):
    """A network. nodes: each after those whose outputs it reads. tensors: what is known, by name.

    input: name of float32[batch, features], output: of float32[batch, action].
    """

    nodes: tuple[Node, ...]
    tensors: Mapping[str, NDArray[Any]]
    input: str
    features: int
    output: str
    opset: int = OPSET

    @property
    def numbers(self) -> int:
        """How many numbers the network has learnt."""
        return sum(each.size for each in self.tensors.values() if each.dtype.kind == "f")

    def digest(self) -> str:
        """Return the SHA-256, in hex, of what the network computes: names do not count."""
        number: dict[str, object] = {self.input: "input", "": ""}
        for name, tensor in self.tensors.items():
            number[name] = _digest_of(tensor)
        nodes = []
        for place, node in enumerate(self.nodes):
            inputs = [number.get(each, each) for each in node.inputs]
            attributes = {key: _rounded(each) for key, each in sorted(node.attributes.items())}
            nodes.append([node.operator, inputs, attributes])
            for index, name in enumerate(node.outputs):
                number[name] = [place, index]
        found = [self.opset, self.features, nodes, number.get(self.output, self.output)]
        return hashlib.sha256(json.dumps(found).encode()).hexdigest()


def _rounded(value: Any) -> Any:
    """Return an attribute with the precision that ONNX has."""
    if isinstance(value, float):
        return float(np.float32(value))
    return [_rounded(each) for each in value] if isinstance(value, list | tuple) else value


def _digest_of(array: NDArray[Any]) -> list[object]:
    data = np.asarray(array, order="C")
    little = data.astype(data.dtype.newbyteorder("<"), copy=False)
    return [little.dtype.str, list(array.shape), hashlib.sha256(little.tobytes()).hexdigest()]


def json_text(data: object) -> str:
    """Return data as JSON, the same text for the same data."""
    return json.dumps(data, sort_keys=True, ensure_ascii=True, allow_nan=False)
