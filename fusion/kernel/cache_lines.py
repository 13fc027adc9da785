"""Lines of the processor's cache: arrays that begin with one, and items that are fetched ahead."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array
from numpy.typing import NDArray

LINE = 64
"""Bytes of a line."""


def in_lines(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Return an array, its content undefined, that begins with a line."""
    kind = np.dtype(dtype)
    size = math.prod(shape) * kind.itemsize
    room = np.empty(size + LINE, dtype=np.uint8)
    first = -room.ctypes.data % LINE
    return room[first : first + size].view(kind).reshape(shape)


@intrinsic
def fetch(_context: Any, array: Any, place: Any) -> Any:
    """Have the processor bring an item into its cache. place: counted through all axes, within the array."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        made = make_array(signature.args[0])(context, builder, arguments[0])
        offset = builder.mul(arguments[1], made.itemsize)
        first = builder.bitcast(made.data, ir.IntType(8).as_pointer())
        address = builder.gep(first, [offset])
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [address.type, number, number, number])
        function = builder.module.declare_intrinsic("llvm.prefetch.p0", fnty=kind)
        builder.call(function, [address, number(1), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(array, types.int64), generate
