"""Observations and rewards that a function of the user's gives, with the questions of `request`.

As a policy of the user's it is compiled into the loop that calls it, see `user_policy`. An observation is
the tuple of numbers that its function returns for a request.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import NumbaError, NumbaTypeError
from numba.extending import intrinsic, overload

from fusion.kernel import INSIDE, compiled
from fusion.kernel.adapted_environment import Adapting, Waiting
from fusion.kernel.arrays import Network
from fusion.kernel.connection_environment import network_of
from fusion.kernel.environment_loop import DECIDE, REST
from fusion.kernel.observation import Float32s, Int8s, View
from fusion.kernel.request import Facts, Request
from fusion.kernel.user_policy import (
    Chooser,
    CompileError,
    chooser_of_type,
    loop_with,
    make_request,
)


def observe(chooser: Chooser, request: Request) -> Any:
    """Return the numbers of an observation."""
    return chooser.plain(request)


@overload(observe, jit_options={"_nrt": False, **INSIDE})
def _observe(chooser: Any, request: Any) -> Any:
    function = chooser_of_type(chooser).compiled()

    def implementation(chooser: Any, request: Any) -> Any:
        return function(request)

    return implementation


def reward(chooser: Chooser, request: Request, path: Any, plane: Any, start: Any) -> float:
    """Return the reward for a placement, or for blocking: then path, plane and start are -1."""
    function: Any = chooser.plain
    return float(function(request, path, plane, start))


@overload(reward, jit_options={"_nrt": False, **INSIDE})
def _reward(chooser: Any, request: Any, path: Any, plane: Any, start: Any) -> Any:
    function = chooser_of_type(chooser).compiled()

    def implementation(chooser: Any, request: Any, path: Any, plane: Any, start: Any) -> Any:
        return as_number(function(request, path, plane, start))

    return implementation


@intrinsic
def count_numbers(_context: Any, numbers: Any) -> Any:
    """Return the length of a tuple of numbers."""
    if not isinstance(numbers, types.BaseTuple) or not all(map(_is_number, numbers)):
        raise NumbaTypeError(f"<returns {numbers}; an observation is a tuple of numbers>")

    def generate(_context: Any, _builder: Any, signature: Any, _arguments: Any) -> Any:
        return ir.IntType(64)(len(signature.args[0]))

    return types.int64(numbers), generate


@intrinsic
def as_number(_context: Any, value: Any) -> Any:
    """Return a number as float64."""
    if not _is_number(value):
        raise NumbaTypeError(f"<returns {value}; a reward is a number>")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.cast(builder, arguments[0], signature.args[0], types.float64)

    return types.float64(value), generate


@intrinsic
def write_numbers(_context: Any, row: Any, numbers: Any) -> Any:
    """Write a tuple of numbers into float32[number]."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array_type, tuple_type = signature.args
        array = context.make_array(array_type)(context, builder, arguments[0])
        stride = cgutils.unpack_tuple(builder, array.strides)[0]
        data = builder.ptrtoint(array.data, ir.IntType(64))
        for place, kind in enumerate(tuple_type):
            value = builder.extract_value(arguments[1], place)
            value = context.cast(builder, value, kind, types.float64)
            value = context.cast(builder, value, types.float64, types.float32)
            at = builder.add(data, builder.mul(stride, stride.type(place)))
            builder.store(value, builder.inttoptr(at, ir.FloatType().as_pointer()))
        return context.get_dummy_value()

    return types.void(row, numbers), generate


@compiled(nogil=True)
def show_own(
    network: Network,
    facts: Facts,
    waiting: Waiting,
    features: Float32s,
    chooser: Chooser,
    task: Int8s,
) -> None:
    """Write float32[environment, number] of the requests that wait, but of environments that rest."""
    for environment in range(task.shape[0]):
        if task[environment] != REST:
            request = waiting_request(network, facts, waiting, environment)
            write_numbers(features[environment], observe(chooser, request))


@compiled(nogil=True)
def reward_own(
    network: Network,
    facts: Facts,
    waiting: Waiting,
    view: View,
    adapting: Adapting,
    chooser: Chooser,
    task: Int8s,
) -> None:
    """Set what each environment that decides is rewarded with, before it does `adapting.action`."""
    for environment in range(task.shape[0]):
        if task[environment] == DECIDE:
            request = waiting_request(network, facts, waiting, environment)
            own = adapting.action[environment]
            path, plane, start = np.int64(-1), np.int64(-1), np.int64(-1)
            if own < waiting.choice.shape[1] and waiting.choice[environment, own, 0] >= 0:
                path = np.int64(own // view.blocks)
                plane = np.int64(waiting.choice[environment, own, 0])
                start = np.int64(waiting.choice[environment, own, 1])
            adapting.weight[environment] = 0.0
            adapting.lost[environment] = -reward(chooser, request, path, plane, start)


@compiled(**INSIDE)
def waiting_request(network: Network, facts: Facts, waiting: Waiting, environment: int) -> Request:
    """Return the request that waits in an environment, as a function of the user's sees it."""
    at = waiting.position[environment]
    pair = np.int64(waiting.pair[environment, at])
    column = np.int64(waiting.bit_rate[environment, at])
    return make_request(
        network_of(network, waiting.width_row, environment),
        facts,
        waiting.free[environment],
        None,
        None,
        None,
        pair,
        column,
        facts.bit_rate_gbps[column],
        waiting.arrival[environment, at],
        waiting.holding[environment, at],
        0.0,
    )


@compiled(nogil=True)
def measure_own(chooser: Chooser, request: Request) -> int:
    """Return how many numbers an observation has."""
    return count_numbers(observe(chooser, request))


@compiled(nogil=True)
def try_reward(chooser: Chooser, request: Request) -> float:
    """Return what a request is rewarded with that is blocked."""
    none = np.int64(-1)
    return reward(chooser, request, none, none, none)


def size_of(chooser: Chooser, request: Request) -> int:
    """Return how many numbers an observation has. Raises CompileError."""
    return int(_compiled(measure_own, chooser, request))


def check_reward(chooser: Chooser, request: Request) -> None:
    """Compile the function of a reward for requests like this one. Raises CompileError."""
    _compiled(try_reward, chooser, request)


def _compiled(function: Any, chooser: Chooser, request: Request) -> Any:
    """Return what a function returns that is kept in the cache, so that it is compiled once only."""
    try:
        return loop_with(function, chooser)(chooser, request)
    except NumbaError as error:
        raise CompileError(str(error)) from None


def _is_number(kind: Any) -> bool:
    return isinstance(kind, types.Integer | types.Float | types.Boolean)
