"""Agents in ONNX files, read and written with the package `onnx`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.config.problems import show
from fusion.scenario.agent.graph import AgentFileError, Graph, Node

EARLIEST_OPSET = 9
LOGITS, OBSERVATION = "logits", "observation"

_IR_VERSION = 8
"""Of ONNX's own format; readers of 2022 take it."""


def _onnx() -> Any:
    try:
        import onnx
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise AgentFileError(
            "reading and writing .onnx needs the package onnx: pip install onnx"
        ) from error
    return onnx


def read_onnx(content: bytes) -> tuple[Graph, dict[str, str]]:
    """Return the network in the content of a file, and the file's metadata. Raises AgentFileError."""
    onnx = _onnx()
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # whatever protobuf raises
        raise AgentFileError("is not an ONNX file") from error
    if not model.graph.node:
        raise AgentFileError("is not an ONNX file, or one with an empty network")
    if len(model.functions):
        from onnx.inliner import inline_local_functions

        model = inline_local_functions(model)
    for each in model.opset_import:
        if each.domain not in ("", "ai.onnx"):
            used = [node for node in model.graph.node if node.domain == each.domain]
            if used:
                raise AgentFileError(
                    f"the operator {show(_node(onnx, used[0]).label, 100)} of "
                    f"{show(each.domain, 60)} is not supported"
                )
    versions = [each.version for each in model.opset_import if each.domain in ("", "ai.onnx")]
    opset = max(versions, default=1)
    if opset < EARLIEST_OPSET:
        raise AgentFileError(
            f"has version {opset} of ONNX's operators; versions from {EARLIEST_OPSET} on are read"
        )
    tensors = {each.name: _array(onnx, each) for each in model.graph.initializer}
    nodes = []
    for each in model.graph.node:
        if each.op_type == "Constant" and each.attribute[0].name == "value":
            tensors[each.output[0]] = _array(onnx, each.attribute[0].t)
        else:
            nodes.append(_node(onnx, each))
    inputs = [each for each in model.graph.input if each.name not in tensors]
    if len(inputs) != 1:
        names = ", ".join(show(each.name, 40) for each in inputs[:5])
        raise AgentFileError(
            f"has {len(inputs)} inputs ({names}); an agent has one, float32[batch, feature]"
        )
    output = _output(model)
    features = _features(onnx, inputs[0])
    metadata = {each.key: each.value for each in model.metadata_props}
    return Graph(tuple(nodes), tensors, inputs[0].name, features, output, opset), metadata


def _output(model: Any) -> str:
    names = [each.name for each in model.graph.output]
    if LOGITS in names:
        return LOGITS
    if len(names) != 1:
        listed = ", ".join(show(name, 40) for name in names[:5])
        raise AgentFileError(f"has {len(names)} outputs ({listed}), none of them named {LOGITS}")
    return str(names[0])


def _features(onnx: Any, given: Any) -> int:
    kind = given.type.tensor_type
    sizes = [each.dim_value if each.HasField("dim_value") else 0 for each in kind.shape.dim]
    if kind.elem_type != onnx.TensorProto.FLOAT or len(sizes) != 2 or sizes[1] <= 0:
        shape = ", ".join(str(size or "?") for size in sizes)
        name = onnx.TensorProto.DataType.Name(kind.elem_type).lower()
        raise AgentFileError(
            f"its input '{show(given.name, 40)}' is {name}[{shape}]; it must be float32[batch, feature] "
            "with a fixed number of features"
        )
    if sizes[0] > 1:
        raise AgentFileError(
            f"its input takes {sizes[0]} observations at once; export it with a batch of any size"
        )
    return int(sizes[1])


def _array(onnx: Any, tensor: Any) -> NDArray[Any]:
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise AgentFileError("keeps its weights in another file; export it as a single file")
    try:
        array = np.asarray(onnx.numpy_helper.to_array(tensor))
    except (TypeError, ValueError, KeyError) as error:
        raise AgentFileError(f"its tensor '{show(tensor.name, 40)}' cannot be read") from error
    if array.dtype.kind in "iub":
        return array
    try:
        return array.astype(np.float32)
    except (TypeError, ValueError):
        raise AgentFileError(f"its tensor '{show(tensor.name, 40)}' has no numbers") from None


def _node(onnx: Any, node: Any) -> Node:
    attributes: dict[str, Any] = {}
    for each in node.attribute:
        value = onnx.helper.get_attribute_value(each)
        if isinstance(value, onnx.TensorProto):
            array = _array(onnx, value)
            value = array.ravel()[0].item() if array.size == 1 else array.tolist()
        elif isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        elif isinstance(value, int | float | str):
            pass
        elif all(isinstance(item, int | float) for item in value):
            value = list(value)
        else:  # a graph, as that of If and Loop
            value = each.name
        attributes[each.name] = value
    return Node(node.op_type, node.name, tuple(node.input), tuple(node.output), attributes)


def to_onnx(graph: Graph, metadata: dict[str, str]) -> bytes:
    """Return a network as the content of a file, the same for the same network. Raises AgentFileError."""
    onnx = _onnx()
    helper = onnx.helper
    kind = onnx.TensorProto.FLOAT
    model = helper.make_model(
        helper.make_graph(
            [
                helper.make_node(
                    each.operator, each.inputs, each.outputs, name=each.name, **each.attributes
                )
                for each in graph.nodes
            ],
            "agent",
            [helper.make_tensor_value_info(graph.input, kind, ["batch", graph.features])],
            [helper.make_tensor_value_info(graph.output, kind, ["batch", None])],
            [
                onnx.numpy_helper.from_array(np.asarray(each, order="C"), name)
                for name, each in graph.tensors.items()
            ],
        ),
        opset_imports=[helper.make_opsetid("", graph.opset)],
        producer_name="fusion",
        ir_version=_IR_VERSION,
    )
    helper.set_model_props(model, dict(sorted(metadata.items())))
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString(deterministic=True)
    return content
