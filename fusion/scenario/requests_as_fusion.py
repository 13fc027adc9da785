"""The requests that the original FUSION draws: one stream of MT19937 for each replication."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.kernel.fusion_stream import read_requests
from fusion.scenario.traffic import Requests

_NUMBERS_PER_REQUEST = 6


class Stream(NamedTuple):
    """What the requests of a replication follow from, beside its number and the load.

    pair: int32[source, destination], index of the pair, nodes in FUSION's order. quotas: int64[bit rate], how
    many requests have it, in the order of the modulation table. bit_rate: int32[bit rate], its index here.
    per_load: arrival rate times holding time at a load of 1 Erlang. mean_holding_time: in any unit of time.
    """

    pair: NDArray[np.int32]
    quotas: NDArray[np.int64]
    bit_rate: NDArray[np.int32]
    per_load: int
    mean_holding_time: float


def quotas(shares: Mapping[float, float], num_requests: int) -> dict[float, int]:
    """Return bit rate -> how many of the requests have it: the share of them, rounded down."""
    return {rate: int(share * num_requests) for rate, share in shares.items()}


def draw_requests(stream: Stream, load: float, replication: int) -> Requests:
    """Return all requests of a replication, numbered from 0, at a load in Erlang.

    The seed is the number of the replication plus 1. Times are -ln(u) over a rate, the logarithm being
    numpy's, which on some processors differs from others in the last bit.
    """
    generator = np.random.RandomState(replication + 1)
    count = int(stream.quotas.sum())
    to_arrival, to_holding = np.empty(count), np.empty(count)
    source, destination, bit_rate = (np.empty(count, dtype=np.int32) for _ in range(3))
    left = stream.quotas.copy()
    uniform, drawn = np.empty(0), 0
    while drawn < count:
        more = generator.random_sample(_NUMBERS_PER_REQUEST * (count - drawn) + 64)
        uniform = np.concatenate([uniform, more])
        drawn, used = read_requests(
            uniform,
            left,
            len(stream.pair),
            drawn,
            to_arrival,
            to_holding,
            source,
            destination,
            bit_rate,
        )
        uniform = uniform[used:]
    arrival_rate = stream.per_load * load / stream.mean_holding_time
    departure_rate = 1.0 / stream.mean_holding_time
    return Requests(
        arrival=np.cumsum((-1.0 / arrival_rate) * np.log(to_arrival)),
        holding=(-1.0 / departure_rate) * np.log(to_holding),
        pair=stream.pair[source, destination],
        bit_rate=stream.bit_rate[bit_rate],
        tie=np.empty(0),
    )
