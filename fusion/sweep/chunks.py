"""Points in portions that one process works on for a while."""

from __future__ import annotations

from collections.abc import Iterable

from fusion.sweep.point_state import PointState

REQUESTS_PER_SECOND = 2_000_000.0
"""Of one core, where nothing was measured yet."""


def next_chunk(
    states: Iterable[PointState], requests_per_second: float, seconds: float
) -> list[PointState]:
    """Return what one process should do next, longest points first; nothing when all is done.

    requests_per_second: of that process with all its workers. seconds: how long it should take.
    """
    left = sorted(
        (state for state in states if not state.is_done), key=lambda state: -state.requests_left
    )
    chunk: list[PointState] = []
    requests = 0.0
    for state in left:
        if chunk and requests + state.requests_left > requests_per_second * seconds:
            break
        chunk.append(state)
        requests += state.requests_left
    return chunk


def seconds_left(states: Iterable[PointState], requests_per_second: float) -> float:
    """Return an estimate of how long the rest takes."""
    return sum(state.requests_left for state in states) / requests_per_second
