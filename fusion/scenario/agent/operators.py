"""What each operator of ONNX does, in instructions of a tape.

https://onnx.ai/onnx/operators/ has what they are. What only moves numbers (reshaping, transposing, slicing,
joining) is done to their places once and for all, by the numpy functions that fold what is known.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.kernel import network_tape as kernel
from fusion.scenario.agent.graph import AgentFileError, Node
from fusion.scenario.agent.places import Computed, TapeMaker, Value

Do = Callable[..., Value]
OPERATORS: dict[str, Do] = {}


def _does(*names: str) -> Callable[[Do], Do]:
    def register(function: Do) -> Do:
        OPERATORS.update(dict.fromkeys(names, function))
        return function

    return register


def _known(value: Value | None, what: str) -> NDArray[Any]:
    if value is None or isinstance(value, Computed):
        raise AgentFileError(f"{what} depends on the observation, which is not supported")
    array: NDArray[Any] = np.asarray(value)
    return array


def _integers(value: Value | None, node: Node, what: str) -> list[int]:
    """Return integers of an input, or of an attribute where there is no such input."""
    if value is None:
        given = node.attributes.get(what)
        return [] if given is None else [int(each) for each in np.atleast_1d(given)]
    return [int(each) for each in np.atleast_1d(_known(value, what))]


def _moved(value: Value, function: Callable[[NDArray[Any]], NDArray[Any]]) -> Value:
    """Return a value whose numbers are elsewhere."""
    if isinstance(value, Computed):
        return Computed(function(value.places))
    return function(value)


@_does("Identity", "Dropout")
def _identity(_maker: TapeMaker, _node: Node, x: Value, *_: Value) -> Value:
    return x


@_does("Constant")
def _constant(_maker: TapeMaker, node: Node) -> Value:
    for name in ("value_float", "value_floats", "value_int", "value_ints"):
        if name in node.attributes:
            kind = np.float32 if "float" in name else np.int64
            return np.asarray(node.attributes[name], dtype=kind)
    raise AgentFileError(f"{node.label} has no value of numbers")


@_does("ConstantOfShape")
def _constant_of_shape(_maker: TapeMaker, node: Node, shape: Value) -> Value:
    value = node.attributes.get("value", 0.0)
    kind = {float: np.float32, int: np.int64, bool: np.bool_}[type(value)]
    return np.full(_integers(shape, node, "shape"), value, dtype=kind)


@_does("Shape")
def _shape(_maker: TapeMaker, node: Node, x: Value) -> Value:
    shape = x.places.shape if isinstance(x, Computed) else x.shape
    start, end = node.attributes.get("start", 0), node.attributes.get("end", len(shape))
    return np.array(shape[start:end], dtype=np.int64)


@_does("Size")
def _size(_maker: TapeMaker, _node: Node, x: Value) -> Value:
    return np.array(x.places.size if isinstance(x, Computed) else x.size, dtype=np.int64)


@_does("Range")
def _range(_maker: TapeMaker, _node: Node, *limits: Value) -> Value:
    return np.arange(*(_known(each, "its limit").item() for each in limits))


_KINDS = {1: np.float32, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float32, 11: np.float32}


@_does("Cast")
def _cast(_maker: TapeMaker, node: Node, x: Value) -> Value:
    kind = _KINDS.get(int(node.attributes["to"]))
    if kind is None or (isinstance(x, Computed) and kind is not np.float32):
        raise AgentFileError(f"{node.label} makes numbers of a kind that is not supported")
    return x if isinstance(x, Computed) else x.astype(kind)


@_does("CastLike")
def _cast_like(_maker: TapeMaker, _node: Node, x: Value, like: Value) -> Value:
    kind = np.dtype(np.float32) if isinstance(like, Computed) else like.dtype
    if isinstance(x, Computed) and kind.kind != "f":
        raise AgentFileError("CastLike makes numbers of a kind that is not supported")
    return x if isinstance(x, Computed) else x.astype(kind)


@_does("Reshape")
def _reshape(_maker: TapeMaker, node: Node, x: Value, shape: Value | None = None) -> Value:
    wanted = _integers(shape, node, "shape")

    def change(array: NDArray[Any]) -> NDArray[Any]:
        kept = not node.attributes.get("allowzero", 0)
        sizes = [
            array.shape[axis] if size == 0 and kept else size for axis, size in enumerate(wanted)
        ]
        return array.reshape(sizes)

    return _moved(x, change)


@_does("Flatten")
def _flatten(_maker: TapeMaker, node: Node, x: Value) -> Value:
    axis = int(node.attributes.get("axis", 1))
    return _moved(x, lambda it: it.reshape(math.prod(it.shape[: axis % (it.ndim + 1)]) or 1, -1))


@_does("Transpose")
def _transpose(_maker: TapeMaker, node: Node, x: Value) -> Value:
    return _moved(x, lambda it: it.transpose(node.attributes.get("perm")))


@_does("Squeeze")
def _squeeze(_maker: TapeMaker, node: Node, x: Value, axes: Value | None = None) -> Value:
    found = _integers(axes, node, "axes")
    return _moved(x, lambda it: np.squeeze(it, tuple(found) if found else None))


@_does("Unsqueeze")
def _unsqueeze(_maker: TapeMaker, node: Node, x: Value, axes: Value | None = None) -> Value:
    found = _integers(axes, node, "axes")
    return _moved(x, lambda it: np.expand_dims(it, tuple(found)))


@_does("Slice")
def _slice(
    _maker: TapeMaker,
    node: Node,
    x: Value,
    starts: Value | None = None,
    ends: Value | None = None,
    axes: Value | None = None,
    steps: Value | None = None,
) -> Value:
    first, last = _integers(starts, node, "starts"), _integers(ends, node, "ends")
    along = _integers(axes, node, "axes") or list(range(len(first)))
    by = _integers(steps, node, "steps") or [1] * len(first)

    def cut(array: NDArray[Any]) -> NDArray[Any]:
        places = [slice(None)] * array.ndim
        for start, end, axis, step in zip(first, last, along, by, strict=True):
            stop = None if step < 0 and end < -array.shape[axis] else end
            places[axis] = slice(start, stop, step)
        return array[tuple(places)]

    return _moved(x, cut)


@_does("Gather")
def _gather(_maker: TapeMaker, node: Node, x: Value, indices: Value) -> Value:
    places = _known(indices, "what Gather takes").astype(np.int64)
    return _moved(x, lambda it: np.take(it, places, axis=int(node.attributes.get("axis", 0))))


@_does("Concat")
def _concat(maker: TapeMaker, node: Node, *parts: Value) -> Value:
    axis = int(node.attributes["axis"])
    known = [each for each in parts if not isinstance(each, Computed)]
    if len(known) == len(parts):
        return np.concatenate(known, axis)
    return Computed(np.concatenate([maker.placed(each) for each in parts], axis))


@_does("Split")
def _split(_maker: TapeMaker, node: Node, x: Value, split: Value | None = None) -> Value:
    axis, sizes = int(node.attributes.get("axis", 0)), _integers(split, node, "split")
    length = (x.places if isinstance(x, Computed) else x).shape[axis]
    if not sizes:
        number = int(node.attributes.get("num_outputs", len(node.outputs)))
        size = -(-length // number)
        sizes = [min(size, length - size * each) for each in range(number)]
    ends = np.cumsum(sizes)
    if ends[-1] != length:
        raise AgentFileError(f"{node.label} splits {length} into {sizes}")

    def part(start: int, end: int) -> Value:
        return _moved(x, lambda it: np.take(it, np.arange(start, end), axis))

    return [part(end - size, end) for size, end in zip(sizes, ends.tolist(), strict=True)]


@_does("Expand")
def _expand(_maker: TapeMaker, node: Node, x: Value, shape: Value) -> Value:
    wanted = tuple(_integers(shape, node, "shape"))
    return _moved(x, lambda it: np.broadcast_to(it, np.broadcast_shapes(it.shape, wanted)))


@_does("Tile")
def _tile(_maker: TapeMaker, node: Node, x: Value, repeats: Value) -> Value:
    return _moved(x, lambda it: np.tile(it, _integers(repeats, node, "repeats")))


@_does("Pad")
def _pad(
    maker: TapeMaker,
    node: Node,
    x: Value,
    pads: Value | None = None,
    constant: Value | None = None,
    axes: Value | None = None,
) -> Value:
    if node.attributes.get("mode", "constant") != "constant":
        raise AgentFileError(f"{node.label} pads by something else than a constant")
    filler = np.float32(node.attributes.get("value", 0.0)) if constant is None else constant
    places = maker.placed(x)
    sizes = _integers(pads, node, "pads")
    along = _integers(axes, node, "axes") or list(range(places.ndim))
    by_axis = [(0, 0)] * places.ndim
    for axis, before, after in zip(along, sizes, sizes[len(along) :], strict=False):
        by_axis[axis] = before, after
    return Computed(np.pad(places, by_axis, constant_values=maker.placed(filler).ravel()[0]))


_OF_TWO: dict[str, tuple[int, Callable[..., Any]]] = {
    "Add": (kernel.ADD, np.add),
    "Sub": (kernel.SUBTRACT, np.subtract),
    "Mul": (kernel.MULTIPLY, np.multiply),
    "Div": (kernel.DIVIDE, np.divide),
    "Greater": (kernel.IS_GREATER, np.greater),
    "Equal": (kernel.IS_EQUAL, np.equal),
    "And": (kernel.MULTIPLY, np.logical_and),
    "Or": (kernel.GREATEST, np.logical_or),
}


@_does(*_OF_TWO)
def _two(maker: TapeMaker, node: Node, a: Value, b: Value) -> Value:
    code, function = _OF_TWO[node.operator]
    if isinstance(a, Computed) or isinstance(b, Computed):
        return maker.two(code, a, b)
    if function is np.divide and a.dtype.kind in "iu":
        function = np.floor_divide
    return np.asarray(function(a, b))


_OF_SHAPES: dict[str, Callable[..., Any]] = {"Mod": np.mod, "Floor": np.floor, "Ceil": np.ceil}


@_does(*_OF_SHAPES)
def _of_shapes(_maker: TapeMaker, node: Node, *values: Value) -> Value:
    """Compute what is only seen in computing shapes."""
    known = [_known(each, f"what {node.label} reads") for each in values]
    return np.asarray(_OF_SHAPES[node.operator](*known))


@_does("Less")
def _less(maker: TapeMaker, node: Node, a: Value, b: Value) -> Value:
    return _two(maker, node._replace(operator="Greater"), b, a)


@_does("GreaterOrEqual")
def _not_less(maker: TapeMaker, node: Node, a: Value, b: Value) -> Value:
    return _not(maker, node, _less(maker, node, a, b))


@_does("LessOrEqual")
def _not_greater(maker: TapeMaker, node: Node, a: Value, b: Value) -> Value:
    return _not_less(maker, node, b, a)


@_does("Not")
def _not(maker: TapeMaker, _node: Node, x: Value) -> Value:
    if isinstance(x, Computed):
        return maker.two(kernel.SUBTRACT, np.float32(1.0), x)
    return np.logical_not(x)


@_does("IsNaN")
def _is_nan(maker: TapeMaker, node: Node, x: Value) -> Value:
    if isinstance(x, Computed):
        return _not(maker, node, maker.two(kernel.IS_EQUAL, x, x))
    return np.isnan(x)


_OF_MANY: dict[str, tuple[int, Callable[..., Any]]] = {
    "Sum": (kernel.ADD, np.add),
    "Max": (kernel.GREATEST, np.maximum),
    "Min": (kernel.LEAST, np.minimum),
}


@_does(*_OF_MANY)
def _many(maker: TapeMaker, node: Node, *values: Value) -> Value:
    code, function = _OF_MANY[node.operator]
    total = values[0]
    for value in values[1:]:
        if isinstance(total, Computed) or isinstance(value, Computed):
            total = maker.two(code, total, value)
        else:
            total = np.asarray(function(total, value))
    return total


@_does("Where")
def _where(maker: TapeMaker, _node: Node, condition: Value, a: Value, b: Value) -> Value:
    if not isinstance(condition, Computed):
        if not isinstance(a, Computed) and not isinstance(b, Computed):
            return np.where(condition, a, b)
        return Computed(np.where(condition, maker.placed(a), maker.placed(b)))
    places = [maker.placed(each) for each in (condition, a, b)]
    shape = np.broadcast_shapes(*(each.shape for each in places))
    first = [maker.dense(Computed(np.broadcast_to(each, shape))) for each in places]
    out = maker.room(shape)
    if out.size:
        maker.emit(kernel.CHOOSE, out.flat[0], *first, out.size)
    return Computed(out)


_OF_ONE: dict[str, tuple[int, Callable[[Any], Any] | None]] = {
    "Relu": (kernel.RELU, lambda x: np.maximum(x, 0)),
    "Tanh": (kernel.TANH, np.tanh),
    "Sigmoid": (kernel.SIGMOID, None),
    "Erf": (kernel.ERF, None),
    "Exp": (kernel.EXP, np.exp),
    "Sqrt": (kernel.SQUARE_ROOT, np.sqrt),
    "Neg": (kernel.NEGATIVE, np.negative),
    "Abs": (kernel.ABSOLUTE, np.abs),
}


@_does(*_OF_ONE)
def _one(maker: TapeMaker, node: Node, x: Value) -> Value:
    code, function = _OF_ONE[node.operator]
    if isinstance(x, Computed) or function is None:
        return maker.one(code, x)
    return np.asarray(function(x))


@_does("LeakyRelu")
def _leaky_relu(maker: TapeMaker, node: Node, x: Value) -> Value:
    return maker.one(kernel.LEAKY_RELU, x, float(node.attributes.get("alpha", 0.01)))


@_does("Elu")
def _elu(maker: TapeMaker, node: Node, x: Value) -> Value:
    return maker.one(kernel.ELU, x, float(node.attributes.get("alpha", 1.0)))


@_does("Selu")
def _selu(maker: TapeMaker, node: Node, x: Value) -> Value:
    alpha = float(node.attributes.get("alpha", 1.6732632423543772))
    gamma = float(node.attributes.get("gamma", 1.0507009873554805))
    return maker.two(kernel.MULTIPLY, maker.one(kernel.ELU, x, alpha), np.float32(gamma))


@_does("PRelu")
def _prelu(maker: TapeMaker, _node: Node, x: Value, slope: Value) -> Value:
    zero = np.float32(0.0)
    below = maker.two(kernel.MULTIPLY, slope, maker.two(kernel.LEAST, x, zero))
    return maker.two(kernel.ADD, maker.one(kernel.RELU, x), below)


@_does("Gelu")
def _gelu(maker: TapeMaker, node: Node, x: Value) -> Value:
    """Compute x Phi(x): D. Hendrycks, K. Gimpel, "Gaussian Error Linear Units", 2016."""
    half, one, times = np.float32(0.5), np.float32(1.0), kernel.MULTIPLY
    if node.attributes.get("approximate", "none") in ("tanh", b"tanh"):
        cube = maker.two(times, maker.two(times, x, x), x)
        inner = maker.two(kernel.ADD, x, maker.two(times, cube, np.float32(0.044715)))
        inner = maker.one(kernel.TANH, maker.two(times, inner, np.float32(math.sqrt(2 / math.pi))))
    else:
        inner = maker.one(kernel.ERF, maker.two(times, x, np.float32(math.sqrt(0.5))))
    half_x = maker.two(times, x, half)
    return maker.two(times, half_x, maker.two(kernel.ADD, inner, one))


@_does("Clip")
def _clip(
    maker: TapeMaker, node: Node, x: Value, low: Value | None = None, high: Value | None = None
) -> Value:
    for code, limit, name in ((kernel.GREATEST, low, "min"), (kernel.LEAST, high, "max")):
        if limit is None and name in node.attributes:
            limit = np.float32(node.attributes[name])
        if limit is not None:
            x = maker.two(code, x, limit)
    return x


@_does("Reciprocal")
def _reciprocal(maker: TapeMaker, _node: Node, x: Value) -> Value:
    return maker.two(kernel.DIVIDE, np.float32(1.0), x)


@_does("Pow")
def _pow(maker: TapeMaker, node: Node, x: Value, exponent: Value) -> Value:
    powers = np.unique(_known(exponent, "the exponent of Pow"))
    if not isinstance(x, Computed):
        return np.power(x, exponent)
    if len(powers) != 1 or float(powers[0]) not in (-1.0, -0.5, 0.5, 1.0, 2.0, 3.0, 4.0):
        raise AgentFileError(f"{node.label} has an exponent other than -1, -0.5, 0.5, 1, 2, 3, 4")
    power, found = float(powers[0]), x
    if abs(power) == 0.5:
        found = maker.one(kernel.SQUARE_ROOT, x)
    for _ in range(int(power) - 1):
        found = maker.two(kernel.MULTIPLY, found, x)
    return maker.two(kernel.DIVIDE, np.float32(1.0), found) if power < 0 else found


@_does("MatMul")
def _matmul(maker: TapeMaker, _node: Node, a: Value, b: Value) -> Value:
    if isinstance(a, Computed) or isinstance(b, Computed):
        return maker.product(a, b)
    return np.matmul(a, b)


@_does("Gemm")
def _gemm(maker: TapeMaker, node: Node, a: Value, b: Value, c: Value | None = None) -> Value:
    alpha, beta = (np.float32(node.attributes.get(name, 1.0)) for name in ("alpha", "beta"))
    a = _moved(a, np.transpose) if node.attributes.get("transA") else a
    b = _moved(b, np.transpose) if node.attributes.get("transB") else b
    if not isinstance(b, Computed):
        b = alpha * b
    bias = None
    if c is not None and not isinstance(c, Computed):
        c = beta * c
        if c.ndim <= 2 and c.shape[-1:] == _columns(b) and c.size == c.shape[-1]:
            bias, c = c.ravel(), None
    found = maker.product(a, b, bias)
    if isinstance(b, Computed) and alpha != 1.0:
        if bias is not None:
            raise AgentFileError(f"{node.label} scales a product of computed matrices")
        found = maker.two(kernel.MULTIPLY, found, alpha)
    if c is not None:
        more = maker.two(kernel.MULTIPLY, c, beta) if isinstance(c, Computed) else c
        found = maker.two(kernel.ADD, found, more)
    return found


def _columns(value: Value) -> tuple[int, ...]:
    """Return the number of columns of a matrix, as the end of its shape."""
    shape = value.places.shape if isinstance(value, Computed) else value.shape
    return tuple(shape[-1:])


@_does("Softmax")
def _softmax(maker: TapeMaker, node: Node, x: Value) -> Value:
    places = maker.placed(x)
    if maker.opset < 13:  # of all axes from this one on, as one
        axis = int(node.attributes.get("axis", 1)) % places.ndim
        flat = places.reshape(*places.shape[:axis], -1)
        found = maker.placed(maker.rows(kernel.SOFTMAX, Computed(flat)))
        return Computed(found.reshape(places.shape))
    axis = int(node.attributes.get("axis", -1))
    last = np.moveaxis(places, axis, -1)
    found = maker.placed(maker.rows(kernel.SOFTMAX, Computed(last)))
    return Computed(np.moveaxis(found, -1, axis))


@_does("ReduceSum", "ReduceMean", "ReduceMax", "ReduceProd")
def _reduce(maker: TapeMaker, node: Node, x: Value, axes: Value | None = None) -> Value:
    found = _integers(axes, node, "axes")
    keep = bool(node.attributes.get("keepdims", 1))
    if not found and node.attributes.get("noop_with_empty_axes", 0):
        return x
    if not isinstance(x, Computed):
        functions: dict[str, Callable[..., Any]] = {
            "Sum": np.sum,
            "Mean": np.mean,
            "Max": np.max,
            "Prod": np.prod,
        }
        function = functions[node.operator.removeprefix("Reduce")]
        along = tuple(found) if found else None
        return np.asarray(function(x, axis=along, keepdims=keep)).astype(x.dtype)
    if node.operator == "ReduceProd":
        raise AgentFileError(f"{node.label} of what is computed is not supported")
    dimensions = x.places.ndim
    along_axes = sorted({each % dimensions for each in found} or set(range(dimensions)))
    others = [axis for axis in range(dimensions) if axis not in along_axes]
    shape = [x.places.shape[axis] for axis in others]
    count = math.prod(x.places.shape[axis] for axis in along_axes)
    given = Computed(x.places.transpose(*others, *along_axes).reshape(*shape, count))
    code = kernel.MAXIMUM if node.operator == "ReduceMax" else kernel.SUM
    value = maker.rows(code, given)
    if node.operator == "ReduceMean":
        value = maker.two(kernel.DIVIDE, value, np.float32(count))
    if keep:
        kept = [1 if axis in along_axes else x.places.shape[axis] for axis in range(dimensions)]
        value = _moved(value, lambda it: it.reshape(kept))
    return value


@_does("LayerNormalization")
def _layer_norm(
    maker: TapeMaker, node: Node, x: Value, scale: Value, bias: Value | None = None
) -> Value:
    """Compute what it is in J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer Normalization", 2016."""
    places = maker.placed(x)
    axis = int(node.attributes.get("axis", -1)) % places.ndim
    flat = places.reshape(*places.shape[:axis], -1)
    count = np.float32(flat.shape[-1])

    def mean(value: Value) -> Value:
        total = maker.two(kernel.DIVIDE, maker.rows(kernel.SUM, value), count)
        return _moved(total, lambda it: it[..., None])

    apart = maker.two(kernel.SUBTRACT, Computed(flat), mean(Computed(flat)))
    variance = mean(maker.two(kernel.MULTIPLY, apart, apart))
    epsilon = np.float32(node.attributes.get("epsilon", 1e-5))
    spread = maker.one(kernel.SQUARE_ROOT, maker.two(kernel.ADD, variance, epsilon))
    found = _moved(maker.two(kernel.DIVIDE, apart, spread), lambda it: it.reshape(places.shape))
    found = maker.two(kernel.MULTIPLY, found, scale)
    return found if bias is None else maker.two(kernel.ADD, found, bias)
