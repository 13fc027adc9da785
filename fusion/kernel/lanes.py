"""Eight words at once: one for each of eight paths, in the vector registers of the processor.

`Lanes` are numbers of compiled code, with the operators of a uint64. What is computed of one path is so
computed of eight, without a branch that depends on any of them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, lower_builtin, models, register_model, type_callable
from numba.np.arrayobj import make_array

LANES = 8

_WORD = ir.IntType(64)
_VECTOR = ir.VectorType(_WORD, LANES)
_ALIGNED = 8  # bytes: a row of an array may begin at any word


class LanesType(types.Type):  # type: ignore[misc]
    """numba's type of `LANES` words."""

    def __init__(self) -> None:
        super().__init__(name="lanes")


_lanes = LanesType()


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):  # type: ignore[misc]
    """A vector of the processor."""

    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)


def _define(function: Any, generate: Callable[..., Any], operands: int) -> None:
    """Give an operator a meaning for lanes. generate: (builder, *operands) to the result."""
    kinds = (_lanes,) * operands

    @type_callable(function)
    def _type_of(_context: Any) -> Any:
        if operands == 1:
            return lambda one: _lanes if one == _lanes else None
        return lambda one, other: _lanes if one == other == _lanes else None

    @lower_builtin(function, *kinds)
    def _generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return generate(builder, *arguments)


for _function, _name in (
    (operator.and_, "and_"),
    (operator.or_, "or_"),
    (operator.xor, "xor"),
    (operator.add, "add"),
    (operator.sub, "sub"),
    (operator.lshift, "shl"),
    (operator.rshift, "lshr"),
):
    _define(_function, getattr(ir.IRBuilder, _name), 2)
_define(operator.invert, ir.IRBuilder.not_, 1)


def _of_each(name: str, *more: Any) -> Callable[..., Any]:
    """Return what generates LLVM's intrinsic of this name for each lane."""

    def generate(builder: Any, *arguments: Any) -> Any:
        constants = [ir.Constant(ir.IntType(1), each) for each in more]
        kinds = [each.type for each in (*arguments, *constants)]
        function = builder.module.declare_intrinsic(
            f"llvm.{name}.v{LANES}i64", fnty=ir.FunctionType(_VECTOR, kinds)
        )
        return builder.call(function, [*arguments, *constants])

    return generate


@intrinsic
def ones_of(_context: Any, words: Any) -> Any:
    """Return the number of 1 in each word."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return _of_each("ctpop")(builder, *arguments)

    return _lanes(words), generate


@intrinsic
def zeros_below(_context: Any, words: Any) -> Any:
    """Return the number of 0 below the lowest 1 of each word: 64 where there is none."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return _of_each("cttz", False)(builder, *arguments)

    return _lanes(words), generate


@intrinsic
def zeros_above(_context: Any, words: Any) -> Any:
    """Return the number of 0 above the highest 1 of each word: 64 where there is none."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return _of_each("ctlz", False)(builder, *arguments)

    return _lanes(words), generate


@intrinsic
def larger_of(_context: Any, one: Any, other: Any) -> Any:
    """Return the larger of the two numbers in each lane."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return _of_each("umax")(builder, *arguments)

    return _lanes(one, other), generate


@intrinsic
def smaller_of(_context: Any, one: Any, other: Any) -> Any:
    """Return the smaller of the two numbers in each lane."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return _of_each("umin")(builder, *arguments)

    return _lanes(one, other), generate


@intrinsic
def words_from(_context: Any, low: Any, high: Any, bit: Any) -> Any:
    """Return the 64 bits from a bit of `low` on, below 64, of which the last are those of `high`."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        low, high, bit = arguments
        return _of_each("fshr")(builder, high, low, bit)

    return _lanes(low, high, bit), generate


@intrinsic
def where_any(_context: Any, words: Any, one: Any, other: Any) -> Any:
    """Return in each lane the one number where the word is not 0, else the other."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        is_any = builder.icmp_unsigned("!=", arguments[0], ir.Constant(_VECTOR, None))
        return builder.select(is_any, arguments[1], arguments[2])

    return _lanes(words, one, other), generate


@intrinsic
def in_each(_context: Any, word: Any) -> Any:
    """Return lanes that all have a word."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return _in_each(builder, arguments[0])

    return _lanes(word), generate


def _in_each(builder: Any, word: Any) -> Any:
    nothing, first = ir.Constant(_VECTOR, ir.Undefined), ir.IntType(32)(0)
    single = builder.insert_element(nothing, word, first)
    everywhere = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(single, nothing, everywhere)


@intrinsic
def words_at(_context: Any, array: Any, place: Any) -> Any:
    """Return eight adjacent words of an array of uint64. place: of the first, counted through all axes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _address(context, builder, signature, arguments)
        return builder.load(place, align=_ALIGNED, typ=_VECTOR)

    return _lanes(array, types.int64), generate


@intrinsic
def some_words_at(_context: Any, array: Any, place: Any, number: Any) -> Any:
    """Return as many of the eight words that `words_at` returns as wanted; 0 behind these."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _address(context, builder, signature, arguments)
        lanes = ir.Constant(_VECTOR, list(range(LANES)))
        is_there = builder.icmp_unsigned("<", lanes, _in_each(builder, arguments[2]))
        kinds = [place.type, ir.IntType(32), is_there.type, _VECTOR]
        load = builder.module.declare_intrinsic(
            f"llvm.masked.load.v{LANES}i64.p0", fnty=ir.FunctionType(_VECTOR, kinds)
        )
        nothing = ir.Constant(_VECTOR, None)
        return builder.call(load, [place, ir.IntType(32)(_ALIGNED), is_there, nothing])

    return _lanes(array, types.int64, types.int64), generate


@intrinsic
def put_words(_context: Any, array: Any, place: Any, words: Any) -> Any:
    """Write eight adjacent words of an array of uint64. place: as for `words_at`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _address(context, builder, signature, arguments)
        builder.store(arguments[2], place, align=_ALIGNED)
        return context.get_dummy_value()

    return types.void(array, types.int64, words), generate


@intrinsic
def put_bits(_context: Any, array: Any, place: Any, word: Any, number: Any) -> Any:
    """Write the lowest bits of a word, 1 to 64 of them, into an array of int8 as numbers 0 and 1.

    place: of the first, counted through all axes.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        made = make_array(signature.args[0])(context, builder, arguments[0])
        address = builder.gep(made.data, [arguments[1]])
        flags, bytes_ = (ir.VectorType(ir.IntType(bits), 64) for bits in (1, 8))
        values = builder.zext(builder.bitcast(arguments[2], flags), bytes_)
        all_of_them = builder.icmp_unsigned("==", arguments[3], _WORD(64))
        with builder.if_else(all_of_them) as (whole, part):
            with whole:
                target = builder.bitcast(address, bytes_.as_pointer())
                builder.store(values, target, align=1)
            with part:
                unwanted = builder.sub(_WORD(64), arguments[3])
                wanted = builder.bitcast(builder.lshr(_WORD(2**64 - 1), unwanted), flags)
                kinds = [bytes_, address.type, ir.IntType(32), flags]
                store = builder.module.declare_intrinsic(
                    "llvm.masked.store.v64i8.p0", fnty=ir.FunctionType(ir.VoidType(), kinds)
                )
                builder.call(store, [values, address, ir.IntType(32)(1), wanted])
        return context.get_dummy_value()

    return types.void(array, types.int64, types.uint64, types.int64), generate


def _address(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Return the address of a word of an array, as that of a vector."""
    array = make_array(signature.args[0])(context, builder, arguments[0])
    return builder.bitcast(builder.gep(array.data, [arguments[1]]), _VECTOR.as_pointer())
