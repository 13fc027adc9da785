"""Observers of a running flow in this process, such as a terminal. Prefect gets the same news elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Bar(NamedTuple):
    """How much there is of something. total: may change where a stopping rule decides."""

    what: str
    done: int
    total: int


class News(NamedTuple):
    """How far a run or a sweep is.

    finished: a line for each load that is finished, in the order in which they were. now: what is going on,
    in a line. requests: that were simulated since the start. seconds_left: None before there is a rate.
    """

    bars: tuple[Bar, ...]
    finished: tuple[str, ...]
    now: str
    requests: int
    seconds_left: float | None


Onlooker = Callable[[News], None]

_onlookers: list[Onlooker] = []


@contextmanager
def looking_on(onlooker: Onlooker) -> Iterator[None]:
    """Have somebody told, in the thread of the flow, how far flows of this process are."""
    _onlookers.append(onlooker)
    try:
        yield
    finally:
        _onlookers.remove(onlooker)


def tell(make: Callable[[], News]) -> None:
    """Tell the news to who looks on; without anybody they are not made."""
    if _onlookers:
        news = make()
        for onlooker in _onlookers:
            onlooker(news)
