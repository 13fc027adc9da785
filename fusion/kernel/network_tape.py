"""A neural network inside the event loop: a tape of simple instructions on 32-bit floating-point numbers.

`scenario.agent.tape` makes tapes. One interpreter runs all of them, so that no network has to be compiled.
The same tape gives the same bits on every machine: each output is added up in a fixed order, whatever of it a
processor does at once, no multiplication is fused with an addition, and exponentials and what follows from
them are computed here rather than by the library of the system.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fusion.kernel import compiled, inner
from fusion.kernel.arrays import Int32s, Int64s
from fusion.kernel.observation import Float32s, Int8s

(
    MATRIX_PRODUCT,
    TAKE,
    ADD,
    SUBTRACT,
    MULTIPLY,
    DIVIDE,
    GREATEST,
    LEAST,
    IS_GREATER,
    IS_EQUAL,
    CHOOSE,
    RELU,
    LEAKY_RELU,
    ELU,
    TANH,
    SIGMOID,
    ERF,
    EXP,
    SQUARE_ROOT,
    NEGATIVE,
    ABSOLUTE,
    SOFTMAX,
    SUM,
    MAXIMUM,
) = range(24)
"""What an instruction does, the first number of its row:

MATRIX_PRODUCT: out[r, c] = bias[c] + the sum over i of a[r, i] b[i, c], in the order of i.
    out, a, b, bias or -1, rows, inner, columns, numbers from one row of a to the next, the same of b.
TAKE: out[i] = memory[table[first + i]]. out, first, count.
ADD to IS_EQUAL: out[o, i] = a[o, i] + b[o, i] and so on; comparisons give 1 or 0.
    out, a, b, outer, inner, steps of a along o and i, steps of b along o and i; a step along i is 0 or 1.
CHOOSE: out[i] = a[i] where condition[i] is not 0, else b[i]. out, condition, a, b, count.
RELU to ABSOLUTE: out[i] = f(a[i]). out, a, count, place of its parameter or -1.
SOFTMAX: out[r, :] = softmax(a[r, :]). out, a, rows, columns, numbers from one row of a to the next.
SUM, MAXIMUM: out[r] = that of a[r, :]. The same.

All places are in `Tape.memory`; results are without gaps.
"""

FIELDS = 10
"""Numbers of an instruction."""


class Tape(NamedTuple):
    """A network, and the memory that it works in."""

    instruction: Int64s
    """int64[instruction, FIELDS]: see above."""
    table: Int32s
    """int32[entry]: the tables of TAKE."""
    memory: Float32s
    """float32[number]: the observation from 0 on, then weights, then what is computed, overwritten."""
    output: int
    """Place of the logits."""


def own_copy(tape: Tape) -> Tape:
    """Return the same tape with memory of its own."""
    return tape._replace(memory=tape.memory.copy())


@intrinsic
def _with_bits(_context: Any, bits: Any) -> Any:
    """Return the float32 that has the bits of an int32."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(bits), generate


@intrinsic
def _square_root(_context: Any, value: Any) -> Any:
    """Return the square root of a float32, which IEEE 754 defines to the bit."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(ir.FloatType(), [ir.FloatType()])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.sqrt.f32")
        return builder.call(function, arguments)

    return types.float32(value), generate


_F = np.float32
_ZERO, _HALF, _ONE = _F(0.0), _F(0.5), _F(1.0)
_LOG2_E = _F(1.4426950408889634)
_LN_2_HIGH, _LN_2_LOW = _F(0.693359375), _F(-2.1219444005469058e-4)
"""ln 2 in two parts, of which the first has so few bits that its multiples are exact."""
_ROUND = _F(12582912.0)  # 1.5 * 2**23: a sum with it has no bits below 1
_LOWEST, _HIGHEST = (
    _F(-87.3),
    _F(88.3),
)  # beyond these the result is below or above all normal numbers
_E2, _E3, _E4 = _F(1 / 2), _F(1 / 6), _F(1 / 24)
_E5, _E6, _E7 = _F(1 / 120), _F(1 / 720), _F(1 / 5040)
_MINUS_ONE, _MINUS_TWO = _F(-1.0), _F(-2.0)


@inner
def exponential(x: Any) -> Any:
    """Return e to the power of a float32, to 2e-7 of it.

    2**n times the Taylor series of e**r, where x = n ln 2 + r and r is at most ln(2)/2 away from 0.
    """
    if x < _LOWEST:
        x = _LOWEST
    if x > _HIGHEST:
        x = _HIGHEST
    number = x if x == x else _ZERO  # or what becomes of n is not defined
    n = (number * _LOG2_E + _ROUND) - _ROUND
    r = (x - n * _LN_2_HIGH) - n * _LN_2_LOW
    series = ((((_E7 * r + _E6) * r + _E5) * r + _E4) * r + _E3) * r + _E2
    return (series * r * r + r + _ONE) * _with_bits(np.int32((np.int32(n) + 127) << 23))


@inner
def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent of a float32, to 2e-7."""
    size = abs(x)
    e = exponential(_MINUS_TWO * size)
    value = (_ONE - e) / (_ONE + e)
    return -value if x < _ZERO else value


@inner
def sigmoid(x: Any) -> Any:
    """Return 1 / (1 + e**-x) of a float32, to 2e-7."""
    return _ONE / (_ONE + exponential(-x))


_P = _F(0.3275911)
_A1, _A2, _A3 = _F(0.254829592), _F(-0.284496736), _F(1.421413741)
_A4, _A5 = _F(-1.453152027), _F(1.061405429)


@inner
def erf(x: Any) -> Any:
    """Return the error function of a float32, to 5e-7.

    M. Abramowitz, I. A. Stegun, "Handbook of Mathematical Functions", 1964, equation 7.1.26.
    """
    size = abs(x)
    t = _ONE / (_ONE + _P * size)
    tail = ((((_A5 * t + _A4) * t + _A3) * t + _A2) * t + _A1) * t
    value = _ONE - tail * exponential(-(size * size))
    return -value if x < _ZERO else value


@inner
def _multiply_row(
    memory: Float32s, out: int, a: int, b: int, bias: int, count: int, columns: int, step: int
) -> None:
    """Write a row of a matrix product.

    Four rows of b at a time, in their order. Those that are multiplied by 0 are left out: they add nothing.
    """
    row = memory[out : out + columns]
    if bias >= 0:
        start = memory[bias : bias + columns]
        for c in range(columns):
            row[c] = start[c]
    else:
        for c in range(columns):
            row[c] = _ZERO
    i = np.int64(0)
    while i < count:
        while i < count and memory[a + i] == _ZERO:
            i += 1
        if i == count:
            break
        x0, b0 = memory[a + i], b + i * step
        i += 1
        while i < count and memory[a + i] == _ZERO:
            i += 1
        x1, b1 = _ZERO, b0
        if i < count:
            x1, b1 = memory[a + i], b + i * step
            i += 1
        while i < count and memory[a + i] == _ZERO:
            i += 1
        x2, b2 = _ZERO, b0
        if i < count:
            x2, b2 = memory[a + i], b + i * step
            i += 1
        while i < count and memory[a + i] == _ZERO:
            i += 1
        x3, b3 = _ZERO, b0
        if i < count:
            x3, b3 = memory[a + i], b + i * step
            i += 1
        w0, w1 = memory[b0 : b0 + columns], memory[b1 : b1 + columns]
        w2, w3 = memory[b2 : b2 + columns], memory[b3 : b3 + columns]
        for c in range(columns):
            row[c] = (((row[c] + x0 * w0[c]) + x1 * w1[c]) + x2 * w2[c]) + x3 * w3[c]


@inner
def _multiply_matrices(memory: Float32s, step: Int64s) -> None:
    out, a, b, bias = step[1], step[2], step[3], step[4]
    rows, count, columns = step[5], step[6], step[7]
    for r in range(rows):
        _multiply_row(memory, out + r * columns, a + r * step[8], b, bias, count, columns, step[9])


@inner
def _of_two(code: int, x: Any, y: Any) -> Any:
    if code == ADD:
        return x + y
    if code == SUBTRACT:
        return x - y
    if code == MULTIPLY:
        return x * y
    if code == DIVIDE:
        return x / y
    if code == GREATEST:
        return x if x > y else y
    if code == LEAST:
        return x if x < y else y
    if code == IS_GREATER:
        return _ONE if x > y else _ZERO
    return _ONE if x == y else _ZERO


@inner
def _combine(memory: Float32s, step: Int64s) -> None:
    code, out, outer, count = step[0], step[1], step[4], step[5]
    for o in range(outer):
        a, b = step[2] + o * step[6], step[3] + o * step[8]
        result = memory[out + o * count : out + (o + 1) * count]
        if code == ADD and step[7] == 1 and step[9] == 1:
            left, right = memory[a : a + count], memory[b : b + count]
            for i in range(count):
                result[i] = left[i] + right[i]
        elif code == MULTIPLY and step[7] == 1 and step[9] == 1:
            left, right = memory[a : a + count], memory[b : b + count]
            for i in range(count):
                result[i] = left[i] * right[i]
        else:
            for i in range(count):
                result[i] = _of_two(code, memory[a + i * step[7]], memory[b + i * step[9]])


@inner
def _change(memory: Float32s, step: Int64s) -> None:
    """Apply a function to each number."""
    code, count = step[0], step[3]
    result, given = memory[step[1] : step[1] + count], memory[step[2] : step[2] + count]
    parameter = memory[step[4]] if step[4] >= 0 else _ZERO
    if code == RELU:
        for i in range(count):
            result[i] = given[i] if given[i] > _ZERO else _ZERO
    elif code == TANH:
        for i in range(count):
            result[i] = tanh(given[i])
    elif code == LEAKY_RELU:
        for i in range(count):
            result[i] = given[i] if given[i] > _ZERO else parameter * given[i]
    elif code == ELU:
        for i in range(count):
            x = given[i]
            result[i] = x if x > _ZERO else parameter * (exponential(x) + _MINUS_ONE)
    elif code == SIGMOID:
        for i in range(count):
            result[i] = sigmoid(given[i])
    elif code == ERF:
        for i in range(count):
            result[i] = erf(given[i])
    elif code == EXP:
        for i in range(count):
            result[i] = exponential(given[i])
    elif code == SQUARE_ROOT:
        for i in range(count):
            result[i] = _square_root(given[i])
    elif code == NEGATIVE:
        for i in range(count):
            result[i] = -given[i]
    else:
        for i in range(count):
            result[i] = abs(given[i])


@inner
def _reduce(memory: Float32s, step: Int64s) -> None:
    """Compute SOFTMAX, SUM or MAXIMUM of rows."""
    code, columns = step[0], step[4]
    for r in range(step[3]):
        a = step[2] + r * step[5]
        given = memory[a : a + columns]
        highest, total = given[0], _ZERO
        if code == SUM:
            for c in range(columns):
                total += given[c]
            memory[step[1] + r] = total
            continue
        for c in range(columns):
            if given[c] > highest:
                highest = given[c]
        if code == MAXIMUM:
            memory[step[1] + r] = highest
            continue
        out = step[1] + r * columns
        result = memory[out : out + columns]
        for c in range(columns):
            result[c] = exponential(given[c] - highest)
        for c in range(columns):
            total += result[c]
        for c in range(columns):
            result[c] /= total


@inner
def run_tape(tape: Tape) -> None:
    """Compute the logits of the observation that is in memory."""
    memory, table = tape.memory, tape.table
    for n in range(tape.instruction.shape[0]):
        step = tape.instruction[n]
        code = step[0]
        if code == MATRIX_PRODUCT:
            _multiply_matrices(memory, step)
        elif code == TAKE:
            for i in range(step[3]):
                memory[step[1] + i] = memory[table[step[2] + i]]
        elif code <= IS_EQUAL:
            _combine(memory, step)
        elif code == CHOOSE:
            for i in range(step[5]):
                place = step[3] if memory[step[2] + i] != _ZERO else step[4]
                memory[step[1] + i] = memory[place + i]
        elif code >= SOFTMAX:
            _reduce(memory, step)
        else:
            _change(memory, step)


@inner
def decide(tape: Tape, mask: Int8s) -> Any:
    """Return the first of the actions with the highest logit among those in the mask.

    Of the observation that is in memory. mask: int8[action], 1 for at least one.
    """
    run_tape(tape)
    best = np.int64(-1)
    for action in range(mask.shape[0]):
        if mask[action] and (
            best < 0 or tape.memory[tape.output + action] > tape.memory[tape.output + best]
        ):
            best = np.int64(action)
    return best


@compiled(is_kept=True)
def evaluate_tape(tape: Tape, observations: Float32s, logits: Float32s) -> None:
    """Write the logits of some observations. float32[observation, feature] and [observation, action]."""
    for n in range(observations.shape[0]):
        for feature in range(observations.shape[1]):
            tape.memory[feature] = observations[n, feature]
        run_tape(tape)
        for action in range(logits.shape[1]):
            logits[n, action] = tape.memory[tape.output + action]
