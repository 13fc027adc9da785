"""A network's graph made a tape: the few kinds of instruction that the event loop knows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.config.problems import show
from fusion.kernel.network_tape import Tape
from fusion.scenario.agent.graph import AgentFileError, Graph, Node
from fusion.scenario.agent.operators import OPERATORS
from fusion.scenario.agent.places import Computed, TapeMaker, Value


def make_tape(graph: Graph) -> tuple[Tape, int]:
    """Return the tape of a network and its number of actions.

    Raises AgentFileError for an operator that is not known, with its node.
    """
    maker = TapeMaker(graph.opset)
    values: dict[str, Value] = {name: _as_known(each) for name, each in graph.tensors.items()}
    values[graph.input] = Computed(maker.room((1, graph.features)))
    for node in _needed(graph):
        _do(maker, node, values)
    output = values.get(graph.output)
    if output is None:
        raise AgentFileError(f"nothing computes its output '{show(graph.output)}'")
    if not isinstance(output, Computed):
        raise AgentFileError("its output does not depend on the observation")
    if output.places.ndim != 2 or output.places.shape[0] != 1:
        shape = "x".join(map(str, output.places.shape))
        raise AgentFileError(
            f"its output for one observation has the shape {shape}; it must be 1 x actions"
        )
    place = maker.dense(output)
    return maker.tape(place), output.places.size


def _do(maker: TapeMaker, node: Node, values: dict[str, Value]) -> None:
    """Add what a node computes to the values."""
    function = OPERATORS.get(node.operator)
    if function is None:
        raise AgentFileError(f"the operator {show(node.label, 100)} is not supported")
    missing = [name for name in node.inputs if name and name not in values]
    if missing:
        raise AgentFileError(
            f"{show(node.label, 100)} reads '{show(missing[0])}', which nothing computes"
        )
    given = [values[name] if name else None for name in node.inputs]
    try:
        with np.errstate(all="ignore"):
            found = function(maker, node, *given)
    except AgentFileError:
        raise
    except (ValueError, IndexError, TypeError, KeyError, OverflowError, MemoryError) as error:
        reason = str(error) or type(error).__name__
        raise AgentFileError(
            f"{show(node.label, 100)} does not fit what it reads: {show(reason, 150)}"
        ) from None
    made = found if isinstance(found, list) else [found]
    values.update({name: value for name, value in zip(node.outputs, made, strict=False) if name})


def _needed(graph: Graph) -> list[Node]:
    """Return the nodes that the output depends on."""
    wanted, found = {graph.output}, []
    for node in reversed(graph.nodes):
        if wanted & set(node.outputs):
            found.append(node)
            wanted |= set(node.inputs)
    return found[::-1]


def _as_known(tensor: NDArray[Any]) -> NDArray[Any]:
    return tensor.astype(np.float32) if tensor.dtype.kind == "f" else tensor
