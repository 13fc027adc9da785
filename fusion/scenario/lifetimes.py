"""Links that fail and are repaired at random, over and over: up and down for exponential times."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from fusion.kernel.arrays import Floats


class Lifetimes(NamedTuple):
    """How links fail and are repaired, each by itself.

    mean_up: float64[link], mean time from a repair to the next failure. mean_down: mean time of a repair.
    Each link is a Markov chain of two states, up for mean_up / (mean_up + mean_down) of the time.
    """

    mean_up: Floats
    mean_down: float


def link_changes(
    lifetimes: Lifetimes, seeds: np.random.SeedSequence
) -> Iterator[tuple[float, int, bool]]:
    """Yield (time, link, whether it fails) for ever, in order of time from 0 on.

    The chains are stationary from the start: a link is down at time 0 with the chance that it always has.
    Each link has a stream of its own, so that what happens to one depends on no other, and on no policy.
    """
    streams = [
        np.random.Generator(np.random.SFC64(each)) for each in seeds.spawn(len(lifetimes.mean_up))
    ]
    mean_up = lifetimes.mean_up.tolist()
    waiting: list[tuple[float, int, bool]] = []
    for link, stream in enumerate(streams):
        is_down = stream.random() * (mean_up[link] + lifetimes.mean_down) < lifetimes.mean_down
        if is_down:
            yield 0.0, link, True
        mean = lifetimes.mean_down if is_down else mean_up[link]
        waiting.append((mean * stream.standard_exponential(), link, not is_down))
    heapq.heapify(waiting)
    while waiting:
        time, link, fails = waiting[0]
        yield time, link, fails
        mean = lifetimes.mean_down if fails else mean_up[link]
        following = time + mean * streams[link].standard_exponential()
        heapq.heapreplace(waiting, (following, link, not fails))
