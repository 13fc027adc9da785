"""Read all pages of what Prefect's API gives a page at a time."""

from collections.abc import Callable, Iterator
from typing import TypeVar

PAGE = 200
"""As many as Prefect gives at a time."""

T = TypeVar("T")


def pages(read: Callable[[int], list[T]]) -> Iterator[list[T]]:
    """Yield one page after the other; none is empty.

    read: returns at most `PAGE` of what there is, from the offset that it is called with.
    """
    offset = 0
    while page := read(offset):
        yield page
        if len(page) < PAGE:
            return
        offset += PAGE
