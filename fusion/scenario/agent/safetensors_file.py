"""Agents in safetensors files: a header of JSON, and then raw numbers.

https://github.com/huggingface/safetensors describes the format. The metadata has the network's operators as
JSON under `GRAPH_KEY`; what they read by name are the tensors.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from fusion.scenario.agent.graph import AgentFileError, Graph, Node

GRAPH_KEY = "fusion_graph"

_KINDS = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "U8": "u1",
    "BOOL": "?",
}
_NAMES = {"f4": "F32", "i8": "I64", "i4": "I32", "b1": "BOOL"}
_LENGTH = 8  # bytes of the number that says how long the header is
_NODES = TypeAdapter(tuple[Node, ...])


def read_safetensors(content: bytes) -> tuple[Graph, dict[str, str]]:
    """Return the network in the content of a file, and the file's metadata. Raises AgentFileError."""
    length = int.from_bytes(content[:_LENGTH], "little")
    if len(content) < _LENGTH or not 2 <= length <= len(content) - _LENGTH:
        raise AgentFileError("is not a safetensors file")
    try:
        header = json.loads(content[_LENGTH : _LENGTH + length])
        metadata = header.pop("__metadata__", {})
    except (ValueError, AttributeError, RecursionError) as error:
        raise AgentFileError("is not a safetensors file: its header is not JSON") from error
    data = memoryview(content)[_LENGTH + length :]
    tensors = {str(name): _tensor(name, entry, data) for name, entry in header.items()}
    if not isinstance(metadata, dict) or GRAPH_KEY not in metadata:
        raise AgentFileError(
            f"has weights, and no network: its metadata must have the operators under {GRAPH_KEY}"
        )
    try:
        found = json.loads(metadata[GRAPH_KEY])
        nodes = _NODES.validate_python([[*each] for each in found["nodes"]])
        graph = Graph(
            nodes,
            tensors,
            str(found["input"]),
            int(found["features"]),
            str(found["output"]),
            int(found["opset"]),
        )
    except (ValueError, KeyError, TypeError, ValidationError, RecursionError) as error:
        raise AgentFileError(f"its metadata {GRAPH_KEY} is not a network") from error
    if graph.features < 1:
        raise AgentFileError(f"its metadata {GRAPH_KEY} is not a network: it takes no features")
    return graph, {str(name): str(value) for name, value in metadata.items()}


def _tensor(name: str, entry: Any, data: memoryview) -> NDArray[Any]:
    try:
        kind, shape = _KINDS[entry["dtype"]], [int(each) for each in entry["shape"]]
        begin, end = (int(each) for each in entry["data_offsets"])
        count = math.prod(shape)
        if min(shape, default=0) < 0 or not 0 <= begin <= end <= len(data):
            raise ValueError
        if end - begin != count * np.dtype(kind).itemsize:
            raise ValueError
        array = np.frombuffer(data[begin:end], dtype=kind).reshape(shape)
    except (ValueError, KeyError, TypeError) as error:
        raise AgentFileError(
            "is not a safetensors file: its tensors are not as announced"
        ) from error
    if entry["dtype"] == "BF16":  # the upper half of a float32
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def to_safetensors(graph: Graph, metadata: dict[str, str]) -> bytes:
    """Return a network as the content of a file, the same for the same network."""
    found = {
        "input": graph.input,
        "features": graph.features,
        "output": graph.output,
        "opset": graph.opset,
        "nodes": [list(each) for each in graph.nodes],
    }
    metadata = {**metadata, GRAPH_KEY: json.dumps(found, sort_keys=True)}
    header: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))}
    parts, end = [], 0
    for name, tensor in graph.tensors.items():
        kept = tensor.astype(np.float32) if tensor.dtype.kind == "f" else tensor
        if f"{kept.dtype.kind}{kept.dtype.itemsize}" not in _NAMES:
            kept = kept.astype(np.int64)
        kind = f"{kept.dtype.kind}{kept.dtype.itemsize}"
        part = np.ascontiguousarray(kept, kept.dtype.newbyteorder("<")).tobytes()
        parts.append(part)
        offsets = [end, end + len(part)]
        header[name] = {"dtype": _NAMES[kind], "shape": [*tensor.shape], "data_offsets": offsets}
        end += len(part)
    text = json.dumps(header, ensure_ascii=True).encode()
    text += b" " * (-len(text) % _LENGTH)
    return len(text).to_bytes(_LENGTH, "little") + text + b"".join(parts)
