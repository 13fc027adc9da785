"""Arguments that stay the same from call to call, handed over as one address.

numba looks at each array of each argument in each call, by its type and then by its content: for the hundred
arrays of environments that takes seven microseconds. A `Bundle` looks at them once. It writes where they lie
into a table, and the compiled function, which knows the types, makes the same arguments of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from llvmlite import ir
from numba import typeof, types
from numba.extending import NativeValue, intrinsic, models, register_model, unbox
from numba.np.arrayobj import make_array, populate_array

_CELL = ir.IntType(64)


class BundleType(types.Type):  # type: ignore[misc]
    """What compiled code knows of a bundle: the types of the arguments in it."""

    def __init__(self, arguments: Any) -> None:
        """arguments: numba's type of a tuple of arrays, numbers, None, and tuples of these."""
        self.arguments = arguments
        super().__init__(name=f"bundle({arguments})")


@register_model(BundleType)
class _BundleModel(models.PrimitiveModel):  # type: ignore[misc]
    """Only its address is handed over."""

    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _CELL)


@unbox(BundleType)
def _address_of(_kind: Any, value: Any, context: Any) -> Any:
    return NativeValue(context.pyapi.long_as_longlong(value))


class Bundle:
    """Arguments for a compiled function that are its first one each time it is called.

    The arrays must not be replaced, but what is in them may change.
    """

    def __init__(self, *arguments: Any) -> None:
        """arguments: arrays, int, float, bool, None, and tuples of these. Raises TypeError for others."""
        self._arguments = arguments  # the arrays have to stay where they are
        self._table = np.array([*_cells(arguments)], dtype=np.int64)
        self._type = BundleType(typeof(arguments))

    def call_of(self, function: Any, *others: Any) -> Callable[..., Any]:
        """Return what calls a compiled function with the bundle; it takes the other arguments.

        others: arguments of the types that the other ones will have, in each call.
        """
        entry = function.compile((self._type, *(typeof(each) for each in others)))
        call = partial(entry, self._table.ctypes.data)
        call.bundle = self  # type: ignore[attr-defined]  # it lives as long as what calls with it
        return call


def _cells(value: Any) -> Iterator[int]:
    """Yield what a value is in the table: of an array the address, the shape and the strides."""
    if isinstance(value, tuple):
        for each in value:
            yield from _cells(each)
    elif isinstance(value, np.ndarray):
        yield from (value.ctypes.data, *value.shape, *value.strides)
    elif isinstance(value, int | np.int64 | np.bool_):
        yield int(value)
    elif isinstance(value, float):
        yield int(np.float64(value).view(np.int64))
    elif value is not None:
        raise TypeError(f"a bundle cannot hold {type(value).__name__}")


@intrinsic
def arguments_of(_context: Any, bundle: Any) -> Any:
    """Return the arguments of a bundle, as a tuple."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        table = builder.inttoptr(arguments[0], _CELL.as_pointer())
        value, _ = _read(context, builder, bundle.arguments, table, 0)
        return value

    return bundle.arguments(bundle), generate


def _read(context: Any, builder: Any, kind: Any, table: Any, place: int) -> Any:
    """Return the value of a type at a place of the table, and the next place."""

    def cell(number: int) -> Any:
        return builder.load(builder.gep(table, [_CELL(number)]))

    if isinstance(kind, types.BaseTuple):
        values = []
        for each in kind:
            value, place = _read(context, builder, each, table, place)
            values.append(value)
        return context.make_tuple(builder, kind, values), place
    if isinstance(kind, types.Array):
        made = make_array(kind)(context, builder)
        last = place + 1 + 2 * kind.ndim
        item = context.get_abi_sizeof(context.get_data_type(kind.dtype))
        populate_array(
            made,
            data=builder.inttoptr(cell(place), made.data.type),
            shape=[cell(each) for each in range(place + 1, place + 1 + kind.ndim)],
            strides=[cell(each) for each in range(place + 1 + kind.ndim, last)],
            itemsize=_CELL(item),
            meminfo=None,
        )
        return made._getvalue(), last
    if isinstance(kind, types.Float):
        return builder.bitcast(cell(place), context.get_value_type(kind)), place + 1
    if isinstance(kind, types.Boolean):
        return builder.trunc(cell(place), context.get_value_type(kind)), place + 1
    if isinstance(kind, types.NoneType):
        return context.get_dummy_value(), place
    assert isinstance(kind, types.Integer)
    return cell(place), place + 1
