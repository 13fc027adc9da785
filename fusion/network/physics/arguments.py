"""Arguments of the formulas, checked: a bad one is refused by name, with its value and what is allowed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fusion.config.problems import nearest, show

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def positive(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """Return float64[...] if every number is above 0 and finite, else raise ValueError."""
    return _numbers(name, value, 0.0, "finite and above 0", allowed=False)


def number(name: str, value: float) -> float:
    """Return one number if it is above 0 and finite, else raise ValueError."""
    array = positive(name, value)
    if array.ndim:
        raise ValueError(f"{name} has the shape {array.shape}: must be one number")
    return float(array)


def not_negative(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """Return float64[...] if every number is 0 or more and finite, else raise ValueError."""
    return _numbers(name, value, 0.0, "finite and not negative", allowed=True)


def finite(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """Return float64[...] if every number is finite, else raise ValueError."""
    return _numbers(name, value, -math.inf, "finite", allowed=False)


def whole(name: str, value: ArrayLike, lowest: int) -> NDArray[np.int64]:
    """Return int64[...] if every number is an integer from `lowest`, else raise ValueError."""
    array = np.asarray(value)
    if not np.issubdtype(array.dtype, np.integer) or (array < lowest).any():
        raise ValueError(f"{name} = {show(value)}: must be integers from {lowest}")
    return array.astype(np.int64)


def one_of(name: str, value: str, allowed: Sequence[str]) -> str:
    """Return the value if it is in the list, else raise ValueError."""
    if value not in allowed:
        hint = nearest(str(value), list(allowed))
        raise ValueError(f"{name} = {show(value)}: must be one of {', '.join(allowed)}{hint}")
    return value


def _numbers(
    name: str, value: ArrayLike, lowest: float, rule: str, *, allowed: bool
) -> NDArray[np.float64]:
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} = {show(value)}: must be {rule}") from error
    good = np.isfinite(array) & ((array >= lowest) if allowed else (array > lowest))
    if not good.all():
        raise ValueError(f"{name} = {show(array[~good].flat[0].item())}: must be {rule}")
    return array
