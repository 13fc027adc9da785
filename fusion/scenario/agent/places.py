"""Memory and instructions of a tape, from values that are known or computed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, SupportsInt, cast

import numpy as np
from numpy.typing import NDArray

from fusion.kernel import network_tape as kernel
from fusion.kernel.network_tape import FIELDS, Tape
from fusion.scenario.agent.graph import AgentFileError

MOST_NUMBERS = 1 << 24
"""Of memory: 64 MiB."""

_MOST_INSTRUCTIONS = 100_000


class Computed(NamedTuple):
    """A value that is computed. places: int64[...], of its numbers in memory."""

    places: NDArray[np.int64]


Value = Any
"""An array (or number of numpy's) that is known, or `Computed`."""


class TapeMaker:
    """A tape in the making."""

    def __init__(self, opset: int) -> None:
        """opset: version of ONNX's operators."""
        self.opset = opset
        self._instructions: list[list[int]] = []
        self._index: list[NDArray[np.int32]] = []
        self._indices = 0
        self._constants: list[tuple[int, NDArray[np.float32]]] = []
        self._place_of: dict[tuple[bytes, tuple[int, ...]], int] = {}
        self._top = 0

    def tape(self, output: int) -> Tape:
        """Return what has been made. output: place of the logits."""
        memory = np.zeros(self._top, dtype=np.float32)
        for start, numbers in self._constants:
            memory[start : start + numbers.size] = numbers
        instructions = np.zeros((len(self._instructions), FIELDS), dtype=np.int64)
        for row, each in zip(instructions, self._instructions, strict=True):
            row[: len(each)] = each
        nothing = np.zeros(0, dtype=np.int32)
        return Tape(instructions, np.concatenate([nothing, *self._index]), memory, output)

    def room(self, shape: Sequence[int]) -> NDArray[np.int64]:
        """Return new places."""
        size = math.prod(shape)
        if self._top + size > MOST_NUMBERS:
            raise AgentFileError(f"it takes more than {MOST_NUMBERS:,} numbers of memory")
        places = np.arange(self._top, self._top + size, dtype=np.int64).reshape(shape)
        self._top += size
        return places

    def emit(self, *numbers: SupportsInt) -> None:
        """Add an instruction."""
        if len(self._instructions) >= _MOST_INSTRUCTIONS:
            raise AgentFileError(f"it takes more than {_MOST_INSTRUCTIONS:,} instructions")
        self._instructions.append([int(each) for each in numbers])

    def placed(self, value: Value) -> NDArray[np.int64]:
        """Return the places of a value; one that is known is put into memory."""
        if isinstance(value, Computed):
            return value.places
        numbers = np.asarray(value, dtype=np.float32, order="C")
        if not np.isfinite(numbers).all() and not np.isneginf(numbers[~np.isfinite(numbers)]).all():
            raise AgentFileError("it has weights that are not numbers")
        key = numbers.tobytes(), numbers.shape
        if key not in self._place_of:
            self._place_of[key] = self._top
            self.room((numbers.size,))
            self._constants.append((self._place_of[key], numbers.ravel()))
        first = self._place_of[key]
        return np.arange(first, first + numbers.size, dtype=np.int64).reshape(numbers.shape)

    def dense(self, value: Value) -> int:
        """Return where a value begins, all of it in a row."""
        places = self.placed(value).ravel()
        if places.size == 0:
            return 0
        if _step(places) == 1:
            return int(places[0])
        out = self.room((places.size,))
        self.emit(kernel.TAKE, out[0], self._indices, places.size)
        self._index.append(places.astype(np.int32))
        self._indices += places.size
        return int(out[0])

    def _rows(self, value: Value, columns: int) -> tuple[int, int]:
        """Return where rows of numbers begin, and the numbers from one to the next."""
        places = self.placed(value).reshape(-1, columns)
        along = _step(places[:, 0])
        if (
            len(places)
            and along is not None
            and (places == places[:1, :1] + _outer(along, 1, *places.shape)).all()
        ):
            return int(places[0, 0]), along
        return self.dense(value), columns

    def two(self, code: int, a: Value, b: Value) -> Value:
        """Return an operation on each two numbers, by the rules of broadcasting."""
        left, right = self.placed(a), self.placed(b)
        shape = np.broadcast_shapes(left.shape, right.shape)
        left, right = np.broadcast_to(left, shape), np.broadcast_to(right, shape)
        total = math.prod(shape)
        out = self.room(shape)
        if total == 0:
            return Computed(out)
        for axis in range(len(shape) + 1):
            inner = math.prod(shape[axis:])
            steps = [_steps(each.reshape(-1, inner)) for each in (left, right)]
            if None not in steps:
                break
        else:
            inner, steps = total, [(0, 1), (0, 1)]
            left, right = (self.dense(Computed(each)) + np.arange(total) for each in (left, right))
        first, second = cast(list[tuple[int, int]], steps)
        self.emit(
            *(code, out.flat[0], left.flat[0], right.flat[0], total // inner, inner),
            *(*first, *second),
        )
        return Computed(out)

    def one(self, code: int, value: Value, parameter: float | None = None) -> Value:
        """Return a function of each number."""
        place = -1 if parameter is None else int(self.placed(np.float32(parameter)).ravel()[0])
        given = self.placed(value)
        out = self.room(given.shape)
        if given.size:
            self.emit(code, out.flat[0], self.dense(value), given.size, place)
        return Computed(out)

    def rows(self, code: int, value: Value) -> Value:
        """Return a function of what is along the last axis: of the same size, or a number."""
        given = self.placed(value)
        columns = given.shape[-1]
        shape = given.shape if code == kernel.SOFTMAX else given.shape[:-1]
        out = self.room(shape)
        if given.size:
            first, along = self._rows(value, columns)
            self.emit(code, out.flat[0], first, given.size // columns, columns, along)
        return Computed(out)

    def product(self, a: Value, b: Value, bias: Value | None = None) -> Value:
        """Return the product of matrices, of several where there are more axes. bias: known, [column]."""
        left, right = self.placed(a), self.placed(b)
        drops = [axis for axis, each in ((-2, left), (-1, right)) if each.ndim == 1]
        left = left[None, :] if left.ndim == 1 else left
        right = right[:, None] if right.ndim == 1 else right
        rows, count, columns = left.shape[-2], left.shape[-1], right.shape[-1]
        if right.shape[-2] != count:
            raise AgentFileError(
                f"a matrix with {count} columns is multiplied by one with {right.shape[-2]} rows"
            )
        place = -1 if bias is None else self.dense(bias)
        if right.ndim == 2:  # the same for all: one product
            shape = left.shape[:-1]
            out = self.room((*shape, columns))
            self._multiply(out, left.reshape(-1, count), right, place)
        else:
            batch = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
            out = self.room((*batch, rows, columns))
            lefts = np.broadcast_to(left, (*batch, rows, count)).reshape(-1, rows, count)
            rights = np.broadcast_to(right, (*batch, count, columns)).reshape(-1, count, columns)
            for each in range(len(lefts)):
                part = out.reshape(-1, rows, columns)[each]
                self._multiply(part, lefts[each], rights[each], place)
        for axis in sorted(drops, reverse=True):
            out = np.squeeze(out, axis)
        return Computed(out)

    def _multiply(
        self,
        out: NDArray[np.int64],
        left: NDArray[np.int64],
        right: NDArray[np.int64],
        bias: int,
    ) -> None:
        if out.size == 0:
            return
        count, columns = right.shape
        a, along_a = self._rows(Computed(left), count)
        b, along_b = self._rows(Computed(right), columns)
        self.emit(
            *(kernel.MATRIX_PRODUCT, out.flat[0], a, b, bias, len(left), count, columns),
            *(along_a, along_b),
        )


def _step(places: NDArray[np.int64]) -> int | None:
    """Return the distance of places in a row that are equally far apart, or None."""
    if places.size < 2:
        return 1
    steps = np.diff(places)
    return int(steps[0]) if (steps == steps[0]).all() else None


def _outer(along: int, across: int, rows: int, columns: int) -> NDArray[np.int64]:
    return np.add.outer(along * np.arange(rows), across * np.arange(columns))


def _steps(places: NDArray[np.int64]) -> tuple[int, int] | None:
    """Return the steps along rows and columns, the latter 0 or 1; None: it has no such ones."""
    along, across = _step(places[:, 0]), _step(places[0])
    if places.shape[1] == 1:
        across = 1
    if along is None or across not in (0, 1):
        return None
    if len(places) == 1:
        along = 0
    pattern = places[0, 0] + _outer(along, across, *places.shape)
    return (along, across) if (places == pattern).all() else None
