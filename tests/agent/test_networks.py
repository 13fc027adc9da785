"""Networks on a tape against onnxruntime, from ONNX and from safetensors."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fusion.kernel.network_tape import evaluate_tape, own_copy
from fusion.scenario.agent.about import METADATA_KEY, About
from fusion.scenario.agent.file import (
    agent_content,
    agent_from,
    from_record,
    read_agent,
    to_record,
)
from fusion.scenario.agent.graph import AgentFileError, Graph, Node
from fusion.scenario.agent.onnx_file import to_onnx
from fusion.scenario.agent.safetensors_file import to_safetensors
from fusion.scenario.agent.tape import make_tape
from tests.agent.networks import (
    ACTIVATIONS,
    Attention,
    Dense,
    Norm,
    mlp_graph,
    onnxruntime_session,
    paths_graph,
)

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

Random = np.random.Generator


def logits_of(graph: Graph, observations: NDArray[np.float32]) -> NDArray[np.float32]:
    tape, actions = make_tape(graph)
    logits = np.empty((len(observations), actions), dtype=np.float32)
    evaluate_tape(own_copy(tape), observations, logits)
    return logits


def by_onnxruntime(content: bytes, observations: NDArray[np.float32]) -> NDArray[np.float32]:
    session = onnxruntime_session(content)
    found: NDArray[np.float32] = session.run(None, {session.get_inputs()[0].name: observations})[0]
    return found


def check(graph: Graph, random: Random) -> None:
    """Compare a network with onnxruntime, read from both kinds of file."""
    observations = random.random((20, graph.features), dtype=np.float32)
    content = to_onnx(graph, {})
    read = agent_from("agent.onnx", content)
    found = logits_of(read.graph, observations)
    np.testing.assert_allclose(found, by_onnxruntime(content, observations), rtol=1e-5, atol=1e-5)
    other = agent_from("agent.safetensors", to_safetensors(graph, {}))
    assert logits_of(other.graph, observations).tobytes() == found.tobytes()
    assert other.key == read.key


def dense(random: Random, size: int, width: int) -> Dense:
    return Dense(random.normal(size=(size, width)) / np.sqrt(size), random.normal(size=width) * 0.3)


def norm(random: Random, width: int) -> Norm:
    return Norm(random.normal(1.0, 0.2, width), random.normal(size=width) * 0.2)


def some_mlp(random: Random, widths: list[int], actions: int, activation: str) -> Graph:
    layers: list[Dense | Norm] = []
    for size, width in pairwise(widths):
        layers.append(dense(random, size, width))
        if random.random() < 0.3:
            layers.append(norm(random, width))
    return mlp_graph(layers, dense(random, widths[-1], actions), activation)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    widths=st.lists(st.integers(1, 70), min_size=2, max_size=4),
    actions=st.integers(2, 40),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
)
def test_dense_layers(seed: int, widths: list[int], actions: int, activation: str) -> None:
    random = np.random.default_rng(seed)
    check(some_mlp(random, widths, actions, activation), random)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    context=st.integers(0, 20),
    paths=st.integers(1, 7),
    of_path=st.integers(1, 12),
    heads=st.integers(1, 4),
    blocks=st.integers(0, 2),
    actions=st.integers(1, 3),
)
def test_attention_over_paths(
    seed: int, context: int, paths: int, of_path: int, heads: int, blocks: int, actions: int
) -> None:
    random = np.random.default_rng(seed)
    width = heads * int(random.integers(1, 9))

    def block() -> tuple[Attention, Norm | None]:
        four = (dense(random, width, width) for _ in range(4))
        return Attention(heads, *four), norm(random, width) if random.random() < 0.5 else None

    graph = paths_graph(
        context=context,
        paths=paths,
        shared=[dense(random, context + of_path, width)],
        attention=[block() for _ in range(blocks)],
        head=[dense(random, width, width)],
        score=dense(random, width, actions),
        block=dense(random, width, 1),
    )
    check(graph, random)


F = np.float32


def _each(
    operator: str, *more: Any, **attributes: Any
) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    return operator, more, attributes


ONE_OPERATOR = [
    *(_each(each) for each in ("Relu", "Tanh", "Sigmoid", "Erf", "Exp", "Neg", "Abs", "Identity")),
    *(_each("LeakyRelu", alpha=0.2), _each("Elu", alpha=0.7), _each("Selu")),
    *(_each("Gather", np.array([3, 0, -1]), axis=1), _each("Transpose", perm=[0, 1])),
    *(_each("Clip", F(-0.5), F(0.25)), _each("Pow", F(2.0)), _each("Pow", F(3.0))),
    *(_each("Add", F([[1.0]])), _each("Sub", F(np.arange(8))), _each("Div", F(3.0))),
    *(_each("Mul", F(np.arange(8))), _each("Max", F(0.1), F(np.arange(8) / 8))),
    *(_each("Min", F(0.1)), _each("Sum", F(0.1), F(2.0)), _each("PRelu", F(np.arange(8) / 8))),
    *(_each("ReduceMean", axes=[1]), _each("ReduceMax", axes=[-1]), _each("Softmax", axis=1)),
    *(_each("ReduceSum", np.array([1])), _each("Softmax"), _each("Flatten", axis=1)),
    *(_each("Slice", np.array([6]), np.array([-9]), np.array([1]), np.array([-2])),),
    *(_each("Tile", np.array([1, 2])), _each("Expand", np.array([1, 8]))),
    _each("Pad", np.array([0, 1, 0, 2]), F(0.5)),
    _each("LayerNormalization", F(np.arange(8)), F(np.ones(8)), axis=-1, epsilon=1e-3),
    _each("Gemm", F(np.eye(5, 8) + 0.5), F(np.arange(5)), transB=1, alpha=0.5, beta=2.0),
    _each("Gemm", F(np.eye(8, 3)), F([[0.5]])),
    _each("MatMul", F(np.arange(16).reshape(8, 2))),
]


@pytest.mark.parametrize("case", ONE_OPERATOR, ids=lambda case: case[0])
def test_each_operator(case: tuple[str, tuple[Any, ...], dict[str, Any]]) -> None:
    operator, more, attributes = case
    tensors = {f"t{number}": np.asarray(each) for number, each in enumerate(more)}
    # Before it something below 0 as well; behind it 1 x actions, whatever it makes.
    nodes = (
        Node("Mul", "", ("observation", "scale"), ("scaled",), {}),
        Node("Sub", "", ("scaled", "half"), ("x",), {}),
        Node(operator, "it", ("x", *tensors), ("y",), attributes),
        Node("Reshape", "", ("y", "flat"), ("logits",), {}),
    )
    tensors |= {"scale": F(6.0), "half": F(3.0), "flat": np.array([0, -1])}
    graph = Graph(nodes, tensors, "observation", 8, "logits")
    observations = np.random.default_rng(3).random((1, 8), dtype=np.float32)
    content = to_onnx(graph, {})
    found = logits_of(agent_from("agent.onnx", content).graph, observations)
    expected = by_onnxruntime(content, observations)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_conditions_and_shapes_that_are_computed() -> None:
    def node(operator: str, inputs: str, out: str, **attributes: Any) -> Node:
        return Node(operator, "", tuple(inputs.split()), (out,), attributes)

    nodes = (
        node("Shape", "observation", "shape"),
        node("Gather", "shape zero", "batch", axis=0),
        node("Unsqueeze", "batch axis", "first"),
        node("Concat", "first rest", "wanted", axis=0),
        node("Reshape", "observation wanted", "pairs"),
        Node("Split", "", ("pairs", "halves"), ("a", "b"), {"axis": 2}),
        node("Greater", "a b", "more"),
        node("Not", "more", "less"),
        node("Where", "more a b", "largest"),
        node("Where", "less minus_infinity a", "masked"),
        node("Softmax", "masked", "share", axis=1),
        node("IsNaN", "share", "wrong"),
        node("Where", "wrong zero_share share", "safe"),
        node("Add", "largest safe", "sum"),
        node("Squeeze", "sum last", "logits"),
    )
    tensors = {
        "zero": np.array(0),
        "axis": np.array([0]),
        "rest": np.array([4, 2]),
        "halves": np.array([1, 1]),
        "minus_infinity": F(-np.inf),
        "zero_share": F(0.0),
        "last": np.array([2]),
    }
    graph = Graph(nodes, tensors, "observation", 8, "logits")
    random = np.random.default_rng(4)
    observations = random.random((50, 8), dtype=np.float32)
    observations[0] = np.tile([0.0, 1.0], 4)  # all masked
    content = to_onnx(graph, {})
    found = logits_of(agent_from("agent.onnx", content).graph, observations)
    expected = by_onnxruntime(content, observations)
    np.testing.assert_allclose(found[1:], expected[1:], atol=1e-5)


def test_functions_over_their_whole_range() -> None:
    """Far from 0, too, and where exponentials would be above or below all numbers."""
    values = np.concatenate([np.linspace(-95, 95, 4001), np.linspace(-1, 1, 2001)]).astype(F)
    for operator, exact in (
        ("Tanh", np.tanh),
        ("Exp", np.exp),
        ("Sigmoid", lambda x: 1 / (1 + np.exp(-x))),
    ):
        nodes = (Node(operator, "", ("observation",), ("logits",), {}),)
        graph = Graph(nodes, {}, "observation", len(values), "logits")
        found = logits_of(graph, values[None, :])[0].astype(np.float64)
        within = np.abs(values) < 87.0
        expected = exact(values[within].astype(np.float64))
        np.testing.assert_allclose(found[within], expected, rtol=4e-7, atol=2e-7)
        assert np.isfinite(found).all()


def some_agent(tmp_path: Path, file: str = "agent.onnx", seed: int = 0, **about: Any) -> Path:
    random = np.random.default_rng(seed)
    path = tmp_path / file
    graph = some_mlp(random, [10, 8], 3, "relu")
    path.write_bytes(agent_content(path.suffix, graph, About(**about)))
    return path


def test_what_is_written_is_read_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    for ending in (".onnx", ".safetensors"):
        path = some_agent(tmp_path, f"a{ending}", blocks=2, nodes=("x", "y"), steps=7, seed_of="T")
        found = read_agent(path)
        assert found.label == path.name
        assert found.about == About(blocks=2, nodes=("x", "y"), steps=7, seed_of="T")
        before = path.read_bytes()
        some_agent(tmp_path, path.name, blocks=2, nodes=("x", "y"), steps=7, seed_of="T")
        assert path.read_bytes() == before


def test_key_depends_on_what_decides_alone(tmp_path: Path) -> None:
    def key(**options: Any) -> str:
        return read_agent(some_agent(tmp_path, **options)).key

    first = key()
    assert key(steps=10, name="another", setting={"a": 1}) == first
    assert key(file="a.safetensors") == first
    assert key(seed=1) != first
    assert key(blocks=2) != first
    assert key(may_block=True) != first


def test_record_for_another_process(tmp_path: Path) -> None:
    agent = read_agent(some_agent(tmp_path, blocks=2))
    again = from_record(json.loads(json.dumps(to_record(agent))))
    assert (again.key, again.label, again.about) == (agent.key, agent.label, agent.about)


def test_safetensors_package_reads_and_writes_the_same(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    path = some_agent(tmp_path, "agent.safetensors")
    agent = read_agent(path)
    tensors = safetensors.load_file(path)
    for name, tensor in agent.graph.tensors.items():
        np.testing.assert_array_equal(tensors[name], tensor)
    with pytest.importorskip("safetensors").safe_open(path, "numpy") as file:
        metadata = file.metadata()
    safetensors.save_file(tensors, tmp_path / "again.safetensors", metadata)
    assert read_agent(tmp_path / "again.safetensors").key == agent.key


def _onnx_with(*nodes: Any, inputs: Any = None, **options: Any) -> bytes:
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    inputs = inputs or [helper.make_tensor_value_info("x", kind, ["batch", 4])]
    outputs = [helper.make_tensor_value_info(nodes[-1].output[0], kind, None)]
    graph = helper.make_graph(list(nodes), "g", inputs, outputs, **options)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    content: bytes = helper.make_model(graph, opset_imports=opsets).SerializeToString()
    return content


def _node(*arguments: Any, **options: Any) -> Any:
    return onnx.helper.make_node(*arguments, **options)


def _info(name: str, kind: str, shape: list[Any]) -> Any:
    return onnx.helper.make_tensor_value_info(name, getattr(onnx.TensorProto, kind), shape)


def _with_constant(operator: str, constant: Any) -> bytes:
    tensor = onnx.numpy_helper.from_array(constant, "c")
    return _onnx_with(_node(operator, ["x", "c"], ["y"]), initializer=[tensor])


def test_refusals() -> None:
    relu = _node("Relu", ["x"], ["y"])
    cases = [
        (b"PK\x03\x04 not a model", "is not an ONNX file"),
        (b"", "is not an ONNX file"),
        (_onnx_with(_node("Sin", ["x"], ["y"], name="wave")), r"operator Sin \('wave'\) is not"),
        (_onnx_with(_node("FusedGemm", ["x"], ["y"], domain="com.microsoft")), "FusedGemm"),
        (_onnx_with(relu, inputs=[_info("x", "FLOAT", ["b", "n"])]), r"float\[\?, \?\]; it must"),
        (_onnx_with(relu, inputs=[_info("x", "INT64", ["b", 4])]), r"int64\[\?, 4\]"),
        (_onnx_with(relu, inputs=[_info("x", "FLOAT", [64, 4])]), "64 observations at once"),
        (_onnx_with(relu, inputs=[_info(n, "FLOAT", ["b", 4]) for n in "xz"]), "has 2 inputs"),
        (_onnx_with(_node("Pow", ["x", "x"], ["y"])), "exponent of Pow depends on"),
        (_with_constant("Reshape", np.array([1, 3])), "Reshape .* does not fit what it reads"),
        (_with_constant("Unsqueeze", np.array([1])), "shape 1x1x4; it must be 1 x actions"),
        (_with_constant("Add", F([np.nan])), "not numbers"),
    ]
    for content, message in cases:
        with pytest.raises(AgentFileError, match=message):
            agent_from("agent.onnx", content)


def test_refusals_of_safetensors(tmp_path: Path) -> None:
    content = some_agent(tmp_path, "a.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    cases = [
        (b"", "is not a safetensors file"),
        (content[:100], "is not a safetensors file"),
        (content[:-4], "tensors are not as announced"),
        (content.replace(b'{"__meta', b'["__meta', 1), "its header is not JSON"),
        (content.replace(b"fusion_graph", b"fusion_grap_", 1), "has weights, and no network"),
    ]
    assert length > 100
    for wrong, message in cases:
        with pytest.raises(AgentFileError, match=message):
            agent_from("agent.safetensors", wrong)


def test_wrong_metadata_and_wrong_endings(tmp_path: Path) -> None:
    graph = read_agent(some_agent(tmp_path)).graph
    with pytest.raises(AgentFileError, match=r"metadata fusion_agent is wrong: blocks: .*greater"):
        agent_from("a.onnx", to_onnx(graph, {METADATA_KEY: '{"blocks": 0}'}))
    with pytest.raises(AgentFileError, match=r"must end in \.onnx or \.safetensors"):
        agent_content(".pt", graph, None)
