"""Traffic: (seed, load, replication) to arrays of requests.

Nothing here knows a policy, so every policy is offered the same requests (common random numbers). Each random
variable has a stream of its own, so that one more variable leaves the others as they are.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from fusion.config.sections import Config
from fusion.network.paths import PathTable

HoldingDistribution = Literal["exponential", "deterministic", "truncated_exponential"]

CHUNK = 16_384
"""Requests drawn at a time: small enough for the second cache level. The numbers do not depend on it."""

_STEPS = 3
"""From where the search for a category begins, before it is a binary one: few numbers are left by then."""

TRUNCATION = 2.0
"""A truncated holding time is redrawn above this multiple of its nominal mean."""


class TrafficModel(NamedTuple):
    """How requests are drawn.

    pair_shares: float64[pair], sums to 1. bit_rate_shares: float64[bit rate], sums to 1. mean_holding_time:
    nominal mean, in any unit of time. holding_distribution: exponential, deterministic or
    truncated_exponential (an exponential that is redrawn while it exceeds twice its mean).
    """

    pair_shares: NDArray[np.float64]
    bit_rate_shares: NDArray[np.float64]
    mean_holding_time: float
    holding_distribution: HoldingDistribution


class Requests(NamedTuple):
    """A chunk of requests, one row each.

    arrival, holding: float64, same unit of time. pair, bit_rate: int32. tie: float64 in [0, 1), or empty.
    """

    arrival: NDArray[np.float64]
    holding: NDArray[np.float64]
    pair: NDArray[np.int32]
    bit_rate: NDArray[np.int32]
    tie: NDArray[np.float64]

    def part(self, start: int, stop: int) -> Requests:
        """Return the requests `start` ... `stop - 1` as views."""
        return Requests(
            self.arrival[start:stop],
            self.holding[start:stop],
            self.pair[start:stop],
            self.bit_rate[start:stop],
            self.tie[start:stop],
        )


def traffic_of(
    config: Config, matrix: NDArray[np.float64] | None, paths: PathTable
) -> TrafficModel:
    """Return how the requests of a config are drawn. matrix: see `Inputs`."""
    if matrix is None:
        pair_shares = np.full(len(paths.pairs), 1.0 / len(paths.pairs))
    else:
        of_pairs = matrix[paths.pairs[:, 0], paths.pairs[:, 1]]
        pair_shares = of_pairs / of_pairs.sum()
    return TrafficModel(
        pair_shares=np.asarray(pair_shares, dtype=np.float64),
        bit_rate_shares=np.array(list(config.bit_rate_shares.values())),
        mean_holding_time=config.general_settings.holding_time,
        holding_distribution=config.traffic_settings.holding_distribution,
    )


def mean_of_truncated_exponential(mean: float) -> float:
    """Return the true mean of an exponential with this mean that is redrawn above twice its mean.

    mean * (1 - 2 e^-2 / (1 - e^-2)), which is 0.68696 * mean.
    """
    tail = float(np.exp(-TRUNCATION))
    return mean * (1.0 - TRUNCATION * tail / (1.0 - tail))


def offered_load(model: TrafficModel, load: float) -> float:
    """Return the load in Erlang that is offered in truth when the nominal load is `load`."""
    return load * offered_share(model.holding_distribution)


def offered_share(holding_distribution: HoldingDistribution) -> float:
    """Return the true mean of holding times over the nominal one, as a load is offered over the nominal."""
    if holding_distribution == "truncated_exponential":
        return mean_of_truncated_exponential(1.0)
    if holding_distribution in get_args(HoldingDistribution):
        return 1.0
    raise _unknown(holding_distribution)


def _unknown(holding_distribution: str) -> ValueError:
    known = ", ".join(get_args(HoldingDistribution))
    return ValueError(f"holding_distribution is {holding_distribution!r}: must be one of {known}")


def draw_requests(
    model: TrafficModel, load: float, seed: int, replication: int, *, ties: bool, size: int = CHUNK
) -> Iterator[Requests]:
    """Yield requests for ever, `size` at a time: Poisson arrivals at rate load / mean holding time.

    The streams depend on the value of the load, not on its place among the loads of a run, so that a load
    added to a run changes none of the others. ties: whether to draw the numbers that random fit uses. size:
    changes nothing but the chunks.
    """
    words = struct.unpack("<II", struct.pack("<d", load))
    root = np.random.SeedSequence(seed, spawn_key=(*words, replication))
    arrivals, holdings, pairs, bit_rates, tie_breaks = (
        np.random.Generator(np.random.SFC64(child)) for child in root.spawn(5)
    )
    rate = load / model.mean_holding_time
    draw_pair = _category_drawer(pairs, model.pair_shares, size)
    draw_bit_rate = _category_drawer(bit_rates, model.bit_rate_shares, size)
    nothing = np.empty(0)
    now = 0.0
    while True:
        arrival = arrivals.standard_exponential(size)
        arrival /= rate
        arrival[0] += now
        np.cumsum(arrival, out=arrival)
        now = float(arrival[-1])
        yield Requests(
            arrival,
            _holding_times(model, holdings, size),
            draw_pair(),
            draw_bit_rate(),
            tie_breaks.random(size) if ties else nothing,
        )


def _category_drawer(
    stream: np.random.Generator, shares: NDArray[np.float64], size: int
) -> Callable[[], NDArray[np.int32]]:
    """Return what draws `size` category numbers: equal shares by integers, others by inversion."""
    if np.all(shares == shares[0]):
        return lambda: stream.integers(len(shares), size=size, dtype=np.int32)
    drawn = np.flatnonzero(shares)
    cumulative = np.cumsum(shares)[drawn]
    cumulative[-1] = 1.0  # the last category takes what rounding leaves of the interval
    # A table of where the search for a number begins (H.-C. Chen, Y. Asau, AIIE Trans. 6(2), 1974), as most
    # numbers are there at their end: a power of two of places, so that which one has no rounding.
    places = 1 << (2 * len(drawn)).bit_length()
    first = np.searchsorted(cumulative, np.arange(places) / places, side="right").astype(np.int32)
    category = drawn.astype(np.int32)

    def draw() -> NDArray[np.int32]:
        number = stream.random(size)
        at = first[(number * places).astype(np.int32)]
        late = np.flatnonzero(cumulative[at] <= number)
        for _ in range(_STEPS):
            at[late] += 1
            late = late[cumulative[at[late]] <= number[late]]
        at[late] = np.searchsorted(cumulative, number[late], side="right")
        return category[at]

    return draw


def _holding_times(
    model: TrafficModel, stream: np.random.Generator, size: int
) -> NDArray[np.float64]:
    if model.holding_distribution == "deterministic":
        return np.full(size, model.mean_holding_time)
    if model.holding_distribution == "truncated_exponential":
        # Inversion of the truncated distribution: the same law as redrawing, at one draw per request.
        covered = -np.expm1(-TRUNCATION)
        truncated = -np.log1p(-covered * stream.random(size))
        truncated *= model.mean_holding_time
        return np.asarray(truncated, dtype=np.float64)
    if model.holding_distribution == "exponential":
        holding = stream.standard_exponential(size)
        holding *= model.mean_holding_time
        return holding
    raise _unknown(model.holding_distribution)


def split(
    chunks: Iterator[Requests], first: int, total: int
) -> tuple[Iterator[Requests], Iterator[Requests]]:
    """Return the first requests of a stream and those after them up to `total`, both in chunks.

    The first part must be read to its end before the second.
    """
    rest: list[Requests] = []

    def take(wanted: int) -> Iterator[Requests]:
        while wanted > 0:
            chunk = rest.pop() if rest else next(chunks)
            size = len(chunk.arrival)
            if size > wanted:
                rest.append(chunk.part(wanted, size))
                chunk = chunk.part(0, wanted)
            wanted -= len(chunk.arrival)
            yield chunk

    return take(first), take(total - first)
